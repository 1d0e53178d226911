"""A wall of images, each with its id and a few words below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sample_grid import dark_ground, shown
from fmnist_viz.display.style import GREY, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL, _PICTURE = 0.98, 0.62  # inches: width of a place, side of the image in it
_LINE = SMALL * 1.25 / 72  # inches


@dataclass(frozen=True)
class ImageWallDisplay:
    """`images` in their order, row by row; `words` holds the lines below each image (its id is set first)."""

    images: LabeledImages
    words: Sequence[Sequence[str]]
    said: str = field(default="", kw_only=True)  # what the images have in common, for the caption
    total: int = field(default=0, kw_only=True)  # how many there are in all; 0: these
    cols: int = field(default=8, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.words) != len(self.images):
            raise ValueError(f"words: {len(self.words)} for {len(self.images)} images")

    def frame(self) -> pd.DataFrame:
        """One row per image: sample_id, label, class, words, and its place (row, column)."""
        import pandas as pd

        own = self.images
        names = np.array(own.class_names, dtype=object)
        place = np.arange(len(own))
        return pd.DataFrame({
            "sample_id": own.sample_ids, "label": own.labels, "class": names[own.labels], "words": [" | ".join(lines) for lines in self.words],
            "row": place // self.cols, "column": place % self.cols,
        })  # fmt: skip

    def caption(self) -> str:
        """What the images are, how many of how many, and what was done to the pixels."""
        own, (h, w, c) = self.images, self.images.images.shape[1:]
        total = self.total or len(own)
        count = f"{len(own):,} of {total:,} images" if total > len(own) else f"{len(own):,} image{'s' * (len(own) != 1)}"
        pixels = f"{h} x {w} pixels" + (", colour" if c == 3 else ", drawn dark on white" if dark_ground(own.images) else ", grey")
        return join([self.said, count, pixels])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import MARGIN, Sheet

            width, height = self.cols * _CELL, self._rows * self._height
            sheet = Sheet(width=width + 2 * MARGIN, body=MARGIN + height, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(MARGIN, MARGIN, width, max(height, 0.01), gid="wall"))
            return sheet.figure

    @property
    def _rows(self) -> int:
        return -(-len(self.images) // self.cols)

    @property
    def _height(self) -> float:
        """Inches from one row of images to the next."""
        return _PICTURE + (1 + max((len(lines) for lines in self.words), default=0)) * _LINE + 0.12

    def _draw(self, ax: Axes) -> None:
        """Draw in inches, y downwards."""
        from matplotlib.image import AxesImage

        ax.set_axis_off()
        ax.set_xlim(0, self.cols * _CELL)
        ax.set_ylim(max(self._rows, 1) * self._height, 0)
        for i, pixels in enumerate(shown(self.images.images, dark_ground(self.images.images))):
            x, y = (i % self.cols) * _CELL, (i // self.cols) * self._height
            h, w = (_PICTURE * side / max(pixels.shape[:2]) for side in pixels.shape[:2])
            left, top = x + (_CELL - w) / 2, y + (_PICTURE - h) / 2
            image = AxesImage(ax, interpolation="none", origin="upper", extent=(left, left + w, top + h, top), cmap="gray", clim=(0, 255))
            image.set_data(pixels)
            image.set_clip_path(ax.patch)
            ax.add_image(image)
            for k, line in enumerate([str(self.images.sample_ids[i]), *self.words[i]]):
                look: dict[str, Any] = {"fontsize": SMALL, "color": INK if k == 0 else GREY, "ha": "center", "va": "center"}
                ax.text(x + _CELL / 2, y + _PICTURE + (k + 0.8) * _LINE, fitted(line, (_CELL - 0.06) * 72, SMALL), parse_math=False, **look)
