"""The parts of a dossier's figure, each at its place on the sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.dossier import Direction
from fmnist_viz.analysis.dossier_evidence import spaced
from fmnist_viz.core.intervals import wilson
from fmnist_viz.display.canvas import side_of, tile
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.mosaic import diverging, mosaic, rgb, small
from fmnist_viz.display.sample_grid import dark_ground
from fmnist_viz.display.style import BODY, DPI, GREY, HEAD, INK, RULE, SMALL, label_colors, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.dossier import DossierDisplay
    from fmnist_viz.display.sheet import Sheet

COLS, ROWS = 8, 4  # of a wall
GROUPS = 6  # mistakes of a direction that are drawn with their neighbours
ALONG = 11  # places of the axis that have an image
_LABEL, _GAP = 0.2, 0.16  # inches: a line of words, the room between two parts
_STRIP, _CURVE = 0.75, 0.85  # inches high
Part = tuple[float, Callable[["Sheet", "Axes", float], None]]  # height, and what draws it at a distance from the top


def sheet(display: DossierDisplay, stamp: Sequence[str], prefix: str) -> Figure:
    """Everything there is, part below part."""
    from fmnist_viz.display.dossier import WIDTH
    from fmnist_viz.display.sheet import MARGIN, Sheet

    parts = [part for part in (_walls(display), _means(display), _axis(display), _nearest(display), _maps(display), _curves(display)) if part]
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


def _margin() -> float:
    from fmnist_viz.display.sheet import MARGIN

    return MARGIN


def _half() -> float:
    """Where the second direction's column begins."""
    from fmnist_viz.display.dossier import WIDTH

    return WIDTH / 2 + 0.08


def _say(out: Sheet, x: float, y: float, text: str, room: float, *, size: float = SMALL, color: str = GREY, **look: Any) -> None:
    if text:
        out.text(x, y, fitted(text, room * 72, size), fontsize=size, color=color, va="baseline", **look)


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
        for x, d, rows in zip((_margin(), _half()), dossier.directions, chosen, strict=True):
            _say(out, x, top + 0.1, _titles(d, own.class_names), 3.5, size=BODY, color=INK)
            if not (pictured and len(rows)):
                continue
            images = mosaic(rgb(small(own.images[rows]), dark), COLS)
            per = side / max(small(own.images[:1]).shape[1:3])
            tile(canvas, images, x, top + 0.18, per * max(images.shape[:2]))
            if d.margin is not None:
                low, high = d.margin[0], d.margin[-1]
                some = f", {len(rows)} of them" if len(rows) < d.count else ""
                where = top + 0.18 + lines * side * 1.08 + 0.1
                _say(out, x, where, f"margin {low:.2f} (barely) → {high:.2f}, row by row{some}", 3.4)

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
            x = _margin() + i * room
            _say(out, x, top + 0.1, title, room - 0.06, color=INK)
            tile(canvas, picture, x, top + 0.15, side)
            _say(out, x, top + 0.15 + side + 0.11, below, room - 0.06)

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
    left, width = _margin() + 0.9, 6.0
    low, high = _ends(axis.position)
    at = np.linspace(low, high, ALONG)
    rows = axis.rows[[int(np.abs(axis.position - place).argmin()) for place in at]]
    side = side_of(max(small(own.images[:1]).shape[1:3]), 0.36) if own.pictured else 0.0
    colors = label_colors(len(dossier.class_names))

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        strip = out.axes(left, top + 0.14, width, _STRIP, gid="axis")
        axis_strip(strip, display)
        strip.patch.set_alpha(0)
        _say(out, _margin(), top + 0.08, f"Axis in {clean(axis.layer)}, {axis.separation.text}, n = {len(axis.rows):,}", 7.0, size=BODY, color=INK)
        _say(
            out, _margin(), top + 0.14 + _STRIP * (1 - 1.28 / 1.4) + 0.03, f"mistaken {shorten(dossier.names[1], 12)}", 0.95, color=readable(colors[dossier.b])
        )
        _say(
            out,
            _margin(),
            top + 0.14 + _STRIP * (1 - 1.12 / 1.4) + 0.07,
            f"mistaken {shorten(dossier.names[0], 12)}",
            0.95,
            color=readable(colors[dossier.a]),
            ha="left",
        )
        below = top + 0.14 + _STRIP
        for value, name, c in ((0.0, dossier.names[0], dossier.a), (1.0, dossier.names[1], dossier.b)):
            x = left + width * (value - low) / (high - low)
            _say(out, x, below + 0.11, f"▲ mean of {shorten(name, 16)}", 2.0, color=readable(colors[c]), ha="center")
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
        _say(out, _margin(), top + 0.08, f"Nearest in {known[0].space} of {known[0].pool}; below: distances", 7.1, size=BODY, color=INK)
        for k, word in enumerate(words):
            _say(out, _margin(), top + 0.2 + (k + 0.5) * (side + 0.13), word, label)
        for half, d, near in zip((0, 1), dossier.directions, dossier.nearest, strict=True):
            if near is None or not (near.pictures_true.shape[1] and near.pictures_predicted.shape[1]):
                continue
            for j, i in enumerate(spaced(np.arange(len(near.pictured)), GROUPS).tolist()):
                row, x = int(near.pictured[i]), _margin() + label + half * (GROUPS * step + 0.2) + j * step
                trio = (own.images[d.rows[row]], near.pictures_true[i, 0], near.pictures_predicted[i, 0])
                distances = ("", f"{near.distances_true[row, 0]:.2f}", f"{near.distances_predicted[row, 0]:.2f}")
                for k, (picture, far) in enumerate(zip(trio, distances, strict=True)):
                    y = top + 0.17 + k * (side + 0.13)
                    tile(canvas, rgb(small(picture), dark), x, y, side)
                    nearer = k and near.distances_true[row, 0] != near.distances_predicted[row, 0]
                    least = nearer and far == min(distances[1:], key=float)
                    _say(out, x + side / 2, y + side + 0.09, far, step, color=INK if least else GREY, ha="center")

    return 0.17 + 3 * (side + 0.13), draw


def _maps(display: DossierDisplay) -> Part | None:
    found = display.shown_maps()
    if not found:
        return None
    dossier, labels = display.dossier, display.images.labels
    side = float(np.floor(min(1.7, (7.12 - 0.1 * (len(found) - 1)) / len(found)) * DPI) / DPI)
    placed = {(p[0].representation, p[0].method): p for p in dossier.places}
    colors = label_colors(len(dossier.class_names))

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        from matplotlib.colors import to_rgba

        wrong = np.zeros(len(labels), bool)
        for d in dossier.directions:
            wrong[d.rows] = True
        pair = (labels == dossier.a) | (labels == dossier.b)
        shade = np.tile(to_rgba("#e3e3e3"), (len(labels), 1))
        for c in (dossier.a, dossier.b):
            shade[labels == c] = to_rgba(colors[c])
        order = np.argsort(pair.astype(int) + wrong, kind="stable")
        for i, (name, method) in enumerate(found):
            x = _margin() + i * (side + 0.1)
            xy = display.maps[name][method].astype(np.float64)[:, :2]
            ax = out.axes(x, top + 0.15, side, side, gid=f"map-{i}")
            middle, half = (xy.max(axis=0) + xy.min(axis=0)) / 2, (float(np.ptp(xy, axis=0).max()) or 1.0) * 0.53
            ax.set(xticks=[], yticks=[], xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
            ax.spines[:].set(color=RULE, linewidth=0.6)
            Dots(xy[order], shade[order], wrong[order]).draw_pixels(ax)
            title = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}.get(method, method)
            _say(out, x, top + 0.1, f"{clean(name)}, {title}", side, size=BODY, color=INK)
            for k, said in enumerate(_whose(dossier, placed.get((name, method)))):
                _say(out, x, top + 0.15 + side + 0.12 + 0.115 * k, said, side + 0.05)

    return 0.15 + side + 0.3, draw


def _whose(dossier: Any, pair: Any) -> list[str]:
    """For each direction with mistakes, how many lie among the class that they were taken for."""
    if pair is None:
        return []
    names = dossier.class_names
    return [
        f"{int(p.counts[1])} of {d.count} among {shorten(names[d.predicted], 16)}" for d, p in zip(dossier.directions, pair, strict=True) if d.count
    ]  # fmt: skip


def _curves(display: DossierDisplay) -> Part | None:
    rung, epochs = display.dossier.rung, display.dossier.epochs
    if rung is None and epochs is None:
        return None

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        if rung is not None:
            at = rung.separates_at
            where = f"apart at {clean(rung.layers[at])}" if at >= 0 else "apart nowhere"
            _say(out, _margin(), top + 0.08, f"By layer: linear discriminant, n = {rung.n:,}, {where}", 3.4, size=BODY, color=INK)
            _curve(out.axes(_margin() + 0.34, top + 0.17, 3.0, _CURVE, gid="layers"), rung.right, rung.n, [shorten(n, 12) for n in rung.layers], at)
        if epochs is not None:
            level = epochs.epochs[epochs.level_at]
            _say(out, _half(), top + 0.08, f"By epoch: its own logits, n = {epochs.n:,}, level at epoch {level}", 3.4, size=BODY, color=INK)
            _curve(out.axes(_half() + 0.34, top + 0.17, 3.0, _CURVE, gid="epochs"), epochs.right, epochs.n, [str(e) for e in epochs.epochs], epochs.level_at)

    return 0.17 + _CURVE + 0.2, draw


def _curve(ax: Axes, right: NDArray[np.int64], n: int, ticks: Sequence[str], at: int) -> None:
    """Shares in percent with their Wilson intervals; the place `at` is filled."""
    low, high = (100 * v for v in wilson(right, n))
    share, x = 100 * right / n, np.arange(len(right))
    ax.errorbar(
        x, share, yerr=[share - low, high - share], color=GREY, linewidth=0.8, elinewidth=0.8, capsize=1.5, marker="o", markersize=3, markerfacecolor="white"
    )
    if at >= 0:
        ax.plot([x[at]], [share[at]], "o", color=INK, markersize=4, zorder=5)
    every = max(1, -(-len(ticks) // 8))
    ax.set_xticks(x[::every], list(ticks)[::every], parse_math=False)
    ax.set_xlim(-0.4, len(right) - 0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.yaxis.set_major_formatter(lambda v, _: f"{v:.0f} %")
    ax.locator_params(axis="y", nbins=4)
