"""The share of units that never fire, layer by layer, before training and after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.dead_units import DeadUnits
from fmnist_viz.core.palette import class_colors
from fmnist_viz.display.lettering import join, shorten
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS, _DASHES = "osD^vPX*", ("-", "--", "-.", ":")  # lines that lie on one another stay apart, and without hues


@dataclass(frozen=True)
class DeadUnitsDisplay:
    dead: DeadUnits

    def frame(self) -> pd.DataFrame:
        """One row per epoch and layer: epoch, layer, units, dead, share, low, high."""
        return self.dead.frame()

    def caption(self) -> str:
        sizes = ", ".join(f"{shorten(layer)} {self.dead.of(layer)[-1].units:,}" for layer in self.dead.layers[:8])
        more = f" and {len(self.dead.layers) - 8} other layers" if len(self.dead.layers) > 8 else ""
        said = [self.dead.diagnosis(), "A unit is dead that fires on none of the probe images; epoch 0 is before training", f"Units: {sizes}{more}"]
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax)
                return ax.figure.get_figure(root=True)  # type: ignore[return-value]
            from fmnist_viz.display.sheet import Sheet

            sheet = Sheet(width=5.6, body=2.9, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(0.5, 0.36, 3.3, 2.1, gid="dead-units"))
            return sheet.figure

    def _draw(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        ax.set_title("units that never fire, %", fontsize=HEAD, color=INK, loc="left", parse_math=False)
        colors = class_colors(len(self.dead.layers))
        for i, layer in enumerate(self.dead.layers):
            counts = self.dead.of(layer)
            style: dict[str, Any] = {"marker": _MARKERS[i % len(_MARKERS)], "linestyle": _DASHES[i % len(_DASHES)], "gid": f"dead-{layer}"}
            ax.plot(
                [c.epoch for c in counts], [100 * c.share for c in counts], color=colors[i], linewidth=1.2, markersize=3.5, label=shorten(layer, 22), **style
            )
        ax.set_ylim(-3, 103)
        last = max(c.epoch for c in self.dead.counts)
        ax.set_xlim(-0.3, last + 0.3)
        ax.set_xlabel("epoch", fontsize=BODY)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(length=2.5, width=0.6)
        ax.grid(axis="y", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
        if len(self.dead.layers) <= 16:
            ax.legend(frameon=False, fontsize=SMALL, labelcolor=GREY, loc="upper left", bbox_to_anchor=(1.02, 1.02), handlelength=2.2, borderaxespad=0)
