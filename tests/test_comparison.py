"""Two runs on the same images as numbers: tests and intervals against SciPy, published examples and sums done by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from fmnist_viz.analysis.comparison import Answers, Comparison, accuracies, aligned, benjamini_hochberg, holm, mcnemar, paired_tests, verdict
from fmnist_viz.analysis.similarity import Gram, debiased_cka, knn_accuracy, similarity
from fmnist_viz.core.intervals import paired_difference

NAMES = ("shirt", "coat", "bag")
Pairs = list[tuple[int, int, int]]  # (true, what a said, what b said)


def answers(name: str, y_true: Any, y_pred: Any, ids: Any = None) -> Answers:
    n = len(y_true)
    return Answers(name, np.array(ids if ids is not None else [f"test/{i}" for i in range(n)]), y_true, y_pred, np.linspace(0.4, 0.9, n), NAMES)


def pair_of(rows: Pairs) -> Comparison:
    y, a, b = np.array(rows, np.int64).reshape(-1, 3).T
    return Comparison(answers("a", y, a), answers("b", y, b))


SOME = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)

# --- tests and intervals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (0, 6), (3, 9), (12, 13), (25, 0)])
def test_few_discordant_images_are_tested_exactly(b: int, c: int) -> None:
    p, method = mcnemar(b, c)
    assert method == "exact binomial"
    assert float(p) == pytest.approx(binomtest(b, b + c, 0.5).pvalue if b + c else 1.0)


@pytest.mark.parametrize(("b", "c"), [(13, 13), (26, 0), (10, 40), (250, 637)])
def test_many_discordant_images_are_tested_by_chi_squared(b: int, c: int) -> None:
    p, method = mcnemar(b, c)
    assert method == "chi-squared"
    assert float(p) == pytest.approx(chi2.sf((b - c) ** 2 / (b + c), 1), rel=1e-9)


def test_mcnemar_takes_arrays() -> None:
    p, method = mcnemar(np.array([0, 10]), np.array([6, 40]))
    assert p.tolist() == pytest.approx([2 / 64, float(chi2.sf(18, 1))])
    assert method.tolist() == ["exact binomial", "chi-squared"]


def test_interval_of_a_paired_difference_is_the_published_one() -> None:
    """21 children before and after a transplant (1 both, 1 before only, 7 after only): Newcombe's interval is -0.507 to -0.026, before less after."""
    difference, low, high = paired_difference(1, 7, 1, 12)
    assert (round(float(difference), 3), round(float(low), 3), round(float(high), 3)) == (-0.286, -0.507, -0.026)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 300)] * 4))
def test_paired_interval_holds_its_difference_and_turns_round_with_the_runs(table: tuple[int, int, int, int]) -> None:
    both, a, b, neither = table
    difference, low, high = (float(v) for v in paired_difference(both, a, b, neither))
    back = [float(v) for v in paired_difference(both, b, a, neither)]
    assert -1 <= low <= high <= 1
    if sum(table):
        assert difference == pytest.approx((b - a) / sum(table))
        assert low - 1e-12 <= difference <= high + 1e-12
        assert back == pytest.approx([-difference, -high, -low])


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_benjamini_hochberg_by_hand_leaves_out_what_was_not_tested() -> None:
    q = benjamini_hochberg([0.01, 1.0, 0.02, 0.04], np.array([True, False, True, True]))
    assert q[[0, 2, 3]].tolist() == pytest.approx([0.03, 0.03, 0.04])
    assert np.isnan(q[1])


# --- two runs ---------------------------------------------------------------------------------------------------------


def test_planted_changes_are_found_exactly() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 500)
    right = rng.random(500) < 0.7
    a = np.where(right, y, (y + 1) % 3)
    b = a.copy()
    fixed, broken = rng.choice(np.flatnonzero(~right), 9, replace=False), rng.choice(np.flatnonzero(right), 4, replace=False)
    b[fixed], b[broken] = y[fixed], (y[broken] + 2) % 3
    pair = Comparison(answers("a", y, a), answers("b", y, b))
    assert set(pair.fixed) == set(fixed)
    assert set(pair.broken) == set(broken)
    assert (np.diff(pair.a.confidence[pair.fixed]) <= 0).all()
    frame = pair.images(pair.broken)
    assert set(frame["sample_id"]) == {f"test/{i}" for i in broken}
    for row in frame.to_dict("records"):
        i = int(row["sample_id"].split("/")[1])
        assert (row["true"], row["baseline_predicted"], row["run_predicted"]) == (NAMES[y[i]], NAMES[a[i]], NAMES[b[i]])
        assert row["baseline_confidence"] == row["run_confidence"] == pytest.approx(0.4 + 0.5 * i / 499)
    row = pair.test()
    assert (row["fixed"], row["broken"], row["other_answers"]) == (9, 4, 13)
    assert row["p"] == pytest.approx(binomtest(4, 13, 0.5).pvalue)
    assert row["difference"] == pytest.approx(5 / 500)


def test_a_run_against_itself_differs_in_nothing() -> None:
    own = answers("one", [0, 1, 2, 2], [0, 2, 2, 1])
    pair = Comparison(own, own)
    row = paired_tests([own, own]).iloc[0]
    assert (row["p"], row["p_holm"], row["difference"], row["fixed"], row["broken"]) == (1, 1, 0, 0, 0)
    assert row["difference_low"] < 0 < row["difference_high"]
    assert "no difference" in verdict(row)
    cells = pair.cells()
    assert (cells["difference"] == 0).all()
    assert cells["q"].isna().all()
    assert not cells["significant"].any()
    assert (pair.per_class()["p"] == 1).all()


def test_a_cell_is_tested_by_who_stands_in_it() -> None:
    """40 shirts: 12 leave the cell coat for shirt, 2 go the other way, 6 stay in coat."""
    rows = [(0, 1, 0)] * 12 + [(0, 0, 1)] * 2 + [(0, 1, 1)] * 6 + [(0, 0, 0)] * 20 + [(1, 1, 1)] * 10
    cells = pair_of(rows).cells().set_index(["true", "predicted"])
    cell = cells.loc[("shirt", "coat")]
    assert (cell["baseline_count"], cell["run_count"], cell["left"], cell["entered"], cell["n_true"]) == (18, 8, 12, 2, 40)
    assert cell["p"] == pytest.approx(binomtest(2, 14, 0.5).pvalue)
    assert cell["difference"] == pytest.approx(-10 / 40)
    assert cells["q"].notna().sum() == 2  # shirt to shirt, shirt to coat
    assert cell["significant"]
    assert np.isnan(cells.loc[("bag", "bag")]["difference"])  # no bags


def test_recall_of_a_class_by_hand() -> None:
    frame = pair_of([(0, 0, 0)] * 5 + [(0, 1, 0)] * 3 + [(0, 0, 2)] + [(0, 1, 2)] + [(1, 1, 1)] * 4).per_class().set_index("class")
    row = frame.loc["shirt"]
    assert (row["n"], row["fixed"], row["broken"]) == (10, 3, 1)
    assert (row["baseline_recall"], row["run_recall"], row["difference"]) == pytest.approx((0.6, 0.8, 0.2))
    assert (row["difference_low"], row["difference_high"]) == pytest.approx([float(v) for v in paired_difference(5, 1, 3, 1)[1:]])
    assert np.isnan(frame.loc["coat"]["q"])


@settings(max_examples=60, deadline=None)
@given(SOME)
def test_numbers_add_up_and_turn_round_with_the_runs(rows: Pairs) -> None:
    pair = pair_of(rows)
    back = Comparison(pair.b, pair.a)
    cells, row = pair.cells(), pair.test()
    assert cells["baseline_count"].sum() == cells["run_count"].sum() == len(rows)
    assert cells["left"].sum() == cells["entered"].sum() == row["other_answers"]
    assert cells.groupby("true", sort=False)["difference"].sum(min_count=1).dropna().tolist() == pytest.approx([0] * len({y for y, _, _ in rows}))
    assert pair.per_class()["fixed"].sum() == row["fixed"] == back.test()["broken"]
    assert row["run_accuracy"] - row["baseline_accuracy"] == pytest.approx(row["difference"])
    assert row["p"] == back.test()["p"]


def test_only_images_that_all_runs_saw_are_compared() -> None:
    a = answers("a", [0, 1, 2, 0], [0, 1, 2, 0], ["x", "y", "z", "w"])
    b = answers("b", [2, 1, 0], [1, 1, 2], ["z", "y", "x"])
    left, right = aligned([a, b])
    assert left.sample_ids.tolist() == right.sample_ids.tolist() == ["x", "y", "z"]
    assert right.y_pred.tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="other labels"):
        aligned([a, answers("b", [1], [1], ["x"])])


def test_three_runs_are_tested_pair_by_pair_after_holm() -> None:
    y = np.zeros(60, np.int64)
    runs = [answers(name, y, np.where(np.arange(60) < wrong, 1, 0)) for name, wrong in (("a", 20), ("b", 14), ("c", 2))]
    frame = paired_tests(runs)
    assert list(zip(frame["baseline"], frame["run"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert frame["p"].tolist() == pytest.approx([binomtest(0, n, 0.5).pvalue for n in (6, 18, 12)])
    assert frame["p_holm"].tolist() == pytest.approx(holm(frame["p"]).tolist())
    assert (frame["p_holm"] >= frame["p"]).all()
    assert accuracies(runs)["right"].tolist() == [40, 46, 58]


# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors() -> dict[str, np.ndarray[Any, Any]]:
    """300 images: a layer, the same turned and scaled, and noise wider than there are images."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12)) * np.linspace(3, 0.5, 12) + 5
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    return {"own": X.astype(np.float32), "turned": (2 * X @ turn).astype(np.float32), "noise": rng.normal(size=(300, 2000)).astype(np.float32)}


def test_cka_sees_through_rotation_and_scale_and_finds_nothing_in_wide_noise(vectors: dict[str, Any]) -> None:
    queries = np.arange(0, 300, 2)
    grams = {name: Gram.of(X, queries) for name, X in vectors.items()}
    frame = similarity({"own": grams["own"]}, grams).set_index("run_layer")
    assert frame.loc["turned", "cka"] == pytest.approx(1, abs=1e-5)
    assert frame.loc["turned", "shared_neighbors"] > 0.99
    assert abs(frame.loc["noise", "cka"]) < 0.1
    assert frame.loc["noise", "cka_low"] < 0 < frame.loc["noise", "cka_high"]
    assert frame.loc["noise", "shared_neighbors"] < 0.15  # by chance 15 of 299
    X, Z = (v[queries].astype(np.float64) - v[queries].mean(axis=0, dtype=np.float64) for v in (vectors["own"], vectors["noise"]))
    plain = np.linalg.norm(X.T @ Z) ** 2 / (np.linalg.norm(X.T @ X) * np.linalg.norm(Z.T @ Z))
    assert plain > 0.2  # the usual estimator is misled by the width


def test_debiased_products_agree_with_the_sum_over_distinct_images(vectors: dict[str, Any]) -> None:
    """HSIC without the terms in which an image meets itself, written out as Song et al. (2012) do."""
    rows = np.arange(40)
    n = len(rows)
    a, b = (Gram.of(vectors[name], rows) for name in ("own", "turned"))
    K, L = (np.where(np.eye(n, dtype=bool), 0, g.products) for g in (a, b))
    whole = (np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 * (K @ L).sum() / (n - 2)) / (n * (n - 3))
    assert float((a.centred() * b.centred()).sum()) / (n * (n - 3)) == pytest.approx(whole, rel=1e-9)
    assert np.isnan(debiased_cka(np.zeros((5, 5)), np.ones((5, 5))))


def test_neighbours_vote_for_a_class() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    X = (rng.normal(size=(120, 3)) + 20 * labels[:, None]).astype(np.float32)
    queries = np.arange(0, 120, 3)
    assert knn_accuracy(Gram.of(X, queries), labels, queries)["knn_accuracy"] == 1.0
    odd = labels.copy()
    odd[queries[:4]] = 1 - odd[queries[:4]]
    assert knn_accuracy(Gram.of(X, queries), odd, queries)["knn_accuracy"] == pytest.approx(36 / 40)
