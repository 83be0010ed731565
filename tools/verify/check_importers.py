# SPDX-License-Identifier: Apache-2.0
"""Full-size nets of torchvision with random weights, through every format, held to PyTorch and ONNX Runtime.

    pip install torch torchvision safetensors onnx onnxruntime h5py numpy
    python check_importers.py path/to/cutaway [--nets alexnet resnet18 ...] [--formats pth legacy safetensors onnx roundtrip]

For each net: writes the weights as .pth, legacy .pth, safetensors and ONNX into a temporary folder, converts each with
`cutaway convert`, and lets `cutaway verify` compare every layer's activation (1e-4) and the gradients of a class score at
the input (1e-3, or three times the error of PyTorch's own float32 where that is more) with what the other framework computes. `roundtrip` exports the converted package back to ONNX and
compares ONNX Runtime's output with PyTorch's (1e-4). Prints one line a file; exit status 1 if any failed.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy as np
import torch
import torchvision

warnings.filterwarnings("ignore")
KINDS = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear, torch.nn.MaxPool2d)


def build(name):
    torch.manual_seed(1)
    extra = {"init_weights": False, "aux_logits": True} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **extra).eval()
    for module in model.modules():  # GoogLeNet's own start would let the signal vanish in evaluation mode
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    g = torch.Generator().manual_seed(2)
    for key, buffer in model.named_buffers():
        if key.endswith("running_mean"):
            buffer.copy_(torch.randn(buffer.shape, generator=g) * 0.1)
        if key.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=g) * 0.5 + 0.75)
    return model


def start(path, x):
    file = h5py.File(path, "w", libver=("earliest", "v110"))
    file.attrs["cutaway_reference"] = 1
    file.attrs["producer"] = np.bytes_("torch " + torch.__version__)
    file["input"] = x.numpy()
    return file


def gradient_of(model, x):
    leaf = x.clone().requires_grad_()
    scores = model(leaf)
    scores.gather(1, scores.argmax(1)[:, None]).sum().backward()
    return leaf.grad.double()


def record_torch(model, path):
    """In float64, so that the reference's own rounding does not count. The last result is how far PyTorch's own float32 gradient is off:
    gradients are not continuous, some ReLU or pooling window of a deep net always decides by rounding."""
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(4)).float()
    single = gradient_of(model, x)
    model = model.double()
    seen, hooks = {}, []
    for name, module in model.named_modules():
        if isinstance(module, KINDS) and not name.startswith("aux"):
            hooks.append(module.register_forward_hook(lambda m, i, o, n=name: seen.__setitem__(n, o.detach().clone())))
    leaf = x.double().requires_grad_()
    scores = model(leaf)
    targets = scores.argmax(1)
    scores.gather(1, targets[:, None]).sum().backward()
    for hook in hooks:
        hook.remove()
    with start(path, x) as file:
        for name, value in seen.items():
            file["activations/" + name] = value.float().numpy()
        file["targets"] = targets.numpy().astype(np.int32)
        file["gradients/input"] = leaf.grad.float().numpy()
    model.float()
    return x, scores.detach().float().numpy(), float((single - leaf.grad).abs().max() / leaf.grad.abs().max())


def record_onnx(model_path, torch_reference, path):
    import onnx
    import onnxruntime
    model = onnx.load(model_path)
    names = [o for n in model.graph.node for o in n.output if n.op_type in
             ("Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "Gemm", "Add", "Concat")]
    known = {o.name for o in model.graph.output}
    for name in names:
        if name not in known:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    with h5py.File(torch_reference) as source:
        x, targets, gradient = source["input"][:], source["targets"][:], source["gradients/input"][:]
    with start(path, torch.from_numpy(x)) as file:
        for name, value in zip(names, session.run(names, {"input": x})):
            file["activations/" + name.strip("/")] = value
        file["targets"] = targets
        file["gradients/input"] = gradient


def write(model, name, form, folder):
    path = os.path.join(folder, f"{name}_{form}." + {"safetensors": "safetensors", "onnx": "onnx"}.get(form, "pth"))
    state = model.state_dict()
    if form == "pth":
        torch.save(state, path)
    elif form == "legacy":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif form == "safetensors":
        from safetensors.torch import save_file
        save_file(state, path)
    else:
        torch.onnx.export(model, (torch.zeros(1, 3, 224, 224),), path, dynamo=False, input_names=["input"],
                          output_names=["output"], dynamic_axes={"input": {0: "N"}, "output": {0: "N"}})
    return path


def call(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_roundtrip(cutaway, package, x, scores, folder):
    import onnxruntime
    path = os.path.join(folder, "roundtrip.onnx")
    code, text = call([cutaway, "export", package, path, "--overwrite"])
    if code:
        return code, text
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probabilities = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    want = torch.softmax(torch.from_numpy(scores).double(), 1).numpy()
    distance = np.abs(probabilities.reshape(want.shape) - want).max() / want.max()
    return int(not distance <= 1e-4), f"largest difference {distance:.2g} of the largest probability"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cutaway")
    parser.add_argument("--nets", nargs="+", default=["alexnet", "resnet18", "googlenet", "resnet50", "vgg16"])
    parser.add_argument("--formats", nargs="+", default=["pth", "legacy", "safetensors", "onnx", "roundtrip"])
    parser.add_argument("--threads", default="2")
    o = parser.parse_args()
    torch.set_num_threads(int(o.threads))
    failed = 0
    for name in o.nets:
        with tempfile.TemporaryDirectory() as folder:
            model = build(name)
            reference = os.path.join(folder, "reference.h5")
            x, scores, own = record_torch(model, reference)
            tolerance = max(1e-3, 3 * own)  # 3: where ours decides otherwise is not where PyTorch's float32 does
            print(f"{name}: PyTorch's own float32 gradient is {own:.2g} off, tolerance {tolerance:.2g}", flush=True)
            package = os.path.join(folder, "package.h5")
            for form in o.formats:
                if form == "roundtrip":
                    code, text = check_roundtrip(o.cutaway, package, x, scores, folder)
                else:
                    source, bundle = write(model, name, form, folder), reference
                    if form == "onnx":
                        bundle = os.path.join(folder, "onnx.h5")
                        record_onnx(source, reference, bundle)
                        package = os.path.join(folder, "package_onnx.h5")
                    code, text = call([o.cutaway, "convert", source, package, "--overwrite", "--preprocess", "torchvision"])
                    if code == 0:
                        code, text = call([o.cutaway, "verify", package, bundle, "--threads", o.threads,
                                           "--gradient-tolerance", str(tolerance)])
                    os.remove(source)
                    package = os.path.join(folder, "package.h5")
                failed += code != 0
                print(f"{name} {form}: {'ok' if code == 0 else 'FAILED'}", *text.splitlines()[-3:], sep="\n    ", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
