"""Batch normalisation in one kernel against Keras's own: outputs, gradients, moving statistics, and what is saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()


def both(shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    import keras
    import tensorflow as tf

    from fmnist_viz.models.fused_norm import FusedBatchNormalization

    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(3, 2, shape).astype(np.float32))
    theirs, ours = keras.layers.BatchNormalization(), FusedBatchNormalization()
    for layer in (theirs, ours):
        layer.build(shape)
        layer.gamma.assign(np.linspace(0.5, 2, shape[-1]))
        layer.beta.assign(np.linspace(-1, 1, shape[-1]))
    return x, theirs, ours


@pytest.mark.parametrize("shape", [(16, 5, 6, 3), (16, 7)], ids=["images", "vectors"])
def test_one_step_is_keras_own(shape: tuple[int, ...]) -> None:
    import tensorflow as tf

    x, theirs, ours = both(shape)
    found = []
    for layer in (theirs, ours):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        grads = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        found.append([y, *grads, *layer.get_weights(), layer(x, training=False)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=2e-5)


def test_mixed_precision_trains_with_it_and_saves_keras_own() -> None:
    import keras

    from fmnist_viz.models.fused_norm import FusedBatchNormalization
    from fmnist_viz.models.zoo import build

    mixed = build("compact", input_shape=(28, 28, 1), classes=10, seed=0, policy="mixed_bfloat16")
    plain = build("compact", input_shape=(28, 28, 1), classes=10, seed=0)
    kinds = [type(layer) for layer in mixed.layers if "batch_normalization" in layer.name]
    assert kinds == [FusedBatchNormalization] * 4
    assert {type(layer) for layer in plain.layers if "batch_normalization" in layer.name} == {keras.layers.BatchNormalization}
    assert [w.shape for w in mixed.get_weights()] == [w.shape for w in plain.get_weights()]
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1)).astype(np.float32)
    labels = np.arange(64) % 10
    mixed.compile("adam", "sparse_categorical_crossentropy")
    losses = [float(mixed.train_on_batch(images, labels)) for _ in range(8)]
    assert losses[-1] < losses[0]
    plain.set_weights(mixed.get_weights())
    np.testing.assert_allclose(plain(images), mixed(images), atol=0.05)
