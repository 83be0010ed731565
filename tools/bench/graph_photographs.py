#!/usr/bin/env python3
"""Learns explanatory graphs of photographed animals and prints how stable their nodes are.

    tools/bench/graph_photographs.py --cutaway build/cutaway --data animal_part --out DIR \\
        --net googlenet=googlenet.h5 --net resnet18=resnet18.h5 [--category bird ...] [--variant default ...]

DATA holds parts.json (docs/explanatory_graph.md); nets are Cutaway packages. Results are kept in DIR, one JSON file
for each net, category and variant, and made only where they are missing, so that an interrupted run goes on.
Needs nothing but Python.
"""
import argparse
import json
import os
import subprocess
import sys

CATEGORIES = ["bird", "dog", "elephant", "horse", "domestic cat"]
# What differs from the method's defaults. All learn with 5 parents of 100 candidates: there are 30 pictures a category.
VARIANTS = {
    "default": [],
    "flips": ["--flips", "--restarts", "3"],
    "static": ["--static-fraction", "0.5"],
    "one": ["--strength", "one"],
    "penalty": ["--strength", "penalty"],
    "concordance": ["--likeness", "concordance"],
    "mean": ["--place", "mean"],
    "refined": ["--preset", "refined"],
}
COMMON = ["--parents", "5", "--candidates", "100", "--most-negatives", "150"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 5):  # 5: boxes that reach over the edge were cut there
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def measure(args, net, package, category, variant):
    name = f"{net}-{category.replace(' ', '_')}-{variant}"
    result = os.path.join(args.out, name + ".json")
    if os.path.exists(result):
        with open(result) as f:
            return json.load(f)
    graph = os.path.join(args.out, name + ".h5")
    objects = ["--data", args.data, "--category", category]
    quiet = ["-q", "--json", "--threads", str(args.threads)]
    run([args.cutaway, "graph", "learn", package, *objects, "--out", graph, "--overwrite", *COMMON, *VARIANTS[variant], *quiet])
    found = run([args.cutaway, "graph", "evaluate", graph, package, *objects, *args.evaluate.split(), *quiet])
    os.remove(graph)
    with open(result + ".part", "w") as f:
        json.dump(found, f, indent=1)
    os.replace(result + ".part", result)
    return found


def interval(v):
    return f"{v[0]:.2f} [{v[1]:.2f}, {v[2]:.2f}]"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cutaway", default="build/cutaway")
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--net", action="append", required=True, metavar="NAME=PACKAGE")
    p.add_argument("--category", action="append")
    p.add_argument("--variant", action="append", choices=sorted(VARIANTS))
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--evaluate", default="", help="more options of graph evaluate")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    categories = args.category or CATEGORIES
    variants = args.variant or list(VARIANTS)
    rows = {}
    for variant in variants:
        for net, package in (n.split("=", 1) for n in args.net):
            for category in categories:
                rows[net, variant, category] = measure(args, net, package, category, variant)
                print(net, variant, category, interval(rows[net, variant, category]["instability"]["ratio"]), flush=True)
    names = {
        "ratio": "instability, nodes over filters: the larger of the two ratios",
        "over_normalized": "over normalised filters",
        "over_plain": "over plain filters",
        "graph": "of the nodes",
        "normalized_filters": "of normalised filters",
        "plain_filters": "of plain filters",
        "still": "held still",
    }
    for key, name in names.items():
        print(f"\n{name}\n\n| | " + " | ".join(categories) + " | mean |\n|" + " --- |" * (len(categories) + 2))
        for net, variant in dict.fromkeys((n, v) for n, v, _ in rows):
            values = [rows[net, variant, c]["instability"][key] for c in categories]
            mean = sum(v[0] for v in values) / len(values)
            cells = [interval(v) if "over" in name else f"{v[0]:.3f}" for v in values]
            print(f"| {net}, {variant} | " + " | ".join(cells) + f" | {mean:.3f} |")
    for what, name in (("follow", "following"), ("hits", "hit rate"), ("discs", "discs")):
        print(f"\n{name}, a layer each, means over the categories\n\n| | graph | normalised filters | plain filters |")
        print("| --- | --- | --- | --- |")
        for net, variant in dict.fromkeys((n, v) for n, v, _ in rows):
            found = [rows[net, variant, c]["layers"] for c in categories]
            cells = []
            for key in ("graph", "normalized_filters", "plain_filters"):
                means = [sum(f[l][what][key][0] for f in found) / len(found) for l in range(len(found[0]))]
                cells.append(" / ".join(f"{m:.2f}" for m in means))
            print(f"| {net}, {variant} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
