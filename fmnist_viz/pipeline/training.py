"""The training stage: from the cache where this exact training has run before, else with TensorFlow."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.cache import Entry
from fmnist_viz.core.errors import Diverged
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.data.split import stratified_rows, train_validation_rows
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.tensorflow import load_tensorflow

if TYPE_CHECKING:
    from fmnist_viz.training.fit import Pictures

PROBE = 2000  # images that are looked at before training and after every epoch


def train(ctx: Context) -> Entry:
    """Train as configured and publish model, history, probe recordings and event files into the run folder."""
    config = ctx.config.fit
    assert config is not None
    key = {
        "code": code_digest(),
        "fit": dataclasses.asdict(config),
        "compute": {**dataclasses.asdict(ctx.config.compute), "threads": ctx.threads},
        "seed": ctx.seed,
        "train": ctx.digests["train"],
        "probe": ctx.digests["test"],
        "versions": versions("tensorflow", "keras", "numpy"),
    }
    with ctx.timed("training"):
        entry = ctx.cache.fetch("training", key, lambda temp: _train(ctx, temp))
        run = ctx.folder
        run.publish_file(entry.path / "model.keras", "model.keras")
        run.publish_file(entry.path / "history.csv", "history.csv")
        run.publish_folder(entry.path / "probe", "probe")
        for name in ("train", "validation"):
            if entry.hit and (entry.path / name).is_dir():
                run.publish_folder(entry.path / name, name)
    if entry.hit:
        ctx.progress.say(f"training: this one has run before; taken from the cache ({entry.key[:8]})")
    facts = {k: v for k, v in entry.record.items() if k != "history"}
    run.record("training", ctx.facts("training", cached=entry.hit, **facts))
    return entry


def _train(ctx: Context, temp: Path) -> dict[str, Any]:
    load_tensorflow()
    from fmnist_viz.training.device import choose_device
    from fmnist_viz.training.fit import fit

    config, data, run = ctx.config.fit, ctx.data, ctx.folder.path
    assert config is not None
    assert data.train is not None
    device = choose_device(ctx.config.compute)
    if device.policy != "float32":
        ctx.progress.say(f"training in {device.policy} ({device.why}); features, probabilities and weights stay float32")
    train_images, validation = split_validation(data.train, config.held_out(len(data.train)), seed=ctx.seed)
    probe = data.test.take(stratified_rows(data.test.labels, min(PROBE, len(data.test)), seed=ctx.seed))
    for name in ("train", "validation"):
        shutil.rmtree(run / name, ignore_errors=True)  # event files of an attempt that did not end
    held_out = f"{len(validation):,} held out" if validation is not None else "none held out"
    batches = f"{config.epochs} epochs of batches of {config.batch_size}"
    ctx.progress.say(f"training {config.model} on {len(train_images):,} images, {held_out}, {batches}")
    try:
        record = fit(
            train_images, validation, probe, temp, run, config=config, device=device, seed=ctx.seed, progress=ctx.progress, pictures=pictures(data.class_names)
        )
    except Diverged:
        for name in ("model.keras", "history.csv"):
            ctx.folder.publish_file(temp / name, name)
        raise
    for name in ("train", "validation"):
        if (run / name).is_dir():
            shutil.copytree(run / name, temp / name)
    return record


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
