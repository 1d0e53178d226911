"""The feature stage: layer by layer from the cache, the missing ones in one pass of the images through the model."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, Entry
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import sha256_file, staged_file, write_file
from fmnist_viz.core.types import LabeledImages, Predictions, ReferenceDistances, Representation
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.features.extract import RAW_WIDTH, extract, pooled_width
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.features.weights import WeightRows, weight_rows
from fmnist_viz.models.layers import LayerInfo, choose, chosen_special, penultimate
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.tensorflow import load_tensorflow

if TYPE_CHECKING:
    import keras

QUERIES = 1000  # sampled rows whose neighbourhoods judge reductions, graphs and maps


@dataclass(frozen=True)
class Source:
    """One representation before it is mapped; `key` identifies its content, `reference` gives its yardstick (or None: compute it)."""

    representation: Representation
    key: str
    reference: Callable[[], ReferenceDistances | None]


class ModelFile:
    """A saved model that is loaded only when something has to be computed with it."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.sha256 = path, name, sha256_file(path)
        self._model: keras.Model | None = None

    @property
    def model(self) -> keras.Model:
        if self._model is None:
            self._model = load_model(self.path)
        return self._model


def load_model(path: Path) -> keras.Model:
    """A Keras 3 model file, without its optimiser. Raises BadInput naming the true reason where it cannot be opened.

    Keras calls a truncated file "not found"; the archive is checked first.
    """
    import zipfile

    remedy = "Give a model that Keras 3 saved with model.save('name.keras')."
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
            missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
    except (zipfile.BadZipFile, OSError, EOFError) as e:
        raise BadInput("MODEL-UNREADABLE", path, f"is no intact .keras archive ({e})", remedy) from None
    if bad or missing:
        raise BadInput("MODEL-UNREADABLE", path, f"{bad or ', '.join(sorted(missing))} is {'damaged' if bad else 'missing'} in the archive", remedy)
    load_tensorflow()
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError) as e:
        first = str(e).strip().splitlines()[0][:200] if str(e).strip() else type(e).__name__
        raise BadInput("MODEL-UNREADABLE", path, f"Keras cannot open it: {first}", "Only built-in layers can be loaded.") from None


def check_shape(model: keras.Model, images: LabeledImages) -> None:
    """Raise BadInput where the model takes images of another shape than the data has."""
    wanted, got = tuple(model.inputs[0].shape[1:]), images.images.shape[1:]
    if len(wanted) != 3 or any(w is not None and w != g for w, g in zip(wanted, got, strict=True)):
        text = "×".join("any" if w is None else str(w) for w in wanted)
        raise BadInput(
            "MODEL-SHAPE", model.name, f"takes {text}, the images are {'×'.join(map(str, got))}", "Give other data, or --resize where only the side differs."
        )


def model_layers(cache: Cache, model: ModelFile, images: LabeledImages) -> list[LayerInfo]:
    """All layers of the model, hidden or skipped and why."""

    def make(temp: Path) -> dict[str, Any]:
        from fmnist_viz.models.layers import layer_table

        check_shape(model.model, images)
        probe = images.images[:8].astype(np.float32)
        return {"layers": [dataclasses.asdict(row) for row in layer_table(model.model, probe)], "parameters": int(model.model.count_params())}

    entry = cache.fetch("layers", {"code": code_digest(), "model": model.sha256, "shape": images.images.shape[1:]}, make)
    return [LayerInfo(**{**row, "shape": tuple(row["shape"])}) for row in entry.record["layers"]]


def pixel_scale(ctx: Context, table: list[LayerInfo]) -> tuple[float, float]:
    """(factor, offset) from 0..255 to what the model takes."""
    wanted = ctx.config.model_file.pixel_range if ctx.config.model_file else "0-255"
    if wanted == "auto":
        wanted = "0-255" if any(row.skipped == "rescales the pixels" for row in table) else "0-1"
        ctx.progress.say(f"pixels are given to the model as {wanted} (--pixel-range says otherwise)")
    return {"0-255": (1.0, 0.0), "0-1": (1 / 255, 0.0), "-1-1": (2 / 255, -1.0)}[wanted]


def query_rows(labels: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    return np.sort(stratified_rows(labels, min(QUERIES, len(labels)), seed=seed))


def layer_features(
    ctx: Context, model: ModelFile, images: LabeledImages, digest: str, layers: list[LayerInfo], *, outputs: bool, task: str, scale: tuple[float, float]
) -> dict[str, Entry]:
    """The cache entries of the given layers (and logits and probabilities); only what is missing is computed, in one pass."""
    config = ctx.config.features
    rows = query_rows(images.labels, seed=ctx.seed)
    base = {
        "code": code_digest(),
        "model": model.sha256,
        "images": digest,
        "scale": scale,
        "seed": ctx.seed,
        "threads": ctx.threads,
        "versions": versions("tensorflow", "keras", "numpy"),
    }
    keys: dict[str, dict[str, Any]] = {}
    for info in layers:
        wide = pooled_width(info, config.pool) > RAW_WIDTH
        reduction = {"metric": ctx.config.maps.metric, "raw": config.keep_activations} if wide else {}
        keys[info.name] = {**base, "layer": info.name, "pool": config.pool if len(info.shape) >= 3 else "none", **reduction}
    if outputs:
        keys |= {name: {**base, "layer": name, "output": True} for name in ("logits", "probabilities")}
    made: dict[str, Path] = {}

    def compute(missing: set[str]) -> None:
        todo = [info for info in layers if info.name in missing]
        where = ctx.scratch / f"pass_{len(list(ctx.scratch.iterdir()))}"
        made.update(
            extract(
                model.model,
                images,
                todo,
                where,
                scale=scale,
                outputs=outputs and bool({"logits", "probabilities"} & missing),
                pool=config.pool,
                keep_raw=config.keep_activations,
                max_disk=config.max_disk,
                query_rows=rows,
                metric=ctx.config.maps.metric,
                seed=ctx.seed,
                progress=ctx.progress,
                task=task,
            )
        )

    missing = {name for name, key in keys.items() if not ctx.cache.has("features", key)}

    def make(name: str, temp: Path) -> dict[str, Any]:
        if name not in made:  # the first one missing computes all; a damaged entry is found only now
            compute(missing | {name})
        missing.discard(name)
        done = made.pop(name)
        for path in list(done.iterdir()):  # moved, not copied: scratch and cache lie on one disk
            shutil.move(path, temp / path.name)
        return {"layer": name}

    return {name: ctx.cache.fetch("features", key, lambda temp, name=name: make(name, temp)) for name, key in keys.items()}  # type: ignore[misc]


@dataclass(frozen=True)
class Seen:
    """All that the model made of the mapped images."""

    table: list[LayerInfo]
    sources: dict[str, Source]  # in the order in which they are shown
    predictions: Predictions
    class_means: dict[str, NDArray[np.float64]]
    penultimate: str


def pixel_source(images: LabeledImages, digest: str) -> Source:
    return Source(Representation(images.pixels, images.sample_ids, "pixels", "pixels"), digest, lambda: None)


def look(ctx: Context, model: ModelFile, images: LabeledImages, digest: str) -> Seen:
    """Features of the chosen layers for the mapped images, and of the penultimate layer for all training images."""
    config = ctx.config.features
    with ctx.timed("features"):
        table = model_layers(ctx.cache, model, images)
        layers, special = choose(table, config.layers), chosen_special(config.layers)
        scale = pixel_scale(ctx, table)
        entries = layer_features(ctx, model, images, digest, layers, outputs=True, task="features", scale=scale)
        sources: dict[str, Source] = {}
        if "pixels" in special:
            sources["pixels"] = pixel_source(images, digest)
        means: dict[str, NDArray[np.float64]] = {}
        for name in [info.name for info in layers] + [s for s in special if s != "pixels"]:
            stored = LayerFeatures(entries[name].path)
            kind = name if name in ("logits", "probabilities") and name in special else "activation"
            X, facts = stored.vectors(), stored.facts
            representation = Representation(X, images.sample_ids, name, kind, model.name, raw_width=facts["raw_width"], transform=facts["transform"])  # type: ignore[arg-type]
            sources[name] = Source(representation, entries[name].key, stored.reference)
            if (layer_means := stored.class_means()) is not None:
                means[name] = layer_means
        proba = LayerFeatures(entries["probabilities"].path).vectors()
        predictions = Predictions(images.sample_ids, images.labels, proba, images.class_names, model.name)
        last = penultimate(table)
        if last and ctx.data.train is not None and ctx.base is None:  # a frozen base would take hours for them
            wanted = [row for row in table if row.name == last]
            layer_features(ctx, model, ctx.data.train, ctx.digests["train"], wanted, outputs=False, task=f"{last} of the training images", scale=scale)
    return Seen(table, sources, predictions, means, last)


def publish_predictions(ctx: Context, seen: Seen) -> None:
    """`predictions.csv`: one row per mapped image."""
    from fmnist_viz.analysis.confusion import predictions_frame

    text = predictions_frame(seen.predictions).to_csv(index=False, lineterminator="\n", float_format="%.7g")
    write_file(ctx.folder.path / "predictions.csv", text)
    skipped = {row.name: row.skipped for row in seen.table if row.skipped}
    ctx.folder.record("features", ctx.facts("features", representations={name: _facts(s.representation) for name, s in seen.sources.items()}, skipped=skipped))


def _facts(representation: Representation) -> dict[str, Any]:
    return {
        "rows": len(representation.X),
        "width": representation.raw_width,
        "kept_width": representation.X.shape[1],
        "transform": dict(representation.transform),
    }


def load_weights(ctx: Context, model: ModelFile, seen: Seen, images_digest: str, image_shape: tuple[int, ...]) -> list[WeightRows]:
    """Every trained weight matrix, from the cache where the same model has looked at the same images before."""

    def make(temp: Path) -> dict[str, Any]:
        found = weight_rows(model.model, seen.class_means, image_shape=image_shape)  # type: ignore[arg-type]
        for i, w in enumerate(found):
            arrays: dict[str, Any] = {"rows": w.rows, "favourite": w.favourite, **({} if w.pictures is None else {"pictures": w.pictures})}
            with staged_file(temp / f"weight_{i:03d}.npz") as path:
                np.savez(path, **arrays)
        return {"names": [w.name for w in found]}

    key = {"code": code_digest(), "model": model.sha256, "images": images_digest, "layers": sorted(seen.class_means)}
    entry = ctx.cache.fetch("weights", key, make)
    loaded = []
    for i, name in enumerate(entry.record["names"]):
        with np.load(entry.path / f"weight_{i:03d}.npz", allow_pickle=False) as stored:
            loaded.append(WeightRows(name, stored["rows"], stored["favourite"], stored["pictures"] if "pictures" in stored.files else None))
    return loaded
