"""How the confusions of two runs differ: row rates subtracted, better in blue, worse in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.comparison import LEVEL, Comparison
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import clean, join, shorten, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CELL_TEXT = 25  # classes; beyond, numbers in cells could not be read
_EMPTY = (0.93, 0.93, 0.93)


@dataclass(frozen=True)
class ConfusionChangeDisplay:
    """The run's row rates less the baseline's: rows are true classes, columns predicted ones, numbers are points; significant cells are framed."""

    comparison: Comparison

    @cached_property
    def _cells(self) -> pd.DataFrame:
        return self.comparison.cells()

    def frame(self) -> pd.DataFrame:
        """One row per cell: `Comparison.cells`."""
        return self._cells

    @property
    def differences(self) -> NDArray[np.float64]:
        """float64 (c, c), -1..1; NaN in the row of a class without images."""
        c = len(self.comparison.a.class_names)
        return self._cells["difference"].to_numpy(np.float64).reshape(c, c)

    @property
    def significant(self) -> NDArray[np.bool_]:
        return self._cells["significant"].to_numpy(bool).reshape(self.differences.shape)

    @property
    def largest(self) -> float:
        """The largest absolute difference, 0..1: full colour."""
        d = np.abs(self.differences)
        return float(np.nanmax(d)) if np.isfinite(d).any() else 0.0

    def colors(self) -> NDArray[np.float64]:
        """RGB of every cell, float64 (c, c, 3): more on the diagonal and less beside it is better, hence blue."""
        from matplotlib.colors import to_rgb

        d = self.differences
        gain = np.where(np.eye(len(d), dtype=bool), d, -d)
        strength = np.nan_to_num(np.abs(d) / self.largest if self.largest else np.zeros_like(d))
        full = np.where((gain > 0)[:, :, None], to_rgb(RIGHT), to_rgb(WRONG))
        rgb: NDArray[np.float64] = 1 - strength[:, :, None] * (1 - full)
        rgb[np.isnan(d)] = _EMPTY
        return rgb

    def cell_texts(self) -> NDArray[np.object_]:
        """Signed points, (c, c); empty where nothing changed and above 25 classes."""
        d = self.differences
        texts = np.full(d.shape, "", dtype=object)
        if len(d) <= MOST_CELL_TEXT:
            for t, p in zip(*np.nonzero(np.nan_to_num(d)), strict=True):
                texts[t, p] = f"{100 * d[t, p]:+.1f}"
        return texts

    def caption(self) -> str:
        """What is subtracted from what, n, how the colours are to be read, and the test behind a frame."""
        c, d = self.comparison, self.differences
        tested, found = int(self._cells["q"].notna().sum()), int(self.significant.sum())
        said = [f"{shorten(c.b.name, 40)} less {shorten(c.a.name, 40)}, points of the row (the true class), n = {c.n:,} images"]
        if not np.nan_to_num(d).any():
            return join([*said, "No cell differs"])
        said.append(f"Blue is better, red worse, full at {100 * self.largest:.1f} points")
        said.append(f"Framed: McNemar's test of who stands in the cell, q < {LEVEL:g} by Benjamini-Hochberg over the {tested} cells that changed; {found} are")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax, cell=ax.get_window_extent().width / ax.figure.dpi / max(1, len(self.differences)))
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        names = [shorten(name) for name in self.comparison.a.class_names]
        c = len(names)
        cell = float(np.clip(5.2 / c, 0.12, 0.85))
        size = _name_size(cell)
        longest = max(text_width(name, size) for name in names) / 72
        left, top, side = MARGIN + 0.22 + longest + 0.06, MARGIN + 0.2, c * cell
        below = longest * (1.0 if c > 12 else 0.72) + 0.12
        width = max(5.2, left + side + MARGIN)
        left += max(0.0, (width - left - side - MARGIN) / 2)
        sheet = Sheet(width=width, body=top + side + below + 0.22, caption=join([prefix, self.caption()]), stamp=stamp)
        self._draw(sheet.axes(left, top, side, side, gid="matrix"), cell=cell)
        sheet.text(left - longest - 0.12, top + side / 2, "true class", fontsize=BODY, color=GREY, rotation=90, ha="right", va="center")
        sheet.text(left + side / 2, top + side + below + 0.14, "predicted class", fontsize=BODY, color=GREY, ha="center", va="baseline")
        sheet.text(left, top - 0.09, clean("Change of the confusions, points"), fontsize=HEAD, color=INK, ha="left", va="baseline")
        return sheet.figure

    def _draw(self, ax: Axes, *, cell: float) -> None:
        from matplotlib.patches import Rectangle

        names = [shorten(name) for name in self.comparison.a.class_names]
        c, rgb, size = len(names), self.colors(), _name_size(cell)
        ax.imshow(rgb, interpolation="none", aspect="equal", extent=(-0.5, c - 0.5, c - 0.5, -0.5))
        turned: dict[str, Any] = {"rotation": 90} if c > 12 else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(range(c), names, fontsize=size, color=INK, parse_math=False, **turned)
        ax.set_yticks(range(c), names, fontsize=size, color=INK, parse_math=False)
        ax.tick_params(length=0, pad=3)
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if c <= MOST_CELL_TEXT:
            for i in np.arange(c - 1) + 0.5:
                ax.axhline(i, color=RULE, linewidth=0.5)
                ax.axvline(i, color=RULE, linewidth=0.5)
        texts = self.cell_texts()
        widest = max([text_width(text, 1.0) for text in texts.ravel()] + [1.0])
        number_size = float(np.clip(cell * 72 * 0.82 / widest, 3.0, BODY))
        luminance = rgb @ (0.2126, 0.7152, 0.0722)
        for (t, p), text in np.ndenumerate(texts):
            if text:
                bold = "bold" if self.significant[t, p] else "normal"
                color = "white" if luminance[t, p] < 0.57 else INK
                ax.text(p, t, text, fontsize=number_size * (0.95 if bold == "bold" else 1), color=color, weight=bold, ha="center", va="center")
        for t, p in zip(*np.nonzero(self.significant), strict=True):
            inset = 0.04 if c <= MOST_CELL_TEXT else 0.0
            box = Rectangle((p - 0.5 + inset, t - 0.5 + inset), 1 - 2 * inset, 1 - 2 * inset, fill=False, edgecolor=INK, linewidth=min(1.1, cell * 4))
            ax.add_patch(box)


def _name_size(cell: float) -> float:
    """Type size of row and column names in points, for cells of `cell` inches."""
    return float(np.clip(cell * 72 * 0.8, 3.5, BODY))
