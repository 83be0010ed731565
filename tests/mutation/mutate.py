#!/usr/bin/env python3
"""One-line mutants: how many of the faults that somebody could make do the tests notice?

    tests/mutation/mutate.py --count 60 --seed 1 --build build kernels layers explain/rules

Draws lines at random from the sources of the given folders or files (.cpp and .inl), changes one
operator or constant on each, builds the suite of that folder (test_kernels, test_layers, ...) and
runs its fast cases. A mutant that the suite does not notice has survived: it wants a test, or it
changes nothing. The same seed and tree give the same mutants.

Works on the tree it stands in, which must have no uncommitted changes, and puts every line back,
also after Ctrl-C. Prints a Markdown table; exit status 1 if a mutant survived.
"""

import argparse
import hashlib
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What is replaced, and by what; the first form that matches at a place wins.
OPERATORS = [
    (r" == ", " != "), (r" != ", " == "),
    (r" <= ", " < "), (r" >= ", " > "),
    (r" < ", " <= "), (r" > ", " >= "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ ", " - "), (r" - ", " + "),
    (r" \* ", " / "), (r" / ", " * "),
    (r" \+= ", " -= "), (r" -= ", " += "),
    (r"\bstd::max\b", "std::min"), (r"\bstd::min\b", "std::max"),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"(?<![\w.])0(?![\w.x])", "1"), (r"(?<![\w.])1(?![\w.x])", "2"),
    (r"\bif \(!", "if ("),
]
# Lines on which a change proves nothing, or cannot compile.
SKIPPED = re.compile(r"^\s*(//|#|using |namespace |template|static_assert|case |\}|\{|check\()"
                     r"|NOLINT|\boperator\b|\.(expected|got|hint)\(|std::printf|snprintf")


def strip_strings(line):
    """The line with the insides of strings and comments blanked, of the same length."""
    out = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: '"' + "_" * (len(m.group()) - 2) + '"', line)
    return re.sub(r"//.*", lambda m: "_" * len(m.group()), out)


def mutants_of(path):
    """All mutants of a file: (line number, old line, new line)."""
    found = []
    for number, line in enumerate(path.read_text().split("\n")):
        if SKIPPED.search(line):
            continue
        bare = strip_strings(line)
        for pattern, new in OPERATORS:
            for match in re.finditer(pattern, bare):
                # "template <", "foo<bar>" and pointers are no arithmetic.
                if pattern in (r" \* ", " < ", " > ") and re.search(r"\b(auto|const|class)\b", bare[:match.start()]) \
                        and "=" not in bare[:match.start()]:
                    continue
                found.append((number, line, line[:match.start()] + new + line[match.end():]))
    return found


def sources(targets):
    files = []
    for target in targets:
        path = ROOT / target
        files += [path] if path.is_file() else sorted(
            p for p in path.rglob("*") if p.suffix in (".cpp", ".inl") and "cuda" not in p.parts)
    if not files:
        sys.exit("mutate: no sources in " + " ".join(targets))
    return files


def draw(files, count, seed):
    """Folders get equal shares, files within one by their number of mutants; no line twice."""
    rng = random.Random(seed)
    pools = {}
    for path in files:
        folder = path.relative_to(ROOT).parts[0]
        pools.setdefault(folder, []).extend((path,) + m for m in mutants_of(path))
    chosen, lines = [], set()
    folders = sorted(pools)
    for pool in pools.values():
        rng.shuffle(pool)
    while len(chosen) < count and any(pools.values()):
        folder = folders[len(chosen) % len(folders)]
        if not pools[folder]:
            folders.remove(folder)
            continue
        mutant = pools[folder].pop()
        if (mutant[0], mutant[1]) not in lines:
            lines.add((mutant[0], mutant[1]))
            chosen.append(mutant)
    return chosen


class Suite:
    """The test program of one folder, without its slow cases."""

    def __init__(self, folder, build, slow, target, data):
        self.target = target or "test_" + folder
        self.build, self.slow, self.excluded = build, slow, []
        self.env = dict(os.environ, CUTAWAY_DATA=data)
        self.limit = 600.0

    def make(self):
        done = subprocess.run(["ninja", "-C", str(self.build), self.target], cwd=ROOT,
                              capture_output=True, text=True, check=False)
        return done.returncode == 0

    def binary(self):
        found = [p for p in self.build.rglob(self.target) if p.is_file() and os.access(p, os.X_OK)]
        return str(found[0])

    def run(self, *options):
        """'passed', 'failed' or 'timeout'."""
        exclude = ["-tce=" + ",".join(self.excluded)] if self.excluded else []
        try:
            done = subprocess.run([self.binary(), *exclude, *options], cwd=self.build, env=self.env,
                                  capture_output=True, text=True, timeout=self.limit, check=False)
        except subprocess.TimeoutExpired:
            return "timeout", ""
        return ("passed" if done.returncode == 0 else "failed"), done.stdout

    def measure(self):
        """Builds the suite as it is and finds its slow cases."""
        if not self.make():
            sys.exit("mutate: " + self.target + " does not build")
        start = time.time()
        state, text = self.run("-d=true")
        if state != "passed":
            sys.exit("mutate: " + self.target + " does not pass before anything is changed")
        for match in re.finditer(r"^(\d+\.\d+) s: (.*)$", text, re.M):
            if float(match.group(1)) > self.slow:
                # Commas separate filters and "?" stands for any character.
                self.excluded.append(re.sub(r"[,\\\[\]\"]", "?", match.group(2)))
        seconds = time.time() - start
        print(f"mutate: {self.target}: {seconds:.0f} s, {len(self.excluded)} slow cases left out",
              file=sys.stderr)
        self.limit = max(60.0, 4.0 * seconds)


def attempt(mutant, suite):
    path, number, old, new = mutant
    text = path.read_text()
    lines = text.split("\n")
    if lines[number] != old:
        sys.exit(f"mutate: {path} has changed")
    lines[number] = new
    try:
        path.write_text("\n".join(lines))
        if not suite.make():
            return "does not compile"
        state, _ = suite.run("-aa=1")
        return {"passed": "SURVIVED", "failed": "killed", "timeout": "killed (time)"}[state]
    finally:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="+", help="folders or files, from the root of the tree")
    parser.add_argument("--count", type=int, default=60, help="mutants that compile")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--slow", type=float, default=2.0, help="seconds from which a case is left out")
    parser.add_argument("--suite", help="test program for all of them (default: the folder's own)")
    parser.add_argument("--data", default="/nonexistent", help="CUTAWAY_DATA; default: no data")
    parser.add_argument("--list", action="store_true", help="print the mutants and change nothing")
    args = parser.parse_args()
    args.build = args.build.resolve()

    pool = draw(sources(args.targets), 3 * args.count, args.seed)
    if args.list:
        for path, number, old, new in pool[:args.count]:
            print(f"{path.relative_to(ROOT)}:{number + 1}\n  - {old.strip()}\n  + {new.strip()}")
        return 0
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *args.targets], cwd=ROOT, check=False).returncode:
        sys.exit("mutate: commit or stash first: there are changes under " + " ".join(args.targets))

    suites, rows, valid = {}, [], 0
    for mutant in pool:
        if valid == args.count:
            break
        folder = mutant[0].relative_to(ROOT).parts[0]
        if folder not in suites:
            suites[folder] = Suite(folder, args.build, args.slow, args.suite, args.data)
            suites[folder].measure()
        result = attempt(mutant, suites[folder])
        place = f"{mutant[0].relative_to(ROOT)}:{mutant[1] + 1}"
        print(f"mutate: {place}: {result}", file=sys.stderr, flush=True)
        if result == "does not compile":
            continue
        valid += 1
        rows.append((place, mutant[2].strip(), mutant[3].strip(), result))
    for suite in suites.values():
        suite.make()  # as it was
    print("| place | was | mutant | result |\n| --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join("`" + c.replace("|", "\\|") + "`" if 0 < i < 3 else c
                                for i, c in enumerate(row)) + " |")
    survived = sum(row[3] == "SURVIVED" for row in rows)
    digest = hashlib.sha256("".join(r[0] + r[2] for r in rows).encode()).hexdigest()[:8]
    print(f"\n{valid} mutants (seed {args.seed}, {digest}): {valid - survived} killed, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
