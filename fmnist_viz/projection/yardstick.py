"""What every map of one representation is held against: sampled queries, their true neighbours and ranks, and random triplets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import ReferenceDistances
from fmnist_viz.neighbors import nearest

K = 15  # of trustworthiness, continuity, recall, votes, distortion and overlap: one size for all that is said in words
RECALLS = (10, 50)  # further sizes in the table
TRIPLETS = 100  # random pairs of other points per query


def neighborhood(n: int, k: int = K) -> int:
    """k, lowered where there are few points: above half of the others trustworthiness is not defined, and a share of kept neighbours says nothing."""
    return min(k, (n - 1) // 2)


class Yardstick:
    """Sampled distances in the unreduced space that every map of the representation is held against.

    Parameters
    ----------
    reference : distances of q queries to all n points, in the unreduced space
    k : neighbours, lowered to fit n
    seed : of the random triplets; which queries were drawn is the caller's choice

    Memory is 4 bytes per query and point.
    """

    def __init__(self, reference: ReferenceDistances, *, k: int = K, seed: int = 0) -> None:
        q, n = reference.distances.shape
        self.queries, self.n, self.seed = reference.queries, n, seed
        self.k = neighborhood(n, k)
        self.recalls = tuple(size for size in RECALLS if neighborhood(n, size) == size)
        own = reference.distances.copy()
        own[np.arange(q), reference.queries] = -1.0  # the point itself is rank 0, whatever duplicates it has
        self.distances = own
        self.nearest = nearest(reference, max(self.most, 1))
        self.triplets = _triplets(reference.queries, n, seed=seed)
        self.nearer = _signs(own, self.triplets)

    @property
    def most(self) -> int:
        """The most neighbours that any score asks for."""
        return max((self.k, *self.recalls))

    def ranks(self, neighbors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Rank (1 = nearest) of each query's given neighbours (q, k) in the unreduced space; of equals the first counts."""
        return ranks(self.distances, neighbors)


def ranks(distances: NDArray[np.float32], neighbors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Rank of columns `neighbors` (q, k) among a query's `distances` (q, n); equals share the first rank.

    Counting what is nearer takes a fifth of the time of sorting everything: k is 15, and a comparison of 70,000 numbers some 10 microseconds.
    """
    chosen = np.take_along_axis(distances, neighbors, axis=1)
    return np.array([[np.count_nonzero(row < want) for want in wanted] for row, wanted in zip(distances, chosen, strict=True)], np.int64).reshape(chosen.shape)


def _triplets(queries: NDArray[np.int64], n: int, *, seed: int) -> NDArray[np.int64]:
    """Two different other points for every query, `TRIPLETS` times: int64 (q, t, 2); t = 0 where there are fewer than three points."""
    t = TRIPLETS if n >= 3 else 0
    rng = np.random.default_rng([seed, 3])
    # a step of 1..n-1 round the circle never ends on the query itself; the second step differs from the first
    first = rng.integers(1, max(n, 2), (len(queries), t))
    second = rng.integers(1, max(n - 1, 2), (len(queries), t))
    second += second >= first
    return (queries[:, None, None] + np.stack([first, second], axis=2)) % n


def _signs(distances: NDArray[np.float32], triplets: NDArray[np.int64]) -> NDArray[np.int8]:
    """-1 where the first of the two is nearer to the query, 1 where the second is, 0 where they are as far: int8 (q, t)."""
    rows = np.arange(len(distances))[:, None]
    return np.sign(distances[rows, triplets[:, :, 0]] - distances[rows, triplets[:, :, 1]]).astype(np.int8)
