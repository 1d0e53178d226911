"""What a training needs to go on as if it had never stopped: one complete file per finished epoch.

Keras's saved models leave out the seed states of dropout layers, and its BackupAndRestore overwrites in place; here every variable
of model and optimiser is kept, seed states included, and a file is there complete or not at all.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmnist_viz.core.store import write_file

KEPT = 2  # the newest, and the one before it should the newest be damaged


@dataclass(frozen=True)
class State:
    """After `epoch` finished epochs: `variables` as listed by `variables_of`; `notes` is what the callbacks keep (plain JSON)."""

    epoch: int
    variables: list[np.ndarray]
    notes: dict[str, Any]
    best: list[np.ndarray]  # the best epoch's weights under early stopping, else empty


def variables_of(model: keras.Model) -> list[Any]:
    """Weights, normalisation statistics, seed states of dropout, and everything of the optimiser, in a fixed order."""
    return [*model.variables, *model.optimizer.variables]


def state_path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch_{epoch:05d}.npz"


def finished_epochs(folder: Path) -> list[int]:
    """Epochs after which a state was kept, ascending."""
    found = (re.fullmatch(r"epoch_(\d{5})\.npz", p.name) for p in folder.glob("epoch_*.npz"))
    return sorted(int(match[1]) for match in found if match)


def write_state(folder: Path, state: State) -> None:
    """Write a state and drop all but the newest `KEPT`."""
    arrays = {f"variable_{i:04d}": value for i, value in enumerate(state.variables)} | {f"best_{i:04d}": value for i, value in enumerate(state.best)}
    text = json.dumps({"epoch": state.epoch, "variables": len(state.variables), "best": len(state.best), "notes": state.notes})
    write_file(state_path(folder, state.epoch), lambda f: np.savez(f, about=np.frombuffer(text.encode(), np.uint8), **arrays))  # type: ignore[arg-type]
    for old in finished_epochs(folder)[:-KEPT]:
        state_path(folder, old).unlink(missing_ok=True)


def read_state(folder: Path, *, at_most: int, report: Callable[[str], None]) -> State | None:
    """The newest sound state of at most so many epochs; None where there is none. A damaged one is reported and passed over."""
    for epoch in reversed([e for e in finished_epochs(folder) if e <= at_most]):
        try:
            with np.load(state_path(folder, epoch), allow_pickle=False) as kept:
                about = json.loads(kept["about"].tobytes())
                variables = [kept[f"variable_{i:04d}"] for i in range(about["variables"])]
                best = [kept[f"best_{i:04d}"] for i in range(about["best"])]
            return State(about["epoch"], variables, about["notes"], best)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
            report(f"the saved state of epoch {epoch} is damaged ({e}); going back to the one before it")
    return None


def restore(model: keras.Model, state: State) -> None:
    """Give a compiled model every value of a state. Raises ValueError where they do not fit."""
    model.optimizer.build(model.trainable_variables)
    variables = variables_of(model)
    if [tuple(v.shape) for v in variables] != [v.shape for v in state.variables]:
        raise ValueError("the saved state is of another model")
    for variable, value in zip(variables, state.variables, strict=True):
        variable.assign(value)


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
