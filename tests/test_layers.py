"""Which layers are worth looking at, where the logits are, and that the presets are what their table says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.models.layers import LayerInfo, are_probabilities, choose, chosen_special, layer_table, logits_model, penultimate
from fmnist_viz.models.zoo import PRESETS, build, preset

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (8, *SHAPE)).astype(np.float32)
PASSED_ON, OUTPUT = "hands its input on at inference", "output: see logits and probabilities"


@pytest.fixture(scope="module")
def model() -> keras.Model:
    inputs = keras.Input(SHAPE, name="pixels")
    x = L.Rescaling(1 / 255, name="rescaling")(inputs)
    x = L.Conv2D(3, 3, name="conv", activation="relu")(x)
    x = L.Dropout(0.5, name="dropout")(x)
    x = L.Permute((2, 1, 3), name="turned")(x)
    x = L.Reshape((36, 3), name="reshape")(x)
    x = L.Flatten(name="flatten")(x)
    x = L.Dense(6, name="dense_1")(x)
    x = L.Activation("linear", name="linear")(x)
    x = L.Activation("relu", name="relu")(x)
    x = L.Dense(5, activation="relu", name="dense_2")(x)
    return keras.Model(inputs, L.Dense(4, activation="softmax", name="probabilities")(x), name="every")


@pytest.fixture(scope="module")
def table(model: keras.Model) -> list[LayerInfo]:
    return layer_table(model, IMAGES)


def test_layers_are_hidden_or_skipped_and_say_why(table: list[LayerInfo]) -> None:
    assert {row.name: row.skipped for row in table} == {
        "pixels": "input",
        "rescaling": "rescales the pixels",
        "conv": "",
        "dropout": PASSED_ON,
        "turned": "",  # the same numbers in another order are another representation
        "reshape": PASSED_ON,
        "flatten": PASSED_ON,
        "dense_1": "",
        "linear": PASSED_ON,
        "relu": "",
        "dense_2": "",
        "probabilities": OUTPUT,
    }
    conv = next(row for row in table if row.name == "conv")
    assert (conv.kind, conv.shape, conv.width, conv.parameters) == ("Conv2D", (6, 6, 3), 108, 30)
    assert penultimate(table) == "dense_2"
    assert penultimate([]) == ""


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("*", ["conv", "turned", "dense_1", "relu", "dense_2"]),
        ("dense*", ["dense_1", "dense_2"]),
        (" relu , conv", ["conv", "relu"]),
        ("dense_?,dense_1", ["dense_1", "dense_2"]),
        ("pixels,logits", []),
        ("", []),
    ],
)
def test_layers_are_chosen_by_name_or_glob(table: list[LayerInfo], patterns: str, names: list[str]) -> None:
    assert [row.name for row in choose(table, patterns)] == names


@pytest.mark.parametrize("patterns", ["conv,nothing", "dropout", "Dense*"])
def test_an_unknown_layer_lists_those_that_can_be_had(table: list[LayerInfo], patterns: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(table, patterns)
    wrong = patterns.split(",")[-1]
    assert str(caught.value).startswith(f"layer {wrong!r}: there is no such layer.")
    assert str(caught.value).endswith("Choose from: pixels, logits, probabilities, conv, turned, dense_1, relu, dense_2.")


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("*", ("pixels", "logits")),
        ("conv", ()),
        ("*,probabilities", ("pixels", "logits", "probabilities")),
        ("prob*", ("probabilities",)),
        ("logits", ("logits",)),
    ],
)
def test_probabilities_come_when_they_are_named(patterns: str, names: tuple[str, ...]) -> None:
    assert chosen_special(patterns) == names


# where the logits are


def sequential(*layers: Any) -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE), L.Flatten(), L.Dense(6, activation="relu"), *layers])


def dense_softmax() -> keras.Model:
    return sequential(L.Dense(4, activation="softmax", name="out"))


def softmax_layer() -> keras.Model:
    return sequential(L.Dense(4, name="before"), L.Softmax())


def activation_layer() -> keras.Model:
    return sequential(L.Dense(4, name="before"), L.Activation("softmax"))


def softmax_operation() -> keras.Model:
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, keras.ops.softmax(L.Dense(4, name="before")(L.Flatten()(inputs))))


def model_in_the_model() -> keras.Model:
    inner = keras.Input((64,))
    head = keras.Model(inner, L.Dense(4, activation="softmax")(inner), name="head")
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, head(L.Flatten()(inputs)))


@pytest.mark.parametrize("make", [dense_softmax, softmax_layer, activation_layer, softmax_operation, model_in_the_model])
def test_the_softmax_is_taken_off(make: Callable[[], keras.Model]) -> None:
    model = make()
    logits = np.asarray(logits_model(model)(IMAGES), np.float64)
    want = np.asarray(model(IMAGES))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), want, atol=1e-6)
    assert not are_probabilities(logits)
    assert are_probabilities(want)
    # and the model itself is as it was
    np.testing.assert_array_equal(np.asarray(model(IMAGES)), want)


@pytest.mark.parametrize("make", [softmax_layer, activation_layer])
def test_what_makes_the_logits_is_not_shown_twice(make: Callable[[], keras.Model]) -> None:
    rows = {row.name: row.skipped for row in layer_table(make(), IMAGES)}
    assert rows["before"] == OUTPUT
    assert list(rows.values()) == [PASSED_ON, "", OUTPUT, OUTPUT]


def test_an_output_without_softmax_is_logits() -> None:
    model = sequential(L.Dense(4))
    assert logits_model(model) is model


def values(*rows: list[float]) -> NDArray[np.float64]:
    return np.array(rows)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (values([0.2, 0.8], [1, 0]), True),
        (values([0.2, 0.8], [1.5, -0.5]), False),
        (values([0.2, 0.9]), False),
        (values([1.0]), False),
    ],
)
def test_probabilities_are_known_by_sight(rows: NDArray[np.float64], says: bool) -> None:
    assert are_probabilities(rows) == says


# models that people bring along


def test_the_first_layer_of_a_sequential_model_is_compared_with_the_pixels() -> None:
    rows = layer_table(dense_softmax(), IMAGES)
    assert [row.skipped for row in rows] == [PASSED_ON, "", OUTPUT]


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_model_within_a_model_is_one_layer(kind: str) -> None:
    if kind == "functional":
        start = keras.Input(SHAPE)
        inner = keras.Model(start, L.MaxPooling2D()(L.Conv2D(2, 3)(start)), name="base")
    else:
        inner = keras.Sequential([keras.Input(SHAPE), L.Conv2D(2, 3), L.MaxPooling2D()], name="base")
    model = keras.Sequential([keras.Input(SHAPE), L.Rescaling(1 / 255), inner, L.Flatten(), L.Dense(4, activation="softmax")])
    rows = layer_table(model, IMAGES)
    assert [row.skipped for row in rows] == ["rescales the pixels", "", PASSED_ON, OUTPUT]
    assert (rows[1].name, rows[1].shape) == ("base", (3, 3, 2))


def test_sizes_that_the_model_leaves_open_are_those_of_the_images() -> None:
    inputs = keras.Input((None, None, 1))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, name="conv")(inputs))
    rows = layer_table(keras.Model(inputs, L.Dense(4)(x)), IMAGES)
    assert next(row.width for row in rows if row.name == "conv") == 6 * 6 * 4


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.flat, self.dense = L.Flatten(), L.Dense(4)

    def call(self, x: Any) -> Any:
        return self.dense(self.flat(x))


def test_models_without_a_graph_are_refused() -> None:
    model = Subclassed()
    model(IMAGES)
    with pytest.raises(BadInput, match="has no graph of layers"):
        layer_table(model, IMAGES)
    with pytest.raises(BadInput, match="has no graph of layers"):
        layer_table(keras.Sequential([L.Dense(4)]), IMAGES)


def test_models_of_several_inputs_are_refused() -> None:
    a, b = keras.Input(SHAPE), keras.Input(SHAPE)
    with pytest.raises(BadInput, match="has 2 inputs and 1 outputs"):
        layer_table(keras.Model([a, b], L.Dense(4)(L.Flatten()(L.Add()([a, b])))), IMAGES)


# the presets


# the authors' own figures, or sums by hand where they gave none
COUNTED = {
    "dense4-raw": 3_210, "dense4": 3_210, "dense4-lr-sweep": 3_210, "dense4-tuned": 3_210, "dense": 3_210,
    "dense128": 101_770, "fc4": 242_762, "cnn1": 693_962, "cnn3": 241_546, "cnn4": 1_221_546, "compact": 242_602,
    "vgg19": 24_224_330,
}  # fmt: skip

FOUR = ["dense", "dense_1"]
HIDDEN = {
    **dict.fromkeys(("dense4-raw", "dense4", "dense4-lr-sweep", "dense4-tuned", "dense"), FOUR),
    "dense128": ["dense"],
    "fc4": ["dense", "dense_1", "dense_2"],
    "cnn1": ["conv2d", "max_pooling2d", "dense"],
    "cnn3": ["conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "conv2d_2", "dense"],
    "cnn4": [
        "conv2d", "batch_normalization", "conv2d_1", "batch_normalization_1", "max_pooling2d", "conv2d_2", "batch_normalization_2",
        "conv2d_3", "batch_normalization_3", "max_pooling2d_1", "dense", "batch_normalization_4", "dense_1", "batch_normalization_5",
    ],
    "compact": [
        "conv2d", "max_pooling2d", "batch_normalization", "activation", "conv2d_1", "max_pooling2d_1", "batch_normalization_1", "activation_1",
        "conv2d_2", "batch_normalization_2", "activation_2", "conv2d_3", "batch_normalization_3", "activation_3", "global_average_pooling2d",
    ],
    "vgg19": [
        *(f"block{block}_{layer}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for layer in [*(f"conv{i + 1}" for i in range(count)), "pool"]),
        "dense",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_parameters_of_their_table(name: str) -> None:
    model = build(name, input_shape=(28, 28, 1), classes=10, seed=0)
    assert model.count_params() == preset(name).parameters == COUNTED[name]
    probe = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype(np.float32)
    rows = layer_table(model, probe)
    assert [row.name for row in rows if not row.skipped] == HIDDEN[name]
    np.testing.assert_allclose(np.asarray(model(probe)).sum(axis=1), 1, atol=1e-6)


def test_equal_seeds_build_equal_weights() -> None:
    def weights(seed: int) -> bytes:
        return b"".join(w.tobytes() for w in build("dense128", input_shape=SHAPE, classes=4, seed=seed).get_weights())

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)


def test_half_precision_ends_in_single_and_leaves_no_trace() -> None:
    before = keras.config.dtype_policy().name
    model = build("dense128", input_shape=SHAPE, classes=4, seed=0, policy="mixed_bfloat16")
    assert model.get_layer("dense").compute_dtype == "bfloat16"
    assert np.asarray(model(IMAGES)).dtype == np.float32
    assert np.asarray(logits_model(model)(IMAGES)).dtype == np.float32
    assert keras.config.dtype_policy().name == before


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="Choose from: dense4-raw, dense4, "):
        build("resnet", input_shape=SHAPE, classes=4, seed=0)
