"""`fmnist-viz models`: the presets with their articles and what those reported."""

from __future__ import annotations

from fmnist_viz.models.articles import articles, reported
from fmnist_viz.models.zoo import PRESETS, Preset

WIDTH = 18


def lines() -> list[str]:
    """A block per preset: parameters, what it is, the article's recipe, whose it is and what was reported."""
    found = ["Parameters are for 28×28×1 images of 10 classes. --recipe plain trains any of them alike; --recipe article as its author did.", ""]
    for row in PRESETS.values():
        found += block(row)
    return found


def block(row: Preset) -> list[str]:
    """One preset."""
    pad = " " * WIDTH
    found = [f"{row.name:{WIDTH}s}{row.parameters:>9,} parameters; {row.summary}", f"{pad}recipe article: {row.article.words()}"]
    authors = [a.author for a in articles() if row.name in a.systems]
    if authors:
        found.append(f"{pad}article: {', '.join(authors)}")
    said = []
    for stage in ("plain", "augmented"):
        accuracies = [(r.test_accuracy, r.anchor or r.source) for r in reported(row.name, stage) if r.test_accuracy is not None]
        said += [f"{100 * value:g} % ({stage} stage; {whose})" if stage == "augmented" else f"{100 * value:g} % ({whose})" for value, whose in accuracies[:1]]
    found.append(f"{pad}reported test accuracy: {', '.join(said) if said else 'none'}" if authors else f"{pad}our own: no article describes it")
    return [*found, ""]
