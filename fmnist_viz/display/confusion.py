"""The confusion matrix as a picture: what was right in blue, what was taken for something else in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.confusion import Confusion, sentence
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join, shorten, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CELL_TEXT = 25  # classes; beyond, numbers in cells could not be read
_EMPTY = (0.93, 0.93, 0.93)  # the row of a class without images


@dataclass(frozen=True)
class ConfusionDisplay:
    """A confusion matrix: rows are true classes, columns predicted ones; cells hold counts, or with `rates` row percentages."""

    confusion: Confusion
    rates: bool = field(default=False, kw_only=True)
    leading: int = field(default=3, kw_only=True)  # pairs that the caption names with their interval

    def frame(self) -> pd.DataFrame:
        """One row per cell: true, predicted, count, n_true, rate, low, high (the 95 % Wilson interval)."""
        return self.confusion.frame()

    @property
    def worst(self) -> float:
        """The highest rate off the diagonal, 0..1: full red."""
        off = self.confusion.rates[~np.eye(len(self.confusion.class_names), dtype=bool)]
        return float(np.nanmax(off)) if off.size and np.isfinite(off).any() else 0.0

    def colors(self) -> NDArray[np.float64]:
        """RGB of every cell, float64 (c, c, 3): the diagonal from white to blue by rate, the rest from white to red at the worst rate."""
        from matplotlib.colors import to_rgb

        rates, c = self.confusion.rates, len(self.confusion.class_names)
        strength = np.clip(np.nan_to_num(rates / self.worst if self.worst else rates), 0, 1)
        np.fill_diagonal(strength, np.nan_to_num(np.diag(rates)))
        full = np.where(np.eye(c, dtype=bool)[:, :, None], to_rgb(RIGHT), to_rgb(WRONG))
        rgb: NDArray[np.float64] = 1 - strength[:, :, None] * (1 - full)
        rgb[self.confusion.support == 0] = _EMPTY
        return rgb

    def cell_texts(self) -> NDArray[np.object_]:
        """What stands in each cell, (c, c): a count or a row percentage; empty for zero and above 25 classes."""
        c = len(self.confusion.class_names)
        texts = np.full((c, c), "", dtype=object)
        if c <= MOST_CELL_TEXT:
            counts, rates = self.confusion.counts, self.confusion.rates
            for t, p in zip(*np.nonzero(counts), strict=True):
                texts[t, p] = f"{100 * rates[t, p]:.1f}" if self.rates else f"{counts[t, p]:,}"
        return texts

    def caption(self) -> str:
        """n, accuracy and the leading pairs with their intervals, and how the colours are to be read."""
        c, names = self.confusion, self.confusion.class_names
        value, low, high = c.accuracy
        said = [f"n = {c.n:,} images of {len(names)} classes"]
        if c.n:
            said.append(f"Accuracy {100 * value:.1f} % (95 % interval {100 * low:.1f}–{100 * high:.1f})")
        pairs = Confusion(c.counts, tuple(map(shorten, names))).pairs().head(self.leading)
        lines = [sentence(pair) for pair in pairs.to_dict("records")]
        said.append("Most confused: " + "; ".join(lines) if lines else "No image was taken for another class" if c.n else "")
        what = "percent of the row (the true class)" if self.rates else "images"
        said.append(f"Numbers: {what}; no number: none" if len(names) <= MOST_CELL_TEXT else "Cells hold no numbers above 25 classes")
        said.append(f"Blue: share of the class that was right, full at 100 %; red: share taken for another class, full at {100 * self.worst:.1f} %")
        empty = [shorten(names[i]) for i in np.flatnonzero(c.support == 0)]
        if empty:
            said.append(f"Grey: no images of {', '.join(empty[:5])}" + (f" and {len(empty) - 5} more" if len(empty) > 5 else ""))
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax, cell=ax.get_window_extent().width / ax.figure.dpi / max(1, len(self.confusion.class_names)))
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        c = len(self.confusion.class_names)
        cell = float(np.clip(5.2 / c, 0.12, 0.85))
        size = _name_size(cell)
        longest = max(text_width(shorten(name), size) for name in self.confusion.class_names) / 72
        left, top = MARGIN + 0.22 + longest + 0.06, MARGIN + 0.2
        below = (size / 72 if longest < cell * 0.92 else longest * (1.0 if _upright(c) else 0.72)) + 0.12
        side = c * cell
        width = max(5.2, left + side + MARGIN)
        left += max(0.0, (width - left - side - MARGIN) / 2)
        sheet = Sheet(width=width, body=top + side + below + 0.22, caption=join([prefix, self.caption()]), stamp=stamp)
        self._draw(sheet.axes(left, top, side, side, gid="matrix"), cell=cell)
        sheet.text(left - longest - 0.12, top + side / 2, "true class", fontsize=BODY, color=GREY, rotation=90, ha="right", va="center")
        sheet.text(left + side / 2, top + side + below + 0.14, "predicted class", fontsize=BODY, color=GREY, ha="center", va="baseline")
        title = "Confusion, % of each true class" if self.rates else "Confusion, number of images"
        sheet.text(left, top - 0.09, title, fontsize=HEAD, color=INK, ha="left", va="baseline")
        return sheet.figure

    def _draw(self, ax: Axes, *, cell: float) -> None:
        """The matrix with the names of its rows and columns; `cell` is the side of a cell in inches."""
        names = [shorten(name) for name in self.confusion.class_names]
        c, rgb, size = len(names), self.colors(), _name_size(cell)
        ax.imshow(rgb, interpolation="none", aspect="equal", extent=(-0.5, c - 0.5, c - 0.5, -0.5))
        turned: dict[str, Any] = {"rotation": 90} if _upright(c) else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        if max(text_width(name, size) for name in names) < cell * 72 * 0.92:
            turned = {}
        ax.set_xticks(range(c), names, fontsize=size, color=INK, parse_math=False, **turned)
        ax.set_yticks(range(c), names, fontsize=size, color=INK, parse_math=False)
        ax.tick_params(length=0, pad=3)
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if c <= MOST_CELL_TEXT:  # white lines between cells; at a hundred classes they would eat them
            for i in np.arange(c - 1) + 0.5:
                ax.axhline(i, color="white", linewidth=0.8)
                ax.axvline(i, color="white", linewidth=0.8)
        luminance = rgb @ (0.2126, 0.7152, 0.0722)
        widest = max([text_width(text, 1.0) for text in self.cell_texts().ravel()] + [1.0])
        number_size = float(np.clip(cell * 72 * 0.86 / widest, 3.0, BODY))
        for (t, p), text in np.ndenumerate(self.cell_texts()):
            if text:
                color = "white" if luminance[t, p] < 0.57 else INK
                ax.text(p, t, text, fontsize=number_size, color=color, ha="center", va="center", parse_math=False)


def _upright(classes: int) -> bool:
    """Whether the names of columns stand upright: above twelve classes slanted ones would run into each other."""
    return classes > 12


def _name_size(cell: float) -> float:
    """Type size of row and column names in points, for cells of `cell` inches."""
    return float(np.clip(cell * 72 * 0.8, 3.5, BODY))
