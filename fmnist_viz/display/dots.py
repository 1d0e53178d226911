"""Points of a map, and rings around those that the model got wrong: as shapes, or as pixels drawn once for PNG and SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.display.style import DPI, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = 3  # lowest bits of a colour left out in pixels: not to be seen, and a third less to compress


@dataclass(frozen=True)
class Dots:
    """What is drawn: places float (n, 2), RGBA float (n, 4), and which have a ring, bool (n,); later ones lie on top."""

    xy: NDArray[np.floating[Any]]
    colors: NDArray[np.float64]
    ringed: NDArray[np.bool_]

    def diameter(self, ax: Axes) -> float:
        """Points (1/72 inch): by the room per dot, so that a hundred can be seen and sixty thousand told apart."""
        box = ax.get_window_extent()
        inches = float(np.sqrt(box.width * box.height)) / ax.figure.dpi
        return float(np.clip(2.3 * (10_000 / max(1, len(self.xy))) ** 0.25, 1.3, 7.0)) * max(0.5, min(1.0, inches / 6.0))

    def draw(self, ax: Axes, *, diameter: float | None = None, rasterized: bool = False, ring: float = 0.3) -> None:
        """Draw as shapes: they stay sharp at any size, and an SVG file holds each of them. `ring`: points (1/72 inch) that a ring's line is wide."""
        d = self.diameter(ax) if diameter is None else diameter
        alpha = 0.7 if len(self.xy) > 500 else 0.85
        ax.scatter(self.xy[:, 0], self.xy[:, 1], s=d**2, c=self.colors, alpha=alpha, linewidths=0, rasterized=rasterized, zorder=2, gid="points")
        if self.ringed.any():
            ax.scatter(
                self.xy[self.ringed, 0], self.xy[self.ringed, 1], s=(d + 1.3) ** 2, facecolors="none", edgecolors=INK, linewidths=ring, alpha=0.75,
                rasterized=rasterized, zorder=2.2, gid="rings",
            )  # fmt: skip

    def draw_pixels(self, ax: Axes, *, dpi: int = DPI, colors: int = 0, ring: float = 0.3) -> None:
        """Draw as one image of `dpi` that fills the axes, which must have their final limits and place; of at most `colors` where that is not 0.

        Ten thousand dots take longer to draw than to store: as an image they are drawn once for all file types.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from fmnist_viz.display.raster import Raster

        box = ax.get_window_extent()
        width, height = (max(1, round(side / ax.figure.dpi * dpi)) for side in (box.width, box.height))
        canvas = FigureCanvasAgg(Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white"))
        trial = canvas.figure.add_axes((0, 0, 1, 1), xlim=ax.get_xlim(), ylim=ax.get_ylim())
        trial.set_axis_off()
        self.draw(trial, diameter=self.diameter(ax), ring=ring)
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        high = drawn >> _STEPS
        pixels = ((high << _STEPS) | (high >> (8 - 2 * _STEPS))).astype(np.uint8)  # white stays white
        ax.add_image(Raster(ax, fewer(pixels, colors) if colors else pixels, zorder=2, gid="points"))


def fewer(pixels: NDArray[np.uint8], colors: int) -> NDArray[np.uint8]:
    """An opaque image, uint8 (h, w, 4), in at most `colors` (2..255) colours besides white: those of the octree of its own, without dithering."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, :3]))
    out = np.asarray(image.quantize(colors, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert("RGBA")).copy()
    out[(pixels[:, :, :3] == 255).all(axis=2)] = 255  # the ground stays that of the page
    return out
