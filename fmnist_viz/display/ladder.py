"""The layer ladder: the same points from layer to layer in a row of aligned maps, and below each layer what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import MARGIN as PAIR_MARGIN
from fmnist_viz.analysis.ladder import LadderNumbers
from fmnist_viz.core.types import read_only
from fmnist_viz.display.key import ColorKey
from fmnist_viz.display.ladder_panels import PANELS, Panel
from fmnist_viz.display.lettering import clean, fitted, join
from fmnist_viz.display.map import MapDisplay
from fmnist_viz.display.style import BODY, GREY, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.ladder import Aligned

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

_LEFT, _GAP, _PANEL, _SPACE = 1.32, 0.1, 0.62, 0.2  # inches: words at the left, between maps, height of a panel, between panels
_WIDEST = 13.0  # inches that the maps share; more layers get smaller maps
_HEAD, _FOOT = 0.24, 0.34  # inches above a map for its name, and below for what moved


@dataclass(frozen=True, repr=False)
class LadderDisplay:
    """All layers of one network on the same images.

    Parameters
    ----------
    numbers : what was measured, a row per layer
    maps : one per layer, of the same m points, each laid over the one before
    labels : int64 (m,) of the points, 0 <= label < len(class_names)
    rows : int64 (m,), which of the given images the points are
    """

    numbers: LadderNumbers
    maps: tuple[Aligned, ...]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __post_init__(self) -> None:
        m = len(self.rows)
        object.__setattr__(self, "maps", tuple(self.maps))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (m,), "labels"))
        object.__setattr__(self, "rows", read_only(self.rows, np.int64, (m,), "rows"))
        if [a.projection.representation for a in self.maps] != list(self.numbers.layers):
            raise ValueError(f"maps of {[a.projection.representation for a in self.maps]}, numbers of {list(self.numbers.layers)}")
        if any(len(a.projection.coords) != m for a in self.maps):
            raise ValueError(f"maps: not all of {m} points")

    def __repr__(self) -> str:
        layers = ", ".join(self.numbers.layers)
        return f"<ladder of {layers}: maps of {len(self.rows):,} images; .frame(), .pairs(), .cka(), .readings(), .plot()>"

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.numbers.class_names

    def frame(self) -> pd.DataFrame:
        """`LadderNumbers.frame()` and of each map n_map, drift (from the map before), trustworthiness and recall with their intervals."""
        table = self.numbers.frame()
        table.insert(len(table.columns) - 2, "n_map", len(self.rows))
        table.insert(len(table.columns) - 2, "drift", [a.drift for a in self.maps])
        for score in ("trustworthiness", "recall"):
            for end in ("", "_low", "_high"):
                values = [float(a.projection.scores.get(score + end, np.nan)) for a in self.maps]
                table.insert(len(table.columns) - 2, f"map_{score}{end}", values)
        return table

    def pairs(self) -> pd.DataFrame:
        """One row per pair of classes and layer: held-out accuracy of a linear discriminant with its interval, and where the pair separates."""
        return self.numbers.pair_frame()

    def cka(self) -> pd.DataFrame:
        """One row per two layers: debiased CKA and shared neighbours with intervals."""
        return self.numbers.cka_frame()

    def readings(self) -> list[str]:
        """What the ladder shows, in sentences computed from it."""
        return [*_probe_reading(self.numbers), *_pair_reading(self.numbers)]

    def caption(self) -> str:
        """What is drawn, what it shows, of how many images and by which methods."""
        return join([f"The layer ladder: {len(self.maps)} layer{'s' * (len(self.maps) != 1)} of the same images", *self.readings(), self.method()])

    def method(self) -> str:
        """Of how many images and by which methods maps and numbers are."""
        n, said = self.numbers, []
        drawn = [a for a in self.maps if not a.projection.note]
        if drawn:
            p = drawn[0].projection.parameters
            said.append(
                f"Maps: t-SNE of {len(self.rows):,} stratified images, perplexity {p.get('perplexity', 0):g}, each started from the one before, rotated onto "
                "it and scaled to its size; drift: the way that points moved, over the map's extent. Distances between groups are not to be read"
            )
        if any(np.isfinite(row["probe"]) for row in n.rows):
            said.append(
                f"Numbers: n = {n.n:,}. Linear probe and pairs on {n.held:,} held-out images (fitted on {n.n - n.held:,}, "
                f"Wilson intervals); 15-NN, silhouette, intrinsic dimension (TwoNN) and CKA (debiased) from {n.queries:,} sampled images; "
                f"bars: 95 % intervals; seed {n.seed}"
            )
        if n.pairs:
            said.append(
                "A pair of classes separates at the first layer that tells its held-out images apart as well as the best layer does: not significantly worse "
                f"(McNemar, Holm over layers) or less than {100 * PAIR_MARGIN:g} point worse. Where images are few, only large differences show"
            )
        if any(row["units"] for row in n.rows):
            said.append("Dead units: 0 for every image; they are counted, not estimated")
        return join([*said, *n.notes])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the accuracies by layer into `ax`, or everything onto a sheet of its own: a column per layer."""
        with styled():
            if ax is not None:
                PANELS[0].draw(ax, self, list(range(len(self.maps))))
                ax.set_xticks(range(len(self.maps)), [clean(name) for name in self.numbers.layers], parse_math=False)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        count = max(1, len(self.maps))
        side = float(np.clip(_WIDEST / count - _GAP, 0.7, 1.75))
        width = max(6.6, MARGIN + _LEFT + count * (side + _GAP) + MARGIN)
        panels = [panel for panel in PANELS if panel.known(self)]
        colors = label_colors(len(self.class_names))
        present = np.unique(self.labels).tolist()
        key = ColorKey([self.class_names[c] for c in present], [colors[c] for c in present], width=width - 2 * MARGIN, heading="class")
        top = MARGIN + key.height + 0.08
        below = top + _HEAD + side + _FOOT
        sheet = Sheet(width=width, body=below + len(panels) * (_PANEL + _SPACE) + 0.05, caption=join([prefix, self.caption()]), stamp=stamp)
        key.draw(sheet, MARGIN, MARGIN)
        for i in range(len(self.maps)):
            self._map(sheet, i, MARGIN + _LEFT + i * (side + _GAP), top, side)
        for j, panel in enumerate(panels):
            self._panel(sheet, panel, below + j * (_PANEL + _SPACE), MARGIN, count, side)
        return sheet.figure

    def _map(self, sheet: Sheet, i: int, x: float, top: float, side: float) -> None:
        aligned = self.maps[i]
        name = fitted(self.numbers.layers[i], side * 72, BODY)
        sheet.text(x + side / 2, top + _HEAD - 0.07, name, fontsize=BODY, color=INK, ha="center", va="baseline")
        ax = sheet.axes(x, top + _HEAD, side, side, gid=f"ladder-map-{i}")
        display = MapDisplay(aligned.projection, self.labels, self.class_names)
        display.draw(ax, names=False, rings=False)
        if display.drawable:
            half = 1.04 * max(float(np.abs(a.projection.coords).max()) for a in self.maps if not a.projection.note)
            ax.set(xlim=(-half, half), ylim=(-half, half))  # one scale for all, so that a point's way is seen
        moved = f"drift {aligned.drift:.2f}" if np.isfinite(aligned.drift) else ""
        scores = aligned.projection.scores
        trust = f"trust {scores['trustworthiness']:.3f}".replace("0.", ".") + f" · recall@{scores['k']} {scores['recall']:.2f}" if scores else ""
        for k, line in enumerate(filter(None, [trust if side > 1.2 else "", moved])):
            sheet.text(x + side / 2, top + _HEAD + side + 0.11 + k * 0.11, line, fontsize=6, color=GREY, ha="center", va="baseline")

    def _panel(self, sheet: Sheet, panel: Panel, top: float, margin: float, count: int, side: float) -> None:
        span = count * (side + _GAP)
        ax = sheet.axes(margin + _LEFT - _GAP / 2, top, span, _PANEL, gid=f"ladder-{panel.name}")
        panel.draw(ax, self, list(range(count)))
        ax.set_xlim(-0.5, count - 0.5)
        ax.set_xticks([])
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.spines["left"].set(color=RULE)
        for k, (line, color) in enumerate(panel.words):
            sheet.text(margin, top + 0.14 + k * 0.125, line, fontsize=BODY if k == 0 else SMALL, color=color, va="baseline")


def _probe_reading(numbers: LadderNumbers) -> list[str]:
    read = [row for row in numbers.rows if np.isfinite(row["probe"])]
    if len(read) < 2:
        return []
    first, best = read[0], max(read, key=lambda row: row["probe"])
    if best is first:
        return [f"No layer is read better by a linear probe than {clean(first['layer'])} ({_percent(first, 'probe')})"]
    gain, low, high, _ = numbers.difference(first["layer"], best["layer"])
    said = [
        f"A linear probe reads {_percent(first, 'probe')} of the held-out images right from {clean(first['layer'])} and {_percent(best, 'probe')} from "
        f"{clean(best['layer'])}: {100 * gain:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}, paired)"
    ]
    steps = [row for row in read[1:] if row["gain_low"] > 0]
    if steps and (most := max(steps, key=lambda row: row["gain"])):
        said.append(f"The largest step is {clean(most['layer'])} ({100 * most['gain']:+.1f} points over the layer before)")
    return said


def _pair_reading(numbers: LadderNumbers) -> list[str]:
    if not numbers.pairs:
        return []
    apart = np.bincount([rung.separates_at for rung in numbers.pairs if rung.separates_at >= 0], minlength=1)
    none = sum(rung.separates_at < 0 for rung in numbers.pairs)
    layers = numbers.pairs[0].layers
    parts = [f"{count} at {clean(layers[i])}" for i, count in enumerate(apart) if count]
    parts += [f"{none} nowhere"] if none else []
    said = f"Of {len(numbers.pairs)} pairs of classes {', '.join(parts)} separate{'s' if sum(apart) == 1 else ''}"
    hard = min(numbers.pairs, key=lambda rung: rung.right[rung.best] / rung.n)
    name = " and ".join(clean(numbers.class_names[c]) for c in (hard.a, hard.b))
    return [said, f"Hardest: {name}, {100 * hard.right[hard.best] / hard.n:.1f} % at best ({clean(layers[hard.best])})"]


def _percent(row: object, name: str) -> str:
    value, low, high = (100 * row[key] for key in (name, f"{name}_low", f"{name}_high"))  # type: ignore[index]
    return f"{value:.1f} % ({low:.1f}–{high:.1f})"
