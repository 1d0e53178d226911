"""Maps of made-up vectors, the whole way from rows to coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from fmnist_viz.core.types import Projection, Representation
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.project import TOO_FEW, graph_size, project

QUICK = MapConfig(n_iter=250, umap_epochs=30)


def representation(X: Any, **more: Any) -> Representation:
    X = np.ascontiguousarray(X, np.float32)
    return Representation(X, np.array([f"test/{i}" for i in range(len(X))]), "dense", "activation", **more)


def draw(X: Any, method: str, config: MapConfig = QUICK, *, seed: int = 0, threads: int = 1) -> Projection:
    rep = X if isinstance(X, Representation) else representation(X)
    base = basis(rep, metric=config.metric, pca_dims=config.pca_dims)
    graph = None if base.note or len(base.X) < TOO_FEW else exact_graph(base.X, graph_size(config, len(base.X)), metric=base.metric)
    return project(base, graph, method, sample_ids=rep.sample_ids, config=config, seed=seed, threads=threads)
