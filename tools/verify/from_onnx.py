# SPDX-License-Identifier: Apache-2.0
"""Records a reference bundle from an ONNX model with onnxruntime: python from_onnx.py model.onnx bundle.h5

Every node's first output is recorded under the node's name, or under the output's name where nodes have none
(--by-output: always); a bias that is a node of its own belongs to the node before it. There are no gradients: onnxruntime computes none.
"""

import argparse
import sys

import numpy as np
import onnx
import onnxruntime

from reference_bundle import Bundle


def biases(graph, constants):
    """Output of every node that adds a constant behind a convolution or matrix product: (that product, the sum).

    For Cutaway the two are one layer, with the product's name and the sum's output."""
    readers, makers = {}, {}
    for node in graph.node:
        makers[node.output[0]] = node
        for name in node.input:
            readers.setdefault(name, []).append(node)
        if node.op_type == "Constant":
            constants = constants | {node.output[0]}
    for node in graph.node:
        given = [name for name in node.input if name not in constants]
        product = makers.get(given[0]) if node.op_type == "Add" and len(node.input) == 2 and len(given) == 1 else None
        if product is not None and product.op_type in ("Conv", "MatMul") and len(readers[given[0]]) == 1:
            yield product, node


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("bundle")
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--by-output", action="store_true")
    args = parser.parse_args()
    model = onnx.load(args.model)
    constants = {tensor.name for tensor in model.graph.initializer}
    source = next(value for value in model.graph.input if value.name not in constants)
    shape = [d.dim_value or args.images for d in source.type.tensor_type.shape.dim]
    nodes = {}
    for node in model.graph.node:
        if node.op_type not in ("Constant", "Shape", "Gather", "Unsqueeze", "Identity"):
            nodes[node.output[0]] = node.output[0] if args.by_output or not node.name else node.name
    for product, total in biases(model.graph, constants):
        name = nodes.pop(product.output[0])
        nodes[total.output[0]] = total.output[0] if args.by_output else name
    # HDF5 cannot hold "a" and "a/b" both: of such names the shorter is recorded.
    names = set(nodes.values())
    for output, name in list(nodes.items()):
        parts = name.strip("/").split("/")
        if any("/".join(parts[:k]) in names for k in range(1, len(parts))):
            print(f"left out, because a part of its name is a node's: {name}", file=sys.stderr)
            del nodes[output]
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in nodes if name not in known)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(args.seed).standard_normal(shape).astype(np.float32)
    outputs = [value.name for value in session.get_outputs()]
    with Bundle(args.bundle, x, f"onnxruntime {onnxruntime.__version__}") as bundle:
        for name, y in zip(outputs, session.run(outputs, {source.name: x})):
            if name in nodes and y.dtype == np.float32 and y.ndim in (2, 4) and len(y) == len(x):
                bundle.activation(nodes[name], y)


if __name__ == "__main__":
    main()
