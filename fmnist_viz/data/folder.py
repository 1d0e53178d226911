"""``folder:DIR``: one folder per class, with or without a level train/ and test/ above; pictures of one size, or --resize."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import Decoded, assemble
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import Limit, list_folder, listed, shown
from fmnist_viz.data.labels import distinct_names
from fmnist_viz.data.picture import read_picture

LEVELS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val", "valid": "val", "validation": "val"}
LITTER = ("thumbs.db", "desktop.ini", "__macosx")


@dataclass
class Tally:
    """What was met and not taken, for the notes."""

    ignored: int = 0  # hidden files, thumbnails' databases, nested folders, files beside the class folders
    special: list[str] = field(default_factory=list)  # FIFOs, sockets, devices
    links: list[str] = field(default_factory=list)
    bad: list[tuple[str, VizError]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)  # conversion -> pictures

    def notes(self) -> list[str]:
        said = [f"{text} ({count:,} pictures)" for text, count in sorted(self.done.items())]
        if self.ignored:
            said.append(f"{self.ignored:,} hidden files, nested folders and the like were ignored")
        for names, what in ((self.special, "FIFOs, sockets or devices were skipped"), (self.links, "symbolic links were not followed")):
            if names:
                said.append(f"{len(names):,} {what}: {listed(names)}")
        if self.bad:
            said.append(f"{len(self.bad):,} bad files were skipped: {listed([name for name, _ in self.bad])}")
        return said


def natural(name: str) -> tuple[object, ...]:
    """Sort key under which "class 2" comes before "class 10"."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return (*[(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts], name)


def load_folder(config: DataConfig, progress: Progress) -> DataSet:
    """Pictures below a folder. Classes are the folders' names in natural order; the set is grey unless a picture has colour.

    With a level train/ and test/ (or val/, which stands in for a missing test/) there are two splits, else all is ``test``.
    A picture's original row is its place in the listing of its split (classes in order, file names by their bytes), bad files
    counted, so that --skip-bad leaves the others' ids alone.

    Raises
    ------
    BadInput, UnsafeInput, ResourceError
        For pictures that cannot be taken, by the gravest of them; the first five are named. BadInput also for mixed sizes
        without --resize, empty classes, class names that are equal, and splits whose classes differ.
    """
    root, tally = Path(config.place), Tally()
    levels, notes = _levels(root, tally)
    folders = {split: _class_folders(path, tally) for split, path in levels.items()}
    names = _class_names(folders, root, progress, notes)
    limit, splits = Limit(config.max_bytes), {}
    for split, classes in folders.items():
        ordered = sorted(classes, key=lambda folder: natural(shown(folder.name)))
        files = [(path, names.index(shown(folder.name))) for folder in ordered for path in _files(folder, root, tally)]
        splits[split] = _read(files, root, tally, limit, config, progress, split)
    if tally.bad and not config.skip_bad:
        raise _bad_files(tally.bad, shown(root))
    decoded = _stack(splits, shown(root))
    _no_empty_class(decoded, names, root)
    said = notes + tally.notes()
    for line in said:
        progress.warn(f"data: {line}")
    source = Source("folder", f"image folder {shown(root.resolve().name)}", "", notes=tuple(said))
    progress.say(f"data: {source.location}, {sum(len(part.labels) for part in decoded.values()):,} pictures in {len(names)} classes")
    return assemble(decoded, names, source, side=config.resize)


def _subfolders(path: Path, tally: Tally) -> list[Path]:
    """Real folders below `path`; hidden ones, litter and loose files are counted, links are named."""
    out = []
    for entry in list_folder(path):
        if entry.name.startswith(".") or entry.name.lower() in LITTER:
            tally.ignored += 1
        elif entry.is_symlink():
            tally.links.append(shown(entry.name))
        elif entry.is_dir(follow_symlinks=False):
            out.append(Path(entry.path))
        else:
            tally.ignored += 1
    return out


def _levels(root: Path, tally: Tally) -> tuple[dict[str, Path], list[str]]:
    """The folder of each split, and notes on the decision."""
    subs = _subfolders(root, Tally())
    kinds: dict[str, Path] = {}
    for path in subs:
        if kind := LEVELS.get(path.name.lower()):
            if kind in kinds:
                raise BadInput("FOLDER-LEVELS", shown(root), f"{shown(kinds[kind].name)}/ and {shown(path.name)}/ are both a {kind} split", "Keep one of them.")
            kinds[kind] = path
    if not {"train", "test"} & set(kinds):
        return {"test": root}, []
    others = [shown(path.name) for path in subs if path.name.lower() not in LEVELS]
    if others:
        fact = f"{shown(next(iter(kinds.values())).name)}/ stands beside other folders: {listed(others)}"
        raise BadInput("FOLDER-LEVELS", shown(root), fact, "Move the classes below train/ and test/.")
    _subfolders(root, tally)
    if "train" not in kinds or len(kinds) == 1:
        only = "test" if "test" in kinds else "train"
        notes = [f"the folder holds the {only} split only"] + (["the folder val/ was left out"] if "val" in kinds else [])
        return {"test": kinds[only]}, notes
    if "test" not in kinds:
        return {"train": kinds["train"], "test": kinds["val"]}, [f"{kinds['val'].name}/ serves as the test split"]
    notes = [f"the folder {kinds['val'].name}/ was left out: validation images are taken from train/"] if "val" in kinds else []
    return {"train": kinds["train"], "test": kinds["test"]}, notes


def _class_folders(path: Path, tally: Tally) -> list[Path]:
    folders = _subfolders(path, tally)
    if not folders:
        raise BadInput("FOLDER-CLASSES", shown(path), "holds no class folders", "Put the pictures of each class into a folder with its name.")
    distinct_names([shown(folder.name) for folder in folders], shown(path))
    return folders


def _class_names(folders: dict[str, list[Path]], root: Path, progress: Progress, notes: list[str]) -> tuple[str, ...]:
    """Natural-sorted class names of the training split, which must cover those of the test split."""
    per_split = {split: {shown(folder.name) for folder in classes} for split, classes in folders.items()}
    names = per_split.get("train", per_split["test"])
    if strange := sorted(per_split["test"] - names, key=natural):
        raise BadInput("FOLDER-CLASSES", shown(root), f"classes of test/ that train/ lacks: {listed(strange)}", "Give both splits the same class folders.")
    if lacking := sorted(names - per_split["test"], key=natural):
        notes.append(f"classes without test pictures: {listed(lacking)}")
    return distinct_names(sorted(names, key=natural), shown(root))


def _files(folder: Path, root: Path, tally: Tally) -> list[Path]:
    """Regular files of a class folder by their bytes; the rest is tallied."""
    out = []
    for entry in list_folder(folder):
        short = shown(Path(entry.path).relative_to(root))
        if entry.name.startswith(".") or entry.name.lower() in LITTER:
            tally.ignored += 1
        elif entry.is_symlink():
            tally.links.append(short)
        elif entry.is_dir(follow_symlinks=False):
            tally.ignored += 1
        elif entry.is_file(follow_symlinks=False):
            out.append(Path(entry.path))
        else:
            tally.special.append(short)
    return out


@dataclass(frozen=True)
class Taken:
    """Pictures of one split as decoded, with label and row in the listing."""

    pictures: list[NDArray[np.uint8]]
    labels: list[int]
    rows: list[int]


def _read(files: list[tuple[Path, int]], root: Path, tally: Tally, limit: Limit, config: DataConfig, progress: Progress, split: str) -> Taken:
    from PIL.Image import DecompressionBombWarning

    taken = Taken([], [], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on odd metadata
        warnings.simplefilter("error", DecompressionBombWarning)  # which Pillow only warns of below twice its limit
        for row, (path, label) in enumerate(files):
            short = shown(path.relative_to(root))
            try:
                picture = read_picture(path, side=config.resize)
            except (BadInput, UnsafeInput, ResourceError) as e:
                tally.bad.append((short, e))
                continue
            limit.claim(picture.pixels.nbytes, short)
            tally.done.update(picture.notes)
            taken.pictures.append(picture.pixels)
            taken.labels.append(label)
            taken.rows.append(row)
            if row % 500 == 0 or row == len(files) - 1:
                progress.step(f"read {split} pictures", row + 1, len(files))
    return taken


def _bad_files(bad: list[tuple[str, VizError]], root: str) -> VizError:
    """One error for all bad files: its class is the gravest one's (unsafe, then too large, then bad)."""
    gravest = max((error for _, error in bad), key=lambda error: (3, 5, 4).index(error.exit_code))
    if len(bad) == 1:
        return gravest
    firsts = listed([f"{name} ({error.fact})" for name, error in sorted(bad, key=lambda item: item[1] is not gravest)])
    return type(gravest)(gravest.code.removeprefix("FV-"), root, f"{len(bad):,} files cannot be taken: {firsts}", "Replace or remove them, or use --skip-bad.")


def _stack(splits: dict[str, Taken], root: str) -> dict[str, Decoded]:
    """Arrays (n, h, w, c) of one size, c = 3 where any picture of any split has colour."""
    sizes = Counter(picture.shape[:2] for part in splits.values() for picture in part.pictures)
    if not sizes:
        raise BadInput("FOLDER-EMPTY", root, "holds no picture that can be read", "Put pictures into the class folders.")
    if len(sizes) > 1:
        said = listed([f"{h}x{w} ({count:,})" for (h, w), count in sizes.most_common()])
        raise BadInput("FOLDER-SIZES", root, f"pictures have {len(sizes)} different sizes: {said}", "Use --resize 28, or another side.")
    colour = any(picture.ndim == 3 for part in splits.values() for picture in part.pictures)
    (h, w), out = next(iter(sizes)), {}
    for split, part in splits.items():
        images = np.empty((len(part.pictures), h, w, 3 if colour else 1), np.uint8)
        for image, picture in zip(images, part.pictures, strict=True):
            image[...] = picture if picture.ndim == 3 else picture[..., None]
        out[split] = Decoded(images, np.array(part.labels, np.int64), root, np.array(part.rows, np.int64))
    return out


def _no_empty_class(splits: dict[str, Decoded], names: tuple[str, ...], root: Path) -> None:
    counts = np.bincount(splits.get("train", splits["test"]).labels, minlength=len(names))
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        raise BadInput("CLASS-EMPTY", shown(root), f"class {listed([repr(name) for name in empty])} has 0 images", "Add pictures, or remove the folder.")
    if not len(splits["test"].labels):
        raise BadInput("FOLDER-EMPTY", shown(root), "its test split holds no picture that can be read", "Put pictures into its class folders.")
