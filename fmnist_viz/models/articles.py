"""The numbers that the authors of five articles reported, read from `articles.toml`, each with the place that it comes from."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Direction = Literal["inside", "better", "worse", "always"]
OPTION = "option "  # of a condition: the rest is looked for in the text of the differing options
CONDITIONS = ("", "dead", "alive", "several seeds", "training below validation", "scaled once and twice")


@dataclass(frozen=True)
class NamedConfusion:
    """A cell of a confusion matrix that an article names: the share (0..1) of class `true` that was taken for `predicted`."""

    true: str
    predicted: str
    rate: float
    note: str = ""


@dataclass(frozen=True)
class Seconds:
    """Seconds per epoch as reported: median, and lowest and highest where they are known."""

    median: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Reported:
    """What one article reports of one stage of one system. None: nothing was reported.

    `stage` is "plain" or "augmented"; `epochs` are those of the training in all up to the end of the stage; accuracies are shares 0..1 known
    to within half of `rounding`; `per_class` maps a class name to (precision, recall, F1). `anchor` says whose numbers stand in where the
    article itself gives none (empty: its own).
    """

    article: str  # key of the Article
    preset: str
    stage: Literal["plain", "augmented"]
    source: str
    n_test: int
    epochs: int
    sources: Mapping[str, str] = field(default_factory=dict)
    anchor: str = ""
    test_accuracy: float | None = None
    test_loss: float | None = None
    rounding: float = 0.0
    train_loss: float | None = None
    train_accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    per_class: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    confusions: tuple[NamedConfusion, ...] = ()
    seconds: Seconds | None = None
    machine: str = ""
    caveats: tuple[str, ...] = ()

    def source_of(self, name: str) -> str:
        """Where the number in the field `name` comes from."""
        return self.sources.get(name, self.source)


@dataclass(frozen=True)
class Article:
    """An article and the systems (presets) that it describes. Author and title in brackets are descriptions: the real ones were not recorded."""

    key: str
    author: str
    title: str
    date: str
    citation: str
    systems: tuple[str, ...]
    reported: tuple[Reported, ...]


@dataclass(frozen=True)
class Why:
    """A known explanation, to be given where the verdict is `direction` (or always) and `condition` holds in the runs; an empty stage stands for every one."""

    preset: str
    direction: Direction
    condition: str
    text: str
    stage: str = ""


def articles() -> tuple[Article, ...]:
    """All articles, in the order of the file."""
    return _read()[0]


def article(key: str) -> Article:
    """The article with that key; raises KeyError where there is none."""
    return {one.key: one for one in articles()}[key]


def reported(preset: str, stage: str) -> tuple[Reported, ...]:
    """What was reported of a stage of a system; an article's own numbers come before those that stand in for missing ones."""
    found = [r for one in articles() for r in one.reported if (r.preset, r.stage) == (preset, stage)]
    return tuple(sorted(found, key=lambda r: (bool(r.anchor), r.test_accuracy is None)))


def reasons(preset: str, stage: str) -> tuple[Why, ...]:
    """The known explanations for a stage of a system, whatever their conditions."""
    return tuple(why for why in _read()[1] if why.preset == preset and why.stage in ("", stage))


@functools.cache
def _read() -> tuple[tuple[Article, ...], tuple[Why, ...]]:
    content = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return tuple(_article(entry) for entry in content["article"]), tuple(Why(**entry) for entry in content["why"])


def _article(entry: Mapping[str, Any]) -> Article:
    own = {name: value for name, value in entry.items() if name not in ("systems", "reported")}
    return Article(**own, systems=tuple(entry["systems"]), reported=tuple(_reported(entry["key"], r) for r in entry["reported"]))


def _reported(key: str, entry: Mapping[str, Any]) -> Reported:
    made = dict(entry)
    made["caveats"] = tuple(entry.get("caveats", ()))
    made["confusions"] = tuple(NamedConfusion(**cell) for cell in entry.get("confusions", ()))
    made["per_class"] = {name: (p, r, f1) for name, (p, r, f1) in entry.get("per_class", {}).items()}
    made["seconds"] = Seconds(**entry["seconds"]) if "seconds" in entry else None
    return Reported(article=key, **made)
