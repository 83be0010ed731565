# SPDX-License-Identifier: Apache-2.0
"""Excitation backpropagation (Zhang et al. 2016) written out: p_j = sum_k a_j w+_jk / (sum_i a_i w+_ik) p_k.

The definition of TorchRay's excitation_backprop: linear layers with w+ and without bias, average poolings and sums in
proportion, maximum poolings and ReLUs as in the gradient. Two things are this project's (docs/methods.md): a batch
normalisation is folded into its convolution first, where TorchRay lets the signal pass it and takes the signs of the
weights before it; and LRN lets the signal pass.
"""

import copy

import torch
from torch import nn

from caffe_net import GlobalAverage, RuleLRN
from resnet import Add


class _Proportional(torch.autograd.Function):
    """y = real(x); going back, p becomes x * positive'(p / positive(x))."""

    @staticmethod
    def forward(ctx, x, real, positive):
        ctx.save_for_backward(x)
        ctx.positive = positive
        return real(x)

    @staticmethod
    def backward(ctx, p):
        x = ctx.saved_tensors[0].detach().requires_grad_(True)
        with torch.enable_grad():
            z = ctx.positive(x)
            (r,) = torch.autograd.grad(z, x, p / (z + 1e-20))
        return x.detach() * r, None, None


class _SharedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a + b

    @staticmethod
    def backward(ctx, p):
        a, b = ctx.saved_tensors
        z = a + b
        share = p / torch.where(z == 0, torch.ones_like(z), z)
        return a * share, b * share


class _PassBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, real):
        return real(x)

    @staticmethod
    def backward(ctx, p):
        return p, None


def _positive(module, sign):
    """The module with sign * weights, those above 0, and no bias."""
    twin = copy.deepcopy(module)
    twin.weight = nn.Parameter((sign * module.weight).clamp(min=0), requires_grad=False)
    twin.bias = None
    return type(module).forward.__get__(twin)


def prepare(net, classifier=None, fold=True):
    """A copy of `net` whose backward pass is excitation; `classifier`: this module with negated weights."""
    kept, net.blobs = net.blobs, {}  # parts of an autograd graph cannot be copied
    net, original = copy.deepcopy(net), net
    original.blobs = kept
    modules = dict(net.named_modules())
    if fold:
        _fold(modules)
    for name, module in modules.items():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            positive = _positive(module, -1.0 if name == classifier else 1.0)
            module.forward = lambda x, r=type(module).forward.__get__(module), p=positive: _Proportional.apply(x, r, p)
        elif isinstance(module, (nn.AvgPool2d, nn.AdaptiveAvgPool2d, GlobalAverage)):
            real = type(module).forward.__get__(module)
            module.forward = lambda x, r=real: _Proportional.apply(x, r, r)
        elif isinstance(module, (nn.BatchNorm2d, RuleLRN)):
            real = type(module).forward.__get__(module)
            module.forward = lambda x, r=real: _PassBack.apply(x, r)
        elif isinstance(module, Add):
            module.forward = _SharedSum.apply
    return net


def _fold(modules):
    """Puts every batch normalisation into the convolution before it and leaves the identity in its place."""
    for name, norm in modules.items():
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        head, _, last = name.rpartition(".")
        before = {"bn1": "conv1", "bn2": "conv2", "1": "0"}[last]
        conv = modules[(head + "." if head else "") + before]
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
        conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale, requires_grad=False)
        norm.running_mean, norm.running_var = torch.zeros_like(scale), torch.ones_like(scale) - norm.eps
        norm.weight = nn.Parameter(torch.ones_like(scale), requires_grad=False)
        norm.bias = nn.Parameter(torch.zeros_like(scale), requires_grad=False)


def _pass(net, x, classifier, outputs, inputs, seed):
    """d outputs / d inputs in a net of prepare(); names of blobs, or "below": what the classifier reads."""
    found = {}
    module = dict(net.named_modules())[classifier]
    handle = module.register_forward_pre_hook(lambda _, arguments: found.update(below=arguments[0]))
    logits = net(x.clone().requires_grad_(True))
    handle.remove()
    values = dict(net.blobs, below=found["below"], logits=logits)
    return torch.autograd.grad(values[outputs], values[inputs], seed)[0]


def excitation(net, x, c, layer, fold=True):
    """The map at `layer`, summed over its channels, of class c."""
    seed = torch.zeros(1, 1000, dtype=x.dtype)
    seed[0, c] = 1
    walk = prepare(net, fold=fold)
    first = next(name for name, m in walk.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    return _pass(walk, x, first, "logits", layer, seed)[0].sum(0).numpy()


def contrastive(net, x, c, layer, classifier):
    """The same minus the walk of the negated classifier, as the authors' code and TorchRay do it: the difference is taken
    at what the classifier reads and goes down signed; negative values are dropped at the map."""
    seed = torch.zeros(1, 1000, dtype=x.dtype)
    seed[0, c] = 1
    walk, against = prepare(net), prepare(net, classifier)
    p = _pass(walk, x, classifier, "logits", "below", seed)
    p = p - _pass(against, x, classifier, "logits", "below", seed)
    return _pass(walk, x, classifier, "below", layer, p)[0].sum(0).clamp(min=0).numpy()
