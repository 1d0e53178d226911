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
    """``trustworthiness .983 (.982–.984), recall@15 .39 (.38–.40), 15-NN accuracy .80 (.79–.81); 1,000 queries of n = 10,000``."""
    if not scores:
        return "no scores"
    k = scores["k"]

    def one(label: str, name: str, digits: int) -> str:
        value, low, high = (f"{scores[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
        return f"{label} {value} ({low}–{high})"

    parts = [one("trustworthiness", "trustworthiness", 3), one(f"recall@{k}", "recall", 2)]
    if "knn_accuracy" in scores:  # maps of weights have no labels to score
        parts.append(one(f"{k}-NN accuracy", "knn_accuracy", 3))
    return f"{', '.join(parts)}; {scores['queries']:,} queries of n = {scores['n']:,}"


def reading(projection: Projection) -> str:
    """One plain sentence on what may be read off the map.

    The words follow trustworthiness (Venna & Kaski 2001) and neighbour recall: thresholds are conventions of this
    program, stated in docs/architecture.md. Distances between groups are never vouched for in t-SNE and UMAP.
    """
    if projection.note:
        return projection.note
    scores = projection.scores
    if not scores:
        return "Faithfulness was not measured."
    trust, recall = scores["trustworthiness"], scores["recall"]
    if trust >= 0.95 and recall >= 0.3:
        local = "Local structure: good"
    elif trust >= 0.9:
        local = "Local structure: fair, most exact neighbours are lost" if recall < 0.3 else "Local structure: fair"
    else:
        local = "Local structure: poor, neighbours on the map are often not neighbours"
    if projection.method == "pca":
        shares = projection.parameters.get("variance") or ()
        return f"{local}; axes are linear and show {100 * sum(shares[: projection.coords.shape[1]]):.0f} % of the variance."
    return f"{local}; distances between groups and their sizes: not to be read."


def caption(projection: Projection) -> str:
    """Everything a figure's caption must say: representation, method, values, n, scores, reading."""
    if projection.note:
        return f"{projection.representation}: {METHOD_NAMES.get(projection.method, projection.method)}. {projection.note}"
    return f"{projection.representation}, n = {len(projection.coords):,}: {parameter_text(projection)}. {score_text(projection.scores)}. {reading(projection)}"
