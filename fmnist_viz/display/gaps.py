"""The gap between every two classes with its intervals, and a field for every map that says whether it is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.display.lettering import clean, fitted, join, shorten, text_width
from fmnist_viz.display.map import draw_note
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.gaps import APART, APART_FROM, MIXED, TOUCHING
from fmnist_viz.projection.replicates import GIVEN, PARAMETERS, REFERENCE, SAMPLE, START
from fmnist_viz.projection.stability import Stability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from fmnist_viz.display.sheet import Sheet

COLORS = {APART: "#0b5fa5", TOUCHING: "#e8a33d", MIXED: "#a12a2a"}
SIGNS = {APART: "", TOUCHING: "·", MIXED: "×"}  # so that colour is not alone
LINES = {
    START: ("#7a3fa0", "random starts"),
    SAMPLE: ("#1f7a4d", "random halves of the points"),
    GIVEN: ("#1f7a4d", "given maps"),
    PARAMETERS: ("#8a8a8a", "other parameters (range)"),
}
HEADS = {REFERENCE: "ref.", START: "starts", SAMPLE: "halves", PARAMETERS: "param.", GIVEN: "maps"}
MOST = 45  # pairs drawn: all of ten classes
_ROW, _PANEL, _CELL, _GAP, _BETWEEN, _TOP, _AXIS = 0.185, 3.0, 0.15, 0.12, 0.08, 0.64, 0.3  # inches
_FAR = 1000.0  # steps beyond which the axis does not go


@dataclass(frozen=True)
class GapsDisplay:
    """The pairs of classes of one map, the narrowest gap first; of more than 45 the narrowest."""

    found: Stability

    def frame(self) -> pd.DataFrame:
        """See `Stability.pairs`."""
        return self.found.pairs()

    def shown(self) -> pd.DataFrame:
        """The rows that are drawn, from top to bottom."""
        frame = self.frame()
        return frame[frame["maps"] > 0].sort_values("gap", kind="stable").head(MOST) if len(frame) else frame

    def caption(self) -> str:
        """What a step is, what the lines are, of how many maps, and what follows."""
        found, frame = self.found, self.frame()
        name = f"{clean(found.representation)}, {METHOD_NAMES.get(found.method, found.method)}, n = {found.n:,}"
        if found.note or not len(frame):
            return join([name, found.note or "There is no pair of classes to compare"])
        said = [
            f"{name}: the gap between two classes is the distance between their borders in steps, a step being the distance of a border point to the "
            f"fifth nearest of its own class; two classes that share a border have 1 to 1.5, from {APART_FROM:g} (dashed) on there is room between "
            "them; strays are left out"
        ]
        of = {
            START: "where the gap of a map from one more random start would lie (95 %)",
            SAMPLE: "95 % interval over the points, from random halves of them (delete-half jackknife)",
            GIVEN: "where the gap of one more such map would lie (95 %)",
            PARAMETERS: "smallest and largest, no interval",
        }
        words = [f"{LINES[kind][1].removesuffix(' (range)')} ({len(found.of_kind(kind))}): {of[kind]}" for kind in found.kinds]
        said.append(f"Dot: the reference. Lines: {'; '.join(words)}; intervals of few maps by Student's t, of logarithms")
        said.append("Fields: a map each, the reference first")
        judged = int((frame["maps"] > 0).sum())
        if judged > MOST:
            said.append(f"{MOST} of {judged:,} pairs are drawn, those with the narrowest gaps")
        return join([*said, *found.findings()[:2]])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw intervals and fields on a sheet of their own; into given axes (`ax`) the intervals alone."""
        with styled():
            if ax is not None:
                self._intervals(ax, self.shown(), names=True)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        shown = self.shown()
        names = [_pair_name(row) for row in shown.to_dict("records")]
        stub = max([text_width(name, BODY) / 72 for name in names], default=1.0) + 0.1
        maps = len(self.found.drawn)
        cell = min(_CELL, 4.0 / max(maps, 1))
        fields = sum(self._fields_width(kind, cell) + _BETWEEN for kind in (REFERENCE, *self.found.kinds))
        width = max(5.2, 2 * MARGIN + stub + _PANEL + _GAP + fields)
        height = max(0.6, _ROW * len(names))
        top = MARGIN + _TOP
        sheet = Sheet(width=width, body=top + height + _AXIS, caption=join([prefix, self.caption()]), stamp=stamp)
        self._intervals(sheet.axes(MARGIN + stub, top, _PANEL, height, gid="intervals"), shown, names=True)
        if len(names):
            sheet.text(MARGIN + stub + _PANEL / 2, top + height + 0.27, "gap in steps", fontsize=SMALL, color=GREY, ha="center", va="baseline")
            self._fields(sheet, MARGIN + stub + _PANEL + _GAP, top, cell, shown)
            self._key(sheet, MARGIN, MARGIN)
        return sheet.figure

    def _intervals(self, ax: Axes, shown: pd.DataFrame, *, names: bool) -> None:
        ax.spines[:].set(color=RULE, linewidth=0.6)
        rows = shown.to_dict("records")
        if not rows:
            ax.set(xticks=[], yticks=[])
            return draw_note(ax, self.found.note or "There is no pair of classes to compare", size=SMALL)
        kinds = self.found.kinds
        ends = [row[f"{kind}_{end}"] for row in rows for kind in kinds for end in ("low", "high")] + [row["gap"] for row in rows]
        known = [v for v in ends if math.isfinite(v) and v > 0]
        low, high = min([0.5, *known]), max([4.0, *known])
        ax.set_xscale("log")
        ax.set_xlim(max(low, 1 / 16) * 0.9, min(high, _FAR) * 1.12)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.axvline(APART_FROM, color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        for y, row in enumerate(rows):
            ax.axhline(y, color=RULE, linewidth=0.4, zorder=0)
            for i, kind in enumerate(kinds):
                if math.isfinite(row[f"{kind}_low"]):
                    at = y + 0.22 * (i - (len(kinds) - 1) / 2)
                    ax.plot([row[f"{kind}_low"], row[f"{kind}_high"]], [at, at], color=LINES[kind][0], linewidth=1.3, solid_capstyle="butt", zorder=3)
            ax.scatter([row["gap"]], [y], s=15, color=INK, linewidths=0, zorder=5)
        ax.set_yticks(range(len(rows)), [_pair_name(row) for row in rows] if names else [], fontsize=BODY, color=INK, parse_math=False)
        ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
        ax.set_xticks(ticks, [f"{t:,g}" for t in ticks])
        ax.set_xticks([], minor=True)
        ax.tick_params(length=0, pad=3)
        return None

    def _fields(self, sheet: Sheet, left: float, top: float, cell: float, shown: pd.DataFrame) -> None:
        """A column for each map, a row for each pair."""
        found = self.found
        place = {(found.class_names[a], found.class_names[b]): i for i, (a, b) in enumerate(found.gaps[0].pairs.tolist())}
        at = [place[row["a"], row["b"]] for row in shown.to_dict("records")]
        x = left
        for kind in (REFERENCE, *found.kinds):
            columns = [i for i, one in enumerate(found.drawn) if one.kind == kind]
            width = self._fields_width(kind, cell)
            ax = sheet.axes(x + (width - cell * len(columns)) / 2, top, cell * len(columns), _ROW * len(at), gid=f"fields-{kind}")
            ax.set(xlim=(0, len(columns)), ylim=(len(at) - 0.4, -0.6), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            for column, i in enumerate(columns):
                for y, pair in enumerate(at):
                    verdict = found.gaps[i].verdicts[pair]
                    if verdict not in COLORS:
                        continue
                    ax.add_patch(_field(column, y, COLORS[verdict]))
                    if SIGNS[verdict]:
                        ax.text(column + 0.5, y, SIGNS[verdict], fontsize=SMALL, color="white", ha="center", va="center_baseline", parse_math=False)
            sheet.text(x + width / 2, top - 0.06, HEADS[kind], fontsize=SMALL, color=INK, ha="center", va="baseline")
            x += width + _BETWEEN

    def _fields_width(self, kind: str, cell: float) -> float:
        """Inches of a kind's columns: room for their head at least."""
        return max(cell * sum(one.kind == kind for one in self.found.drawn), text_width(HEADS[kind], SMALL) / 72)

    def _key(self, sheet: Sheet, left: float, top: float) -> None:
        """Lines and fields in words, above the panels."""
        x = left
        sheet.text(x, top + 0.06, "gap between two classes:", fontsize=HEAD, color=INK, ha="left", va="center_baseline")
        x += text_width("gap between two classes:", HEAD) / 72 + 0.14
        for verdict, color in COLORS.items():
            ax = sheet.axes(x, top, 0.12, 0.12, gid="key")
            ax.set_axis_off()
            ax.set(xlim=(0, 1), ylim=(0.5, -0.5))
            ax.add_patch(_field(0, 0, color))
            ax.text(0.5, 0, SIGNS[verdict], fontsize=SMALL, color="white", ha="center", va="center_baseline")
            sheet.text(x + 0.17, top + 0.06, verdict, fontsize=SMALL, color=INK, ha="left", va="center_baseline")
            x += 0.32 + text_width(verdict, SMALL) / 72
        x, y = left, top + 0.24
        for text, color in [("reference", INK), *((LINES[kind][1], LINES[kind][0]) for kind in self.found.kinds)]:
            ax = sheet.axes(x, y, 0.18, 0.12, gid="key")
            ax.set_axis_off()
            ax.set(xlim=(0, 1), ylim=(-1, 1))
            if text == "reference":
                ax.scatter([0.5], [0], s=15, color=color, linewidths=0)
            else:
                ax.plot([0, 1], [0, 0], color=color, linewidth=1.6)
            sheet.text(x + 0.22, y + 0.06, text, fontsize=SMALL, color=INK, ha="left", va="center_baseline")
            x += 0.38 + text_width(text, SMALL) / 72


def _field(x: float, y: float, color: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.06, y - 0.42), 0.88, 0.84, facecolor=color, linewidth=0)


def _pair_name(row: dict[str, object]) -> str:
    return " – ".join(fitted(shorten(str(row[end]), 18), 90, BODY) for end in ("a", "b"))
