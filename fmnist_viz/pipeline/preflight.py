"""What can be refused before a folder is touched or a network is trained: a mistake should cost seconds and leave nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet
from fmnist_viz.features.extract import check_need
from fmnist_viz.models.layers import SPECIAL, LayerInfo, choose
from fmnist_viz.models.zoo import build, preset
from fmnist_viz.pipeline.axes import check_axes
from fmnist_viz.pipeline.brought import Brought, check_names
from fmnist_viz.pipeline.config import RunConfig, code_digest
from fmnist_viz.pipeline.features import QUERIES, ModelFile, check_outputs, model_layers
from fmnist_viz.pipeline.parquet import need_parquet
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.pipeline.transfer import FrozenBase
from fmnist_viz.training.fit import check_classes


def check_request(
    config: RunConfig,
    data: DataSet,
    cache: Cache,
    model: ModelFile | None,
    *,
    maps: bool,
    brought: Brought | None = None,
    base: FrozenBase | None = None,
) -> None:
    """Raise for data that cannot be trained on, a model or a base's weights that cannot be opened, a layer that does not exist or is too wide, a name
    that is taken, an axis that finds no class."""
    if maps:
        if config.view.parquet:
            need_parquet("--parquet")
        check_axes(config.axes.texts, data.class_names)
    if config.fit is not None:
        preset(config.fit.model)
        if data.train is None:
            raise BadInput(
                "NO-TRAINING", data.source.location, "has no training split", "Add a train level or file, or use `fmnist-viz export` with a model that exists."
            )
        check_classes(data.train)
        count = config.fit.held_out(len(data.train))
        if count >= len(data.train):
            raise BadInput("VALIDATION", f"--validation {count}", f"there are only {len(data.train):,} training images", "Hold out fewer.")
    if base is not None:
        base.model  # noqa: B018 - raises where its weights are not to be had
    if model is not None:
        layers = model_layers(cache, model, data.test)
        check_outputs(layers.outputs, model, data.test)
        choose(layers.table, config.features.layers)
        if brought is not None:
            check_names(brought, layers.table)
    elif brought is not None:
        choose([], config.features.layers)
    elif base is not None and maps:
        chosen = choose(_preset_layers(config, data, cache, base), config.features.layers)
        options, splits = config.features, [part for part in (data.train, data.test) if part is not None]
        count = sum(len(part) for part in splits if options.split in (part.split, "all"))
        count = min(options.points or count, count)
        check_need(chosen, count, min(QUERIES, count), cache.root, pool=options.pool, keep_raw=options.keep_activations, max_disk=options.max_disk)
    elif maps and not all(name.strip() in (*SPECIAL, "*", "") for name in config.features.layers.split(",")):
        choose(_preset_layers(config, data, cache), config.features.layers)


def _preset_layers(config: RunConfig, data: DataSet, cache: Cache, base: FrozenBase | None = None) -> list[LayerInfo]:
    """The layers of a preset that is still to be trained."""
    assert config.fit is not None
    hidden = config.fit.hidden_layers
    name, shape, classes = config.fit.model, data.test.images.shape[1:], len(data.class_names)

    def make(_: Any) -> dict[str, Any]:
        load_tensorflow()
        from fmnist_viz.models.layers import layer_table

        untrained = build(name, input_shape=shape, classes=classes, seed=0, hidden=hidden, base=base.model if base else None)
        return {"layers": [dataclasses.asdict(row) for row in layer_table(untrained, data.test.images[:8].astype(np.float32))]}

    key = {"code": code_digest(), "preset": name, "shape": shape, "classes": classes, "hidden": hidden, "base": base.key() if base else None}
    entry = cache.fetch("layers", key, make)
    return [LayerInfo(**{**row, "shape": tuple(row["shape"])}) for row in entry.record["layers"]]
