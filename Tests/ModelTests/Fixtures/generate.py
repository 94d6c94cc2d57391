"""Writes network.json beside this file: what PyTorch says of a ResNet18 with weights that a formula gives.

    python generate.py      (torch, torchvision and numpy; the file was made with torch 2.15)

The weights are not stored: `noise` is repeated in Swift. Each case runs one step in float64 and in float32, so that a test can
hold our error against PyTorch's own. A gradient is described by its L2 norm and by its product with noise of the same
shape, which also sees elements in the wrong places. The images (by their noise's stream) were chosen among thirty as those whose
values in front of the ReLUs stay furthest from 0: no rounding flips one, so the bounds can be tight.
"""
import json
import os

import numpy as np
import torch
import torchvision


def noise(stream, count):
    """Uniform in [-1, 1), exact in float32: the top 24 bits of SplitMix64 of (stream << 32) + index."""
    with np.errstate(over="ignore"):
        z = (np.arange(count, dtype=np.uint64) + np.uint64(stream << 32)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23)) - np.float32(1)


def model(classes, dtype):
    network = torchvision.models.resnet18(num_classes=classes)
    state = network.state_dict()
    for index, (name, tensor) in enumerate(state.items()):
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
            continue
        values = noise(index + 1, tensor.numel())
        one = np.float32(1)
        if tensor.dim() == 4:
            fan_out = tensor.shape[0] * tensor.shape[2] * tensor.shape[3]
            values = values * np.float32(np.sqrt(6.0 / fan_out))
        elif name.startswith("fc."):
            values = values * np.float32(1 / np.sqrt(512.0))
        elif name.endswith("running_var") or name.endswith("weight"):
            values = one + values * np.float32(0.25)
        else:
            values = values * np.float32(0.125)
        tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))
    return network.to(dtype)


def run(case, dtype):
    classes, batch, size = case["classes"], case["batch"], case["size"]
    network = model(classes, dtype)
    images = torch.from_numpy(noise(case["images"], batch * 3 * size * size).reshape(batch, 3, size, size)).to(dtype)
    labels = torch.tensor([(3 * i + 1) % classes for i in range(batch)])
    network.eval()
    with torch.no_grad():
        logits = network(images)
    network.train()
    trainable = set()
    for name, parameter in network.named_parameters():
        parameter.requires_grad = any(
            name == p or (p.endswith("*") and name.startswith(p[:-1])) or p == "*" or (p == "-bn" and not is_norm(name))
            for p in case["train"])
        if parameter.requires_grad:
            trainable.add(name)
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and case["frozenBatchNorm"] == "hold":
            module.train(name + ".weight" in trainable or name + ".bias" in trainable)
    if case["frozenBatchNorm"] == "eval":
        network.eval()
    loss = torch.nn.functional.cross_entropy(network(images), labels)
    if trainable:
        loss.backward()
    order = [name for name, _ in network.named_parameters()]
    norms, probes = {}, {}
    for name, parameter in network.named_parameters():
        if name in trainable:
            gradient = parameter.grad.double().flatten()
            norms[name] = gradient.norm().item()
            probes[name] = (gradient @ torch.from_numpy(noise(2000 + order.index(name), gradient.numel())).double()).item()
    running = {}
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            values = tensor.double().flatten()
            running[name] = (values @ torch.from_numpy(noise(3000, values.numel())).double()).item()
    tracked = {n: t.item() for n, t in network.state_dict().items() if n.endswith("num_batches_tracked") and t.item() != 7}
    return dict(loss=loss.item(), norms=norms, probes=probes, running=running, tracked=tracked,
                logits=logits.flatten().tolist())


def is_norm(name):
    return "bn" in name or "downsample.1" in name


CASES = [
    dict(name="full", train=["*"]),
    dict(name="partial", train=["layer4.*", "fc.*"]),
    dict(name="head", train=["fc.*"]),
    dict(name="nothing", train=[]),
    dict(name="full, literal PyTorch", train=["*"], frozenBatchNorm="track"),
    dict(name="partial, literal PyTorch", train=["layer4.*", "fc.*"], frozenBatchNorm="track"),
    dict(name="nothing, literal PyTorch", train=[], frozenBatchNorm="track"),
    dict(name="all but the norms", train=["-bn"]),
    dict(name="only bn1", train=["bn1.weight", "bn1.bias"]),
    dict(name="only bn1.bias", train=["bn1.bias"]),
    dict(name="only conv1", train=["conv1.weight"]),
    dict(name="one convolution in the middle", train=["layer2.1.conv2.weight"]),
    dict(name="only a strided convolution", train=["layer3.0.conv1.weight"]),
    dict(name="only a downsample convolution", train=["layer2.0.downsample.0.weight"]),
    dict(name="only a downsample norm's weight", train=["layer4.0.downsample.1.weight"]),
    dict(name="only bn2's bias", train=["layer1.1.bn2.bias"]),
    dict(name="only bn1's weight of a block", train=["layer2.0.bn1.weight"]),
    dict(name="only fc.bias", train=["fc.bias"]),
    dict(name="two far apart", train=["layer1.0.conv2.weight", "layer4.1.bn1.weight"]),
    dict(name="a downsample convolution, literal PyTorch", train=["layer3.0.downsample.0.weight"], frozenBatchNorm="track"),
    dict(name="full, odd size", train=["*"], size=75, batch=3, images=1014),
    dict(name="all but the norms, odd size", train=["-bn"], size=75, batch=3, images=1014),
    dict(name="everything, all norms held", train=["*"], frozenBatchNorm="eval"),
    dict(name="everything, all norms held, odd size", train=["*"], frozenBatchNorm="eval", size=75, batch=3, images=1014),
]


def main():
    torch.manual_seed(0)
    result = []
    for case in CASES:
        case = dict(dict(frozenBatchNorm="hold", classes=5, batch=4, size=64, images=1005), **case)
        exact, single = run(case, torch.float64), run(case, torch.float32)
        result.append(dict(case, exact=exact, single=single))
        print(case["name"], exact["loss"], abs(single["loss"] / exact["loss"] - 1))
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "network.json"), "w") as file:
        json.dump(json.loads(json.dumps(result), parse_float=lambda x: float(f"{float(x):.12g}")), file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
