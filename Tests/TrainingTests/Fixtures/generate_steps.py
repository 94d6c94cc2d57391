"""Writes steps.json beside itself: what PyTorch makes of whole runs of a few steps, everything of a step in its order.

    python generate_steps.py        (needs torch, torchvision and numpy; made with torch 2.15; the tests need only the file)

The pictures and weights come from formulas that the test repeats. Each case runs in float64 and in float32, so that our error can
be held against PyTorch's own. Training from layer4.1 upwards at 64 pixels has few ReLUs, and none of them flips by rounding.
"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
import torchvision

here = os.path.dirname(os.path.abspath(__file__))
COUNTS = [8, 6, 5]  # pictures of the classes a, b, c
SIDE, CROP = 73, 64  # what Resize leaves alone, and what CenterCrop(64) leaves of it


def noise(stream, count):
    """Uniform in [-1, 1), exact in float32: the top 24 bits of SplitMix64 of (stream << 32) + index."""
    with np.errstate(over="ignore"):
        z = (np.arange(count, dtype=np.uint64) + np.uint64(stream << 32)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23)) - np.float32(1)


TABLE = noise(1, 1 << 16)


def table(index, count):
    """`count` values of the table from a place that belongs to `index`, round and round."""
    return TABLE[(np.arange(count) + 7919 * index) % len(TABLE)]


def pictures():
    """[picture, channel, y, x] as ToTensor, CenterCrop and Normalize give them."""
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    result = []
    for number in range(sum(COUNTS)):
        pixels = np.floor((table(1000 + number, SIDE * SIDE * 3) + 1) * 128).astype(np.uint8).reshape(SIDE, SIDE, 3)
        first = round((SIDE - CROP) / 2)
        pixels = pixels[first:first + CROP, first:first + CROP]
        result.append(((pixels.astype(np.float32) / np.float32(255) - mean) / deviation).transpose(2, 0, 1))
    return np.stack(result)


def model(dtype):
    network = torchvision.models.resnet18(num_classes=len(COUNTS))
    for index, (name, tensor) in enumerate(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
            continue
        values = table(index, tensor.numel())
        if tensor.dim() == 4:
            fan_out = tensor.shape[0] * tensor.shape[2] * tensor.shape[3]
            values = values * np.float32(np.sqrt(6.0 / fan_out))
        elif name.startswith("fc."):
            values = values * np.float32(1 / np.sqrt(512.0))
        elif name.endswith("running_var") or name.endswith("weight"):
            values = np.float32(1) + values * np.float32(0.25)
        else:
            values = values * np.float32(0.125)
        tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))
    return network.to(dtype)


def run(case, dtype):
    torch.manual_seed(0)
    network = model(dtype)
    images = torch.from_numpy(pictures()).to(dtype)
    labels = torch.tensor([label for label, count in enumerate(COUNTS) for _ in range(count)])
    batch, accumulate, epochs = case["batch"], case["accumulate"], case["epochs"]
    batches = [slice(i, i + batch) for i in range(0, len(labels), batch)]
    groups = [batches[i:i + accumulate] for i in range(0, len(batches), accumulate)]
    total = len(groups) * epochs

    for parameter in network.parameters():
        parameter.requires_grad = False
    trainable = {n: p for n, p in network.named_parameters() if any(n.startswith(p) for p in case["train"])}
    for parameter in trainable.values():
        parameter.requires_grad = True
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train(name + ".weight" in trainable)
    rates = {n: case["rates"].get(n, case["rate"] * (1 if n.startswith("fc.") else case["decayPerStage"])) for n in trainable}
    parts = [dict(params=[p], lr=rates[n]) for n, p in trainable.items()]
    if case["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(parts, momentum=0.9, weight_decay=case["weightDecay"])
    else:
        optimizer = torch.optim.AdamW(parts, weight_decay=case["weightDecay"])
    scheduler = (torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total) if case["schedule"] == "cosine"
                 else torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=list(rates.values()), total_steps=total))
    weights = torch.tensor([sum(COUNTS) / (len(COUNTS) * count) for count in COUNTS], dtype=dtype)

    steps = []
    for _ in range(epochs):
        for group in groups:
            optimizer.zero_grad()
            loss, correct, seen = 0.0, 0, 0
            for part in group:
                logits = network(images[part])
                value = F.cross_entropy(logits, labels[part], weight=weights, label_smoothing=case["labelSmoothing"])
                (value / len(group)).backward()
                loss += value.item() / len(group)
                correct += (logits.argmax(1) == labels[part]).sum().item()
                seen += len(labels[part])
            norms = {n: p.grad.double().norm().item() for n, p in trainable.items()}
            torch.nn.utils.clip_grad_norm_(list(trainable.values()), case["clipNorm"])
            rate = optimizer.param_groups[-1]["lr"] / rates["fc.bias"] * case["rate"]
            optimizer.step()
            if len(steps) + 1 < total:
                scheduler.step()
            steps.append(dict(loss=loss, accuracy=correct / seen, rate=rate, norms=norms))
    changed = {}
    for index, (name, tensor) in enumerate(network.state_dict().items()):
        layer = name.rsplit(".", 1)[0]
        if name.endswith("num_batches_tracked") or not (name in trainable or layer + ".weight" in trainable):
            continue
        values = tensor.double().flatten()
        changed[name] = dict(norm=values.norm().item(), product=(
            values @ torch.from_numpy(table(2000 + index, values.numel())).double()).item())
    tracked = network.layer4[1].bn2.num_batches_tracked.item()
    return dict(steps=steps, changed=changed, tracked=tracked)


CASES = [
    dict(name="sgd, cosine", optimizer="sgd", schedule="cosine", rate=0.02),
    dict(name="sgd, onecycle", optimizer="sgd", schedule="onecycle", rate=0.02, clipNorm=0.5, weightDecay=0.05),
    dict(name="adamw, onecycle", optimizer="adamw", schedule="onecycle", rate=0.002, weightDecay=0.1),
    dict(name="adamw, cosine, head", optimizer="adamw", schedule="cosine", rate=0.01, train=["fc."], accumulate=3),
]


def main():
    torch.set_num_threads(1)
    result = []
    for case in CASES:
        case = dict(dict(batch=4, accumulate=2, epochs=3, train=["layer4.1.", "fc."], weightDecay=1e-3, clipNorm=1.0,
                         labelSmoothing=0.1, decayPerStage=0.5, rates={"fc.bias": 0.005}), **case)
        exact, single = run(case, torch.float64), run(case, torch.float32)
        result.append(dict(case, exact=exact, single=single))
        print(case["name"], [(round(a["loss"], 4), abs(b["loss"] / a["loss"] - 1)) for a, b in zip(exact["steps"], single["steps"])])
        print("  norms", max(abs(b["norms"][n] / a["norms"][n] - 1) for a, b in zip(exact["steps"], single["steps"]) for n in a["norms"]),
              "total", [round(sum(v * v for v in a["norms"].values()) ** 0.5, 3) for a in exact["steps"]], "tracked", exact["tracked"])
        print("  changed", max(abs(single["changed"][n]["product"] - c["product"]) / c["norm"] for n, c in exact["changed"].items()))
    with open(os.path.join(here, "steps.json"), "w") as file:
        json.dump(json.loads(json.dumps(result), parse_float=lambda x: float(f"{float(x):.12g}")), file, indent=0)
        file.write("\n")


main()
