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
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.store import write_file

if TYPE_CHECKING:
    import keras

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
