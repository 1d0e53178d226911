"""What each change of one setting bought: a row per variant, the difference to the base with its interval, and every seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.analysis.sweep import METHOD, Change, Trial, changes, table
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import fitted, join, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _WIDTH, _NAME = 0.26, 7.4, 1.9  # inches: of a row, of the figure, most for names
FLATTERED = "The best of many is flattered by having been chosen: measure it once on the test split before quoting it"
COLORS = {"helps": RIGHT, "hurts": WRONG}  # any other verdict is grey


@dataclass(frozen=True)
class SweepDisplay:
    """`trials` hold the base's trainings as the variant "base"; `held_out` is the number of images that judged each."""

    trials: Sequence[Trial]
    held_out: int

    @property
    def rows(self) -> list[Change]:
        """The changes, highest median accuracy first."""
        return changes(self.trials)

    def frame(self) -> pd.DataFrame:
        """One row per variant, as `analysis.sweep.table` makes it."""
        return table(self.rows)

    def by_seed(self) -> dict[str, list[float]]:
        """Variant -> its differences to the base in points, one per seed that both have a result for."""
        known = {(t.variant, t.seed): t.accuracy for t in self.trials if t.accuracy is not None}
        return {
            row.variant: [100 * (value - known["base", seed]) for (name, seed), value in known.items() if name == row.variant and ("base", seed) in known]
            for row in self.rows
        }

    def judged(self) -> str:
        """By what each training was judged, and by what not."""
        seeds = len({t.seed for t in self.trials})
        return (
            f"Accuracy on {self.held_out:,} held-out training images, {seeds} seed{'s' * (seeds != 1)} per variant, each variant differs from the base in one "
            "setting; the test split was not looked at"
        )

    def caption(self) -> str:
        """What was compared, how, and what the numbers must not be taken for."""
        return join([self.judged(), f"Ticks: one seed each; dot and line: {METHOD}", "Numbers on the right: median accuracy and range", FLATTERED])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with numbers beside the rows and a caption below."""
        rows = self.rows
        with styled():
            names = [fitted(row.variant, _NAME * 72, BODY) for row in rows]
            if ax is not None:
                self._draw(ax, rows, names)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import MARGIN, Sheet

            left = MARGIN + max(text_width(name, BODY) for name in names) / 72 + 0.1
            said = [(_accuracy(row), row.verdict) for row in rows]
            columns = [max(text_width(pair[i], BODY) for pair in said) / 72 for i in (0, 1)]
            top, height = MARGIN + 0.26, _ROW * len(rows)
            right = sum(columns) + 0.44
            sheet = Sheet(width=_WIDTH, body=top + height + 0.42, caption=join([prefix, self.caption()]), stamp=stamp)
            sheet.text(MARGIN, MARGIN + 0.1, "What each change bought", fontsize=HEAD, color=INK, ha="left", va="baseline")
            self._draw(sheet.axes(left, top, max(1.5, _WIDTH - left - right), height, gid="changes"), rows, names)
            for i, (row, (accuracy, verdict)) in enumerate(zip(rows, said, strict=True)):
                y = top + (i + 0.5) * _ROW
                sheet.text(_WIDTH - MARGIN - columns[1] - 0.12, y, accuracy, fontsize=BODY, color=INK, ha="right", va="center", gid=f"accuracy-{i}")
                sheet.text(
                    _WIDTH - MARGIN - columns[1], y, verdict, fontsize=BODY, color=COLORS.get(row.verdict, GREY), ha="left", va="center", gid=f"verdict-{i}"
                )
            return sheet.figure

    def _draw(self, ax: Axes, rows: Sequence[Change], names: Sequence[str]) -> None:
        seeds = self.by_seed()
        ax.axvline(0, color=GREY, linewidth=0.8, zorder=1)
        shown = [value for values in seeds.values() for value in values] + [0.0]
        wide = max(max(shown) - min(shown), 0.5)
        low, high = min(shown) - 0.35 * wide, max(shown) + 0.35 * wide
        for i, row in enumerate(rows):
            if row.variant == "base":
                continue
            color = COLORS.get(row.verdict, GREY)
            ax.scatter(seeds[row.variant], [i] * len(seeds[row.variant]), s=45, marker="|", color=color, linewidths=1.0, zorder=2, gid=f"seeds-{i}")
            if not math.isfinite(row.difference):
                continue
            if math.isfinite(row.difference_low):
                ends = [100 * row.difference_low, 100 * row.difference_high]
                ax.plot([max(low, ends[0]), min(high, ends[1])], [i, i], color=color, linewidth=1.3, solid_capstyle="butt", zorder=3, gid=f"interval-{i}")
                for end, mark, edge in ((ends[0] < low, "<", low), (ends[1] > high, ">", high)):
                    if end:  # an interval of two seeds may be a hundred points wide: it is cut, and says so
                        ax.plot([edge], [i], marker=mark, color=color, markersize=3.5, clip_on=False, zorder=3)
            ax.plot([100 * row.difference], [i], marker="o", color=color, markersize=4.5, zorder=4, gid=f"mean-{i}")
        ax.set_xlim(low, high)
        ax.set_yticks(range(len(names)), names, fontsize=BODY, color=INK, parse_math=False)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlabel("points of accuracy against the base (arrow: the interval goes on)", fontsize=SMALL, color=GREY)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", length=2.5, width=0.6)
        ax.grid(axis="x", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)


def _accuracy(row: Change) -> str:
    return f"{100 * row.median:.1f} % ({100 * row.low:.1f}–{100 * row.high:.1f})" if row.n else "–"
