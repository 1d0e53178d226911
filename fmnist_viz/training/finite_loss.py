"""Stops a training whose loss is no longer a number, and remembers the last weights that were."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np


class FiniteLoss(keras.callbacks.Callback):
    """Stop within one step of the first non-finite loss; `weights` are those of the last epoch (or start) that ended finite.

    Keras's own TerminateOnNaN stops as well, but keeps the ruined weights. `failed` is None or (epoch, step), counted from 1.
    """

    def __init__(self, first_epoch: int = 0) -> None:
        super().__init__()
        self.failed: tuple[int, int] | None = None
        self.weights: list[np.ndarray] = []
        self.epoch_of_weights = first_epoch
        self._epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.weights = self.model.get_weights()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self.failed = (self._epoch + 1, batch + 1)
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.failed:
            return
        weights = self.model.get_weights()
        if all(np.isfinite(w).all() for w in weights):
            self.weights, self.epoch_of_weights = weights, epoch + 1
        else:
            self.failed = (epoch + 1, int(self.params.get("steps") or 0))
            self.model.stop_training = True
