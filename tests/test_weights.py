"""Trained weights as rows, one for each unit, with the class that excites it most."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

from fmnist_viz.features.weights import weight_rows

MEANS = {"dense": np.random.default_rng(0).random((10, 8)), "conv": np.random.default_rng(1).random((10, 7))}
MEANS["dense"][:, 3] = 0


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    x = L.MaxPooling2D(4)(L.Conv2D(7, 3, name="conv")(inputs))
    x = L.Dense(8, name="dense")(L.Flatten()(x))
    return keras.Model(inputs, L.Dense(10, activation="softmax", name="out")(x))


def test_rows_of_dense_and_convolution_kernels_are_their_units(model: keras.Model) -> None:
    found = {w.name: w for w in weight_rows(model, MEANS, image_shape=(28, 28, 1))}
    assert {name: w.rows.shape for name, w in found.items()} == {"conv/kernel": (7, 9), "dense/kernel": (8, 252), "out/kernel": (10, 8)}
    kernel = np.asarray(model.get_layer("conv").kernel)
    np.testing.assert_array_equal(found["conv/kernel"].rows[3], kernel[..., 3].ravel())
    np.testing.assert_array_equal(found["dense/kernel"].rows[2], np.asarray(model.get_layer("dense").kernel)[:, 2])
    # an output unit's class is its own; a hidden unit's the one that excites it most; a dead one has none
    assert found["out/kernel"].favourite.tolist() == list(range(10))
    np.testing.assert_array_equal(found["dense/kernel"].favourite, np.where(np.arange(8) == 3, -1, MEANS["dense"].argmax(axis=0)))
    assert all(w.favourite.dtype == np.int64 for w in found.values())
    # only the first looks at pixels
    assert [w.pictures is not None for w in found.values()] == [True, False, False]


def test_pictures_show_nothing_as_middle_grey_and_the_largest_weight_as_white_or_black(model: keras.Model) -> None:
    pictures = weight_rows(model, {}, image_shape=(28, 28, 1))[0].pictures
    assert pictures is not None
    assert (pictures.shape, pictures.dtype) == ((7, 3, 3), np.uint8)
    kernel = np.moveaxis(np.asarray(model.get_layer("conv").kernel)[..., 0, :], -1, 0)
    for tile, weights in zip(pictures, kernel, strict=True):
        strongest = np.unravel_index(np.abs(weights).argmax(), weights.shape)
        assert tile[strongest] == (255 if weights[strongest] > 0 else 0)
        assert ((tile > 128) <= (weights > 0)).all()


def test_a_dense_first_layer_has_pictures_of_the_images_shape() -> None:
    inputs = keras.Input((4, 5, 3))
    dense = L.Dense(6, name="first", kernel_initializer="zeros")
    model = keras.Model(inputs, L.Dense(2)(dense(L.Flatten()(inputs))))
    kernel = np.zeros((60, 6), np.float32)
    kernel[7, 0], kernel[8, 0] = 2.0, -1.0  # row 0, column 2: green and blue
    dense.set_weights([kernel, np.zeros(6, np.float32)])
    found = weight_rows(model, {}, image_shape=(4, 5, 3))
    assert found[0].pictures is not None
    assert found[0].pictures.shape == (6, 4, 5, 3)
    assert found[0].pictures[0, 0, 2].tolist() == [128, 255, 64]
    assert (found[0].pictures[1] == 128).all()
    assert found[0].favourite.tolist() == [-1] * 6
    assert found[1].pictures is None


def test_units_of_other_kernels() -> None:
    inputs = keras.Input((8, 8, 2))
    x = L.DepthwiseConv2D(3, depth_multiplier=3, name="depthwise")(inputs)
    x = L.SeparableConv2D(4, 3, name="separable")(x)
    x = L.Conv2DTranspose(5, 2, name="transposed")(x)
    x = L.MultiHeadAttention(2, 3, name="attention")(x, x)
    model = keras.Model(inputs, L.Dense(10, name="out")(L.GlobalAveragePooling2D()(x)))
    means = {"depthwise": np.eye(10, 6)}
    found = {w.name: w for w in weight_rows(model, means, image_shape=(8, 8, 2))}
    shapes = {name: w.rows.shape for name, w in found.items()}
    assert shapes["depthwise/kernel"] == (6, 9)
    kernel = np.asarray(model.get_layer("depthwise").kernel)
    # output channel 4 is input channel 1 with the second of three multipliers
    np.testing.assert_array_equal(found["depthwise/kernel"].rows[4], kernel[:, :, 1, 1].ravel())
    assert found["depthwise/kernel"].favourite.tolist() == [0, 1, 2, 3, 4, 5]
    assert shapes["separable/depthwise_kernel"] == (6, 9)
    assert shapes["separable/pointwise_kernel"] == (4, 6)
    assert shapes["transposed/kernel"] == (5, 16)
    np.testing.assert_array_equal(found["transposed/kernel"].rows[2], np.asarray(model.get_layer("transposed").kernel)[:, :, 2, :].ravel())
    assert {name for name in shapes if name.startswith("attention/")} == {f"attention/{part}/kernel" for part in ("query", "key", "value", "attention_output")}


def test_favourites_ignore_classes_without_images() -> None:
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, L.Dense(10)(L.Dense(3, name="hidden")(L.Flatten()(inputs))))
    means = np.full((10, 3), np.nan)
    means[2], means[5] = [-3, -1, 7], [-2, -4, 7]
    found = weight_rows(model, {"hidden": means}, image_shape=(4, 4, 1))[0]
    assert found.favourite.tolist() == [5, 2, -1]
