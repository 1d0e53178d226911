"""What the classes look like: a few images of each, with its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages, split_words
from fmnist_viz.display.lettering import clean, fitted, join
from fmnist_viz.display.style import DPI, GREY, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TALLEST = 20  # rows of images on a sheet: with many classes each shows fewer
_MOST_PIXELS = 96  # a side; larger images are drawn with every k-th pixel
_GAP = 8  # pixels between images


@dataclass(frozen=True)
class SampleGridDisplay:
    """Images of each class: `cols` classes side by side, `rows` images of each below its name, drawn at random by `seed`."""

    images: LabeledImages
    rows: int = field(default=5, kw_only=True)
    cols: int = field(default=10, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    @property
    def per_class(self) -> int:
        """Images drawn of each class: `rows`, or fewer where the classes need several bands."""
        return max(1, min(self.rows, _TALLEST // self.bands))

    @property
    def bands(self) -> int:
        """Rows of classes."""
        return max(1, -(-len(self.images.class_names) // self.cols))

    def chosen(self) -> list[NDArray[np.int64]]:
        """For each class the row numbers of its images, ascending, at most `per_class` of them."""
        rng = np.random.default_rng(self.seed)
        out = []
        for c in range(len(self.images.class_names)):
            own = np.flatnonzero(self.images.labels == c)
            out.append(np.sort(rng.choice(own, min(self.per_class, len(own)), replace=False)).astype(np.int64))
        return out

    def frame(self) -> pd.DataFrame:
        """One row per image drawn: sample_id, label, class, and its place in the grid (band, column, row)."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for c, own in enumerate(self.chosen()):
            for r, i in enumerate(own.tolist()):
                place = {"band": c // self.cols, "column": c % self.cols, "row": r}
                rows.append({"sample_id": str(self.images.sample_ids[i]), "label": c, "class": self.images.class_names[c], **place})
        return pd.DataFrame(rows, columns=["sample_id", "label", "class", "band", "column", "row"])

    def caption(self) -> str:
        """Which split and source, how many of how many, and what was done to the pixels."""
        drawn = sum(len(own) for own in self.chosen())
        h, w, c = self.images.images.shape[1:]
        said = [
            f"{drawn:,} of n = {len(self.images):,} {clean(split_words(self.images.split))} images, {self.images.source.location}",
            f"{self.per_class} of each class, drawn at random (seed {self.seed})",
            f"{h} x {w} pixels" + (", colour" if c == 3 else ", drawn dark on white" if dark_ground(self.images.images) else ", grey") + ", not interpolated",
        ]
        if max(h, w) > _MOST_PIXELS:
            said.append(f"One pixel in {_step(self.images.images)} of each row and column is shown")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                box = ax.get_window_extent()
                self._draw(ax, cell=box.width / ax.figure.dpi / self._columns)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import MARGIN, Sheet

            cell = self._cell()
            width = max(4.4, self._columns * cell + 2 * MARGIN)
            height = self.bands * (self.per_class + self._title(cell)) * cell
            sheet = Sheet(width=width, body=MARGIN + height, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(MARGIN, MARGIN, self._columns * cell, height, gid="samples"), cell=cell)
            return sheet.figure

    @property
    def _columns(self) -> int:
        return min(self.cols, max(1, len(self.images.class_names)))

    def _cell(self) -> float:
        """Side of a cell in inches, so that each pixel of an image is a whole number of pixels of the figure."""
        longest = -(-int(max(self.images.images.shape[1:3])) // _step(self.images.images))
        times = max(1, round(90 / longest))
        return (times * longest + _GAP) / DPI

    @staticmethod
    def _title(cell: float) -> float:
        """Height of a class name in cells of `cell` inches."""
        return 36 / DPI / cell

    def _draw(self, ax: Axes, *, cell: float) -> None:
        """Draw in units of cells, y downwards; each class is one picture of its images with white gaps."""
        from matplotlib.image import AxesImage

        title, names = self._title(cell), self.images.class_names
        band_height = self.per_class + title
        ax.set_axis_off()
        ax.set_xlim(0, self._columns)
        ax.set_ylim(self.bands * band_height, 0)
        for c, own in enumerate(self.chosen()):
            x, y = c % self.cols, (c // self.cols) * band_height
            name = fitted(names[c], cell * 72 * 0.94, SMALL)
            look: dict[str, Any] = {"fontsize": SMALL, "color": INK if len(own) else GREY, "ha": "center", "va": "center_baseline"}
            ax.text(x + 0.5, y + title * 0.55, name, parse_math=False, gid=f"sample-name-{c}", **look)
            for r, pixels in enumerate(shown(self.images.images[own], dark_ground(self.images.images))):
                h, w = (side / max(pixels.shape[:2]) * (1 - _GAP / (cell * DPI)) for side in pixels.shape[:2])
                left, top = x + (1 - w) / 2, y + title + r + (1 - h) / 2
                image = AxesImage(ax, interpolation="none", origin="upper", extent=(left, left + w, top + h, top), cmap="gray", clim=(0, 255))
                image.set_data(pixels)
                image.set_clip_path(ax.patch)
                ax.add_image(image)


def dark_ground(images: NDArray[np.uint8]) -> bool:
    """Whether grey images lie light on a dark ground, as Fashion-MNIST does: the median of the pixels on their rims is below 128."""
    if images.shape[-1] != 1 or not len(images):
        return False
    some = images[:: max(1, len(images) // 500)]
    rim = np.concatenate([some[:, 0].ravel(), some[:, -1].ravel(), some[:, :, 0].ravel(), some[:, :, -1].ravel()])
    return bool(np.median(rim) < 128)


def shown(images: NDArray[np.uint8], inverted: bool) -> NDArray[np.uint8]:
    """Images as drawn, uint8 (n, h, w) or (n, h, w, 3): grey ones on a dark ground inverted, large ones with every k-th pixel."""
    step = _step(images)
    images = images[:, ::step, ::step]
    if images.shape[-1] == 3:
        return images
    return 255 - images[..., 0] if inverted else images[..., 0]


def _step(images: NDArray[np.uint8]) -> int:
    """Every how many pixels of a row and column one is drawn."""
    return max(1, -(-int(max(images.shape[1:3])) // _MOST_PIXELS))
