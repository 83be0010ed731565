# SPDX-License-Identifier: Apache-2.0
"""Records a reference bundle from an ONNX model with onnxruntime: python from_onnx.py model.onnx bundle.h5

Every node's first output is recorded under the node's name, or under the output's name where nodes have none
(--by-output: always). There are no gradients: onnxruntime computes none.
"""

import argparse

import numpy as np
import onnx
import onnxruntime

from reference_bundle import Bundle


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
        if node.op_type not in ("Constant", "Shape", "Gather", "Unsqueeze"):
            nodes[node.output[0]] = node.output[0] if args.by_output or not node.name else node.name
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
