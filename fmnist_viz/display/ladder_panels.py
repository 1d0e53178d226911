"""The curves below the ladder's maps: one panel per kind of number, a column per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.palette import RIGHT
from fmnist_viz.display.style import GREY, INK, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fmnist_viz.display.ladder import LadderDisplay

ORANGE = "#b5520a"  # reads as text on white


@dataclass(frozen=True)
class Line:
    """A column of the ladder's table with `_low` and `_high`; the value is written `above` its point or below it."""

    column: str
    color: str
    text: str  # format of a value
    factor: float = 1.0
    above: bool = True


@dataclass(frozen=True)
class Panel:
    """One kind of number. `words` are (line, colour), the first in larger type; `lines` its curves."""

    name: str
    words: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]

    def rows(self, ladder: LadderDisplay) -> Sequence[Mapping[str, Any]]:
        return ladder.numbers.rows

    def known(self, ladder: LadderDisplay) -> bool:
        """Whether there is any value to draw."""
        return any(np.isfinite(row[line.column]) for row in self.rows(ladder) for line in self.lines)

    def draw(self, ax: Axes, ladder: LadderDisplay, at: Sequence[int]) -> None:
        """Curves with their intervals at the given places."""
        highs, lows = [], []
        for line in self.lines:
            values, low, high = (
                np.array([float(row.get(f"{line.column}{end}", np.nan)) for row in self.rows(ladder)]) * line.factor for end in ("", "_low", "_high")
            )
            x = np.array(at, float) + (0.0 if len(self.lines) == 1 else -0.04 if line.above else 0.04)
            ax.plot(x, values, color=line.color, linewidth=1.0, marker="o", markersize=2.6, zorder=3)
            bars = np.isfinite(low) & np.isfinite(high)
            reach = np.stack([(values - low)[bars], (high - values)[bars]])
            ax.errorbar(x[bars], values[bars], np.maximum(reach, 0), fmt="none", ecolor=line.color, elinewidth=0.8, capsize=2.2, capthick=0.8, zorder=2)
            for i in np.flatnonzero(np.isfinite(values)):
                y = (high if line.above else low)[i] if bars[i] else values[i]
                place = {"xytext": (0, 3 if line.above else -3), "textcoords": "offset points", "ha": "center", "va": "bottom" if line.above else "top"}
                ax.annotate(line.text.format(values[i]), (x[i], y), fontsize=SMALL, color=line.color, **place)  # type: ignore[arg-type]
            highs += [*values, *high[bars]]
            lows += [*values, *low[bars]]
        _limit(ax, lows, highs)


@dataclass(frozen=True)
class Separated(Panel):
    """How many pairs of classes separate at each layer, as bars."""

    def known(self, ladder: LadderDisplay) -> bool:
        return any(rung.separates_at >= 0 for rung in ladder.numbers.pairs)

    def draw(self, ax: Axes, ladder: LadderDisplay, at: Sequence[int]) -> None:
        pairs = ladder.numbers.pairs
        names = [rung.layers[rung.separates_at] for rung in pairs if rung.separates_at >= 0]
        counts = [names.count(name) for name in ladder.numbers.layers]
        ax.bar(list(at), counts, width=0.36, color="#c6d4e4", zorder=2)
        for x, count in zip(at, counts, strict=True):
            if count:
                ax.annotate(str(count), (x, count), xytext=(0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=SMALL, color=INK)
        ax.set_ylim(0, max(counts) * 1.35)
        ax.set_yticks([])


@dataclass(frozen=True)
class Before(Panel):
    """CKA of each layer with the one before it."""

    def rows(self, ladder: LadderDisplay) -> Sequence[Mapping[str, Any]]:
        measured = list(dict.fromkeys([*ladder.cka()["layer_a"], *ladder.cka()["layer_b"]]))
        table = {(row["layer_a"], row["layer_b"]): row for row in ladder.cka().to_dict("records")}
        nothing = {"cka": np.nan, "cka_low": np.nan, "cka_high": np.nan}
        before = dict(zip(measured[1:], measured, strict=False))
        return [table.get((before.get(name, ""), name), nothing) for name in ladder.numbers.layers]


def _limit(ax: Axes, lows: Sequence[float], highs: Sequence[float]) -> None:
    """Room for every interval and the words above and below."""
    finite = [v for v in (*lows, *highs) if np.isfinite(v)]
    if not finite:
        return
    low, high = min(finite), max(finite)
    pad = (high - low) or abs(high) or 1.0
    ax.set_ylim(low - 0.42 * pad, high + 0.42 * pad)
    ax.set_yticks([])


PANELS = (
    Panel(
        "accuracy", (("accuracy, %", INK), ("linear probe", RIGHT), ("15 nearest neighbours", ORANGE)),
        (Line("probe", RIGHT, "{:.1f}", 100), Line("knn", ORANGE, "{:.1f}", 100, above=False)),
    ),
    Separated("pairs", (("pairs of classes", INK), ("that separate here", GREY)), ()),
    Panel("silhouette", (("class separation", INK), ("silhouette, −1 to 1", GREY)), (Line("silhouette", INK, "{:.3f}"),)),
    Panel("dimension", (("intrinsic dimension", INK), ("TwoNN", GREY)), (Line("dimension", INK, "{:.1f}"),)),
    Panel("dead", (("dead units, %", INK), ("0 for every image", GREY)), (Line("dead_share", INK, "{:.1f}", 100),)),
    Before("cka", (("CKA", INK), ("with the layer before", GREY)), (Line("cka", INK, "{:.2f}"),)),
)  # fmt: skip
