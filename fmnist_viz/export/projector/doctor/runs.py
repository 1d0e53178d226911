"""The runs that TensorBoard finds below a log folder, and the Projector configurations that it does and does not reach."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.export.projector.doctor.checkpoint import STATE
from fmnist_viz.export.projector.doctor.config import BREAKING
from fmnist_viz.export.projector.doctor.rules import Fact

PLUGIN = ("plugins", "org_tensorflow_tensorboard_projector")
ROOT = "."


@dataclass(frozen=True)
class Place:
    """A folder that may hold a configuration: the run it belongs to, whether TensorBoard looks there, and if not, why."""

    run: str
    folder: Path
    seen: bool
    facts: tuple[Fact, ...] = ()

    @property
    def config(self) -> Path:
        return self.folder / CONFIG


def places(logdir: Path) -> list[Place]:
    """Every folder with a configuration or a checkpoint's state file, in the order in which the server reads them."""
    found: dict[Path, tuple[bool, list[str]]] = {}
    for folder, names in _walk(logdir):
        if CONFIG in names or STATE in names or any("tfevents" in name for name in names):
            found[folder] = CONFIG in names, [name for name in names if "tfevents" in name]
    own: list[Place] = []
    plugin: list[Place] = []
    for folder, (config, _) in found.items():
        inside = folder.parts[-2:] == PLUGIN
        home = folder.parents[1] if inside else folder
        run = os.path.relpath(home, logdir).replace(os.sep, "/")
        facts = list(_visibility(home, found.get(home, (False, []))[1], root=home == logdir and not inside, config=config))
        if BREAKING.search(run):
            facts.append(("run-name", f"the run's name {run!r} holds characters that break the page's addresses"))
        if not config and not (folder / STATE).is_file():
            continue
        (plugin if inside else own).append(Place(run, folder, not facts or facts[0][0] == "run-name", tuple(facts)))
    return sorted(own, key=lambda place: place.run) + sorted(plugin, key=lambda place: place.run)


def _walk(logdir: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders and their files, links followed once."""
    known: set[str] = set()
    for folder, inner, names in os.walk(logdir, followlinks=True):
        real = os.path.realpath(folder)
        if real in known:
            inner.clear()
            continue
        known.add(real)
        inner.sort()
        yield Path(folder), sorted(names)


def _visibility(home: Path, events: list[str], *, root: bool, config: bool) -> Iterator[Fact]:
    if not root and not events:
        below = sorted({path.parent.name for path in home.glob("*/*tfevents*")}) if config else []
        where = f"; those of {', '.join(below)} are below it, in other runs" if below else ""
        yield "no-event-file", f"no event file with a record: TensorBoard would not see the folder{where}"
    elif not root and not any(has_record(home / name) for name in events):
        yield "event-file-empty", f"no event file with a record: TensorBoard would not see the folder ({events[0]} holds none)"


def has_record(path: Path) -> bool:
    """Whether the file begins with one complete record (length, checksum, data, checksum)."""
    with open(path, "rb") as f:
        head = f.read(8)
    return len(head) == 8 and path.stat().st_size >= 16 + struct.unpack("<Q", head)[0]


def safe_run(run: str) -> str:
    return re.sub(BREAKING, "_", run)
