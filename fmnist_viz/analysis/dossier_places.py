"""Among whom the mistakes lie: of each one's nearest neighbours, in a layer or on its map, how many are of the true class and how many of the predicted one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import wilson

NEAR = 15
KINDS = ("true", "predicted", "between", "elsewhere")
METHOD = (
    "of the nearest points, among the true class: at least twice as many of it as of the predicted one; among the predicted: the other way round; "
    "elsewhere: fewer than half are of either; else in between"
)


@dataclass(frozen=True)
class Place:
    """kind : int64 (m,), for each mistake a place in KINDS.  method is empty for the representation itself; k neighbours were looked at."""

    representation: str
    method: str
    k: int
    kind: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Mistakes by kind, int64 (4,)."""
        return np.bincount(self.kind, minlength=len(KINDS)).astype(np.int64)

    def share(self, kind: str) -> tuple[float, float, float]:
        """Share of the mistakes that lie there, with its 95 % Wilson interval."""
        count, n = int(self.counts[KINDS.index(kind)]), len(self.kind)
        low, high = wilson(count, n)
        return count / n if n else float("nan"), float(low), float(high)


def place(near: NDArray[np.int64], labels: NDArray[np.int64], true: int, predicted: int, *, representation: str, method: str = "") -> Place:
    """near : int (m, k), each mistake's nearest points;  labels : int64 (n,) of all points."""
    found = labels[near]
    own, other = (found == true).sum(axis=1), (found == predicted).sum(axis=1)
    kind = np.where(own >= 2 * other, 0, np.where(other >= 2 * own, 1, 2))
    kind[2 * (own + other) < near.shape[1]] = 3
    return Place(representation, method, near.shape[1], kind.astype(np.int64))


def near_on_map(coords: NDArray[np.float32], rows: NDArray[np.int64], k: int = NEAR) -> NDArray[np.int64]:
    """The k nearest points on a map of each given row, itself excluded, nearest first: int64 (len(rows), k), fewer columns where there are fewer points."""
    from scipy.spatial import cKDTree

    k = min(k, len(coords) - 1)
    if k < 1 or not len(rows):
        return np.zeros((len(rows), max(k, 0)), np.int64)
    _, found = cKDTree(coords).query(coords[rows], k=k + 1)
    # where points coincide the row itself need not come first
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(rows), k).astype(np.int64)
