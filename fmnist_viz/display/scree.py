"""A scree figure: the share of the variance that each principal component holds, their sum, and what components of images look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.display.lettering import clean, join
from fmnist_viz.display.style import BODY, INK, RULE, SMALL, styled
from fmnist_viz.projection.components import Components

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

_WIDTH, _LEFT, _PLOT, _CELL = 6.0, 0.55, 5.2, 0.52  # inches
_HELD, _SUM = "#4c78a8", "#b3541e"


@dataclass(frozen=True)
class ScreeDisplay:
    """The leading components of one representation."""

    components: Components

    def frame(self) -> pd.DataFrame:
        """See `Components.frame`."""
        return self.components.frame()

    def caption(self) -> str:
        """n, what a map of two or three shows, how the intervals were made, and how pictures are to be read."""
        c = self.components
        held = np.cumsum(c.share)
        some = [f"{k} hold {100 * held[k - 1]:.1f} %" for k in (2, 3, len(held)) if 1 < k <= len(held)]
        said = [
            f"{clean(c.representation)}, n = {c.n:,}: share of the total variance that each principal component holds, and their sum",
            "The first " + ", the first ".join(dict.fromkeys(some)) if some else "",
            "Whiskers: 95 % intervals from the influence of each row",
        ]
        if c.pictures is not None:
            said.append("Below each bar its component as an image: red and blue pixels pull to opposite sides, white ones do not count; the sign is arbitrary")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the bars into `ax`, or with the images onto a sheet of its own."""
        with styled():
            if ax is not None:
                self.draw_bars(ax)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import Sheet

            below = 0.36 + (_CELL + 0.1 if self.components.pictures is not None else 0.0)
            sheet = Sheet(width=_WIDTH, body=0.2 + 2.2 + below, caption=join([prefix, self.caption()]), stamp=stamp)
            self.draw_bars(sheet.axes(_LEFT, 0.2, _PLOT, 2.2, gid="scree"))
            self._images(sheet, 0.2 + 2.2 + 0.38)
            return sheet.figure

    def draw_bars(self, ax: Axes) -> None:
        """Shares and their sum. Call it inside `styled()`."""
        c = self.components
        x = np.arange(1, len(c.share) + 1)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(length=2.5, width=0.6)
        ax.set(xticks=x, xlim=(0.5, 10.5), ylim=(0, 105))
        ax.set_xlabel("principal component", fontsize=BODY, labelpad=2)
        ax.set_ylabel("% of the variance", fontsize=BODY)
        ax.grid(axis="y", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
        ends = 100 * np.stack([c.share - c.low, c.high - c.share])
        ax.bar(x, 100 * c.share, width=0.62, color=_HELD, yerr=ends, error_kw={"elinewidth": 0.8, "ecolor": INK, "capsize": 2}, gid="shares")
        for i, value in enumerate(100 * c.share):
            ax.text(x[i], 100 * c.high[i] + 1.2, f"{value:.1f}", fontsize=SMALL, color=INK, ha="center", va="bottom", gid=f"share-{i}")
        held = 100 * np.cumsum(c.share)
        if len(x) < 2:
            return
        ax.plot(x[1:], held[1:], color=_SUM, linewidth=1.1, marker="o", markersize=3, gid="sum")
        ax.text(
            x[-1],
            max(min(held[-1] + 3, 100), 100 * c.high[-1] + 9),
            f"sum {held[-1]:.1f}",
            fontsize=SMALL,
            color=_SUM,
            ha="center",
            va="bottom",
            gid="sum-text",
        )

    def _images(self, sheet: Sheet, top: float) -> None:
        pictures = self.components.pictures
        if pictures is None:
            return
        cell = _PLOT / 10
        for i, picture in enumerate(pictures):
            ax = sheet.axes(_LEFT + i * cell + (cell - _CELL + 0.04) / 2, top, _CELL - 0.04, _CELL - 0.04, gid=f"component-{i + 1}")
            most = float(np.abs(picture).max()) or 1.0
            if picture.ndim == 2:
                ax.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
            else:
                ax.imshow(np.round(127.5 + 127.5 * picture / most).astype(np.uint8), interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=RULE, linewidth=0.6, visible=True)
