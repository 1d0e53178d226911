"""Nearest neighbours: exact and approximate graphs, distances of sampled queries, and how much of the truth a graph holds."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph, ReferenceDistances

BLOCK_BYTES = 128 << 20  # differences or distances held at once


# Points from which an exact search takes longer than an approximate one, with scikit-learn-intelex and without it (docs/architecture.md).
EXACT_UP_TO = {True: 250_000, False: 140_000}


def fast_path() -> bool:
    """Whether scikit-learn-intelex is there: several times faster t-SNE and brute-force neighbours on x86-64."""
    return importlib.util.find_spec("sklearnex") is not None


def exact_graph(X: NDArray[np.float32], k: int, *, metric: str = "euclidean") -> NeighborGraph:
    """The k exact nearest neighbours of every row of X (n, d), by Euclidean distance, k <= n - 1.

    For the cosine metric give unit rows: the Euclidean distance between them (the chord) orders rows as the angle does;
    `metric` is only recorded. Distances are recomputed from the vectors, so that duplicates are at exactly 0.
    """
    return _as_graph(X, exact_neighbors(X, k), metric, exact=True)


def _as_graph(X: NDArray[np.float32], indices: NDArray[np.int32], metric: str, *, exact: bool) -> NeighborGraph:
    """Distances, and neighbours in their order."""
    (n, k), d = indices.shape, X.shape[1]
    distances = np.empty((n, k), np.float32)
    block = max(1, BLOCK_BYTES // (4 * max(k * d, 1)))
    for start in range(0, n, block):
        rows = slice(start, start + block)
        distances[rows] = np.linalg.norm(X[indices[rows]] - X[rows, None, :], axis=2)
    order = np.argsort(distances, axis=1, kind="stable")
    return NeighborGraph(np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1), metric, exact)


def searches_exactly(n: int, graph: str = "auto") -> bool:
    """Whether a graph of n points is to be exact; `graph` is auto, exact or approximate. Up to 200 points it always is."""
    return n <= 200 or graph == "exact" or (graph == "auto" and n <= EXACT_UP_TO[fast_path()])


def approximate_graph(X: NDArray[np.float32], k: int, *, metric: str = "euclidean", seed: int = 0, threads: int = 1) -> NeighborGraph:
    """About the k nearest neighbours of every row of X (n, d), found by descending from neighbour to neighbour; `exact` is False.

    How many of the true ones it holds differs from data to data: `search_recall` measures it. As with `exact_graph`, distances are recomputed
    from the vectors, and the point itself is left out. Rows that the search leaves incomplete are searched exactly.

    References
    ----------
    W. Dong, M. Charikar, K. Li (2011), Efficient k-nearest neighbor graph construction for generic similarity measures. WWW.
    """
    from pynndescent import NNDescent

    n = len(X)
    k = min(k, n - 1)
    found, _ = NNDescent(np.ascontiguousarray(X), n_neighbors=k + 1, random_state=seed, n_jobs=threads, low_memory=True, compressed=False).neighbor_graph
    found = np.array(found, np.int64)
    lacking = (found < 0).any(axis=1) | (np.diff(np.sort(found, axis=1), axis=1) == 0).any(axis=1)
    if lacking.any():
        found[lacking] = _brute(X, X[lacking], k + 1)
    return _as_graph(X, _without_self(found), metric, exact=False)


def search_recall(X: NDArray[np.float32], graph: NeighborGraph, rows: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Per sampled row, the share of its k nearest among the rows of X (n, d), searched exactly, that the graph's first k hold: float64 (q,)."""
    k = min(k, graph.k)
    true = _brute(X, X[rows], k + 1)
    own = true == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return overlap(true[~own].reshape(len(rows), k), graph.indices[rows, :k])


def _brute(X: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X).kneighbors(queries, return_distance=False)


def exact_neighbors(X: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The k exact nearest neighbours of every row of X (n, d), k <= n - 1, as `exact_graph` finds them, without distances: int32 (n, k).

    Rows at distances that differ by less than single precision tells apart may stand in either order.
    """
    return _without_self(_candidates(X, min(k, len(X) - 1) + 1))


def _without_self(found: NDArray[np.int64]) -> NDArray[np.int32]:
    """Neighbours (n, k) of (n, k + 1) candidates."""
    own = found == np.arange(len(found))[:, None]
    # Among many duplicates the point itself may be missing from its own list: drop the farthest instead.
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(found), -1).astype(np.int32)


def _candidates(X: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k nearest rows of every row, itself among them, nearest first."""
    if X.shape[1] <= 3:
        # Maps are clumpy: |a|² + |b|² - 2ab in single precision cannot order points that lie close together far from 0.
        from scipy.spatial import KDTree

        return KDTree(X).query(X, k=np.arange(1, k + 1))[1]
    from sklearn.neighbors import NearestNeighbors as Plain

    # scikit-learn-intelex repeats indices within a row where k comes close to n (measured: from about .99 n)
    if fast_path() and k <= len(X) // 2:
        from sklearnex.neighbors import NearestNeighbors
    else:
        NearestNeighbors = Plain
    distances, found = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X).kneighbors(X)
    repeated = (np.diff(np.sort(found, axis=1), axis=1) == 0).any(axis=1)
    # Single precision orders squares to about 1e-7 of the largest: rows whose neighbours are all close are searched again in double.
    close = distances[:, -1].astype(np.float64) ** 2 < 1e-3 * float(np.einsum("ij,ij->i", X, X, dtype=np.float64).max())
    again = close | repeated
    if again.any():
        double = X.astype(np.float64)
        found[again] = Plain(n_neighbors=k, algorithm="brute").fit(double).kneighbors(double[again], return_distance=False)
    return found


class Queries:
    """Rows (q, d) whose Euclidean distances to blocks of others are asked for; what is the same for every block is done once."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self._center = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._rows = rows - self._center
        self._square = np.einsum("ij,ij->i", self._rows, self._rows, dtype=np.float64)[:, None]

    def __len__(self) -> int:
        return len(self._rows)

    def distances(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distances (q, m) to the rows of a block (m, d), as |a|² + |b|² - 2ab around the queries' mean.

        Squares are off by some 1e-7 of the squared distance from that mean (single precision), so duplicates may come out a little above 0.
        """
        out = np.empty((len(self), len(block)), np.float32)
        step = max(1, BLOCK_BYTES // (8 * max(len(self), block.shape[1])))
        for start in range(0, len(block), step):
            b = block[start : start + step] - self._center
            square = self._square + np.einsum("ij,ij->i", b, b, dtype=np.float64)[None, :]
            square -= 2.0 * (self._rows @ b.T)
            out[:, start : start + step] = np.sqrt(np.maximum(square, 0, out=square), out=square)
        return out


def query_distances(queries: NDArray[np.float32], block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances (q, m) of query rows to the rows of one block, as precise as `Queries.distances`."""
    return Queries(queries).distances(block)


def reference_distances(X: NDArray[np.float32], queries: NDArray[np.int64], *, metric: str = "euclidean") -> ReferenceDistances:
    """Distances of the query rows to all rows of X; for the cosine metric give unit rows."""
    return ReferenceDistances(queries, query_distances(X[queries], X), metric)


def nearest(reference: ReferenceDistances, k: int) -> NDArray[np.int64]:
    """The k nearest rows of every query, self excluded, nearest first: int64 (q, k)."""
    k = min(k, reference.distances.shape[1] - 1)
    out = np.empty((len(reference.queries), k), np.int64)
    for row, query, near in zip(reference.distances, reference.queries, out, strict=True):
        d = row.copy()
        d[query] = np.inf
        close = np.flatnonzero(d <= np.partition(d, k - 1)[k - 1])  # far faster than argpartition: numbers alone are partitioned in vectors
        near[:] = close[d[close].argsort(kind="stable")][:k]
    return out


def overlap(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of each row of a (q, k) that also stands in the same row of b (q, k): float64 (q,)."""
    return (a[:, :, None] == b[:, None, :]).any(axis=2).mean(axis=1)


def graph_recall(graph: NeighborGraph, queries: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    """Per query, the share of its `true` neighbours (q, k) that the graph's first k hold."""
    return overlap(true, graph.indices[queries, : true.shape[1]])
