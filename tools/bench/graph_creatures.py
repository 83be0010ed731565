#!/usr/bin/env python3
"""Learns explanatory graphs of all kinds of creatures and prints how their nodes sit on parts and what edges join.

    cutaway dataset make creatures DATA --count 1000 --first 3000000000 --size 192 --seed 5 --clutter 0.3 --occlusion 0.1
    tools/bench/graph_creatures.py --cutaway build/cutaway --data DATA --out DIR [--kind cat ...] -- [options of graph learn]

Results are kept in DIR, one JSON file a kind, and made only where they are missing. The mean is over the kinds, its 95 %
interval by Student's distribution over them: a kind counts whole, with all of its pictures. A mean of edges is over the
kinds that have any.
Needs nothing but Python.
"""
import argparse
import json
import os
import subprocess
import sys

KINDS = ["cat", "rabbit", "elephant", "giraffe", "turtle", "bird", "fish", "butterfly", "octopus", "snail"]
LEARN = ["--flips", "--restarts", "3"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 5):  # 5: boxes that reach over the edge were cut there
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def measure(args, kind):
    result = os.path.join(args.out, kind + ".json")
    if not os.path.exists(result):
        graph = os.path.join(args.out, kind + ".h5")
        common = ["--data", args.data, "--category", kind, "-q", "--json", "--threads", str(args.threads)]
        run([args.cutaway, "graph", "learn", args.net, *common, "--out", graph, "--overwrite", *LEARN, *args.learn])
        found = run([args.cutaway, "graph", "evaluate", graph, args.net, *common, "--repeats", "0"])
        with open(result + ".part", "w") as f:
            json.dump(found, f, indent=1)
        os.replace(result + ".part", result)
    with open(result) as f:
        return json.load(f)


# Student's two-sided 95 % quantile by degrees of freedom, for up to ten kinds.
STUDENT = [0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]


def mean(values):
    """Mean over the kinds that have a value, with its interval."""
    there = [v for v in values if v is not None]
    n = len(there)
    middle = sum(there) / n
    if n < 2:
        return f"{middle:.2f}"
    half = STUDENT[n - 1] * (sum((v - middle) ** 2 for v in there) / (n - 1) / n) ** 0.5
    return f"{middle:.2f} [{middle - half:.2f}, {middle + half:.2f}]"


def number(v):
    return "-" if v is None else f"{v:.2f}"


def over_layers(found, of):
    there = [of(layer) for layer in found["layers"] if of(layer) is not None]
    return sum(there) / len(there) if there else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cutaway", default="build/cutaway")
    p.add_argument("--net", default="weights/shipped/creatures.h5")
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--kind", action="append", choices=KINDS)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("learn", nargs="*", help="options of graph learn, after --")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    columns = {
        "hit rate": lambda l: l["hits"]["graph"][0],
        "normalised filters": lambda l: l["hits"]["normalized_filters"][0],
        "plain filters": lambda l: l["hits"]["plain_filters"][0],
        "random": lambda l: l["hits"]["random"][0],
        "edges, all nodes": lambda l: l["hits"]["edges_together"],
        "by chance": lambda l: l["hits"]["together_by_chance"],
        "below best nodes": lambda l: l["hits"]["best_edges_together"],
        "between best nodes": lambda l: l["hits"]["top_edges_together"],
        "their number": lambda l: l["hits"]["top_edges"] or None,
        "following": lambda l: l["follow"]["graph"][0],
        "discs": lambda l: l["discs"]["graph"][0],
    }
    print("| | " + " | ".join(columns) + " | instability graph / normalised filters / plain filters / still |\n|" + " --- |" * (len(columns) + 2))
    rows = {}
    for kind in args.kind or KINDS:
        found = rows[kind] = measure(args, kind)
        cells = []
        for name, of in columns.items():
            values = [of(layer) for layer in found["layers"]]
            if values[-1] is None:
                values.pop()  # the top layer has no edges
            cells.append(" / ".join(str(v or 0) if name == "their number" else number(v) for v in values))
        still = " / ".join(
            f"{found['instability'][key][0]:.3f}" for key in ("graph", "normalized_filters", "plain_filters", "still")
        )
        print(f"| {kind} | " + " | ".join(cells) + f" | {still} |", flush=True)
    print("\nmeans over the kinds: a layer each, and all layers")
    layers = [layer["name"] for layer in next(iter(rows.values()))["layers"]]
    for name, of in columns.items():
        if name == "their number":
            continue
        cells = []
        for k in range(len(layers)):
            values = [of(found["layers"][k]) for found in rows.values()]
            if any(v is not None for v in values):
                cells.append(mean(values))
        cells.append(mean([over_layers(found, of) for found in rows.values()]))
        print(f"{name:20s} " + "   ".join(cells))


if __name__ == "__main__":
    main()
