"""Auto against head, partial and full on picture sets: accuracy, time to best, and both for all seeds.

    python auto_against_fixed.py measure FROSTLINE WEIGHTS OUT SETS... [--seeds 3] [--epochs 20] [--rate 0.003] [--jobs 1]
    python auto_against_fixed.py table OUT

`measure` appends a JSON object a line to OUT, what `compare --json` says of each (set, seed), and leaves out what is there. `table`
prints docs/auto.md's tables. The best fixed way is the one of the greatest mean accuracy over a set's seeds; the standard error is
the binomial one over the held-out pictures of all seeds. No numpy, no torch.
"""
import argparse
import concurrent.futures
import json
import math
import pathlib
import statistics
import subprocess
import threading

FIXED = ["head", "partial", "full"]


def measure(given):
    out = pathlib.Path(given.out)
    known = {(line["set"], line["seed"]) for line in read(out)} if out.exists() else set()
    lock = threading.Lock()

    def one(folder, seed):
        name = pathlib.Path(folder).name
        if (name, seed) in known:
            return
        command = [given.frostline, "compare", folder, "--weights", given.weights, "--head", "new", "--image-size", 64,
                   "--epochs", given.epochs, "--learning-rate", given.rate, "--seed", seed, "--threads", max(1, 2 // given.jobs),
                   "--json"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if not done.stdout.strip():
            raise SystemExit(done.stderr)
        with lock, out.open("a") as file:
            file.write(json.dumps({"set": name, "seed": seed, **json.loads(done.stdout)}) + "\n")
            print(name, seed, flush=True)

    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for task in [pool.submit(one, folder, seed) for seed in range(given.seeds) for folder in given.sets]:
            task.result()


def read(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def table(given):
    lines = read(given.out)
    sets = list(dict.fromkeys(line["set"] for line in lines))
    print("| set | head | partial | full | auto | best fixed less one standard error | seconds auto / all three |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    total = {"auto": 0.0, "fixed": 0.0}
    for name in sets:
        here = [line for line in lines if line["set"] == name]
        arms = [{arm["name"]: arm for arm in line["arms"]} for line in here]
        means = {arm: statistics.mean(one[arm]["accuracy"] for one in arms) for arm in FIXED + ["auto"]}
        best = max(means[arm] for arm in FIXED)
        error = math.sqrt(best * (1 - best) / sum(line["validationPictures"] for line in here))
        seconds = {"auto": sum(one["auto"]["seconds"] for one in arms),
                   "fixed": sum(one[arm]["seconds"] for one in arms for arm in FIXED)}
        for key in total:
            total[key] += seconds[key]
        cells = [f"{100 * means[arm]:.1f} ({statistics.mean(one[arm]['secondsToBest'] for one in arms):.0f} s)" for arm in FIXED + ["auto"]]
        print(f"| {name} | " + " | ".join(cells) + f" | {100 * (best - error):.1f} | "
              f"{seconds['auto'] / len(here):.0f} / {seconds['fixed'] / len(here):.0f} = {seconds['auto'] / seconds['fixed']:.2f} |")
    print(f"time of auto over all three, all sets: {total['auto'] / total['fixed']:.2f}")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("measure")
    command.add_argument("frostline")
    command.add_argument("weights")
    command.add_argument("out")
    command.add_argument("sets", nargs="+")
    command.add_argument("--seeds", type=int, default=3)
    command.add_argument("--epochs", type=int, default=20)
    command.add_argument("--rate", type=float, default=0.003)
    command.add_argument("--jobs", type=int, default=1)
    command.set_defaults(body=measure)
    command = commands.add_parser("table")
    command.add_argument("out")
    command.set_defaults(body=table)
    given = parser.parse_args()
    given.body(given)


main()
