"""Probabilities of images from networks that have not seen them: trained on the other folds, on edges and principal components of the pixels."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CELLS, BINS, COMPONENTS = 7, 8, 100  # of the edge histograms, and of either description
HIDDEN, EPOCHS, DECAY = 256, 12, 0.01
BLOCK = 2000  # images described at once
NETWORK = f"a network of one hidden layer ({HIDDEN} units, {EPOCHS} epochs)"


SPACE = "principal components of pixels and edge directions"


def describe(images: NDArray[np.uint8], *, seed: int = 0) -> NDArray[np.float32]:
    """What the networks are fed and neighbours are sought in, float32 (n, d).

    Images uint8 (n, h, w, c) as principal components of their pixels beside those of their edge histograms, each part's first one with variance 1.

    The histograms hold, cell by cell of a grid, the strength of edges by direction (without sign), as their square roots.

    References
    ----------
    N. Dalal, B. Triggs (2005), Histograms of oriented gradients for human detection. CVPR. (Without their normalisation by blocks.)
    """
    pixels: NDArray[np.float32] = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return np.concatenate([_components(pixels, seed), _components(edges(images), seed)], axis=1)


def edges(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Edge histograms of images uint8 (n, h, w, c): float32 (n, cells * cells * BINS); of small images as many cells as pixels."""
    n, h, w = images.shape[:3]
    rows, columns = (np.unique(np.linspace(0, side, min(CELLS, side) + 1).astype(int)[:-1]) for side in (h, w))
    out = np.empty((n, len(rows), len(columns), BINS), np.float32)
    for start in range(0, n, BLOCK):
        grey = images[start : start + BLOCK].astype(np.float32).mean(axis=3) / 255
        down, across = np.zeros_like(grey), np.zeros_like(grey)
        down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
        across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
        strength = np.hypot(across, down)
        turn = np.arctan2(down, across) % np.pi / np.pi * BINS
        low = np.floor(turn)
        share, low = turn - low, low.astype(np.int64) % BINS
        for b in range(BINS):
            own = np.where(low == b, strength * (1 - share), 0) + np.where((low + 1) % BINS == b, strength * share, 0)
            out[start : start + BLOCK, :, :, b] = np.add.reduceat(np.add.reduceat(own, rows, axis=1), columns, axis=2)
    return np.sqrt(out).reshape(n, -1)


def _components(X: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.decomposition import PCA

    count = min(COMPONENTS, *X.shape)
    if not X.any():  # no edge anywhere
        return np.zeros((len(X), 1), np.float32)
    found = PCA(count, svd_solver="randomized" if count < min(X.shape) else "full", random_state=seed).fit_transform(X)
    scale = float(found[:, 0].std())
    return np.asarray(found / scale if scale > 0 else found, np.float32)


def folds_of(labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of every image, int64 (n,), 0..folds-1: each class dealt out evenly, in random order."""
    rng, out, start = np.random.default_rng(seed), np.empty(len(labels), np.int64), 0
    for c in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == c))
        out[rows] = (start + np.arange(len(rows))) % folds
        start += len(rows)
    return out


def out_of_fold(
    X: NDArray[np.float32], labels: NDArray[np.int64], classes: int, *, folds: int = 5, seed: int = 0, say: Callable[[str], None] = lambda _: None
) -> NDArray[np.float32]:
    """Probabilities float32 (n, classes) of rows X (n, d), each from a network trained on the folds that it is not in."""
    fold = folds_of(labels, folds, seed)
    out = np.zeros((len(X), classes), np.float32)
    for k in range(folds):
        mine = fold == k
        say(f"fold {k + 1} of {folds}: training on {int((~mine).sum()):,} images, judging {int(mine.sum()):,}")
        out[mine] = judged(X[~mine], labels[~mine], X[mine], classes, seed=seed + k)
    return out


def judged(X: NDArray[np.float32], labels: NDArray[np.int64], queries: NDArray[np.float32], classes: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Probabilities float32 (q, classes) of `queries` (q, d) by a network trained on X (n, d); a class that it has not met has probability 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    known, own = np.unique(labels, return_inverse=True)
    out = np.zeros((len(queries), classes), np.float32)
    if len(known) == 1 or not len(queries):
        out[:, known] = 1
        return out
    model = MLPClassifier((HIDDEN,), alpha=DECAY, batch_size=min(128, len(X)), max_iter=EPOCHS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the stop
        out[:, known] = model.fit(X, own).predict_proba(queries)
    return out
