"""The training loss against the learning rate of a sweep: which steps still teach, and from where on they only shake."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join
from fmnist_viz.display.style import BODY, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def is_sweep(history: Mapping[str, Sequence[float | None]]) -> bool:
    """Whether the learning rate rose throughout a training of at least five epochs."""
    rates = [r for r in history.get("learning_rate", ()) if r is not None]
    return len(rates) >= 5 and all(a < b for a, b in pairwise(rates))


@dataclass(frozen=True)
class RateSweepDisplay:
    """`history` with the columns loss and learning_rate, one value per epoch."""

    history: Mapping[str, Sequence[float | None]]

    def frame(self) -> pd.DataFrame:
        """One row per epoch with a finite loss: epoch (1, 2, ...), learning_rate, loss."""
        import pandas as pd

        rows = [
            (i, float(rate), float(loss))
            for i, (rate, loss) in enumerate(zip(self.history["learning_rate"], self.history["loss"], strict=False), 1)
            if rate is not None and loss is not None and math.isfinite(loss)
        ]
        return pd.DataFrame(rows, columns=["epoch", "learning_rate", "loss"])

    def lowest(self) -> tuple[int, float, float]:
        """(epoch, learning rate, loss) of the lowest training loss."""
        row = self.frame().sort_values("loss", kind="stable").iloc[0]
        return int(row["epoch"]), float(row["learning_rate"]), float(row["loss"])

    def caption(self) -> str:
        """What the curve shows, and what it cannot."""
        epoch, rate, loss = self.lowest()
        rows = self.frame()
        first, last = rows["learning_rate"].iloc[0], rows["learning_rate"].iloc[-1]
        return join([
            f"Mean training loss of each of {len(rows)} epochs while the rate rises from {first:.3g} to {last:.3g}",
            f"Lowest at {rate:.3g} (epoch {epoch}, {loss:.3f}); a common rule takes a tenth of that, {rate / 10:.2g}, or the steepest part before it",
            "One training of one seed: the loss also falls because the network has been trained for longer",
        ])  # fmt: skip

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or on a sheet of its own."""
        with styled():
            if ax is not None:
                self._draw(ax)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import Sheet

            sheet = Sheet(width=4.8, body=2.9, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(0.55, 0.2, 3.9, 2.2, gid="rates"))
            return sheet.figure

    def _draw(self, ax: Axes) -> None:
        rows = self.frame()
        _, rate, loss = self.lowest()
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(length=2.5, width=0.6)
        ax.set_xscale("log")
        ax.set_xlabel("learning rate (logarithmic)", fontsize=BODY)
        ax.set_ylabel("training loss", fontsize=BODY)
        ax.grid(axis="y", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.plot(rows["learning_rate"], rows["loss"], color=RIGHT, linewidth=1.3, marker="o", markersize=2.5, gid="loss")
        ax.plot(rate, loss, marker="o", markersize=7, markerfacecolor="none", markeredgecolor=WRONG, gid="lowest")
