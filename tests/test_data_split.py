"""Row selections: exact shares, order, disjointness; the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_viz.data import interleaved_rows, stratified_rows, train_validation_rows

LABELS = np.repeat(np.arange(10), 60)
SKEWED = np.array([0] * 70 + [1] * 25 + [3] * 5)


def test_shares_are_proportional() -> None:
    assert np.bincount(LABELS[stratified_rows(LABELS, 100, seed=1)]).tolist() == [10] * 10
    assert np.bincount(SKEWED[stratified_rows(SKEWED, 20, seed=1)]).tolist() == [14, 5, 0, 1]


def test_largest_remainder_rounding() -> None:
    # 7 of 100: shares 4.9, 1.75, 0.35; the floors leave two, which go to 0.9 and 0.75
    assert np.bincount(SKEWED[stratified_rows(SKEWED, 7, seed=1)], minlength=4).tolist() == [5, 2, 0, 0]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=80), seed=st.integers(0, 9), draw=st.data())
def test_selections_are_what_they_say(labels: list[int], seed: int, draw: st.DataObject) -> None:
    y = np.array(labels)
    count = draw.draw(st.integers(0, len(y)))
    rows = stratified_rows(y, count, seed=seed)
    assert rows.dtype == np.int64
    assert len(rows) == count
    assert (np.diff(rows) > 0).all()
    shares = np.bincount(y) * count / len(y)
    assert (np.abs(np.bincount(y[rows], minlength=len(shares)) - shares) < 1).all()
    train, held = train_validation_rows(y, count, seed=seed)
    assert sorted([*train, *held]) == list(range(len(y)))
    order = interleaved_rows(y, len(y), seed=seed)
    assert sorted(order) == list(range(len(y)))
    np.testing.assert_array_equal(order[:count], interleaved_rows(y, count, seed=seed))
    present = np.unique(y)
    assert y[order[: len(present)]].tolist() == present.tolist()


def test_interleaving_goes_round_and_goes_on_when_a_class_runs_out() -> None:
    y = np.array([2, 2, 2, 0, 0, 1])
    assert y[interleaved_rows(y, 6, seed=4)].tolist() == [0, 1, 2, 0, 2, 2]


def test_seed_decides_and_nothing_else() -> None:
    np.testing.assert_array_equal(stratified_rows(LABELS, 50, seed=3), stratified_rows(LABELS, 50, seed=3))
    assert stratified_rows(LABELS, 50, seed=3).tolist() != stratified_rows(LABELS, 50, seed=4).tolist()
    # A literal result: a library that changed its random stream would change every stored selection.
    assert stratified_rows(np.repeat([0, 1], 5), 4, seed=0).tolist() == LITERAL


LITERAL = [2, 3, 6, 8]


def test_counts_outside_the_data_are_refused() -> None:
    for count in (-1, 601):
        with pytest.raises(ValueError, match=r"outside 0\.\.600"):
            stratified_rows(LABELS, count, seed=0)
