# SPDX-License-Identifier: Apache-2.0
"""Records a reference bundle from a torchvision architecture and a state dict:

    python from_torch.py resnet18 weights.pth bundle.h5 [--images 2] [--seed 0]

Every module without children (and every module whose name is in --also) is recorded under its name, and the gradient of
each image's strongest score at the input. Cutaway knows torchvision's names as aliases. For other nets: import
record() and hand it a model.
"""

import argparse

import numpy as np
import torch

from reference_bundle import Bundle


def record(model, x, path, rename=None, skip=(), also=()):
    """`rename(name)`: Cutaway's name of a module, or None to leave it out."""
    model.eval()
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # a layer's output must survive the next layer
    outputs, hooks = {}, []
    for name, module in model.named_modules():
        if name in skip or (list(module.children()) and name not in also) or not name:
            continue
        hooks.append(module.register_forward_hook(
            lambda _, __, y, name=name: outputs.setdefault(name, []).append(y.detach().numpy().copy())))
    x = torch.as_tensor(x).requires_grad_(True)
    scores = model(x)
    for hook in hooks:
        hook.remove()
    targets = scores.detach().argmax(1)
    scores[torch.arange(len(x)), targets].sum().backward()
    with Bundle(path, x.detach().numpy(), f"PyTorch {torch.__version__}", targets.numpy()) as bundle:
        for name, values in outputs.items():
            target = rename(name) if rename else name
            # What runs several times is the ReLU of a residual block: relu1, relu2, and relu behind the sum.
            for k, value in enumerate(values):
                if target is not None and value.ndim in (2, 4):
                    bundle.activation(target + (str(k + 1) if k + 1 < len(values) else ""), value)
        bundle.gradient("input", x.grad.numpy())


def load(path):
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def main():
    import torchvision

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", help="a name in torchvision.models")
    parser.add_argument("weights", help=".pth or .safetensors")
    parser.add_argument("bundle")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--also", nargs="*", default=[], help="modules with children to record too")
    args = parser.parse_args()
    model = torchvision.models.get_model(args.architecture, weights=None)
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load(args.weights).items()})
    x = np.random.default_rng(args.seed).standard_normal((args.images, 3, args.side, args.side)).astype(np.float32)
    record(model, x, args.bundle, also=args.also)


if __name__ == "__main__":
    main()
