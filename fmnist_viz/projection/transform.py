"""New points on a finished map: where they go, and whether that place says anything. The map's own points never move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only
from fmnist_viz.neighbors import exact_neighbors, query_distances
from fmnist_viz.projection.yardstick import K, neighborhood

FITS, BETWEEN, FAR = "fits", "between groups", "far from everything"
FIT_NAMES = (FITS, BETWEEN, FAR)
FAR_LEVEL = 0.01  # of images like those on the map one in a hundred is called far from everything
SPREAD_LEVEL = 0.05  # and one in twenty between groups
WEIGHED = 91  # neighbours that draw at a new point: three times the perplexity, and one
PERPLEXITY = 30.0
SCALE = 5  # neighbour on the map whose usual distance is the unit of the attraction
STEPS = 30  # of the descent from the best neighbour's place; later ones move it by less than a pixel
_BLOCK = 1 << 24  # distances held at once


@dataclass(frozen=True)
class Placement:
    """m new points on a map of n.

    coords : float32 (m, 2|3);  near : int32 (m, k), their nearest rows of the map's own vectors, nearest first
    distance : float32 (m,), to the k-th of them;  spread : float32 (m,), how far apart their k neighbours lie on the map (see `spread`)
    p_far, p_spread : float64 (m,), shares of the map's own points that are as far from their k-th neighbour, or whose neighbours lie as far apart
    copy : bool (m,), equal to a row of the map's own, and put onto it
    """

    coords: NDArray[np.float32]
    near: NDArray[np.int32]
    distance: NDArray[np.float32]
    spread: NDArray[np.float32]
    p_far: NDArray[np.float64]
    p_spread: NDArray[np.float64]
    copy: NDArray[np.bool_]
    n: int

    def __post_init__(self) -> None:
        m = len(self.coords)
        kinds = {
            "coords": np.float32,
            "near": np.int32,
            "distance": np.float32,
            "spread": np.float32,
            "p_far": np.float64,
            "p_spread": np.float64,
            "copy": bool,
        }
        for name, kind in kinds.items():
            object.__setattr__(self, name, read_only(getattr(self, name), kind, (m, None) if name in ("coords", "near") else (m,), name))

    @property
    def k(self) -> int:
        return int(self.near.shape[1])

    @property
    def fit(self) -> NDArray[np.str_]:
        """``fits``, ``between groups`` or ``far from everything`` for each, str (m,)."""
        return np.select([self.p_far < FAR_LEVEL, self.p_spread < SPREAD_LEVEL], [FAR, BETWEEN], FITS).astype(np.str_)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        fit = self.fit
        return {name: int((fit == name).sum()) for name in FIT_NAMES}


@dataclass(frozen=True, eq=False)
class Ground:
    """Vectors that maps were made of, with what every new point is held against; made once for all methods.

    X : float32 (n, d), the vectors as distances between them are meant (unit rows under the cosine metric)
    near : int32 (n, at least k), their true neighbours, nearest first
    """

    X: NDArray[np.float32]
    near: NDArray[np.int32]

    @property
    def k(self) -> int:
        """Neighbours that everything is said of: 15, fewer where there are few points."""
        return max(1, min(neighborhood(len(self.X), K), self.near.shape[1]))

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """Distance of each row to its k-th neighbour and to the one before (0 for k = 1): float64 (n, 2)."""
        pair = np.zeros((len(self.X), 2))
        for column, rank in enumerate((self.k - 1, self.k - 2)):
            for start in range(0, len(self.X), step := max(1, _BLOCK // self.X.shape[1])) if rank >= 0 else ():
                rows = slice(start, start + step)
                pair[rows, column] = _length(self.X[rows].astype(np.float64) - self.X[self.near[rows, rank]])
        return pair

    def axes(self, coords: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(mean (d,), directions (d, dims)) with (X - mean) @ directions equal to a PCA map `coords` (n, dims) of the ground.

        Principal scores are S = (X - mean) V with orthogonal columns, so V = (X - mean)' S / |S|²: no second decomposition, and any components.
        """
        scores = coords.astype(np.float64)
        mean, found = self.X.mean(axis=0, dtype=np.float64), np.zeros((self.X.shape[1], scores.shape[1]))
        for start in range(0, len(self.X), step := max(1, _BLOCK // self.X.shape[1])):
            rows = slice(start, start + step)
            found += (self.X[rows] - mean).T @ scores[rows]
        return mean, found / np.maximum((scores**2).sum(axis=0), 1e-300)

    @cached_property
    def tolerance(self) -> float:
        """Distances up to this one are rounding: a row computed twice, in another batch, differs by about so much."""
        return 1e-4 * float(np.median(self.own[:, 0]))


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest of the ground's rows to each of m new ones, and how unusual their distances are. Serves every map of the ground.

    rows : int32 (m, w), nearest first;  distances : float64 (m, w);  p_far : float64 (m,)
    """

    rows: NDArray[np.int32]
    distances: NDArray[np.float64]
    p_far: NDArray[np.float64]


def nearest_of(new: NDArray[np.float32], ground: Ground) -> Nearest:
    """Neighbours of new rows (m, d), finite, among the ground's, with full conformal p-values of their distance to the k-th.

    A row's score is its distance to its k-th neighbour among all others. With the new row z added, p = (1 + #{i : score_i >= score_z}) / (n + 1),
    where z may itself be among the k nearest of i: then score_i is smaller than it was without z. Where new rows come from where the ground's came
    from, p <= a has a probability of at most a, whatever the distribution.

    References
    ----------
    V. Vovk, A. Gammerman, G. Shafer (2005), Algorithmic learning in a random world, chapter 2.
    """
    n, m, k = len(ground.X), len(new), ground.k
    width = min(n, max(WEIGHED, k))
    rows, distances, p = np.empty((m, width), np.int32), np.empty((m, width)), np.empty(m)
    last, before = ground.own.T
    for start in range(0, m, step := max(1, _BLOCK // n)):
        block = new[start : start + step]
        far = query_distances(block, ground.X).astype(np.float64)
        wide = min(n, 2 * width + 10)
        # one product orders distances to some 1e-7 of their square: what could be near is measured again as differences
        found = np.sort(np.argpartition(far, wide - 1, axis=1)[:, :wide], axis=1)
        exact = np.stack([_length(ground.X[near].astype(np.float64) - row) for near, row in zip(found, block, strict=True)])
        np.put_along_axis(far, found, exact, axis=1)
        order = np.argsort(exact, axis=1, kind="stable")[:, :width]
        part = slice(start, start + len(block))
        rows[part], distances[part] = np.take_along_axis(found, order, 1), np.take_along_axis(exact, order, 1)
        score = distances[part, k - 1 : k] * (1 - 1e-9)
        with_new = np.where(far < last, np.maximum(far, before), last)
        p[part] = (1 + (with_new >= score).sum(axis=1)) / (n + 1)
    return Nearest(rows, distances, p)


def place(new: NDArray[np.float32], ground: Ground, nearest: Nearest, coords: NDArray[np.float32], method: str) -> Placement:
    """New rows (m, d) on one map `coords` (n, 2|3) of the ground.

    PCA: on the same axes, exactly. Others: where their neighbours are (see `located`). A copy of a row is put onto it.
    """
    copy = nearest.distances[:, 0] <= ground.tolerance
    if method == "pca":
        mean, axes = ground.axes(coords)
        out = ((new - mean) @ axes).astype(np.float32)
    else:
        out = located(nearest, coords)
        out[copy] = coords[nearest.rows[copy, 0]]
    k, n = ground.k, len(coords)
    near = nearest.rows[:, :k]
    own = np.sort(spread(coords, ground.near[:, :k]))
    apart = spread(coords, near)
    p_spread = (1 + n - np.searchsorted(own, apart * (1 - 1e-6))) / (n + 1)
    return Placement(out, near, nearest.distances[:, k - 1].astype(np.float32), apart, nearest.p_far, p_spread, copy, n)


def spread(coords: NDArray[np.float32], near: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """How far apart the given neighbours (m, k) lie on the map: the upper quartile of their distances from their coordinatewise median, float32 (m,).

    The point's own place has no part in it, so that points of the map and new ones are measured alike. Of neighbours in two places, one holding more
    than a quarter of them, the quartile is about their distance; a single stray one does not count.
    """
    out = np.empty(len(near), np.float32)
    for start in range(0, len(near), step := max(1, _BLOCK // (8 * near.shape[1]))):
        places = coords[near[start : start + step]].astype(np.float64)
        out[start : start + step] = np.quantile(_length(places - np.median(places, axis=1, keepdims=True)), 0.75, axis=1)
    return out


def _square(steps: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("...i,...i->...", steps, steps, dtype=np.float64))


def _length(steps: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.sqrt(_square(steps))


def located(nearest: Nearest, coords: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where each new point's neighbours draw it: the minimum of sum_j p_j log(1 + |y - y_j|² / s²) over places y, float32 (m, dims).

    With s = 1 this is t-SNE's cost of one point without the repulsion, which on a fixed map hardly moves a point; s is the map's own median distance to the
    fifth neighbour, so that it serves UMAP, whose maps are smaller, as well. Weights p are t-SNE's: Gaussian, of perplexity 30 over 91 neighbours. The cost
    has a hollow at each group of neighbours: the search begins at the best neighbour's place and goes down from there, by reweighted means, so that
    it ends among some of them and never on the empty ground between, as a mean of all does. Chosen by measurement (docs/architecture.md).
    """
    weights = perplexity_weights(nearest.distances, PERPLEXITY)
    fifth = exact_neighbors(coords, SCALE)[:, -1]
    s = float(np.median(_length(coords.astype(np.float64) - coords[fifth]))) or 1.0
    out = np.empty((len(weights), coords.shape[1]), np.float32)
    w = weights.shape[1]
    for start in range(0, len(out), step := max(1, _BLOCK // (8 * w * w))):
        part = slice(start, start + step)
        places, p = coords[nearest.rows[part]].astype(np.float64), weights[part]
        cost = np.einsum("mij,mj->mi", np.log1p(_square(places[:, :, None] - places[:, None]) / s**2), p)
        found = places[np.arange(len(places)), cost.argmin(axis=1)]
        for _ in range(STEPS):
            pull = p / (1 + _square(places - found[:, None]) / s**2)
            found = np.einsum("mj,mjd->md", pull, places) / pull.sum(axis=1, keepdims=True)
        out[part] = found
    return out


def perplexity_weights(distances: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """Gaussian weights (m, w) of distances (m, w), ascending, rows summing to one, each with the given perplexity (at most half of w), by bisection.

    References
    ----------
    L. van der Maaten, G. Hinton (2008), Visualizing data using t-SNE. JMLR 9, section 2.
    """
    square = distances**2 - distances[:, :1] ** 2
    wanted = np.log(max(1.0, min(perplexity, distances.shape[1] / 2)))
    scale = square.mean(axis=1, keepdims=True)
    square = np.divide(square, scale, out=np.zeros_like(square), where=scale > 0)
    low, high = np.full((len(square), 1), -20.0), np.full((len(square), 1), 20.0)  # logarithm of the precision
    for _ in range(50):
        middle = (low + high) / 2
        weights = np.exp(-square * np.exp(middle))
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1, keepdims=True)
        low, high = np.where(entropy > wanted, middle, low), np.where(entropy > wanted, high, middle)
    return weights
