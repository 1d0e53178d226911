"""A content-keyed cache shared by all runs: an entry is a folder that is complete and unharmed, or is not there.

The key is the digest of everything that decides the content (data, configuration, code version, library versions, threads),
never the name of a function. Every file's SHA-256 stands in the entry's `entry.json`, is checked when the entry is used, and a
damaged entry is reported and made again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmnist_viz.core.config import digest
from fmnist_viz.core.seal import read_sealed, write_sealed
from fmnist_viz.core.store import sha256_file, staged_folder

INDEX = "entry.json"


def default_cache_dir() -> Path:
    """The user's cache folder: $FMNIST_VIZ_CACHE, else the platform's convention."""
    if env := os.environ.get("FMNIST_VIZ_CACHE"):
        return Path(env)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "fmnist-viz"


@dataclass(frozen=True)
class Entry:
    """A complete cache entry: its folder, whether it was there already, and the record that its maker returned."""

    path: Path
    key: str
    hit: bool
    record: Mapping[str, Any]


@dataclass
class Cache:
    """`fetch` is the whole interface. `report` receives one line for each damaged entry; `log` says what was done."""

    root: Path
    report: Callable[[str], None] = lambda line: None
    read: bool = True  # False: --fresh, make everything anew (and store it)
    log: list[tuple[str, str]] = field(default_factory=list)  # (kind, "hit" | "made" | "repaired")

    def fetch(self, kind: str, key: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any] | None]) -> Entry:
        """The entry for `key`, made by `make(folder) -> record` where it is missing or damaged."""
        name = digest(key)[:32]
        path = self.root / kind / name
        fault = "no such entry" if not path.is_dir() else self._fault(path)
        if self.read and not fault:
            self.log.append((kind, "hit"))
            return self._entry(path, name, hit=True)
        repaired = self.read and path.is_dir()
        if repaired:
            self.report(f"cache: {kind}/{name[:8]} is damaged ({fault}); computing it again")
        with staged_folder(path) as temp:
            record = make(temp) or {}
            files = {made: sha256_file(temp / made) for made in _names(temp)}
            write_sealed(temp / INDEX, {"kind": kind, "key": key, "record": record, "files": files})
        self.log.append((kind, "repaired" if repaired else "made"))
        return self._entry(path, name, hit=False)

    def search(self, kind: str, wanted: Callable[[Mapping[str, Any]], bool]) -> Iterator[Entry]:
        """The unharmed entries of a kind whose key is `wanted`, the newest first; nothing is made or mended, what is damaged is passed over.

        `wanted` is asked when an entry's turn has come, and only then are its files hashed.
        """
        found: list[tuple[float, Path, dict[str, Any]]] = []
        for path in (self.root / kind).glob(f"*/{INDEX}") if self.read else ():
            with contextlib.suppress(OSError, ValueError):
                found.append((path.stat().st_mtime, path.parent, read_sealed(path)))
        for _, path, index in sorted(found, key=lambda item: (-item[0], item[1].name)):
            if wanted(index.get("key", {})) and not self._fault(path):
                yield Entry(path, path.name, True, index["record"])

    def has(self, kind: str, key: Mapping[str, Any]) -> bool:
        """Whether an entry is there, unverified: for plans and size estimates only."""
        return self.read and (self.root / kind / digest(key)[:32] / INDEX).exists()

    @staticmethod
    def _entry(path: Path, name: str, *, hit: bool) -> Entry:
        index = read_sealed(path / INDEX)
        return Entry(path, name, hit, index["record"])

    @staticmethod
    def _fault(path: Path) -> str:
        """What is wrong with an entry, or an empty string."""
        try:
            files = read_sealed(path / INDEX)["files"]
        except FileNotFoundError:
            return f"{INDEX} is missing"
        except (OSError, ValueError, KeyError) as e:
            return f"{INDEX} was changed: {e}"
        if odd := sorted(set(files) ^ (_names(path) - {INDEX})):  # a shard too many would be read like the others
            return f"{odd[0]} is missing" if odd[0] in files else f"{odd[0]} does not belong to it"
        for name, want in files.items():
            try:
                if sha256_file(path / name) != want:
                    return f"{name} was changed"
            except OSError as e:
                return f"{name} cannot be read ({e.strerror})"
        return ""


def _names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
