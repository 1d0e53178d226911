"""The training stage: from the cache where this exact training has run before, else with TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.cache import Cache, Entry
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import Diverged
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import folder_lock
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.data.split import random_rows, stratified_rows, train_validation_rows
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.snapshots import FOLDER, LiveSnapshots
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.pipeline.transfer import FrozenBase
from fmnist_viz.training.config import ComputeConfig, FitConfig

if TYPE_CHECKING:
    from fmnist_viz.training.fit import Pictures
    from fmnist_viz.training.probe import Look

PROBE = 2000  # images that are looked at before training and after every epoch
# whose sources decide a training's weights
TRAINING_CODE = ("models/zoo.py", "models/fused_norm.py", "models/recipe.py", "training", "data/split.py")
ONLOOKERS = ("training/projector_callback.py", "training/taps.py")


@dataclass(frozen=True)
class Training:
    """One training and all that decides its weights."""

    data: DataSet
    digests: dict[str, str]
    config: FitConfig
    compute: ComputeConfig
    threads: int
    seed: int
    base: FrozenBase | None = None

    def key(self) -> dict[str, Any]:
        return {
            "code": code_digest(TRAINING_CODE, ONLOOKERS),
            "model": self.config.model,
            "hidden": self.config.hidden_layers if self.config.model == "dense" else None,
            "plan": self.config.plan,
            "early_stopping": self.config.early_stopping,
            "held_out": self.config.held_out(len(self.data.train) if self.data.train is not None else 0),
            "compute": {**dataclasses.asdict(self.compute), "threads": self.threads},
            "seed": self.seed,
            "train": self.digests["train"],
            "probe": self.digests["test"],
            "base": self.base.key() if self.base else None,
            "versions": versions("tensorflow", "keras", "numpy"),
        }

    def states(self, cache: Cache) -> tuple[Path, Path | None]:
        """Folder of this training's resumable states, and the one of the plain epochs that an augmented training may begin from.

        A training's length does not count: more epochs go on from fewer (unless the rate's schedule depends on the length).
        """
        plan = self.config.plan
        free = dataclasses.replace(plan, augmentation=None, augmented_epochs=0, augmented_validation=False)
        if plan.schedule != "one-cycle":
            free = dataclasses.replace(free, epochs=0)
        plain = cache.root / "states" / digest({**self.key(), "plan": free})[:32]
        if plan.augmentation is None:
            return plain, None
        own = plan if plan.schedule == "one-cycle" else dataclasses.replace(plan, augmented_epochs=0)
        return cache.root / "states" / digest({**self.key(), "plan": own})[:32], plain


def train(ctx: Context) -> Entry:
    """Train as configured and publish model, history, probe recordings and event files into the run folder."""
    config = ctx.config.fit
    assert config is not None
    training = Training(ctx.data, ctx.digests, config, ctx.config.compute, ctx.threads, ctx.seed, ctx.base)
    with ctx.timed("training"):
        entry = ctx.cache.fetch("training", training.key(), lambda temp: _train(ctx, training, temp))
        run = ctx.folder
        for name in ("model.keras", "history.csv", "dead_units.csv"):
            run.publish_file(entry.path / name, name)
        run.publish_folder(entry.path / "probe", "probe")
        for name in ("train", "validation"):
            if entry.hit and (entry.path / name).is_dir():
                run.publish_folder(entry.path / name, name)
    if entry.hit:
        ctx.progress.say(f"training: this one has run before; taken from the cache ({entry.key[:8]})")
    if dead := dead_layers(entry.record):
        ctx.warnings.append(dead)
        ctx.progress.warn(dead)
    facts = {k: v for k, v in entry.record.items() if k != "history"}
    if ctx.base is not None:
        facts["base"] = ctx.base.record()
    run.record("training", ctx.facts("training", cached=entry.hit, **facts))
    return entry


def _train(ctx: Context, training: Training, temp: Path) -> dict[str, Any]:
    run = ctx.folder.path
    state, _ = training.states(ctx.cache)
    resume = ctx.resume and any(state.glob("epoch_*.npz"))
    if ctx.resume and not resume:
        ctx.progress.say("--resume: no state of this very training was found; it starts from the beginning")
    for name in ("train", "validation", FOLDER):
        if not resume:
            shutil.rmtree(run / name, ignore_errors=True)  # event files and snapshots of an attempt that did not end
    epochs = training.config.snapshot_epochs(training.config.plan.length)
    normalize: Any = ctx.config.view.normalize
    live = lambda probe: LiveSnapshots(run / FOLDER, probe, epochs, ctx.progress, normalize)  # noqa: E731
    try:
        record = run_training(training, ctx.cache, temp, ctx.progress, boards=run, resume=ctx.resume, live=live)
    except Diverged:
        for name in ("model.keras", "history.csv"):
            ctx.folder.publish_file(temp / name, name)
        raise
    for name in ("train", "validation"):
        if (run / name).is_dir():
            shutil.copytree(run / name, temp / name)
    return record


def run_training(
    training: Training, cache: Cache, result: Path, progress: Progress, *,
    boards: Path | None, resume: bool, live: Callable[[LabeledImages], Callable[[int, Look], None]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train into `result`, keeping a state after every epoch. `boards` None writes no event files and no recordings.

    `live(probe)` makes what is shown each look at the probe as it is recorded.
    """
    load_tensorflow()
    from fmnist_viz.training.device import choose_device
    from fmnist_viz.training.fit import Places, fit

    config, seed, base = training.config, training.seed, training.base
    device = choose_device(training.compute)
    if base is not None:
        training = dataclasses.replace(training, data=base.features(training.data, training.digests))
    data = training.data
    if device.policy != "float32":
        progress.say(f"training in {device.policy} ({device.why}); features, probabilities and weights stay float32")
    images, watched = split(training)
    probe = data.test.take(stratified_rows(data.test.labels, min(PROBE, len(data.test)), seed=seed))
    announce(config, images, watched, progress)
    state, before = training.states(cache)
    places = Places(result, boards, state, before, live(probe) if live else None)
    with folder_lock(state), _saying_how_to_go_on(state, config, progress):
        return fit(
            images, watched, probe, places, config=config, device=device, seed=seed, progress=progress,
            pictures=pictures(data.class_names), resume=resume, base=base.model if base else None,
        )  # fmt: skip


@contextlib.contextmanager
def _saying_how_to_go_on(state: Path, config: FitConfig, progress: Progress) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        from fmnist_viz.training.state import finished_epochs

        done = max(finished_epochs(state), default=0)
        if done:
            progress.say(f"training interrupted; it is saved to the end of epoch {done} of {config.plan.length}: add --resume to go on from there")
        raise


def dead_layers(record: Mapping[str, Any]) -> str:
    """What must be said of a network with a layer in which no unit fires on any probe image; empty for others."""
    names = [name for name, share in record.get("dead_units", {}).items() if share == 1]
    if not names:
        return ""
    which = f"layer {names[0]} is" if len(names) == 1 else f"layers {', '.join(names)} are"
    return f"DEAD NETWORK: {which} dead (no unit fires on any probe image), so every image gets the same answer. Scale the pixels, or try another --seed."


def announce(config: FitConfig, images: LabeledImages, watched: LabeledImages | None, progress: Progress) -> None:
    """Say what is about to be trained, and on what."""
    plan = config.plan
    held_out = "none held out"
    if watched is not None and watched.split == "test":
        held_out = "none held out; the test split is watched, as in the article (nothing is chosen by it)"
    elif watched is not None:
        held_out = f"{len(watched):,} held out"
    progress.say(f"training {config.model} on {len(images):,} images, {held_out}, {plan.words()}")


def split(training: Training) -> tuple[LabeledImages, LabeledImages | None]:
    """(training images, images to watch): held out as the plan says, the test split where the plan says so, or None."""
    plan, images = training.config.plan, training.data.train
    assert images is not None
    if plan.held_out == "test":
        return images, training.data.test
    if plan.held_out == "random":
        rows, held = random_rows(len(images), plan.held_out_share, seed=plan.split_seed)
        return images.take(rows), images.take(held)
    return split_validation(images, training.config.held_out(len(images)), seed=training.seed)


def split_validation(images: LabeledImages, count: int, *, seed: int) -> tuple[LabeledImages, LabeledImages | None]:
    """(training, validation) images; validation is None for 0."""
    if not count:
        return images, None
    rows, held_out = train_validation_rows(images.labels, count, seed=seed)
    return images.take(rows), images.take(held_out)


def pictures(class_names: tuple[str, ...]) -> Pictures:
    """What TensorBoard shows, drawn by the same displays as the figures."""
    from fmnist_viz.analysis.confusion import Confusion, confusion_counts
    from fmnist_viz.display.confusion import ConfusionDisplay
    from fmnist_viz.display.sample_grid import SampleGridDisplay
    from fmnist_viz.training.fit import Pictures

    def confusion(y_true: np.ndarray, y_pred: np.ndarray, names: tuple[str, ...], title: str) -> np.ndarray:
        counts = confusion_counts(y_true, y_pred, len(names))
        return raster(ConfusionDisplay(Confusion(counts, names), rates=True), title)

    return Pictures(lambda images: raster(SampleGridDisplay(images), "training images"), confusion)


def raster(display: Any, title: str) -> np.ndarray:
    """A display as a picture, uint8 (h, w, 3), whose caption begins with the title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = display.plot(prefix=f"{title[:1].upper()}{title[1:]}")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
