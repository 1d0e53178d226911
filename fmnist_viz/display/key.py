"""The key of colours: a dot and a name for each class, flowing over as many lines as the names need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnist_viz.display.lettering import shorten, text_width
from fmnist_viz.display.style import BODY, GREY, INK, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fmnist_viz.display.paper.plate import Plate
    from fmnist_viz.display.sheet import Sheet

LINE = 0.17  # inches from one line to the next
_DOT, _GAP = 0.13, 0.16  # inches from a dot to its name, and from a name to the next dot


class ColorKey:
    """Names and their colours, laid out within `width` inches; `height` is known before anything is drawn.

    `heading` says what the colour stands for ("class"); it takes the first place of the first line.
    """

    def __init__(self, names: Sequence[str], colors: Sequence[str], *, width: float, heading: str = "") -> None:
        self.size = BODY if len(names) <= 20 else SMALL
        self.width, self.heading = width, f"{heading}:" if heading else ""
        x = text_width(self.heading, self.size) / 72 + _GAP * 0.75 if heading else 0.0
        self.entries: list[tuple[float, int, str, str]] = []  # x in inches, line, name, colour
        line = 0
        for name, color in zip(names, colors, strict=True):
            name = shorten(name, 40)
            need = _DOT + text_width(name, self.size) / 72
            if x and x + need > width:
                x, line = 0.0, line + 1
            self.entries.append((x, line, name, color))
            x += need + _GAP
        self.height = (line + 1) * LINE

    def draw(self, sheet: Sheet | Plate, left: float, top: float) -> Axes:
        """Draw the key with its top left corner at a place of the sheet, in inches."""
        ax = sheet.axes(left, top, self.width, self.height, gid="key")
        ax.set_axis_off()
        ax.set_xlim(0, self.width)
        ax.set_ylim(self.height, 0)
        if self.heading:
            ax.text(0, LINE / 2, self.heading, fontsize=self.size, color=GREY, va="center_baseline", parse_math=False)
        xs, ys = [x + 0.05 for x, *_ in self.entries], [(line + 0.5) * LINE for _, line, *_ in self.entries]
        ax.scatter(xs, ys, s=16, c=[color for *_, color in self.entries], linewidths=0, clip_on=False)
        for x, line, name, _ in self.entries:
            ax.text(x + _DOT, (line + 0.5) * LINE, name, fontsize=self.size, color=INK, va="center_baseline", parse_math=False)
        return ax
