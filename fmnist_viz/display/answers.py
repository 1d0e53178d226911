"""A grid of images with what the model said of each and what it is: the first right, the first wrong, some at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.core.types import LabeledImages, Predictions
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sample_grid import dark_ground, shown
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import GREY, INK, SMALL, readable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# a colour and a sign: nothing is told by hue alone
MARKS = {True: "✓", False: "✗"}
_GAP, _LINE = 0.12, 0.125  # inches


@dataclass(frozen=True)
class AnswersDisplay:
    """Images of one set with the model's answers; `choice` says how they were picked ("the first 9 that the model got right").

    `images` and `predictions` are of the same samples in the same order; `total` is the number they were picked from.
    """

    images: LabeledImages
    predictions: Predictions
    choice: str
    total: int
    cols: int = field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        if self.images.sample_ids.tolist() != self.predictions.sample_ids.tolist():
            raise ValueError("answers: images and predictions are not of the same samples in the same order")

    def frame(self) -> pd.DataFrame:
        """One row per image: sample_id, true, predicted (names), correct, confidence (0..1)."""
        from fmnist_viz.analysis.confusion import predictions_frame

        return predictions_frame(self.predictions)[["sample_id", "true", "predicted", "correct", "confidence"]]

    def caption(self) -> str:
        """How the images were picked and how the titles are to be read."""
        count, split = len(self.images), self.images.split
        if not count:
            return join([f"None of {self.total:,} {split} images: {self.choice}"])
        how = f"{MARKS[True]} blue: right; {MARKS[False]} red: wrong, with the true class below"
        return join(
            [f"{self.choice[:1].upper()}{self.choice[1:]}, of n = {self.total:,} {split} images", f"Above each image what the model took it for; {how}"]
        )

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        side = self._side()
        cell, rows = max(1.22, side + _GAP), max(1, -(-len(self.images) // self.cols))
        width = max(2 * MARGIN + self.cols * cell, 3.6)
        body = MARGIN + rows * (side + 3 * _LINE + _GAP)
        return canvas(lambda ax: self._draw(ax, side, cell, width), width, body, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _side(self) -> float:
        return side_of(min(96, max(self.images.images.shape[1:3])), 0.94)

    def _draw(self, ax: Axes, side: float, cell: float, width: float) -> None:
        if not len(self.images):
            ax.text(width / 2, 0.5, "there is no such image", fontsize=SMALL, color=GREY, ha="center", va="center", parse_math=False)
            return
        pictures, names = shown(self.images.images, dark_ground(self.images.images)), self.predictions.class_names
        indent = (width - self.cols * cell) / 2
        for i, pixels in enumerate(pictures):
            left, top = indent + (i % self.cols) * cell, MARGIN + (i // self.cols) * (side + 3 * _LINE + _GAP)
            right = bool(self.predictions.correct[i])
            said = f"{names[self.predictions.y_pred[i]]} {100 * self.predictions.confidence[i]:.0f} %"
            mark, color = MARKS[right], readable(RIGHT if right else WRONG)
            text = f"{mark} {fitted(said, (cell - 0.14) * 72, SMALL)}"
            ax.text(
                left + cell / 2, top + _LINE * 0.5, text, fontsize=SMALL, color=color, ha="center", va="center_baseline", parse_math=False, gid=f"answer-{i}"
            )
            tile(ax, pixels, left + (cell - side) / 2, top + _LINE, side, gid=f"image-{i}")
            below = [] if right else [(f"is: {names[self.predictions.y_true[i]]}", INK)]
            below.append((str(self.images.sample_ids[i]), GREY))
            for line, (word, shade) in enumerate(below):
                y = top + side + (1.6 + line) * _LINE
                word = fitted(word, (cell - 0.04) * 72, SMALL)
                ax.text(left + cell / 2, y, word, fontsize=SMALL, color=shade, ha="center", va="center_baseline", parse_math=False, gid=f"truth-{i}-{line}")
