"""Any numeric pixels to uint8 0..255, by a rule that is said, or a refusal that names the values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput

WIDE = "Scale the pixels to 0..255 (or to 0..1 as floats) and save them again."


def finite(array: NDArray[Any], subject: str) -> None:
    """Raise BadInput that counts the NaN and infinite values and names the first rows that hold one."""
    bad = ~np.isfinite(array)
    if bad.any():
        rows = np.flatnonzero(bad.reshape(len(array), -1).any(axis=1))
        names = ", ".join(str(r) for r in rows[:5]) + (" ..." if len(rows) > 5 else "")
        raise BadInput("PIXEL-NONFINITE", subject, f"{int(bad.sum()):,} values are NaN or infinite, in rows {names}", "Remove those rows and save again.")


def to_uint8(arrays: Sequence[NDArray[Any]], subjects: Sequence[str]) -> tuple[list[NDArray[np.uint8]], str]:
    """Pixels of all splits as uint8 by one common rule, and a note that says what was done (empty: nothing).

    uint8 stays. Booleans become 0 and 255. Other integers must lie in 0..255. Floats in [0, 1] are multiplied by 255 and
    rounded; floats that are whole numbers in 0..255 are cast. The splits are judged together, so that a dark test split
    is never scaled by another rule than its training split.

    Raises
    ------
    BadInput
        For another dtype, NaN or infinite values, or values outside those ranges.
    """
    for array, subject in zip(arrays, subjects, strict=True):
        if array.dtype.kind not in "uifb":
            raise BadInput("PIXEL-DTYPE", subject, f"holds {array.dtype} values, which are no pixels", "Save them as uint8.")
        if array.dtype.kind == "f":
            finite(array, subject)
    if all(array.dtype == np.uint8 for array in arrays):
        return list(arrays), ""
    if all(array.dtype.kind == "b" for array in arrays):
        return [array.astype(np.uint8) * np.uint8(255) for array in arrays], "boolean pixels were turned into 0 and 255"
    unit = all(array.dtype.kind == "f" for array in arrays) and all(array.min() >= 0 and array.max() <= 1 for array in arrays)
    if unit:
        return [np.rint(array.astype(np.float64) * 255).astype(np.uint8) for array in arrays], "pixels in [0, 1] were multiplied by 255 and rounded"
    for array, subject in zip(arrays, subjects, strict=True):
        low, high = array.min(), array.max()
        if low < 0 or high > 255:
            raise BadInput("PIXEL-RANGE", subject, f"pixel values run from {low:g} to {high:g}, expected 0..255 or [0, 1]", WIDE)
        if array.dtype.kind == "f" and (array != np.rint(array)).any():
            raise BadInput("PIXEL-RANGE", subject, f"pixel values run from {low:g} to {high:g} and are not whole numbers", WIDE)
    kinds = ", ".join(sorted({array.dtype.name for array in arrays}))
    return [array.astype(np.uint8) for array in arrays], f"{kinds} pixels in 0..255 were stored as uint8"


def resize(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Images (n, h, w, c) stretched to (n, side, side, c), bilinear with an antialiasing support when shrinking."""
    from PIL import Image

    out = np.empty((len(images), side, side, images.shape[3]), np.uint8)
    for i, image in enumerate(images):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        out[i] = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)).reshape(side, side, -1)
    return out
