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
                    "gemm", "matmul", "shape_flatten", "view")
        s = {"kind": kind, "seed": int(rng.integers(1 << 30))}
        if kind == "conv":
            s |= {"channels": pick(4, 6, 7), "groups": pick(1, 1, 2), "bias": pick(0, 1), "dilations": pick([1, 1], [1, 1], [2, 1]),
                  "auto_pad": pick("", "", "SAME_UPPER", "SAME_LOWER", "VALID"), **window()}
        if kind in ("max", "mean"):
            s |= {"ceil_mode": pick(0, 1), "auto_pad": pick("", "", "", "SAME_UPPER"), "counted": pick(0, 1), **window()}
        if kind == "constant":
            s |= {"op": pick("Add", "Add", "Sub", "Mul", "Div"), "first": pick(0, 0, 1),
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
        if kind == "view":
            s |= {"to": pick([0, 0, -1], [0, -1], [1, -1], [-1], [0, -1, 1, 1], [0, 4, -1])}
        return s

    return [step() for _ in range(int(rng.integers(3, 13)))]


class Builder:
    def __init__(self):
        self.nodes, self.tensors, self.count = [], [], 0

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
        return b.node("Softmax", [at], axis=s["axis"]) if -len(e) <= s["axis"] <= len(e) else None
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
        return b.node("ReduceMean", [at], axes=axes, keepdims=s["keepdims"])
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
    raise ValueError(kind)


def model_of(b, at):
    graph = helper.make_graph(b.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *MAPS])],
                              [helper.make_tensor_value_info(at, TensorProto.FLOAT, None)], b.tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    return model.SerializeToString()


def run(model, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def build(recipe, folder):
    """The files, an input and ONNX Runtime's output; None when nothing of the recipe fits."""
    b, at, y = Builder(), "x", None
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
