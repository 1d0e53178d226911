"""The same images after every epoch: on axes that never change, and on maps that start from the map of the epoch before.

References
----------
M. Li, Z. Zhao, C. Scheidegger (2020), Visualizing neural networks with the grand tour. Distill 5(3), doi 10.23915/distill.00025: linear projections of
a network's output, whose axes are the classes, show a training as it is; t-SNE and UMAP of single epochs do not.
E. Kandogan (2001), Visualizing multi-dimensional clusters, trends, and outliers using star coordinates. Proc. KDD: an axis for each column, from one middle.
Z. Bar-Joseph, D. K. Gifford, T. S. Jaakkola (2001), Fast optimal leaf ordering for hierarchical clustering. Bioinformatics 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.projection.align import components, drift, laid_over
from fmnist_viz.projection.basis import Basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.ladder import aligned_maps, next_map

LINEAR = ("logits", "probabilities")  # what is laid onto the class axes
MAPPED = ("tsne", "umap")
STILLS = 3  # steps at most whose map is made twice, to see how much it drifts when nothing has changed


@dataclass(frozen=True)
class Strip:
    """One view of all epochs shown.

    projections : one per epoch, coordinates float32 (n, 2)
    drifts : float (e,), how far points moved from the epoch before (see `moved`); NaN for the first
    stills : float (e,), the same where nothing has changed: the epoch mapped again from its own map with another seed; NaN where that was not tried
    """

    method: str
    projections: tuple[Projection, ...]
    drifts: tuple[float, ...]
    stills: tuple[float, ...]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities float64 (n, c), rows of sum 1, of finite logits (n, c)."""
    e = np.exp(np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True), np.float64)


def circle_order(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes in their order around a circle, int64 (c,): classes that are mixed up stand side by side.

    How mixed two classes are is the mean probability that images of either get for the other. Leaves of an average-linkage tree in their optimal
    order (Bar-Joseph et al. 2001) make a row; since its ends meet on a circle, stretches of it are then turned round as long as neighbours get more
    mixed. Starts with class 0 and goes on to the lower of its two neighbours, so that equal mixtures give one order.
    """
    c = probabilities.shape[1]
    if c < 4:
        return np.arange(c, dtype=np.int64)
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    near = np.zeros((c, c))
    for k in np.unique(labels):
        near[k] = probabilities[labels == k].mean(axis=0)
    near = near + near.T
    np.fill_diagonal(near, 0)
    far = near.max() - near
    np.fill_diagonal(far, 0)
    order = leaves_list(linkage(squareform(far, checks=False), "average", optimal_ordering=True)).tolist()
    order = _turned_round(order, near)
    at = order.index(0)
    order = order[at:] + order[:at]
    return np.array(order if order[1] < order[-1] else [order[0], *order[:0:-1]], np.int64)


def _turned_round(order: list[int], near: NDArray[np.float64]) -> list[int]:
    """The cycle after 2-opt: every stretch whose turning brings nearer classes together is turned, until none is left."""
    c, better = len(order), True
    while better:
        better = False
        for i in range(c - 1):
            for j in range(i + 1, c):
                a, b, d, e = order[i - 1], order[i], order[j], order[(j + 1) % c]
                if a != d and near[a, d] + near[b, e] > near[a, b] + near[d, e] + 1e-12:
                    order[i : j + 1] = order[i : j + 1][::-1]
                    better = True
    return order


def class_axes(order: NDArray[np.int64]) -> NDArray[np.float64]:
    """The one matrix of all epochs, float64 (c, 2): row k is class k's axis, a unit vector; the first of `order` points up, the rest follow clockwise.

    The axes of three classes and more add up to nothing, so that a number added to all logits of an image, which no softmax sees, moves nothing.
    Two classes have opposite axes, left and right.
    """
    c = len(order)
    turn = np.empty(c)
    turn[order] = np.arange(c) / max(c, 1)
    angle = np.pi / 2 - 2 * np.pi * turn + (np.pi / 2 if c == 2 else 0.0)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def moved(before: NDArray[Any], after: NDArray[Any]) -> float:
    """How far rows moved between two places (n, 2) on the same axes: root mean square of the way, over that of their distance from their mean afterwards.

    As `align.drift`, but a shift of all rows counts: axes that are fixed show it. NaN where `after` has no extent.
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    size = float(np.linalg.norm(b - b.mean(axis=0)))
    return float(np.linalg.norm(a - b)) / size if size else float("nan")


def linear_strip(values: Sequence[NDArray[Any]], axes: NDArray[np.float64], names: Sequence[str], sample_ids: NDArray[np.str_], method: str) -> Strip:
    """Each epoch's logits or probabilities (n, c) times the one matrix `axes` (c, 2): the same numbers stand at the same place in every epoch."""
    places = [np.asarray(np.asarray(v, np.float64) @ axes, np.float32) for v in values]
    drifts = [float("nan"), *(moved(a, b) for a, b in pairwise(places))]
    stills = [float("nan"), *(moved(b, np.asarray(np.asarray(v, np.float64) @ axes, np.float32)) for b, v in zip(places[1:], values[1:], strict=True))]
    notes = ["" if np.isfinite(xy).all() and np.ptp(xy, axis=0).any() else "no structure: every image has the same output" for xy in places]
    made = [
        Projection(xy if not note else np.zeros_like(xy), sample_ids, name, method, {"axes": "classes"}, 0, {}, note)
        for xy, name, note in zip(places, names, notes, strict=True)
    ]
    return Strip(method, tuple(made), tuple(drifts), tuple(stills))


def mapped_strip(bases: Sequence[Basis], sample_ids: NDArray[np.str_], method: str, *, config: MapConfig, seed: int, threads: int) -> Strip:
    """t-SNE or UMAP of every epoch, each started from the epoch before and laid over it (see `ladder.aligned_maps`).

    Of at most `STILLS` steps, evenly spaced, the yardstick is measured: the epoch's own map is the start and the same vectors are mapped again with
    the next seed, by the very same procedure. What moves then moves for no reason.
    """
    maps = aligned_maps(bases, sample_ids, config=config, seed=seed, threads=threads, method=method, before="the epoch before")
    stills = np.full(len(bases), np.nan)
    for i in still_steps(len(bases)):
        found = maps[i].projection
        if found.note:
            continue
        again = next_map(bases[i], found.coords, sample_ids, config=config, seed=seed + 1, threads=threads, method=method, before="itself")
        if not again.note:
            stills[i] = drift(found.coords, again.coords)
    return Strip(method, tuple(a.projection for a in maps), tuple(a.drift for a in maps), tuple(stills.tolist()))


def still_steps(count: int) -> list[int]:
    """Which of `count` epochs are mapped twice: all but the first, or `STILLS` evenly spaced ones with the last."""
    return np.unique(np.linspace(1, count - 1, min(STILLS, count - 1)).round().astype(int)).tolist() if count > 1 else []


def shown_epochs(epochs: Sequence[int], most: int) -> list[int]:
    """Which places of `epochs` are shown: all, or `most` (2 or more) of them, evenly spaced, with the first and the last."""
    return np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), max(most, 2))).round().astype(int)).tolist()


def vector_drifts(vectors: Sequence[NDArray[np.float32]]) -> tuple[float, ...]:
    """How far the vectors themselves (n, d) moved from epoch to epoch, after each was shifted and rotated or reflected onto the next (orthogonal
    Procrustes, no scaling): what a map should show, and no map does exactly. NaN for the first.
    """
    found = [components(X) for X in vectors]
    return (float("nan"), *(drift(laid_over(a, b), b) for a, b in pairwise(found)))
