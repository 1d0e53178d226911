"""Trained weights as representations: a row is a filter or a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class WeightRows:
    """rows float32 (units, inputs);  favourite int64 (units,): the class whose images excite the unit most, -1 unknown;
    pictures uint8 (units, h, w) or (units, h, w, 3) for weights that look at the pixels, else None."""

    name: str
    rows: NDArray[np.float32]
    favourite: NDArray[np.int64]
    pictures: NDArray[np.uint8] | None = None


def weight_rows(model: keras.Model, class_means: dict[str, NDArray[np.float64]], *, image_shape: tuple[int, int, int]) -> list[WeightRows]:
    """Every weight of two or more axes, units as rows: dense kernels (in, out), convolutions (h, w, in, out) and the like.

    A unit's favoured class is the one with the largest mean activation over the mapped images (maps are averaged first); an output unit favours its own class.
    """
    found: list[WeightRows] = []
    for layer in model.layers:
        for weight in layer.weights:
            value = np.asarray(weight, np.float32)
            if value.ndim < 2:
                continue
            name = f"{layer.name}/{weight.path.split('/')[-1]}"
            units = value.shape[-1]
            rows = np.ascontiguousarray(np.moveaxis(value, -1, 0).reshape(units, -1))
            if layer.output is model.outputs[0]:
                favourite = np.arange(units, dtype=np.int64)
            elif (means := class_means.get(layer.name)) is not None and means.shape[1] == units:
                favourite = means.argmax(axis=0).astype(np.int64)
                favourite[np.ptp(means, axis=0) == 0] = -1  # a dead unit favours nothing
            else:
                favourite = np.full(units, -1, np.int64)
            found.append(WeightRows(name, rows, favourite, None if found else _pictures(value, image_shape)))
    return found


def _pictures(value: NDArray[np.float32], image_shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """First-layer weights as grey (or RGB) pictures: 0 is middle grey, each unit scaled by its largest absolute weight."""
    h, w, c = image_shape
    if value.ndim == 4 and value.shape[2] == c:
        tiles = np.moveaxis(value, -1, 0)
    elif value.ndim == 2 and value.shape[0] == h * w * c:
        tiles = value.T.reshape(-1, h, w, c)
    else:
        return None
    top = np.abs(tiles).max(axis=(1, 2, 3), keepdims=True)
    grey = np.divide(tiles, top, out=np.zeros_like(tiles), where=top > 0)
    shown = np.round(127.5 + 127.5 * grey).astype(np.uint8)
    return shown[..., 0] if c == 1 else shown
