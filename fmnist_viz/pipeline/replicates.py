"""Replicates of a representation's maps: each one out of the cache or made, UMAP in the worker while this process does the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.runner import Runner
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import ReferenceDistances
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.features import Source, query_rows
from fmnist_viz.pipeline.graphs import reference_of
from fmnist_viz.pipeline.maps import warm_up
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.faithfulness import faithfulness
from fmnist_viz.projection.replicates import PARAMETERS, Base, Drawing, Plan, Replicate, base_of, draw, most_neighbors, part_of
from fmnist_viz.projection.yardstick import Yardstick

# read from the maps after they are made: a new word or measure must not discard an hour of maps
LOOKING_ON = tuple(f"projection/{name}.py" for name in ("gaps", "gap_table", "stability", "stability_reading", "steadiness"))
Made = tuple[NDArray[np.float32], dict[str, Any], str]


def restricted(reference: ReferenceDistances, rows: NDArray[np.int64]) -> ReferenceDistances:
    """The distances among some rows (ascending): queries that are none of them fall away, and there may be none left."""
    held = np.isin(reference.queries, rows)
    distances = np.ascontiguousarray(reference.distances[held][:, rows])
    return ReferenceDistances(np.searchsorted(rows, reference.queries[held]).astype(np.int64), distances, reference.metric)


def part_source(source: Source, rows: NDArray[np.int64]) -> Source:
    """Some rows of a representation (ascending) as a source of their own, held against the same unreduced distances."""

    def reference() -> ReferenceDistances | None:
        kept = source.reference()
        return None if kept is None else restricted(kept, rows)

    return Source(part_of(source.representation, rows), f"{source.key}:{hashlib.sha256(rows.tobytes()).hexdigest()[:32]}", reference)


@dataclass
class Replicates:
    """The maps of one representation by its plans, one method after the other.

    `cache` None keeps nothing. `begin` hands the worker what it can do; `finish` returns the maps in the order of the plans.
    """

    source: Source
    labels: NDArray[np.int64] | None  # None: no votes among the scores, samples without classes
    plans: Mapping[str, Sequence[Plan]]  # by method, the reference first
    seed: int
    threads: int
    runner: Runner
    cache: Cache | None = None
    waiting: dict[tuple[str, str], Future[Made]] = field(default_factory=dict)
    _bases: dict[str, Base] = field(default_factory=dict)

    @property
    def config(self) -> MapConfig:
        return next(iter(self.plans.values()))[0].config

    @property
    def n(self) -> int:
        return len(self.source.representation.X)

    def begin(self) -> None:
        """Start the UMAP maps that are not in the cache."""
        missing = [plan for plan in self.plans.get("umap", ()) if not self._cached("umap", plan)]
        if missing and self.n > 3:
            self.runner.submit(warm_up, (self.config.dims, self.cache and Cache(self.cache.root, read=self.cache.read)))
        for plan in missing:
            self.waiting["umap", plan.label] = self.runner.submit(draw, self._drawing("umap", plan))

    def finish(self, progress: Progress, done: int, total: int) -> dict[str, list[Replicate]]:
        """method -> its maps; `done` of `total` maps were made before."""
        made: dict[str, list[Replicate]] = {}
        for method, plans in sorted(self.plans.items(), key=lambda item: item[0] == "umap"):
            made[method], told = [], False
            for i, plan in enumerate(plans, 1):
                kept = self._cached(method, plan)
                made[method].append(one := self._fetch(method, plan))
                done += 1
                progress.step("maps", done, total, f"{self.source.representation.name}: {METHOD_NAMES[method]} {plan.label}")
                left = sum(not self._cached(method, later) for later in plans[i:])
                if not kept and not told and left and self.cache is not None:
                    each, told = float(one.parameters.get("seconds", 0.0)), True
                    if each >= 1:
                        about = f"{METHOD_NAMES[method]} of {self.n:,} images took {each:.0f} s"
                        progress.say(f"maps: {about}; {left} more of {self.source.representation.name} are to be made, halves in half the time")
        return {method: made[method] for method in self.plans}

    def _fetch(self, method: str, plan: Plan) -> Replicate:
        rows = np.arange(self.n) if plan.rows is None else plan.rows
        if self.cache is None:
            coords, made = self._make(method, plan)
        else:
            entry = self.cache.fetch("stability", self._key(method, plan), lambda temp: self._save(temp, method, plan))
            coords, made = np.load(entry.path / "coords.npy"), dict(entry.record)
        return Replicate(coords, rows.astype(np.int64), plan.kind, plan.label, plan.seed, made["scores"], made["parameters"], made["note"])

    def _save(self, temp: Path, method: str, plan: Plan) -> dict[str, Any]:
        coords, record = self._make(method, plan)
        write_file(temp / "coords.npy", lambda f: np.save(f, coords, allow_pickle=False))
        return record

    def _make(self, method: str, plan: Plan) -> tuple[NDArray[np.float32], dict[str, Any]]:
        future = self.waiting.pop((method, plan.label), None)
        coords, used, note = future.result() if future else draw(self._drawing(method, plan))
        scores = {} if note else self._scores(coords, plan)
        return coords, {"parameters": json.loads(json.dumps(used)), "note": note, "scores": scores}

    def _drawing(self, method: str, plan: Plan) -> Drawing:
        return Drawing(self._base(plan), method, plan, self.threads)

    def _base(self, plan: Plan) -> Base:
        # A longer list of neighbours may hold two that lie equally far in the other order, and of that a whole map may turn out another: the reference is
        # to be the run's own map to the byte, so its graph is as long as a run's, and other parameters have one of their own.
        name = plan.kind if plan.kind == PARAMETERS else "" if plan.rows is None else plan.label
        if name not in self._bases:
            every = [one for plans in self.plans.values() for one in plans if one.kind == PARAMETERS] if plan.kind == PARAMETERS else [plan]
            rep = self.source.representation if plan.rows is None else part_of(self.source.representation, plan.rows)
            self._bases[name] = base_of(rep, self.config, most_neighbors(every, len(rep.X)))
        return self._bases[name]

    @cached_property
    def _reference(self) -> ReferenceDistances:
        labels = np.zeros(self.n, np.int64) if self.labels is None else self.labels
        return reference_of(self.source, query_rows(labels, seed=self.seed), self._base(next(iter(self.plans.values()))[0]).basis.metric)

    @cached_property
    def _yardstick(self) -> Yardstick:
        return Yardstick(self._reference, seed=self.seed)

    def _scores(self, coords: NDArray[np.float32], plan: Plan) -> dict[str, Any]:
        if plan.rows is None:
            return faithfulness(coords, self.labels, self._yardstick) if len(self._reference.queries) else {}
        part = restricted(self._reference, plan.rows)
        labels = None if self.labels is None else self.labels[plan.rows]
        return faithfulness(coords, labels, Yardstick(part, seed=self.seed)) if len(part.queries) else {}

    def _cached(self, method: str, plan: Plan) -> bool:
        return self.cache is not None and self.cache.has("stability", self._key(method, plan))

    def _key(self, method: str, plan: Plan) -> dict[str, Any]:
        own = {"tsne": ("perplexity", "n_iter", "fine_from"), "umap": ("n_neighbors", "min_dist", "umap_epochs"), "pca": ()}[method]
        config = plan.config.content
        return {
            "code": code_digest(without=LOOKING_ON),
            "source": self.source.key,
            "method": method,
            "config": {name: config[name] for name in ("metric", "pca_dims", "dims", *own)},
            "kind": plan.kind,
            "rows": "" if plan.rows is None else hashlib.sha256(plan.rows.tobytes()).hexdigest(),
            "seed": plan.seed,
            "queries": self.seed,
            "labels": "" if self.labels is None else hashlib.sha256(self.labels.tobytes()).hexdigest(),
            "threads": self.threads,
            "versions": versions("numpy", "scikit-learn", "scikit-learn-intelex", "openTSNE", "umap-learn", "numba"),
        }
