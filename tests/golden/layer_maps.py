# SPDX-License-Identifier: Apache-2.0
"""Maps of one layer: formulas of pytorch-grad-cam, torch-cam's own classes, and what neither has, written out."""

import numpy as np
import torch
import torch.nn.functional as F
import torchcam.methods
from pytorch_grad_cam import EigenCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM


def relu(m):
    return np.maximum(m, 0)


def upsample(planes, size):
    """BL-half of N x H x W: bilinear, half-pixel centres, clamped edges."""
    return F.interpolate(planes[:, None], size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def layer_and_gradient(net, x, c, layer):
    """A and dS_c/dA, 1 x K x H x W in numpy."""
    net.set_rule("gradient")
    logits = net(x.clone().requires_grad_(True))
    a = net.blobs[layer]
    (g,) = torch.autograd.grad(logits[0, c], a)
    return a.detach().numpy(), g.numpy()


def plus_plus_weights(a, g):
    """w_k = sum alpha ReLU(g), alpha = g^2 / (2 g^2 + g^3 sum A) (equation 19), and the same with each channel's alpha
    divided by its sum over the positive gradients, as the authors' code does."""
    positive = np.where(g > 0, g, 0)
    below = 2 * g**2 + g**3 * a.sum(axis=(2, 3), keepdims=True)
    alpha = np.where((g > 0) & (below != 0), g**2 / np.where(below == 0, 1, below), 0)
    w = (alpha * positive).sum(axis=(2, 3))
    sums = alpha.sum(axis=(2, 3))
    return w, np.where(sums > 0, w / np.where(sums > 0, sums, 1), w)


def grad_cam_family(a, g, c):
    """Raw maps before upsampling, ReLU applied (CAM apart), from activations and gradients."""
    arguments = (None, None, c, a, g)
    weighted = lambda w: relu((w[..., None, None] * a).sum(1)[0])
    # Its classes want a model; the formulas do not. Their destructor would miss the hooks they never made.
    bare = lambda kind: object.__new__(type(kind.__name__, (kind,), {"__del__": lambda self: None}))
    maps = {"gradcam": weighted(g.mean(axis=(2, 3))),
            "hirescam": relu(HiResCAM.get_cam_image(bare(HiResCAM), *arguments, False)[0]),
            "layercam": relu(LayerCAM.get_cam_image(bare(LayerCAM), *arguments, False)[0]),
            "xgradcam": weighted(XGradCAM.get_cam_weights(bare(XGradCAM), *arguments))}
    w, normalized = plus_plus_weights(a, g)
    maps["gradcam++"], maps["gradcam++_refcode"] = weighted(w), weighted(normalized)
    # pytorch-grad-cam's Grad-CAM++ adds 1e-6 to a denominator of about g^2. The ratio does not change when the
    # gradients are multiplied by 1e9 and the activations divided by it, and the 1e-6 then vanishes.
    scaled = GradCAMPlusPlus.get_cam_weights(bare(GradCAMPlusPlus), None, None, c, a / 1e9, g * 1e9) / 1e9
    theirs = GradCAMPlusPlus.get_cam_weights(bare(GradCAMPlusPlus), *arguments)
    eigen = EigenCAM.get_cam_image(bare(EigenCAM), *arguments, False)[0]
    maps["eigencam_centered"] = relu(eigen if abs(eigen.max()) >= abs(eigen.min()) else -eigen)
    matrix = a[0].reshape(a.shape[1], -1).T
    plain = (matrix @ np.linalg.svd(matrix, full_matrices=False)[2][0]).reshape(a.shape[2:])
    maps["eigencam"] = relu(plain if abs(plain.max()) >= abs(plain.min()) else -plain)
    return maps, {"pytorch-grad-cam, gradients scaled": ("gradcam++", weighted(scaled)),
                  "pytorch-grad-cam": ("gradcam++", weighted(theirs))}


def torch_cam(net, x, c, module, fc):
    """torch-cam's raw maps (normalized=False) by our names, and how its classes are called."""
    maps = {}
    kinds = {"gradcam": "GradCAM", "gradcam++": "GradCAMpp", "xgradcam": "XGradCAM", "layercam": "LayerCAM"}
    for ours, theirs in kinds.items():
        with getattr(torchcam.methods, theirs)(net, module) as extractor:
            scores = net(x.clone().requires_grad_(True))
            maps[ours] = extractor(c, scores, normalized=False)[0][0].detach().numpy()
    if fc is not None:
        with torchcam.methods.CAM(net, module, fc) as extractor:
            net(x)
            maps["cam"] = extractor(c, normalized=False)[0][0].numpy()
    return maps


def score_cam(net, x, c, a, masking):
    """Score-CAM's maps by what weighs the channels, from one pass a channel over the masked input. Masks by `masking`:
    "ours" (the paper): upsampled, then scaled to [0, 1]; "torch-cam": scaled, then upsampled; "pytorch-grad-cam": upsampled
    with aligned corners, then scaled. `code`: the authors' code, probabilities. `paper`: softmax over channels of the
    logits. Channels that are constant count nothing with "ours" and are masks of 0 with the libraries."""
    size, maps = x.shape[-1], torch.from_numpy(a[0]).float()
    extremes = lambda m: (m.amin(dim=(1, 2), keepdim=True), m.amax(dim=(1, 2), keepdim=True))
    if masking == "torch-cam":
        low, high = extremes(maps)
        masks = upsample((maps - low) / (high - low + 1e-8), size)
    else:
        masks = F.interpolate(maps[:, None], size=(size, size), mode="bilinear",
                              align_corners=masking == "pytorch-grad-cam")[:, 0]
        low, high = extremes(masks)
        masks = (masks - low) / torch.where(high > low, high - low, torch.ones_like(high))
    used = (high > low)[:, 0, 0] if masking == "ours" else torch.ones(len(masks), dtype=torch.bool)
    with torch.inference_mode():
        logits = torch.cat([net(x * masks[k:k + 16, None]).double() for k in range(0, len(masks), 16)])
    probabilities, softmax = torch.zeros(2, len(masks), dtype=torch.float64)
    probabilities[used] = F.softmax(logits[used], dim=1)[:, c]
    softmax[used] = F.softmax(logits[used, c], dim=0)
    return {form: relu((w.numpy()[:, None, None] * a[0]).sum(0))
            for form, w in (("code", probabilities), ("paper", softmax))}


def ablation_cam(net, modules, c, a):
    """alpha_k = (S - S without channel k) / S; `modules`: what follows the layer, which must give the net's scores."""
    def tail(maps):
        for module in modules:
            maps = module(maps)
        return maps.flatten(1)

    maps, k = torch.from_numpy(a), a.shape[1]
    with torch.inference_mode():
        if not torch.allclose(tail(maps), net.scores, rtol=1e-6):
            raise ValueError("these modules are not what follows the layer")
        whole = float(net.scores[0, c])
        alpha = np.zeros(k)
        for first in range(0, k, 64):
            some = range(first, min(first + 64, k))
            ablated = maps.repeat(len(some), 1, 1, 1)
            ablated[range(len(some)), some] = 0
            alpha[some] = (whole - tail(ablated)[:, c].numpy()) / whole
    return relu((alpha[:, None, None] * a[0]).sum(0))


def layercam_fusion(net, x, c, layers, gamma=2.0):
    """Maximum of the stages' LayerCAM maps over their maxima; those finer than the coarsest through tanh(gamma .)."""
    stages = []
    for layer in layers:
        a, g = layer_and_gradient(net, x, c, layer)
        stages.append(relu((relu(g) * a).sum(1)))
    coarsest, fused = min(s.shape[1] for s in stages), 0
    for stage in stages:
        m = upsample(torch.from_numpy(stage), x.shape[-1]).numpy()[0]
        share = m / m.max() if m.max() > 0 else m
        fused = np.maximum(fused, np.tanh(gamma * share) if stage.shape[1] > coarsest else share)
    return fused
