"""What TensorBoard's server and page would stumble over, asked of a Projector folder before they see it.

One bad configuration takes the Projector down for every run of a log folder until the server is started again, so the
folder is judged by the rules of both sides (TensorBoard 2.21) before its configuration is written.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_viz.export.projector.bookmarks import REQUIRED
from fmnist_viz.export.projector.checkpoint import VARIABLE
from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.export.projector.metadata import NO_COLOR, PIECE, read_as_page
from fmnist_viz.export.sprite import MAX_SHEET

MAX_POINTS = 100_000  # the page takes the first so many


def check_folder(folder: Path, *, config: str | None = None) -> list[str]:
    """Every rule that the folder breaks, in words; empty where TensorBoard will show it.

    `config` is the text that is about to be written, before the event file; None reads the folder's own.
    """
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    try:
        text = (folder / CONFIG).read_text(encoding="utf-8") if config is None else config
        parsed = text_format.Parse(text, ProjectorConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as e:
        return [f"{CONFIG}: cannot be read ({e})"]
    found = [*_surroundings(folder, parsed, published=config is None), *_names(parsed)]
    tables: dict[str, tuple[list[str], int]] = {}
    for item in parsed.embeddings:
        missing = list(_paths(folder, item))
        found += [f"{item.tensor_name}: {fact}" for fact in missing or _entry(folder, item, tables)]
    return found


def _surroundings(folder: Path, config: Any, *, published: bool) -> Iterator[str]:
    if config.model_checkpoint_path or any((place / "checkpoint").is_file() for place in _where_unwanted(folder, config)):
        yield "a TensorFlow checkpoint lies in or above the folder: each of its variables would be listed"
    if not config.embeddings:
        yield f"{CONFIG}: lists no tensor"
    if published and not any(_has_record(path) for path in folder.glob("*tfevents*")):
        yield "no event file with a record: TensorBoard would not see the folder"


def _variable(item: Any) -> bool:
    """Whether the tensor is a variable of the checkpoint beside the configuration, and meant to be."""
    return not item.tensor_path and item.tensor_name.endswith(VARIABLE)


def _where_unwanted(folder: Path, config: Any) -> tuple[Path, ...]:
    return (folder.parent,) if config.embeddings and all(map(_variable, config.embeddings)) else (folder, folder.parent)


def _has_record(path: Path) -> bool:
    """Whether the file begins with one complete record (length, checksum, data, checksum)."""
    raw = path.read_bytes()[: 1 << 16]
    return len(raw) >= 16 and len(raw) >= 16 + struct.unpack("<Q", raw[:8])[0]


def _names(config: Any) -> Iterator[str]:
    seen: set[str] = set()
    for name in (item.tensor_name for item in config.embeddings):
        if not re.fullmatch(r"[A-Za-z0-9_./:-]+", name):
            yield f"tensor name {name!r}: empty, or holds characters that break the page's addresses"
        short = name.removesuffix(":0")
        if short in seen:
            yield f"tensor name {name!r}: given twice"
        seen.add(short)


def _paths(folder: Path, item: Any) -> Iterator[str]:
    """Files that are missing, or that the server would refuse because they lie outside the folder."""
    home = folder.resolve()
    if not item.tensor_path and not (_variable(item) and (folder / "checkpoint").is_file()):
        yield "no tensor file is named"
    for given in filter(None, (item.tensor_path, item.metadata_path, item.bookmarks_path, item.sprite.image_path)):
        path = folder / given
        if Path(given).is_absolute() or given.startswith("~") or home not in path.resolve().parents:
            yield f"{given}: leads outside the folder"
        elif not path.is_file():
            yield f"{given}: there is no such file"


def _entry(folder: Path, item: Any, tables: dict[str, tuple[list[str], int]]) -> Iterator[str]:
    shape = tuple(item.tensor_shape)
    if item.tensor_path:
        yield from _tensor(folder / item.tensor_path, shape)
    rows = shape[0] if shape else 0
    columns: list[str] = []
    if item.metadata_path:
        if item.metadata_path not in tables:
            columns, count, facts = _table(folder / item.metadata_path)
            tables[item.metadata_path] = columns, count
            yield from facts
        columns, count = tables[item.metadata_path]
        if count != rows:
            yield f"{item.metadata_path}: {count} rows for {rows} points"
    if item.sprite.image_path:
        yield from _sprite(folder / item.sprite.image_path, tuple(item.sprite.single_image_dim), rows)
    if item.bookmarks_path:
        yield from _bookmarks(folder / item.bookmarks_path, rows, {*columns, NO_COLOR})


def _tensor(path: Path, shape: tuple[int, ...]) -> Iterator[str]:
    if len(shape) != 2 or min(shape) < 2 or shape[1] < 3 or shape[0] > MAX_POINTS:
        yield f"shape {shape}: the page shows 2 to {MAX_POINTS:,} rows of 3 or more values"
        return
    if path.suffix == ".tsv":
        yield from _text(path, shape)
        return
    if path.stat().st_size != 4 * math.prod(shape):
        yield f"{path.name}: {path.stat().st_size:,} bytes, {4 * math.prod(shape):,} expected for {shape[0]} x {shape[1]}"
        return
    values = np.memmap(path, "<f4", mode="r", shape=shape)
    if values.view(np.uint8)[0, 0] < 0xF8:
        yield f"{path.name}: the first byte may begin a text, and the server would read it as one"
    step = max(1, (1 << 22) // shape[1])
    if not all(np.isfinite(values[start : start + step]).all() for start in range(0, shape[0], step)):
        yield f"{path.name}: holds NaN or infinity"


def _text(path: Path, shape: tuple[int, ...]) -> Iterator[str]:
    """A tensor as text: line by line, so that a large one is never in memory."""
    count = 0
    with open(path, encoding="utf-8") as f:
        for count, line in enumerate(f, start=1):
            try:
                good = all(map(math.isfinite, values := [float(cell) for cell in line.split("\t")])) and len(values) == shape[1]
            except ValueError:
                good = False
            if not good:
                yield f"{path.name}: line {count} is not {shape[1]} finite numbers parted by tabs"
                return
    if count != shape[0]:
        yield f"{path.name}: {count} lines for {shape[0]} points"


def _table(path: Path) -> tuple[list[str], int, list[str]]:
    raw = path.read_bytes()
    try:
        columns, rows = read_as_page(raw)
    except ValueError as e:
        return [], 0, [f"{path.name}: {e}"]
    facts = []
    if b"\r" in raw:
        facts.append(f"{path.name}: holds carriage returns")
    if len(columns) < 2:
        facts.append(f"{path.name}: a single column must not have a header, and would lose its name")
    if len(set(columns)) < len(columns) or not all(columns):
        facts.append(f"{path.name}: column names are empty or given twice")
    if any(raw[border] & 0xC0 == 0x80 for border in range(PIECE, len(raw), PIECE)):
        facts.append(f"{path.name}: a character lies across a border at which the page cuts the file")
    if any(len(row) != len(columns) or not all(row.values()) for row in rows):
        facts.append(f"{path.name}: a cell is empty or missing")
    if raw.count(b"\n") != len(rows) + 1:
        facts.append(f"{path.name}: a line looks blank, so that the page would skip it")
    return columns, len(rows), facts


def _sprite(path: Path, thumb: tuple[int, ...], rows: int) -> Iterator[str]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            size = image.size
    except (UnidentifiedImageError, Image.DecompressionBombError) as e:
        yield f"{path.name}: not an image ({e})"
        return
    cells = math.isqrt(max(rows, 1) - 1) + 1
    if max(size) > MAX_SHEET:
        yield f"{path.name}: {size[0]} x {size[1]} px, at most {MAX_SHEET} a side"
    if len(thumb) != 2 or size != (cells * thumb[0], cells * thumb[1]):
        yield f"{path.name}: {size[0]} x {size[1]} px, expected {cells} x {cells} thumbnails of {thumb} px for {rows} points"


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _bookmarks(path: Path, rows: int, columns: set[str]) -> Iterator[str]:
    try:
        states = json.loads(path.read_bytes(), parse_constant=_refuse)
    except ValueError as e:
        yield f"{path.name}: {e}"
        return
    for state in states:
        name = f"{path.name}: bookmark {state.get('label', '')[:40]!r}"
        missing = [key for key in REQUIRED if key not in state]
        if missing:
            yield f"{name}: lacks {', '.join(missing)}"
            continue
        slot, points = state["selectedProjection"], state["projections"]
        if slot not in ("pca", "umap", "custom"):
            yield f"{name}: the page would compute its own map in the slot {slot!r}"
        if len(points) != rows or len({tuple(point) for point in points}) != 1:
            yield f"{name}: {len(points)} points for {rows}, or points with different axes"
        for key in ("selectedColorOptionName", "selectedLabelOption"):
            if state.get(key) and state[key] not in columns:
                yield f"{name}: {key} {state[key]!r} is no column"
