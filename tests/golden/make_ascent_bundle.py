# SPDX-License-Identifier: Apache-2.0
"""Records gradient ascents on pictures of a small random network, written out with PyTorch and its automatic derivatives.

Simonyan's, Yosinski's, with penalties, Lucid's (Fourier or pixels, with and without transformations; torch.fft,
torch.optim.Adam, torch's interpolation) and DeepDream, in float64, with the random numbers of runtime/philox.h. Each
group of OUT_DIR/ascents.h5 holds the objective before every step and at the end (`values`) and the picture (`picture`).
"""

import math
import os
import sys

import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F

from bundle import create, put, put_text
from sampling import philox_normal, philox_words

LOW = np.array([-104, -117, -123], np.float64)
HIGH = np.array([151, 138, 132], np.float64)
UNIT = float((HIGH - LOW).sum() / 255 / 3)
SEED = 7
SIZE = 24
STEPS = 24
NEURON = 2


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(8, 10, 3, padding=1)
        self.fc = torch.nn.Linear(10, 4)

    def layer2(self, x):
        return F.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(x)), 2)))

    def forward(self, x):
        return self.fc(self.layer2(x).mean((2, 3)))


def normal(stream, shape):
    return torch.from_numpy(philox_normal(SEED, stream, 0, int(np.prod(shape))).astype(np.float64).reshape(shape))


def uniform(stream, index):
    return float(np.float32(int(philox_words(SEED, stream, index, 1)[0]) >> 8) * np.float32(2.0**-24))


def below(stream, index, count):
    return int(np.float32(uniform(stream, index)) * np.float32(count))


def gradient(f, x):
    x = x.detach().requires_grad_(True)
    value = f(x)
    (g,) = torch.autograd.grad(value, x)
    return float(value.detach()), g


def clip(x):
    return torch.maximum(torch.minimum(x, torch.from_numpy(HIGH).view(1, 3, 1, 1)), torch.from_numpy(LOW).view(1, 3, 1, 1))


def simonyan(score, normalize):
    x, values = torch.zeros(1, 3, SIZE, SIZE, dtype=torch.float64), []
    for _ in range(STEPS):
        value, g = gradient(score, x)
        values.append(value)
        if normalize:
            x = x + 1.5 * UNIT / g.abs().mean() * g - 1e-3 * x
        else:
            x = x + 4000.0 * (g - 2 * 1e-5 * x)
    return values + [gradient(score, x)[0]], x


def yosinski(score):
    x, values = 10.0 * UNIT * normal(1, (1, 3, SIZE, SIZE)), []
    for step in range(1, STEPS + 1):
        x = clip(x)
        value, g = gradient(score, x)
        values.append(value)
        x = x + 3.0 * UNIT / g.abs().mean() * g
        if step == STEPS:
            break
        x = x * (1 - 0.01)
        if step % 4 == 0:
            x = torch.from_numpy(scipy.ndimage.gaussian_filter(x.numpy(), (0, 0, 1.0, 1.0), mode="reflect", truncate=4.0))
        size = (x**2).sum(1, keepdim=True).sqrt()
        x = x * (size >= np.percentile(size.numpy(), 10))
        share = (x * g).sum(1, keepdim=True).abs()
        x = x * (share >= np.percentile(share.numpy(), 5))
    x = clip(x)
    return values + [gradient(score, x)[0]], x


def penalized(score):
    x = 10.0 * UNIT * normal(1, (1, 3, SIZE, SIZE))
    velocity, values, size = torch.zeros_like(x), [], 80.0 * UNIT

    def total(z):
        h = F.pad(z[..., :, 1:] - z[..., :, :-1], (0, 1))
        v = F.pad(z[..., 1:, :] - z[..., :-1, :], (0, 0, 0, 1))
        variation = ((h**2 + v**2)**1.0).mean() / (size / 6.5)**2
        power = ((z.abs() / size)**6).mean()
        return 20.0 * score(z) - 0.5 * variation - 1.0 * power

    for step in range(STEPS):
        down, right = (below(2, 2 * step + i, 2 * 3 + 1) - 3 for i in range(2))
        x, velocity = (torch.roll(t, (down, right), (2, 3)) for t in (x, velocity))
        values.append(float(score(x)))
        _, g = gradient(total, x)
        eta = 4.0 * UNIT * 0.5 * (1 + math.cos(math.pi * step / STEPS)) / g.abs().mean()
        velocity = 0.9 * velocity + 0.1 * eta * g
        x = x + velocity
    return values + [gradient(score, x)[0]], x


COLORS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=torch.float64)
COLORS = COLORS / COLORS.norm(dim=0).max()


def fourier(weights, h, w):
    """The picture in [0, 1] (BGR, as the network takes it) of coefficients 1 x 6 x h x columns."""
    even = w + w % 2
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(even)[None, :]
    if even != w:  # frequencies of the picture itself
        fx = (np.arange(even // 2 + 1) / w)[None, :]
        fx = np.minimum(fx, 1 - fx)
    scale = torch.from_numpy(math.sqrt(w * h) / np.maximum(np.hypot(fy, fx), 1 / max(w, h)))
    spectrum = torch.complex(weights[:, :3] * scale, weights[:, 3:] * scale)
    plain = torch.fft.irfft2(spectrum, s=(h, even))[..., :w] / 4.0
    rgb = torch.einsum("kc,ncij->nkij", COLORS, plain)
    return torch.sigmoid(rgb).flip(1)


def turn(x, degrees):
    """Nearest neighbour, about the centre, zero outside."""
    h, w = x.shape[2:]
    a = math.radians(degrees)
    y, z = np.mgrid[:h, :w].astype(np.float64)
    y, z = y - (h - 1) / 2, z - (w - 1) / 2
    row = np.floor(math.cos(a) * y - math.sin(a) * z + (h - 1) / 2 + 0.5).astype(int)
    column = np.floor(math.sin(a) * y + math.cos(a) * z + (w - 1) / 2 + 0.5).astype(int)
    inside = torch.from_numpy((row >= 0) & (row < h) & (column >= 0) & (column < w))
    return x[:, :, row.clip(0, h - 1), column.clip(0, w - 1)] * inside


SCALES = [0.9, 0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1]
ANGLES = list(range(-10, 11)) + [0] * 5


def transformed(x, step):
    draw = iter(range(8 * step, 8 * step + 8))
    pick = lambda count: below(3, next(draw), count)
    x = F.pad(x, (12,) * 4, value=0.5)
    h, w = x.shape[2] - 8, x.shape[3] - 8
    top, left = pick(9), pick(9)
    x = x[:, :, top:top + h, left:left + w]
    scale = SCALES[pick(len(SCALES))]
    h, w = int(scale * h), int(scale * w)
    if (h, w) != tuple(x.shape[2:]):
        x = F.interpolate(x, (h, w), mode="bilinear", align_corners=False)
    x = turn(x, ANGLES[pick(len(ANGLES))])
    top, left = pick(5), pick(5)
    return x[:, :, top:top + h - 4, left:left + w - 4]


def fit(x):
    """Cropped about the centre to the network's size, or padded with mid-grey."""
    for axis, extent in ((2, x.shape[2]), (3, x.shape[3])):
        if extent >= SIZE:
            x = x.narrow(axis, (extent - SIZE) // 2, SIZE)
        else:
            before = (SIZE - extent) // 2
            widths = [0, 0, 0, 0]
            widths[(3 - axis) * 2:(3 - axis) * 2 + 2] = [before, SIZE - extent - before]
            x = F.pad(x, widths, value=0.5)
    return x


def lucid(score, side, use_fourier, robust, variation=0.0):
    shape = (1, 6, side, (side + side % 2) // 2 + 1) if use_fourier else (1, 3, side, side)
    weights = (0.01 * normal(4, shape)).requires_grad_(True)
    adam = torch.optim.Adam([weights], lr=0.05)
    low, high = (torch.from_numpy(v).view(1, 3, 1, 1) for v in (LOW, HIGH))
    image = lambda: fourier(weights, side, side) if use_fourier else torch.sigmoid(weights)
    values = []
    for step in range(STEPS):
        v = image()
        value = score(low + fit(transformed(v, step) if robust else v) * (high - low))
        values.append(float(value.detach()))
        rough = (v[..., 1:] - v[..., :-1]).abs().sum() + (v[..., 1:, :] - v[..., :-1, :]).abs().sum()
        adam.zero_grad()
        (-(value - variation * rough / v.numel())).backward()
        adam.step()
    with torch.no_grad():
        v = image()
        return values + [float(score(low + fit(v) * (high - low)))], low + v * (high - low)


def zoom(x, h, w):
    return F.interpolate(x, (h, w), mode="bilinear", align_corners=True)


def dream(net, start):
    half_square = lambda x: 0.5 * (net.layer2(x)**2).sum()
    bases = [start]
    for _ in range(2):
        h, w = bases[-1].shape[2:]
        bases.append(zoom(bases[-1], int(math.floor(h / 1.4 + 0.5)), int(math.floor(w / 1.4 + 0.5))))
    detail, drawn, values = None, 0, []
    for base in reversed(bases):
        h, w = base.shape[2:]
        x = base if detail is None else base + zoom(detail, h, w)
        for _ in range(6):
            down, right = (below(5, drawn + i, 2 * 4 + 1) - 4 for i in range(2))
            drawn += 2
            value, g = gradient(half_square, torch.roll(x, (down, right), (2, 3)))
            values.append(value)
            x = clip(x + 1.5 * UNIT / g.abs().mean() * torch.roll(g, (-down, -right), (2, 3)))
        detail = x - base
    return values, x


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    single = Net()
    net = Net().double()
    net.load_state_dict(single.state_dict())
    for p in net.parameters():
        p.requires_grad_(False)
    score = lambda x: net(x)[0, NEURON]
    rng = np.random.default_rng(5)
    photo = scipy.ndimage.gaussian_filter(rng.normal(0, 200, (1, 3, 34, 30)), (0, 0, 2, 2))
    photo = torch.from_numpy(photo.astype(np.float32).astype(np.float64))
    runs = {"simonyan": simonyan(score, True), "simonyan_plain": simonyan(score, False), "yosinski": yosinski(score),
            "penalized": penalized(score), "lucid": lucid(score, SIZE, True, False),
            "lucid_pixels": lucid(score, SIZE, False, False, 0.3), "lucid_robust": lucid(score, 31, True, True),
            "dream": dream(net, photo)}
    with create(os.path.join(sys.argv[1], "ascents.h5")) as f:
        put_text(f, "versions", {"torch": torch.__version__, "numpy": np.__version__})
        for name, p in net.named_parameters():
            put(f, "parameters/" + name.replace(".", "/"), p.numpy())
        put(f, "dream/start", photo.numpy())
        for name, (values, picture) in runs.items():
            put(f, name + "/values", np.array(values))
            put(f, name + "/picture", picture.detach().numpy())
            print(f"{name:16} {values[0]:12.6f} -> {values[-1]:12.6f}")


main()
