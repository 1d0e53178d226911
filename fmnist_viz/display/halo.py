"""Text with a light rim that keeps it readable on points; in SVG files it stays text."""

from __future__ import annotations

from typing import Any

from matplotlib.patheffects import Stroke, withStroke
from matplotlib.text import Text


class HaloText(Text):
    """Text with a white rim of `rim` points.

    Path effects turn text into outlines in SVG files, where it could no longer be searched or edited. There the rim
    is a stroke below the fill (CSS `paint-order`), which the text inherits from a group around it. In PDF files, where
    they do the same, the rim alone is an outline, below text that stays text.
    """

    def __init__(self, *args: Any, rim: float = 2.6, **options: Any) -> None:
        super().__init__(*args, parse_math=False, **options)
        self.rim = rim

    def draw(self, renderer: Any) -> None:
        writer = getattr(renderer, "writer", None)
        if writer is None and hasattr(renderer, "file") and self.get_visible():
            self.set_path_effects([Stroke(linewidth=self.rim, foreground="white", alpha=0.9)])
            super().draw(renderer)
            self.set_path_effects([])
            super().draw(renderer)
            return
        if writer is None or not self.get_visible():
            self.set_path_effects([withStroke(linewidth=self.rim, foreground="white", alpha=0.9)])
            super().draw(renderer)
            return
        self.set_path_effects([])
        style = f"paint-order:stroke;stroke:#ffffff;stroke-opacity:0.9;stroke-width:{self.rim:g}px;stroke-linejoin:round"
        writer.start("g", style=style)
        super().draw(renderer)
        writer.end("g")
