"""The same points by the same method under several parameters: small multiples with scores below each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.map import VECTOR_POINTS, MapDisplay, draw_note
from fmnist_viz.display.map_grid import panel_lines
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.badge import DRIFTING
from fmnist_viz.projection.caption import FIGURES, METHOD_NAMES, parameter_text, reading
from fmnist_viz.projection.config import SUPERVISED
from fmnist_viz.projection.faithfulness import ENDS, SCORES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

SIDE, COLUMNS = 2.15, 5  # inches of a panel; panels in a line
_HEAD, _LINE, _STUB, _GAP = 0.24, 0.1, 0.24, 0.1  # inches: a panel's head, a line below it, row heads, between columns
_LINE_SIZE = 5.6  # points


@dataclass(frozen=True)
class Panel:
    """A map and what was varied for it: ``perplexity 30``, empty where nothing was."""

    projection: Projection
    label: str
    varied: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "varied", tuple(self.varied))


@dataclass(frozen=True)
class ParameterGridDisplay:
    """Maps of one representation, a line (or several) for each method.

    panels : of one representation and the same points, in the order in which they are shown
    labels : int64 (n,), -1 is no class
    """

    panels: Sequence[Panel]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    @property
    def representation(self) -> str:
        return self.panels[0].projection.representation

    def rows(self) -> list[tuple[str, list[Panel]]]:
        """(method, at most five of its panels): the lines from top to bottom. Methods with one map share the last lines, whose method is empty."""
        methods = dict.fromkeys(panel.projection.method for panel in self.panels)
        own = {method: [panel for panel in self.panels if panel.projection.method == method] for method in methods}
        lines = [(method, panels) for method, panels in own.items() if len(panels) > 1]
        lines.append(("", [panel for panels in own.values() if len(panels) == 1 for panel in panels]))
        return [(method, panels[start : start + COLUMNS]) for method, panels in lines for start in range(0, len(panels), COLUMNS)]

    def frame(self) -> pd.DataFrame:
        """One row per map: representation, method, a column per parameter that was varied (missing where a method does not read it), dims, n, queries,
        k, every score with interval, chance and PCA, labels_used, seed, parameters, reading, note."""
        import pandas as pd

        names = dict.fromkeys(name for panel in self.panels for name, _ in panel.varied)
        rows: list[dict[str, Any]] = []
        for panel in self.panels:
            p, varied = panel.projection, dict(panel.varied)
            row: dict[str, Any] = {"representation": p.representation, "method": METHOD_NAMES.get(p.method, p.method), "panel": panel.label}
            row |= {name: varied.get(name) for name in names} | {"dims": p.coords.shape[1], "n": len(p.coords)}
            row |= {name: p.scores.get(name) for name in ("queries", "k")}
            row |= {f"{score}{end}": p.scores.get(f"{score}{end}") for score in SCORES for end in ENDS}
            row |= {"labels_used": p.method == SUPERVISED, "seed": p.seed, "parameters": "" if p.note else parameter_text(p)}
            rows.append({**row, "reading": reading(p), "note": p.note})
        return pd.DataFrame(rows)

    def findings(self) -> list[str]:
        """For each method with several maps, which value keeps most neighbours and which the order of far distances, and what cannot be told from them."""
        return [said for method in dict.fromkeys(p.projection.method for p in self.panels) if (said := self._finding(method))]

    def _finding(self, method: str) -> str:
        own = [panel for panel in self.panels if panel.projection.method == method and panel.projection.scores]
        if len(own) < 2:
            return ""
        said = [_best(own, name) for name in ("recall", "triplet_accuracy")]
        return f"{METHOD_NAMES.get(method, method)}: " + "; ".join(said)

    def caption(self) -> str:
        """What is shown, the values that all share, the best of each method, and what a map may not be read for."""
        every = [panel.projection for panel in self.panels]
        drawn = [p for p in every if not p.note]
        said = [f"{clean(self.representation)}, n = {len(every[0].coords):,}: the same points in every panel, whose head says what was varied"]
        said += [self._shared(method) for method in dict.fromkeys(p.method for p in drawn)]
        if scored := [p.scores for p in every if p.scores]:
            said.append(
                f"Below each map: trustworthiness, share of the {scored[0]['k']} nearest neighbours kept (recall); triplets: how often the nearer of two "
                f"random points is the nearer one on the map, by chance half of the time; over {scored[0]['queries']:,} queries against the representation; "
                "values whose 95 % intervals overlap are not told apart"
            )
        said += self.findings()
        if any(p.coords.shape[1] > 2 for p in drawn):
            said.append("Of 3-D maps the first two axes are drawn, their scores are of the 3-D map")
        if {p.method for p in drawn} & set(DRIFTING):
            said.append("Distances between groups and their sizes are not to be read in t-SNE and UMAP; all panels have the same start and seed")
        if any(p.method == SUPERVISED for p in drawn):
            said.append("Supervised UMAP: labels were used, so that classes lie apart there is no finding")
        return join(said)

    def _shared(self, method: str) -> str:
        """The values of one method that its panels share."""
        own = [panel for panel in self.panels if panel.projection.method == method and not panel.projection.note]
        first = own[0].projection
        same = {k: v for k, v in first.parameters.items() if k != "variance" and all(panel.projection.parameters.get(k) == v for panel in own)}
        return parameter_text(dataclasses.replace(first, parameters=same))

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the panels on a sheet of their own: `ax` must be None (ValueError)."""
        if ax is not None:
            raise ValueError("a grid of maps has axes of its own; draw a single MapDisplay into given axes")
        from fmnist_viz.display.key import ColorKey
        from fmnist_viz.display.sheet import MARGIN, Sheet

        rows = self.rows()
        columns = max(len(panels) for _, panels in rows)
        width = max(4.4, 2 * MARGIN + _STUB + columns * SIDE + (columns - 1) * _GAP)
        with styled():
            names, colors = list(self.class_names), label_colors(len(self.class_names))
            unknown = ["none"] if (self.labels < 0).any() else []
            key = ColorKey([*names, *unknown], colors[: len(names) + len(unknown)], width=width - 2 * MARGIN)
            top = MARGIN + key.height + 0.06
            heights = [_HEAD + SIDE + _below(panels) for _, panels in rows]
            sheet = Sheet(width=width, body=top + sum(heights), caption=join([prefix, self.caption()]), stamp=stamp)
            key.draw(sheet, MARGIN, MARGIN)
            for row, (method, panels) in enumerate(rows):
                y = top + sum(heights[:row]) + _HEAD
                if method:
                    name = fitted(_titled(panels[0].projection), SIDE * 72 * 0.98, HEAD)
                    sheet.text(MARGIN + _STUB - 0.07, y + SIDE / 2, name, fontsize=HEAD, color=INK, rotation=90, ha="right", va="center")
                for column, panel in enumerate(panels):
                    head = panel.label if method else ", ".join(filter(None, [_titled(panel.projection), panel.label]))
                    self._draw_panel(sheet, MARGIN + _STUB + column * (SIDE + _GAP), y, panel, head, f"panel-{row}-{column}")
        return sheet.figure

    def _draw_panel(self, sheet: Sheet, x: float, y: float, panel: Panel, head: str, gid: str) -> None:
        sheet.text(x + SIDE / 2, y - 0.07, fitted(head, SIDE * 72, BODY), fontsize=BODY, color=INK, ha="center", va="baseline")
        ax = sheet.axes(x, y, SIDE, SIDE, gid=gid)
        shown = MapDisplay(panel.projection, self.labels, self.class_names)
        if not shown.drawable:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=RULE, linewidth=0.6)
            draw_note(ax, panel.projection.note or "no map was made", size=SMALL)
            return
        shown.draw(ax, names=False, rings=False, pixels=len(self.panels) * len(self.labels) > VECTOR_POINTS)
        for i, line in enumerate(_lines(panel)):
            sheet.text(x + SIDE / 2, y + SIDE + 0.11 + i * _LINE, line, fontsize=_LINE_SIZE, color=GREY, ha="center", va="baseline")


def _titled(projection: Projection) -> str:
    return METHOD_NAMES.get(projection.method, projection.method) + (" in 3-D" if projection.coords.shape[1] > 2 else "")


def _lines(panel: Panel) -> list[str]:
    """What stands below a panel: its scores, whether labels were used, and where n did not allow the value, the one that was taken."""
    lowered, labels = (panel.projection.parameters.get(name) for name in ("lowered", "labels"))
    return [*panel_lines(panel.projection), *([labels] if labels else []), *([f"lowered to fit n: {lowered}"] if lowered else [])]


def _below(panels: Sequence[Panel]) -> float:
    return 0.12 + _LINE * max([1, *(len(_lines(panel)) for panel in panels)])


def _best(panels: Sequence[Panel], name: str) -> str:
    """``recall@15 is highest at perplexity 5, 0.45 (0.44–0.46), not told apart from perplexity 30``: intervals that overlap do not tell two values apart."""
    lowered = {True: " (lowered to fit n)", False: ""}
    scored = [(panel.label + lowered["lowered" in panel.projection.parameters], panel.projection.scores) for panel in panels]
    label, best = max(scored, key=lambda item: float(item[1][name]))
    others = [shorten(other, 40) for other, scores in scored if scores is not best and scores[f"{name}_high"] >= best[f"{name}_low"]]
    text, _, digits = FIGURES[name]
    said = f"{text.format(**best)} highest at {label}, {best[name]:.{digits}f} ({best[f'{name}_low']:.{digits}f}–{best[f'{name}_high']:.{digits}f})"
    if len(others) == len(scored) - 1:
        return f"{said}, which is told apart from none of the others"
    return said + (f", not told apart from {', '.join(others)}" if others else "")
