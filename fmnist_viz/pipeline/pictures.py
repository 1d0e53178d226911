"""The pictures of one run, put together from what its stages left: layers, predictions, probe recordings, weights, feature maps."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.dead_units import read_dead_units
from fmnist_viz.core.progress import Silent
from fmnist_viz.core.types import LabeledImages, Predictions, split_words
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.display.answers import AnswersDisplay
from fmnist_viz.display.before_after import BeforeAfterDisplay
from fmnist_viz.display.cards import CardsDisplay
from fmnist_viz.display.dead_units import DeadUnitsDisplay
from fmnist_viz.display.feature_maps import FeatureMapsDisplay
from fmnist_viz.display.layer_table import LayerTableDisplay
from fmnist_viz.display.network import NetworkDisplay
from fmnist_viz.display.rate_sweep import RateSweepDisplay, is_sweep
from fmnist_viz.display.weight_images import WeightImagesDisplay
from fmnist_viz.export.pictures import NETWORK, PREDICTIONS, Picture, PictureContent, Shot, write_pictures
from fmnist_viz.export.slug import slug
from fmnist_viz.features.feature_maps import FeatureMaps, convolutions, feature_maps
from fmnist_viz.features.shards import load_array, save_array
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context

if TYPE_CHECKING:
    from fmnist_viz.features.weights import WeightRows
    from fmnist_viz.pipeline.features import ModelFile
    from fmnist_viz.pipeline.shown import Shown

FIRST, CARDS, SAMPLES = 9, 15, 25  # images in the grids of the articles
MAPPED = 3  # images whose feature maps are drawn
CHECKED = 500  # images that tell a dead filter from a quiet one


def gather(ctx: Context, shown: Shown, model: ModelFile | None) -> PictureContent:
    """Everything the pictures show; what the run has no data for is left out."""
    with ctx.timed("pictures"):
        predicted = shown.seen.predictions
        answered = _predictions(ctx, shown, predicted) if predicted is not None and predicted.has_proba and shown.images.pictured else ()
        pictures = [*_network(ctx, shown, model), *answered]
    return PictureContent(shown.model, tuple(pictures), tuple(ctx.warnings))


def _network(ctx: Context, shown: Shown, model: ModelFile | None) -> Iterator[Picture]:
    """What the network is and how it learned."""
    if shown.seen.table and (model is not None or ctx.config.fit is not None):
        yield Picture("network", NetworkDisplay(shown.seen.table, shown.model), NETWORK, "From the image to the answer")
        yield Picture("layer_table", LayerTableDisplay(shown.seen.table))
    if (dead := read_dead_units(ctx.folder.path / "dead_units.csv")) is not None:
        yield Picture("dead_units", DeadUnitsDisplay(dead), NETWORK, "Units that never fire")
    if is_sweep(shown.history):
        yield Picture("rate_sweep", RateSweepDisplay(shown.history), NETWORK, "Loss while the learning rate rises")
    if (before := before_after(ctx)) is not None:
        yield Picture("before_after", before, NETWORK, "Probabilities before and after training")
    if (weights := first_weights(shown)) is not None:
        yield Picture("first_layer_weights", weights, NETWORK, "What the first layer looks for")
    if model is not None:
        for display in _feature_maps(ctx, shown, model):
            yield Picture(f"feature_maps_{slug(display.layer)}", display, NETWORK, f"Feature maps of {display.layer}")


def _predictions(ctx: Context, shown: Shown, p: Predictions) -> Iterator[Picture]:
    images = shown.images
    total = len(images)
    first = np.arange(min(SAMPLES, total))
    yield Picture("first_images", AnswersDisplay(images.take(first), None, f"the first {len(first)}", total, cols=5))
    for right, word, title in ((True, "right", "The first nine right"), (False, "wrong", "The first nine wrong")):
        rows = np.flatnonzero(p.correct == right)[:FIRST]
        how = f"the first {len(rows)} that the model got {word}" if len(rows) else f"the model got none {word}"
        yield Picture(f"first_{word}", AnswersDisplay(images.take(rows), chosen(p, rows), how, total), PREDICTIONS, title)
    rows = np.random.default_rng(ctx.seed).choice(total, min(FIRST, total), replace=False)
    how = f"{len(rows)} at random (seed {ctx.seed})"
    yield Picture("random_images", AnswersDisplay(images.take(rows), chosen(p, rows), how, total), PREDICTIONS, "Nine at random")
    yield Picture("prediction_card", cards(images, p, np.arange(1)))
    yield Picture("prediction_cards", cards(images, p, np.arange(min(CARDS, total))), PREDICTIONS, "Every class's probability")


def chosen(p: Predictions, rows: NDArray[np.int64]) -> Predictions:
    """The given rows of predictions, in that order."""
    assert p.y_proba is not None
    return Predictions(p.sample_ids[rows], p.y_true[rows], p.y_proba[rows], p.class_names, p.model, p.epoch)


def cards(images: LabeledImages, p: Predictions, rows: NDArray[np.int64]) -> CardsDisplay:
    """Prediction cards of the given rows."""
    names = tuple(images.sample_ids[rows].tolist())
    how = f"The first {len(rows)} of {len(images):,} {split_words(images.split)} images" if len(rows) > 1 else f"Image {names[0]}"
    assert p.y_proba is not None
    return CardsDisplay(images.images[rows], p.y_proba[rows], images.labels[rows], images.class_names, names, how)


def before_after(ctx: Context) -> BeforeAfterDisplay | None:
    """From the probe's recordings; None where the run holds none of before training, or none of after."""
    folder = ctx.folder.path / "probe"
    recorded = sorted(folder.glob("epoch_*.npz"))
    if not (folder / "probe.npz").is_file() or len(recorded) < 2 or recorded[0].name != "epoch_000.npz":
        return None
    place = {name: i for i, name in enumerate(ctx.data.test.sample_ids.tolist())}
    with np.load(folder / "probe.npz", allow_pickle=False) as probe:
        rows = [place.get(name, -1) for name in probe["sample_ids"].tolist()]
    if min(rows, default=-1) < 0:
        return None
    before, after = (_probabilities(path) for path in (recorded[0], recorded[-1]))
    return BeforeAfterDisplay(ctx.data.test.take(np.array(rows)), before, after, int(recorded[-1].stem.partition("_")[2]))


def _probabilities(path: Path) -> NDArray[np.float32]:
    """Softmax of a recording's logits, computed in double precision."""
    from scipy.special import softmax

    with np.load(path, allow_pickle=False) as stored:
        out: NDArray[np.float32] = softmax(stored["logits"].astype(np.float64), axis=1).astype(np.float32)
    return out


def first_weights(shown: Shown) -> WeightImagesDisplay | None:
    """The weights that look at the pixels, where there are such."""
    found: WeightRows | None = next((w for w in shown.weights if w.pictures is not None), None)
    if found is None or found.pictures is None:
        return None
    units, h, w = found.pictures.shape[:3]
    return WeightImagesDisplay(found.name, found.rows.reshape(units, h, w, -1), found.favourite, shown.images.class_names)


def _feature_maps(ctx: Context, shown: Shown, model: ModelFile) -> list[FeatureMapsDisplay]:
    """Maps of every convolution for the first images of different classes, out of the cache where they have been computed before."""
    from fmnist_viz.pipeline.features import model_layers, pixel_scale

    layers = convolutions(shown.seen.table)
    if not layers:
        return []
    labels = shown.images.labels
    drawn = np.sort(np.unique(labels, return_index=True)[1])[:MAPPED]
    others = np.setdiff1d(stratified_rows(labels, min(CHECKED, len(labels)), seed=ctx.seed), drawn)
    images = shown.images.take(np.concatenate([drawn, others]))
    scale = pixel_scale(
        dataclasses.replace(ctx, progress=Silent()), rescales=model_layers(ctx.cache, model, shown.images).rescales
    )  # the feature stage has said which

    def make(temp: Path) -> dict[str, Any]:
        found = feature_maps(model.model, images, layers, shown=len(drawn), scale=scale)
        for i, one in enumerate(found):
            save_array(temp / f"maps_{i:03d}.npy", one.maps)
            save_array(temp / f"dead_{i:03d}.npy", one.dead)
        return {"layers": [one.layer for one in found], "checked": len(images)}

    key = {
        "code": code_digest(), "model": model.sha256, "images": images.digest(), "shown": len(drawn), "scale": scale, "threads": ctx.threads,
        "versions": versions("tensorflow", "keras", "numpy"),
    }  # fmt: skip
    entry = ctx.cache.fetch("feature_maps", key, make)
    stored = [
        FeatureMaps(name, load_array(entry.path / f"maps_{i:03d}.npy"), load_array(entry.path / f"dead_{i:03d}.npy"), entry.record["checked"])
        for i, name in enumerate(entry.record["layers"])
    ]
    return [FeatureMapsDisplay(one.layer, shown.images.take(drawn), one.maps, one.dead, one.checked) for one in stored]


@dataclass(frozen=True)
class PictureTask:
    """Pictures as a job for another process: written into `out`, which the caller publishes."""

    out: Path
    content: PictureContent


def draw_pictures(task: PictureTask) -> list[Shot]:
    shutil.rmtree(task.out, ignore_errors=True)
    task.out.mkdir(parents=True)
    return write_pictures(task.out, task.content)


def begin_pictures(ctx: Context, content: PictureContent) -> Future[list[Shot]]:
    """Hand the pictures to the worker, before the other figures: the report waits for them."""
    return ctx.runner.submit(draw_pictures, PictureTask(ctx.scratch / "pictures", content))


def join_pictures(ctx: Context, figures: Path) -> None:
    """Move the finished pictures among the other figures."""
    for path in sorted((ctx.scratch / "pictures").iterdir()):
        shutil.move(path, figures / path.name)
