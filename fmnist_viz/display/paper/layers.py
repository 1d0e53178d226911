"""The layer ladder for a paper: what was measured of each layer, a panel per number and a column per layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.ladder import LadderNumbers
from fmnist_viz.display.ladder_panels import PANELS, Panel
from fmnist_viz.display.lettering import clean, fitted, join, text_width
from fmnist_viz.display.paper.plate import LEAST_TYPE, MARGIN, MM, Plate, narrow, set_type, type_size
from fmnist_viz.display.style import BODY, INK, RULE, SMALL

if TYPE_CHECKING:
    import pandas as pd

_WORDS, _PANEL, _SPACE = 1.32, 0.62, 0.14  # inches: words beside the panels, a panel's height, between two


@dataclass(frozen=True)
class LadderFigure:
    """The numbers of a ladder as a run's tables hold them: `numbers.alike` is the table of CKA; the aligned maps are not among them."""

    name: str
    numbers: LadderNumbers
    table: pd.DataFrame

    def cka(self) -> pd.DataFrame:
        """One row per two layers, as the run measured it: what `Panel.rows` asks for."""
        return self.numbers.alike

    @property
    def caption(self) -> str:
        n = self.numbers
        held = int(self.table["held_out"].max()) if "held_out" in self.table else 0
        said = [
            f"{len(n.rows)} layers on the same images, n = {n.n:,}; linear probe and pairs on {held:,} held-out images (Wilson intervals); 15 nearest "
            f"neighbours, silhouette, intrinsic dimension (TwoNN) and CKA (debiased) from {n.queries:,} sampled images; bars: 95 % intervals; seed {n.seed}",
            "Dead units: 0 for every image; they are counted, not estimated" if "dead_share" in self.table and self.table["dead_share"].notna().any() else "",
            "The pairs counted are those of classes that a layer is the first to tell apart as well as the best layer does (McNemar, Holm over layers)"
            if n.pairs
            else "",
        ]
        return join(said)

    @property
    def facts(self) -> Mapping[str, Any]:
        n = self.numbers
        return {"n": n.n, "seed": n.seed, "method": "linear probe, nearest neighbours, silhouette, TwoNN, debiased CKA",
                "parameters": {"queries": n.queries}, "scores": {str(row["layer"]): row["probe"] for row in n.rows}}  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """One row per layer: the run's `tables/ladder.csv`."""
        return self.table

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Panels below each other; their words beside them on a page, above them in a column."""
        stacked, width = narrow(width_mm), width_mm / MM
        panels: list[Panel] = [panel for panel in PANELS if panel.known(self)]  # type: ignore[arg-type]
        count = len(self.numbers.layers)
        left, above = (MARGIN, 0.15) if stacked else (MARGIN + _WORDS, 0.0)
        span = width - left - MARGIN
        with set_type():
            size = SMALL if stacked else SMALL + 0.5
            names = [clean(name) for name in self.numbers.layers]
            turned = max(text_width(name, size) for name in names) / 72 > span / count - 0.06
            names = [fitted(name, 0.9 * 72 if turned else span / count * 72, size) for name in names]
            below = max(text_width(name, size) for name in names) / 72 + 0.08 if turned else 0.18
            top = MARGIN + (0.1 if letters and not stacked else 0.0)
            plate = Plate(width_mm, top + len(panels) * (above + _PANEL + _SPACE) - _SPACE + below + MARGIN, letters=letters)
            for j, panel in enumerate(panels):
                y = top + j * (above + _PANEL + _SPACE)
                ax = plate.axes(left, y + above, span, _PANEL, gid=f"ladder-{panel.name}")
                panel.draw(ax, self, list(range(count)))  # type: ignore[arg-type]
                for line in [line for line in ax.lines if line.get_marker() == "o"][1:2]:  # told from the first without its colour
                    line.set(linestyle=(0, (4, 1.6)), marker="s", markerfacecolor="white")
                ax.set_xlim(-0.5, count - 0.5)
                ax.set_xticks([])
                ax.spines[["top", "right", "bottom"]].set_visible(False)
                ax.spines["left"].set(color=RULE)
                if j == len(panels) - 1:
                    ax.set_xticks(np.arange(count), names, fontsize=size, color=INK, rotation=90 if turned else 0, parse_math=False)
                    ax.tick_params(axis="x", length=0, pad=3)
                self._words(plate, panel, y, stacked=stacked, width_mm=width_mm)
            return plate.finish()

    def _words(self, plate: Plate, panel: Panel, y: float, *, stacked: bool, width_mm: float) -> None:
        x = MARGIN
        if plate.lettered:
            plate.letter(x, y + 0.11)
            x += 0.14
        for k, (words, color) in enumerate(panel.words):
            said = words
            if panel.name == "accuracy" and k:
                said = f"{'●' if k == 1 else '□'} {words}"
            size = (type_size(width_mm) if k == 0 else LEAST_TYPE) if stacked else (BODY if k == 0 else SMALL)
            plate.text(x, y + (0.11 if stacked else 0.14 + k * 0.125), said, fontsize=size, color=color, va="baseline")
            x += (text_width(said, size) / 72 + 0.1) if stacked else 0.0
