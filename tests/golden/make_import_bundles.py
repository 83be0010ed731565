# SPDX-License-Identifier: Apache-2.0
"""Makes the small files of other frameworks that tests/weights reads, and what those frameworks compute with them.

    pip install torch safetensors onnx onnxruntime h5py numpy
    python make_import_bundles.py OUT_DIR

Seeds are fixed. The pickles with code in them write nothing when they are read by a reader that runs nothing; do not load
them with Python.
"""
import os
import pickle
import sys

import h5py
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file


def tiny():
    """conv 3->4 with bias, batch normalisation, fully connected 4 -> 5: the names of any state dict."""
    g = torch.Generator().manual_seed(3)
    rand = lambda *s: torch.randn(*s, generator=g)
    return {
        "conv1.weight": rand(4, 3, 3, 3), "conv1.bias": rand(4),
        "bn1.weight": rand(4), "bn1.bias": rand(4), "bn1.running_mean": rand(4),
        "bn1.running_var": rand(4).abs() + 0.5, "bn1.num_batches_tracked": torch.tensor(7),
        "fc.weight": rand(5, 4), "fc.bias": rand(5),
    }


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/cutaway-pickle-was-run",)


def make_torch(out):
    state = tiny()
    torch.save(state, f"{out}/tiny.pth")
    torch.save(state, f"{out}/tiny_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, f"{out}/tiny_f16.pth")
    torch.save({"state_dict": {"module." + k: v for k, v in state.items()}, "epoch": 3,
                "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "lr": 0.1}}, f"{out}/checkpoint.pth")
    last = dict(state)
    last["conv1.weight"] = state["conv1.weight"].to(memory_format=torch.channels_last)
    last["fc.weight"] = state["fc.weight"].t().contiguous().t()
    torch.save(last, f"{out}/strided.pth")
    module = torch.nn.ParameterDict({k.replace(".", "_"): v for k, v in state.items() if v.is_floating_point()})
    torch.save({"conv1.weight": torch.nn.Parameter(state["conv1.weight"]), **{k: v for k, v in state.items() if k != "conv1.weight"}},
               f"{out}/parameter.pth")
    torch.save(module, f"{out}/module.pth")
    save_file(state, f"{out}/tiny.safetensors")
    save_file({k: v.bfloat16() if v.is_floating_point() else v for k, v in state.items()}, f"{out}/tiny_bf16.safetensors")
    torch.save({"conv1.weight": Evil()}, f"{out}/evil.pth")
    torch.save({"conv1.weight": Evil()}, f"{out}/evil_legacy.pth", _use_new_zipfile_serialization=False)
    return {k: v.float().numpy() for k, v in state.items() if v.is_floating_point()}


def tensor(name, array):
    return numpy_helper.from_array(np.array(array, order="C"), name)


class Net:
    def __init__(self, seed, shape):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.tensors, self.shape, self.at = [], [], shape, "input"

    def w(self, name, *shape, scale=0.5):
        self.tensors.append(tensor(name, (self.rng.standard_normal(shape) * scale).astype(np.float32)))
        return name

    def c(self, name, array):
        self.tensors.append(tensor(name, array))
        return name

    def op(self, kind, name, inputs=None, **attributes):
        inputs = [self.at] if inputs is None else inputs
        self.nodes.append(helper.make_node(kind, inputs, [name + "_out"], name=name, **attributes))
        self.at = name + "_out"
        return self.at

    def model(self, opset):
        graph = helper.make_graph(
            self.nodes, "g", [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *self.shape])],
            [helper.make_tensor_value_info(self.at, TensorProto.FLOAT, ["N", "K"])], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="cutaway-tests")
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def operators():
    n = Net(5, (3, 17, 15))
    n.op("Pad", "pad", ["input", n.c("pads", np.array([0, 0, 1, 2, 0, 0, 1, 0], np.int64))], mode="reflect")
    n.op("Conv", "/stem/conv", [n.at, n.w("stem.w", 8, 3, 3, 3), n.w("stem.b", 8)], kernel_shape=[3, 3], strides=[2, 2],
         auto_pad="SAME_UPPER")
    n.op("BatchNormalization", "/stem/bn", [n.at, n.w("g", 8), n.w("b", 8), n.w("m", 8),
                                            n.c("v", np.linspace(0.5, 2, 8, dtype=np.float32))], epsilon=1e-3)
    stem = n.op("Clip", "relu6", [n.at, n.c("zero", np.float32(0)), n.c("six", np.float32(1.5))])
    n.op("Conv", "depthwise", [n.at, n.w("dw.w", 8, 1, 3, 3)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=8)
    n.op("Add", "dw_bias", [n.at, n.c("dw.b", n.rng.standard_normal((1, 8, 1, 1)).astype(np.float32))])
    deep = n.op("LeakyRelu", "leaky", alpha=0.125)
    n.op("Add", "residual", [deep, stem])
    both = n.op("Concat", "both", [n.at, stem], axis=1)
    n.op("LRN", "lrn", size=5, alpha=0.01, beta=0.75, bias=2.0)
    n.op("AveragePool", "mean", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=0)
    n.op("Conv", "asymmetric", [n.at, n.w("as.w", 6, 16, 3, 3), n.w("as.b", 6)], kernel_shape=[3, 3], pads=[0, 1, 1, 1])
    n.op("Relu", "relu")
    n.op("MaxPool", "most", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    n.op("Dropout", "drop", [n.at, n.c("ratio", np.float32(0.5))])
    n.op("Identity", "same")
    n.op("Flatten", "flat", axis=1)
    n.op("MatMul", "matmul", [n.at, n.w("mm.w", 24, 7)])
    n.op("Add", "mm_bias", [n.at, n.w("mm.b", 7)])
    n.op("Gemm", "gemm", [n.at, n.w("ge.w", 7, 5), n.w("ge.b", 5)], alpha=0.5, beta=2.0)
    n.op("Gemm", "head", [n.at, n.w("he.w", 5, 5), n.w("he.b", 5)], transB=1)
    n.op("Softmax", "prob", axis=1)
    return n.model(13), ["relu6_out", "leaky_out", "residual_out", "both_out", "lrn_out", "mean_out", "relu_out", "most_out",
                         "mm_bias_out", "gemm_out", "head_out", "prob_out"]


def old():
    n = Net(6, (2, 9, 9))
    n.op("Conv", "c", [n.at, n.w("w", 4, 2, 3, 3)], kernel_shape=[3, 3], dilations=[2, 2], pads=[2, 2, 2, 2])
    n.op("Clip", "clip", min=0.0, max=6.0)
    n.op("AveragePool", "p", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1], count_include_pad=1)
    n.op("GlobalMaxPool", "top")
    n.op("Reshape", "r", [n.at, n.c("to", np.array([0, -1], np.int64))])
    n.op("Gemm", "fc", [n.at, n.w("fw", 3, 4), n.w("fb", 3)], transB=1)
    return n.model(9), ["clip_out", "p_out", "fc_out"]


def run(model, outputs, seed, shape):
    for name in outputs[:-1]:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(seed).standard_normal((2, *shape)).astype(np.float32)
    return x, dict(zip(outputs, session.run(outputs, {"input": x})))


def main(out):
    os.makedirs(out, exist_ok=True)
    with h5py.File(f"{out}/expected.h5", "w", libver=("earliest", "v110"), track_order=False) as file:
        for name, (build, shape, seed) in {"operators": (operators, (3, 17, 15), 8), "old": (old, (2, 9, 9), 9)}.items():
            model, outputs = build()
            onnx.save(model, f"{out}/{name}.onnx")
            x, values = run(onnx.ModelProto.FromString(model.SerializeToString()), outputs, seed, shape)
            if name == "old":  # this changes the model
                if os.path.exists(f"{out}/external.bin"):
                    os.remove(f"{out}/external.bin")
                onnx.save(model, f"{out}/external.onnx", save_as_external_data=True, location="external.bin", size_threshold=64)
            file[f"{name}/input"] = x
            for key, value in values.items():
                file[f"{name}/{key}"] = value
        for key, value in make_torch(out).items():
            file[f"tiny/{key}"] = value
    print({f: os.path.getsize(f"{out}/{f}") for f in sorted(os.listdir(out))})


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
