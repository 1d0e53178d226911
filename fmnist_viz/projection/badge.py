"""The words of a map's badge, derived from where its scores stand between shuffled points, PCA and perfect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fmnist_viz.projection.config import SUPERVISED

# The part of a shuffled map's error that is left: at most a tenth is good, at most a quarter fair.
GOOD, FAIR = 0.1, 0.25
DRIFTING = ("tsne", "umap", SUPERVISED)  # methods whose distances between groups are never vouched for


def error(scores: Mapping[str, Any], name: str) -> float:
    """What a score's lower end still lacks, as a share of what shuffled points lack: 0 is perfect, 1 is chance."""
    return float((1.0 - scores[f"{name}_low"]) / (1.0 - scores[f"{name}_chance"]))


def local_word(scores: Mapping[str, Any]) -> str:
    """``good``, ``fair``, ``poor`` or ``none``: may neighbours on the map be taken for neighbours, and the other way round?

    The larger error of trustworthiness (false neighbours) and continuity (missing ones) decides, by its interval's worse end. *Good* also needs
    more neighbours kept than PCA keeps, or half of them: ranks alone forgive a map that keeps hardly any. *None* is a trustworthiness whose
    interval holds that of shuffled points.
    """
    if scores["trustworthiness_low"] <= scores["trustworthiness_chance"]:
        return "none"
    worst = max(error(scores, "trustworthiness"), error(scores, "continuity"))
    kept = scores["recall_low"] > scores.get("recall_pca", 1.0) or scores["recall_low"] >= 0.5
    if worst <= GOOD and kept:
        return "good"
    return "fair" if worst <= FAIR else "poor"


def global_word(scores: Mapping[str, Any], method: str) -> str:
    """``to be read``, ``roughly`` or ``not to be read``: may distances between groups be compared?

    By the same two limits on the error of the triplets. Those of t-SNE and UMAP are never vouched for: nothing in what they
    minimise speaks of them, and another seed moves the groups.
    """
    if method in DRIFTING:
        return "not to be read"
    left = error(scores, "triplet_accuracy")
    return "to be read" if left <= GOOD else "to be read roughly" if left <= FAIR else "not to be read"


def percent(share: float) -> str:
    """``39``, ``7``, ``0.15``: per cent with no more digits than are told apart."""
    return f"{100 * share:.0f}" if share >= 0.0095 or share == 0 else f"{100 * share:.2g}"


def sentence(scores: Mapping[str, Any], method: str) -> str:
    """The badge's one sentence: local structure, then distances between groups, each beside what PCA and shuffled points reach."""
    word = local_word(scores)
    local = "Local structure: none, no better than shuffled points" if word == "none" else f"Local structure: {word}"
    kept = f"{percent(scores['recall'])} % of the {scores['k']} nearest neighbours kept ({against(scores, 'recall', method)})"
    sizes = " and their sizes" if method in DRIFTING else ""
    return f"{local}, {kept}; distances between groups{sizes}: {global_word(scores, method)}"


def against(scores: Mapping[str, Any], name: str, method: str) -> str:
    """``PCA 7 %, shuffled 0.15 %``"""
    said = [f"PCA {percent(scores[f'{name}_pca'])} %"] if f"{name}_pca" in scores and method != "pca" else []
    return ", ".join([*said, f"shuffled {percent(scores[f'{name}_chance'])} %"])
