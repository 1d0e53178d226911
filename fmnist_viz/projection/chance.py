"""What the scores of a map would be if its points changed places at random: exact where a formula is, else by trial."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.projection.votes import knn_correct

TRIALS = 8  # shuffles of the labels: at 10,000 points their mean is known to about .002


def shuffled_ranks(n: int, k: int) -> float:
    """Expected trustworthiness, and continuity, of n points thrown down in random order, without ties.

    A random neighbour has each of the ranks 1..n-1 with equal chance, so its expected penalty is (n - 1 - k)(n - k) / (2 (n - 1)).
    """
    return 1.0 - (n - 1 - k) * (n - k) / ((n - 1) * (2 * n - 3 * k - 1))


def shuffled_recall(n: int, k: int) -> float:
    """Expected share of k neighbours met by k random others: k / (n - 1)."""
    return k / (n - 1)


SHUFFLED_TRIPLETS = 0.5  # either of two random points is as likely to be the nearer one


def shuffled_votes(neighbors: NDArray[np.integer[Any]], labels: NDArray[np.int64], *, seed: int) -> float:
    """Mean accuracy of a vote of the neighbours (n, k) after the labels changed places, which is the same as the points changing theirs."""
    rng = np.random.default_rng([seed, 5])
    return float(np.mean([knn_correct(neighbors, rng.permutation(labels)).mean() for _ in range(TRIALS)]))
