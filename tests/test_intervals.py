"""Intervals against SciPy's, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fmnist_viz.core.intervals import Z95, mean_interval, wilson

COUNTS = [(0, 1), (1, 1), (0, 10), (10, 10), (1, 10), (5, 10), (121, 1000), (999, 1000), (8800, 10_000)]


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(successes: int, trials: int, level: float) -> None:
    want = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    low, high = wilson(successes, trials, z=float(stats.norm.ppf((1 + level) / 2)))
    assert (low, high) == (pytest.approx(want.low, abs=1e-12), pytest.approx(want.high, abs=1e-12))


def test_the_default_is_95_percent() -> None:
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-15) == Z95


def test_arrays_are_broadcast_and_stay_in_range() -> None:
    low, high = wilson(np.arange(11)[:, None], np.array([10, 20]))
    assert low.shape == high.shape == (11, 2)
    assert (low[0] == 0).all()
    assert high[10, 0] == 1
    assert (low >= 0).all()
    assert (high <= 1).all()
    rate = np.arange(11)[:, None] / np.array([10, 20])
    assert ((low <= rate) & (rate <= high)).all()


def test_without_trials_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_more_trials_narrow_it() -> None:
    low, high = wilson(np.array([1, 10, 100]), np.array([10, 100, 1000]))
    assert (np.diff(high - low) < 0).all()


def test_it_holds_the_truth_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    for p in (0.05, 0.3, 0.9):
        low, high = wilson(rng.binomial(100, p, 4000), 100)
        assert 0.92 < ((low <= p) & (p <= high)).mean() < 0.98


def test_mean_interval_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    mean, low, high = mean_interval(values)
    want = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert (mean, low, high) == (pytest.approx(values.mean()), pytest.approx(want[0]), pytest.approx(want[1]))


def test_one_value_has_no_width() -> None:
    assert mean_interval(np.array([0.5])) == (0.5, 0.5, 0.5)
