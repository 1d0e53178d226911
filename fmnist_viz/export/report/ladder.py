"""The layer ladder as the page's script and template take it: coordinates as one binary block, numbers as text and JSON."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import wilson
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of

if TYPE_CHECKING:
    from markupsafe import Markup

HARDEST = 8  # pairs that are offered
FACTS = (  # column, what it is called, its number of decimals, in percent
    ("probe", "linear probe", 1, True),
    ("knn", "15-NN accuracy", 1, True),
    ("silhouette", "silhouette", 3, False),
    ("dimension", "intrinsic dimension", 1, False),
)
DIMENSION = ["dimension", "dimension_low", "dimension_high"]
SHOWN = ("layer", "width", "probe", "gain", "knn", "silhouette", "dimension", "units", "dead", "drift", "note")
TITLES = {"probe": "linear probe", "gain": "over the layer before", "knn": "15-NN accuracy", "dimension": "intrinsic dimension", "dead": "dead units"}


@dataclass(frozen=True)
class LadderSection:
    """`points` holds int32 row numbers (m,) and float32 coordinates (layers, m, 2), both little-endian, one after the other, in base64."""

    readings: tuple[str, ...]
    caption: str
    layers: tuple[str, ...]
    data: dict[str, Any]
    points: Markup
    table: Table
    alike: Table | None


def ladder_section(ladder: LadderDisplay | None) -> LadderSection | None:
    """None where there is no ladder, or nothing in it to move."""
    from markupsafe import Markup

    if ladder is None or len(ladder.maps) < 2:
        return None
    frame = ladder.frame()
    frame["gain"] = [_gain(row) for row in ladder.numbers.rows]
    frame = frame.drop(columns=["gain_low", "gain_high"])
    frame[["units", "dead"]] = frame[["units", "dead"]].where(frame["units"] > 0)
    frame["drift"] = frame["drift"].round(2)
    frame[DIMENSION] = frame[DIMENSION].round(1)
    names = [c for c in frame.columns if c.removesuffix("_low").removesuffix("_high") in SHOWN and (c != "note" or frame["note"].any())]
    table = table_of(frame[names], percent=("probe", "knn"), titles=TITLES)
    cka = ladder.cka()
    alike = table_of(cka.drop(columns=["n", "k"]), titles={"cka": "CKA", "layer_a": "layer", "layer_b": "and layer"}) if len(cka) else None
    layers = tuple(visible(name) for name in ladder.numbers.layers)
    block = ladder.rows.astype("<i4").tobytes() + _places(ladder).astype("<f4").tobytes()
    data = {"points": len(ladder.rows), "layers": _layers(ladder, layers), "pairs": _pairs(ladder), "hardest": _hardest(ladder)}
    return LadderSection(tuple(ladder.readings()), ladder.method(), layers, data, Markup(base64.b64encode(block).decode()), table, alike)


def _places(ladder: LadderDisplay) -> NDArray[np.float32]:
    """Coordinates within -1..1, float32 (layers, m, 2); a layer without a map keeps the places of the last one that has one (or of the first)."""
    drawn = [a.projection.coords[:, :2] for a in ladder.maps if not a.projection.note]
    half = max((float(np.abs(xy).max()) for xy in drawn), default=1.0) or 1.0
    at = drawn[0] if drawn else np.zeros((len(ladder.rows), 2), np.float32)
    out = []
    for aligned in ladder.maps:
        at = at if aligned.projection.note else aligned.projection.coords[:, :2]
        out.append(at / np.float32(half))
    return np.stack(out)


def _layers(ladder: LadderDisplay, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """For each layer its name, why it has no map, and what was measured, as (what, value) texts."""
    out = []
    for name, aligned, row in zip(names, ladder.maps, ladder.numbers.rows, strict=True):
        facts = [[title, _text(row, column, digits, percent)] for column, title, digits, percent in FACTS if math.isfinite(row[column])]
        if row["units"]:
            facts.append(["dead units", f"{row['dead']:,} of {row['units']:,}"])
        if math.isfinite(aligned.drift):
            facts.append(["drift of the map", f"{aligned.drift:.2f}"])
        out.append({"name": name, "note": aligned.projection.note or row["note"], "drawn": not aligned.projection.note, "facts": facts})
    return out


def _gain(row: Any) -> str:
    """``+2.9 (+0.5 to +5.4) points``"""
    gain, low, high = (100 * row[c] for c in ("gain", "gain_low", "gain_high"))
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f}) points" if math.isfinite(gain) else "–"


def _text(row: Any, column: str, digits: int, percent: bool) -> str:
    value, low, high = ((100 if percent else 1) * row[c] for c in (column, f"{column}_low", f"{column}_high"))
    unit = " %" if percent else ""
    return f"{value:.{digits}f}{unit} ({low:.{digits}f}–{high:.{digits}f})"


def _pairs(ladder: LadderDisplay) -> list[dict[str, Any]]:
    """Every pair: class numbers, images, the layer at which it separates (-1: none), its best, and accuracies with intervals by layer (null: not measured)."""
    out = []
    for rung in ladder.numbers.pairs:
        low, high = wilson(rung.right, rung.n)
        place = [ladder.numbers.layers.index(name) for name in rung.layers]
        rates: list[list[float] | None] = [None] * len(ladder.maps)
        for i, layer in enumerate(place):
            rates[layer] = [round(float(v), 4) for v in (rung.right[i] / rung.n, low[i], high[i])]
        at = place[rung.separates_at] if rung.separates_at >= 0 else -1
        out.append({"a": rung.a, "b": rung.b, "n": rung.n, "at": at, "best": place[rung.best], "rates": rates})
    return out


def _hardest(ladder: LadderDisplay) -> list[int]:
    """The pairs that even their best layer tells apart least well, as places in `_pairs`."""
    pairs = ladder.numbers.pairs
    return sorted(range(len(pairs)), key=lambda i: (pairs[i].right[pairs[i].best] / pairs[i].n, i))[:HARDEST]
