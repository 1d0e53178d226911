"""A map in words: every value that made it, the badge's three figures and its sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn import QUICK, draw, representation
from sklearn.datasets import make_blobs, make_swiss_roll

from fmnist_viz.core.types import Projection
from fmnist_viz.projection.badge import FAIR, GOOD, global_word, local_word
from fmnist_viz.projection.caption import caption, parameter_text, reading, score_text, short_scores

RNG = np.random.default_rng(0)


def made_up(trust: float = 0.983, recall: float = 0.39, triplets: float = 0.74, *, continuity: float = 0.97, pca: float | None = 0.07) -> dict[str, Any]:
    scores: dict[str, Any] = {"k": 15, "queries": 1000, "n": 10_000, "seed": 0, "triplets": 100}
    for name, value, chance in (
        ("trustworthiness", trust, 0.5),
        ("continuity", continuity, 0.5),
        ("recall", recall, 0.0015),
        ("triplet_accuracy", triplets, 0.5),
    ):
        scores |= {name: value, f"{name}_low": value, f"{name}_high": value, f"{name}_chance": chance}
    if pca is not None:
        scores |= {"trustworthiness_pca": 0.913, "continuity_pca": 0.974, "recall_pca": pca, "triplet_accuracy_pca": 0.87}
    return scores


def test_scores_in_words() -> None:
    assert score_text(made_up()) == (
        "Trustworthiness 0.983 (0.983–0.983; PCA 0.913, shuffled 0.500), recall@15 0.39 (0.39–0.39; PCA 0.07, shuffled 0.0015), "
        "random triplets 0.74 (0.74–0.74; PCA 0.87, shuffled 0.50); 1,000 queries of n = 10,000, 100 triplets each, seed 0"
    )
    assert "PCA" not in score_text(made_up(pca=None))
    assert score_text({}) == "No scores"
    assert short_scores(made_up()) == "trust .983 · recall@15 .39 · triplets .74"
    assert short_scores({}) == ""


def test_parameters_in_words() -> None:
    made = draw(RNG.standard_normal((40, 5)), "umap", replace(QUICK, min_dist=0))
    assert parameter_text(made) == "UMAP, 15 neighbours, min. distance 0, 30 epochs, euclidean, PCA to 5 for distances, seed 0"
    made = draw(RNG.standard_normal((40, 5)), "pca")
    assert parameter_text(made).startswith("PCA, axes hold ")


@pytest.mark.parametrize(
    ("scores", "word"),
    [
        (made_up(0.983, 0.39), "good"),
        (made_up(1 - GOOD / 2 + 1e-9, 0.39), "good"),
        (made_up(1 - GOOD / 2 - 1e-3, 0.39), "fair"),
        (made_up(0.983, 0.39, continuity=0.94), "fair"),  # the worse of both decides
        (made_up(0.983, 0.07), "fair"),  # keeps no more neighbours than PCA does
        (made_up(0.983, 0.5, pca=0.6), "good"),  # nor does it, but half of them
        (made_up(0.983, 0.39, pca=None), "fair"),  # nothing to hold it against
        (made_up(1 - FAIR / 2 + 1e-9, 0.39), "fair"),
        (made_up(1 - FAIR / 2 - 1e-3, 0.39), "poor"),
        (made_up(0.51, 0.39), "poor"),
        (made_up(0.5, 0.39), "none"),
        (made_up(0.4, 0.39), "none"),
    ],
)
def test_the_word_for_local_structure(scores: dict[str, Any], word: str) -> None:
    assert local_word(scores) == word


@pytest.mark.parametrize(
    ("triplets", "method", "word"),
    [
        (0.96, "pca", "to be read"),
        (0.94, "pca", "to be read roughly"),
        (0.87, "pca", "not to be read"),
        (0.94, "mine", "to be read roughly"),
        (0.99, "tsne", "not to be read"),
        (0.99, "umap", "not to be read"),
    ],
)
def test_the_word_for_distances_between_groups(triplets: float, method: str, word: str) -> None:
    assert global_word(made_up(triplets=triplets), method) == word


def test_what_may_be_read_off() -> None:
    made = draw(RNG.standard_normal((40, 5)), "tsne")
    assert reading(replace(made, scores=made_up())) == (
        "Local structure: good, 39 % of the 15 nearest neighbours kept (PCA 7 %, shuffled 0.15 %); distances between groups and their sizes: not to be read."
    )
    assert reading(replace(made, scores=made_up(0.49))).startswith("Local structure: none, no better than shuffled points, 39 % of the 15")
    flat = replace(draw(RNG.standard_normal((40, 5)), "pca"), scores=made_up(triplets=0.9))
    assert "kept (shuffled 0.15 %); distances between groups: to be read roughly; axes are linear and show " in reading(flat)
    assert reading(made) == "Faithfulness was not measured."


def test_a_3d_map_says_that_its_scores_are_not_of_the_picture() -> None:
    flat = replace(draw(RNG.standard_normal((40, 5)), "tsne"), scores=made_up())
    solid = replace(flat, coords=np.hstack([flat.coords, flat.coords[:, :1]]))
    for text in (reading, caption):
        assert text(solid) == text(flat) + " Scores are of the 3-D map, not of a flat view of it."
    assert ". Trustworthiness 0.983 (" in caption(flat) and ". Local structure" in caption(flat)


# --- planted truths: the words of real scores -------------------------------------------------------------------------


def words(X: Any, coords: Any, method: str) -> str:
    from fmnist_viz import faithfulness

    rep = representation(X)
    return faithfulness(rep, Projection(np.ascontiguousarray(coords, np.float32), rep.sample_ids, "dense", method, {}, 0)).reading


def test_known_clusters_a_roll_and_a_shuffled_map() -> None:
    clusters, _ = make_blobs(600, 20, centers=6, cluster_std=1.0, random_state=0)
    tsne = draw(clusters, "tsne").coords
    assert words(clusters, tsne, "tsne").startswith("Local structure: good")
    assert words(clusters, RNG.permutation(tsne), "tsne").startswith("Local structure: none, no better than shuffled points")
    roll, along = make_swiss_roll(900, random_state=0)
    arc = (along * np.sqrt(1 + along**2) + np.arcsinh(along)) / 2
    sheet, flat = words(roll, np.stack([arc, roll[:, 1]], axis=1), "mine"), words(roll, draw(roll, "pca").coords, "pca")
    assert sheet.startswith("Local structure: good") and sheet.endswith("distances between groups: not to be read.")
    assert flat.startswith(("Local structure: fair", "Local structure: poor"))
    plane = RNG.standard_normal((300, 2))
    assert words(plane, draw(plane, "pca").coords, "pca").startswith("Local structure: good, 100 % of the 15")
    assert "distances between groups: to be read." in words(plane, draw(plane, "pca").coords, "pca")
