# SPDX-License-Identifier: Apache-2.0
"""Recomputes the GOLD-1 micro-net table with PyTorch in float64 and compares it with the specified numbers.

GOLD-1: x (1x4x4) -> conv1 2@3x3 p1 -> ReLU -> max 2x2 s2 -> conv2 2@1x1 -> ReLU -> GAP -> FC 2.
Prints every quantity with its largest difference from the expected value; exits 1 if one is above the
tolerance (half a unit of the last digit of the table).
"""

import argparse
import sys

import numpy as np
import torch
import torch.nn.functional as F

from caffe_net import RuleReLU

X = torch.tensor([[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 0, 0], [1, 0, 1, 2]], dtype=torch.float64).view(1, 1, 4, 4)
W1 = torch.tensor([[[1, 0, -1]] * 3, [[0, 1, 0], [1, -2, 1], [0, 1, 0]]], dtype=torch.float64).view(2, 1, 3, 3)
B1 = torch.tensor([0, -1], dtype=torch.float64)
W2 = torch.tensor([[1, -1], [-1, 2]], dtype=torch.float64).view(2, 2, 1, 1)
B2 = torch.tensor([1, 0], dtype=torch.float64)
W3 = torch.tensor([[2, -1], [-1, 3]], dtype=torch.float64)
B3 = torch.tensor([0.5, -0.5], dtype=torch.float64)


class Gold1:
    """The net; `rule` is the backward rule of both ReLUs."""

    def __init__(self, rule="gradient"):
        self.relu = RuleReLU()
        self.relu.rule = rule

    def __call__(self, x):
        self.z1 = F.conv2d(x, W1, B1, padding=1)
        self.a1 = self.relu(self.z1)
        self.p1, self.switches = F.max_pool2d(self.a1, 2, 2, return_indices=True)
        self.z2 = F.conv2d(self.p1, W2, B2)
        self.a2 = self.relu(self.z2)
        self.gap = self.a2.mean(dim=(2, 3))
        return self.gap @ W3.T + B3


def backward(rule, c, x=X):
    """d logit_c / d x and d logit_c / d a2 under a rule."""
    x = x.clone().requires_grad_(True)
    net = Gold1(rule)
    return torch.autograd.grad(net(x)[:, c].sum(), (x, net.a2)) + (net,)


def deconvnet_unit(k):
    """Deconvnet projection of map k's strongest unit of a2, seeded with its activation."""
    x = X.clone().requires_grad_(True)
    net = Gold1("deconvnet")
    net(x)
    plane = net.a2[0, k].detach().flatten()
    where = int(plane.argmax())
    seed = torch.zeros_like(net.a2)
    seed[0, k].view(-1)[where] = plane[where]
    (r,) = torch.autograd.grad(net.a2, x, seed)
    return r, float(plane[where]), divmod(where, 2)


def occlusion():
    """2x2 occluder, stride 1, fill 0: sum of map 1 of a2, p(class 1), arg-max class."""
    sums, probs, classes = [], [], []
    for i in range(3):
        for j in range(3):
            x = X.clone()
            x[0, 0, i:i + 2, j:j + 2] = 0
            net = Gold1()
            logits = net(x)[0]
            sums.append(net.a2[0, 1].sum())
            probs.append(logits.softmax(0)[1])
            classes.append(logits.argmax().double())
    return [torch.stack(v) for v in (sums, probs, classes)]


def integrated_gradients(c, steps=16384):
    """Midpoint rule, baseline 0.

    `steps` must be a power of two: every t is then a dyadic fraction, the activations are exact and the tied
    pooling windows of the net stay tied on the whole path, so that "first maximum wins" decides. With other
    step counts rounding breaks the ties at random: entries move by up to 0.7, their sum does not.
    """
    t = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    return X * backward("gradient", c, t.view(-1, 1, 1, 1) * X)[0].mean(0, keepdim=True)


def table():
    """Yields (name, computed, expected, tolerance)."""
    net = Gold1()
    logits = net(X)
    yield "z1", net.z1, ("-3 -2 1 3 -4 0 2 3 -2 -1 -1 4 -1 2 -1 1"
                         " -1 -3 5 -2 3 3 -5 1 -3 0 4 2 -1 2 -1 -4"), 0
    yield "pooled", net.p1, "0 3 2 4 3 5 2 4", 0
    yield "switches", net.switches.double(), "0 3 13 11 4 2 13 10", 0
    yield "z2", net.z2, "-2 -1 1 1 6 7 2 4", 0
    yield "GAP", net.gap, ".5 4.75", 0
    yield "logits", logits, "-3.25 13.25", 0
    expected = {
        ("gradient", 0): "-.5 -.5 1.25 -.5 1 -.5 -.5 0 .25 -2 2 -1 -.25 2 -2 0",
        ("gradient", 1): "1.5 1.5 -3.75 1.5 -3 1.5 1.5 0 .5 3.5 -3.5 1.75 .75 -3.5 3.5 0",
        ("guided", 0): "0 0 0 0 0 0 .5 0 .5 0 0 0 .5 0 0 0",
        ("guided", 1): "1.5 1.5 -3 1.5 -3 1.5 3 0 1.5 3 -3 1.5 1.5 -3 3 0",
        ("deconvnet", 0): "0 -.5 .5 0 0 -.5 1 0 .5 0 0 0 .5 0 0 0",
        ("deconvnet", 1): "1.5 1.5 -3 1.5 -3 1.5 3 0 1.5 3 -3 1.5 1.5 -3 3 0",
    }
    for (rule, c), numbers in expected.items():
        yield f"{rule}, class {c}", backward(rule, c)[0], numbers, 1e-12
    for c, total in ((0, "-7.75"), (1, "20.75")):
        yield f"gradient x input sum, class {c}", (backward("gradient", c)[0] * X).sum(), total, 1e-12
    yield "sum of squared gradient, class 1", (backward("gradient", 1)[0] ** 2).sum(), "87.1875", 1e-12
    yield from attribution_rows(net)
    for k, numbers, value, where in ((0, "0 0 0 0 0 0 0 0 1 0 -1 0 1 0 -1 0", 1, (1, 0)),
                                     (1, "0 14 -28 14 0 0 14 0 0 0 0 0 0 0 0 0", 7, (0, 1))):
        r, v, ij = deconvnet_unit(k)
        yield f"deconvnet of strongest unit, map {k} (value {v:g} at {ij})", r, numbers, 1e-12
        yield "  its value and position", torch.tensor([v, *ij]), f"{value} {where[0]} {where[1]}", 0


def attribution_rows(net):
    cams = [(W3[c].view(1, 2, 1, 1) * net.a2).sum(1) for c in range(2)]
    for c, numbers, mean in ((0, "-6 -7 0 -2", "-3.25"), (1, "18 21 5 11", "13.25")):
        yield f"CAM, class {c}", cams[c], numbers, 0
        yield f"mean CAM + b, class {c}", cams[c].mean() + B3[c], mean, 0
    up = F.interpolate(cams[1][None], size=(4, 4), mode="bilinear", align_corners=False)
    yield ("CAM class 1, BL-half to 4x4", up,
           "18 18.75 20.25 21 14.75 15.6875 17.5625 18.5 8.25 9.5625 12.1875 13.5 5 6.5 9.5 11", 1e-12)
    grad_cam = {0: (".5 -.25", "0 0 0 0"), 1: ("-.25 .75", "4.5 5.25 1.25 2.75")}
    plus = {0: (".666667 0", "0 0 .666667 .666667"), 1: ("0 .184615", "1.107692 1.292308 .369231 .738462")}
    layer_cam = {0: "0 0 .5 .5", 1: "4.5 5.25 1.5 3"}
    for c in range(2):
        g, a = backward("gradient", c)[1], net.a2.detach()
        alpha = g.mean(dim=(2, 3), keepdim=True)
        yield f"Grad-CAM alpha, class {c}", alpha, grad_cam[c][0], 1e-12
        yield f"Grad-CAM map, class {c}", (alpha * a).sum(1).clamp(min=0), grad_cam[c][1], 1e-12
        denominator = 2 * g ** 2 + g ** 3 * a.sum(dim=(2, 3), keepdim=True)
        weight = torch.where(g > 0, g ** 2 / denominator * g, 0).sum(dim=(2, 3), keepdim=True)
        yield f"Grad-CAM++ w, class {c}", weight, plus[c][0], 5.1e-7
        yield f"Grad-CAM++ map, class {c}", (weight * a).sum(1).clamp(min=0), plus[c][1], 5.1e-7
        yield f"LayerCAM, class {c}", (g.clamp(min=0) * a).sum(1).clamp(min=0), layer_cam[c], 1e-12
    matrix = net.a2.detach()[0].flatten(1).T
    v = torch.linalg.svd(matrix).Vh[0]
    eigen = matrix @ v
    yield "Eigen-CAM (uncentred)", eigen * eigen.sum().sign(), "5.98991 6.98823 2.05460 4.05123", 5.1e-6
    for name, got, numbers, tolerance in zip(
            ("(b) map 1 sum", "(d) p(class 1)", "(e) arg-max"), occlusion(),
            ("15 6 6 19 8 7 13 15 16",
             ".999992 .880797 .437823 1.000000 .982014 .904651 .999942 .999983 .999994", "1 1 0 1 1 1 1 1 1"),
            (0, 5.1e-7, 0)):
        yield f"occlusion {name}", got, numbers, tolerance
    # Exact ties; tables made with another step count differ in the entries 0, 6 and 8 of both classes.
    ig = {0: ("-.5 -1.2778 0 -.6389 0 -.5 -.5333 0 .25 -1.3167 0 0 .0417 0 -1.2750 0", "-5.75"),
          1: ("1.1875 2.5834 0 1.2917 0 1.1875 2.9750 0 1.125 2.1166 0 0 .2917 0 1.9917 0", "14.75")}
    for c in range(2):
        value = integrated_gradients(c)
        yield f"integrated gradients, class {c}", value, ig[c][0], 1e-3
        yield f"integrated gradients sum, class {c}", value.sum(), ig[c][1], 1e-3


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    np.set_printoptions(precision=6, suppress=True, linewidth=120)
    failures = 0
    for name, got, numbers, tolerance in table():
        got = got.detach().double().numpy().ravel()
        expected = np.array([float(v) for v in numbers.split()])
        worst = np.abs(got - expected).max() if got.shape == expected.shape else np.inf
        ok = worst <= tolerance
        failures += not ok
        print(f"{'ok  ' if ok else 'DIFF'} {name}: max difference {worst:.2e}\n     {got}")
        if not ok:
            print(f"     expected {expected}")
    print(f"{failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
