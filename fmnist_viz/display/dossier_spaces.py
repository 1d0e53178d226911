"""The lower parts of a dossier's figure: maps with the mistakes ringed, and how the pair comes apart by layer and by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import wilson
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, fitted, shorten
from fmnist_viz.display.style import BODY, DPI, GREY, INK, RULE, SMALL, label_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fmnist_viz.display.dossier import DossierDisplay
    from fmnist_viz.display.sheet import Sheet

_CURVE = 0.85  # inches high
Part = tuple[float, Callable[["Sheet", "Axes", float], None]]  # height, and what draws it at a distance from the top


def margin() -> float:
    """Inches left of everything."""
    from fmnist_viz.display.sheet import MARGIN

    return MARGIN


def middle() -> float:
    """Where the second direction's column begins."""
    from fmnist_viz.display.dossier import WIDTH

    return WIDTH / 2 + 0.08


def say(out: Sheet, x: float, y: float, text: str, room: float, *, size: float = SMALL, color: str = GREY, **look: Any) -> None:
    """One line of text, shortened to its room in inches."""
    if text:
        out.text(x, y, fitted(text, room * 72, size), fontsize=size, color=color, va="baseline", **look)


def maps(display: DossierDisplay) -> Part | None:
    """A map of each representation; None where there are none."""
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
            x = margin() + i * (side + 0.1)
            xy = display.maps[name][method].astype(np.float64)[:, :2]
            ax = out.axes(x, top + 0.15, side, side, gid=f"map-{i}")
            centre, half = (xy.max(axis=0) + xy.min(axis=0)) / 2, (float(np.ptp(xy, axis=0).max()) or 1.0) * 0.53
            ax.set(xticks=[], yticks=[], xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half))
            ax.spines[:].set(color=RULE, linewidth=0.6)
            Dots(xy[order], shade[order], wrong[order]).draw_pixels(ax)
            title = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}.get(method, method)
            say(out, x, top + 0.1, f"{clean(name)}, {title}", side, size=BODY, color=INK)
            for k, said in enumerate(_whose(dossier, placed.get((name, method)))):
                say(out, x, top + 0.15 + side + 0.12 + 0.115 * k, said, side + 0.05)

    return 0.15 + side + 0.3, draw


def _whose(dossier: Any, pair: Any) -> list[str]:
    """For each direction with mistakes, how many lie among the class that they were taken for."""
    if pair is None:
        return []
    names = dossier.class_names
    return [
        f"{int(p.counts[1])} of {d.count} among {shorten(names[d.predicted], 16)}" for d, p in zip(dossier.directions, pair, strict=True) if d.count
    ]  # fmt: skip


def curves(display: DossierDisplay) -> Part | None:
    """Share told right by layer and by epoch; None where neither is known."""
    rung, epochs = display.dossier.rung, display.dossier.epochs
    if rung is None and epochs is None:
        return None

    def draw(out: Sheet, canvas: Axes, top: float) -> None:
        if rung is not None:
            at = rung.separates_at
            where = f"apart at {clean(rung.layers[at])}" if at >= 0 else "apart nowhere"
            say(out, margin(), top + 0.08, f"By layer: linear discriminant, n = {rung.n:,}, {where}", 3.4, size=BODY, color=INK)
            curve(out.axes(margin() + 0.34, top + 0.17, 3.0, _CURVE, gid="layers"), rung.right, rung.n, [shorten(n, 12) for n in rung.layers], at)
        if epochs is not None:
            level = epochs.epochs[epochs.level_at]
            say(out, middle(), top + 0.08, f"By epoch: its own logits, n = {epochs.n:,}, level at epoch {level}", 3.4, size=BODY, color=INK)
            curve(out.axes(middle() + 0.34, top + 0.17, 3.0, _CURVE, gid="epochs"), epochs.right, epochs.n, [str(e) for e in epochs.epochs], epochs.level_at)

    return 0.17 + _CURVE + 0.2, draw


def curve(ax: Axes, right: NDArray[np.int64], n: int, ticks: Sequence[str], at: int) -> None:
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
