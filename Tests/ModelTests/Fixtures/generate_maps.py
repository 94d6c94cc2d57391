"""Writes maps.json beside this file: PyTorch's class activation maps of generate.py's network.

    python generate_maps.py      (as generate.py)

For each size two pictures, and of each the map of every class, [pictures, classes, side, side], with the logits: fc's weights
times layer4's output, which a hook takes in front of the average pooling. In float64 and in float32.
"""
import json
import os

import torch

from generate import model, noise

CLASSES, PICTURES, STREAM = 5, 2, 1005


def maps(size, dtype):
    network = model(CLASSES, dtype).eval()
    seen = []
    network.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.from_numpy(noise(STREAM, PICTURES * 3 * size * size).reshape(PICTURES, 3, size, size)).to(dtype)
    with torch.no_grad():
        logits = network(images)
        result = torch.einsum("ck,nkyx->ncyx", network.fc.weight, seen[0])
        assert torch.allclose(result.mean((2, 3)) + network.fc.bias, logits, rtol=1e-4, atol=1e-5)
    return dict(maps=result.flatten().tolist(), logits=logits.flatten().tolist())


cases = []
for size in (64, 75, 224):
    exact, single = maps(size, torch.float64), maps(size, torch.float32)
    cases.append(dict(size=size, classes=CLASSES, pictures=PICTURES, images=STREAM, exact=exact, single=single))
    print(size, max(abs(a - b) for a, b in zip(exact["maps"], single["maps"])) / max(map(abs, exact["maps"])))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "maps.json"), "w") as file:
    json.dump(json.loads(json.dumps(cases), parse_float=lambda x: float(f"{float(x):.12g}")), file, indent=0)
    file.write("\n")
