"""A map made again: its points coloured by how many neighbours they keep, and every replicate laid onto it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, fitted, join
from fmnist_viz.display.map import MapDisplay, draw_note
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.replicates import GIVEN, PARAMETERS, SAMPLE, START, Replicate
from fmnist_viz.projection.stability import Stability
from fmnist_viz.projection.steadiness import laid_onto

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

# From points that keep none of their neighbours over the middle to those that keep all: orange and blue stay apart for the colour-blind.
LOW, MIDDLE, HIGH = "#c2500a", "#dcdcdc", "#0b5fa5"
COLUMNS, SIDE = 5, 1.5  # replicates in a line; inches of one
_GAP, _HEADER, _FOOT, _STUB, _BAR = 0.1, 0.26, 0.2, 0.22, 0.12  # inches
MAPS = {START: "from random starts", SAMPLE: "of random halves of the points", PARAMETERS: "under other parameters", GIVEN: "given"}
HEADS = {START: "random starts", SAMPLE: "random halves", PARAMETERS: "parameters"}


def kept_colors(share: NDArray[np.floating[Any]], low: float, high: float) -> NDArray[np.float64]:
    """RGB (n, 3) in 0..1 of shares: from `low` over the middle to `high`, beyond them as at the ends."""
    corners = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in (LOW, MIDDLE, HIGH)])
    at = np.clip((share - low) / (high - low or 1.0), 0.0, 1.0)
    return np.column_stack([np.interp(at, [0.0, 0.5, 1.0], corner) for corner in corners.T])


@dataclass(frozen=True)
class StabilityDisplay:
    """One map's stability: twice the reference (by class, and by the neighbours that its points keep), below it the replicates."""

    found: Stability

    def frame(self) -> pd.DataFrame:
        """See `Stability.points`."""
        return self.found.points()

    def rows(self) -> list[tuple[str, list[Replicate]]]:
        """(head, at most five replicates): the lines from top to bottom; those without points are left out."""
        lines = [(HEADS.get(kind, "maps"), self.found.of_kind(kind)) for kind in self.found.kinds]
        return [(head, of_kind[start : start + COLUMNS]) for head, of_kind in lines for start in range(0, len(of_kind), COLUMNS)]

    def limits(self) -> tuple[float, float]:
        """Shares at the ends of the colours: the middle nine tenths of the points, a fifth wide at least."""
        known = self.found.share[np.isfinite(self.found.share)]
        if not len(known):
            return 0.0, 1.0
        low, high = (float(v) for v in np.quantile(known, [0.05, 0.95]))
        middle = (low + high) / 2
        half = max(high - middle, 0.1)
        return max(0.0, middle - half), min(1.0, middle + half)

    def caption(self) -> str:
        """What was repeated and how, what the colours mean, and what follows."""
        found = self.found
        name = f"{clean(found.representation)}, {METHOD_NAMES.get(found.method, found.method)}, n = {found.n:,}"
        if found.note:
            return join([name, found.note])
        said = [f"{name}: the map that starts from principal components, and {', '.join(f'{len(found.of_kind(kind))} {MAPS[kind]}' for kind in found.kinds)}"]
        if GIVEN in found.kinds:
            said = [f"{name}: {len(found.drawn)} maps of the same points, the first of which is the reference"]
        k = max(kept.k for kept in found.kept.values())
        said.append(
            f"Above right: of a point's {k} nearest neighbours on one map, the share that is among its {k} nearest on another, mean over pairs of "
            "maps, each with the reference or of one kind"
        )
        said.append(
            "Below: every replicate shifted, turned, reflected and scaled as a whole to lie nearest to the reference; moved: root mean square way over the "
            "map's size (1.4: nothing in common); kept: neighbours shared with the reference"
        )
        return join([*said, *found.findings()])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw everything on a sheet of its own; into given axes (`ax`) only the map coloured by stability."""
        with styled():
            if ax is not None:
                self._steadiness(ax, pixels=False)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.key import ColorKey
        from fmnist_viz.display.sheet import MARGIN, Sheet

        rows = self.rows()
        width = 2 * MARGIN + _STUB + COLUMNS * SIDE + (COLUMNS - 1) * _GAP
        room = width - 2 * MARGIN - _STUB
        large = (room - 0.34 - _BAR - 2 * _GAP) / 2
        names = list(self.found.class_names)
        key = ColorKey(names, label_colors(len(names))[: len(names)], width=width - 2 * MARGIN) if names else None
        top = MARGIN + (key.height + 0.04 if key else 0.0)
        body = top + _HEADER + large + 0.06 + len(rows) * (_HEADER + SIDE + _FOOT)
        sheet = Sheet(width=width, body=body, caption=join([prefix, self.caption()]), stamp=stamp)
        if key:
            key.draw(sheet, MARGIN, MARGIN)
        left, y = MARGIN + _STUB, top + _HEADER
        heads = ("the reference, by class" if names else "the reference", "the reference, by neighbours kept")
        for i, head in enumerate(heads):
            x = left + i * (large + _GAP)
            sheet.text(x + large / 2, y - 0.08, head, fontsize=HEAD, color=INK, ha="center", va="baseline")
            ax = sheet.axes(x, y, large, large, gid=f"reference-{i}")
            if i:
                self._steadiness(ax, pixels=True)
            else:
                self._map(ax, self.found.reference, self.found.reference.coords, names=True)
        if not self.found.note:
            self._bar(sheet, left + 2 * (large + _GAP), y, large)
        y += large + 0.06
        for row, (head, panels) in enumerate(rows):
            self._row(sheet, left, y + row * (_HEADER + SIDE + _FOOT) + _HEADER, head if row == 0 or rows[row - 1][0] != head else "", panels)
        return sheet.figure

    def _row(self, sheet: Sheet, left: float, y: float, head: str, panels: Sequence[Replicate]) -> None:
        if head:
            sheet.text(left - 0.07, y + SIDE / 2, head, fontsize=BODY, color=INK, rotation=90, ha="right", va="center")
        for column, one in enumerate(panels):
            x = left + column * (SIDE + _GAP)
            sheet.text(x + SIDE / 2, y - 0.06, fitted(clean(one.label), SIDE * 72, SMALL), fontsize=SMALL, color=INK, ha="center", va="baseline")
            self._map(sheet.axes(x, y, SIDE, SIDE, gid="replicate"), one, laid_onto(one, self.found.reference), names=False)
            way, kept = self.found.against_reference[one.label]
            sheet.text(x + SIDE / 2, y + SIDE + 0.11, f"moved {way:.2f} · kept {kept:.2f}", fontsize=SMALL, color=GREY, ha="center", va="baseline")

    def _map(self, ax: Axes, one: Replicate, coords: NDArray[np.floating[Any]], *, names: bool) -> None:
        found = self.found
        projection = Projection(np.asarray(coords, np.float32), found.sample_ids[one.rows], found.representation, found.method, {}, one.seed, {}, one.note)
        shown = MapDisplay(projection, found.labels[one.rows], found.class_names)
        shown.draw(ax, names=names and bool(found.class_names), rings=False, pixels=True)

    def _steadiness(self, ax: Axes, *, pixels: bool) -> None:
        found = self.found
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if found.note or not np.isfinite(found.share).any():
            return draw_note(ax, found.note or "too few points", size=SMALL)
        xy = found.reference.coords[:, :2].astype(np.float64)
        projection = Projection(found.reference.coords, found.sample_ids, found.representation, found.method, {}, found.reference.seed)
        MapDisplay(projection, np.full(len(xy), -1, np.int64), ()).set_limits(ax, xy)
        colors = np.column_stack([kept_colors(np.nan_to_num(found.share, nan=0.0), *self.limits()), np.isfinite(found.share)])
        order = np.random.default_rng(found.reference.seed).permutation(len(xy))
        dots = Dots(xy[order], colors[order], np.zeros(len(xy), bool))
        (dots.draw_pixels if pixels else dots.draw)(ax)
        return None

    def _bar(self, sheet: Sheet, x: float, y: float, height: float) -> None:
        """The colours from few neighbours kept to many, with the level of chance where it is within them."""
        low, high = self.limits()
        ax = sheet.axes(x, y, _BAR, height, gid="bar")
        at = np.linspace(low, high, 64)
        ax.imshow(kept_colors(at, low, high).reshape(64, 1, 3), origin="lower", extent=(0, 1, low, high), aspect="auto", interpolation="none")
        ticks = [t for t in np.arange(0, 1.01, 0.1) if low <= t <= high]
        ax.set(xticks=[], yticks=ticks, yticklabels=[f"{100 * t:.0f} %" for t in ticks])
        ax.yaxis.tick_right()
        ax.tick_params(length=0, pad=2, labelcolor=GREY)
        ax.spines[:].set_visible(False)
