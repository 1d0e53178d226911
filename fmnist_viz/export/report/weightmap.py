"""Maps of weight matrices as one path of dots per class: light, static, and the same in every reader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.palette import NEUTRAL, class_colors
from fmnist_viz.core.types import Projection
from fmnist_viz.export.report.content import ReportContent
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, reading

SIDE, PAD = 220, 10


@dataclass(frozen=True)
class Dots:
    name: str  # the class that these rows favour
    color: str
    path: str


@dataclass(frozen=True)
class WeightMap:
    method: str
    note: str
    dots: tuple[Dots, ...]
    size: float
    caption: str


def _path(xy: NDArray[np.float64]) -> str:
    """Strokes of no length: with round caps, dots."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in xy)


def _weight_map(projection: Projection, favoured: NDArray[np.integer] | None, names: tuple[str, ...]) -> WeightMap:
    method = METHOD_NAMES.get(projection.method, projection.method)
    note = projection.note or ("" if projection.coords.shape[1] > 1 and len(projection.coords) else "There is no map of these rows.")
    if note:
        return WeightMap(method, note, (), 0, "")
    xy = projection.coords[:, :2].astype(np.float64)
    middle, span = (xy.max(axis=0) + xy.min(axis=0)) / 2, float(np.ptp(xy, axis=0).max()) or 1.0
    at = SIDE / 2 + (xy - middle) * [1, -1] * (SIDE - 2 * PAD) / span
    if favoured is None:
        dots: tuple[Dots, ...] = (Dots("all rows", NEUTRAL, _path(at)),)
    else:
        colors = class_colors(len(names))
        kinds = [(-1, "none", NEUTRAL), *((k, names[k], colors[k]) for k in range(len(names)))]  # dead units first, below the others
        dots = tuple(Dots(name, color, _path(at[favoured == k])) for k, name, color in kinds if (favoured == k).any())
    third = " Axes 1 and 2 of a 3-D projection." if projection.coords.shape[1] > 2 else ""
    return WeightMap(method, "", dots, 7 if len(xy) < 200 else 4, f"{parameter_text(projection)}. {reading(projection)}{third}")


def _weight_reading(rows: int, favoured: NDArray[np.integer] | None) -> str:
    if favoured is None:
        return f"{rows:,} rows; one dot each."
    dead = int((favoured < 0).sum())
    grey = f" {dead:,} of them favour none (grey): they answer all classes alike, or their answers are not known." if dead else ""
    return f"{rows:,} rows; coloured by the class that each favours.{grey}"


def weight_maps(content: ReportContent) -> list[tuple[str, str, list[WeightMap]]]:
    """(weight matrix, sentence on its rows, its maps), in the order given."""
    out = []
    for name, maps in content.weights.items():
        favoured = None if name not in content.weight_classes else np.asarray(content.weight_classes[name])
        rows = max((len(p.coords) for p in maps.values()), default=0)
        out.append((name, _weight_reading(rows, favoured), [_weight_map(p, favoured, content.class_names) for p in maps.values()]))
    return out
