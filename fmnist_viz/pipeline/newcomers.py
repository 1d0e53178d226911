"""Which images are put onto a run's maps: another part of its data, picture files, or what another run got wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import DataSet, LabeledImages, split_words
from fmnist_viz.data.picture import FORMATS
from fmnist_viz.pipeline.compared_layers import data_of, images_of, rows_of
from fmnist_viz.pipeline.context import mapped_images
from fmnist_viz.pipeline.finished import FinishedRun, open_runs

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
MOST_PICTURES = 100_000


@dataclass(frozen=True)
class Choice:
    """What is asked for: one of split, images, errors_of."""

    split: str = ""  # train, test or all
    images: tuple[Path, ...] = ()  # picture files, or folders of them
    errors_of: Path | None = None  # another run
    points: int = 0  # at most so many of a split, stratified; 0: all
    invert: bool = False

    def __post_init__(self) -> None:
        asked = [name for name, given in (("--split", self.split), ("--images", self.images), ("--errors-of", self.errors_of)) if given]
        if len(asked) != 1:
            fact = f"{' and '.join(asked)} are given together" if asked else "no images are named"
            raise UsageError("TRANSFORM-WHAT", "transform", fact, "Give --split train, or --images FOLDER, or --errors-of RUN.")
        if self.split and self.split not in ("train", "test", "all"):
            raise UsageError("UNKNOWN-SPLIT", f"--split {self.split}", "there is no such split", "Choose from: train, test, all.")
        for flag, given, serves in (("--points", self.points and not self.split, "--split"), ("--invert", self.invert and not self.images, "--images")):
            if given:
                raise UsageError("OPTION-UNUSED", flag, "means nothing here", f"Leave it out; it serves {serves}.")
        if self.points < 0:
            raise UsageError("OPTION-RANGE", "--points", f"{self.points} is out of range", "Give 0 or more images.")


@dataclass(frozen=True)
class Newcomers:
    """images : those to be placed;  labels : int64 (m,), their classes, -1 unknown
    rows : int64 (r,), images of the run's own that are marked on its maps;  what : what all of them are
    more : columns of the table, each for the r marked ones followed by the m new ones;  warnings : what must be said
    """

    images: LabeledImages
    labels: NDArray[np.int64]
    what: str
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    more: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def newcomers(choice: Choice, run: FinishedRun, data: DataSet, own: LabeledImages, *, seed: int) -> Newcomers:
    """Find the images. Raises BadInput where there are none, or they do not fit the run's."""
    if choice.images:
        return _pictures(choice, own)
    if choice.errors_of is not None:
        return _errors(choice.errors_of, run, own)
    return _split(choice, data, own, seed)


def _split(choice: Choice, data: DataSet, own: LabeledImages, seed: int) -> Newcomers:
    every = mapped_images(data, split=choice.split, points=0, seed=seed)
    new = every.sample_ids[~np.isin(every.sample_ids, own.sample_ids)]
    if not len(new):
        raise BadInput("ALL-ON-MAP", f"--split {choice.split}", f"all {len(every):,} images are on the map already", "Choose another split.")
    images = mapped_images(data, split=choice.split, points=choice.points, seed=seed, keep=new.tolist())
    return Newcomers(images, np.array(images.labels), f"{split_words(choice.split)} images")


def _pictures(choice: Choice, own: LabeledImages) -> Newcomers:
    from fmnist_viz.data.incoming import read_incoming
    from fmnist_viz.display.sample_grid import dark_ground

    found = [(path, root) for root in choice.images for path in _files(root)]
    dark = dark_ground(own.images)
    h, w, c = own.images.shape[1:]
    read = [read_incoming(path, shape=(h, w, c), invert=choice.invert, dark=dark) for path, _ in found]
    pixels = np.stack([one.pixels for one in read])
    names = [path.relative_to(root).as_posix() if root.is_dir() else path.name for path, root in found]
    # the pixels are part of the id: features are kept by images and ids
    ids = np.array([f"{name}#{hashlib.sha256(one.pixels.tobytes()).hexdigest()[:8]}" for name, one in zip(names, read, strict=True)])
    place = {_plain(name): i for i, name in enumerate(own.class_names)}
    labels = np.array([place.get(_plain(path.parent.name), -1) if root.is_dir() else -1 for path, root in found], np.int64)
    warned = [one for one in read if one.warnings]
    warnings = (f"{len(warned):,} of {len(read):,} pictures: {warned[0].name}: {'; '.join(warned[0].warnings)}",) if warned else ()
    images = LabeledImages(pixels, np.maximum(labels, 0), own.class_names, ids, "files", own.source)
    return Newcomers(images, labels, "pictures" if len(read) > 1 else "picture", warnings=warnings)


def _plain(name: str) -> str:
    """A class's name as a folder may be called: ``T-shirt/top`` and ``T-shirt-top`` are one."""
    return "".join(sign for sign in name.casefold() if sign.isalnum()) or name


def _files(root: Path) -> list[Path]:
    """A picture file, or all below a folder by name; hidden ones and links are left out."""
    if not root.exists():
        raise BadInput("FILE-MISSING", root, "not found", "Check the path.")
    if not root.is_dir():
        return [root]
    found = sorted(
        path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )
    if not found:
        raise BadInput("NO-PICTURES", root, "holds no picture files", f"{', '.join(FORMATS)} are read.")
    if len(found) > MOST_PICTURES:
        raise BadInput("MANY-PICTURES", root, f"holds {len(found):,} pictures", f"Give at most {MOST_PICTURES:,}.")
    return found


def _errors(path: Path, run: FinishedRun, own: LabeledImages) -> Newcomers:
    """The images that the other run gets wrong: those on the map are marked, the others are to be placed."""
    (other,) = open_runs([path])
    answers = other.answers
    wrong = ~answers.right
    if not wrong.any():
        raise BadInput("NO-ERRORS", path, f"gets none of its {len(wrong):,} images wrong", "There is nothing to mark.")
    ids, said = answers.sample_ids[wrong], np.array(other.class_names, dtype=object)[answers.y_pred[wrong]]
    shared = np.isin(ids, own.sample_ids) if other.data_sha256 == run.data_sha256 else np.zeros(len(ids), bool)
    rows = rows_of(own.sample_ids, ids[shared])
    if shared.all():
        images = own.take(np.zeros(0, np.int64))
    else:
        theirs = images_of(other, data_of(other))
        images = theirs.take(rows_of(theirs.sample_ids, ids[~shared]))
        if images.images.shape[1:] != own.images.shape[1:]:
            shapes = [" × ".join(map(str, part.images.shape[1:])) for part in (images, own)]
            raise BadInput("OTHER-IMAGES", path, f"looked at images of {shapes[0]}, this run at {shapes[1]}", "Give runs on images of one size.")
    place = {name: i for i, name in enumerate(own.class_names)}
    labels = np.array([place.get(images.class_names[label], -1) for label in images.labels.tolist()], np.int64)
    own_answers = run.answers
    here = dict(zip(own_answers.sample_ids.tolist(), own_answers.y_pred.tolist(), strict=True))
    both = [own.class_names[here[name]] if name in here else "" for name in ids[shared].tolist()]
    more = {
        "predicted_there": np.concatenate([said[shared], said[~shared]]),
        "predicted_here": np.array([*both, *[""] * int((~shared).sum())], dtype=object),
    }
    what = f"images that {other.name} gets wrong"
    return Newcomers(LabeledImages(images.images, np.maximum(labels, 0), own.class_names, images.sample_ids, "new", own.source), labels, what, rows, more)
