"""`manifest.json`: what a run folder holds, how it came about, and the SHA-256 of every file; rewritten last by every stage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from fmnist_viz.core.config import canonical
from fmnist_viz.core.errors import Damaged
from fmnist_viz.core.seal import read_sealed, write_sealed
from fmnist_viz.core.store import sha256_file

NAME = "manifest.json"
SCHEMA = 1


@dataclass
class Manifest:
    """`about` holds facts of the whole run (command, config, versions, data ...); `stages` a section per stage."""

    about: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def record(self, run: Path, stage: str, paths: Iterable[Path], facts: Mapping[str, Any] | None = None) -> None:
        """Note a finished stage with the hash and size of each of its files (folders are walked), and save."""
        files: dict[str, dict[str, Any]] = {}
        for path in paths:
            for p in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if p.is_file():
                    files[p.relative_to(run).as_posix()] = {"sha256": sha256_file(p), "bytes": p.stat().st_size}
        self.stages[stage] = {**json.loads(canonical(facts or {})), "files": files}
        self.save(run)

    def save(self, run: Path) -> None:
        write_sealed(run / NAME, {"schema": SCHEMA, "about": self.about, "stages": self.stages})

    @classmethod
    def load(cls, run: Path) -> Manifest:
        """Raises FileNotFoundError where there is none, Damaged where it is torn, was changed by hand or names files outside the run."""
        try:
            body = read_sealed(run / NAME)
            if body["schema"] != SCHEMA:
                raise ValueError(f"its schema is {body['schema']}, this version reads {SCHEMA}")
            manifest = cls(body["about"], body["stages"])
            for name, entry in manifest.files().items():
                if not _inside(name) or set(entry) != {"sha256", "bytes"}:
                    raise ValueError(f"{name!r} is no file of a run")
            return manifest
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise Damaged("MANIFEST", run / NAME, f"is damaged ({e})", "Make the run again with --overwrite.") from None

    def files(self) -> dict[str, dict[str, Any]]:
        """Every listed file: path relative to the run -> {"sha256", "bytes"}."""
        return {name: entry for stage in self.stages.values() for name, entry in stage["files"].items()}

    def faults(self, run: Path) -> list[str]:
        """A line for every listed file that is missing, or whose size or hash differs."""
        found = []
        for name, entry in sorted(self.files().items()):
            path = run / name
            try:
                if not path.is_file():
                    found.append(f"{name} is missing")
                elif path.stat().st_size != entry["bytes"]:
                    found.append(f"{name} has {path.stat().st_size:,} bytes, {entry['bytes']:,} were written")
                elif sha256_file(path) != entry["sha256"]:
                    found.append(f"{name} was changed (its SHA-256 differs)")
            except OSError as e:
                found.append(f"{name} cannot be read ({e.strerror})")
        return found


def _inside(name: str) -> bool:
    """Whether a listed path stays in the run folder: what is listed may be deleted by --overwrite."""
    absolute = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).anchor)
    return not absolute and ".." not in PureWindowsPath(name).parts and name not in ("", ".")
