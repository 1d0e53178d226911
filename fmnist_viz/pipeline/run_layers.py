"""Layers of a finished run as vectors, for its own images and for others: out of the cache, or through its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.features.extract import RAW_WIDTH, pooled_width
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.models.layers import LayerInfo
from fmnist_viz.pipeline.compared_layers import cached_features
from fmnist_viz.pipeline.config import RunConfig
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.features import ModelFile, layer_features, model_layers, pixel_scale
from fmnist_viz.pipeline.finished import FinishedRun

OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True)
class RunVectors:
    """layer -> float32 (n, d) of the run's images, and of the others;  proba : float32 (m, classes) of the others, None where no model was asked."""

    own: dict[str, NDArray[np.float32]]
    others: dict[str, NDArray[np.float32]]
    proba: NDArray[np.float32] | None


def run_vectors(ctx: Context, run: FinishedRun, images: LabeledImages, others: LabeledImages, names: Sequence[str], *, trust: bool = False) -> RunVectors:
    """The named layers' vectors. The model is opened, and TensorFlow loaded, only where the cache lacks something.

    Raises BadInput where a layer is kept in reduced form only, or where vectors were brought along without a model.
    """
    own, new, proba = {}, {}, None
    if "pixels" in names:
        own["pixels"], new["pixels"] = images.pixels, others.pixels
    if wanted := [name for name in names if name != "pixels"]:
        model = ModelFile(path := model_path(run, ctx.config), run.name, trust=trust)
        if run.model_sha256 and model.sha256 != run.model_sha256:
            raise BadInput("MODEL-CHANGED", path, "is not the model that the run was made from any more", "Put that model back, or take --layer pixels.")
        found = model_layers(ctx.cache, model, images)
        layers = _infos(found.table, wanted, ctx.config.features.pool, run)
        scale = pixel_scale(ctx, rescales=found.rescales)
        stored = {name: features for name, (_, features) in cached_features(run, images.digest(), ctx.cache, wanted).items()}
        if set(wanted) - set(stored):
            missing = [info for info in layers if info.name not in stored]
            made = layer_features(ctx, model, images, images.digest(), missing, outputs=True, task="features of the run's images", scale=scale)
            stored |= {name: LayerFeatures(entry.path) for name, entry in made.items()}
        seen = layer_features(ctx, model, others, others.digest(), layers, outputs=True, task="features of the new images", scale=scale)
        for name in wanted:
            own[name], new[name] = stored[name].vectors(), LayerFeatures(seen[name].path).vectors()
        proba = LayerFeatures(seen["probabilities"].path).vectors()
    return RunVectors({name: own[name] for name in names}, {name: new[name] for name in names}, proba)


def model_path(run: FinishedRun, config: RunConfig) -> Path:
    """The run's model file: its own, or the one that was exported, where it still lies and is the same. Raises BadInput."""
    if (own := run.path / "model.keras").is_file():
        return own
    given = Path(config.model_file.model_file) if config.model_file and config.model_file.model_file else None
    if given is None:
        fact = "was made without a model: new images have no place in its layers"
        raise BadInput("NO-MODEL", run.path, fact, "Take --layer pixels, or fmnist_viz.project and its transform with vectors of your own.")
    if not given.is_file():
        raise BadInput("NO-MODEL", run.path, f"its model {given.name} does not lie where it was", "Put it back, or take --layer pixels.")
    return given


def _infos(table: Sequence[LayerInfo], wanted: Sequence[str], pool: str, run: FinishedRun) -> list[LayerInfo]:
    by_name = {info.name: info for info in table}
    for name in wanted:
        if name in OUTPUTS:
            continue
        if name not in by_name:
            raise BadInput("NO-FEATURES", run.path, f"its model has no layer {name}", "Vectors that were brought along have no place for new images.")
        if (width := pooled_width(by_name[name], pool)) > RAW_WIDTH:
            fact = f"{name} has {width:,} values an image and is kept in reduced form: new images have no place among them"
            raise BadInput("LAYER-REDUCED", run.path, fact, "Take another --layer.")
    return [by_name[name] for name in wanted if name not in OUTPUTS]
