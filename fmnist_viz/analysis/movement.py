"""How far the neighbourhood of each image differs between two models' layers, and how that compares with all other images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only
from fmnist_viz.neighbors import exact_neighbors, overlap

K, WIDE = 15, 50  # neighbours that are compared, and the wider circle outside of which one is new, as on maps
LEAST = 40  # images below which nothing is said


@dataclass(frozen=True)
class Movement:
    """The same m images in a layer of model a and in a layer of model b.

    rows : int64 (m,), which of the compared images they are;  k, wide : neighbours, and those of the wider circle
    changed : float64 (m,), share 0..1 of an image's k nearest in b that are not among its k nearest in a
    new : float64 (m,), share 0..1 of its k nearest in b that are not even among its `wide` nearest in a
    own_a, own_b : float64 (m,), share 0..1 of its k nearest that have its own label
    """

    layer_a: str
    layer_b: str
    rows: NDArray[np.int64]
    changed: NDArray[np.float64]
    new: NDArray[np.float64]
    own_a: NDArray[np.float64]
    own_b: NDArray[np.float64]
    k: int
    wide: int

    def __post_init__(self) -> None:
        m = len(self.rows)
        object.__setattr__(self, "rows", read_only(self.rows, np.int64, (m,), "rows"))
        for name in ("changed", "new", "own_a", "own_b"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64, (m,), name))

    @property
    def layers(self) -> str:
        """Both names, or the one that both have."""
        return self.layer_b if self.layer_a == self.layer_b else f"{self.layer_b} / {self.layer_a}"

    @property
    def chance(self) -> float:
        """The share that would change if neighbours were drawn at random: 1 - k / (m - 1)."""
        return 1 - self.k / (len(self.rows) - 1)

    @property
    def rank(self) -> NDArray[np.float64]:
        """Share 0..1 of the other images whose neighbourhood changed less; of equal ones half counts."""
        order = np.sort(self.changed)
        below, to = (np.searchsorted(order, self.changed, side) for side in ("left", "right"))
        return np.asarray((below + (to - 1 - below) / 2) / (len(order) - 1), np.float64)

    def most(self, count: int) -> NDArray[np.int64]:
        """Places (not rows) of the images that moved most: by `changed`, of equal ones by `new`, then in their order."""
        return np.lexsort((np.arange(len(self.rows)), -self.new, -self.changed))[:count]


def movement(
    a: NDArray[np.float32], b: NDArray[np.float32], labels: NDArray[np.int64], *, layer_a: str, layer_b: str, rows: NDArray[np.int64] | None = None
) -> Movement | None:
    """Compare the exact Euclidean neighbours of the same m images among each other, a (m, d) and b (m, e), both finite; None for fewer than 40.

    labels : int64 (m,), of those images;  rows : which of the compared images they are, by default all in their order
    """
    m = len(a)
    if m < LEAST:
        return None
    k = min(K, (m - 1) // 3)
    wide = min(WIDE, 2 * k) if m <= 2 * WIDE else WIDE
    near_a, near_b = (exact_neighbors(np.ascontiguousarray(x), wide) for x in (a, b))
    own = [(labels[near[:, :k]] == labels[:, None]).mean(axis=1) for near in (near_a, near_b)]
    return Movement(
        layer_a, layer_b, np.arange(m) if rows is None else rows, 1 - overlap(near_b[:, :k], near_a[:, :k]), 1 - overlap(near_b[:, :k], near_a),
        own[0], own[1], k, wide,
    )  # fmt: skip
