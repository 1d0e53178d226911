"""Prediction cards: an image beside the probability of every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.palette import NEUTRAL, RIGHT, WRONG
from fmnist_viz.core.types import read_only
from fmnist_viz.display.answers import MARKS
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import fitted, join, shorten
from fmnist_viz.display.sample_grid import dark_ground, shown
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import GREY, INK, SMALL, readable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS = 12  # classes with a bar of their own; of more the likeliest ones are drawn
_PITCH, _LINE, _GAP = 0.112, 0.13, 0.16  # inches: from bar to bar, a line of text, between cards
_NAME, _BARS, _NUMBER = 0.72, 0.95, 0.3  # inches: names, bars, percentages


@dataclass(frozen=True)
class Nearest:
    """The training images nearest to each image: images uint8 (n, k, h, w, c), labels int64 (n, k), ids str (n, k), distances float32 (n, k), ascending;
    `space` says what the distances are measured in."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    distances: NDArray[np.float32]
    space: str

    @property
    def k(self) -> int:
        return int(self.labels.shape[1])


@dataclass(frozen=True)
class CardsDisplay:
    """One card per image.

    images uint8 (n, h, w, c);  y_proba float32 (n, classes);  labels int64 (n,), -1 where the truth is not known;  names: what stands below each image.
    """

    images: NDArray[np.uint8]
    y_proba: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    choice: str = ""
    cols: int = field(default=3, kw_only=True)
    nearest: Nearest | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        n = len(self.images)
        object.__setattr__(self, "images", read_only(self.images, np.uint8, (n, None, None, None), "images"))
        object.__setattr__(self, "y_proba", read_only(self.y_proba, np.float32, (n, len(self.class_names)), "y_proba"))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (n,), "labels"))

    @property
    def y_pred(self) -> NDArray[np.int64]:
        return self.y_proba.argmax(axis=1).astype(np.int64)

    def frame(self) -> pd.DataFrame:
        """One row per image and class: card, name, class, probability (0..1), role ("predicted", "true", "predicted and true" or "")."""
        import pandas as pd

        rows = []
        for i, name in enumerate(self.names):
            for k, probability in enumerate(self.y_proba[i].tolist()):
                roles = [word for word, number in (("predicted", self.y_pred[i]), ("true", self.labels[i])) if number == k]
                rows.append({"card": i, "name": name, "class": self.class_names[k], "probability": probability, "role": " and ".join(roles)})
        return pd.DataFrame(rows, columns=["card", "name", "class", "probability", "role"])

    def bars(self, i: int) -> list[int]:
        """The classes that card i draws, in their order: all of them, or the likeliest and the true one."""
        if len(self.class_names) <= MOST_BARS:
            return list(range(len(self.class_names)))
        first = np.argsort(-self.y_proba[i], kind="stable")[:MOST_BARS].tolist()
        if self.labels[i] >= 0 and self.labels[i] not in first:
            first[-1] = int(self.labels[i])
        return sorted(first)

    def caption(self) -> str:
        """What the colours and the hatching say."""
        known = bool((self.labels >= 0).any())
        said = [
            self.choice,
            f"n = {len(self.images):,} image{'s' * (len(self.images) != 1)}; bars: the probability that the model gives each class, from 0 to 100 %",
        ]
        if len(self.class_names) > MOST_BARS:
            said.append(f"The {MOST_BARS} likeliest of {len(self.class_names)} classes are drawn, the true one always among them")
        if known:
            said.append(
                f"{MARKS[True]} blue: predicted and right; {MARKS[False]} red hatched: predicted and wrong; blue outline: the true class where it was missed"
            )
        else:
            said.append("Dark bar: the predicted class; the true ones are not known")
        if self.nearest is not None:
            said.append(
                f"Below each card: the {self.nearest.k} training images nearest to it in {self.nearest.space}, nearest first; ≠: not of the predicted class"
            )
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        side = side_of(min(96, max(self.images.shape[1:3])), 0.76)
        count = max((len(self.bars(i)) for i in range(len(self.images))), default=1)
        cols = max(1, min(self.cols, len(self.images)))
        cell = side + 0.1 + _NAME + _BARS + _NUMBER + _GAP
        strip = 0.0 if self.nearest is None or not self.nearest.k else self._thumb(cell) + 2.6 * _LINE
        tall = 1.5 * _LINE + max(count * _PITCH, side + _LINE) + strip + _GAP
        width = max(2 * MARGIN + cols * cell - _GAP, 3.6)
        body = MARGIN + -(-max(1, len(self.images)) // cols) * tall

        def draw(ax: Axes) -> None:
            pictures = shown(self.images, dark_ground(self.images))
            for i, pixels in enumerate(pictures):
                left, top = MARGIN + (i % cols) * cell, MARGIN + (i // cols) * tall
                self._card(ax, i, pixels, left, top, side, cell - _GAP)
                if strip:
                    self._strip(ax, i, left, top + tall - _GAP - strip, cell)

        return canvas(draw, width, body, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _card(self, ax: Axes, i: int, pixels: NDArray[np.uint8], left: float, top: float, side: float, width: float) -> None:
        """Title, image, its name, and the bars."""
        predicted, true = int(self.y_pred[i]), int(self.labels[i])
        known, right = true >= 0, predicted == true
        color = readable(RIGHT if right else WRONG) if known else INK
        said = f"{self.class_names[predicted]} {100 * self.y_proba[i, predicted]:.0f} %" + ("" if right or not known else f", is {self.class_names[true]}")
        title = f"{MARKS[right]} " * known + fitted(said, (width - 0.15) * 72, SMALL)
        look: dict[str, Any] = {"fontsize": SMALL, "va": "center_baseline", "parse_math": False}
        ax.text(left, top + _LINE * 0.5, title, color=color, gid=f"card-{i}", **look)
        y0 = top + 1.5 * _LINE
        tile(ax, pixels, left, y0, side, gid=f"image-{i}")
        ax.text(left + side / 2, y0 + side + _LINE * 0.7, fitted(self.names[i], (side + 0.08) * 72, SMALL), color=GREY, ha="center", gid=f"name-{i}", **look)
        x0 = left + side + 0.1 + _NAME
        for row, k in enumerate(self.bars(i)):
            y, p = y0 + (row + 0.5) * _PITCH, float(self.y_proba[i, k])
            marked = k in (predicted, true)
            shade = INK if marked else GREY
            ax.text(x0 - 0.05, y, fitted(shorten(self.class_names[k]), (_NAME - 0.06) * 72, 5.5), color=shade, ha="right", **{**look, "fontsize": 5.5})
            self._bar(ax, x0, y, p, i, k)
            if marked or p >= 0.01:
                ax.text(x0 + _BARS * p + 0.04, y, f"{100 * p:.0f} %", color=shade, **{**look, "fontsize": 5.5})
        ax.plot([x0, x0], [y0, y0 + len(self.bars(i)) * _PITCH], color=NEUTRAL, linewidth=0.6)

    def _bar(self, ax: Axes, x0: float, y: float, p: float, i: int, k: int) -> None:
        from matplotlib.patches import Rectangle

        predicted, true = int(self.y_pred[i]) == k, int(self.labels[i]) == k
        look: dict[str, Any] = {"facecolor": NEUTRAL, "linewidth": 0}
        if predicted and true:
            look = {"facecolor": RIGHT, "linewidth": 0}
        elif predicted and self.labels[i] >= 0:
            look = {"facecolor": WRONG, "edgecolor": "white", "linewidth": 0, "hatch": "////////"}
        elif predicted:
            look = {"facecolor": "#555555", "linewidth": 0}
        elif true:
            look = {"facecolor": "white", "edgecolor": RIGHT, "linewidth": 0.9}
        ax.add_patch(Rectangle((x0, y - _PITCH * 0.38), _BARS * p, _PITCH * 0.76, gid=f"bar-{i}-{k}", **look))
        if true and not predicted:  # an outline of no width would not be seen
            ax.plot([x0, x0], [y - _PITCH * 0.38, y + _PITCH * 0.38], color=RIGHT, linewidth=1.2)

    def _thumb(self, cell: float) -> float:
        assert self.nearest is not None
        longest = min(96, max(self.images.shape[1:3]))
        return side_of(longest, min(0.4, (cell - _GAP) / max(1, self.nearest.k) - 0.06))

    def _strip(self, ax: Axes, i: int, left: float, top: float, cell: float) -> None:
        """The nearest training images with their class, ringed where it is not the predicted one, and their number."""
        assert self.nearest is not None
        side, step = self._thumb(cell), (cell - _GAP) / self.nearest.k
        look: dict[str, Any] = {"fontsize": 5.5, "ha": "center", "va": "center_baseline", "parse_math": False}
        for j, pixels in enumerate(shown(self.nearest.images[i], dark_ground(self.images))):
            x = left + j * step
            tile(ax, pixels, x + (step - side) / 2, top + _LINE * 0.3, side, gid=f"near-{i}-{j}")
            label = int(self.nearest.labels[i, j])
            agrees = label == int(self.y_pred[i])
            word = fitted(("" if agrees else "≠ ") + self.class_names[label], step * 72 * 0.96, 5.5)
            ax.text(x + step / 2, top + side + _LINE * 0.8, word, color=INK if agrees else readable(WRONG), **look)
            ax.text(x + step / 2, top + side + _LINE * 1.6, fitted(str(self.nearest.ids[i, j]), step * 72 * 0.96, 5.5), color=GREY, **look)
