#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is a long run flat? `explain` on thousands of MNIST digits with LeNet: memory, time an image, Ctrl-C and resuming.

    long_run.py CUTAWAY LENET.h5 TRAIN-IMAGES-IDX3.gz [--images 20000] [--work DIR] [--files]

1. One undisturbed run. After every block of 500 images, the resident memory of the process and the processor time (user and
   system, from /proc) an image since the block before. Printed: growth of memory from the first block's end, and the slope of
   the time an image over the whole run, in per cent of its median.
2. The same run, sent SIGINT in the middle. It must end with 130 and leave no manifest.
3. `--resume`. It must end with 0, and leave the same files, byte by byte, as the first run, but for what names times.
4. The first run's journal and maps must be complete.

Exit code 1 when memory grows by more than 5 %, time by more than 10 %, or anything else is not as said. Needs h5py and NumPy.
"""

import argparse
import filecmp
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

METHODS = "saliency,guided,gradient_x_input,integrated_gradients,gradcam,lrp"
OWN = {"manifest.json", "report.html"}  # hold times of their own


def digits(path, count):
    with gzip.open(path, "rb") as file:
        if file.read(4) != b"\x00\x00\x08\x03":
            sys.exit(f"{path}: no IDX file of images")
        n, h, w = (int.from_bytes(file.read(4), "big") for _ in range(3))
        return np.frombuffer(file.read(min(n, count) * h * w), np.uint8).reshape(-1, h, w)


def usage(pid):
    """Resident KiB and seconds of processor time."""
    with open(f"/proc/{pid}/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return resident, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lines_in(path, state):
    """Lines of a growing file; `state` remembers what was counted."""
    if os.path.exists(path):
        with open(path, "rb") as file:
            file.seek(state[0])
            for block in iter(lambda: file.read(1 << 20), b""):
                state[0] += len(block)
                state[1] += block.count(b"\n")
    return state[1] - 1  # the first says what the run is


class Runs:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.images = os.path.join(work, "digits.h5")
        with h5py.File(self.images, "w") as file:
            file["images"] = digits(args.digits, args.images)
            self.count = file["images"].shape[0]

    def command(self, out, *more):
        outputs = ["--no-pictures"] if self.args.files else ["--pack"]
        return [self.args.cutaway, "explain", self.args.model, self.images, "--method", METHODS, "--option",
                "integrated_gradients.steps=10", *outputs, "--out", out, "--threads", "1", "--quiet", *more]

    def run(self, out, block=0, stop_at=0, more=()):
        """Exit code; samples (images done, KiB, seconds) every `block` images; SIGINT after `stop_at`."""
        samples, state, sent = [], [0, 0], 0.0
        process = subprocess.Popen(self.command(out, *more), stdout=subprocess.DEVNULL)
        journal = os.path.join(out, "index.jsonl")
        while process.poll() is None:
            done = lines_in(journal, state)
            try:
                if block and done >= block * (len(samples) + 1):
                    samples.append((done, *usage(process.pid)))
            except (FileNotFoundError, ProcessLookupError, IndexError):
                break
            if stop_at and done >= stop_at and not sent:
                process.send_signal(signal.SIGINT)
                sent = time.monotonic()
            time.sleep(0.02)
        code = process.wait()
        if sent:
            print(f"stopped after {lines_in(journal, state)} images, {time.monotonic() - sent:.2f} s after SIGINT, "
                  f"exit code {code}")
        return code, samples


def report(samples):
    """Growth of memory after the first block, and drift of the time an image, both in per cent."""
    done, memory, seconds = (np.array(c, float) for c in zip(*samples))
    each = np.diff(seconds) / np.diff(done) * 1000
    print("images   resident MiB   processor ms an image")
    for i in range(len(samples)):
        shown = i < 2 or i == len(samples) - 1 or (i + 1) % 5 == 0
        if shown:
            print(f"{int(done[i]):6d}   {memory[i] / 1024:12.1f}   {each[i - 1] if i else float('nan'):21.3f}")
    # The last sample is taken behind the last image, when the report of the first 500 is written: an amount of its own,
    # the same after any number of images.
    growth = (memory[1:-1].max() / memory[0] - 1) * 100
    middle = np.median(each)
    slope = np.polyfit(done[1:], each, 1)[0] * (done[-1] - done[1]) / middle * 100
    print(f"memory after the first {int(done[0])} images, while there are images left: at most {growth:+.2f} %")
    print(f"while the report's first rows are written, at the end: at least {(memory[-1] - memory[0]) / 1024:+.1f} MiB")
    quarter = max(1, len(each) // 4)
    change = (np.median(each[-quarter:]) / np.median(each[:quarter]) - 1) * 100
    print(f"processor time an image: median {middle:.3f} ms, first to last quarter {change:+.1f} %, slope {slope:+.1f} %")
    return growth, slope


def same_files(a, b):
    """Names of files that differ or are in one folder only."""
    def names(top):
        return {os.path.relpath(os.path.join(folder, f), top) for folder, _, files in os.walk(top) for f in files}
    ours, theirs = names(a), names(b)
    different = sorted(ours ^ theirs)
    return different + [n for n in sorted(ours & theirs) if os.path.basename(n) not in OWN and not n.startswith("report")
                        and not filecmp.cmp(os.path.join(a, n), os.path.join(b, n), shallow=False)]


def complete(out, count, files):
    with open(os.path.join(out, "index.jsonl")) as file:
        next(file)
        numbers = [line["image"] for line in map(json.loads, file) if "image" in line]
    good = numbers == list(range(count))
    if not files:
        with h5py.File(os.path.join(out, "maps.h5"), "r") as file:
            good &= file["images/number"][:].tolist() == numbers
            for name, group in file["maps"].items():
                good &= group["values"].shape[0] == count and bool(np.isfinite(group["values"][:]).all())
                good &= bool((group["class"][:] >= 0).all())
    with open(os.path.join(out, "manifest.json")) as file:
        counts = json.load(file)["counts"]
    print("counts in the manifest:", counts)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cutaway")
    parser.add_argument("model", help="LeNet as a package")
    parser.add_argument("digits", help="MNIST's train-images-idx3-ubyte.gz")
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--block", type=int, default=500)
    parser.add_argument("--work", help="folder for the outputs (default: a temporary one)")
    parser.add_argument("--files", action="store_true", help="a file a map instead of one pack")
    args = parser.parse_args()
    work = args.work or tempfile.mkdtemp(prefix="long_run_")
    os.makedirs(work, exist_ok=True)
    runs, faults = Runs(args, work), []

    def demand(good, what):
        print(("ok: " if good else "FAILED: ") + what, flush=True)
        if not good:
            faults.append(what)

    whole, halved = os.path.join(work, "whole"), os.path.join(work, "halved")
    for folder in (whole, halved):
        shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    code, samples = runs.run(whole, block=args.block)
    print(f"{runs.count} images, {METHODS}: {time.monotonic() - start:.0f} s")
    demand(code == 0, "the undisturbed run ends with 0")
    growth, slope = report(samples)
    demand(growth <= 5, "memory grows by at most 5 % after the first block")
    demand(abs(slope) <= 10, "the time an image is flat within 10 %")
    demand(complete(whole, runs.count, args.files), "every image has its line and its maps")
    code, _ = runs.run(halved, stop_at=runs.count // 2)
    demand(code == 130, "SIGINT ends the run with 130")
    demand(not os.path.exists(os.path.join(halved, "manifest.json")), "the stopped run leaves no manifest")
    code, _ = runs.run(halved, more=["--resume"])
    demand(code == 0, "the resumed run ends with 0")
    different = same_files(whole, halved)
    demand(not different, "stopped and resumed, the files are those of the undisturbed run " + str(different[:3]))
    if not args.work:
        shutil.rmtree(work)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
