# SPDX-License-Identifier: Apache-2.0
"""Writing of reference bundles for `cutaway verify` (docs/verify.md has the format)."""

import json

import h5py
import numpy as np

VERSION = 1


class Bundle:
    """A reference bundle being written. Arrays are N x C x H x W (or N x C), float32."""

    def __init__(self, path, inputs, producer, targets=None, score=None):
        self.file = h5py.File(path, "w", libver=("v110", "v110"))
        self.file.attrs["cutaway_reference"] = np.int64(VERSION)
        self.file.attrs["producer"] = np.bytes_(producer.encode())
        if score is not None:
            self.file.attrs["score"] = np.bytes_(score.encode())
        self.images = len(inputs)
        self._put("input", inputs)
        if targets is not None:
            self.file.create_dataset("targets", data=np.asarray(targets, np.int32), track_times=False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.file.close()

    def _put(self, name, array):
        array = np.ascontiguousarray(array, np.float32)
        if len(array) != self.images:
            raise ValueError(f"{name}: {len(array)} images, expected {self.images}")
        return self.file.create_dataset(name, data=array, track_times=False)

    def pictures(self, rgb):
        """The 8-bit RGB pictures (N x H x W x 3) that the inputs were made of."""
        self._put("pictures", rgb)

    def activation(self, layer, array):
        self._put("activations/" + layer, array)

    def gradient(self, layer, array):
        """Gradient of the summed scores (each image's target) at a layer's output."""
        self._put("gradients/" + layer, array)

    def map(self, name, array, method=None, layer=None, options=None):
        dataset = self._put("maps/" + name, array)
        for key, value in (("method", method), ("layer", layer), ("options", json.dumps(options) if options else None)):
            if value:
                dataset.attrs[key] = np.bytes_(value.encode())


def channels_first(array, layout):
    """N x H x W x C to N x C x H x W where `layout` is 'channels_last'; vectors stay."""
    array = np.asarray(array)
    return array.transpose(0, 3, 1, 2) if layout == "channels_last" and array.ndim == 4 else array
