# SPDX-License-Identifier: Apache-2.0
"""Records relevance maps of zennit: OUT_DIR/lrp.h5.

SqueezeNet 1.0, GoogLeNet (Caffe) and ResNet-18 (torchvision's module under zennit's ResNetCanonizer) on three ImageNet
validation images (the first whole, of the others every third row and column), and two small nets with random weights (a VGG with
three poolings, a ResNet with batch normalisation), all in float64. What zennit leaves to the gradient and Cutaway does
not is put into its layer map here: LRN passes relevance on (zennit would use its Jacobian), the global average of
the prototxt nets is shared out in proportion like any average pooling, and w^2 ignores the bias (zennit's default gives
it a share, the literature does not).

Captum's LRP knows sequential nets without LRN, concatenation and sums of branches: the VGG (dataset `captum`: epsilon 1e-9
everywhere). The VGG's map by the tutorial of Montavon et al. (2019) is computed here, layer by layer.
"""

import argparse
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
import zennit
from captum.attr import LRP
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import (EpsilonAlpha2Beta1, EpsilonAlpha2Beta1Flat, EpsilonGammaBox, EpsilonPlus,
                               EpsilonPlusFlat)
from zennit.core import Composite
from zennit.layer import Sum
from zennit.rules import Epsilon, Flat, Gamma, Norm, Pass, WSquare, ZPlus
from zennit.torchvision import ResNetCanonizer

import resnet
from bundle import create, put, put_map, put_text
from caffe_net import CaffeNet, GlobalAverage, RuleLRN, preprocess
from make_imagenet_bundles import IMAGES, load_rgb

NETS = {"googlenet": ("bvlc_googlenet", 224), "squeezenet": ("squeezenet_v1.0", 227)}
PHOTOGRAPHS, THIN = 3, 3
OTHERS = [(RuleLRN, Pass()), (GlobalAverage, Norm())]


def composites(low, high, canonizers=()):
    common = {"layer_map": OTHERS, "canonizers": list(canonizers)}
    return {
        "epsilon_gamma_box": EpsilonGammaBox(low=low, high=high, **common),
        "epsilon_plus": EpsilonPlus(**common),
        "epsilon_plus_flat": EpsilonPlusFlat(**common),
        "epsilon_alpha2_beta1": EpsilonAlpha2Beta1(**common),
        "epsilon_alpha2_beta1_flat": EpsilonAlpha2Beta1Flat(**common),
    }


def uniform(rule, canonizers=()):
    """The same rule for every convolution and dense layer."""
    def module_map(ctx, name, module):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            return rule
        if isinstance(module, (nn.ReLU, RuleLRN)):
            return Pass()
        if isinstance(module, (nn.AvgPool2d, nn.AdaptiveAvgPool2d, GlobalAverage, Sum)):
            return Norm()
        return None
    return Composite(module_map=module_map, canonizers=list(canonizers))


def relevance(net, composite, x, c):
    """Relevance of the pixels, summed over colours, when logit c has its own value."""
    x = x.clone().requires_grad_(True)
    with composite.context(net) as modified:
        y = modified(x)
        seed = torch.zeros_like(y)
        seed[0, c] = y[0, c].detach()
        (r,) = torch.autograd.grad(y, x, seed)
    return r[0].sum(0).numpy()


def small_vgg():
    def block(i, o):
        return [nn.Conv2d(i, o, 3, padding=1), nn.ReLU()]
    layers = block(3, 8) + block(8, 8) + [nn.MaxPool2d(2)] + block(8, 12) + block(12, 16) + [nn.MaxPool2d(2)]
    layers += block(16, 16) + [nn.MaxPool2d(2)] + block(16, 20) + [nn.Flatten(), nn.Linear(180, 24), nn.ReLU(),
                                                                 nn.Linear(24, 5)]
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.relu1 = nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if i != o else None
        self.sum, self.relu2 = Sum(), nn.ReLU()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        side = x if self.down is None else self.down(x)
        return self.relu2(self.sum(torch.stack([side, y], dim=-1)))


def small_resnet():
    return nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                         Block(8, 8, 1), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))


def randomize(net, seed):
    """Weights that are exact in float32; normalisations and biases that matter."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda t: torch.randn(t.shape, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        for name, t in list(net.named_parameters()) + list(net.named_buffers()):
            if not t.is_floating_point():
                continue
            if t.dim() > 1:
                value = draw(t) * (2.0 / t[0].numel()) ** 0.5
            elif name.endswith("running_var"):
                value = 0.5 + draw(t) ** 2
            elif name.endswith("weight"):
                value = 1 + 0.3 * draw(t)
            else:
                value = 0.1 * draw(t)
            t.copy_(value.float().double())
    return net.eval().requires_grad_(False)


def tutorial(net, x, c, low, high):
    """heatmapping.org's VGG-16 recipe on a small_vgg: max pooling as average pooling, the dense layers by LRP-0."""
    layers = [nn.AvgPool2d(2) if isinstance(m, nn.MaxPool2d) else m for m in net]
    plain, inputs = x, []
    for layer, real in zip(layers, net):
        inputs.append(plain)
        plain = real(plain)
    r = torch.zeros_like(plain)
    r[0, c] = plain[0, c]
    pools = [i for i, m in enumerate(net) if isinstance(m, nn.MaxPool2d)]
    for i in range(len(layers) - 1, 0, -1):
        layer, a = layers[i], inputs[i].clone().requires_grad_(True)
        if isinstance(layer, nn.ReLU):
            continue
        if isinstance(layer, nn.Flatten):
            r = r.reshape(a.shape)
            continue
        gamma = 0.25 if isinstance(layer, nn.Conv2d) and i < pools[2] else 0.0
        z = modified(layer, lambda p: p + gamma * p.clamp(min=0))(a)
        share = 0.25 if i > pools[2] and not isinstance(layer, nn.Linear) else 0.0
        z = z + 1e-9 + share * (z ** 2).mean().sqrt().detach()
        (g,) = torch.autograd.grad((z * (r / z).detach()).sum(), a)
        r = a.detach() * g
    parts = [(x, lambda p: p, 1), (low.expand(x.shape), lambda p: p.clamp(min=0), -1),
             (high.expand(x.shape), lambda p: p.clamp(max=0), -1)]
    parts = [(v.clone().requires_grad_(True), f, sign) for v, f, sign in parts]
    z = 1e-9 + sum(sign * modified(layers[0], f)(v) for v, f, sign in parts)
    grads = torch.autograd.grad((z * (r / z).detach()).sum(), [v for v, _, _ in parts])
    return sum(v.detach() * g for (v, _, _), g in zip(parts, grads))[0].sum(0).numpy()


def modified(layer, change):
    if isinstance(layer, nn.Conv2d):
        return lambda a: F.conv2d(a, change(layer.weight), change(layer.bias), layer.stride, layer.padding)
    if isinstance(layer, nn.Linear):
        return lambda a: F.linear(a, change(layer.weight), change(layer.bias))
    return layer


def write_small(file, name, net, size, seed):
    net = randomize(net.double(), seed)
    generator = torch.Generator().manual_seed(seed + 1)
    x = torch.randn(1, 3, size, size, generator=generator, dtype=torch.float64).float().double()
    low, high = x.amin() - 0.5, x.amax() + 0.5
    group = file.create_group(name)
    for key, t in list(net.named_parameters()) + list(net.named_buffers()):
        if t.is_floating_point():
            put(group, "parameters/" + key.replace(".", "/"), t.numpy())
    y = net(x)
    c = int(y.argmax())
    put(group, "x", x.numpy())
    put(group, "logits", y.detach().numpy()[0])
    group.attrs["class"], group.attrs["low"], group.attrs["high"] = c, float(low), float(high)
    merge = [SequentialMergeBatchNorm()]
    all_rules = composites(low.reshape(1, 1, 1, 1), high.reshape(1, 1, 1, 1), merge)
    all_rules |= {"epsilon": uniform(Epsilon(0.1), merge), "gamma": uniform(Gamma(0.5), merge),
                  "zplus": uniform(ZPlus(), merge), "wsquare": uniform(WSquare(zero_params="bias"), merge),
                  "flat": uniform(Flat(), merge)}
    for key, composite in all_rules.items():
        put_map(group, key, relevance(net, composite, x, c))
    if name == "small_vgg":
        put_map(group, "vgg_tutorial", tutorial(net, x, c, low, high))
        for module in net:
            if isinstance(module, nn.Flatten):
                module.rule = EpsilonRule(1e-9)
        captum = LRP(net).attribute(x.clone().requires_grad_(True), target=c)
        put_map(group, "captum", captum.detach().numpy()[0].sum(0))


def caffe(data, name):
    """The net, its preprocessing, the box of its pixels and what its composites need."""
    folder, size = NETS[name]
    path = os.path.join(data, "models", folder)
    net = CaffeNet(os.path.join(path, "deploy.prototxt"), os.path.join(path, "weights.caffe.h5"), plain_relu=True)
    mean = torch.tensor([104.0, 117.0, 123.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    return net, lambda rgb: preprocess(rgb, size), -mean, 255 - mean, []


def resnet18(data):
    net = resnet.torchvision_net(os.path.join(data, "models", "resnet18", "model.safetensors"))
    mean, deviation = (torch.tensor(v, dtype=torch.float64).reshape(1, 3, 1, 1)
                       for v in (resnet.MEAN, resnet.DEVIATION))
    return (net, lambda rgb: resnet.preprocess(rgb, 224), -mean / deviation, (1 - mean) / deviation,
            [ResNetCanonizer()])


def write_photographs(file, data, name, parts):
    net, to_input, low, high, canonizers = parts
    net = net.double()
    rules = composites(low, high, canonizers)
    group = file.create_group(name)
    for key, value in (("low", low), ("high", high)):
        put_text(group, key, ",".join(f"{float(v):.9g}" for v in value.flatten()))
    for i, image in enumerate(IMAGES[:PHOTOGRAPHS]):
        rgb = load_rgb(os.path.join(data, "images", "imagenet_val", "images", image))
        x = torch.from_numpy(to_input(rgb)[None]).double()
        y = net(x)
        c = int(y.argmax())
        group = file.create_group(f"{name}/image{i}")
        put_text(group, "file", image)
        group.attrs["class"], group.attrs["score"] = c, float(y[0, c])
        wanted = ["epsilon_gamma_box", "epsilon_plus", "epsilon_plus_flat", "epsilon_alpha2_beta1"]
        for key in wanted if i == 0 else wanted[:2]:
            r = relevance(net, rules[key], x, c)
            if not np.isfinite(r).all():
                sys.exit(f"{name} {key}: not finite")
            step = THIN if i > 0 else 1
            dataset = put_map(group, key, r[::step, ::step])
            dataset.attrs["step"], dataset.attrs["sum"] = np.int32(step), np.float64(r.sum())
            single = relevance(net.float(), composites(low.float(), high.float(), canonizers)[key], x.float(), c)
            net.double()
            dataset.attrs["float32_cosine"] = np.float64(
                (single * r).sum() / np.linalg.norm(single.astype(np.float64)) / np.linalg.norm(r))
            print(name, image, key, "sum", r.sum(), "score", float(y[0, c]), "float32 cosine",
                  dataset.attrs["float32_cosine"], flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    with create(os.path.join(arguments.out, "lrp.h5")) as file:
        put_text(file, "versions", {"torch": torch.__version__, "zennit": getattr(zennit, "__version__", "0.5.1")})
        write_small(file, "small_vgg", small_vgg(), 24, 1)
        write_small(file, "small_resnet", small_resnet(), 26, 2)
        for name in NETS:
            write_photographs(file, arguments.data, name, caffe(arguments.data, name))
        write_photographs(file, arguments.data, "resnet18", resnet18(arguments.data))


if __name__ == "__main__":
    main()
