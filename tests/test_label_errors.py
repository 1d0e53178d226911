"""Planted label errors are found, ranked as the formula says, and explained in words that are true."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from fmnist_viz.analysis.label_errors import LabelIssues, confident_issues, doubt, votes
from fmnist_viz.analysis.out_of_fold import describe, edges, folds_of, judged, out_of_fold
from fmnist_viz.core.types import LabeledImages, Source
from fmnist_viz.data import DataConfig, load, stratified_rows
from fmnist_viz.neighbors import exact_neighbors

NAMES = ("bag", "coat", "shirt")
ROOT = Path(__file__).resolve().parents[1]


def toy(flips: int = 12, n: int = 300, seed: int = 0) -> tuple[LabeledImages, np.ndarray, np.ndarray, np.ndarray]:
    """Three clusters whose first images carry another label: images, probabilities of the true classes, neighbours, flipped."""
    rng = np.random.default_rng(seed)
    true = (np.arange(n) % 3).astype(np.int64)
    X = rng.normal(size=(n, 4)).astype(np.float32) + 6 * np.eye(4)[true].astype(np.float32)
    flipped = np.zeros(n, bool)
    flipped[rng.choice(n, flips, replace=False)] = True
    labels = np.where(flipped, (true + 1) % 3, true)
    p = (0.9 * np.eye(3)[true] + 0.1 * rng.dirichlet(np.ones(3), n)).astype(np.float32)
    images = LabeledImages(np.zeros((n, 2, 2, 1), np.uint8), labels, NAMES, np.array([f"test/{i}" for i in range(n)]), "test", Source("memory", "m", ""))
    return images, p, exact_neighbors(X, 10).astype(np.int64), flipped


def test_doubt_is_the_formula_and_stays_between_its_ends() -> None:
    labels = np.array([0, 0, 0, 1])
    p = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.3, 0.2], [0.6, 0.1, 0.3]])
    v = np.array([[1, 0, 0], [0, 1, 0], [0.2, 0.8, 0], [0, 0, 1]])
    found = doubt(labels, p, v)
    mix = 0.7 * p + 0.3 * v
    given = mix[np.arange(4), labels]
    other = np.array([np.delete(row, k).max() for row, k in zip(mix, labels, strict=True)])
    score = given - other + 0.5 * np.log((p[np.arange(4), labels] + 1e-4) * (v[np.arange(4), labels] + 0.05))
    best, worst = 1 + 0.5 * np.log(1.0001 * 1.05), -1 + 0.5 * np.log(1e-4 * 0.05)
    np.testing.assert_allclose(found, (best - score) / (best - worst), atol=1e-12)
    assert found[0] == pytest.approx(0) and found[1] == pytest.approx(1) and found[2] < found[3]


def test_planted_errors_lead_the_list_with_the_true_class_suggested() -> None:
    images, p, near, flipped = toy()
    found = LabelIssues(images, p, "nobody", near, images.labels, images.sample_ids, "the plane")
    k = int(flipped.sum())
    assert k - 2 <= len(found.rows) <= k and flipped[found.rows].all()  # as many as are estimated, and no other
    assert flipped[np.argsort(-found.doubt)[:k]].all()
    assert len(found.rows) <= int(confident_issues(images.labels, p).sum())
    frame = found.frame()
    assert frame["decision"].eq("").all() and frame["doubt"].is_monotonic_decreasing and frame["rank"].tolist() == list(range(1, len(frame) + 1))
    assert (found.suggested[flipped] == (images.labels[flipped] - 1) % 3).all()
    row = int(found.rows[0])
    given, other = int(images.labels[row]), int(found.suggested[row])
    counts = np.bincount(images.labels[near[row]], minlength=3)
    assert found.reason(row).startswith(f"{NAMES[other]} {100 * p[row, other]:.1f} %, {NAMES[given]} ")
    assert found.reason(row).endswith(f"of its 10 nearest images {counts[other]} are labelled {NAMES[other]}, {counts[given]} {NAMES[given]}")
    assert frame["neighbours"][0].split(", ")[0] == f"test/{near[row, 0]} {NAMES[images.labels[near[row, 0]]]}"
    assert frame["near_suggested"][0] == counts[other] / 10 and int(found.pairs()["count"].sum()) == len(frame)
    assert f"{len(frame):,} are suspected" in found.sentences()[0] and "the plane" in found.sentences()[1]


def test_clean_labels_and_single_classes_have_no_suspects() -> None:
    images, p, near, _ = toy(flips=0)
    assert len(LabelIssues(images, p, "nobody", near, images.labels, images.sample_ids, "x").rows) == 0
    one = images.take(np.flatnonzero(images.labels == 1))
    assert len(LabelIssues(one, p[images.labels == 1], "nobody").rows) == 0
    assert len(LabelIssues(images, p, "nobody").frame()) == 0


def test_votes_count_labels_of_neighbours() -> None:
    np.testing.assert_allclose(votes(np.array([0, 1, 1, 2]), np.array([[1, 2], [0, 3]]), 3), [[0, 1, 0], [0.5, 0, 0.5]])


def test_folds_deal_every_class_evenly_and_nobody_judges_itself() -> None:
    labels = np.repeat([0, 1, 2], [50, 31, 9])
    fold = folds_of(labels, 5, 0)
    table = np.array([[int(((labels == c) & (fold == k)).sum()) for k in range(5)] for c in range(3)])
    assert (table.max(axis=1) - table.min(axis=1) <= 1).all() and np.bincount(fold).max() - np.bincount(fold).min() <= 1
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 6)).astype(np.float32), labels
    p = out_of_fold(X, y, 4, folds=5)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p[:, 3] == 0).all()  # a class that nobody has met
    changed = y.copy()
    changed[fold == 2] = rng.permutation(changed[fold == 2])
    # with the same folds, labels of fold 2 have no say in how fold 2 is judged
    mine = fold == 2
    np.testing.assert_array_equal(judged(X[~mine], y[~mine], X[mine], 4, seed=2), p[mine])
    np.testing.assert_array_equal(judged(X[~mine], changed[~mine], X[mine], 4, seed=2), p[mine])


def test_edges_lie_where_the_edge_is() -> None:
    image = np.zeros((1, 28, 28, 1), np.uint8)
    image[0, :, 14:] = 255  # one upright edge: brightness grows across
    found = edges(image).reshape(7, 7, 8)
    assert found[:, 3, 0].min() > 0 and found[..., 1:].max() < 1e-3 and found[:, [0, 1, 5, 6]].max() == 0
    assert edges(np.zeros((2, 3, 2, 3), np.uint8)).shape == (2, 3 * 2 * 8) and describe(np.zeros((5, 3, 2, 3), np.uint8)).shape[0] == 5


def test_real_images_with_planted_errors() -> None:
    """The small form of scripts/planted-labels: 3,000 real images, 2 % flipped at random and, apart from them, 2 % to the confusable class."""
    train = load(DataConfig()).train
    assert train is not None
    images = train.take(stratified_rows(train.labels, 3000, seed=3))
    X, rng = describe(images.images), np.random.default_rng(3)
    near = exact_neighbors(X, 10)
    partner = np.array([6, 3, 4, 0, 2, 7, 0, 5, 6, 7])
    gained = []
    for kind, least in (("random", 0.6), ("confusable", 0.4)):
        who = rng.choice(3000, 60, replace=False)
        labels, flipped = np.array(images.labels), np.zeros(3000, bool)
        flipped[who] = True
        labels[who] = (labels[who] + rng.integers(1, 10, 60)) % 10 if kind == "random" else partner[labels[who]]
        p = out_of_fold(X, labels, 10, folds=3)
        mine = doubt(labels, p, votes(labels, near, 10))
        hits = flipped[np.argsort(-mine)[:60]].mean()
        q = np.maximum(p.astype(np.float64), 1e-12)
        theirs = -get_label_quality_scores(labels, q / q.sum(axis=1, keepdims=True))
        assert hits > least
        gained.append(average_precision_score(flipped, mine) - average_precision_score(flipped, theirs))
    assert min(gained) > -0.02  # 60 flips tell average precisions apart to some .03; the recorded benchmark has 400


def test_the_recorded_benchmark_meets_its_targets_and_the_readme_says_what_it_holds() -> None:
    results = json.loads((ROOT / "docs" / "bench" / "planted-labels.json").read_text())["results"]
    shares: dict[str, list[int]] = {"random": [], "confusable": []}
    for r in results:
        ours, theirs = r["rankings"]["ours"], r["rankings"]["cleanlab self_confidence"]
        assert ours["average_precision"] >= theirs["average_precision"]
        assert r["kind"] != "random" or ours["precision_at_planted"] >= 0.8
        shares[r["kind"]].append(round(100 * ours["precision_at_planted"] - 1e-9))
    words = " ".join((ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8").split())
    for ends in shares.values():
        assert f"{min(ends)} to {max(ends)} %" in words


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 10_000), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_labels_and_probabilities_are_judged_quietly(n: int, classes: int, seed: int, sure: bool) -> None:
    rng = np.random.default_rng(seed)
    names = tuple(f"c{k}" for k in range(classes))
    labels = rng.integers(0, rng.integers(1, classes + 1), n).astype(np.int64)  # often classes without an image
    p = np.eye(classes)[rng.integers(0, classes, n)] if sure else rng.dirichlet(np.full(classes, 0.3), n)
    ids = np.array([f"test/{i}" for i in range(n)])
    images = LabeledImages(np.zeros((n, 1, 1, 1), np.uint8), labels, names, ids, "test", Source("memory", "m", ""))
    near = np.array([rng.permutation(np.delete(np.arange(n), i))[:10] for i in range(n)], np.int64).reshape(n, min(10, n - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = LabelIssues(images, p.astype(np.float32), "nobody", near, labels, ids, "nowhere")
        frame = found.frame()
    assert ((found.doubt >= 0) & (found.doubt <= 1)).all() and (found.suggested[found.rows] != labels[found.rows]).all()
    assert len(set(frame["sample_id"])) == len(frame) <= n and found.sentences()
