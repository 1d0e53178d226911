"""Trained weights as representations: a row is a filter or a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.models.graph import calls
from fmnist_viz.models.layers import logits_tensor

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class WeightRows:
    """rows float32 (units, inputs);  favourite int64 (units,): the class whose images excite the unit most, -1 unknown;
    pictures uint8 (units, h, w) or (units, h, w, 3) for weights that look at the pixels, else None;  layer: whose units they are, empty where its outputs
    are not these units (an attention's inner kernels);  output: its units are the model's classes."""

    name: str
    rows: NDArray[np.float32]
    favourite: NDArray[np.int64]
    pictures: NDArray[np.uint8] | None = None
    layer: str = ""
    output: bool = False


def weight_rows(model: keras.Model, class_means: dict[str, NDArray[np.float64]], *, image_shape: tuple[int, int, int]) -> list[WeightRows]:
    """Every weight of two or more axes that is no bias, units as rows: dense kernels (in, out), convolutions (h, w, in, out), their depthwise and
    transposed kin, and of other layers the last axis as units.

    Of a network on a frozen base only what was trained is taken.

    A unit's favoured class is the one with the largest mean activation over the mapped images (maps are averaged first); an output unit favours its own class.
    """
    found: list[WeightRows] = []
    graph, trained, last = calls(model), bool(model.trainable_weights), (model.outputs[0], logits_tensor(model))
    for layer in model.layers:
        made = graph[layer.name].outputs if layer.name in graph else ()
        output, width = any(tensor is end for tensor in made for end in last), made[0].shape[-1] if len(made) == 1 else 0
        for weight in layer.weights:
            value = np.asarray(weight, np.float32)
            if value.ndim < 2 or (trained and not weight.trainable) or weight.name.endswith("bias"):  # attention's and recurrent layers' biases have two axes
                continue
            value = _units_last(value, type(layer).__name__, weight.name)
            units = value.shape[-1]
            # the path within the layer: attention and models within the model have several kernels
            name = f"{layer.name}/{weight.path.rpartition(f'{layer.name}/')[2]}"
            rows = np.ascontiguousarray(np.moveaxis(value, -1, 0).reshape(units, -1))
            classes = output and units == width
            favourite = np.arange(units, dtype=np.int64) if classes else _favourites(class_means.get(layer.name), units)
            pictures = None if found else _pictures(value, image_shape)
            own = units == width and name.count("/") == 1  # an inner kernel's units may be as many by chance
            found.append(WeightRows(name, rows, favourite, pictures, layer.name if own else "", classes))
    return found


def _units_last(value: NDArray[np.float32], kind: str, name: str) -> NDArray[np.float32]:
    """A kernel with its output units on the last axis."""
    if kind.startswith(("Depthwise", "Separable")) and value.ndim >= 3 and "pointwise" not in name:
        # (h, w, in, multiplier): every input channel has units of its own
        return value.reshape(*value.shape[:-2], 1, -1)
    if kind.startswith("Conv") and kind.endswith("Transpose"):
        return np.swapaxes(value, -1, -2)
    return value


def _favourites(means: NDArray[np.float64] | None, units: int) -> NDArray[np.int64]:
    """The class of the largest mean per unit; -1 where it is unknown or the unit answers all classes alike (a dead one)."""
    if means is None or means.shape[1] != units:
        return np.full(units, -1, np.int64)
    known = means[~np.isnan(means).all(axis=1)]
    if not len(known):
        return np.full(units, -1, np.int64)
    best = np.where(np.isnan(means), -np.inf, means).argmax(axis=0).astype(np.int64)
    best[~(np.ptp(known, axis=0) > 0)] = -1
    return best


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
