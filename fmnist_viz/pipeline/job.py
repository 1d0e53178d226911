"""The main job, as numbered prose: data, training, features, maps, confusions, exports, manifest."""

from __future__ import annotations

import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import OutputBusy, ResourceError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.memory import release
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import InlineRunner, LocalRunner, Runner
from fmnist_viz.core.store import need_space
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.pipeline.brought import add_brought, check_usage, labels_only, look_without_model, read_brought
from fmnist_viz.pipeline.classes import known_names, match_classes
from fmnist_viz.pipeline.config import RunConfig
from fmnist_viz.pipeline.context import Context, mapped_images, scratch_folder
from fmnist_viz.pipeline.features import ModelFile
from fmnist_viz.pipeline.folder import RunFolder
from fmnist_viz.pipeline.preflight import check_request
from fmnist_viz.pipeline.provenance import begin, finish
from fmnist_viz.pipeline.transfer import frozen_base, warning_of

if TYPE_CHECKING:
    from fmnist_viz.core.cache import Entry
    from fmnist_viz.core.types import DataSet, LabeledImages
    from fmnist_viz.features.weights import WeightRows
    from fmnist_viz.pipeline.brought import Brought
    from fmnist_viz.pipeline.exports import Shown
    from fmnist_viz.pipeline.features import Seen
    from fmnist_viz.pipeline.maps import Mapper, Pending
    from fmnist_viz.pipeline.transfer import FrozenBase

LOGS = Path("projector_logs")
RUN_BYTES = 120 << 20  # what a run of the main job takes on disk, cache and folder together, when nothing is cached


@dataclass(frozen=True)
class Request:
    """One call: what to make (`config`) and where, which is no part of what is made."""

    config: RunConfig
    command: str  # "train-and-export", "train" or "export"
    line: str  # the command as typed, paths relative, for the manifest
    out: Path | None = None
    cache_dir: Path | None = None
    fresh: bool = False
    overwrite: bool = False
    resume: bool = False  # go on with an unfinished training of this very configuration
    trust_model: bool = False  # open a model file whatever its classes are: its own code may run
    again: bool = False  # write the exports again even where the run is finished
    allow_sample: bool = False  # go on with the shipped sample where Fashion-MNIST cannot be had
    progress: Progress = field(default_factory=Silent)
    workers: bool = False  # a second process for UMAP; a script that sets it needs the `if __name__ == "__main__"` guard


@dataclass(frozen=True)
class Result:
    """Where everything is, and whether anything had to be done."""

    path: Path
    manifest: Manifest
    reused: bool
    seconds: float


@dataclass(frozen=True)
class Given:
    """What a call starts from: data, and a model, vectors and predictions or a frozen base where there are such; what must be said about them."""

    data: DataSet
    digests: dict[str, str]  # of the data's splits by name
    model: ModelFile | None
    brought: Brought | None
    base: FrozenBase | None
    warnings: list[str]


def run_job(request: Request) -> Result:
    """Make (or find) the run that the configuration describes. Raises VizError for everything a person can mend."""
    start = time.perf_counter()
    config, progress = request.config, request.progress
    threads = set_threads(min(config.compute.threads, usable_cores()))
    if config.compute.threads > threads:
        progress.warn(f"--threads {config.compute.threads}: this process may use {threads} cores, so {threads} threads are taken")
    cache = Cache((request.cache_dir or default_cache_dir()).absolute(), report=progress.warn, read=not request.fresh)
    given = gather(request, cache, threads)
    digest = config.digest(
        command=request.command,
        data=str(sorted(given.digests.items())),
        threads=threads,
        model=given.model.sha256 if given.model else "",
        brought=given.brought.sha256 if given.brought else "",
        base=given.base.weights.digest if given.base else "",
    )
    path = request.out or default_folder(config, digest, fresh=request.fresh)
    folder = RunFolder(path)
    if (done := folder.finished(digest)) is not None and not request.fresh and not request.again:
        faults = done.faults(path)
        if not faults:
            return Result(path, done, True, time.perf_counter() - start)
        progress.warn(f"{path}: {faults[0]}; making what is damaged again")
    elif request.fresh and request.out and done is not None and not request.overwrite:
        raise OutputBusy("OUT-TAKEN", path, "holds this very run", "Leave out --out to make a new one beside it, or add --overwrite to replace it.")
    check_request(config, given.data, cache, given.model, maps=request.command != "train", brought=given.brought, base=given.base)
    need_space(path, RUN_BYTES, what="a run")
    need_space(cache.root, RUN_BYTES, what="the cache")
    _make(request, given, folder, cache, digest, threads, start)
    return Result(path, folder.manifest, False, time.perf_counter() - start)


def gather(request: Request, cache: Cache, threads: int) -> Given:
    """Find and check everything that the run starts from; says what must be said."""
    config, progress = request.config, request.progress
    check_usage(config)
    model = model_file(config, trust=request.trust_model)
    data, warnings = load_data(request)

    def warn(*lines: str) -> None:
        for line in filter(None, lines):
            warnings.append(line)
            progress.warn(line)

    if model is not None:
        warn(model.warning)
    if config.model_file is not None and (model is not None or (config.model_file.classes and not (config.brought and config.brought.labels))):
        path = model.path if model else Path("--classes")
        data, unsure = match_classes(data, known_names(path, config.model_file.classes), path.name)
        warn(unsure)
    brought = None
    if config.brought is not None and config.brought.given:
        brought = read_brought(config, mapped_images(data, split=config.features.split, points=0, seed=config.view.seed))
        assert brought is not None
        warn(*brought.notes)
    digests = {part.split: part.digest() for part in (data.train, data.test) if part is not None}
    base = frozen_base((config.fit.model,) if config.fit else (), config.transfer, data, threads, cache, progress)
    if base is not None and base.weights.warning:
        warnings.append(base.weights.warning)  # said on screen where the weights were found
    if model is not None:
        warn(warning_of(model.path))
    return Given(data, digests, model, brought, base, warnings)


def _make(request: Request, given: Given, folder: RunFolder, cache: Cache, digest: str, threads: int, start: float) -> None:
    """Carry the stages out, with a worker process where that was asked for."""
    config, progress = request.config, request.progress
    with folder.open(digest=digest, overwrite=request.overwrite), scratch_folder(cache) as scratch:
        runner: Runner = LocalRunner() if request.workers and threads > 1 else InlineRunner()
        ctx = Context(
            config, given.data, given.digests, cache, folder, runner, progress, threads, scratch, given.warnings, given.model,
            request.resume, given.brought, given.base,
        )  # fmt: skip
        try:
            begin(ctx, command=request.command, line=request.line, digest=digest)
            (_train_only if request.command == "train" else _whole)(ctx, request)
            finish(ctx, time.perf_counter() - start)
        except BrokenProcessPool:
            raise ResourceError(
                "WORKER-LOST", "the map worker", "was ended from outside, most likely for lack of memory", "Map fewer images (--points) or fewer --layers."
            ) from None
        except BaseException:
            if isinstance(runner, LocalRunner):
                runner.close(now=True)
            raise
        if isinstance(runner, LocalRunner):
            runner.close()


def load_data(request: Request) -> tuple[DataSet, list[str]]:
    """The data and what must be said about it everywhere it is used."""
    from fmnist_viz.data import load, load_or_sample

    if (labels := labels_only(request.config)) is not None:
        request.progress.say(f"using {len(labels.test):,} labels of {len(labels.class_names)} classes, and no images")
        return labels, []
    find = load_or_sample if request.allow_sample else load
    data = find(request.config.data, progress=request.progress)
    warnings = []
    if data.source.fallback:
        warnings.append(
            "SAMPLE, not the real data: Fashion-MNIST was not found and could not be downloaded. Every figure here is of 5,000 training and 1,000 test images."
        )
    elif data.source.kind == "sample":
        warnings.append("SAMPLE: 5,000 training and 1,000 test images of Fashion-MNIST's 70,000. Figures of the full data differ.")
    if 0 < (points := request.config.features.points) < len(data.test) and request.command != "train":
        warnings.append(f"The maps and confusions are of a stratified sample of {points:,} images (--points).")
    if request.config.data.allow_modified and not data.source.official:
        warnings.append("MODIFIED DATA: these files are not the published Fashion-MNIST.")
    for line in warnings:
        request.progress.warn(line)
    counts = f"{len(data.train) if data.train is not None else 0:,} training and {len(data.test):,} test images"
    request.progress.say(f"using {counts} of {len(data.class_names)} classes")
    return data, warnings


def model_file(config: RunConfig, *, trust: bool = False) -> ModelFile | None:
    """The model to export, judged now and opened when it is needed; None where one is to be trained, or none is given."""
    if config.model_file is None or not config.model_file.model_file:
        return None
    path = Path(config.model_file.model_file)
    return ModelFile(path, path.stem, trust=trust)


def default_folder(config: RunConfig, digest: str, *, fresh: bool) -> Path:
    """`projector_logs/<model>-<8 digits>`; --fresh takes the first free of `-2`, `-3` ..."""
    name = config.fit.model if config.fit else Path(config.model_file.model_file).stem if config.model_file else ""
    name = name or "export"
    path = LOGS / f"{name}-{digest[:8]}"
    number = 2
    while fresh and path.exists():
        path = LOGS / f"{name}-{digest[:8]}-{number}"
        number += 1
    return path


def _train_only(ctx: Context, request: Request) -> None:
    from fmnist_viz.pipeline.snapshots import publish_snapshots
    from fmnist_viz.pipeline.training import train

    publish_snapshots(ctx, train(ctx))


def _whole(ctx: Context, request: Request) -> None:
    from fmnist_viz.pipeline.axes import axis_facts
    from fmnist_viz.pipeline.card import confusion_facts
    from fmnist_viz.pipeline.features import look, publish_predictions
    from fmnist_viz.pipeline.maps import Mapper
    from fmnist_viz.pipeline.snapshots import publish_snapshots
    from fmnist_viz.pipeline.units import load_weights
    from fmnist_viz.projection.tsne import solid_cost

    config, progress = ctx.config, ctx.progress
    keep = ctx.brought.keep.tolist() if ctx.brought else None
    images = mapped_images(ctx.data, split=config.features.split, points=config.features.points, seed=ctx.seed, keep=keep)
    digest = images.digest()
    mapper = Mapper(ctx)
    early = _pixels_first(mapper, images, digest) if config.fit is not None else {}
    model, entry = _model(ctx)
    training = dict(entry.record) if entry else {}
    if model is None:
        seen, weights = look_without_model(ctx, images, digest), []
    else:
        progress.say(f"features of {len(images):,} images")
        release()  # what training held: the features need the room
        seen = add_brought(ctx, look(ctx, model, images, digest), images)
        weights = load_weights(ctx, model, seen, digest, images.images.shape[1:])
        release()
    publish_predictions(ctx, seen)
    of_weights = f" and of {len(weights)} weight matrices" if weights else ""
    if config.maps.dims == 3 and "tsne" in config.maps.method_names:
        progress.warn(solid_cost(len(seen.sources) + len(weights), len(images)))
    if seen.sources or weights:
        progress.say(f"maps of {', '.join(seen.sources)}{of_weights}: {', '.join(config.maps.method_names)}")
    shown = _mapped(mapper, images, seen, weights, early, training)
    ctx.folder.manifest.about["findings"] = dict([*confusion_facts(shown), *axis_facts(shown)])
    progress.say("writing figures, tables, the Projector folder and the report")
    _export(ctx, shown, request.line, model)
    publish_snapshots(ctx, entry)  # after the Projector folder: the page opens the run that began first


def _pixels_first(mapper: Mapper, images: LabeledImages, digest: str) -> dict[str, Pending]:
    """The pixels' maps need no model: the worker makes them while this process trains."""
    from fmnist_viz.models.layers import chosen_special
    from fmnist_viz.pipeline.features import pixel_source

    if "pixels" not in chosen_special(mapper.ctx.config.features.layers):
        return {}
    return {"pixels": mapper.begin(pixel_source(images, digest), images.labels, wait_for_worker=True)}


def _model(ctx: Context) -> tuple[ModelFile | None, Entry | None]:
    """The model to look at, trained now (or before) or brought along (None: there is none), and its training."""
    from fmnist_viz.pipeline.training import train

    if ctx.config.fit is None:
        return ctx.model, None
    entry = train(ctx)
    return ModelFile(entry.path / "model.keras", ctx.config.fit.model), entry


def _mapped(mapper: Mapper, images: LabeledImages, seen: Seen, weights: list[WeightRows], early: dict[str, Pending], training: dict[str, Any]) -> Shown:
    """Every representation and every weight matrix by every method, joined with the confusions."""
    from fmnist_viz.analysis.confusion import confusion
    from fmnist_viz.pipeline.axes import place
    from fmnist_viz.pipeline.exports import Shown
    from fmnist_viz.pipeline.ladder import climb
    from fmnist_viz.pipeline.maps import weight_source
    from fmnist_viz.pipeline.overlap import overlaps

    ctx, model = mapper.ctx, seen.model
    with ctx.timed("maps"):
        pending = {name: early.get(name) or mapper.begin(source, images.labels) for name, source in seen.sources.items()}
        # a unit's favoured class is no truth to be kept: weight maps have no label score
        of_weights = {w.name: mapper.begin(weight_source(w.name, w.rows, model), None, solid=False) for w in weights}
        made = mapper.finish([*pending.values(), *of_weights.values()])
    maps = dict(zip([*pending, *of_weights], made, strict=True))
    graphs = {name: p.graph.record for name, p in {**pending, **of_weights}.items()}
    counted = confusion(seen.predictions) if seen.predictions else None
    data_name = {"fashion-mnist": "Fashion-MNIST", "sample": "a sample of Fashion-MNIST"}.get(ctx.data.source.kind, ctx.data.source.location)
    return Shown(
        title=f"{model} on {data_name}",
        model=model,
        images=images,
        seen=seen,
        confusion=counted,
        maps={name: maps[name].flat for name in pending},
        graphs=graphs,
        history=training.get("history", {}),
        weights=weights,
        weight_maps={name: maps[name].flat for name in of_weights},
        training=training,
        solid_maps={name: maps[name].solid for name in pending if maps[name].solid},
        planes=place(ctx, images, seen, counted),
        near={name: near for name in pending if (near := maps[name].near) is not None},
        distortions={name: {method: local.distortion for method, local in maps[name].local.items()} for name in pending},
        overlaps=overlaps({name: maps[name] for name in pending}, images),
        components={
            name: c for name, p in pending.items() if "pca" in ctx.config.maps.method_names and (c := p.components(images.images.shape[1:])) is not None
        },
        ladder=climb(ctx, images, seen, {name: p.graph.path for name, p in pending.items()}),
    )


def _export(ctx: Context, shown: Shown, line: str, model: ModelFile | None) -> None:
    """Everything that a person opens; the worker draws the figures meanwhile."""
    from fmnist_viz.pipeline import exports, pictures
    from fmnist_viz.pipeline.projector import publish_projector
    from fmnist_viz.pipeline.projector_page import publish_page

    shots = pictures.begin_pictures(ctx, pictures.gather(ctx, shown, model))
    drawn = exports.begin_figures(ctx, shown)
    exports.publish_maps(ctx, shown)
    ready = exports.tables(shown, left_out=ctx.brought.not_finite if ctx.brought else ())
    exports.publish_tables(ctx, shown, ready)
    publish_projector(ctx, shown)
    publish_page(ctx, shown.title)
    exports.publish_report(ctx, shown, ready, line, shots.result())
    exports.publish_figures(ctx, drawn)
