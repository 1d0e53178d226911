"""What a caller hands over beside vectors: labels or tables, pictures, ready-made views; each as the Projector's writer takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.arrays import as_numpy
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import Projection
from fmnist_viz.export.projector import View

LABEL, VALUE = "label", "value"
CHANNELS = (1, 3, 4)
Views = Mapping[str, Any] | Sequence[Projection | View]


def given_table(metadata: Any, header: Sequence[str] | None, count: int) -> dict[str, list[Any]] | None:
    """Columns of `count` cells by name, from a list of labels, rows with or without `header`, columns by name, a data frame, a series, or arrays.

    Labels without a header are called `label`, or `value` where they are numbers with fractions; further columns `column 2` and so on. None stays None.
    Raises BadInput where a column has another length, UsageError where the header does not fit.
    """
    if metadata is None:
        if header:
            raise UsageError("HEADER-ALONE", "metadata_header", "names columns, but there is no metadata", "Give metadata too.")
        return None
    named = _named(metadata)
    if named is not None and header:
        raise UsageError("HEADER-TWICE", "metadata_header", "the metadata names its columns already", "Leave metadata_header out.")
    columns = _unnamed(metadata, header) if named is None else named
    if not columns or not all(columns.values()):
        raise BadInput("METADATA-EMPTY", "metadata", "is empty", "Give one entry per row, or None.")
    for name, cells in columns.items():
        if len(cells) != count:
            where = "metadata" if len(columns) == 1 else f"metadata, column {name[:40]!r}"
            raise BadInput("METADATA-LENGTH", where, f"{len(cells):,} entries for {count:,} rows", "Give one entry per row.")
    return columns


def _named(metadata: Any) -> dict[str, list[Any]] | None:
    """The columns of what names them itself; None for what does not."""
    if hasattr(metadata, "iloc") and hasattr(metadata, "columns"):
        return _unique([(name, metadata.iloc[:, i].tolist()) for i, name in enumerate(metadata.columns)])
    if hasattr(metadata, "iloc"):
        return {LABEL if metadata.name is None else str(metadata.name): metadata.tolist()}
    if isinstance(metadata, Mapping):
        return _unique([(name, _listed(cells, f"metadata, column {str(name)[:40]!r}")) for name, cells in metadata.items()])
    if getattr(getattr(metadata, "dtype", None), "names", None):
        return {name: metadata[name].tolist() for name in metadata.dtype.names}
    return None


def _unique(columns: Sequence[tuple[Any, list[Any]]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for number, (name, cells) in enumerate(columns, start=1):
        found[str(name) if str(name) not in found else f"{name} {number}"] = cells
    return found


def _unnamed(metadata: Any, header: Sequence[str] | None) -> dict[str, list[Any]]:
    cells = _listed(metadata, "metadata")
    names = [header] if isinstance(header, str) else [str(name) for name in header or ()]
    rows = [_listed(cell, "metadata") if _is_row(cell) else [cell] for cell in cells]
    width = len(rows[0]) if rows else 0
    for i, row in enumerate(rows):
        if len(row) != width:
            raise BadInput("METADATA-RAGGED", "metadata", f"row {i} has {len(row)} cells, the first has {width}", "Give rows of equal length.")
    if names and rows and len(names) != width:
        raise UsageError("HEADER-LENGTH", "metadata_header", f"{len(names)} names for {width} columns", "Give one name per column.")
    turned = [list(column) for column in zip(*rows, strict=True)]
    first = VALUE if turned and any(isinstance(cell, (float, np.floating)) and cell % 1 for cell in turned[0]) else LABEL
    return _unique([(names[i] if names else first if i == 0 else f"column {i + 1}", column) for i, column in enumerate(turned)])


def _is_row(cell: Any) -> bool:
    return isinstance(cell, (list, tuple)) or (isinstance(cell, np.ndarray) and cell.ndim == 1)


def _listed(cells: Any, what: str) -> list[Any]:
    """A sequence, array or tensor as a list of plain values; bytes as text."""
    if isinstance(cells, (str, bytes)) or not (hasattr(cells, "__len__") or hasattr(cells, "__iter__")):
        raise BadInput("METADATA-KIND", what, f"{cells!r:.60} is a single value", "Give a list with one entry per row.")
    tensor = not isinstance(cells, (list, tuple, range)) and (hasattr(cells, "__array__") or hasattr(cells, "numpy"))
    found = as_numpy(cells, what).tolist() if tensor else list(cells)
    return [cell.decode(errors="replace") if isinstance(cell, bytes) else _plain(cell) for cell in found]


def _plain(cell: Any) -> Any:
    """A tensor or array of a single value as that value."""
    return as_numpy(cell, "metadata").item() if getattr(cell, "shape", None) == () else cell


def given_pictures(images: Any, count: int, *, what: str = "images", channels_first: bool = False) -> NDArray[np.uint8] | None:
    """Pictures as uint8 (n, h, w, 1 or 3), from uint8 or other whole numbers 0..255, floats 0..1 or truth values.

    Shapes (n, h, w), (n, h, w, c) and (n, c, h, w) with c of 1, 3 or 4. Which of the two it is the axis says that alone can be c; where both can,
    `channels_first` decides. The fourth channel is opacity, over white. Raises BadInput for other shapes, counts and ranges.
    """
    if images is None:
        return None
    found = as_numpy(images, what)
    if found.ndim == 3:
        found = found[..., None]
    elif found.ndim == 4 and found.shape[1] in CHANNELS and (channels_first or found.shape[-1] not in CHANNELS):
        found = found.transpose(0, 2, 3, 1)
    if found.ndim != 4 or found.shape[-1] not in CHANNELS or 0 in found.shape[1:]:
        fact = f"shape {np.shape(found)}, expected (n, h, w), (n, h, w, c) or (n, c, h, w) with 1, 3 or 4 channels"
        raise BadInput("IMAGES-SHAPE", what, fact, "Reshape them.")
    if len(found) != count:
        raise BadInput("IMAGES-LENGTH", what, f"{len(found):,} pictures for {count:,} rows", "Give one picture per row.")
    pixels = _bytes(found, what)
    return pixels if pixels.shape[-1] < 4 else _over_white(pixels)


def _bytes(found: NDArray[Any], what: str) -> NDArray[np.uint8]:
    if found.dtype == np.uint8:
        return found
    if found.dtype.kind not in "biuf" and "float" not in str(found.dtype):
        raise BadInput("IMAGES-DTYPE", what, f"their values are {found.dtype}", "Give uint8, or floats from 0 to 1.")
    whole = found.dtype.kind in "iu"
    top = 255 if whole else 1
    low, high = found.min(), found.max()
    if not (low >= 0 and high <= top):
        fact = f"values from {low} to {high}, expected 0 to {top} for {found.dtype}"
        raise BadInput("IMAGES-RANGE", what, fact, "Give uint8, or divide so that floats lie from 0 to 1.")
    return found.astype(np.uint8) if whole else np.rint(found.astype(np.float32) * 255).astype(np.uint8)


def _over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opacity = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(255 + (pixels[..., :3].astype(np.float32) - 255) * opacity).astype(np.uint8)


def given_views(views: Views | None, ids: NDArray[np.str_]) -> list[View]:
    """Ready-made maps of the rows `ids` as views: coordinates (n, 2 or 3) by label, or projections and views as they are.

    A label that begins with PCA opens in the page's PCA tab, all others in its UMAP tab: it leaves both alone.
    Raises BadInput for coordinates of another shape or that are not finite.
    """
    if views is None:
        return []
    pairs: list[tuple[str, Any]] = [(str(k), v) for k, v in views.items()] if isinstance(views, Mapping) else [("", view) for view in views]
    return [_view(label, given, ids) for label, given in pairs]


def _view(label: str, given: Any, ids: NDArray[np.str_]) -> View:
    import dataclasses

    ready = View.of(given) if isinstance(given, Projection) else given
    if isinstance(ready, View):
        label = label or ready.label
        _check(label, ready.coords, len(ids))
        return dataclasses.replace(ready, label=label, sample_ids=ids)
    coords = as_numpy(given, f"view {label[:40]!r}")
    _check(label, coords, len(ids))
    slot: Any = "pca" if label.lower().startswith("pca") else "umap"
    return View(label or "view", slot, np.ascontiguousarray(coords, np.float32), ids, "given")


def _check(label: str, coords: NDArray[Any], count: int) -> None:
    what = f"view {label[:40]!r}"
    if coords.ndim != 2 or len(coords) != count or coords.shape[1] not in (2, 3):
        raise BadInput("VIEW-SHAPE", what, f"shape {coords.shape}, expected ({count}, 2) or ({count}, 3)", "Give one point per row.")
    if coords.dtype.kind not in "biuf" and "float" not in str(coords.dtype):
        raise BadInput("VIEW-DTYPE", what, f"its values are {coords.dtype}, not real numbers", "Give floats.")
    with np.errstate(over="ignore"):
        bad = np.flatnonzero(~np.isfinite(coords.astype(np.float32)).all(axis=1))
    if len(bad):
        raise BadInput("VIEW-NOT-FINITE", what, f"row {bad[0]} holds NaN or infinity", "Leave such rows out, of the matrix too.")
