"""The same map again: from random starts, of other samples of the points, under other parameters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph, Representation, read_only
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.grid import Setting
from fmnist_viz.projection.project import TOO_FEW, graph_size, layout

REFERENCE, START, SAMPLE, PARAMETERS, GIVEN = "reference", "start", "sample", "parameters", "given"
KINDS = (START, SAMPLE, PARAMETERS, GIVEN)  # of replicates; given ones are made elsewhere
SHARE = 0.5  # of the points that a sample holds: random halves vary as much as new samples of the full size do (see `gap_table.sample_interval`)


@dataclass(frozen=True)
class Plan:
    """One map that is wanted. `rows` int64 (m,) ascending are the points of a sample; None: all of them."""

    kind: str
    number: int  # from 1 within its kind; 0 of the reference
    label: str
    config: MapConfig
    seed: int
    rows: NDArray[np.int64] | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class Replicate:
    """A map of some of n points: coords float32 (m, 2|3) of the rows int64 (m,), ascending. A `note` says why there is no map."""

    coords: NDArray[np.float32]
    rows: NDArray[np.int64]
    kind: str
    label: str
    seed: int = 0
    scores: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "coords", read_only(self.coords, np.float32, (None, None), "coords"))
        object.__setattr__(self, "rows", read_only(self.rows, np.int64, (len(self.coords),), "rows"))
        if (np.diff(self.rows) <= 0).any():
            raise ValueError("rows: not ascending")
        if not np.isfinite(self.coords).all():
            raise ValueError(f"{self.kind} {self.label}: coordinates are not finite")


def plans(method: str, config: MapConfig, labels: NDArray[np.int64], *, seeds: int, resample: bool, settings: Sequence[Setting], seed: int) -> list[Plan]:
    """The reference map (as a run makes it), `seeds` maps from random starts, as many of samples, and those of `settings`.

    PCA has no start. Settings that equal the reference are left out. Every replicate has a seed of its own but those of settings, which are to differ from
    the reference in their parameters only.
    """
    found = [Plan(REFERENCE, 0, "from principal components", config, seed)]
    if method != "pca":
        found += [Plan(START, i, f"random start {i}", config, seed + i) for i in range(1, seeds + 1)]
    if resample:
        count = math.ceil(SHARE * len(labels))
        for i in range(1, seeds + 1):
            rows = stratified_rows(labels, count, seed=seed + i)
            found.append(Plan(SAMPLE, i, f"random half {i}", config, seed + i, rows))
    own = [s for s in settings if s.method == method and s.config != config]
    return found + [Plan(PARAMETERS, i, s.label, s.config, seed) for i, s in enumerate(own, 1)]


@dataclass(frozen=True)
class Base:
    """What all maps of the same rows start from."""

    basis: Basis
    graph: NeighborGraph | None

    def restarted(self, seed: int) -> Basis:
        """The same basis with normal random numbers for coordinates: where a map starts from, and nothing else. Distances are in the graph."""
        X = np.random.default_rng([seed, 11]).normal(size=(len(self.basis.X), max(3, self.basis.X.shape[1])))
        return dataclasses.replace(self.basis, X=X[:, : max(3, self.basis.X.shape[1])].astype(np.float32))


def base_of(representation: Representation, config: MapConfig, k: int) -> Base:
    """Basis and neighbour graph of one representation; no graph where there is no structure, or too few rows."""
    made = basis(representation, metric=config.metric, pca_dims=config.pca_dims)
    none = bool(made.note) or len(made.X) < TOO_FEW
    return Base(made, None if none else exact_graph(made.X, min(k, len(made.X) - 1), metric=made.metric))


def part_of(representation: Representation, rows: NDArray[np.int64]) -> Representation:
    """The rows of a sample as a representation of their own."""
    return dataclasses.replace(representation, X=np.ascontiguousarray(representation.X[rows]), sample_ids=representation.sample_ids[rows])


def most_neighbors(plans: Sequence[Plan], n: int) -> int:
    """Neighbours of the one graph that serves all of the plans."""
    return max([1, *(graph_size(plan.config, n) for plan in plans)])


@dataclass(frozen=True)
class Drawing:
    """One map as a job that may run in another process."""

    base: Base
    method: str
    plan: Plan
    threads: int


def draw(job: Drawing) -> tuple[NDArray[np.float32], dict[str, Any], str]:
    """(coordinates float32 (m, 2|3), what was used, note) of one plan; see `projection.project.layout`."""
    plan, base = job.plan, job.base
    random = plan.kind == START and not base.basis.note
    start = base.restarted(plan.seed) if random else base.basis
    coords, used, note = layout(start, base.graph, job.method, config=plan.config, seed=plan.seed, threads=job.threads)
    if random:
        used |= {"init": "random", **({"pca_dims": base.basis.X.shape[1]} if "pca_dims" in used else {})}
    return coords, used, note
