"""Many small images as one square sheet: the thumbnails that TensorBoard's Projector draws in place of points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.store import write_file

MAX_SHEET = 8192  # px a side; the Projector refuses to load a data set whose sheet is larger
MAX_THUMB = 64  # px; in 2-D a thumbnail is drawn at its own size, and larger ones only hide each other
MIN_THUMB = 24  # px; smaller images (convolution kernels) are enlarged by whole factors to be seen at all
WHITE = 255
_BLOCK = 1024  # images at a time, so that large photographs are never all copied


def grid(count: int) -> int:
    """Thumbnails per row and per column, ceil(sqrt(count)): the Projector needs as many rows as columns."""
    return max(1, math.isqrt(max(count, 1) - 1) + 1)


def thumb_side(count: int, height: int, width: int) -> int:
    """Side of one square thumbnail in px, so that the whole sheet of `count` fits into `MAX_SHEET`."""
    side, limit = max(height, width), min(MAX_THUMB, MAX_SHEET // grid(count))
    if side < MIN_THUMB:
        side *= math.ceil(MIN_THUMB / side)
    return max(1, min(side, limit))


def on_black(images: NDArray[np.uint8]) -> bool:
    """Whether grey images (n, h, w, 1) are light things on black, judged by the median of their outer frame.

    The sheet is drawn on the Projector's white canvas and multiplied by the class colour, so such images are inverted.
    Colour images never are.
    """
    if images.shape[-1] != 1 or not len(images):
        return False
    some = images[:: max(1, len(images) // 1000)]
    frame = np.concatenate([some[:, 0].ravel(), some[:, -1].ravel(), some[:, :, 0].ravel(), some[:, :, -1].ravel()])
    return bool(np.median(frame) < 128)


def square_thumbs(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Images uint8 (n, h, w, c) as squares (n, side, side, c): letterboxed in white, enlarged only by whole factors."""
    n, h, w, c = images.shape
    factor = side // max(h, w)
    if factor >= 1:
        images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    else:
        h, w = max(1, round(h * side / max(h, w))), max(1, round(w * side / max(h, w)))
        images, factor = _shrunk(images, h, w), 1
    out = np.full((n, side, side, c), WHITE, np.uint8)
    top, left = (side - h * factor) // 2, (side - w * factor) // 2
    out[:, top : top + h * factor, left : left + w * factor] = images
    return out


def _shrunk(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Area averages of the images, (n, height, width, c)."""
    from PIL import Image

    out = np.empty((len(images), height, width, images.shape[-1]), np.uint8)
    for i, image in enumerate(images):
        small = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).resize((width, height), Image.Resampling.BOX)
        out[i] = np.asarray(small).reshape(out[i].shape)
    return out


def _blocks(count: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, count, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, count))


def write_sprite(path: Path, images: NDArray[np.uint8], *, rows: NDArray[np.int64] | None = None, invert: bool | None = None) -> dict[str, Any]:
    """Write the PNG sheet of `images` uint8 (n, h, w, c in {1, 3}), row by row, for the given rows in their order.

    `invert` None asks `on_black`; unused places of the sheet are white. Returns facts: `file`, `images`, `grid`
    (thumbnails a side), `thumb` (px), `side` (px), `inverted`.
    """
    from PIL import Image

    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"sprite images: {images.dtype} {images.shape}, expected uint8 (n, h, w, 1 or 3)")
    rows = np.arange(len(images)) if rows is None else rows
    cells, side = grid(len(rows)), thumb_side(len(rows), *images.shape[1:3])
    inverted = on_black(images) if invert is None else invert
    sheet = np.full((cells, side, cells, side, images.shape[-1]), WHITE, np.uint8)
    places = sheet.transpose(0, 2, 1, 3, 4)
    for at in _blocks(len(rows)):
        block = images[rows[at]]
        places[at // cells, at % cells] = square_thumbs(WHITE - block if inverted else block, side)
    flat = sheet.reshape(cells * side, cells * side, -1)
    picture = Image.fromarray(flat[..., 0] if flat.shape[-1] == 1 else flat)
    write_file(path, lambda f: picture.save(f, "PNG", compress_level=3))
    return {"file": path.name, "images": len(rows), "grid": cells, "thumb": side, "side": cells * side, "inverted": inverted}
