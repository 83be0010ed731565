"""One EM pass of the explanatory graph in vectorised NumPy, to measure `cutaway graph bench` against.

The shallowest layer of the VGG-16 case: D filters of 28 x 28 cells, 40 nodes a filter, all filters of an image at
once. Prints the CPU seconds of a pass over `--images` images, scaled from `--measure` of them, and, with --cutaway, the
ratio to that program's own pass, measured before and after on the same machine. CPU seconds of all threads: NumPy's
passes run on one, its matrix products perhaps on more.

    python tools/bench/graph_pass.py --cutaway build/cutaway --threads 2
"""
import argparse
import json
import subprocess
import time

import numpy as np

K = 6


def em_pass(F, mu, delta, S):
    """Sums {G_h, G_w, W, v, t}, positions and scores of every node for one image; no parents."""
    D, P = mu.shape[:2]
    sigma = np.float32(0.15 * S)
    R = np.maximum(1, np.round(np.minimum(0.15 * S, 3 * delta))).astype(np.int32)
    m = np.float32(0.025 * S)
    offset = R[..., None] * ((2 * np.arange(K) + 1 - K) / K).astype(np.float32)
    g = np.exp(-(offset ** 2) / (2 * sigma ** 2)) / (np.sqrt(2 * np.pi) * sigma)
    most = int(R.max())
    cells = np.arange(-most, most + 1)
    pad = 2 * most
    padded = np.pad(F, ((0, 0), (pad, pad), (pad, pad)))
    center = np.round(mu).astype(np.int64)
    rows = np.clip(center[..., 0, None] + cells + pad, 0, padded.shape[1] - 1)
    cols = np.clip(center[..., 1, None] + cells + pad, 0, padded.shape[2] - 1)
    inside = np.abs(cells) <= R[..., None]
    window = padded[np.arange(D)[:, None, None, None], rows[..., :, None], cols[..., None, :]]
    window = window * (inside[..., :, None] & inside[..., None, :])
    at = mu[..., None, :] + offset[..., None]
    near = center[..., None, :] + cells[:, None]
    kh = np.exp(-((at[..., :, None, 0] - near[..., None, :, 0]) ** 2) / (2 * m * m)).astype(np.float32)
    kw = np.exp(-((at[..., :, None, 1] - near[..., None, :, 1]) ** 2) / (2 * m * m)).astype(np.float32)
    E = np.matmul(np.matmul(kh, window), kw.swapaxes(-1, -2))
    E = (E + np.float32(np.exp(-4.5)) * window.sum((-1, -2))[..., None, None]) / (np.sqrt(2 * np.pi) * m)
    p = g[..., :, None] * g[..., None, :]

    step = 2 * R / K
    density = []
    for axis in range(2):
        x = at[..., axis]                                        # D, P, K
        low = x[..., 0]
        bins = (x[:, :, None, :] - low[:, None, :, None]) / step[:, None, :, None] - 0.5
        index = np.clip(np.ceil(bins), 0, K - 1).astype(np.int8)
        value = np.take_along_axis(np.broadcast_to(g[:, None], index.shape), index, -1)
        there = (x[:, :, None, :] >= low[:, None, :, None]) & (x[:, :, None, :] <= x[..., -1][:, None, :, None])
        density.append(np.where(there, value, 0))
    mix = np.matmul(density[0].swapaxes(-1, -2), density[1])      # D, P, K, K
    tau = 0.1 * np.mean(g.sum(-1) ** 2)
    Q = p / np.maximum(mix + tau, 1e-7)
    QE = Q * E
    pE = p * E
    W = QE.sum((-1, -2))
    G = np.stack([(QE * offset[..., :, None]).sum((-1, -2)), (QE * offset[..., None, :]).sum((-1, -2))], -1)
    grid = (np.arange(K) - 2.5) ** 2
    v = (pE * (grid[:, None] + grid)).sum((-1, -2))
    best = pE.reshape(D, P, -1).argmax(-1)
    peak = np.take_along_axis(pE.reshape(D, P, -1), best[..., None], -1)[..., 0]
    position = np.stack([np.take_along_axis(at[..., 0], (best // K)[..., None], -1)[..., 0],
                         np.take_along_axis(at[..., 1], (best % K)[..., None], -1)[..., 0]], -1)
    return G / sigma ** 2, W, v, pE.sum((-1, -2)), peak, position


def features(D, S, random):
    """What bench_graph makes: four blobs a filter and noise."""
    F = 0.05 * random.random((D, S, S), dtype=np.float32)
    y = np.arange(S, dtype=np.float32)
    for _ in range(4):
        h, w = random.uniform(4, 24, (2, D, 1)).astype(np.float32)
        F += np.exp(-((y - h) ** 2) / 1.62)[:, :, None] * np.exp(-((y - w) ** 2) / 1.62)[:, None, :]
    return F


def cutaway_pass(program, threads, images, filters):
    out = subprocess.run([program, "graph", "bench", "--images", str(images), "--filters", str(filters), "--iterations",
                          "1", "--threads", str(threads), "-q", "--json"], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)["pass_cpu_seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--filters", type=int, default=512)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--measure", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cutaway")
    o = parser.parse_args()
    random = np.random.default_rng(0)
    S, P = 28, 40
    maps = [features(o.filters, S, random) for _ in range(o.measure)]
    cells = np.stack([random.permutation(S * S)[:P] for _ in range(o.filters)])
    mu = np.stack([cells // S, cells % S], -1).astype(np.float32)
    mu += random.uniform(-0.3, 0.3, mu.shape).astype(np.float32)
    delta = np.full((o.filters, P), 0.15 * S, np.float32)
    own = [cutaway_pass(o.cutaway, o.threads, o.images, o.filters)] if o.cutaway else []
    em_pass(maps[0], mu, delta, S)
    seconds = []
    for F in maps:
        start = time.process_time()
        em_pass(F, mu, delta, S)
        seconds.append(time.process_time() - start)
    numpy_pass = float(np.median(seconds)) * o.images
    result = {"numpy_cpu_seconds_a_pass": round(numpy_pass, 3)}
    if o.cutaway:
        own.append(cutaway_pass(o.cutaway, o.threads, o.images, o.filters))
        result["cutaway_cpu_seconds_a_pass"] = [round(s, 3) for s in own]
        result["ratio"] = [round(numpy_pass / s, 1) for s in own]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
