"""What the units of the first layer look through: their weights as images, from blue (against) over white to red (for)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import GREY, INK, SMALL, label_colors, readable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _GAP = 0.12, 0.09  # inches


@dataclass(frozen=True)
class WeightImagesDisplay:
    """weights float32 (units, h, w, c);  favourite int64 (units,), the class that each unit favours, -1 for none.

    `count` units are drawn, largest norm first.
    """

    name: str
    weights: NDArray[np.float32]
    favourite: NDArray[np.int64]
    class_names: tuple[str, ...]
    count: int = field(default=32, kw_only=True)
    cols: int = field(default=8, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights, np.float32, (None, None, None, None), "weights"))
        object.__setattr__(self, "favourite", read_only(self.favourite, np.int64, (len(self.weights),), "favourite"))

    @property
    def norms(self) -> NDArray[np.float64]:
        """Euclidean norm of each unit's weights, float64 (units,)."""
        return np.sqrt(np.square(self.weights.reshape(len(self.weights), -1), dtype=np.float64).sum(axis=1))

    def chosen(self) -> NDArray[np.int64]:
        """The units drawn, the most notable first: largest norm, equal ones by number."""
        return np.argsort(-self.norms, kind="stable")[: self.count].astype(np.int64)

    def frame(self) -> pd.DataFrame:
        """One row per unit drawn, in order: unit, norm, favoured_class."""
        import pandas as pd

        names, order = np.array([*self.class_names, ""], dtype=object), self.chosen()  # -1 picks the empty name
        return pd.DataFrame({"unit": order, "norm": self.norms[order], "favoured_class": names[self.favourite[order]]})

    def caption(self) -> str:
        drawn, units = len(self.chosen()), len(self.weights)
        h, w, c = self.weights.shape[1:]
        which = f"all {units:,} units" if drawn == units else f"the {drawn} of n = {units:,} units with the largest norm"
        scale = "each unit scaled by its own largest weight (given above it)"
        colors = f"Red excites, blue inhibits, white is 0; {scale}" if c == 1 else f"Grey is 0, the colours are the weights of the colour channels; {scale}"
        below = "below it the class that it favours" if (self.favourite >= 0).any() else ""
        return join([f"{self.name}: weights of {which}, {h}×{w} pixels, largest norm first", colors, f"Number of the unit above, {below}" if below else ""])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        side = side_of(min(96, max(self.weights.shape[1:3])), 0.56)
        cell, tall = max(side + _GAP, 0.74), side + 2 * _LINE + _GAP
        rows = max(1, -(-len(self.chosen()) // self.cols))
        width = max(3.6, 2 * MARGIN + min(self.cols, max(1, len(self.chosen()))) * cell)
        return canvas(lambda ax: self._draw(ax, side, cell, tall), width, MARGIN + rows * tall, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _draw(self, ax: Axes, side: float, cell: float, tall: float) -> None:
        colors, names = label_colors(len(self.class_names)), self.class_names
        look: dict[str, Any] = {"fontsize": 5.5, "ha": "center", "va": "center_baseline", "parse_math": False}
        for place, unit in enumerate(self.chosen().tolist()):
            left, top = MARGIN + (place % self.cols) * cell, MARGIN + (place // self.cols) * tall
            weights = self.weights[unit]
            most = float(np.abs(weights).max())
            text = f"{unit}: ±{most:.2g}" if most else f"{unit}: all 0"
            ax.text(left + cell / 2, top + _LINE * 0.5, text, color=INK if most else GREY, gid=f"unit-{unit}", **look)
            scaled = weights / most if most else weights
            step = max(1, -(-max(scaled.shape[:2]) // 96))
            if weights.shape[-1] == 1:
                tile(ax, scaled[::step, ::step, 0], left + (cell - side) / 2, top + _LINE, side, gid=f"weights-{unit}", cmap="RdBu_r", clim=(-1, 1))
            else:
                tile(ax, np.round(127.5 + 127.5 * scaled[::step, ::step]).astype(np.uint8), left + (cell - side) / 2, top + _LINE, side, gid=f"weights-{unit}")
            if (label := int(self.favourite[unit])) >= 0:
                word = fitted(names[label], cell * 72 * 0.96, SMALL)
                ax.text(left + cell / 2, top + side + _LINE * 1.55, word, color=readable(colors[label]), **look)
