"""Overlap of classes: shares by brute force, planted gluing and tearing, calibration, and the figure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_viz.analysis import overlap as module
from fmnist_viz.analysis.overlap import CONSISTENT, LESS, MORE, SEEMS_APART, SEEMS_MIXED, TOO_FEW, Overlap, mixed_from, overlap
from fmnist_viz.data import DataConfig, load
from fmnist_viz.display.overlap import OverlapDisplay
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.reduce import pca

K = 15
NAMES = ("a", "b", "c")


def near(X: NDArray[np.floating]) -> NDArray[np.int32]:
    return exact_graph(np.ascontiguousarray(X, np.float32), K).indices


def clusters(seed: int = 0, n: int = 150) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Three clusters far apart in five dimensions, of n points each."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), n)
    return np.eye(3, 5)[labels] * 20 + rng.standard_normal((3 * n, 5)), labels


def verdicts(found: Overlap) -> dict[tuple[str, str], str]:
    return {(row["a"], row["b"]): row["verdict"] for row in found.rows}


def test_two_classes_glued_together_look_mixed_and_are_not() -> None:
    X, labels = clusters()
    glued = X[:, :2].copy()
    glued[labels == 1] = np.random.default_rng(1).permutation(glued[labels == 0])  # b lies where a lies
    found = overlap(near(X), near(glued), labels, NAMES)
    assert verdicts(found) == {("a", "b"): SEEMS_MIXED, ("a", "c"): CONSISTENT, ("b", "c"): CONSISTENT}
    assert found.sentence() == "Looks mixed but is separable: a and b (of 3 pairs)"


def test_a_class_cut_in_two_by_its_labels_looks_separate_and_is_mixed() -> None:
    X, labels = clusters()
    X[labels == 1] -= (20 * (np.eye(3, 5)[1] - np.eye(3, 5)[0]))[None, :]  # in truth a and b are one cluster
    apart = X[:, :2].copy()
    apart[labels == 1] += 100
    found = overlap(near(X), near(apart), labels, NAMES)
    assert verdicts(found)["a", "b"] == SEEMS_APART and found.of(SEEMS_APART)[0]["mixing_representation"] == pytest.approx(1, abs=0.1)
    assert found.sentence() == "Looks separate but is mixed: a and b (of 3 pairs)"


def test_a_shuffled_map_mixes_everything_and_a_true_one_nothing() -> None:
    X, labels = clusters()
    shuffled = overlap(near(X), near(np.random.default_rng(0).permutation(X[:, :2])), labels, NAMES)
    assert set(verdicts(shuffled).values()) == {SEEMS_MIXED}
    for row in shuffled.rows:
        assert row["mixing_map_low"] <= 1 <= row["mixing_map_high"] + 0.05 and row["mixing_representation"] == 0
        assert 0 < row["mixing_representation_high"] < 0.05, "none seen is not none at all"
    same = overlap(near(X), near(X), labels, NAMES)
    assert set(verdicts(same).values()) == {CONSISTENT} and all(row["difference"] == 0 and np.isnan(row["q"]) for row in same.rows)
    assert same.sentence() == "No pair of 3 looks mixed but is separable, or looks separate but is mixed"


def test_degrees_of_mixing_have_words_of_their_own() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 400)
    half = rng.standard_normal((800, 2)) + np.where(labels == 0, 0.9, -0.9)[:, None] * [1, 0]
    whole = rng.standard_normal((800, 2))
    there, back = (overlap(near(x), near(y), labels, ("a", "b")).rows[0] for x, y in ((half, whole), (whole, half)))
    assert mixed_from(K) < there["mixing_representation_low"] < there["mixing_map_low"]
    assert (there["verdict"], back["verdict"]) == (MORE, LESS)
    assert there["difference"] == pytest.approx(-back["difference"])


def test_shares_are_brute_force_in_both_directions_and_for_classes_of_unequal_size() -> None:
    images = load(DataConfig()).test.take(np.arange(600))
    labels = np.where(images.labels < 2, 0, np.where(images.labels < 7, 1, 2)).astype(np.int64)
    sides = {"representation": near(images.pixels), "map": near(pca(images.pixels, 2).scores)}
    found = overlap(*sides.values(), labels, NAMES, representation="pixels", method="pca")
    for row, (a, b) in zip(found.rows, ((0, 1), (0, 2), (1, 2)), strict=True):
        for space, neighbors in sides.items():
            shares = []
            for own, other in ((a, b), (b, a)):
                of = labels[neighbors[labels == own]]
                shares.append((of == other).sum() / ((of == other) | (of == own)).sum())
            assert [row[f"{space}_ab"], row[f"{space}_ba"]] == pytest.approx(shares)
            n_a, n_b = row["n_a"], row["n_b"]
            chance = [n_b / (n_a + n_b - 1), n_a / (n_a + n_b - 1)]
            assert row[f"mixing_{space}"] == pytest.approx(np.mean([s / c for s, c in zip(shares, chance, strict=True)]))
        assert row["difference"] == pytest.approx(row["mixing_map"] - row["mixing_representation"])
    frame = found.frame()
    assert len(frame) == 3 and set(frame["representation"]) == {"pixels"} and set(frame["k"]) == {15}
    for name in ("representation_ab", "representation_ba", "map_ab", "map_ba", "mixing_representation", "mixing_map", "difference"):
        assert ((frame[f"{name}_low"] <= frame[name]) & (frame[name] <= frame[f"{name}_high"])).all()


def test_labels_dealt_at_random_are_told_apart_no_more_often_than_promised() -> None:
    """Between any two spaces: the neighbours are real, the labels mean nothing, so every difference is chance."""
    X = load(DataConfig()).test.take(np.arange(400)).pixels
    one, two = near(pca(X, 20).scores), near(pca(X, 2).scores)
    rng = np.random.default_rng(0)
    rows = [overlap(one, two, rng.integers(0, 2, 400), ("a", "b")).rows[0] for _ in range(100)]
    assert sum(row["p"] < 0.05 for row in rows) <= 14  # 5 expected; four standard deviations above
    assert {row["verdict"] for row in rows} == {CONSISTENT}
    held = sum(row["mixing_map_low"] <= 1 <= row["mixing_map_high"] for row in rows)
    assert held >= 86  # 95 promised
    # the interval is no wider than it need be
    spread = np.std([row["difference"] for row in rows])
    assert np.mean([row["difference_high"] - row["difference"] for row in rows]) / 1.96 == pytest.approx(spread, rel=0.25)


def test_neighbouring_points_are_not_taken_for_independent() -> None:
    """An island of b inside a: its points cross together, and count for less than as many scattered ones."""
    X, labels = clusters()
    labels = labels.copy()
    island = np.argsort(((X - X[0]) ** 2).sum(axis=1))[:20]
    labels[island] = 1
    shown = near(X[:, :2] + np.random.default_rng(0).standard_normal((450, 2)))
    row = overlap(near(X), shown, labels, NAMES).rows[0]
    counts = [np.array([(labels[side[i]] == 1).sum() / K for i in np.flatnonzero(labels == 0)]) for side in (near(X),)]
    naive = 1.96 * counts[0].std() / np.sqrt(len(counts[0]))
    assert row["representation_ab_high"] - row["representation_ab"] > 1.2 * naive


def test_of_too_many_pairs_the_most_mixed_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    X, labels = clusters()
    X[labels == 1] = X[labels == 0] + 0.1
    whole = overlap(near(X), near(X), labels, NAMES)
    monkeypatch.setattr(module, "MOST_PAIRS", 1)
    kept = overlap(near(X), near(X), labels, NAMES)
    assert [(row["a"], row["b"]) for row in kept.rows] == [("a", "b")] and kept.rows[0]["mixing_map"] == whole.rows[0]["mixing_map"]


@pytest.mark.parametrize("n", range(1, 21))
def test_few_points_and_few_of_a_class(n: int) -> None:
    X = np.random.default_rng(n).standard_normal((n, 3))
    k = (n - 1) // 2
    rows = exact_graph(X.astype(np.float32), max(k, 1)).indices[:, :k] if n > 1 else np.zeros((1, 0), np.int32)
    found = overlap(rows, rows, (np.arange(n) % 2).astype(np.int64), ("a", "b"))
    assert {row["verdict"] for row in found.rows} <= {TOO_FEW, CONSISTENT}
    assert (TOO_FEW in verdicts(found).values()) == (3 <= n < 20)
    assert found.sentence().startswith({True: "No pair of 1", False: "Too few points" if n >= 3 else "There is no pair"}[n >= 20])
    assert overlap(rows, rows, np.zeros(n, np.int64), ("a",)).rows == ()
    OverlapDisplay({"pca": found}).plot()


def test_the_figure_shows_misleading_pairs_first_and_every_mark_has_a_key() -> None:
    X, labels = clusters()
    glued = X[:, :2].copy()
    glued[labels == 1] = np.random.default_rng(1).permutation(glued[labels == 0])
    overlaps = {m: overlap(near(X), near(c), labels, NAMES, representation="dense", method=m) for m, c in (("pca", glued), ("tsne", X[:, :2]))}
    display = OverlapDisplay(overlaps, most=1)
    assert display.pairs == [("a", "b")]
    assert len(display.frame()) == 6
    said = display.caption()
    assert "PCA: looks mixed but is separable: a and b" in said and "n = 450" in said and "t-SNE: no pair of 3" in said and "0.13" in said
    figure = OverlapDisplay(overlaps).plot()
    words = {text.get_text() for text in figure.texts}
    assert {"in the representation", "on the map", "on the map: looks mixed but is separable", "PCA", "t-SNE"} <= words
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] != [] and sum(ax.get_gid() == "panel-1" for ax in figure.axes) == 1
    with pytest.raises(ValueError, match="several maps"):
        display.plot(figure.axes[0])
    OverlapDisplay({"pca": overlaps["pca"]}).plot(figure.axes[0])
    assert OverlapDisplay({}).frame().empty and "no map" in OverlapDisplay({}).caption()
