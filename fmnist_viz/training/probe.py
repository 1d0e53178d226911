"""The probe: the same labelled images through the model at the start and after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages


class Twin:
    """A float32 copy of the model in training that answers with (penultimate activations, logits).

    Mixed-precision activations have only some hundred distinct values and tie; the copy computes them in full.
    """

    def __init__(self, build: Callable[[], keras.Model]) -> None:
        import tensorflow as tf

        self.model = build()
        self._inner = keras.Model(self.model.inputs[0], self.model.layers[-1].input)
        self._call = tf.function(lambda x: self._inner(x, training=False), reduce_retracing=True)

    def __call__(self, weights: list[np.ndarray], images: NDArray[np.uint8], batch: int = 500) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import tensorflow as tf

        self.model.set_weights(weights)
        parts = [self._call(tf.constant(images[i : i + batch], tf.float32)).numpy() for i in range(0, len(images), batch)]
        hidden = np.concatenate(parts).reshape(len(images), -1)
        kernel, bias = self.model.layers[-1].get_weights()
        return hidden, hidden @ kernel + bias


class ProbeRecorder(keras.callbacks.Callback):
    """Writes `<folder>/epoch_000.npz` (before training), `epoch_001.npz` ...: penultimate float32 (n, d), logits float32 (n, c).

    `save(path, arrays)` does the writing, so that the folder is only ever seen with complete files.
    """

    def __init__(self, twin: Twin, probe: LabeledImages, folder: Path, save: Callable[[Path, dict[str, Any]], None]) -> None:
        super().__init__()
        self._twin, self._probe, self._folder, self._save = twin, probe, folder, save

    def _record(self, number: int) -> None:
        weights = self.model.get_weights()
        if not all(np.isfinite(w).all() for w in weights):
            return  # a ReLU turns NaN into 0: logits may look sound where the weights are ruined
        hidden, logits = self._twin(weights, self._probe.images)
        if np.isfinite(logits).all():
            self._save(self._folder / f"epoch_{number:03d}.npz", {"penultimate": hidden, "logits": logits})

    def on_train_begin(self, logs: Any = None) -> None:
        ids = {"sample_ids": self._probe.sample_ids, "labels": self._probe.labels}
        self._save(self._folder / "probe.npz", ids)
        self._record(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._record(epoch + 1)
