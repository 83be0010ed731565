# SPDX-License-Identifier: Apache-2.0
"""Records a reference bundle from a Caffe net, run by PyTorch: python from_caffe.py deploy.prototxt weights.h5 bundle.h5

Weights are in Caffe's HDF5 layout. Every layer is recorded under its name, and the gradient of each image's strongest
score at the input.
"""

import argparse
import os
import sys

import numpy as np
import torch

from reference_bundle import Bundle

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden"))
from caffe_net import CaffeNet  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prototxt")
    parser.add_argument("weights")
    parser.add_argument("bundle")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--scale", type=float, default=50.0, help="standard deviation of the random inputs")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    net = CaffeNet(args.prototxt, args.weights)
    shape = (args.images, *net.input_shape[1:])
    x = torch.tensor(np.random.default_rng(args.seed).standard_normal(shape).astype(np.float32) * args.scale,
                     requires_grad=True)
    scores = net(x)
    score = [name for name, kind, _, _ in net.order if kind != "Softmax"][-1]
    targets = scores.detach().argmax(1)
    scores[torch.arange(len(x)), targets].sum().backward()
    with Bundle(args.bundle, x.detach().numpy(), "Caffe net in PyTorch", targets.numpy(), score) as bundle:
        for name, value in net.blobs.items():
            bundle.activation(name, value.detach().numpy())
        bundle.gradient("input", x.grad.numpy())


if __name__ == "__main__":
    main()
