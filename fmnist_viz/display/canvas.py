"""Drawing in inches: axes that cover the body of a sheet, and images set into them pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.display.style import DPI, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def canvas(draw: Callable[[Axes], None], width: float, body: float, *, ax: Axes | None, caption: str, stamp: Sequence[str]) -> Figure:
    """Let `draw` draw in inches from the top left corner, y downwards: into `ax`, or onto a sheet of its own with a caption below."""
    with styled():
        if ax is None:
            from fmnist_viz.display.sheet import Sheet

            sheet = Sheet(width=width, body=body, caption=caption, stamp=stamp)
            ax = sheet.axes(0, 0, width, body, gid="body")
        ax.set_axis_off()
        ax.set_xlim(0, width)
        ax.set_ylim(body, 0)
        draw(ax)
        return ax.figure.get_figure(root=True)  # type: ignore[return-value]


def times(longest: int, wanted: float) -> int:
    """How many pixels of a figure each pixel of an image takes, so that its longer side comes near `wanted` inches."""
    return max(1, round(wanted * DPI / max(1, longest)))


def side_of(longest: int, wanted: float) -> float:
    """Inches of an image's longer side, each of its pixels a whole number of pixels of the figure."""
    return times(longest, wanted) * longest / DPI


def tile(ax: Axes, pixels: NDArray[Any], left: float, top: float, side: float, *, gid: str = "", **look: Any) -> None:
    """Draw one image whose longer side is `side` inches at a place of a canvas; grey ones from 0 black to 255 white unless `look` says otherwise.

    Nothing is interpolated, and the corner falls on a whole pixel of the figure.
    """
    from matplotlib.image import AxesImage

    h, w = (n / max(pixels.shape[:2]) * side for n in pixels.shape[:2])
    left, top = np.round(left * DPI) / DPI, np.round(top * DPI) / DPI
    image = AxesImage(
        ax, interpolation="none", origin="upper", extent=(left, left + w, top + h, top), gid=gid or None, **({"cmap": "gray", "clim": (0, 255)} | look)
    )
    image.set_data(pixels)
    image.set_clip_path(ax.patch)
    ax.add_image(image)
