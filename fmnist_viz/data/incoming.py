"""A picture file made into what a model takes, with every conversion said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.data.gate import shown
from fmnist_viz.data.picture import FORMATS, read_picture


@dataclass(frozen=True)
class Incoming:
    """pixels uint8 (h, w, c);  notes: what was done to them;  warnings: what may make the answer worthless."""

    name: str
    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def read_incoming(path: Path, *, shape: tuple[int, int, int], invert: bool, dark: bool) -> Incoming:
    """Read one picture and bring it to `shape` (h, w, c), c 1 or 3: stretched (bilinear), greyscaled (ITU-R 601 luma) or repeated over the channels.

    `invert` turns light and dark round. `dark` says that the images which the model knows are light on a dark ground: a picture whose
    rim is light is then warned about.

    Raises
    ------
    BadInput, UnsafeInput, ResourceError
        As `read_picture`.
    """
    try:
        picture = read_picture(path.resolve() if path.is_symlink() else path)
    except BadInput as e:
        if "--skip-bad" not in e.remedy:
            raise
        raise BadInput(e.code.removeprefix("FV-"), e.subject, e.fact, f"Give an intact picture; {', '.join(FORMATS)} are read.") from None
    pixels, notes, warnings = picture.pixels, list(picture.notes), []
    h, w, channels = shape
    if pixels.ndim == 3 and channels == 1:
        notes.append("greyscaled (ITU-R 601 luma)")
    pixels, before = _fitted(pixels, h, w, grey=channels == 1), pixels.shape[:2]
    if before != (h, w):
        notes.append(f"resized from {before[1]}×{before[0]} to {w}×{h} pixels (bilinear)")
        if abs(before[1] * h / (before[0] * w) - 1) > 0.05:
            warnings.append(f"it was stretched: {before[1]}×{before[0]} pixels have another aspect than {w}×{h}. Cut it first")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], channels, axis=2)
        if channels == 3:
            notes.append("grey repeated over three channels")
    if invert:
        pixels = np.asarray(255 - pixels, np.uint8)
    notes.append("inverted (--invert)" if invert else "not inverted")
    if dark and (rim := light_rim(pixels)) >= 128:
        remedy = "leave out --invert" if invert else "try --invert"
        warnings.append(f"it looks dark on light (median of its rim {rim:.0f} of 255), the training images are light on dark: {remedy}")
    return Incoming(shown(path), np.ascontiguousarray(pixels), tuple(notes), tuple(warnings))


def light_rim(pixels: NDArray[np.uint8]) -> float:
    """Median 0..255 of the outermost pixels of (h, w, c)."""
    rim = np.concatenate([part.reshape(-1) for part in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])])
    return float(np.median(rim))


def _fitted(pixels: NDArray[np.uint8], h: int, w: int, *, grey: bool) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(pixels)
    if grey:
        image = image.convert("L")
    return np.asarray(image if image.size == (w, h) else image.resize((w, h), Image.Resampling.BILINEAR), np.uint8)
