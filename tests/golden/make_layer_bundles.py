# SPDX-License-Identifier: Apache-2.0
"""Records small random cases of every layer and its gradient: float64 PyTorch, stored float32.

Writes OUT_DIR/layers.h5. One group a case: attributes `op` and `params` (JSON), datasets x (or x0, x1, ...), the
parameters, y, dy (random upstream gradient), dx (or dx0, dx1, ...) and d<parameter>. Inputs are rounded to
float32 before the computation, so the stored inputs are exactly the ones used.
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from bundle import create, put, put_text


class Writer:
    """Computes and stores cases; every case has a random stream of its own, so that adding one moves no other."""

    def __init__(self, file):
        self.file = file

    def start(self, name):
        self.name = name
        self.rng = np.random.default_rng([int(b) for b in name.encode()])

    def random(self, *shape, low=None):
        """Normal float32-representable values; `low`: integers from `low` to 3 instead (ties and plateaus)."""
        values = self.rng.standard_normal(shape) if low is None else self.rng.integers(low, 4, shape)
        return torch.from_numpy(values.astype(np.float32).astype(np.float64))

    def case(self, op, params, inputs, parameters, function, extra=None):
        """function(*inputs, *parameters) -> y. Stores values, dy and all gradients."""
        inputs = [t.clone().requires_grad_(True) for t in inputs]
        parameters = {k: t.clone().requires_grad_(True) for k, t in parameters.items()}
        y = function(*inputs, *parameters.values())
        dy = self.random(*y.shape)
        gradients = torch.autograd.grad(y, inputs + list(parameters.values()), dy)
        names = ["x"] if len(inputs) == 1 else [f"x{i}" for i in range(len(inputs))]
        names += list(parameters)
        group = self.file.create_group(self.name)
        put_text(group, "op", op)
        put_text(group, "params", params)
        for name, value, gradient in zip(names, inputs + list(parameters.values()), gradients):
            put(group, name, value.detach().numpy())
            put(group, "d" + name, gradient.numpy())
        put(group, "y", y.detach().numpy())
        put(group, "dy", dy.numpy())
        for name, value in (extra or {}).items():
            put(group, name, value.detach().numpy() if isinstance(value, torch.Tensor) else value)


def conv_cases(w):
    #        name              n  c  h   w   o  k       s       p       d       g  reflect
    cases = [("conv_3x3",      2, 3, 5,  6,  5, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
             ("conv_1x1",      2, 7, 4,  3,  9, (1, 1), (1, 1), (0, 0), (1, 1), 1, False),
             ("conv_1x1_pad",  1, 5, 4,  4,  3, (1, 1), (1, 1), (1, 1), (1, 1), 1, False),
             ("conv_1x1_s2",   1, 4, 7,  6,  5, (1, 1), (2, 2), (0, 0), (1, 1), 1, False),
             ("conv_7x7_s2",   1, 3, 11, 10, 3, (7, 7), (2, 2), (3, 3), (1, 1), 1, False),
             ("conv_11x11_s4", 1, 1, 20, 18, 2, (11, 11), (4, 4), (0, 0), (1, 1), 1, False),
             ("conv_5x5",      1, 3, 7,  8,  3, (5, 5), (1, 1), (2, 2), (1, 1), 1, False),
             ("conv_groups2",  2, 6, 5,  4,  4, (3, 3), (1, 1), (1, 1), (1, 1), 2, False),
             ("conv_groups3_s2", 1, 9, 6, 5, 6, (3, 3), (2, 2), (1, 1), (1, 1), 3, False),
             ("conv_depthwise", 1, 5, 6, 6,  5, (3, 3), (1, 1), (1, 1), (1, 1), 5, False),
             ("conv_dilated",  1, 3, 8, 7,  3, (3, 3), (1, 1), (2, 2), (2, 2), 1, False),
             ("conv_unread_rows", 1, 2, 8, 9, 3, (3, 3), (3, 3), (0, 0), (1, 1), 1, False),
             ("conv_rectangular", 1, 3, 7, 8, 3, (3, 5), (2, 1), (1, 2), (1, 1), 1, False),
             ("conv_17_to_3",  1, 17, 3, 4,  3, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
             ("conv_3_to_18",  1, 3, 4,  3,  18, (3, 3), (1, 1), (1, 1), (1, 1), 1, False),
             ("conv_1x1_17_to_18", 1, 17, 2, 3, 18, (1, 1), (1, 1), (0, 0), (1, 1), 1, False),
             ("conv_reflect",  1, 3, 6,  7,  5, (3, 3), (1, 1), (1, 1), (1, 1), 1, True),
             ("conv_reflect2", 1, 2, 6,  5,  3, (5, 5), (1, 1), (2, 2), (1, 1), 1, True)]
    for name, n, c, h, wd, o, k, s, p, d, g, reflect in cases:
        w.start(name)

        def function(x, weight, bias, s=s, p=p, d=d, g=g, reflect=reflect):
            if reflect:
                return F.conv2d(F.pad(x, (p[1], p[1], p[0], p[0]), mode="reflect"), weight, bias, s, 0, d, g)
            return F.conv2d(x, weight, bias, s, p, d, g)

        params = {"kernel": k, "stride": s, "pad": p, "dilation": d, "groups": g,
                  "padding_mode": "reflect" if reflect else "zeros"}
        w.case("conv", params, [w.random(n, c, h, wd)],
               {"weight": w.random(o, c // g, *k), "bias": w.random(o)}, function)


def pool_cases(w):
    #        name                  h   w  k  s  p  ceil   low
    cases = [("max_floor",         8,  7, 2, 2, 0, False, None),
             ("max_overlap_floor", 10, 8, 3, 2, 0, False, None),
             ("max_overlap_ceil",  10, 9, 3, 2, 0, True,  None),
             ("max_ceil_pad",      8,  9, 3, 2, 1, True,  None),
             ("max_ceil_shrunk",   6,  6, 2, 2, 1, True,  None),
             ("max_s1_pad",        6,  7, 3, 1, 1, True,  None),
             ("max_gap",           7,  8, 2, 3, 0, False, None),
             ("max_ties",          10, 9, 3, 2, 0, True,  0),
             ("max_ties_s1_pad",   7,  6, 3, 1, 1, True,  0),
             ("max_all_zero",      8,  8, 3, 2, 0, True,  None),
             ("max_negative_pad",  5,  6, 3, 2, 1, True,  None)]
    for name, h, wd, k, s, p, ceil, low in cases:
        w.start(name)
        x = w.random(1, 2, h, wd, low=low)
        if name == "max_all_zero":
            x = x * 0
        if name == "max_negative_pad":
            x = -x.abs() - 1
        if name == "max_ties_s1_pad":
            x = x.clamp(max=1)
        switches = F.max_pool2d(x, k, s, p, ceil_mode=ceil, return_indices=True)[1]
        w.case("max_pool", {"kernel": k, "stride": s, "pad": p, "ceil": ceil}, [x], {},
               lambda x, k=k, s=s, p=p, ceil=ceil: F.max_pool2d(x, k, s, p, ceil_mode=ceil), {"switches": switches})
    #        name                      h  w  k  s  p  ceil
    for name, h, wd, k, s, p, ceil in [("avg_floor", 8, 7, 2, 2, 0, False), ("avg_overlap_ceil", 10, 8, 3, 2, 0, True),
                                       ("avg_pad", 7, 6, 3, 2, 1, False), ("avg_pad_ceil", 8, 7, 3, 2, 1, True),
                                       ("avg_s1_pad", 6, 5, 3, 1, 1, False), ("avg_5x5_s3_ceil", 14, 11, 5, 3, 0, True)]:
        for include in (True, False):
            w.start(f"{name}_{'include' if include else 'exclude'}_pad")
            w.case("avg_pool", {"kernel": k, "stride": s, "pad": p, "ceil": ceil, "count_include_pad": include},
                   [w.random(1, 2, h, wd)], {},
                   lambda x, k=k, s=s, p=p, ceil=ceil, include=include: F.avg_pool2d(x, k, s, p, ceil, include))
    w.start("global_avg")
    w.case("global_avg_pool", {}, [w.random(2, 5, 7, 6)], {}, lambda x: x.mean((2, 3), keepdim=True))


def normalisation_cases(w):
    for name, channels, size, alpha, beta, k in [("lrn_caffe", 9, 5, 1e-4, 0.75, 1.0), ("lrn_strong", 7, 5, 5.0, 0.75, 1.0),
                                                 ("lrn_k2_n3", 5, 3, 0.5, 0.5, 2.0), ("lrn_few_channels", 2, 5, 2.0, 0.75, 1.0)]:
        w.start(name)
        scale = 100 if alpha == 1e-4 else 1  # activations of a size at which alpha = 1e-4 matters
        w.case("lrn", {"size": size, "alpha": alpha, "beta": beta, "k": k}, [w.random(2, channels, 3, 4) * scale], {},
               lambda x, a=(size, alpha, beta, k): F.local_response_norm(x, *a))
    for name, shape, eps in [("batch_norm", (3, 5, 4, 3), 1e-5), ("batch_norm_eps3", (2, 3, 5, 4), 1e-3)]:
        for training in (False, True):
            w.start(name + ("_train" if training else "_eval"))
            c, momentum = shape[1], 0.1
            x = w.random(*shape) * 2 + 1
            mean, var = w.random(c), w.random(c).abs() + 0.5
            mean_after, var_after = mean.clone(), var.clone()
            parameters = {"weight": w.random(c), "bias": w.random(c)}
            if training:
                F.batch_norm(x, mean_after, var_after, None, None, True, momentum, eps)
            extra = {"running_mean": mean, "running_var": var}
            if training:
                extra |= {"running_mean_after": mean_after, "running_var_after": var_after}
            w.case("batch_norm", {"eps": eps, "momentum": momentum, "training": training}, [x], parameters,
                   lambda x, g, b, t=training, m=mean, v=var, e=eps: F.batch_norm(x, m.clone(), v.clone(), g, b, t, 0.1, e),
                   extra)


def dense_and_loss_cases(w):
    for name, n, i, o in [("linear", 3, 7, 5), ("linear_wide", 1, 33, 9)]:
        w.start(name)
        w.case("linear", {}, [w.random(n, i)], {"weight": w.random(o, i), "bias": w.random(o)}, F.linear)
    w.start("linear_flatten")  # a C x H x W input is flattened in that order
    w.case("linear", {"flatten": True}, [w.random(2, 2, 3, 4)], {"weight": w.random(5, 24), "bias": w.random(5)},
           lambda x, weight, bias: F.linear(x.flatten(1), weight, bias))
    for name, shape, scale in [("softmax", (3, 11), 2), ("softmax_large", (2, 5), 300), ("softmax_spatial", (2, 5, 3, 2), 2)]:
        w.start(name)
        w.case("softmax", {"axis": 1}, [w.random(*shape) * scale], {}, lambda x: x.softmax(1))
    for name, reduction, smoothing in [("cross_entropy_mean", "mean", 0.0), ("cross_entropy_none", "none", 0.0),
                                       ("cross_entropy_smoothed", "mean", 0.1)]:
        w.start(name)
        labels = torch.from_numpy(w.rng.integers(0, 7, 4))
        w.case("cross_entropy", {"reduction": reduction, "label_smoothing": smoothing}, [w.random(4, 7) * 3], {},
               lambda x, t=labels, r=reduction, s=smoothing: F.cross_entropy(x, t, reduction=r, label_smoothing=s),
               {"labels": labels})
    w.start("relu")
    w.case("relu", {}, [w.random(2, 3, 4, 5, low=-3)], {}, F.relu)


def shape_cases(w):
    for name, source, target in [("resize_up", (3, 4), (7, 9)), ("resize_7_to_13", (7, 7), (13, 13)), ("resize_down", (9, 8), (4, 5)),
                                 ("resize_from_1", (1, 1), (3, 4)), ("resize_same", (4, 5), (4, 5))]:
        for mode, key, corners in (("bilinear", "half", False), ("bilinear", "corner", True), ("bicubic", "half", False)):
            if key == "corner" and name != "resize_up" or mode == "bicubic" and name not in ("resize_up", "resize_down"):
                continue
            w.start(name + {"half": "", "corner": "_corner"}[key] + ("_cubic" if mode == "bicubic" else ""))
            w.case("resize", {"mode": mode, "coordinates": key, "size": target, "antialias": False},
                   [w.random(1, 2, *source)], {},
                   lambda x, m=mode, c=corners, t=target: F.interpolate(x, size=t, mode=m, align_corners=c))
    w.start("concat")
    w.case("concat", {"axis": 1}, [w.random(2, c, 3, 4) for c in (3, 5, 1)], {}, lambda *x: torch.cat(x, 1))
    w.start("add")
    w.case("add", {}, [w.random(2, 5, 3, 4) for _ in range(2)], {}, torch.add)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir")
    args = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    os.makedirs(args.out_dir, exist_ok=True)
    path = os.path.join(args.out_dir, "layers.h5")
    with create(path) as file:
        put_text(file, "versions", {"torch": torch.__version__, "numpy": np.__version__})
        w = Writer(file)
        for cases in (conv_cases, pool_cases, normalisation_cases, dense_and_loss_cases, shape_cases):
            cases(w)
        print(f"{path}: {len(file)} cases, ", end="")
    print(f"{os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
