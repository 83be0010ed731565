# SPDX-License-Identifier: Apache-2.0
"""torchvision's ResNet-18 written so that every step is a module of its own, as in weights/zoo/resnet.cpp.

torchvision's blocks use one ReLU module twice and add without a module, which Captum's hooks and relevance rules cannot
tell apart. Parameters have torchvision's names; `check` compares the outputs with torchvision's own net.
"""

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.models import resnet18

from caffe_net import RULES, RuleReLU

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Add(nn.Module):
    def forward(self, a, b):
        return a + b


class Block(nn.Module):
    """Two 3x3 convolutions beside the identity, or a 1x1 projection (He et al. 2016, figure 5 left)."""

    def __init__(self, channels_in, channels, stride, relu):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1, self.relu1 = nn.BatchNorm2d(channels), relu()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))
        self.add, self.relu = Add(), relu()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu(self.add(y, x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """`blobs` holds the output of every module of the last forward pass, by its name."""

    def __init__(self, weights_path, plain_relu=False):
        super().__init__()
        relu = nn.ReLU if plain_relu else RuleReLU
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), relu()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage in range(4):
            wide = 64 << stage
            blocks = [Block(channels, wide, 2 if stage else 1, relu), Block(wide, wide, 1, relu)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            channels = wide
        self.avgpool, self.flatten, self.fc = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)
        state = load_file(weights_path)
        missing = self.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
        if missing.unexpected_keys or any(not k.endswith("num_batches_tracked") for k in missing.missing_keys):
            raise ValueError(f"weights do not fit: {missing}")
        self.blobs = {}
        self.requires_grad_(False)
        self.eval()

    def set_rule(self, rule, lrn_identity=None):
        if rule not in RULES:
            raise ValueError(rule)
        for module in self.modules():
            if isinstance(module, RuleReLU):
                module.rule = rule

    def forward(self, x):
        self.blobs = {}
        keep = lambda name: lambda module, inputs, output: self.blobs.__setitem__(name, output)
        handles = [module.register_forward_hook(keep(name)) for name, module in self.named_modules()
                   if name and not isinstance(module, (nn.Sequential, Block))]
        try:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                x = stage(x)
            return self.fc(self.flatten(self.avgpool(x)))
        finally:
            for handle in handles:
                handle.remove()


def torchvision_net(weights_path):
    """torchvision's own ResNet-18 with these weights."""
    net = resnet18(weights=None)
    net.load_state_dict({k: v.float() for k, v in load_file(weights_path).items()}, strict=False)
    net.requires_grad_(False)
    return net.eval()


def check(net, weights_path, x):
    """Asserts that `net` and torchvision's own net agree on x."""
    with torch.no_grad():
        difference = float((net(x) - torchvision_net(weights_path).to(x.dtype)(x)).abs().max())
    if not difference <= 1e-4:
        raise ValueError(f"ResNet-18 differs from torchvision's by {difference}")


def preprocess(rgb, size):
    """Short side to 256 (Pillow's bilinear), centre crop, [0, 1], torchvision's mean and deviation; 3 x size x size."""
    image = Image.fromarray(rgb)
    w, h = image.size
    short = min(w, h)
    image = image.resize((256 * w // short, 256 * h // short), Image.Resampling.BILINEAR)
    left, top = (int(round((side - size) / 2.0)) for side in image.size)
    crop = np.asarray(image)[top:top + size, left:left + size].astype(np.float32) / np.float32(255)
    normal = (crop - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1))
