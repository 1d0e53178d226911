"""Vectors with the one neighbour graph that all maps of them are made from, and that every score of theirs asks."""

from __future__ import annotations

import hashlib
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.arrays import as_numpy, as_vectors
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import NeighborGraph, Representation
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.distortion import EXACT_WORK, WIDE, true_neighbors
from fmnist_viz.projection.project import TOO_FEW
from fmnist_viz.reduce import unit_rows

METRICS = ("euclidean", "cosine")
_alive: weakref.WeakValueDictionary[tuple[Any, ...], VectorGraph] = weakref.WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class VectorGraph:
    """What maps of one representation share: checked and reduced vectors (`basis`), the neighbour graph, the true neighbours.

    Graph and neighbours are sought when they are first asked for and kept. `note` says why there is no map of these vectors, or is empty.
    """

    representation: Representation
    basis: Basis
    _held: dict[str, NeighborGraph] = field(default_factory=dict, repr=False)

    @property
    def note(self) -> str:
        return self.basis.note

    @property
    def few(self) -> bool:
        """Whether there is no neighbourhood to speak of: no structure, or fewer than four rows."""
        return bool(self.note) or len(self.basis.X) < TOO_FEW

    def graph(self, k: int) -> NeighborGraph | None:
        """At least k neighbours of every row (fewer only where there are no more); None where there are too few rows.

        Raises UsageError where a graph was given that holds fewer.
        """
        if self.few:
            return None
        k = min(k, len(self.basis.X) - 1)
        if (given := self._held.get("given")) is not None:
            if given.k < k:
                remedy = "Give a graph of more neighbours, or lower perplexity and n_neighbors."
                raise UsageError("GRAPH-SMALL", "graph", f"holds {given.k} neighbours of a row, {k} are needed", remedy)
            return given
        if "made" not in self._held or self._held["made"].k < k:
            self._held["made"] = exact_graph(self.basis.X, k, metric=self.basis.metric)
        return self._held["made"]

    @cached_property
    def X(self) -> NDArray[np.float32]:
        """The vectors themselves, as distances between them are meant: unit rows where the metric is cosine."""
        rows = self.representation.X
        return unit_rows(rows) if self.basis.metric == "cosine" else np.ascontiguousarray(rows)

    @cached_property
    def near(self) -> NDArray[np.int32]:
        """The true neighbours of every row, nearest first, at most 50: int32 (n, w); beyond 10¹¹ steps of work those of the graph."""
        n, d = self.X.shape
        graph = NeighborGraph(np.zeros((n, 0), np.int32), np.zeros((n, 0), np.float32), self.basis.metric)
        if n * n * d > EXACT_WORK and (made := self.graph(WIDE)) is not None:
            graph = made
        return true_neighbors(self.X, graph)

    def of(self, representation: Representation) -> bool:
        """Whether these are the very vectors."""
        own = self.representation
        return own is representation or (own.X.shape == representation.X.shape and np.array_equal(own.X, representation.X, equal_nan=True))

    def __repr__(self) -> str:
        (n, d), held = self.representation.X.shape, self._held.get("given") or self._held.get("made")
        said = self.note or (f"{held.k} neighbours of each" if held else "neighbours not sought yet")
        return f"VectorGraph of {self.representation.name}: {n:,} rows of {d:,} numbers, {self.basis.metric}; {said}"


def neighbor_graph(representation: Any, *, k: int = 91, metric: str = "euclidean", pca_dims: int = 50, sample_ids: Any = None) -> VectorGraph:
    """The exact neighbour graph of vectors, for any number of maps: ``project(X, "umap", graph=neighbor_graph(X))``.

    `project` makes one by itself, and finds it again for equal vectors, metric and PCA dimensions as long as a map of them is alive.

    Parameters
    ----------
    representation : `Representation`, or array-like (n, ...) of numbers: NumPy, pandas, PyTorch, TensorFlow, lists; rows of more than one axis are flattened
    k : neighbours of a row; 91 are what perplexity 30 asks for
    metric : "euclidean" or "cosine"
    pca_dims : principal components that distances are computed from; 0 takes the vectors themselves

    Raises
    ------
    BadInput for what is no such array; UsageError for an unknown metric or a number out of range.
    """
    if metric not in METRICS:
        raise UsageError("METRIC", "metric", f"{metric!r} is not known", "Take euclidean or cosine.")
    for name, value, low in (("k", k, 1), ("pca_dims", pca_dims, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
            raise UsageError("OPTION-RANGE", name, f"{value!r} is no whole number from {low}", f"Give {low} or more.")
    rep = vectors_of(representation, sample_ids=sample_ids)
    content = hashlib.sha256(rep.X.tobytes() + repr((rep.X.shape, dict(rep.transform))).encode()).hexdigest()
    key = (content, rep.name, rep.sample_ids.tobytes(), metric, pca_dims)
    found = _alive.get(key)
    if found is None:
        found = _alive[key] = VectorGraph(rep, basis(rep, metric=metric, pca_dims=pca_dims))
    found.graph(k)
    return found


def vectors_of(given: Any, *, name: str = "representation", sample_ids: Any = None) -> Representation:
    """A `Representation` as it is, or a copy of array-like (n, ...), rows flattened; ids are those given, a data frame's index, or 0, 1, 2 ..."""
    if isinstance(given, Representation):
        if sample_ids is not None:
            raise UsageError("GIVEN-TWICE", "sample_ids", "a Representation has its own", "Leave them out.")
        return given
    array = as_numpy(given, name)
    if array.ndim > 2:
        array = array.reshape(len(array), int(np.prod(array.shape[1:])))
    X = np.array(as_vectors(array, name))  # a copy: what is remembered must not change with the caller's array
    if sample_ids is None:
        index = getattr(given, "index", None)
        sample_ids = index if index is not None and not callable(index) else np.arange(len(X))
    ids = np.asarray(sample_ids).astype(np.str_)
    if ids.shape != (len(X),):
        raise BadInput("ROWS", "sample_ids", f"have the shape {ids.shape}, expected ({len(X)},)", "Give one id per row.")
    return Representation(X, ids, name, "brought")


def joined(vectors: VectorGraph, graph: Any) -> VectorGraph:
    """The vectors with a graph of somebody else's: `NeighborGraph`, of the same rows and metric."""
    if not isinstance(graph, NeighborGraph):
        raise UsageError("GRAPH", "graph", f"a {type(graph).__name__} is no graph", "Give what neighbor_graph returns, or a NeighborGraph.")
    n = len(vectors.basis.X)
    if len(graph.indices) != n or (graph.k and not 0 <= int(graph.indices.min()) <= int(graph.indices.max()) < n):
        raise BadInput("ROWS", "graph", f"is of {len(graph.indices):,} rows, the representation has {n:,}", "Give the graph of the same rows.")
    if not vectors.note and graph.metric != vectors.basis.metric:
        raise UsageError("METRIC", "graph", f"is {graph.metric}, the map is to be {vectors.basis.metric}", "Give one metric to both.")
    return VectorGraph(vectors.representation, vectors.basis, {"given": graph})
