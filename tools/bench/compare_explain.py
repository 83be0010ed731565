# SPDX-License-Identifier: Apache-2.0
"""Times explanations of one random 224 x 224 image beside PyTorch and Captum, the same threads, alternating in one run.

Cases (torchvision nets with random weights against the same architecture of ours)
    occlusion             32-pixel square, stride 8, 625 positions: Captum's Occlusion, the best of 1, 8 and 25
                          perturbations an evaluation (found on a sixteenth of the positions)
    occlusion_nhwc        the same with the rival's network and image in channels_last, PyTorch's fastest layout
                          here, which Captum's users have to know to ask for
    integrated_gradients  50 steps: Captum, midpoint rule, internal batches of 10
    smoothgrad            50 samples: Captum's NoiseTunnel over Saliency, 10 samples a batch
    projections           deconvnet projections of nine units of one map, one of nine images each, of conv3_3 and
                          conv4_3 of VGG-16: forward to the layer, ReLU hooks, backward to the pixels
    class_maps            maps of all 1000 classes of GoogLeNet beyond the forward pass (ours only)

    python3 tools/bench/compare_explain.py --cutaway build/cutaway --threads 2 --rounds 3

Prints a table and, with --json FILE, everything that was measured.
"""

import argparse
import json
import statistics
import subprocess
import time

import torch
import torchvision
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency

NETS = {"vgg16": "vgg16", "googlenet": "googlenet-caffe"}
WINDOW, STRIDE = 32, 8
PROJECTED = {"projections:conv3_3": 15, "projections:conv4_3": 22}  # torchvision's ReLU behind the convolution of VGG-16
CASES = ["occlusion", "occlusion_nhwc", *PROJECTED, "integrated_gradients", "smoothgrad", "class_maps"]


def build(name):
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": True} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(weights=None, **options).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return net


def timed(function, rounds=1):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def occlusion(net, x, batch, stride=STRIDE):
    with torch.inference_mode():
        Occlusion(net).attribute(x, target=0, sliding_window_shapes=(3, WINDOW, WINDOW),
                                 strides=(3, stride, stride), baselines=0, perturbations_per_eval=batch)


def projections(net, layer, images):
    """The usual script: one image at a time, signals rectified at every ReLU."""
    part = net.features[:layer + 1]
    hooks = [m.register_full_backward_hook(lambda _, __, out: (out[0].clamp(min=0),))
             for m in part if isinstance(m, torch.nn.ReLU)]
    for k, image in enumerate(images):
        x = image.clone().requires_grad_(True)
        a = part(x)
        unit = (0, 0, a.shape[2] * (2 * (k // 3) + 1) // 6, a.shape[3] * (2 * (k % 3) + 1) // 6)
        seed = torch.zeros_like(a)
        seed[unit] = a[unit].detach()
        torch.autograd.grad(a, x, seed)
    for hook in hooks:
        hook.remove()


def rival_of(case, name, net, stride):
    """(what runs, a remark)."""
    x = torch.rand(1, 3, 224, 224) - 0.5
    if case.startswith("occlusion"):
        layout = torch.channels_last if case == "occlusion_nhwc" else torch.contiguous_format
        net, x = net.to(memory_format=layout), x.to(memory_format=layout)
        sample = {n: timed(lambda n=n: occlusion(net, x, n, WINDOW)) for n in (1, 8, 25)}
        best = min(sample, key=sample.get)

        def run():
            net.to(memory_format=layout)  # another case of this net may have changed it
            occlusion(net, x, best, stride)

        return run, f"{best} perturbations an evaluation"
    if case == "integrated_gradients":
        return (lambda: IntegratedGradients(net).attribute(x, target=0, n_steps=50, method="riemann_middle",
                                                           internal_batch_size=10)), "batches of 10"
    if case == "smoothgrad":
        return (lambda: NoiseTunnel(Saliency(net)).attribute(x.clone().requires_grad_(True), target=0, nt_type="smoothgrad",
                                                             nt_samples=50, nt_samples_batch_size=10, stdevs=0.15,
                                                             abs=False)), "batches of 10"
    images = [torch.rand(1, 3, 224, 224) - 0.5 for _ in range(9)]
    return lambda: projections(net, PROJECTED[case], images), "one image at a time"


def ours(arguments, model, case):
    what, _, layer = case.removesuffix("_nhwc").partition(":")
    command = [arguments.cutaway, "bench", "explain", model, "--json", "--threads", str(arguments.threads), "--case", what,
               "--rounds", "1", "--warmup", "1"]
    if what == "occlusion":
        command += ["--stride", str(arguments.stride)]
    if layer:
        command += ["--layer", layer.replace("conv", "relu")]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def case_of(text, parser):
    name, _, case = text.partition(":")
    if name not in NETS or case not in CASES or (case in PROJECTED and name != "vgg16"):
        parser.error(f"--cases {text}: expected one of {', '.join(NETS)}, a colon, and one of {', '.join(CASES)}; "
                     "projections are of vgg16")
    return name, case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutaway", default="build/cutaway")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", help="net:case, for instance vgg16:occlusion vgg16:projections:conv3_3")
    parser.add_argument("--stride", type=int, default=STRIDE, help="of the occluder")
    parser.add_argument("--json", help="file for everything measured")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases = [case_of(c, parser) for c in arguments.cases or [
        "googlenet:occlusion", "googlenet:occlusion_nhwc", "vgg16:occlusion", "vgg16:occlusion_nhwc",
        "vgg16:projections:conv3_3", "vgg16:projections:conv4_3", "vgg16:integrated_gradients", "vgg16:smoothgrad",
        "googlenet:class_maps"]]
    results, nets = [], {}
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} alternating rounds")
    print(f"{'net':10s} {'case':22s} {'PyTorch ms':>11s} {'Cutaway ms':>11s} {'ratio':>6s}  remark")
    for name, case in cases:
        rival, remark = None, "beyond the forward pass"
        if case != "class_maps":
            if name not in nets:
                nets[name] = build(name)
            rival, remark = rival_of(case, name, nets[name], arguments.stride)
            if not case.startswith("occlusion"):
                rival()  # warm
        theirs, mine, details = [], [], None
        for _ in range(arguments.rounds):
            if rival:
                theirs.append(1e3 * timed(rival))
            details = ours(arguments, NETS[name], case)
            mine.append(details["median_ms"])
        ratio = statistics.median(t / m for t, m in zip(theirs, mine)) if theirs else None
        results.append({"net": name, "case": case, "pytorch_ms": theirs, "cutaway_ms": mine, "ratio": ratio,
                        "remark": remark, "work": details["work"]})
        shown = f"{statistics.median(theirs):11.1f}" if theirs else " " * 11
        print(f"{name:10s} {case:22s} {shown} {statistics.median(mine):11.2f} "
              f"{ratio if ratio else 0:6.1f}  {remark}", flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "threads": arguments.threads, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
