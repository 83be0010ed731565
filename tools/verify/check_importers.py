# SPDX-License-Identifier: Apache-2.0
"""Full-size nets of torchvision with random weights, through every format, held to PyTorch and ONNX Runtime.

    pip install torch torchvision safetensors onnx onnxruntime h5py numpy
    python check_importers.py path/to/cutaway [--nets alexnet resnet18 ...] [--formats pth legacy safetensors onnx roundtrip]

For each net: writes the weights as .pth, legacy .pth, safetensors and ONNX into a temporary folder, converts each with
`cutaway convert`, and lets `cutaway verify` compare every layer's activation (1e-4) and the gradients of a class score at
the input (1e-3) with what PyTorch computes in float64. `roundtrip` exports the converted package back to ONNX and compares
the scores of ONNX Runtime with PyTorch's (1e-4). Prints one line a file; exit status 1 if any failed.

A gradient jumps where the sign of a ReLU's input or the largest of a pooling window is decided by rounding, in PyTorch as
everywhere: for each net the script tells how many of those PyTorch's own float32 decides otherwise than its float64, how far
that puts its gradient off, and how far it is off with float64's decisions. `cutaway verify` tells the same of Cutaway.
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
KINDS = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear, torch.nn.MaxPool2d, torch.nn.ReLU)


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


class Decisions:
    """Notes which way every ReLU and max pooling decides; or, given those of another run, has them decide so."""

    def __init__(self, theirs=None):
        self.list, self.theirs, self.rectified = [], theirs, []

    def relu(self, x, inplace=False):
        del inplace
        self.list.append(x.detach() > 0)
        self.rectified.append(torch.relu(x.detach()).float().numpy())
        if self.theirs is None:
            return self.kept(x)
        return x * self.theirs[len(self.list) - 1].to(x.dtype)

    def max_pool2d(self, x, *arguments, **options):
        options["return_indices"] = True
        y, indices = self.pool(x, *arguments, **options)
        self.list.append(indices)
        if self.theirs is None:
            return y
        return x.flatten(2).gather(2, self.theirs[len(self.list) - 1].flatten(2)).view_as(y)

    def __enter__(self):
        functions = torch.nn.functional
        self.saved, self.kept, self.pool = (functions.relu, functions.max_pool2d), torch.relu, functions.max_pool2d_with_indices
        functions.relu, functions.max_pool2d = self.relu, self.max_pool2d
        return self

    def __exit__(self, *exception):
        torch.nn.functional.relu, torch.nn.functional.max_pool2d = self.saved

    def differing(self, other):
        """How many ReLUs and windows decide otherwise, and how many there are."""
        counts = {torch.bool: [0, 0], torch.int64: [0, 0]}
        for mine, theirs in zip(self.list, other.list):
            counts[mine.dtype][0] += int((mine != theirs).sum())
            counts[mine.dtype][1] += mine.numel()
        return "{} of {} ReLUs and {} of {} pooling windows".format(*counts[torch.bool], *counts[torch.int64])


def gradient_of(model, x, decisions=None):
    leaf = x.clone().requires_grad_()
    with Decisions(decisions) as made:
        scores = model(leaf)
    targets = scores.detach().argmax(1)
    scores.gather(1, targets[:, None]).sum().backward()
    return leaf.grad.double(), made, scores.detach(), targets


def record_torch(model, path):
    """In float64, so that the reference's own rounding does not count; the last result tells of PyTorch's own float32."""
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(4)).float()
    model = model.double()
    seen, hooks = {}, []
    for name, module in model.named_modules():
        if isinstance(module, KINDS) and not name.startswith("aux"):
            hooks.append(module.register_forward_hook(
                lambda m, i, o, n=name: seen.setdefault(n, []).append(o.detach().float().numpy().copy())))
    gradient, exact, scores, targets = gradient_of(model, x.double())
    for hook in hooks:
        hook.remove()
    with start(path, x) as file:
        for name, values in seen.items():
            # What runs several times is the ReLU of a residual block: relu1, relu2, and relu behind the sum.
            for k, value in enumerate(values):
                file["activations/" + name + (str(k + 1) if k + 1 < len(values) else "")] = value
        file["targets"] = targets.numpy().astype(np.int32)
        file["gradients/input"] = gradient.float().numpy()
    model.float()
    single, rounded, _, _ = gradient_of(model, x)
    decided, _, _, _ = gradient_of(model, x, exact.list)

    def off(other):
        return float((other - gradient).abs().max() / gradient.abs().max())
    note = (f"PyTorch's float32 decides {rounded.differing(exact)} otherwise than its float64: its gradient is "
            f"{off(single):.2g} off, {off(decided):.2g} with float64's decisions")
    return x, scores.float().numpy(), exact.rectified, note


def record_onnx(model_path, torch_reference, rectified, path):
    """What ONNX Runtime computes; but what decides about gradients, and these, from PyTorch's float64."""
    import onnx
    import onnxruntime
    model = onnx.load(model_path)
    names = [o for n in model.graph.node for o in n.output if n.op_type in
             ("Conv", "AveragePool", "GlobalAveragePool", "Gemm", "Add")]
    relus = [n.output[0] for n in model.graph.node if n.op_type == "Relu"]
    assert len(relus) == len(rectified)  # both in the order of the calls
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
        for name, value in zip(relus, rectified):
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
    """The scores before the softmax: behind it, random weights often leave a single one, whatever comes before."""
    import onnx
    import onnxruntime
    path = os.path.join(folder, "roundtrip.onnx")
    code, text = call([cutaway, "export", package, path, "--overwrite"])
    if code:
        return code, text
    model = onnx.load(path)
    last = model.graph.node[-1]
    name = last.input[0] if last.op_type == "Softmax" else last.output[0]
    if name not in {o.name for o in model.graph.output}:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run([name], {session.get_inputs()[0].name: x.numpy()})[0]
    distance = np.abs(got.reshape(scores.shape) - scores).max() / np.abs(scores).max()
    return int(not distance <= 1e-4), f"largest difference {distance:.2g} of the largest score ({last.op_type} behind it)"


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
            x, scores, rectified, note = record_torch(model, reference)
            print(f"{name}: {note}", flush=True)
            package = os.path.join(folder, "package.h5")
            for form in o.formats:
                if form == "roundtrip":
                    code, text = check_roundtrip(o.cutaway, package, x, scores, folder)
                else:
                    source, bundle = write(model, name, form, folder), reference
                    if form == "onnx":
                        bundle = os.path.join(folder, "onnx.h5")
                        record_onnx(source, reference, rectified, bundle)
                        package = os.path.join(folder, "package_onnx.h5")
                    code, text = call([o.cutaway, "convert", source, package, "--overwrite", "--preprocess", "torchvision"])
                    if code == 0:
                        code, text = call([o.cutaway, "verify", package, bundle, "--threads", o.threads])
                    os.remove(source)
                    package = os.path.join(folder, "package.h5")
                failed += code != 0
                print(f"{name} {form}: {'ok' if code == 0 else 'FAILED'}", *text.splitlines()[-3:], sep="\n    ", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
