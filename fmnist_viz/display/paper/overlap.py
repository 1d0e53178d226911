"""Overlap of classes for a paper: a panel per map, side by side on a page, below each other in a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.display.lettering import text_width
from fmnist_viz.display.overlap import OverlapDisplay, pair_name
from fmnist_viz.display.paper.plate import MARGIN, MM, Plate, narrow, set_type, type_size
from fmnist_viz.display.style import GREY, INK, SMALL
from fmnist_viz.projection.caption import METHOD_NAMES

if TYPE_CHECKING:
    import pandas as pd

_KEY, _LOW = 0.16, 0.32  # inches: a line of the key, ticks and words below a panel


@dataclass(frozen=True)
class OverlapFigure:
    """All maps of one representation."""

    name: str
    display: OverlapDisplay

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        first = next(iter(self.display.overlaps.values()))
        return {"n": first.n, "method": "mixing among nearest neighbours", "parameters": {"k": first.k, "pairs drawn": len(self.display.pairs)}}

    def frame(self) -> pd.DataFrame:
        """One row per pair of classes and map: see `Overlap.frame`."""
        return self.display.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """In a column fewer pairs are drawn."""
        stacked, width = narrow(width_mm), width_mm / MM
        display = dataclasses.replace(self.display, most=min(self.display.most, 8)) if stacked else self.display
        with set_type():
            size = type_size(width_mm)
            stub = max([text_width(pair_name(pair), size) / 72 for pair in display.pairs], default=0.6) + 0.08
            count = max(1, len(display.overlaps))
            across = 1 if stacked else count
            high = max(0.5, size * 1.55 / 72 * len(display.pairs))
            panel = (width - 2 * MARGIN - stub - 0.1 * (across - 1)) / across - 0.03
            key = display.key(width - 2 * MARGIN)
            top = MARGIN + _KEY * (1 + max((line for _, line, *_ in key), default=0)) + 0.02
            step = 0.16 + high + _LOW
            plate = Plate(width_mm, top + -(-count // across) * step + MARGIN, letters=letters)
            for i, (method, overlap) in enumerate(display.overlaps.items()):
                x, y = MARGIN + stub + (i % across) * (panel + 0.1), top + 0.16 + (i // across) * step
                plate.text(x + panel / 2, y - 0.05, METHOD_NAMES.get(method, method), fontsize=size, color=INK, ha="center", va="baseline")
                ax = plate.axes(x, y, panel, high, gid=f"overlap-{method}")
                display.draw_panel(ax, overlap, names=i % across == 0)
                for label in ax.get_yticklabels():
                    label.set_fontsize(size)
                plate.text(x + panel / 2, y + high + 0.26, "mixing", fontsize=SMALL, color=GREY, ha="center", va="baseline")
                plate.letter(x, y - 0.05)
            for left, line, text, mark, color, filled in key:
                ax = plate.axes(MARGIN + left, MARGIN + _KEY * line, 0.11, 0.11, gid="key")
                ax.set_axis_off()
                ax.set(xlim=(-1, 1), ylim=(-1, 1))
                ax.scatter([0], [0], s=18, marker=mark, facecolors=color if filled else "white", edgecolors=color, linewidths=0.9, clip_on=False)
                plate.text(MARGIN + left + 0.15, MARGIN + 0.055 + _KEY * line, text, fontsize=SMALL, color=INK, ha="left", va="center_baseline")
            if stacked and len(display.pairs) < len(self.display.pairs):
                plate.notes.append(f"all but {len(display.pairs)} pairs at {width_mm:g} mm")
            return plate.finish()
