"""Scores of maps against scikit-learn, brute force and what must hold of any score."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from fmnist_viz.data import DataConfig, load
from fmnist_viz.neighbors import reference_distances
from fmnist_viz.projection.faithfulness import K, Yardstick, faithfulness, knn_correct, map_neighbors, trustworthiness
from fmnist_viz.reduce import pca

NAMES = ("trustworthiness", "recall", "knn_accuracy")


@pytest.fixture(scope="module")
def garments() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """(pixels, their first two components, labels) of 700 test images."""
    images = load(DataConfig()).test.take(np.arange(700))
    return images.pixels, pca(images.pixels, 2).scores, images.labels


def all_of(X: NDArray[np.float32], k: int = K) -> Yardstick:
    return Yardstick(reference_distances(X, np.arange(len(X))), k=k)


@pytest.mark.parametrize("k", [1, 5, 15, 100, 349])
def test_trustworthiness_is_scikit_learns(garments: tuple[NDArray[np.float32], ...], k: int) -> None:
    X, coords, _ = garments
    assert len(np.unique(X, axis=0)) == len(X)
    found = trustworthiness(map_neighbors(coords, k), all_of(X, k)).mean()
    assert found == pytest.approx(reference_trustworthiness(X.astype(np.float64), coords, n_neighbors=k), abs=1e-6)


def test_recall_is_brute_force(garments: tuple[NDArray[np.float32], ...]) -> None:
    X, coords, labels = garments
    shares = []
    for space in (X, coords):
        d = cdist(space.astype(np.float64), space.astype(np.float64))
        np.fill_diagonal(d, np.inf)
        shares.append(np.argsort(d, axis=1)[:, :K])
    want = np.mean([len(set(a) & set(b)) / K for a, b in zip(*shares, strict=True)])
    assert faithfulness(coords, labels, all_of(X))["recall"] == pytest.approx(want, abs=1e-9)


def test_knn_accuracy_is_scikit_learns_leave_one_out(garments: tuple[NDArray[np.float32], ...]) -> None:
    _, coords, labels = garments
    neighbors = map_neighbors(coords, K)
    found = knn_correct(neighbors, labels)
    for row in range(0, 700, 7):
        rest = np.delete(np.arange(700), row)
        model = KNeighborsClassifier(K, algorithm="brute").fit(coords[rest].astype(np.float64), labels[rest])
        assert (model.predict(coords[[row]].astype(np.float64))[0] == labels[row]) == found[row]


def test_ties_go_to_the_smaller_label_and_labels_may_be_any_numbers() -> None:
    labels = np.array([-1, 7, 7, 40])
    neighbors = np.array([[1, 3], [0, 2], [1, 3], [1, 2]])
    # 7 against 40: 7; -1 against 7: -1; 7 against 40: 7; twice 7: 7
    assert knn_correct(neighbors, labels).tolist() == [False, False, True, False]


def test_the_identity_is_perfect_and_a_shuffled_map_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 2)).astype(np.float32)
    labels = np.arange(500) % 5
    same = faithfulness(X, labels, all_of(X))
    assert (same["trustworthiness"], same["recall"]) == (1.0, 1.0)
    groups = rng.normal(scale=5, size=(5, 10))[labels] + rng.standard_normal((500, 10))
    shuffled = faithfulness(rng.permutation(X), labels, all_of(groups.astype(np.float32)))
    assert shuffled["trustworthiness"] == pytest.approx(0.5, abs=0.03)
    assert shuffled["recall"] == pytest.approx(K / 499, abs=0.01)
    assert shuffled["knn_accuracy"] == pytest.approx(0.2, abs=0.06)


def test_scores_have_their_interval_and_know_their_sample(garments: tuple[NDArray[np.float32], ...]) -> None:
    X, coords, labels = garments
    scores = faithfulness(coords, labels, Yardstick(reference_distances(X, np.arange(0, 700, 7))))
    assert (scores["k"], scores["queries"], scores["n"]) == (15, 100, 700)
    assert set(scores) == {"k", "queries", "n", *(f"{name}{end}" for name in NAMES for end in ("", "_low", "_high"))}
    for name in NAMES:
        assert 0 <= scores[f"{name}_low"] < scores[name] < scores[f"{name}_high"] <= 1
    assert all(isinstance(value, (int, float)) for value in scores.values()), "JSON takes them"


def test_without_labels_there_is_no_label_score(garments: tuple[NDArray[np.float32], ...]) -> None:
    X, coords, labels = garments
    yardstick = all_of(X)
    with_labels, without = faithfulness(coords, labels, yardstick), faithfulness(coords, None, yardstick)
    assert without == {name: value for name, value in with_labels.items() if not name.startswith("knn_accuracy")}
    assert len(with_labels) == len(without) + 3


def test_the_interval_of_a_sample_holds_the_value_of_all(garments: tuple[NDArray[np.float32], ...]) -> None:
    X, coords, _ = garments
    distances = reference_distances(X, np.arange(700))
    full, neighbors = all_of(X), map_neighbors(coords, K)
    values = {"trustworthiness": trustworthiness(neighbors, full).mean(), "recall": faithfulness(coords, None, full)["recall"]}
    rng, held = np.random.default_rng(0), {"trustworthiness": 0, "recall": 0}
    for _ in range(100):
        rows = np.sort(rng.choice(700, 100, replace=False))
        sampled = type(distances)(rows, distances.distances[rows], "euclidean")
        scores = faithfulness(coords, None, Yardstick(sampled))
        for name, value in values.items():
            held[name] += scores[f"{name}_low"] <= value <= scores[f"{name}_high"]
    # sampled without replacement from 700: a little more than the 95 of 100 that are promised
    assert all(88 <= count <= 100 for count in held.values()), held


def test_better_maps_score_better(garments: tuple[NDArray[np.float32], ...]) -> None:
    X, coords, labels = garments
    yardstick = all_of(X)
    two, three, noise = (
        faithfulness(c, labels, yardstick) for c in (coords, pca(X, 3).scores, coords + 500 * np.random.default_rng(0).standard_normal((700, 2), np.float32))
    )
    for name in NAMES:
        assert noise[name] < two[name] < three[name]


@pytest.mark.parametrize(("n", "k"), [(1, None), (2, None), (3, 1), (4, 1), (10, 4), (30, 14), (31, 15), (32, 15)])
def test_few_points(n: int, k: int | None) -> None:
    X = np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)
    scores = faithfulness(X[:, :2].copy(), np.zeros(n, np.int64), all_of(X))
    assert scores.get("k") == k
    assert all(np.isfinite(value) for value in scores.values())


def test_one_class_and_duplicates() -> None:
    X = np.repeat(np.random.default_rng(0).standard_normal((60, 4)), 2, axis=0).astype(np.float32)
    scores = faithfulness(X[:, :2].copy(), np.zeros(120, np.int64), all_of(X))
    assert scores["knn_accuracy"] == 1
    assert 0.5 < scores["trustworthiness"] < 1
