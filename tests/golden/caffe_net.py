# SPDX-License-Identifier: Apache-2.0
"""Runs a Caffe deploy prototxt in PyTorch: the reference engine of the golden bundles.

Supports the layers of GoogLeNet, SqueezeNet, AlexNet and LeNet: Input, Convolution, ReLU, Pooling, LRN,
Concat, Dropout (identity), InnerProduct, Softmax. Every layer is a torch module of its own, so that
Captum and pytorch-grad-cam can hook it. Backward rules are chosen per network (`set_rule`):

    rule        ReLU                LRN
    gradient    R * [X > 0]         Jacobian
    guided      R * [X > 0][R > 0]  Jacobian
    deconvnet   R * [R > 0]         identity (or Jacobian, `lrn_identity=False`)
"""

import math
import re

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

RULES = ("gradient", "guided", "deconvnet")


def parse_prototxt(text):
    """Parses protobuf text format into {key: [value, ...]}; nested messages are such dictionaries."""
    text = re.sub(r"#[^\n]*", "", text)
    tokens = re.findall(r'"[^"]*"|\{|\}|:|[^\s{}:]+', text)
    position = 0

    def message(depth):
        nonlocal position
        fields = {}
        while position < len(tokens):
            key = tokens[position]
            position += 1
            if key == "}":
                if depth == 0:
                    raise ValueError("unbalanced '}' in prototxt")
                return fields
            if tokens[position] == ":":
                position += 1
            if tokens[position] == "{":
                position += 1
                value = message(depth + 1)
            else:
                value = scalar(tokens[position])
                position += 1
            fields.setdefault(key, []).append(value)
        if depth:
            raise ValueError("prototxt ends inside a message")
        return fields

    return message(0)


def scalar(token):
    """Turns one prototxt token into str, bool, int, float or (enum names) str."""
    if token.startswith('"'):
        return token[1:-1]
    if token in ("true", "false"):
        return token == "true"
    for kind in (int, float):
        try:
            return kind(token)
        except ValueError:
            pass
    return token


def one(fields, key, default=None):
    """The single value of `key`, or `default`."""
    values = fields.get(key, [default])
    if len(values) != 1:
        raise ValueError(f"{key}: expected one value, got {values}")
    return values[0]


class _ReluRule(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, rule):
        ctx.save_for_backward(x)
        ctx.rule = rule
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, r):
        (x,) = ctx.saved_tensors
        if ctx.rule != "deconvnet":
            r = r * (x > 0)
        if ctx.rule != "gradient":
            r = r * (r > 0)
        return r, None


class RuleReLU(nn.Module):
    """ReLU whose backward pass follows one of RULES."""

    def __init__(self):
        super().__init__()
        self.rule = "gradient"

    def forward(self, x):
        return _ReluRule.apply(x, self.rule)


class _IdentityBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, value):
        return value.detach().clone()

    @staticmethod
    def backward(ctx, r):
        return r, None


class RuleLRN(nn.Module):
    """Across-channel LRN y = x * (k + alpha/n * sum x^2)^-beta; backward is its Jacobian or the identity."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k
        self.identity = False

    def forward(self, x):
        y = F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)
        return _IdentityBackward.apply(x, y) if self.identity else y


class GlobalAverage(nn.Module):
    def forward(self, x):
        return x.mean(dim=(2, 3), keepdim=True)


class Concat(nn.Module):
    def forward(self, *xs):
        return torch.cat(xs, dim=1)


class InnerProduct(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1))


class MaxPool(nn.Module):
    """Caffe max pooling: ceil mode; ties go to the first maximum in row-major order (see check_ties)."""

    def __init__(self, k, s, p):
        super().__init__()
        self.args = {"kernel_size": k, "stride": s, "padding": p, "ceil_mode": True}

    def forward(self, x):
        return F.max_pool2d(x, **self.args)


def convolution(param, channels):
    k, groups = one(param, "kernel_size"), one(param, "group", 1)
    return nn.Conv2d(channels, one(param, "num_output"), k, one(param, "stride", 1), one(param, "pad", 0),
                     one(param, "dilation", 1), groups, one(param, "bias_term", True))


def pooling(param):
    kind = one(param, "pool", "MAX")
    if one(param, "global_pooling", False):
        if kind != "AVE":
            raise ValueError("only global average pooling is supported")
        return GlobalAverage()
    k, s, p = one(param, "kernel_size"), one(param, "stride", 1), one(param, "pad", 0)
    if kind == "MAX":
        return MaxPool(k, s, p)
    # Caffe's divisor is the window clipped to [-p, H + p); PyTorch's with count_include_pad is the same.
    return nn.AvgPool2d(k, s, p, ceil_mode=True, count_include_pad=True)


class CaffeNet(nn.Module):
    """A prototxt network. `blobs` holds the output of every layer of the last forward pass, by layer name."""

    def __init__(self, prototxt_path, weights_path, plain_relu=False):
        super().__init__()
        net = parse_prototxt(open(prototxt_path, encoding="utf-8").read())
        self.order, self.layers, self.blobs = [], nn.ModuleDict(), {}
        shapes = self._inputs(net)
        self.input_blob, self.input_shape = next(iter(shapes.items()))
        channels = {name: shape[1] for name, shape in shapes.items()}
        extent = {}
        for layer in net["layer"]:
            if one(layer, "type") != "Input":
                self._add(layer, channels, extent, plain_relu)
        self._load(weights_path)
        self.set_noise(0.0)
        self.requires_grad_(False)
        self.eval()

    @staticmethod
    def _inputs(net):
        if "input" in net:
            return {one(net, "input"): tuple(net["input_dim"])}
        for layer in net["layer"]:
            if one(layer, "type") == "Input":
                return {one(layer, "top"): tuple(one(one(layer, "input_param"), "shape")["dim"])}
        raise ValueError("prototxt has no input")

    def _add(self, layer, channels, extent, plain_relu):
        name, kind = one(layer, "name"), one(layer, "type")
        bottoms, top = layer["bottom"], one(layer, "top")
        out = channels[bottoms[0]]
        if kind == "Convolution":
            module = convolution(one(layer, "convolution_param"), out)
            out = module.out_channels
        elif kind == "ReLU":
            module = nn.ReLU() if plain_relu else RuleReLU()
        elif kind == "Pooling":
            module = pooling(one(layer, "pooling_param"))
        elif kind == "LRN":
            p = one(layer, "lrn_param")
            if one(p, "norm_region", "ACROSS_CHANNELS") != "ACROSS_CHANNELS":
                raise ValueError("only across-channel LRN is supported")
            module = RuleLRN(one(p, "local_size", 5), one(p, "alpha", 1.0), one(p, "beta", 0.75), one(p, "k", 1.0))
        elif kind == "Concat":
            module, out = Concat(), sum(channels[b] for b in bottoms)
        elif kind == "Dropout":
            module = nn.Identity()
        elif kind == "InnerProduct":
            out = one(one(layer, "inner_product_param"), "num_output")
            module = InnerProduct(1, out)  # the weights are replaced, with their true extent, by _load
        elif kind == "Softmax":
            module = nn.Softmax(dim=1)
        else:
            raise ValueError(f"{name}: unsupported layer type {kind}")
        channels[top] = out
        self.layers[name] = module
        self.order.append((name, kind, tuple(bottoms), top))

    def _load(self, path):
        with h5py.File(path, "r") as file:
            for name, module in self.layers.items():
                if not isinstance(module, (nn.Conv2d, nn.Linear)):
                    continue
                group = file["data/" + name]
                weight = torch.from_numpy(group["0"][...].astype(np.float32))
                if isinstance(module, nn.Conv2d) and weight.shape != module.weight.shape:
                    raise ValueError(f"{name}: weights {tuple(weight.shape)}, expected {tuple(module.weight.shape)}")
                module.weight = nn.Parameter(weight)
                module.bias = nn.Parameter(torch.from_numpy(group["1"][...].astype(np.float32)))

    def set_rule(self, rule, lrn_identity=None):
        """Chooses the backward rule; LRN passes the signal through unchanged under `deconvnet` only."""
        if rule not in RULES:
            raise ValueError(rule)
        identity = (rule == "deconvnet") if lrn_identity is None else lrn_identity
        for module in self.layers.values():
            if isinstance(module, RuleReLU):
                module.rule = rule
            elif isinstance(module, RuleLRN):
                module.identity = identity

    def set_noise(self, share, seed=0):
        """Adds Gaussian noise of `share` times the root mean square to every convolution's output (0: none)."""
        self.noise = share
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, x):
        """Returns the output of the last layer other than Softmax, N x classes."""
        values, self.blobs = {self.input_blob: x}, {}
        for name, kind, bottoms, top in self.order:
            if kind == "Softmax":
                continue
            values[top] = self.layers[name](*(values[b] for b in bottoms))
            if self.noise and kind == "Convolution":
                y = values[top]
                noise = torch.randn(y.shape, generator=self.generator, dtype=torch.float64).to(y.dtype)
                values[top] = y + self.noise * y.detach().square().mean().sqrt() * noise
            self.blobs[name] = logits = values[top]
        return logits.flatten(1)


def preprocess(rgb, size):
    """Caffe ImageNet input of an H x W x 3 uint8 RGB image: centre crop, BGR, minus (104, 117, 123); 3 x size x size.

    The crop starts at floor((H - size) / 2), floor((W - size) / 2).
    """
    top, left = (rgb.shape[0] - size) // 2, (rgb.shape[1] - size) // 2
    crop = rgb[top:top + size, left:left + size, ::-1].astype(np.float32)
    return np.ascontiguousarray((crop - np.array([104, 117, 123], np.float32)).transpose(2, 0, 1))


def first_max_pool(x, k, s, p):
    """Max pooling (ceil mode) written out: (values, switches) of an H x W float array, first maximum wins."""
    h, w = x.shape
    extents = []
    for n in (h, w):
        o = math.ceil((n + 2 * p - k) / s) + 1
        extents.append(o - 1 if (o - 1) * s >= n + p else o)
    y, switches = np.empty(extents), np.empty(extents, np.int64)
    for i in range(extents[0]):
        for j in range(extents[1]):
            best, where = -math.inf, -1
            for a in range(max(i * s - p, 0), min(i * s - p + k, h)):
                for b in range(max(j * s - p, 0), min(j * s - p + k, w)):
                    if x[a, b] > best:
                        best, where = x[a, b], a * w + b
            y[i, j], switches[i, j] = best, where
    return y, switches


def check_ties(seed=0):
    """Asserts that PyTorch's max pooling has the tie rule and extents of first_max_pool, forward and backward."""
    rng = np.random.default_rng(seed)
    cases = [(13, 3, 2, 0), (14, 3, 2, 0), (12, 3, 1, 1), (11, 2, 2, 0), (9, 3, 2, 1), (12, 3, 2, 1), (8, 3, 3, 0)]
    for n, k, s, p in cases:
        plane = rng.integers(-1, 3, (n, n + 1)).astype(np.float64).clip(min=0)  # mostly plateaus of zero
        plane[: n // 2, : n // 2] = 0
        y, switches = first_max_pool(plane, k, s, p)
        for dtype in (torch.float32, torch.float64):
            for layout in (torch.contiguous_format, torch.channels_last):
                x = torch.from_numpy(plane).to(dtype).expand(2, 3, -1, -1).contiguous(memory_format=layout)
                x.requires_grad_(True)
                ty, ti = F.max_pool2d(x, k, s, p, ceil_mode=True, return_indices=True)
                assert np.array_equal(ty.detach().numpy()[1, 2], y), (n, k, s, p)
                assert np.array_equal(ti.numpy()[1, 2], switches), (n, k, s, p)
                dy = torch.arange(1, ty.numel() + 1, dtype=dtype).reshape(ty.shape)
                F.max_pool2d(x, k, s, p, ceil_mode=True).backward(dy)
                dx = np.zeros(plane.size)
                np.add.at(dx, switches.ravel(), dy[1, 2].numpy().ravel())
                assert np.array_equal(x.grad[1, 2].numpy().ravel(), dx), (n, k, s, p)
