"""A projection in words: the same values and scores in every caption, table and view name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fmnist_viz.core.types import Projection
from fmnist_viz.projection.badge import sentence
from fmnist_viz.projection.config import SUPERVISED

METHOD_NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP", SUPERVISED: "Supervised UMAP"}
_SHOWN = {  # parameter -> how it is said; the order is the order of the caption
    "labels": "{}",
    "perplexity": "perplexity {:g}", "n_neighbors": "{} neighbours", "min_dist": "min. distance {:g}", "n_iter": "{} iterations", "n_epochs": "{} epochs",
    "metric": "{}", "metric_note": "{}", "pca_dims": "PCA to {} for distances", "graph": "{}",
    "duplicates": "{:,} duplicate rows", "lowered": "lowered to fit n: {}",
}  # fmt: skip


def parameter_text(projection: Projection) -> str:
    """``t-SNE, perplexity 30, 500 iterations, euclidean, PCA to 50 for distances, seed 0``."""
    p = projection.parameters
    words = [METHOD_NAMES.get(projection.method, projection.method)]
    words += [text.format(p[name]) for name, text in _SHOWN.items() if p.get(name) is not None]
    if p.get("components"):
        words.append("components " + ", ".join(map(str, p["components"])))
    if projection.method == "pca" and p.get("variance"):
        words.append("axes hold " + " + ".join(f"{100 * v:.1f} %" for v in p["variance"][: projection.coords.shape[1]]) + " of the variance")
    return ", ".join([*words, f"seed {projection.seed}"])


FIGURES = {  # the badge's three: in full, in few signs, digits
    "trustworthiness": ("trustworthiness", "trust", 3),
    "recall": ("recall@{k}", "recall@{k}", 2),
    "triplet_accuracy": ("random triplets", "triplets", 2),
}


def score_text(scores: Mapping[str, Any]) -> str:
    """The badge's three figures, each with its interval and its two yardsticks, and how they were sampled.

    ``Trustworthiness 0.983 (0.982–0.984; PCA 0.913, shuffled 0.500), recall@15 ..., random triplets ...; 1,000 queries of n = 10,000, 100 triplets each ...``
    """
    if not scores:
        return "No scores"

    def one(name: str, label: str, digits: int) -> str:
        value, low, high = (f"{scores[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
        ends = (("PCA", "_pca"), ("shuffled", "_chance"))
        yardsticks = ", ".join(f"{word} {_plain(scores[name + end], digits)}" for word, end in ends if name + end in scores)
        return f"{label.format(**scores)} {value} ({low}–{high}{'; ' if yardsticks else ''}{yardsticks})"

    said = ", ".join(one(name, long, digits) for name, (long, _, digits) in FIGURES.items() if name in scores)
    how = f"{scores['queries']:,} queries of n = {scores['n']:,}"
    if "triplets" in scores:
        how += f", {scores['triplets']:,} triplets each, seed {scores['seed']}"
    return f"{said[:1].upper()}{said[1:]}; {how}"


def _plain(value: float, digits: int) -> str:
    """``0.91``; ``0.0015`` where two digits would be none."""
    return f"{value:.{digits}f}" if value >= 0.005 or value == 0 else f"{value:.2g}"


def short_scores(scores: Mapping[str, Any]) -> str:
    """``trust .983 · recall@15 .39 · triplets .74``: the same figures where there is room for one line; empty where nothing was measured."""

    def short(name: str, digits: int) -> str:
        text = f"{scores[name]:.{digits}f}"
        return text[1:] if text.startswith("0.") else text

    return " · ".join(f"{label.format(**scores)} {short(name, digits)}" for name, (_, label, digits) in FIGURES.items() if name in scores)


def reading(projection: Projection) -> str:
    """What may be read off the map, in plain words: the badge's one sentence (see `badge`). Never raises for a map without scores."""
    if projection.note:
        return projection.note
    scores = projection.scores
    if not scores:
        return "Faithfulness was not measured."
    said = sentence(scores, projection.method)
    # Every picture of ours is flat; in the third axis points may be near that look far apart here.
    solid = " Scores are of the 3-D map, not of a flat view of it." if projection.coords.shape[1] > 2 else ""
    if projection.method == SUPERVISED:
        said += "; labels were used, so that classes lie apart is no finding"
    shares = projection.parameters.get("variance") or ()
    if projection.method == "pca" and len(shares):
        return f"{said}; axes are linear and show {100 * sum(shares[: projection.coords.shape[1]]):.0f} % of the variance.{solid}"
    return f"{said}.{solid}"


def caption(projection: Projection) -> str:
    """Everything a figure's caption must say: representation, method, values, n, scores, reading."""
    if projection.note:
        return f"{projection.representation}: {METHOD_NAMES.get(projection.method, projection.method)}. {projection.note}"
    return f"{projection.representation}, n = {len(projection.coords):,}: {parameter_text(projection)}. {score_text(projection.scores)}. {reading(projection)}"
