# SPDX-License-Identifier: Apache-2.0
"""Compares the cutaway program with PyTorch on the CPU, side by side in one run.

For every case (net, batch, pass) the contestants compute in turn, --rounds times, in an order that rotates every
round: the program is started once a round (its own warm-up is not timed), PyTorch lives in one server process
that idles meanwhile, so only one of them computes at any time and PyTorch imports and compiles once. The ratio of
a round is rival / cutaway of the medians of that round (above 1: cutaway is faster); the table shows the median
ratio and, in brackets, the smallest and the largest one.

    compare.py --rounds 7 --nets vgg16 --batches 1 8 --json result.json
    compare.py --ours "build/cutaway bench {model} --batch {batch} ..." --model vgg16=models/vgg16.h5

A contestant that fails is shown with its message; the exit status is then 1.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time

OURS = ("{build}/cutaway bench {model} --batch {batch} --pass {pass} --threads {threads} --rounds {repeats} --json")
RIVAL = "{python} {here}/rival_torch.py --serve --threads {threads} --seed 0"
# Which rival passes face which of ours.
RIVAL_PASSES = {"forward": ("forward",), "saliency": ("saliency", "saliency_params")}
FORWARD_ONLY = ("freeze", "mkldnn")


class RivalServer:
    """The PyTorch process; `time` blocks until it has answered."""

    def __init__(self, command, cpus, log):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                        preexec_fn=pin(cpus))
        self.info = self._read()["ready"]

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the rival process ended with status {self.process.wait()}; see its log")
        return json.loads(line)

    def time(self, case, contestant, repeats, warmup):
        request = {"cmd": "time", "net": case["net"], "batch": case["batch"], "mode": contestant["mode"],
                   "pass": contestant["pass"], "rounds": repeats, "warmup": warmup}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.write('{"cmd": "quit"}\n')
        self.process.stdin.close()
        self.process.wait(timeout=60)


def pin(cpus):
    return (lambda: os.sched_setaffinity(0, cpus)) if cpus else None


def run_ours(args, case, repeats):
    """One start of the program; returns its JSON object or {"error": ...}."""
    values = {"build": args.build, "model": args.models.get(case["net"], case["net"]), "batch": case["batch"],
              "pass": case["pass"], "threads": args.threads, "repeats": repeats, "net": case["net"]}
    command = shlex.split(args.ours.format(**values))
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment,
                              preexec_fn=pin(args.cpus), timeout=args.timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    if done.returncode != 0:
        return {"error": f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"}
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        return {"error": f"output is not JSON: {error}"}


def contestants_of(args, case):
    """Ours first, then every rival mode and pass that faces this case."""
    result = [{"name": "cutaway"}]
    for pass_name in RIVAL_PASSES[case["pass"]]:
        for mode in args.modes:
            if case["pass"] == "forward" or mode not in FORWARD_ONLY:
                suffix = " (params)" if pass_name == "saliency_params" else ""
                result.append({"name": f"torch {mode}{suffix}", "mode": mode, "pass": pass_name})
    return result


def run_case(args, server, case):
    """All rounds of one case: {name: {"ms": [median of each round], "facts": {...}} or {"error": ...}}."""
    contestants = contestants_of(args, case)
    results = {c["name"]: {"ms": [], "all_ms": []} for c in contestants}
    for index in range(args.rounds):
        turn = index % len(contestants)
        order = contestants[turn:] + contestants[:turn]
        for contestant in order if index % 2 == 0 else order[::-1]:
            result = results[contestant["name"]]
            if "error" in result:
                continue
            if "mode" in contestant:
                # The first request compiles and packs weights; later ones only warm the caches.
                reply = server.time(case, contestant, args.repeats, 3 if index == 0 else 1)
            else:
                reply = run_ours(args, case, args.repeats)
            if "error" in reply:
                result["error"] = reply["error"]
            else:
                result["ms"].append(reply["median_ms"])
                result["all_ms"].append(reply.get("ms", []))
                result["facts"] = {k: reply[k] for k in ("gflops", "peak_percent") if k in reply}
            time.sleep(args.pause)  # lets the thread pool of the last one go to sleep
        print(f"  round {index + 1}/{args.rounds}", file=sys.stderr)
    return results


def summarise(case, results):
    """Adds median, spread and paired ratios."""
    ours = results["cutaway"].get("ms", [])
    for name, result in results.items():
        if "error" in result or not result["ms"]:
            continue
        result["median_ms"] = statistics.median(result["ms"])
        result["range_ms"] = [min(result["ms"]), max(result["ms"])]
        if name != "cutaway" and "error" not in results["cutaway"] and len(ours) == len(result["ms"]):
            ratios = [theirs / mine for theirs, mine in zip(result["ms"], ours)]
            result["ratio"] = statistics.median(ratios)
            result["ratio_range"] = [min(ratios), max(ratios)]
    return {"case": case, "results": results}


def markdown(report):
    lines = ["| net | batch | pass | contestant | median ms | range ms | ratio to cutaway | % of peak |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for entry in report["cases"]:
        case = entry["case"]
        for name, result in entry["results"].items():
            head = f"| {case['net']} | {case['batch']} | {case['pass']} | {name} | "
            if "error" in result:
                lines.append(head + f"failed: {result['error'].replace('|', '/').splitlines()[0]} | | | |")
                continue
            peak = result.get("facts", {}).get("peak_percent")
            ratio = "1" if name == "cutaway" else ""
            if "ratio" in result:
                ratio = f"{result['ratio']:.2f} [{result['ratio_range'][0]:.2f}..{result['ratio_range'][1]:.2f}]"
            low, high = result["range_ms"]
            lines.append(head + f"{result['median_ms']:.1f} | {low:.1f}..{high:.1f} | {ratio} | "
                         + (f"{peak:.0f}" if peak is not None else "") + " |")
    return "\n".join(lines)


def machine(args):
    model = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"cpu": model, "cpus": sorted(args.cpus), "threads": args.threads, "python": platform.python_version()}


def key_value(text):
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("expected NET=MODEL")
    return key, value


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cpus = sorted(os.sched_getaffinity(0))
    parser.add_argument("--ours", default=OURS, help=f"command line of the program (default: {OURS})")
    parser.add_argument("--rival", default=RIVAL, help=f"command line of the rival server (default: {RIVAL})")
    parser.add_argument("--build", default="build", help="value of {build}")
    parser.add_argument("--python", default=sys.executable, help="value of {python}")
    parser.add_argument("--model", action="append", type=key_value, default=[], metavar="NET=MODEL",
                        help="what {model} is for a net (default: the net's name)")
    parser.add_argument("--nets", nargs="+", default=["vgg16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--passes", nargs="+", choices=sorted(RIVAL_PASSES), default=sorted(RIVAL_PASSES))
    parser.add_argument("--modes", nargs="+", default=["eager", "channels_last", "compile", "compile_cl", "freeze", "mkldnn"])
    parser.add_argument("--threads", type=int, default=len(cpus))
    parser.add_argument("--cpus", help="comma-separated CPUs (default: the first THREADS allowed ones)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every contestant")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs a turn; a turn counts with their median")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between turns")
    parser.add_argument("--timeout", type=float, default=600, help="seconds one start of the program may take")
    parser.add_argument("--json", help="file for the full result")
    parser.add_argument("--log", default=os.devnull, help="file for what the rival prints on stderr")
    args = parser.parse_args()
    args.cpus = {int(c) for c in args.cpus.split(",")} if args.cpus else set(cpus[:args.threads])
    args.models = dict(args.model)
    return args


def main():
    args = parse()
    here = os.path.dirname(os.path.abspath(__file__))
    rival = shlex.split(args.rival.format(python=args.python, here=here, threads=args.threads))
    report = {"machine": machine(args), "load_before": os.getloadavg(), "cases": []}
    with open(args.log, "w", encoding="utf-8") as log:
        server = RivalServer(rival, args.cpus, log)
        report["rival"] = server.info
        try:
            for net in args.nets:
                for batch in args.batches:
                    for pass_name in args.passes:
                        case = {"net": net, "batch": batch, "pass": pass_name}
                        print(f"{net} batch {batch} {pass_name}", file=sys.stderr)
                        report["cases"].append(summarise(case, run_case(args, server, case)))
        finally:
            if server.process.poll() is None:
                server.close()
    report["load_after"] = os.getloadavg()
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    print(f"{report['machine']['cpu']}, {args.threads} threads, PyTorch {report['rival']['torch']}, "
          f"load {report['load_before'][0]:.1f} before, {report['load_after'][0]:.1f} after\n")
    print(markdown(report))
    failed = any("error" in result for entry in report["cases"] for result in entry["results"].values())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
