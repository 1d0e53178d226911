"""One pass of images through a model: every chosen layer, logits and probabilities, written shard by shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import need_space
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.features.responses import ResponseCount, place_means, strongest_places
from fmnist_viz.features.shards import LayerFeatures, ShardWriter, save_array, save_responses
from fmnist_viz.models.graph import calls
from fmnist_viz.models.layers import LayerInfo, are_probabilities, logits_model
from fmnist_viz.neighbors import Queries, overlap, query_distances
from fmnist_viz.reduce import SinglePassPCA, unit_rows

if TYPE_CHECKING:
    import keras

RAW_WIDTH = 4096  # up to here vectors are kept as they are
REDUCED_WIDTH = 200  # the Projector uses at most this many dimensions
BATCH_BYTES = 128 << 20  # activations held at once
QUERY_BYTES = 256 << 20  # raw query vectors held of one wide layer
REFERENCE_VALUES = 25_000_000  # most distances of queries kept of one wide layer: 100 MB
SKETCH_BYTES = 4 << 30  # what the reductions of one pass may hold together


@dataclass
class Layer:
    """One layer during the pass."""

    info: LayerInfo
    width: int
    folder: Path
    pooled: bool = False
    writer: ShardWriter | None = None
    raw_writer: ShardWriter | None = None
    sketch: SinglePassPCA | None = None
    queries: int = 0  # of them, where the layer is wide
    waiting: list[NDArray[np.float32]] = field(default_factory=list)  # blocks, until all queries have passed
    asked: Queries | None = None
    distances: ShardWriter | None = None  # a row per image, a column per query
    zero_rows: int = 0
    class_sums: NDArray[np.float64] | None = None
    responses: ResponseCount = field(default_factory=ResponseCount)

    @property
    def wide(self) -> bool:
        return self.width > RAW_WIDTH


def kept_queries(width: int, n: int, queries: int) -> int:
    """Of how many queries a layer of this width keeps the distances to all n rows; at 70,000 rows 357 of 1,000 for a wide one."""
    return queries if width <= RAW_WIDTH else min(queries, max(1, min(QUERY_BYTES // (4 * width), REFERENCE_VALUES // max(n, 1))))


def disk_need(widths: list[int], n: int, queries: int, *, keep_raw: bool) -> int:
    """Bytes that features of the given widths take on disk."""
    return sum(n * 4 * (w if w <= RAW_WIDTH else REDUCED_WIDTH + kept_queries(w, n, queries) + (w if keep_raw else 0)) for w in widths)


def pooled_width(info: LayerInfo, pool: str) -> int:
    """Values per image that are kept of a layer under `pool`."""
    return int(info.shape[-1] or 0) if pool == "average" and len(info.shape) >= 3 else info.width


def extract(
    model: keras.Model, images: LabeledImages, layers: list[LayerInfo], folder: Path, *,
    scale: tuple[float, float] = (1.0, 0.0), outputs: bool = True, pool: str = "none", keep_raw: bool = False, max_disk: float = 5.0,
    query_rows: NDArray[np.int64], metric: str = "euclidean", seed: int = 0, progress: Progress, task: str,
) -> dict[str, Path]:  # fmt: skip
    """Write each layer's features of all `images` into a folder of its own below `folder`, and return those folders by name.

    `outputs` adds the model's logits and probabilities. `scale` = (factor, offset) maps pixel values 0..255 to what the model takes.
    `query_rows` (distinct) go first, so that the distances of reduced layers' queries to all rows can be taken from the raw vectors
    as they pass; they are the yardstick of every score. Under the cosine metric it is unit rows that are reduced.

    Raises ResourceError before anything is written where disk or memory would not do, BadInput where the model's output does not fit the data.
    """
    n, classes = len(images), len(images.class_names)
    check_need(layers, n, len(query_rows), folder, pool=pool, keep_raw=keep_raw, max_disk=max_disk)
    if any(kept_queries(pooled_width(info, pool), n, len(query_rows)) < len(query_rows) for info in layers):
        query_rows = np.random.default_rng(seed).permutation(query_rows)  # the first of them stand for all: not those of one split
    order = np.concatenate([query_rows, np.setdiff1d(np.arange(n), query_rows)]).astype(np.int64)
    plan = [Layer(info, pooled_width(info, pool), folder / f"layer_{i:03d}", pool == "average" and len(info.shape) >= 3) for i, info in enumerate(layers)]
    for layer in plan:
        _open(layer, n, len(query_rows), keep_raw, seed, progress)
    logits, done = ShardWriter(folder / "logits"), 0
    together = sum(layer.info.width for layer in plan) + classes
    for rows, activations, z in _batches(model, images, order, [layer.info.name for layer in plan], scale, classes, together):
        for layer, activation in zip(plan, activations, strict=True):
            layer.responses.add(strongest_places(activation), rows)
            _take(layer, activation, images.labels[rows], classes, metric)
        logits.add(z)
        done += len(rows)
        progress.step(task, done, n, f"{done:,} of {n:,} images")
    logits.close()
    counts = np.bincount(images.labels, minlength=classes)[:, None]
    for layer in plan:
        _close(layer, order, counts, metric)
    made = {layer.info.name: layer.folder for layer in plan}
    return made | _close_outputs(folder, order, classes) if outputs else made


def check_need(layers: list[LayerInfo], n: int, queries: int, folder: Path, *, pool: str, keep_raw: bool, max_disk: float) -> None:
    """Raise ResourceError where a pass of n images would take more disk or memory than there is, or than is allowed."""
    widths = {info.name: pooled_width(info, pool) for info in layers}
    need, what = disk_need(list(widths.values()), n, queries, keep_raw=keep_raw), f"{len(layers)} layers of {n:,} images"
    if need > max_disk * 1e9:
        remedy = "Choose fewer --layers, use --pool average or fewer --points, or raise --max-disk."
        raise ResourceError("FEATURES-DISK", what, f"would need {need / 1e9:.3g} GB of disk, --max-disk allows {max_disk:g} GB", remedy)
    held = {name: SinglePassPCA.memory(n, width, REDUCED_WIDTH) for name, width in widths.items() if width > RAW_WIDTH}
    if sum(held.values()) > SKETCH_BYTES:
        fact = f"would need {sum(held.values()) / 1e9:.1f} GB of memory to reduce, {SKETCH_BYTES / 1e9:.1f} GB are allowed"
        raise ResourceError("LAYER-WIDE", ", ".join(held), fact, "Use --pool average, or name fewer --layers.")
    need_space(folder, need, what="the features")


def _open(layer: Layer, n: int, queries: int, keep_raw: bool, seed: int, progress: Progress) -> None:
    layer.writer = ShardWriter(layer.folder)
    if not layer.wide:
        return
    layer.sketch = SinglePassPCA(n, layer.width, REDUCED_WIDTH, seed=seed)
    layer.queries = kept_queries(layer.width, n, queries)
    layer.distances = ShardWriter(layer.folder / "distances")
    if keep_raw:
        progress.say(f"{layer.info.name}: keeping the raw vectors, {n * layer.width * 4:,} bytes")
        layer.raw_writer = ShardWriter(layer.folder / "raw")


def _batches(
    model: keras.Model, images: LabeledImages, order: NDArray[np.int64], names: list[str], scale: tuple[float, float], classes: int, together: int
) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.float32]], NDArray[np.float32]]]:
    """(rows, layer outputs, logits) batch by batch, float32, inference mode; `together` is the number of values held per image."""
    import keras
    import tensorflow as tf

    head, graph = logits_model(model), calls(model)
    squashed: bool | None = None if head is model else False
    taps = keras.Model(model.inputs[0], [*(graph[name].outputs[0] for name in names), head.outputs[0]])
    run = tf.function(lambda x: taps(x, training=False), reduce_retracing=True)
    batch = int(np.clip(BATCH_BYTES // (4 * together), 16, 1000))
    factor, offset = scale
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        x = images.images[rows].astype(np.float32)
        outputs = run(tf.constant(x if scale == (1.0, 0.0) else x * factor + offset))
        outputs = [np.asarray(o, np.float32) for o in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
        z = outputs.pop().reshape(len(rows), -1)
        if z.shape[1] != classes:
            fact = f"has {z.shape[1]} outputs, the data has {classes} classes"
            raise BadInput("MODEL-OUTPUTS", model.name, fact, "Give data with the classes that the model was trained on.")
        if squashed is None:
            squashed = are_probabilities(z)
        if squashed:  # a softmax that could not be taken off: the logarithm gives logits with the same probabilities
            z = np.log(np.maximum(z, np.finfo(np.float32).tiny))
        yield rows, outputs, z


def _take(layer: Layer, output: NDArray[np.float32], labels: NDArray[np.int64], classes: int, metric: str) -> None:
    """Take one batch of a layer: class sums, then the vectors themselves or their sketch and query distances."""
    channels = place_means(output)
    if layer.class_sums is None:
        layer.class_sums = np.zeros((classes, channels.shape[1]))
    np.add.at(layer.class_sums, labels, channels)
    rows = channels.astype(np.float32) if layer.pooled else output.reshape(len(output), -1)
    if layer.sketch is None:
        assert layer.writer is not None
        layer.writer.add(rows)
        return
    if layer.raw_writer:
        layer.raw_writer.add(rows)
    compared = rows
    if metric == "cosine":
        compared = unit_rows(rows)
        layer.zero_rows += int((~rows.any(axis=1)).sum())
    layer.sketch.add(compared)
    _measure(layer, compared)


def _measure(layer: Layer, block: NDArray[np.float32]) -> None:
    """Distances of the layer's queries, which are the first rows of the stream, to every row of the block; early blocks wait until all queries are there."""
    assert layer.distances is not None
    if layer.asked is not None:
        return layer.distances.add(layer.asked.distances(block).T)
    layer.waiting.append(block)
    if sum(map(len, layer.waiting)) >= layer.queries:
        layer.asked = Queries(np.concatenate(layer.waiting)[: layer.queries])
        for early in layer.waiting:
            layer.distances.add(layer.asked.distances(early).T)
        layer.waiting = []


def _close(layer: Layer, order: NDArray[np.int64], counts: NDArray[np.int64], metric: str) -> None:
    """Finish a layer's files and its facts: for a reduced one with explained variance and recall against the raw vectors."""
    assert layer.writer is not None
    facts: dict[str, Any] = {"name": layer.info.name, "raw_width": layer.width, "width": layer.width, "transform": {}}
    if layer.pooled:
        facts["transform"] = {"pool": "average"}
    if layer.raw_writer:
        layer.raw_writer.close()
    if layer.class_sums is not None:
        means = np.divide(layer.class_sums, counts, out=np.full_like(layer.class_sums, np.nan), where=counts > 0)
        save_array(layer.folder / "class_means.npy", means)
        save_responses(layer.folder, layer.responses.result())
    if layer.sketch is not None and layer.distances is not None:
        reduced = layer.sketch.result()
        layer.sketch = layer.asked = None  # of many wide layers only one is finished at a time
        distances = np.ascontiguousarray(layer.distances.taken().T)
        save_array(layer.folder / "reference.npy", distances)
        recall, k = _recall(distances, reduced.scores)
        layer.writer.add(reduced.scores if reduced.scores.shape[1] else np.zeros((len(order), 1), np.float32))
        facts |= {"width": max(reduced.scores.shape[1], 1), "metric": metric}
        facts["transform"] = {
            **facts["transform"], "reduction": "single-pass randomised PCA", "components": len(reduced.variance),
            "explained_variance": round(float(reduced.variance.sum()), 4), "neighbour_recall": None if recall != recall else round(recall, 4),
            "recall_k": k, "recall_queries": len(distances),
        }  # fmt: skip
        if metric == "cosine":
            facts["transform"] |= {"unit_rows": True, "zero_rows": layer.zero_rows}
    layer.writer.close()
    LayerFeatures.finish(layer.folder, facts, order)


def _recall(distances: NDArray[np.float32], scores: NDArray[np.float32], k: int = 15) -> tuple[float, int]:
    """Share of the raw space's k nearest neighbours kept in the reduced one, NaN where there is none; rows are in stream order, queries first."""
    k = min(k, distances.shape[1] - 1)
    if k < 1 or not scores.shape[1] or not np.isfinite(scores).all():
        return float("nan"), k
    found = []
    for d in (distances.copy(), query_distances(scores[: len(distances)], scores)):
        np.fill_diagonal(d, np.inf)
        found.append(np.argpartition(d, k - 1, axis=1)[:, :k])
    return float(overlap(found[0], found[1]).mean()), k


def _close_outputs(folder: Path, order: NDArray[np.int64], classes: int) -> dict[str, Path]:
    """Probabilities are the softmax of the logits, shard by shard, computed in double and stored in single precision."""
    for path in sorted((folder / "logits").glob("shard_*.npy")):
        z = np.load(path, allow_pickle=False).astype(np.float64)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        save_array(folder / "probabilities" / path.name, (e / e.sum(axis=1, keepdims=True)).astype(np.float32))
    for name in ("logits", "probabilities"):
        LayerFeatures.finish(folder / name, {"name": name, "raw_width": classes, "width": classes, "transform": {}}, order)
    return {name: folder / name for name in ("logits", "probabilities")}
