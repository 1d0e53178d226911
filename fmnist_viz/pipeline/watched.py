"""What a callback watches: images as the model is fed them, as they are shown, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.arrays import as_numpy
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import LabeledImages, Source
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.pipeline.given import given_pictures

MOST = 85_264  # thumbnails of 28 px on the largest sheet that the page takes
UNLABELLED = "unlabelled"
Given = dict[str, Any]


@dataclass(frozen=True)
class Watched:
    """fed : (n, ...), any dtype, exactly as given;  shown : the same as thumbnails, with labels, ids being row numbers as given;
    named : whether the classes' names, and with them their number, were given;  numbered : whether label i is the model's output i (of names without
    `class_names` the order is not known);  notes : what was decided, in words."""

    fed: NDArray[Any]
    shown: LabeledImages
    named: bool
    numbered: bool
    notes: tuple[str, ...]


def watched(images: Any, labels: Any, class_names: Sequence[str] | None, *, pictures: Any, max_points: int, seed: int) -> Watched:
    """Check and join what was given; of more than `max_points` rows a stratified sample. Raises BadInput where the parts do not fit."""
    fed = as_numpy(images, "images") if images is not None else None
    if fed is None or fed.ndim < 2 or len(fed) < 2:
        found = "there are none" if fed is None else f"shape {fed.shape}"
        raise BadInput("IMAGES-SHAPE", "images", f"{found}, expected (n, ...) with n of 2 or more", "Give what the model is fed.")
    codes, names = given_labels(labels, class_names, len(fed))
    rows = stratified_rows(codes, min(max_points, MOST, len(fed)), seed=seed)
    notes = [] if len(rows) == len(fed) else [f"{len(fed):,} images were given: a stratified sample of {len(rows):,} is looked at"]
    if pictures is not None:
        shown = given_pictures(as_numpy(pictures, "pictures"), len(fed), what="pictures")
        assert shown is not None
        shown = shown[rows]
    else:
        shown, how = thumbnails(fed[rows])
        notes += [how] if how else []
    pictured = LabeledImages(shown, codes[rows], names, rows.astype(np.str_), "given", Source("memory", "images", ""))
    texts = labels is not None and as_numpy(labels, "labels").dtype.kind in "OSU"
    return Watched(fed[rows], pictured, class_names is not None, class_names is not None or not texts, tuple(notes))


def given_labels(labels: Any, class_names: Sequence[str] | None, count: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(class numbers int64 (n,), class names) from whole numbers (n,) or (n, 1), one-hot rows (n, c), names (n,), or None.

    Names without `class_names` are numbered in alphabetical order. Raises BadInput for other shapes and kinds, and for labels that have no name.
    """
    if labels is None:
        return np.zeros(count, np.int64), (UNLABELLED,)
    found = as_numpy(labels, "labels")
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim == 2:
        found = found.argmax(axis=1)
    if found.ndim != 1 or len(found) != count:
        raise BadInput("LABELS-SHAPE", "labels", f"shape {np.shape(labels)} for {count:,} images", "Give one class per image.")
    if found.dtype.kind in "OSU":
        texts = [cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in found.tolist()]
        names = tuple(map(str, class_names)) if class_names is not None else tuple(sorted(set(texts)))
        if missing := sorted(set(texts) - set(names)):
            raise BadInput("LABELS-UNKNOWN", "labels", f"hold {missing[0]!r}, which is none of the class_names", "Give every class's name.")
        place = {name: i for i, name in enumerate(names)}
        return np.array([place[text] for text in texts], np.int64), names
    if found.dtype.kind not in "biuf" or (found.dtype.kind == "f" and not (found == np.rint(found)).all()) or found.min() < 0:
        raise BadInput("LABELS-KIND", "labels", "are not whole numbers from 0, one-hot rows or names", "Give the number of each image's class.")
    codes = found.astype(np.int64)
    names = tuple(map(str, class_names)) if class_names is not None else tuple(map(str, range(int(codes.max()) + 1)))
    if codes.max() >= len(names):
        raise BadInput("LABELS-UNKNOWN", "labels", f"hold {codes.max()}, but there are {len(names)} class_names", "Give every class's name.")
    return codes, names


def thumbnails(fed: NDArray[Any]) -> tuple[NDArray[np.uint8], str]:
    """(uint8 (n, h, w, 1 or 3), what had to be decided) of images (n, h, w[, 1, 3 or 4]): values 0..255 stay, 0..1 are stretched to it, of others lowest and
    highest are made black and white. What has no shape of pictures has none: (n, 0, 0, 1).
    """
    none = np.zeros((len(fed), 0, 0, 1), np.uint8)
    if fed.ndim not in (3, 4) or (fed.ndim == 4 and fed.shape[-1] not in (1, 3, 4)) or fed.dtype.kind not in "biuf" or 0 in fed.shape:
        return none, f"no thumbnails: shape {fed.shape[1:]} is not that of pictures (give them as `pictures`)"
    how, values = "", fed
    if fed.dtype != np.uint8:
        values = fed.astype(np.float32)
        low, high = float(values.min()), float(values.max())
        if not np.isfinite([low, high]).all():
            return none, "no thumbnails: the images hold values that are not finite"
        if low >= 0 and 1 < high <= 255:
            values = values / 255
        elif low < 0 or high > 255:
            values, how = (values - low) / ((high - low) or 1), f"thumbnails: values from {low:.3g} to {high:.3g} are shown as black to white"
    made = given_pictures(values, len(fed))
    assert made is not None
    return made, how
