"""What the model said before it was trained and what it says after: probabilities of the same images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import mean_interval, wilson
from fmnist_viz.core.palette import NEUTRAL, RIGHT, WRONG
from fmnist_viz.core.types import LabeledImages, read_only
from fmnist_viz.display.answers import MARKS
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sample_grid import dark_ground, shown
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import GREY, INK, SMALL, readable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH, _LINE, _GAP = 0.105, 0.13, 0.16  # inches
_NAME, _BARS, _NUMBER, _TINY = 0.68, 0.72, 0.28, 5.5
MOST_CLASSES = 20


@dataclass(frozen=True)
class BeforeAfterDisplay:
    """`before` and `after` float32 (n, classes): the probabilities of all probe images; `count` images are drawn, the first ones of different classes."""

    images: LabeledImages
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    epochs: int
    count: int = field(default=6, kw_only=True)
    cols: int = field(default=2, kw_only=True)

    def __post_init__(self) -> None:
        shape = (len(self.images), len(self.images.class_names))
        object.__setattr__(self, "before", read_only(self.before, np.float32, shape, "before"))
        object.__setattr__(self, "after", read_only(self.after, np.float32, shape, "after"))

    def chosen(self) -> list[int]:
        """The first image of each class, `count` of them in the order of the images."""
        _, first = np.unique(self.images.labels, return_index=True)
        return np.sort(first)[: self.count].tolist()

    def frame(self) -> pd.DataFrame:
        """One row per drawn image and class: sample_id, true, class, before, after (0..1)."""
        import pandas as pd

        names, rows = self.images.class_names, []
        for i in self.chosen():
            for k, name in enumerate(names):
                values = {"before": float(self.before[i, k]), "after": float(self.after[i, k])}
                rows.append({"sample_id": str(self.images.sample_ids[i]), "true": names[self.images.labels[i]], "class": name, **values})
        return pd.DataFrame(rows, columns=["sample_id", "true", "class", "before", "after"])

    def reading(self) -> str:
        """How sure and how right the model was before and after, over all probe images."""
        said = []
        for word, p in (("Before training", self.before), (f"after {self.epochs} epoch{'s' * (self.epochs != 1)}", self.after)):
            sure, low, high = mean_interval(p.max(axis=1))
            right = int((p.argmax(axis=1) == self.images.labels).sum())
            a, b = wilson(right, len(p))
            share = f"{100 * right / len(p):.1f} % right ({100 * float(a):.1f}–{100 * float(b):.1f})"
            said.append(f"{word} the likeliest class gets {100 * sure:.1f} % on average ({100 * low:.1f}–{100 * high:.1f}) and is {share}")
        return "; ".join(said) + f"; n = {len(self.images):,} probe images, 95 % intervals"

    def caption(self) -> str:
        chance = 100 / len(self.images.class_names)
        lines = f"Dashed line: {chance:.3g} %, what guessing gives each class"
        marks = f"{MARKS[True]} blue: predicted and right, {MARKS[False]} red hatched: predicted and wrong, blue outline: the true class where it was missed"
        return join([self.reading(), f"Drawn: the first probe image of {len(self.chosen())} classes", lines, marks])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        side = side_of(min(96, max(self.images.images.shape[1:3])), 0.76)
        bars = min(MOST_CLASSES, len(self.images.class_names))
        cell = side + 0.1 + _NAME + 2 * (_BARS + _NUMBER) + _GAP
        tall = 2.6 * _LINE + max(bars * _PITCH, side + _LINE) + _GAP
        rows = self.chosen()
        cols = max(1, min(self.cols, len(rows)))
        width, body = max(3.6, 2 * MARGIN + cols * cell - _GAP), MARGIN + -(-max(1, len(rows)) // cols) * tall

        def draw(ax: Axes) -> None:
            pictures = shown(self.images.images[rows], dark_ground(self.images.images))
            for place, (i, pixels) in enumerate(zip(rows, pictures, strict=True)):
                self._one(ax, i, pixels, MARGIN + (place % cols) * cell, MARGIN + (place // cols) * tall, side)

        return canvas(draw, width, body, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _one(self, ax: Axes, i: int, pixels: NDArray[np.uint8], left: float, top: float, side: float) -> None:
        names, true = self.images.class_names, int(self.images.labels[i])
        look: dict[str, Any] = {"va": "center_baseline", "parse_math": False}
        ax.text(left, top + _LINE * 0.5, fitted(names[true], 1.2 * 72, SMALL), fontsize=SMALL, color=INK, **look)
        y0 = top + 2.6 * _LINE
        tile(ax, pixels, left, y0, side, gid=f"image-{i}")
        ax.text(left + side / 2, y0 + side + _LINE * 0.7, str(self.images.sample_ids[i]), fontsize=SMALL, color=GREY, ha="center", **look)
        x0 = left + side + 0.1 + _NAME
        # of many classes the likeliest ones after training, the true one among them
        order = np.argsort(-self.after[i], kind="stable")[:MOST_CLASSES].tolist()
        kept = sorted(order if true in order else [*order[:-1], true])
        for row, k in enumerate(kept):
            y = y0 + (row + 0.5) * _PITCH
            ax.text(x0 - 0.05, y, fitted(names[k], (_NAME - 0.06) * 72, _TINY), fontsize=_TINY, color=INK if k == true else GREY, ha="right", **look)
        for column, (word, p) in enumerate((("before", self.before[i]), ("after", self.after[i]))):
            self._column(ax, i, word, p, kept, x0 + column * (_BARS + _NUMBER), y0)

    def _column(self, ax: Axes, i: int, word: str, p: NDArray[np.float32], kept: list[int], x: float, y0: float) -> None:
        from matplotlib.patches import Rectangle

        true, predicted, foot = int(self.images.labels[i]), int(p.argmax()), y0 + len(kept) * _PITCH
        right = true == predicted
        color = readable(RIGHT if right else WRONG)
        ax.text(x, y0 - _LINE * 0.7, f"{word} {MARKS[right]}", fontsize=SMALL, color=color, va="center_baseline", parse_math=False, gid=f"{word}-{i}")
        chance = x + _BARS / len(self.images.class_names)
        ax.plot([chance, chance], [y0, foot], color=GREY, linewidth=0.6, linestyle=(0, (3, 2)))
        for row, k in enumerate(kept):
            y, value = y0 + (row + 0.5) * _PITCH, float(p[k])
            look: dict[str, Any] = {"facecolor": NEUTRAL, "linewidth": 0}
            if k == predicted:
                look = {"facecolor": RIGHT, "linewidth": 0} if right else {"facecolor": WRONG, "edgecolor": "white", "linewidth": 0, "hatch": "////////"}
            elif k == true:
                look = {"facecolor": "none", "edgecolor": RIGHT, "linewidth": 0.9}
            ax.add_patch(Rectangle((x, y - _PITCH * 0.38), _BARS * value, _PITCH * 0.76, gid=f"{word}-{i}-{k}", **look))
            if k in (predicted, true):
                ax.text(x + _BARS * value + 0.03, y, f"{100 * value:.0f} %", fontsize=_TINY, color=INK, va="center_baseline", parse_math=False)
        ax.plot([x, x], [y0, foot], color=NEUTRAL, linewidth=0.6)
