"""Training batches whose order follows from (seed, epoch) alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import tensorflow as tf


def training_batches(images: LabeledImages, *, batch_size: int, epochs: int, seed: int) -> tf.data.Dataset:
    """uint8 images and int64 labels, every image once per epoch, `epochs` epochs one after the other.

    Epoch e is the stateless shuffle of the rows under (seed, e): it does not depend on what ran before it.
    """
    import tensorflow as tf

    x, y = tf.constant(images.images), tf.constant(images.labels)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), seed=tf.stack([tf.constant(seed, tf.int64), number]))
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    rows = tf.data.Dataset.range(epochs).flat_map(epoch)
    batches = rows.map(lambda r: (tf.gather(x, r), tf.gather(y, r)), num_parallel_calls=2, deterministic=True).prefetch(4)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return batches.with_options(options)
