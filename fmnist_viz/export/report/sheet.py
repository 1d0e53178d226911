"""Thumbnails of all images on a few WebP sheets, for walls and tooltips."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages

# WebP ends at 16,383 px a side; 4,096 keeps a decoded sheet at 64 MB and decodes on every device.
SIDE = 4096
LARGEST_THUMB = 64
QUALITY = 60
SIDES = (64, 48, 32, 24, 16)  # px a side to fall back to where the sheets would grow too large
SAMPLE = 512  # thumbnails whose size stands for that of all
BLANK = 28  # px a side of the tile in its class's colour that stands for an image without pixels


@dataclass(frozen=True)
class ThumbnailSheets:
    """`sheets` are WebP files; image i is on sheet i // per_sheet, there in row-major order, `columns` to a row, `thumb` px a side.

    `reduced` says in a sentence what had to be given up to stay within the room; else empty.
    """

    sheets: tuple[bytes, ...]
    thumb: int
    columns: int
    per_sheet: int
    reduced: str = ""


def _square(image: NDArray[np.uint8], thumb: int) -> NDArray[np.uint8]:
    """One image on white, centred, scaled down to fit and never up."""
    from PIL import Image

    h, w, c = image.shape
    if max(h, w) > thumb:
        scale = thumb / max(h, w)
        size = (max(1, round(w * scale)), max(1, round(h * scale)))
        flat = Image.fromarray(image[:, :, 0] if c == 1 else image).resize(size, Image.Resampling.BOX)
        image = np.asarray(flat).reshape(size[1], size[0], c)
        h, w = image.shape[:2]
    out = np.full((thumb, thumb, c), 255, np.uint8)
    top, left = (thumb - h) // 2, (thumb - w) // 2
    out[top : top + h, left : left + w] = image
    return out


def thumbnails(images: NDArray[np.uint8], largest: int = LARGEST_THUMB) -> NDArray[np.uint8]:
    """uint8 (n, h, w, c) as squares of at most `largest` px, uint8 (n, t, t, c): grey ones dark on white, as in the articles."""
    _, h, w, c = images.shape
    shown = 255 - images if c == 1 else images
    thumb = min(max(h, w), largest)
    if h == w == thumb:
        return shown
    return np.stack([_square(image, thumb) for image in shown])


def webp(tiles: NDArray[np.uint8], columns: int) -> bytes:
    from PIL import Image

    n, t, _, c = tiles.shape
    rows = -(-n // columns)
    grid = np.full((rows * columns, t, t, c), 255, np.uint8)
    grid[:n] = tiles
    pixels: NDArray[Any] = grid.reshape(rows, columns, t, t, c).transpose(0, 2, 1, 3, 4).reshape(rows * t, columns * t, c)
    out = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if c == 1 else pixels).save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()


def _fitting(images: NDArray[np.uint8], room: int) -> int:
    """The largest side whose sheets are expected to fit, px; 0 where none does. Judged by evenly spaced images, WebP having little to share between them."""
    whole = min(max(images.shape[1:3]), LARGEST_THUMB)
    some = images[np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)]
    for side in (whole, *(s for s in SIDES if s < whole)):
        if len(webp(thumbnails(some, side), max(1, int(np.sqrt(len(some)))))) / len(some) * len(images) <= room:
            return side
    return 0


def thumbnail_sheets(images: LabeledImages, room: int = 1 << 40) -> ThumbnailSheets:
    """Draw every image once; sheets are as square as the number of images allows, and take about `room` bytes at most: else thumbnails are made smaller,
    or left out. No sheets where there are no pixels.
    """
    if not images.pictured:
        return ThumbnailSheets((), BLANK, 1, 1)
    n, whole = len(images), min(max(images.images.shape[1:3]), LARGEST_THUMB)
    thumb = _fitting(images.images, room)
    if not thumb:
        return ThumbnailSheets((), BLANK, 1, 1, "The images themselves are left out: even at 16 px they would make the page too large.")
    reduced = f"Thumbnails are {thumb} px a side instead of {whole}." if thumb < whole else ""
    tiles = thumbnails(images.images, thumb)
    columns = min(int(np.ceil(np.sqrt(n))), SIDE // thumb)
    per_sheet = columns * (SIDE // thumb)
    sheets = tuple(webp(tiles[start : start + per_sheet], columns) for start in range(0, n, per_sheet))
    return ThumbnailSheets(sheets, thumb, columns, per_sheet, reduced)
