"""Writes onnx.json beside itself: what onnxruntime makes of the ONNX file that Frostline writes.

    WRITE_ONNX=/tmp/model.onnx swift test --filter OnnxTests
    python generate_onnx.py /tmp/model.onnx        (needs onnx, onnxruntime and numpy; the tests need only onnx.json)

The test makes the same file again, compares its hash with the one kept here, and the logits with the network's own.
"""
import hashlib, json, os, sys

import numpy, onnx, onnxruntime

here = os.path.dirname(os.path.abspath(__file__))
MASK = (1 << 64) - 1


def uniform(stream, index):
    z = ((stream << 32) + index + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 40) / (1 << 24)


path = sys.argv[1]
onnx.checker.check_model(onnx.load(path), full_check=True)
images = numpy.array([uniform(1000, i) * 4 - 2 for i in range(2 * 3 * 32 * 32)], dtype=numpy.float32).reshape(2, 3, 32, 32)
logits, probabilities = onnxruntime.InferenceSession(path).run(["logits", "probabilities"], {"images": images})
with open(path, "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
with open(os.path.join(here, "onnx.json"), "w") as file:
    json.dump({"sha256": digest, "logits": logits.tolist(), "probabilities": probabilities.tolist()}, file, indent=1)
    file.write("\n")
