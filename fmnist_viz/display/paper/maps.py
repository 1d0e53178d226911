"""Maps for a paper: one by one with the class names on them, and all of them as a grid with numbers for names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.types import Projection
from fmnist_viz.display.key import ColorKey
from fmnist_viz.display.lettering import fitted, join, shorten, wrap
from fmnist_viz.display.map import VECTOR_POINTS, MapDisplay, draw_note
from fmnist_viz.display.map_grid import MapGridDisplay, panel_lines
from fmnist_viz.display.names import draw_names
from fmnist_viz.display.paper.plate import COLORS, DPI, LEAST_TYPE, MARGIN, MM, TALLEST, Plate, narrow, set_type, type_size
from fmnist_viz.display.style import GREY, INK, SMALL, label_colors
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_WORDS, _LINE, _ROOMY = 0.17, 0.11, 1.4  # inches: the words at an axis, a line below a panel, the side from which a panel has room for two
_BETWEEN, _STUB, _HEAD = 0.06, 0.17, 0.16  # inches: between panels, row heads, column heads


def _facts(p: Projection) -> dict[str, Any]:
    method = parameter_text(p) if not p.note else p.note
    return {
        "n": len(p.coords),
        "seed": p.seed,
        "method": method,
        "parameters": {k: v for k, v in p.parameters.items() if k != "seconds"},
        "scores": dict(p.scores),
    }


def _points(ax: Axes, display: MapDisplay, *, pixels: bool) -> None:
    """The points alone: as one image of 300 dpi where there are many."""
    display.draw(ax, names=False, pixels=pixels, dpi=DPI, shades=COLORS)


@dataclass(frozen=True)
class MapFigure:
    """One map; where its colours are classes their names stand on it, else (`display.keyed`) in a key below it."""

    name: str
    display: MapDisplay

    @property
    def caption(self) -> str:
        return join([self.display.caption(), _order(self.display.projection)])

    @property
    def facts(self) -> Mapping[str, Any]:
        return _facts(self.display.projection)

    def frame(self) -> pd.DataFrame:
        """One row per point: see `MapDisplay.frame`."""
        return self.display.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """The map over the whole width."""
        display, p = self.display, self.display.projection
        with set_type():
            words = display.axis_words() if display.drawable else ("", "")
            beside, size = (_WORDS if any(words) else 0.0), type_size(width_mm)
            side = width_mm / MM - 2 * MARGIN - beside
            shape = np.ptp(p.coords[:, :2], axis=0) if display.drawable else np.array([1.0, 0.35])
            height = side * float(np.clip(shape[1] / shape[0] if shape[0] > 0 else 1.0, 0.62 if display.drawable else 0.3, 1.0))
            key = _key(display, side) if display.keyed and display.drawable else None
            plate = Plate(width_mm, 2 * MARGIN + height + beside + (key.height + 0.06 if key else 0.0), letters=letters)
            ax = plate.axes(MARGIN + beside, MARGIN, side, height, gid="map")
            _points(ax, display, pixels=len(p.coords) > VECTOR_POINTS)
            if display.drawable and not display.keyed:
                lost = draw_names(
                    ax, p.coords[:, :2].astype(np.float64), display.labels, display.class_names, size=_name_size(display, size), corner=plate.corner
                )
                plate.notes += [f"class names without room at {width_mm:g} mm: {', '.join(lost)}"] if lost else []
            look: dict[str, Any] = {"fontsize": SMALL, "color": GREY}
            if words[0]:
                plate.text(MARGIN + beside + side / 2, MARGIN + height + 0.12, words[0], ha="center", va="baseline", **look)
                plate.text(MARGIN + 0.11, MARGIN + height / 2, words[1], ha="right", va="center", rotation=90, rotation_mode="default", **look)
            if key:
                key.draw(plate, MARGIN + beside, MARGIN + height + beside + 0.05)
            plate.letter(MARGIN + beside + 0.05, MARGIN + 0.14)
            return plate.finish()


def _name_size(display: MapDisplay, size: float) -> float:
    return size if len(display.class_names) <= 12 else LEAST_TYPE


def _order(p: Projection) -> str:
    return "" if p.note else f"Points are drawn in random order (seed {p.seed})"


def _key(display: MapDisplay, room: float) -> ColorKey | None:
    present = sorted(set(display.labels.tolist()), key=lambda c: (c < 0, c))
    colors = label_colors(len(display.class_names))
    names = [display.class_names[c] if c >= 0 else "none" for c in present]
    return ColorKey(names, [colors[c] for c in present], width=room, heading=display.meaning) if any(c >= 0 for c in present) else None


@dataclass(frozen=True)
class MapsFigure:
    """All maps: a row per representation, a column per method; classes are numbered, so that the grid can be read without its colours."""

    name: str
    grid: MapGridDisplay
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        p = next((p for maps in self.grid.projections.values() for p in maps.values()), None)
        return join([self.grid.caption(rows=False), "Numbers stand at the densest point of the class that the key names", _order(p) if p else ""])

    @property
    def facts(self) -> Mapping[str, Any]:
        maps = {f"{name} {method}": _facts(p) for name, found in self.grid.projections.items() for method, p in found.items()}
        shared = {key: sorted({fact[key] for fact in maps.values()}) for key in ("n", "seed")}
        return {
            **{key: values[0] if len(values) == 1 else values for key, values in shared.items()},
            "method": {name: fact["method"] for name, fact in maps.items()},
            "parameters": {name: fact["parameters"] for name, fact in maps.items()},
            "scores": {name: fact["scores"] for name, fact in maps.items()},
        }

    def frame(self) -> pd.DataFrame:
        """One row per map with its scores: see `MapGridDisplay.frame`; the coordinates lie beside the single maps."""
        return self.grid.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Panels no larger than the page's height allows; on a page the methods are the rows where that is shorter and hardly smaller."""
        grid, width = self.grid, width_mm / MM
        with set_type():
            colors = label_colors(len(grid.class_names))
            names = [f"{i + 1} {shorten(name, 24)}" for i, name in enumerate(grid.class_names)]
            key = ColorKey(names, list(colors)[: len(names)], width=width - 2 * MARGIN)
            down, across, turned, side = self._arranged(width, key.height, page=not narrow(width_mm))
            lines = _lines(grid, side)
            below, top = 0.05 + _LINE * max([0, *map(len, lines.values())]), MARGIN + key.height + 0.06 + _HEAD
            left = MARGIN + _STUB + (width - 2 * MARGIN - _STUB - len(across) * side - _BETWEEN * (len(across) - 1)) / 2
            plate = Plate(width_mm, top + len(down) * (side + below) + MARGIN, letters=letters)
            key.draw(plate, MARGIN, MARGIN)
            points = sum(len(p.coords) for maps in grid.projections.values() for p in maps.values())
            size = SMALL if narrow(width_mm) else SMALL + 0.5
            for i, one in enumerate(down):
                y = top + i * (side + below)
                title = fitted(METHOD_NAMES.get(one, one) if turned else one, side * 70, size)
                plate.text(left - 0.04, y + side / 2, title, fontsize=size, color=INK, rotation=90, ha="right", va="center")
                for j, other in enumerate(across):
                    x, (row, method) = left + j * (side + _BETWEEN), (other, one) if turned else (one, other)
                    if i == 0:
                        title = fitted(other if turned else METHOD_NAMES.get(other, other), side * 70, size)
                        plate.text(x + side / 2, top - 0.05, title, fontsize=size, color=INK, ha="center", va="baseline")
                    self._panel(plate, row, method, (x, y, side), pixels=points > VECTOR_POINTS)
                    for k, line in enumerate(lines[row, method]):
                        plate.text(x + side / 2, y + side + (k + 0.85) * _LINE, line, fontsize=LEAST_TYPE, color=GREY, ha="center", va="baseline")
            return plate.finish()

    def _arranged(self, width: float, above: float, *, page: bool) -> tuple[list[str], list[str], bool, float]:
        """What goes down and what across, whether that is turned round, and a panel's side in inches."""

        def fit(down: int, across: int) -> float:
            wide = (width - 2 * MARGIN - _STUB - _BETWEEN * (across - 1)) / max(1, across)
            lines = _lines(self.grid, wide)
            below = 0.05 + _LINE * (1 + max([0, *map(len, lines.values())]))
            tall = (TALLEST / MM - 2 * MARGIN - above - 0.06 - _HEAD) / max(1, down) - below
            return float(np.clip(tall, min(0.7, wide), wide))

        layers, methods = list(self.grid.projections), list(self.grid.methods)
        side, turned = fit(len(layers), len(methods)), fit(len(methods), len(layers))
        return (methods, layers, True, turned) if page and len(layers) > len(methods) and turned > 0.85 * side else (layers, methods, False, side)

    def _panel(self, plate: Plate, row: str, method: str, place: tuple[float, float, float], *, pixels: bool) -> None:
        x, y, side = place
        panel, ax = self.grid.panel(row, method), plate.axes(x, y, side, side, gid=f"panel-{row}-{method}")
        if panel is None or not panel.drawable:
            ax.set(xticks=[], yticks=[])
            draw_note(ax, panel.projection.note if panel and panel.projection.note else "no map was made", size=LEAST_TYPE)
        else:
            panel.draw(ax, names=False, rings=False, pixels=pixels, dpi=DPI, shades=COLORS)
            if panel.meaning == "class" and len(panel.class_names) <= 30:
                numbers = [str(i + 1) for i in range(len(panel.class_names))]
                draw_names(
                    ax,
                    panel.projection.coords[:, :2].astype(np.float64),
                    panel.labels,
                    numbers,
                    size=LEAST_TYPE + (1 if side > _ROOMY else 0),
                    corner=plate.corner,
                )
        plate.letter(x + 0.04, y + 0.12)


def _lines(grid: MapGridDisplay, side: float) -> dict[tuple[str, str], list[str]]:
    """What stands below each panel, wrapped to its width at its separators."""
    out = {}
    for row, maps in grid.projections.items():
        for method in grid.methods:
            whole = panel_lines(maps[method]) if method in maps and not maps[method].note else []
            whole = whole[:1] if side < _ROOMY else whole  # what a PCA holds is in the caption's list, too
            out[row, method] = [line for text in whole for line in _wrapped(text, side * 72)]
    return out


def _wrapped(text: str, room: float) -> list[str]:
    from fmnist_viz.display.lettering import text_width

    lines: list[str] = []
    for part in text.split(" · "):
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and text_width(joined, LEAST_TYPE) <= room:
            lines[-1] = joined
        else:
            lines += wrap(part, room, LEAST_TYPE)
    return lines
