# SPDX-License-Identifier: Apache-2.0
"""Random Caffe nets for random_graphs.py, with Caffe's semantics written out in PyTorch."""

import os

import h5py
import numpy as np
import torch
import torch.nn.functional as F

MAPS = (3, 8, 7)


def recipe(rng):
    def pick(*values):
        return values[rng.integers(len(values))]

    def step():
        kind = pick("conv", "conv", "conv", "max", "mean", "relu", "leaky", "norm", "norm", "scale", "scale", "scale", "lrn", "dropout",
                    "branch", "join", "dense", "softmax", "global", "back", "back", "function", "prelu", "power", "deconv", "eltwise")
        s = {"kind": kind, "seed": int(rng.integers(1 << 30)), "in_place": pick(True, False)}
        if kind == "conv":
            s |= {"channels": pick(4, 6), "kernel": [pick(1, 2, 3), pick(1, 3)], "stride": pick(1, 2), "pad": pick(0, 1), "group": pick(1, 1, 2),
                  "dilation": pick(1, 1, 2), "bias": pick(True, False)}
        if kind in ("max", "mean"):
            s |= {"kernel": pick(2, 3), "stride": pick(1, 2), "pad": pick(0, 1)}
        if kind == "scale":
            s |= {"bias": pick(True, False)}
        if kind == "join":
            s |= {"sum": pick(True, False)}
        if kind == "dense":
            s |= {"outputs": pick(4, 5), "bias": pick(True, False)}
        if kind == "function":
            s |= {"name": pick("Sigmoid", "TanH", "ELU", "Swish")}
        if kind == "deconv":
            s |= {"channels": pick(4, 6), "kernel": [pick(2, 3), pick(1, 3)], "stride": pick(1, 2), "pad": pick(0, 0, 1), "group": pick(1, 1, 2),
                  "bias": pick(True, False)}
        if kind == "eltwise":
            s |= {"operation": pick("PROD", "MAX", "SUM"), "three": pick(True, False)}
        if kind == "back":
            s |= {"by": pick(1, 2, 3)}
        return s

    return [step() for _ in range(int(rng.integers(3, 13)))]


def numbers(rng, *shape):
    return torch.tensor((rng.integers(-8, 9, shape) / 8).astype(np.float32))


class Net:
    """Blobs by name, and the layers that made them."""

    def __init__(self, x):
        self.text = [f'name: "r" layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {MAPS[0]} dim: {MAPS[1]} '
                     f'dim: {MAPS[2]} }} }} }}']
        self.blobs, self.order, self.weights, self.count = {"data": x}, ["data"], {}, 0

    def layer(self, kind, bottoms, value, text="", weights=(), in_place=False):
        self.count += 1
        name = f"l{self.count}"
        top = bottoms[0] if in_place else name
        self.text.append(f'layer {{ name: "{name}" type: "{kind}" ' + "".join(f'bottom: "{b}" ' for b in bottoms) + f'top: "{top}" {text} }}')
        if weights:
            self.weights[name] = weights
        self.blobs[top] = value
        if top in self.order:
            self.order.remove(top)
        self.order.append(top)


def pooled(x, s):
    """Caffe rounds up and clips windows that would begin behind the picture and its padding."""
    k, stride, pad = s["kernel"], s["stride"], s["pad"]
    if pad >= k:
        return None
    out = []
    for extent in x.shape[2:]:
        if extent + 2 * pad < k:
            return None
        n = -(-(extent + 2 * pad - k) // stride) + 1
        if pad and (n - 1) * stride >= extent + pad:
            n -= 1
        out.append(n)
    y = torch.zeros(*x.shape[:2], *out)
    for i in range(out[0]):
        for j in range(out[1]):
            h0, w0 = i * stride - pad, j * stride - pad
            h1, w1 = min(h0 + k, x.shape[2] + pad), min(w0 + k, x.shape[3] + pad)
            size = (h1 - h0) * (w1 - w0)
            part = x[:, :, max(h0, 0):min(h1, x.shape[2]), max(w0, 0):min(w1, x.shape[3])]
            if part.numel() == 0:
                return None
            y[:, :, i, j] = part.amax((2, 3)) if s["kind"] == "max" else part.sum((2, 3)) / size
    return y


def emit(net, s):
    rng, kind = np.random.default_rng(s["seed"]), s["kind"]
    bottom = net.order[-1]
    x = net.blobs[bottom]
    maps, c = x.ndim == 4 and x.shape[2] * x.shape[3] > 1, x.shape[1]
    place = s["in_place"] and bottom != "data"
    if kind == "conv":
        if not maps or c % s["group"] or s["channels"] % s["group"]:
            return
        w = numbers(rng, s["channels"], c // s["group"], *s["kernel"]) / 2
        b = numbers(rng, s["channels"]) if s["bias"] else None
        try:
            y = F.conv2d(x, w, b, s["stride"], s["pad"], s["dilation"], s["group"])
        except RuntimeError:
            return
        text = (f'convolution_param {{ num_output: {s["channels"]} kernel_h: {s["kernel"][0]} kernel_w: {s["kernel"][1]} stride: {s["stride"]} '
                f'pad: {s["pad"]} group: {s["group"]} dilation: {s["dilation"]} bias_term: {str(s["bias"]).lower()} }}')
        net.layer("Convolution", [bottom], y, text, [w] + ([b] if s["bias"] else []))
    elif kind in ("max", "mean"):
        y = pooled(x, s) if maps else None
        if y is not None:
            text = f'pooling_param {{ pool: {"MAX" if kind == "max" else "AVE"} kernel_size: {s["kernel"]} stride: {s["stride"]} pad: {s["pad"]} }}'
            net.layer("Pooling", [bottom], y, text)
    elif kind == "global" and maps:
        net.layer("Pooling", [bottom], x.mean((2, 3), keepdim=True), "pooling_param { pool: AVE global_pooling: true }")
    elif kind == "relu":
        net.layer("ReLU", [bottom], x.relu(), in_place=place)
    elif kind == "leaky":
        net.layer("ReLU", [bottom], F.leaky_relu(x, 0.25), "relu_param { negative_slope: 0.25 }", in_place=place)
    elif kind == "norm":
        mean, variance, factor = numbers(rng, c), numbers(rng, c).abs() + 0.25, torch.tensor([2.0])
        shape = [1, c] + [1] * (x.ndim - 2)
        y = (x - (mean / 2).reshape(shape)) / (variance / 2 + 1e-5).sqrt().reshape(shape)
        net.layer("BatchNorm", [bottom], y, "", [mean, variance, factor], place)
    elif kind == "scale":
        gamma, beta = numbers(rng, c), numbers(rng, c)
        shape = [1, c] + [1] * (x.ndim - 2)
        y = x * gamma.reshape(shape) + (beta.reshape(shape) if s["bias"] else 0)
        net.layer("Scale", [bottom], y, f'scale_param {{ bias_term: {str(s["bias"]).lower()} }}', [gamma] + ([beta] if s["bias"] else []), place)
    elif kind == "lrn" and maps:
        net.layer("LRN", [bottom], F.local_response_norm(x, 3, 0.5, 0.75, 1.0), "lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 }")
    elif kind == "dropout":
        net.layer("Dropout", [bottom], x, "dropout_param { dropout_ratio: 0.5 }", in_place=place)
    elif kind == "branch":
        net.layer("ReLU", [bottom], x.relu())
        net.order.append(net.order.pop(-2))  # go on from where it branched
    elif kind == "join" and len(net.order) > 1:
        other = net.order[-2]
        if net.blobs[other].ndim != x.ndim or net.blobs[other].shape[2:] != x.shape[2:]:
            return
        if not s["sum"]:
            net.layer("Concat", [bottom, other], torch.cat([x, net.blobs[other]], 1))
        elif net.blobs[other].shape == x.shape:
            net.layer("Eltwise", [bottom, other], x + net.blobs[other], "eltwise_param { operation: SUM }")
    elif kind == "dense":
        w = numbers(rng, s["outputs"], x[0].numel()) / 2
        b = numbers(rng, s["outputs"]) if s["bias"] else None
        text = f'inner_product_param {{ num_output: {s["outputs"]} bias_term: {str(s["bias"]).lower()} }}'
        net.layer("InnerProduct", [bottom], F.linear(x.flatten(1), w, b), text, [w] + ([b] if s["bias"] else []))
    elif kind == "function":
        y = {"Sigmoid": torch.sigmoid, "TanH": torch.tanh, "ELU": lambda v: F.elu(v, 0.5), "Swish": lambda v: v * torch.sigmoid(0.5 * v)}[s["name"]](x)
        text = {"ELU": "elu_param { alpha: 0.5 }", "Swish": "swish_param { beta: 0.5 }"}.get(s["name"], "")
        net.layer(s["name"], [bottom], y, text, in_place=place)
    elif kind == "prelu":
        w = numbers(rng, c)
        net.layer("PReLU", [bottom], F.prelu(x, w), "", [w], place)
    elif kind == "power":
        net.layer("Power", [bottom], 0.5 - 1.5 * x, "power_param { scale: -1.5 shift: 0.5 }", in_place=place)
    elif kind == "deconv":
        if not maps or c % s["group"] or s["channels"] % s["group"] or s["pad"] >= min(s["kernel"]):
            return
        w = numbers(rng, c, s["channels"] // s["group"], *s["kernel"]) / 2
        b = numbers(rng, s["channels"]) if s["bias"] else None
        text = (f'convolution_param {{ num_output: {s["channels"]} kernel_h: {s["kernel"][0]} kernel_w: {s["kernel"][1]} stride: {s["stride"]} '
                f'pad: {s["pad"]} group: {s["group"]} bias_term: {str(s["bias"]).lower()} }}')
        y = F.conv_transpose2d(x, w, b, s["stride"], s["pad"], 0, s["group"])
        net.layer("Deconvolution", [bottom], y, text, [w] + ([b] if s["bias"] else []))
    elif kind == "eltwise" and len(net.order) > 2:
        others = [net.order[-2]] + ([net.order[-3]] if s["three"] else [])
        if any(net.blobs[o].shape != x.shape for o in others):
            return
        y = x
        for o in others:
            z = net.blobs[o]
            y = {"PROD": y * z, "MAX": torch.maximum(y, z), "SUM": y + z}[s["operation"]]
        net.layer("Eltwise", [bottom, *others], y, f'eltwise_param {{ operation: {s["operation"]} }}')
    elif kind == "softmax":
        net.layer("Softmax", [bottom], x.softmax(1))
    elif kind == "back" and len(net.order) > s["by"]:
        net.order.append(net.order.pop(-1 - s["by"]))  # another reader of an earlier blob


def build(recipe, folder):
    x = numbers(np.random.default_rng(3), 1, *MAPS)
    net = Net(x)
    for step in recipe:
        emit(net, step)
        if net.blobs[net.order[-1]].numel() > 3000:
            return None
    if net.count == 0:
        return None
    # The last layer makes the output.
    top = net.text[-1].split('top: "')[1].split('"')[0]
    y = net.blobs[top]
    if not torch.isfinite(y).all() or not y.abs().max() > 1e-3:
        return None
    text, weights = os.path.join(folder, "deploy.prototxt"), os.path.join(folder, "weights.h5")
    with open(text, "w") as file:
        file.write("\n".join(net.text) + "\n")
    with h5py.File(weights, "w", libver=("v108", "v110")) as file:
        data = file.create_group("data")
        for name, blobs in net.weights.items():
            group = data.create_group(name)
            for i, blob in enumerate(blobs):
                group.create_dataset(str(i), data=blob.numpy())
    return [text, weights], x.numpy(), y.numpy()
