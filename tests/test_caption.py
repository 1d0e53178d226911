"""A map in words: every value that made it, every score, and what may be read off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import QUICK, draw

from fmnist_viz.projection.caption import parameter_text, reading, score_text

RNG = np.random.default_rng(0)

SCORES = {"k": 15, "queries": 1000, "n": 10_000, "trustworthiness": 0.983, "recall": 0.39, "knn_accuracy": 0.8}
SCORES |= {f"{name}_{end}": SCORES[name] for name in ("trustworthiness", "recall", "knn_accuracy") for end in ("low", "high")}


def test_scores_in_words() -> None:
    full = "trustworthiness 0.983 (0.983–0.983), recall@15 0.39 (0.39–0.39), 15-NN accuracy 0.800 (0.800–0.800); 1,000 queries of n = 10,000"
    assert score_text(SCORES) == full
    unlabelled = {k: v for k, v in SCORES.items() if not k.startswith("knn_accuracy")}
    assert score_text(unlabelled) == full.replace(", 15-NN accuracy 0.800 (0.800–0.800)", "")
    assert score_text({}) == "no scores"


def test_parameters_in_words() -> None:
    made = draw(RNG.standard_normal((40, 5)), "umap", replace(QUICK, min_dist=0))
    assert parameter_text(made) == "UMAP, 15 neighbours, min. distance 0, 30 epochs, euclidean, PCA to 5 for distances, seed 0"
    made = draw(RNG.standard_normal((40, 5)), "pca")
    assert parameter_text(made).startswith("PCA, axes hold ")


@pytest.mark.parametrize(
    ("trust", "recall", "says"),
    [
        (0.98, 0.4, "Local structure: good"),
        (0.98, 0.2, "Local structure: fair, most exact neighbours are lost"),
        (0.92, 0.4, "Local structure: fair"),
        (0.8, 0.1, "Local structure: poor"),
    ],
)
def test_what_may_be_read_off(trust: float, recall: float, says: str) -> None:
    made = draw(RNG.standard_normal((40, 5)), "tsne")
    said = reading(replace(made, scores={**SCORES, "trustworthiness": trust, "recall": recall}))
    assert said.startswith(says)
    assert said.endswith("distances between groups and their sizes: not to be read.")
    assert reading(made) == "Faithfulness was not measured."
