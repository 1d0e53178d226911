"""Overlap honesty: how mixed two classes are in the representation, and how mixed they look on each map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.overlap import LESS, MORE, SEEMS_APART, SEEMS_MIXED, TOO_FEW, Overlap, mixed_from
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import fitted, join, shorten, text_width
from fmnist_viz.display.map import draw_note
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled
from fmnist_viz.projection.caption import METHOD_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _PANEL, _GAP, _HEADER, _AXIS = 0.17, 2.3, 0.16, 0.28, 0.3  # inches
# Verdicts have marks and colours of their own; the first two mislead about what there is, the others about how much.
_COLORS = {SEEMS_MIXED: WRONG, SEEMS_APART: RIGHT, MORE: "#b3621b", LESS: "#3b7d74"}
_MARKS = {SEEMS_MIXED: "D", SEEMS_APART: "s", MORE: ">", LESS: "<"}
_MISLEADING = (SEEMS_MIXED, SEEMS_APART)
_KEY_LINE = 0.18  # inches


@dataclass(frozen=True)
class OverlapDisplay:
    """A row per pair of classes, a panel per map: a ring is the mixing in the representation, a filled mark that on the map.

    overlaps : method -> Overlap, all of one representation;  most : rows, those of the largest mixing or difference on any map.
    """

    overlaps: Mapping[str, Overlap]
    most: int = field(default=18, kw_only=True)

    def frame(self) -> pd.DataFrame:
        """Every pair on every map: `Overlap.frame`, one below the other."""
        import pandas as pd

        frames = [o.frame() for o in self.overlaps.values()]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs that are drawn: those of misleading verdicts first to be taken, shown from the most to the least mixed in the representation."""
        weight: dict[tuple[str, str], tuple[bool, float]] = {}
        truth: dict[tuple[str, str], float] = {}
        for o in self.overlaps.values():
            for row in o.rows:
                if row["verdict"] != TOO_FEW:
                    pair = (row["a"], row["b"])
                    truth[pair] = row["mixing_representation"]
                    weight[pair] = max(weight.get(pair, (False, 0.0)), (row["verdict"] in _MISLEADING, max(row["mixing_representation"], row["mixing_map"])))
        taken = sorted(weight, key=lambda pair: weight[pair], reverse=True)[: self.most]
        return sorted(taken, key=lambda pair: -truth[pair])

    def caption(self) -> str:
        """What mixing is, n, k, intervals, the rule of the verdicts, and every map's misleading pairs."""
        first = next(iter(self.overlaps.values()), None)
        if first is None:
            return "There is no map whose classes could be compared."
        judged = len({(r["a"], r["b"]) for o in self.overlaps.values() for r in o.rows if r["verdict"] != TOO_FEW})
        said = [
            f"{first.representation}, n = {first.n:,}: mixing of two classes among {first.k} nearest neighbours, 0 apart, 1 as if their labels had been "
            f"dealt out at random; ring: in the representation, filled: on the map; lines: 95 % intervals",
            f"{len(self.pairs):,} of {judged:,} pairs are drawn, those that mislead or are mixed most",
            f"Dashed: {mixed_from(first.k):.2f}, where of two classes of equal size every point has one of its {first.k} neighbours in the other",
            "A verdict needs a paired test with q < 0.05 over all pairs of the map, and both intervals on their sides of the dashed line",
        ]
        return join([*said, *(f"{METHOD_NAMES.get(m, m)}: {o.sentence()[:1].lower()}{o.sentence()[1:]}" for m, o in self.overlaps.items())])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the panels on a sheet of their own; into given axes (`ax`) the only map, ValueError where there are several."""
        with styled():
            if ax is not None:
                if len(self.overlaps) != 1:
                    raise ValueError("several maps have axes of their own; draw a display of one map into given axes")
                self.draw_panel(ax, next(iter(self.overlaps.values())), names=True)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        names = [pair_name(pair) for pair in self.pairs]
        stub = max([text_width(name, BODY) / 72 for name in names], default=1.0) + 0.1
        columns, height = max(1, len(self.overlaps)), max(0.6, _ROW * len(names))
        width = 2 * MARGIN + stub + columns * _PANEL + (columns - 1) * _GAP
        key = self.key(width - 2 * MARGIN)
        top = MARGIN + _HEADER + _KEY_LINE * (1 + max((line for _, line, *_ in key), default=0))
        sheet = Sheet(width=width, body=top + height + _AXIS, caption=join([prefix, self.caption()]), stamp=stamp)
        for column, (method, o) in enumerate(self.overlaps.items()):
            x = MARGIN + stub + column * (_PANEL + _GAP)
            sheet.text(x + _PANEL / 2, top - 0.1, METHOD_NAMES.get(method, method), fontsize=HEAD, color=INK, ha="center", va="baseline")
            self.draw_panel(sheet.axes(x, top, _PANEL, height, gid=f"panel-{column}"), o, names=column == 0)
            sheet.text(x + _PANEL / 2, top + height + 0.27, "mixing", fontsize=SMALL, color=GREY, ha="center", va="baseline")
        for left, line, text, mark, color, filled in key:
            ax = sheet.axes(MARGIN + left, MARGIN + _KEY_LINE * line, 0.12, 0.12, gid="key")
            ax.set_axis_off()
            ax.set(xlim=(-1, 1), ylim=(-1, 1))
            ax.scatter([0], [0], s=22, marker=mark, facecolors=color if filled else "white", edgecolors=color, linewidths=0.9, clip_on=False)
            sheet.text(MARGIN + left + 0.16, MARGIN + 0.06 + _KEY_LINE * line, text, fontsize=SMALL, color=INK, ha="left", va="center_baseline")
        return sheet.figure

    def key(self, width: float) -> list[tuple[float, int, str, str, str, bool]]:
        """(left in inches, line, words, mark, colour, filled) of every mark that is drawn."""
        drawn = {row["verdict"] for o in self.overlaps.values() for row in o.rows if (row["a"], row["b"]) in set(self.pairs)}
        entries = [("in the representation", "o", INK, False), ("on the map", "o", INK, True)]
        entries += [(f"on the map: {verdict}", _MARKS[verdict], color, True) for verdict, color in _COLORS.items() if verdict in drawn]
        placed, x, line = [], 0.0, 0
        for text, mark, color, filled in entries:
            need = 0.34 + text_width(text, SMALL) / 72
            if x and x + need > width:
                x, line = 0.0, line + 1
            placed.append((x, line, text, mark, color, filled))
            x += need
        return placed

    def draw_panel(self, ax: Axes, o: Overlap, *, names: bool) -> None:
        """One map's rows. Call it inside `styled()`."""
        pairs = self.pairs
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if not pairs:
            ax.set(xticks=[], yticks=[])
            return draw_note(ax, o.sentence(), size=SMALL)
        rows = {(row["a"], row["b"]): row for row in o.rows if row["verdict"] != TOO_FEW}
        every = [row for other in self.overlaps.values() for row in other.rows if row["verdict"] != TOO_FEW]
        ax.set_xlim(-0.03, max([1.03, *(row[f"mixing_{space}_high"] + 0.03 for row in every for space in ("representation", "map"))]))
        ax.set_ylim(len(pairs) - 0.4, -0.6)
        ax.axvline(mixed_from(o.k), color=GREY, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        for y, pair in enumerate(pairs):
            ax.axhline(y, color=RULE, linewidth=0.4, zorder=0)
            if (row := rows.get(pair)) is None:
                continue
            color = _COLORS.get(row["verdict"], INK)
            ax.plot([row["mixing_representation"], row["mixing_map"]], [y, y], color=color, linewidth=0.8, alpha=0.5, zorder=2)
            for space, shift in (("representation", 0.16), ("map", -0.16)):
                ends = [row[f"mixing_{space}_low"], row[f"mixing_{space}_high"]]
                ax.plot(ends, [y + shift] * 2, color=INK if space == "representation" else color, linewidth=1.0, zorder=3)
            ax.scatter([row["mixing_map"]], [y], s=18, marker=_MARKS.get(row["verdict"], "o"), color=color, linewidths=0, zorder=4)
            ax.scatter([row["mixing_representation"]], [y], s=16, facecolors="white", edgecolors=INK, linewidths=0.9, zorder=5)
        ax.set_yticks(range(len(pairs)), [pair_name(pair) for pair in pairs] if names else [], fontsize=BODY, color=INK, parse_math=False)
        ax.set_xticks(np.arange(0, 1.01, 0.25), ["0", ".25", ".5", ".75", "1"])
        ax.tick_params(length=0, pad=3)
        return None


def pair_name(pair: tuple[str, str]) -> str:
    return " – ".join(fitted(shorten(name, 18), 90, BODY) for name in pair)
