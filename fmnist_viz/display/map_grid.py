"""All maps of a model side by side: a row for each layer, a column for each method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.map import VECTOR_POINTS, MapDisplay, draw_note
from fmnist_viz.display.pictures import picture_side
from fmnist_viz.display.style import BODY, DPI, GREY, HEAD, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, short_scores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

_HEADER, _LINE, _STUB, _GAP = 0.26, 0.1, 0.24, 0.1  # inches: column heads, a line below a panel, row heads, between columns
_LINE_SIZE = 5.6  # points


@dataclass(frozen=True)
class MapGridDisplay:
    """Maps by representation and method, with one key of colours.

    Parameters
    ----------
    projections : mapping of representation name to mapping of method name to Projection
    labels : mapping of representation name to int64 (n,), or one int64 (n,) for all; -1 is no class
    meaning : str
        What the colour stands for.
    thumbnails : mapping of representation name to uint8 (n, h, w) or (n, h, w, 3)
        Where given and small enough for a panel, that row's maps are drawn with pictures in place of points.
    """

    projections: Mapping[str, Mapping[str, Projection]]
    labels: NDArray[np.int64] | Mapping[str, NDArray[np.int64]]
    class_names: tuple[str, ...]
    meaning: str = "class"
    thumbnails: Mapping[str, NDArray[np.uint8]] = dataclasses.field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that any representation has, in the order of first appearance."""
        return tuple(dict.fromkeys(method for maps in self.projections.values() for method in maps))

    def panel(self, representation: str, method: str) -> MapDisplay | None:
        """The map of one cell; None where that projection was not made."""
        projection = self.projections[representation].get(method)
        if projection is None:
            return None
        labels = self.labels[representation] if isinstance(self.labels, Mapping) else self.labels
        pictures = self.thumbnails.get(representation)
        side = round(self._side * DPI)
        if pictures is not None and max(pictures.shape[1:3]) > picture_side(side, side, len(pictures)):
            pictures = None  # they would have to lose pixels: the single map shows them whole
        return MapDisplay(projection, labels, self.class_names, None, pictures, self.meaning)

    @property
    def _side(self) -> float:
        """Inches of a panel."""
        return 2.15 if len(self.projections) <= 10 else 1.6

    def frame(self) -> pd.DataFrame:
        """One row per map: representation, method, n, seed, note, and the scores as columns (NaN where not measured)."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for representation, maps in self.projections.items():
            for method, p in maps.items():
                rows.append({"representation": representation, "method": method, "n": len(p.coords), "seed": p.seed, "note": p.note, **p.scores})
        return pd.DataFrame(rows, columns=None if rows else ["representation", "method", "n", "seed", "note"])

    def caption(self, *, rows: bool = True) -> str:
        """Which way it is laid out where `rows` are representations; n, the values of each method, and what a map may not be read for."""
        every = [p for maps in self.projections.values() for p in maps.values()]
        sizes = sorted({len(p.coords) for p in every if not p.note})
        what = "representations" if self.meaning == "class" else "weight matrices"
        said = [f"Rows: {what}, columns: methods" if rows else f"All {what} by all methods", f"n = {_span(sizes) or 0} points in each map"]
        said += [self._method_text(method) for method in self.methods]
        scored = [p.scores for p in every if p.scores]
        if scored:
            triplets = "; triplets: how often the nearer of two random points is the nearer one on the map, by chance half of the time"
            said.append(
                f"Below each map: trustworthiness, share of the {_span(s['k'] for s in scored)} nearest neighbours kept (recall)"
                + (triplets if any("triplet_accuracy" in s for s in scored) else "")
                + f"; over {_span(s['queries'] for s in scored)} queries against the representation itself"
            )
        if any(p.coords.shape[1] > 2 for p in every):
            said.append("Of 3-D maps axes 1 and 2 are drawn, their scores are of the 3-D map")
        if {"tsne", "umap"} & set(self.methods):
            said.append("Distances between groups and their sizes are not to be read in t-SNE and UMAP")
        return join(said)

    def _method_text(self, method: str) -> str:
        """The values of one method; where they differ between representations, each set with its representations."""
        groups: dict[str, list[str]] = {}
        for representation, maps in self.projections.items():
            if method in maps and not maps[method].note:
                values = {k: v for k, v in maps[method].parameters.items() if k != "variance"}  # the panels say it, each its own
                groups.setdefault(parameter_text(dataclasses.replace(maps[method], parameters=values)), []).append(shorten(representation))
        if len(groups) <= 1:
            return next(iter(groups), "")
        return "; ".join(f"{text} ({', '.join(names)})" for text, names in groups.items())

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the grid on a sheet of its own. A grid has many axes: `ax` must be None (ValueError)."""
        if ax is not None:
            raise ValueError("a grid of maps has axes of its own; draw a single MapDisplay into given axes")
        from fmnist_viz.display.key import ColorKey
        from fmnist_viz.display.sheet import MARGIN, Sheet

        rows, columns = len(self.projections), max(1, len(self.methods))
        side = self._side
        width = max(4.4, 2 * MARGIN + _STUB + columns * side + (columns - 1) * _GAP)
        with styled():
            heading = clean(self.meaning) if self.meaning != "class" else ""
            names, colors = list(self.class_names), label_colors(len(self.class_names))
            every = list(self.labels.values()) if isinstance(self.labels, Mapping) else [self.labels]
            unknown = ["none"] if any((labels < 0).any() for labels in every) else []
            key = ColorKey([*names, *unknown], colors[: len(names) + len(unknown)], width=width - 2 * MARGIN, heading=heading)
            top = MARGIN + key.height + 0.06 + _HEADER
            sheet = Sheet(width=width, body=top + rows * (side + self._below), caption=join([prefix, self.caption()]), stamp=stamp)
            key.draw(sheet, MARGIN, MARGIN)
            self._draw_panels(sheet, MARGIN + _STUB, top, side)
        return sheet.figure

    def _draw_panels(self, sheet: Sheet, left: float, top: float, side: float) -> None:
        points = sum(len(p.coords) for maps in self.projections.values() for p in maps.values())
        for column, method in enumerate(self.methods):
            x = left + column * (side + _GAP)
            sheet.text(x + side / 2, top - 0.08, shorten(METHOD_NAMES.get(method, method)), fontsize=HEAD, color=INK, ha="center", va="baseline")
            for row, representation in enumerate(self.projections):
                y = top + row * (side + self._below)
                if column == 0:
                    name = fitted(representation, side * 72 * 0.98, BODY)
                    sheet.text(left - 0.07, y + side / 2, name, fontsize=BODY, color=INK, rotation=90, ha="right", va="center")
                panel = self.panel(representation, method)
                ax = sheet.axes(x, y, side, side, gid=f"panel-{row}-{column}")
                if panel is None or not panel.drawable:
                    ax.set(xticks=[], yticks=[])
                    ax.spines[:].set(color=RULE, linewidth=0.6)
                    draw_note(ax, panel.projection.note if panel and panel.projection.note else "no map was made", size=SMALL)
                    continue
                panel.draw(ax, names=False, rings=False, pixels=points > VECTOR_POINTS)
                for i, line in enumerate(panel_lines(panel.projection)):
                    sheet.text(x + side / 2, y + side + 0.11 + i * _LINE, line, fontsize=_LINE_SIZE, color=GREY, ha="center", va="baseline")

    @property
    def _below(self) -> float:
        """Inches below each panel: room for the longest of their texts."""
        lines = [len(panel_lines(p)) for maps in self.projections.values() for p in maps.values()]
        return 0.1 + _LINE * max([1, *lines])


def panel_lines(projection: Projection) -> list[str]:
    """What stands below a panel: ``trust .983 · recall@15 .39 · triplets .74``, and for a PCA the variance that its axes hold."""
    lines = [short_scores(projection.scores)] if projection.scores else []
    shares = projection.parameters.get("variance") or ()
    if projection.method == "pca" and len(shares):
        lines.append("axes hold " + " + ".join(f"{100 * v:.1f} %" for v in shares[:2]) + " of the variance")
    return lines


def _span(values: Iterable[int]) -> str:
    """``10 to 128``, or ``15`` where all are equal; empty for none."""
    found = sorted(set(values))
    return " to ".join(f"{v:,}" for v in dict.fromkeys([*found[:1], *found[-1:]]))
