"""One map: representation's basis + neighbour graph + method -> projection. Degenerate input gives a note, never a crash or a cloud."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph, Projection
from fmnist_viz.projection.basis import Basis
from fmnist_viz.projection.config import SUPERVISED, MapConfig
from fmnist_viz.projection.tsne import fitting_perplexity, neighbors_needed, tsne
from fmnist_viz.projection.umap import umap

TOO_FEW = 4  # fewer rows than this have no neighbourhoods to preserve


def graph_size(config: MapConfig, n: int) -> int:
    """Neighbours of the one graph that serves everything: the most that anyone asks for, at least t-SNE's default 91."""
    return min(n - 1, max(neighbors_needed(config.perplexity), config.n_neighbors, 91))


def initial_coords(basis: Basis, dims: int, *, seed: int) -> NDArray[np.float32]:
    """The leading principal components (n, dims); missing ones are filled with noise a thousand times smaller."""
    coords = np.array(basis.X[:, :dims], np.float32)
    if coords.shape[1] < dims:
        scale = 1e-3 * (coords[:, :1].std() if coords.shape[1] else 1.0)
        noise = np.random.default_rng(seed).normal(scale=scale, size=(len(coords), dims - coords.shape[1]))
        coords = np.hstack([coords, noise.astype(np.float32)])
    return coords


def layout(
    basis: Basis,
    graph: NeighborGraph | None,
    method: str,
    *,
    config: MapConfig,
    seed: int,
    threads: int,
    labels: NDArray[np.int64] | None = None,
    components: tuple[int, ...] = (),
) -> tuple[NDArray[np.float32], dict[str, Any], str]:
    """(coordinates float32 (n, 2|3), what was used, note); `graph` may be None where the basis has a note or there are too few rows.

    `labels` are read by umap-supervised alone (ValueError without them); `components`, counted from 1, are a PCA's axes in place of the leading ones.
    """
    n, dims = len(basis.X), config.dims
    start = time.perf_counter()
    used: dict[str, Any] = {"metric": basis.metric, **{k: basis.facts[k] for k in ("duplicates", "metric_note", "graph") if k in basis.facts}}
    if config.pca_dims:
        used["pca_dims"] = basis.X.shape[1]
    nothing = np.zeros((n, dims), np.float32)
    if basis.note:
        return nothing, used, basis.note
    if method != "pca" and n < TOO_FEW:
        return nothing, used, f"too few rows (n = {n}) for this method; at least {TOO_FEW} are needed"
    init = initial_coords(basis, dims, seed=seed)
    if method == "pca":
        if components and max(components) > basis.X.shape[1]:
            return nothing, used, f"no map: there are only {basis.X.shape[1]} principal components"
        columns = [i - 1 for i in components] or list(range(min(dims, basis.X.shape[1])))
        coords = nothing
        coords[:, : len(columns)] = basis.X[:, columns]
        shares = [basis.variance[i] for i in columns] if components else list(basis.variance)
        used = {k: v for k, v in used.items() if k not in ("pca_dims", "metric", "graph")} | {"variance": shares, "implementation": "scikit-learn"}
        used |= {"components": list(components)} if components else {}
    else:
        assert graph is not None
        if method == "tsne":
            coords, more = _tsne(graph, init, config, seed, threads)
        else:
            coords, more = _umap(graph, init, config, seed, _labels(labels) if method == SUPERVISED else None)
        used |= {"init": "pca", **more}
    used["seconds"] = round(time.perf_counter() - start, 2)
    if not np.isfinite(coords).all():
        return nothing, used, "no map: the method did not converge to finite coordinates"
    return coords, used, ""


def _tsne(graph: NeighborGraph, init: NDArray[np.float32], config: MapConfig, seed: int, threads: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    perplexity = fitting_perplexity(config.perplexity, len(init))
    coords, more = tsne(graph, init, perplexity=perplexity, n_iter=config.steps, seed=seed, threads=threads, fine=config.fine(len(init)))
    lowered = {"lowered": f"perplexity {config.perplexity:g} → {perplexity:.3g}"} if perplexity < config.perplexity else {}
    return coords, {"perplexity": round(perplexity, 4), "n_iter": config.steps, **more, **lowered}


def _labels(labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if labels is None:
        raise ValueError(f"{SUPERVISED} needs labels")
    return labels


def _umap(
    graph: NeighborGraph, init: NDArray[np.float32], config: MapConfig, seed: int, labels: NDArray[np.int64] | None
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    k = min(config.n_neighbors, len(init) - 1)
    coords, more = umap(graph, init, n_neighbors=k, min_dist=config.min_dist, n_epochs=config.epochs, seed=seed, labels=labels)
    more |= {"labels": "labels were used"} if labels is not None else {}
    lowered = {"lowered": f"neighbours {config.n_neighbors} → {k}"} if k < config.n_neighbors else {}
    return coords, {"n_neighbors": k, "min_dist": config.min_dist, "n_epochs": config.epochs, **more, **lowered}


def project(basis: Basis, graph: NeighborGraph | None, method: str, *, sample_ids: NDArray[np.str_], config: MapConfig, seed: int, threads: int) -> Projection:
    """One map as a `Projection`, without scores (see `faithfulness`)."""
    coords, used, note = layout(basis, graph, method, config=config, seed=seed, threads=threads)
    return Projection(coords, sample_ids, basis.name, method, used, seed, {}, note)
