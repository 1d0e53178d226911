"""The epoch film: the probe's recordings of one training as numbers and views, as a stage of a run and as a call of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.epochs import EpochNumbers
from fmnist_viz.core.cache import Cache, Entry
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.threads import usable_cores
from fmnist_viz.core.types import Representation
from fmnist_viz.display.film import FilmDisplay
from fmnist_viz.pipeline.config import code_digest, read_run_config, versions
from fmnist_viz.pipeline.film_store import load_drifts, load_strip, save_drifts, save_strip
from fmnist_viz.pipeline.finished import FinishedRun, checked
from fmnist_viz.pipeline.ladder import COMPUTED, given_labels, scored
from fmnist_viz.pipeline.snapshots import Recording, recordings
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.film import LINEAR, MAPPED, Strip, circle_order, class_axes, linear_strip, mapped_strip, shown_epochs, softmax, vector_drifts

if TYPE_CHECKING:
    from fmnist_viz.pipeline.context import Context

NOT_TRAINED = "There is no epoch film: nothing was trained here, so no epochs of this model are known."


@dataclass(frozen=True)
class Takes:
    """What was recorded of one training.

    recorded : every look, ascending;  labels : int64 (n,);  sample_ids : n names
    """

    recorded: tuple[Recording, ...]
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]

    @property
    def fault(self) -> str:
        """Why there is nothing to show, or an empty string."""
        n = len(self.labels)
        return f"There is no epoch film: {len(self.recorded)} looks at {n:,} images were recorded." if len(self.recorded) < 2 or n < 2 else ""

    def numbers(self) -> EpochNumbers:
        predictions = np.stack([r.logits.argmax(axis=1) for r in self.recorded])
        return EpochNumbers(tuple(r.epoch for r in self.recorded), predictions, self.labels, self.sample_ids, self.class_names)

    def order(self) -> NDArray[np.int64]:
        """The classes around the circle, by the last epoch."""
        return circle_order(softmax(self.recorded[-1].logits), self.labels)


@dataclass(frozen=True)
class FilmTask:
    """One view as a job for another process: reads the recordings, writes a strip into `out`."""

    probe: Path
    class_names: tuple[str, ...]
    method: str
    config: MapConfig
    seed: int
    threads: int
    out: Path


def run_film(task: FilmTask) -> None:
    """Idempotent: the same task writes the same strip."""
    shutil.rmtree(task.out, ignore_errors=True)
    task.out.mkdir(parents=True)
    save_strip(task.out, strip(takes(task.probe, task.class_names), task.method, task.config, task.seed, task.threads))


@dataclass
class Reel:
    """A film under way; `reason` says why there is none."""

    takes: Takes | None = None
    reason: str = ""
    ahead: dict[str, tuple[Future[None], Path]] = field(default_factory=dict)  # views that the worker makes


def film(
    source: str | Path | Mapping[int, tuple[Any, Any]],
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    config: MapConfig | None = None,
    seed: int | None = None,
    threads: int = 0,
    cache_dir: str | Path | None = None,
) -> FilmDisplay:
    """One training as a film: when each class was learned, what was forgotten, which pairs were mixed up, and the same images after every epoch.

    Parameters
    ----------
    source : the folder of a run that was trained; or epoch -> (penultimate activations (n, d), logits (n, c)) of the same n images, 0 being before training
    labels : (n,), class numbers 0..c-1 or names, for recordings of one's own
    config : perplexity, metric, methods ("tsne,umap") and `film_epochs` of the views; by default as in the run
    seed : by default the run's, or 0;  threads : 0 takes all cores
    cache_dir : a cache to read the views from and to keep them in; by default they are made anew

    Returns
    -------
    FilmDisplay : `.frame()` a row per epoch, `.classes()` per class and epoch, `.pairs()` per directed pair and epoch, `.forgetting()` per image,
    `.plot()` the views in a column per epoch; `fmnist_viz.display.epochs.EpochsDisplay(film.numbers)` draws the numbers.

    Raises
    ------
    BadInput where a folder is no run, or its run recorded nothing, or arrays do not fit together; Damaged where a recording was changed.
    """
    if isinstance(source, Mapping):
        taken, config, seed = _given(source, labels, class_names), config or MapConfig(), seed or 0
    else:
        path = Path(source)
        taken, found, known = of_run(path)
        config, seed = config or found, known if seed is None else seed
    if taken.fault:
        raise BadInput("NO-FILM", "film" if isinstance(source, Mapping) else source, taken.fault, "Give two looks or more at two images or more.")
    config = dataclasses.replace(config, film_epochs=config.film_epochs or 12)
    threads = threads or usable_cores()
    if cache_dir is None:
        return _joined(taken, config, lambda method: strip(taken, method, config, seed, threads), vector_drifts(_shown_vectors(taken, config)))
    return _cached(taken, config, seed, threads, Cache(Path(cache_dir).absolute()), {})


def begin_film(ctx: Context, entry: Entry | None) -> Reel:
    """Hand UMAP's view to the worker, which is idle while this process looks at the features."""
    config = ctx.config.maps
    if entry is None:
        return Reel(reason=NOT_TRAINED)
    if not config.film_epochs:
        return Reel(reason="There is no epoch film: it was not asked for (--film-epochs 0).")
    taken = takes(entry.path / "probe", ctx.data.test.class_names)
    if taken.fault:
        return Reel(reason=taken.fault)
    reel = Reel(taken)
    if "umap" in config.method_names and not ctx.cache.has("film", _key(taken, "umap", config, ctx.seed, ctx.threads)):
        out = ctx.scratch / "film_umap"
        task = FilmTask(entry.path / "probe", taken.class_names, "umap", config, ctx.seed, ctx.threads, out)
        reel.ahead["umap"] = (ctx.runner.submit(run_film, task), out)
    return reel


def finish_film(ctx: Context, reel: Reel) -> tuple[FilmDisplay | None, str]:
    """(the film, why there is none), from the cache where the same was made before."""
    if reel.takes is None:
        ctx.folder.manifest.about["film"] = {"skipped": reel.reason}
        return None, reel.reason
    with ctx.timed("film"):
        ctx.progress.say(f"the epoch film of {len(reel.takes.recorded)} looks")
        made = _cached(reel.takes, ctx.config.maps, ctx.seed, ctx.threads, ctx.cache, reel.ahead)
    ctx.folder.manifest.about["film"] = {"images": len(made.numbers.labels), "split": "test", "looks": list(made.numbers.epochs), "shown": list(made.epochs)}
    return made, ""


def takes(folder: Path, class_names: Sequence[str]) -> Takes:
    """What a folder of recordings holds."""
    with np.load(folder / "probe.npz", allow_pickle=False) as stored:
        return Takes(tuple(recordings(folder)), stored["labels"].astype(np.int64), stored["sample_ids"], tuple(class_names))


def strip(taken: Takes, method: str, config: MapConfig, seed: int, threads: int) -> Strip:
    """One view of the epochs shown, with the scores of its maps against the penultimate activations."""
    shown = _shown(taken, config)
    names = [f"epoch {r.epoch}" for r in shown]
    bases = [_base(r, name, taken.sample_ids, config) for r, name in zip(shown, names, strict=True)]
    if method in LINEAR:
        values = [r.logits if method == "logits" else softmax(r.logits) for r in shown]
        made = linear_strip(values, class_axes(taken.order()), names, taken.sample_ids, method)
    else:
        made = mapped_strip(bases, taken.sample_ids, method, config=config, seed=seed, threads=threads)
    judged = [scored(p, r.penultimate, base, taken.labels, seed) for p, r, base in zip(made.projections, shown, bases, strict=True)]
    return dataclasses.replace(made, projections=tuple(judged))


def _joined(taken: Takes, config: MapConfig, view: Callable[[str], Strip], vectors: tuple[float, ...]) -> FilmDisplay:
    methods = [m for m in MAPPED if m in config.method_names]
    strips = [view(method) for method in (*LINEAR, *methods)]
    reason = "" if methods else "Neither t-SNE nor UMAP was asked for (--methods), so the linear views stand alone"
    shown = shown_epochs([r.epoch for r in taken.recorded], config.film_epochs)
    return FilmDisplay(taken.numbers(), tuple(shown), tuple(strips), taken.order(), vectors, reason)


def _cached(taken: Takes, config: MapConfig, seed: int, threads: int, cache: Cache, ahead: Mapping[str, tuple[Future[None], Path]]) -> FilmDisplay:
    def make(temp: Path, method: str) -> None:
        if method in ahead:
            future, out = ahead[method]
            future.result()
            for path in out.iterdir():
                shutil.copyfile(path, temp / path.name)
        else:
            save_strip(temp, strip(taken, method, config, seed, threads))

    def view(method: str) -> Strip:
        entry = cache.fetch("film", _key(taken, method, config, seed, threads), lambda temp: make(temp, method))
        return load_strip(entry.path, sample_ids=taken.sample_ids)

    def drifts(temp: Path) -> None:
        save_drifts(temp, vector_drifts(_shown_vectors(taken, config)))

    return _joined(taken, config, view, load_drifts(cache.fetch("film", _key(taken, "vectors", config, seed, threads), drifts).path))


def _key(taken: Takes, method: str, config: MapConfig, seed: int, threads: int) -> dict[str, Any]:
    own = {"tsne": {"perplexity": config.perplexity}}
    own["umap"] = {"n_neighbors": config.n_neighbors, "min_dist": config.min_dist, "epochs": config.epochs}
    content = hashlib.sha256(taken.labels.tobytes() + str([(r.epoch, r.penultimate.shape, r.logits.shape) for r in taken.recorded]).encode())
    for r in taken.recorded:
        content.update(np.ascontiguousarray(r.penultimate).data)
        content.update(np.ascontiguousarray(r.logits).data)
    return {
        "code": code_digest((*COMPUTED, "pipeline/film.py", "pipeline/film_store.py", "pipeline/ladder.py")),
        "recordings": content.hexdigest(), "method": method, "shown": shown_epochs([r.epoch for r in taken.recorded], config.film_epochs),
        "metric": config.metric, "pca_dims": config.pca_dims, **own.get(method, {}), "seed": seed, "threads": threads,
        "versions": versions("numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "openTSNE", "umap-learn", "numba"),
    }  # fmt: skip


def _shown(taken: Takes, config: MapConfig) -> list[Recording]:
    return [taken.recorded[i] for i in shown_epochs([r.epoch for r in taken.recorded], config.film_epochs)]


def _shown_vectors(taken: Takes, config: MapConfig) -> list[NDArray[np.float32]]:
    return [r.penultimate for r in _shown(taken, config)]


def _base(r: Recording, name: str, sample_ids: NDArray[np.str_], config: MapConfig) -> Basis:
    return basis(Representation(r.penultimate, sample_ids, name, "activation", epoch=r.epoch), metric=config.metric, pca_dims=config.pca_dims)


def of_run(path: Path) -> tuple[Takes, MapConfig, int]:
    """Recordings, settings of the maps and seed of a run folder."""
    try:
        run = FinishedRun(path, path.name, Manifest.load(path))
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput("NO-RUN", path, "holds no manifest.json, so it is no run folder", "Give a folder that train-and-export or train has made.") from None
    kept = [name for name in run.manifest.files() if name.startswith("probe/")]
    if "probe/probe.npz" not in kept:
        raise BadInput("NO-FILM", path, "recorded no epochs: its model was not trained here", "Give a run of train-and-export or train.")
    for name in kept:
        checked(run, name)
    config = read_run_config(path, run.about["kind"]).maps
    return takes(path / "probe", run.class_names), config, int(run.about.get("seed") or 0)


def _given(source: Mapping[int, tuple[Any, Any]], labels: Any, class_names: Sequence[str] | None) -> Takes:
    """Recordings that were handed over. Raises BadInput where they do not fit together."""
    numbers, names = given_labels(labels if labels is not None else [], class_names)
    recorded = []
    for epoch in sorted(source):
        hidden, logits = (np.asarray(part) for part in source[epoch])
        hidden = hidden.reshape(len(hidden), -1)
        if len(hidden) != len(numbers) or logits.shape != (len(numbers), len(names)):
            fact = f"activations of {len(hidden):,} images, logits of shape {logits.shape}; expected {len(numbers):,} images and {len(names)} classes"
            raise BadInput("FILM-ARRAY", f"epoch {epoch}", fact, "Give activations (n, d) and logits (n, classes) of the same images as the labels.")
        if not np.isfinite(logits).all():
            raise BadInput("FILM-ARRAY", f"epoch {epoch}", "holds logits that are not finite", "Leave that epoch out.")
        recorded.append(Recording(int(epoch), np.ascontiguousarray(hidden, np.float32), np.ascontiguousarray(logits, np.float32)))
    return Takes(tuple(recorded), numbers, np.array([str(i) for i in range(len(numbers))]), names)
