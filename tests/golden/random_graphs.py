# SPDX-License-Identifier: Apache-2.0
"""Small random graphs in formats that Cutaway imports, held to the framework's own numbers.

    python random_graphs.py search FORMAT COUNT --cutaway PROGRAM [--seed N]   # finds, shrinks and prints what differs
    python random_graphs.py bundle OUT.h5 [--count N]                         # the fixed set of random_graphs_test.cpp
    CUTAWAY_RANDOM_GRAPHS=OUT.h5 build/test_weights -tc="random graphs*"      # another set: thousands take seconds so
    python random_graphs.py search FORMAT 1 --seed N --cutaway PROGRAM        # shrinks what that test names FORMAT_N

FORMAT is onnx (ONNX Runtime), keras (Keras; KERAS_BACKEND=torch), torch (PyTorch, by way of torch.onnx.export) or caffe (Caffe's
semantics, written out in random_caffe.py).
A graph is a recipe: a list of steps, each a dictionary, that a format's module builds in turn and passes over where it does not fit
the extents so far. So every part of a recipe is a recipe, and what fails is shrunk by leaving steps out. A conversion that is
refused is no fault; a conversion whose numbers differ is.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "tools", "verify"))
from reference_bundle import Bundle  # noqa: E402

TOLERANCE = 1e-4  # of the largest value; float32 sums of at most some hundred terms, over at most twelve layers


def module_of(form):
    return importlib.import_module("random_" + form)


def recipe_of(form, seed):
    return module_of(form).recipe(np.random.default_rng([seed, sum(map(ord, form))]))


def outcome(form, recipe, program, folder):
    """'right', 'refused: why' or 'wrong: how'."""
    made = module_of(form).build(recipe, folder)
    if made is None:
        return "right"
    files, x, y = made
    package, bundle = os.path.join(folder, "m.h5"), os.path.join(folder, "bundle.h5")
    converted = subprocess.run([program, "convert", *files, package, "-q", "--overwrite", "--json"], capture_output=True, text=True)
    if converted.returncode == 3:
        return "refused: " + converted.stderr.strip()[-300:]
    if converted.returncode != 0:
        return f"wrong: convert ends with {converted.returncode}: {converted.stderr.strip()[-300:]}"
    info = json.loads(subprocess.run([program, "info", package, "--json"], capture_output=True, text=True).stdout)
    last = info["layers"][-1]
    if y.ndim == 3:  # N x C x L: rows and columns in one here
        y = y.reshape(1, *map(int, last["output"].split("x")))
    with Bundle(bundle, x, form) as b:
        b.activation(last["name"], y)
    verified = subprocess.run([program, "verify", package, bundle], capture_output=True, text=True)
    return "right" if verified.returncode == 0 else "wrong: " + (verified.stdout + verified.stderr).strip()[-300:]


def shrunk(form, recipe, program, folder):
    """The recipe without every step that the fault does not need."""
    changed = True
    while changed:
        changed = False
        for i in reversed(range(len(recipe))):
            shorter = recipe[:i] + recipe[i + 1:]
            if outcome(form, shorter, program, folder).startswith("wrong"):
                recipe, changed = shorter, True
    return recipe


def search(args):
    counts = {"right": 0, "refused": 0, "wrong": 0}
    reasons = {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.count):
            recipe = recipe_of(args.format, args.seed + i)
            result = outcome(args.format, recipe, args.cutaway, folder)
            kind = result.split(":")[0]
            counts[kind] += 1
            if kind == "refused":
                reason = result.split("\n")[1 if "\n" in result else 0].split(":")[-1].strip()[:60]
                reasons[reason] = reasons.get(reason, 0) + 1
            if kind == "wrong":
                recipe = shrunk(args.format, recipe, args.cutaway, folder)
                print(f"seed {args.seed + i}: {outcome(args.format, recipe, args.cutaway, folder)}\n  {json.dumps(recipe)}", flush=True)
    print(args.format, counts)
    for reason, count in sorted(reasons.items(), key=lambda r: -r[1])[:12]:
        print(f"  refused {count} times: {reason}")
    return 1 if counts["wrong"] else 0


class Pieces:
    """The bundle: one dataset of all files' bytes, one of all inputs, one of all outputs, and a list in JSON of what lies where.

    A group a case would be six times as large."""

    def __init__(self):
        self.cases, self.files, self.inputs, self.outputs = [], b"", [], []

    def add(self, name, files, x, y):
        listed = []
        for path, data in files:
            listed.append([os.path.basename(path), len(data)])
            self.files += data
        self.cases.append({"name": name, "files": listed, "input": list(x.shape), "output": int(y.size)})
        self.inputs.append(np.asarray(x, np.float32).ravel())
        self.outputs.append(np.asarray(y, np.float32).ravel())

    def write(self, path):
        with h5py.File(path, "w", libver=("v108", "v110")) as file:
            for name, array in (("files", np.frombuffer(self.files, np.uint8)), ("inputs", np.concatenate(self.inputs)),
                                ("outputs", np.concatenate(self.outputs)),
                                ("cases", np.frombuffer(json.dumps(self.cases).encode(), np.uint8))):
                file.create_dataset(name, data=array, compression=9, chunks=(min(len(array), 1 << 16),), track_times=False)


def bundle(args):
    pieces = Pieces()
    with tempfile.TemporaryDirectory() as folder:
        for form in args.formats.split(","):
            made, seed = 0, args.seed
            while made < args.count and seed < args.seed + 2 * args.count:
                built = module_of(form).build(recipe_of(form, seed), folder)
                if built is not None:
                    files, x, y = built
                    pieces.add(f"{form}_{seed:03}", [(path, open(path, "rb").read()) for path in files], x, y)
                    made += 1
                seed += 1
    pieces.write(args.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    s = commands.add_parser("search")
    s.add_argument("format", choices=["onnx", "keras", "caffe", "torch"])
    s.add_argument("count", type=int)
    s.add_argument("--cutaway", default="build/cutaway")
    s.add_argument("--seed", type=int, default=0)
    s.set_defaults(run=search)
    b = commands.add_parser("bundle")
    b.add_argument("out")
    b.add_argument("--count", type=int, default=75)
    b.add_argument("--seed", type=int, default=0)
    b.add_argument("--formats", default="onnx,keras,caffe,torch")
    b.set_defaults(run=bundle)
    args = parser.parse_args()
    sys.exit(args.run(args))


if __name__ == "__main__":
    main()
