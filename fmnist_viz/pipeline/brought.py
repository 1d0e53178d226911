"""Vectors and predictions that were made elsewhere: read, matched to the images by id, and looked at beside a model or without one."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.store import sha256_file
from fmnist_viz.core.types import DataSet, LabeledImages, Predictions, Representation
from fmnist_viz.data.columns import read_ids, read_labels
from fmnist_viz.data.gate import Limit, listed
from fmnist_viz.data.npy import read_vectors
from fmnist_viz.data.predicted import Predicted, read_predictions
from fmnist_viz.models.layers import SPECIAL, LayerInfo, chosen_special
from fmnist_viz.pipeline.features import Seen, Source, pixel_source

if TYPE_CHECKING:
    from fmnist_viz.pipeline.config import BroughtConfig, RunConfig
    from fmnist_viz.pipeline.context import Context

NAME_LENGTH = 60
NO_PREDICTIONS = "No predictions were given: there are no confusions, and no point is right or wrong."
NO_PROBABILITIES = "No probabilities were given: there is no confidence and no margin."


@dataclass(frozen=True)
class Brought:
    """What was given, each row with its id; `files` is (what, file name, SHA-256) of every file."""

    vectors: Mapping[str, tuple[NDArray[np.str_], NDArray[np.float32]]]
    predicted: Predicted | None
    keep: NDArray[np.str_]  # the images that are looked at, in the order of the split
    not_finite: tuple[tuple[str, str], ...]  # (sample id, representation) of rows that hold NaN or infinity
    notes: tuple[str, ...]
    files: tuple[tuple[str, str, str], ...]
    name: str

    @property
    def sha256(self) -> str:
        """Digest of names and contents, not of places."""
        return digest([[what, sha] for what, _, sha in self.files])

    @property
    def record(self) -> dict[str, dict[str, Any]]:
        """For the manifest."""
        return {what: {"file": file, "sha256": sha} for what, file, sha in self.files}


def check_usage(config: RunConfig) -> None:
    """Raise UsageError where options of `export` contradict each other, or nothing is given to look at."""
    brought = config.brought
    if brought is None or config.model_file is None:
        return
    model = config.model_file.model_file
    if not model and not brought.given:
        remedy = "Give a .keras file, such as a run's own model.keras, or --representation name=FILE.npy, or --predictions FILE."
        raise UsageError("NOTHING-TO-EXPORT", "--model-file", "is missing, and so are --representation and --predictions: there is nothing to export", remedy)
    if model and brought.predictions:
        raise UsageError("OPTION-UNUSED", "--predictions", "means nothing beside --model-file, which makes its own", "Leave one of them out.")
    if model and brought.labels:
        raise UsageError("OPTION-UNUSED", "--labels", "means nothing beside --model-file, which needs images", "Give labelled images with --data.")
    if brought.labels and config.data.data != "fashion-mnist":
        raise UsageError("OPTION-UNUSED", "--labels", f"contradicts --data {config.data.data}, which has labels of its own", "Leave one of them out.")
    if brought.ids and not brought.given:
        raise UsageError("OPTION-UNUSED", "--ids", "names the rows of --representation and --predictions, and neither is given", "Leave it out.")
    _named_files(brought)


def labels_only(config: RunConfig) -> DataSet | None:
    """The data of `--labels`, or None where images are to be loaded."""
    if config.brought is None or not config.brought.labels:
        return None
    given = config.model_file.classes if config.model_file else ""
    names = tuple(name.strip() for name in given.split(",")) if given else ()
    return read_labels(Path(config.brought.labels), names=names, limit=Limit(config.data.max_bytes))


def _named_files(config: BroughtConfig) -> dict[str, Path]:
    """name -> file of every `--representation`."""
    found: dict[str, Path] = {}
    for text in config.representation:
        name, equals, place = text.partition("=")
        name = name.strip()
        if not equals or not name or not place:
            raise UsageError("REPRESENTATION", f"--representation {text}", "does not have the form name=FILE.npy", "Give it in that form.")
        if len(name) > NAME_LENGTH or not name.isprintable() or any(sign in name for sign in ",*?["):
            fact = f"the name {name[:NAME_LENGTH]!r} is longer than {NAME_LENGTH} signs, or holds a comma, * ? [ or a control character"
            raise UsageError("REPRESENTATION", "--representation", fact, "Choose another name.")
        if name in SPECIAL or name in found:
            raise UsageError(
                "REPRESENTATION", f"--representation {text}", f"the name {name} is taken", f"Choose one that is not {', '.join([*SPECIAL, *found])}."
            )
        found[name] = Path(place)
    return found


def read_brought(config: RunConfig, images: LabeledImages) -> Brought | None:
    """Everything that `--representation` and `--predictions` name, matched to the images of the mapped split.

    Rows belong to `--ids` (or a column of their own in a csv file), else to the split's images in their order, where n is equal.
    Images without a row in one of the files, or with one that is not finite, are left out everywhere, and the notes say so.

    Raises BadInput for files that are not what they should be, for unknown ids, and where fewer than one image is left.
    """
    brought = config.brought
    if brought is None or not brought.given:
        return None
    limit, files = Limit(config.data.max_bytes), _named_files(brought)
    ids = read_ids(Path(brought.ids), limit=limit) if brought.ids else None
    if ids is not None:
        _known(ids, images, brought.ids)
    vectors = {}
    for name, path in files.items():
        X = read_vectors(path, limit=limit)
        vectors[name] = (_rows_of(len(X), ids, images, path), X)
    predicted = read_predictions(Path(brought.predictions), images.class_names, limit=limit) if brought.predictions else None
    if predicted is not None:
        place = Path(brought.predictions)
        if predicted.ids is None:
            predicted = dataclasses.replace(predicted, ids=_rows_of(len(predicted), ids, images, place))
        elif len(predicted.ids):
            _known(predicted.ids, images, place)
    keep, bad, notes = _kept(images, vectors, predicted)
    every = {f"representation {name}": path for name, path in files.items()}
    every |= {what: Path(text) for what, text in (("ids", brought.ids), ("predictions", brought.predictions), ("labels", brought.labels)) if text}
    hashes = tuple((what, path.name, sha256_file(path)) for what, path in every.items())
    name = Path(brought.predictions).stem if brought.predictions else ", ".join(files)
    return Brought(vectors, predicted, keep, bad, notes, hashes, name)


def _known(ids: NDArray[np.str_], images: LabeledImages, place: object) -> None:
    strange = np.setdiff1d(ids, images.sample_ids)
    if len(strange):
        fact = f"holds {len(strange):,} ids that are none of the {len(images):,} images ({images.split} split), such as {str(strange[0])!r}"
        raise BadInput("IDS-UNKNOWN", place, fact, f"Ids look like {images.sample_ids[0]}; --split chooses the split.")


def _rows_of(n: int, ids: NDArray[np.str_] | None, images: LabeledImages, path: Path) -> NDArray[np.str_]:
    """The id of every row: as given, or the split's own where the number of rows is that of its images."""
    if ids is not None:
        if len(ids) != n:
            raise BadInput("ROWS", path, f"has {n:,} rows, --ids names {len(ids):,}", "Give one id per row.")
        return ids
    if n != len(images):
        fact = f"has {n:,} rows, the {images.split} split has {len(images):,} images"
        raise BadInput("ROWS", path, fact, "Say which images they are with --ids FILE (sample ids such as test/17), or choose another --split.")
    return images.sample_ids


def _kept(
    images: LabeledImages, vectors: Mapping[str, tuple[NDArray[np.str_], NDArray[np.float32]]], predicted: Predicted | None
) -> tuple[NDArray[np.str_], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(ids that are looked at, rows that are not finite, what must be said about both)."""
    good, bad, notes = np.ones(len(images), bool), [], []
    for ids, what in [*((ids, name) for name, (ids, _) in vectors.items()), *([(predicted.ids, "the predictions")] if predicted else [])]:
        assert ids is not None
        here = np.isin(images.sample_ids, ids)
        if not here.all():
            notes.append(f"{what}: rows for {int(here.sum()):,} of {len(images):,} images; only images that every file has rows for are looked at.")
        good &= here
    for name, (ids, X) in vectors.items():
        broken = ids[~np.isfinite(X).all(axis=1)]
        if len(broken):
            bad += [(str(i), name) for i in broken]
            shown = listed([str(i) for i in broken])
            hold = f"{len(broken):,} row{'s hold' if len(broken) > 1 else ' holds'} NaN or infinity"
            notes.append(f"{name}: {hold} ({shown}); such images are left out everywhere, tables/left_out.csv lists them.")
            good &= ~np.isin(images.sample_ids, broken)
    if not good.any():
        raise BadInput("ROWS", ", ".join([*vectors, *(["predictions"] if predicted else [])]), "no image has a finite row in every file", "Mend the files.")
    return images.sample_ids[good], tuple(bad), tuple(notes)


def _at(ids: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """The row of every wanted id."""
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids, wanted, sorter=order)].astype(np.int64)


def vector_sources(brought: Brought, images: LabeledImages) -> Iterator[tuple[str, Source]]:
    """Each representation that was brought along, its rows in the order of the images."""
    for name, (ids, X) in brought.vectors.items():
        rows = np.ascontiguousarray(X[_at(ids, images.sample_ids)])
        key = hashlib.sha256(rows.tobytes() + repr(rows.shape).encode()).hexdigest()
        yield name, Source(Representation(rows, images.sample_ids, name, "brought"), key, lambda: None)


def add_brought(ctx: Context, seen: Seen, images: LabeledImages) -> Seen:
    """What the model made, and what was brought along beside it."""
    if ctx.brought is None:
        return seen
    rows = [*seen.table, *_rows(ctx.brought)]
    return dataclasses.replace(seen, table=rows, sources={**seen.sources, **dict(vector_sources(ctx.brought, images))})


def look_without_model(ctx: Context, images: LabeledImages, digest: str) -> Seen:
    """The pixels (where there are any), the vectors and the predictions that were brought along; no layers and no weights."""
    brought = ctx.brought
    assert brought is not None
    sources = {"pixels": pixel_source(images, digest)} if images.pictured and "pixels" in chosen_special(ctx.config.features.layers) else {}
    predictions = None
    if (given := brought.predicted) is not None:
        assert given.ids is not None
        at = _at(given.ids, images.sample_ids)
        y_proba = None if given.y_proba is None else given.y_proba[at]
        y_label = None if given.y_label is None else given.y_label[at]
        predictions = Predictions(images.sample_ids, images.labels, y_proba, images.class_names, brought.name, y_label=y_label)
    return Seen(_rows(brought), {**sources, **dict(vector_sources(brought, images))}, predictions, {}, "", brought.name)


def _rows(brought: Brought) -> list[LayerInfo]:
    return [LayerInfo(name, "vectors made elsewhere", (X.shape[1],), 0) for name, (_, X) in brought.vectors.items()]


def check_names(brought: Brought, table: list[LayerInfo]) -> None:
    """Raise UsageError where a representation has the name of one of the model's layers."""
    if taken := [row.name for row in table if row.name in brought.vectors]:
        raise UsageError("REPRESENTATION", f"--representation {taken[0]}=...", "the model has a layer of this name", "Choose another name.")
