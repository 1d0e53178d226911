"""A tensor file of the Projector, and the geometry that makes the page's own PCA, t-SNE and UMAP come out right.

The page's PCA does not centre, and its nearest neighbours (under t-SNE and UMAP, too) are those of the largest dot product, negative
ones thrown away: it takes rows for unit vectors. It makes them so itself ("Sphereize data") from 50 dimensions up; above 200 it projects at
random before PCA. Hence `auto`: narrow tensors are centred, get unit rows and are padded with zeros to 50, so that the page is right
whether Sphereize is on or off and starts alike for every tensor; wide ones are reduced by PCA; what lies between is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Representation
from fmnist_viz.reduce import unit_rows

Normalize = Literal["auto", "unit", "none"]
TensorFormat = Literal["binary", "tsv", "checkpoint"]

SPHEREIZED_FROM = 50  # dimensions
REDUCED_FROM = 1024  # wider tensors (pixels: RAW_PIXELS) are reduced to REDUCED_TO
RAW_PIXELS = 4096
REDUCED_TO = 200
FIT_ROWS = 5000  # rows that PCA axes are fitted on; all rows are projected on them
STAMP = 0xFF  # no UTF-8 text starts so: the server tries text first, and crashes where floats happen to be valid text
LEAST_WIDTH = 3  # of two columns the page makes a blank map
RESOLUTION = 1e-7  # of the mean's length; a centred row shorter than that is rounding, not direction
_BLOCK = 8192  # rows at a time


@dataclass(frozen=True)
class TensorForm:
    """How tensors are written.

    normalize : ``auto`` as above; ``unit``: centred unit rows whatever the width (below 50 padded, above nothing reduced); ``none``: the values as they are,
    padded to three columns;  format : ``binary``, ``tsv`` (plain text) or ``checkpoint`` (TensorFlow variables, as in the article that this follows).
    """

    normalize: Normalize = "auto"
    format: TensorFormat = "binary"


def tensor_bytes(rows: int, width: int, form: TensorForm) -> int:
    """At most how many bytes a tensor file takes."""
    return rows * max(width, SPHEREIZED_FROM) * (16 if form.format == "tsv" else 4)


@dataclass(frozen=True)
class Transform:
    """What is done to raw rows (n, d) on the way to the file: (X - mean) @ axes, unit rows where `unit`, then zeros up to `width`."""

    width: int
    mean: NDArray[np.floating[Any]] | None = None
    axes: NDArray[np.float32] | None = None
    unit: bool = False
    record: dict[str, Any] = field(default_factory=dict)

    def apply(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (n, width), C order, little-endian."""
        out = X if self.mean is None else X - self.mean
        out = out if self.axes is None else out @ self.axes
        if self.unit:
            rounding = np.linalg.norm(out, axis=1) <= RESOLUTION * (0.0 if self.mean is None else float(np.linalg.norm(self.mean)))
            out = unit_rows(np.where(rounding[:, None], 0.0, out))
        if out.shape[1] < self.width:
            out = np.hstack([out, np.zeros((len(out), self.width - out.shape[1]), np.float32)])
        return np.ascontiguousarray(out, dtype="<f4")


def _blocks(X: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    whole = len(rows) == len(X) and np.array_equal(rows, np.arange(len(X)))  # then nothing need be copied
    for start in range(0, len(rows), _BLOCK):
        yield X[start : start + _BLOCK] if whole else X[rows[start : start + _BLOCK]]


def require_finite(representation: Representation, rows: NDArray[np.int64]) -> None:
    """Raise BadInput where a row holds NaN or infinity: one such value blanks the page's whole map."""
    seen = 0
    for block in _blocks(representation.X, rows):
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if len(bad):
            where = representation.sample_ids[rows[seen + bad[0]]]
            fact, remedy = f"row {where} holds NaN or infinity", "Train again with a lower --learning-rate."
            if representation.kind == "brought":
                fact, remedy = fact + ", or a value beyond single precision", "Leave such rows out: the page would show nothing at all."
            raise BadInput("PROJECTOR-NOT-FINITE", f"representation {representation.name!r}", fact, remedy)
        seen += len(block)


def choose_transform(representation: Representation, rows: NDArray[np.int64], normalize: Normalize = "auto") -> Transform:
    """The transform that `normalize` and the width ask for; `record` holds `kind` none / pca / centred unit rows, widths and explained variance."""
    X, width = representation.X, representation.X.shape[1]
    if normalize == "unit" or (normalize == "auto" and width < SPHEREIZED_FROM):
        return _unit(X, rows)
    if normalize == "auto" and width > (RAW_PIXELS if representation.kind == "pixels" else REDUCED_FROM):
        return _pca(X, rows)
    record: dict[str, Any] = {"kind": "none", "width": width}
    return Transform(max(width, LEAST_WIDTH), record=record | ({"zero_padded_to": LEAST_WIDTH} if width < LEAST_WIDTH else {}))


def _unit(X: NDArray[np.float32], rows: NDArray[np.int64]) -> Transform:
    """Centred, then rows of length one; zeros stay zeros."""
    mean = np.asarray(sum(block.sum(axis=0, dtype=np.float64) for block in _blocks(X, rows)) / len(rows), np.float64)
    width = max(X.shape[1], SPHEREIZED_FROM)
    record: dict[str, Any] = {"kind": "centred unit rows", "width": X.shape[1], "mean": mean.tolist()}
    return Transform(width, mean, unit=True, record=record | ({"zero_padded_to": width} if width > X.shape[1] else {}))


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
    return Transform(width, mean, np.ascontiguousarray(axes.T, np.float32), record=record)


def write_tensor(path: Path, representation: Representation, rows: NDArray[np.int64], transform: Transform, *, text: bool = False) -> dict[str, Any]:
    """Write the rows as raw little-endian float32 whose byte 0 is 0xFF, or as `text`; returns `shape`, `bytes` and the stamped value.

    The stamp changes the least significant mantissa bits of the first value only: at most 3.1e-5 of it, or 3.6e-43 for zero. Text is
    tab-separated, nine significant digits, which read back as the same float32.
    """
    stamped: dict[str, float] = {}

    def pour(f: Any) -> None:
        for i, block in enumerate(_blocks(representation.X, rows)):
            values = transform.apply(block)
            if text:
                line = "\t".join(["%.9g"] * transform.width) + "\n"
                f.write("".join([line % tuple(row) for row in values.tolist()]).encode())
                continue
            if i == 0:
                values = values.copy()
                stamped["was"] = float(values[0, 0])
                values.view(np.uint8)[0, 0] = STAMP
                stamped["is"] = float(values[0, 0])
            f.write(values.data)

    write_file(path, pour)
    return {"shape": [len(rows), transform.width], "bytes": path.stat().st_size, **({} if text else {"first_value": stamped})}
