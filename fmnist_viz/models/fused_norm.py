"""Batch normalisation in one kernel, for training in mixed precision.

Keras computes it in several float32 passes over the activations, which under 16-bit arithmetic cost more than the convolutions between them.
TensorFlow's fused kernel reads 16-bit values once and keeps its sums in float32. Only the network in training has it; what is saved is Keras's own layer,
with the same weights.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer over the last axis, with the fused kernel while it trains. The moving variance is of n, as Keras's, not of n - 1."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or mask is not None or not self.trainable:
            return super().call(inputs, training=training, mask=mask)
        flat = len(inputs.shape) == 2
        x = inputs[:, None, None, :] if flat else inputs
        scale, offset = tf.cast(self.gamma, tf.float32), tf.cast(self.beta, tf.float32)
        none = tf.zeros([0])
        made = tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=none, variance=none, epsilon=self.epsilon, is_training=True)
        y, mean, variance = made[:3]
        count = tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32)
        kept = self.momentum
        self.moving_mean.assign(self.moving_mean * kept + mean * (1 - kept))
        self.moving_variance.assign(self.moving_variance * kept + variance * ((count - 1) / count) * (1 - kept))
        return y[:, 0, 0, :] if flat else y
