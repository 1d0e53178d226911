"""Configurations as the server parses them, their tensors' names, and where their paths lead."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fmnist_viz.export.projector.doctor.rules import Fact

SAFE = re.compile(r"[A-Za-z0-9_./:-]+")
BREAKING = re.compile(r"[&#+%\x00-\x1f\x7f]")  # what a browser does not escape in an address, or drops


def read_config(raw: bytes) -> tuple[Any | None, list[Fact]]:
    """The ProjectorConfig as it was meant, None where it cannot be told, and what the server would not accept."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    text, facts = _decoded(raw)
    try:
        config = text_format.Parse(text, ProjectorConfig())
    except text_format.ParseError as strict:
        try:
            config = text_format.Parse(text, ProjectorConfig(), allow_unknown_field=True)
        except text_format.ParseError as e:
            return None, [*facts, ("config-malformed", f"cannot be read (line {e})")]
        facts.append(("config-unknown-field", f"cannot be read (line {strict})"))
    if config.model_checkpoint_dir:
        facts.append(("checkpoint-dir-ignored", f"model_checkpoint_dir is {config.model_checkpoint_dir!r}"))
    return config, facts


def _decoded(raw: bytes) -> tuple[str, list[Fact]]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace"), [("config-encoding", "cannot be read: is UTF-16")]
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        return raw.decode("cp1252", errors="replace"), [("config-encoding", f"cannot be read: byte {e.start} is not UTF-8")]
    if text.startswith("\ufeff"):
        return text[1:], [("config-encoding", "cannot be read: begins with a byte order mark")]
    return text, []


def effective_names(config: Any) -> list[str]:
    """The name by which the server knows each tensor; empty where it has none."""
    names = [item.tensor_name for item in config.embeddings]
    first = next((i for i, item in enumerate(config.embeddings) if item.tensor_path), None)
    if first is not None and not names[first]:
        names[first] = os.path.basename(config.embeddings[first].tensor_path)
    return [name.removesuffix(":0") for name in names]


def name_facts(config: Any) -> Iterator[tuple[int, Fact]]:
    """What is wrong with the tensors' names, with the tensor's number."""
    seen: set[str] = set()
    for i, (item, name) in enumerate(zip(config.embeddings, effective_names(config), strict=True)):
        if not name:
            yield i, ("name-missing", f"tensor {i + 1} has no name")
            continue
        if not item.tensor_name:
            yield i, ("name-default", f"tensor name empty: called {name!r}")
        if BREAKING.search(name):
            yield i, ("name-unsafe", f"tensor name {name!r} holds characters that break the page's addresses")
        elif not SAFE.fullmatch(name):
            yield i, ("name-unusual", f"tensor name {name!r} holds characters that break addresses unless escaped")
        if name in seen:
            yield i, ("name-twice", f"tensor name {name!r} is given twice")
        seen.add(name)


def safe_name(name: str, taken: set[str]) -> str:
    """A name that works and is not `taken`, as like the given one as may be."""
    base = re.sub(r"[^A-Za-z0-9_./:-]+", "_", name.removesuffix(":0")).strip("_") or "tensor"
    out = base
    for number in range(2, len(taken) + 3):
        if out not in taken:
            break
        out = f"{base}_{number}"
    return out


def locate(folder: Path, given: str, logdir: Path, *, tensor: bool = False) -> tuple[Path | None, list[Fact]]:
    """Where the server reads the file, None where it does not; and what is wrong with the path."""
    missing = "tensor-file-missing" if tensor else "file-missing"
    if "\0" in given:
        return None, [(missing, f"{given!r} is no path")]
    home = os.path.realpath(folder)
    wanted = os.path.expanduser(given)
    target = os.path.realpath(wanted if os.path.isabs(wanted) else os.path.join(home, wanted))
    if os.path.commonpath([home, target]) != home or target == home:
        there = "" if os.path.isfile(target) else "; there is no such file"
        return None, [("path-outside", f"{given} leads outside the folder{there}")]
    if not os.path.isfile(target):
        found = meant(folder, given, logdir)
        hint = f"; {os.path.relpath(found, folder)} is meant, perhaps: paths are relative to the configuration" if found else ""
        return None, [(missing, f"{given}: there is no such file{hint}")]
    return Path(target), [("path-absolute", f"{given} is an absolute path")] if os.path.isabs(wanted) else []


def meant(folder: Path, given: str, logdir: Path) -> Path | None:
    """The file that a path meant: the very one, or one of that name where paths are often taken from by mistake."""
    path = Path(os.path.expanduser(given))
    tries = [folder / path, folder / path.name, logdir / path, logdir.parent / path]
    return next((place for place in tries if given and "\0" not in given and place.is_file()), None)
