"""Small pictures in place of points: the weights that a unit looks through, each at its place on the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST, _MOST = 10, 48  # pixels that a picture's longer side may take
_FRAME = 3  # pixels


def picture_side(width: int, height: int, count: int) -> int:
    """Pixels that the longer side of each of `count` pictures may take in axes of `width` by `height` pixels."""
    return int(np.clip(0.6 * np.sqrt(width * height / max(1, count)), _LEAST, _MOST))


def enlarged(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`picture` (h, w[, 3]) as uint8 (h', w', 3), its longer side near `side` pixels.

    Each pixel is repeated a whole number of times, or every k-th one kept; nothing is interpolated.
    """
    rgb = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    longest = max(rgb.shape[:2])
    if longest > side:
        step = -(-longest // side)
        return rgb[::step, ::step]
    times = max(1, side // longest)
    return rgb.repeat(times, axis=0).repeat(times, axis=1)


def draw_pictures(ax: Axes, xy: NDArray[np.floating[Any]], pictures: NDArray[np.uint8], colors: Sequence[str], order: NDArray[np.int64]) -> None:
    """Draw each picture centred on its point in a frame of its colour, later ones of `order` on top.

    Parameters
    ----------
    xy : float (n, 2), data coordinates
    pictures : uint8 (n, h, w) or (n, h, w, 3), drawn as they are: 0 black, 255 white
    colors : n colours as #rrggbb

    The axes must have their final limits and place: the pictures are set pixel by pixel into one image of the axes' size.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.image import AxesImage

    box = ax.get_window_extent()
    width, height = max(1, round(box.width)), max(1, round(box.height))
    canvas = np.zeros((height, width, 4), np.uint8)
    side = max(picture_side(width, height, len(xy)), min(_MOST, max(pictures.shape[1:3])))
    places = np.rint(ax.transData.transform(np.asarray(xy, np.float64)) - (box.x0, box.y0)).astype(np.int64)
    for i in order:
        inner = enlarged(pictures[i], side)
        h, w = inner.shape[0] + 2 * _FRAME, inner.shape[1] + 2 * _FRAME
        tile = np.full((h, w, 4), 255, np.uint8)
        tile[:, :, :3] = np.rint(np.array(to_rgb(colors[i])) * 255).astype(np.uint8)
        tile[_FRAME:-_FRAME, _FRAME:-_FRAME, :3] = inner
        left = int(np.clip(places[i, 0] - w // 2, 0, max(0, width - w)))
        top = int(np.clip(height - places[i, 1] - h // 2, 0, max(0, height - h)))
        part = canvas[top : top + h, left : left + w]
        part[:] = tile[: part.shape[0], : part.shape[1]]
    image = AxesImage(ax, interpolation="none", origin="upper", extent=(*ax.get_xlim(), *ax.get_ylim()), zorder=3, gid="pictures")
    image.set_data(canvas)
    ax.add_image(image)
