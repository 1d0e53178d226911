"""Random distortions of training images: one composed affine map per image, one interpolation.

Rotation, shift, shear and zoom are composed as Keras's ImageDataGenerator composes them, and each image is read once, bilinearly,
the nearest edge pixel standing in outside. A chain of Keras's random layers would interpolate, and blur, once per layer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fmnist_viz.models.recipe import Augmentation

if TYPE_CHECKING:
    import tensorflow as tf

DRAWS = 7  # random numbers per image


def draws(images: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Uniform [0, 1) numbers, float32 (images, DRAWS): row i belongs to image i, whatever the order of the epoch."""
    import tensorflow as tf

    return tf.random.stateless_uniform([images, DRAWS], seed=tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)]))


def transforms(chance: tf.Tensor, config: Augmentation, height: int, width: int) -> tf.Tensor:
    """The maps from output to input pixels, float32 (n, 8) as TensorFlow's projective transform takes them, from uniform draws (n, DRAWS).

    Coordinates are (row, column); R rotation, T shift, H shear, Z zoom: M = R T H Z about the image's centre.
    """
    import tensorflow as tf

    def uniform(column: int, limit: float) -> tf.Tensor:
        return (2 * chance[:, column] - 1) * limit

    theta = uniform(0, math.radians(config.rotation))
    down, right = uniform(1, config.shift * height), uniform(2, config.shift * width)
    shear = uniform(3, config.shear if config.shear_unit == "radians" else math.radians(config.shear))
    zoom_row, zoom_column = 1 + uniform(4, config.zoom), 1 + uniform(5, config.zoom)
    mirrored = tf.where(chance[:, 6] < 0.5, -1.0, 1.0) if config.flip else tf.ones_like(theta)
    cos, sin = tf.cos(theta), tf.sin(theta)
    # R H: rows of [[cos, -sin], [sin, cos]] times [[1, -sin(shear)], [0, cos(shear)]]; then the columns times the zooms
    row_row, row_column = cos * zoom_row, (-cos * tf.sin(shear) - sin * tf.cos(shear)) * zoom_column * mirrored
    column_row, column_column = sin * zoom_row, (-sin * tf.sin(shear) + cos * tf.cos(shear)) * zoom_column * mirrored
    centre_row, centre_column = (height - 1) / 2, (width - 1) / 2
    row_shift = cos * down - sin * right + centre_row - row_row * centre_row - row_column * centre_column
    column_shift = sin * down + cos * right + centre_column - column_row * centre_row - column_column * centre_column
    zero = tf.zeros_like(theta)
    return tf.stack([column_column, column_row, column_shift, row_column, row_row, row_shift, zero, zero], axis=1)


def distort(images: tf.Tensor, chance: tf.Tensor, config: Augmentation) -> tf.Tensor:
    """Distorted copies, float32 (n, h, w, c) with values 0..255, of images (n, h, w, c) under uniform draws (n, DRAWS)."""
    import tensorflow as tf

    height, width = images.shape[1], images.shape[2]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=transforms(chance, config, height, width),
        output_shape=tf.constant([height, width], tf.int32),
        fill_value=tf.constant(0.0),
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
