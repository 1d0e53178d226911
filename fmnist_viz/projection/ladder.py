"""Maps of the same points layer after layer: each starts where the one before ended and is laid over it, so that what moves is the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.align import drift, laid_over
from fmnist_viz.projection.basis import Basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.project import TOO_FEW, initial_coords
from fmnist_viz.projection.tsne import fitting_perplexity, neighbors_needed, refine, tsne
from fmnist_viz.projection.umap import umap

STEPS = 500  # of every map, half of them exaggerated: measured through five layers of cnn1, docs/architecture.md


@dataclass(frozen=True)
class Aligned:
    """A layer's map, and how far points moved to it: the root mean square way over the map's own extent; NaN for the first one."""

    projection: Projection
    drift: float


def aligned_maps(
    bases: Sequence[Basis], sample_ids: NDArray[np.str_], *, config: MapConfig, seed: int, threads: int, method: str = "tsne", before: str = "the layer before"
) -> list[Aligned]:
    """t-SNE (or UMAP, as `method` says) of every layer in order, float32 (n, 2), centred and of one size.

    The first map starts from principal components. Every other one starts from the map before it as it is, and is then rotated (or reflected) onto it
    and scaled to its size: the scale of a t-SNE map means nothing. A layer without structure gets a map with a note, and the
    next one starts from the last that was drawn. `before` says in the maps' parameters what they started from.
    """
    made: list[Aligned] = []
    last: NDArray[np.float32] | None = None
    for base in bases:
        projection = next_map(base, last, sample_ids, config=config, seed=seed, threads=threads, method=method, before=before)
        if projection.note:
            made.append(Aligned(projection, float("nan")))
            continue
        moved = float("nan") if last is None else drift(last, projection.coords)
        made.append(Aligned(projection, moved))
        last = projection.coords
    return made


def next_map(
    base: Basis, last: NDArray[np.float32] | None, sample_ids: NDArray[np.str_], *, config: MapConfig, seed: int, threads: int, method: str, before: str
) -> Projection:
    """The map of one layer, started from the map `last` (n, 2) of the same points and laid over it; None: from principal components."""
    n = len(base.X)
    nothing = np.zeros((n, 2), np.float32)
    if note := base.note or (f"too few rows (n = {n}) for this method; at least {TOO_FEW} are needed" if n < TOO_FEW else ""):
        return Projection(nothing, sample_ids, base.name, method, {}, seed, {}, note)
    coords, used = _STEPS[method](base, last, config, seed, threads)
    used = {"metric": base.metric, "init": "pca" if last is None else before, **used}
    if not np.isfinite(coords).all() or not coords.any():
        return Projection(nothing, sample_ids, base.name, method, used, seed, {}, "no map: the method did not converge to finite coordinates")
    placed = np.asarray(coords - coords.mean(axis=0), np.float32) if last is None else _sized(laid_over(coords, last), last)
    return Projection(placed, sample_ids, base.name, method, used, seed)


def _tsne(base: Basis, last: NDArray[np.float32] | None, config: MapConfig, seed: int, threads: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    perplexity = fitting_perplexity(config.perplexity, len(base.X))
    graph = exact_graph(base.X, neighbors_needed(perplexity), metric=base.metric)
    how: dict[str, Any] = {"perplexity": perplexity, "n_iter": STEPS, "seed": seed, "threads": threads}
    coords, more = tsne(graph, initial_coords(base, 2, seed=seed), **how) if last is None else refine(graph, last, **how)
    return coords, {"perplexity": round(perplexity, 4), "n_iter": STEPS, **more}


def _umap(base: Basis, last: NDArray[np.float32] | None, config: MapConfig, seed: int, threads: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    k = min(config.n_neighbors, len(base.X) - 1)
    how: dict[str, Any] = {"n_neighbors": k, "min_dist": config.min_dist, "n_epochs": config.epochs}
    start = initial_coords(base, 2, seed=seed) if last is None else last
    coords, more = umap(exact_graph(base.X, k, metric=base.metric), start, seed=seed, **how)
    return coords, {**how, **more}


_STEPS = {"tsne": _tsne, "umap": _umap}


def _sized(coords: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.float32]:
    size = float(np.linalg.norm(coords))
    return np.asarray(coords * np.float32(float(np.linalg.norm(last)) / size if size else 1.0), np.float32)
