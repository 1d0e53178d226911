"""The articles' trainings, one after the other, each from where it stopped; every finished one leaves a row in the ledger."""

from __future__ import annotations

import datetime
import functools
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import BadInput, Diverged, UsageError
from fmnist_viz.core.ledger import LedgerRow, append_row, counts_text
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, LabeledFeatures
from fmnist_viz.models.zoo import PRESETS, preset
from fmnist_viz.pipeline.config import VERSION
from fmnist_viz.pipeline.provenance import git_state
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.pipeline.training import Training, run_training
from fmnist_viz.pipeline.transfer import FrozenBase
from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig
from fmnist_viz.training.device import Device, choose_device

# all that an article describes and that trains on this data as it is; vgg19 is trained where it is named: its features take hours of a processor
ARTICLES = ("dense4-raw", "dense4", "dense4-lr-sweep", "dense4-tuned", "dense128", "fc4", "cnn1", "cnn3", "cnn4")


@dataclass(frozen=True)
class ReproduceConfig:
    seeds: int = option(1, "Trainings of each preset, each with its own seed.", unit="trainings", low=1, high=1000)
    first_seed: int = option(0, "Seed of the first training; the others count on from it.", low=0, high=2**31 - 1001)
    epochs_scale: float = option(1.0, "Share of the recipe's epochs to train; rows with another share than 1 are called not run in full.", low=0.001, high=100)
    stages: str = option("all", "first: without the augmented epochs that some recipes go on with.", choices=("all", "first"))

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def seed_range(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    def scaled(self, epochs: int) -> int:
        return max(1, round(epochs * self.epochs_scale)) if epochs else 0


@dataclass(frozen=True)
class Stage:
    """One training up to the end of a stage: "plain", or "augmented" after it."""

    preset: str
    stage: str
    seed: int
    fit: FitConfig
    full: int  # epochs that the recipe asks for up to here


@dataclass
class Reproduction:
    """What one call needs to know."""

    data: DataSet
    digests: dict[str, str]
    config: ReproduceConfig
    compute: ComputeConfig
    threads: int
    cache: Cache
    ledger: Path
    progress: Progress
    rows: list[LedgerRow] = field(default_factory=list)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    base: FrozenBase | None = None  # of the presets that stand on one

    @functools.cached_property
    def device(self) -> Device:
        """Where this call trains: a training that has not ended is named in the ledger as it will be when it has."""
        load_tensorflow()
        return choose_device(self.compute)

    def training(self, stage: Stage) -> Training:
        base = self.base if PRESETS[stage.preset].transfer else None
        return Training(self.data, self.digests, stage.fit, self.compute, self.threads, stage.seed, base)

    def options(self, stage: Stage) -> str:
        """What differs from the recipe, as the ledger names it."""
        return self.transfer.differing() if PRESETS[stage.preset].transfer else ""


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The presets to train, all of the articles' where none is named; raises UsageError for an unknown one."""
    for name in names:
        preset(name)
    return tuple(dict.fromkeys(names)) or ARTICLES


def stages(names: Sequence[str], config: ReproduceConfig) -> list[Stage]:
    """Every training, shortest stages of all seeds first within a preset, in the order of the names."""
    found = []
    for name in names:
        recipe = PRESETS[name].article
        plain, augmented = config.scaled(recipe.epochs), config.scaled(recipe.augmented_epochs)
        for seed in config.seed_range if plain else ():
            found.append(Stage(name, "plain", seed, FitConfig(model=name, recipe="article", epochs=plain, augmented_epochs=0), recipe.epochs))
        for seed in config.seed_range if augmented and (config.stages == "all" or not plain) else ():
            fit = FitConfig(model=name, recipe="article", epochs=plain or -1, augmented_epochs=augmented)
            found.append(Stage(name, "augmented", seed, fit, recipe.length))
    return found


def reproduce(work: Reproduction, names: Sequence[str]) -> list[LedgerRow]:
    """Train whatever has not been trained yet, and append each result to the ledger. Returns the rows of this call.

    Raises UsageError for data without a training split. A training that diverges leaves a row without a result.
    """
    if work.data.train is None:
        raise UsageError("NO-SPLIT", "reproduce", "the data has no training split", "Give --data with one, or leave it out for Fashion-MNIST.")
    if work.base is not None:
        work.base.model  # noqa: B018 - weights that are not to be had should cost seconds
    todo = stages(names, work.config)
    for number, stage in enumerate(todo, 1):
        work.progress.say(f"[{number}/{len(todo)}] {stage.preset}, {stage.stage} stage, seed {stage.seed}")
        row = one(work, stage)
        append_row(work.ledger, row)
        work.rows.append(row)
    return work.rows


def one(work: Reproduction, stage: Stage) -> LedgerRow:
    """The row of one training: from the cache where it has run before."""
    training = work.training(stage)
    key = {**training.key(), "test": work.digests["test"]}
    try:
        entry = work.cache.fetch("reproductions", key, lambda temp: _train_and_test(work, training, temp))
    except Diverged as e:
        work.progress.warn(f"{stage.preset}, seed {stage.seed}: {e}")
        return _row(work, stage, {}, finished=True)
    except KeyboardInterrupt:
        append_row(work.ledger, unfinished(work, stage))
        raise
    row = _row(work, stage, dict(entry.record), finished=True)
    work.progress.say(f"  test accuracy {row.test_accuracy:.4f}, loss {row.test_loss:.4f}" + (", from the cache" if entry.hit else ""))
    return row


def is_finished(work: Reproduction, stage: Stage) -> bool:
    """Whether the result of this very training lies in the cache."""
    return work.cache.has("reproductions", {**work.training(stage).key(), "test": work.digests["test"]})


def unfinished(work: Reproduction, stage: Stage) -> LedgerRow:
    """The row of a training that has not ended: at which epoch it stands."""
    from fmnist_viz.training.state import finished_epochs

    state, before = work.training(stage).states(work.cache)
    done = max((e for folder in (state, before) if folder is not None for e in finished_epochs(folder)), default=0)
    return _row(work, stage, {"epochs": min(done, stage.fit.plan.length)}, finished=False)


def _train_and_test(work: Reproduction, training: Training, temp: Path) -> dict[str, Any]:
    """Train on from where it stopped, then look at the test split once."""
    record = run_training(training, work.cache, temp, work.progress, boards=None, resume=True)
    import keras

    from fmnist_viz.training.fit import save_npz

    model = keras.saving.load_model(temp / "model.keras", compile=False, safe_mode=True)
    test = work.data.test
    if training.base is not None:
        features = training.base.features(work.data, work.digests).test
        assert isinstance(features, LabeledFeatures)
        proba = training.base.probabilities(model, features)
    else:
        proba = np.asarray(model.predict(test.images, batch_size=500, verbose=0), np.float32)
    keras.backend.clear_session()
    if not np.isfinite(proba).all():
        raise BadInput("NOT-FINITE", training.config.model, "the trained model gives values that are not finite", "Try a smaller --learning-rate.")
    save_npz(temp / "test.npz", {"y_true": test.labels, "y_proba": proba})
    return {**record, "test": measured(test.labels, proba)}


def measured(y_true: np.ndarray, y_proba: np.ndarray) -> dict[str, Any]:
    """Accuracy, cross-entropy (natural logarithm, probabilities cut at 1e-7 as Keras cuts them) and confusion counts."""
    y_pred = y_proba.argmax(1)
    classes = y_proba.shape[1]
    counts = np.bincount(y_true * classes + y_pred, minlength=classes * classes).reshape(classes, classes)
    p = np.clip(y_proba[np.arange(len(y_true)), y_true].astype(np.float64), 1e-7, 1)
    return {"accuracy": float((y_pred == y_true).mean()), "loss": float(-np.log(p).mean()), "confusion": counts_text(counts)}


def _row(work: Reproduction, stage: Stage, record: dict[str, Any], *, finished: bool) -> LedgerRow:
    history: dict[str, list[Any]] = record.get("history", {})
    test = record.get("test", {})
    seconds = [s for s in history.get("seconds", []) if s is not None]
    # a stage that went on from another one is timed by its own epochs only
    own = seconds[stage.fit.plan.epochs :] if stage.stage == "augmented" else seconds

    images = len(work.data.train) if work.data.train is not None else 0

    def last(name: str) -> float | None:
        return history[name][-1] if history.get(name) else None

    return LedgerRow(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=VERSION,
        commit=str((git_state() or {}).get("commit", ""))[:12],
        preset=stage.preset,
        recipe="article",
        stage=stage.stage,
        seed=stage.seed,
        epochs=len(history["loss"]) if history.get("loss") else int(record.get("epochs", 0)),
        epochs_full=stage.full,
        epochs_scale=work.config.epochs_scale,
        finished=finished,
        options=work.options(stage),
        precision=str(record.get("precision") or work.device.policy),
        device=str(record.get("device") or work.device.name),
        threads=work.threads,
        cpu=cpu_name(),
        seconds_per_epoch=float(np.median(own)) if own else None,
        cpu_minutes=record["cpu_seconds"] / 60 if record.get("cpu_seconds") else None,
        train_images=images - stage.fit.held_out(images),
        n_test=len(work.data.test),
        official=work.data.source.official,
        train_loss=last("loss"),
        train_accuracy=last("accuracy"),
        val_loss=last("val_loss"),
        val_accuracy=last("val_accuracy"),
        test_loss=test.get("loss"),
        test_accuracy=test.get("accuracy"),
        dead_share=max(record["dead_units"].values()) if record.get("dead_units") else None,
        confusion=test.get("confusion", ""),
    )


def cpu_name() -> str:
    """The processor as Linux names it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
