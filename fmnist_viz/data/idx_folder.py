"""A folder with the four IDX files of the MNIST family, or with two of them: found by name, gzipped or plain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import Decoded, assemble
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import Limit, list_folder, shown
from fmnist_viz.data.idx import IdxFile, read_idx
from fmnist_viz.data.labels import FASHION, numbered_classes, whole_labels
from fmnist_viz.data.pixels import to_uint8

PREFIX = {"train": "train", "test": "t10k"}

# SHA-256 and size of the *decompressed* files: re-packed copies differ in their gzip bytes and hold the same data.
OFFICIAL = {
    "train-images-idx3-ubyte": ("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 47_040_016),
    "train-labels-idx1-ubyte": ("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
    "t10k-images-idx3-ubyte": ("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
    "t10k-labels-idx1-ubyte": ("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
}
# `assemble.payload_sha256` of those four, so that verified data need not be hashed a second time.
OFFICIAL_SHA256 = "27442d1f81492745d26c0b3459180243bdc835041d512caa2536a3812cd2d765"


@dataclass(frozen=True)
class IdxFolder:
    """Which of the four names a folder holds: official name (no suffix) to path."""

    paths: dict[str, Path]

    @property
    def missing(self) -> list[str]:
        return [name for name in OFFICIAL if name not in self.paths]


def find_files(folder: Path) -> IdxFolder:
    """The IDX files in a folder, plain names preferred to ``.gz``; ``train-images.idx3-ubyte`` is taken as well."""
    present = {entry.name: Path(entry.path) for entry in list_folder(folder)}
    found: dict[str, Path] = {}
    for name in OFFICIAL:
        for spelling in (name, name.replace("-idx", ".idx")):
            for full in (spelling, spelling + ".gz"):
                if full in present:
                    found.setdefault(name, present[full])
    return IdxFolder(found)


def names_of(split: str) -> tuple[str, str]:
    """The official names of a split's image and label file."""
    return f"{PREFIX[split]}-images-idx3-ubyte", f"{PREFIX[split]}-labels-idx1-ubyte"


@dataclass(frozen=True)
class RawSplit:
    """The two files of one split as read: nothing converted yet."""

    images: IdxFile
    labels: IdxFile
    subject: str
    label_subject: str
    official: bool


def read_split(files: IdxFolder, split: str, *, limit: Limit, allow_trailing: bool) -> RawSplit:
    """Read images and labels of one split; raises what `read_idx` raises, and BadInput where the counts differ."""
    image_name, label_name = names_of(split)
    labels = read_idx(files.paths[label_name], "labels", limit=limit, allow_trailing=allow_trailing)
    images = read_idx(files.paths[image_name], "images", limit=limit, allow_trailing=allow_trailing)
    if len(images.array) != len(labels.array):
        fact = f"{len(images.array):,} images vs {len(labels.array):,} labels in {files.paths[label_name].name}"
        raise BadInput("COUNT-MISMATCH", shown(files.paths[image_name]), fact, "Give files that belong together.")
    official = images.payload_sha256 == OFFICIAL[image_name][0] and labels.payload_sha256 == OFFICIAL[label_name][0]
    return RawSplit(images, labels, shown(files.paths[image_name]), shown(files.paths[label_name]), official)


def decode(raw: dict[str, RawSplit]) -> tuple[dict[str, Decoded], tuple[str, ...]]:
    """Splits with uint8 pixels and int64 labels, and notes on what was done."""
    names = list(raw)
    arrays = [_channels(raw[name].images.array) for name in names]
    pixels, note = to_uint8(arrays, [raw[name].subject for name in names])
    splits = {}
    for name, images in zip(names, pixels, strict=True):
        part = raw[name]
        splits[name] = Decoded(images, whole_labels(part.labels.array, part.label_subject), part.subject, label_subject=part.label_subject)
    notes = [note] if note else []
    notes += [f"bytes after the data of {name} were ignored" for name in names if raw[name].images.trailing or raw[name].labels.trailing]
    return splits, tuple(notes)


def _channels(images: NDArray[np.generic]) -> NDArray[np.generic]:
    return images[..., None] if images.ndim == 3 else images


def load_idx_folder(config: DataConfig, progress: Progress) -> DataSet:
    """``idx:DIR``. Class names are "0".."max", or the known ones where the data is the published Fashion-MNIST.

    A folder with one split only gives that split as ``test``.
    """
    folder = Path(config.place)
    files = find_files(folder)
    splits = [split for split in PREFIX if all(name in files.paths for name in names_of(split))]
    halves = [name for name in files.missing if any(name in names_of(split) and any(n in files.paths for n in names_of(split)) for split in PREFIX)]
    if halves or not splits:
        fact = f"{', '.join(halves or files.missing)} not found (plain or .gz)"
        raise BadInput("IDX-MISSING", shown(folder), fact, "Give a folder with the image and label files under these names.")
    limit = Limit(config.max_bytes)
    raw = {split: read_split(files, split, limit=limit, allow_trailing=config.allow_trailing) for split in splits}
    decoded, notes = decode(raw)
    official = all(part.official for part in raw.values()) and len(raw) == 2
    if len(splits) == 1:
        decoded, notes = {"test": decoded[splits[0]]}, (*notes, f"the folder holds the {splits[0]} split only")
    if official:
        progress.say("data: these files are the published Fashion-MNIST")
        names: tuple[str, ...] = FASHION
    else:
        progress.say("data: not the official Fashion-MNIST; classes are numbered")
        names = numbered_classes([part.labels for part in decoded.values()], [part.label_subject for part in decoded.values()])
    source = Source("idx", f"idx folder {shown(folder.resolve().name)}", OFFICIAL_SHA256 if official else "", official, notes)
    return assemble(decoded, names, source, side=config.resize)
