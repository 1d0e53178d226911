"""The parts of a dossier's figure, each at its place on the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.dossier import Direction
from fmnist_viz.analysis.dossier_evidence import spaced
from fmnist_viz.display.canvas import side_of, tile
from fmnist_viz.display.dossier_spaces import Part, curves, maps, margin, middle, say
from fmnist_viz.display.lettering import clean, join, shorten
from fmnist_viz.display.mosaic import diverging, mosaic, rgb, small
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, label_colors, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.dossier import DossierDisplay
    from fmnist_viz.display.sheet import Sheet

COLS, ROWS = 8, 4  # of a wall
GROUPS = 6  # mistakes of a direction that are drawn with their neighbours
ALONG = 11  # places of the axis that have an image
_LABEL, _GAP = 0.2, 0.16  # inches: a line of words, the room between two parts
_STRIP = 0.75  # inches high


def sheet(display: DossierDisplay, stamp: Sequence[str], prefix: str) -> Figure:
    """Everything there is, part below part."""
    from fmnist_viz.display.dossier import WIDTH
    from fmnist_viz.display.sheet import MARGIN, Sheet

    parts = [part for part in (_walls(display), _means(display), _axis(display), _nearest(display), maps(display), curves(display)) if part]
    body = MARGIN + 0.3 + sum(height + _GAP for height, _ in parts)
    out = Sheet(width=WIDTH, body=body, caption=join([prefix, display.caption()]), stamp=stamp)
    canvas = out.axes(0, 0, WIDTH, body, gid="body")
    canvas.set_axis_off()
    canvas.set(xlim=(0, WIDTH), ylim=(body, 0))
    a, b = display.dossier.names
    title = f"{shorten(a, 36)} and {shorten(b, 36)}"
    out.text(MARGIN, MARGIN + 0.12, title, fontsize=HEAD, fontweight="bold", color=INK, va="baseline")
    top = MARGIN + 0.3
    for height, draw in parts:
        draw(out, canvas, top)
        top += height + _GAP
    return out.figure


def _titles(d: Direction, names: tuple[str, ...]) -> str:
    rate, low, high = d.rate
    said = f"{100 * rate:.1f} % ({100 * low:.1f}–{100 * high:.1f})" if rate == rate else "no image of it"
    return f"{shorten(names[d.true], 20)} → {shorten(names[d.predicted], 20)}: {d.count:,} of {d.n:,}, {said}"


def _walls(display: DossierDisplay) -> Part | None:
    own, dossier = display.images, display.dossier
    chosen = [spaced(d.rows, COLS * ROWS) for d in dossier.directions]
    pictured = own.pictured and any(map(len, chosen))
    side = side_of(max(small(own.images[:1]).shape[1:3]), 0.36) if pictured else 0.0
    lines = max(1, -(-max(map(len, chosen)) // COLS)) if pictured else 0
    dark = dark_ground(own.images) if pictured else False

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        for x, d, rows in zip((margin(), middle()), dossier.directions, chosen, strict=True):
            say(out, x, top + 0.1, _titles(d, own.class_names), 3.5, size=BODY, color=INK)
            if not (pictured and len(rows)):
                continue
            images = mosaic(rgb(small(own.images[rows]), dark), COLS)
            per = side / max(small(own.images[:1]).shape[1:3])
            tile(canvas, images, x, top + 0.18, per * max(images.shape[:2]))
            if d.margin is not None:
                low, high = d.margin[0], d.margin[-1]
                some = f", {len(rows)} of them" if len(rows) < d.count else ""
                where = top + 0.18 + lines * side * 1.08 + 0.1
                say(out, x, where, f"margin {low:.2f} (barely) → {high:.2f}, row by row{some}", 3.4)

    return (0.18 + lines * side * 1.08 + _LABEL if pictured else 0.18), draw


def _means(display: DossierDisplay) -> Part | None:
    dossier = display.dossier
    means = dossier.means
    if means is None:
        return None
    a, b = (shorten(name, 14) for name in dossier.names)
    dark = dark_ground(display.images.images)
    pictures: list[tuple[str, str, NDArray[np.uint8]]] = []

    def plain(title: str, value: NDArray[np.float64] | None) -> None:
        if value is not None:
            pictures.append((title, "mean image", rgb(np.rint(value).astype(np.uint8), dark)))

    plain(a, means.a)
    plain(b, means.b)
    scale = float(np.abs(means.difference).max())
    pictures.append((f"{b} less {a}", f"±{scale:.0f} of 255", diverging(means.difference if dark else -means.difference, scale)))
    plain(f"{a} → {b}", means.errors[0])
    plain(f"{b} → {a}", means.errors[1])
    for d, evidence, base in zip(dossier.directions, dossier.evidence, means.errors, strict=True):
        if evidence is None or base is None:
            continue
        reach = float(np.abs(evidence.mean).max())
        light = base.mean(axis=2) / 255
        shown = diverging(evidence.mean, reach, 1 - light if dark else light)
        names = display.images.class_names
        pictures.append((f"for {shorten(names[d.predicted], 14)}", f"±{reach:.2g} logits, n = {len(evidence.rows)}", shown))
    room = 7.12 / len(pictures)
    side = min(side_of(max(pictures[0][2].shape[:2]), 0.85), room - 0.08)

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        for i, (title, below, picture) in enumerate(pictures):
            x = margin() + i * room
            say(out, x, top + 0.1, title, room - 0.06, color=INK)
            tile(canvas, picture, x, top + 0.15, side)
            say(out, x, top + 0.15 + side + 0.11, below, room - 0.06)

    return 0.15 + side + _LABEL, draw


def axis_strip(ax: Axes, display: DossierDisplay) -> None:
    """Histograms of both classes along the axis, and a mark for every mistake: those of the first class above the line, of the second below it."""
    dossier, labels = display.dossier, display.images.labels
    assert dossier.axis is not None
    position, own = dossier.axis.position, labels[dossier.axis.rows]
    low, high = _ends(position)
    colors = label_colors(len(dossier.class_names))
    highest = 1.0
    for c in (dossier.a, dossier.b):
        counts, _, _ = ax.hist(position[own == c], bins=60, range=(low, high), histtype="stepfilled", color=colors[c], alpha=0.45, linewidth=0)
        highest = max(highest, float(np.max(counts)))
    for side, c in ((0, dossier.a), (1, dossier.b)):
        where = dossier.positions(side) if side == 0 else 1 - dossier.positions(side)
        y = np.full(len(where), highest * (1.12 + 0.16 * side))
        ax.plot(np.clip(where, low, high), y, "|", color=readable(colors[c]), markersize=6, markeredgewidth=0.7, clip_on=False)
    ax.set(xlim=(low, high), ylim=(0, highest * 1.4), yticks=[], xticks=[])
    ax.axvline(0.5, color=RULE, linewidth=0.6, zorder=0)
    ax.spines[["top", "left", "right"]].set_visible(False)


def _ends(position: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(position, (0.002, 0.998))
    pad = 0.03 * max(float(high - low), 1e-9)
    return min(float(low) - pad, -0.1), max(float(high) + pad, 1.1)


def _axis(display: DossierDisplay) -> Part | None:
    dossier, own = display.dossier, display.images
    if dossier.axis is None:
        return None
    axis = dossier.axis
    left, width = margin() + 0.9, 6.0
    low, high = _ends(axis.position)
    at = np.linspace(low, high, ALONG)
    rows = axis.rows[[int(np.abs(axis.position - place).argmin()) for place in at]]
    side = side_of(max(small(own.images[:1]).shape[1:3]), 0.36) if own.pictured else 0.0
    colors = label_colors(len(dossier.class_names))

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        strip = out.axes(left, top + 0.14, width, _STRIP, gid="axis")
        axis_strip(strip, display)
        strip.patch.set_alpha(0)
        say(out, margin(), top + 0.08, f"Axis in {clean(axis.layer)}, {axis.separation.text}, n = {len(axis.rows):,}", 7.0, size=BODY, color=INK)
        say(out, margin(), top + 0.14 + _STRIP * (1 - 1.28 / 1.4) + 0.03, f"mistaken {shorten(dossier.names[1], 12)}", 0.95, color=readable(colors[dossier.b]))
        say(
            out,
            margin(),
            top + 0.14 + _STRIP * (1 - 1.12 / 1.4) + 0.07,
            f"mistaken {shorten(dossier.names[0], 12)}",
            0.95,
            color=readable(colors[dossier.a]),
            ha="left",
        )
        below = top + 0.14 + _STRIP
        for value, name, c in ((0.0, dossier.names[0], dossier.a), (1.0, dossier.names[1], dossier.b)):
            x = left + width * (value - low) / (high - low)
            say(out, x, below + 0.11, f"▲ mean of {shorten(name, 16)}", 2.0, color=readable(colors[c]), ha="center")
        if own.pictured:
            dark = dark_ground(own.images)
            for place, row in zip(at, rows, strict=True):
                x = left + width * (place - low) / (high - low)
                tile(canvas, rgb(small(own.images[row]), dark), x - side / 2, below + 0.16, side)

    return 0.14 + _STRIP + 0.16 + (side + 0.02 if own.pictured else 0), draw


def _nearest(display: DossierDisplay) -> Part | None:
    dossier, own = display.dossier, display.images
    known = [n for n in dossier.nearest if n is not None and len(n.pictured) and n.pictures_true.shape[1] and n.pictures_predicted.shape[1]]
    if not known or not own.pictured:
        return None
    side = side_of(max(small(own.images[:1]).shape[1:3]), 0.36)
    dark, label = dark_ground(own.images), 1.02
    step = (7.12 - label - 0.2) / (2 * GROUPS)
    words = ("mistake", "nearest, true class", "nearest, taken for")

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        say(out, margin(), top + 0.08, f"Nearest in {known[0].space} of {known[0].pool}; below: distances", 7.1, size=BODY, color=INK)
        for k, word in enumerate(words):
            say(out, margin(), top + 0.2 + (k + 0.5) * (side + 0.13), word, label)
        for column, d, near in zip((0, 1), dossier.directions, dossier.nearest, strict=True):
            if near is None or not (near.pictures_true.shape[1] and near.pictures_predicted.shape[1]):
                continue
            for j, i in enumerate(spaced(np.arange(len(near.pictured)), GROUPS).tolist()):
                row, x = int(near.pictured[i]), margin() + label + column * (GROUPS * step + 0.2) + j * step
                trio = (own.images[d.rows[row]], near.pictures_true[i, 0], near.pictures_predicted[i, 0])
                distances = ("", f"{near.distances_true[row, 0]:.2f}", f"{near.distances_predicted[row, 0]:.2f}")
                for k, (picture, far) in enumerate(zip(trio, distances, strict=True)):
                    y = top + 0.17 + k * (side + 0.13)
                    tile(canvas, rgb(small(picture), dark), x, y, side)
                    nearer = k and near.distances_true[row, 0] != near.distances_predicted[row, 0]
                    least = nearer and far == min(distances[1:], key=float)
                    say(out, x + side / 2, y + side + 0.09, far, step, color=INK if least else GREY, ha="center")

    return 0.17 + 3 * (side + 0.13), draw
