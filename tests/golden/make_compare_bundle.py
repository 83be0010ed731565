# SPDX-License-Identifier: Apache-2.0
"""Records statistics of scikit-learn, SciPy and scikit-image: OUT_DIR/compare.h5.

    pip install scikit-learn scipy scikit-image h5py
    python make_compare_bundle.py OUT_DIR
"""

import sys

import numpy as np
import scipy
import scipy.ndimage
import scipy.stats
import skimage
import skimage.feature
import skimage.metrics
import sklearn
from sklearn import datasets, decomposition, manifold, metrics

import bundle


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def put_comparison(file):
    """30 overlapping clouds' worth of features: statistics of Euclidean and cosine distances."""
    rng = np.random.default_rng(16)
    labels = np.repeat(np.arange(5), 6)
    x = (rng.normal(size=(5, 9))[labels] + 0.9 * rng.normal(size=(30, 9))).astype(np.float32)
    group = file.create_group("comparison")
    bundle.put(group, "features", x)
    bundle.put(group, "labels", labels)
    x = x.astype(np.float64)
    same = upper(labels[:, None] == labels[None, :])
    for name, kind in (("euclidean", "euclidean"), ("cosine", "cosine")):
        d = metrics.pairwise_distances(x, metric=kind)
        np.fill_diagonal(d, 0)
        part = group.create_group(name)
        bundle.put(part, "distances", d)
        found, first = [], []
        for i in range(len(x)):
            others = np.arange(len(x)) != i
            relevant = labels[others] == labels[i]
            found.append(metrics.average_precision_score(relevant, -d[i][others]))
            first.append(np.flatnonzero(relevant[np.argsort(d[i][others], kind="stable")])[0])
        first = np.array(first)
        bundle.put(part, "values", np.array([
            metrics.silhouette_score(d, labels, metric="precomputed"),
            metrics.roc_auc_score(same, -upper(d)),
            np.mean(found), *[np.mean(first < k) for k in (1, 5, 10)]]))
    a, b = (upper(metrics.pairwise_distances(x, metric=k)) for k in ("euclidean", "cosine"))
    # The first two columns as a map of the points; no two distances are equal.
    bundle.put(group, "trustworthiness", np.array([manifold.trustworthiness(x, x[:, :2], n_neighbors=k) for k in (4, 9)]))
    bundle.put(group, "correlation", np.array([scipy.stats.pearsonr(a, b)[0], scipy.stats.spearmanr(a, b)[0]]))


def put_pca(file, name, x, components):
    x = x.astype(np.float32)
    pca = decomposition.PCA(components, svd_solver="full").fit(x.astype(np.float64))
    signs = np.sign(pca.components_[np.arange(components), np.abs(pca.components_).argmax(1)])
    group = file.create_group(name)
    bundle.put(group, "features", x)
    bundle.put(group, "axes", pca.components_ * signs[:, None])
    bundle.put(group, "scores", pca.transform(x.astype(np.float64)) * signs)
    bundle.put(group, "variance", pca.explained_variance_)
    bundle.put(group, "ratio", pca.explained_variance_ratio_)


def put_tsne(file):
    """Handwritten digits: 300 of 64 grey levels."""
    x = datasets.load_digits().data[:300]
    reduced = decomposition.PCA(50, svd_solver="full").fit_transform(x)
    model = manifold.TSNE(perplexity=30, init="pca", method="exact", random_state=0)
    points = model.fit_transform(reduced)
    group = file.create_group("tsne")
    bundle.put(group, "features", x)
    bundle.put(group, "points", points)
    bundle.put(group, "values", np.array([
        model.kl_divergence_, manifold.trustworthiness(x, points.astype(np.float32), n_neighbors=12)]))
    from sklearn.manifold._t_sne import _joint_probabilities
    p = _joint_probabilities(metrics.pairwise_distances(x[:40], squared=True).astype(np.float32), 8.0, 0)
    bundle.put(group, "affinities", scipy.spatial.distance.squareform(p))


def put_similarity(file):
    """Two maps of which one is a blurred and noisy form of the other, with ties."""
    rng = np.random.default_rng(4)
    a = np.round(scipy.ndimage.gaussian_filter(rng.normal(size=(70, 83)), 3) * 60).astype(np.float32) / 8
    b = (scipy.ndimage.gaussian_filter(a, 2) + 0.3 * rng.normal(size=a.shape)).astype(np.float32)
    group = file.create_group("similarity")
    bundle.put(group, "a", a)
    bundle.put(group, "b", b)

    def scaled(m):
        m = np.abs(m)
        return (m - m.min()) / (m.max() - m.min())

    x, y = scaled(a.astype(np.float64)), scaled(b.astype(np.float64))
    hogs = [skimage.feature.hog(m, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(3, 3)) for m in (x, y)]
    bundle.put(group, "hog", hogs[0])
    bundle.put(group, "values", np.array([
        scipy.stats.spearmanr(np.abs(a).ravel(), np.abs(b).ravel())[0],
        scipy.stats.spearmanr(a.ravel(), b.ravel())[0],
        skimage.metrics.structural_similarity(x, y, data_range=1.0, gaussian_weights=True, sigma=1.5,
                                              use_sample_covariance=False),
        scipy.stats.pearsonr(hogs[0], hogs[1])[0]]))


def put_blur(file):
    """RISE's blur: an impulse filtered within 11 x 11, as a convolution with zeros outside."""
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    kernel = scipy.ndimage.gaussian_filter(impulse, 5)
    x = np.random.default_rng(2).normal(size=(3, 17, 24)).astype(np.float32)
    group = file.create_group("blur")
    bundle.put(group, "kernel", kernel)
    bundle.put(group, "picture", x)
    bundle.put(group, "blurred", np.stack([scipy.ndimage.convolve(c, kernel, mode="constant") for c in x]))


def put_tests(file):
    """Signed ranks with ties and zeros, the sign test, Wilson's interval."""
    d = np.round(np.random.default_rng(5).normal(0.2, 1, 60), 1).astype(np.float32)
    group = file.create_group("tests")
    bundle.put(group, "differences", d)
    d = d.astype(np.float64)
    sign = scipy.stats.binomtest(int((d > 0).sum()), int((d != 0).sum()))
    share = scipy.stats.binomtest(7, 23).proportion_ci(method="wilson")
    bundle.put(group, "values", np.array([
        scipy.stats.wilcoxon(d, zero_method="wilcox", correction=False, method="approx").pvalue,
        sign.pvalue, share.low, share.high]))


def main():
    rng = np.random.default_rng(7)
    with bundle.create(f"{sys.argv[1]}/compare.h5") as file:
        bundle.put_text(file, "versions", {m.__name__: m.__version__ for m in (np, scipy, skimage, sklearn)})
        put_comparison(file)
        put_pca(file, "pca_tall", rng.normal(size=(40, 7)) @ rng.normal(size=(7, 7)) + 3, 4)
        put_pca(file, "pca_wide", rng.normal(size=(12, 50)) * rng.gamma(1, 2, 50) - 2, 5)
        put_tsne(file)
        put_similarity(file)
        put_blur(file)
        put_tests(file)


if __name__ == "__main__":
    main()
