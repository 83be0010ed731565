# SPDX-License-Identifier: Apache-2.0
"""Records a reference bundle from a Keras model: python from_keras.py model.keras bundle.h5 [--images 2] [--seed 0]

Every layer's output is recorded under the layer's name (with its activation: "<layer>_relu" is what Cutaway calls the
node behind a convolution that has one), and the gradient of each image's strongest score at the input. Inputs are
random unless --input gives an .npy file of N x H x W x C. Works with any backend; gradients need TensorFlow or PyTorch.
"""

import argparse

import keras
import numpy as np

from reference_bundle import Bundle, channels_first

# Layers that leave the order of a vector's features as it is.
ELEMENTWISE = ("Dropout", "Activation", "ReLU", "LeakyReLU", "BatchNormalization")
FUSED = ("Conv2D", "DepthwiseConv2D", "Dense")


def node_name(layer):
    """What Cutaway calls the node that has this layer's output."""
    kind = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return f"{layer.name}_{kind}" if type(layer).__name__ in FUSED and kind != "linear" else layer.name


def scores_of(model):
    """The model's output before a final softmax, and the name of its node."""
    last = model.layers[-1]
    if type(last).__name__ in ("Softmax", "Activation"):
        return model.layers[-2].output, node_name(model.layers[-2])
    if getattr(getattr(last, "activation", None), "__name__", "") == "softmax":
        last.activation = keras.activations.linear
        return last(last.input), last.name
    return last.output, node_name(last)


def input_gradient(model, x, targets):
    if keras.backend.backend() == "torch":
        import torch

        tensor = torch.tensor(x, requires_grad=True)
        scores = model(tensor)
        scores[torch.arange(len(x)), torch.tensor(targets)].sum().backward()
        return tensor.grad.numpy()
    import tensorflow as tf

    tensor = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        scores = tf.gather(model(tensor), targets, axis=1, batch_dims=1)
    return tape.gradient(scores, tensor).numpy()


def in_keras_order(layers):
    """Names of layers whose output are flattened maps: Keras has their features in H, W, C order, Cutaway in C, H, W."""
    names = set()
    for layer in layers:
        kind = type(layer).__name__
        given = layer._inbound_nodes[-1].input_tensors
        before = given[0]._keras_history.operation.name if len(given) == 1 else None
        if kind == "Flatten" or (kind in ELEMENTWISE and before in names):
            names.add(layer.name)
    return names


def outputs_of(model, x, prefix=""):
    """(id, name, name of its node, output) of every layer, those of models in the model among them; x is what the model is given."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    flat = in_keras_order(layers)  # they are checked behind the next layer
    inner = [layer for layer in layers if isinstance(layer, keras.Model)]
    given = [layer._inbound_nodes[-1].input_tensors[0] for layer in inner]  # a model's own .input is not what it is given
    plain = [layer for layer in layers if layer not in inner and layer.name not in flat]
    values = keras.Model(model.inputs, [layer.output for layer in plain] + given)(x, training=False)
    for layer, y in zip(plain, values):
        yield prefix + layer.name, layer.name, node_name(layer), keras.ops.convert_to_numpy(y)
    for layer, y in zip(inner, values[len(plain):]):
        yield from outputs_of(layer, y, prefix + layer.name + "/")


def record(model, x, path):
    layout = keras.config.image_data_format()
    outputs = list(outputs_of(model, x))  # before scores_of(), which takes the last activation away
    names = [name for _, name, _, _ in outputs]
    output, score = scores_of(model)
    targets = keras.ops.convert_to_numpy(model(x, training=False)).argmax(1)
    gradient = input_gradient(keras.Model(model.inputs, output), x, targets)
    producer = f"Keras {keras.__version__} ({keras.backend.backend()})"
    with Bundle(path, channels_first(x, layout), producer, targets, score) as bundle:
        for key, name, node, y in outputs:
            # Two layers of one name are called by the models that they are in, too.
            first = key if names.count(name) > 1 else name
            bundle.activation(first + node[len(name):], channels_first(y, layout))
        bundle.gradient("input", channels_first(gradient, layout))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("bundle")
    parser.add_argument("--input", help=".npy file, as the model takes it; default: random numbers")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = keras.saving.load_model(args.model, compile=False)
    shape = (args.images, *model.input_shape[1:])
    x = np.load(args.input) if args.input else np.random.default_rng(args.seed).standard_normal(shape)
    record(model, x.astype(np.float32), args.bundle)


if __name__ == "__main__":
    main()
