"""A tensor file of the Projector, and the geometry that makes the page's own PCA, t-SNE and UMAP come out right.

The page neither centres nor normalises rows unless its "Sphereize data" is on, which it switches on by itself from
50 dimensions up; above 200 it projects at random before PCA. Hence: narrow tensors are centred and padded with zeros
to 50, wide ones are reduced by PCA, and what lies between is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Representation

SPHEREIZED_FROM = 50  # dimensions
REDUCED_FROM = 1024  # wider tensors (pixels: RAW_PIXELS) are reduced to REDUCED_TO
RAW_PIXELS = 4096
REDUCED_TO = 200
FIT_ROWS = 5000  # rows that PCA axes are fitted on; all rows are projected on them
STAMP = 0xFF  # no UTF-8 text starts so: the server tries text first, and crashes where floats happen to be valid text
_BLOCK = 8192  # rows at a time


@dataclass(frozen=True)
class Transform:
    """What is done to raw rows (n, d) on the way to the file: (X - mean) @ axes, then zeros up to `width`."""

    width: int
    mean: NDArray[np.float32] | None = None
    axes: NDArray[np.float32] | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def apply(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (n, width), C order, little-endian."""
        out = X if self.mean is None else X - self.mean
        out = out if self.axes is None else out @ self.axes
        if out.shape[1] < self.width:
            out = np.hstack([out, np.zeros((len(out), self.width - out.shape[1]), np.float32)])
        return np.ascontiguousarray(out, dtype="<f4")


def _blocks(X: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), _BLOCK):
        yield X[rows[start : start + _BLOCK]]


def require_finite(representation: Representation, rows: NDArray[np.int64]) -> None:
    """Raise BadInput where a row holds NaN or infinity: one such value blanks the page's whole map."""
    seen = 0
    for block in _blocks(representation.X, rows):
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            where = representation.sample_ids[rows[seen + bad[0]]]
            fact, remedy = f"row {where} holds NaN or infinity", "Train again with a lower --learning-rate."
            raise BadInput("PROJECTOR-NOT-FINITE", f"representation {representation.name!r}", fact, remedy)
        seen += len(block)


def choose_transform(representation: Representation, rows: NDArray[np.int64]) -> Transform:
    """The transform that its width asks for; `record` holds `kind` none / pca / centred, widths and explained variance."""
    X, width = representation.X, representation.X.shape[1]
    if width > (RAW_PIXELS if representation.kind == "pixels" else REDUCED_FROM):
        return _pca(X, rows)
    if width >= SPHEREIZED_FROM:
        return Transform(width, record={"kind": "none", "width": width})
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in _blocks(X, rows)) / len(rows)
    record = {"kind": "centred", "width": width, "zero_padded_to": SPHEREIZED_FROM, "mean": np.asarray(mean).tolist()}
    return Transform(SPHEREIZED_FROM, np.asarray(mean, np.float32), record=record)


def _pca(X: NDArray[np.float32], rows: NDArray[np.int64]) -> Transform:
    """Randomised PCA (Halko, Martinsson, Tropp 2011) to at most `REDUCED_TO` dimensions, fitted on evenly spaced rows."""
    from sklearn.utils.extmath import randomized_svd

    fit = X[rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), FIT_ROWS)).astype(np.int64))]]
    mean = fit.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = fit - mean
    dims = min(REDUCED_TO, *fit.shape)
    # One power iteration loses 0.2 % of the variance that more would find, and takes a third of the time.
    _, values, axes = randomized_svd(centred, dims, n_iter=1, random_state=0)
    total = float(np.square(centred, dtype=np.float64).sum())
    share = float(np.square(values, dtype=np.float64).sum()) / total if total else 1.0
    width = max(dims, SPHEREIZED_FROM)
    record = {"kind": "pca", "raw_width": X.shape[1], "dims": dims, "explained_variance": round(share, 6), "fitted_rows": len(fit), "seed": 0}
    if width > dims:
        record["zero_padded_to"] = width
    return Transform(width, mean, np.ascontiguousarray(axes.T, np.float32), record)


def write_tensor(path: Path, representation: Representation, rows: NDArray[np.int64], transform: Transform) -> dict[str, Any]:
    """Write the rows as raw little-endian float32 whose byte 0 is 0xFF; returns `shape`, `bytes` and the stamped value.

    The stamp changes the least significant mantissa bits of the first value only: at most 3.1e-5 of it, or 3.6e-43 for zero.
    """
    stamped: dict[str, float] = {}

    def pour(f: Any) -> None:
        for i, block in enumerate(_blocks(representation.X, rows)):
            raw = bytearray(transform.apply(block).tobytes())
            if i == 0:
                stamped["was"] = float(np.frombuffer(raw, "<f4", 1)[0])
                raw[0] = STAMP
                stamped["is"] = float(np.frombuffer(raw, "<f4", 1)[0])
            f.write(raw)

    write_file(path, pour)
    return {"shape": [len(rows), transform.width], "bytes": path.stat().st_size, "first_value": stamped}
