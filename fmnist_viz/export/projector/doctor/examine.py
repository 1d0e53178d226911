"""One pass over a log folder: what the Projector tab will show of it, and which rules it breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmnist_viz.export.projector.doctor import checkpoint
from fmnist_viz.export.projector.doctor.bookmarks import read_bookmarks
from fmnist_viz.export.projector.doctor.config import effective_names, locate, name_facts, read_config
from fmnist_viz.export.projector.doctor.metadata import Table, against, read_table
from fmnist_viz.export.projector.doctor.rules import Fact, Finding
from fmnist_viz.export.projector.doctor.runs import ROOT, Place, places
from fmnist_viz.export.projector.doctor.sprite import sheet_size, sprite_facts
from fmnist_viz.export.projector.doctor.tensor import judge, read_tensor
from fmnist_viz.export.projector.metadata import NO_COLOR

KEY = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclass(frozen=True)
class Shown:
    """One tensor as the tab lists it: size (0: unknown), where its values come from, what belongs to it, and whether it is shown at all."""

    run: str
    tensor: str
    rows: int
    columns: int
    source: str
    metadata: tuple[str, ...] = ()
    images: bool = False
    bookmarks: tuple[str, ...] = ()
    shown: bool = True


@dataclass(frozen=True)
class Examination:
    """`findings` in the order of the files, `tensors` in the order of the tab's list."""

    logdir: Path
    findings: tuple[Finding, ...]
    tensors: tuple[Shown, ...]

    @property
    def broken(self) -> bool:
        return any(finding.severity == "breaks" for finding in self.findings)


@dataclass
class _Notes:
    """What is gathered along the way; files that several tensors share are read once and judged once."""

    logdir: Path
    findings: list[Finding] = field(default_factory=list)
    tensors: list[Shown] = field(default_factory=list)
    tables: dict[Path, Table] = field(default_factory=dict)
    sheets: dict[Path, tuple[int, int] | str] = field(default_factory=dict)

    def add(self, facts: Any, file: Path, run: str, tensor: str = "") -> None:
        name = os.path.relpath(file, self.logdir).replace(os.sep, "/")
        for rule, fact in facts:
            one = Finding(rule, fact, name, run, tensor)
            if not any((old.rule, old.fact, old.file, old.run) == (rule, fact, name, run) for old in self.findings):
                self.findings.append(one)


def examine(logdir: Path) -> Examination:
    """Everything that the Projector tab of ``tensorboard --logdir`` would show or stumble over; reads files, writes none."""
    notes = _Notes(Path(os.path.abspath(logdir)))
    found = places(notes.logdir)
    overriding = {place.run for place in found if place.seen and place.config.is_file() and place.folder != _home(notes.logdir, place.run)}
    notes.add(_empty_states(notes.logdir, found), notes.logdir, "")
    for place in found:
        if place.run in overriding and place.folder == _home(notes.logdir, place.run) and place.config.is_file():
            notes.add([("config-overridden", "is not read, but must be valid")], place.config, place.run)
            notes.add([fact for fact in read_config(place.config.read_bytes())[1] if fact[0].startswith("config-")], place.config, place.run)
            continue
        _place(notes, place)
    if not notes.tensors and not any(finding.severity == "breaks" for finding in notes.findings):
        notes.add([("nothing-to-show", f"{len(found)} configurations or checkpoints, no tensor")], notes.logdir, "")
    return Examination(notes.logdir, tuple(notes.findings), tuple(_judged(notes)))


def _empty_states(logdir: Path, found: list[Place]) -> Iterator[Fact]:
    """State files on which TensorFlow raises, where TensorBoard asks for a checkpoint: in the log folder, runs, and one above each."""
    folders = {logdir, logdir.parent, *(place.folder for place in found if place.seen or any(place.folder.glob("*/*tfevents*")))}
    for folder in sorted(folders):
        if checkpoint.invalid(folder):
            yield "checkpoint-state-empty", f"{os.path.relpath(folder / checkpoint.STATE, logdir)} names no TensorFlow checkpoint"


def examine_folder(folder: Path, config: bytes) -> list[Finding]:
    """The findings of one folder on its own, as if TensorBoard were started in it, with a configuration that is not there yet."""
    notes = _Notes(Path(os.path.abspath(folder)))
    notes.add(_empty_states(notes.logdir, []), notes.logdir, ROOT)
    _config(notes, Place(ROOT, notes.logdir, True), config)
    return notes.findings


def _home(logdir: Path, run: str) -> Path:
    return logdir if run == ROOT else logdir / run


def _judged(notes: _Notes) -> Iterator[Shown]:
    """The tensors, with whether they are shown: what breaks all, their run, or themselves."""
    breaks = [finding for finding in notes.findings if finding.severity == "breaks"]
    everything = any(finding.reach == "all" for finding in breaks)
    runs = {finding.run for finding in breaks if finding.reach == "run"}
    tensors = {(finding.run, finding.tensor) for finding in breaks if finding.reach == "tensor"}
    for one in notes.tensors:
        hidden = everything or one.run in runs or (one.run, one.tensor) in tensors
        yield Shown(one.run, one.tensor, one.rows, one.columns, one.source, one.metadata, one.images, one.bookmarks, not hidden)


def _place(notes: _Notes, place: Place) -> None:
    if place.config.is_file():
        notes.add(place.facts, place.config, place.run)
        _config(notes, place, place.config.read_bytes())
    elif place.seen:
        prefix = checkpoint.latest(place.folder)
        if prefix is not None:
            shapes = checkpoint.variables(prefix)
            listed = checkpoint.listed(shapes or {})
            notes.add([("checkpoint-run", f"{len(listed)} variables")] if listed else [], place.folder / checkpoint.STATE, place.run)
            notes.tensors += [Shown(place.run, name, shape[0], shape[1], prefix.name) for name, shape in sorted(listed.items())]


def _config(notes: _Notes, place: Place, raw: bytes) -> None:
    config, facts = read_config(raw)
    notes.add(facts, place.config, place.run)
    if config is None:
        return
    names = effective_names(config)
    for i, fact in name_facts(config):
        notes.add([fact], place.config, place.run, names[i])
    shapes = _checkpoint(notes, place, config)
    for item, name in zip(config.embeddings, names, strict=True):
        if item.tensor_path:
            _entry(notes, place, item, name)
        elif shapes is not None:
            _variable(notes, place, item, name, shapes)
    if shapes:
        rest = [(name, shape) for name, shape in sorted(shapes.items()) if len(shape) == 2 and name not in names]
        notes.tensors += [Shown(place.run, name, shape[0], shape[1], "checkpoint") for name, shape in rest]


def _checkpoint(notes: _Notes, place: Place, config: Any) -> dict[str, tuple[int, ...]] | None:
    """The variables that the server would list beside the tensor files; None where it finds no checkpoint."""
    home = place.folder.parents[1] if place.folder.name == "org_tensorflow_tensorboard_projector" else place.folder
    files = [item for item in config.embeddings if item.tensor_path]
    prefix = Path(config.model_checkpoint_path) if config.model_checkpoint_path else checkpoint.latest(home) or checkpoint.latest(home.parent)
    if prefix is None:
        state = [folder / checkpoint.STATE for folder in (home, home.parent) if (folder / checkpoint.STATE).is_file()]
        if files and state and not checkpoint.invalid(state[0]):
            notes.add([("checkpoint-state", "a TensorFlow checkpoint's state file lies in or above the folder")], state[0], place.run)
        if len(files) < len(config.embeddings) or not config.embeddings:
            notes.add(_sourceless(home, config), place.config, place.run)
        return None
    if config.model_checkpoint_path and not checkpoint.exists(config.model_checkpoint_path):
        notes.add([("checkpoint-missing", f"model_checkpoint_path {config.model_checkpoint_path!r}: no such checkpoint")], place.config, place.run)
        return None
    shapes = checkpoint.variables(prefix)
    if shapes is None:
        notes.add([("checkpoint-unreadable", f"{prefix.name}: not a checkpoint of TensorFlow 2")], place.config, place.run)
        return {}
    listed = checkpoint.listed(shapes)
    if files and listed:
        fact = f"a TensorFlow checkpoint lies in or above the folder ({prefix.name}): {len(listed)} variables of it would be listed"
        notes.add([("checkpoint-lists-all", fact)], place.config, place.run)
    return listed


def _sourceless(home: Path, config: Any) -> Iterator[Fact]:
    if not config.embeddings:
        yield "config-empty", "lists no tensor"
        return
    nameless = [item.tensor_name for item in config.embeddings if not item.tensor_path]
    saved = sorted(path.name for pattern in ("*.weights.h5", "*/*.weights.h5") for path in home.glob(pattern))
    if any(name.startswith("layer_with_weights-") for name in nameless):
        yield "keras-embeddings-freq", f"no tensor file is named for {nameless[0]!r}; there are {', '.join(saved[-2:]) or 'no'} weights"
    elif len(nameless) == len(config.embeddings):
        yield "no-source", f"no tensor file is named for {nameless[0]!r}, and there is no checkpoint"
    else:
        yield "checkpoint-key", f"no tensor file is named for {nameless[0]!r}, and there is no checkpoint"


def _variable(notes: _Notes, place: Place, item: Any, name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """A tensor of the configuration that is to come from the checkpoint."""
    if not name and not item.tensor_path:
        return  # the first one without a name lends its metadata to all variables
    if name not in shapes:
        close = [key for key in shapes if key.removesuffix(KEY) in (name, name.removesuffix(KEY))]
        hint = f"; {close[0]!r} is meant, perhaps" if close else ""
        if shapes or item.tensor_name:
            notes.add([("checkpoint-key", f"the checkpoint holds no variable {name!r}{hint}")], place.config, place.run, name)
        return
    rows, columns = shapes[name]
    _rest(notes, place, item, name, (rows, columns), "checkpoint")


def _entry(notes: _Notes, place: Place, item: Any, name: str) -> None:
    path, facts = locate(place.folder, item.tensor_path, notes.logdir, tensor=True)
    notes.add(facts, place.config, place.run, name)
    declared = tuple(item.tensor_shape)
    shape = declared if len(declared) == 2 else (0, 0)
    if path is not None:
        table = _table(notes, place, item, name, report=False)
        read = read_tensor(path, declared, table.shown if table else None)
        notes.add(read.facts, path, place.run, name)
        if read.values is not None:
            shape = int(read.values.shape[0]), int(read.values.shape[1])
            notes.add(judge(read.values), path, place.run, name)
    _rest(notes, place, item, name, shape, item.tensor_path)


def _rest(notes: _Notes, place: Place, item: Any, name: str, shape: tuple[int, int], source: str) -> None:
    """Metadata, images and bookmarks of a tensor of that shape (0: unknown)."""
    table, points = _table(notes, place, item, name), min(shape[0], 100_000)
    columns: tuple[str, ...] = ()
    if table is not None:
        columns = tuple(table.columns)
        notes.add(against(table, points), _file(notes, place, item.metadata_path), place.run, name)
    images = False
    if item.sprite.image_path:
        path, facts = locate(place.folder, item.sprite.image_path, notes.logdir)
        notes.add(facts, place.config, place.run, name)
        if path is not None:
            size = notes.sheets[path] if path in notes.sheets else notes.sheets.setdefault(path, sheet_size(path))
            bad = [("sprite-unreadable", size)] if isinstance(size, str) else list(sprite_facts(size, tuple(item.sprite.single_image_dim), points))
            notes.add(bad, path, place.run, name)
            images = not isinstance(size, str)
    labels: list[str] = []
    if item.bookmarks_path:
        path, facts = locate(place.folder, item.bookmarks_path, notes.logdir)
        notes.add(facts, place.config, place.run, name)
        if path is not None:
            labels, facts = read_bookmarks(path, points, {*columns, NO_COLOR})
            notes.add(facts, path, place.run, name)
    notes.tensors.append(Shown(place.run, name, shape[0], shape[1], source, columns, images, tuple(labels)))


def _file(notes: _Notes, place: Place, given: str) -> Path:
    return locate(place.folder, given, notes.logdir)[0] or place.config


def _table(notes: _Notes, place: Place, item: Any, name: str, *, report: bool = True) -> Table | None:
    """The tensor's metadata, read once for all that share it."""
    if not item.metadata_path:
        return None
    path, facts = locate(place.folder, item.metadata_path, notes.logdir)
    if report:
        notes.add(facts, place.config, place.run, name)
    if path is None:
        return None
    if path not in notes.tables:
        notes.tables[path] = read_table(path)
    if report:
        notes.add(notes.tables[path].facts, path, place.run, name)
    return notes.tables[path]
