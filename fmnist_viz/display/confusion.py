"""The confusion matrix as a picture: what was right in blue, what was taken for something else in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.confusion import Confusion, sentence
from fmnist_viz.analysis.significance import LEVEL
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join, shorten, text_width
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.analysis.confusion_order import ClassTree

MOST_CELL_TEXT = 25  # classes; beyond, numbers in cells could not be read
TREE = 0.95  # inches that the tree takes beside the matrix
_EMPTY = (0.93, 0.93, 0.93)  # the row of a class without images
_SHARES = {
    "row": ("% of each true class", "percent of the row (the true class)"),
    "column": ("% of each predicted class", "percent of the column (all images taken for the class)"),
    "overall": ("% of all images", "percent of all images"),
}


@dataclass(frozen=True)
class ConfusionDisplay:
    """A confusion matrix: rows are true classes, columns predicted ones; cells hold counts, or percent of `rates`.

    rates : False for counts; "row" (True means the same), "column" or "overall" for shares
    ordered : classes that are taken for each other side by side, with the tree that says so; else the order of the data
    marks : which cells are more than chance; by default on a sheet of its own, whose caption explains them
    """

    confusion: Confusion
    rates: bool | Literal["row", "column", "overall"] = field(default=False, kw_only=True)
    leading: int = field(default=3, kw_only=True)  # pairs that the caption names with their interval
    ordered: bool = field(default=False, kw_only=True)
    marks: bool | None = field(default=None, kw_only=True)

    def frame(self) -> pd.DataFrame:
        """One row per cell, in the order of the data: see `Confusion.frame`."""
        return self.confusion.frame()

    @property
    def of(self) -> str:
        """What cells are shares of: "row", "column", "overall", or "" for counts."""
        return "row" if self.rates is True else self.rates or ""

    @cached_property
    def order(self) -> list[int]:
        """The classes from top to bottom."""
        return list(self.confusion.tree.order if self.ordered else range(len(self.confusion.class_names)))

    @property
    def worst(self) -> float:
        """The highest rate off the diagonal, 0..1: full red."""
        off = self.confusion.rates[~np.eye(len(self.confusion.class_names), dtype=bool)]
        return float(np.nanmax(off)) if off.size and np.isfinite(off).any() else 0.0

    def colors(self) -> NDArray[np.float64]:
        """RGB of every cell, float64 (c, c, 3): the diagonal from white to blue by rate, the rest from white to red at the worst rate."""
        from matplotlib.colors import to_rgb

        rates, c = self.confusion.rates, len(self.confusion.class_names)
        strength = np.clip(np.nan_to_num(rates / self.worst if self.worst else rates), 0, 1)
        np.fill_diagonal(strength, np.nan_to_num(np.diag(rates)))
        full = np.where(np.eye(c, dtype=bool)[:, :, None], to_rgb(RIGHT), to_rgb(WRONG))
        rgb: NDArray[np.float64] = 1 - strength[:, :, None] * (1 - full)
        rgb[self.confusion.support == 0] = _EMPTY
        return rgb

    def cell_texts(self) -> NDArray[np.object_]:
        """What stands in each cell, (c, c): a count or a percentage; empty for zero and above 25 classes."""
        c = len(self.confusion.class_names)
        texts = np.full((c, c), "", dtype=object)
        if c <= MOST_CELL_TEXT:
            counts, rates = self.confusion.counts, self.confusion.share(self.of or "row")[0]
            for t, p in zip(*np.nonzero(counts), strict=True):
                texts[t, p] = f"{100 * rates[t, p]:.1f}" if self.of else f"{counts[t, p]:,}"
        return texts

    def caption(self) -> str:
        """n, accuracy and the leading pairs with their intervals, and how the colours are to be read."""
        c, names = self.confusion, self.confusion.class_names
        value, low, high = c.accuracy
        said = [f"n = {c.n:,} images of {len(names)} classes"]
        if c.n:
            said.append(f"Accuracy {100 * value:.1f} % (95 % interval {100 * low:.1f}–{100 * high:.1f})")
        pairs = Confusion(c.counts, tuple(map(shorten, names))).pairs().head(self.leading)
        lines = [sentence(pair) for pair in pairs.to_dict("records")]
        said.append("Most confused: " + "; ".join(lines) if lines else "No image was taken for another class" if c.n else "")
        what = _SHARES[self.of][1] if self.of else "images"
        said.append(f"Numbers: {what}; no number: none" if len(names) <= MOST_CELL_TEXT else "Cells hold no numbers above 25 classes")
        said.append(f"Blue: share of the class that was right, full at 100 %; red: share taken for another class, full at {100 * self.worst:.1f} %")
        empty = [shorten(names[i]) for i in np.flatnonzero(c.support == 0)]
        if empty:
            said.append(f"Grey: no images of {', '.join(empty[:5])}" + (f" and {len(empty) - 5} more" if len(empty) > 5 else ""))
        if self.marks is not False and len(names) > 1:
            said += self._marks_said()
        if self.ordered and len(names) > 1:
            said += self._order_said()
        return join(said)

    def _marks_said(self) -> list[str]:
        """What the two marks mean, and how many cells bear them."""
        directions, excess = self.confusion.directions, self.confusion.excess
        pairs, free = np.isfinite(directions.q).sum() // 2, int(np.isfinite(excess.q).sum())
        many = f"q < {LEVEL:g} by Benjamini-Hochberg over"
        return [
            f"Triangle at the top right ({directions.more.sum()} cells): more often than the other way round, Fisher's exact test, {many} {pairs} pairs",
            f"Dot at the top left ({excess.more.sum()} cells): more often than the row's and the column's errors explain, adjusted residual of "
            f"quasi-independence, {many} {free} cells",
        ]

    def _order_said(self) -> list[str]:
        tree = self.confusion.tree
        said = [
            "Order and tree: average linkage of the share swapped between two classes, both directions together (of images answered with one of the two, "
            "equally many of each), optimal leaf order; cells stay directed"
        ]
        number, c = tree.suggested, len(tree.order)
        if number < c:
            said.append(
                f"Framed: {number} groups, the cut that keeps most errors inside beyond quasi-independence "
                f"({100 * tree.surplus[number - 1]:.0f} % of all errors)"
            )
        return said

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self.draw(ax, marks=bool(self.marks), cell=ax.get_window_extent().width / ax.figure.dpi / max(1, len(self.confusion.class_names)))
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        c = len(self.confusion.class_names)
        cell = float(np.clip(5.2 / c, 0.12, 0.85))
        size = _name_size(cell)
        longest = max(text_width(shorten(name), size) for name in self.confusion.class_names) / 72
        left, top = MARGIN + 0.22 + longest + 0.06, MARGIN + 0.2
        below = (size / 72 if longest < cell * 0.92 else longest * (1.0 if _upright(c) else 0.72)) + 0.12
        side = c * cell
        beside = TREE if self.ordered and c > 1 else 0.0
        width = max(5.2, left + side + beside + MARGIN)
        left += max(0.0, (width - left - side - beside - MARGIN) / 2)
        sheet = Sheet(width=width, body=top + side + below + 0.22, caption=join([prefix, self.caption()]), stamp=stamp)
        self.draw(sheet.axes(left, top, side, side, gid="matrix"), marks=self.marks is not False, cell=cell)
        if beside:
            draw_tree(sheet.axes(left + side + 0.06, top, beside - 0.12, side, gid="tree"), self.confusion.tree)
            sheet.text(left + side + beside - 0.06, top + side + 0.28, "share swapped", fontsize=SMALL, color=GREY, ha="right", va="baseline")
        sheet.text(left - longest - 0.12, top + side / 2, "true class", fontsize=BODY, color=GREY, rotation=90, ha="right", va="center")
        sheet.text(left + side / 2, top + side + below + 0.14, "predicted class", fontsize=BODY, color=GREY, ha="center", va="baseline")
        title = f"Confusion, {_SHARES[self.of][0]}" if self.of else "Confusion, number of images"
        sheet.text(left, top - 0.09, title, fontsize=HEAD, color=INK, ha="left", va="baseline")
        return sheet.figure

    def draw(self, ax: Axes, *, marks: bool, cell: float) -> None:
        """The matrix with the names of its rows and columns; `cell` is the side of a cell in inches. Call it inside `styled()`."""
        at = np.ix_(self.order, self.order)
        names = [shorten(self.confusion.class_names[k]) for k in self.order]
        c, rgb, texts, size = len(names), self.colors()[at], self.cell_texts()[at], _name_size(cell)
        ax.imshow(rgb, interpolation="none", aspect="equal", extent=(-0.5, c - 0.5, c - 0.5, -0.5))
        turned: dict[str, Any] = {"rotation": 90} if _upright(c) else {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        if max(text_width(name, size) for name in names) < cell * 72 * 0.92:
            turned = {}
        ax.set_xticks(range(c), names, fontsize=size, color=INK, parse_math=False, **turned)
        ax.set_yticks(range(c), names, fontsize=size, color=INK, parse_math=False)
        ax.tick_params(length=0, pad=3)
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if c <= MOST_CELL_TEXT:  # white lines between cells; at a hundred classes they would eat them
            for i in np.arange(c - 1) + 0.5:
                ax.axhline(i, color="white", linewidth=0.8)
                ax.axvline(i, color="white", linewidth=0.8)
        luminance = rgb @ (0.2126, 0.7152, 0.0722)
        if self.ordered:
            self._frame_groups(ax)
        if marks:
            draw_marks(ax, self.confusion.directions.more[at], self.confusion.excess.more[at], np.where(luminance < 0.57, 1.0, 0.0))
        widest = max([text_width(text, 1.0) for text in texts.ravel()] + [1.0])
        number_size = float(np.clip(cell * 72 * 0.86 / widest, 3.0, BODY))
        for (t, p), text in np.ndenumerate(texts):
            if text:
                color = "white" if luminance[t, p] < 0.57 else INK
                ax.text(p, t, text, fontsize=number_size, color=color, ha="center", va="center", parse_math=False)

    def _frame_groups(self, ax: Axes) -> None:
        """A square around each of the suggested groups of more than one class."""
        from matplotlib.patches import Rectangle

        tree, start = self.confusion.tree, -0.5
        for group in tree.cut(tree.suggested) if tree.order else ():
            if 1 < len(group) < len(self.order):
                ax.add_patch(Rectangle((start, start), len(group), len(group), fill=False, edgecolor=INK, linewidth=0.9, zorder=3, gid="group"))
            start += len(group)


def draw_marks(ax: Axes, more: NDArray[np.bool_], beyond: NDArray[np.bool_], light: NDArray[np.float64]) -> None:
    """A triangle in the top right corner of the cells of `more`, a dot in the top left one of those of `beyond`; `light` is 1 where the cell is dark."""
    from matplotlib.collections import EllipseCollection, PolyCollection

    side, inset = (0.24, 0.05) if len(more) <= MOST_CELL_TEXT else (0.45, 0.02)
    colors = [INK, "white"]
    if len(cells := np.argwhere(more)):
        right, top = cells[:, 1] + 0.5 - inset, cells[:, 0] - 0.5 + inset
        corners = np.stack([np.stack([right - side, top], 1), np.stack([right, top], 1), np.stack([right, top + side], 1)], 1)
        ax.add_collection(PolyCollection(list(corners), facecolors=[colors[int(light[t, p])] for t, p in cells], linewidths=0, gid="direction"))
    if len(cells := np.argwhere(beyond)):
        size = np.full(len(cells), side * 0.85)
        places = np.stack([cells[:, 1] - 0.5 + inset + side / 2, cells[:, 0] - 0.5 + inset + side / 2], 1)
        ax.add_collection(
            EllipseCollection(
                size, size, np.zeros(len(cells)), units="xy", offsets=places, offset_transform=ax.transData,
                facecolors=[colors[int(light[t, p])] for t, p in cells], linewidths=0, gid="excess",
            )
        )  # fmt: skip


def draw_tree(ax: Axes, tree: ClassTree) -> None:
    """The branches beside the rows of an ordered matrix: each upright line stands at the share swapped between what it joins, on a square-root scale."""
    from matplotlib.collections import LineCollection

    c = len(tree.order)
    most = max(merge.mutual for merge in tree.merges)
    scale = float(np.sqrt(most)) if most > 0 else 1.0
    height = {k: float(i) for i, k in enumerate(tree.order)}
    reach = dict.fromkeys(range(c), 1.0)
    lines = []
    for i, merge in enumerate(tree.merges):
        x = float(np.sqrt(merge.mutual))
        ends = (height[merge.left], height[merge.right])
        first, second = (min(reach[node], scale * 1.12) if node >= c else scale * 1.12 for node in (merge.left, merge.right))
        lines.append([(first, ends[0]), (x, ends[0]), (x, ends[1]), (second, ends[1])])
        height[c + i], reach[c + i] = sum(ends) / 2, x
    ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.8, gid="branches"))
    ax.set_xlim(scale * 1.12, -0.04 * scale)
    ax.set_ylim(c - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ticks = [v for v in (0.0, round(most, 3 if most < 0.02 else 2)) if v == 0 or most > 0]
    ax.set_xticks([float(np.sqrt(v)) for v in ticks], [f"{100 * v:.3g} %" if v else "0" for v in ticks], fontsize=SMALL, color=GREY)
    ax.tick_params(length=2, pad=2)


def _upright(classes: int) -> bool:
    """Whether the names of columns stand upright: above twelve classes slanted ones would run into each other."""
    return classes > 12


def _name_size(cell: float) -> float:
    """Type size of row and column names in points, for cells of `cell` inches."""
    return float(np.clip(cell * 72 * 0.8, 3.5, BODY))
