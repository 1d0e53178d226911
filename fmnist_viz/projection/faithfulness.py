"""How far a map can be believed: sampled queries against all points, in the unreduced space and on the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import mean_interval, wilson
from fmnist_viz.core.types import ReferenceDistances
from fmnist_viz.neighbors import exact_graph, nearest, overlap

K = 15


class Yardstick:
    """Sampled distances in the unreduced space, sorted once, that every map of the representation is held against."""

    def __init__(self, reference: ReferenceDistances, *, k: int = K) -> None:
        q, n = reference.distances.shape
        self.queries, self.n = reference.queries, n
        self.k = min(k, (n - 1) // 2)  # above n/2 trustworthiness is not defined
        own = reference.distances.copy()
        own[np.arange(q), reference.queries] = -1.0  # the point itself is rank 0, whatever duplicates it has
        self.distances, self.ordered = own, np.sort(own, axis=1)
        self.nearest = nearest(reference, max(self.k, 1))

    def ranks(self, neighbors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Rank (1 = nearest) of each query's given neighbours (q, k) in the unreduced space; of equals the first counts."""
        chosen = np.take_along_axis(self.distances, neighbors, axis=1)
        return np.stack([np.searchsorted(row, want, side="left") for row, want in zip(self.ordered, chosen, strict=True)])


def trustworthiness(neighbors: NDArray[np.integer[Any]], yardstick: Yardstick) -> NDArray[np.float64]:
    """Per query, 1 less the penalty for map neighbours (q, k) that are none in the unreduced space: float64 (q,), 1 is perfect.

    The mean over all n points as queries is scikit-learn's `trustworthiness`. Memory is q * n, not n * n.

    References
    ----------
    J. Venna, S. Kaski (2001), Neighborhood preservation in nonlinear projection methods. ICANN.
    """
    k, n = neighbors.shape[1], yardstick.n
    penalty = np.maximum(yardstick.ranks(neighbors) - k, 0).sum(axis=1)
    return 1.0 - 2.0 * penalty / (k * (2 * n - 3 * k - 1))


def map_neighbors(coords: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The k nearest points of every point on the map: int32 (n, k)."""
    return exact_graph(np.ascontiguousarray(coords), k).indices


def knn_correct(neighbors: NDArray[np.integer[Any]], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the majority label of a point's neighbours is its own (ties: the smaller label, as scikit-learn decides)."""
    names, own = np.unique(labels, return_inverse=True)
    flat = np.arange(len(neighbors))[:, None] * len(names) + own[neighbors]
    votes = np.bincount(flat.ravel(), minlength=len(neighbors) * len(names)).reshape(-1, len(names))
    return votes.argmax(axis=1) == own


def faithfulness(coords: NDArray[np.float32], labels: NDArray[np.int64] | None, yardstick: Yardstick) -> dict[str, Any]:
    """Scores of one map with 95 % intervals; empty where there are too few points.

    trustworthiness, recall : means over the sampled queries, each against all n points, with normal intervals
        from the spread between queries;
    knn_accuracy : leave-one-out k-NN accuracy of the labels on the map over all n points, Wilson interval; left out without labels.
    """
    n, k = len(coords), yardstick.k
    if k < 1:
        return {}
    neighbors = map_neighbors(coords, k)
    trust = trustworthiness(neighbors[yardstick.queries], yardstick)
    recall = overlap(yardstick.nearest, neighbors[yardstick.queries])
    scores: dict[str, Any] = {"k": k, "queries": len(yardstick.queries), "n": n}
    for name, values in (("trustworthiness", trust), ("recall", recall)):
        mean, low, high = mean_interval(values)
        scores |= {name: mean, f"{name}_low": max(low, 0.0), f"{name}_high": min(high, 1.0)}
    if labels is None:
        return scores
    right = knn_correct(neighbors, labels)
    knn_low, knn_high = wilson(int(right.sum()), n)
    return scores | {"knn_accuracy": float(right.mean()), "knn_accuracy_low": float(knn_low), "knn_accuracy_high": float(knn_high)}
