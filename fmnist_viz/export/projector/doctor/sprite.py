"""Thumbnail sheets as the page cuts them, and laid out anew where it would cut them wrong."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fmnist_viz.export.projector.doctor.rules import Fact
from fmnist_viz.export.sprite import MAX_SHEET, WHITE, grid


def sheet_size(path: Path) -> tuple[int, int] | str:
    """Width and height in px, or why the file is no image."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            return image.size
    except UnidentifiedImageError:
        return "is no image"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        return f"cannot be read ({e})"


def sprite_facts(size: tuple[int, int], dims: Sequence[int], points: int) -> Iterator[Fact]:
    """What is wrong with a sheet of that size, cut into thumbnails of `dims` (width, height), for `points` points (0: unknown)."""
    width, height = size
    if max(size) > MAX_SHEET:
        yield "sprite-too-large", f"{width} x {height} px, at most {MAX_SHEET} a side"
    if len(dims) != 2 or min(dims) < 1:
        yield "sprite-dimensions", f"single_image_dim is {list(dims)}, the sheet {width} x {height} px"
        return
    w, h = dims
    if width % w or height % h:
        yield "sprite-not-divisible", f"{width} x {height} px, thumbnails of {w} x {h} px"
        return
    columns, rows = width // w, height // h
    if columns != rows:
        yield "sprite-grid", f"{columns} x {rows} thumbnails of {w} x {h} px, expected {grid(points)} x {grid(points)} for {points:,} points"
    if columns * rows < points:
        yield "sprite-short", f"{columns * rows:,} thumbnails for {points:,} points"
    elif columns == rows and points and columns > grid(points):
        yield "sprite-spare", f"{columns} x {rows} thumbnails for {points:,} points, expected {grid(points)} x {grid(points)}"
    if w != h:
        yield "sprite-stretched", f"thumbnails of {w} x {h} px"


def derived_dims(size: tuple[int, int], dims: Sequence[int], points: int) -> tuple[int, int] | None:
    """The thumbnail's size in px: the given one, or the one that a full square grid of the points has; None where neither fits."""
    if len(dims) == 2 and min(dims) > 0:
        return (dims[0], dims[1]) if not (size[0] % dims[0] or size[1] % dims[1]) else None
    cells = grid(points)
    if points and not (size[0] % cells or size[1] % cells):
        return size[0] // cells, size[1] // cells
    return None


def laid_out(path: Path, thumb: tuple[int, int], points: int) -> tuple[Any, tuple[int, int]]:
    """The thumbnails row by row on a square grid that fits the page: a Pillow image and the new thumbnail's size."""
    from PIL import Image

    with warnings.catch_warnings(), Image.open(path) as opened:
        clear = "A" in opened.getbands() or "transparency" in opened.info
        sheet = opened.convert("RGBA" if clear else "L" if opened.mode in ("1", "L") else "RGB")
    (w, h), cells = thumb, grid(points)
    columns, scale = sheet.width // w, min(1.0, MAX_SHEET / (cells * max(w, h)))
    size = max(1, int(w * scale)), max(1, int(h * scale))
    empty: Any = {"L": WHITE, "RGB": (WHITE,) * 3, "RGBA": (WHITE,) * 3 + (0,)}[sheet.mode]
    out = Image.new(sheet.mode, (cells * size[0], cells * size[1]), empty)
    for i in range(min(points, columns * (sheet.height // h))):
        left, top = i % columns * w, i // columns * h
        one = sheet.crop((left, top, left + w, top + h))
        out.paste(one if size == thumb else one.resize(size, Image.Resampling.BOX), (i % cells * size[0], i // cells * size[1]))
    return out, size
