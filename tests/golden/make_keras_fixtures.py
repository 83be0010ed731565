# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/keras/: small Keras models in every format that Keras writes, and what Keras computes with them.

    KERAS_BACKEND=torch python make_keras_fixtures.py [NAME ...]

net.h5 (whole model), net.keras, net.weights.h5 (Keras 3, no names) and sequential.h5 with bundles for `cutaway verify`.
The functional model has every layer that the importer knows; the sequential one ends in a flattened classifier. nested and
transfer are models in models: a functional one with a Sequential one in it under a new head, with names that come twice.
heads has three outputs, a layer and a model that are used twice each and a model with two outputs; its numbers, of all outputs,
are in heads.expected.h5.
"""

import os
import sys

import h5py
import keras
import numpy as np
from keras import layers as L

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "tools", "verify"))
from from_keras import record  # noqa: E402
from reference_bundle import channels_first  # noqa: E402


def functional():
    image = keras.Input((20, 17, 3), name="image")
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    x = L.BatchNormalization(name="stem_bn")(x)
    x = L.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    y = L.DepthwiseConv2D((3, 2), padding="same", depth_multiplier=2, name="depthwise")(x)
    y = L.Conv2D(8, 1, use_bias=False, name="pointwise")(y)
    y = L.BatchNormalization(scale=False, name="bn2")(y)
    x = L.Add(name="add")([x, y])
    x = L.Activation("relu", name="relu2")(x)
    z = L.ZeroPadding2D(((1, 0), (2, 1)), name="zeros")(x)
    z = L.Conv2D(4, (2, 4), groups=2, name="grouped")(z)
    x = L.Concatenate(name="joined")([x, z])
    x = L.AveragePooling2D(2, padding="same", name="average")(x)
    x = L.Flatten(name="flatten")(x)
    x = L.Dropout(0.3, name="dropout")(x)
    x = L.Dense(7, activation="relu", name="hidden")(x)
    x = L.Dense(7, name="square")(x)
    return keras.Model(image, L.Dense(5, activation="softmax", name="classes")(x))


def sequential():
    return keras.Sequential([
        keras.Input((9, 11, 3)),
        L.Conv2D(6, 3, name="conv_a"),
        L.ReLU(name="relu_a"),
        L.Conv2D(6, (3, 1), padding="same", name="conv_b"),
        L.GlobalAveragePooling2D(name="gap"),
        L.Dense(4, name="scores"),
        L.Softmax(name="prob"),
    ])


def base(name):
    image = keras.Input((12, 10, 3), name="image")
    x = L.Conv2D(5, 3, name="conv_a")(image)
    x = L.BatchNormalization(name="norm")(x)
    x = keras.Sequential([keras.Input((10, 8, 5)), L.Conv2D(6, 3, activation="relu", name="conv_b"), L.MaxPooling2D(name="pool")],
                         name="block")(x)
    return keras.Model(image, L.Conv2D(4, 1, name="conv_c")(x), name=name)


def nested():
    image = keras.Input((12, 10, 3), name="picture")
    x = L.ReLU(name="relu")(base("trunk")(image))
    x = L.Conv2D(4, 1, name="conv_a")(x)  # a name that the trunk has too
    x = L.Dense(6, activation="relu", name="hidden")(L.Flatten(name="flat")(x))
    return keras.Model(image, L.Dense(5, activation="softmax", name="classes")(x))


def transfer():
    return keras.Sequential([
        keras.Input((12, 10, 3)),
        base("backbone"),
        L.GlobalAveragePooling2D(name="gap"),
        L.Dense(4, name="scores"),
    ])


def heads():
    image = keras.Input((12, 10, 3), name="image")
    x = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(image)
    twice = L.Conv2D(4, 3, padding="same", activation="relu", name="twice")
    x = twice(L.MaxPooling2D(name="pool")(twice(x)))
    block = keras.Sequential([keras.Input((None, None, 4)), L.Conv2D(4, 1, name="mix"), L.BatchNormalization(name="norm")],
                             name="block")
    x = L.Add(name="sum")([block(L.ReLU(name="bend")(block(x))), x])
    side = L.Dense(3, name="side")(L.GlobalAveragePooling2D(name="mean")(x))
    inner = keras.Input((6, 5, 4), name="maps")
    y = L.Conv2D(3, 3, name="narrow")(inner)
    split = keras.Model(inner, [L.GlobalMaxPooling2D(name="most")(y), L.Flatten(name="flat")(y)], name="split")
    few, many = split(x)
    coarse = L.Dense(4, activation="softmax", name="coarse")(few)
    return keras.Model(image, [side, L.Dense(6, activation="relu", name="fine")(many), coarse])


def randomise(model, seed):
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape = tuple(variable.shape)
        values = rng.standard_normal(shape) * (0.5 if len(shape) == 1 else 1.5 / np.sqrt(np.prod(shape[:-1])))
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.path else values)


def main():
    folder = os.path.join(HERE, "keras")
    os.makedirs(folder, exist_ok=True)
    kinds = {"net": (functional, 1), "sequential": (sequential, 2), "nested": (nested, 3), "transfer": (transfer, 4),
             "heads": (heads, 5)}
    for name in sys.argv[1:] or kinds:
        make, seed = kinds[name]
        keras.utils.clear_session()
        model = make()
        randomise(model, seed)
        model.save(os.path.join(folder, name + ".h5"), include_optimizer=False)
        model.save(os.path.join(folder, name + ".keras"))
        model.save_weights(os.path.join(folder, name + ".weights.h5"))
        x = np.random.default_rng(seed).standard_normal((2, *model.input_shape[1:])).astype(np.float32)
        if len(model.outputs) == 1:
            record(model, x, os.path.join(folder, name + ".bundle.h5"))
            continue
        with h5py.File(os.path.join(folder, name + ".expected.h5"), "w") as file:
            file["input"] = channels_first(x, "channels_last")
            for output, y in zip(model.output_names, model(x, training=False)):
                file[output] = keras.ops.convert_to_numpy(y)


if __name__ == "__main__":
    main()
