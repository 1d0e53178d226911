"""How far a map can be believed: sampled queries against all points, in the unreduced space and on the map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import mean_interval, wilson
from fmnist_viz.neighbors import exact_neighbors, overlap
from fmnist_viz.projection.chance import SHUFFLED_TRIPLETS, shuffled_ranks, shuffled_recall, shuffled_votes
from fmnist_viz.projection.votes import knn_correct
from fmnist_viz.projection.yardstick import TRIPLETS, Yardstick, ranks

SCORES = ("trustworthiness", "continuity", "recall", "recall_10", "recall_50", "triplet_accuracy", "knn_accuracy")
ENDS = ("", "_low", "_high", "_chance", "_pca")  # of every score: its value, its 95 % interval, and what shuffled points and PCA reach
_BLOCK = 1 << 24  # distances on the map held at once


def trustworthiness(neighbors: NDArray[np.integer[Any]], yardstick: Yardstick) -> NDArray[np.float64]:
    """Per query, 1 less the penalty for map neighbours (q, k) that are none in the unreduced space: float64 (q,), 1 is perfect.

    The mean over all n points as queries is scikit-learn's `trustworthiness`. Memory is q * n, not n * n.

    References
    ----------
    J. Venna, S. Kaski (2001), Neighborhood preservation in nonlinear projection methods. ICANN.
    """
    return _less_penalty(yardstick.ranks(neighbors), yardstick.n)


def continuity(coords: NDArray[np.float32], yardstick: Yardstick) -> NDArray[np.float64]:
    """Per query, 1 less the penalty for true neighbours that lie far away on the map: float64 (q,), trustworthiness with the spaces exchanged.

    References
    ----------
    J. Venna, S. Kaski (2001), as above.
    """
    q, n = len(yardstick.queries), yardstick.n
    wanted, step = yardstick.nearest[:, : yardstick.k], max(1, _BLOCK // n)
    found = []
    for start in range(0, q, step):
        rows = slice(start, start + step)
        far = _map_distances(coords, yardstick.queries[rows])
        far[np.arange(len(far)), yardstick.queries[rows]] = -1.0
        found.append(ranks(far, wanted[rows]))
    return _less_penalty(np.concatenate(found), n)


def _less_penalty(found: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    k = found.shape[1]
    return 1.0 - 2.0 * np.maximum(found - k, 0).sum(axis=1) / (k * (2 * n - 3 * k - 1))


def _map_distances(coords: NDArray[np.float32], queries: NDArray[np.int64]) -> NDArray[np.float32]:
    """Squared distances (q, n) on the map, as differences: maps are clumpy, and |a|² + |b|² - 2ab could not order a clump."""
    total = np.zeros((len(queries), len(coords)), np.float32)
    for axis in coords.T:
        step = axis[queries][:, None] - axis[None, :]
        total += step * step
    return total


def triplet_accuracy(coords: NDArray[np.float32], yardstick: Yardstick) -> NDArray[np.float64]:
    """Per query, the share of random pairs of points of which the nearer one is the nearer on the map, too: float64 (q,); a tie counts one half.

    It asks for the order of distances at any scale, as a rank correlation does, but has an exact chance level and values by query, whose spread
    gives the interval. (2 × accuracy - 1) is Kendall's rank correlation of a query's distances, the mean over queries.

    References
    ----------
    Y. Wang, H. Huang, C. Rudin, Y. Shaposhnik (2021), Understanding how dimension reduction tools work. JMLR 22(201), section 6.
    """
    own, pairs = coords[yardstick.queries][:, None, :].astype(np.float64), yardstick.triplets
    first, second = (((coords[pairs[:, :, i]] - own) ** 2).sum(axis=2) for i in (0, 1))
    return (1.0 + np.sign(first - second) * yardstick.nearer).mean(axis=1) / 2.0


def map_neighbors(coords: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The k nearest points of every point on the map: int32 (n, k)."""
    return exact_neighbors(np.ascontiguousarray(coords), k)


def _values(
    coords: NDArray[np.float32], near: NDArray[np.integer[Any]], labels: NDArray[np.int64] | None, yardstick: Yardstick
) -> dict[str, NDArray[np.float64]]:
    """Every score query by query; that of the votes point by point."""
    k, of_queries = yardstick.k, near[yardstick.queries]
    found = {
        "trustworthiness": trustworthiness(of_queries[:, :k], yardstick),
        "continuity": continuity(coords, yardstick),
        **{name: overlap(yardstick.nearest[:, :size], of_queries[:, :size]) for name, size in _recalls(yardstick).items()},
        "triplet_accuracy": triplet_accuracy(coords, yardstick),
    }
    return found if labels is None else {**found, "knn_accuracy": knn_correct(near[:, :k], labels).astype(np.float64)}


def _recalls(yardstick: Yardstick) -> dict[str, int]:
    return {"recall": yardstick.k, **{f"recall_{size}": size for size in yardstick.recalls}}


def faithfulness(
    coords: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    yardstick: Yardstick,
    *,
    near: NDArray[np.integer[Any]] | None = None,
    pca: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Scores of one map with 95 % intervals and two yardsticks of their own; empty where there are too few points.

    trustworthiness, continuity, recall (of k neighbours), recall_10, recall_50, triplet_accuracy : means over the sampled queries, each against
        all n points, with normal intervals from the spread between queries; recalls of sizes that do not fit n are left out;
    knn_accuracy : leave-one-out k-NN accuracy of the labels on the map over all n points, Wilson interval; left out without labels;
    ``<score>_chance`` : of the same points in random order; ``<score>_pca`` : of the leading principal components, as many as the map has axes.

    Parameters
    ----------
    coords : float32 (n, 2|3);  labels : int64 (n,) or None
    near : int (n, at least yardstick.most), the map's own neighbours where they are known already
    pca : scores of the PCA of the same representation in as many dimensions; None leaves that yardstick out

    Returns
    -------
    k, queries, n, seed, triplets (per query) and the scores, all numbers that JSON takes.
    """
    n, k = len(coords), yardstick.k
    if k < 1:
        return {}
    near = map_neighbors(coords, yardstick.most) if near is None else near
    scores: dict[str, Any] = {"k": k, "queries": len(yardstick.queries), "n": n, "seed": yardstick.seed, "triplets": TRIPLETS}
    chance = {"trustworthiness": shuffled_ranks(n, k), "continuity": shuffled_ranks(n, k), "triplet_accuracy": SHUFFLED_TRIPLETS}
    chance |= {name: shuffled_recall(n, size) for name, size in _recalls(yardstick).items()}
    if labels is not None:
        chance["knn_accuracy"] = shuffled_votes(near[:, :k], labels, seed=yardstick.seed)
    for name, values in _values(coords, near, labels, yardstick).items():
        if name == "knn_accuracy":
            low, high = (float(end) for end in wilson(int(values.sum()), n))
            mean = float(values.mean())
        else:
            mean, low, high = mean_interval(values)
        scores |= {name: mean, f"{name}_low": max(low, 0.0), f"{name}_high": min(high, 1.0), f"{name}_chance": chance[name]}
    return scores if pca is None else with_pca(scores, pca)


def with_pca(scores: Mapping[str, Any], pca: Mapping[str, Any]) -> dict[str, Any]:
    """`scores` with ``<score>_pca``, those of the principal components, behind each ``<score>_chance``."""
    joined: dict[str, Any] = {}
    for key, value in scores.items():
        joined[key] = value
        name = key.removesuffix("_chance")
        if name != key and name in pca:
            joined[f"{name}_pca"] = pca[name]
    return joined
