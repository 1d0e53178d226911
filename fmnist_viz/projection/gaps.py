"""The gap between two classes on a map, in steps: how much farther their borders lie from each other than from their own points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.neighbors import exact_neighbors
from fmnist_viz.projection.yardstick import K, neighborhood

STEP = 5  # neighbours that a step leads to: the nearest one alone would be a matter of chance
LEAST = 10  # points of a class on a map below which nothing is said about it
# Two halves of one evenly filled square have 1.2 to 1.5 steps, two round clouds that run into each other 2.3 to 2.8, with room between them 4 and more.
APART_FROM = 3.0
APART, TOUCHING, MIXED, UNKNOWN = "apart", "touching", "mixed", "too few points"
VERDICTS = (APART, TOUCHING, MIXED, UNKNOWN)
MOST_PAIRS = 435  # all pairs of thirty classes


def mixed_from(k: int) -> float:
    """The mixing from which two classes count as mixed: that of two classes of equal size of which every point has one of its k neighbours in the other."""
    return 2.0 / k if k else float("nan")


@dataclass(frozen=True)
class Gaps:
    """Every pair of classes on one map.

    pairs : int64 (p, 2), class numbers a < b
    log2 : float64 (p,), logarithm to base 2 of the gap in steps: 0 where the border of one class is no farther from the other than from itself;
        NaN where either class has less than ten points
    mixing : float64 (p,), 0 apart, 1 as if labels had been dealt out at random
    distance : float64 (c, c), from border to border in map units, NaN on the diagonal and where nothing was measured
    k : int64 (p,), neighbours that mixing looks at
    """

    pairs: NDArray[np.int64]
    log2: NDArray[np.float64]
    mixing: NDArray[np.float64]
    distance: NDArray[np.float64]
    k: NDArray[np.int64]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """*mixed* from `mixed_from(k)` on; else *apart* from three steps on; else *touching*."""
        return tuple(_verdict(gap, mix, k) for gap, mix, k in zip(self.log2, self.mixing, self.k.tolist(), strict=True))

    @property
    def nearest(self) -> NDArray[np.int64]:
        """The class whose border is nearest to that of each class: int64 (c,), -1 where none was measured."""
        known = np.isfinite(self.distance)
        return np.where(known.any(axis=1), np.where(known, self.distance, np.inf).argmin(axis=1), -1)


def _verdict(gap: float, mixing: float, k: int) -> str:
    if not math.isfinite(gap):
        return UNKNOWN
    if mixing >= mixed_from(k):
        return MIXED
    return APART if gap >= math.log2(APART_FROM) else TOUCHING


def class_pairs(coords: NDArray[np.floating[Any]], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Every pair of classes that have points, int64 (p, 2); of more than `MOST_PAIRS` those whose means are nearest on the map."""
    present = [c for c in range(classes) if (labels == c).any()]
    pairs = np.array(list(combinations(present, 2)), np.int64).reshape(-1, 2)
    if len(pairs) <= MOST_PAIRS:
        return pairs
    middle = {c: coords[labels == c].mean(axis=0) for c in present}
    far = [float(np.linalg.norm(middle[a] - middle[b])) for a, b in pairs.tolist()]
    return pairs[np.sort(np.argsort(far, kind="stable")[:MOST_PAIRS])]


def gaps(coords: NDArray[np.float32], labels: NDArray[np.int64], classes: int, *, near: NDArray[np.integer[Any]], pairs: NDArray[np.int64]) -> Gaps:
    """Gap, mixing and distance of pairs of classes on one map.

    Strays are left out first: points of which at most half of the neighbours are of their own class (of a class of strays all are kept). Then, from each
    class, the border towards the other is taken: as many points as the root of its number, those whose fifth neighbour in the other class is nearest. At
    each of them the distance of that neighbour is divided by the distance of the fifth neighbour in its own class. The gap is the median of this ratio, the
    geometric mean of both directions: of pure number, the same at any scale of the map, and blind to how long or crooked the classes are.

    Mixing is that of `analysis.overlap`: the share of neighbours, among those of either class, that cross, over that of labels dealt out at random, mean of
    both directions; of small classes fewer neighbours are asked.

    Parameters
    ----------
    coords : float32 (n, 2|3);  labels : int64 (n,), -1 is no class;  classes : their number
    near : int (n, k), each point's neighbours on the map;  pairs : int64 (p, 2), of `class_pairs`
    """
    from scipy.spatial import KDTree

    XY = np.asarray(coords, np.float64)
    members = [np.flatnonzero(labels == c) for c in range(classes)]
    fitting = [min(near.shape[1], neighborhood(len(points))) for points in members]  # of a class with fewer points than neighbours all would look mixed
    counts = {k: class_counts(near[:, :k], labels, classes) for k in set(fitting)}
    kept = [_core(points, counts[k], c) for c, (points, k) in enumerate(zip(members, fitting, strict=True))]
    trees = [KDTree(XY[points]) if len(points) else None for points in kept]
    own = [_fifth(tree, XY[points], itself=True) if tree else np.zeros(0) for tree, points in zip(trees, kept, strict=True)]
    log2, mixing = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    distance = np.full((classes, classes), np.nan)
    ks = np.array([min(fitting[a], fitting[b]) for a, b in pairs.tolist()], np.int64)
    for i, (a, b) in enumerate(pairs.tolist()):
        if min(len(members[a]), len(members[b])) < LEAST:
            continue
        mixing[i] = _mixing(counts[int(ks[i])], members, a, b)
        sides = [_border(trees[y], XY[kept[x]], own[x]) for x, y in ((a, b), (b, a))]
        log2[i] = (sides[0][0] + sides[1][0]) / 2
        distance[a, b] = distance[b, a] = (sides[0][1] + sides[1][1]) / 2
    return Gaps(pairs, log2, mixing, distance, ks)


def class_counts(near: NDArray[np.integer[Any]], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many of each point's neighbours (n, k) are of each class: int64 (n, classes); those without a class are not counted."""
    flat = np.arange(len(near))[:, None] * (classes + 1) + np.where(labels < 0, classes, labels)[near]
    return np.bincount(flat.ravel(), minlength=len(near) * (classes + 1)).reshape(len(near), classes + 1)[:, :classes]


def _core(points: NDArray[np.int64], counts: NDArray[np.int64], c: int) -> NDArray[np.int64]:
    own = 2 * counts[points, c] > counts[points].sum(axis=1)
    return points[own] if own.sum() >= max(LEAST, len(points) / 10) else points


def _fifth(tree: Any, at: NDArray[np.float64], *, itself: bool) -> NDArray[np.float64]:
    """Distance (n,) to the fifth point of a tree, itself not counted; to the last where there are fewer."""
    return np.asarray(tree.query(at, k=[min(STEP + itself, tree.n)])[0][:, 0], np.float64)


def _border(tree: Any, XY: NDArray[np.float64], own: NDArray[np.float64]) -> tuple[float, float]:
    """(log2 of the gap, distance) from one class to the other, medians over the points nearest to it."""
    other = _fifth(tree, XY, itself=False)
    at = np.argsort(other, kind="stable")[: math.ceil(math.sqrt(len(other)))]
    # points may coincide: a thousandth of the usual step stands for none at all
    least = 1e-3 * float(np.median(own)) or 1e-6 * float(np.ptp(XY, axis=0).max()) or 1e-12
    return float(np.median(np.log2(np.maximum(other[at], least) / np.maximum(own[at], least)))), float(np.median(other[at]))


def _mixing(counts: NDArray[np.int64], members: list[NDArray[np.int64]], a: int, b: int) -> float:
    found, both = [], len(members[a]) + len(members[b]) - 1
    for x, y in ((a, b), (b, a)):
        crossing, inside = counts[members[x], y].sum(), counts[members[x], x].sum()
        if crossing + inside:
            found.append(float(crossing / (crossing + inside)) / (len(members[y]) / both))
    return float(np.mean(found)) if found else 0.0


def near_of(coords: NDArray[np.float32], k: int = K) -> NDArray[np.int32]:
    """The k nearest points of every point on a map, k lowered to fit n: int32 (n, k)."""
    return exact_neighbors(np.ascontiguousarray(coords, np.float32), max(1, neighborhood(len(coords), k)))
