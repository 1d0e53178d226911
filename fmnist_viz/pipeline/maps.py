"""The map stage: one neighbour graph per representation, every method's coordinates, and their scores."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, Entry
from fmnist_viz.core.config import digest
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Projection, ReferenceDistances
from fmnist_viz.neighbors import searches_exactly
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.features import Source, query_rows
from fmnist_viz.pipeline.graphs import load_graph, make_graph, reference_of
from fmnist_viz.pipeline.local import Local, has_local, load_local, save_local
from fmnist_viz.projection.components import Components, components
from fmnist_viz.projection.config import SUPERVISED, MapConfig
from fmnist_viz.projection.distortion import WIDE, distortion
from fmnist_viz.projection.faithfulness import faithfulness, map_neighbors, with_pca
from fmnist_viz.projection.project import graph_size, initial_coords, layout
from fmnist_viz.projection.yardstick import K, Yardstick

_ORDER = ("pca", "tsne", "umap", SUPERVISED)  # in which this process makes maps; the worker begins at the other end


@dataclass(frozen=True)
class MapTask:
    """One map as a job for another process: reads the graph's folder, writes `out`, returns a small record."""

    graph: Path
    method: str
    config: MapConfig
    seed: int
    threads: int
    out: Path
    labels: NDArray[np.int64] | None = None  # for the method that sees them
    components: tuple[int, ...] = ()


def run_map(task: MapTask) -> dict[str, Any]:
    """Idempotent: the same task writes the same coordinates."""
    base, graph = load_graph(task.graph)
    coords, used, note = layout(
        base, graph, task.method, config=task.config, seed=task.seed, threads=task.threads, labels=task.labels, components=task.components
    )
    write_file(task.out, lambda f: np.save(f, coords, allow_pickle=False))
    return {"parameters": used, "note": note}


def warm_up(spec: tuple[int, Cache | None]) -> str:
    """Compile UMAP's parts in the worker while the main process is busy with something else, or read them from the cache."""
    from fmnist_viz.projection.umap import warm_up

    dims, cache = spec
    return warm_up(dims, cache)


@dataclass(frozen=True)
class Job:
    """One map that is wanted: a method, flat as configured or `solid` beside its flat map; `components` are a PCA's axes where not the leading ones."""

    method: str
    config: MapConfig
    solid: bool = False
    components: tuple[int, ...] = ()


@dataclass(frozen=True)
class Made:
    """A representation's maps by method: those that are drawn everywhere, and those in 3-D that only the Projector shows.

    `near` int32 (n, 50 at most) holds the true neighbours, as far as they were sought; `local` the flat maps point by point, where there are points.
    """

    flat: dict[str, Projection]
    solid: dict[str, Projection]
    near: NDArray[np.int32] | None
    local: dict[str, Local]


@dataclass
class Pending:
    """A representation whose maps are under way."""

    source: Source
    labels: NDArray[np.int64] | None
    queries: NDArray[np.int64]
    graph: Entry
    metric: str
    jobs: tuple[Job, ...]  # in the order in which they were asked for
    futures: dict[Job, Future[dict[str, Any]]]
    seed: int = 0
    drawn: dict[Job, dict[str, Any]] = field(default_factory=dict)  # maps that are made and not yet scored
    _pca: dict[int, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def reference(self) -> ReferenceDistances:
        return reference_of(self.source, self.queries, self.metric)

    @cached_property
    def yardstick(self) -> Yardstick:
        made = Yardstick(self.reference, seed=self.seed)
        del self.__dict__["reference"]  # 280 MB at 70,000 points, and the yardstick holds its own copy
        return made

    @cached_property
    def near(self) -> NDArray[np.int32] | None:
        """The true neighbours of all rows; None where there is no graph."""
        path = self.graph.path / "near.npy"
        return np.load(path) if path.exists() else None

    def forget(self) -> None:
        """Give back what only scores need."""
        for name in ("reference", "yardstick"):
            self.__dict__.pop(name, None)

    def components(self, shape: tuple[int, ...]) -> Components | None:
        """The leading principal components; `shape` (h, w, channels) of the images makes pictures of the pixels'."""
        rep = self.source.representation
        return components(rep, load_graph(self.graph.path)[0], shape=shape if rep.kind == "pixels" else ())

    def pca_scores(self, dims: int) -> dict[str, Any]:
        """The scores of the leading principal components, in as many dimensions as the map that is held against them."""
        if dims not in self._pca:
            base, _ = load_graph(self.graph.path)
            self._pca[dims] = faithfulness(initial_coords(base, dims, seed=self.seed), self.labels, self.yardstick)
        return self._pca[dims]

    def scores(self, job: Job, coords: NDArray[np.float32], near: NDArray[np.int32]) -> dict[str, Any]:
        """The scores of one map beside those of the leading principal components, which are often that very map; `near` are its own neighbours."""
        dims = coords.shape[1]
        if dims not in self._pca and np.array_equal(coords, initial_coords(load_graph(self.graph.path)[0], dims, seed=self.seed)):
            self._pca[dims] = faithfulness(coords, self.labels, self.yardstick, near=near)
            return with_pca(self._pca[dims], self._pca[dims])
        return faithfulness(coords, self.labels, self.yardstick, near=near, pca=self.pca_scores(dims))


class Mapper:
    """`begin` makes a representation's graph and hands its maps to the worker; `finish` returns the maps of all.

    UMAP always runs in the worker, which compiles it once. t-SNE waits there as well, and `finish` takes back whatever the worker
    has not begun, so that both cores are busy until the last map.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx, self.config = ctx, ctx.config.maps
        self._warm = False

    def begin(
        self, source: Source, labels: NDArray[np.int64] | None, *, solid: bool = True, wait_for_worker: bool = False, jobs: Sequence[Job] = ()
    ) -> Pending:
        """`labels` None leaves label scores out, `solid` False the maps in 3-D. `wait_for_worker` lets the worker do t-SNE too: while this process trains.

        `jobs` are made in place of the configured maps; the configuration's perplexity and neighbours must be the largest of theirs, for the one graph.
        """
        ctx = self.ctx
        n = len(source.representation.X)
        queries = query_rows(np.zeros(n, np.int64) if labels is None else labels, seed=ctx.seed)
        graph = self._graph(source, queries)
        if not jobs:
            jobs = [Job(method, self.config) for method in self.config.method_names]
            jobs += [Job(method, self.config.in_3d, solid=True) for method in self.config.solid_names(n) if solid]
        pending = Pending(source, labels, queries, graph, graph.record["metric"], tuple(jobs), {}, ctx.seed)
        for job in sorted(jobs, key=lambda job: (-_ORDER.index(job.method), job.solid)):
            if job.method == "pca" or (job.method == "tsne" and not wait_for_worker) or ctx.cache.has("projections", self._key(pending, job)):
                continue
            if job.method in ("umap", SUPERVISED) and not self._warm:
                ctx.runner.submit(warm_up, (self.config.dims, Cache(ctx.cache.root, read=ctx.cache.read)))
                self._warm = True
            pending.futures[job] = ctx.runner.submit(run_map, self._task(pending, job))
        return pending

    def finish(self, waiting: list[Pending]) -> list[Made]:
        """The maps of each representation, methods in the order in which they were asked for."""
        return [self._gathered(pending, maps) for pending, maps in zip(waiting, self._entries(waiting), strict=True)]

    def projections(self, waiting: list[Pending]) -> list[list[Projection]]:
        """The map of every job of each representation, in the order of its jobs."""
        made = self._entries(waiting)
        return [[self._projection(pending, job, maps[job]) for job in pending.jobs] for pending, maps in zip(waiting, made, strict=True)]

    def _entries(self, waiting: list[Pending]) -> list[dict[Job, Entry]]:
        """First this process's own t-SNE, while the worker does UMAP; then all scores, representation by representation.

        Scores need sorted distances (560 MB for 70,000 points), which are there for one representation at a time.
        """
        jobs = [job for pending in waiting for job in pending.jobs]
        total, done = len(jobs) + sum(job.method == "tsne" for job in jobs), 0  # a t-SNE map counts twice: drawn, and scored
        # the representation that the worker got first comes last: it may be done by then
        for pending in reversed(waiting):
            for job in (job for job in pending.jobs if job.method == "tsne"):
                done += 1
                if (future := pending.futures.get(job)) is not None and not future.cancel():
                    continue
                pending.futures.pop(job, None)
                if not self.ctx.cache.has("projections", self._key(pending, job)):
                    pending.drawn[job] = run_map(self._task(pending, job))
                self.ctx.progress.step("maps", done, total, f"{pending.source.representation.name}: tsne")
        made: list[dict[Job, Entry]] = []
        for pending in waiting:
            maps: dict[Job, Entry] = {}
            for job in sorted(pending.jobs, key=lambda job: (job.solid, _ORDER.index(job.method))):
                maps[job] = self._fetch(pending, job)
                done += 1
                self.ctx.progress.step("maps", done, total, f"{pending.source.representation.name}: {job.method}{' in 3-D' if job.solid else ''}")
            pending.forget()
            made.append(maps)
        return made

    def _gathered(self, pending: Pending, entries: dict[Job, Entry]) -> Made:
        flat, solid = ({job.method: self._projection(pending, job, entries[job]) for job in pending.jobs if job.solid == kind} for kind in (False, True))
        local = {job.method: load_local(entries[job]) for job in pending.jobs if not job.solid and has_local(entries[job])}
        return Made(flat, solid, pending.near, local)

    def _task(self, pending: Pending, job: Job) -> MapTask:
        out = self.ctx.scratch / f"{pending.graph.key}_{digest(self._key(pending, job))[:16]}.npy"
        labels = pending.labels if job.method == SUPERVISED else None
        return MapTask(pending.graph.path, job.method, job.config, self.ctx.seed, self.ctx.threads, out, labels, job.components)

    def _graph(self, source: Source, queries: NDArray[np.int64]) -> Entry:
        n = len(source.representation.X)
        k = max(graph_size(self.config, n), 1)
        key = {
            "code": code_digest(),
            "source": source.key,
            "metric": self.config.metric,
            "pca_dims": self.config.pca_dims,
            "k": k,
            "queries": hashlib.sha256(queries.tobytes()).hexdigest(),
            "versions": versions("numpy", "scikit-learn", "scikit-learn-intelex"),
            "threads": self.ctx.threads,
        }
        if not searches_exactly(n, self.config.graph):
            key |= {"approximate": versions("pynndescent", "numba"), "seed": self.ctx.seed}
        return self.ctx.cache.fetch("graphs", key, lambda temp: make_graph(temp, source, self.config, k, queries, seed=self.ctx.seed, threads=self.ctx.threads))

    def _key(self, pending: Pending, job: Job) -> dict[str, Any]:
        c, method = job.config, job.method
        of_umap = {"n_neighbors": c.n_neighbors, "min_dist": c.min_dist, "epochs": c.epochs}
        own: dict[str, dict[str, Any]] = {
            "pca": {"components": job.components} if job.components else {},
            "tsne": {"perplexity": c.perplexity, "n_iter": c.steps, "fine": c.fine(len(pending.source.representation.X))},
            "umap": of_umap,
            SUPERVISED: of_umap,
        }
        return {
            "code": code_digest(),
            "basis": pending.graph.record["basis"],  # of an exact graph all is said with it: its k changes nothing that a method reads
            "search": pending.graph.record.get("search_digest", ""),
            "init": pending.graph.record["init"],
            "method": method,
            "dims": c.dims,
            **own[method],
            "seed": self.ctx.seed,
            "threads": self.ctx.threads,
            "labels": "" if pending.labels is None else hashlib.sha256(pending.labels.tobytes()).hexdigest(),
            "scores": K,
            "versions": versions("scikit-learn-intelex", "openTSNE", "umap-learn", "numba"),
        }

    def _fetch(self, pending: Pending, job: Job) -> Entry:
        return self.ctx.cache.fetch("projections", self._key(pending, job), lambda temp: self._make(temp, pending, job))

    def _projection(self, pending: Pending, job: Job, entry: Entry) -> Projection:
        record, source = entry.record, pending.source.representation
        coords = np.load(entry.path / "coords.npy")
        return Projection(coords, source.sample_ids, source.name, job.method, record["parameters"], self.ctx.seed, record["scores"], record["note"])

    def _make(self, temp: Path, pending: Pending, job: Job) -> dict[str, Any]:
        task = self._task(pending, job)
        future = pending.futures.get(job)
        record = pending.drawn.pop(job, None) or (future.result() if future else run_map(task))
        shutil.copyfile(task.out, temp / "coords.npy")
        if record["note"] or pending.near is None:
            return {**record, "scores": {}}
        coords = np.load(task.out)
        near = map_neighbors(coords, min(WIDE, len(coords) - 1))
        found = distortion(pending.near, near)
        save_local(temp, Local(near[:, : found.k], found))
        return {**record, "scores": pending.scores(job, coords, near), "k": found.k, "wide": found.wide}


def weight_source(name: str, rows: NDArray[np.float32], model: str) -> Source:
    """A weight matrix as a representation: ids are ``<layer>/<weight>/<unit>``."""
    from fmnist_viz.core.types import Representation

    ids = np.array([f"{name}/{i}" for i in range(len(rows))])
    key = hashlib.sha256(rows.tobytes() + str(rows.shape).encode()).hexdigest()
    return Source(Representation(rows, ids, name, "weight", model), key, lambda: None)
