#!/usr/bin/env python3
"""Times `cutaway bench` of two builds, interleaved: what does a choice of the compiler's flags cost?

    cmake --preset release -B build-native -DCUTAWAY_NATIVE=ON -DCUTAWAY_CUDA=OFF
    cmake --build build-native --target cutaway
    tools/bench/two_builds.py build/cutaway build-native/cutaway --nets vgg16 resnet50 --rounds 5

Prints, for every net, pass and batch, the median of each build's medians and the ratio second/first of every
round: median, smallest and largest. Above 1 the first build is faster. Needs Python only.
"""
import argparse
import json
import os
import statistics
import subprocess


def milliseconds(program, net, direction, batch, options):
    command = [program, "bench", net, "--pass", direction, "--batch", str(batch), "--rounds",
               str(options.inner), "--warmup", "1", "--threads", str(options.threads), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--nets", nargs="+", default=["vgg16", "googlenet-caffe", "resnet50", "mobilenet-v2"])
    parser.add_argument("--passes", nargs="+", default=["forward", "saliency"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each build")
    parser.add_argument("--inner", type=int, default=5, help="timed rounds a turn")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    programs = [options.first, options.second]
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")]
    print(f"{models[0] if models else 'unknown processor'}, {len(models)} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'net':<18} {'pass':<9} {'batch':>5} {'first ms':>9} {'second ms':>9}  second/first")
    for net in options.nets:
        for direction in options.passes:
            for batch in options.batches:
                times = [[], []]
                for turn in range(options.rounds):
                    # Who begins changes with every round.
                    for which in ((0, 1), (1, 0))[turn % 2]:
                        times[which].append(milliseconds(programs[which], net, direction, batch, options))
                ratios = [second / first for first, second in zip(*times)]
                print(f"{net:<18} {direction:<9} {batch:>5} {statistics.median(times[0]):>9.2f} "
                      f"{statistics.median(times[1]):>9.2f}  {statistics.median(ratios):.3f} "
                      f"[{min(ratios):.3f}, {max(ratios):.3f}]", flush=True)


if __name__ == "__main__":
    main()
