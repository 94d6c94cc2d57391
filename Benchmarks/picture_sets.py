"""Writes five picture sets, each with train/ and val/ folders of classes, and a network, to measure advice on:

    python picture_sets.py OUTPUT      (pip, torch, pillow, scikit-image, scikit-learn; apt-get; 220 MB are fetched)

stamps       tuxpaint-stamps-default (Debian): photographs and drawings of animals, food, plants, towns, letters
icons        gnome-icon-theme (Debian): 256 px icons by context
photographs  crops of six photographs (scikit-image, scikit-learn); those to validate with are from the other half
textures     crops of eight textures and scans (scikit-image), likewise
digits       8x8 pictures of digits (scikit-learn), enlarged
resnet18.pth torchvision's ResNet18 for ImageNet after 1201 more batches, of pictures of eyes (omniart-eye-classifier of PyPI)

Everything is drawn with one seed, so that two machines have the same sets. Nothing of it is kept here.
"""
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
from PIL import Image
from skimage import data
from sklearn.datasets import load_digits, load_sample_images

SIDE = 160


def flat(image):
    """RGB on white: what is transparent has any colour at all."""
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def write(output, name, split, label, pictures):
    folder = output / name / split / label
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number:03d}.png")


def unpack(package, folder):
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
    archive = next(pathlib.Path(folder).glob(package + "_*.deb"))
    subprocess.run(["dpkg", "-x", archive, folder], check=True)


def network(output):
    """Without its head, which has two layers, and for pictures normalised by ImageNet's mean and standard deviation.

    It was trained on values from 0 to 1: with those the input of bn1 has the statistics that bn1 holds, normalised twenty times
    the variance and more. conv1 of std * n + mean is a convolution of n with weight * std, and a constant, which goes into bn1's mean.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "omniart-eye-classifier==0.1.3"],
                       check=True)
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as archive:
            state = torch.load(io.BytesIO(archive.read("omniart_eye_classifier/classifier_model_state.pth")), map_location="cpu",
                               weights_only=True)
    state = {name.removeprefix("layers."): value for name, value in state.items()}
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    weight = state["conv1.weight"]
    state["bn1.running_mean"] -= (weight.sum((2, 3)) * mean).sum(1)
    state["conv1.weight"] = weight * std.view(1, 3, 1, 1)
    torch.save(state, output / "resnet18.pth")


def of_files(output, name, classes, rng, most=60):
    """`classes`: paths by class. Three fifths train."""
    for label, paths in classes.items():
        paths = sorted(paths)
        rng.shuffle(paths)
        pictures = []
        for path in paths[:most]:
            picture = flat(Image.open(path))
            picture.thumbnail((SIDE, SIDE))
            square = Image.new("RGB", (SIDE, SIDE), "white")
            square.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
            pictures.append(square)
        cut = len(pictures) * 3 // 5
        write(output, name, "train", label, pictures[:cut])
        write(output, name, "val", label, pictures[cut:])


def of_crops(output, name, images, rng, train, val, least, greatest):
    """Crops of the left part train, crops of the right part validate."""
    for label, pixels in images.items():
        image = Image.fromarray(pixels).convert("RGB")
        middle = image.width * 11 // 20
        for split, count, left, right in [("train", train, 0, middle), ("val", val, middle, image.width)]:
            crops = []
            for _ in range(count):
                side = int(rng.integers(least, min(greatest, right - left, image.height) + 1))
                x = int(rng.integers(left, right - side + 1))
                y = int(rng.integers(0, image.height - side + 1))
                crops.append(image.crop((x, y, x + side, y + side)).resize((SIDE, SIDE)))
            write(output, name, split, label, crops)


def main(output):
    output = pathlib.Path(output)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        unpack("tuxpaint-stamps-default", folder)
        stamps = pathlib.Path(folder) / "usr/share/tuxpaint/stamps"
        of_files(output, "stamps", {
            label: [p for p in (stamps / part).rglob("*.png") if "mirror" not in p.name and "flip" not in p.name]
            for label, part in [("animals", "animals"), ("food", "food"), ("plants", "plants"), ("town", "town"),
                                ("seasonal", "seasonal"), ("letters", "symbols/alphabets/english")]}, rng)
        unpack("gnome-icon-theme", folder)
        icons = pathlib.Path(folder) / "usr/share/icons/gnome/256x256"
        of_files(output, "icons", {
            label: (icons / label).glob("*.png")
            for label in ["actions", "apps", "devices", "mimetypes", "places", "status"]}, rng)
    china, flower = load_sample_images().images
    of_crops(output, "photographs", {
        "astronaut": data.astronaut(), "chelsea": data.chelsea(), "coffee": data.coffee(), "rocket": data.rocket(),
        "china": china, "flower": flower}, rng, train=30, val=40, least=90, greatest=200)
    of_crops(output, "textures", {
        "brick": data.brick(), "grass": data.grass(), "gravel": data.gravel(), "coins": data.coins(),
        "retina": data.retina(), "tissue": data.immunohistochemistry(), "moon": data.moon(),
        "stars": data.hubble_deep_field()}, rng, train=25, val=30, least=60, greatest=140)
    digits = load_digits()
    for label in range(10):
        found = [Image.fromarray((16 - digits.images[i]).astype(np.uint8) * 15).convert("RGB").resize((64, 64))
                 for i in rng.permutation(np.flatnonzero(digits.target == label))[:60]]
        write(output, "digits", "train", str(label), found[:20])
        write(output, "digits", "val", str(label), found[20:])
    network(output)
    for name in sorted(p.name for p in output.iterdir() if p.is_dir()):
        counts = [len(list((output / name / split).rglob("*.png"))) for split in ("train", "val")]
        print(f"{name}: {counts[0]} to train with, {counts[1]} to validate with")


main(sys.argv[1])
