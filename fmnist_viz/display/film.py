"""The epoch film: the same images after each epoch on axes that never change, beside t-SNE and UMAP, and below how far they moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.epochs import RULE as LEARNED
from fmnist_viz.analysis.epochs import EpochNumbers
from fmnist_viz.core.palette import RIGHT
from fmnist_viz.core.types import read_only
from fmnist_viz.display.key import ColorKey
from fmnist_viz.display.ladder_panels import ORANGE
from fmnist_viz.display.lettering import join
from fmnist_viz.display.map import VECTOR_POINTS, MapDisplay
from fmnist_viz.display.style import BODY, GREY, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.film import LINEAR, Strip, class_axes, shown_epochs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

COLUMNS = 7  # epochs in the figure; the report's slider shows all of the film
_LEFT, _GAP, _FOOT, _HEAD = 1.22, 0.1, 0.16, 0.2  # inches: words at the left, between maps, below a map, above the first row
_WIDEST, _PANEL = 11.2, 1.15
VIEWS = {  # title, what it is, colour of its curve
    "logits": ("logits", ("linear: one axis per class,", "the same in every epoch"), RIGHT),
    "probabilities": ("probabilities", ("linear, the same axes; at", "the tip of an axis: sure"), "#2b8a5a"),
    "tsne": ("t-SNE", ("of the penultimate layer,", "from the epoch before"), ORANGE),
    "umap": ("UMAP", ("of the penultimate layer,", "from the epoch before"), "#8a4fb0"),
}


@dataclass(frozen=True, repr=False)
class FilmDisplay:
    """All epochs of one training on the same images.

    Parameters
    ----------
    numbers : the answers after every epoch
    shown : which places of `numbers.epochs` the views have, ascending
    strips : the views, each with a map per shown epoch
    order : int64 (c,), the classes around the circle of the linear views
    vector_drifts : for each shown epoch how far the penultimate vectors moved from the one shown before, rotation undone
    reason : why there are no maps by t-SNE and UMAP, where there are none
    """

    numbers: EpochNumbers
    shown: tuple[int, ...]
    strips: tuple[Strip, ...]
    order: NDArray[np.int64]
    vector_drifts: tuple[float, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", read_only(self.order, np.int64, (len(self.numbers.class_names),), "order"))
        for name in ("shown", "strips", "vector_drifts"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if any(len(strip.projections) != len(self.shown) for strip in self.strips) or len(self.vector_drifts) != len(self.shown):
            raise ValueError(f"film: not all views have {len(self.shown)} epochs")

    def __repr__(self) -> str:
        n = self.numbers
        return f"<epoch film of {len(n.labels):,} images, epochs {n.epochs[0]} to {n.epochs[-1]}; .frame(), .classes(), .pairs(), .forgetting(), .plot()>"

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs that are shown."""
        return tuple(self.numbers.epochs[i] for i in self.shown)

    @property
    def axes(self) -> NDArray[np.float64]:
        """Each class's axis in the linear views, float64 (c, 2), unit rows."""
        return class_axes(self.order)

    def frame(self) -> pd.DataFrame:
        """`EpochNumbers.frame()`, and of every epoch shown: moved_from (the epoch shown before), the way of the penultimate vectors and of each view's
        points (`drift_*`), that of mapping the same vectors again (`still_*`), trustworthiness and recall of each map with their intervals.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for i, place in enumerate(self.shown):
            row: dict[str, Any] = {"epoch": self.numbers.epochs[place], "moved_from": self.epochs[i - 1] if i else np.nan}
            row["drift_vectors"] = self.vector_drifts[i]
            for strip in self.strips:
                row |= {f"drift_{strip.method}": strip.drifts[i], f"still_{strip.method}": strip.stills[i]}
                scores = strip.projections[i].scores
                keys = [f"{score}{end}" for score in ("trustworthiness", "recall") for end in ("", "_low", "_high")]
                row |= {f"{strip.method}_{key}": float(scores.get(key, np.nan)) for key in keys}
            rows.append(row)
        return self.numbers.frame().merge(pd.DataFrame(rows), on="epoch", how="left")

    def classes(self) -> pd.DataFrame:
        """One row per class and epoch: recall with its interval, and when the class was learned."""
        return self.numbers.class_frame()

    def pairs(self) -> pd.DataFrame:
        """One row per directed pair of classes and epoch: how often it was mixed up, with its interval."""
        return self.numbers.pair_frame()

    def forgetting(self) -> pd.DataFrame:
        """One row per image: what was learned of it and forgotten again, and when."""
        return self.numbers.image_frame()

    def readings(self) -> list[str]:
        """What the film shows, in sentences computed from it."""
        return [*self.numbers.readings(), *drift_readings(self)]

    def caption(self) -> str:
        """What is drawn, what it shows, of how many images and by which methods."""
        return join([f"The epoch film: epochs {self.epochs[0]} to {self.epochs[-1]} of one training", *drift_readings(self), self.method()])

    def method(self) -> str:
        """How the views were made, and of what."""
        n = len(self.numbers.labels)
        said = [
            f"n = {n:,} stratified images of the test split, looked at before training (epoch 0) and after each epoch; nothing was chosen by them. Linear "
            "views: each image's logits (or probabilities) times one fixed matrix, whose rows are the classes' axes; classes that the last epoch mixes up "
            "stand side by side. The same logits stand at the same place in every epoch"
        ]
        mapped = [s for s in self.strips if s.method not in LINEAR]
        if self.reason:
            said.append(self.reason)
        elif mapped:
            p = mapped[0].projections[-1]
            said.append(
                f"{' and '.join(VIEWS[s.method][0] for s in mapped)}: penultimate activations, each epoch started from the epoch before, rotated onto it and "
                f"scaled to its size, seed {p.seed}. Distances between groups are not to be read. Still: the same activations mapped again from their own map "
                "with another seed, by the same procedure"
            )
        said.append("Drift: root mean square of the points' way over their extent; of the activations in their own space, with shift and rotation undone")
        return join(said)

    def rule(self) -> str:
        """When a class counts as learned."""
        return f"A class counts as {LEARNED}. Where images are few only large differences show, so a class may look learned early"

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the drift from epoch to epoch into `ax`, or everything onto a sheet of its own: a column per epoch, a row per view."""
        with styled():
            if ax is not None:
                draw_drift(ax, self)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        columns = shown_epochs(self.epochs, COLUMNS)
        side = float(np.clip((_WIDEST - MARGIN - _LEFT) / max(len(columns), 1) - _GAP, 0.9, 1.75))
        width = max(6.6, MARGIN + _LEFT + len(columns) * (side + _GAP) + MARGIN)
        names, colors = self.numbers.class_names, label_colors(len(self.numbers.class_names))
        present = np.unique(self.numbers.labels).tolist()
        key = ColorKey([names[k] for k in present], [colors[k] for k in present], width=width - 2 * MARGIN, heading="class")
        top = MARGIN + key.height + 0.08 + _HEAD
        below = top + len(self.strips) * (side + _FOOT)
        sheet = Sheet(width=width, body=below + 0.22 + _PANEL + 0.3, caption=join([prefix, self.caption()]), stamp=stamp)
        key.draw(sheet, MARGIN, MARGIN)
        for j, i in enumerate(columns):
            x = MARGIN + _LEFT + j * (side + _GAP) + side / 2
            sheet.text(x, top - 0.07, epoch_words(self.epochs[i]), fontsize=BODY, color=INK, ha="center", va="baseline")
        for r, strip in enumerate(self.strips):
            self._row(sheet, strip, columns, MARGIN, top + r * (side + _FOOT), side)
        sheet.text(MARGIN, below + 0.36, "drift", fontsize=BODY, color=INK, va="baseline")
        for k, line in enumerate(("from the epoch before;", "dashed: where nothing", "has changed; root scale")):
            sheet.text(MARGIN, below + 0.48 + 0.115 * k, line, fontsize=SMALL, color=GREY, va="baseline")
        draw_drift(sheet.axes(MARGIN + _LEFT + 0.28, below + 0.22, width - 2 * MARGIN - _LEFT - 0.28 - 1.3, _PANEL, gid="film-drift"), self)
        return sheet.figure

    def _row(self, sheet: Sheet, strip: Strip, columns: Sequence[int], left: float, top: float, side: float) -> None:
        title, words, color = VIEWS[strip.method]
        sheet.text(left, top + 0.14, title, fontsize=BODY, color=color, va="baseline")
        for k, line in enumerate(words):
            sheet.text(left, top + 0.26 + 0.115 * k, line, fontsize=SMALL, color=GREY, va="baseline")
        half = reach(strip)
        for j, i in enumerate(columns):
            x = left + _LEFT + j * (side + _GAP)
            ax = sheet.axes(x, top, side, side, gid=f"film-{strip.method}-{j}")
            display = MapDisplay(strip.projections[i], self.numbers.labels, self.numbers.class_names)
            if strip.method in LINEAR and display.drawable:
                draw_axes(ax, self.axes, 0.98 * half)
            display.draw(ax, names=False, rings=False)
            if display.drawable:
                ax.set(xlim=(-half, half), ylim=(-half, half))  # one scale for all, so that a point's way is seen
            for points in ax.collections:
                points.set_rasterized(len(self.numbers.labels) * len(columns) * len(self.strips) > VECTOR_POINTS)
            if np.isfinite(strip.drifts[i]):
                since = f" since {self.epochs[i - 1]}" if len(columns) < len(self.shown) else ""
                still = f", still {short(strip.stills[i])}" if np.isfinite(strip.stills[i]) else ""
                sheet.text(x + side / 2, top + side + 0.1, f"drift {short(strip.drifts[i])}{since}{still}", fontsize=6, color=GREY, ha="center", va="baseline")


def reach(strip: Strip) -> float:
    """Half the side of a square around the middle that holds all points of all epochs."""
    return 1.06 * max((float(np.abs(p.coords).max(initial=0.0)) for p in strip.projections if not p.note), default=1.0) or 1.0


def draw_axes(ax: Axes, axes: NDArray[np.float64], length: float) -> None:
    """The classes' axes from the middle, each ending in its colour."""
    for (x, y), color in zip(axes * length, label_colors(len(axes)), strict=False):
        ax.plot([0, x], [0, y], color=RULE, linewidth=0.5, zorder=0)
        ax.plot([x], [y], marker="o", markersize=2.6, color=color, zorder=4, clip_on=False)


def draw_drift(ax: Axes, film: FilmDisplay) -> None:
    """How far each view's points moved from epoch to epoch, and dashed how far where nothing had changed."""
    x = np.arange(len(film.epochs))
    curves: list[tuple[str, str, Sequence[float], Sequence[float] | None]] = [("activations", INK, film.vector_drifts, None)]
    curves += [(VIEWS[s.method][0], VIEWS[s.method][2], s.drifts, None if s.method in LINEAR else s.stills) for s in film.strips]
    ends: list[tuple[float, str, str]] = []
    for name, color, drifts, stills in curves:
        ax.plot(x, drifts, color=color, linewidth=1.0, marker="o", markersize=2.4)
        if np.isfinite(drifts[-1]):
            ends.append((float(drifts[-1]), name, color))
        if stills is not None and np.isfinite(stills).any():
            known = np.isfinite(stills)
            ax.plot(x[known], np.asarray(stills)[known], color=color, linewidth=0.9, linestyle=(0, (3, 2)), marker="o", markersize=1.8)
    highest = max((float(np.nanmax(d)) for _, _, d, _ in curves if np.isfinite(d).any()), default=0.0)
    top = 1.12 * (highest or 1.0)
    ax.set(xlim=(0.5 if len(x) > 1 else -0.5, max(len(x) - 0.96, 0.5)), ylim=(0, top))
    ax.set_yscale("function", functions=(lambda v: np.sqrt(np.maximum(v, 0)), np.square))  # from 0, and small drifts still tell apart
    ax.set_yticks([t for t in (0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if t <= top])
    ax.set_xticks(x[1:], [f"{a} → {b}" for a, b in pairwise(film.epochs)])
    ax.tick_params(length=2)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=RULE)
    inches = ax.get_window_extent().height / ax.figure.dpi
    for y, (value, name, color) in zip(spread([float(np.sqrt(v / top)) for v, *_ in ends], 0.13 / inches), ends, strict=True):
        ax.annotate(f"{name} {short(value)}", (1.0, y), xycoords="axes fraction", xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=SMALL, color=color, annotation_clip=False)  # fmt: skip


def spread(values: Sequence[float], gap: float) -> list[float]:
    """The values, moved upwards and then as a whole down until neighbours lie `gap` apart; in the order given."""
    order = np.argsort(values, kind="stable")
    placed = np.array(values, float)
    for a, b in pairwise(order):
        placed[b] = max(placed[b], placed[a] + gap)
    shift = float(np.mean(placed - np.array(values))) if len(placed) else 0.0
    floor = float(placed.min() - shift) if len(placed) else 0.0
    return list(placed - shift + max(0.0, -floor))


def epoch_words(epoch: int) -> str:
    return "before training" if epoch == 0 else f"epoch {epoch}"


def short(value: float) -> str:
    """``.12``, ``1.03``, ``0``: two digits of a drift."""
    text = f"{value:.2f}"
    return "0" if value == 0 else text.removeprefix("0") if value < 1 else text


def drift_readings(film: FilmDisplay) -> list[str]:
    """What moved at the film's last step, and how much of it the maps make by themselves."""
    steps = [i for i in range(1, len(film.shown)) if np.isfinite(film.vector_drifts[i])]
    if not steps:
        return []
    i = steps[-1]
    by_method = {s.method: s for s in film.strips}
    words = [f"the penultimate activations moved by {short(film.vector_drifts[i])}"]
    if "logits" in by_method:
        words.append(f"the logits on their fixed axes by {short(by_method['logits'].drifts[i])}")
    for method in ("tsne", "umap"):
        strip = by_method.get(method)
        if strip is None or not np.isfinite(strip.drifts[i]):
            continue
        still = f" ({short(strip.stills[i])} when nothing has changed)" if np.isfinite(strip.stills[i]) else ""
        words.append(f"{VIEWS[method][0]} by {short(strip.drifts[i])}{still}")
    nothing = all(d == 0 for s in film.strips if s.method in LINEAR for d in s.drifts[1:])
    first, second = film.epochs[i - 1], film.epochs[i]
    said = [f"From {epoch_words(first)} to epoch {second} {', '.join(words)}"]
    if nothing:
        said.append("In no epoch did an image move on the fixed axes: whatever moves on the other maps is their own drift")
    return said
