"""The layer ladder: numbers and aligned maps of every layer of one network, as a stage of a run and as a call of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.ladder import LadderNumbers, LayerVectors, measure
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.threads import usable_cores
from fmnist_viz.core.types import Projection, Representation
from fmnist_viz.data.columns import class_numbers
from fmnist_viz.data.labels import distinct_names, numbered_classes, whole_labels, within
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.neighbors import reference_distances
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.faithfulness import faithfulness
from fmnist_viz.projection.ladder import Aligned, aligned_maps
from fmnist_viz.projection.project import initial_coords
from fmnist_viz.projection.yardstick import Yardstick
from fmnist_viz.reduce import unit_rows

if TYPE_CHECKING:
    from fmnist_viz.core.types import LabeledImages
    from fmnist_viz.pipeline.context import Context
    from fmnist_viz.pipeline.features import Seen

SCORED = 500  # of the mapped points, whose neighbourhoods judge the ladder's maps
ENDS = ("pixels", "logits", "probabilities")  # representations that have no units to die


def ladder(
    representations: Mapping[str, Any] | Sequence[Any],
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    config: MapConfig | None = None,
    seed: int = 0,
    threads: int = 0,
) -> LadderDisplay:
    """What every layer makes easier to read, and how the same images move from layer to layer.

    Parameters
    ----------
    representations : layer name -> numbers (n, ...) or a `Map` of them, from the input to the output; or `Representation`s and `Map`s in that order,
        of the same samples
    labels : (n,), class numbers 0..c-1, or names
    class_names : c names; by default the distinct names in alphabetical order, or the numbers
    config : perplexity, metric, PCA dimensions and `ladder_points` of the maps
    threads : 0 takes all cores

    Returns
    -------
    LadderDisplay : `.frame()` a row per layer, `.pairs()` a row per pair of classes and layer, `.cka()` a row per two layers, `.plot()` the figure.
    Layers without structure (constant, dead, not finite) are kept and say why nothing was measured.

    Raises
    ------
    UsageError where no layer is given or a name stands twice; BadInput for arrays and labels that do not fit together.
    """
    config = config or MapConfig()
    layers = [_representation(*item) for item in representations.items()] if isinstance(representations, Mapping) else [_own(r) for r in representations]
    names = [layer.name for layer in layers]
    if not layers or len(set(names)) < len(names):
        raise UsageError("LADDER-LAYERS", "ladder", "names no layer" if not layers else "names a layer twice", "Give each layer once, from input to output.")
    numbers, classes = given_labels(labels, class_names)
    for layer in layers:
        if len(layer.X) != len(numbers) or not len(layer.X):
            remedy = "Give vectors and labels of the same images."
            raise BadInput("ROWS", layer.name, f"has {len(layer.X):,} rows, the labels have {len(numbers):,}", remedy)
        if not np.array_equal(layer.sample_ids, layers[0].sample_ids):
            raise BadInput("ROWS", layer.name, f"is of other samples than {layers[0].name}", "Bring the rows into one order.")
    rows = stratified_rows(numbers, min(config.ladder_points or len(numbers), len(numbers)), seed=seed)
    bases = [basis(_taken(layer, rows), metric=config.metric, pca_dims=config.pca_dims) for layer in layers]
    maps = _mapped(layers, bases, numbers, rows, config, seed, threads or usable_cores())
    measured = _measured(layers, numbers, classes, [_dead(layer) for layer in layers], seed)
    return LadderDisplay(measured, maps, numbers[rows], rows)


def climb(ctx: Context, images: LabeledImages, seen: Seen, graphs: Mapping[str, Path]) -> LadderDisplay | None:
    """The run's ladder, from the cache where the same layers were measured before; `graphs` are the folders of the representations' graphs.

    None where it was not asked for, or where there are fewer than two layers.
    """
    from fmnist_viz.pipeline.graphs import load_graph
    from fmnist_viz.pipeline.ladder_store import load_maps, load_numbers, save_maps, save_numbers

    config, names, seed = ctx.config.maps, images.class_names, ctx.seed
    if not config.ladder_points or len(seen.sources) < 2:
        return None
    layers = [source.representation for source in seen.sources.values()]
    rows = stratified_rows(images.labels, min(config.ladder_points, len(images)), seed=seed)
    dead = [_units(seen.class_means.get(name)) for name in seen.sources]

    def numbers(temp: Path) -> None:
        save_numbers(temp, _measured(layers, images.labels, names, dead, seed))

    def maps(temp: Path) -> None:
        bases = [_some(load_graph(graphs[name])[0], rows) for name in seen.sources]
        save_maps(temp, _mapped(layers, bases, images.labels, rows, config, seed, ctx.threads))

    key = {
        "code": code_digest((*COMPUTED, "pipeline/ladder.py", "pipeline/ladder_store.py")),
        "layers": [(name, source.key) for name, source in seen.sources.items()],
        "labels": hashlib.sha256(images.labels.tobytes()).hexdigest(), "classes": len(names),
        "seed": seed, "threads": ctx.threads, "versions": versions("numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "openTSNE"),
    }  # fmt: skip
    with ctx.timed("ladder"):
        ctx.progress.say(f"the layer ladder of {', '.join(seen.sources)}")
        measured = ctx.cache.fetch("ladder_numbers", {**key, "dead": dead}, numbers)
        own = {"metric": config.metric, "pca_dims": config.pca_dims, "perplexity": config.perplexity, "points": len(rows)}
        mapped = ctx.cache.fetch("ladder_maps", {**key, **own}, maps)
        return LadderDisplay(
            load_numbers(measured.path, class_names=names, seed=seed), load_maps(mapped.path, sample_ids=images.sample_ids[rows], seed=seed),
            images.labels[rows], rows,
        )  # fmt: skip


COMPUTED = ("core", "data", "reduce.py", "neighbors.py", "projection", "analysis")  # what decides a ladder's content


def _measured(
    layers: Sequence[Representation], labels: NDArray[np.int64], class_names: tuple[str, ...], dead: Sequence[tuple[int, int]], seed: int
) -> LadderNumbers:
    vectors = [LayerVectors(layer.name, layer.X, _fault(layer.X), layer.raw_width, *counts) for layer, counts in zip(layers, dead, strict=True)]
    return measure(vectors, labels, class_names, seed=seed)


def _mapped(
    layers: Sequence[Representation], bases: Sequence[Basis], labels: NDArray[np.int64], rows: NDArray[np.int64], config: MapConfig, seed: int, threads: int
) -> tuple[Aligned, ...]:
    """Maps of the given rows, with their scores."""
    maps = aligned_maps(bases, layers[0].sample_ids[rows], config=config, seed=seed, threads=threads)
    return tuple(
        Aligned(scored(aligned.projection, layer.X[rows], base, labels[rows], seed), aligned.drift)
        for aligned, layer, base in zip(maps, layers, bases, strict=True)
    )


def _fault(X: NDArray[np.float32]) -> str:
    """Why nothing can be measured of these vectors, or an empty string."""
    finite = np.isfinite(X).all(axis=1)
    if not finite.all():
        return f"{int((~finite).sum()):,} of {len(X):,} rows hold values that are not finite"
    low, high = X.min(axis=0), X.max(axis=0)
    if float((high - low).max(initial=0.0)) <= 1e-6 * max(float(np.abs(low).max(initial=0.0)), float(np.abs(high).max(initial=0.0))):
        return "all rows are the same" if high.any() or low.any() else "all values are 0 (a dead layer)"
    return ""


def scored(p: Projection, X: NDArray[np.float32], base: Basis, labels: NDArray[np.int64], seed: int) -> Projection:
    """The same map (n, 2) with its scores against the vectors X (n, d) that it is of."""
    if p.note or base.note:
        return p
    queries = np.sort(stratified_rows(labels, min(SCORED, len(labels)), seed=seed))
    yardstick = Yardstick(reference_distances(unit_rows(X) if base.metric == "cosine" else X, queries, metric=base.metric))
    pca = faithfulness(initial_coords(base, p.coords.shape[1], seed=seed), labels, yardstick)
    scores = faithfulness(p.coords, labels, yardstick, pca=pca)
    return Projection(p.coords, p.sample_ids, p.representation, p.method, p.parameters, p.seed, scores, p.note)


def _own(given: Any) -> Any:
    """The vectors of a `Map`, whose module imports others of this room; anything else as it is."""
    return given.vectors.representation if hasattr(given, "vectors") and hasattr(given, "faithfulness") else given


def _representation(name: str, X: Any) -> Representation:
    X = _own(X)
    if isinstance(X, Representation):
        return replace(X, name=name)
    array = np.asarray(X)
    if array.ndim < 2 or array.dtype.kind not in "fiub":
        raise BadInput("LADDER-ARRAY", name, f"is {array.dtype} of shape {array.shape}, expected numbers (n, ...)", "Give one row of numbers per image.")
    flat = array.reshape(len(array), int(np.prod(array.shape[1:])))
    if not flat.shape[1]:
        raise BadInput("LADDER-ARRAY", name, "has no columns", "Give one row of numbers per image.")
    ids = np.array([str(i) for i in range(len(flat))], dtype=np.str_)
    with np.errstate(over="ignore"):
        return Representation(np.ascontiguousarray(flat, np.float32), ids, name, "pixels" if name == "pixels" else "brought")


def given_labels(labels: Any, class_names: Sequence[str] | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    given = np.asarray(labels)
    if not given.size:
        raise BadInput("ROWS", "labels", "are empty", "Give at least one image.")
    if given.dtype.kind in "UO":
        texts = [str(value) for value in given.tolist()]
        names = distinct_names(sorted(set(texts)) if class_names is None else [str(name) for name in class_names], "labels")
        return class_numbers(texts, names, "labels"), names
    numbers = whole_labels(given, "labels")
    names = numbered_classes([numbers], ["labels"]) if class_names is None else distinct_names([str(name) for name in class_names], "class_names")
    within(numbers, len(names), "labels")
    return numbers, names


def _taken(layer: Representation, rows: NDArray[np.int64]) -> Representation:
    return Representation(layer.X[rows], layer.sample_ids[rows], layer.name, layer.kind, layer.model, layer.epoch, layer.raw_width, layer.transform)


def _some(base: Basis, rows: NDArray[np.int64]) -> Basis:
    """A basis of all images, of the given rows only."""
    some = np.ascontiguousarray(base.X[rows])
    note = base.note or ("" if np.ptp(some, axis=0).any() else "no structure: the mapped rows are all the same")
    return Basis(some, base.name, base.variance, base.metric, note, base.facts)


def _units(means: NDArray[np.float64] | None) -> tuple[int, int]:
    """(units, dead) from the mean activation of each unit or channel for each class; NaN is a class without images."""
    if means is None or not means.size:
        return 0, 0
    return means.shape[1], int((np.nan_to_num(means) == 0).all(axis=0).sum())


def _dead(layer: Representation) -> tuple[int, int]:
    """(units, dead) from the vectors themselves, where these are a layer's own."""
    if layer.reduced or layer.kind in ENDS or layer.name in ENDS:
        return 0, 0
    return layer.X.shape[1], int((~layer.X.any(axis=0)).sum())
