"""Cards of classes as a figure: a row per class with its figures, what it is mixed up with, and its typical, hardest and most wrong images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.class_cards import ClassCard, ClassCards
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.mosaic import rgb, small
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.display.style import BODY, GREY, INK, RULE, SMALL, label_colors, readable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 20  # classes on a sheet
IMAGES = 4  # of each kind
_LINE = 0.125  # inches
_TEXT = 4.0  # inches for the words
_WORDS = ("typical", "hardest", "most wrong")


@dataclass(frozen=True)
class ClassCardsDisplay:
    """`images` are those that the cards' rows count; of more than `most` classes those with the lowest F1 are drawn."""

    cards: ClassCards
    images: LabeledImages
    most: int = field(default=MOST, kw_only=True)

    def frame(self) -> pd.DataFrame:
        """A row per class: see `ClassCards.frame`."""
        return self.cards.frame()

    def drawn(self) -> list[ClassCard]:
        """The cards on the sheet, in the order of the classes; of too many those of lowest F1, and of classes that occur."""
        every = list(self.cards.cards)
        if len(every) <= self.most:
            return every
        f1 = [float(card.figures["f1"]) for card in every]
        order = np.argsort([np.inf if v != v else v for v in f1], kind="stable")[: self.most]
        return [every[i] for i in np.sort(order)]

    def caption(self) -> str:
        """n, what the numbers and the images are, and which classes were left out."""
        c, drawn = self.cards, self.drawn()
        n = len(self.images)
        said = [f"{len(drawn)} of {len(c.cards)} classes, n = {n:,}"]
        if len(drawn) < len(c.cards):
            said[0] += ", those of lowest F1"
        said.append("In brackets: 95 % intervals (Wilson; F1 by that of its share), of the confidence's gap a normal one")
        said.append("Taken for: share of the class; takes: share of all images taken for it")
        if c.has_proba:
            said.append("Gap: mean confidence less share right, of the images taken for the class")
        if self.images.pictured:
            if c.layer:
                said.append(f"Typical: right and nearest to the class's mean vector in {clean(c.layer)}")
            if c.has_proba:
                said.append("Hardest: right by the smallest margin. Most wrong: its images that are most confidently taken for another class")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        drawn = self.drawn()
        side = side_of(max(small(self.images.images[:1]).shape[1:3]), 0.36) if self.images.pictured else 0.0
        width = 0.28 + _TEXT + (3 * (IMAGES * (side + 0.03) + 0.12) if side else 0.0)
        height = max(6 * _LINE + 0.1, side + 0.3)
        return canvas(
            lambda a: self._draw(a, drawn, width, height, side), width, 0.16 + len(drawn) * height, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp
        )  # fmt: skip

    def _draw(self, ax: Axes, drawn: Sequence[ClassCard], width: float, height: float, side: float) -> None:
        names, colors = self.cards.class_names, label_colors(len(self.cards.class_names))
        dark = dark_ground(self.images.images) if side else False
        for i, card in enumerate(drawn):
            top = 0.14 + i * height
            if i:
                ax.plot([0.14, width - 0.14], [top - 0.03] * 2, color=RULE, linewidth=0.5)
            look: dict[str, Any] = {"va": "baseline", "parse_math": False}
            ax.text(
                0.14,
                top + 0.13,
                fitted(names[card.label], (_TEXT - 0.2) * 72, BODY),
                fontsize=BODY,
                fontweight="bold",
                color=readable(colors[card.label]),
                **look,
            )
            for k, line in enumerate(lines(card, names)):
                ax.text(0.14, top + 0.13 + (k + 1) * _LINE, fitted(line, (_TEXT - 0.08) * 72, SMALL), fontsize=SMALL, color=INK if k == 0 else GREY, **look)
            if not side:
                continue
            for j, (word, rows) in enumerate(zip(_WORDS, (card.typical, card.hardest, card.wrong), strict=True)):
                left = 0.14 + _TEXT + j * (IMAGES * (side + 0.03) + 0.12)
                if len(rows):
                    ax.text(left, top + 0.11, word, fontsize=SMALL, color=GREY, **look)
                for m, row in enumerate(rows[:IMAGES].tolist()):
                    tile(ax, rgb(small(self.images.images[row]), dark), left + m * (side + 0.03), top + 0.16, side)


def lines(card: ClassCard, names: Sequence[str]) -> list[str]:
    """A card in at most five lines: counts, rates, what it is mixed up with both ways, calibration."""
    f = card.figures
    rates = ", ".join(_rate(f, name) for name in ("precision", "recall", "f1"))
    out = [f"{f['tp']:,} right, {f['fn']:,} missed, {f['fp']:,} wrongly taken for it", rates]
    for word, partners in (("taken for", card.taken_for), ("takes", card.takes)):
        said = [f"{shorten(names[p.other], 14)} {100 * p.rate:.1f} % ({100 * p.low:.1f}–{100 * p.high:.1f})" for p in partners[:2]]
        out.append(f"{word} {', '.join(said)}" if said else f"{word} nothing else")
    if card.gap is not None:
        value, low, high = (100 * v for v in card.gap)
        out.append(f"gap {value:+.1f} points ({low:+.1f} to {high:+.1f}), n = {card.told:,}")
    return out


def _rate(f: Any, name: str) -> str:
    value, low, high = (f[f"{name}{end}"] for end in ("", "_low", "_high"))
    title = "F1" if name == "f1" else name
    return f"{title} {100 * value:.1f} % ({100 * low:.1f}–{100 * high:.1f})" if value == value else f"{title} unknown"
