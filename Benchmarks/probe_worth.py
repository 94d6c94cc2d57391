"""Holds the probe's ranking against brute force: thaw each frozen group for about 50 steps from the same state, and see.

    python probe_worth.py FROSTLINE WEIGHTS SETS... [--masks 7] [--orders 3] [--size 64] [--rate 0.001] [--out FILE] [--keep DIR]

For each set (a folder with train/ and val/) and each random mask: two epochs under the mask, whose last step is probed;
then, for every group of the probe and a few orders of the pictures, a run from those weights. A group's worth by brute force is its
validation loss at the end, the mean over the orders. The probe is right where the group that it ranks first is one of the two best.
What one order's brute force says of the mean over the others is printed beside it: more than that can hardly be foretold.
"""
import argparse
import concurrent.futures
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
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", help="a folder for the probed states")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out")
    given = parser.parse_args()
    options = ["--image-size", given.size, "--batch-size", given.batch, "--learning-rate", given.rate,
               "--optimizer", given.optimizer, "--threads", max(1, 2 // given.jobs)]
    results = []
    tasks = [(p, n) for n in range(given.first, given.first + given.masks) for p in given.sets]
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for result in pool.map(lambda task: measure(given, options, *task), tasks):
            results.append(result)
            groups = {g["name"]: promise(g["worth"]) for g in result["probe"]["groups"]}
            order = sorted(groups, key=lambda name: mean(result["after"][name]))
            first = max(groups, key=groups.get)
            print(result["set"], result["mask"], "+".join(result["units"]), "first:", first, "place", order.index(first) + 1,
                  "of", len(order), " best by brute force:", [(n, round(mean(result["after"][n]), 3)) for n in order[:3]],
                  "none", round(mean(result["after"]["None"]), 3), flush=True)
            if given.out:
                pathlib.Path(given.out).write_text(json.dumps(results))
    judge(results)


def mean(values):
    return sum(values) / len(values)


def promise(worth):
    """What the probe ranks by."""
    return worth["batchNormGradient"] * worth["statisticsDistance"]


def measure(given, options, pictures, number):
    count = len(list(pathlib.Path(pictures).glob("train/*/*")))
    steps = -(-count // given.batch)
    choice = random.Random(f"{pathlib.Path(pictures).name} {number}")
    # As people freeze: fc trains, and some of the rest.
    units = ["fc"] + [u for u in UNITS[:-1] if choice.random() < choice.choice([0, 0.2, 0.5])]
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        base = run(given.frostline, pictures, given.weights, units,
                   options + ["--head", "new", "--epochs", 2, "--seed", number], folder / "base", ["--probe-every", steps * 2])
        state = folder / "base" / "last.safetensors"
        if given.keep:
            shutil.copy(state, pathlib.Path(given.keep) / f"{pathlib.Path(pictures).name}-{number}.safetensors")
        probe = [line for line in base if line["kind"] == "probe"][-1]
        after = {}
        for name in [None, *(g["name"] for g in probe["groups"])]:
            thawed = [u for u in UNITS if name and (u == name or u.startswith(name + "."))]
            after[str(name)] = []
            for order in range(given.orders):
                output = folder / "run"
                lines = run(given.frostline, pictures, state, units + thawed,
                            options + ["--head", "keep", "--epochs", max(1, round(50 / steps)), "--seed", 100 * (1 + order) + number],
                            output)
                after[str(name)].append([line for line in lines if line["kind"] == "epoch"][-1]["validation"]["loss"])
                shutil.rmtree(output)
        return dict(set=pathlib.Path(pictures).name, mask=number, units=units, probe=probe, after=after)
    finally:
        shutil.rmtree(folder)


def judge(results):
    """How often what a figure ranks first is among the two best, and how often what the first order ranks first is among the two
    best of the others."""
    others = ["reach", "gradientNorm", "fall", "signalToNoise"]
    scores = {"promise": promise, **{key: lambda worth, key=key: worth[key] for key in others}}
    hits, selves = dict.fromkeys(scores, 0), 0
    for result in results:
        after = {name: losses for name, losses in result["after"].items() if name != "None"}
        best = sorted(after, key=lambda name: mean(after[name]))[:2]
        for key, score in scores.items():
            hits[key] += max(result["probe"]["groups"], key=lambda group: score(group["worth"]))["name"] in best
        if len(next(iter(after.values()))) > 1:
            first = min(after, key=lambda name: after[name][0])
            selves += first in sorted(after, key=lambda name: mean(after[name][1:]))[:2]
    print(f"first among the two best of {len(results)}: {hits}; one order's best among the two best of the others: {selves}")


main()
