"""The main job, as numbered prose: data, training, features, maps, confusions, exports, manifest."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import OutputBusy
from fmnist_viz.core.memory import release
from fmnist_viz.core.runner import runner
from fmnist_viz.core.store import need_space
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.pipeline.brought import add_brought, look_without_model
from fmnist_viz.pipeline.context import Context, mapped_images, scratch_folder
from fmnist_viz.pipeline.features import ModelFile
from fmnist_viz.pipeline.folder import RunFolder
from fmnist_viz.pipeline.preflight import check_request
from fmnist_viz.pipeline.provenance import begin, finish
from fmnist_viz.pipeline.request import Given, Request, Result, default_folder, gather
from fmnist_viz.projection.config import SOLID_UP_TO

if TYPE_CHECKING:
    from pathlib import Path

    from fmnist_viz.core.cache import Entry
    from fmnist_viz.core.types import LabeledImages
    from fmnist_viz.features.weights import WeightRows
    from fmnist_viz.pipeline.exports import Drawn
    from fmnist_viz.pipeline.features import Seen
    from fmnist_viz.pipeline.maps import Mapper, Pending
    from fmnist_viz.pipeline.shown import Shown

RUN_BYTES = 120 << 20  # what a run of the main job takes on disk, cache and folder together, when nothing is cached


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
        human=given.people.content if given.people and request.human is None else None,
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


def _make(request: Request, given: Given, folder: RunFolder, cache: Cache, digest: str, threads: int, start: float) -> None:
    """Carry the stages out, with a worker process where that was asked for."""
    config, progress = request.config, request.progress
    apart, remedy = request.workers and threads > 1, "Map fewer images (--points) or fewer --layers."
    with folder.open(digest=digest, overwrite=request.overwrite), scratch_folder(cache) as scratch, runner(apart=apart, remedy=remedy) as worker:
        ctx = Context(
            config, given.data, given.digests, cache, folder, worker, progress, threads, scratch, given.warnings, given.model,
            request.resume, given.brought, given.base, request.against, given.people,
        )  # fmt: skip
        begin(ctx, command=request.command, line=request.line, digest=digest)
        with ctx.memory:
            (_train_only if request.command == "train" else _whole)(ctx, request)
        finish(ctx, time.perf_counter() - start)


def _train_only(ctx: Context, request: Request) -> None:
    from fmnist_viz.pipeline.snapshots import publish_snapshots
    from fmnist_viz.pipeline.training import train

    publish_snapshots(ctx, train(ctx))


def _whole(ctx: Context, request: Request) -> None:
    from fmnist_viz.pipeline.against import with_against
    from fmnist_viz.pipeline.axes import axis_facts
    from fmnist_viz.pipeline.card import confusion_facts
    from fmnist_viz.pipeline.data_issues import data_issues
    from fmnist_viz.pipeline.dossier import with_dossiers
    from fmnist_viz.pipeline.exports import begin_figures
    from fmnist_viz.pipeline.features import look, publish_predictions
    from fmnist_viz.pipeline.film import begin_film, finish_film
    from fmnist_viz.pipeline.human import with_people
    from fmnist_viz.pipeline.ladder import climb
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
    reel = begin_film(ctx, entry)
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
    if "umap" in config.maps.solid_names(0) and "umap" not in config.maps.solid_names(len(images)):
        progress.say(f"UMAP in 3-D, a view of the Projector, is left out above {SOLID_UP_TO:,} points; --dims 3 draws it")
    shown, graphs = _mapped(mapper, images, seen, weights, early, training)
    drawn = None if request.report_only else begin_figures(ctx, shown)
    shown = dataclasses.replace(shown, ladder=climb(ctx, images, seen, graphs))
    film, no_film = finish_film(ctx, reel)
    shown = dataclasses.replace(shown, film=film, no_film=no_film)
    drawn = drawn and begin_figures(ctx, shown, drawn)
    shown = with_dossiers(ctx, dataclasses.replace(shown, issues=data_issues(ctx, shown)), model)
    shown = with_people(ctx, with_against(ctx, shown))
    ctx.folder.manifest.about["findings"] = dict([*confusion_facts(shown), *axis_facts(shown)])
    progress.say("writing figures, tables, the Projector folder and the report")
    _export(ctx, shown, request.line, model, drawn)
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


def _mapped(
    mapper: Mapper, images: LabeledImages, seen: Seen, weights: list[WeightRows], early: dict[str, Pending], training: dict[str, Any]
) -> tuple[Shown, dict[str, Path]]:
    """Every representation and every weight matrix by every method, joined with the confusions; and the folders of the representations' graphs."""
    from fmnist_viz.analysis.calibration import calibration
    from fmnist_viz.analysis.confusion import confusion
    from fmnist_viz.pipeline.axes import place
    from fmnist_viz.pipeline.maps import weight_source
    from fmnist_viz.pipeline.overlap import overlaps
    from fmnist_viz.pipeline.shown import Shown

    ctx, model = mapper.ctx, seen.model
    with ctx.timed("maps"):
        pending: dict[str, Pending] = {}
        for name, source in seen.sources.items():
            pending[name] = early.get(name) or mapper.begin(source, images.labels)
            ctx.progress.step("neighbours", len(pending), len(seen.sources), name)
        # a unit's favoured class is no truth to be kept: weight maps have no label score
        of_weights = {w.name: mapper.begin(weight_source(w.name, w.rows, model), None, solid=False) for w in weights}
        made = mapper.finish([*pending.values(), *of_weights.values()])
    maps = dict(zip([*pending, *of_weights], made, strict=True))
    graphs = {name: p.graph.record for name, p in {**pending, **of_weights}.items()}
    counted = confusion(seen.predictions) if seen.predictions else None
    data_name = {"fashion-mnist": "Fashion-MNIST", "sample": "a sample of Fashion-MNIST"}.get(ctx.data.source.kind, ctx.data.source.location)
    shown = Shown(
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
        calibration=calibration(seen.predictions, seed=ctx.seed),
    )
    return shown, {name: p.graph.path for name, p in pending.items()}


def _export(ctx: Context, shown: Shown, line: str, model: ModelFile | None, drawn: Drawn | None) -> None:
    """Everything that a person opens, while the worker goes on drawing the figures that it has begun; without any of them the report alone."""
    from fmnist_viz.pipeline import exports, pictures, tables
    from fmnist_viz.pipeline.projector import publish_projector
    from fmnist_viz.pipeline.projector_page import publish_page

    shots = pictures.begin_pictures(ctx, pictures.gather(ctx, shown, model))
    if drawn is None:
        ready = tables.tables(shown, left_out=ctx.brought.not_finite if ctx.brought else ())
        tables.publish_tables(ctx, shown, ready)
        return exports.publish_report(ctx, shown, ready, line, shots.result())
    drawn = exports.begin_figures(ctx, shown, drawn)
    exports.publish_maps(ctx, shown)
    ready = tables.tables(shown, left_out=ctx.brought.not_finite if ctx.brought else ())
    tables.publish_tables(ctx, shown, ready)
    publish_projector(ctx, shown)
    publish_page(ctx, shown.title)
    exports.publish_report(ctx, shown, ready, line, shots.result())
    exports.publish_figures(ctx, drawn)
