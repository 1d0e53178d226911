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

    Coordinates are (x, y), as in Keras since 2.2; R rotation, T shift, H shear, Z zoom: M = R T H Z about the image's centre.
    """
    import tensorflow as tf

    def uniform(column: int, limit: float) -> tf.Tensor:
        return (2 * chance[:, column] - 1) * limit

    theta = uniform(0, math.radians(config.rotation))
    shift_x, shift_y = uniform(1, config.shift * width), uniform(2, config.shift * height)
    shear = uniform(3, config.shear if config.shear_unit == "radians" else math.radians(config.shear))
    zoom_x, zoom_y = 1 + uniform(4, config.zoom), 1 + uniform(5, config.zoom)
    mirrored = tf.where(chance[:, 6] < 0.5, -1.0, 1.0) if config.flip else tf.ones_like(theta)
    cos, sin = tf.cos(theta), tf.sin(theta)
    # R H: [[cos, -sin], [sin, cos]] times [[1, -sin(shear)], [0, cos(shear)]]; then the columns times the zooms
    xx, xy = cos * zoom_x * mirrored, (-cos * tf.sin(shear) - sin * tf.cos(shear)) * zoom_y
    yx, yy = sin * zoom_x * mirrored, (-sin * tf.sin(shear) + cos * tf.cos(shear)) * zoom_y
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    to_x = cos * shift_x - sin * shift_y + centre_x - xx * centre_x - xy * centre_y
    to_y = sin * shift_x + cos * shift_y + centre_y - yx * centre_x - yy * centre_y
    zero = tf.zeros_like(theta)
    return tf.stack([xx, xy, to_x, yx, yy, to_y, zero, zero], axis=1)


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
