# SPDX-License-Identifier: Apache-2.0
"""Times `cutaway convert` of a full-size VGG-16 (553 MB) beside copying the file and waiting for the disk.

    python tools/bench/convert.py --cutaway build/cutaway --rounds 8 [--folder DIR] [--keras]

Writes random weights with PyTorch (.pth, safetensors) and, with --keras, with Keras (.h5, .keras) into DIR, converts
and copies (`cp`, `sync`) each, in random order, all reading from the page cache, and prints medians of seconds, those
of converting over those of copying the same file, and peak memory. Where the system has to find memory for a file (a virtual machine whose host
took it back), a run of either kind may take a second more: the quartiles show it.
"""
import argparse
import multiprocessing
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time


def write_sources(folder, keras):
    import safetensors.torch
    import torch
    import torchvision

    torch.manual_seed(0)
    state = torchvision.models.vgg16(weights=None).state_dict()
    torch.save(state, folder / "vgg16.pth")
    safetensors.torch.save_file(state, folder / "vgg16.safetensors")
    names = ["vgg16.safetensors", "vgg16.pth"]
    if keras:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from keras.applications import VGG16

        net = VGG16(weights=None)
        for name in ("vgg16.h5", "vgg16.keras"):
            net.save(folder / name)
            names.append(name)
    return names


def run(command):
    """Wall seconds and the process's peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed with {process.returncode}: {' '.join(map(str, command))}")
    return seconds, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutaway", default="build/cutaway")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--keras", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        # In a process of its own: a child's peak memory counts that of the process it was forked from.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sources = pool.apply(write_sources, (folder, arguments.keras))
        target = folder / "out.h5"
        commands = {}
        for name in sources:
            commands["cp, sync " + name] = ["sh", "-c", f"cp {folder / name} {target} && sync {target}"]
            commands[name] = [arguments.cutaway, "convert", folder / name, target, "--architecture", "vgg16",
                              "--preprocess", "torchvision", "--quiet"]
        seconds = {name: [] for name in commands}
        memory = {name: 0.0 for name in commands}
        for _ in range(arguments.rounds):
            for name in random.sample(sorted(commands), len(commands)):
                target.unlink(missing_ok=True)
                os.sync()
                took, peak = run(commands[name])
                seconds[name].append(took)
                memory[name] = max(memory[name], peak)
    print(f"{'':27s} median s  [quartiles]     of its copy  peak MB")
    for name, values in seconds.items():
        low, middle, high = statistics.quantiles(values, n=4)
        ratio = middle / statistics.median(seconds["cp, sync " + name.removeprefix("cp, sync ")])
        print(f"{name:27s} {middle:8.2f}  [{low:.2f}, {high:.2f}]  {ratio:10.2f}  {memory[name]:9.0f}")


if __name__ == "__main__":
    main()
