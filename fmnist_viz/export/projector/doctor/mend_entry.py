"""One tensor of a configuration with its files, mended on the way into a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.store import write_file
from fmnist_viz.export.projector.doctor.bookmarks import load, mended_bookmarks, read_bookmarks
from fmnist_viz.export.projector.doctor.config import locate, meant
from fmnist_viz.export.projector.doctor.metadata import Table, against, mended_table, read_table
from fmnist_viz.export.projector.doctor.rules import Fact
from fmnist_viz.export.projector.doctor.sprite import derived_dims, laid_out, sheet_size, sprite_facts
from fmnist_viz.export.projector.doctor.tensor import Tensor, judge, read_tensor
from fmnist_viz.export.projector.metadata import NO_COLOR
from fmnist_viz.export.projector.tensor import SPHEREIZED_FROM, STAMP

_BLOCK = 1 << 20  # values at a time
_FLAT = 3  # columns that a tensor of one or two is padded to: it may be a ready-made map, which "Sphereize" would bend
_QUIET = {"metadata-no-colour", "metadata-number-labels"}
_LAID_OUT = {"sprite-too-large", "sprite-dimensions", "sprite-grid"}


class EntryMender:
    """Mends the tensors of one configuration in `source` into `home`; files that tensors share stay shared."""

    def __init__(self, logdir: Path, source: Path, home: Path, note: Callable[..., None]) -> None:
        self.logdir, self.source, self.home, self.note = logdir, source, home, note
        self._written: dict[tuple[Any, ...], str] = {}
        self._sheets: dict[str, tuple[int, int]] = {}
        self._tables: dict[Path, Table] = {}

    def entry(self, item: Any, name: str) -> Any | None:
        """The mended entry with its files written; None where it is left out, because it would hide all runs."""
        path = self._find(item.tensor_path, name, tensor=True)
        if path is None:
            self.note("tensor-file-missing", f"left out: there is no file {item.tensor_path}", tensor=name, gone=True)
            return None
        table = self._table(item, name)
        tensor = read_tensor(path, tuple(item.tensor_shape), table.shown if table else None)
        if tensor.values is None:
            for rule, fact in tensor.facts:
                self.note(rule, f"left out: {fact}", path, name, gone=True)
            return None
        entry = type(item)(tensor_name=item.tensor_name)
        entry.tensor_path, shape = self._tensor(path, tensor, name)
        entry.tensor_shape.extend(shape)
        self._rest(item, entry, name, shape[0])
        return entry

    def variable(self, item: Any, name: str, rows: int) -> Any:
        """An entry whose values, of so many rows (0: unknown), stay in the checkpoint."""
        entry = type(item)(tensor_name=name)
        self._rest(item, entry, name, rows)
        return entry

    def _find(self, given: str, name: str, *, tensor: bool = False) -> Path | None:
        path, facts = locate(self.source, given, self.logdir, tensor=tensor)
        if path is not None and not facts:
            return path
        found = path or meant(self.source, given, self.logdir)
        if found is not None:
            self.note(facts[0][0], f"{given} was copied into the folder" if facts[0][0] != "file-missing" else f"{given}: {found.name} was taken", tensor=name)
        return found

    def _place(self, path: Path, suffix: str, *key: Any) -> tuple[str, bool]:
        """The copy's name, relative to the configuration, and whether it must still be written."""
        if (known := self._written.get((path, *key))) is not None:
            return known, False
        real, home = os.path.realpath(path), os.path.realpath(self.source)
        inside = os.path.commonpath([real, home]) == home
        name = Path(os.path.relpath(real, home) if inside else path.name)
        base = name.with_suffix(suffix) if suffix else name
        out, number = base, 2
        while out.as_posix() in self._written.values():
            out, number = base.with_stem(f"{base.stem}_{number}"), number + 1
        self._written[(path, *key)] = out.as_posix()
        return out.as_posix(), True

    def _copy(self, path: Path) -> str:
        name, new = self._place(path, "")
        if new:
            copy_file(path, self.home / name)
        return name

    def _tensor(self, path: Path, tensor: Tensor, name: str) -> tuple[str, tuple[int, int]]:
        values = tensor.values
        assert values is not None
        n, d = values.shape
        found = dict(judge(values))
        width = _FLAT if d < _FLAT else SPHEREIZED_FROM if "tensor-narrow" in found else d
        if not tensor.text and not tensor.facts and width == d:
            return self._copy(path), (n, d)
        file, new = self._place(path, ".bytes", width)
        if new:
            write_file(self.home / file, lambda f: _pour(f, values, width))
        facts = list(tensor.facts) or ([("tensor-text", "was text")] if tensor.text else [])
        facts += [] if width == d else [(rule, found[rule]) for rule in ("tensor-single", "tensor-flat", "tensor-narrow") if rule in found]
        for rule, fact in facts:
            self.note(rule, f"{fact}: written as raw floats, {n} x {width}{' (zeros added)' if width > d else ''}", path, name)
        return file, (n, width)

    def _table(self, item: Any, name: str) -> Table | None:
        """The metadata, from wherever it was meant; a file outside that does not fit is left alone."""
        if not item.metadata_path:
            return None
        path = locate(self.source, item.metadata_path, self.logdir)[0] or meant(self.source, item.metadata_path, self.logdir)
        if path is not None and path not in self._tables:
            self._tables[path] = read_table(path)
        return self._tables[path] if path is not None else None

    def _rest(self, item: Any, entry: Any, name: str, points: int) -> None:
        columns: list[str] = []
        if item.metadata_path and (path := self._find(item.metadata_path, name)) is not None:
            columns = self._metadata(path, entry, name, points)
        elif item.metadata_path:
            self.note("file-missing", f"left out: there is no file {item.metadata_path}", tensor=name, gone=True)
        if item.sprite.image_path and (path := self._find(item.sprite.image_path, name)) is not None:
            self._sprite(path, tuple(item.sprite.single_image_dim), entry, name, points)
        elif item.sprite.image_path:
            self.note("file-missing", f"left out: there is no file {item.sprite.image_path}", tensor=name, gone=True)
        if item.bookmarks_path and (path := self._find(item.bookmarks_path, name)) is not None:
            self._bookmarks(path, entry, name, points, {*columns, NO_COLOR})
        elif item.bookmarks_path:
            self.note("file-missing", f"left out: there is no file {item.bookmarks_path}", tensor=name, gone=True)

    def _metadata(self, path: Path, entry: Any, name: str, points: int) -> list[str]:
        """The columns of the copy; none where the table was left out, because it belongs to nothing here."""
        table = self._tables[path] = self._tables.get(path) or read_table(path)
        facts: list[Fact] = [fact for fact in (*table.facts, *against(table, points)) if fact[0] not in _QUIET]
        inside = os.path.realpath(path).startswith(os.path.realpath(self.logdir) + os.sep)
        facts.sort(key=lambda fact: fact[0] != "metadata-off-by-one")
        doubtful = any(rule == "metadata-off-by-one" for rule, _ in facts)
        if doubtful or not table.rows or (not inside and (not points or any(rule == "metadata-rows" for rule, _ in facts))):
            for rule, fact in facts or [("path-outside", "nothing shows that it belongs to the tensor")]:
                self.note(rule, f"left out: {fact}", path, name, gone=bool(table.rows))
            return []
        if not facts:
            entry.metadata_path = self._copy(path)
            return table.columns
        raw = mended_table(table, points or table.shown)
        entry.metadata_path, new = self._place(path, "", points)
        if new:
            write_file(self.home / entry.metadata_path, raw)
        for rule, fact in facts:
            self.note(rule, f"{fact}: the table was written anew", path, name)
        return read_table(self.home / entry.metadata_path).columns

    def _sprite(self, path: Path, dims: tuple[int, ...], entry: Any, name: str, points: int) -> None:
        size = sheet_size(path)
        if isinstance(size, str):
            self.note("sprite-unreadable", f"left out: {size}", path, name, gone=True)
            return
        facts = [fact for fact in sprite_facts(size, dims, points) if fact[0] in _LAID_OUT]
        thumb = derived_dims(size, dims, points)
        if not facts or thumb is None or not points:
            entry.sprite.image_path = self._copy(path)
            entry.sprite.single_image_dim.extend(dims)
            return
        file, new = self._place(path, ".png", points, dims)
        if new:
            picture, self._sheets[file] = laid_out(path, thumb, points)
            write_file(self.home / file, lambda f: picture.save(f, "PNG", compress_level=3))
        entry.sprite.image_path = file
        entry.sprite.single_image_dim.extend(self._sheets[file])
        for rule, fact in facts:
            self.note(rule, f"{fact}: laid out anew, thumbnails of {' x '.join(map(str, self._sheets[file]))} px", path, name)

    def _bookmarks(self, path: Path, entry: Any, name: str, points: int, columns: set[str]) -> None:
        facts = read_bookmarks(path, points, columns)[1]
        if not facts:
            entry.bookmarks_path = self._copy(path)
            return
        raw = mended_bookmarks(path, points, columns)
        if raw is not None:
            entry.bookmarks_path, new = self._place(path, "", points, frozenset(columns))
            if new:
                write_file(self.home / entry.bookmarks_path, raw)
        kept = len(load(self.home / entry.bookmarks_path)[0] or []) if raw is not None else 0
        dropped = kept < len(load(path)[0] or [])
        for rule, fact in facts:
            gone = not kept or (dropped and rule == "bookmark-not-finite")
            self.note(rule, f"{fact}: {'written anew' if kept else 'left out'}, {kept} bookmarks are left", path, name, gone=gone)


def copy_file(path: Path, target: Path) -> None:
    with open(path, "rb") as f:
        write_file(target, lambda out: shutil.copyfileobj(f, out))


def _pour(f: IO[bytes], values: NDArray[Any], width: int) -> None:
    """Raw little-endian float32 rows of `width`, zeros where there are fewer values, byte 0 stamped."""
    step = max(1, _BLOCK // width)
    for start in range(0, len(values), step):
        block = np.zeros((len(values[start : start + step]), width), "<f4")
        block[:, : values.shape[1]] = values[start : start + step]
        raw = bytearray(block.tobytes())
        if start == 0:
            raw[0] = STAMP
        f.write(raw)
