"""The accuracy of several runs on the same images, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.analysis.comparison import Answers, accuracies
from fmnist_viz.core.palette import RIGHT
from fmnist_viz.display.lettering import fitted, join, text_width
from fmnist_viz.display.style import BODY, GREY, INK, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _WIDTH, _NAME = 0.3, 6.4, 2.0  # inches: of a run's row, of the figure, most for names


@dataclass(frozen=True)
class AccuracyIntervalsDisplay:
    """A point and its 95 % Wilson interval per run, in the order given."""

    runs: Sequence[Answers]

    def frame(self) -> pd.DataFrame:
        """One row per run: run, n, right, accuracy, accuracy_low, accuracy_high."""
        return accuracies(self.runs)

    def caption(self) -> str:
        """n, what the lines are, and that overlapping intervals are no test."""
        frame = self.frame()
        said = [f"Accuracy with 95 % Wilson intervals, n = {int(frame['n'].iloc[0]):,} images, the same for every run"]
        return join([*said, "The runs answer the same images, so that overlapping intervals say little: McNemar's test does" if len(frame) > 1 else ""])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax, [fitted(run.name, _NAME * 72, BODY) for run in self.runs])
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import MARGIN, Sheet

            names = [fitted(run.name, _NAME * 72, BODY) for run in self.runs]
            left = MARGIN + max(text_width(name, BODY) for name in names) / 72 + 0.1
            height = _ROW * len(names)
            sheet = Sheet(width=_WIDTH, body=MARGIN + height + 0.42, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(left, MARGIN, _WIDTH - left - 1.6, height, gid="accuracies"), names)
            for i, row in enumerate(self.frame().to_dict("records")):
                said = f"{100 * row['accuracy']:.2f} % ({100 * row['accuracy_low']:.2f}–{100 * row['accuracy_high']:.2f})"
                sheet.text(_WIDTH - MARGIN, MARGIN + (i + 0.5) * _ROW, said, fontsize=BODY, color=INK, ha="right", va="center")
            return sheet.figure

    def _draw(self, ax: Axes, names: Sequence[str]) -> None:
        for i, row in enumerate(self.frame().to_dict("records")):
            ax.plot([100 * row["accuracy_low"], 100 * row["accuracy_high"]], [i, i], color=RIGHT, linewidth=1.4, solid_capstyle="butt")
            ax.plot([100 * row["accuracy"]], [i], color=RIGHT, marker="o", markersize=4.5)
        ax.set_yticks(range(len(names)), names, fontsize=BODY, color=INK, parse_math=False)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.margins(x=0.08)
        ax.set_xlabel("accuracy, %", fontsize=BODY, color=GREY)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", length=2.5, width=0.6)
        ax.grid(axis="x", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
