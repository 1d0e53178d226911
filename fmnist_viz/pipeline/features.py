"""The feature stage: layer by layer from the cache, the missing ones in one pass of the images through the model."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, Entry
from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.store import sha256_file, write_file
from fmnist_viz.core.types import LabeledImages, Predictions, ReferenceDistances, Representation
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.features.extract import RAW_WIDTH, extract, pooled_width
from fmnist_viz.features.responses import UnitResponses
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.models.gate import check_model_file
from fmnist_viz.models.graph import calls
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
    """A saved model: judged at once (see `models.gate`), loaded only when something has to be computed with it."""

    def __init__(self, path: Path, name: str, *, trust: bool = False) -> None:
        check_model_file(path, trust=trust)
        self.path, self.name, self.sha256, self.trust = path, name, sha256_file(path), trust
        self._model: keras.Model | None = None

    @property
    def warning(self) -> str:
        """What must be said wherever a file is used that somebody vouched for; empty for others."""
        fact = f"{self.path.name} was opened with --trust-model, so code of its own may have run"
        return f"TRUSTED MODEL: {fact} (SHA-256 {self.sha256})." if self.trust else ""

    @property
    def model(self) -> keras.Model:
        if self._model is None:
            self._model = load_model(self.path, trust=self.trust)
        return self._model


def load_model(path: Path, *, trust: bool = False) -> keras.Model:
    """A Keras 3 model file, without its optimiser; `trust` lets it bring code of its own.

    Raises what `check_model_file` does, and BadInput naming the reason where Keras cannot open what has passed.
    """
    check_model_file(path, trust=trust)
    load_tensorflow()
    import keras

    try:
        if path.suffix == ".keras":
            return keras.saving.load_model(path, compile=False, safe_mode=not trust)
        with tempfile.TemporaryDirectory() as folder:  # Keras goes by the name
            link = Path(folder).resolve() / "model.keras"
            link.symlink_to(path.resolve())
            return keras.saving.load_model(link, compile=False, safe_mode=not trust)
    except MemoryError:
        raise ResourceError("MODEL-LARGE", path, "needs more memory than there is", "Give a smaller model.") from None
    except Exception as e:  # noqa: BLE001 - a layer's own code may raise anything
        first = str(e).strip().splitlines()[0][:200] if str(e).strip() else type(e).__name__
        raise BadInput("MODEL-UNREADABLE", path, f"Keras cannot open it: {first}", "Save it again with this version of Keras, from built-in layers.") from None


def check_shape(model: keras.Model, images: LabeledImages) -> None:
    """Raise BadInput where the model takes images of another shape than the data has."""
    calls(model)  # one input, or BadInput
    wanted, got = tuple(model.inputs[0].shape[1:]), images.images.shape[1:]
    if len(wanted) != 3:
        raise BadInput("MODEL-SHAPE", model.name, f"takes {_shape_text(wanted)}, not images (height × width × channels)", "Give a classifier of images.")
    if all(w is None or w == g for w, g in zip(wanted, got, strict=True)):
        return
    remedies = []
    if wanted[:2] != got[:2] and None not in wanted[:2]:
        remedies.append(f"Add --resize {wanted[0]}" if wanted[0] == wanted[1] else "Bring the images to that size")
    if wanted[2] not in (None, got[2]):
        remedies.append(f"Give images of {'one grey channel' if wanted[2] == 1 else f'{wanted[2]} channels'}")
    raise BadInput("MODEL-SHAPE", model.name, f"takes {_shape_text(wanted)}, the images are {_shape_text(got)}", ". ".join(remedies) + ".")


def _shape_text(shape: tuple[int | None, ...]) -> str:
    return "×".join("any" if side is None else str(side) for side in shape)


def check_outputs(outputs: int, model: ModelFile, images: LabeledImages) -> None:
    """Raise BadInput where the model has another number of outputs than the data has classes."""
    classes = len(images.class_names)
    if outputs != classes:
        what = "1 output (a sigmoid, or a regression)" if outputs == 1 else f"{outputs:,} outputs"
        remedy = "Give data with the classes that the model was trained on, one output per class."
        raise BadInput("MODEL-OUTPUTS", model.path, f"has {what}, the data has {classes:,} classes", remedy)


@dataclass(frozen=True)
class Layers:
    """All layers of a model, hidden or skipped and why; what they say about its ends."""

    table: list[LayerInfo]
    outputs: int  # values per image
    rescales: bool  # whether it takes pixels 0..255 and rescales them itself, in an inner model too


def model_layers(cache: Cache, model: ModelFile, images: LabeledImages) -> Layers:
    """The model's layers for images of this shape. Raises BadInput where it takes others, or has no graph of layers."""

    def make(temp: Path) -> dict[str, Any]:
        from fmnist_viz.models.layers import layer_table, rescales

        check_shape(model.model, images)
        probe = images.images[:8].astype(np.float32)
        rows = [dataclasses.asdict(row) for row in layer_table(model.model, probe)]
        outputs = int(np.prod([side or 1 for side in model.model.outputs[0].shape[1:]]))
        return {"layers": rows, "outputs": outputs, "rescales": rescales(model.model), "parameters": int(model.model.count_params())}

    entry = cache.fetch("layers", {"code": code_digest(), "model": model.sha256, "shape": images.images.shape[1:]}, make)
    rows = [LayerInfo(**{**row, "shape": tuple(row["shape"])}) for row in entry.record["layers"]]
    return Layers(rows, entry.record["outputs"], entry.record["rescales"])


def pixel_scale(ctx: Context, *, rescales: bool) -> tuple[float, float]:
    """(factor, offset) from 0..255 to what the model takes."""
    wanted = ctx.config.model_file.pixel_range if ctx.config.model_file else "0-255"
    if wanted == "auto":
        wanted = "0-255" if rescales else "0-1"
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
    """All that the model made of the mapped images, and what was brought along."""

    table: list[LayerInfo]
    sources: dict[str, Source]  # in the order in which they are shown
    predictions: Predictions | None  # None where there is no model, and none were given
    class_means: dict[str, NDArray[np.float64]]
    penultimate: str
    model: str  # its name, or that of what was brought along instead
    responses: dict[str, UnitResponses] = field(default_factory=dict)  # by layer
    logits: NDArray[np.float32] | None = None  # (n, classes), also where they are not mapped


def pixel_source(images: LabeledImages, digest: str) -> Source:
    return Source(Representation(images.pixels, images.sample_ids, "pixels", "pixels"), digest, lambda: None)


def look(ctx: Context, model: ModelFile, images: LabeledImages, digest: str) -> Seen:
    """Features of the chosen layers for the mapped images, and of the penultimate layer for all training images."""
    config = ctx.config.features
    with ctx.timed("features"):
        found = model_layers(ctx.cache, model, images)
        table = found.table
        layers, special = choose(table, config.layers), chosen_special(config.layers)
        scale = pixel_scale(ctx, rescales=found.rescales)
        entries = layer_features(ctx, model, images, digest, layers, outputs=True, task="features", scale=scale)
        sources: dict[str, Source] = {}
        if "pixels" in special:
            sources["pixels"] = pixel_source(images, digest)
        means: dict[str, NDArray[np.float64]] = {}
        responses: dict[str, UnitResponses] = {}
        for name in [info.name for info in layers] + [s for s in special if s != "pixels"]:
            stored = LayerFeatures(entries[name].path)
            kind = name if name in ("logits", "probabilities") and name in special else "activation"
            X, facts = stored.vectors(), stored.facts
            representation = Representation(X, images.sample_ids, name, kind, model.name, raw_width=facts["raw_width"], transform=facts["transform"])  # type: ignore[arg-type]
            sources[name] = Source(representation, entries[name].key, stored.reference)
            if (layer_means := stored.class_means()) is not None:
                means[name] = layer_means
            if (answered := stored.responses()) is not None:
                responses[name] = answered
        proba, logits = (LayerFeatures(entries[name].path).vectors() for name in ("probabilities", "logits"))
        predictions = Predictions(images.sample_ids, images.labels, proba, images.class_names, model.name)
        last = penultimate(table)
        if last and ctx.data.train is not None and ctx.base is None:  # a frozen base would take hours for them
            wanted = [row for row in table if row.name == last]
            layer_features(ctx, model, ctx.data.train, ctx.digests["train"], wanted, outputs=True, task=f"{last} of the training images", scale=scale)
    return Seen(table, sources, predictions, means, last, model.name, responses, logits)


def publish_predictions(ctx: Context, seen: Seen) -> None:
    """`predictions.csv`: one row per mapped image; not there where there are no predictions."""
    from fmnist_viz.analysis.confusion import predictions_frame

    if seen.predictions is not None:
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
