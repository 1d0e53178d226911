"""What every map of one representation starts from: checked, reduced vectors, and a verdict where there is no structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Representation, read_only
from fmnist_viz.reduce import pca, unit_rows

SHOWN_COMPONENTS = 10  # whose share of the variance is kept


@dataclass(frozen=True)
class Basis:
    """X float32 (n, m): centred principal scores that distances are computed from.

    `note` is empty where maps can be drawn; else it says why not, and every map of it is a labelled "no structure" panel.
    """

    X: NDArray[np.float32]
    name: str
    variance: tuple[float, ...]  # shares of the leading components, 0..1
    metric: str
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", read_only(self.X, np.float32, (None, None), "basis"))


def basis(representation: Representation, *, metric: str = "euclidean", pca_dims: int = 50) -> Basis:
    """Reduce a representation to at most `pca_dims` principal components (0: keep all) for distances.

    Duplicate rows are counted, not dropped. Under the cosine metric rows are scaled to unit length first; where there are rows of
    length zero, which have no angle, Euclidean distances are used and the facts say so.
    """
    X, facts = representation.X, dict[str, Any]()
    if not np.isfinite(X).all():
        rows = np.flatnonzero(~np.isfinite(X).all(axis=1))
        return _none(representation, f"no map: {len(rows):,} rows hold values that are not finite (first: row {rows[0]})", metric)
    if metric == "cosine":
        zero = int((~X.any(axis=1)).sum())
        if zero:
            metric, facts["zero_rows"] = "euclidean", zero
            facts["metric_note"] = f"{zero:,} rows are zero and have no angle: euclidean instead of cosine"
        else:
            X = unit_rows(X)
    if len(X) < 2:
        return _none(representation, f"no map: a single row (n = {len(X)}) has no neighbours", metric)
    distinct = len(np.unique(np.ascontiguousarray(X).view(np.dtype((np.void, X.dtype.itemsize * X.shape[1]))).ravel()))
    if distinct == 1:
        what = "all activations are 0 (a dead layer)" if not X.any() else "every row is the same (a constant layer)"
        return _none(representation, f"no structure: {what}", metric)
    if distinct < len(X):
        facts["duplicates"] = len(X) - distinct
    reduced = pca(X, pca_dims or X.shape[1])
    return Basis(reduced.scores, representation.name, tuple(float(v) for v in reduced.variance[:SHOWN_COMPONENTS]), metric, "", facts)


def _none(representation: Representation, note: str, metric: str) -> Basis:
    return Basis(np.zeros((len(representation.X), 0), np.float32), representation.name, (), metric, note)
