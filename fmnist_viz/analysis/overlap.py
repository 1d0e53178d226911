"""Overlap of classes, pair by pair: mixed among neighbours in the representation against mixed on the map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.significance import LEVEL, benjamini_hochberg
from fmnist_viz.core.intervals import Z95, wilson

if TYPE_CHECKING:
    import pandas as pd

MOST_PAIRS = 5000  # looked at on one map: all pairs of a hundred classes
LEAST = 10  # points of a class below which nothing is said about it
SEEMS_MIXED, SEEMS_APART = "looks mixed but is separable", "looks separate but is mixed"
MORE, LESS = "looks more mixed than it is", "looks less mixed than it is"
CONSISTENT, TOO_FEW = "consistent", "too few points"
VERDICTS = (SEEMS_MIXED, SEEMS_APART, MORE, LESS, CONSISTENT, TOO_FEW)
_MIXING = ("mixing_representation", "mixing_map")


def mixed_from(k: int) -> float:
    """The mixing from which two classes count as mixed: that of two classes of equal size of which every point has one of its k neighbours in the other."""
    return 2.0 / k if k else float("nan")


@dataclass(frozen=True)
class Overlap:
    """Every pair of classes on one map.

    rows : one mapping per pair, the columns of `frame`;  n : points;  k : neighbours of each.
    """

    representation: str
    method: str
    class_names: tuple[str, ...]
    k: int
    n: int
    rows: tuple[dict[str, Any], ...]

    def frame(self) -> pd.DataFrame:
        """One row per pair a, b.

        ``representation_ab``, ``_ba``, ``map_ab``, ``_ba`` : of the k nearest of a point of the first class that are of either class, the share that
        is of the second, 0..1, each with ``_low`` and ``_high``;
        ``mixing_representation``, ``mixing_map`` : the mean of both directions, each divided by its share if the labels of the two classes were dealt out
        at random: 0 apart, 1 as mixed as can be; with ``_low`` and ``_high``;
        ``difference`` (map - representation) with ``_low``, ``_high``, two-sided ``p``, and ``q`` over the pairs of this map; ``verdict``.
        """
        import pandas as pd

        frame = pd.DataFrame(list(self.rows), columns=None if self.rows else ["a", "b", "n_a", "n_b", "verdict"])
        for place, (name, value) in enumerate((("representation", self.representation), ("method", self.method))):
            frame.insert(place, name, value)
        return frame.assign(k=self.k)

    def of(self, verdict: str) -> list[dict[str, Any]]:
        """The pairs with a verdict, largest difference first."""
        return sorted((row for row in self.rows if row["verdict"] == verdict), key=lambda row: -abs(row["difference"]))

    def sentence(self) -> str:
        """The two verdicts that mislead, with their pairs, or that there are none."""
        if not self.rows:
            return "There is no pair of classes to compare"
        said = []
        for verdict in (SEEMS_MIXED, SEEMS_APART):
            pairs = [f"{row['a']} and {row['b']}" for row in self.of(verdict)]
            if pairs:
                more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
                said.append(f"{verdict}: {', '.join(pairs[:3])}{more}")
        judged = sum(row["verdict"] != TOO_FEW for row in self.rows)
        if said:
            text = "; ".join(said)
            return f"{text[:1].upper()}{text[1:]} (of {judged:,} pairs)"
        return f"No pair of {judged:,} looks mixed but is separable, or looks separate but is mixed" if judged else "Too few points of any pair of classes"


def overlap(
    near: NDArray[np.integer[Any]],
    shown: NDArray[np.integer[Any]],
    labels: NDArray[np.int64],
    class_names: tuple[str, ...],
    *,
    representation: str = "",
    method: str = "",
) -> Overlap:
    """Compare the neighbours of all points in a representation (`near`, int (n, k)) and on its map (`shown`, int (n, k)) for every pair of classes.

    A pair is judged by the paired difference of the same points. Points near one another share neighbours, so they are not independent: variances
    add the products of points that are neighbours in either space to those of single points (Conley 1999), and are never less than those of
    independent points. q is Benjamini and Hochberg's over the pairs in which any neighbour crosses.

    A verdict needs q < .05. *Looks mixed but is separable*: the interval of the mixing lies above `mixed_from(k)` on the map and below it in the
    representation; *looks separate but is mixed* the other way round; *looks more (less) mixed than it is*: the interval of the difference lies
    beyond `mixed_from(k)`. Everything else is consistent. Classes of less than ten points are not judged;
    of more than 5,000 pairs those are left out of which fewest neighbours cross.

    References
    ----------
    T. G. Conley (1999), GMM estimation with cross sectional dependence. Journal of Econometrics 92, 1-45.
    Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 289-300.
    """
    n, k = shown.shape
    if not k:
        return Overlap(representation, method, class_names, 0, n, ())
    near = near[:, :k]
    counts = [_tally(side, labels, len(class_names)) for side in (near, shown)]
    ties = _ties(near, shown)
    members = [np.flatnonzero(labels == c) for c in range(len(class_names))]
    rows = []
    for a, b in _pairs(counts, members):
        row = {"a": class_names[a], "b": class_names[b], "n_a": len(members[a]), "n_b": len(members[b])}
        rows.append({**row, **_pair(counts, ties, members, a, b)})
    return Overlap(representation, method, class_names, k, n, tuple(_judged(rows, mixed_from(k))))


def _pairs(counts: list[NDArray[np.int32]], members: list[NDArray[np.int64]]) -> list[tuple[int, int]]:
    """The pairs of classes that have points, in order; of more than `MOST_PAIRS` those of which most neighbours cross in either space."""
    pairs = list(combinations([c for c, points in enumerate(members) if len(points)], 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    crossing = np.stack([sum(count[points].sum(axis=0) for count in counts) for points in members])
    both = crossing + crossing.T
    kept = np.argsort([-both[pair] for pair in pairs], kind="stable")[:MOST_PAIRS]
    return [pairs[i] for i in np.sort(kept)]


def _tally(near: NDArray[np.integer[Any]], labels: NDArray[np.int64], classes: int) -> NDArray[np.int32]:
    """How many of each point's neighbours are of each class: int32 (n, classes)."""
    n = len(near)
    flat = np.arange(n)[:, None] * classes + labels[near]
    return np.bincount(flat.ravel(), minlength=n * classes).reshape(n, classes).astype(np.int32)


def _ties(*spaces: NDArray[np.integer[Any]]) -> Any:
    """1 for every two points of which one is among the other's neighbours in any of the spaces, and for a point with itself: sparse (n, n)."""
    from scipy.sparse import coo_array, eye_array

    n, k = spaces[0].shape
    here = np.tile(np.repeat(np.arange(n), k), len(spaces))
    there = np.concatenate([space.ravel() for space in spaces])
    one_way = coo_array((np.ones(len(here), np.float64), (here, there)), shape=(n, n)).tocsr()
    both = (one_way + one_way.T + eye_array(n)).tocsr()
    both.data[:] = 1.0
    return both


def _pair(counts: list[NDArray[np.int32]], ties: Any, members: list[NDArray[np.int64]], a: int, b: int) -> dict[str, Any]:
    """Shares, mixing and their difference for one pair of classes."""
    n_a, n_b = len(members[a]), len(members[b])
    points = np.concatenate([members[a], members[b]])
    sides = (slice(0, n_a), slice(n_a, None))
    influence, share, chance = np.zeros((len(points), 4)), np.full(4, np.nan), np.empty(4)
    for s, count in enumerate(counts):
        for d, (own, other, side, n_other) in enumerate(((a, b, sides[0], n_b), (b, a, sides[1], n_a))):
            crossing = count[points[side], other].astype(np.float64)
            total = crossing + count[points[side], own]
            at = 2 * s + d
            chance[at] = n_other / (n_a + n_b - 1)
            if total.sum():
                share[at] = crossing.sum() / total.sum()
                influence[side, at] = (crossing - share[at] * total) / total.sum()
    row: dict[str, Any] = {}
    if not np.isfinite(share).all() or min(n_a, n_b) < LEAST:
        return {**{name: float("nan") for name in _columns()}, "crossing": False}
    dependent = influence.T @ (ties[points][:, points] @ influence) if share.any() else np.zeros((4, 4))
    independent = influence.T @ influence
    weights = dict(zip(("representation_ab", "representation_ba", "map_ab", "map_ba"), np.eye(4), strict=True))
    weights |= {name: np.concatenate([0.5 / chance[:2] * (s == 0), 0.5 / chance[2:] * (s == 1)]) for s, name in enumerate(_MIXING)}
    for name, w in weights.items():
        value, spread = float(w @ share), _spread(w, dependent, independent)
        low, high = max(value - Z95 * spread, 0.0), value + Z95 * spread
        if value == 0:  # no crossing seen: a count of points tells how rare it may still be
            high = float(wilson(0, min(n_a, n_b))[1])
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    w = weights["mixing_map"] - weights["mixing_representation"]
    return {**row, **_difference(float(w @ share), _spread(w, dependent, independent)), "crossing": bool(share.any())}


def _spread(w: NDArray[np.float64], dependent: NDArray[np.float64], independent: NDArray[np.float64]) -> float:
    """Standard error of a weighted sum; sums over neighbours may come out below that of independent points, or below 0."""
    return math.sqrt(max(float(w @ dependent @ w), float(w @ independent @ w), 0.0))


def _difference(value: float, spread: float) -> dict[str, float]:
    from scipy.stats import norm

    p = float(2 * norm.sf(abs(value) / spread)) if spread > 0 else 1.0 if value == 0 else 0.0
    return {"difference": value, "difference_low": value - Z95 * spread, "difference_high": value + Z95 * spread, "p": p}


def _columns() -> Iterator[str]:
    for name in ("representation_ab", "representation_ba", "map_ab", "map_ba", *_MIXING, "difference"):
        yield from (name, f"{name}_low", f"{name}_high")
    yield "p"


def _judged(rows: list[dict[str, Any]], mixed: float) -> Iterator[dict[str, Any]]:
    """The rows with q and verdict."""
    if not rows:
        return
    q = benjamini_hochberg([1.0 if row["p"] != row["p"] else row["p"] for row in rows], np.array([row["crossing"] for row in rows]))
    for row, adjusted in zip(rows, q, strict=True):
        yield {**{name: value for name, value in row.items() if name != "crossing"}, "q": float(adjusted), "verdict": _verdict(row, adjusted, mixed)}


def _verdict(row: dict[str, Any], q: float, mixed: float) -> str:
    if row["difference"] != row["difference"]:
        return TOO_FEW
    if not q < LEVEL:
        return CONSISTENT
    if row["mixing_representation_high"] < mixed < row["mixing_map_low"]:
        return SEEMS_MIXED
    if row["mixing_map_high"] < mixed < row["mixing_representation_low"]:
        return SEEMS_APART
    return MORE if row["difference_low"] > mixed else LESS if row["difference_high"] < -mixed else CONSISTENT
