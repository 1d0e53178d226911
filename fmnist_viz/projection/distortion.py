"""Point by point: true neighbours that a map has torn away, and neighbours on the map that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph, read_only
from fmnist_viz.neighbors import exact_neighbors
from fmnist_viz.projection.yardstick import RECALLS, K, neighborhood

if TYPE_CHECKING:
    import pandas as pd

WIDE = max(RECALLS)  # who is not even among so many is far away
EXACT_WORK = 1e11  # n * n * d up to which all true neighbours are sought among the vectors themselves: a second or two per representation
_ROWS = 16_384  # points compared at once


@dataclass(frozen=True)
class Distortion:
    """How many of a point's k nearest are not even among its `wide` nearest in the other space.

    missing : uint8 (n,), of the k true neighbours those that are far away on the map;
    false : uint8 (n,), of the k neighbours on the map those that are far away in the representation.

    With one size for both spaces the two counts would be equal; the wider circle tells tearing from gluing.

    References
    ----------
    S. Lespinats, M. Aupetit (2011), CheckViz: sanity check and topological clues for linear and non-linear mappings. Computer Graphics Forum 30, 113-125.
    """

    missing: NDArray[np.uint8]
    false: NDArray[np.uint8]
    k: int
    wide: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "missing", read_only(self.missing, np.uint8, (None,), "missing"))
        object.__setattr__(self, "false", read_only(self.false, np.uint8, (len(self.missing),), "false"))

    @property
    def shares(self) -> NDArray[np.float64]:
        """Missing and false as shares 0..1 of k: float64 (n, 2)."""
        return np.stack([self.missing, self.false], axis=1) / max(self.k, 1)

    def frame(self) -> pd.DataFrame:
        """One row per point: missing, false (shares 0..1 of k)."""
        import pandas as pd

        return pd.DataFrame(self.shares, columns=["missing", "false"])

    def sentence(self) -> str:
        """``Of the 15 nearest on average 31 % are missing and 12 % false``: the means over all points."""
        if not len(self.missing) or not self.k:
            return "Too few points to look for missing and false neighbours"
        missing, false = 100 * self.shares.mean(axis=0)
        return f"Of the {self.k} nearest, on average {missing:.0f} % are missing on the map and {false:.0f} % on the map are false"


def distortion(true: NDArray[np.integer[Any]], shown: NDArray[np.integer[Any]], *, k: int = K, wide: int = WIDE) -> Distortion:
    """Compare the neighbours of all points in a representation (`true`) and on a map (`shown`), int (n, at least `wide`), nearest first."""
    n = len(true)
    k, wide = neighborhood(n, k), max(neighborhood(n, k), neighborhood(n, wide))
    if k < 1:
        return Distortion(np.zeros(n, np.uint8), np.zeros(n, np.uint8), 0, 0)
    counts = np.empty((2, n), np.uint8)
    for start in range(0, n, _ROWS):
        rows = slice(start, start + _ROWS)
        for side, (inner, outer) in enumerate(((true[rows, :k], shown[rows, :wide]), (shown[rows, :k], true[rows, :wide]))):
            counts[side, rows] = k - (inner[:, :, None] == outer[:, None, :]).any(axis=2).sum(axis=1)
    return Distortion(counts[0], counts[1], k, wide)


def true_neighbors(X: NDArray[np.float32], graph: NeighborGraph) -> NDArray[np.int32]:
    """The nearest neighbours of every row of X (n, d), up to `WIDE`: int32 (n, w), nearest first.

    Exact among the vectors themselves up to `EXACT_WORK`; beyond, those of the graph that the maps were made from, whose recall is to be said.
    """
    n, d = X.shape
    w = min(WIDE, n - 1)
    if n * n * d <= EXACT_WORK:
        return exact_neighbors(np.ascontiguousarray(X), w)
    return np.array(graph.indices[:, :w])
