"""A confusion matrix for a paper: numbers as long as they can be read, names of rows and columns, and the tree of an ordered one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.display.confusion import TREE, ConfusionDisplay, draw_tree
from fmnist_viz.display.lettering import shorten, text_width
from fmnist_viz.display.paper.plate import LEAST_TYPE, MARGIN, MM, Plate, narrow, set_type, type_size
from fmnist_viz.display.style import GREY, SMALL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LARGEST = 5.0  # inches of a matrix' side


@dataclass(frozen=True)
class ConfusionFigure:
    """One matrix: counts, or rates, in the order of the data or of what is taken for each other."""

    name: str
    display: ConfusionDisplay

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        c = self.display.confusion
        value, low, high = c.accuracy
        return {
            "n": c.n,
            "method": f"cells: {f'share of the {self.display.of}' if self.display.of else 'images'}; intervals: Wilson, 95 %",
            "scores": {"accuracy": value, "accuracy_low": low, "accuracy_high": high},
        }

    def frame(self) -> pd.DataFrame:
        """One row per cell: see `Confusion.frame`."""
        return self.display.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """The matrix as large as the width allows."""
        display, width = self.display, width_mm / MM
        names = [shorten(name) for name in display.confusion.class_names]
        c = len(names)
        with set_type():
            size = type_size(width_mm) if c <= 12 else LEAST_TYPE
            longest = max(text_width(name, size) for name in names) / 72
            tree = (0.55 if narrow(width_mm) else TREE) if display.ordered and c > 1 else 0.0
            left = MARGIN + 0.15 + longest + 0.05
            side = min(_LARGEST, width - left - tree - MARGIN)
            left += max(0.0, (width - left - tree - MARGIN - side) / 2)
            below = (longest * (1.0 if c > 12 else 0.72) + 0.1) if longest > side / c * 0.92 else 0.16
            top = MARGIN + (0.14 if letters else 0.02)
            plate = Plate(width_mm, top + side + below + 0.16 + MARGIN, letters=letters)
            ax = plate.axes(left, top, side, side, gid="matrix")
            display.draw(ax, marks=display.marks is not False, cell=side / c)
            _readable(ax, c, side, size, plate, width_mm)
            if tree:
                beside = plate.axes(left + side + 0.05, top, tree - 0.1, side, gid="tree")
                draw_tree(beside, display.confusion.tree)
                plate.text(left + side + tree - 0.05, top + side + 0.26, "swapped", fontsize=LEAST_TYPE, color=GREY, ha="right", va="baseline")
            look: dict[str, Any] = {"fontsize": SMALL, "color": GREY}
            plate.text(left - longest - 0.09, top + side / 2, "true class", rotation=90, ha="right", va="center", **look)
            plate.text(left + side / 2, top + side + below + 0.12, "predicted class", ha="center", va="baseline", **look)
            plate.letter(MARGIN, top + 0.08)
            return plate.finish()


def _readable(ax: Axes, classes: int, side: float, size: float, plate: Plate, width_mm: float) -> None:
    """Names at `size`, of many classes every k-th; numbers of less than 6 pt are left out."""
    room = side / classes * 72 * 0.96
    if any(float(text.get_fontsize()) < LEAST_TYPE for text in ax.texts):
        whole = max(text_width(text.get_text(), LEAST_TYPE) for text in ax.texts) > room
        if whole and all("." in text.get_text() for text in ax.texts):
            plate.notes.append(f"decimals of the cells at {width_mm:g} mm (they are in the table)")
            for text in ax.texts:
                text.set_text(f"{float(text.get_text()):.0f}")
        fits = max(text_width(text.get_text(), LEAST_TYPE) for text in ax.texts) <= room and room > LEAST_TYPE
        for text in list(ax.texts):
            text.set_fontsize(LEAST_TYPE) if fits else text.remove()
        plate.notes += [] if fits else [f"numbers of the cells, too small to read at {width_mm:g} mm (they are in the table)"]
    every = int(np.ceil(size * 1.15 / (side / classes * 72)))
    for axis in (ax.xaxis, ax.yaxis):
        for i, label in enumerate(axis.get_ticklabels()):
            label.set_fontsize(size)
            label.set_visible(i % every == 0)
    if every > 1:
        plate.notes.append(f"names of classes, of which every {every}. is written at {width_mm:g} mm")
