"""Which rows: stratified, interleaved and held-out selections that depend on labels, count and seed alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _shuffled(labels: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Rows of each class 0..max in random order. Uniform draws, whose stream NumPy keeps, not `permutation`, which may change."""
    keys = np.random.Generator(np.random.PCG64(seed)).random(len(labels))
    order = np.lexsort((keys, labels))
    ends = np.cumsum(np.bincount(labels, minlength=1))
    return [part.astype(np.int64) for part in np.split(order, ends[:-1])]


def _check(labels: NDArray[np.int64], count: int) -> None:
    if not 0 <= count <= len(labels):
        raise ValueError(f"count {count} is outside 0..{len(labels)}")
    if len(labels) and labels.min() < 0:
        raise ValueError("labels must not be negative")


def stratified_rows(labels: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """`count` rows, each class in its share of the whole, int64 ascending, without replacement.

    Shares are rounded by largest remainder (equal remainders: the lower class first), so they add up to `count` and none is
    off by one or more. Raises ValueError for a count outside 0..n.
    """
    _check(labels, count)
    parts = _shuffled(labels, seed)
    sizes = np.array([len(part) for part in parts], dtype=np.int64)
    # Whole-number arithmetic: a remainder of exactly one half must not depend on floating point.
    takes, rests = np.divmod(sizes * count, max(len(labels), 1))
    takes[np.argsort(-rests, kind="stable")[: count - int(takes.sum())]] += 1
    chosen = [part[:take] for part, take in zip(parts, takes, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def interleaved_rows(labels: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """`count` rows that visit the classes 0, 1 ... K-1 in turn, again and again, int64 in that order.

    Classes that run out are passed over and the others go on, so every prefix is as even over the classes as they allow and
    the first K rows show every (non-empty) class in canonical order. For proportional shares select with `stratified_rows`
    first and interleave what it returns. Raises ValueError for a count outside 0..n.
    """
    _check(labels, count)
    parts = _shuffled(labels, seed)
    rows = np.concatenate(parts)
    rounds = np.concatenate([np.arange(len(part)) for part in parts])
    return rows[np.lexsort((labels[rows], rounds))][:count].astype(np.int64)


def train_validation_rows(labels: NDArray[np.int64], validation: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(train rows, validation rows), both int64 ascending and disjoint; `validation` of them stratified, the rest for training."""
    held = stratified_rows(labels, validation, seed=seed)
    free = np.ones(len(labels), dtype=np.bool_)
    free[held] = False
    return np.flatnonzero(free).astype(np.int64), held


def random_rows(count: int, share: float, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(train rows, validation rows) as scikit-learn's `train_test_split` deals out `count` rows under `seed`: shuffled, not stratified."""
    from sklearn.model_selection import train_test_split

    rows, held = train_test_split(np.arange(count, dtype=np.int64), test_size=share, random_state=seed)
    return rows, held
