"""What people confuse beside what the model confuses: both rates of each directed pair with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.human import HumanConfusion
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join, shorten, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PAIRS = 24  # drawn: those with the highest rate of either
_ROW, _WIDE = 0.26, 3.6  # inches


@dataclass(frozen=True)
class HumanDisplay:
    """Rates of people (squares) and of the model (circles), pair by pair."""

    people: HumanConfusion

    def frame(self) -> pd.DataFrame:
        """One row per cell: see `HumanConfusion.cells`."""
        return self.people.cells

    def pairs(self) -> pd.DataFrame:
        """The pairs that are drawn, the highest rate first."""
        return self.people.pairs().head(MOST_PAIRS)

    def caption(self) -> str:
        """n, and how the marks are to be read."""
        shown, every = len(self.pairs()), len(self.people.pairs())
        some = f"the {shown} of {every} confused pairs with the highest rate of either" if shown < every else f"all {every} confused pairs"
        return join([
            *self.people.sentences()[:1],
            f"Shown: {some}. Squares: expected share of the votes that images of the class got for the other; circles: the model on the same images",
            "Lines: 95 % intervals, Wilson's, for votes at their effective number (images are the units)",
            "Filled circles: the difference is significant, q < 0.05 by Benjamini-Hochberg over the cells",
        ])  # fmt: skip

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax, self._names())
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _names(self) -> list[str]:
        return [f"{shorten(row['true'], 22)} → {shorten(row['predicted'], 22)}" for row in self.pairs().to_dict("records")]

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        names = self._names()
        longest = max([text_width(name, BODY) for name in names] + [0.0]) / 72
        left, top, high = MARGIN + longest + 0.12, MARGIN + 0.46, max(_ROW * len(names), 0.6)
        sheet = Sheet(width=left + _WIDE + MARGIN + 0.1, body=top + high + 0.5, caption=join([prefix, self.caption()]), stamp=stamp)
        self._draw(sheet.axes(left, top, _WIDE, high, gid="human"), names)
        sheet.text(MARGIN, MARGIN + 0.14, "Confused by people and by the model", fontsize=HEAD, color=INK, ha="left", va="baseline")
        return sheet.figure

    def _draw(self, ax: Axes, names: list[str]) -> None:
        frame, y = self.pairs(), np.arange(len(names))
        for label, shift, marker, color in (("human", -0.16, "s", RIGHT), ("model", 0.16, "o", WRONG)):
            value, low, high = (100 * frame[f"{label}_{end}"].to_numpy(np.float64) for end in ("rate", "low", "high"))
            ax.hlines(y + shift, low, high, color=color, linewidth=1.0, zorder=2)
            sure = frame["significant"].to_numpy(bool) if label == "model" else np.ones(len(y), bool)
            faces = [color if filled else "white" for filled in sure]
            ax.scatter(value, y + shift, s=16, marker=marker, c=faces, edgecolor=color, linewidth=0.9, zorder=3, clip_on=False)
            ax.plot([], [], marker, color=color, markersize=4, label={"human": "people", "model": "model"}[label])
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.set_yticks(y, names, fontsize=BODY, color=INK, parse_math=False)
        ax.tick_params(length=0, pad=3)
        ax.tick_params(axis="x", length=2, pad=2)
        for i in y[:-1] + 0.5:
            ax.axhline(i, color=RULE, linewidth=0.4, zorder=1)
        ax.set_xlabel("% of the class", fontsize=SMALL, color=GREY)
        ax.spines[["top", "right", "left"]].set_visible(False)
        if len(names):
            ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=SMALL, handletextpad=0.2, borderaxespad=0.1)
