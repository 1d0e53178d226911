"""Whole activation maps of convolutions for a few images, and which filters are dead on more of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages
from fmnist_viz.models.graph import calls
from fmnist_viz.models.layers import LayerInfo

if TYPE_CHECKING:
    import keras

BATCH = 64
BATCH_BYTES = 64 << 20  # activations of all layers held at once


@dataclass(frozen=True)
class FeatureMaps:
    """maps float32 (shown, h, w, channels);  dead bool (channels,): one and the same value at every place of all `checked` images."""

    layer: str
    maps: NDArray[np.float32]
    dead: NDArray[np.bool_]
    checked: int


def convolutions(table: Sequence[LayerInfo]) -> list[LayerInfo]:
    """The layers that give maps by convolving: Conv2D and its depthwise, separable and transposed kin."""
    return [info for info in table if "Conv" in info.kind and len(info.shape) == 3]


def feature_maps(model: keras.Model, images: LabeledImages, layers: Sequence[LayerInfo], *, shown: int, scale: tuple[float, float]) -> list[FeatureMaps]:
    """Maps of the first `shown` of `images` at every given layer; all images are looked at to tell the dead filters.

    `scale` = (factor, offset) maps pixel values 0..255 to what the model takes.
    """
    import keras
    import tensorflow as tf

    if not layers:
        return []
    graph = calls(model)
    taps = keras.Model(model.inputs[0], [graph[info.name].outputs[0] for info in layers])
    run = tf.function(lambda x: taps(x, training=False), reduce_retracing=True)
    batch = int(np.clip(BATCH_BYTES // (4 * max(1, sum(info.width for info in layers))), 1, BATCH))
    kept: list[list[NDArray[np.float32]]] = [[] for _ in layers]
    low: list[NDArray[np.float32] | None] = [None] * len(layers)
    high: list[NDArray[np.float32] | None] = [None] * len(layers)
    for start in range(0, len(images), batch):
        x = images.images[start : start + batch].astype(np.float32) * scale[0] + scale[1]
        outputs = run(tf.constant(x))
        for i, output in enumerate(outputs if isinstance(outputs, (list, tuple)) else [outputs]):
            values = np.asarray(output, np.float32)
            lowest, highest = values.min(axis=(0, 1, 2)), values.max(axis=(0, 1, 2))
            before, after = low[i], high[i]
            low[i] = lowest if before is None else np.minimum(before, lowest)
            high[i] = highest if after is None else np.maximum(after, highest)
            if start < shown:
                kept[i].append(values[: shown - start])
    return [
        FeatureMaps(info.name, np.concatenate(maps), np.asarray(a == b), len(images))  # type: ignore[arg-type]
        for info, maps, a, b in zip(layers, kept, low, high, strict=True)
    ]
