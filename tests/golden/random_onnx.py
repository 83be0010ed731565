# SPDX-License-Identifier: Apache-2.0
"""Random ONNX graphs for random_graphs.py, with ONNX Runtime's numbers."""

import os

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MAPS = (4, 7, 6)  # rows and columns differ; a constant of 6 or 7 fits only one axis


def recipe(rng):
    def pick(*values):
        return values[rng.integers(len(values))]

    def pads():
        return [int(v) for v in pick([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 2], [0, 0, 1, 1])]

    def window():
        return {"kernel_shape": [pick(1, 2, 3), pick(2, 3)], "strides": [pick(1, 2, 3), pick(1, 2)], "pads": pads()}

    def step():
        kind = pick("conv", "conv", "conv", "max", "mean", "norm", "constant", "constant", "relu", "clip", "leaky", "lrn", "softmax", "pad",
                    "residual", "concat", "dropout", "identity", "global", "mean_axes", "flatten", "flatten", "squeeze", "unsqueeze",
                    "gemm", "matmul", "shape_flatten", "view", "function", "function", "pair", "pair", "slice", "split", "gather",
                    "transpose", "reshape", "resize", "deconv", "space", "instance", "group", "layer", "channels_last", "shuffle",
                    "reduce", "prelu", "opset")
        s = {"kind": kind, "seed": int(rng.integers(1 << 30))}
        if kind == "conv":
            s |= {"channels": pick(4, 6, 7), "groups": pick(1, 1, 2), "bias": pick(0, 1), "dilations": pick([1, 1], [1, 1], [2, 1]),
                  "auto_pad": pick("", "", "SAME_UPPER", "SAME_LOWER", "VALID"), **window()}
        if kind in ("max", "mean"):
            s |= {"ceil_mode": pick(0, 1), "auto_pad": pick("", "", "", "SAME_UPPER"), "counted": pick(0, 1), **window()}
        if kind == "constant":
            s |= {"op": pick("Add", "Add", "Sub", "Mul", "Div", "Max", "Min"), "first": pick(0, 0, 1),
                  "shape": pick("C11", "1C11", "W", "1W", "11W", "H1", "1HW", "CHW", "scalar", "one", "C", "1C", "111W")}
        if kind == "softmax":
            s |= {"axis": pick(1, -1, 2, -3, 3)}
        if kind in ("squeeze", "unsqueeze", "mean_axes"):
            s |= {"axes": pick([2, 3], [-1], [3], [2], [-1, -2], [1], [1, 2]), "keepdims": pick(0, 1)}
        if kind == "concat":
            s |= {"axis": pick(1, 1, 1, -3, 2)}
        if kind == "clip":
            s |= {"low": pick(0.0, -0.5, None), "high": pick(6.0, 0.75, None)}
        if kind == "pad":
            s |= {"pads": [0, 0, pick(0, 1), pick(0, 2), 0, 0, pick(0, 1), pick(0, 1)], "mode": pick("constant", "reflect", "edge"),
                  "value": pick(0.0, 0.0, 1.0)}
        if kind in ("gemm", "matmul"):
            s |= {"features": pick(5, 7), "trans": pick(0, 1), "bias": pick(0, 1), "alpha": pick(1.0, 0.5)}
        if kind == "function":
            s |= {"op": pick("Sigmoid", "Tanh", "Elu", "Selu", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Erf", "Gelu", "Mish", "Neg",
                             "SiLU", "GELU parts", "HardSwish parts", "Mish parts")}
        if kind == "pair":
            s |= {"op": pick("Add", "Sub", "Mul", "Mul", "Max", "Min"), "first": pick(0, 1),
                  "other": pick("relu", "gate", "gate", "rows", "columns", "channels")}
        if kind == "slice":
            s |= {"axes": pick([1], [2], [3], [-1], [2, 3], [1, 3]), "start": pick(0, 1, -2), "end": pick(3, 1 << 40, -1), "step": pick(1, 1, 2)}
        if kind == "split":
            s |= {"axis": pick(1, 1, -1, 2), "keep": pick(0, 1, 2)}
        if kind == "gather":
            s |= {"axis": pick(1, 1, 2, -1), "at": pick([2, 1, 0], [0, 1], [1], 0, 1, [-1, 0])}
        if kind == "transpose":
            s |= {"perm": pick([0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2], [0, 3, 2, 1], [0, 2, 1], [0, 2, 1, 3])}
        if kind == "reshape":
            s |= {"to": pick([0, 2, -1], [0, -1, 2], [0, 2, 2, -1], [-1, 6, 7, 1], [0, 0, 0, -1], [0, 1, -1, 7], [1, 2, -1, 6])}
        if kind == "resize":
            s |= {"mode": pick("nearest", "linear"), "scales": pick([2.0, 2.0], [1.5, 2.0], [0.5, 1.0], [0.7, 1.3]), "by_sizes": pick(0, 0, 1),
                  "coordinates": pick("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"),
                  "nearest": pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")}
        if kind == "deconv":
            s |= {"channels": pick(4, 6), "groups": pick(1, 1, 2), "bias": pick(0, 1), "output_padding": pick([0, 0], [0, 0], [1, 0]),
                  "auto_pad": pick("", "", "SAME_UPPER", "SAME_LOWER", "VALID"), **window()}
        if kind == "space":
            s |= {"to_depth": pick(0, 1), "mode": pick("DCR", "CRD"), "idiom": pick(0, 1)}
        if kind in ("instance", "group"):
            s |= {"groups": pick(1, 2, 3), "idiom": pick(0, 1)}
        if kind == "layer":
            s |= {"axis": pick(1, -1), "bias": pick(0, 1)}
        if kind == "channels_last":
            s |= {"inner": [step() for _ in range(int(rng.integers(1, 4)))], "layer": pick(0, 1), "matmul": pick(0, 1), "bias": pick(0, 1)}
        if kind == "shuffle":
            s |= {"groups": pick(2, 3)}
        if kind == "reduce":
            s |= {"op": pick("ReduceMean", "ReduceMax", "ReduceSum"), "axes": pick([1], [2], [3], [-1], [2, 3], [1, 2, 3], [1, 2]),
                  "keepdims": pick(0, 1)}
        if kind == "prelu":
            s |= {"shape": pick("C11", "one", "1C11")}
        if kind == "view":
            s |= {"to": pick([0, 0, -1], [0, -1], [1, -1], [-1], [0, -1, 1, 1], [0, 4, -1])}
        return s

    return [step() for _ in range(int(rng.integers(3, 13)))]


class Builder:
    def __init__(self, opset):
        self.nodes, self.tensors, self.count, self.opset = [], [], 0, opset

    def constant(self, array):
        self.count += 1
        name = f"c{self.count}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind, inputs, **attributes):
        self.count += 1
        name = f"{kind.lower()}{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [name + "_y"], name=name, **attributes))
        return name + "_y"

    def reduce(self, kind, at, axes, keepdims):
        if self.opset >= (13 if kind == "ReduceSum" else 18):
            return self.node(kind, [at, self.constant(np.array(axes, np.int64))], keepdims=keepdims)
        return self.node(kind, [at], axes=axes, keepdims=keepdims)

    def view(self, at, *to):
        return self.node("Reshape", [at, self.constant(np.array(to, np.int64))])


def numbers(rng, *shape):
    """Multiples of 1/8: exact everywhere, and they compress."""
    return (rng.integers(-8, 9, shape) / 8).astype(np.float32)


def positive(rng, *shape):
    return (rng.integers(2, 13, shape) / 8).astype(np.float32)


def emit(b, s, at, e):
    """Adds a step behind `at`, of extents `e` behind the batch; None when it does not fit."""
    rng, kind = np.random.default_rng(s["seed"]), s["kind"]
    c, maps = e[0], len(e) == 3
    if kind == "conv":
        if not maps or c % s["groups"] or s["channels"] % s["groups"]:
            return None
        w = numbers(rng, s["channels"], c // s["groups"], *s["kernel_shape"]) / 2
        inputs = [at, b.constant(w)] + ([b.constant(numbers(rng, s["channels"]))] if s["bias"] else [])
        where = {"auto_pad": s["auto_pad"]} if s["auto_pad"] else {"pads": s["pads"]}
        return b.node("Conv", inputs, group=s["groups"], strides=s["strides"], dilations=s["dilations"], **where)
    if kind in ("max", "mean"):
        if not maps:
            return None
        where = {"auto_pad": s["auto_pad"]} if s["auto_pad"] else {"pads": s["pads"]}
        if not s["auto_pad"] and any(p >= k for p, k in zip(s["pads"], s["kernel_shape"] * 2)):
            return None
        more = {"count_include_pad": s["counted"]} if kind == "mean" else {}
        return b.node("MaxPool" if kind == "max" else "AveragePool", [at], kernel_shape=s["kernel_shape"], strides=s["strides"],
                      ceil_mode=s["ceil_mode"], **where, **more)
    if kind == "norm":
        p = [positive(rng, c), numbers(rng, c), numbers(rng, c), positive(rng, c)]
        return b.node("BatchNormalization", [at, *map(b.constant, p)], epsilon=0.001)
    if kind == "constant":
        w, h = e[-1], e[-2] if len(e) > 1 else 1
        shape = {"C11": (c, 1, 1), "1C11": (1, c, 1, 1), "W": (w,), "1W": (1, w), "11W": (1, 1, w), "111W": (1, 1, 1, w), "H1": (h, 1),
                 "1HW": (1, h, w), "CHW": tuple(e), "scalar": (), "one": (1,), "C": (c,), "1C": (1, c)}[s["shape"]]
        value = b.constant(positive(rng, *shape) if s["op"] == "Div" and not s["first"] else numbers(rng, *shape))
        if s["op"] == "Div" and s["first"]:
            return None
        return b.node(s["op"], [value, at] if s["first"] else [at, value])
    if kind == "relu":
        return b.node("Relu", [at])
    if kind == "leaky":
        return b.node("LeakyRelu", [at], alpha=0.25)
    if kind == "clip":
        ends = ["" if v is None else b.constant(np.float32(v)) for v in (s["low"], s["high"])]
        return b.node("Clip", [at, *ends])
    if kind == "lrn":
        return b.node("LRN", [at], size=3, alpha=0.1, beta=0.5, bias=1.5) if maps else None
    if kind == "softmax":
        return b.node("LogSoftmax" if s["seed"] % 3 == 0 else "Softmax", [at], axis=s["axis"]) if -len(e) <= s["axis"] <= len(e) else None
    if kind == "pad":
        if not maps:
            return None
        value = [b.constant(np.float32(s["value"]))] if s["mode"] == "constant" else []
        return b.node("Pad", [at, b.constant(np.array(s["pads"], np.int64)), *value], mode=s["mode"])
    if kind == "residual":
        other = b.node("Relu", [b.node("Mul", [at, b.constant(np.float32(0.5))])])
        return b.node("Add", [at, other])
    if kind == "concat":
        return b.node("Concat", [at, b.node("Relu", [at])], axis=s["axis"]) if s["axis"] <= len(e) and s["axis"] >= -len(e) else None
    if kind == "dropout":
        return b.node("Dropout", [at, b.constant(np.float32(0.5))])
    if kind == "identity":
        return b.node("Identity", [at])
    if kind == "global":
        return b.node("GlobalAveragePool" if s["seed"] % 2 else "GlobalMaxPool", [at]) if maps else None
    axes = s.get("axes")
    if kind in ("squeeze", "unsqueeze", "mean_axes"):
        rank = len(e) + 1 + (len(axes) if kind == "unsqueeze" else 0)
        if any(a >= rank or a < -rank for a in axes) or len({a % rank for a in axes}) < len(axes):
            return None
    if kind == "mean_axes":
        return b.reduce("ReduceMean", at, axes, s["keepdims"])
    if kind == "squeeze":
        if any(([None] + list(e))[a] != 1 for a in axes):
            return None
        return b.node("Squeeze", [at, b.constant(np.array(axes, np.int64))])
    if kind == "unsqueeze":
        return b.node("Unsqueeze", [at, b.constant(np.array(axes, np.int64))]) if rank <= 4 else None
    if kind == "flatten":
        return b.node("Flatten", [at])
    if kind == "view":
        return b.node("Reshape", [at, b.constant(np.array(s["to"], np.int64))])
    if kind == "shape_flatten":
        first = b.node("Gather", [b.node("Shape", [at]), b.constant(np.int64(0))], axis=0)
        first = b.node("Unsqueeze", [first, b.constant(np.array([0], np.int64))])
        return b.node("Reshape", [at, b.node("Concat", [first, b.constant(np.array([-1], np.int64))], axis=0)])
    if kind in ("gemm", "matmul"):
        if len(e) != 1:
            return None
        trans = s["trans"] and kind == "gemm"
        w = numbers(rng, *((s["features"], c) if trans else (c, s["features"]))) / 2
        inputs = [at, b.constant(w)] + ([b.constant(numbers(rng, s["features"]))] if s["bias"] and kind == "gemm" else [])
        if kind == "gemm":
            return b.node("Gemm", inputs, transB=s["trans"], alpha=s["alpha"])
        y = b.node("MatMul", inputs)
        return b.node("Add", [y, b.constant(numbers(rng, s["features"]))]) if s["bias"] else y
    return emit_newer(b, s, at, e)


def emit_newer(b, s, at, e):
    rng, kind = np.random.default_rng(s["seed"]), s["kind"]
    c, maps = e[0], len(e) == 3
    if kind == "opset":
        return None
    if kind == "function":
        if s["op"] == "SiLU":
            return b.node("Mul", [at, b.node("Sigmoid", [at])])
        if s["op"] == "GELU parts":
            inner = b.node("Erf", [b.node("Div", [at, b.constant(np.float32(2 ** 0.5))])])
            return b.node("Mul", [b.node("Mul", [at, b.node("Add", [inner, b.constant(np.float32(1))])]),
                                b.constant(np.float32(0.5))])
        if s["op"] == "HardSwish parts":
            inner = b.node("Clip", [b.node("Add", [at, b.constant(np.float32(3))]), b.constant(np.float32(0)), b.constant(np.float32(6))])
            return b.node("Mul", [at, b.node("Div", [inner, b.constant(np.float32(6))])])
        if s["op"] == "Mish parts":
            return b.node("Mul", [at, b.node("Tanh", [b.node("Softplus", [at])])])
        if {"HardSwish": 14, "Mish": 18, "Gelu": 20}.get(s["op"], 1) > b.opset:
            return None
        more = {"approximate": "tanh" if s["seed"] % 2 else "none"} if s["op"] == "Gelu" else {}
        return b.node(s["op"], [at], **more)
    if kind == "pair":
        if s["other"] != "relu" and not maps:
            return None
        other = b.node("LeakyRelu", [at], alpha=0.5) if s["other"] == "relu" else None
        if s["other"] == "gate":
            other = b.node("Sigmoid", [b.node("GlobalAveragePool", [at])])
        if other is None:
            other = b.reduce("ReduceMean", at, [{"channels": 1, "rows": 2, "columns": 3}[s["other"]]], 1)
        return b.node(s["op"], [other, at] if s["first"] else [at, other])
    if kind == "slice":
        n = len(s["axes"])
        return b.node("Slice", [at, *(b.constant(np.array(v, np.int64)) for v in ([s["start"]] * n, [s["end"]] * n, s["axes"], [s["step"]] * n))])
    if kind == "split":
        extent = ([None] + list(e))[s["axis"]] if -len(e) <= s["axis"] <= len(e) else 0
        if extent < 2:
            return None
        sizes = [1, extent - 1]
        b.count += 1
        names = [f"split{b.count}_{i}" for i in range(2)]
        b.nodes.append(helper.make_node("Split", [at, b.constant(np.array(sizes, np.int64))], names, name=f"split{b.count}", axis=s["axis"]))
        if s["keep"] < 2:
            return names[s["keep"]]
        return b.node("Concat", [names[1], names[0], b.node("Relu", [names[1]])], axis=s["axis"])
    if kind == "gather":
        return b.node("Gather", [at, b.constant(np.array(s["at"], np.int64))], axis=s["axis"])
    if kind == "transpose":
        return b.node("Transpose", [at], perm=s["perm"]) if len(s["perm"]) == len(e) + 1 else None
    if kind == "reshape":
        return b.view(at, *s["to"])
    if kind == "resize":
        if not maps:
            return None
        scales = np.array([1, 1, *s["scales"]], np.float32)
        more = {"nearest_mode": s["nearest"]} if s["mode"] == "nearest" else {}
        if s["by_sizes"]:
            sizes = np.array([1, c, int(e[1] * s["scales"][0]) + 1, int(e[2] * s["scales"][1])], np.int64)
            inputs = [at, "", "", b.constant(sizes)]
        else:
            inputs = [at, "", b.constant(scales)]
        return b.node("Resize", inputs, mode=s["mode"], coordinate_transformation_mode=s["coordinates"], **more)
    if kind == "deconv":
        if not maps or c % s["groups"] or s["channels"] % s["groups"]:
            return None
        if any(o >= max(t, 1) for o, t in zip(s["output_padding"], s["strides"])):
            return None
        w = numbers(rng, c, s["channels"] // s["groups"], *s["kernel_shape"]) / 2
        inputs = [at, b.constant(w)] + ([b.constant(numbers(rng, s["channels"]))] if s["bias"] else [])
        where = {"auto_pad": s["auto_pad"]} if s["auto_pad"] else {"pads": s["pads"]}
        return b.node("ConvTranspose", inputs, group=s["groups"], strides=s["strides"], output_padding=s["output_padding"], **where)
    if kind == "space":
        if not maps:
            return None
        r = 2
        if s["to_depth"]:
            h, w = e[1] // r, e[2] // r
            if e[1] % r or e[2] % r:
                return None
            if not s["idiom"]:
                return b.node("SpaceToDepth", [at], blocksize=r)
            order = [0, 1, 3, 5, 2, 4] if s["mode"] == "CRD" else [0, 3, 5, 1, 2, 4]
            return b.view(b.node("Transpose", [b.view(at, 0, c, h, r, w, r)], perm=order), 0, c * r * r, h, w)
        if c % (r * r):
            return None
        if not s["idiom"]:
            return b.node("DepthToSpace", [at], blocksize=r, mode=s["mode"])
        k = c // (r * r)
        split = [k, r, r] if s["mode"] == "CRD" else [r, r, k]
        order = [0, 1, 4, 2, 5, 3] if s["mode"] == "CRD" else [0, 3, 4, 1, 5, 2]
        return b.view(b.node("Transpose", [b.view(at, 0, *split, e[1], e[2])], perm=order), 0, k, e[1] * r, e[2] * r)
    if kind == "instance":
        if not maps:
            return None
        if not s["idiom"]:
            return b.node("InstanceNormalization", [at, b.constant(numbers(rng, c)), b.constant(numbers(rng, c))], epsilon=0.01)
        g = s["groups"]
        if c % g:
            return None
        y = b.node("InstanceNormalization", [b.view(at, 0, g, -1), b.constant(positive(rng, g)), b.constant(numbers(rng, g))], epsilon=0.01)
        y = b.node("Reshape", [y, b.node("Shape", [at])])
        return b.node("Add", [b.node("Mul", [y, b.constant(numbers(rng, c, 1, 1))]), b.constant(numbers(rng, c, 1, 1))])
    if kind == "group":
        g = s["groups"]
        if not maps or c % g or b.opset < 18:
            return None
        count = g if b.opset < 21 else c
        return b.node("GroupNormalization", [at, b.constant(numbers(rng, count)), b.constant(numbers(rng, count))], num_groups=g, epsilon=0.01)
    if kind == "layer":
        if b.opset < 17:
            return None
        shape = e[-1:] if s["axis"] == -1 else e
        more = [b.constant(numbers(rng, *shape))] if s["bias"] else []
        return b.node("LayerNormalization", [at, b.constant(numbers(rng, *shape)), *more], axis=s["axis"], epsilon=0.01)
    if kind == "channels_last":
        if not maps:
            return None
        y = b.node("Transpose", [at], perm=[0, 2, 3, 1])
        if s["layer"] and b.opset >= 17:
            y = b.node("LayerNormalization", [y, b.constant(numbers(rng, c)), b.constant(numbers(rng, c))], axis=-1, epsilon=0.01)
        if s["matmul"]:
            y = b.node("MatMul", [y, b.constant(numbers(rng, c, 5) / 2)])
            y = b.node("Add", [y, b.constant(numbers(rng, 5))]) if s["bias"] else y
        y = b.node("Mul", [b.node("Tanh", [y]), b.constant(numbers(rng, 5 if s["matmul"] else c))])
        return b.node("Transpose", [y], perm=[0, 3, 1, 2])
    if kind == "shuffle":
        g = s["groups"]
        if not maps or c % g:
            return None
        return b.view(b.node("Transpose", [b.view(at, 0, g, c // g, e[1], e[2])], perm=[0, 2, 1, 3, 4]), 0, c, e[1], e[2])
    if kind == "reduce":
        return b.reduce(s["op"], at, s["axes"], s["keepdims"])
    if kind == "prelu":
        shape = {"C11": (c, 1, 1), "one": (1,), "1C11": (1, c, 1, 1)}[s["shape"]]
        return b.node("PRelu", [at, b.constant(numbers(rng, *shape) / 2)])
    raise ValueError(kind)


def model_of(b, at):
    graph = helper.make_graph(b.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *MAPS])],
                              [helper.make_tensor_value_info(at, TensorProto.FLOAT, None)], b.tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", b.opset)])
    model.ir_version = 7 if b.opset < 18 else 10
    return model.SerializeToString()


def run(model, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def build(recipe, folder):
    """The files, an input and ONNX Runtime's output; None when nothing of the recipe fits."""
    newer = any(step["kind"] == "opset" for step in recipe)
    b, at, y = Builder(21 if newer and len(recipe) % 2 else 18 if newer else 13), "x", None
    x = numbers(np.random.default_rng(7), 1, *MAPS)
    extents = list(MAPS)
    for step in recipe:
        nodes, tensors, count = len(b.nodes), len(b.tensors), b.count
        new = emit(b, step, at, extents)
        try:
            out = None if new is None else run(model_of(b, new), x)
            fits = out is not None and out.ndim >= 2 and out.ndim <= 4 and len(out) == 1 and 0 < out.size < 3000 and np.isfinite(out).all()
        except Exception:  # what ONNX Runtime refuses is no valid graph
            fits = False
        if fits:
            at, y, extents = new, out, list(out.shape[1:])
        else:
            del b.nodes[nodes:], b.tensors[tensors:]
            b.count = count
    if y is None or not np.abs(y).max() > 1e-3:
        return None
    path = os.path.join(folder, "m.onnx")
    with open(path, "wb") as file:
        file.write(model_of(b, at))
    # A value N x C x L is one of N x C x L x 1 here: rows and columns in one.
    return [path], x, y
