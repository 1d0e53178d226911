"""The presets: a table of architectures with their authors' recipes. A row is data; TensorFlow is imported when a model is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.errors import unknown_choice
from fmnist_viz.models.recipe import PLAIN, Augmentation, Recipe

if TYPE_CHECKING:
    import keras

ACTIVATIONS = ("relu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Hidden:
    """What can be chosen about the preset `dense`: units of each hidden layer and their activation."""

    units: tuple[int, ...] = (4, 4)
    activation: str = "relu"


Body = Callable[[Any, Hidden], list[Any]]

# what the first layer makes of pixel values 0..255: (factor, offset). The raw presets have the identity, which marks them as models of raw pixels
SCALES = {"raw": (1.0, 0.0), "0-1": (1 / 255, 0.0), "-1-1": (1 / 127.5, -1.0)}


@dataclass(frozen=True)
class Preset:
    """`body(keras.layers, hidden)` returns the hidden layers, between the rescaled input and the softmax output.

    pixels : a key of SCALES; init : "keras" (Glorot uniform, zero biases) or "pytorch" (uniform within 1/sqrt(inputs), biases too).
    """

    name: str
    summary: str
    parameters: int  # on 28 × 28 × 1 images of 10 classes; a test counts them
    body: Body
    article: Recipe = field(default_factory=Recipe)
    pixels: str = "0-1"
    init: str = "keras"
    plain: Recipe = PLAIN
    transfer: bool = False  # the body stands on VGG19's frozen features (models.transfer) in place of the rescaled pixels

    def recipe(self, name: str) -> Recipe:
        """The preset's recipe "plain" or "article"."""
        return self.article if name == "article" else self.plain


def _dense(*units: int) -> Body:
    """Flatten, then dense layers of the given widths, or of those asked for where none are given."""

    def body(layers: Any, hidden: Hidden) -> list[Any]:
        activation = "relu" if units else hidden.activation
        widths = units or hidden.units
        names = ["dense"] + [f"dense_{i}" for i in range(1, len(widths))]
        stack = [layers.Dense(n, activation=activation, name=name) for n, name in zip(widths, names, strict=True)]
        return [layers.Flatten(name="flatten"), *stack]

    return body


class _Namer:
    """Names layers as Keras does: conv2d, conv2d_1 ..., counted per model instead of per process."""

    def __init__(self, layers: Any) -> None:
        self._layers, self._seen = layers, dict[str, int]()

    def _name(self, stem: str) -> str:
        count = self._seen.get(stem, 0)
        self._seen[stem] = count + 1
        return stem if not count else f"{stem}_{count}"

    def conv(self, filters: int, **options: Any) -> Any:
        return self._layers.Conv2D(filters, 3, **{"activation": "relu", **options}, name=self._name("conv2d"))

    def pool(self) -> Any:
        return self._layers.MaxPooling2D(name=self._name("max_pooling2d"))

    def drop(self, rate: float) -> Any:
        return self._layers.Dropout(rate, name=self._name("dropout"))

    def norm(self) -> Any:
        return self._layers.BatchNormalization(name=self._name("batch_normalization"))

    def relu(self) -> Any:
        return self._layers.Activation("relu", name=self._name("activation"))

    def flat(self) -> Any:
        return self._layers.Flatten(name=self._name("flatten"))

    def dense(self, units: int) -> Any:
        return self._layers.Dense(units, activation="relu", name=self._name("dense"))


def _cnn1(layers: Any, _: Hidden) -> list[Any]:
    n = _Namer(layers)
    return [n.conv(32), n.pool(), n.drop(0.2), n.flat(), n.dense(128)]


def _cnn3(layers: Any, _: Hidden) -> list[Any]:
    n = _Namer(layers)
    convolutions = [n.conv(32), n.pool(), n.drop(0.25), n.conv(64), n.pool(), n.drop(0.25), n.conv(128), n.drop(0.4)]
    return [*convolutions, n.flat(), n.dense(128), n.drop(0.3)]


def _cnn4(layers: Any, _: Hidden) -> list[Any]:
    n = _Namer(layers)
    first = [n.conv(32), n.norm(), n.conv(32), n.norm(), n.pool(), n.drop(0.25)]
    second = [n.conv(64), n.norm(), n.drop(0.25), n.conv(128), n.norm(), n.pool(), n.drop(0.25)]
    return [*first, *second, n.flat(), n.dense(512), n.norm(), n.drop(0.5), n.dense(128), n.norm(), n.drop(0.5)]


def _vgg19_head(layers: Any, _: Hidden) -> list[Any]:
    n = _Namer(layers)
    return [n.dense(512), n.drop(0.5)]


def compact_body(widths: tuple[int, int, int], *, twice: bool, drop: float) -> Body:
    """Three 3×3 convolutions with batch normalisation, pooled before they are normalised (a quarter of the values to pass), the last of
    them `twice` on request, then the mean of each feature map."""

    def body(layers: Any, _: Hidden) -> list[Any]:
        n = _Namer(layers)
        plain = {"activation": None, "use_bias": False, "padding": "same"}
        stack: list[Any] = [n.conv(widths[0], **plain), n.pool(), n.norm(), n.relu(), n.conv(widths[1], **plain), n.pool(), n.norm(), n.relu()]
        for _last in range(2 if twice else 1):
            stack += [n.conv(widths[2], **plain), n.norm(), n.relu()]
        return [*stack, layers.GlobalAveragePooling2D(name="global_average_pooling2d"), n.drop(drop)]

    return body


# the first article: Keras's defaults; what is watched while training is the test split
_BEGINNER = Recipe(epochs=10, batch_size=32, held_out="test")
# the tutorial: cache, repeat, shuffle all, batches of 32, 1875 steps an epoch; nothing is watched
_TUTORIAL = Recipe(epochs=5, batch_size=32, order="repeat", held_out="none")
# the four convolutional articles: a random fifth held out under seed 13, ten plain epochs, then fifty of distorted images
_FOUR_CNNS = Recipe(epochs=10, augmented_epochs=50, held_out="random", held_out_share=0.2, split_seed=13, augmentation=Augmentation())
# our own: every second image mirrored (shifts cost accuracy in trainings this short), one rise and fall of the learning rate.
# Chosen by held-out training images (scripts/search-compact, docs/bench/compact-search.csv); trained on all 60,000: nothing is left to choose
_COMPACT = Recipe(
    epochs=0, augmented_epochs=16, batch_size=128, optimizer="adamw", learning_rate=0.004, schedule="one-cycle", held_out="none",
    augmentation=Augmentation(rotation=0, shift=0, shear=0, zoom=0, flip=True), label_smoothing=0.05, weight_decay=0.02,
)  # fmt: skip
# the fourth of that article: the head alone is trained, on features taken once; so nothing can be distorted
_TRANSFER = Recipe(epochs=50, held_out="random", held_out_share=0.2, split_seed=13)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("dense4-raw", "two layers of 4 ReLU units on raw pixels 0-255", 3_210, _dense(4, 4), _BEGINNER, pixels="raw"),
        Preset("dense4", "two layers of 4 ReLU units on pixels 0-1", 3_210, _dense(4, 4), _BEGINNER),
        Preset(
            "dense4-lr-sweep",
            "the same while the learning rate rises from 0.001 tenfold every 20 epochs",
            3_210,
            _dense(4, 4),
            Recipe(epochs=40, batch_size=32, held_out="test", schedule="sweep"),
        ),
        Preset("dense4-tuned", "the same trained longer at the rate the sweep led to, 0.001", 3_210, _dense(4, 4), Recipe(20, 0, 32, held_out="test")),
        Preset("dense", "dense layers as asked: --hidden, --activation", 3_210, _dense(), _BEGINNER),
        Preset("dense128", "Flatten, 128 ReLU units, softmax", 101_770, _dense(128), _TUTORIAL),
        Preset(
            "fc4", "256, 128 and 64 ReLU units on pixels -1 to 1, PyTorch's initial weights", 242_762, _dense(256, 128, 64),
            Recipe(epochs=5, batch_size=64, learning_rate=0.003, held_out="none"), pixels="-1-1", init="pytorch",
        ),
        Preset("cnn1", "32 3×3 filters, max pooling, dropout 0.2, 128 ReLU units, softmax", 693_962, _cnn1, _FOUR_CNNS),
        Preset("cnn3", "32, 64 and 128 3×3 filters with pooling and dropout, 128 ReLU units", 241_546, _cnn3, _FOUR_CNNS),
        Preset("cnn4", "32, 32, 64 and 128 3×3 filters with batch normalisation, 512 and 128 ReLU units", 1_221_546, _cnn4, _FOUR_CNNS),
        Preset(
            "compact", "our own: 32, 64, 128 and 128 3×3 filters, normalised; the most accuracy per CPU-minute that we found", 242_602,
            compact_body((32, 64, 128), twice=True, drop=0.1), _COMPACT,
        ),
        Preset(
            "vgg19", "VGG19 of ImageNet, frozen, on images of 150×150; 512 ReLU units on it are trained", 24_224_330, _vgg19_head, _TRANSFER, transfer=True
        ),
    )
}  # fmt: skip


def preset(name: str) -> Preset:
    """The named preset; raises UsageError with the list where there is none."""
    if name not in PRESETS:
        raise unknown_choice("model", name, PRESETS)
    return PRESETS[name]


def build(
    name: str, *, input_shape: tuple[int, ...], classes: int, seed: int, policy: str = "float32", hidden: Hidden | None = None, base: keras.Model | None = None
) -> keras.Model:
    """A fresh model that takes raw pixel values 0..255 (n, h, w, c) and returns probabilities (n, classes), float32.

    The scaling of the pixels is a layer of the model, so that a saved file needs no recipe to be used. Weights and dropout follow `seed`.
    Of a transfer preset an `input_shape` (d,) gives the head alone, which takes features; else it stands on `base`, whose layers it shares,
    or on a new one with random weights.
    """
    row = preset(name)
    import keras

    keras.utils.set_random_seed(seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs, outputs = _start(row, input_shape, base)
        for layer in row.body(_layers(policy), hidden or Hidden()):
            outputs = layer(outputs)
        # The softmax stays in float32 under a mixed policy: probabilities of 16 bits tie.
        outputs = keras.layers.Dense(classes, activation="softmax", name="probabilities", dtype="float32")(outputs)
        model = keras.Model(inputs, outputs, name=name)
    finally:
        keras.config.set_dtype_policy(before)
    if row.init == "pytorch":
        _initialise_as_pytorch(model, seed)
    return model


def _start(row: Preset, input_shape: tuple[int, ...], base: keras.Model | None) -> tuple[Any, Any]:
    """The symbolic input, and what the preset's own layers are given."""
    import keras

    from fmnist_viz.models.transfer import build_base

    if row.transfer and len(input_shape) == 1:
        features = keras.Input(input_shape, name="features")
        return features, features
    if row.transfer:
        base = base or build_base((input_shape[0], input_shape[1], input_shape[2]))
        return base.inputs[0], base.outputs[0]
    inputs = keras.Input(input_shape, name="pixels")
    factor, offset = SCALES[row.pixels]
    return inputs, keras.layers.Rescaling(factor, offset, name="rescaling")(inputs)


def _layers(policy: str) -> Any:
    """Keras's layers; under mixed precision with batch normalisation in one kernel."""
    import keras

    if policy == "float32":
        return keras.layers
    from fmnist_viz.models.fused_norm import FusedBatchNormalization

    return SimpleNamespace(**{**vars(keras.layers), "BatchNormalization": FusedBatchNormalization})


def _initialise_as_pytorch(model: keras.Model, seed: int) -> None:
    """Weights and biases of every dense layer uniform within ±1/sqrt(inputs), as torch.nn.Linear draws them."""
    draws = np.random.Generator(np.random.PCG64(seed))
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            bound = 1 / np.sqrt(layer.kernel.shape[0])
            layer.kernel.assign(draws.uniform(-bound, bound, layer.kernel.shape).astype(np.float32))
            layer.bias.assign(draws.uniform(-bound, bound, layer.bias.shape).astype(np.float32))
