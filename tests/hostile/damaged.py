#!/usr/bin/env python3
"""Damages files of every format that the program reads, and runs the program over each.

    damaged.py --program build/cutaway --fixtures build/tests/test_hostile --count 200 [--formats png,mat73]
    damaged.py --forked build/forked_cutaway --fixtures build/tests/test_hostile --count 20000

With --forked every run is a fork of one process that has loaded the program (tests/hostile/forked/main.cpp), which
spares its start. A run must end by itself, with an exit code of the table (0 to 5), within --seconds of processor time and --kibibytes of
memory, and without a word from a sanitizer. What does not is kept in --keep, and the script ends with 1. The same --seed
damages in the same way. Needs Python 3 only.
"""
import argparse
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
IMPORT = SOURCE / "tests/golden/import"
KERAS = SOURCE / "tests/golden/keras"


def formats(at):
    """name -> (seed files, words of the command; FILE is the damaged file, OUT a fresh name)."""
    net = str(at / "net.h5")

    def classify(*files):
        return [at / f for f in files], ["classify", net, "FILE", "--threads", "1", "-q"]

    def explain(*files):
        return [at / f for f in files], ["explain", net, "FILE", "--method", "saliency", "--no-pictures", "--threads", "1",
                                         "-q", "--out", "OUT"]

    def convert(*files):
        return list(files), ["convert", "FILE", "OUT.h5", "-q"]

    localize = ["localize", net, str(at / "0.png"), str(at / "1.png"), "--method", "cam", "--truth", "FILE", "--no-curves",
                "--threads", "1", "-q", "--out", "OUT"]
    return {
        "jpeg": classify("plain.jpg", "progressive.jpg"),
        "png": classify("plain.png", "adam7.png"),
        "webp": classify("lossless.webp", "lossy.webp"),
        "tiff": classify("lzw.tif", "deflate.tif"),
        "bmp": classify("plain.bmp"),
        "tar": explain("pictures.tar"),
        "targz": explain("pictures.tar.gz"),
        "pictures_hdf5": explain("pictures.h5"),
        "list": ([at / "list.csv"], ["classify", net, "--list", "FILE", "--threads", "1", "-q"]),
        "truth": ([at / "truth.json", at / "truth.csv"], localize),
        "labels": ([at / "labels.txt", at / "labels.json"],
                   ["convert", str(IMPORT / "simple5.mat"), "OUT.h5", "--labels", "FILE", "-q"]),
        "package": ([at / "net.h5"], ["classify", "FILE", str(at / "0.png"), "--threads", "1", "-q"]),
        "onnx": convert(IMPORT / "old.onnx", IMPORT / "operators.onnx"),
        "torch": convert(IMPORT / "tiny.pth", IMPORT / "checkpoint.pth", IMPORT / "module.pth"),
        "torch_legacy": convert(IMPORT / "tiny_legacy.pth"),
        "safetensors": convert(IMPORT / "tiny.safetensors", IMPORT / "tiny_bf16.safetensors"),
        "mat5": convert(IMPORT / "simple5.mat", IMPORT / "dag5.mat"),
        "mat73": convert(IMPORT / "simple73.mat", IMPORT / "dag73.mat"),
        "keras_hdf5": convert(KERAS / "sequential.h5"),
        "keras_zip": convert(KERAS / "sequential.keras"),
        "reference": ([SOURCE / "tests/golden/compare.h5"], ["verify", net, "FILE", "--threads", "1", "-q"]),
    }


def damage(data, rng):
    """One of: bytes changed, a number made extreme, cut short, a part doubled, zeroed or moved."""
    data = bytearray(data)
    kind = rng.randrange(10)
    where = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 4096))
    if kind < 4:
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            data[where] = rng.randrange(256)
            where = min(len(data) - 1, where + rng.randrange(16))
    elif kind == 4:
        data[where] ^= 1 << rng.randrange(8)
    elif kind == 5:
        value = rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0xFFFF])
        packed = struct.pack(rng.choice(["<I", ">I"]), value)
        data[where:where + 4] = packed
    elif kind == 6:
        del data[where:]
    elif kind == 7:
        length = rng.randrange(1, 200)
        data[where:where] = data[where:where + length]
    elif kind == 8:
        length = rng.randrange(1, 200)
        data[where:where + length] = bytes(len(data[where:where + length]))
    else:
        other = rng.randrange(len(data))
        length = rng.randrange(1, 64)
        data[where:where + length] = data[other:other + length]
    return bytes(data)


def run_program(words, seconds, folder):
    """(exit code or -signal, kibibytes, processor seconds, standard error)"""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (4 * seconds, 4 * seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(folder / "err", "wb") as err:
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL, preexec_fn=limit)
        deadline = time.time() + 60 * seconds
        while True:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.time() > deadline:
                child.kill()
            time.sleep(0.001)
    child.returncode = os.waitstatus_to_exitcode(status)
    text = (folder / "err").read_bytes().decode("utf-8", "replace")
    return child.returncode, used.ru_maxrss, used.ru_utime + used.ru_stime, text


class Forked:
    """Answers as run_program does; words[0] is not looked at."""

    def __init__(self, program):
        self.parent = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, words, seconds, folder):
        head = f"{len(words) - 1} {folder / 'err'} {4 * seconds} {60 * seconds}"
        self.parent.stdin.write("\n".join([head, *words[1:]]) + "\n")
        self.parent.stdin.flush()
        answer = self.parent.stdout.readline().split()
        if len(answer) != 3:
            raise SystemExit("the process that forks the runs ended")
        text = (folder / "err").read_bytes().decode("utf-8", "replace")
        return os.waitstatus_to_exitcode(int(answer[0])), int(answer[1]), float(answer[2]), text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument("--program")
    program.add_argument("--forked", help="the program that forks its runs: build/forked_cutaway")
    parser.add_argument("--fixtures", required=True, help="the suite that writes the whole files: build/tests/test_hostile")
    parser.add_argument("--count", type=int, default=200, help="files a format")
    parser.add_argument("--formats", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first file: goes on where a run ended")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--kibibytes", type=int, default=1 << 20)
    parser.add_argument("--keep", default="", help="folder for the files that did harm")
    options = parser.parse_args()
    run = Forked(options.forked) if options.forked else run_program
    bad = 0
    total = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seeds = folder / "seeds"
        if options.fixtures.endswith("/") or os.path.isdir(options.fixtures):
            seeds = pathlib.Path(options.fixtures)
        else:
            subprocess.run([options.fixtures, "-tc=fixtures for the scripts"], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "CUTAWAY_FIXTURES": str(seeds)})
        table = formats(seeds)
        chosen = options.formats.split(",") if options.formats else list(table)
        for form in chosen:
            files, words = table[form]
            codes = {}
            slowest = largest = 0
            for number in range(options.first, options.first + options.count):
                rng = random.Random(f"{options.seed}/{form}/{number}")
                seed = pathlib.Path(rng.choice(files))
                content = damage(seed.read_bytes(), rng)
                victim = folder / ("victim" + "".join(seed.suffixes))
                victim.write_bytes(content)
                command = [options.program or options.forked]
                for word in words:
                    command.append(word.replace("FILE", str(victim)).replace("OUT", str(folder / "out")))
                code, kibibytes, seconds, text = run(command, options.seconds, folder)
                shutil.rmtree(folder / "out", ignore_errors=True)
                (folder / "out.h5").unlink(missing_ok=True)
                codes[code] = codes.get(code, 0) + 1
                slowest, largest = max(slowest, seconds), max(largest, kibibytes)
                wrong = []
                if not 0 <= code <= 5:
                    wrong.append(f"ended with {code}")
                if code == 1:
                    wrong.append("a failure of the program")
                if kibibytes > options.kibibytes:
                    wrong.append(f"{kibibytes} KiB")
                if seconds > options.seconds:
                    wrong.append(f"{seconds:.1f} s")
                if "Sanitizer" in text or "runtime error" in text or "infinite loop" in text:
                    wrong.append("a sanitizer's or HDF5's complaint")
                if not wrong:
                    continue
                bad += 1
                print(f"{form} {number} ({seed.name}): {', '.join(wrong)}: {text.strip()[-300:]}", flush=True)
                if options.keep:
                    os.makedirs(options.keep, exist_ok=True)
                    shutil.copy(victim, pathlib.Path(options.keep) / f"{form}-{number}{''.join(seed.suffixes)}")
            total[form] = options.count
            print(f"{form}: {options.count} files, exit codes {dict(sorted(codes.items()))}, at most {slowest:.1f} s and "
                  f"{largest // 1024} MiB", flush=True)
    print(f"{sum(total.values())} damaged files of {len(total)} formats: {bad} did harm")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
