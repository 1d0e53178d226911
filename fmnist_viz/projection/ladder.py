"""Maps of the same points layer after layer: each starts where the one before ended and is laid over it, so that what moves is the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.align import drift, laid_over
from fmnist_viz.projection.basis import Basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.project import TOO_FEW, initial_coords
from fmnist_viz.projection.tsne import fitting_perplexity, neighbors_needed, refine, tsne

STEPS = 500  # of every map, half of them exaggerated: measured through five layers of cnn1, docs/architecture.md


@dataclass(frozen=True)
class Aligned:
    """A layer's map, and how far points moved to it: the root mean square way over the map's own extent; NaN for the first one."""

    projection: Projection
    drift: float


def aligned_maps(bases: Sequence[Basis], sample_ids: NDArray[np.str_], *, config: MapConfig, seed: int, threads: int) -> list[Aligned]:
    """t-SNE of every layer in order, float32 (n, 2), centred and of one size.

    The first map starts from principal components. Every other one starts from the map before it as it is, and is then rotated (or reflected) onto it
    and scaled to its size: the scale of a t-SNE map means nothing. A layer without structure gets a map with a note, and the
    next one starts from the last that was drawn.
    """
    made: list[Aligned] = []
    before: NDArray[np.float32] | None = None
    for base in bases:
        n = len(base.X)
        note = base.note or (f"too few rows (n = {n}) for this method; at least {TOO_FEW} are needed" if n < TOO_FEW else "")
        if note:
            made.append(Aligned(Projection(np.zeros((n, 2), np.float32), sample_ids, base.name, "tsne", {}, seed, {}, note), float("nan")))
            continue
        coords, used = _step(base, before, config, seed, threads)
        if not np.isfinite(coords).all() or not coords.any():
            note = "no map: the method did not converge to finite coordinates"
            made.append(Aligned(Projection(np.zeros((n, 2), np.float32), sample_ids, base.name, "tsne", used, seed, {}, note), float("nan")))
            continue
        moved = float("nan") if before is None else drift(before, coords)
        made.append(Aligned(Projection(coords, sample_ids, base.name, "tsne", used, seed), moved))
        before = coords
    return made


def _step(base: Basis, before: NDArray[np.float32] | None, config: MapConfig, seed: int, threads: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
    n = len(base.X)
    perplexity = fitting_perplexity(config.perplexity, n)
    graph = exact_graph(base.X, neighbors_needed(perplexity), metric=base.metric)
    used: dict[str, Any] = {"metric": base.metric, "perplexity": round(perplexity, 4)}
    if before is None:
        coords, more = tsne(graph, initial_coords(base, 2, seed=seed), perplexity=perplexity, n_iter=STEPS, seed=seed, threads=threads)
        return np.asarray(coords - coords.mean(axis=0), np.float32), used | {"n_iter": STEPS, "init": "pca", **more}
    coords, more = refine(graph, before, perplexity=perplexity, n_iter=STEPS, seed=seed, threads=threads)
    turned = laid_over(coords, before)
    size = float(np.linalg.norm(turned))
    scaled = turned * np.float32(float(np.linalg.norm(before)) / size if size else 1.0)
    return np.asarray(scaled, np.float32), used | {"n_iter": STEPS, "init": "the layer before", **more}
