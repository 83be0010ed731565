# SPDX-License-Identifier: Apache-2.0
"""Records maps of independent implementations for GoogLeNet, SqueezeNet 1.0 and ResNet-18 on three photographs.

Captum: integrated gradients, SmoothGrad and VarGrad (with the noise of runtime/philox.h, generated here), occlusion,
gradient x input, guided Grad-CAM, deconvolution; for ResNet-18 also saliency and guided backpropagation (the other nets'
are in googlenet.h5 and squeezenet.h5). pytorch-grad-cam and torch-cam: the CAM family. Written out in this folder:
Score-CAM, Ablation-CAM, LayerCAM's fusion (layer_maps.py), RISE and LIME (sampling.py; LIME's segments are the program's
own, its regression scikit-learn's), excitation backpropagation after TorchRay (excitation.py). Where a library's definition
differs, its map's cosine with the stored one is an attribute of the image (`rivals`).

Writes OUT_DIR/methods_<net>.h5. Of large maps every third row and column is stored (attribute `step`). `--cutaway` is the program that segments the images for LIME.
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile

import captum
import h5py
import numpy as np
import torch
import torchcam
from captum.attr import Deconvolution, GuidedBackprop, GuidedGradCam, InputXGradient, IntegratedGradients, Occlusion, Saliency

import caffe_net
import resnet
from bundle import create, put, put_map, put_text
from caffe_net import CaffeNet
from excitation import contrastive, excitation
from layer_maps import (ablation_cam, grad_cam_family, layer_and_gradient, layercam_fusion, score_cam, torch_cam)
from make_imagenet_bundles import IMAGES, load_rgb
from sampling import lime, noisy_gradients, philox_normal, rise

NETS = {
    "googlenet": {"folder": "bvlc_googlenet", "size": 224, "layer": "inception_5b/output", "head": "loss3/classifier",
                  "middle": "inception_3b/output", "tail": ("pool5/7x7_s1", "loss3/classifier"),
                  "fusion": ("inception_3b/output", "inception_4e/output", "inception_5b/output")},
    "squeezenet": {"folder": "squeezenet_v1.0", "size": 227, "layer": "fire9/concat", "head": "conv_final",
                   "middle": "fire5/concat", "tail": ("conv_final", "relu_conv_final", "pool_final"),
                   "fusion": ("fire3/concat", "fire5/concat", "fire9/concat")},
    "resnet18": {"folder": "resnet18", "size": 224, "layer": "layer4.1.relu", "head": "fc",
                 "middle": "layer2.1.relu", "tail": ("avgpool", "flatten", "fc"),
                 "fusion": ("layer2.1.relu", "layer3.1.relu", "layer4.1.relu")},
}
COUNT = 3  # images
STEPS = 50
SAMPLES, NOISE, SEED = 10, 0.15, 3
# Side of the occluder and its stride, so that the last window ends at the border: Captum and we then agree on windows.
WINDOW = {224: (32, 16), 227: (35, 16)}
RISE = {"masks": 120, "cells": 7, "keep": 0.5}
LIME = {"samples": 250, "width": 0.25, "alpha": 1.0}
THIN = 3


class Net:
    """A network in float64 and float32, and in float64 with plain ReLU modules, for Captum's hooks."""

    def __init__(self, data, name):
        spec = NETS[name]
        self.name, self.size, self.spec = name, spec["size"], spec
        folder = os.path.join(data, "models", spec["folder"])
        if name == "resnet18":
            self.files = [os.path.join(folder, "model.safetensors")]
            build = lambda plain=False: resnet.ResNet18(self.files[0], plain)
            self.preprocess, self.prefix = resnet.preprocess, ""
        else:
            self.files = [os.path.join(folder, f) for f in ("deploy.prototxt", "weights.caffe.h5")]
            build = lambda plain=False: CaffeNet(*self.files, plain_relu=plain)
            self.preprocess, self.prefix = caffe_net.preprocess, "layers."
        self.double, self.single, self.plain = build().double(), build(), build(True).double()

    def module(self, net, layer):
        return dict(net.named_modules())[self.prefix + layer]


def segments(program, net, path):
    """The program's superpixels, numbered in the order of their first pixel: LIME's map has one value a segment."""
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "net.h5")
        subprocess.run([program, "convert", net.files[-1], model], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "explain", model, path, "--method", "lime", "--option", "lime.output=logit", "--option",
                        "lime.samples=60", "--threads", "1", "--out", os.path.join(folder, "out")], check=True,
                       stdout=subprocess.DEVNULL)
        (file,) = glob.glob(os.path.join(folder, "out", "*lime*.npy"))
        values = np.load(file).reshape(net.size, net.size)
    _, first, labels = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[labels].reshape(values.shape)


def cosine(a, b):
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def gradient_maps(net, x, c, number, have):
    numpy = lambda t: t.detach().numpy()[0].astype(np.float64)
    y = x.double()
    leaf = lambda: y.clone().requires_grad_(True)
    gradient = numpy(Saliency(net.double).attribute(leaf(), target=c, abs=False))
    maps = {"gradient_x_input": numpy(InputXGradient(net.double).attribute(leaf(), target=c)).sum(0),
            "sensitivity": (gradient**2).sum(0)}
    if "integrated_gradients" not in have:
        ig = IntegratedGradients(net.double).attribute(y, target=c, n_steps=STEPS, method="riemann_middle",
                                                       internal_batch_size=10)
        maps["integrated_gradients"] = numpy(ig).sum(0)
    if "vargrad" not in have:
        noisy = noisy_gradients(net.double, x, c, SAMPLES, NOISE, SEED, number)
        maps["smoothgrad"], maps["vargrad"] = np.abs(noisy.mean(0)).max(0), noisy.var(0).max(0)
        maps["smoothgrad_squared"] = (noisy**2).mean(0).max(0)
    layer = net.module(net.plain, net.spec["layer"])
    maps["guided_gradcam"] = numpy(GuidedGradCam(net.plain, layer).attribute(leaf(), target=c,
                                                                             interpolate_mode="bilinear"))
    maps["deconvolution"] = numpy(Deconvolution(net.plain).attribute(leaf(), target=c))
    if net.name == "resnet18":
        maps["saliency"] = np.abs(gradient).max(0)
        maps["guided"] = numpy(GuidedBackprop(net.plain).attribute(leaf(), target=c))
    return maps


def sampled_maps(net, x, c, number, labels, have):
    maps = {}
    if "rise" not in have:
        maps["rise"] = rise(net.single, x, c, seed=SEED, image=number, **RISE)
    if "lime" not in have:
        maps["lime"] = lime(net.single, x, c, labels, seed=SEED, image=number, **LIME)
    if "occlusion" not in have:
        window, stride = WINDOW[net.size]
        occlusion = Occlusion(net.single).attribute(x, target=c, sliding_window_shapes=(3, window, window),
                                                    strides=(3, stride, stride), baselines=0, perturbations_per_eval=8)
        # Captum gives every channel the mean over the windows that cover the pixel.
        maps["occlusion"] = occlusion.numpy()[0, 0].astype(np.float64)
    return maps


def layer_maps(net, x, c, number, have):
    """Maps of the layer, and what the libraries' other definitions are: name -> (our map's name, theirs)."""
    layer, head = net.spec["layer"], net.prefix + net.spec["head"]
    a, g = layer_and_gradient(net.double, x.double(), c, layer)
    maps, rivals = grad_cam_family(a, g, c)
    w = net.module(net.double, net.spec["head"]).weight.numpy().reshape(1000, -1)[c]
    maps["cam"] = (w[:, None, None] * a[0]).sum(0)
    if "scorecam" not in have:
        weighed = score_cam(net.single, x, c, a, "ours")
        maps["scorecam"], maps["scorecam_paper"] = weighed["code"], weighed["paper"]
    if "scorecam" not in have and number == 0 and a.shape[1] <= 512:
        for library in ("torch-cam", "pytorch-grad-cam"):
            rivals[library + " Score-CAM"] = ("scorecam_paper", score_cam(net.single, x, c, a, library)["paper"])
    net.scores = net.double(x.double())
    maps["ablationcam"] = ablation_cam(net, [net.module(net.double, m) for m in net.spec["tail"]], c, a)
    maps["layercam_fusion"] = layercam_fusion(net.double, x.double(), c, net.spec["fusion"])
    middle = net.spec["middle"]
    maps["excitation"] = excitation(net.double, x.double(), c, middle)
    maps["excitation_contrastive"] = contrastive(net.double, x.double(), c, middle, head)
    rivals["TorchRay excitation, norms unfolded"] = (
        "excitation", excitation(net.double, x.double(), c, middle, fold=False))
    for ours, value in torch_cam(net.double, x.double(), c, net.module(net.double, layer), head).items():
        rivals["torch-cam " + ours] = (ours, value)
    return maps, rivals


# The maps that an older bundle may be missing beside one it has, and the numbers that a map depends on.
TOGETHER = {"scorecam": ("scorecam", "scorecam_paper"), "scorecam_paper": ("scorecam", "scorecam_paper"),
            **{name: ("smoothgrad", "smoothgrad_squared", "vargrad") for name in ("smoothgrad", "smoothgrad_squared", "vargrad")}}
DEPENDS = {"integrated_gradients": ("steps",), "occlusion": ("window", "stride"), "rise": ("masks", "seed"),
           "lime": ("lime_samples", "seed"),
           **{name: ("samples", "seed", "noise") for name in ("smoothgrad", "smoothgrad_squared", "vargrad")}}


def reusable(old, numbers, group):
    """The maps of an older bundle's image that this script would make again."""
    if old is None or group not in old:
        return {}
    same = lambda name: all(old.attrs.get(key) == numbers[key] for key in DEPENDS.get(name, ()))
    return {name: data for name, data in old[group].items()
            if name not in ("logits", "gradcam++_library") and same(name) and all(other in old[group] for other in TOGETHER.get(name, ()))}


def write_image(group, net, number, path, labels, have):
    rgb = load_rgb(path)
    x = torch.from_numpy(net.preprocess(rgb, net.size))[None]
    net.double.set_rule("gradient")
    with torch.inference_mode():
        logits = net.double(x.double())[0].numpy()
    if net.name == "resnet18":
        resnet.check(net.double, net.files[0], x.double())
    c = int(logits.argmax())
    put_text(group, "file", os.path.basename(path))
    group.attrs["class"], group.attrs["number"] = np.int32(c), np.int32(number)
    put(group, "logits", logits)
    maps, rivals = layer_maps(net, x, c, number, have)
    maps |= gradient_maps(net, x, c, number, have)
    maps |= sampled_maps(net, x, c, number, labels, have)
    for name in have:
        maps.pop(name, None)
        value, step = have[name][...], int(have[name].attrs.get("step", 1))
        if step == 1 and value.size >= 10000:  # older bundles held some maps whole
            value, step = value[..., ::THIN, ::THIN], THIN
        packed = {} if value.size < 1000 else {"compression": "gzip", "compression_opts": 9, "shuffle": True}
        dataset = group.create_dataset(name, data=value, chunks=value.shape if packed else None, track_times=False, **packed)
        for key, attribute in have[name].attrs.items():
            dataset.attrs[key] = attribute
        dataset.attrs["step"] = np.int32(step)
    for name, value in maps.items():
        if not np.isfinite(value).all():
            sys.exit(f"{name}: not finite")
        step = THIN if value.size >= 10000 else 1
        dataset = (put if value.size < 10000 else put_map)(group, name, value[..., ::step, ::step])
        dataset.attrs["step"] = np.int32(step)
    agreement = {name: [ours, cosine(maps[ours], value)] for name, (ours, value) in rivals.items() if ours in maps}
    put_text(group, "rivals", agreement)
    print(" ", os.path.basename(path), "class", c, flush=True)
    for name, (ours, value) in agreement.items():
        print(f"    {name}: cosine with {ours} {value:.7f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", help="folder with models/ and images/")
    parser.add_argument("out_dir")
    parser.add_argument("--cutaway", required=True)
    parser.add_argument("--reuse", help="folder with older bundles: maps made with the same numbers are taken from them")
    parser.add_argument("--nets", nargs="*", default=list(NETS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if abs(float(philox_normal(SEED, 0, 0, 100000).mean())) > 0.02:
        sys.exit("the noise is not centred")
    for name in args.nets:
        net = Net(args.data_dir, name)
        path = os.path.join(args.out_dir, f"methods_{name}.h5")
        with create(path) as file:
            put_text(file, "versions", {"torch": torch.__version__, "captum": captum.__version__,
                                        "torchcam": torchcam.__version__})
            window, stride = WINDOW[net.size]
            numbers = {"steps": STEPS, "samples": SAMPLES, "seed": SEED, "window": window, "stride": stride,
                       "masks": RISE["masks"], "lime_samples": LIME["samples"], "images": COUNT}
            for key, value in numbers.items():
                file.attrs[key] = np.int32(value)
            file.attrs["noise"] = numbers["noise"] = np.float64(NOISE)
            old = h5py.File(os.path.join(args.reuse, f"methods_{name}.h5"), "r") if args.reuse else None
            for key in ("layer", "middle", "head"):
                put_text(file, key, net.spec[key])
            put_text(file, "fusion", ",".join(net.spec["fusion"]))
            for number, image in enumerate(IMAGES[:COUNT]):
                image = os.path.join(args.data_dir, "images", "imagenet_val", "images", image)
                have = reusable(old, numbers, f"image{number}")
                labels = None if "lime" in have else segments(args.cutaway, net, image)
                write_image(file.create_group(f"image{number}"), net, number, image, labels, have)
        print(f"{path}: {os.path.getsize(path)} bytes", flush=True)


if __name__ == "__main__":
    main()
