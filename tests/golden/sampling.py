# SPDX-License-Identifier: Apache-2.0
"""Methods that ask a network about many inputs, with the random numbers of runtime/philox.h."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import Saliency
from sklearn.linear_model import Ridge


def philox_blocks(seed, stream, index):
    """The four 32-bit words of blocks `index` (an array), one row a word."""
    index = np.asarray(index, np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    c = [index & mask, index >> np.uint64(32), np.full(index.shape, stream & 0xFFFFFFFF, np.uint64),
         np.full(index.shape, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def philox_normal(seed, stream, first, count):
    """normal({seed, stream}, i) for i = first ... first + count - 1."""
    c = philox_blocks(seed, stream, np.arange(first, first + count))
    u, v = (c[0].astype(np.float64) + 1) * 2.0**-32, c[1].astype(np.float64) * 2.0**-32
    return (np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)).astype(np.float32)


def philox_words(seed, stream, first, count):
    """word(i): four to a block."""
    index = np.arange(first, first + count, dtype=np.uint64)
    c = np.stack(philox_blocks(seed, stream, index // np.uint64(4)))
    return c[(index % np.uint64(4)).astype(np.int64), np.arange(count)]


def noisy_gradients(net, x, c, samples, noise, seed, image):
    """Captum's signed saliency of noisy copies of the image: sigma = noise (max x - min x); samples x C x H x W."""
    sigma, size = np.float32(noise) * np.float32(x.max() - x.min()), x.numel()
    gradients = []
    for sample in range(samples):
        e = philox_normal(seed, image, sample * size, size).reshape(x.shape)
        noisy = (x.numpy() + sigma * e).astype(np.float32)
        g = Saliency(net).attribute(torch.from_numpy(noisy).double().requires_grad_(True), target=c, abs=False)
        gradients.append(g.detach().numpy()[0])
    return np.stack(gradients)


def _probabilities(net, batches, c):
    """p_c of each batch of inputs, in float32 passes."""
    with torch.inference_mode():
        return np.concatenate([F.softmax(net(b).double(), dim=1)[:, c].numpy() for b in batches])


def rise_mask(size, cells, keep, seed, image, number):
    """One mask: cells x cells coins, bilinear with half-pixel centres and mirrored borders to (cells + 1) cells, cropped."""
    base = number * (cells * cells + 4)
    words = philox_words(seed, image, base, cells * cells + 2)
    uniform = (words[:-2] >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
    coins = (uniform < np.float32(keep)).astype(np.float64).reshape(cells, cells)
    cell = math.ceil(size / cells)
    # Reflection without the edge sample is padding by one and no clamping: torch then interpolates plainly.
    padded = np.pad(coins, 1, mode="reflect")
    whole = (cells + 1) * cell
    at = (np.arange(whole) + 0.5) * cells / whole - 0.5 + 1
    low = np.floor(at).astype(int)
    share = at - low
    rows = padded[low] * (1 - share)[:, None] + padded[low + 1] * share[:, None]
    mask = rows[:, low] * (1 - share) + rows[:, low + 1] * share
    top, left = int(words[-2]) % cell, int(words[-1]) % cell
    return mask[top:top + size, left:left + size]


def rise(net, x, c, masks, cells, keep, seed, image, batch=10):
    """1 / (N p) sum p_c(x o M) M."""
    total = np.zeros(x.shape[-2:])
    for first in range(0, masks, batch):
        drawn = np.stack([rise_mask(x.shape[-1], cells, keep, seed, image, k)
                          for k in range(first, min(masks, first + batch))])
        p = _probabilities(net, [x * torch.from_numpy(drawn[:, None]).float()], c)
        total += (p[:, None, None] * drawn).sum(0)
    return total / (masks * keep)


def lime(net, x, c, labels, samples, width, alpha, seed, image, batch=10):
    """Coefficients of scikit-learn's ridge regression on segments shown or painted in their mean colour; H x W."""
    count = int(labels.max()) + 1
    mean = np.stack([[x[0, k].numpy()[labels == s].mean(dtype=np.float64) for s in range(count)] for k in range(3)])
    shown = np.ones((samples, count))
    shown[1:] = (philox_words(seed, image, count, (samples - 1) * count) & np.uint64(1)).reshape(samples - 1, count)
    painted = torch.from_numpy(mean[:, labels]).float()[None]
    answers = []
    for first in range(0, samples, batch):
        keep = torch.from_numpy(shown[first:first + batch][:, labels]).bool()[:, None]
        answers.append(_probabilities(net, [torch.where(keep, x, painted)], c))
    on = shown.sum(1)
    distance = np.where(on == 0, 1.0, 1 - np.sqrt(on / count))
    fit = Ridge(alpha=alpha, fit_intercept=True).fit(shown, np.concatenate(answers),
                                                     sample_weight=np.exp(-distance**2 / (2 * width**2)))
    return fit.coef_[labels]
