"""When each class was learned: recall by epoch and class, the pairs that were mixed up most, and what became of every image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.epochs import RULE as LEARNED
from fmnist_viz.analysis.epochs import EpochNumbers
from fmnist_viz.analysis.forgetting import STATES
from fmnist_viz.core.intervals import wilson
from fmnist_viz.display.film import spread
from fmnist_viz.display.lettering import fitted, join, text_width
from fmnist_viz.display.style import BODY, GREY, INK, RULE, SMALL, label_colors, readable, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.paper.plate import Plate
    from fmnist_viz.display.sheet import Sheet

WIDTH, COLUMNS, MOST, PAIRS = 9.0, 5, 20, 6  # inches; panels side by side; classes and pairs that are drawn
_PANEL, _BELOW, _GAP, _LEFT = 0.86, 0.42, 0.14, 0.3  # inches
SHADES = ("#2f6fb0", "#9cc3e6", "#f0b45a", "#b9402f")  # of the four states


@dataclass(frozen=True, repr=False)
class EpochsDisplay:
    """What `EpochNumbers` hold, as curves."""

    numbers: EpochNumbers

    def frame(self) -> pd.DataFrame:
        """One row per class, and one for all: when it was learned, and how many of its images are in which state."""
        return self.numbers.state_frame()

    def caption(self) -> str:
        """What is drawn, what it shows, of how many images and by which rule."""
        n = self.numbers
        first = (
            "Each panel: share of the class's images that are right, with its 95 % Wilson interval; the vertical line is the epoch from which it is learned. "
            "Pairs: a line in the true class's colour, dots in the predicted one's"
        )
        last = (
            "Forgotten: right after one epoch and wrong after the next, at least once (Toneva et al. 2019, here of images that were never trained on, "
            "asked once an epoch); the look before training does not count"
        )
        return join([
            *n.readings(), f"n = {len(n.labels):,} stratified images of the test split, by which nothing was chosen", first,
            f"A class counts as {LEARNED}; where images are few only large differences show", last,
        ])  # fmt: skip

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the leading pairs by epoch into `ax`, or everything onto a sheet of its own."""
        with styled():
            if ax is not None:
                draw_pairs(ax, self.numbers)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        n = self.numbers
        classes = shown_classes(n)
        rows = math.ceil(len(classes) / COLUMNS)
        side = (WIDTH - 2 * MARGIN - _LEFT) / COLUMNS - _GAP
        top, below = MARGIN + 0.2, MARGIN + 0.2 + rows * (_PANEL + _BELOW)
        bars = max(0.9, 0.15 * len(classes))
        left_out = len(np.unique(n.labels)) - len(classes)
        more = f"{left_out} classes with a higher share right at the end are not drawn" if left_out else ""
        sheet = Sheet(width=WIDTH, body=below + 0.3 + bars + 0.42, caption=join([prefix, self.caption(), more]), stamp=stamp)
        sheet.text(MARGIN, MARGIN + 0.08, "right, %, by epoch", fontsize=BODY, color=INK, va="baseline")
        for j, k in enumerate(classes):
            x, y = MARGIN + _LEFT + (j % COLUMNS) * (side + _GAP), top + (j // COLUMNS) * (_PANEL + _BELOW)
            self.draw_class(sheet, k, x, y, side, first=j % COLUMNS == 0)
        half = (WIDTH - 2 * MARGIN) / 2
        sheet.text(MARGIN, below + 0.14, "the pairs mixed up most, % of the true class", fontsize=BODY, color=INK, va="baseline")
        draw_pairs(sheet.axes(MARGIN + _LEFT, below + 0.3, half - _LEFT - 1.62, bars, gid="epochs-pairs"), n)
        self.draw_states(sheet, classes, MARGIN + half + 0.1, below, half - 0.1, bars)
        return sheet.figure

    def draw_class(self, sheet: Sheet | Plate, k: int, x: float, y: float, side: float, *, first: bool, tall: float = _PANEL) -> None:
        """One class's share right by epoch, its name above. Call it inside `styled()`, as `draw_states`."""
        n, lesson = self.numbers, self.numbers.lessons[k]
        color = label_colors(len(n.class_names))[k]
        at = n.learned_at(k)
        words = "never learned" if at is None else f"from epoch {at}" if at else "before training"
        room = side * 72 - text_width(words, SMALL) - 4
        size = BODY if text_width(n.class_names[k], BODY) <= room else SMALL
        sheet.text(x, y + 0.1, fitted(n.class_names[k], room, size), fontsize=size, color=readable(color), va="baseline")
        sheet.text(x + side, y + 0.1, words, fontsize=SMALL, color=GREY, ha="right", va="baseline")
        ax = sheet.axes(x, y + 0.16, side, tall, gid=f"epochs-class-{k}")
        low, high = wilson(lesson.right, lesson.n)
        epochs, rate = np.array(n.epochs), lesson.right / max(lesson.n, 1)
        ax.fill_between(epochs, 100 * low, 100 * high, color=color, alpha=0.22, linewidth=0)
        ax.plot(epochs, 100 * rate, color=color, linewidth=1.1, marker="o", markersize=2.2)
        if at is not None:
            ax.axvline(at, color=INK, linewidth=0.6, linestyle=(0, (2, 2)), zorder=0)
        ax.set(xlim=(epochs[0] - 0.3, epochs[-1] + 0.3), ylim=(0, 104))
        ax.set_yticks([0, 50, 100], ["0", "50", "100"] if first else ["", "", ""])
        ax.set_xticks(few(n.epochs))
        ax.tick_params(length=2)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set(color=RULE)

    def draw_states(self, sheet: Sheet | Plate, classes: Sequence[int], x: float, y: float, width: float, height: float) -> None:
        """Shares of each class by what became of its images, with a key below that is as wide."""
        n, frame = self.numbers, self.numbers.state_frame()
        sheet.text(x, y + 0.14, "images by what became of them, % of the class", fontsize=BODY, color=INK, va="baseline")
        ax = sheet.axes(x + 0.85, y + 0.3, width - 0.85, height, gid="epochs-states")
        at = np.arange(len(classes))
        begun = np.zeros(len(classes))
        for state, shade in zip(STATES, SHADES, strict=True):
            share = 100 * np.nan_to_num(frame[state.replace(" ", "_")].to_numpy(float)[list(classes)])
            ax.barh(at, share, left=begun, color=shade, height=0.74, hatch="////" if state == STATES[3] else None, edgecolor="white", linewidth=0.3)
            if state == STATES[2]:
                for i, (start, wide) in enumerate(zip(begun, share, strict=True)):
                    if wide >= 4:
                        ax.text(start + wide / 2, i, f"{wide:.0f}", fontsize=6, color=INK, ha="center", va="center_baseline")
            begun += share
        ax.set(xlim=(0, 100), ylim=(len(classes) - 0.5, -0.5))
        ax.set_yticks(at, [fitted(n.class_names[k], 58, SMALL) for k in classes], parse_math=False)
        ax.set_xticks([0, 50, 100])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        place, below = x, y + 0.3 + height + 0.22
        for state, shade in zip(STATES, SHADES, strict=True):
            if place > x and place + 0.16 + text_width(state, SMALL) / 72 > x + width:
                place, below = x, below + 0.15
            box = sheet.axes(place, below, 0.1, 0.1)
            box.set(xticks=[], yticks=[], facecolor=shade)
            box.spines[:].set_visible(False)
            sheet.text(place + 0.14, below + 0.09, state, fontsize=SMALL, color=GREY, va="baseline")
            place += 0.3 + 0.062 * len(state)


def shown_classes(numbers: EpochNumbers) -> list[int]:
    """The classes that occur, in their order; of more than `MOST` those with the lowest share right at the end."""
    present = np.unique(numbers.labels)
    rate = np.array([numbers.lessons[k].right[-1] / max(numbers.lessons[k].n, 1) for k in present])
    return sorted(present[np.argsort(rate, kind="stable")[:MOST]].tolist())


def draw_pairs(ax: Axes, numbers: EpochNumbers) -> None:
    """The leading directed pairs after every epoch, each with its interval: a line in the true class's colour, dots in the predicted one's."""
    places = [i for i, epoch in enumerate(numbers.epochs) if epoch > 0] or [0]
    epochs, colors = np.array(numbers.epochs)[places], label_colors(len(numbers.class_names))
    pairs = numbers.leading(PAIRS)
    ends, top = [], 1.0
    for j, (t, p) in enumerate(pairs):
        count, n = numbers.counts[places, t, p], int(numbers.support[t])
        low, high = (100 * v for v in wilson(count, n))
        rate = 100 * count / n
        x = epochs + 0.05 * (j - (len(pairs) - 1) / 2)
        ax.plot(x, rate, color=colors[t], linewidth=1.0, marker="o", markersize=3.6, markerfacecolor=colors[p], markeredgewidth=0.8)
        ax.errorbar(x, rate, np.maximum(np.stack([rate - low, high - rate]), 0), fmt="none", ecolor=colors[t], elinewidth=0.6, capsize=1.4, capthick=0.6)
        ends.append(float(rate[-1]))
        top = max(top, float(high.max()))
    ax.set(xlim=(epochs[0] - 0.3, epochs[-1] + 0.3), ylim=(0, 1.04 * top))
    ax.set_xticks(few(epochs.tolist()))
    ax.tick_params(length=2)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=RULE)
    inches = ax.get_window_extent().height / ax.figure.dpi
    for y, (t, p) in zip(spread([v / (1.04 * top) for v in ends], 0.135 / inches), pairs, strict=True):
        name = " → ".join(fitted(numbers.class_names[k], 52, SMALL) for k in (t, p))
        ax.annotate(name, (1.0, y), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points", va="center", fontsize=SMALL,
                    color=readable(colors[t]), annotation_clip=False, parse_math=False)  # fmt: skip


def few(epochs: Sequence[int]) -> list[int]:
    """At most six of the epochs for the ticks, the first and the last among them."""
    return [int(epochs[i]) for i in np.unique(np.linspace(0, len(epochs) - 1, min(6, len(epochs))).round().astype(int))]
