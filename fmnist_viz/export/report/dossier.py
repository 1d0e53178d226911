"""Dossiers as the page's template and script take them: pictures as data addresses, curves as SVG paths, rows and distances as JSON."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.dossier import Dossier
from fmnist_viz.analysis.dossier_evidence import spaced
from fmnist_viz.analysis.dossier_facts import Fact
from fmnist_viz.analysis.dossier_places import KINDS, METHOD
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.mosaic import diverging, rgb, small
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.export.report.content import ReportContent, visible
from fmnist_viz.export.report.sheet import thumbnails, webp
from fmnist_viz.export.report.table import Cell, Column, Table
from fmnist_viz.projection.caption import METHOD_NAMES

if TYPE_CHECKING:
    from markupsafe import Markup

WALL = 60  # mistakes of a direction that are shown
ALONG = 11  # images along the axis
BINS = 48
_W, _H = 440, 96  # of an axis, in the units of its drawing


@dataclass(frozen=True)
class Picture:
    title: str
    source: str  # a data address
    note: str


@dataclass(frozen=True)
class Curve:
    """A line of shares with their intervals, as SVG paths in a box of 440 x 148."""

    title: str
    reading: str
    line: str
    bars: str
    points: tuple[tuple[float, float, str, bool], ...]  # x, y, words, whether this is the place that is spoken of
    ticks: tuple[tuple[float, str], ...]
    levels: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Axis:
    words: str
    areas: tuple[tuple[str, str], ...]  # colour, path
    marks: tuple[tuple[str, str, str], ...]  # class name, colour, path
    means: tuple[tuple[float, str], ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """One pair. `sides`: (true, predicted, count, words) of both directions."""

    a: str
    b: str
    rates: tuple[str, str]
    sides: tuple[tuple[int, int, int, str], ...]
    sentences: tuple[str, ...]
    pictures: tuple[Picture, ...]
    axis: Axis | None
    curves: tuple[Curve, ...]
    places: Table | None
    pool: str


@dataclass(frozen=True)
class DossierSection:
    entries: tuple[Entry, ...]
    data: dict[str, Any]
    sheet: Markup | None
    places_method: str = METHOD


def dossier_section(content: ReportContent) -> DossierSection | None:
    """None where there is no dossier."""
    from markupsafe import Markup

    if not content.dossiers:
        return None
    tiles: dict[str, int] = {}
    pictures: list[NDArray[np.uint8]] = []
    data = [[_side(d, side, tiles, pictures) for side in (0, 1)] for d in content.dossiers]
    sheet, columns, thumb = None, 1, 1
    if pictures and content.images.pictured:
        made = thumbnails(np.stack(pictures))
        thumb, columns = made.shape[1], max(1, int(np.ceil(np.sqrt(len(made)))))
        sheet = Markup(base64.b64encode(webp(made, columns)).decode())
    entries = tuple(_entry(d, content.images) for d in content.dossiers)
    return DossierSection(entries, {"pairs": data, "columns": columns, "thumb": thumb, "kinds": KINDS}, sheet)


def _entry(d: Dossier, images: LabeledImages) -> Entry:
    shown = tuple(visible(name) for name in d.names)
    facts = {fact.name: fact for fact in d.facts}
    words = [_rate(facts, d, side) for side in (0, 1)]
    sides = tuple((one.true, one.predicted, one.count, word) for one, word in zip(d.directions, words, strict=True))
    pool = next((f"{n.pool}, in {n.space}" for n in d.nearest if n is not None), "")
    sentences = tuple(visible(line) for line in d.sentences)
    return Entry(shown[0], shown[1], (words[0], words[1]), sides, sentences, _pictures(d, images), _axis(d), _curves(d), _places(d), pool)


def _rate(facts: dict[str, Fact], d: Dossier, side: int) -> str:
    from fmnist_viz.analysis.dossier_facts import arrow

    one = d.directions[side]
    return f"{one.count:,} of {one.n:,}, {facts[f'{arrow(d, side)}: share'].text}"


def _side(d: Dossier, side: int, tiles: dict[str, int], pictures: list[NDArray[np.uint8]]) -> dict[str, Any]:
    """The mistakes that are shown, with what is known of each; neighbours' pixels go into one sheet for all pairs."""
    one, near, evidence = d.directions[side], d.nearest[side], d.evidence[side]
    at = spaced(np.arange(one.count), WALL) if near is None else near.pictured
    rows, position = one.rows[at], d.positions(side)[at]
    out: dict[str, Any] = {"true": one.true, "predicted": one.predicted, "rows": rows.tolist()}
    out["margin"] = None if one.margin is None else np.round(one.margin[at], 3).tolist()
    out["axis"] = np.round(position, 2).tolist() if np.isfinite(position).all() else None
    out["places"] = [
        [visible(p[side].representation), METHOD_NAMES.get(p[side].method, p[side].method), p[side].kind[at].tolist()]
        for p in d.places
        if p[side].representation == d.layer
    ]
    total = {} if evidence is None else dict(zip(evidence.rows.tolist(), np.round(evidence.total, 2).tolist(), strict=True))
    out["evidence"] = [total.get(row) for row in rows.tolist()] if total else None
    out["suspect"] = [(d.suspects or {}).get(name, "") for name in d.sample_ids[rows].tolist()]
    if near is None:
        return out
    for name in ("true", "predicted"):
        held, ids, far = getattr(near, f"pictures_{name}"), getattr(near, f"ids_{name}"), getattr(near, f"distances_{name}")
        found = []
        for i, row in enumerate(at.tolist()):
            line = []
            for k in range(held.shape[1]):
                key = str(ids[row, k])
                if key not in tiles:
                    tiles[key] = len(pictures)
                    pictures.append(held[i, k])
                line.append([tiles[key], key, round(float(far[row, k]), 2)])
            found.append(line)
        out[f"near_{name}"] = found
    return out


def _png(pixels: NDArray[np.uint8]) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def _pictures(d: Dossier, images: LabeledImages) -> tuple[Picture, ...]:
    means = d.means
    if means is None:
        return ()
    dark = dark_ground(images.images)
    a, b = (visible(name) for name in d.names)
    ways = (f"{a} → {b}", f"{b} → {a}")
    plain = [(a, means.a), (b, means.b), *((way, own) for way, own in zip(ways, means.errors, strict=True) if own is not None)]
    found = [Picture(f"Mean of {title}", _png(small(rgb(np.rint(value).astype(np.uint8), dark))), "") for title, value in plain]
    scale = float(np.abs(means.difference).max())
    red = diverging(means.difference if dark else -means.difference, scale)
    found.insert(2, Picture(f"{b} less {a}", _png(small(red)), f"red: {b} is drawn darker; ±{scale:.0f} of 255"))
    for one, evidence, base, way in zip(d.directions, d.evidence, means.errors, ways, strict=True):
        if evidence is None or base is None:
            continue
        reach, light = float(np.abs(evidence.mean).max()), base.mean(axis=2) / 255
        shown = diverging(evidence.mean, reach, 1 - light if dark else light)
        name = visible(d.class_names[one.predicted])
        found.append(Picture(f"Evidence in {way}", _png(small(shown)), f"red speaks for {name}; ±{reach:.2g} logits, n = {len(evidence.rows)}"))
    return tuple(found)


def _axis(d: Dossier) -> Axis | None:
    if d.axis is None:
        return None
    position, rows = d.axis.position, d.axis.rows
    low, high = np.quantile(position, (0.002, 0.998))
    low, high = min(float(low) - 0.05, -0.1), max(float(high) + 0.05, 1.1)
    colors = class_colors(len(d.class_names))
    second = np.isin(rows, d.directions[1].rows)
    first = np.isin(rows, d.directions[0].rows)
    own = d.axis.labels
    edges = np.linspace(low, high, BINS + 1)
    tall = {c: np.histogram(position[own == c], edges)[0] for c in (d.a, d.b)}
    highest = max(1, *(int(counts.max()) for counts in tall.values()))
    areas = []
    for c, counts in tall.items():
        steps = "".join(f"V{_H - 72 * n / highest:.1f}H{_W * (i + 1) / BINS:.1f}" for i, n in enumerate(counts.tolist()))
        areas.append((colors[c], f"M0 {_H}{steps}V{_H}Z"))
    x = np.clip((position - low) / (high - low), 0, 1) * _W
    marks = []
    for c, wrong, top in ((d.a, first, 2), (d.b, second, 13)):
        marks.append((visible(d.class_names[c]), colors[c], "".join(f"M{v:.1f} {top}v8" for v in x[wrong].tolist())))
    means = tuple((_W * (value - low) / (high - low), visible(name)) for value, name in ((0.0, d.names[0]), (1.0, d.names[1])))
    along = [int(rows[np.abs(position - at).argmin()]) for at in np.linspace(low, high, ALONG)]
    how = f"every image on an axis made without it ({d.axis.separation.folds} folds, seed {d.seed})"
    words = f"{visible(d.axis.layer)}: {d.axis.separation.text}, n = {len(rows):,}; {how}"
    return Axis(words, tuple(areas), tuple(marks), means, tuple(along))


def _curves(d: Dossier) -> tuple[Curve, ...]:
    found = []
    if d.rung is not None:
        at = d.rung.separates_at
        reading = f"apart at {visible(d.rung.layers[at])}" if at >= 0 else "no layer tells them apart better than chance"
        title = f"By layer: a linear discriminant on {d.rung.n:,} held-out images"
        found.append(_curve(title, reading, d.rung.right, d.rung.n, [visible(name) for name in d.rung.layers], at))
    if d.epochs is not None:
        level = d.epochs.epochs[d.epochs.level_at]
        title = f"By epoch: the model's own logits on {d.epochs.n:,} probe images"
        found.append(_curve(title, f"its last level from epoch {level} on", d.epochs.right, d.epochs.n, [str(e) for e in d.epochs.epochs], d.epochs.level_at))
    return tuple(found)


def _curve(title: str, reading: str, right: NDArray[np.int64], n: int, names: Sequence[str], at: int) -> Curve:
    low, high = wilson(right, n)
    share = right / n
    floor, top = np.floor(20 * float(low.min())) / 20, np.ceil(20 * float(high.max())) / 20
    x = [48 + 376 * (i + 0.5) / len(right) for i in range(len(right))]

    def y(v: float) -> float:
        return 118 - 104 * (v - floor) / max(top - floor, 1e-9)

    points = tuple(
        (round(px, 1), round(y(s), 1), f"{name}: {100 * s:.1f} % ({100 * lo:.1f}–{100 * hi:.1f}), n = {n:,}", i == at)
        for i, (px, s, lo, hi, name) in enumerate(zip(x, share.tolist(), low.tolist(), high.tolist(), names, strict=True))
    )
    line = "".join(f"{'L' if i else 'M'}{px} {py}" for i, (px, py, *_) in enumerate(points))
    bars = "".join(f"M{px:.1f} {y(lo):.1f}V{y(hi):.1f}" for px, lo, hi in zip(x, low.tolist(), high.tolist(), strict=True))
    every = max(1, -(-len(names) // 7))
    ticks = tuple((round(px, 1), name if len(name) <= 14 else name[:13] + "…") for px, name in list(zip(x, names, strict=True))[::every])
    levels = tuple((round(y(v), 1), f"{round(100 * v, 1):g} %") for v in (floor, (floor + top) / 2, top))
    return Curve(title, reading, line, bars, points, ticks, levels)


def _places(d: Dossier) -> Table | None:
    """Where the mistakes lie: a row per space and direction."""
    if not d.places:
        return None
    heads = ("layer", "where", "mistakes", "among the true class", "among the predicted", "in between", "elsewhere")
    columns = tuple(Column(name, i > 2) for i, name in enumerate(heads))
    rows = []
    for pair in d.places:
        for one, place in zip(d.directions, pair, strict=True):
            if not one.count:
                continue
            way = f"{visible(d.class_names[one.true])} → {visible(d.class_names[one.predicted])}"
            where = f"{METHOD_NAMES.get(place.method, place.method)} map" if place.method else "the layer itself"
            cells = [Cell(visible(place.representation)), Cell(where), Cell(way)]
            for kind in KINDS:
                value, low, high = place.share(kind)
                cells.append(Cell(f"{100 * value:.1f} % ({100 * low:.1f}–{100 * high:.1f})", repr(value)))
            rows.append(tuple(cells))
    return Table(columns, tuple(rows), len(rows)) if rows else None
