# SPDX-License-Identifier: Apache-2.0
"""Random Keras models for random_graphs.py, with Keras' own numbers (KERAS_BACKEND=torch)."""

import os
import random

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

MAPS = (6, 5, 3)  # rows, columns, channels


def recipe(rng):
    def pick(*values):
        return values[rng.integers(len(values))]

    def step():
        kind = pick("conv", "conv", "conv", "depthwise", "separable", "norm", "max", "mean", "zeros", "relu", "leaky", "activation",
                    "activation", "softmax", "dropout", "noise", "flatten", "flatten", "flatten", "dense", "dense", "global", "rescaling",
                    "residual", "concat", "nested", "function", "function", "elu", "prelu", "pair", "pair", "up", "deconv", "crop", "reshape",
                    "permute", "layer_norm", "group_norm")
        s = {"kind": kind, "seed": int(rng.integers(1 << 30))}
        if kind in ("conv", "depthwise", "separable"):
            s |= {"kernel": [pick(1, 2, 3), pick(1, 2, 3)], "padding": pick("same", "valid"), "filters": pick(3, 4, 6),
                  "multiplier": pick(1, 2), "activation": pick("linear", "relu", "relu6", "leaky_relu", "softmax"), "bias": pick(True, False),
                  "stride": pick(1, 1, 2)}
        if kind in ("max", "mean"):
            # Keras' "same" means are of the picture's own values; its PyTorch backend repeats the edge where the sides differ.
            s |= {"pool": pick(2, 3), "stride": pick(1, 2, 3), "padding": "valid" if kind == "mean" else pick("same", "valid")}
        if kind == "zeros":
            s |= {"padding": [[pick(0, 1), pick(0, 2)], [pick(0, 1), pick(0, 1)]]}
        if kind == "relu":
            s |= {"max_value": pick(None, 6.0, 1.0), "slope": pick(0.0, 0.0, 0.1)}
        if kind == "activation":
            s |= {"name": pick("linear", "relu", "relu6", "leaky_relu", "softmax", "linear")}
        if kind == "softmax":
            s |= {"axis": pick(-1, -1, 1, 3, 2)}
        if kind == "dense":
            s |= {"units": pick(4, 6), "activation": pick("linear", "relu", "softmax")}
        if kind == "global":
            s |= {"max": pick(True, False), "keepdims": pick(True, False)}
        if kind == "concat":
            s |= {"axis": pick(-1, -1, 1, 3)}
        if kind == "rescaling":
            s |= {"scale": pick(0.5, 2.0), "offset": pick(0.0, -1.0)}
        if kind == "function":
            s |= {"name": pick("sigmoid", "tanh", "elu", "selu", "silu", "gelu", "hard_sigmoid", "hard_silu", "softplus", "softsign", "mish")}
        if kind == "elu":
            s |= {"alpha": pick(1.0, 0.5)}
        if kind == "prelu":
            s |= {"shared": pick(True, True, False)}
        if kind == "pair":
            s |= {"op": pick("Add", "Multiply", "Multiply", "Subtract", "Average", "Maximum", "Minimum"),
                  "other": pick("relu", "relu", "gate", "gate", "dense_gate")}
        if kind == "up":
            s |= {"size": [pick(1, 2), pick(2, 3)], "interpolation": pick("nearest", "bilinear")}
        if kind == "deconv":
            s |= {"kernel": [pick(1, 2, 3), pick(2, 3, 4)], "stride": pick(1, 2), "padding": pick("same", "valid"), "filters": pick(3, 4),
                  "bias": pick(True, False), "activation": pick("linear", "relu")}
        if kind == "crop":
            s |= {"sides": [[pick(0, 1), pick(0, 1)], [pick(0, 1), 0]]}
        if kind == "reshape":
            s |= {"to": pick([-1], [1, 1, -1], [2, 2, -1], [3, -1, 2], [-1, 1, 3], [6, 5, -1])}
        if kind == "permute":
            s |= {"dims": pick([2, 1, 3], [3, 1, 2], [1, 3, 2])}
        if kind == "layer_norm":
            s |= {"center": pick(True, False), "scale": pick(True, False), "axis": -1}
        if kind == "group_norm":
            s |= {"groups": pick(1, 2, 3, -1), "center": pick(True, False)}
        if kind == "nested":
            s |= {"inner": [step() for _ in range(3)] if pick(0, 1) else [], "sequential": pick(True, False)}
        return s

    return [step() for _ in range(int(rng.integers(3, 12)))]


def emit(s, x):
    """A step behind `x`; None when it does not fit."""
    kind, maps = s["kind"], len(x.shape) == 4
    if kind in ("conv", "depthwise", "separable"):
        if not maps:
            return None
        common = {"strides": s["stride"], "padding": s["padding"], "activation": s["activation"], "use_bias": s["bias"]}
        if kind == "conv":
            return L.Conv2D(s["filters"], s["kernel"], **common)(x)
        if kind == "depthwise":
            return L.DepthwiseConv2D(s["kernel"], depth_multiplier=s["multiplier"], **common)(x)
        return L.SeparableConv2D(s["filters"], s["kernel"], depth_multiplier=s["multiplier"], **common)(x)
    if kind == "norm":
        return L.BatchNormalization(scale=bool(s["seed"] % 3), center=bool(s["seed"] % 2))(x)
    if kind in ("max", "mean"):
        layer = L.MaxPooling2D if kind == "max" else L.AveragePooling2D
        return layer(s["pool"], s["stride"], padding=s["padding"])(x) if maps else None
    if kind == "zeros":
        return L.ZeroPadding2D(s["padding"])(x) if maps else None
    if kind == "relu":
        return L.ReLU(max_value=s["max_value"], negative_slope=s["slope"])(x)
    if kind == "leaky":
        return L.LeakyReLU(negative_slope=0.25)(x)
    if kind == "activation":
        return L.Activation(s["name"])(x)
    if kind == "softmax":
        return L.Softmax(axis=s["axis"])(x) if s["axis"] < len(x.shape) else None
    if kind == "dropout":
        return L.Dropout(0.5)(x)
    if kind == "noise":
        return L.GaussianNoise(0.5)(x)
    if kind == "flatten":
        return L.Flatten()(x)
    if kind == "dense":
        return L.Dense(s["units"], activation=s["activation"])(x)
    if kind == "global":
        return (L.GlobalMaxPooling2D if s["max"] else L.GlobalAveragePooling2D)(keepdims=s["keepdims"])(x) if maps else None
    if kind == "rescaling":
        return L.Rescaling(s["scale"], s["offset"])(x)
    if kind == "residual":
        return L.Add()([x, L.LeakyReLU(negative_slope=0.5)(x)])
    if kind == "concat":
        return L.Concatenate(axis=s["axis"])([x, L.ReLU()(x)]) if s["axis"] < len(x.shape) else None
    if kind == "function":
        return L.Activation(s["name"])(x)
    if kind == "elu":
        return L.ELU(alpha=s["alpha"])(x)
    if kind == "prelu":
        return L.PReLU(shared_axes=[1, 2] if s["shared"] else None)(x) if maps or not s["shared"] else L.PReLU()(x)
    if kind == "pair":
        if s["other"] == "relu":
            other = L.LeakyReLU(negative_slope=0.5)(x)
        elif not maps:
            return None
        elif s["other"] == "gate":
            other = L.Activation("sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
        else:
            other = L.Dense(x.shape[-1], activation="sigmoid")(L.GlobalAveragePooling2D()(x))
            other = L.Reshape((1, 1, x.shape[-1]))(other)
        return getattr(L, s["op"])()([x, other])
    if kind == "up":
        return L.UpSampling2D(s["size"], interpolation=s["interpolation"])(x) if maps else None
    if kind == "deconv":
        return L.Conv2DTranspose(s["filters"], s["kernel"], strides=s["stride"], padding=s["padding"], use_bias=s["bias"],
                                 activation=s["activation"])(x) if maps else None
    if kind == "crop":
        return L.Cropping2D(s["sides"])(x) if maps else None
    if kind == "reshape":
        return L.Reshape(s["to"])(x)
    if kind == "permute":
        return L.Permute(s["dims"])(x) if maps else None
    if kind == "layer_norm":
        return L.LayerNormalization(axis=s["axis"], center=s["center"], scale=s["scale"])(x)
    if kind == "group_norm":
        return L.GroupNormalization(s["groups"], center=s["center"])(x)
    if kind == "nested":
        inner = keras.Input(tuple(x.shape[1:]))
        y = chain(s["inner"], inner)
        if y is inner:
            return None
        model = keras.Model(inner, y)
        return model(x)
    raise ValueError(kind)


def chain(recipe, x):
    for step in recipe:
        try:
            y = emit(step, x)
        except (ValueError, RuntimeError):  # what Keras refuses is no valid model
            continue
        if y is not None and 0 < int(np.prod(y.shape[1:])) < 2000:
            x = y
    return x


def build(recipe, folder):
    keras.utils.clear_session()
    random.seed(1)  # Keras draws its own
    image = keras.Input(MAPS)
    y = chain(recipe, image)
    if y is image:
        return None
    model = keras.Model(image, y)
    rng = np.random.default_rng(5)
    for variable in model.weights:
        if "float" not in str(variable.dtype):
            continue
        values = rng.integers(-8, 9, tuple(variable.shape)) / 8
        variable.assign(np.abs(values) + 0.25 if "variance" in variable.path else values / (2 if len(variable.shape) > 1 else 1))
    x = (rng.integers(-8, 9, (1, *MAPS)) / 8).astype(np.float32)
    out = keras.ops.convert_to_numpy(model(x, training=False))
    if not np.isfinite(out).all() or not np.abs(out).max() > 1e-3:
        return None
    path = os.path.join(folder, "m.keras")
    model.save(path)
    return [path], x.transpose(0, 3, 1, 2), out.transpose(0, 3, 1, 2) if out.ndim == 4 else out
