"""A training that was killed goes on and ends with the very variables of one that never stopped: weights, optimiser, seeds of dropout."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import run, start

from fmnist_viz.core.progress import Silent
from fmnist_viz.core.store import STAGING
from fmnist_viz.core.types import DataSet
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.models.recipe import PLAIN
from fmnist_viz.training.config import ComputeConfig, FitConfig

EPOCHS = 3
# 5,000 real images (the shipped sample's training split), a network with dropout
TRAIN = ("train", "--data", "sample", "--model", "cnn1", "--epochs", str(EPOCHS), "--validation", "0", "--threads", "1", "--out", "run", "--cache-dir", "cache")


def states(where: Path) -> list[Path]:
    return sorted(where.glob("cache/states/*/epoch_*.npz"))


def variables(where: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every variable after the last epoch, in order."""
    (last,) = where.glob(f"cache/states/*/epoch_{EPOCHS:05d}.npz")
    with np.load(last, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files if name.startswith("variable_")}


def same(a: dict[str, np.ndarray[Any, Any]], b: dict[str, np.ndarray[Any, Any]]) -> bool:
    return a.keys() == b.keys() and all(a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name]) for name in a)


@dataclass(frozen=True)
class Reference:
    variables: dict[str, np.ndarray[Any, Any]]
    epoch_seconds: float
    history: str


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The training that never stops."""
    where = tmp_path_factory.mktemp("reference")
    done = run(where, *TRAIN)
    assert done.code == 0, done.err
    found = variables(where)
    # 6 weights, 2 slots of Adam for each, its rate and its count, and the seed of the one dropout layer
    assert len(found) == 6 * 3 + 3
    seconds = [float(s) for s in re.findall(r"\((\d+\.\d) s\)", done.err)]
    return Reference(found, min(seconds[1:]), without_seconds(where))


def without_seconds(where: Path) -> str:
    lines = (where / "run" / "history.csv").read_text().splitlines()
    drop = lines[0].split(",").index("seconds")
    return "\n".join(",".join(c for i, c in enumerate(line.split(",")) if i != drop) for line in lines)


def kill_mid_epoch(where: Path, after: int, wait: float) -> bool:
    """Start or resume, and kill `wait` seconds into the epoch that follows epoch `after`. True where no state was written meanwhile."""
    process = start(where, *TRAIN, "--resume")
    until = time.monotonic() + 120
    while len([p for p in states(where) if int(p.stem[-5:]) >= after]) == 0 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.002)
    time.sleep(wait)
    before = [p.name for p in states(where)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    newest = max(int(p.stem[-5:]) for p in states(where))
    return before == [p.name for p in states(where)] and newest == after


def kill_inside_a_write(where: Path, after: int) -> bool:
    """Start or resume, and kill while the state after epoch `after` + 1 is being written. True where the half-written file shows it."""
    process = start(where, *TRAIN, "--resume")
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        for folder in where.glob("cache/states/*"):
            names = os.listdir(folder)
            half = any(name.startswith(STAGING) for name in names)
            if half and (after == 0 or f"epoch_{after:05d}.npz" in names) and f"epoch_{after + 1:05d}.npz" not in names:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
                left = os.listdir(folder)
                return any(name.startswith(STAGING) for name in left) and f"epoch_{after + 1:05d}.npz" not in left
    process.kill()
    process.communicate()
    return False


def resumed(where: Path) -> Any:
    done = run(where, *TRAIN, "--resume")
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
def test_killed_in_an_epoch_and_in_a_write_ends_the_same(reference: Reference, tmp_path: Path) -> None:
    assert kill_mid_epoch(tmp_path, 1, 0.4 * reference.epoch_seconds)
    kill_inside_a_write(tmp_path, 1)
    done = resumed(tmp_path)
    assert "going on after epoch" in done.err
    assert same(variables(tmp_path), reference.variables)
    assert without_seconds(tmp_path) == reference.history
    assert sorted(p.name for p in (tmp_path / "run" / "probe").iterdir()) == [*(f"epoch_{i:03d}.npz" for i in range(EPOCHS + 1)), "probe.npz"]


@pytest.mark.slow
def test_ten_kills(reference: Reference, tmp_path: Path) -> None:
    """Ten trainings, each killed once after its first step: five within an epoch, five while a state is written."""
    draw, inside, middle, equal = random.Random(0), 0, 0, 0
    for number in range(10):
        where = tmp_path / str(number)
        where.mkdir()
        if number % 2:
            inside += kill_inside_a_write(where, draw.choice([0, 1]))
        else:
            middle += kill_mid_epoch(where, draw.choice([1, 2]), draw.uniform(0.2, 0.6) * reference.epoch_seconds)
        resumed(where)
        equal += same(variables(where), reference.variables)
        print(f"kill {number + 1}: {inside} inside a write, {middle} within an epoch, {equal} equal so far", flush=True)
    assert equal == 10
    assert inside >= 3
    assert middle >= 3


def test_interrupt_says_how_to_go_on(reference: Reference, tmp_path: Path) -> None:
    process = start(tmp_path, *TRAIN, "--epochs", "60")  # enough for the signal to come in time
    while not states(tmp_path) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.search(r"saved to the end of epoch \d+ of 60: add --resume", err)


# --- in one process: what a state must hold ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data() -> DataSet:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()
    return load(DataConfig(data="sample"))


def trained(where: Path, data: DataSet, *, epochs: int, resume: bool = False, **options: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Train on 400 images with states in `where`; returns the variables after the last epoch."""
    from fmnist_viz.training.device import choose_device
    from fmnist_viz.training.fit import Pictures, Places, fit
    from fmnist_viz.training.state import read_state

    assert data.train is not None
    images, probe = data.train.take(np.arange(400)), data.test.take(np.arange(50))
    nothing = Pictures(lambda images: None, lambda *a: None)
    config = FitConfig(**{"model": "cnn1", "epochs": epochs, "batch_size": 100, "validation": 0, **options})
    watched = data.test.take(np.arange(60)) if config.validation else None
    fit(
        images, watched, probe, Places(where / "result", None, where), config=config, device=choose_device(ComputeConfig(device="cpu")),
        seed=0, progress=Silent(), pictures=nothing, resume=resume,
    )  # fmt: skip
    state = read_state(where, at_most=100, report=pytest.fail)
    assert state is not None
    return {str(i): v for i, v in enumerate(state.variables)}


def drop_seed_state(where: Path, epoch: int) -> None:
    """Write the state again with every seed state as a new model would have it: what a plain Keras file loses."""
    from fmnist_viz.training.state import State, read_state, write_state

    state = read_state(where, at_most=epoch, report=pytest.fail)
    assert state is not None
    fresh = [np.array([v.flat[0], 0], v.dtype) if v.shape == (2,) and v.dtype.kind in "ui" else v for v in state.variables]
    assert sum(a is not b for a, b in zip(fresh, state.variables, strict=True)) == 1
    write_state(where, State(state.epoch, fresh, state.notes, state.best))


def test_the_comparison_notices_a_lost_seed_state(data: DataSet, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", data, epochs=2)
    trained(tmp_path / "kept", data, epochs=1)
    assert same(trained(tmp_path / "kept", data, epochs=2, resume=True), whole)
    trained(tmp_path / "lost", data, epochs=1)
    drop_seed_state(tmp_path / "lost", 1)
    assert not same(trained(tmp_path / "lost", data, epochs=2, resume=True), whole)


@pytest.mark.parametrize(
    "options",
    [
        {"model": "dense128", "recipe": "article"},
        {"model": "dense4-lr-sweep", "recipe": "article", "validation": 60},
        {"augmented_epochs": 1, "augment_validation": True, "validation": 60},
        {"model": "cnn4", "optimizer": "rmsprop"},
    ],
    ids=["repeat", "sweep", "augmented", "normalised"],
)
def test_every_kind_of_training_goes_on_alike(data: DataSet, tmp_path: Path, options: dict[str, Any]) -> None:
    whole = trained(tmp_path / "whole", data, epochs=2, **options)
    first = {k: v for k, v in options.items() if k not in ("augmented_epochs", "augment_validation")}
    trained(tmp_path / "parts", data, epochs=1, **(first if "augmented_epochs" not in options else {**first, "augmented_epochs": 0}))
    assert same(trained(tmp_path / "parts", data, epochs=2, resume=True, **options), whole)


def test_a_damaged_state_is_passed_over(data: DataSet, tmp_path: Path) -> None:
    from fmnist_viz.training.state import read_state, state_path

    trained(tmp_path, data, epochs=2)
    path = state_path(tmp_path, 2)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 255
    path.write_bytes(raw)
    said: list[str] = []
    state = read_state(tmp_path, at_most=5, report=said.append)
    assert state is not None
    assert state.epoch == 1
    assert len(said) == 1
    assert "epoch 2 is damaged" in said[0]


def test_early_stopping_keeps_the_best_epoch(data: DataSet, tmp_path: Path) -> None:
    """A rate far too high: validation loss rises after the first epochs, and the kept weights are those of its lowest value."""
    import csv

    import keras

    trained(tmp_path, data, epochs=30, validation=60, early_stopping=2, learning_rate=0.02)
    with open(tmp_path / "result" / "history.csv", newline="") as f:
        losses = [float(row["val_loss"]) for row in csv.DictReader(f)]
    assert len(losses) < 30
    assert int(np.argmin(losses)) == len(losses) - 3
    model = keras.saving.load_model(tmp_path / "result" / "model.keras", compile=False)
    watched = data.test.take(np.arange(60))
    p = model.predict(watched.images, verbose=0)[np.arange(60), watched.labels]
    assert -np.log(np.clip(p, 1e-7, 1)).mean() == pytest.approx(min(losses), rel=1e-3)


def test_the_plain_recipe_is_the_default() -> None:
    assert FitConfig().plan == PLAIN
