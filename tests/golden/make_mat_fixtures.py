# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/import/{simple,dag}{5,73}.mat: small MatConvNet nets, by SciPy (level 5) and in the layout of
MATLAB's `save -v7.3` (HDF5 behind a user block of 512 bytes, cells and arrays of structs as references).

    python make_mat_fixtures.py
"""

import os

import h5py
import numpy as np
import scipy.io

HERE = os.path.dirname(os.path.abspath(__file__))


class Rows(list):
    """An array of structs; a plain list is a cell array, a dict one struct."""


def counting(*extents, scale=1.0):
    """0, 1, 2, ... in MATLAB's order: the first index runs fastest."""
    return (np.arange(np.prod(extents), dtype=np.float32) * np.float32(scale)).reshape(extents, order="F")


def row(*values):
    return np.array([values], np.float64)


def meta():
    return {"normalization": {"imageSize": row(8, 6, 3), "averageImage": np.float32([[[10, 20, 30]]]),
                              "interpolation": "bicubic"},
            "classes": {"name": ["n01", "n02"], "description": ["cat", "dog"]}}


MOMENTS = np.float32([[1, 2], [3, 4], [5, 0.5], [7, 1]])  # mean and deviation of each channel


def simple():
    return {"layers": [
        {"name": "conv1", "type": "conv", "weights": [counting(3, 3, 3, 4), counting(4, 1)], "stride": row(1), "pad": row(1)},
        {"name": "bn1", "type": "bnorm", "weights": [counting(4, 1) + 1, counting(4, 1), MOMENTS]},
        {"name": "relu1", "type": "relu"},
        {"name": "pool1", "type": "pool", "method": "avg", "pool": row(8, 6), "stride": row(1), "pad": row(0)},
        {"name": "fc", "type": "conv", "weights": [counting(1, 1, 4, 2), counting(2, 1)], "stride": row(1), "pad": row(0)},
        {"name": "prob", "type": "softmax"}], "meta": meta()}


def old():
    """As releases before 1.0-beta10 wrote it: filters and biases, no meta."""
    net = simple()
    for layer in net["layers"]:
        if layer["type"] == "conv":
            layer["filters"], layer["biases"] = layer.pop("weights")
    return {"layers": [layer for layer in net["layers"] if layer["type"] != "bnorm"],
            "normalization": net["meta"]["normalization"], "classes": net["meta"]["classes"]}


def dag():
    def layer(name, kind, inputs, output, params=(), **block):
        return {"name": name, "type": "dagnn." + kind, "inputs": list(inputs), "outputs": [output], "params": list(params),
                "block": block or {"opts": []}}
    layers = Rows([
        layer("conv1", "Conv", ["data"], "x1", ["conv1f", "conv1b"], size=row(3, 3, 3, 4), hasBias=row(1), pad=row(1, 1, 1, 1),
              stride=row(1, 1)),
        layer("bn1", "BatchNorm", ["x1"], "x2", ["bn1m", "bn1b", "bn1x"], numChannels=row(4), epsilon=row(1e-5)),
        layer("relu1", "ReLU", ["x2"], "x3", leak=row(0)),
        layer("conv2", "Conv", ["x3"], "x4", ["conv2f"], size=row(1, 1, 4, 4), hasBias=row(0), pad=row(0, 0, 0, 0), stride=row(1, 1)),
        layer("sum", "Sum", ["x3", "x4"], "x5", numInputs=row(2)),
        layer("both", "Concat", ["x5", "x1"], "x6", dim=row(3), numInputs=row(2)),
        layer("pool", "Pooling", ["x6"], "x7", method="max", poolSize=row(8, 6), stride=row(1, 1), pad=row(0, 0, 0, 0)),
        layer("aux", "Conv", ["x3"], "a1", ["auxf"], size=row(1, 1, 4, 2), hasBias=row(0), pad=row(0, 0, 0, 0), stride=row(1, 1)),
        layer("fc", "Conv", ["x7"], "x8", ["fcf", "fcb"], size=row(1, 1, 8, 2), hasBias=row(1), pad=row(0, 0, 0, 0), stride=row(1, 1)),
        layer("prob", "SoftMax", ["x8"], "prob"),
        layer("loss", "Loss", ["prob", "label"], "objective", loss="log")])
    params = Rows([{"name": n, "value": v} for n, v in (
        ("conv1f", counting(3, 3, 3, 4)), ("conv1b", counting(4, 1)), ("bn1m", counting(4, 1) + 1), ("bn1b", counting(4, 1)),
        ("bn1x", MOMENTS), ("conv2f", counting(1, 1, 4, 4)), ("auxf", counting(1, 1, 4, 2)), ("fcf", counting(1, 1, 8, 2)),
        ("fcb", counting(2, 1)))])
    names = Rows([{"name": n} for n in ("data", "label", "x1", "x2")])
    return {"layers": layers, "params": params, "vars": names, "meta": meta()}


def for_scipy(value):
    if isinstance(value, Rows):
        fields = list(value[0])
        array = np.empty((1, len(value)), [(f, object) for f in fields])
        for k, one in enumerate(value):
            for f in fields:
                array[0, k][f] = for_scipy(one[f])
        return array
    if isinstance(value, list):
        cells = np.empty((1, len(value)), object)
        for k, one in enumerate(value):
            cells[0, k] = for_scipy(one)
        return cells
    if isinstance(value, dict):
        return {k: for_scipy(v) for k, v in value.items()}
    return value


class Writer73:
    def __init__(self, path, variables):
        with h5py.File(path, "w", userblock_size=512, libver=("earliest", "v110")) as self.file:
            self.count = 0
            for name, value in variables.items():
                self.put(name, value)
        text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 ."
        with open(path, "r+b") as raw:
            raw.write(text.ljust(124) + b"\x00\x02IM")

    def reference(self, value):
        self.count += 1
        name = f"#refs#/r{self.count}"
        self.put(name, value)
        return self.file[name].ref

    def references(self, name, values, kind):
        data = np.empty((len(values), 1), h5py.ref_dtype)
        for k, value in enumerate(values):
            data[k, 0] = self.reference(value)
        dataset = self.file.create_dataset(name, data=data, dtype=h5py.ref_dtype)
        if kind:
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)

    def put(self, name, value):
        if isinstance(value, Rows):
            self.file.create_group(name).attrs["MATLAB_class"] = np.bytes_("struct")
            for field in value[0]:
                self.references(name + "/" + field, [one[field] for one in value], None)
        elif isinstance(value, list) and value:
            self.references(name, value, "cell")
        elif isinstance(value, dict):
            self.file.create_group(name).attrs["MATLAB_class"] = np.bytes_("struct")
            for field, one in value.items():
                self.put(name + "/" + field, one)
        elif isinstance(value, str):
            data = np.array([[ord(c)] for c in value], np.uint16)
            dataset = self.file.create_dataset(name, data=data)
            dataset.attrs["MATLAB_class"] = np.bytes_("char")
            dataset.attrs["MATLAB_int_decode"] = np.int32(2)
        elif isinstance(value, list):  # what is empty holds its extents
            dataset = self.file.create_dataset(name, data=np.zeros(2, np.uint64))
            dataset.attrs["MATLAB_class"] = np.bytes_("cell")
            dataset.attrs["MATLAB_empty"] = np.uint8(1)
        else:
            packed = {"compression": "gzip", "chunks": True} if value.size > 100 else {}
            dataset = self.file.create_dataset(name, data=value.T, **packed)
            dataset.attrs["MATLAB_class"] = np.bytes_("double" if value.dtype == np.float64 else "single")


def main():
    for name, net in (("simple", simple()), ("dag", dag())):
        path = os.path.join(HERE, "import", name)
        scipy.io.savemat(path + "5.mat", {k: for_scipy(v) for k, v in net.items()}, do_compression=True)
        Writer73(path + "73.mat", {"net": net} if name == "dag" else net)
    scipy.io.savemat(os.path.join(HERE, "import", "old5.mat"), {k: for_scipy(v) for k, v in old().items()}, do_compression=True)


if __name__ == "__main__":
    main()
