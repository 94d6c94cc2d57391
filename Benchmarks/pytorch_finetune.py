"""Fine-tunes torchvision's ResNet18 on a picture folder in PyTorch: the other side of the end-to-end benchmark.

It is meant to be what a careful user would write for a computer without a graphics card: channels_last, the frozen
part in eval mode and without a graph, pictures decoded by a DataLoader's workers where that is faster, the best and the
last weights saved.
"""

import argparse
import json
import pathlib
import time

import torch
import torchvision
from torch.utils.data import DataLoader, Subset
from torchvision.transforms import v2

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4", "fc")
FIRST_TRAINABLE = {"head": "fc", "partial": "layer4", "full": "stem"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="a folder per class; train/ and val/ in it are the splits")
    parser.add_argument("--weights", type=pathlib.Path, required=True, help=".safetensors or .pth")
    parser.add_argument("--strategy", choices=FIRST_TRAINABLE, default="head")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder for best.pth and last.pth")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--validation-split", type=float, default=0.2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="processes that decode ahead; 0 decodes in between")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def load_model(path, classes):
    """The checkpoint's network; its fc is kept where it has as many outputs as there are classes."""
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    model = torchvision.models.resnet18(num_classes=classes)
    if state["fc.weight"].shape[0] != classes:
        del state["fc.weight"], state["fc.bias"]
    model.load_state_dict(state, strict="fc.weight" in state)
    return model.to(memory_format=torch.channels_last)


def split_stages(model):
    """The network as a list of stages, so that the frozen ones can run without a graph."""
    stem = torch.nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
    head = torch.nn.Sequential(model.avgpool, torch.nn.Flatten(1), model.fc)
    return [stem, model.layer1, model.layer2, model.layer3, model.layer4, head]


def forward(model, images, frozen):
    stages = split_stages(model)
    with torch.no_grad():
        for stage in stages[:frozen]:
            images = stage(images)
    for stage in stages[frozen:]:
        images = stage(images)
    return images


def datasets(options):
    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(options.image_size * 256 // 224, antialias=True),
            v2.CenterCrop(options.image_size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        ]
    )
    if (options.data / "train").is_dir() and (options.data / "val").is_dir():
        return tuple(
            torchvision.datasets.ImageFolder(options.data / part, transform) for part in ("train", "val")
        )
    pictures = torchvision.datasets.ImageFolder(options.data, transform)
    generator = torch.Generator().manual_seed(options.seed)
    training, validation = [], []
    for label in range(len(pictures.classes)):
        members = [index for index, target in enumerate(pictures.targets) if target == label]
        order = torch.randperm(len(members), generator=generator).tolist()
        held_out = round(options.validation_split * len(members))
        validation += [members[i] for i in order[:held_out]]
        training += [members[i] for i in order[held_out:]]
    training, validation = Subset(pictures, training), Subset(pictures, validation)
    training.classes = pictures.classes
    return training, validation


def loader(dataset, options, shuffle):
    return DataLoader(
        dataset,
        batch_size=options.batch_size,
        shuffle=shuffle,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
    )


def train_epoch(model, batches, optimizer, frozen):
    model.train()
    for stage in split_stages(model)[:frozen]:
        stage.eval()
    loss_sum, correct, seen = 0.0, 0, 0
    for images, labels in batches:
        images = images.to(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        logits = forward(model, images, frozen)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += (logits.argmax(1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / seen, correct / seen


@torch.inference_mode()
def validate(model, batches):
    model.eval()
    loss_sum, correct, seen = 0.0, 0, 0
    for images, labels in batches:
        logits = model(images.to(memory_format=torch.channels_last))
        loss_sum += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / max(1, seen), correct / max(1, seen)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    training, validation = datasets(options)
    model = load_model(options.weights, len(training.classes))
    frozen = STAGES.index(FIRST_TRAINABLE[options.strategy])
    for stage in split_stages(model)[:frozen]:
        stage.requires_grad_(False)
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=options.learning_rate, momentum=0.9, weight_decay=1e-4
    )
    options.output.mkdir(parents=True, exist_ok=True)
    training_batches, validation_batches = loader(training, options, True), loader(validation, options, False)
    best = None
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        loss, accuracy = train_epoch(model, training_batches, optimizer, frozen)
        validation_loss, validation_accuracy = validate(model, validation_batches)
        torch.save(model.state_dict(), options.output / "last.pth")
        if best is None or (validation_accuracy, -validation_loss) > best:
            best = (validation_accuracy, -validation_loss)
            torch.save(model.state_dict(), options.output / "best.pth")
        print(
            json.dumps(
                {
                    "epoch": epoch,
                    "training": {"loss": loss, "accuracy": accuracy},
                    "validation": {"loss": validation_loss, "accuracy": validation_accuracy},
                    "seconds": time.perf_counter() - start,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
