"""The last step of every reader: decoded splits, checked against each other, become a DataSet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet, LabeledImages, Source
from fmnist_viz.data.labels import within
from fmnist_viz.data.pixels import resize


@dataclass(frozen=True)
class Decoded:
    """One split as a reader hands it over.

    images : uint8 (n, h, w, c);  labels : int64 (n,);  rows : int64 (n,), row numbers in the original;
    subject, label_subject : what a message about pixels or labels should name.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    subject: str
    rows: NDArray[np.int64] | None = None
    label_subject: str = ""

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise BadInput("COUNT-MISMATCH", self.subject, f"{len(self.images):,} images but {len(self.labels):,} labels", "Give files that belong together.")


def payload_sha256(splits: Mapping[str, Decoded]) -> str:
    """SHA-256 (64 hex digits) over split names, shapes, pixels and labels: equal for every container that held the same."""
    h = hashlib.sha256()
    for name, split in splits.items():
        h.update(f"{name}{split.images.shape}".encode())
        h.update(np.ascontiguousarray(split.images).data)
        h.update(np.ascontiguousarray(split.labels.astype("<i8", copy=False)).data)
    return h.hexdigest()


def assemble(splits: Mapping[str, Decoded], class_names: Sequence[str], source: Source, *, side: int = 0) -> DataSet:
    """A DataSet of "train" and "test", or of the one split there is, which then is "test".

    `source.sha256` is computed where it is empty. `side` > 0 resizes every image and says so in the notes.

    Raises
    ------
    BadInput
        For a label outside the classes, a number of channels other than 1 or 3, or splits of different image shapes.
    """
    for split in splits.values():
        within(split.labels, len(class_names), split.label_subject or split.subject)
        if split.images.ndim != 4 or split.images.shape[3] not in (1, 3) or 0 in split.images.shape:
            raise BadInput("IMAGE-SHAPE", split.subject, f"images have the shape {split.images.shape}, expected (n, h, w, 1 or 3)", "Save them so.")
    done = dict(splits)
    if side:
        source = replace(source, notes=(*source.notes, *_resize_note(splits, side)), sha256="")
        done = {name: replace(split, images=_resized(split.images, side)) for name, split in splits.items()}
    shapes = {name: split.images.shape[1:] for name, split in done.items()}
    if len(set(shapes.values())) > 1:
        said = " vs ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
        raise BadInput("SHAPE-MISMATCH", done["test"].subject, f"the splits differ in image shape: {said}", "Use --resize, or splits that belong together.")
    if not source.sha256:
        source = replace(source, sha256=payload_sha256(done))
    made = {name: _labeled(split, name, tuple(class_names), source) for name, split in done.items()}
    return DataSet(made.get("train"), made["test"])


def _resized(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    return images if images.shape[1:3] == (side, side) else resize(images, side)


def _resize_note(splits: Mapping[str, Decoded], side: int) -> tuple[str, ...]:
    old = sorted({split.images.shape[1:3] for split in splits.values()} - {(side, side)})
    return tuple(f"images were resized from {h}x{w} to {side}x{side}" for h, w in old)


def _labeled(split: Decoded, name: str, class_names: tuple[str, ...], source: Source) -> LabeledImages:
    rows = range(len(split.images)) if split.rows is None else split.rows.tolist()
    ids = np.array([f"{name}/{row}" for row in rows], dtype=np.str_)
    return LabeledImages(split.images, split.labels, class_names, ids, name, source)
