"""Training batches whose order follows from the seed and the place in the training alone, so that a training can go on from any epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages
from fmnist_viz.models.recipe import Recipe
from fmnist_viz.training.augmentation import distort, draws

if TYPE_CHECKING:
    import tensorflow as tf


def training_batches(
    images: NDArray[np.uint8] | NDArray[np.float32], labels: NDArray[np.int64], recipe: Recipe, *, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Batches of images and int64 labels from `first_epoch` (from 0) to the recipe's end, one epoch after the other.

    Order "epoch": every image once per epoch; epoch e is the stateless shuffle of the rows under (seed, e).
    Order "repeat": the rows repeated without end and shuffled in a window of their number, cut into epochs of equal steps; a later
    epoch is reached by passing over the row numbers before it. Images are distorted in augmented epochs (then float32, else uint8).
    """
    import tensorflow as tf

    x, y = tf.constant(images), tf.constant(labels)
    count = len(labels)

    def shuffled(number: tf.Tensor) -> tf.Tensor:
        return tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([tf.constant(seed, tf.int64), number]))

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(tf.gather(x, rows), tf.float32) if recipe.augmentation else tf.gather(x, rows), tf.gather(y, rows)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(shuffled(number)).batch(recipe.batch_size)

    def augmented_epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = shuffled(number)
        return tf.data.Dataset.from_tensor_slices((order, tf.gather(draws(count, seed, number), order))).batch(recipe.batch_size)

    def gather_distorted(rows: tf.Tensor, chance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        assert recipe.augmentation is not None
        return distort(tf.gather(x, rows), chance, recipe.augmentation), tf.gather(y, rows)

    if recipe.order == "repeat":
        steps = recipe.steps(count)
        stream = tf.data.Dataset.range(count).repeat().shuffle(count, seed=seed).batch(recipe.batch_size)
        batches = _mapped(stream.skip(first_epoch * steps).take((recipe.length - first_epoch) * steps), gather)
    else:
        batches = _mapped(tf.data.Dataset.range(first_epoch, max(recipe.epochs, first_epoch)).flat_map(epoch), gather)
        if recipe.augmentation:
            distorted = tf.data.Dataset.range(max(recipe.epochs, first_epoch), recipe.length).flat_map(augmented_epoch)
            batches = batches.concatenate(_mapped(distorted, gather_distorted))
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.prefetch(4).with_options(options)


def _mapped(rows: tf.data.Dataset, make: object) -> tf.data.Dataset:
    return rows.map(make, num_parallel_calls=2, deterministic=True)


class WatchedBatches:
    """The watched images as a dataset for `fit`: as they are, or distorted under (seed, epoch) while `epoch` is an augmented one."""

    def __init__(self, watched: LabeledImages, recipe: Recipe, *, seed: int, batch_size: int = 1000) -> None:
        import tensorflow as tf

        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        x, y, count = tf.constant(watched.inputs), tf.constant(watched.labels), len(watched)
        augmentation = recipe.augmentation

        def take(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            plain = tf.cast(tf.gather(x, rows), tf.float32)
            if augmentation is None or not recipe.augmented_validation:
                return plain, tf.gather(y, rows)
            # negative: other draws than any training image's
            chance = tf.gather(draws(count, seed, -1 - self.epoch), rows)
            images = tf.cond(self.epoch >= recipe.epochs, lambda: distort(plain, chance, augmentation), lambda: plain)
            return tf.ensure_shape(images, plain.shape), tf.gather(y, rows)

        self.batches = tf.data.Dataset.range(count).batch(batch_size).map(take)
