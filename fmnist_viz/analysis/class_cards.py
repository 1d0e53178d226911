"""A card per class: its figures, what it is mixed up with, its typical, hardest and confidently wrong images, calibration and spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.confusion import Confusion, confusion
from fmnist_viz.core.intervals import Z95, mean_interval, wilson
from fmnist_viz.core.types import Predictions

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 6  # images of each kind
PARTNERS = 3  # classes that are named
LEAST = 10  # points of a class below which its spread is not measured
SPREAD = (
    "median distance of a class's points from their median point, divided by that of all points from theirs: 1 is as wide as everything; "
    "interval from the order statistics of the class's distances (binomial)"
)
CALIBRATION = "of the images taken for the class: mean confidence less the share that is right, normal interval"


@dataclass(frozen=True)
class Partner:
    """Another class that this one is taken for (share of this class's images), or that is taken for it (share of all images taken for this class)."""

    other: int
    count: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.count / self.n


@dataclass(frozen=True)
class ClassCard:
    """figures : the row of `Confusion.per_class`;  taken_for, takes : most frequent first
    typical : int64 rows, right ones nearest to the class's mean vector;  hardest : right ones of smallest lead;  wrong : its images most confidently wrong
    confidence, right, gap : (value, low, high) over the `told` images taken for it, or None;  spread : map -> (value, low, high)
    """

    label: int
    figures: Mapping[str, Any]
    taken_for: tuple[Partner, ...]
    takes: tuple[Partner, ...]
    typical: NDArray[np.int64]
    hardest: NDArray[np.int64]
    wrong: NDArray[np.int64]
    told: int
    confidence: tuple[float, float, float] | None
    right: tuple[float, float, float] | None
    gap: tuple[float, float, float] | None
    spread: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True)
class ClassCards:
    """One card per class, in the order of the classes. layer : where typical images are sought; empty: nowhere."""

    cards: tuple[ClassCard, ...]
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    layer: str
    has_proba: bool

    def frame(self) -> pd.DataFrame:
        """One row per class: the columns of `Confusion.per_class`; taken_for, takes (names with counts, most frequent first); typical, hardest,
        confidently_wrong (ids); told, confidence, gap (calibration, with _low and _high); ``spread_<map>`` with _low and _high.
        """
        import pandas as pd

        rows = []
        for card in self.cards:
            row = dict(card.figures)
            for name in ("taken_for", "takes"):
                row[name] = "; ".join(f"{self.class_names[p.other]} {p.count} of {p.n} ({p.low:.4f}-{p.high:.4f})" for p in getattr(card, name))
            for name, found in (("typical", card.typical), ("hardest", card.hardest), ("confidently_wrong", card.wrong)):
                row[name] = " ".join(self.sample_ids[found].tolist())
            row["told"] = card.told
            for name, value in (("confidence", card.confidence), ("gap", card.gap), *((f"spread_{k}", v) for k, v in card.spread.items())):
                row |= {f"{name}{end}": v for end, v in zip(("", "_low", "_high"), value or (float("nan"),) * 3, strict=True)}
            rows.append(row)
        return pd.DataFrame(rows)


def class_cards(predictions: Predictions, X: NDArray[np.float32] | None, maps: Mapping[str, NDArray[np.float32]], *, layer: str = "") -> ClassCards:
    """A card for every class.

    X : float32 (n, d), the layer in which typical images are sought, or None;  maps : name -> float32 (n, 2)
    """
    counted = confusion(predictions)
    figures = counted.per_class().to_dict("records")
    reach = {name: _reach(xy) for name, xy in maps.items()}
    sound = X is not None and bool(np.isfinite(X).all())
    cards = tuple(_card(c, figures[c], counted, predictions, X if sound else None, maps, reach) for c in range(len(predictions.class_names)))
    return ClassCards(cards, predictions.class_names, predictions.sample_ids, layer if sound else "", predictions.has_proba)


def _card(
    c: int, figures: Mapping[Any, Any], counted: Confusion, p: Predictions, X: NDArray[np.float32] | None, maps: Mapping[str, NDArray[np.float32]],
    reach: Mapping[str, float],
) -> ClassCard:  # fmt: skip
    own, taken = p.y_true == c, p.y_pred == c
    right, wrong = np.flatnonzero(own & taken), np.flatnonzero(own & ~taken)
    typical, hardest = np.zeros(0, np.int64), np.zeros(0, np.int64)
    if X is not None and len(right):
        away = np.linalg.norm(X[right].astype(np.float64) - X[own].mean(axis=0, dtype=np.float64), axis=1)
        typical = right[np.argsort(away, kind="stable")[:SHOWN]]
    confidence = told = gap = None
    n_told = int(taken.sum())
    if p.has_proba:
        hardest = right[np.argsort(-p.margin[right], kind="stable")[:SHOWN]]
        wrong = wrong[np.argsort(-p.margin[wrong], kind="stable")]
        if n_told:
            sure, hit = p.confidence[taken].astype(np.float64), p.correct[taken]
            low, high = wilson(int(hit.sum()), n_told)
            confidence, told, gap = mean_interval(sure), (float(hit.mean()), float(low), float(high)), mean_interval(sure - hit)
    spread = {name: found for name, xy in maps.items() if (found := _spread(xy[own], reach[name])) is not None}
    partners = (_partners(counted.counts[c], c, int(own.sum())), _partners(counted.counts[:, c], c, n_told))
    return ClassCard(c, {str(k): v for k, v in figures.items()}, *partners, typical, hardest, wrong[:SHOWN], n_told, confidence, told, gap, spread)


def _partners(counts: NDArray[np.int64], own: int, n: int) -> tuple[Partner, ...]:
    order = [int(k) for k in np.argsort(-counts, kind="stable") if k != own and counts[k]][:PARTNERS]
    bounds = [wilson(counts[k], n) for k in order]
    return tuple(Partner(k, int(counts[k]), n, float(low), float(high)) for k, (low, high) in zip(order, bounds, strict=True))


def _distances(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    points = xy.astype(np.float64)
    return np.asarray(np.linalg.norm(points - np.median(points, axis=0), axis=1), np.float64)


def _reach(xy: NDArray[np.float32]) -> float:
    return float(np.median(_distances(xy))) if len(xy) else 0.0


def _spread(xy: NDArray[np.float32], reach: float) -> tuple[float, float, float] | None:
    """Median distance over `reach`, between the order statistics that hold the median in 95 % of all samples (normal approximation of the binomial)."""
    n = len(xy)
    if n < LEAST or reach <= 0:
        return None
    away = np.sort(_distances(xy)) / reach
    half = Z95 * np.sqrt(n) / 2
    low, high = max(int(np.floor(n / 2 - half)) - 1, 0), min(int(np.ceil(n / 2 + half)), n - 1)
    return float(np.median(away)), float(away[low]), float(away[high])
