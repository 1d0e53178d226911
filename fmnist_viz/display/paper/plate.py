"""A figure of an exact width in millimetres: laid out in inches from its top left corner, without title or caption."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.display.style import BODY, INK, SMALL, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM = 25.4  # of an inch
DPI = 300  # of PNG files and of whatever is rasterised
COLORS = 255  # of rasterised points: a palette keeps files small
LEAST_TYPE, LEAST_LINE = 6.0, 0.5  # points
MARGIN = 0.04  # inches
TALLEST = 225.0  # mm that a page leaves above a caption
WIDTHS = (85, 180)  # mm: a column, a page
NARROW = 120  # mm below which panels stand below each other


@contextlib.contextmanager
def set_type() -> Iterator[None]:
    """The settings of `styled`, and whole TrueType fonts in PDF files, so that their text can be searched and edited."""
    import matplotlib

    with styled(), matplotlib.rc_context({"pdf.fonttype": 42, "ps.fonttype": 42, "pdf.compression": 9}):
        yield


class Plate:
    """A `matplotlib.figure.Figure` of `width_mm`, and `body` inches high.

    Attributes
    ----------
    notes : what had to be left out at this width, for the caption
    """

    def __init__(self, width_mm: float, body: float, *, letters: bool = False) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width_mm / MM, round(body * DPI) / DPI
        self.figure: Figure = Figure(figsize=(self.width, self.height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        self.notes: list[str] = []
        self._letters = iter(string.ascii_lowercase) if letters else None

    def axes(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Axes at a place given in inches from the top left corner, moved to whole pixels."""
        x0, x1 = (round(v * DPI) / DPI for v in (left, left + width))
        y0, y1 = (round(v * DPI) / DPI for v in (top, top + height))
        return self.figure.add_axes((x0 / self.width, 1 - y1 / self.height, (x1 - x0) / self.width, (y1 - y0) / self.height), **options)

    def text(self, x: float, y: float, text: str, **options: Any) -> Any:
        """One line of text at a place given in inches from the top left corner."""
        return self.figure.text(x / self.width, 1 - y / self.height, text, parse_math=False, **options)

    def letter(self, x: float, y: float) -> None:
        """The next panel's letter, its baseline at a place; nothing where letters were not asked for."""
        if self._letters is not None:
            self.text(x, y, next(self._letters), fontsize=BODY, fontweight="bold", color=INK, ha="left", va="baseline", gid="letter", zorder=9)

    @property
    def corner(self) -> float:
        """Points of the square at a map's top left that its letter takes; 0 without letters."""
        return 14.0 if self.lettered else 0.0

    @property
    def lettered(self) -> bool:
        return self._letters is not None

    def finish(self) -> Plate:
        """Type of at least 6 pt, lines of at least half a point, whatever drew them."""
        from matplotlib.collections import Collection
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch
        from matplotlib.text import Text

        for artist in self.figure.findobj():
            if isinstance(artist, Text) and float(artist.get_fontsize()) < LEAST_TYPE:
                artist.set_fontsize(LEAST_TYPE)
            elif isinstance(artist, (Line2D, Patch)) and 0 < artist.get_linewidth() < LEAST_LINE:
                artist.set_linewidth(LEAST_LINE)
            elif isinstance(artist, Collection):
                wide = np.atleast_1d(np.asarray(artist.get_linewidth(), float))
                if ((wide > 0) & (wide < LEAST_LINE)).any():
                    artist.set_linewidth(np.where(wide > 0, np.maximum(wide, LEAST_LINE), 0.0).tolist())
        return self


def narrow(width_mm: float) -> bool:
    """Whether a width is a column's."""
    return width_mm < NARROW


def type_size(width_mm: float) -> float:
    """Points of what is read first: a column has smaller type than a page."""
    return SMALL + 0.5 if narrow(width_mm) else BODY
