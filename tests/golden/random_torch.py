# SPDX-License-Identifier: Apache-2.0
"""Random PyTorch modules for random_graphs.py, exported to ONNX by torch.onnx.export, with PyTorch's own numbers."""

import os
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

MAPS = (4, 8, 6)


def recipe(rng):
    def pick(*values):
        return values[rng.integers(len(values))]

    def step():
        kind = pick("conv", "conv", "conv", "norm", "group_norm", "instance_norm", "layer_norm", "activation", "activation", "max", "mean",
                    "adaptive", "deconv", "upsample", "upsample", "shuffle", "pixel_shuffle", "pixel_unshuffle", "gate", "residual",
                    "chunk", "flatten", "linear", "mean_axes", "pad", "permute_linear", "prelu", "index", "roll_channels", "cat")
        s = {"kind": kind, "seed": int(rng.integers(1 << 30))}
        if kind in ("conv", "deconv"):
            s |= {"channels": pick(4, 6, 8), "kernel": [pick(1, 2, 3), pick(1, 3)], "stride": pick(1, 1, 2), "padding": pick(0, 1, 1),
                  "groups": pick(1, 1, 2), "bias": pick(True, False)}
        if kind == "conv":
            s |= {"mode": pick("zeros", "zeros", "reflect", "same")}
        if kind == "activation":
            s |= {"name": pick("ReLU", "SiLU", "Sigmoid", "Hardswish", "Hardsigmoid", "ELU", "GELU", "Mish", "Softplus", "Tanh", "ReLU6",
                               "LeakyReLU", "Softsign", "SELU", "Hardtanh")}
        if kind in ("max", "mean"):
            s |= {"kernel": pick(2, 3), "stride": pick(1, 2), "padding": pick(0, 1), "ceil": pick(True, False), "counted": pick(True, False)}
        if kind == "adaptive":
            s |= {"size": pick(1, 1, [2, 1], [2, 3]), "max": pick(True, False)}
        if kind == "upsample":
            s |= {"mode": pick("nearest", "bilinear", "bilinear"), "align": pick(True, False), "by": pick("scale", "size"), "scale": pick(2, 2, 1.5)}
        if kind in ("group_norm", "shuffle"):
            s |= {"groups": pick(2, 3, 1)}
        if kind == "mean_axes":
            s |= {"axes": pick([2, 3], [1], [3], [-1, -2]), "keep": pick(True, False), "how": pick("mean", "amax", "sum")}
        if kind == "pad":
            s |= {"pads": [pick(0, 1), pick(0, 2), pick(0, 1), pick(0, 1)], "mode": pick("constant", "reflect", "replicate")}
        if kind == "chunk":
            s |= {"keep": pick(0, 1, 2)}
        if kind == "flatten":
            s |= {"how": pick("flatten", "view", "reshape")}
        if kind == "index":
            s |= {"axis": pick(1, 2), "from": pick(0, 1)}
        return s

    return [step() for _ in range(int(rng.integers(3, 12)))]


def function(s, shape):
    """A module or a function of values of that shape; None when it does not fit."""
    kind, maps, c = s["kind"], len(shape) == 4, shape[1]
    if kind in ("linear", "flatten"):
        if kind == "linear":
            return nn.Linear(shape[-1], 5, bias=bool(s["seed"] % 2)) if len(shape) == 2 else None
        return {"flatten": lambda x: torch.flatten(x, 1), "view": lambda x: x.view(x.size(0), -1),
                "reshape": lambda x: x.reshape(x.shape[0], -1)}[s["how"]]
    if kind == "activation":
        return getattr(nn, s["name"])()
    if kind == "residual":
        return lambda x: x + torch.relu(x) * 0.5
    if kind == "layer_norm" and not maps:
        return nn.LayerNorm(shape[-1])
    if not maps:
        return None
    if kind == "conv":
        if c % s["groups"] or s["channels"] % s["groups"]:
            return None
        if s["mode"] == "same":
            return nn.Conv2d(c, s["channels"], s["kernel"], padding="same", groups=s["groups"], bias=s["bias"])
        return nn.Conv2d(c, s["channels"], s["kernel"], s["stride"], s["padding"], groups=s["groups"], bias=s["bias"], padding_mode=s["mode"])
    if kind == "deconv":
        if c % s["groups"] or s["channels"] % s["groups"]:
            return None
        return nn.ConvTranspose2d(c, s["channels"], s["kernel"], s["stride"], 0 if min(s["kernel"]) < 2 else s["padding"],
                                  output_padding=s["stride"] - 1, groups=s["groups"], bias=s["bias"])
    if kind == "norm":
        return nn.BatchNorm2d(c)
    if kind == "group_norm":
        return nn.GroupNorm(s["groups"], c) if c % s["groups"] == 0 else None
    if kind == "instance_norm":
        return nn.InstanceNorm2d(c, affine=bool(s["seed"] % 2))
    if kind == "layer_norm":
        norm = nn.LayerNorm(c)
        return Wrapped(norm, lambda m, x: m(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    if kind == "permute_linear":
        return Wrapped(nn.Linear(c, 5), lambda m, x: m(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    if kind == "prelu":
        return nn.PReLU(c if s["seed"] % 2 else 1)
    if kind == "max":
        return nn.MaxPool2d(s["kernel"], s["stride"], s["padding"], ceil_mode=s["ceil"])
    if kind == "mean":
        return nn.AvgPool2d(s["kernel"], s["stride"], s["padding"], ceil_mode=s["ceil"], count_include_pad=s["counted"])
    if kind == "adaptive":
        return (nn.AdaptiveMaxPool2d if s["max"] else nn.AdaptiveAvgPool2d)(s["size"])
    if kind == "upsample":
        more = {"align_corners": s["align"]} if s["mode"] == "bilinear" else {}
        where = {"scale_factor": s["scale"]} if s["by"] == "scale" else {"size": (shape[2] * 2, shape[3] + 1)}
        return lambda x: F.interpolate(x, mode=s["mode"], **where, **more)
    if kind == "shuffle":
        return shuffled(s["groups"]) if c % s["groups"] == 0 else None
    if kind == "pixel_shuffle":
        return nn.PixelShuffle(2) if c % 4 == 0 else None
    if kind == "pixel_unshuffle":
        return nn.PixelUnshuffle(2) if shape[2] % 2 == 0 and shape[3] % 2 == 0 else None
    if kind == "gate":
        return Wrapped(nn.Conv2d(c, c, 1), lambda m, x: x * torch.sigmoid(m(x.mean((2, 3), keepdim=True))))
    if kind == "chunk":
        if c < 2:
            return None
        return lambda x: (x.chunk(2, 1) + (torch.cat(x.chunk(2, 1)[::-1], 1),))[s["keep"]]
    if kind == "mean_axes":
        return lambda x: getattr(x, s["how"])(s["axes"], keepdim=s["keep"])
    if kind == "pad":
        return lambda x: F.pad(x, s["pads"], mode=s["mode"])
    if kind == "index":
        return lambda x: x[:, s["from"]::2] if s["axis"] == 1 else x[:, :, s["from"]:]
    if kind == "roll_channels":
        return lambda x: x[:, list(range(c))[::-1]]
    if kind == "cat":
        return lambda x: torch.cat([x, torch.tanh(x)], 1)
    raise ValueError(kind)


def shuffled(groups):
    def run(x):
        n, c, h, w = x.shape
        return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)
    return run


class Wrapped(nn.Module):
    def __init__(self, module, how):
        super().__init__()
        self.module, self.how = module, how

    def forward(self, x):
        return self.how(self.module, x)


class Chain(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.modules_of_steps = nn.ModuleList([s for s in steps if isinstance(s, nn.Module)])

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


def randomised(module, rng):
    for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
        if not tensor.is_floating_point():
            continue
        values = torch.tensor((rng.integers(-8, 9, tuple(tensor.shape)) / 8).astype(np.float32))
        with torch.no_grad():
            tensor.copy_(values.abs() + 0.25 if name.endswith("running_var") else values / (2 if tensor.dim() > 1 else 1))
    return module


def build(recipe, folder):
    """The file, an input and PyTorch's output; None when nothing of the recipe fits."""
    torch.set_num_threads(1)
    x = torch.tensor((np.random.default_rng(7).integers(-8, 9, (1, *MAPS)) / 8).astype(np.float32))
    steps, y = [], x
    with torch.no_grad():
        for s in recipe:
            f = function(s, tuple(y.shape))
            if f is None:
                continue
            if isinstance(f, nn.Module):
                f = randomised(f, np.random.default_rng(s["seed"])).eval()
            try:
                z = f(y)
            except (RuntimeError, ValueError, IndexError):  # what PyTorch refuses is no valid net
                continue
            if 2 <= z.dim() <= 4 and len(z) == 1 and 0 < z.numel() < 4000 and torch.isfinite(z).all():
                steps.append(f)
                y = z
        if not steps or not y.abs().max() > 1e-3:
            return None
        path = os.path.join(folder, "m.onnx")
        seeds = [s["seed"] for s in recipe]
        dynamic = {"dynamic_axes": {"x": {0: "n"}}} if seeds[0] % 3 == 0 else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.onnx.export(Chain(steps).eval(), x, path, input_names=["x"], opset_version=[11, 13, 17, 18][seeds[-1] % 4],
                                  dynamo=False, **dynamic)
        except Exception:  # what the exporter refuses is no file
            return None
    return [path], x.numpy(), y.numpy()
