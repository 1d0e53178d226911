"""The one neighbour graph of a representation, on disk: made once, read by every method."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.config import canonical
from fmnist_viz.core.intervals import mean_interval
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import NeighborGraph, ReferenceDistances
from fmnist_viz.neighbors import approximate_graph, exact_graph, graph_recall, nearest, overlap, reference_distances, search_recall, searches_exactly
from fmnist_viz.pipeline.features import Source
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.distortion import true_neighbors
from fmnist_viz.projection.project import TOO_FEW
from fmnist_viz.projection.yardstick import K
from fmnist_viz.reduce import unit_rows


def reference_of(source: Source, queries: NDArray[np.int64], metric: str) -> ReferenceDistances:
    """Distances in the unreduced space: kept from the pass for reduced layers, computed here for all others."""
    if (kept := source.reference()) is not None and kept.metric == metric:
        return kept
    X = source.representation.X
    return reference_distances(unit_rows(X) if metric == "cosine" else X, queries, metric=metric)


def make_graph(temp: Path, source: Source, config: MapConfig, k: int, queries: NDArray[np.int64], *, seed: int, threads: int) -> dict[str, Any]:
    """Basis and graph of one representation on disk, with the graph's recall of the unreduced neighbours.

    Of an approximate graph also the share of the true neighbours among the very vectors that were searched (`search_recall`, over the same queries).
    """
    representation = source.representation
    base = basis(representation, metric=config.metric, pca_dims=config.pca_dims)
    save: Callable[[str, Any], None] = lambda name, array: write_file(temp / name, lambda f: np.save(f, array, allow_pickle=False))  # noqa: E731
    save("basis.npy", base.X)
    record: dict[str, Any] = {
        "name": representation.name,
        "variance": base.variance,
        "metric": base.metric,
        "note": base.note,
        "facts": dict(base.facts),
        "recall": None,
    }
    if not base.note and len(base.X) >= TOO_FEW:
        if searches_exactly(len(base.X), config.graph):
            graph = exact_graph(base.X, k, metric=base.metric)
        else:
            graph = approximate_graph(base.X, k, metric=base.metric, seed=seed, threads=threads)
            record |= approximate_facts(base.X, graph, queries)
            record["facts"]["graph"] = graph_text(record)
        save("indices.npy", graph.indices)
        save("distances.npy", graph.distances)
        reference = reference_of(source, queries, base.metric)
        true = nearest(reference, min(K, graph.k))
        found = graph_recall(graph, reference.queries, true)
        record["recall"], record["recall_low"], record["recall_high"] = mean_interval(found)
        record |= {"exact": graph.exact, "k": graph.k, "recall_k": min(K, graph.k), "queries": len(found)}
        near = true_neighbors(unit_rows(representation.X) if base.metric == "cosine" else representation.X, graph)
        save("near.npy", near)
        held = overlap(true, near[reference.queries, : true.shape[1]])
        record["near_recall"] = float(held.mean())  # below 1 where the vectors had been reduced before
    record["basis"] = hashlib.sha256(base.X.tobytes() + canonical([base.X.shape, base.variance, base.metric, base.note]).encode()).hexdigest()
    record["init"] = hashlib.sha256(np.ascontiguousarray(base.X[:, :3]).tobytes()).hexdigest()
    write_file(temp / "graph.json", json.dumps(record))
    return record


def approximate_facts(X: NDArray[np.float32], graph: NeighborGraph, queries: NDArray[np.int64]) -> dict[str, Any]:
    """What must be said of an approximate graph; `search_digest` names its content, which its vectors alone do not decide."""
    found = search_recall(X, graph, queries, K)
    mean, low, high = mean_interval(found)
    return {
        "search": f"pynndescent {version('pynndescent')}",
        "search_recall": mean,
        "search_recall_low": low,
        "search_recall_high": high,
        "search_digest": hashlib.sha256(graph.indices.tobytes()).hexdigest(),
    }


def graph_text(record: dict[str, Any]) -> str:
    """``approximate graph, recall@15 0.993 (0.991-0.994)`` for captions."""
    value, low, high = (record[f"search_recall{end}"] for end in ("", "_low", "_high"))
    return f"approximate graph, recall@{K} {value:.3f} ({low:.3f}–{min(high, 1.0):.3f})"


def load_graph(folder: Path) -> tuple[Basis, NeighborGraph | None]:
    record = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
    base = Basis(np.load(folder / "basis.npy"), record["name"], tuple(record["variance"]), record["metric"], record["note"], record["facts"])
    if not (folder / "indices.npy").exists():
        return base, None
    recall = float("nan") if record["recall"] is None else record["recall"]
    return base, NeighborGraph(np.load(folder / "indices.npy"), np.load(folder / "distances.npy"), record["metric"], record["exact"], recall)
