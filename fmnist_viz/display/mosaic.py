"""Many small images as one array, and signed values as colours: what a figure and a page both show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 48  # pixels a side; larger images are shown with every k-th pixel
_ENDS = np.array([[33, 102, 172], [247, 247, 247], [178, 24, 43]], np.float64)  # below 0, at 0, above: apart for all colour vision


def small(images: NDArray[Any]) -> NDArray[Any]:
    """(..., h, w, c) with every k-th pixel, so that no side is above 48."""
    step = -(-max(images.shape[-3:-1]) // LONGEST)
    return images[..., ::step, ::step, :]


def rgb(images: NDArray[np.uint8], dark: bool) -> NDArray[np.uint8]:
    """(..., h, w, 1 or 3) as (..., h, w, 3); grey images on a dark ground are turned into dark on white, as in all figures."""
    own = 255 - images if dark and images.shape[-1] == 1 else images
    return np.repeat(own, 3, axis=-1) if own.shape[-1] == 1 else own


def mosaic(images: NDArray[np.uint8], cols: int, *, gap: int = 2) -> NDArray[np.uint8]:
    """uint8 (m, h, w, 3) as one picture on white, `cols` to a row, `gap` pixels between them."""
    m, h, w, _ = images.shape
    rows = max(1, -(-m // cols))
    out = np.full((rows * (h + gap) - gap, cols * (w + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = (i // cols) * (h + gap), (i % cols) * (w + gap)
        out[y : y + h, x : x + w] = image
    return out


def diverging(values: NDArray[np.floating[Any]], scale: float, base: NDArray[np.floating[Any]] | None = None) -> NDArray[np.uint8]:
    """Signed values (h, w) from -scale (blue) over 0 (near white) to scale (red), uint8 (h, w, 3).

    base : (h, w), 0..1 dark to light, optional: a faint picture below, which shows where values are near 0
    """
    at = np.clip(values / (scale or 1.0), -1, 1)
    own = np.stack([np.interp(at, (-1, 0, 1), _ENDS[:, c]) for c in range(3)], axis=-1)
    if base is not None:
        own = own * (0.72 + 0.28 * base[..., None])
    return np.clip(np.rint(own), 0, 255).astype(np.uint8)
