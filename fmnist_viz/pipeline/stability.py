"""The same maps over starts, samples of the points and parameters: of a finished run, of vectors at hand, or of maps made elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import runner
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.core.types import LabeledImages, Representation
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.pipeline.compared_layers import images_of
from fmnist_viz.pipeline.config import read_run_config
from fmnist_viz.pipeline.faithfulness import array_of, class_labels, representation_of
from fmnist_viz.pipeline.features import Source
from fmnist_viz.pipeline.finished import FinishedRun, checked, open_runs
from fmnist_viz.pipeline.map_grid import chosen_layers, layer_sources
from fmnist_viz.pipeline.replicates import Replicates, part_source
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.config import METHODS, MapConfig
from fmnist_viz.projection.grid import Setting, read_grid, read_methods, settings
from fmnist_viz.projection.replicates import GIVEN, REFERENCE, Plan, Replicate, plans
from fmnist_viz.projection.stability import Stability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_POINTS = 10_000  # mapped unless more are asked for: ten thousand take seconds a map, seventy thousand minutes
MOST_SEEDS = 50
FRAMES = ("points", "pairs", "classes", "replicates")


@dataclass(frozen=True)
class StabilityMaps:
    """What of each map comes again. Printed it says what may be read; `plot` and `plot_gaps` draw it, and four methods give the numbers.

    found : by (representation, method);  run : what was read, None where vectors or maps were given;  warnings : what must be said on every figure
    """

    found: dict[tuple[str, str], Stability]
    run: FinishedRun | None = None
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of the run's configuration, and of every map's place among the replicates with its parameters."""
        maps = [[*key, *([one.kind, one.label, one.seed, len(one.rows), _values(one)] for one in found.maps)] for key, found in self.found.items()]
        return digest(["" if self.run is None else self.run.about.get("digest", ""), maps])

    def frame(self, name: str = "pairs") -> pd.DataFrame:
        """One of the tables "points", "pairs", "classes", "replicates" of all maps: columns as in `projection.stability.Stability` after representation and
        method."""
        import pandas as pd

        if name not in FRAMES:
            raise unknown_choice("table", name, FRAMES)
        parts = []
        for (representation, method), found in self.found.items():
            part = getattr(found, name)()
            part.insert(0, "method", METHOD_NAMES.get(method, method))
            part.insert(0, "representation", representation)
            parts.append(part)
        filled = [part for part in parts if len(part)]
        return pd.concat(filled or parts[:1], ignore_index=True)

    def points(self) -> pd.DataFrame:
        return self.frame("points")

    def pairs(self) -> pd.DataFrame:
        return self.frame("pairs")

    def classes(self) -> pd.DataFrame:
        return self.frame("classes")

    def replicates(self) -> pd.DataFrame:
        return self.frame("replicates")

    def one(self, representation: str = "", method: str = "") -> Stability:
        """The stability of one map, by default of the first. Raises UsageError for one that is not there."""
        for (layer, name), found in self.found.items():
            if representation in ("", layer) and method in ("", name):
                return found
        raise unknown_choice("map", f"{representation} {method}".strip(), [f"{layer} {name}" for layer, name in self.found])

    def plot(self, representation: str = "", method: str = "") -> Figure:
        """The reference map coloured by stability above its replicates, laid onto it."""
        from fmnist_viz.display.stability import StabilityDisplay

        return StabilityDisplay(self.one(representation, method)).plot(stamp=self.warnings)

    def plot_gaps(self, representation: str = "", method: str = "") -> Figure:
        """The gap of every pair of classes with its intervals, and what each map says of it. Raises UsageError where there were no labels."""
        from fmnist_viz.display.gaps import GapsDisplay

        found = self.one(representation, method)
        if not found.class_names:
            raise UsageError("LABELS", "plot_gaps", "there were no labels", "Give labels to stability.")
        return GapsDisplay(found).plot(stamp=self.warnings)

    def __str__(self) -> str:
        return "\n\n".join("\n".join([f"{layer}: {METHOD_NAMES.get(m, m)}", *found.findings()]) for (layer, m), found in self.found.items())

    def _repr_html_(self) -> str:
        from html import escape

        parts = [f"<p><b>{escape(layer)}: {escape(METHOD_NAMES.get(m, m))}</b></p>" + "".join(f"<p>{escape(text)}.</p>" for text in found.findings())
                 for (layer, m), found in self.found.items()]  # fmt: skip
        return "".join(parts)


def _values(one: Replicate) -> dict[str, Any]:
    return {name: value for name, value in one.parameters.items() if name not in ("seconds", "implementation")}


def stability(
    given: Any,
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    layers: str = "",
    methods: str = "",
    seeds: int = 5,
    grid: Sequence[str] = (),
    resample: bool = True,
    points: int = 0,
    seed: int = 0,
    config: MapConfig | None = None,
    cache_dir: str | Path | None = None,
    workers: bool = False,
    progress: Progress | None = None,
) -> StabilityMaps:
    """Make maps again and say what of them comes again; nothing is trained, TensorFlow is not loaded.

    Parameters
    ----------
    given : a run's folder (path); a `Representation` or array-like (n, d); or a list of maps (n, 2 or 3) of the same points, the first being the reference
    labels : (n,), whole numbers or names, of vectors or maps; without them only points are looked at. A run knows its own
    class_names : names of the classes 0..c-1; by default the distinct labels in order
    layers : of a run, separated by commas; by default its last hidden layer
    methods : pca, tsne, umap, separated by commas; by default t-SNE and UMAP
    seeds : random starts, and as many random halves of the points; 2 to 50
    grid : further maps, such as ``["perplexity=15,60"]``
    resample : False leaves the halves out, and with them every interval over the points
    points : of a run, a stratified sample to map in place of all; 0 takes all, of more than 10,000 those
    seed : of vectors at hand: the reference's, replicates count on from it; a run has its own
    config : values of the maps of vectors at hand, by default those of a run
    cache_dir, workers, progress : as in `map_grid`; maps of vectors at hand are kept nowhere

    Raises
    ------
    UsageError for unknown names and values out of range; BadInput where there is no such run, no data or features of it any more, or arrays do not fit.
    """
    if not 2 <= seeds <= MOST_SEEDS:
        raise UsageError("OPTION-RANGE", "--seeds", f"{seeds} is out of range", f"Give 2 to {MOST_SEEDS}.")
    if points < 0:
        raise UsageError("OPTION-RANGE", "--points", f"{points} is out of range", "Give 0 (all of them) or more.")
    if (maps := _given_maps(given)) is not None:
        return _of_maps(maps, labels, class_names)
    values = read_grid(grid)
    named = read_methods(methods or "tsne,umap", values, flag="--methods")
    for method in named:
        if method not in METHODS:
            raise unknown_choice("method", method, METHODS)  # one that is shown the labels parts the classes every time
    wanted = _Wanted(named, values, seeds, resample)
    if isinstance(given, str | Path):
        return _of_run(Path(given), wanted, layers, points, Path(cache_dir or default_cache_dir()), workers, progress or Silent())
    rep = representation_of(given)
    classes, names = class_labels(labels, class_names, len(rep.X))
    made = _flat(config or MapConfig())
    source = Source(rep, rep.name, lambda: None)
    threads = usable_cores()
    with runner(apart=False, remedy="") as worker:
        task = Replicates(source, classes, wanted.plans(made, classes, len(rep.X), seed), seed, threads, worker)
        task.begin()
        return _stabilities({rep.name: (task, rep)}, names, progress or Silent())


@dataclass(frozen=True)
class _Wanted:
    methods: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    seeds: int
    resample: bool

    def plans(self, config: MapConfig, labels: NDArray[np.int64] | None, n: int, seed: int) -> dict[str, list[Plan]]:
        others: list[Setting] = settings(config, self.values, self.methods) if self.values else []
        classes = np.zeros(n, np.int64) if labels is None else labels
        return {m: plans(m, config, classes, seeds=self.seeds, resample=self.resample, settings=others, seed=seed) for m in self.methods}


def _flat(config: MapConfig) -> MapConfig:
    return dataclasses.replace(config, dims=2)


def _of_run(run: Path, wanted: _Wanted, layers: str, points: int, cache_dir: Path, workers: bool, progress: Progress) -> StabilityMaps:
    (found,) = open_runs([run])
    names = chosen_layers(found, layers)
    asked = read_run_config(checked(found, "config.toml").parent, found.about["kind"])
    images, cache = images_of(found), Cache(cache_dir.absolute(), report=progress.warn)
    sources = layer_sources(found, names, images, cache)
    images, sources = _fewer(images, sources, points, asked.view.seed, progress)
    threads = set_threads(min(int(found.about.get("threads") or 0), usable_cores()))
    chosen = wanted.plans(_flat(asked.maps), images.labels, len(images), asked.view.seed)
    each = sum(len(of_method) for of_method in chosen.values())
    progress.say(f"maps of {len(images):,} images: {each} of each of {len(sources)} layer{'' if len(sources) == 1 else 's'}")
    apart = workers and threads > 1 and "umap" in chosen
    with runner(apart=apart, remedy="Give fewer layers, or --points.") as worker:
        tasks = {
            name: (Replicates(source, images.labels, chosen, asked.view.seed, threads, worker, cache), source.representation)
            for name, source in sources.items()
        }
        for task, _ in tasks.values():
            task.begin()
        made = _stabilities(tasks, images.class_names, progress)
    return dataclasses.replace(made, run=found, warnings=tuple(found.about.get("warnings", [])))


def _fewer(images: LabeledImages, sources: dict[str, Source], points: int, seed: int, progress: Progress) -> tuple[LabeledImages, dict[str, Source]]:
    count = min(points or MOST_POINTS, len(images))
    if count == len(images):
        return images, sources
    if not points:
        progress.warn(f"{count:,} of {len(images):,} images are mapped, stratified; --points {len(images)} takes all")
    rows = stratified_rows(images.labels, count, seed=seed)
    return images.take(rows), {name: part_source(source, rows) for name, source in sources.items()}


def _stabilities(tasks: Mapping[str, tuple[Replicates, Representation]], names: tuple[str, ...], progress: Progress) -> StabilityMaps:
    total, done, found = sum(len(plans) for task, _ in tasks.values() for plans in task.plans.values()), 0, {}
    for name, (task, rep) in tasks.items():
        made = task.finish(progress, done, total)
        done += sum(map(len, made.values()))
        labels = np.full(len(rep.X), -1, np.int64) if task.labels is None else task.labels
        for method, maps in made.items():
            found[name, method] = Stability(tuple(maps), labels, names, rep.sample_ids, name, method)
    return StabilityMaps(found)


def _given_maps(given: Any) -> list[NDArray[np.float32]] | None:
    """The maps, where a list of them was given."""
    if not isinstance(given, list | tuple) or not given or any(np.ndim(one) != 2 for one in given):
        return None
    maps = [array_of(one, f"map {i}", (2, 3)) for i, one in enumerate(given, 1)]
    for i, one in enumerate(maps, 1):
        if one.shape != maps[0].shape:
            raise BadInput("ROWS", f"map {i}", f"has the shape {one.shape}, the first {maps[0].shape}", "Give maps of the same points, row by row.")
        if not np.isfinite(one).all():
            raise BadInput("COORDS", f"map {i}", "holds values that are not finite", "Leave those points out of all arrays.")
    return maps


def _of_maps(maps: Sequence[NDArray[np.float32]], labels: Any, class_names: Sequence[str] | None) -> StabilityMaps:
    n = len(maps[0])
    classes, names = class_labels(labels, class_names, n)
    rows = np.arange(n)
    made = [Replicate(one, rows, GIVEN if i else REFERENCE, f"map {i + 1}") for i, one in enumerate(maps)]
    known = np.full(n, -1, np.int64) if classes is None else classes
    return StabilityMaps({("maps", "given"): Stability(tuple(made), known, names, rows.astype(str), "maps", "given")})
