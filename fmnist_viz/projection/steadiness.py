"""Point by point over maps of the same points: who keeps its neighbours, how far each goes, and among whose points it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.neighbors import overlap
from fmnist_viz.projection.align import rotation
from fmnist_viz.projection.chance import shuffled_recall
from fmnist_viz.projection.gaps import class_counts, near_of
from fmnist_viz.projection.replicates import Replicate

ALL_PAIRS_TO = 10  # maps of which every two are compared; of more, each with the first and with its successor


@dataclass(frozen=True)
class Kept:
    """Neighbours that two maps have in common.

    share : float64 (n,), of a point's k neighbours on one map those that are among its k on another, 0..1, mean over the pairs of maps that both hold it;
        NaN where there is no such pair
    chance : of points thrown down at random;  k : neighbours;  pairs : of maps that were compared
    """

    share: NDArray[np.float64]
    chance: float
    k: int
    pairs: int


def kept_neighbors(maps: Sequence[Replicate], nears: Sequence[NDArray[np.int32]], n: int) -> Kept:
    """Hold every two maps of some of n points against each other, each time among the points that both hold; `nears` of `near_of`, map by map.

    Of more than ten maps each is held against the first and against its successor.
    """
    total, seen, chance, ks = np.zeros(n), np.zeros(n), [], [0]
    for i, j in _pairs(len(maps)):
        common = np.intersect1d(maps[i].rows, maps[j].rows, assume_unique=True)
        if len(common) < 3:
            continue
        near = [_near_among(maps[at], nears[at], common) for at in (i, j)]
        total[common] += overlap(near[0], near[1])
        seen[common] += 1
        ks.append(near[0].shape[1])
        chance.append(shuffled_recall(len(common), ks[-1]))
    share = np.divide(total, seen, out=np.full(n, np.nan), where=seen > 0)
    return Kept(share, float(np.mean(chance)) if chance else float("nan"), max(ks), len(chance))


def _pairs(maps: int) -> list[tuple[int, int]]:
    if maps <= ALL_PAIRS_TO:
        return list(combinations(range(maps), 2))
    return [(0, j) for j in range(1, maps)] + [(j, j + 1) for j in range(1, maps - 1)]


def _near_among(one: Replicate, near: NDArray[np.int32], common: NDArray[np.int64]) -> NDArray[np.int32]:
    return near if len(common) == len(one.rows) else near_of(one.coords[np.searchsorted(one.rows, common)])


def laid_onto(one: Replicate, reference: Replicate) -> NDArray[np.float64]:
    """A map shifted, turned, reflected and scaled as a whole so that its points lie nearest to the same points of the reference: float64 (m, 2|3).

    Scaled, since the unit of a map's axes means nothing: both have the same root mean square distance from their mean.
    """
    onto = np.asarray(reference.coords[np.searchsorted(reference.rows, one.rows)], np.float64)
    X = np.asarray(one.coords, np.float64)
    X, middle = X - X.mean(axis=0), onto.mean(axis=0)
    size = float(np.linalg.norm(X))
    scale = float(np.linalg.norm(onto - middle)) / size if size else 1.0
    return X @ rotation(X, onto) * scale + middle


def extent(coords: NDArray[np.floating[Any]]) -> float:
    """Root mean square distance of the points from their mean: a map's size; 0 without points."""
    wide = np.asarray(coords, np.float64)
    return float(np.sqrt(((wide - wide.mean(axis=0)) ** 2).sum(axis=1).mean())) if len(wide) else 0.0


def moved(maps: Sequence[Replicate], reference: Replicate, n: int) -> NDArray[np.float64]:
    """How far each point lies from its place on the reference once a map is laid onto it, over the reference's size.

    Root mean square over the maps that hold the point,
    float64 (n,); 0 where nothing moved, about 1.4 for a point thrown anywhere; NaN where no map holds the point, or the reference has no size.
    """
    total, seen, size = np.zeros(n), np.zeros(n), extent(reference.coords)
    for one in maps:
        way = laid_onto(one, reference) - reference.coords[np.searchsorted(reference.rows, one.rows)]
        total[one.rows] += (way**2).sum(axis=1)
        seen[one.rows] += 1
    if not size:
        return np.full(n, np.nan)
    return np.sqrt(np.divide(total, seen, out=np.full(n, np.nan), where=seen > 0)) / size


def areas(maps: Sequence[Replicate], nears: Sequence[NDArray[np.int32]], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """On how many maps the most frequent class among a point's neighbours is each of the classes (ties: the smaller number): int64 (n, classes)."""
    found = np.zeros((len(labels), classes), np.int64)
    for one, near in zip(maps, nears, strict=True):
        counts = class_counts(near, labels[one.rows], classes)
        known = counts.any(axis=1)
        if known.any():
            np.add.at(found, (one.rows[known], counts.argmax(axis=1)[known]), 1)
    return found
