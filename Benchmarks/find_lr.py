"""Holds find-lr's suggestion against training: ten rates, trained, and where rules put theirs on the same curves.

    python find_lr.py measure FROSTLINE WEIGHTS OUT SETS... [--strategies head partial] [--epochs 10] [--seeds 3]
        [--optimizer sgd] [--jobs 1]
    python find_lr.py judge OUT... [--details]

`measure` appends a JSON object a line to OUT, one for each (set, seed): `curves` has find-lr's steps by strategy, a curve
for each of a few seeds of order, and `trained` the best validation accuracy and loss of each rate by strategy. What OUT
holds already is not measured again. Sets are folders with train/ and val/, as picture_sets.py makes them.

`judge` computes every rule's rate on the recorded curves. The accuracy at a rate between two that were trained is
interpolated in the logarithm of the rate. A rule is right where that accuracy is within one standard error of the best of
the ten, the binomial one over the validation pictures, sqrt(p (1 - p) / n). No numpy, no torch.
"""
import argparse
import concurrent.futures
import json
import math
import pathlib
import subprocess
import threading

RATES = [10 ** (-5 + 4 * i / 9) for i in range(10)]
STRATEGIES = ["head", "partial", "full"]
# As many as find-lr itself averages over: features of a frozen prefix are cached.
ORDERS = {"head": 3, "partial": 3, "full": 1}
COMMON = ["--head", "new", "--image-size", "64", "--batch-size", "16", "--threads", "1"]


def call(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if not done.stdout.strip():
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def measure_one(given, folder, seed, strategies):
    start = [folder, "--weights", given.weights, *COMMON, "--optimizer", given.optimizer]
    curves, arms = {}, []
    for strategy in strategies:
        curves[strategy] = []
        for order in range(ORDERS[strategy]):
            found = call([given.frostline, "find-lr", *start, "--strategy", strategy, "--seed", seed + 1000 * order,
                          "--orders", 1, "--json"])
            curves[strategy].append({"rates": found["rates"], "losses": found["losses"]})
        for number, rate in enumerate(RATES):
            arms += ["--arm", f"{strategy}-{number}: --strategy {strategy} --epochs {given.epochs} --learning-rate {rate:.6g}"]
    # compare trains its own three arms too; one epoch makes them short.
    compared = call([given.frostline, "compare", *start, "--epochs", 1, "--seed", seed, "--json", *arms])
    ends = {arm["name"]: arm for arm in compared["arms"]}
    trained = {}
    for strategy in strategies:
        # An arm whose loss was not finite has reached nothing.
        trained[strategy] = [{"rate": rate, "accuracy": ends[f"{strategy}-{number}"].get("accuracy", 0),
                              "loss": ends[f"{strategy}-{number}"].get("loss")} for number, rate in enumerate(RATES)]
    return {"set": pathlib.Path(folder).name, "seed": seed, "epochs": given.epochs, "optimizer": given.optimizer,
            "validationPictures": compared["validationPictures"],
            "curves": curves, "trained": trained}


def measure(given):
    path = pathlib.Path(given.out)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(line["set"], line["seed"], strategy) for line in lines for strategy in line["trained"]}
    lock = threading.Lock()

    def task(seed, folder):
        strategies = [s for s in given.strategies if (pathlib.Path(folder).name, seed, s) not in known]
        if not strategies:
            return
        line = measure_one(given, folder, seed, strategies)
        with lock, path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            print(line["set"], seed, *strategies, flush=True)

    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        tasks = [pool.submit(task, seed, folder) for seed in range(given.first, given.seeds) for folder in given.sets]
        for done in tasks:
            done.result()


# Rules. Each gets rates and losses and returns (suggestion, from, to), or None where it suggests nothing.

def smooth(losses, keep=0.9):
    average, out = 0.0, []
    for index, loss in enumerate(losses):
        average = keep * average + (1 - keep) * loss
        out.append(average / (1 - keep ** (index + 1)))
    return out


def mean_curve(curves):
    count = min(len(c["losses"]) for c in curves)
    return curves[0]["rates"][:count], [sum(c["losses"][i] for c in curves) / len(curves) for i in range(count)]


def steepest(rates, losses):
    """What find-lr did before: the middle of the tenth with the largest fall, where the fall exceeds the scatter."""
    s = smooth(losses)
    width = max(4, len(s) // 10)
    lowest = min(range(len(s)), key=s.__getitem__)
    if len(s) <= 2 * width or lowest < 2 * width:
        return None
    before = range(width, lowest + 1)
    highest = max(s[width:lowest])
    scatter = math.sqrt(sum((losses[i] - s[i]) ** 2 for i in before) / len(before))
    fall = highest - s[lowest]
    if fall <= 0.03 * highest or fall <= scatter:
        return None
    best = min(range(width, lowest - width + 1), key=lambda i: s[i + width] - s[i])
    return (rates[best + width // 2],) * 3


def valley(rates, losses):
    """fastai's code: the middle of the longest decreasing subsequence, its losses smoothed by 0.98, its ends cut off."""
    s = smooth(losses, 0.98)[len(losses) // 10:-5]
    rates = rates[len(losses) // 10:-5]
    if not s:
        return None
    lds, end, start = [1] * len(s), 0, 0
    for i in range(1, len(s)):
        for j in range(i):
            if s[i] < s[j] and lds[i] < lds[j] + 1:
                lds[i] = lds[j] + 1
            if lds[end] < lds[i]:
                end, start = i, i - lds[i]
    third = (end - start) / 3
    return (rates[max(0, start) + int(third) + int(third / 2)],) * 3


def minimum(rates, losses):
    """fastai's minimum: a tenth of the rate with the lowest loss."""
    s = smooth(losses, 0.98)[len(losses) // 10:-5]
    rates = rates[len(losses) // 10:-5]
    return (rates[min(range(len(s)), key=s.__getitem__)] / 10,) * 3 if s else None


def slide(rates, losses, apart=15, threshold=0.005):
    """fastai's slide: from the right, the first rate whose gradient is near that 15 steps on."""
    s = smooth(losses, 0.98)[len(losses) // 10:-5]
    rates = rates[len(losses) // 10:-5]
    if len(s) <= apart + 1:
        return None
    g = [s[1] - s[0]] + [(s[i + 1] - s[i - 1]) / 2 for i in range(1, len(s) - 1)] + [s[-1] - s[-2]]
    right, left = -1, -1 - apart
    found = rates[left]
    while left >= -len(s) and abs(g[right] - g[left]) > threshold:
        found = rates[left]
        right, left = right - 1, left - 1
    return (found,) * 3


def greatest(rates, losses, reach=0.4, errors=2):
    """find-lr's rule: the greatest rate whose loss, averaged over 0.4 powers of ten to either side, is within two standard
    errors of the lowest. The range begins at the lowest."""
    half = max(1, min(len(losses) // 8, round(reach / math.log10(rates[1] / rates[0]))))
    losses = [max(loss, 0.05) for loss in losses]
    start = losses[:max(4, len(losses) // 10)]
    losses = [min(loss, 2 * sum(start) / len(start)) for loss in losses]
    averages = []
    for centre in range(len(losses)):
        near = range(max(0, centre - half), min(len(losses), centre + half + 1))
        weights = [half + 1 - abs(i - centre) for i in near]
        averages.append(sum(w * losses[i] for w, i in zip(weights, near)) / sum(weights))
    lowest = min(range(len(averages)), key=averages.__getitem__)
    distances = sorted(abs(losses[i] - averages[i]) for i in range(min(lowest + half + 1, len(losses))))
    weights = [half + 1 - abs(i) for i in range(-half, half + 1)]
    error = math.sqrt(2 * sum(w * w for w in weights)) / sum(weights)
    noise = 1.4826 * distances[len(distances) // 2] * error
    highest = max(averages[:lowest + 1])
    # Where the loss does not fall clearly find-lr has another rule; no curve of these sets is so.
    square = math.sqrt(sum(d * d for d in distances) / len(distances)) * error
    if highest - averages[lowest] <= max(0.03 * highest, 5 * square):
        return None
    end = lowest
    while end + 1 < len(averages) and averages[end + 1] <= averages[lowest] + errors * noise:
        end += 1
    return rates[end], rates[lowest], rates[end]


# With True the rule gets the mean of the curves of all orders, else the first one.
RULES = {"1e-3, the default rate": (lambda *_: (1e-3,) * 3, False), "1e-2": (lambda *_: (1e-2,) * 3, False)}
for title, rule in {"steepest fall": steepest, "fastai's valley": valley, "fastai's minimum / 10": minimum,
                    "fastai's slide": slide, "greatest within noise": greatest}.items():
    RULES[title + ", one order"] = (rule, False)
    RULES[title + ", all orders"] = (rule, True)
FINISHED = "what find-lr suggests: a share of that, by what trains"
RULES[FINISHED] = (greatest, True)
# Of the rate that the curve gives, as LearningRateSearch.share.
SHARES = {"head": 1, "partial": 0.7, "full": 0.2}


def accuracy_at(trained, rate):
    """Interpolated; beyond the rates that were trained, that of the nearest."""
    if rate <= trained[0]["rate"]:
        return trained[0]["accuracy"]
    for low, high in zip(trained, trained[1:]):
        if rate <= high["rate"]:
            part = math.log(rate / low["rate"]) / math.log(high["rate"] / low["rate"])
            return low["accuracy"] + part * (high["accuracy"] - low["accuracy"])
    return trained[-1]["accuracy"]


def judge(given):
    lines = [json.loads(text) for path in given.outs for text in pathlib.Path(path).read_text().splitlines()]
    cases = [(line, strategy) for line in lines for strategy in line["trained"]]
    groups = sorted({(strategy, line["epochs"], line["optimizer"]) for line, strategy in cases})
    print("rule |", " | ".join(f"{g[0]}, {g[1]} epochs, {g[2]}" for g in groups), "| whole range")
    for name, (rule, averaged) in RULES.items():
        right, total, whole = dict.fromkeys(groups, 0), dict.fromkeys(groups, 0), 0
        for line, strategy in cases:
            group = (strategy, line["epochs"], line["optimizer"])
            trained = line["trained"][strategy]
            best = max(point["accuracy"] for point in trained)
            bound = best - math.sqrt(best * (1 - best) / line["validationPictures"])
            curves = line["curves"][strategy]
            found = rule(*mean_curve(curves if averaged else curves[:1]))
            if found and name == FINISHED:
                found = tuple(rate * SHARES[strategy] for rate in found)
            total[group] += 1
            # No suggestion is not a right one.
            good = found is not None and accuracy_at(trained, found[0]) >= bound
            right[group] += good
            if found:
                ends = [accuracy_at(trained, found[1]), accuracy_at(trained, found[2])]
                inside = [p["accuracy"] for p in trained if found[1] <= p["rate"] <= found[2]]
                whole += min(ends + inside) >= bound
            if given.details:
                print("  ", line["set"], strategy, line["seed"], good, *(f"{f:.1e}" for f in found or ()))
        shares = [f"{right[g]} of {total[g]} ({right[g] / total[g]:.0%})" for g in groups]
        print(name, "|", " | ".join(shares), "|", f"{whole} of {len(cases)}")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    measuring = commands.add_parser("measure")
    for name in ["frostline", "weights", "out"]:
        measuring.add_argument(name)
    measuring.add_argument("sets", nargs="+")
    measuring.add_argument("--strategies", nargs="+", default=["head", "partial"], choices=STRATEGIES)
    measuring.add_argument("--seeds", type=int, default=3)
    measuring.add_argument("--first", type=int, default=0)
    measuring.add_argument("--epochs", type=int, default=10)
    measuring.add_argument("--optimizer", default="sgd", choices=["sgd", "adamw"])
    measuring.add_argument("--jobs", type=int, default=1)
    measuring.set_defaults(run=measure)
    judging = commands.add_parser("judge")
    judging.add_argument("outs", nargs="+")
    judging.add_argument("--details", action="store_true")
    judging.set_defaults(run=judge)
    given = parser.parse_args()
    given.run(given)


main()
