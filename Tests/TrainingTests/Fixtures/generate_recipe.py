"""Writes recipe.json beside itself: what PyTorch makes of label smoothing, class weights, clipping,
learning rates by parameter group and schedules over them.

    python generate_recipe.py        (needs torch; the tests need only the file)
"""
import json, math, os, torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
here = os.path.dirname(os.path.abspath(__file__))


def values(count, a, b):
    # From a formula, so that the test can make them again; as float32, which they are there.
    return torch.tensor([((i * a + b) % 97) / 97 - 0.5 for i in range(count)], dtype=torch.float32).double()


def loss(classes, count, smoothing, weights):
    logits = (values(count * classes, 53, 7) * 8).reshape(count, classes).requires_grad_()
    labels = [(i * 5 + 1) % classes for i in range(count)]
    w = torch.tensor(weights) if weights else None
    value = F.cross_entropy(logits, torch.tensor(labels), weight=w, label_smoothing=smoothing)
    value.backward()
    return {"classes": classes, "count": count, "smoothing": smoothing, "weights": weights, "loss": value.item(),
            "gradient": logits.grad.flatten().tolist()}


losses = [
    loss(2, 5, 0.0, None), loss(2, 5, 0.1, None), loss(3, 8, 0.0, [0.5, 2.0, 1.0]), loss(3, 8, 0.2, [0.5, 2.0, 1.0]),
    loss(10, 4, 1.0, None), loss(4, 9, 0.05, [3.0, 0.25, 1.0, 0.0])]


def clip(maximum):
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in (37, 11)]
    for k, p in enumerate(parameters):
        p.grad = values(len(p), 53, 29 * k)
    total = torch.nn.utils.clip_grad_norm_(parameters, maximum)
    return {"maximum": maximum, "total": total.item(), "gradients": [p.grad.tolist() for p in parameters]}


def grouped(kind, total):
    bases = [0.01, 0.0025]
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in bases]
    made = torch.optim.SGD([{"params": [p], "lr": b} for p, b in zip(parameters, bases)], momentum=0.9)
    scheduler = (torch.optim.lr_scheduler.CosineAnnealingLR(made, T_max=total) if kind == "cosine"
                 else torch.optim.lr_scheduler.OneCycleLR(made, max_lr=bases, total_steps=total))
    rates = []
    for step in range(total):
        rates.append([g["lr"] for g in made.param_groups])
        made.step()
        if step + 1 < total:
            scheduler.step()
    return {"kind": kind, "total": total, "bases": bases, "rates": rates}


json.dump(
    {"losses": losses, "clips": [clip(m) for m in (0.1, 1.0, 100.0)], "schedules": [grouped("cosine", 9), grouped("onecycle", 12)]},
    open(os.path.join(here, "recipe.json"), "w"))
