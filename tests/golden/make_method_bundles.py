# SPDX-License-Identifier: Apache-2.0
"""Records maps of Captum and pytorch-grad-cam for GoogLeNet and SqueezeNet 1.0 on two ImageNet validation images.

Integrated gradients, SmoothGrad and VarGrad (with the noise of runtime/philox.h, generated here), occlusion: Captum.
Grad-CAM++, HiResCAM, XGrad-CAM, LayerCAM, Eigen-CAM: the formulas of pytorch-grad-cam on the layer's activations and
gradients, in float64. Score-CAM (the authors' code) and Ablation-CAM: written out here. Maps are summed over the
input channels. Writes OUT_DIR/methods_googlenet.h5 and OUT_DIR/methods_squeezenet.h5.
"""

import argparse
import os
import sys

import captum
import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients, Occlusion, Saliency
from pytorch_grad_cam import EigenCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM

from bundle import create, put, put_map, put_text
from caffe_net import CaffeNet, preprocess
from make_imagenet_bundles import IMAGES, NETS, load_rgb, upsample

STEPS = 50
SAMPLES, NOISE, SEED = 10, 0.15, 3
# Side of the occluder and its stride, so that the last window ends at the border: Captum and we then agree on windows.
WINDOW = {224: (32, 16), 227: (35, 16)}


def philox_normal(seed, stream, first, count):
    """normal({seed, stream}, i) for i = first ... first + count - 1 (runtime/philox.h)."""
    index = np.arange(first, first + count, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    c = [index & mask, index >> np.uint64(32), np.full(count, stream & 0xFFFFFFFF, np.uint64),
         np.full(count, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    u, v = (c[0].astype(np.float64) + 1) * 2.0**-32, c[1].astype(np.float64) * 2.0**-32
    return (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).astype(np.float32)


def smooth(net, x, c, image):
    """Mean and variance over samples of Captum's signed saliency, the same noise as ours."""
    sigma = np.float32(NOISE) * np.float32(x.max() - x.min())
    size = x.numel()
    gradients = []
    for sample in range(SAMPLES):
        noise = philox_normal(SEED, image, sample * size, size).reshape(x.shape)
        noisy = (x.numpy() + sigma * noise).astype(np.float32)
        g = Saliency(net).attribute(torch.from_numpy(noisy).double().requires_grad_(True), target=c, abs=False)
        gradients.append(g.detach().numpy()[0])
    gradients = np.stack(gradients)
    return gradients.mean(0), gradients.var(0)


def layer_maps(net, x, c, layer):
    """The CAM family on one layer; raw maps before upsampling, ReLU applied."""
    net.set_rule("gradient")
    logits = net(x.clone().requires_grad_(True))
    a = net.blobs[layer]
    (g,) = torch.autograd.grad(logits[0, c], a)
    a, g = a.detach().numpy(), g.numpy()
    arguments = (None, None, c, a, g)
    relu = lambda m: np.maximum(m, 0)
    weighted = lambda w: relu((w[..., None, None] * a).sum(1)[0])
    bare = lambda kind: kind.__new__(kind)
    maps = {"hirescam": relu(HiResCAM.get_cam_image(bare(HiResCAM), *arguments, False)[0]),
            "layercam": relu(LayerCAM.get_cam_image(bare(LayerCAM), *arguments, False)[0]),
            "xgradcam": weighted(XGradCAM.get_cam_weights(bare(XGradCAM), *arguments))}
    # pytorch-grad-cam adds 1e-6 to a denominator of about g^2, which is smaller than that: its weights are another
    # function of g. Ours, equation 19 of the paper, is the same formula on gradients scaled up and activations down
    # by 1e9, which leaves the ratio alone and makes the 1e-6 vanish.
    theirs = GradCAMPlusPlus.get_cam_weights(bare(GradCAMPlusPlus), *arguments)
    scaled = GradCAMPlusPlus.get_cam_weights(bare(GradCAMPlusPlus), None, None, c, a / 1e9, g * 1e9) / 1e9
    maps["gradcam++"], maps["gradcam++_library"] = weighted(scaled), weighted(theirs)
    eigen = EigenCAM.get_cam_image(bare(EigenCAM), *arguments, False)[0]
    maps["eigencam"] = relu(eigen if abs(eigen.max()) >= abs(eigen.min()) else -eigen)
    return maps, a


def score_cam(net, x, c, a):
    """The authors' code: weights are probabilities of the masked inputs."""
    weights = np.zeros(a.shape[1])
    with torch.inference_mode():
        for k in range(a.shape[1]):
            mask = upsample(torch.from_numpy(a[0, k]).float(), x.shape[-1])
            if float(mask.max()) == float(mask.min()):
                continue
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            weights[k] = float(F.softmax(net(x * mask).double(), dim=1)[0, c])
    return np.maximum((weights[:, None, None] * a[0]).sum(0), 0)


def ablation_cam(net, x, c, a, layer, module):
    """alpha_k = (S - S without channel k) / S, by a hook that zeroes the channel."""
    channel = [None]

    def zero(_, __, output):
        if channel[0] is None:
            return output
        output = output.clone()
        output[:, channel[0]] = 0
        return output

    handle = module.register_forward_hook(zero)
    with torch.inference_mode():
        whole = float(net(x)[0, c])
        alpha = np.zeros(a.shape[1])
        for k in range(0, a.shape[1]):
            channel[0] = k
            alpha[k] = (whole - float(net(x)[0, c])) / whole
    handle.remove()
    return np.maximum((alpha[:, None, None] * a[0]).sum(0), 0)


def write_image(group, net, single, spec, number, path):
    size = spec["size"]
    x = torch.from_numpy(preprocess(load_rgb(path), size))[None]
    net.set_rule("gradient")
    with torch.inference_mode():
        c = int(net(x.double())[0].argmax())
    put_text(group, "file", os.path.basename(path))
    group.attrs["class"], group.attrs["number"] = np.int32(c), np.int32(number)
    numpy = lambda t: t.detach().numpy()[0].astype(np.float64)
    ig = IntegratedGradients(net).attribute(x.double(), target=c, n_steps=STEPS, method="riemann_middle",
                                            internal_batch_size=10)
    put_map(group, "integrated_gradients", numpy(ig).sum(0))
    mean, variance = smooth(net, x, c, number)
    put_map(group, "smoothgrad", np.abs(mean).max(0))
    put_map(group, "vargrad", variance.max(0))
    window, stride = WINDOW[size]
    occlusion = Occlusion(single).attribute(x, target=c, sliding_window_shapes=(3, window, window),
                                            strides=(3, stride, stride), baselines=0, perturbations_per_eval=8)
    # Captum gives every channel the mean over the windows that cover the pixel.
    put_map(group, "occlusion", numpy(occlusion)[0])
    maps, a = layer_maps(net, x.double(), c, spec["grad_cam"])
    maps["scorecam"] = score_cam(single, x, c, a)
    maps["ablationcam"] = ablation_cam(single, x, c, a, spec["grad_cam"], single.layers[spec["grad_cam"]])
    for name, value in maps.items():
        put(group, name, value)
    print(" ", os.path.basename(path), "class", c, {n: float(np.abs(v).max()) for n, v in maps.items()}, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", help="folder with models/ and images/")
    parser.add_argument("out_dir")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if abs(float(philox_normal(SEED, 0, 0, 100000).mean())) > 0.02:
        sys.exit("the noise is not centred")
    for name, spec in NETS.items():
        model = os.path.join(args.data_dir, "models", spec["folder"])
        build = lambda: CaffeNet(os.path.join(model, "deploy.prototxt"), os.path.join(model, "weights.caffe.h5"))
        net, single = build().double(), build()
        path = os.path.join(args.out_dir, f"methods_{name}.h5")
        with create(path) as file:
            put_text(file, "versions", {"torch": torch.__version__, "captum": captum.__version__})
            window, stride = WINDOW[spec["size"]]
            for key, value in (("steps", STEPS), ("samples", SAMPLES), ("seed", SEED), ("window", window),
                               ("stride", stride)):
                file.attrs[key] = np.int32(value)
            file.attrs["noise"] = np.float64(NOISE)
            put_text(file, "layer", spec["grad_cam"])
            for number, image in enumerate(IMAGES[:2]):
                write_image(file.create_group(f"image{number}"), net, single, spec, number,
                            os.path.join(args.data_dir, "images", "imagenet_val", "images", image))
        print(f"{path}: {os.path.getsize(path)} bytes", flush=True)


if __name__ == "__main__":
    main()
