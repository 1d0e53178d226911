"""A mended copy of what the Projector shows of a log folder: every change keeps what the files say, or leaves out what would hide the rest.

The copy holds the Projector's files alone, each run in a folder of the same name with an event file of its own;
scalars and everything else stay where they are. What would need a guess is copied as it is, and found again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_viz.core.store import write_file
from fmnist_viz.export.projector.config import CONFIG, write_event_file
from fmnist_viz.export.projector.doctor import checkpoint
from fmnist_viz.export.projector.doctor.config import effective_names, locate, read_config, safe_name
from fmnist_viz.export.projector.doctor.examine import KEY
from fmnist_viz.export.projector.doctor.mend_entry import EntryMender, copy_file
from fmnist_viz.export.projector.doctor.runs import ROOT, Place, places, safe_run
from fmnist_viz.export.projector.tensor import SPHEREIZED_FROM


@dataclass(frozen=True)
class Mended:
    """One thing that is different in the copy: the rule it belongs to, what was done, and where (names as in the original); `gone`: it was left out."""

    rule: str
    what: str
    file: str = ""
    run: str = ""
    tensor: str = ""
    gone: bool = False


def mend(logdir: Path, folder: Path) -> list[Mended]:
    """Write the mended copy into `folder`, which exists and is empty; returns what was done. Nothing in `logdir` is changed."""
    from google.protobuf import text_format

    logdir = Path(os.path.abspath(logdir))
    done: list[Mended] = []
    taken: set[str] = set()
    effective = _effective(logdir)
    configured = {place.run for place in effective}
    for place in effective:
        target = safe_run(place.run)
        while target in taken:
            target += "_"
        taken.add(target)
        home = folder if target == ROOT else folder / target
        config, note = _config(logdir, place, home, done)
        if config is None:
            note("config-malformed", "left out: the configuration cannot be read", gone=True)
            continue
        if not (config.embeddings or (home / checkpoint.STATE).is_file()):
            note("config-empty", "left out: nothing of it can be shown", gone=not any(one.gone and one.run == place.run for one in done))
            continue
        write_event_file(home)
        for rule, _ in place.facts:
            note(rule, f"the run is called {target!r}" if rule == "run-name" else "an event file was added")
        write_file(home / CONFIG, str(text_format.MessageToString(config)))
    for place in places(logdir):
        if place.seen and place.run not in configured and checkpoint.latest(place.folder) is not None:
            state = os.path.relpath(place.folder / checkpoint.STATE, logdir).replace(os.sep, "/")
            done.append(Mended("checkpoint-run", "left out: a checkpoint without a configuration is not copied", state, place.run, gone=True))
    return done


def needed_bytes(logdir: Path) -> int:
    """How much the copy may take, roughly: the files that configurations name, narrow tensors padded."""
    total, logdir = 0, Path(os.path.abspath(logdir))
    for place in _effective(logdir):
        config = read_config(place.config.read_bytes())[0]
        for item in config.embeddings if config is not None else ():
            for given in filter(None, (item.tensor_path, item.metadata_path, item.bookmarks_path, item.sprite.image_path)):
                path = locate(place.folder, given, logdir)[0]
                narrow = given == item.tensor_path and len(item.tensor_shape) == 2 and 0 < item.tensor_shape[1] < SPHEREIZED_FROM
                total += path.stat().st_size * (SPHEREIZED_FROM // item.tensor_shape[1] + 1 if narrow else 1) if path is not None else 0
    return total


def _effective(logdir: Path) -> list[Place]:
    """The configuration that counts for each run: the one below plugins/ before the run's own, as TensorBoard has it."""
    chosen: dict[str, Place] = {}
    for place in places(logdir):
        if place.config.is_file():
            chosen[place.run] = place
    return list(chosen.values())


def _config(logdir: Path, place: Place, home: Path, done: list[Mended]) -> Any:
    """The mended configuration (None where the old one cannot be read) with its files copied, and a function to note what was done."""
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    name = os.path.relpath(place.config, logdir).replace(os.sep, "/")

    def note(rule: str, what: str, file: Path | None = None, tensor: str = "", *, gone: bool = False) -> None:
        done.append(Mended(rule, what, name if file is None else os.path.relpath(file, logdir).replace(os.sep, "/"), place.run, tensor, gone))

    raw = place.config.read_bytes()
    old, facts = read_config(raw)
    if old is None:
        write_file(home / f"{CONFIG}.malformed", raw)
        return None, note
    for rule, _ in facts:
        note(rule, "the configuration was written anew")
    new = ProjectorConfig()
    shapes = _checkpoint(place, old, home, note)
    mender, names, taken = EntryMender(logdir, place.folder, home, note), effective_names(old), set[str]()
    for item, effective in zip(old.embeddings, names, strict=True):
        key = _key(effective, shapes)
        entry = mender.entry(item, effective) if item.tensor_path else mender.variable(item, key, shapes.get(key, (0,))[0])
        if entry is None:
            continue
        entry.tensor_name = _name(effective or item.tensor_path, entry.tensor_path, taken) if item.tensor_path or effective else ""
        if not item.tensor_path:
            entry.tensor_name = key
        if entry.tensor_name != effective:
            rule = "name-missing" if not effective else "name-twice" if effective in taken else "name-unsafe"
            note(rule if item.tensor_path else "checkpoint-key", f"is called {entry.tensor_name!r}", tensor=effective)
        taken.add(entry.tensor_name)
        new.embeddings.append(entry)
    return new, note


def _name(name: str, file: str, taken: set[str]) -> str:
    return safe_name(Path(file).stem if name == file else name, taken)


def _key(name: str, shapes: dict[str, tuple[int, ...]]) -> str:
    """The variable's exact key, where just one fits the name."""
    close = [key for key in shapes if key.removesuffix(KEY) == name.removesuffix(KEY)]
    return close[0] if name not in shapes and len(close) == 1 else name


def _checkpoint(place: Place, config: Any, home: Path, note: Any) -> dict[str, tuple[int, ...]]:
    """The checkpoint that tensors of the configuration come from is copied beside it; one that they do not need is left behind."""
    run = place.folder.parents[1] if place.folder.name == "org_tensorflow_tensorboard_projector" else place.folder
    given = Path(config.model_checkpoint_path) if config.model_checkpoint_path else None
    prefix = given or checkpoint.latest(run) or checkpoint.latest(run.parent)
    if all(item.tensor_path for item in config.embeddings):
        if given is not None or prefix is not None:
            gone = given is not None and not checkpoint.exists(config.model_checkpoint_path)
            note("checkpoint-missing" if gone else "checkpoint-lists-all", "the checkpoint was left behind: all tensors are files")
        return {}
    if prefix is None:
        return {}
    found = sorted(prefix.parent.glob(f"{prefix.name}.*"))
    for path in found:
        copy_file(path, home / path.name)
    if found:
        write_file(home / checkpoint.STATE, f'model_checkpoint_path: "{prefix.name}"\n')
    return checkpoint.variables(prefix) or {}
