"""UMAP from a given neighbour graph and initial coordinates: no second neighbour search, no compilation of one."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.types import NeighborGraph
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.compiled import keep_compiled

FAR = 5.0  # how far apart classes are taken to be: umap-learn's 2.5 / (1 - target_weight) at its default weight of one half


def umap(
    graph: NeighborGraph,
    init: NDArray[np.float32],
    *,
    n_neighbors: int,
    min_dist: float,
    n_epochs: int,
    seed: int,
    labels: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Coordinates float32 (n, 2|3) and what was used; `n_neighbors` counts the point itself, as umap-learn does.

    Seeded, and therefore on one thread: equal input gives equal bytes. umap-learn's own building blocks are called
    with exactly `n_neighbors` columns; its class would search again, or use more columns than asked for below 4,096 points.
    `labels` int64 (n,), -1 unknown, make it supervised: ties between points of different classes are weakened as umap-learn does by default.

    References
    ----------
    L. McInnes, J. Healy, J. Melville (2018), UMAP: Uniform manifold approximation and projection. arXiv 1802.03426.
    """
    if n_epochs < 1:
        raise ValueError(f"n_epochs = {n_epochs}: the start would come back as the map")
    library = load_umap()
    indices, distances = graph.with_self(n_neighbors)  # copies: the library writes into what it is given
    random = np.random.RandomState(seed)
    weights, _, _ = library.fuzzy_simplicial_set(np.empty((len(indices), 1)), n_neighbors, random, "precomputed", knn_indices=indices, knn_dists=distances)
    if labels is not None:
        weights = library.discrete_metric_simplicial_set_intersection(weights, labels, far_dist=FAR)
    a, b = library.find_ab_params(1.0, min_dist)
    start = (init * (10.0 / (np.abs(init).max() or 1.0))).astype(np.float32)
    # The optimiser cannot separate points that start at one place; this is umap-learn's own jitter for computed starts.
    start += random.normal(scale=1e-4, size=start.shape).astype(np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="umap")
        coords, _ = library.simplicial_set_embedding(
            None, weights, start.shape[1], 1.0, a, b, 1.0, 5, n_epochs, start, random, "euclidean", {}, False, {}, False, parallel=False
        )  # fmt: skip
    import importlib.metadata

    return np.asarray(coords, np.float32), {"implementation": f"umap-learn {importlib.metadata.version('umap-learn')}", "k": n_neighbors - 1}


def load_umap() -> Any:
    """umap-learn's module of building blocks, without TensorFlow.

    Its package imports TensorFlow for a class that is not used here: seconds, and a gigabyte. Where TensorFlow
    is not loaded yet, its name is hidden during that one import.
    """
    if "umap" not in sys.modules and "tensorflow" not in sys.modules:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import umap.umap_
        finally:
            del sys.modules["tensorflow"]
    import umap.umap_

    return umap.umap_


def warm_up(dims: int = 2, cache: Cache | None = None) -> str:
    """Import and compile everything that `umap` needs, on 60 points; with a cache the compiled code comes from there after the first time.

    Some six seconds of one core without it, which can pass beside other work. Returns what `keep_compiled` does, or "compiled".
    """
    load_umap()
    if cache is not None:
        return keep_compiled(cache, lambda: _rehearse(dims))
    _rehearse(dims)
    return "compiled"


def _rehearse(dims: int) -> None:
    X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    umap(exact_graph(X, 14), X[:, :dims], n_neighbors=15, min_dist=0.1, n_epochs=11, seed=0, labels=np.arange(60) % 3)
