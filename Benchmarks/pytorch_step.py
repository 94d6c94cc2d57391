"""Times training steps or inference of torchvision's ResNet18 in PyTorch, and prints one JSON line.

One process, one figure: the peak memory is the whole process's. The batch is made up and stays in memory, so nothing
but the network, the loss and the optimizer is timed.
"""

import argparse
import json
import os
import platform
import resource
import socket
import statistics
import time

import torch
import torch.distributed
import torch.multiprocessing
import torchvision

TRAINABLE = {"head": ("fc.",), "partial": ("layer4.", "fc."), "full": ("",)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategy", choices=TRAINABLE, default="full")
    parser.add_argument("--mode", choices=("train", "eval"), default="train")
    parser.add_argument("--layout", choices=("channels_last", "default"), default="channels_last")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=10, help="timed ones, after two that are not")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ranks", type=int, default=1, help="processes of DistributedDataParallel, over gloo")
    return parser.parse_args()


def peak_memory():
    """The largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def freeze(model, strategy):
    """requires_grad off for what does not train, and its BatchNorm in eval mode."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(TRAINABLE[strategy])
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


def main():
    options = arguments()
    if options.ranks == 1:
        return measure(options, rank=0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free.getsockname()[1]))
    torch.multiprocessing.spawn(work, args=(options,), nprocs=options.ranks)


def work(rank, options):
    torch.distributed.init_process_group("gloo", rank=rank, world_size=options.ranks)
    measure(options, rank)
    torch.distributed.destroy_process_group()


def measure(options, rank):
    memory_at_start = peak_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
    model = torchvision.models.resnet18(num_classes=2).to(memory_format=layout)
    batch = options.batch_size // options.ranks + (rank < options.batch_size % options.ranks)
    images = torch.randn(batch, 3, options.image_size, options.image_size).to(memory_format=layout)
    labels = torch.arange(batch) % 2

    if options.mode == "eval":
        model.eval()

        @torch.inference_mode()
        def step():
            model(images)

    else:
        freeze(model, options.strategy)
        if options.ranks > 1:
            model = torch.nn.parallel.DistributedDataParallel(model)
        optimizer = torch.optim.SGD(
            [p for p in model.parameters() if p.requires_grad], lr=1e-3, momentum=0.9, weight_decay=1e-4
        )

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()

    milliseconds = []
    for number in range(options.steps + 2):
        start = time.perf_counter()
        step()
        if number >= 2:
            milliseconds.append((time.perf_counter() - start) * 1000)
    if rank > 0:
        return
    print(
        json.dumps(
            {
                "strategy": options.strategy,
                "mode": options.mode,
                "layout": options.layout,
                "batchSize": options.batch_size,
                "imageSize": options.image_size,
                "ranks": options.ranks,
                "threads": torch.get_num_threads(),
                "milliseconds": statistics.median(milliseconds),
                "fastestMilliseconds": min(milliseconds),
                "slowestMilliseconds": max(milliseconds),
                "peakMemoryMiB": peak_memory(),
                "startMemoryMiB": memory_at_start,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "capability": torch.backends.cpu.get_cpu_capability(),
                "oneDNN": torch.backends.mkldnn.is_available(),
            }
        )
    )


if __name__ == "__main__":
    main()
