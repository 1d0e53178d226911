"""Cards of the classes for a paper: a row per class, its images beside the words on a page and below them in a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.class_cards import ClassCard
from fmnist_viz.display.class_cards import ClassCardsDisplay, lines
from fmnist_viz.display.lettering import clean, fitted, wrap
from fmnist_viz.display.mosaic import mosaic, rgb, small
from fmnist_viz.display.paper.plate import LEAST_TYPE, MARGIN, MM, TALLEST, Plate, narrow, set_type, type_size
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.display.style import GREY, INK, RULE, label_colors, readable

if TYPE_CHECKING:
    import pandas as pd

_LINE, _TILE, _IMAGES = 0.115, 0.3, 3  # inches, inches, images of each kind
_WORDS = ("typical", "hardest", "most wrong")


@dataclass(frozen=True)
class CardsFigure:
    """`table` : the run's `tables/class_cards.csv`."""

    name: str
    display: ClassCardsDisplay
    table: pd.DataFrame
    seed: int

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        figures = {clean(str(row["class"])): {k: row[k] for k in ("precision", "recall", "f1")} for row in self.table.to_dict("records")}
        return {"n": len(self.display.cards.sample_ids), "seed": self.seed, "method": "Wilson intervals, 95 %", "scores": figures}

    def frame(self) -> pd.DataFrame:
        """One row per class, as the run measured it."""
        return self.table

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Cards below each other."""
        stacked, width = narrow(width_mm), width_mm / MM
        pictured = self.display.images.pictured
        strip = 3 * (_IMAGES * _TILE) + 2 * 0.12 if pictured else 0.0
        room = width - 2 * MARGIN - (0.0 if stacked or not strip else strip + 0.1)
        drawn, names = self.display.drawn(), self.display.cards.class_names
        with set_type():
            while True:
                words = [[line for text in lines(card, names) for line in wrap(text, room * 72, LEAST_TYPE)] for card in drawn]
                images = (_TILE + 0.13) if strip else 0.0
                texts = [0.17 + len(said) * _LINE for said in words]
                heights = [(text + images if stacked else max(text, images + 0.02)) + 0.1 for text in texts]
                if sum(heights) <= TALLEST / MM or len(drawn) < 2:
                    break
                drawn = dataclasses.replace(self.display, most=len(drawn) - 1).drawn()
            plate = Plate(width_mm, 2 * MARGIN + sum(heights) - 0.06, letters=letters)
            if len(drawn) < len(self.display.cards.cards):
                plate.notes.append(f"at {width_mm:g} mm all classes but the {len(drawn)} of lowest F1: a page holds no more")
            top = MARGIN
            for card, said, height in zip(drawn, words, heights, strict=True):
                self._words(plate, card, said, top, room, type_size(width_mm))
                if strip:
                    x, y = (MARGIN, top + 0.17 + len(said) * _LINE) if stacked else (width - MARGIN - strip, top)
                    self._images(plate, card, x, y)
                top += height
                if card is not drawn[-1]:
                    rule = plate.axes(MARGIN, top - 0.06, width - 2 * MARGIN, 1 / 300, gid="rule")
                    rule.set_axis_off()
                    rule.axhline(0.5, color=RULE, linewidth=0.5)
            return plate.finish()

    def _words(self, plate: Plate, card: ClassCard, said: list[str], top: float, room: float, size: float) -> None:
        names, colors = self.display.cards.class_names, label_colors(len(self.display.cards.class_names))
        plate.letter(MARGIN, top + 0.12)
        x, name = MARGIN + 0.14 * plate.lettered, fitted(names[card.label], (room - 0.2) * 72, size)
        plate.text(x, top + 0.12, name, fontsize=size, fontweight="bold", color=readable(colors[card.label]), va="baseline")
        for k, line in enumerate(said):
            plate.text(MARGIN, top + 0.14 + (k + 0.8) * _LINE, line, fontsize=LEAST_TYPE, color=INK if k == 0 else GREY, va="baseline")

    def _images(self, plate: Plate, card: ClassCard, x: float, y: float) -> None:
        own = self.display.images.images
        dark = dark_ground(own)
        for word, rows in zip(_WORDS, (card.typical, card.hardest, card.wrong), strict=True):
            if len(rows):
                plate.text(x, y + 0.09, word, fontsize=LEAST_TYPE, color=GREY, va="baseline")
                picture = mosaic(rgb(small(own[rows[:_IMAGES]]), dark), _IMAGES)
                wide = _TILE * _IMAGES * picture.shape[1] / mosaic(rgb(small(own[[rows[0]] * _IMAGES]), dark), _IMAGES).shape[1]
                ax = plate.axes(x, y + 0.12, wide, wide * picture.shape[0] / picture.shape[1], gid=f"{word}-{card.label}")
                ax.imshow(picture, interpolation="none", aspect="auto")
                ax.set_axis_off()
            x += _TILE * _IMAGES + 0.12
