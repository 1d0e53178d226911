"""Laying snapshots over each other: planted rotations are found, nothing is scaled, movement is measured in plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_viz.projection.align import chain, components, drift, laid_over, rotation


def orthogonal(width: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_a_planted_rotation_is_recovered(rows: int, width: int, seed: int) -> None:
    """With at least as many rows as columns the matrix itself; with fewer, what it does to the rows."""
    rng = np.random.default_rng(seed)
    X, R, shift = rng.normal(size=(rows, width)), orthogonal(width, seed), rng.normal(size=width) * 100
    found = rotation(X, X @ R + shift)
    assert np.abs(found @ found.T - np.eye(width)).max() < 1e-6
    centred = X - X.mean(0)
    assert np.abs(centred @ found - centred @ R).max() < 1e-6
    if rows > width + 2:
        assert np.abs(found - R).max() < 1e-6


def test_a_reflection_is_undone_and_a_scale_is_not() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    mirrored = X * [1, 1, -1]
    assert np.linalg.det(rotation(mirrored, X)) == pytest.approx(-1)
    assert drift(laid_over(mirrored, X), X) < 1e-6
    half = laid_over(X / 2 @ orthogonal(3, 1), X)
    assert np.linalg.norm(half) == pytest.approx(np.linalg.norm(X - X.mean(0)) / 2, rel=1e-5)
    assert drift(half, X) == pytest.approx(0.5, rel=1e-5)


def test_distances_within_a_snapshot_stay() -> None:
    from scipy.spatial.distance import pdist

    rng = np.random.default_rng(3)
    parts = [rng.normal(size=(30, 8)).astype(np.float32) for _ in range(4)]
    for raw, placed in zip(parts, chain(parts), strict=True):
        assert np.allclose(pdist(raw), pdist(placed), rtol=1e-4)


def test_the_last_snapshot_sets_the_axes_and_a_turned_one_falls_onto_it() -> None:
    rng = np.random.default_rng(4)
    last = (rng.normal(size=(60, 6)) * [5, 4, 3, 2, 1, 0.5]).astype(np.float32)
    first = (last @ orthogonal(6, 5) + 7).astype(np.float32)
    placed = chain([first, last])
    assert np.array_equal(placed[1], components(last))
    assert np.abs(placed[0] - placed[1]).max() < 1e-4
    assert drift(*placed) < 1e-5


def test_snapshots_of_different_rank_and_without_any() -> None:
    X = np.random.default_rng(6).normal(size=(20, 5)).astype(np.float32)
    placed = chain([np.ones((20, 5), np.float32), X[:, :2], X])
    assert {p.shape for p in placed} == {(20, 5)}
    assert not placed[0].any()
    assert drift(placed[0], placed[1]) == pytest.approx(1)
    assert np.isnan(drift(placed[1], np.zeros((20, 5))))
    assert chain([np.zeros((4, 1), np.float32)])[0].shape == (4, 3)


def test_wide_snapshots_are_reduced() -> None:
    rng = np.random.default_rng(7)
    X = (rng.normal(size=(80, 4)) @ rng.normal(size=(4, 1500))).astype(np.float32)
    assert components(X, 10).shape == (80, 10)
    assert np.linalg.norm(components(X, 10)) == pytest.approx(np.linalg.norm(X - X.mean(0)), rel=1e-3)


def test_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be laid over"):
        rotation(np.zeros((3, 2)), np.zeros((4, 2)))
