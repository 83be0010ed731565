#!/usr/bin/env python3
"""Kills the program in the middle of every verb that writes, and fills its disk.

    interrupted.py --program build/cutaway --fixtures build/tests/test_hostile [--kills 10] [--levels 5] [--verbs explain,...]

Killed (SIGKILL, at --kills moments spread over the time that the verb takes): every file under a final name is that of an
undisturbed run, byte for byte; the run that follows (with --resume where the verb has it) ends with 0, leaves the files of
the undisturbed run and nothing else. Full disk (a tmpfs of --levels sizes below what the verb needs; skipped without the
right to mount one): exit code 1, no signal, nothing half under a final name, no temporary file left.
Times and paths of a command line are the only differences that are let pass: manifest.json and journals are not compared,
only present. Needs Python 3 only.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
IMPORT = SOURCE / "tests/golden/import"
# What a run keeps for itself while it is not finished, and what holds times.
OWN = re.compile(r"(^|/)(\.files|manifest\.json|[^/]*journal[^/]*|[^/]*\.part|\.?rows|[^/]*\.jsonl|\.?parts|\.?spool)(/|$)")


def verbs(at):
    """name -> (words, words of the run after an interruption); OUT is a folder."""
    net = str(at / "net.h5")
    pictures = [str(at / f"many/{i:03}.png") for i in range(60)]
    t1 = ["--threads", "1", "-q"]
    explain = ["explain", net, *pictures, "--method", "gradcam,saliency,occlusion", "--out", "OUT", *t1]
    localize = ["localize", net, *pictures, "--method", "cam", "--no-curves", "--out", "OUT", *t1]
    evaluate = ["evaluate", net, *pictures[:8], "--method", "gradcam,saliency", "--out", "OUT", *t1]
    units = ["units", net, "--data", str(at / "many"), "--layers", "conv2", "--out", "OUT", *t1]
    visualize = ["visualize", net, "--class", "ant,bee,cat,dog", "--steps", "40", "--out", "OUT", *t1]
    filters = ["filters", net, "--out", "OUT/filters.png", *t1]
    compare = ["compare", net, *pictures[:12], "--out", "OUT", *t1]
    graph = ["graph", "learn", net, *pictures[:12], "--layers", "conv1,conv2", "--out", "OUT/graph.h5", *t1]
    train = ["train", net, "--data", str(at / "classes"), "--epochs", "6", "--batch", "8", "--out", "OUT", *t1]
    dataset = ["dataset", "make", "creatures", "OUT", "--count", "40", *t1]
    occlude = ["study", "occlusion", net, *pictures[:10], "--out", "OUT", *t1]
    single = {
        "convert": ["convert", str(IMPORT / "dag73.mat"), "OUT/net.h5", "-q"],
        "export_onnx": ["export", net, "OUT/net.onnx", "-q"],
        "export_keras": ["export", net, "OUT/net.keras.h5", "-q"],
        "export_safetensors": ["export", net, "OUT/net.safetensors", "-q"],
        "classify": ["classify", net, *pictures, "--outputs", "OUT/scores.h5", *t1],
        "info": ["info", net, "--svg", "OUT/net.svg", "--dot", "OUT/net.dot"],
    }
    table = {
        "explain": (explain, explain + ["--resume"]),
        "localize": (localize, localize + ["--resume"]),
        "evaluate": (evaluate, evaluate + ["--resume"]),
        "units": (units, units + ["--overwrite"]),
        "visualize": (visualize, visualize + ["--overwrite"]),
        "filters": (filters, filters + ["--overwrite"]),
        "compare": (compare, compare + ["--overwrite"]),
        "graph": (graph, graph + ["--overwrite"]),
        "train": (train, train + ["--resume"]),
        "study": (occlude, occlude + ["--overwrite"]),
        "dataset": (dataset, dataset),
    }
    for name, words in single.items():
        table[name] = (words, words + ["--overwrite"])
    return table


def contents(folder):
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not OWN.search(name):
            text = path.read_bytes()
            files[name] = re.sub(rb" --(resume|overwrite)\b", b"", text)
    return files


def run(program, words, out, kill_after=None):
    command = [program] + [word.replace("OUT", str(out)) for word in words]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    start = time.time()
    if kill_after is not None:
        try:
            child.wait(timeout=kill_after)
        except subprocess.TimeoutExpired:
            child.kill()
    err = child.stderr.read().decode("utf-8", "replace")
    child.wait()
    return child.returncode, time.time() - start, err


def differing(found, whole):
    return [name for name, text in found.items() if whole.get(name) != text]


def killed(program, name, words, again, folder, kills, report):
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    code, seconds, err = run(program, words, out)
    if code not in (0, 5):
        report(f"{name}: the undisturbed run ended with {code}: {err.strip()[-200:]}")
        return 0
    whole = contents(out)
    done = 0
    for k in range(kills):
        shutil.rmtree(out)
        out.mkdir()
        code, _, _ = run(program, words, out, seconds * (k + 0.5) / kills)
        done += 1 if code == -9 else 0
        half = [n for n in differing(contents(out), whole) if ".tmp-" not in n]
        if half:
            report(f"{name}: killed at {k + 0.5} of {kills}, half-written or different: {half[:3]}")
        # A run that has not begun yet has nothing to go on with or to replace; one whose only file is whole has ended.
        begun = [p for p in out.rglob("*") if p.is_file() and ".tmp-" not in p.name]
        if len(whole) == 1 and contents(out) == whole:
            continue
        code, _, err = run(program, again if begun else words, out)
        if code not in (0, 5):
            report(f"{name}: the run after a kill at {k + 0.5} of {kills} ended with {code}: {err.strip()[-200:]}")
            continue
        found = contents(out)
        if found != whole:
            wrong = differing(found, whole) + [n for n in whole if n not in found]
            report(f"{name}: after a kill at {k + 0.5} of {kills} and another run: {wrong[:4]}")
    return done


def full(program, name, words, folder, levels, report):
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    run(program, words, out)
    whole = contents(out)
    needed = max(4096, sum(len(text) for text in whole.values()))
    small = folder / "small"
    small.mkdir(exist_ok=True)
    done = 0
    for level in range(levels):
        size = max(4096, int(needed * level / levels))
        # Level 0 has no byte free: the tmpfs is filled before.
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], stderr=subprocess.DEVNULL).returncode:
            return done
        try:
            if level == 0:
                with open(small / "filler", "wb") as filler:
                    try:
                        filler.write(bytes(size))
                        filler.flush()
                    except OSError:
                        pass
            code, _, err = run(program, words, small)
            done += 1
            if code in (0, 5) and contents(small) == {**whole, **({"filler": b""} if level == 0 else {})}:
                continue  # it was large enough
            if code != 1:
                report(f"{name}: {size} bytes of {needed}: ended with {code}: {err.strip()[-200:]}")
            if "infinite loop" in err:
                report(f"{name}: {size} bytes of {needed}: HDF5 in circles")
            found = {n: t for n, t in contents(small).items() if n != "filler"}
            half = differing(found, whole)
            if half:
                report(f"{name}: {size} bytes of {needed}: half-written or left: {half[:3]}")
        finally:
            subprocess.run(["umount", str(small)], check=True)
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--fixtures", required=True, help="the suite that writes net and pictures: build/tests/test_hostile")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--levels", type=int, default=5)
    parser.add_argument("--verbs", default="")
    options = parser.parse_args()
    wrong = []

    def report(text):
        wrong.append(text)
        print("WRONG " + text, flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seeds = folder / "seeds"
        subprocess.run([options.fixtures, "-tc=fixtures for the scripts"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "CUTAWAY_FIXTURES": str(seeds)})
        many = seeds / "many"
        many.mkdir()
        for i in range(60):
            shutil.copy(seeds / f"{i % 3}.png", many / f"{i:03}.png")
            of_class = seeds / "classes" / ["ant", "bee", "cat", "dog"][i % 4]
            of_class.mkdir(parents=True, exist_ok=True)
            shutil.copy(seeds / f"{i % 3}.png", of_class / f"{i:03}.png")
        table = verbs(seeds)
        kills = fulls = 0
        for verb in options.verbs.split(",") if options.verbs else table:
            words, again = table[verb]
            before = len(wrong)
            done = killed(options.program, verb, words, again, folder, options.kills, report)
            levels = full(options.program, verb, words, folder, options.levels, report)
            kills, fulls = kills + done, fulls + levels
            print(f"{verb}: killed {done} times, {levels} full disks, {len(wrong) - before} wrong", flush=True)
        print(f"{kills} kills and {fulls} full disks: {len(wrong)} wrong")
        if options.levels and not fulls:
            print("SKIPPED full disks: no right to mount a tmpfs")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
