# SPDX-License-Identifier: Apache-2.0
"""Writing of golden HDF5 bundles: small, deterministic files that a C++ test can read without Python.

Every dataset is numeric; its value is `stored * scale` (attribute `scale`; 1 where there is none). Strings are
fixed-length, null-padded attributes.
"""

import json

import h5py
import numpy as np

# Levels on each side of zero of a quantised map: the stored error is at most 1/4094 of the largest value.
LEVELS = 2047


def create(path):
    """Opens a new file in the format of HDF5 1.10: readable by that version, and compact."""
    return h5py.File(path, "w", libver=("v110", "v110"))


def _dataset(group, name, array, compress):
    options = {"chunks": array.shape, "compression": "gzip", "compression_opts": 9, "shuffle": True} if compress else {}
    return group.create_dataset(name, data=array, track_times=False, **options)


def put(group, name, array):
    """Stores an array as it is: float32 for floats, int32 for integers."""
    array = np.asarray(array)
    kind = np.float32 if array.dtype.kind == "f" else np.int32
    return _dataset(group, name, np.asarray(array, kind, order="C"), compress=False)


def put_map(group, name, array):
    """Stores a map as int16 in -2047 ... 2047 times `scale`; error at most scale / 2."""
    array = np.asarray(array, np.float64)
    top = np.abs(array).max()
    scale = top / LEVELS if top > 0 else 1.0
    dataset = _dataset(group, name, np.rint(array / scale).astype(np.int16), compress=True)
    dataset.attrs["scale"] = np.float64(scale)
    return dataset


def put_text(group, name, value):
    """Stores a string attribute; anything but a string becomes JSON."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    group.attrs[name] = np.bytes_(text.encode("utf-8"))
