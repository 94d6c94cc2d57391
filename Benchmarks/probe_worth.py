"""Holds the probe's ranking against brute force: thaw each frozen group for about 50 steps from the same state, and see.

    python probe_worth.py FROSTLINE WEIGHTS SETS... [--masks 7] [--size 64] [--rate 0.003] [--out FILE]

For each set (a folder with train/ and val/) and each random mask: an epoch or two under the mask, whose last step is probed;
then a run from those weights for every group of the probe. A group's worth by brute force is its validation loss at the end. The probe
is right where the group that it ranks first is one of the two best.
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import tempfile

UNITS = ["conv1", "layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1", "layer4.0", "layer4.1", "fc"]


def masks_options(units):
    options = ["--freeze", "*"]
    for unit in units:
        for pattern in ["conv1.*", "bn1.*"] if unit == "conv1" else [unit + ".*"]:
            options += ["--unfreeze", pattern]
    return options


def run(frostline, pictures, weights, units, options, output, extra=()):
    command = [frostline, "train", pictures, "--weights", weights, "--headless", "--output", output, "--save-every", "0",
               *masks_options(units), *options, *extra]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    lines = [json.loads(line) for line in (pathlib.Path(output) / "metrics.jsonl").read_text().splitlines()]
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("frostline")
    parser.add_argument("weights")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--masks", type=int, default=7)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out")
    given = parser.parse_args()
    options = ["--image-size", given.size, "--batch-size", given.batch, "--learning-rate", given.rate, "--optimizer", given.optimizer]
    results = []
    for pictures in given.sets:
        count = len(list(pathlib.Path(pictures).glob("train/*/*")))
        steps = -(-count // given.batch)
        for number in range(given.first, given.first + given.masks):
            choice = random.Random(f"{pathlib.Path(pictures).name} {number}")
            # As people freeze: fc trains, and some of the rest.
            units = ["fc"] + [u for u in UNITS[:-1] if choice.random() < choice.choice([0, 0.2, 0.5])]
            folder = pathlib.Path(tempfile.mkdtemp())
            try:
                epochs = 2
                base = run(given.frostline, pictures, given.weights, units,
                           options + ["--head", "new", "--epochs", epochs, "--seed", number], folder / "base",
                           ["--probe-every", steps * epochs])
                probe = [line for line in base if line["kind"] == "probe"][-1]
                groups = {g["name"]: g for g in probe["groups"]}
                after = {}
                for name in [None, *groups]:
                    thawed = [u for u in UNITS if name and (u == name or u.startswith(name + "."))]
                    lines = run(given.frostline, pictures, folder / "base" / "last.safetensors", units + thawed,
                                options + ["--head", "keep", "--epochs", max(1, round(50 / steps)), "--seed", 100 + number],
                                folder / (name or "none"))
                    ends = [line for line in lines if line["kind"] == "epoch"]
                    after[name] = (ends[-1]["validation"]["loss"], ends[-1]["training"]["loss"],
                                   ends[-1]["validation"]["accuracy"])
                results.append(dict(set=pathlib.Path(pictures).name, mask=number, units=units, probe=probe, after={str(k): v for k, v in after.items()}))
                order = sorted(groups, key=lambda name: after[name][0])
                ranked = sorted(groups, key=lambda name: -groups[name]["worth"]["fall"])
                print(pathlib.Path(pictures).name, number, "+".join(units), "first:", ranked[0], "place", order.index(ranked[0]) + 1, "of", len(order),
                      " best by brute force:", [(n, round(after[n][0], 3)) for n in order[:3]], "none", round(after[None][0], 3), flush=True)
            finally:
                shutil.rmtree(folder)
            if given.out:
                pathlib.Path(given.out).write_text(json.dumps(results))
    hits = sum(sorted(r["after"], key=lambda n: r["after"][n][0] if n != "None" else 9e9).index(
        max(r["probe"]["groups"], key=lambda g: g["worth"]["fall"])["name"]) < 2 for r in results)
    print(f"first among the two best: {hits} of {len(results)}")


main()
