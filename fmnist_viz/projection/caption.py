"""A projection in words: the same values and scores in every caption, table and view name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fmnist_viz.core.types import Projection

METHOD_NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
_SHOWN = {  # parameter -> how it is said; the order is the order of the caption
    "perplexity": "perplexity {:g}", "n_neighbors": "{} neighbours", "min_dist": "min. distance {:g}", "n_iter": "{} iterations", "n_epochs": "{} epochs",
    "metric": "{}", "metric_note": "{}", "pca_dims": "PCA to {} for distances", "duplicates": "{:,} duplicate rows", "lowered": "lowered to fit n: {}",
}  # fmt: skip


def parameter_text(projection: Projection) -> str:
    """``t-SNE, perplexity 30, 500 iterations, euclidean, PCA to 50 for distances, seed 0``."""
    p = projection.parameters
    words = [METHOD_NAMES.get(projection.method, projection.method)]
    words += [text.format(p[name]) for name, text in _SHOWN.items() if p.get(name) is not None]
    if projection.method == "pca" and p.get("variance"):
        words.append("axes hold " + " + ".join(f"{100 * v:.1f} %" for v in p["variance"][: projection.coords.shape[1]]) + " of the variance")
    return ", ".join([*words, f"seed {projection.seed}"])


def score_text(scores: Mapping[str, Any]) -> str:
    """``Trustworthiness 0.983 (0.982–0.984), recall@15 0.39 (0.38–0.40), 15-NN accuracy 0.800 (0.792–0.808); 1,000 queries of n = 10,000``."""
    if not scores:
        return "No scores"
    k = scores["k"]

    def one(label: str, name: str, digits: int) -> str:
        value, low, high = (f"{scores[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
        return f"{label} {value} ({low}–{high})"

    parts = [one("Trustworthiness", "trustworthiness", 3), one(f"recall@{k}", "recall", 2)]
    if "knn_accuracy" in scores:  # maps of weights have no labels to score
        parts.append(one(f"{k}-NN accuracy", "knn_accuracy", 3))
    return f"{', '.join(parts)}; {scores['queries']:,} queries of n = {scores['n']:,}"


def short_scores(scores: Mapping[str, Any]) -> str:
    """``trust .983 · recall@15 .39 · 15-NN .800``: the same scores where there is room for one line; empty where nothing was measured."""
    if not scores:
        return ""

    def short(name: str, digits: int) -> str:
        text = f"{scores[name]:.{digits}f}"
        return text[1:] if text.startswith("0.") else text

    parts = [f"trust {short('trustworthiness', 3)}", f"recall@{scores['k']} {short('recall', 2)}"]
    if "knn_accuracy" in scores:
        parts.append(f"{scores['k']}-NN {short('knn_accuracy', 3)}")
    return " · ".join(parts)


def reading(projection: Projection) -> str:
    """What may be read off the map, in plain words.

    The words follow trustworthiness (Venna & Kaski 2001) and neighbour recall: thresholds are conventions of this
    program, stated in docs/architecture.md, and the share of lost neighbours is said beside the word, for a threshold
    hides how near a map is to it. Distances between groups are never vouched for in t-SNE and UMAP.
    """
    if projection.note:
        return projection.note
    scores = projection.scores
    if not scores:
        return "Faithfulness was not measured."
    trust, recall = scores["trustworthiness"], scores["recall"]
    lost = f"{100 * (1 - recall):.0f} % of the {scores['k']} nearest neighbours are not kept"
    if trust >= 0.95 and recall >= 0.3:
        local = f"Local structure: good, {lost}"
    elif trust >= 0.9:
        local = f"Local structure: fair, {lost}"
    else:
        local = f"Local structure: poor, neighbours on the map are often not neighbours and {lost}"
    # Every picture of ours is flat; in the third axis points may be near that look far apart here.
    solid = " Scores are of the 3-D map, not of a flat view of it." if projection.coords.shape[1] > 2 else ""
    if projection.method == "pca":
        shares = projection.parameters.get("variance") or ()
        return f"{local}; axes are linear and show {100 * sum(shares[: projection.coords.shape[1]]):.0f} % of the variance.{solid}"
    return f"{local}; distances between groups and their sizes: not to be read.{solid}"


def caption(projection: Projection) -> str:
    """Everything a figure's caption must say: representation, method, values, n, scores, reading."""
    if projection.note:
        return f"{projection.representation}: {METHOD_NAMES.get(projection.method, projection.method)}. {projection.note}"
    return f"{projection.representation}, n = {len(projection.coords):,}: {parameter_text(projection)}. {score_text(projection.scores)}. {reading(projection)}"
