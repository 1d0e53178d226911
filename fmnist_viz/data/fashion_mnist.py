"""Fashion-MNIST itself: looked for in the usual places, downloaded where it is in none, verified by its content.

Han Xiao, Kashif Rasul, Roland Vollgraf: "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747 (MIT licence, Zalando SE).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fmnist_viz.core.cache import default_cache_dir
from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import assemble
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import Limit, shown
from fmnist_viz.data.idx_folder import OFFICIAL, OFFICIAL_SHA256, IdxFolder, RawSplit, decode, find_files, names_of, read_split
from fmnist_viz.data.labels import FASHION

DATA_VARIABLE = "FMNIST_VIZ_DATA"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FETCH = 'Run "fmnist-viz data" once with a network connection, install the package dataset-fashion-mnist, or use --data sample.'


@dataclass(frozen=True)
class Place:
    """A folder that may hold the files. `named` places were asked for by a person: damage there is an error."""

    folder: Path
    label: str
    named: bool = False


class NotFound(BadInput):
    """Fashion-MNIST is in no known place and could not be downloaded."""


def download_folder() -> Path:
    """Where a download is kept: below the user's cache folder."""
    return default_cache_dir() / "data" / "fashion-mnist"


def places(data_dir: str) -> list[Place]:
    """Where to look, in order; a place named by a person is the only one."""
    if data_dir:
        return [Place(Path(data_dir), "--data-dir", named=True)]
    if env := os.environ.get(DATA_VARIABLE):
        return [Place(Path(env), DATA_VARIABLE, named=True)]
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets" / "fashion-mnist"
    return [Place(keras, "Keras cache"), Place(DEBIAN, "Debian package dataset-fashion-mnist"), Place(download_folder(), "download cache")]


def load_fashion_mnist(config: DataConfig, progress: Progress, *, allow_download: bool = True, mirrors: Sequence[str] = ()) -> DataSet:
    """The 60,000 + 10,000 images, every byte compared with the published payload by SHA-256.

    Raises
    ------
    BadInput
        Where a named place lacks or holds damaged files; `NotFound` where they are nowhere and cannot be downloaded.
    """
    looked = []
    for place in places(config.data_dir):
        looked.append(place.label)
        if place.named:
            return _read_place(place, find_files(place.folder), config, progress)
        if not place.folder.is_dir():
            continue
        try:
            files = find_files(place.folder)
            if files.paths:
                return _read_place(place, files, config, progress)
        except VizError as e:
            if e.exit_code == 5:  # the limit or the memory, not the place, is at fault
                raise
            progress.warn(f"data: {place.label} passed over: {e}")
    if allow_download:
        from fmnist_viz.data.download import fetch_files

        fetch_files(download_folder(), progress, mirrors=mirrors)
        place = Place(download_folder(), "download cache", named=True)
        return _read_place(place, find_files(place.folder), config, progress)
    raise NotFound("DATA-MISSING", "Fashion-MNIST", f"not found; looked in {', '.join(looked)}", FETCH)


def _read_place(place: Place, files: IdxFolder, config: DataConfig, progress: Progress) -> DataSet:
    if files.missing:
        raise BadInput("IDX-MISSING", shown(place.folder), f"{', '.join(files.missing)} not found (plain or .gz)", FETCH)
    limit = Limit(config.max_bytes)
    raw = {split: read_split(files, split, limit=limit, allow_trailing=config.allow_trailing) for split in ("train", "test")}
    official = all(part.official for part in raw.values())
    changed = () if official else _changed(raw, files, allowed=config.allow_modified)
    splits, notes = decode(raw)
    for line in changed:
        progress.warn(f"data: {line}")
    source = Source("fashion-mnist", place.label, OFFICIAL_SHA256 if official else "", official, (*notes, *changed))
    progress.say(f"data: Fashion-MNIST from {place.label}, {'payload SHA-256 verified' if official else 'modified'}")
    return assemble(splits, FASHION, source, side=config.resize)


def _changed(raw: dict[str, RawSplit], files: IdxFolder, *, allowed: bool) -> tuple[str, ...]:
    """One line for each file whose payload is not the published one; raises BadInput for the first unless `allowed`."""
    lines = []
    for split, part in raw.items():
        for name, read in zip(names_of(split), (part.images, part.labels), strict=True):
            if read.payload_sha256 == OFFICIAL[name][0]:
                continue
            if not allowed:
                fact = f"its content is not the published {name} (payload SHA-256 {read.payload_sha256[:12]}..., expected {OFFICIAL[name][0][:12]}...)"
                raise BadInput("DATA-MODIFIED", shown(files.paths[name]), fact, "Fetch it again, or use --allow-modified for data changed on purpose.")
            lines.append(f"{name} is not the published file")
    return tuple(lines)
