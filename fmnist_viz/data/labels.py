"""Labels are whole numbers 0..classes-1: nothing else passes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.data.gate import listed, shown

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
MAX_CLASSES = 65_535


def whole_labels(labels: NDArray[Any], subject: str) -> NDArray[np.int64]:
    """Labels (n,) or (n, 1) of any numeric dtype as int64 (n,); raises BadInput where one is no whole number >= 0."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = "Save class numbers: labels.argmax(axis=1)." if labels.ndim == 2 else "Save one class number per image."
        raise BadInput("LABEL-SHAPE", subject, f"labels have the shape {labels.shape}, expected (n,)", hint)
    if labels.dtype.kind not in "uifb":
        raise BadInput("LABEL-DTYPE", subject, f"labels are {labels.dtype}, expected whole numbers", "Save class numbers 0, 1, 2 ...")
    if labels.dtype.kind == "f":
        broken = np.flatnonzero(~(np.isfinite(labels) & (labels == np.floor(labels)) & (np.abs(labels) < 2**53)))
        if len(broken):
            raise BadInput("LABEL-DTYPE", subject, f"label {labels[broken[0]]:g} at row {broken[0]} is no whole number", "Save class numbers 0, 1, 2 ...")
    if labels.dtype.kind == "u" and len(labels) and int(labels.max()) >= 2**63:
        row = int(labels.argmax())
        raise BadInput("LABEL-RANGE", subject, f"label {int(labels[row])} at row {row} is out of range", f"At most {MAX_CLASSES:,} classes are supported.")
    return labels.astype(np.int64)


def within(labels: NDArray[np.int64], classes: int, subject: str) -> None:
    """Raise BadInput that names the first label outside 0..classes-1 and its row."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        row = int(wrong[0])
        more = f" ({len(wrong):,} such labels)" if len(wrong) > 1 else ""
        raise BadInput("LABEL-RANGE", subject, f"label {labels[row]} at row {row}, classes are 0..{classes - 1}{more}", "Correct the labels or the classes.")


def numbered_classes(labels: Sequence[NDArray[np.int64]], subjects: Sequence[str]) -> tuple[str, ...]:
    """Names "0".."max" for labels that come without names; raises BadInput for negative labels and for too many classes."""
    for values, subject in zip(labels, subjects, strict=True):
        within(values, MAX_CLASSES, subject)
    return tuple(str(i) for i in range(1 + max(int(values.max()) for values in labels)))


def distinct_names(names: Sequence[str], subject: str) -> tuple[str, ...]:
    """The class names as given; raises BadInput where two are the same, or look the same (Unicode NFC and NFD)."""
    seen: dict[str, str] = {}
    twins = []
    for name in names:
        key = unicodedata.normalize("NFC", name)
        if key in seen:
            how = "twice" if seen[key] == name else "twice, in two Unicode spellings"
            twins.append(f"{shown(name)!r} {how}")
        seen[key] = name
    if twins:
        raise BadInput("CLASS-TWINS", subject, f"class names must differ: {listed(twins)}", "Rename or join those classes.")
    if len(names) > MAX_CLASSES:
        raise BadInput("CLASS-COUNT", subject, f"{len(names):,} classes, at most {MAX_CLASSES:,} are supported", "Join classes.")
    return tuple(names)
