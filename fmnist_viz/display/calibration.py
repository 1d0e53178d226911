"""Reliability as a picture: what was said against what came true, before and after one temperature, and how far each class is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.calibration import AFTER, BEFORE, Calibration, ticks_of
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join, shorten, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 30  # in the right panel; of more, those that are furthest off
_SIDE, _ROW, _WIDE = 3.1, 0.2, 2.0  # inches: the diagram, a class's row, the classes' axis
_MARKS = {BEFORE: ("o", WRONG, "as given"), AFTER: ("s", RIGHT, "after the temperature")}


@dataclass(frozen=True)
class CalibrationDisplay:
    """The reliability diagram of one model, and its overconfidence by predicted class."""

    calibration: Calibration

    def frame(self) -> pd.DataFrame:
        """One row per bin, before and after: see `Calibration.frame`."""
        return self.calibration.frame()

    def classes(self) -> pd.DataFrame:
        """The classes that are drawn, in the order of the data: all up to 30, else those that are furthest off."""
        frame = self.calibration.per_class()
        frame = frame[frame["n_predicted"] > 1]
        return frame.loc[np.sort(frame["overconfidence"].abs().nlargest(MOST_CLASSES).index)]

    def caption(self) -> str:
        """What the numbers say, and how they were got."""
        shown, every = len(self.classes()), len(self.calibration.predictions.class_names)
        some = f" of the {shown} classes that are furthest off" if shown < every else ""
        bins = len(self.calibration.reliability[BEFORE].n)
        return join(
            [
                *self.calibration.sentences(),
                f"Left: {bins} bins of equally many images; lines: 95 % Wilson intervals; on the diagonal what is said comes true",
                f"Right: mean of confidence less right where the class is predicted{some}, with 95 % intervals; right of the line: too sure",
                f"Error intervals: basic bootstrap, seed {self.calibration.seed}",
            ]
        )

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the diagram into `ax`, or both panels onto a sheet with a caption below."""
        with styled():
            if ax is not None:
                self.draw_diagram(ax)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        classes = self.classes()
        names = [shorten(name) for name in classes["class"]]
        longest = max([text_width(name, BODY) for name in names] + [0.0]) / 72
        left, top, low = MARGIN + 0.62, MARGIN + 0.28, 0.5
        beside = left + _SIDE + 0.3 + longest + 0.1
        high = max(_SIDE, _ROW * len(names))
        sheet = Sheet(width=beside + _WIDE + MARGIN + 0.05, body=top + high + low, caption=join([prefix, self.caption()]), stamp=stamp)
        self.draw_diagram(sheet.axes(left, top, _SIDE, _SIDE, gid="reliability"))
        sheet.text(left, top - 0.09, "Said and come true", fontsize=HEAD, color=INK, ha="left", va="baseline")
        if len(names):
            self.draw_classes(sheet.axes(beside, top, _WIDE, max(_ROW * len(names), 0.6), gid="classes"), classes, names)
            sheet.text(beside, top - 0.09, "Too sure, by predicted class", fontsize=HEAD, color=INK, ha="left", va="baseline")
        return sheet.figure

    def draw_diagram(self, ax: Axes) -> None:
        """Said against come true. Call it inside `styled()`, as `draw_classes`."""
        found = self.calibration.reliability
        least = min([float(min(r.said.min(), r.low.min())) for r in found.values() if len(r.n)] + [0.9])
        ends = (max(0.0, np.floor(least * 10) / 10), 1.0)
        ax.plot(ends, ends, color=GREY, linewidth=0.8, zorder=1, gid="diagonal")
        for when, r in found.items():
            marker, color, label = _MARKS[when]
            look: dict[str, Any] = {"markerfacecolor": "white", "markersize": 5.6, "zorder": 2} if when == AFTER else {"markersize": 3.2, "zorder": 3}
            spread = [np.maximum(r.rate - r.low, 0), np.maximum(r.high - r.rate, 0)]
            ax.errorbar(r.said, r.rate, yerr=spread, fmt=marker, color=color, elinewidth=0.8, linewidth=0, label=label, **look)
        pad = 0.02 * (ends[1] - ends[0])
        ax.set_xlim(ends[0] - pad, ends[1] + pad)
        ax.set_ylim(ends[0] - pad, ends[1] + pad)
        ticks = ticks_of(ends[0])
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(ticks, [f"{100 * v:.4g}" for v in ticks])
        ax.tick_params(length=2, pad=2)
        ax.set_xlabel("said: mean confidence, %", fontsize=SMALL, color=GREY)
        ax.set_ylabel("came true, % of the images", fontsize=SMALL, color=GREY)
        ax.spines[["top", "right"]].set_visible(False)
        if len(found) > 1:
            ax.legend(loc="upper left", frameon=False, fontsize=SMALL, handletextpad=0.3)

    @staticmethod
    def draw_classes(ax: Axes, frame: pd.DataFrame, names: list[str]) -> None:
        """The overconfidence of `classes()`, a row each."""
        y, value = np.arange(len(names)), 100 * frame["overconfidence"].to_numpy()
        low, high = (100 * frame[f"overconfidence_{end}"].to_numpy() for end in ("low", "high"))
        ax.axvline(0, color=RULE, linewidth=1.0, zorder=1)
        ax.hlines(y, low, high, color=GREY, linewidth=1.0, zorder=2)
        sure = (low > 0) | (high < 0)
        ax.scatter(value[sure], y[sure], s=18, color=WRONG, zorder=3)
        ax.scatter(value[~sure], y[~sure], s=18, facecolor="white", edgecolor=GREY, linewidth=0.9, zorder=3)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_yticks(y, names, fontsize=BODY, color=INK, parse_math=False)
        ax.tick_params(length=0, pad=3)
        ax.tick_params(axis="x", length=2, pad=2)
        ax.locator_params(axis="x", nbins=5)
        ax.set_xlabel("points (filled: 0 is outside the interval)", fontsize=SMALL, color=GREY)
        ax.spines[["top", "right", "left"]].set_visible(False)
