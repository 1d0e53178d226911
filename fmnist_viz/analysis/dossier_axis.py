"""The axis between two classes' mean vectors, and where their images lie on it: every image on an axis that was made without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis import FOLDS, Separation, separation

METHOD = "cross-fitted in stratified folds: position 0 is the mean of the first class, 1 that of the second, each without the fold's images"


@dataclass(frozen=True)
class PairAxis:
    """rows, labels : int64 (m,), the images of both classes, ascending, and their class
    position : float64 (m,), along the axis, 0 at the first class's mean and 1 at the second's
    separation : how well the axis tells the two apart, on the same folds.
    """

    layer: str
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    position: NDArray[np.float64]
    separation: Separation
    seed: int

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Positions of the given rows, which must be images of the two classes: float64 (len(rows),)."""
        return self.position[np.searchsorted(self.rows, rows)]


def pair_axis(X: NDArray[np.float32], labels: NDArray[np.int64], a: int, b: int, *, layer: str, seed: int) -> PairAxis | None:
    """Place the images of two classes on the line through their mean vectors; None with fewer than two images of a class, or equal means.

    X : float32 (n, d), a layer's own vectors;  labels : int64 (n,)
    """
    sides = [np.flatnonzero(labels == c) for c in (a, b)]
    folds = min(FOLDS, *map(len, sides))
    if folds < 2 or not np.isfinite(X[np.concatenate(sides)]).all():
        return None
    random = np.random.default_rng(seed)
    fold_of = [random.permutation(np.arange(len(side)) % folds) for side in sides]
    sums = [np.stack([X[side[fold == f]].sum(axis=0, dtype=np.float64) for f in range(folds)]) for side, fold in zip(sides, fold_of, strict=True)]
    places = [np.empty(len(side)) for side in sides]
    for f in range(folds):
        first, second = ((total.sum(axis=0) - total[f]) / (fold != f).sum() for total, fold in zip(sums, fold_of, strict=True))
        w = second - first
        square = float(w @ w)
        if square <= 0:
            return None
        for side, fold, place in zip(sides, fold_of, places, strict=True):
            place[fold == f] = (X[side[fold == f]].astype(np.float64) - first) @ w / square
    rows, position = np.concatenate(sides), np.concatenate(places)
    order = np.argsort(rows, kind="stable")
    told = separation(X, X, labels == a, labels == b, seed=seed)
    return PairAxis(layer, rows[order], labels[rows[order]], position[order], told, seed)
