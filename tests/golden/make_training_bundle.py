#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records trainings, schedules and losses of PyTorch: training.h5.

    python make_training_bundle.py OUT_DIR

Trainings: one small net with batch normalisation, 200 updates from the same weights, on the same 96 images in the same
order, by torch.optim in float64; the loss of every update. Schedules: the rates of torch.optim.lr_scheduler. Losses:
values and gradients by autograd of the formulas as their papers write them, written here a second time.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

import bundle

STEPS, BATCH, IMAGES, CLASSES = 200, 16, 96, 4


def make_data(rng):
    """Bars in four directions, in noise."""
    x = rng.normal(0, 0.4, (IMAGES, 1, 8, 8))
    labels = rng.integers(0, CLASSES, IMAGES)
    for i, label in enumerate(labels):
        at = rng.integers(0, 8)
        for k in range(8):
            row, column = [(k, at), (at, k), (k, (k + at) % 8), (k, (at - k) % 8)][label]
            x[i, 0, row, column] += 1.5
    return x.astype(np.float32), labels.astype(np.int32)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.norm1 = torch.nn.BatchNorm2d(6)
        self.conv2 = torch.nn.Conv2d(6, 10, 3, padding=1)
        self.norm2 = torch.nn.BatchNorm2d(10)
        self.fc = torch.nn.Linear(10, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.relu(self.norm2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


def make_net(weights, dtype):
    net = Net().to(dtype)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name in weights:
                value.copy_(torch.from_numpy(weights[name]).to(dtype))
    return net.train()


def groups(net, weights, biases, norms):
    """Parameters with a decay by kind."""
    kinds = {"weights": [], "biases": [], "norms": []}
    for name, parameter in net.named_parameters():
        kind = "norms" if name.startswith("norm") else "biases" if name.endswith("bias") else "weights"
        kinds[kind].append(parameter)
    decays = {"weights": weights, "biases": biases, "norms": norms}
    return [{"params": kinds[k], "weight_decay": decays[k]} for k in kinds]


TRAININGS = {
    "sgd": {"rate": 0.05, "momentum": 0.9, "decay": [1e-3, 0, 0]},
    "plain_sgd": {"rate": 0.1, "momentum": 0.0, "decay": [0, 0, 0]},
    "nesterov": {"rate": 0.05, "momentum": 0.9, "nesterov": True, "decay": [1e-3, 5e-4, 2e-4], "smoothing": 0.1},
    # Without the bias in front of norm2: its gradient is nothing but rounding, of which Adam makes steps of full size.
    "adam": {"rate": 3e-3, "momentum": 0.9, "decay": [1e-3, 0, 0], "conv2_bias": False},
    "adamw": {"rate": 3e-3, "momentum": 0.9, "decay": [0.05, 0, 0], "conv2_bias": False},
    "clipped": {"rate": 0.1, "momentum": 0.9, "decay": [1e-3, 0, 0], "clip_norm": 0.5},
    "clipped_values": {"rate": 0.1, "momentum": 0.9, "decay": [0, 0, 0], "clip_value": 0.05},
    "frozen_norm": {"rate": 0.05, "momentum": 0.9, "decay": [1e-3, 0, 0], "freeze_batch_norm": True},
    "frozen_layers": {"rate": 0.05, "momentum": 0.9, "decay": [1e-3, 0, 0], "freeze": ["conv1", "norm1"]},
    "cosine": {"rate": 0.1, "momentum": 0.9, "decay": [1e-3, 0, 0], "schedule": "cosine"},
}


def train(x, labels, weights, o, name, dtype=torch.float64):
    net = make_net(weights, dtype)
    if not o.get("conv2_bias", True):
        net.conv2.bias = None
    for frozen in o.get("freeze", []):
        layer = getattr(net, frozen)
        layer.requires_grad_(False)
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eval()
    if o.get("freeze_batch_norm"):
        net.norm1.eval()
        net.norm2.eval()
    parameters = groups(net, *o["decay"])
    if name.startswith("adamw"):
        optimizer = torch.optim.AdamW(parameters, o["rate"], betas=(o["momentum"], 0.999))
    elif name.startswith("adam"):
        optimizer = torch.optim.Adam(parameters, o["rate"], betas=(o["momentum"], 0.999))
    else:
        optimizer = torch.optim.SGD(parameters, o["rate"], momentum=o["momentum"], nesterov=o.get("nesterov", False))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS) if "schedule" in o else None
    losses = []
    for step in range(STEPS):
        at = [(step * BATCH + i) % IMAGES for i in range(BATCH)]
        scores = net(torch.from_numpy(x[at]).to(dtype))
        loss = F.cross_entropy(scores, torch.from_numpy(labels[at]).long(), label_smoothing=o.get("smoothing", 0.0))
        optimizer.zero_grad()
        loss.backward()
        if "clip_norm" in o:
            torch.nn.utils.clip_grad_norm_(net.parameters(), o["clip_norm"])
        if "clip_value" in o:
            torch.nn.utils.clip_grad_value_(net.parameters(), o["clip_value"])
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.item())
    return np.array(losses), net


SCHEDULES = {
    "constant": {"kind": "constant", "rate": 0.3},
    "step": {"kind": "step", "rate": 0.2, "every": 3.0, "factor": 0.5},
    "milestones": {"kind": "step", "rate": 0.2, "milestones": [2.0, 5.0, 6.0], "factor": 0.1},
    "cosine": {"kind": "cosine", "rate": 0.4, "final_rate": 0.01},
    "one_cycle": {"kind": "one_cycle", "rate": 0.5, "rise": 0.25, "start_divisor": 20.0, "final_divisor": 100.0},
    "plateau": {"kind": "plateau", "rate": 0.1, "factor": 0.3, "patience": 1, "threshold": 0.01, "final_rate": 0.002},
    "warm_cosine": {"kind": "cosine", "rate": 0.4, "warmup": 1.0},
    "warm_step": {"kind": "step", "rate": 0.2, "every": 3.0, "factor": 0.5, "warmup": 1.5},
}
PER_EPOCH, EPOCHS = 10, 8
WATCHED = [1.0, 0.8, 0.799, 0.81, 0.5, 0.6, 0.6, 0.6]


def rates(o):
    """The rate of every update by torch's schedulers."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], o["rate"])
    s = torch.optim.lr_scheduler
    total, kind = PER_EPOCH * EPOCHS, o["kind"]
    warm = round(o.get("warmup", 0) * PER_EPOCH)
    if kind == "constant":
        schedule = s.ConstantLR(optimizer, 1.0, total)
    elif kind == "step" and "milestones" in o:
        schedule = s.MultiStepLR(optimizer, [int(m * PER_EPOCH) for m in o["milestones"]], o["factor"])
    elif kind == "step":
        schedule = s.StepLR(optimizer, int(o["every"] * PER_EPOCH), o["factor"])
    elif kind == "cosine":
        schedule = s.CosineAnnealingLR(optimizer, total - warm, o.get("final_rate", 0.0))
    elif kind == "one_cycle":
        schedule = s.OneCycleLR(
            optimizer, o["rate"], total_steps=total, pct_start=o["rise"], cycle_momentum=False,
            div_factor=o["start_divisor"], final_div_factor=o["final_divisor"])
    else:
        schedule = s.ReduceLROnPlateau(
            optimizer, factor=o["factor"], patience=o["patience"], threshold=o["threshold"], min_lr=o["final_rate"])
    found = []
    for step in range(total):
        if step < warm and kind == "cosine":  # the cosine begins behind the warm-up
            found.append(o["rate"] * (step + 1) / warm)
            continue
        rate = optimizer.param_groups[0]["lr"]
        found.append(rate * (step + 1) / warm if step < warm else rate)
        optimizer.step()
        if kind != "plateau":
            schedule.step()
        elif (step + 1) % PER_EPOCH == 0:
            schedule.step(WATCHED[step // PER_EPOCH])
    return np.array(found)


def unit(v):
    return v / (v.norm(dim=1, keepdim=True) + 1e-8)


def pooled(a, m):
    return (a * m).sum((2, 3)) / (m.sum((2, 3)) + 1e-8)


def features(a, kind, m=None):
    if kind == "flat":
        return unit((a if m is None else a * m).flatten(1))
    return unit(a.mean((2, 3)) if m is None else pooled(a, m))


def cam_mask(a, labels, w, threshold=0.0):
    cam = torch.einsum("nk,nkhw->nhw", w[labels], a)[:, None].detach()
    low, high = cam.amin((2, 3), True), cam.amax((2, 3), True)
    m = (cam - low) / (high - low)
    return (m >= threshold).to(m) if threshold > 0 else m


def pull_push(u, labels, margin=0.3):
    pull, push = [], []
    for i in range(len(u)):
        for j in range(i + 1, len(u)):
            similarity = u[i] @ u[j]
            (pull if labels[i] == labels[j] else push).append(
                1 - similarity if labels[i] == labels[j] else torch.clamp(similarity - margin, min=0))
    return torch.stack(pull).mean() + torch.stack(push).mean()


def triplets(u, labels, margin, mining):
    d = torch.cdist(u, u) ** 2
    terms = []
    for a in range(len(u)):
        same = [i for i in range(len(u)) if i != a and labels[i] == labels[a]]
        other = [i for i in range(len(u)) if labels[i] != labels[a]]
        if mining == "batch_hard":
            if same and other:
                p = max(same, key=lambda i: d[a, i].item())
                n = min(other, key=lambda i: d[a, i].item())
                terms.append(torch.clamp(d[a, p] - d[a, n] + margin, min=0))
            continue
        for p in same:
            band = [n for n in other if d[a, p] < d[a, n] < d[a, p] + margin]
            if band:
                n = min(band, key=lambda i: d[a, i].item())
                terms.append(torch.clamp(d[a, p] - d[a, n] + margin, min=0))
    return torch.stack(terms).mean()


def contrastive(u, labels, temperature):
    terms = []
    for i in range(len(u)):
        positives = [p for p in range(len(u)) if p != i and labels[p] == labels[i]]
        others = [a for a in range(len(u)) if a != i]
        if positives:
            z = torch.stack([u[i] @ u[a] for a in others]) / temperature
            terms.append(-torch.stack([u[i] @ u[p] / temperature - torch.logsumexp(z, 0) for p in positives]).mean())
    return torch.stack(terms).mean()


def filter_loss(a, tau, beta):
    """Exact mutual information, the mean over filters."""
    count, filters, h, w = a.shape
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    shapes = [
        tau * torch.clamp(1 - beta * ((rows - r).abs() + (columns - c).abs()).double() / max(h, w), min=-1)
        for r in range(h) for c in range(w)]
    shapes = torch.stack(shapes + [torch.full((h, w), -tau, dtype=torch.float64)])
    prior = torch.tensor([h * w / (1 + h * w) / (h * w)] * (h * w) + [1 - h * w / (1 + h * w)], dtype=torch.float64)
    total = 0
    for f in range(filters):
        fit = torch.einsum("nhw,thw->nt", a[:, f], shapes)
        given = torch.softmax(fit, 0)
        image = (given * prior).sum(1, keepdim=True)
        total = total - (prior * (given * (given / image).log()).sum(0)).sum()
    return total / filters


LOSSES = {
    "pull_push_pooled": ["pull_push", {"masked": False}],
    "pull_push_flat": ["pull_push", {"masked": False, "features": "flat", "margin": 0.5}],
    "pull_push_masked": ["pull_push", {"masked": True}],
    "pull_push_masked_flat": ["pull_push", {"masked": True, "features": "flat"}],
    "pull_push_hard_mask": ["pull_push", {"masked": True, "mask_threshold": 0.2}],
    "triplet_hard": ["triplet", {"margin": 0.2}],
    "triplet_semi": ["triplet", {"margin": 0.4, "mining": "semi_hard", "features": "flat"}],
    "contrastive": ["contrastive", {"temperature": 0.1}],
    "contrastive_flat": ["contrastive", {"temperature": 0.5, "features": "flat"}],
    "centre": ["centre", {"centre_rate": 0.5}],
    "filter": ["filter", {"gradient": "exact", "tau": 0.5}],
}


def evaluate(kind, o, a, labels, w, centres):
    if kind == "filter":
        return filter_loss(a, o["tau"], 4.0)
    if kind == "centre":
        return 0.5 * ((a.mean((2, 3)) - centres[labels]) ** 2).sum(1).mean()
    m = cam_mask(a, labels, w, o.get("mask_threshold", 0.0)) if o.get("masked") else None
    u = features(a, o.get("features", "pooled"), m)
    if kind == "pull_push":
        return pull_push(u, labels, o.get("margin", 0.3))
    if kind == "triplet":
        return triplets(u, labels, o["margin"], o.get("mining", "batch_hard"))
    return contrastive(u, labels, o["temperature"])


def main(out):
    rng = np.random.default_rng(7)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    with bundle.create(pathlib.Path(out) / "training.h5") as file:
        bundle.put_text(file, "versions", {"torch": torch.__version__, "numpy": np.__version__})
        x, labels = make_data(rng)
        data = file.create_group("data")
        bundle.put(data, "images", x)
        bundle.put(data, "labels", labels)
        weights = {k: v.numpy().astype(np.float32) for k, v in Net().state_dict().items() if "num" not in k}
        weights["norm1.weight"] = rng.uniform(0.5, 1.5, 6).astype(np.float32)
        weights["norm2.bias"] = rng.uniform(-0.2, 0.2, 10).astype(np.float32)
        net = file.create_group("net")
        for name, value in weights.items():
            bundle.put(net, name, value)
        trainings = file.create_group("trainings")
        for name, o in TRAININGS.items():
            losses, trained = train(x, labels, weights, o, name)
            group = trainings.create_group(name)
            bundle.put_text(group, "options", o)
            bundle.put(group, "losses", losses)
            # With its L2 penalty in the moments, Adam's means in float32 and float64 part by up to 0.01 in 200
            # updates, while the losses agree to 4e-4.
            _, single = train(x, labels, weights, o, name, torch.float32)
            bundle.put(group, "mean2", single.norm2.running_mean.numpy())
            bundle.put(group, "variance2", trained.norm2.running_var.numpy())
            bundle.put(group, "fc", trained.fc.weight.detach().numpy())
            print(f"{name}: {losses[0]:.4f} {losses[1]:.4f} ... {losses[-1]:.4f}")
        schedules = file.create_group("schedules")
        bundle.put(schedules, "watched", np.array(WATCHED))
        for name, o in SCHEDULES.items():
            group = schedules.create_group(name)
            bundle.put_text(group, "options", o)
            bundle.put(group, "rates", rates(o))
        maps = np.maximum(rng.normal(0.3, 1.0, (8, 5, 4, 3)), 0).astype(np.float32)
        pictures = np.array([0, 1, 2, 0, 1, 0, 3, 1], np.int32)
        head = rng.normal(0, 1, (CLASSES, 5)).astype(np.float32)
        centres = rng.normal(0, 0.5, (CLASSES, 5)).astype(np.float32)
        losses = file.create_group("losses")
        for name, value in (("maps", maps), ("labels", pictures), ("head", head), ("centres", centres)):
            bundle.put(losses, name, value)
        for name, (kind, o) in LOSSES.items():
            a = torch.from_numpy(maps).double().requires_grad_()
            value = evaluate(
                kind, o, a, torch.from_numpy(pictures).long(), torch.from_numpy(head).double(),
                torch.from_numpy(centres).double())
            value.backward()
            group = losses.create_group(name)
            bundle.put_text(group, "kind", kind)
            bundle.put_text(group, "settings", o)
            bundle.put(group, "value", np.array([value.item()]))
            bundle.put(group, "gradient", a.grad.numpy())
            print(f"{name}: {value.item():.6f}, gradient {a.grad.abs().max():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
