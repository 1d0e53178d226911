"""The dossier of two classes for a paper: both walls of mistakes, the maps, and how the pair comes apart by layer and by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.dossier_evidence import spaced
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import LabeledImages, Projection
from fmnist_viz.display.dossier_spaces import curve
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.mosaic import mosaic, rgb, small
from fmnist_viz.display.paper.plate import COLORS, DPI, LEAST_TYPE, MARGIN, MM, Plate, narrow, set_type, type_size
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.display.style import GREY, INK, RULE, SMALL, label_colors
from fmnist_viz.projection.caption import METHOD_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    Part = tuple[float, Callable[[Plate, float], None]]

_TILE, _LINES, _WORD, _GAP, _CURVE = 0.27, 3, 0.15, 0.1, 0.95  # inches, but for the second: rows of a wall


@dataclass(frozen=True)
class DossierFigure:
    """
    pair : class numbers, a < b;  errors : a row per mistake (`tables/dossier_errors.csv`);  said : a row per fact (`tables/dossiers.csv`)
    labels : int64 (n,) of the mapped images;  images : the same n, or None where the data is not at hand;  maps : representation -> Projection
    rung : by layer, where it was measured;  epochs : rows of `tables/film_pairs.csv` of both directions, maybe none
    """

    name: str
    pair: tuple[int, int]
    class_names: tuple[str, ...]
    errors: pd.DataFrame
    said: pd.DataFrame
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.str_]
    images: LabeledImages | None
    maps: Mapping[str, Projection]
    rung: PairRung | None
    epochs: pd.DataFrame
    seed: int

    @property
    def directions(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(true, predicted), both ways."""
        a, b = self.pair
        return (a, b), (b, a)

    def rows(self, direction: tuple[int, int]) -> NDArray[np.int64]:
        """Rows of the direction's mistakes, in the order of the table: from barely to confidently wrong."""
        t, p = (self.class_names[c] for c in direction)
        ids = self.errors[(self.errors["true"] == t) & (self.errors["predicted"] == p)]["sample_id"]
        place = {name: i for i, name in enumerate(self.sample_ids.tolist())}
        return np.array([place[name] for name in ids if name in place], np.int64)

    def title(self, direction: tuple[int, int]) -> str:
        """``Pullover → Coat: 22 of 150, 14.7 % (9.9–21.2)``"""
        count, n = len(self.rows(direction)), int((self.labels == direction[0]).sum())
        low, high = wilson(count, n)
        t, p = (shorten(self.class_names[c], 16) for c in direction)
        return f"{t} → {p}: {count:,} of {n:,}, {100 * count / n:.1f} % ({100 * float(low):.1f}–{100 * float(high):.1f})" if n else f"{t} → {p}: no image"

    @property
    def caption(self) -> str:
        a, b = (clean(self.class_names[c]) for c in self.pair)
        said = [f"{a} and {b}: {'; '.join(map(self.title, self.directions))}; in brackets 95 % Wilson intervals"]
        facts = self.said.set_index("fact")["text"].astype(str)
        said += [f"Both rates equal: {facts['both rates equal']}, Fisher's exact test of this pair alone"] if "both rates equal" in facts else []
        said += [f"Axis between the two mean vectors: area under the ROC curve {facts['axis: AUC']}, cross-fitted"] if "axis: AUC" in facts else []
        if self.images is not None:
            said.append(f"Images: the mistakes from barely to confidently wrong, at most {_LINES} lines of each direction, evenly spaced")
        if self.maps:
            said.append("Maps: the two classes in their colours, all others grey, mistakes ringed; distances between groups are not to be read")
        if self.rung is not None:
            said.append(f"By layer: linear discriminant on {self.rung.n:,} held-out images of both, Wilson intervals; filled: the layer at which they separate")
        if len(self.epochs):
            said.append(f"By epoch: share of the true class, of {int(self.epochs['n_true'].iloc[0]):,} images a class, Wilson intervals")
        return join(said)

    @property
    def facts(self) -> Mapping[str, Any]:
        values = {str(row["fact"]): row["value"] for row in self.said.to_dict("records")}
        return {"n": int(np.isin(self.labels, self.pair).sum()), "seed": self.seed, "method": "see the column method of tables/dossiers.csv", "scores": values}

    def frame(self) -> pd.DataFrame:
        """One row per mistake: this pair's of `tables/dossier_errors.csv`."""
        return self.errors

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Both walls, maps and curves side by side on a page, below each other in a column."""
        with set_type():
            parts = [part for part in (*self._walls(width_mm), *self._maps(width_mm), *self._curves(width_mm)) if part]
            plate = Plate(width_mm, 2 * MARGIN + sum(height for height, _ in parts) + _GAP * (len(parts) - 1), letters=letters)
            top = MARGIN
            for height, draw in parts:
                draw(plate, top)
                top += height + _GAP
            drawn = {name for name, _ in self._drawn_maps(width_mm)}
            if dropped := [name for name in self.maps if name not in drawn]:
                plate.notes.append(f"the maps of {', '.join(dropped)}, for which there is no room")
            plate.notes.append("mean images, the axis between the classes and the evidence in the pixels, which the run's own figure of this pair shows")
            return plate.finish()

    def _columns(self, width_mm: float) -> list[tuple[float, float]]:
        """Left edge and width in inches of one column, or of two."""
        room = width_mm / MM - 2 * MARGIN
        return [(MARGIN, room)] if narrow(width_mm) else [(MARGIN, (room - 0.2) / 2), (MARGIN + (room + 0.2) / 2, (room - 0.2) / 2)]

    def _spread(self, width_mm: float, panels: Sequence[tuple[float, Callable[[Plate, float, float, float], None]]]) -> list[Part]:
        """Panels (height, draw(plate, left, top, width)) dealt out over the columns, as parts of the plate."""
        columns = self._columns(width_mm)
        out: list[Part] = []
        for start in range(0, len(panels), len(columns)):
            row = panels[start : start + len(columns)]

            def draw(plate: Plate, top: float, row: Any = row) -> None:
                for (left, width), (_, panel) in zip(columns, row, strict=False):
                    panel(plate, left, top, width)

            out.append((max(height for height, _ in row), draw))
        return out

    def _walls(self, width_mm: float) -> list[Part]:
        size, room = type_size(width_mm), self._columns(width_mm)[0][1]
        across = int(room / _TILE)
        panels = []
        for direction in self.directions:
            rows = spaced(self.rows(direction), across * _LINES)
            lines = -(-len(rows) // across) if self.images is not None else 0

            def draw(plate: Plate, left: float, top: float, width: float, direction: Any = direction, rows: Any = rows, lines: int = lines) -> None:
                plate.letter(left, top + 0.1)
                x = left + 0.14 * plate.lettered
                plate.text(x, top + 0.1, fitted(self.title(direction), (width - 0.14) * 72, size), fontsize=size, color=INK, va="baseline")
                if lines and self.images is not None:
                    own = self.images.images
                    picture = mosaic(rgb(small(own[rows]), dark_ground(own)), min(across, len(rows)))
                    wide = min(across, len(rows)) * _TILE
                    ax = plate.axes(left, top + _WORD, wide, wide * picture.shape[0] / picture.shape[1], gid=f"wall-{direction[0]}")
                    ax.imshow(picture, interpolation="none", aspect="auto")
                    ax.set_axis_off()

            panels.append((_WORD + lines * _TILE, draw))
        return self._spread(width_mm, panels)

    def _drawn_maps(self, width_mm: float) -> list[tuple[str, Projection]]:
        """As many maps as there is room for: the first and the last, and some between."""
        found = list(self.maps.items())
        if len(found) <= (most := 4 if narrow(width_mm) else 5):
            return found
        return [found[i] for i in np.round(np.linspace(0, len(found) - 1, most)).astype(int)]

    def _maps(self, width_mm: float) -> list[Part]:
        found = self._drawn_maps(width_mm)
        across = (2 if len(found) in (2, 4) else 3) if narrow(width_mm) else max(3, len(found))
        room = width_mm / MM - 2 * MARGIN
        side = min((room - _GAP * (across - 1)) / across, 2.3)
        out: list[Part] = []
        for start in range(0, len(found), across):

            def draw(plate: Plate, top: float, row: Any = found[start : start + across]) -> None:
                for i, (name, p) in enumerate(row):
                    x = MARGIN + i * (side + _GAP)
                    plate.letter(x, top + 0.1)
                    words = fitted(f"{name}, {METHOD_NAMES.get(p.method, p.method)}", (side - 0.14) * 72, LEAST_TYPE + 0.5)
                    plate.text(x + 0.14 * plate.lettered, top + 0.1, words, fontsize=LEAST_TYPE + 0.5, color=INK, va="baseline")
                    self._map(plate.axes(x, top + _WORD, side, side, gid=f"map-{name}"), p)

            out.append((_WORD + side, draw))
        return out

    def _map(self, ax: Axes, p: Projection) -> None:
        from matplotlib.colors import to_rgba

        colors, wrong = label_colors(len(self.class_names)), np.zeros(len(self.labels), bool)
        for direction in self.directions:
            wrong[self.rows(direction)] = True
        shade = np.tile(to_rgba("#dcdcdc"), (len(self.labels), 1))
        for c in self.pair:
            shade[self.labels == c] = to_rgba(colors[c])
        order = np.random.default_rng(self.seed).permutation(len(shade))
        order = order[np.argsort((np.isin(self.labels, self.pair).astype(int) + wrong)[order], kind="stable")]
        xy = p.coords[:, :2].astype(np.float64)
        centre, half = (xy.max(axis=0) + xy.min(axis=0)) / 2, (float(np.ptp(xy, axis=0).max()) or 1.0) * 0.53
        ax.set(xticks=[], yticks=[], xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half))
        ax.spines[:].set(color=RULE, linewidth=0.6)
        Dots(xy[order], shade[order], wrong[order]).draw_pixels(ax, dpi=DPI, colors=COLORS, ring=0.5)

    def _curves(self, width_mm: float) -> list[Part]:
        panels: list[tuple[float, Callable[[Plate, float, float, float], None]]] = []
        height = _WORD + _CURVE + 0.24

        def words(plate: Plate, left: float, top: float, said: str) -> None:
            plate.letter(left, top + 0.1)
            plate.text(left + 0.14 * plate.lettered, top + 0.1, said, fontsize=SMALL, color=GREY, va="baseline")

        def layers(plate: Plate, left: float, top: float, width: float) -> None:
            assert self.rung is not None
            words(plate, left, top, "told right, by layer")
            ax = plate.axes(left + 0.36, top + _WORD + 0.02, width - 0.42, _CURVE, gid="layers")
            curve(ax, self.rung.right, self.rung.n, [shorten(n, 12) for n in self.rung.layers], self.rung.separates_at)

        def epochs(plate: Plate, left: float, top: float, width: float) -> None:
            words(plate, left, top, "mistaken, by epoch")
            self._epochs(plate.axes(left + 0.36, top + _WORD + 0.02, width - 0.42, _CURVE, gid="epochs"))

        panels += [(height, layers)] if self.rung is not None else []
        panels += [(height, epochs)] if len(self.epochs) else []
        return self._spread(width_mm, panels)

    def _epochs(self, ax: Axes) -> None:
        colors = label_colors(len(self.class_names))
        for k, (t, p) in enumerate(self.directions):
            own = self.epochs[(self.epochs["true"] == self.class_names[t]) & (self.epochs["predicted"] == self.class_names[p])]
            x, rate = own["epoch"].to_numpy() + 0.06 * (k - 0.5), 100 * own["rate"].to_numpy()
            ends = [np.maximum(rate - 100 * own["low"].to_numpy(), 0), np.maximum(100 * own["high"].to_numpy() - rate, 0)]
            look: dict[str, Any] = {"marker": "o", "linestyle": "-"} if k == 0 else {"marker": "s", "linestyle": (0, (4, 1.6)), "markerfacecolor": "white"}
            name = f"{shorten(self.class_names[t], 12)} → {shorten(self.class_names[p], 12)}"
            ax.errorbar(x, rate, ends, color=colors[t], linewidth=1.0, elinewidth=0.7, capsize=1.5, markersize=3, label=name, **look)
        ax.legend(frameon=False, fontsize=LEAST_TYPE + 0.5, labelcolor=GREY, loc="upper right", handlelength=2.4)
        ax.locator_params(axis="x", integer=True, nbins=6)
        ax.set_ylim(0, 1.6 * ax.get_ylim()[1])  # room for the legend above the curves
        ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0f} %")
        ax.tick_params(length=2)
        ax.spines[["top", "right"]].set_visible(False)
