"""The articles' distortions: the same maps as Keras's own generator, drawn from (seed, epoch, image) alone."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.models.recipe import Augmentation, Recipe


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()


@pytest.fixture(scope="module")
def images() -> np.ndarray[Any, Any]:
    train = load(DataConfig(data="sample")).train
    assert train is not None
    return train.images[:1500]


def distorted(images: np.ndarray[Any, Any], config: Augmentation, *, seed: int = 0, epoch: int = 0) -> np.ndarray[Any, Any]:
    import tensorflow as tf

    from fmnist_viz.training.augmentation import distort, draws

    return distort(tf.constant(images), draws(len(images), seed, tf.constant(epoch, tf.int64)), config).numpy()


def generator(config: Augmentation) -> Any:
    """The articles' own: Keras's ImageDataGenerator."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    shear = math.degrees(config.shear) if config.shear_unit == "radians" else config.shear
    return ImageDataGenerator(
        rotation_range=config.rotation, width_shift_range=config.shift, height_shift_range=config.shift, shear_range=shear, zoom_range=config.zoom
    )


@pytest.mark.parametrize("shear", [Augmentation(), Augmentation(shear_unit="radians")], ids=["degrees", "radians"])
def test_the_same_parameters_give_the_generators_pixels(images: np.ndarray[Any, Any], shear: Augmentation) -> None:
    """Each image under its own draws against Keras's `apply_affine_transform` with those very parameters."""
    import tensorflow as tf
    from keras.src.legacy.preprocessing.image import apply_affine_transform

    from fmnist_viz.training.augmentation import distort, draws

    chance = draws(40, 3, tf.constant(5, tf.int64))
    ours = distort(tf.constant(images[:40]), chance, shear).numpy()
    limit = 2 * chance.numpy() - 1
    for i in range(40):
        u = limit[i].astype(float)
        angle = u[3] * (math.degrees(shear.shear) if shear.shear_unit == "radians" else shear.shear)
        theirs = apply_affine_transform(
            images[i].astype(np.float32), theta=u[0] * 8, tx=u[1] * 0.08 * 28, ty=u[2] * 0.08 * 28, shear=angle,
            zx=1 + u[4] * 0.08, zy=1 + u[5] * 0.08, row_axis=0, col_axis=1, channel_axis=2, fill_mode="nearest", order=1,
        )  # fmt: skip
        np.testing.assert_allclose(ours[i], theirs, atol=0.1)  # of 255


def gradient(images: np.ndarray[Any, Any]) -> float:
    """Mean absolute difference of neighbouring pixels, values 0..1: what blur takes away."""
    x = images[..., 0] / 255
    return float((np.abs(np.diff(x, axis=1)).mean() + np.abs(np.diff(x, axis=2)).mean()) / 2)


def shift(images: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How far each image's centre of mass moved, pixels (n, 2)."""

    def centre(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        x = x[..., 0].astype(float)
        mass = x.sum((1, 2))
        return np.stack([(x.sum(2) * np.arange(28)).sum(1) / mass, (x.sum(1) * np.arange(28)).sum(1) / mass], 1)

    return centre(images) - centre(before)


def test_sharpness_and_shift_range_are_the_generators(images: np.ndarray[Any, Any]) -> None:
    theirs = next(generator(Augmentation()).flow(images.astype(np.float32), batch_size=len(images), shuffle=False, seed=1))
    ours = distorted(images, Augmentation())
    assert gradient(ours) == pytest.approx(gradient(theirs), rel=0.02)
    # what one interpolation more would cost is seen
    twice = distorted(distorted(images, Augmentation(shear=0, zoom=0)), Augmentation(rotation=0, shift=0), seed=1)
    assert gradient(twice) < 0.95 * gradient(ours)
    a, b = shift(ours, images), shift(theirs, images)
    np.testing.assert_allclose(a.std(0), b.std(0), rtol=0.1)
    np.testing.assert_allclose(np.percentile(a, [1, 99], axis=0), np.percentile(b, [1, 99], axis=0), atol=0.35)
    assert not np.array_equal(ours, theirs)


def test_draws_belong_to_seed_epoch_and_image(images: np.ndarray[Any, Any]) -> None:
    few = images[:20]
    np.testing.assert_array_equal(distorted(few, Augmentation()), distorted(few, Augmentation()))
    assert not np.array_equal(distorted(few, Augmentation()), distorted(few, Augmentation(), epoch=1))
    assert not np.array_equal(distorted(few, Augmentation()), distorted(few, Augmentation(), seed=1))


def test_no_distortion_is_the_identity_and_flips_mirror(images: np.ndarray[Any, Any]) -> None:
    still = Augmentation(rotation=0, shift=0, shear=0, zoom=0)
    np.testing.assert_allclose(distorted(images[:50], still), images[:50], atol=1e-3)
    flipped = distorted(images[:50], dataclasses.replace(still, flip=True))
    mirrored = [bool(np.allclose(f, i[:, ::-1], atol=1e-2)) for f, i in zip(flipped, images[:50], strict=True)]
    same = [bool(np.allclose(f, i, atol=1e-2)) for f, i in zip(flipped, images[:50], strict=True)]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert 10 < sum(mirrored) < 40


def stream(images: np.ndarray[Any, Any], recipe: Recipe, **options: Any) -> list[tuple[Any, Any]]:
    from fmnist_viz.training.stream import training_batches

    return [(x.numpy(), y.numpy()) for x, y in training_batches(images, np.arange(len(images)), recipe, **options)]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=2, augmented_epochs=2, batch_size=32, augmentation=Augmentation()),
        Recipe(epochs=4, batch_size=32, order="repeat"),
        Recipe(epochs=4, batch_size=32),
    ],
    ids=["augmented", "repeat", "epoch"],
)
@pytest.mark.parametrize("first", [1, 3])
def test_a_later_epoch_is_reached_without_the_ones_before(images: np.ndarray[Any, Any], recipe: Recipe, first: int) -> None:
    whole, rest = stream(images[:100], recipe, seed=7), stream(images[:100], recipe, seed=7, first_epoch=first)
    assert len(whole) == 4 * 4
    for (x, y), (a, b) in zip(whole[first * 4 :], rest, strict=True):
        np.testing.assert_array_equal(y, b)
        np.testing.assert_array_equal(x, a)


def test_repeated_then_shuffled_epochs_blur(images: np.ndarray[Any, Any]) -> None:
    """The tutorial's stream is no exact pass per epoch, but its length is."""
    seen = stream(images[:320], Recipe(epochs=3, batch_size=32, order="repeat"), seed=0)
    first = np.concatenate([y for _, y in seen[:10]])
    assert len(first) == 320
    assert len(set(first)) < 320
