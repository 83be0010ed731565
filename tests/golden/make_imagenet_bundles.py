# SPDX-License-Identifier: Apache-2.0
"""Records reference explanations of GoogLeNet and SqueezeNet 1.0 (Caffe) on five ImageNet validation images.

Builds both nets in PyTorch from their prototxt and HDF5 weights, checks them against the golden outputs of the
shared data, computes logits and maps in float64, asserts that Captum and pytorch-grad-cam find the same maps
where their definitions agree, and writes OUT_DIR/googlenet.h5 and OUT_DIR/squeezenet.h5. No image is stored:
tests read the images themselves; the checksums of the decoded pixels tell decoder from engine differences.
"""

import argparse
import csv
import os
import sys
import warnings
import zlib

import captum
import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import Deconvolution, GuidedBackprop, LayerGradCam, Saliency
from PIL import Image, features
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from bundle import create, put, put_map, put_text
from caffe_net import CaffeNet, check_ties, preprocess

NETS = {
    "googlenet": {"folder": "bvlc_googlenet", "size": 224, "grad_cam": "inception_5b/output",
                  "cam_weights": "loss3/classifier", "units": ("conv2/relu_3x3", "inception_4a/output")},
    "squeezenet": {"folder": "squeezenet_v1.0", "size": 227, "grad_cam": "fire9/concat",
                   "cam_weights": None, "units": ("fire4/concat", "fire8/concat")},
}
# Sure and right, right but textured, sure and wrong (both nets see a pot), half sure, unsure.
IMAGES = ("ILSVRC2012_val_00016270.JPEG", "ILSVRC2012_val_00015785.JPEG", "ILSVRC2012_val_00003797.JPEG",
          "ILSVRC2012_val_00046303.JPEG", "ILSVRC2012_val_00029890.JPEG")
# Signed three-channel maps are large: the first FULL_MAPS images have them (guided backprop: every image).
FULL_MAPS = 2
SAMPLES = 64
# Runs with Gaussian noise of this share of the root mean square added to every convolution's output: what an
# engine with other rounding (Winograd transforms, other summation order) does to ReLU masks and switches.
NOISE, NOISE_RUNS = 3e-6, 3


def load_rgb(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_labels(folder):
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as file:
        return [(row["file"], int(row["label"])) for row in csv.DictReader(file)]


def validate(net, spec, folder, count):
    """Compares with the golden outputs on `count` images; returns the measured facts."""
    golden = np.load(os.path.join(folder, spec["folder"] + "_outputs_f16.npy")).astype(np.float32)[:count]
    rows, outputs = read_labels(folder)[:count], []
    with torch.inference_mode():
        for start in range(0, len(rows), 16):
            batch = [preprocess(load_rgb(os.path.join(folder, f)), spec["size"]) for f, _ in rows[start:start + 16]]
            outputs.append(net(torch.from_numpy(np.stack(batch))).numpy())
    outputs, labels = np.concatenate(outputs), np.array([label for _, label in rows])
    worst = float(np.abs(outputs - golden).max())
    if not worst <= 0.03:
        sys.exit(f"{spec['folder']}: outputs differ from the golden ones by {worst}")
    order = np.argsort(-outputs, axis=1, kind="stable")
    return {"images": len(rows), "top1": float((order[:, 0] == labels).mean()),
            "top5": float((order[:, :5] == labels[:, None]).any(axis=1).mean()),
            "largest_output_difference": worst,
            "top1_disagreements": int((golden.argmax(axis=1) != order[:, 0]).sum())}


def input_map(net, x, c, rule, lrn_identity=None):
    """Signal arriving at the input from a seed of 1 at logit c; 3 x H x W."""
    net.set_rule(rule, lrn_identity)
    x = x.clone().requires_grad_(True)
    (r,) = torch.autograd.grad(net(x)[0, c], x)
    return r[0]


def grad_cam(net, x, c, layer):
    """ReLU(sum_k mean_ij(dS_c/dA^k) A^k) of a layer's output."""
    net.set_rule("gradient")
    logits = net(x.clone().requires_grad_(True))
    a = net.blobs[layer]
    (g,) = torch.autograd.grad(logits[0, c], a)
    return (g.mean(dim=(2, 3), keepdim=True) * a).sum(1)[0].clamp(min=0).detach()


def strongest_unit(net, x, layer, used):
    """(map, row, column) of the largest activation of a layer outside the maps in `used`, which it joins."""
    net(x)
    a = net.blobs[layer][0].detach().clone()
    a[sorted(used)] = 0
    unit = tuple(int(i) for i in np.unravel_index(int(a.argmax()), a.shape))
    top = a[unit[0]].flatten().topk(2).values
    if not top[0] - top[1] > 1e-4 * top[0]:
        sys.exit(f"{layer}: the strongest unit of map {unit[0]} is not clear enough for a test")
    used.add(unit[0])
    return unit


def deconvnet_unit(net, x, layer, unit):
    """Deconvnet projection of one unit, seeded with its activation (LRN: identity); (map, activation)."""
    net.set_rule("deconvnet")
    x = x.clone().requires_grad_(True)
    net(x)
    a = net.blobs[layer]
    seed = torch.zeros_like(a)
    seed[(0, *unit)] = a[(0, *unit)].detach()
    (r,) = torch.autograd.grad(a, x, seed)
    return r[0], float(a[(0, *unit)].detach())


def explain(net, spec, x, c, units):
    """All maps of one image at the precision of `net`, as numpy arrays by dataset name."""
    maps = {"gradient": input_map(net, x, c, "gradient"), "guided": input_map(net, x, c, "guided"),
            "deconvnet_logit": input_map(net, x, c, "deconvnet")}
    maps["saliency"] = maps["gradient"].abs().amax(0)
    maps["grad_cam"] = grad_cam(net, x, c, spec["grad_cam"])
    maps["grad_cam_upsampled"] = upsample(maps["grad_cam"], spec["size"])
    if spec["cam_weights"]:
        net(x)
        w = net.layers[spec["cam_weights"]].weight[c]
        maps["cam"] = (w.view(-1, 1, 1) * net.blobs[spec["grad_cam"]][0]).sum(0)
    for i, (layer, unit) in enumerate(units):
        maps[f"deconvnet_unit{i}"], _ = deconvnet_unit(net, x, layer, unit)
    return {name: value.detach().numpy() for name, value in maps.items()}


def upsample(plane, size):
    """BL-half: bilinear with half-pixel centres and clamped edges."""
    return F.interpolate(plane[None, None], size=(size, size), mode="bilinear", align_corners=False)[0, 0]


def minmax(plane):
    spread = plane.max() - plane.min()
    return (plane - plane.min()) / spread if spread > 0 else np.zeros_like(plane)


def relative(difference, reference):
    """difference / reference; 0 / 0 is 0 (maps may be zero everywhere: a deconvnet signal can die out)."""
    return float(difference / reference) if reference > 0 else float(np.inf if difference > 0 else 0)


def assert_close(name, got, expected, tolerance):
    worst = relative(np.abs(got - expected).max(), np.abs(expected).max())
    if not worst <= tolerance:
        sys.exit(f"{name}: differs by {worst:.3g} of the largest value")
    return worst


def check_libraries(net, plain, spec, x, c, maps):
    """Asserts that Captum and pytorch-grad-cam agree; returns the differences relative to the largest value."""
    numpy = lambda t: t.detach().numpy()[0]
    target = {"target": int(c)}
    pair = {}
    pair["captum.Saliency"] = (numpy(Saliency(plain).attribute(x.clone().requires_grad_(True), **target)).max(0),
                               maps["saliency"], 1e-9)
    pair["captum.GuidedBackprop"] = (numpy(GuidedBackprop(plain).attribute(x.clone().requires_grad_(True), **target)),
                                     maps["guided"], 1e-9)
    # Captum keeps the Jacobian of LRN; ours is compared in that mode, the stored map passes LRN unchanged.
    jacobian = input_map(net, x, c, "deconvnet", lrn_identity=False).numpy()
    pair["captum.Deconvolution"] = (numpy(Deconvolution(plain).attribute(x.clone().requires_grad_(True), **target)),
                                    jacobian, 1e-9)
    layer = plain.layers[spec["grad_cam"]]
    cam = LayerGradCam(plain, layer).attribute(x.clone().requires_grad_(True), relu_attributions=True, **target)
    pair["captum.LayerGradCam"] = (numpy(cam)[0], maps["grad_cam"], 1e-9)
    # pytorch-grad-cam: min-max (not division by the maximum), float32 cv2 resize, min-max again.
    theirs = GradCAM(plain, [layer])(x.clone().requires_grad_(True), [ClassifierOutputTarget(int(c))])[0]
    ours = minmax(upsample(torch.from_numpy(minmax(maps["grad_cam"])), spec["size"]).numpy())
    pair["pytorch-grad-cam"] = (theirs, ours, 2e-6)
    return {name: assert_close(name, *values) for name, values in pair.items()}


def record_precision(dataset, exact, single, noisy=()):
    """How far PyTorch's own float32, and runs with NOISE, are from the float64 map: yardsticks for tolerances."""
    top, norm = np.abs(exact).max(), np.linalg.norm(exact)
    worst = {}
    for prefix, maps in (("float32", [single]), ("noise", noisy)):
        for value in maps:
            difference = np.abs(value - exact)
            for key, amount in (("max", relative(difference.max(), top)),
                                ("l2", relative(np.linalg.norm(difference), norm)),
                                ("above_1e-3", float((difference > 1e-3 * top).mean()))):
                worst[f"{prefix}_{key}"] = max(amount, worst.get(f"{prefix}_{key}", 0.0))
    for key, amount in worst.items():
        dataset.attrs[key] = np.float64(amount)


def write_digest(group, net, x, seed):
    """Mean, largest absolute value and SAMPLES sampled values of every layer's output, in prototxt order."""
    net.set_rule("gradient")
    net(x)
    rng, names, rows = np.random.default_rng(seed), [], {"mean": [], "absmax": [], "indices": [], "values": []}
    for name, blob in net.blobs.items():
        flat = blob.detach().numpy().ravel()
        indices = rng.integers(0, flat.size, SAMPLES)
        names.append({"layer": name, "shape": list(blob.shape[1:])})
        for key, value in (("mean", flat.mean()), ("absmax", np.abs(flat).max()), ("indices", indices),
                           ("values", flat[indices])):
            rows[key].append(value)
    put_text(group, "layers", names)
    for key, values in rows.items():
        put(group, key, np.array(values))


def write_image(group, nets, spec, index, path, label, used):
    """Computes, checks and stores everything of one image; returns the library differences."""
    rgb = load_rgb(path)
    x = torch.from_numpy(preprocess(rgb, spec["size"]))[None]
    net, single, plain = nets
    with torch.no_grad():
        logits, logits32 = net(x.double())[0].numpy(), single(x)[0].numpy()
    order = np.argsort(-logits, kind="stable")
    c = int(order[0])
    put_text(group, "file", os.path.basename(path))
    group.attrs["label"], group.attrs["class"] = np.int32(label), np.int32(c)
    group.attrs["rgb_crc32"], group.attrs["rgb_sum"] = np.uint32(zlib.crc32(rgb.tobytes())), np.int64(rgb.sum(dtype=np.int64))
    group.attrs["rgb_shape"] = np.array(rgb.shape, np.int32)
    record_precision(put(group, "logits", logits), logits, logits32)
    put(group, "top5", order[:5])
    exponentials = np.exp(logits - logits.max())
    put(group, "top5_probability", (exponentials / exponentials.sum())[order[:5]])
    units = [(layer, strongest_unit(net, x.double(), layer, used[layer])) for layer in spec["units"]]
    maps = explain(net, spec, x.double(), c, units)
    maps32 = explain(single, spec, x, c, units)
    noisy = []
    for seed in range(NOISE_RUNS):
        net.set_noise(NOISE, seed)
        noisy.append(explain(net, spec, x.double(), c, units))
    net.set_noise(0.0)
    for name, value in maps.items():
        if name in ("gradient", "deconvnet_logit", "deconvnet_unit1", "grad_cam_upsampled") and index >= FULL_MAPS:
            continue
        small = value.size < 1000
        dataset = put(group, name, value) if small else put_map(group, name, value)
        record_precision(dataset, value, maps32[name], [maps_of_run[name] for maps_of_run in noisy])
        if name.startswith("deconvnet_unit"):
            layer, unit = units[int(name[-1])]
            put_text(dataset, "layer", layer)
            dataset.attrs["unit"] = np.array(unit, np.int32)
            dataset.attrs["activation"] = np.float64(deconvnet_unit(net, x.double(), layer, unit)[1])
    return check_libraries(net, plain, spec, x.double(), c, maps)


def report(group):
    """Prints size and precision of every map of one image."""
    for key, dataset in group.items():
        if "float32_max" not in dataset.attrs:
            continue
        numbers = " ".join(f"{k}={v:.1e}" for k, v in dataset.attrs.items() if k.startswith(("float32", "noise")))
        unit = f"{dataset.attrs['layer'].decode()} {dataset.attrs['unit'].tolist()}" if "unit" in dataset.attrs else ""
        print(f"    {key:18s} {dataset.id.get_storage_size():6d} B  {numbers} {unit}")


def make(name, data, out, count):
    spec = NETS[name]
    folder, model = os.path.join(data, "images", "imagenet_val"), os.path.join(data, "models", spec["folder"])
    build = lambda **options: CaffeNet(os.path.join(model, "deploy.prototxt"),
                                       os.path.join(model, "weights.caffe.h5"), **options)
    single, net, plain = build(), build().double(), build(plain_relu=True).double()
    facts = validate(single, spec, folder, count)
    print(name, facts)
    labels = {os.path.basename(f): label for f, label in read_labels(folder)}
    path = os.path.join(out, name + ".h5")
    with create(path) as file:
        put_text(file, "versions", {"torch": torch.__version__, "captum": captum.__version__, "numpy": np.__version__,
                                    "libjpeg-turbo": features.version("libjpeg_turbo")})
        put_text(file, "model", spec["folder"])
        put_text(file, "validation", facts)
        put_text(file, "grad_cam_layer", spec["grad_cam"])
        put_text(file, "preprocessing", "decode to RGB; centre crop at floor((side - size) / 2); BGR minus 104, 117, 123")
        file.attrs["input_size"] = np.int32(spec["size"])
        used = {layer: set() for layer in spec["units"]}
        for index, image in enumerate(IMAGES):
            group = file.create_group(f"image{index}")
            image_path = os.path.join(folder, "images", image)
            differences = write_image(group, (net, single, plain), spec, index, image_path, labels[image], used)
            print(" ", image, "class", group.attrs["class"], {k: f"{v:.1e}" for k, v in differences.items()})
            report(group)
            if index == 0:
                x = torch.from_numpy(preprocess(load_rgb(image_path), spec["size"]))[None].double()
                write_digest(group.create_group("digest"), net, x, seed=20)
    print(f"  {path}: {os.path.getsize(path)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", help="folder with models/ and images/")
    parser.add_argument("out_dir")
    parser.add_argument("--nets", nargs="+", choices=sorted(NETS), default=sorted(NETS))
    parser.add_argument("--validation-images", type=int, default=800, help="images of the check (default: all 800)")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    check_ties()
    os.makedirs(args.out_dir, exist_ok=True)
    for name in args.nets:
        make(name, args.data_dir, args.out_dir, args.validation_images)


if __name__ == "__main__":
    main()
