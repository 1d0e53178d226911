"""How far classes stand apart in a representation: the silhouette, with an interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import Z95

GROUPS = 10  # of images, left out one by one for the interval


def silhouette(distances: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean silhouette of the classes with its 95 % interval (value, low, high), -1..1: 1 where every image is far nearer to its own class than to any
    other, about 0 where classes overlap. NaN, -1 and 1 for fewer than two classes.

    distances : float64 (n, n), zero diagonal. The interval is a delete-a-group jackknife, for images share the classes that they are held against.

    References
    ----------
    P. J. Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation and validation of cluster analysis. J. Comput. Appl. Math. 20, 53-65.
    """
    from sklearn.metrics import silhouette_score

    def score(rows: NDArray[np.int64]) -> float:
        if not 2 <= len(np.unique(labels[rows])) < len(rows):
            return float("nan")
        return float(silhouette_score(distances[np.ix_(rows, rows)], labels[rows], metric="precomputed"))

    n = len(labels)
    value = score(np.arange(n))
    if not np.isfinite(value):
        return float("nan"), -1.0, 1.0
    left = np.array([score(np.flatnonzero(np.arange(n) % GROUPS != g)) for g in range(GROUPS)])
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return value, -1.0, 1.0
    half = Z95 * float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))
    return value, max(-1.0, value - half), min(1.0, value + half)


def distances_of(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances (n, n) from inner products (n, n)."""
    square = np.diag(products)
    out = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * products, 0.0))
    np.fill_diagonal(out, 0.0)
    return out
