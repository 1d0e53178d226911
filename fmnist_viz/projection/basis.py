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
ROUNDING = 1e-6  # spread over magnitude up to which single precision made the differences, not the data
LARGEST, SMALLEST = 1e15, 1e-15  # squares of larger values and of smaller differences leave single precision


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

    Duplicate rows are counted, not dropped. Under the cosine metric rows are scaled to unit length first (those of a reduced layer were
    before their reduction); where there are rows of length zero, which have no angle, Euclidean distances are used and the facts say so.
    """
    X, facts = representation.X, dict[str, Any]()
    if len(X) < 2:
        return _none(representation, f"no map: a single row (n = {len(X)}) has no neighbours", metric)
    if note := _no_structure(representation):
        return _none(representation, note, metric)
    if metric == "cosine":
        X, metric, more = _directions(representation)
        facts |= more
    distinct = _distinct_rows(X)
    if distinct == 1:
        return _none(representation, "no structure: every row points the same way", metric)
    if distinct < len(X):
        facts["duplicates"] = len(X) - distinct
    reduced = pca(X, pca_dims or X.shape[1])
    # shares of the whole variance, also where a first reduction has left some of it out
    kept = float(representation.transform.get("explained_variance", 1.0))
    return Basis(reduced.scores, representation.name, tuple(kept * float(v) for v in reduced.variance[:SHOWN_COMPONENTS]), metric, "", facts)


def _no_structure(representation: Representation) -> str:
    """Why these vectors have no map, or an empty string."""
    X = representation.X
    finite = np.isfinite(X).all(axis=1)
    if not finite.all():
        return f"no map: {int((~finite).sum()):,} rows hold values that are not finite (first: row {int(finite.argmin())})"
    low, high = X.min(axis=0), X.max(axis=0)
    largest = max(float(high.max()), -float(low.min()))
    if largest > LARGEST:
        return f"no map: values reach {largest:.0e}, too large for distances"
    if largest == 0 and not representation.reduced:
        return "no structure: all activations are 0 (a dead layer)"
    if float((high - low).max()) <= ROUNDING * largest:
        return "no structure: every row is the same (a constant layer)"
    if float((high - low).max()) < SMALLEST:
        return f"no map: values differ by {float((high - low).max()):.0e} at most, too little for distances"
    return ""


def _directions(representation: Representation) -> tuple[NDArray[np.float32], str, dict[str, Any]]:
    """Unit rows, the metric, and what has to be said about rows without a direction."""
    X, transform = representation.X, representation.transform
    if transform.get("unit_rows"):
        zero = int(transform.get("zero_rows", 0))
        note = {"zero_rows": zero, "metric_note": f"{zero:,} rows are zero and have no angle: taken as distance 1 from all others"} if zero else {}
        return X, "cosine", note
    if zero := int((~X.any(axis=1)).sum()):
        return X, "euclidean", {"zero_rows": zero, "metric_note": f"{zero:,} rows are zero and have no angle: euclidean instead of cosine"}
    return unit_rows(X), "cosine", {}


def _distinct_rows(X: NDArray[np.float32]) -> int:
    rows = np.ascontiguousarray(X + np.float32(0))  # -0 and 0 are one value
    return len(np.unique(rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()))


def _none(representation: Representation, note: str, metric: str) -> Basis:
    return Basis(np.zeros((len(representation.X), 0), np.float32), representation.name, (), metric, note)
