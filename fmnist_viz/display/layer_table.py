"""The layers of a model as a table: name, kind, output, values and parameters, with a bar for the share of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.palette import RIGHT
from fmnist_viz.display.canvas import canvas
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.network import NetworkDisplay
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import GREY, INK, RULE, SMALL
from fmnist_viz.models.layers import LayerInfo

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 0.185  # inches from row to row
# column, its left or (for numbers) right edge and its width in inches
_COLUMNS = (("layer", 0.0, 1.25), ("kind", 1.3, 1.15), ("output", 2.5, 0.85), ("values", 4.05, 0.65), ("parameters", 4.95, 0.85))
_NUMBERS = ("values", "parameters")
_BAR = (5.08, 0.8)


@dataclass(frozen=True)
class LayerTableDisplay:
    layers: Sequence[LayerInfo]

    def frame(self) -> pd.DataFrame:
        """As `NetworkDisplay.frame`."""
        return NetworkDisplay(self.layers).frame()

    def caption(self) -> str:
        total = sum(info.parameters for info in self.layers)
        same = [info.name for info in self.layers if info.skipped.startswith("hands its input on")]
        said = [f"{len(self.layers)} layers, {total:,} parameters", "Values: numbers per image that the layer gives; the bar is its share of the parameters"]
        if same:
            said.append(
                f"{', '.join(same[:6])}{' and others' * (len(same) > 6)} only hand{'s' * (len(same) == 1)} on what {'they get' if len(same) > 1 else 'it gets'}"
            )
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        width, body = 2 * MARGIN + _BAR[0] + _BAR[1], MARGIN + (len(self.layers) + 1.3) * _LINE
        return canvas(self._draw, width, body, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _draw(self, ax: Axes) -> None:
        from matplotlib.patches import Rectangle

        look: dict[str, Any] = {"fontsize": SMALL, "va": "center_baseline", "parse_math": False}
        top = MARGIN + _LINE / 2
        for name, x, _ in _COLUMNS:
            ax.text(MARGIN + x, top, name, color=GREY, ha="right" if name in _NUMBERS else "left", **look)
        ax.plot([MARGIN, MARGIN + _BAR[0] + _BAR[1]], [top + _LINE * 0.6] * 2, color=RULE, linewidth=0.8)
        for i, row in enumerate(self.frame().to_dict("records")):
            y = top + (i + 1.2) * _LINE
            for name, x, width in _COLUMNS:
                text = f"{row[name]:,}" if name in _NUMBERS else str(row[name])
                color = GREY if row["note"] and name != "layer" else INK
                shown = fitted(text, width * 72, SMALL) if text else ""
                ax.text(MARGIN + x, y, shown, color=color, ha="right" if name in _NUMBERS else "left", gid=f"cell-{i}-{name}", **look)
            ax.add_patch(Rectangle((MARGIN + _BAR[0], y - _LINE * 0.28), _BAR[1] * row["share"], _LINE * 0.56, facecolor=RIGHT, linewidth=0, gid=f"share-{i}"))
