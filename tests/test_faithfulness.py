"""Scores of maps against scikit-learn, UMAP's own validation, brute force, and what must hold of any score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import kendalltau
from sklearn.datasets import make_swiss_roll
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from fmnist_viz.data import DataConfig, load
from fmnist_viz.neighbors import reference_distances
from fmnist_viz.projection.chance import shuffled_ranks, shuffled_recall
from fmnist_viz.projection.faithfulness import ENDS, SCORES, continuity, faithfulness, map_neighbors, triplet_accuracy, trustworthiness
from fmnist_viz.projection.umap import load_umap
from fmnist_viz.projection.votes import knn_correct
from fmnist_viz.projection.yardstick import K, Yardstick
from fmnist_viz.reduce import pca

Garments = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]
FACTS = {"k", "queries", "n", "seed", "triplets"}
N = 700


@pytest.fixture(scope="module")
def garments() -> Garments:
    """(pixels, their first two components, labels) of 700 test images."""
    images = load(DataConfig()).test.take(np.arange(N))
    assert len(np.unique(images.pixels, axis=0)) == N
    return images.pixels, pca(images.pixels, 2).scores, images.labels


def all_of(X: NDArray[np.float32], k: int = K) -> Yardstick:
    return Yardstick(reference_distances(X, np.arange(len(X))), k=k)


def order(space: NDArray[Any]) -> NDArray[np.int64]:
    """All others from near to far, by brute force in double precision: int (n, n - 1)."""
    d = cdist(space.astype(np.float64), space.astype(np.float64))
    np.fill_diagonal(d, np.inf)
    return np.argsort(d, axis=1)[:, :-1]


def penalised(near: NDArray[np.int64], ranked: NDArray[np.int64], k: int) -> float:
    """Venna and Kaski's measure written out: for each point every near one that is none of the k nearest in the ranked space, and by how much."""
    n, lost = len(near), 0
    for i in range(n):
        rank = {j: r for r, j in enumerate(ranked[i], 1)}
        lost += sum(max(rank[j] - k, 0) for j in near[i, :k])
    return 1 - 2 * lost / (n * k * (2 * n - 3 * k - 1))


# --- independent implementations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5, 15, 100, 349])
def test_trustworthiness_is_scikit_learns(garments: Garments, k: int) -> None:
    X, coords, _ = garments
    found = trustworthiness(map_neighbors(coords, k), all_of(X, k)).mean()
    assert found == pytest.approx(reference_trustworthiness(X.astype(np.float64), coords, n_neighbors=k), abs=1e-6)


@pytest.mark.parametrize("k", [1, 5, 15, 100, 349])
def test_continuity_is_trustworthiness_with_the_spaces_exchanged(garments: Garments, k: int) -> None:
    X, coords, _ = garments
    found = continuity(coords, all_of(X, k)).mean()
    assert found == pytest.approx(reference_trustworthiness(coords.astype(np.float64), X.astype(np.float64), n_neighbors=k), abs=1e-6)


def test_both_are_the_formula_written_out(garments: Garments) -> None:
    X, coords, _ = garments
    near, shown = order(X), order(coords)
    scores = faithfulness(coords, None, all_of(X))
    assert scores["trustworthiness"] == pytest.approx(penalised(shown, near, K), abs=1e-6)
    assert scores["continuity"] == pytest.approx(penalised(near, shown, K), abs=1e-6)


def test_trustworthiness_is_umaps_own_validation(garments: Garments) -> None:
    """Called with two neighbours more than wanted: its last entry is read out of bounds."""
    load_umap()  # without TensorFlow
    from umap import validation

    X, coords, _ = garments
    found = validation.trustworthiness_vector(X.astype(np.float64), coords.astype(np.float64), K + 2)
    assert trustworthiness(map_neighbors(coords, K), all_of(X)).mean() == pytest.approx(float(found[K]), abs=1e-6)


@pytest.mark.parametrize(("name", "k"), [("recall", 15), ("recall_10", 10), ("recall_50", 50)])
def test_recall_is_brute_force(garments: Garments, name: str, k: int) -> None:
    X, coords, labels = garments
    want = np.mean([len(set(a[:k]) & set(b[:k])) / k for a, b in zip(order(X), order(coords), strict=True)])
    assert faithfulness(coords, labels, all_of(X))[name] == pytest.approx(want, abs=1e-9)


def test_triplets_are_brute_force_and_their_expectation_is_kendalls_tau(garments: Garments, monkeypatch: pytest.MonkeyPatch) -> None:
    X, coords, _ = garments
    yardstick = all_of(X)
    near, far = (cdist(space.astype(np.float64), space.astype(np.float64)) for space in (X, coords))
    right = [
        np.mean([(near[q, i] < near[q, j]) == (far[q, i] < far[q, j]) for i, j in pairs])
        for q, pairs in zip(yardstick.queries, yardstick.triplets, strict=True)
    ]
    np.testing.assert_allclose(triplet_accuracy(coords, yardstick), right, atol=1e-9)
    tau = np.mean([kendalltau(np.delete(near[q], q), np.delete(far[q], q)).statistic for q in range(N)])
    assert 2 * np.mean(right) - 1 == pytest.approx(tau, abs=0.01)


def test_triplets_are_of_three_different_points() -> None:
    for n in (3, 4, 5, 50):
        yardstick = all_of(np.random.default_rng(n).standard_normal((n, 2)).astype(np.float32))
        first, second = yardstick.triplets[:, :, 0], yardstick.triplets[:, :, 1]
        own = np.arange(n)[:, None]
        assert ((first != own) & (second != own) & (first != second)).all()
        if n < 6:
            assert len({tuple(p) for p in yardstick.triplets[0].tolist()}) == (n - 1) * (n - 2), "every ordered pair turns up"


def test_knn_accuracy_is_scikit_learns_leave_one_out(garments: Garments) -> None:
    _, coords, labels = garments
    neighbors = map_neighbors(coords, K)
    found = knn_correct(neighbors, labels)
    for row in range(0, N, 7):
        rest = np.delete(np.arange(N), row)
        model = KNeighborsClassifier(K, algorithm="brute").fit(coords[rest].astype(np.float64), labels[rest])
        assert (model.predict(coords[[row]].astype(np.float64))[0] == labels[row]) == found[row]


def test_ties_go_to_the_smaller_label_and_labels_may_be_any_numbers() -> None:
    labels = np.array([-1, 7, 7, 40])
    neighbors = np.array([[1, 3], [0, 2], [1, 3], [1, 2]])
    # 7 against 40: 7; -1 against 7: -1; 7 against 40: 7; twice 7: 7
    assert knn_correct(neighbors, labels).tolist() == [False, False, True, False]


# --- yardsticks ------------------------------------------------------------------------------------------------------


def test_the_identity_is_perfect_and_a_shuffled_map_is_at_its_chance_level() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 2)).astype(np.float32)
    labels = np.arange(500) % 5
    same = faithfulness(X, labels, all_of(X))
    assert [same[name] for name in SCORES[:-1]] == [1.0] * 6
    groups = rng.normal(scale=5, size=(5, 10))[labels] + rng.standard_normal((500, 10))
    shuffled = faithfulness(rng.permutation(X), labels, all_of(groups.astype(np.float32)))
    for name in SCORES:
        spread = (shuffled[f"{name}_high"] - shuffled[f"{name}_low"]) / 2
        assert shuffled[name] == pytest.approx(shuffled[f"{name}_chance"], abs=2.5 * spread), name


@pytest.mark.parametrize(("n", "k"), [(5, 1), (9, 4), (40, 15), (200, 15), (200, 99)])
def test_chance_levels_are_expectations(n: int, k: int) -> None:
    """Of the formula, over all ranks that a random neighbour can have; and of the score itself, over many shuffles."""
    every = np.maximum(np.arange(1, n) - k, 0).mean()
    assert shuffled_ranks(n, k) == pytest.approx(1 - 2 * every / (2 * n - 3 * k - 1))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5)).astype(np.float32)
    yardstick = all_of(X, k)
    assert yardstick.k == k
    found = [faithfulness(rng.permutation(X)[:, :2].copy(), None, yardstick) for _ in range(300 if n < 100 else 25)]
    for name, want in (("trustworthiness", shuffled_ranks(n, k)), ("continuity", shuffled_ranks(n, k)), ("recall", shuffled_recall(n, k))):
        values = [scores[name] for scores in found]
        assert np.mean(values) == pytest.approx(want, abs=4 * np.std(values) / np.sqrt(len(values))), name


def test_scores_have_interval_chance_and_pca_and_know_their_sample(garments: Garments) -> None:
    X, coords, labels = garments
    yardstick = Yardstick(reference_distances(X, np.arange(0, N, 7)), seed=3)
    best = faithfulness(coords, labels, yardstick)
    assert not any(name.endswith("_pca") for name in best)
    scores = faithfulness(pca(X, 3).scores, labels, yardstick, pca=best)
    assert [scores[name] for name in ("k", "queries", "n", "seed", "triplets")] == [15, 100, N, 3, 100]
    assert set(scores) == FACTS | {f"{name}{end}" for name in SCORES for end in ENDS}
    for name in SCORES:
        assert 0 <= scores[f"{name}_low"] < scores[name] < scores[f"{name}_high"] <= 1
        assert scores[f"{name}_pca"] == best[name] < scores[name], "three components show more than two"
        assert scores[f"{name}_chance"] < scores[f"{name}_low"]
    assert all(isinstance(value, (int, float)) for value in scores.values()), "JSON takes them"


def test_known_neighbours_change_nothing(garments: Garments) -> None:
    X, coords, labels = garments
    yardstick = all_of(X)
    assert faithfulness(coords, labels, yardstick, near=map_neighbors(coords, 60)) == faithfulness(coords, labels, yardstick)


def test_without_labels_there_is_no_label_score(garments: Garments) -> None:
    X, coords, labels = garments
    yardstick = all_of(X)
    with_labels, without = faithfulness(coords, labels, yardstick), faithfulness(coords, None, yardstick)
    assert without == {name: value for name, value in with_labels.items() if not name.startswith("knn_accuracy")}
    assert len(with_labels) == len(without) + 4


def test_the_interval_of_a_sample_holds_the_value_of_all(garments: Garments) -> None:
    X, coords, _ = garments
    distances = reference_distances(X, np.arange(N))
    full = all_of(X)
    truth = faithfulness(coords, None, full)
    near, far = (cdist(space.astype(np.float64), space.astype(np.float64)) for space in (X, coords))
    tau = np.mean([kendalltau(np.delete(near[q], q), np.delete(far[q], q)).statistic for q in range(N)])
    truth["triplet_accuracy"] = (1 + tau) / 2  # over all triplets, not over those that were drawn
    map_near = map_neighbors(coords, full.most)
    rng, held = np.random.default_rng(0), dict.fromkeys(SCORES[:-1], 0)
    for trial in range(200):
        rows = np.sort(rng.choice(N, 70, replace=False))
        scores = faithfulness(coords, None, Yardstick(type(distances)(rows, distances.distances[rows], "euclidean"), seed=trial), near=map_near)
        for name in held:
            held[name] += scores[f"{name}_low"] <= truth[name] <= scores[f"{name}_high"]
    # 190 of 200 are promised, a little more for the sampling without replacement; 3.3 standard deviations below that is 180
    assert all(180 <= count <= 200 for count in held.values()), held


def test_better_maps_score_better(garments: Garments) -> None:
    X, coords, labels = garments
    yardstick = all_of(X)
    two, three, noise = (
        faithfulness(c, labels, yardstick) for c in (coords, pca(X, 3).scores, coords + 500 * np.random.default_rng(0).standard_normal((N, 2), np.float32))
    )
    for name in SCORES:
        assert noise[name] < two[name] < three[name]


def test_a_rolled_sheet_unrolled_is_trustworthy_and_its_distances_are_not_those_of_the_roll() -> None:
    """The sheet's own coordinates keep neighbours; the flattened roll keeps distances better and lays layers over one another."""
    X, along = make_swiss_roll(900, random_state=0)
    X = X.astype(np.float32)
    arc = (along * np.sqrt(1 + along**2) + np.arcsinh(along)) / 2
    unrolled = np.stack([arc, X[:, 1]], axis=1).astype(np.float32)
    yardstick = all_of(X)
    sheet, flat = (faithfulness(c, None, yardstick) for c in (unrolled, np.ascontiguousarray(pca(X, 2).scores)))
    assert sheet["trustworthiness"] > 0.99 > 0.95 > flat["trustworthiness"]
    assert sheet["recall"] > 0.8 > flat["recall"]
    assert sheet["triplet_accuracy"] < flat["triplet_accuracy"]


# --- odd input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(1, None), (2, None), (3, 1), (4, 1), (10, 4), (20, 9), (21, 10), (30, 14), (31, 15), (32, 15), (101, 15)])
def test_few_points(n: int, k: int | None) -> None:
    X = np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)
    scores = faithfulness(X[:, :2].copy(), np.zeros(n, np.int64), all_of(X))
    assert scores.get("k") == k
    assert all(np.isfinite(value) for value in scores.values())
    assert ("recall_10" in scores, "recall_50" in scores) == (n >= 21, n >= 101)


def test_one_class_and_duplicates() -> None:
    X = np.repeat(np.random.default_rng(0).standard_normal((60, 4)), 2, axis=0).astype(np.float32)
    scores = faithfulness(X[:, :2].copy(), np.zeros(120, np.int64), all_of(X))
    assert scores["knn_accuracy"] == scores["knn_accuracy_chance"] == 1
    assert 0.5 < scores["trustworthiness"] < 1


def test_a_map_that_fell_into_one_point_is_no_better_than_chance() -> None:
    X = np.random.default_rng(0).standard_normal((200, 6)).astype(np.float32)
    scores = faithfulness(np.zeros((200, 2), np.float32), None, all_of(X))
    assert scores["triplet_accuracy"] == 0.5
    assert scores["trustworthiness_low"] < scores["trustworthiness_chance"]


def test_one_dimension_and_equal_seeds() -> None:
    X = np.random.default_rng(0).standard_normal((60, 1)).astype(np.float32)
    coords = np.hstack([X, np.zeros_like(X)])
    a, b, other = (Yardstick(reference_distances(X, np.arange(60)), seed=seed) for seed in (1, 1, 2))
    assert faithfulness(coords, None, a) == faithfulness(coords, None, b)
    assert faithfulness(coords, None, a)["recall"] == 1.0
    assert not np.array_equal(a.triplets, other.triplets)


def test_memory_on_the_map_is_bounded(garments: Garments, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of a few queries continuity is the same."""
    from fmnist_viz.projection import faithfulness as module

    X, coords, _ = garments
    yardstick = all_of(X)
    whole = continuity(coords, yardstick)
    monkeypatch.setattr(module, "_BLOCK", 10 * N)
    np.testing.assert_array_equal(continuity(coords, yardstick), whole)
