"""A training by epochs for a paper: each class's share right, the pairs mixed up most, and what became of the images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.display.epochs import EpochsDisplay, draw_pairs, shown_classes
from fmnist_viz.display.paper.plate import MARGIN, MM, Plate, narrow, set_type
from fmnist_viz.display.style import GREY, SMALL

if TYPE_CHECKING:
    import pandas as pd

_LEFT, _GAP, _BELOW, _BESIDE = 0.28, 0.14, 0.42, 1.55  # inches; the last: the names beside the pairs' lines


@dataclass(frozen=True)
class EpochsFigure:
    """The numbers of the film; its views by epoch are not among what a run keeps as coordinates."""

    name: str
    display: EpochsDisplay
    seed: int

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        n = self.display.numbers
        right = n.right.mean(axis=1).tolist()
        return {"n": len(n.labels), "seed": self.seed, "parameters": {"epochs": list(n.epochs)}, "scores": {"accuracy by epoch": right}}

    def frame(self) -> pd.DataFrame:
        """One row per class and epoch: share right with its interval (`tables/film_classes.csv`)."""
        return self.display.numbers.class_frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Five classes side by side on a page, two in a column; pairs and states below."""
        stacked, width = narrow(width_mm), width_mm / MM
        classes, columns = shown_classes(self.display.numbers), 2 if stacked else 5
        rows = math.ceil(len(classes) / columns)
        side = (width - 2 * MARGIN - _LEFT) / columns - _GAP
        panel = 0.46 if stacked else 0.7
        bars = max(0.9, (0.135 if stacked else 0.16) * len(classes))
        part = bars + 0.82
        with set_type():
            top = MARGIN + 0.2
            below = top + rows * (panel + _BELOW)
            plate = Plate(width_mm, below + (2 if stacked else 1) * part + MARGIN, letters=letters)
            plate.letter(MARGIN, top - 0.09)
            plate.text(MARGIN + 0.16 * letters, top - 0.09, "right, %, by epoch", fontsize=SMALL, color=GREY, va="baseline")
            for j, k in enumerate(classes):
                x, y = MARGIN + _LEFT + (j % columns) * (side + _GAP), top + (j // columns) * (panel + _BELOW)
                self.display.draw_class(plate, k, x, y, side, first=j % columns == 0, tall=panel)
            half = width - 2 * MARGIN if stacked else (width - 2 * MARGIN) / 2
            plate.letter(MARGIN, below + 0.14)
            words = "the pairs mixed up most, % of the true class"
            plate.text(MARGIN + 0.16 * letters, below + 0.14, words, fontsize=SMALL, color=GREY, va="baseline")
            draw_pairs(plate.axes(MARGIN + _LEFT, below + 0.28, half - _LEFT - _BESIDE, bars, gid="epochs-pairs"), self.display.numbers)
            x, y = (MARGIN, below + part) if stacked else (MARGIN + half + 0.1, below)
            plate.letter(x, y + 0.14)
            self.display.draw_states(plate, classes, x + 0.16 * letters, y, half - 0.2 - 0.16 * letters, bars)
            return plate.finish()
