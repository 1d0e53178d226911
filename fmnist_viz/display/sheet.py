"""A figure laid out in inches from its top left corner, with its caption wrapped below and never cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fmnist_viz.display.lettering import clean, wrap
from fmnist_viz.display.style import ALARM, DPI, GREY, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.14  # inches
LEADING = SMALL * 1.45 / 72  # inches from one line of a caption to the next


class Sheet:
    """A `matplotlib.figure.Figure` of `width` inches whose height follows from its body and its caption.

    Parameters
    ----------
    width, body : float
        Inches; the body is what lies above the caption.
    caption : str
        Drawn in small grey type, wrapped to the width.
    stamp : sequence of str
        Warnings, one line or more each, below the caption and in another colour.
    """

    def __init__(self, *, width: float, body: float, caption: str, stamp: Sequence[str] = ()) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        room = (width - 2 * MARGIN) * 72
        lines = wrap(clean(caption), room, SMALL)
        alarms = [line for text in stamp for line in wrap(clean(text), room, SMALL)]
        # whole pixels at the usual resolution, so that what is laid out in pixels falls on pixels
        height = body + 0.08 + (len(lines) + len(alarms)) * LEADING + MARGIN
        self.width, self.height = math.ceil(width * DPI) / DPI, math.ceil(height * DPI) / DPI
        self.figure: Figure = Figure(figsize=(self.width, self.height), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        for i, line in enumerate([*lines, *alarms]):
            color = GREY if i < len(lines) else ALARM
            self.text(MARGIN, body + 0.08 + (i + 0.75) * LEADING, line, fontsize=SMALL, color=color, va="baseline", gid=f"caption-{i}")

    def axes(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Axes at a place given in inches from the top left corner."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place, **options)

    def text(self, x: float, y: float, text: str, **options: Any) -> Any:
        """One line of text at a place given in inches from the top left corner."""
        return self.figure.text(x / self.width, 1 - y / self.height, text, parse_math=False, **options)
