"""A sweep: the base and its variants, each with every seed, from where they stopped; one folder with what each change bought."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_viz.analysis.sweep import Trial
from fmnist_viz.core.cache import Cache
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import Diverged, UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import staged_folder
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.pipeline.config import VERSION
from fmnist_viz.pipeline.folder import check_replaceable
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.pipeline.training import Training, run_training
from fmnist_viz.pipeline.variants import BASE, SweepConfig, Variant, in_order, judged
from fmnist_viz.training.config import ComputeConfig

KIND = "sweep"
METRICS = ("val_accuracy", "val_loss")  # what a sweep judges by; the HPARAMS tab shows the first metrics by name, and training accuracy would come before


@dataclass(frozen=True)
class Outcome:
    """One training of a variant: `record` is what training keeps, with "diverged" where the loss stopped being a number."""

    variant: Variant
    seed: int
    record: dict[str, Any]
    cached: bool

    @property
    def name(self) -> str:
        """Names its folder below hparams/."""
        return f"{self.variant.name}_seed-{self.seed}"

    @property
    def metrics(self) -> dict[str, float]:
        """Those of the last epoch; none of a training that diverged."""
        history = self.record.get("history", {})
        return {} if "diverged" in self.record else {name: history[name][-1] for name in METRICS if history.get(name)}

    def trial(self) -> Trial:
        seconds = [s for s in self.record.get("history", {}).get("seconds", []) if s is not None]
        dead = self.record.get("dead_units") or {}
        return Trial(
            variant=self.variant.name,
            seed=self.seed,
            accuracy=self.metrics.get("val_accuracy"),
            parameters=int(self.record.get("parameters", 0)),
            seconds=statistics.median(seconds) if seconds else None,
            dead=max(dead.values()) >= 1 if dead else None,
        )


@dataclass(frozen=True)
class Sweep:
    """What one call needs to know. The test split is not part of it."""

    images: LabeledImages
    variants: tuple[Variant, ...]
    config: SweepConfig
    compute: ComputeConfig
    threads: int
    cache: Cache
    progress: Progress

    @property
    def held_out(self) -> int:
        return self.config.held_out(len(self.images))


def prepare(data: DataSet, variants: Sequence[Variant], config: SweepConfig, compute: ComputeConfig, threads: int, cache: Cache, progress: Progress) -> Sweep:
    """Raises UsageError for data without a training split, or too many images held out."""
    if data.train is None:
        raise UsageError("NO-SPLIT", "sweep", "the data has no training split", "Give --data with one, or leave it out for Fashion-MNIST.")
    made = Sweep(data.train, tuple(variants), config, compute, threads, cache, progress)
    _ = made.held_out
    return made


def sweep(work: Sweep) -> list[Outcome]:
    """Train whatever has not been trained yet, seed by seed, so that an interrupted sweep has whole comparisons. In the order of variants and seeds."""
    found: dict[tuple[str, int], Outcome] = {}
    total, key = len(work.variants) * work.config.seeds, work.images.digest()
    for seed in range(work.config.seeds):
        for variant in in_order(work.variants):
            work.progress.say(f"training [{len(found) + 1}/{total}] {variant.name}, seed {seed}")
            found[variant.name, seed] = one(work, variant, seed, key)
    return [found[variant.name, seed] for variant in work.variants for seed in range(work.config.seeds)]


def one(work: Sweep, variant: Variant, seed: int, key: str) -> Outcome:
    """One training, from the cache where it has run before; `key` is the digest of the images.

    Training images stand in the test split's place too: what a training looks at beside its own images (the probe that finds dead units) must not be test
    images either.
    """
    data = DataSet(work.images, work.images)
    training = Training(data, {"train": key, "test": key}, judged(variant, work.held_out), work.compute, work.threads, seed)
    entry = work.cache.fetch("sweeps", training.key(), lambda temp: _train(work, training, temp))
    outcome = Outcome(variant, seed, dict(entry.record), entry.hit)
    accuracy = outcome.trial().accuracy
    said = outcome.record.get("diverged", "") if accuracy is None else f"validation accuracy {accuracy:.4f}"
    work.progress.say(f"  {said}" + (", from the cache" if entry.hit else ""))
    return outcome


def _train(work: Sweep, training: Training, temp: Path) -> dict[str, Any]:
    """Train on from where it stopped; that a training diverges is a result."""
    load_tensorflow()
    import keras

    try:
        return run_training(training, work.cache, temp, work.progress, boards=None, resume=True)
    except Diverged as e:
        model = keras.saving.load_model(temp / "model.keras", compile=False, safe_mode=True)
        return {"diverged": str(e), "parameters": int(model.count_params())}
    finally:
        keras.backend.clear_session()


def write(work: Sweep, outcomes: Sequence[Outcome], folder: Path, line: str) -> Manifest:
    """The sweep's folder, all or nothing; `fmnist-viz verify` checks it. `line` is the command as typed.

    Raises OutputBusy where the folder holds anything but an earlier sweep.
    """
    from fmnist_viz.export.sweep import SweepContent, write_sweep

    check_target(folder)
    source = work.images.source
    warnings = [] if source.official else [f"Not the published Fashion-MNIST: {source.location}, {len(work.images):,} training images"]
    details = {variant.name: variant.settings() for variant in work.variants}
    made = [("command", line), ("program", f"fmnist-viz {VERSION}"), ("data", f"{source.location}, {len(work.images):,} training images")]
    trials = [outcome.trial() for outcome in outcomes]
    content = SweepContent(trials, work.held_out, details[BASE], warnings, made, {o.name: session(work, o) for o in outcomes}, details)
    configuration = {"config": work.config, "variants": list(details), "compute": work.compute, "data": source.sha256}
    about = {"digest": digest(configuration), "command": line, "kind": KIND, "finished": True, "version": VERSION, "warnings": warnings}
    manifest = Manifest(about)
    with staged_folder(folder) as temp:
        write_sweep(temp, content)
        manifest.record(temp, KIND, sorted(temp.iterdir()))
    return manifest


def session(work: Sweep, outcome: Outcome) -> bytes:
    """A training's event file for the HPARAMS tab: the settings that can be varied, by the names that ordinary runs give them, variant and seed."""
    from fmnist_viz.training.hparams import hyperparameters
    from fmnist_viz.training.session import session_file

    settings = hyperparameters(**outcome.variant.settings(), variant=outcome.variant.name, seed=outcome.seed, validation=work.held_out)
    return session_file(settings, outcome.metrics, succeeded=bool(outcome.metrics))


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no sweep has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "sweep")
