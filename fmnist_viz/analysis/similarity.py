"""How alike two representations of the same images are: centred kernel alignment and the neighbours that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import Z95, mean_interval, wilson
from fmnist_viz.neighbors import nearest, overlap, reference_distances

if TYPE_CHECKING:
    import pandas as pd

K = 15  # neighbours, as in the scores of maps
GROUPS = 10  # of images, left out one by one for the interval of CKA
LEAST = 40  # images below which nothing is said


@dataclass(frozen=True)
class Gram:
    """Of q sampled images: inner products of their vectors (q, q), and their K nearest among all images (q, K)."""

    products: NDArray[np.float64]
    neighbors: NDArray[np.int64]

    @staticmethod
    def of(X: NDArray[np.float32], queries: NDArray[np.int64]) -> Gram:
        """Of float32 (n, d), n > K, and the rows that are sampled. Vectors are centred first: CKA does not change, and single precision loses less."""
        centred = X[queries] - X[queries].mean(axis=0, dtype=np.float64).astype(np.float32)
        return Gram((centred @ centred.T).astype(np.float64), nearest(reference_distances(X, queries), K))

    def centred(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """U-centred products of the given rows (all by default): the diagonal is zero, and so is the sum of every row."""
        own = self.products if rows is None else self.products[np.ix_(rows, rows)]
        out = own.copy()
        np.fill_diagonal(out, 0.0)
        n, sums = len(out), out.sum(axis=0)
        out -= (sums[:, None] + sums[None, :]) / (n - 2) - sums.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(out, 0.0)
        return out


def debiased_cka(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Linear CKA from two U-centred matrices: 1 for equal representations up to rotation and scale, about 0 for unrelated ones; NaN for a constant one.

    The plain estimator is biased towards 1 where vectors are wider than there are images; this one is not.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee, G. Hinton (2019), Similarity of neural network representations revisited. ICML.
    L. Song, A. Smola, A. Gretton, J. Bedo, K. Borgwardt (2012), Feature selection via dependence maximization. JMLR 13, 1393-1434.
    """
    norms = float((a * a).sum()) * float((b * b).sum())
    return float((a * b).sum()) / norms**0.5 if norms > 0 else float("nan")


def _ckas(a: Mapping[str, Gram], b: Mapping[str, Gram], rows: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """`debiased_cka` of every pair, float64 (a, b): one matrix product of all pairs is many times faster than a pass over the matrices for each."""

    def flat(grams: Mapping[str, Gram]) -> NDArray[np.float64]:
        out = np.stack([gram.centred(rows).ravel() for gram in grams.values()])
        norms = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
        return np.divide(out, norms, out=np.full_like(out, np.nan), where=norms > 0)

    left = flat(a)
    together: NDArray[np.float64] = left @ (left if b is a else flat(b)).T
    return together


def similarity(a: Mapping[str, Gram], b: Mapping[str, Gram]) -> pd.DataFrame:
    """One row per pair of layers: baseline_layer, run_layer, n, k, cka and shared_neighbors with 95 % intervals.

    CKA's interval is a delete-a-group jackknife (10 groups of images), that of the shared neighbours a normal one over images.
    """
    import pandas as pd

    n = len(next(iter(a.values())).products)
    groups = [np.flatnonzero(np.arange(n) % GROUPS != g) for g in range(GROUPS)]
    values = np.stack([_ckas(a, b, rows) for rows in (None, *groups)])
    table: list[dict[str, Any]] = []
    for (i, x), (j, y) in product(enumerate(a), enumerate(b)):
        cka = values[:, i, j]
        half = Z95 * float(np.sqrt((GROUPS - 1) / GROUPS * ((cka[1:] - cka[1:].mean()) ** 2).sum()))
        share, low, high = mean_interval(overlap(a[x].neighbors, b[y].neighbors))
        table.append({
            "baseline_layer": x, "run_layer": y, "n": n, "cka": cka[0], "cka_low": cka[0] - half, "cka_high": min(1.0, cka[0] + half),
            "k": K, "shared_neighbors": share, "shared_neighbors_low": max(0.0, low), "shared_neighbors_high": min(1.0, high),
        })  # fmt: skip
    return pd.DataFrame(table)


def knn_accuracy(gram: Gram, labels: NDArray[np.int64], queries: NDArray[np.int64]) -> dict[str, float]:
    """Share of the sampled images whose K nearest neighbours' majority is their own class (of equal votes the smaller class), with its Wilson interval.

    labels : int64 (n,) of all images;  queries : rows of the sampled ones
    """
    n = len(queries)
    votes = np.zeros((n, int(labels.max()) + 1), np.int64)
    np.add.at(votes, (np.arange(n)[:, None], labels[gram.neighbors]), 1)
    right = int((votes.argmax(axis=1) == labels[queries]).sum())
    low, high = wilson(right, n)
    return {"knn_accuracy": right / n, "knn_accuracy_low": float(low), "knn_accuracy_high": float(high)}
