"""Snapshots of the same rows laid over each other, so that what moves from one to the next is the rows and not the axes.

A principal axis has no sign, and two of like variance no order: maps made one by one turn and flip. Orthogonal Procrustes takes
that away. A snapshot may be shifted (each is centred), rotated and reflected. It is never scaled, sheared or bent: distances within a
snapshot stay what they are, and a layer whose vectors grow is seen to grow.

References
----------
P. H. Schoenemann (1966), A generalized solution of the orthogonal Procrustes problem. Psychometrika 31(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.reduce import pca

KEPT = 200  # principal components that snapshots are compared in
EXACT_WIDTH = 1024  # columns up to which components are exact; wider layers get randomised ones


def components(X: NDArray[np.float32], count: int = KEPT) -> NDArray[np.float32]:
    """Centred scores of rows (n, d) on their leading principal axes, float32 (n, k), k <= min(count, n, d); k is 0 without variance.

    Up to `EXACT_WIDTH` columns exact, beyond by randomised SVD with a fixed seed. X must be finite.
    """
    if X.shape[1] <= EXACT_WIDTH:
        return pca(X, count).scores
    from sklearn.utils.extmath import randomized_svd

    centred = X - X.mean(axis=0, dtype=np.float64).astype(np.float32)
    left, values, _ = randomized_svd(centred, min(count, *X.shape), n_iter=1, random_state=0)
    return np.ascontiguousarray(left * values, np.float32)


def rotation(X: NDArray[Any], onto: NDArray[Any]) -> NDArray[np.float64]:
    """The orthogonal matrix R (d, d) for which centred X @ R lies nearest to centred `onto` (n, d), in least squares.

    R rotates, and reflects where that fits better; raises ValueError where the shapes differ.
    """
    from scipy.linalg import orthogonal_procrustes

    if X.shape != onto.shape:
        raise ValueError(f"shapes {X.shape} and {onto.shape} cannot be laid over each other")
    turned, _ = orthogonal_procrustes(_centred(X), _centred(onto))
    return np.asarray(turned, np.float64)


def laid_over(X: NDArray[Any], onto: NDArray[Any]) -> NDArray[np.float32]:
    """X (n, d) shifted, rotated or reflected so that its rows lie nearest to the same rows of `onto` (n, e), float32 (n, max(d, e)).

    The narrower of the two is taken with zeros for what it lacks. The result is centred.
    """
    width = max(X.shape[1], onto.shape[1])
    X, onto = _widened(X, width), _widened(onto, width)
    return np.asarray(_centred(X) @ rotation(X, onto), np.float32)


def drift(before: NDArray[Any], after: NDArray[Any]) -> float:
    """How far rows moved between two snapshots (n, d) that lie over each other: root mean square of the way, over that of the rows' distance from
    their mean afterwards. 0 where nothing moved, about 1.4 between clouds of equal size that have nothing in common; NaN where `after` has no extent.
    """
    width = max(before.shape[1], after.shape[1])
    a, b = _centred(_widened(before, width)), _centred(_widened(after, width))
    size = float(np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / size if size else float("nan")


def chain(snapshots: Sequence[NDArray[Any]], count: int = KEPT) -> list[NDArray[np.float32]]:
    """Every snapshot (n, d) in the principal axes of the last one, each laid over its successor, from the last one back to the first.

    All results are float32 (n, k) of one width k >= 3 and centred: the first two or three columns are the last snapshot's PCA map and
    the same for what led to it.
    """
    scores = [components(X, count) for X in snapshots]
    width = max(3, *(s.shape[1] for s in scores))
    placed = [_widened(scores[-1], width)]
    for before in reversed(scores[:-1]):
        placed.append(laid_over(before, placed[-1]))
    return [np.asarray(X, np.float32) for X in reversed(placed)]


def _centred(X: NDArray[Any]) -> NDArray[np.float64]:
    wide = np.asarray(X, np.float64)
    return wide - wide.mean(axis=0)


def _widened(X: NDArray[Any], width: int) -> NDArray[Any]:
    return np.pad(X, ((0, 0), (0, width - X.shape[1])))
