#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what torchvision and torch make of a picture: augment.h5.

    python make_augment_bundle.py OUT_DIR

Crops and colours are torchvision's functions on Pillow's images, bytes. Motions are torch's grid_sample in float64 with
repeated edges, before rounding; its grid is made here from the motion's definition.
"""

import math
import pathlib
import sys

import numpy as np
import torch
import torchvision.transforms.functional as TF
from PIL import Image

import bundle

CROPS = {"part": [3, 2, 11, 9, 20, 16], "whole": [0, 0, 23, 17, 12, 12], "larger": [5, 6, 7, 8, 24, 20]}
COLOURS = {
    "darker": [0.6, 1.0, 1.0], "brighter": [1.4, 1.0, 1.0], "flatter": [1.0, 0.5, 1.0], "harder": [1.0, 1.7, 1.0],
    "paler": [1.0, 1.0, 0.3], "richer": [1.0, 1.0, 1.9], "all": [1.1, 0.8, 1.25]}
# scale, degrees counter-clockwise, right, down
MOTIONS = {
    "right": [1.0, 0.0, 3.0, 0.0], "up": [1.0, 0.0, 0.0, -4.0], "turned": [1.0, 20.0, 0.0, 0.0],
    "larger": [1.3, 0.0, 0.0, 0.0], "all": [0.8, -33.0, 2.0, -1.0]}


def moved(picture, scale, degrees, right, down):
    height, width = picture.shape[:2]
    cx, cy, a = (width - 1) / 2, (height - 1) / 2, math.radians(degrees)
    grid = np.zeros((1, height, width, 2))
    for y in range(height):
        for x in range(width):
            # Where the content came from: moved back, turned back, made smaller. Up is positive here.
            u, v = x - cx - right, -(y - cy - down)
            back_x, back_y = math.cos(a) * u + math.sin(a) * v, -math.sin(a) * u + math.cos(a) * v
            sx, sy = back_x / scale + cx, -back_y / scale + cy
            grid[0, y, x] = [2 * sx / (width - 1) - 1, 2 * sy / (height - 1) - 1]
    x = torch.from_numpy(picture.astype(np.float64)).permute(2, 0, 1)[None]
    y = torch.nn.functional.grid_sample(
        x, torch.from_numpy(grid), mode="bilinear", padding_mode="border", align_corners=True)
    return y[0].permute(1, 2, 0).numpy()


def main(out):
    rng = np.random.default_rng(11)
    picture = rng.integers(0, 256, (17, 23, 3)).astype(np.uint8)
    picture[4:12, 5:15] = np.array([200, 40, 90])
    image = Image.fromarray(picture)
    with bundle.create(pathlib.Path(out) / "augment.h5") as file:
        bundle.put_text(file, "versions", {"torch": torch.__version__, "pillow": Image.__version__})
        bundle.put(file, "picture", picture.astype(np.float32))
        crops = file.create_group("crops")
        for name, o in CROPS.items():
            x, y, w, h, width, height = o
            group = crops.create_group(name)
            bundle.put_text(group, "options", o)
            bundle.put(group, "picture", np.asarray(TF.resized_crop(image, y, x, h, w, [height, width])))
        colours = file.create_group("colours")
        for name, o in COLOURS.items():
            changed = TF.adjust_saturation(TF.adjust_contrast(TF.adjust_brightness(image, o[0]), o[1]), o[2])
            group = colours.create_group(name)
            bundle.put_text(group, "options", o)
            bundle.put(group, "picture", np.asarray(changed))
        motions = file.create_group("motions")
        for name, o in MOTIONS.items():
            group = motions.create_group(name)
            bundle.put_text(group, "options", o)
            bundle.put(group, "picture", moved(picture, *o))


if __name__ == "__main__":
    main(*sys.argv[1:])
