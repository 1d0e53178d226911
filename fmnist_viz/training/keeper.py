"""The callback that keeps the state of a training after every epoch, and ends it early where that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmnist_viz.training.state import State, variables_of, write_state


class StateKeeper(keras.callbacks.Callback):
    """Collects every epoch's logs into `history`, and after each sound epoch writes the state. Stops as `patience` asks.

    Put it last: other callbacks add to the logs. `notes()` returns what else is to be kept.
    """

    def __init__(self, folder: Path | None, start: State | None, *, patience: int, sound: Callable[[], bool], notes: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._folder, self._patience, self._sound, self._notes = folder, patience, sound, notes
        self.history: dict[str, list[float]] = {name: list(values) for name, values in start.notes["history"].items()} if start else {}
        self.best = list(start.best) if start else []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if not self._sound():
            return
        if self._patience:
            self._stop_early(epoch)
        if self._folder is not None:
            values = [np.array(v) for v in variables_of(self.model)]
            write_state(self._folder, State(epoch + 1, values, {"history": self.history, **self._notes()}, self.best))

    def _stop_early(self, epoch: int) -> None:
        losses = self.history["val_loss"]
        best = int(np.nanargmin(losses))
        if best == epoch:
            self.best = self.model.get_weights()
        if epoch - best >= self._patience:
            self.model.stop_training = True
