"""The table of facts that a dossier's text is made of: each number once, with its interval, n and method, and the words in which it is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis import class_pairs, dossier_axis, dossier_epochs, dossier_evidence, dossier_places
from fmnist_viz.analysis.dossier import NARROW, SURE
from fmnist_viz.core.intervals import wilson

if TYPE_CHECKING:
    from fmnist_viz.analysis.dossier import Dossier

WILSON = "Wilson, 95 %"
NAN = float("nan")


@dataclass(frozen=True)
class Fact:
    """kind: "share" (0..1, said in percent), "count", "p", "number" (two decimals) or "logits"."""

    name: str
    value: float
    kind: str
    low: float = NAN
    high: float = NAN
    n: int = 0
    method: str = ""

    @property
    def short(self) -> str:
        """The value alone."""
        if self.value != self.value:
            return "unknown"
        if self.kind == "share":
            return f"{100 * self.value:.1f} %"
        if self.kind == "count":
            return f"{int(self.value):,}"
        if self.kind == "p":
            return "p < 0.001" if self.value < 0.001 else f"p = {self.value:.3f}"
        return f"{self.value:.2f}"

    @property
    def text(self) -> str:
        """The value with its interval."""
        if self.low != self.low or self.value != self.value:
            return self.short
        low, high = (f"{100 * v:.1f}" if self.kind == "share" else f"{v:.2f}" for v in (self.low, self.high))
        to = " to " if self.low < 0 else "–"
        return f"{self.short} (95 % interval {low}{to}{high})"


def facts(d: Dossier) -> dict[str, Fact]:
    """Every fact by its name, in the order of the text."""
    found = (*_rates(d), *_layers(d), *(fact for side in (0, 1) for fact in _side(d, side)))
    return {fact.name: fact for fact in found}


def arrow(d: Dossier, side: int) -> str:
    """``Pullover → Coat``"""
    a, b = d.names if side == 0 else d.names[::-1]
    return f"{a} → {b}"


def _share(name: str, count: int, n: int, method: str = WILSON) -> Iterator[Fact]:
    low, high = wilson(count, n)
    yield Fact(f"{name}: count", count, "count", n=n)
    yield Fact(f"{name}: of", n, "count", n=n)
    yield Fact(f"{name}: share", count / n if n else NAN, "share", float(low), float(high), n, method)


def _rates(d: Dossier) -> Iterator[Fact]:
    yield Fact("mistakes", d.count, "count", n=d.count)
    if d.suspects and d.count:
        yield from _share("suspected labels", len(d.suspects), d.count)
    yield Fact("both rates equal", d.p, "p", n=sum(one.n for one in d.directions), method="Fisher's exact test, two-sided, of this pair alone")
    for one, side in zip(d.directions, (0, 1), strict=True):
        yield from _share(arrow(d, side), one.count, one.n)
    margins = [one.margin for one in d.directions if one.margin is not None]
    if len(margins) == 2 and d.count:
        both = np.concatenate(margins)
        yield Fact("narrow below", NARROW, "number", method="margin: probability of the predicted class less that of the true one")
        yield Fact("confident from", SURE, "number", method="margin, likewise")
        yield from _share("narrow mistakes", int((both < NARROW).sum()), d.count)
        yield from _share("confident mistakes", int((both >= SURE).sum()), d.count)


def _layers(d: Dossier) -> Iterator[Fact]:
    if d.axis is not None:
        s = d.axis.separation
        method = "area under the ROC curve on held-out images, DeLong, at least Newcombe's; " + dossier_axis.METHOD
        yield Fact("axis: AUC", s.auc, "number", s.low, s.high, s.left + s.right, method)
        yield Fact("axis: folds", s.folds, "count")
    if d.rung is not None:
        rung = d.rung
        yield Fact("layers: held-out images", rung.n, "count", n=rung.n)
        for what, i in (("best", rung.best), ("first", 0), ("apart", rung.separates_at)):
            if i >= 0:
                yield from _share(f"layers: {what}, {rung.layers[i]}", int(rung.right[i]), rung.n, f"{WILSON}; {class_pairs.METHOD}")
    if d.epochs is not None:
        e = d.epochs
        low, high = e.intervals
        yield Fact("epochs: images", e.n, "count", n=e.n)
        for what, i in (("level", e.level_at), ("last", len(e.epochs) - 1)):
            yield Fact(f"epochs: {what}", e.epochs[i], "count", n=e.n, method=dossier_epochs.METHOD)
            yield Fact(f"epochs: {what}, share", e.right[i] / e.n, "share", float(low[i]), float(high[i]), e.n, f"{WILSON}; {dossier_epochs.METHOD}")


def _side(d: Dossier, side: int) -> Iterator[Fact]:
    one, who = d.directions[side], arrow(d, side)
    if not one.count:
        return
    if (near := d.nearest[side]) is not None and near.closer[1]:
        yield from _share(f"{who}: nearest right image is of the predicted class", *near.closer, f"{WILSON}; {near.pool}, {near.space}")
    if d.axis is not None:
        beyond = int((d.positions(side) > 0.5).sum())
        yield from _share(f"{who}: beyond the middle of the axis", beyond, one.count, f"{WILSON}; {dossier_axis.METHOD}")
    for pair in d.places:
        place = pair[side]
        where = " ".join(filter(None, (place.representation, place.method)))
        yield Fact(f"{who}: neighbours in {where}", place.k, "count", n=one.count)
        for kind, count in zip(dossier_places.KINDS, place.counts.tolist(), strict=True):
            yield from _share(f"{who}: in {where} {kind}", count, one.count, f"{WILSON}; {dossier_places.METHOD}")
    if (evidence := d.evidence[side]) is not None and len(evidence.rows):
        m = len(evidence.rows)
        yield Fact(f"{who}: evidence asked of", m, "count", n=m, method=dossier_evidence.METHOD)
        yield Fact(f"{who}: covered pixels", evidence.covered, "count", n=m)
        for what, values in (("strongest", evidence.strongest), ("random", evidence.random)):
            yield Fact(f"{who}: lead lost by {what}", float(values.mean()), "logits", n=m, method=dossier_evidence.CHECK)
        yield Fact(f"{who}: strongest less random", *_spread(evidence.gain), m, dossier_evidence.CHECK)


def _spread(values: tuple[float, float, float]) -> tuple[float, str, float, float]:
    value, low, high = values
    return value, "logits", low, high
