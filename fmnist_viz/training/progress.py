"""Training as seen on screen: loss, accuracy and time left."""

from __future__ import annotations

import time
from typing import Any

import keras

from fmnist_viz.core.progress import Progress


class ScreenProgress(keras.callbacks.Callback):
    """Reports every step to `progress`, and the seconds of each epoch into its logs (`seconds`, and `cpu_seconds` of user and system time)."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        super().__init__()
        self._progress, self._epochs, self._epoch, self._began, self._cpu = progress, epochs, 0, 0.0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._began, self._cpu = epoch, time.perf_counter(), time.process_time()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        steps = self.params.get("steps") or 1
        note = f"epoch {self._epoch + 1}/{self._epochs}  loss {logs['loss']:.4f}  accuracy {logs['accuracy']:.4f}" if logs else ""
        self._progress.step("training", self._epoch * steps + min(batch + 1, steps), self._epochs * steps, note)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = time.perf_counter() - self._began
        if logs is not None:
            logs["seconds"] = round(seconds, 2)
            logs["cpu_seconds"] = round(time.process_time() - self._cpu, 2)
            watched = f", validation {logs['val_loss']:.4f} / {logs['val_accuracy']:.4f}" if "val_loss" in logs else ""
            self._progress.say(f"epoch {epoch + 1}/{self._epochs}: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}{watched}  ({seconds:.1f} s)")
