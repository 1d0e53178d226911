"""Which confusions are more than chance: against SciPy and statsmodels, and at their nominal rate where nothing is to be found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.confusion_tests import directions, excess, quasi_independent
from fmnist_viz.analysis.significance import benjamini_hochberg

LEVEL = 0.05
COUNTS = np.array([  # of a real network on 10,000 images
    [873, 0, 23, 19, 6, 2, 67, 0, 10, 0], [1, 975, 1, 15, 4, 0, 3, 0, 1, 0], [17, 1, 887, 7, 47, 1, 40, 0, 0, 0], [15, 8, 14, 910, 30, 0, 21, 0, 2, 0],
    [1, 1, 96, 28, 831, 0, 42, 0, 1, 0], [0, 0, 0, 1, 0, 966, 0, 25, 0, 8], [140, 3, 108, 27, 61, 0, 651, 0, 10, 0], [0, 0, 0, 0, 0, 5, 0, 980, 1, 14],
    [1, 3, 5, 3, 3, 2, 2, 5, 976, 0], [0, 0, 0, 0, 0, 5, 1, 41, 1, 952],
])  # fmt: skip
tables = st.integers(2, 6).flatmap(lambda c: arrays(np.int64, (c, c), elements=st.integers(0, 40)))


def off_diagonal(c: int) -> Any:
    return ~np.eye(c, dtype=bool)


def test_directions_are_fishers_exact_test_with_benjamini_hochberg() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    found = directions(COUNTS)
    pairs = [(a, b) for a in range(10) for b in range(a + 1, 10) if COUNTS[a, b] + COUNTS[b, a]]
    p = [stats.fisher_exact([[COUNTS[a, b], 1000 - COUNTS[a, b]], [COUNTS[b, a], 1000 - COUNTS[b, a]]]).pvalue for a, b in pairs]
    np.testing.assert_allclose([found.p[pair] for pair in pairs], p, rtol=1e-9)
    np.testing.assert_allclose([found.q[pair] for pair in pairs], multitest.multipletests(p, method="fdr_bh")[1], rtol=1e-9)
    assert np.isfinite(found.q).sum() == 2 * len(pairs)
    assert found.more[6, 0] and not found.more[0, 6]  # 140 shirts against 67 T-shirts
    assert not (found.more & found.more.T).any()


def test_the_odds_ratio_is_that_of_statsmodels() -> None:
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    table = contingency.Table2x2(np.array([[140, 860], [67, 933]]) + 0.5, shift_zeros=False)
    found, (low, high) = directions(COUNTS), table.oddsratio_confint()
    assert [found.odds_ratio[6, 0], found.low[6, 0], found.high[6, 0]] == pytest.approx([table.oddsratio, low, high], rel=1e-9)
    assert [found.odds_ratio[0, 6], found.low[0, 6], found.high[0, 6]] == pytest.approx([1 / table.oddsratio, 1 / high, 1 / low], rel=1e-9)


def test_quasi_independence_is_the_poisson_regression_without_the_diagonal() -> None:
    api = pytest.importorskip("statsmodels.api")
    t, p = np.nonzero(off_diagonal(10))
    design = np.hstack([np.eye(10)[t], np.eye(10)[p][:, 1:]])
    fit = api.GLM(COUNTS[t, p], design, family=api.families.Poisson()).fit(tol=1e-14, maxiter=200)
    found = excess(COUNTS)
    np.testing.assert_allclose(found.expected[t, p], fit.fittedvalues, rtol=1e-9)
    leverage = fit.get_influence().hat_matrix_diag
    np.testing.assert_allclose(found.residual[t, p], fit.resid_pearson / np.sqrt(1 - leverage), rtol=1e-8, atol=1e-9)
    assert (
        np.isnan(np.diag(found.expected)).all() and found.more[6, 0] and not found.more[6, 2]
    )  # 108 shirts for pullovers are what shirts and pullovers explain


def test_by_hand_where_every_class_errs_alike() -> None:
    """Rows and columns of 3 x 8: expected 4 everywhere; one cell holds 8, and its row and column less elsewhere."""
    counts = np.full((3, 3), 4)
    assert quasi_independent(counts)[off_diagonal(3)].tolist() == pytest.approx([4] * 6)
    assert np.abs(excess(counts).residual[off_diagonal(3)]).max() < 1e-9
    assert not excess(counts).more.any()


def test_a_cell_fitted_by_its_own_count_is_not_tested() -> None:
    """Two classes: both cells are free parameters, nothing is left to compare."""
    found = excess(np.array([[90, 10], [2, 98]]))
    assert found.expected[0, 1] == pytest.approx(10) and np.isnan(found.q).all() and not found.more.any()
    assert directions(np.array([[90, 10], [2, 98]])).more.tolist() == [[False, True], [False, False]]


@given(tables)
@settings(max_examples=25, deadline=None)
def test_any_table_keeps_its_margins_and_its_symmetry(counts: np.ndarray[Any, Any]) -> None:
    c = len(counts)
    m, errors = quasi_independent(counts), np.where(off_diagonal(c), counts, 0)
    assert (np.diag(m) == 0).all() and (m >= 0).all()
    np.testing.assert_allclose(m.sum(axis=0), errors.sum(axis=0), rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(m.sum(axis=1), errors.sum(axis=1), rtol=1e-3, atol=1e-3)
    found, turned = directions(counts), excess(counts.T)
    assert not (found.more & found.more.T).any()
    np.testing.assert_array_equal(found.p, found.p.T)
    np.testing.assert_allclose(excess(counts).expected, turned.expected.T, rtol=1e-2, atol=1e-2)
    frame = Confusion(counts, tuple(map(str, range(c)))).frame()
    assert len(frame) == c * c and not frame.loc[frame["count"] == 0, "more_than_expected"].any()


def test_without_a_difference_marks_come_at_the_nominal_rate() -> None:
    """Quasi-independent tables, few errors and many; symmetric pairs: a mark in at most 5 % of them. The plain normal tail fails where few are expected."""
    rng, m = np.random.default_rng(0), quasi_independent(COUNTS)
    naive, count = 0, 150
    for scale in (0.1, 1.0):
        marked = 0
        for _ in range(count):
            table = rng.poisson(scale * m) + np.diag(np.full(10, 1000))
            found = excess(table)
            marked += bool(found.more.any())
            naive += bool((benjamini_hochberg(stats.norm.sf(np.nan_to_num(found.residual)).ravel(), np.isfinite(found.q).ravel()) < LEVEL).any())
        assert marked / count <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / count)
    assert naive / (2 * count) > 2 * LEVEL
    both = (COUNTS + COUNTS.T) / 2000 * off_diagonal(10)
    rows = [np.r_[row, 1 - row.sum()] for row in both]
    marked = 0
    for _ in range(count):
        table = np.array([rng.multinomial(1000, row) for row in rows])
        square = table[:, :10] + np.diag(table[:, 10])
        marked += bool(directions(square).more.any())
    assert marked / count <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / count)


def test_what_was_planted_is_marked() -> None:
    counts = np.diag(np.full(6, 960)) + 8 * off_diagonal(6)
    counts[1, 4], counts[4, 1] = 60, 8
    counts[2, 3] = counts[3, 2] = 50
    found, beyond = directions(counts).more, excess(counts).more
    assert np.argwhere(found).tolist() == [[1, 4]]
    assert np.argwhere(beyond).tolist() == [[1, 4], [2, 3], [3, 2]]


def test_the_frame_holds_all_three_shares_with_their_intervals() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    frame = Confusion(COUNTS, tuple("abcdefghij")).frame().set_index(["true", "predicted"])
    row = frame.loc[("g", "a")]
    for total, rate in ((1000, ""), (int(COUNTS[:, 0].sum()), "column_"), (10_000, "overall_")):
        low, high = proportion.proportion_confint(140, total, method="wilson")
        assert [row[f"{rate}rate"], row[f"{rate}low"], row[f"{rate}high"]] == pytest.approx([140 / total, low, high], rel=1e-9)
    assert bool(row["more_than_reverse"]) and bool(row["more_than_expected"])
    pair = Confusion(COUNTS, tuple("abcdefghij")).pairs().iloc[0]
    assert (pair["true"], pair["predicted"], pair["reverse_count"], pair["reverse_n"]) == ("g", "a", 67, 1000)
    assert pair["reverse_rate"] == pytest.approx(0.067) and pair["direction_q"] == row["direction_q"]
