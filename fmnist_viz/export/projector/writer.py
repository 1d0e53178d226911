"""Writes a Projector folder: tensors, metadata, thumbnails and precomputed maps, the configuration last."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, Damaged, UsageError
from fmnist_viz.core.store import need_space, staged_folder, write_file, write_json
from fmnist_viz.core.types import LabeledImages, Projection, Representation, read_only
from fmnist_viz.export.projector.bookmarks import bookmarks_json
from fmnist_viz.export.projector.check import MAX_POINTS, check_folder
from fmnist_viz.export.projector.checkpoint import into_checkpoint
from fmnist_viz.export.projector.config import CONFIG, Entry, config_text, tensor_name, write_event_file
from fmnist_viz.export.projector.metadata import NEXT_ROW, Columns, class_codes, color_column, label_column, table_rows, take_rows, text_columns, tsv
from fmnist_viz.export.projector.tensor import TensorForm, choose_transform, require_finite, tensor_bytes, write_tensor
from fmnist_viz.export.projector.view import View
from fmnist_viz.export.sprite import write_sprite

if TYPE_CHECKING:
    import pandas as pd

METADATA, SPRITE = "metadata.tsv", "sprite.png"
LEAST = 16  # the page asks for 15 neighbours of every point, and its UMAP ends with an error where there are no more points than that
SUFFIXES = {"binary": ".bytes", "tsv": ".tensor.tsv", "checkpoint": ".bytes"}  # a checkpoint takes the values over from there
DEFAULT = TensorForm()


@dataclass(frozen=True)
class ProjectorTensor:
    """One tensor to show: a representation with all its rows, and what belongs to those rows.

    views : maps of the same rows, as projections or ready views;  metadata : one row per row, a data frame or columns by name, None for the shared table of
    the samples (of other tensors: their ids);  images : uint8 (n, h, w, 1 or 3), None for the shared thumbnails of the samples (of other tensors: none);
    invert : whether these are inverted, None to ask `on_black`;  title : what the tensor is called after its number, by default the
    representation's name;  group : letters before the number of a tensor with rows of its own, which sort and number such tensors;
    next_row : int64 (n,), the row to which the page draws a line from each row, a later one, or -1 where a line ends (tensors with rows of their own).
    """

    representation: Representation
    views: Sequence[Projection | View] = ()
    metadata: pd.DataFrame | Mapping[str, Sequence[Any]] | None = None
    images: NDArray[np.uint8] | None = None
    title: str = ""
    group: str = "w"
    invert: bool | None = False
    next_row: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n, name = len(self.representation.X), self.representation.name
        object.__setattr__(self, "views", tuple(View.of(view) if isinstance(view, Projection) else view for view in self.views))
        for view in self.views:
            if not view.note and not np.array_equal(view.sample_ids, self.representation.sample_ids):
                raise ValueError(f"{name}: the {view.method} view has other rows")
        for what, count in (
            ("metadata", n if self.metadata is None else table_rows(self.metadata)),
            ("images", n if self.images is None else len(self.images)),
        ):
            if count != n:
                raise ValueError(f"{name}: {count} {what} for {n} rows")
        if self.next_row is not None:
            object.__setattr__(self, "next_row", read_only(self.next_row, np.int64, (n,), "next_row"))
            if not ((self.next_row == -1) | ((self.next_row > np.arange(n)) & (self.next_row < n))).all():
                raise ValueError(f"{name}: next_row leads back, or out of the table: the page would follow it for ever")


def class_order(rows: NDArray[np.int64], labels: NDArray[np.int64], correct: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The rows with one of each class, in class order, at the front; the others keep their order.

    The page gives its i-th colour to the i-th value it meets, so this is what makes a class's colour there the same
    as `core.palette` gives it. `correct` bool (all rows): a rightly predicted row leads where there is one, so that
    the columns `predicted` and `correct` come in the same order.
    """
    at = labels[rows]
    good = np.ones(len(rows), bool) if correct is None else correct[rows]
    lead = [int(np.flatnonzero(at == c)[np.argmax(good[at == c])]) for c in np.unique(at)]
    return np.concatenate([rows[lead], np.delete(rows, lead)])


def sample_columns(images: LabeledImages, metadata: pd.DataFrame, rows: NDArray[np.int64]) -> Columns:
    """The shared table of the given rows: `metadata`, and `label` first and `sample_id` last where it lacks them."""
    table = metadata.iloc[rows].copy()
    if "label" not in table.columns:
        table.insert(0, "label", np.asarray(images.class_names, object)[images.labels[rows]])
    if "sample_id" not in table.columns:
        table["sample_id"] = images.sample_ids[rows]
    return text_columns(table)


@dataclass(frozen=True)
class _Assets:
    """Metadata and thumbnails that one or more tensors share."""

    columns: Columns
    metadata: str
    sprite: str = ""
    thumb: int = 0


def _write_entry(folder: Path, tensor: ProjectorTensor, name: str, rows: NDArray[np.int64], assets: _Assets, form: TensorForm) -> tuple[Entry, dict[str, Any]]:
    """Tensor, sidecar and bookmarks of one tensor; returns its configuration entry and its facts."""
    representation = tensor.representation
    require_finite(representation, rows)
    transform, file = choose_transform(representation, rows, form.normalize), name + SUFFIXES[form.format]
    written = write_tensor(folder / file, representation, rows, transform, text=form.format == "tsv")
    every = [view for view in tensor.views if isinstance(view, View)]
    views = [view for view in every if not view.note]
    facts: dict[str, Any] = {
        "name": name, "file": file, "format": form.format, "normalize": form.normalize, **written,
        "representation": representation.name, "kind": representation.kind, "model": representation.model,
        "epoch": representation.epoch, "raw_width": representation.raw_width, "came_reduced": dict(representation.transform), "transform": transform.record,
        "views": [{"method": v.method, "slot": v.slot, "label": v.label, "dimensions": v.coords.shape[1], "selected": len(v.selected)} for v in views],
        "views_without_map": [{"method": v.method, "note": v.note} for v in every if v.note],
    }  # fmt: skip
    bookmarks = f"{name}.bookmarks.json" if views else ""
    if bookmarks:
        columns = assets.columns
        state = {"shape": written["shape"], "color_by": color_column(columns), "label_by": label_column(columns), "classes": class_codes(columns)}
        text = bookmarks_json(views, rows, **state)
        write_file(folder / bookmarks, text)
    write_json(folder / f"{name}.json", facts)
    return Entry(name, tuple(written["shape"]), facts["file"], assets.metadata, bookmarks, assets.sprite, assets.thumb), facts


def _own_assets(folder: Path, tensor: ProjectorTensor, name: str, rows: NDArray[np.int64], shared: _Assets | None) -> _Assets:
    """The tensor's own table and thumbnails where it brings them, else the shared ones (None: its ids, and no images)."""
    columns, metadata = (shared.columns, shared.metadata) if shared else ({}, "")
    if tensor.metadata is not None or shared is None:
        every = range(len(tensor.representation.X))
        table = {"name": tensor.representation.sample_ids.tolist(), "row": every} if tensor.metadata is None else tensor.metadata
        columns, metadata = text_columns(take_rows(table, rows)), f"{name}.tsv"
        if tensor.next_row is not None and shared is None:
            columns[NEXT_ROW] = [str(row) for row in tensor.next_row]  # the page takes -1 for an end, and stumbles over empty cells
        write_file(folder / metadata, tsv(columns))
    sprite, thumb = (shared.sprite, shared.thumb) if shared else ("", 0)
    if tensor.images is not None:
        drawn = write_sprite(folder / f"{name}.png", tensor.images, rows=rows, invert=tensor.invert)
        sprite, thumb = drawn["file"], drawn["thumb"]
    return _Assets(columns, metadata, sprite, thumb)


def _require(samples: Sequence[ProjectorTensor], images: LabeledImages, metadata: pd.DataFrame, rows: NDArray[np.int64]) -> None:
    if len(rows) < 2:
        raise BadInput("PROJECTOR-TOO-FEW", "the Projector", f"{len(rows)} images to show", "Give at least 2 labelled images.")
    if len(rows) > MAX_POINTS:
        raise UsageError("PROJECTOR-TOO-MANY", "the Projector", f"{len(rows):,} images to show; its page takes the first {MAX_POINTS:,}", "Choose fewer.")
    if not samples or len(metadata) != len(images):
        raise ValueError(f"{len(samples)} sample tensors, {len(metadata)} metadata rows for {len(images)} images")
    for tensor in samples:
        if not np.array_equal(tensor.representation.sample_ids, images.sample_ids):
            raise ValueError(f"{tensor.representation.name}: other rows than the images")


def _correct(images: LabeledImages, metadata: pd.DataFrame) -> NDArray[np.bool_] | None:
    """Rightly predicted rows, from `predicted`, where the table has it."""
    if "predicted" not in metadata.columns:
        return None
    truth = metadata["label"] if "label" in metadata.columns else np.asarray(images.class_names, object)[images.labels]
    return np.asarray(metadata["predicted"].astype(str).to_numpy() == np.asarray(truth).astype(str), dtype=np.bool_)


def write_tensors(folder: Path, tensors: Sequence[ProjectorTensor], *, form: TensorForm = DEFAULT) -> list[dict[str, Any]]:
    """A Projector folder of tensors that share nothing: each with its own table and thumbnails, all rows, in their order.

    `folder` exists, is empty, and is published by the caller; tensors are named as titled. Returns the facts of each; raises as `write_projector`.
    """
    need_space(folder, sum(tensor_bytes(len(t.representation.X), t.representation.X.shape[1], form) for t in tensors), what="the Projector folder")
    written = []
    for tensor in tensors:
        rows = np.arange(len(tensor.representation.X))
        name = tensor.title or tensor.representation.name
        written.append(_write_entry(folder, tensor, name, rows, _own_assets(folder, tensor, name, rows, None), form))
    written = into_checkpoint(folder, written) if form.format == "checkpoint" else written
    publish_config(folder, [entry for entry, _ in written])
    return [facts for _, facts in written]


def publish_config(folder: Path, entries: Sequence[Entry]) -> Path:
    """The event file, and last the configuration, once all files keep TensorBoard's rules; returns the event file's path.

    Raises Damaged where they do not: a broken configuration would take the tab down for every run.
    """
    config = config_text(entries)
    found = check_folder(folder, config=config)
    if found:
        raise Damaged("PROJECTOR-BROKEN", folder.name, "; ".join(found[:3]), "This is a bug of this program; please report it.")
    event = write_event_file(folder)
    write_file(folder / CONFIG, config)
    return event


@contextlib.contextmanager
def projector_folder(final: Path) -> Iterator[Path]:
    """A temporary folder that becomes `final` as a whole, and whose event file comes last, when everything stands under its final name.

    TensorBoard lists every folder that holds an event file, one that is staged, too; and where a tensor that it has read of is gone by
    the time it looks, it may call the Projector inactive until it is started again.
    """
    with staged_folder(final) as staged:
        yield staged
        held = {path.name: path.read_bytes() for path in staged.glob("*tfevents*")}
        for name in held:
            (staged / name).unlink()
    for name, raw in held.items():
        write_file(final / name, raw)


def write_projector(
    folder: Path,
    *,
    samples: Sequence[ProjectorTensor],
    others: Sequence[ProjectorTensor] = (),
    images: LabeledImages,
    metadata: pd.DataFrame,
    rows: NDArray[np.int64],
    form: TensorForm = DEFAULT,
) -> dict[str, Any]:
    """Write a complete Projector folder into `folder`, which exists, is empty, and is published by the caller.

    Parameters
    ----------
    samples
        Tensors whose rows are the images' (same `sample_ids`, same order): pixels first, then the layers in order.
        They share the metadata table and the thumbnails, unless they bring their own.
    others
        Tensors with rows of their own (weights); all rows are written. Those with fewer than `LEAST` rows, with which
        the page's own UMAP stops with an error, or without a column are left out, and named in the facts.
    metadata
        One row per image; see `sample_columns` and `text_columns` for what is made of it.
    rows
        int64 (m,), which images are shown; reordered by `class_order`.
    form
        Geometry and file format of every tensor.

    Returns
    -------
    dict
        `rows`, `tensors` (name, file, shape, bytes, transform, views ...), `skipped`, `sprite`, `metadata`
        (file, columns, color_by), `config`, `event_file`: JSON-ready, for the manifest.

    Raises
    ------
    BadInput
        Fewer than two images; a NaN or infinity in a tensor.
    UsageError
        More images than the page takes (100,000).
    Damaged
        What was written breaks a rule of TensorBoard's; the configuration is then not written.
    """
    rows = np.asarray(rows, np.int64)
    _require(samples, images, metadata, rows)
    rows = class_order(rows, images.labels, _correct(images, metadata))
    need_space(folder, sum(tensor_bytes(len(rows), t.representation.X.shape[1], form) for t in samples), what="the Projector folder")
    sprite: dict[str, Any] = write_sprite(folder / SPRITE, images.images, rows=rows) if images.pictured else {"file": "", "thumb": 0}
    shared = _Assets(sample_columns(images, metadata, rows), METADATA, sprite["file"], sprite["thumb"])
    write_file(folder / METADATA, tsv(shared.columns))
    written = []
    for i, tensor in enumerate(samples):
        name = tensor_name("", i, len(samples), tensor.title or tensor.representation.name)
        written.append(_write_entry(folder, tensor, name, rows, _own_assets(folder, tensor, name, rows, shared), form))
    shown = [tensor for tensor in others if min(tensor.representation.X.shape) >= 1 and LEAST <= len(tensor.representation.X) <= MAX_POINTS]
    numbers: Counter[str] = Counter()
    for tensor in shown:
        numbers[tensor.group] += 1
        name = tensor_name(tensor.group, numbers[tensor.group], len(shown), tensor.title or tensor.representation.name)
        every = np.arange(len(tensor.representation.X))
        written.append(_write_entry(folder, tensor, name, every, _own_assets(folder, tensor, name, every, None), form))
    written = into_checkpoint(folder, written) if form.format == "checkpoint" else written
    event = publish_config(folder, [entry for entry, _ in written])
    skipped = [{"representation": t.representation.name, "shape": list(t.representation.X.shape)} for t in others if not any(t is s for s in shown)]
    table = {"file": METADATA, "columns": list(shared.columns), "color_by": color_column(shared.columns)}
    tensors = [facts for _, facts in written]
    return {"rows": len(rows), "tensors": tensors, "skipped": skipped, "sprite": sprite, "metadata": table, "config": CONFIG, "event_file": event.name}
