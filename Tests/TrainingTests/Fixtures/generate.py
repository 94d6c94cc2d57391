"""Writes schedules.json and optimizers.json beside itself: what PyTorch's schedulers and optimizers do.

    python generate.py        (needs torch; the tests need only the files)
"""
import json, os, torch

here = os.path.dirname(os.path.abspath(__file__))


def schedule(kind, total, base=0.01):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=base, momentum=0.9)
    if kind == "cosine":
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    elif kind == "onecycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=base, total_steps=total)
    else:
        scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
    rates, momenta = [], []
    for step in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if step + 1 < total:
            scheduler.step()
    return {"kind": kind, "total": total, "base": base, "rates": rates, "momenta": momenta}


json.dump(
    [schedule(k, n) for k in ("constant", "cosine", "onecycle") for n in (2, 3, 7, 40)],
    open(os.path.join(here, "schedules.json"), "w"), indent=1)


def optimizer(kind, momentum, decay, rate, size=37, steps=6):
    # Values from a formula, so that the test can make them again.
    weights = torch.tensor([((i * 37 + 11) % 101) / 101 - 0.5 for i in range(size)])
    gradients = [
        torch.tensor([((i * 53 + s * 29 + 7) % 97) / 97 - 0.5 for i in range(size)]) for s in range(steps)]
    parameter = torch.nn.Parameter(weights.clone())
    if kind == "sgd":
        made = torch.optim.SGD([parameter], lr=rate, momentum=momentum, weight_decay=decay)
    else:
        made = torch.optim.AdamW([parameter], lr=rate, weight_decay=decay)
    after = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        made.step()
        after.append(parameter.detach().tolist())
    return {"kind": kind, "momentum": momentum, "decay": decay, "rate": rate, "size": size, "after": after}


json.dump(
    [
        optimizer("sgd", 0.9, 1e-4, 1e-2), optimizer("sgd", 0.0, 0.0, 1e-1), optimizer("sgd", 0.5, 0.1, 1e-2),
        optimizer("adamw", 0.9, 1e-2, 1e-3), optimizer("adamw", 0.9, 0.0, 1e-1),
    ],
    open(os.path.join(here, "optimizers.json"), "w"))
