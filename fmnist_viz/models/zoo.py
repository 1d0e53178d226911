"""The presets: a table of architectures. A row is data; TensorFlow is imported when a model is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.errors import unknown_choice

if TYPE_CHECKING:
    import keras

Body = Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Preset:
    """`body(layers)` returns the hidden layers, between the rescaled input and the softmax output."""

    name: str
    summary: str
    parameters: int  # on 28 × 28 × 1 images of 10 classes; a test counts them
    body: Body


def _dense128(layers: Any) -> list[Any]:
    return [layers.Flatten(name="flatten"), layers.Dense(128, activation="relu", name="dense")]


def _cnn1(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(32, 3, activation="relu", name="conv2d"),
        layers.MaxPooling2D(name="max_pooling2d"),
        layers.Dropout(0.2, name="dropout"),
        layers.Flatten(name="flatten"),
        layers.Dense(128, activation="relu", name="dense"),
    ]


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("dense128", "Flatten, 128 ReLU units, softmax", 101_770, _dense128),
        Preset("cnn1", "32 3×3 filters, max pooling, dropout 0.2, 128 ReLU units, softmax", 693_962, _cnn1),
    )
}


def preset(name: str) -> Preset:
    """The named preset; raises UsageError with the list where there is none."""
    if name not in PRESETS:
        raise unknown_choice("model", name, PRESETS)
    return PRESETS[name]


def build(name: str, *, input_shape: tuple[int, int, int], classes: int, seed: int, policy: str = "float32") -> keras.Model:
    """A fresh model that takes raw pixel values 0..255 (n, h, w, c) and returns probabilities (n, classes), float32.

    The division by 255 is a layer of the model, so that a saved file needs no recipe to be used. Weights and dropout follow `seed`.
    """
    body = preset(name).body
    import keras

    keras.utils.set_random_seed(seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input(input_shape, name="pixels")
        outputs = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
        for layer in body(keras.layers):
            outputs = layer(outputs)
        # The softmax stays in float32 under a mixed policy: probabilities of 16 bits tie.
        outputs = keras.layers.Dense(classes, activation="softmax", name="probabilities", dtype="float32")(outputs)
        return keras.Model(inputs, outputs, name=name)
    finally:
        keras.config.set_dtype_policy(before)
