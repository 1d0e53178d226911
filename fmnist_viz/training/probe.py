"""The probe: the same labelled images through the model at the start and after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages


@dataclass(frozen=True)
class Look:
    """hidden : penultimate activations float32 (n, d); logits : float32 (n, c); dead : per ReLU layer, bool (units,), True where a unit fired on no image.

    A unit of a convolution is a filter; it fires where any place of its feature map is above 0.
    """

    hidden: NDArray[np.float32]
    logits: NDArray[np.float32]
    dead: dict[str, NDArray[np.bool_]]


class Twin:
    """A float32 copy of the model in training that looks at images.

    Mixed-precision activations have only some hundred distinct values and tie; the copy computes them in full.
    """

    def __init__(self, build: Callable[[], keras.Model]) -> None:
        import tensorflow as tf

        self.model = build()
        self._relu = [layer.name for layer in self.model.layers[:-1] if getattr(getattr(layer, "activation", None), "__name__", "") == "relu"]
        outputs = [self.model.get_layer(name).output for name in self._relu]
        self._inner = keras.Model(self.model.inputs[0], [self.model.layers[-1].input, *outputs])

        def look(x: Any) -> tuple[Any, list[Any]]:
            made = self._inner(x, training=False)
            hidden, *fired = made if isinstance(made, (list, tuple)) else [made]  # Keras unpacks a list of one
            return hidden, [tf.reduce_max(f, axis=list(range(len(f.shape) - 1))) for f in fired]

        self._call = tf.function(look, reduce_retracing=True)

    def __call__(self, weights: list[np.ndarray], images: NDArray[Any], batch: int = 500) -> Look:
        import tensorflow as tf

        self.model.set_weights(weights)
        parts, highest = [], []
        for i in range(0, len(images), batch):
            hidden, fired = self._call(tf.constant(images[i : i + batch], tf.float32))
            parts.append(hidden.numpy())
            highest.append([f.numpy() for f in fired])
        rows = np.concatenate(parts).reshape(len(images), -1)
        kernel, bias = self.model.layers[-1].get_weights()
        dead = {name: np.max([fired[i] for fired in highest], axis=0) <= 0 for i, name in enumerate(self._relu)}
        return Look(rows, rows @ kernel + bias, dead)


@dataclass
class DeadUnits:
    """Rows (epoch, layer, units, dead); epoch 0 is before training."""

    rows: list[tuple[int, str, int, int]]

    def add(self, epoch: int, look: Look) -> None:
        self.rows += [(epoch, name, len(dead), int(dead.sum())) for name, dead in look.dead.items()]

    def shares(self, epoch: int) -> dict[str, float]:
        """Share of dead units by layer after an epoch, 0..1."""
        return {layer: dead / units for at, layer, units, dead in self.rows if at == epoch}

    def csv(self) -> str:
        return "\n".join(["epoch,layer,units,dead", *(",".join(map(str, row)) for row in self.rows)]) + "\n"


class ProbeRecorder(keras.callbacks.Callback):
    """Writes `<folder>/epoch_000.npz` (before training), `epoch_001.npz` ...: penultimate float32 (n, d), logits float32 (n, c).

    `save(path, arrays)` does the writing, so that the folder is only ever seen with complete files; None keeps no recordings.
    `show(epoch, look)`, where given, receives every look once it is recorded.
    The share of units that never fire on the probe goes into `dead`, and into the epoch's logs as `dead_units/<layer>`.
    """

    def __init__(
        self, twin: Twin, probe: LabeledImages, folder: Path, save: Callable[[Path, dict[str, Any]], None] | None, dead: DeadUnits,
        show: Callable[[int, Look], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._twin, self._probe, self._folder, self._save, self._dead, self._show = twin, probe, folder, save, dead, show

    def _record(self, number: int) -> dict[str, float]:
        weights = self.model.get_weights()
        if not all(np.isfinite(w).all() for w in weights):
            return {}  # a ReLU turns NaN into 0: logits may look sound where the weights are ruined
        look = self._twin(weights, self._probe.inputs)
        if not np.isfinite(look.logits).all():
            return {}
        if self._save is not None:
            self._save(self._folder / f"epoch_{number:03d}.npz", {"penultimate": look.hidden, "logits": look.logits})
        self._dead.add(number, look)
        if self._show is not None:
            self._show(number, look)
        return self._dead.shares(number)

    def on_train_begin(self, logs: Any = None) -> None:
        if self._dead.rows:  # going on: the start was looked at then
            return
        if self._save is not None:
            self._save(self._folder / "probe.npz", {"sample_ids": self._probe.sample_ids, "labels": self._probe.labels})
        self._record(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for layer, share in self._record(epoch + 1).items():
            if logs is not None:
                logs[f"dead_units/{layer}"] = share
