"""A grid of images with what each is and what the model took it for: the first right, the first wrong, some at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.core.types import LabeledImages, Predictions, split_words
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

    `images` and `predictions` are of the same samples in the same order; without predictions each image has the name of its class.
    `total` is the number of images they were picked from.
    """

    images: LabeledImages
    predictions: Predictions | None
    choice: str
    total: int
    cols: int = field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        if self.predictions is not None and self.images.sample_ids.tolist() != self.predictions.sample_ids.tolist():
            raise ValueError("answers: images and predictions are not of the same samples in the same order")

    def frame(self) -> pd.DataFrame:
        """One row per image: sample_id, true, and where there are predictions predicted (names), correct, confidence (0..1)."""
        import pandas as pd

        from fmnist_viz.analysis.confusion import predictions_frame

        if self.predictions is None:
            return pd.DataFrame({"sample_id": self.images.sample_ids, "true": [self.images.class_names[k] for k in self.images.labels]})
        return predictions_frame(self.predictions)[["sample_id", "true", "predicted", "correct", "confidence"]]

    def caption(self) -> str:
        """How the images were picked and how the titles are to be read."""
        count, split = len(self.images), split_words(self.images.split)
        if not count:
            return join([f"None of {self.total:,} {split} images: {self.choice}"])
        which = f"{self.choice[:1].upper()}{self.choice[1:]}, of n = {self.total:,} {split} images"
        if self.predictions is None:
            return join([which, "Above each image its class"])
        how = f"{MARKS[True]} blue: right; {MARKS[False]} red: wrong, with the true class below"
        return join([which, f"Above each image what the model took it for; {how}"])

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
        pictures = shown(self.images.images, dark_ground(self.images.images))
        indent = (width - self.cols * cell) / 2
        look: dict[str, Any] = {"fontsize": SMALL, "ha": "center", "va": "center_baseline", "parse_math": False}
        for i, pixels in enumerate(pictures):
            left, top = indent + (i % self.cols) * cell, MARGIN + (i // self.cols) * (side + 3 * _LINE + _GAP)
            title, color, below = self._words(i, cell)
            ax.text(left + cell / 2, top + _LINE * 0.5, title, color=color, gid=f"answer-{i}", **look)
            tile(ax, pixels, left + (cell - side) / 2, top + _LINE, side, gid=f"image-{i}")
            for line, (word, shade) in enumerate(below):
                text = fitted(word, (cell - 0.04) * 72, SMALL)
                ax.text(left + cell / 2, top + side + (1.6 + line) * _LINE, text, color=shade, gid=f"truth-{i}-{line}", **look)

    def _words(self, i: int, cell: float) -> tuple[str, str, list[tuple[str, str]]]:
        """What stands above an image and in which colour, and what stands below it."""
        names, true, own, room = self.images.class_names, int(self.images.labels[i]), str(self.images.sample_ids[i]), (cell - 0.14) * 72
        if self.predictions is None:
            return fitted(names[true], room, SMALL), INK, [(own, GREY)]
        right = bool(self.predictions.correct[i])
        said = fitted(f"{names[self.predictions.y_pred[i]]} {100 * self.predictions.confidence[i]:.0f} %", room, SMALL)
        return f"{MARKS[right]} {said}", readable(RIGHT if right else WRONG), [*([] if right else [(f"is: {names[true]}", INK)]), (own, GREY)]
