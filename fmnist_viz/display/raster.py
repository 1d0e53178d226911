"""A picture of the points of a map that lies pixel on pixel in PNG, and as it is in SVG."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

_CODE = np.array([1 << 16, 1 << 8, 1], np.uint32)


class Raster(AxesImage):
    """An opaque image, uint8 (h, w, 4), that fills its axes.

    Matplotlib samples an image anew for each file and packs it slowly inside SVG. Where the renderer's pixels are the
    image's pixels, this one is copied; into SVG it goes as a PNG that is packed once. Elsewhere it is drawn as any image.
    """

    def __init__(self, ax: Axes, pixels: NDArray[np.uint8], **options: Any) -> None:
        super().__init__(ax, interpolation="none", origin="upper", extent=(*ax.get_xlim(), *ax.get_ylim()), **options)
        self.set_data(pixels)
        self.pixels = np.ascontiguousarray(pixels)

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        box = self.axes.get_window_extent()
        writer = getattr(renderer, "writer", None)
        if not self.get_visible():
            return
        if writer is not None:
            place = {"x": box.x0, "y": renderer.height - box.y1, "width": box.width, "height": box.height}
            look = {"preserveAspectRatio": "none", "xlink:href": self._packed()}
            writer.element("image", attrib={name: f"{value:.6g}" for name, value in place.items()} | look)
        elif (round(box.height), round(box.width)) == self.pixels.shape[:2] and renderer.get_image_magnification() == 1:
            renderer.draw_image(renderer.new_gc(), round(box.x0), round(box.y0), self.pixels[::-1])
        else:
            super().draw(renderer)

    def _packed(self) -> str:
        """The image as a data URI of a PNG without its alpha channel."""
        from PIL import Image

        file = io.BytesIO()
        image = Image.fromarray(self.pixels[:, :, :3])
        found = image.getcolors(256)
        if found is None:
            image.save(file, format="png", compress_level=3)
        else:  # a palette holds every colour as it is
            palette = np.array(sorted(color for _, color in found), np.uint32)
            places = np.zeros(1 << 24, np.uint8)
            places[palette @ _CODE] = np.arange(len(palette))
            small = Image.fromarray(places[self.pixels[:, :, :3].astype(np.uint32) @ _CODE])
            small.putpalette(palette.astype(np.uint8).tobytes())
            small.save(file, format="png", compress_level=9)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
