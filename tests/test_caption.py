"""A map in words: every value that made it, every score, and what may be read off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import QUICK, draw

from fmnist_viz.projection.caption import caption, parameter_text, reading, score_text, short_scores

RNG = np.random.default_rng(0)

SCORES = {"k": 15, "queries": 1000, "n": 10_000, "trustworthiness": 0.983, "recall": 0.39, "knn_accuracy": 0.8}
SCORES |= {f"{name}_{end}": SCORES[name] for name in ("trustworthiness", "recall", "knn_accuracy") for end in ("low", "high")}


def test_scores_in_words() -> None:
    full = "Trustworthiness 0.983 (0.983–0.983), recall@15 0.39 (0.39–0.39), 15-NN accuracy 0.800 (0.800–0.800); 1,000 queries of n = 10,000"
    assert score_text(SCORES) == full
    unlabelled = {k: v for k, v in SCORES.items() if not k.startswith("knn_accuracy")}
    assert score_text(unlabelled) == full.replace(", 15-NN accuracy 0.800 (0.800–0.800)", "")
    assert score_text({}) == "No scores"
    assert short_scores(SCORES) == "trust .983 · recall@15 .39 · 15-NN .800"
    assert short_scores(unlabelled) == "trust .983 · recall@15 .39"


def test_parameters_in_words() -> None:
    made = draw(RNG.standard_normal((40, 5)), "umap", replace(QUICK, min_dist=0))
    assert parameter_text(made) == "UMAP, 15 neighbours, min. distance 0, 30 epochs, euclidean, PCA to 5 for distances, seed 0"
    made = draw(RNG.standard_normal((40, 5)), "pca")
    assert parameter_text(made).startswith("PCA, axes hold ")


@pytest.mark.parametrize(
    ("trust", "recall", "says"),
    [
        (0.98, 0.4, "Local structure: good, 60 % of the 15 nearest neighbours are not kept;"),
        (0.95, 0.3, "Local structure: good, 70 % of the 15 nearest neighbours are not kept;"),
        (0.98, 0.29, "Local structure: fair, 71 % of the 15 nearest neighbours are not kept;"),
        (0.92, 0.4, "Local structure: fair, 60 % of"),
        (0.8, 0.1, "Local structure: poor, neighbours on the map are often not neighbours and 90 % of the 15 nearest neighbours are not kept;"),
    ],
)
def test_what_may_be_read_off(trust: float, recall: float, says: str) -> None:
    made = draw(RNG.standard_normal((40, 5)), "tsne")
    said = reading(replace(made, scores={**SCORES, "trustworthiness": trust, "recall": recall}))
    assert said.startswith(says)
    assert said.endswith("distances between groups and their sizes: not to be read.")
    assert reading(made) == "Faithfulness was not measured."


def test_a_3d_map_says_that_its_scores_are_not_of_the_picture() -> None:
    flat = replace(draw(RNG.standard_normal((40, 5)), "tsne"), scores=SCORES)
    solid = replace(flat, coords=np.hstack([flat.coords, flat.coords[:, :1]]))
    for text in (reading, caption):
        assert text(solid) == text(flat) + " Scores are of the 3-D map, not of a flat view of it."
    assert ". Trustworthiness 0.983 (" in caption(flat) and ". Local structure" in caption(flat)
