"""The network as a row of boxes: what each layer turns an image into, how wide it is and how many parameters it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.palette import NEUTRAL, RIGHT
from fmnist_viz.display.canvas import canvas
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import BODY, GREY, INK, SMALL
from fmnist_viz.models.layers import LayerInfo

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL, _ARROW, _TALL, _LINE = 0.92, 0.16, 1.5, 0.125  # inches: a layer's place, an arrow, the tallest box, a line of text
_FLAT = 0.13  # inches: width of a box that stands for a row of numbers


@dataclass(frozen=True)
class NetworkDisplay:
    """`layers` in the order of the model; heights grow with the logarithm of the number of values."""

    layers: Sequence[LayerInfo]
    model: str = ""
    most: int = field(default=8, kw_only=True)  # layers side by side

    @property
    def cols(self) -> int:
        """Layers in a row: rows of equal length, or nearly."""
        count = max(1, len(self.layers))
        return -(-count // -(-count // self.most))

    def frame(self) -> pd.DataFrame:
        """One row per layer: layer, kind, output ("26×26×32"), values (per image), parameters, share of all parameters, note (why it is not mapped)."""
        import pandas as pd

        total = sum(info.parameters for info in self.layers)
        rows = [
            {
                "layer": info.name, "kind": info.kind, "output": shape_text(info), "values": info.width, "parameters": info.parameters,
                "share": info.parameters / total if total else 0.0, "note": info.skipped,
            }
            for info in self.layers
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["layer", "kind", "output", "values", "parameters", "share", "note"])

    def chain(self) -> str:
        """The widths that differ from those before, as ``28×28×1 → 784 → 128 → 10``."""
        shapes: list[str] = []
        for info in self.layers:
            text = shape_text(info)
            if text and (not shapes or shapes[-1] != text):
                shapes.append(text)
        return " → ".join(shapes)

    def caption(self) -> str:
        total = sum(info.parameters for info in self.layers)
        largest = max(self.layers, key=lambda info: info.parameters, default=None)
        said = [f"{len(self.layers)} layers, {total:,} parameters: {self.chain()}"]
        if largest is not None and total:
            said.append(f"{largest.name} holds {100 * largest.parameters / total:.1f} % of the parameters")
        said.append("A block is a stack of maps, a column a row of numbers; heights grow with the logarithm of the number of values, blue ones have parameters")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        rows = max(1, -(-len(self.layers) // self.cols))
        width, tall = max(3.6, 2 * MARGIN + self.cols * _CELL), _TALL + 4.6 * _LINE
        return canvas(lambda ax: self._draw(ax, tall), width, MARGIN + rows * tall, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _draw(self, ax: Axes, tall: float) -> None:
        most = max((np.log10(max(info.width, 1) + 1) for info in self.layers), default=1.0)
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "parse_math": False}
        for i, info in enumerate(self.layers):
            x, y0 = MARGIN + (i % self.cols) * _CELL, MARGIN + (i // self.cols) * tall
            height = max(0.08, _TALL * float(np.log10(info.width + 1) / most)) if info.width else 0.08
            middle, center = y0 + _TALL / 2, x + (_CELL - _ARROW) / 2
            self._box(ax, info, center, middle, height, i)
            if i + 1 < len(self.layers):
                at = x + _CELL - _ARROW * 0.9
                ax.text(at + _ARROW * 0.35, middle, "→", fontsize=BODY, color=GREY, **look)
            lines = [(info.name, INK), (info.kind, GREY), (shape_text(info), INK), (f"{info.parameters:,} par." if info.parameters else "no par.", GREY)]
            for line, (text, color) in enumerate(lines):
                size = SMALL if line != 1 else 5.5
                y = y0 + _TALL + (0.7 + line) * _LINE
                ax.text(center, y, fitted(text, (_CELL - 0.06) * 72, size) if text else "", fontsize=size, color=color, gid=f"layer-{i}-{line}", **look)

    def _box(self, ax: Axes, info: LayerInfo, center: float, middle: float, height: float, i: int) -> None:
        from matplotlib.patches import Rectangle

        color = RIGHT if info.parameters else NEUTRAL
        if len(info.shape) >= 2:
            wide = min(height, 0.5)
            depth = min(3, max(1, round(np.log2(max(2, info.shape[-1] or 1)) / 2)))
            for d in reversed(range(depth)):
                left, top = center - wide / 2 + d * 0.035, middle - height / 2 - d * 0.035
                ax.add_patch(Rectangle((left, top), wide, height, facecolor=color, alpha=1.0, edgecolor="white", linewidth=0.7, gid=f"box-{i}-{d}"))
            return
        ax.add_patch(Rectangle((center - _FLAT / 2, middle - height / 2), _FLAT, height, facecolor=color, edgecolor="white", linewidth=0.7, gid=f"box-{i}-0"))


def shape_text(info: LayerInfo) -> str:
    """``26×26×32``; a question mark for a side of any length."""
    return "×".join("?" if side is None else f"{side:,}" for side in info.shape)
