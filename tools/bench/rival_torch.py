# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch on the CPU: forward and saliency of torchvision nets (random weights, evaluation mode).

Modes
    eager          as torchvision builds it
    channels_last  weights and input in channels-last memory format
    compile        torch.compile (inductor; needs a C++ compiler)
    compile_cl     torch.compile of the channels-last net
    freeze         torch.compile with inductor's constant folding and weight packing (forward only)
    mkldnn         torch.utils.mkldnn: weights packed once in oneDNN's blocked layout (forward only)
Passes
    forward          logits under inference_mode
    saliency         max over channels of |d top logit / d x|, parameters frozen
    saliency_params  the same, parameters requiring gradients: what the usual code does

Prints one JSON object a line: {net, mode, batch, pass, threads, ms: [...], median_ms}; a configuration that
cannot run prints {..., error} instead and the exit status is 1.

With --serve the process stays alive and answers requests on stdin, one JSON object a line:
{"cmd": "time", "net", "mode", "batch", "pass", "rounds", "warmup"}, {"cmd": "info"}, {"cmd": "quit"}.
Nets and compiled code are kept between requests.
"""

import argparse
import json
import os
import statistics
import sys
import time

MODES = ("eager", "channels_last", "compile", "compile_cl", "freeze", "mkldnn")
FORWARD_ONLY = ("freeze", "mkldnn")
PASSES = ("forward", "saliency", "saliency_params")
NETS = ("vgg16", "googlenet")


class Rival:
    """Builds each (net, mode) once and times passes of it."""

    def __init__(self, threads, seed):
        import torch
        import torchvision
        self.torch, self.torchvision, self.threads, self.seed = torch, torchvision, threads, seed
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        # Every shape and every kind of pass is its own compiled program. The default limit is below their number,
        # and beyond it Dynamo would silently run the eager net.
        import torch._dynamo.config as dynamo
        dynamo.recompile_limit = 64
        dynamo.fail_on_recompile_limit_hit = True
        self.base, self.models = {}, {}

    def info(self):
        return {"torch": self.torch.__version__, "torchvision": self.torchvision.__version__,
                "threads": self.torch.get_num_threads(), "cpu_capability": self.torch.backends.cpu.get_cpu_capability(),
                "affinity": sorted(os.sched_getaffinity(0))}

    def build(self, net):
        if net not in self.base:
            self.torch.manual_seed(self.seed)
            options = {"aux_logits": False, "init_weights": True} if net == "googlenet" else {}
            self.base[net] = getattr(self.torchvision.models, net)(weights=None, **options).eval()
        return self.base[net]

    def model(self, net, mode):
        key = (net, mode)
        if key in self.models:
            return self.models[key]
        import copy
        torch, base = self.torch, self.build(net)
        if mode == "eager":
            model = base
        elif mode == "channels_last":
            model = copy.deepcopy(base).to(memory_format=torch.channels_last)
        elif mode == "compile":
            model = torch.compile(base, dynamic=False)
        elif mode == "compile_cl":
            model = torch.compile(self.model(net, "channels_last"), dynamic=False)
        elif mode == "freeze":
            import torch._inductor.config
            compiled = torch.compile(copy.deepcopy(base), dynamic=False)

            def model(x):
                with torch._inductor.config.patch(freezing=True):
                    return compiled(x)
        elif mode == "mkldnn":
            from torch.utils import mkldnn
            packed = mkldnn.to_mkldnn(copy.deepcopy(base))
            model = lambda x: packed(x.to_mkldnn()).to_dense()
        else:
            raise ValueError(f"unknown mode {mode}")
        self.models[key] = model
        return model

    def input(self, mode, batch):
        torch = self.torch
        x = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(self.seed))
        return x.contiguous(memory_format=torch.channels_last) if mode in ("channels_last", "compile_cl") else x

    def step(self, net, mode, batch, pass_name):
        """A function that runs the pass once, from an input in memory to a result in memory."""
        torch, model, x = self.torch, self.model(net, mode), self.input(mode, batch)
        parameters = list(self.build(net).parameters())
        if mode in ("channels_last", "compile_cl"):
            parameters += list(self.model(net, "channels_last").parameters())
        if pass_name == "forward":
            guard = torch.no_grad if mode == "freeze" else torch.inference_mode  # freezing asks for no_grad

            def forward():
                with guard():
                    return model(x)
            return forward
        if mode in FORWARD_ONLY:
            raise ValueError(f"mode {mode} has no backward pass")
        for parameter in parameters:
            parameter.requires_grad_(pass_name == "saliency_params")

        def saliency():
            for parameter in parameters:
                parameter.grad = None
            leaf = x.detach().requires_grad_(True)
            model(leaf).amax(dim=1).sum().backward()
            return leaf.grad.abs().amax(dim=1)
        return saliency

    def time(self, net, mode, batch, pass_name, rounds, warmup):
        if pass_name not in PASSES:
            raise ValueError(f"unknown pass {pass_name}")
        step = self.step(net, mode, batch, pass_name)
        for _ in range(warmup):
            step()
        ms = []
        for _ in range(rounds):
            start = time.perf_counter()
            step()
            ms.append((time.perf_counter() - start) * 1e3)
        return {"ms": [round(v, 3) for v in ms], "median_ms": round(statistics.median(ms), 3)}

    def answer(self, request):
        """One timing as a JSON-ready object; failures become its `error` field."""
        keys = {"net": request["net"], "mode": request["mode"], "batch": request["batch"], "pass": request["pass"],
                "threads": self.threads}
        try:
            return keys | self.time(keys["net"], keys["mode"], keys["batch"], keys["pass"],
                                    request.get("rounds", 5), request.get("warmup", 1))
        except Exception as error:  # pylint: disable=broad-except  (any failure of a rival must be shown, not hidden)
            return keys | {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}


def serve(rival, out):
    print(json.dumps({"ready": rival.info()}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["cmd"] == "quit":
            return 0
        reply = rival.info() if request["cmd"] == "info" else rival.answer(request)
        print(json.dumps(reply), file=out, flush=True)
    return 0


def run_all(rival, args, out):
    failed = False
    for net in args.nets:
        for batch in args.batches:
            for pass_name in args.passes:
                for mode in args.modes:
                    if pass_name != "forward" and mode in FORWARD_ONLY:
                        continue
                    reply = rival.answer({"net": net, "mode": mode, "batch": batch, "pass": pass_name,
                                          "rounds": args.rounds, "warmup": args.warmup})
                    failed |= "error" in reply
                    print(json.dumps(reply), file=out, flush=True)
    return 1 if failed else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=["vgg16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=list(PASSES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpus", help="comma-separated CPUs to run on (default: as inherited)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", action="store_true", help="answer requests on stdin")
    return parser.parse_args()


def main():
    args = parse()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before torch starts its thread pool
    if args.cpus:
        os.sched_setaffinity(0, {int(c) for c in args.cpus.split(",")})
    # Keep stdout for JSON: whatever libraries and compilers print goes to stderr.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    rival = Rival(args.threads, args.seed)
    return serve(rival, out) if args.serve else run_all(rival, args, out)


if __name__ == "__main__":
    sys.exit(main())
