"""The export stages: maps' coordinates, figures and the report, each published as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.axis import AxisPlane
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.types import Projection
from fmnist_viz.display.lettering import join
from fmnist_viz.export.figures import FigureContent, write_figures
from fmnist_viz.export.pictures import Shot
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.axes import axis_table, axis_words
from fmnist_viz.pipeline.config import versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.joined_maps import joined_maps, publish_joined
from fmnist_viz.pipeline.overlap import overlap_notes, overlap_reading, shown_overlaps
from fmnist_viz.pipeline.pictures import join_pictures
from fmnist_viz.pipeline.shown import Shown
from fmnist_viz.pipeline.tables import layer_rows
from fmnist_viz.projection.caption import reading

if TYPE_CHECKING:
    import pandas as pd

OVERLAP_TITLE = "Overlap of classes: on the maps and in truth"


def publish_maps(ctx: Context, shown: Shown) -> None:
    """`projections/<representation>_<method>.csv`: sample_id, x, y (z), missing, false; for weights as well. `_3d` and `_axis`: maps in 3-D and custom axes.
    `maps.csv`, and `maps.parquet` where it was asked for: all flat maps of the images as one table.

    missing, false : how many of a point's k nearest are far away in the other space (see `projection.distortion`); flat maps of images only.
    """
    import pandas as pd

    with ctx.timed("maps"), staged_folder(ctx.folder.path / "projections") as folder:
        placed: dict[str, Projection | AxisPlane] = {f"{slug(name)}_axis": plane for name, plane in shown.planes.items()}
        for maps in (*shown.maps.values(), *shown.weight_maps.values()):
            placed |= {f"{slug(p.representation)}_{p.method}": p for p in maps.values()}
        for maps in shown.solid_maps.values():
            placed |= {f"{slug(p.representation)}_{p.method}_3d": p for p in maps.values()}
        local = {f"{slug(name)}_{method}": found for name, maps in shown.distortions.items() for method, found in maps.items()}
        for name, p in placed.items():
            # shortest texts that read back as the same float32: the Projector's views hold the same numbers
            columns: dict[str, Any] = {"sample_id": p.sample_ids, **dict(zip("xyz", p.coords.astype(str).T, strict=False))}
            if name in local:
                columns |= {"missing": local[name].missing, "false": local[name].false}
            write_file(folder / f"{name}.csv", pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))
        publish_joined(folder, joined_maps(shown), parquet=ctx.config.view.parquet)
    facts, solid = (
        {name: {m: _map_facts(p) for m, p in maps.items()} for name, maps in every.items()} for every in ({**shown.maps, **shown.weight_maps}, shown.solid_maps)
    )
    table = axis_table(shown).astype(object)
    axes = table.where(table.notna(), None).to_dict("records")
    ctx.folder.record("maps", ctx.facts("maps", maps=facts, solid_maps=solid, axes=axes, graphs=dict(shown.graphs)))


def _map_facts(p: Projection) -> dict[str, Any]:
    return {"parameters": p.parameters, "scores": p.scores, "reading": reading(p), "note": p.note}


@dataclass(frozen=True)
class FigureTask:
    """Figures as a job for another process: writes into `out`, which the caller publishes; with `more` what is not there yet."""

    out: Path
    content: FigureContent
    more: bool = False


def draw_figures(task: FigureTask) -> list[str]:
    if not task.more:
        shutil.rmtree(task.out, ignore_errors=True)
        task.out.mkdir(parents=True)
    return [path.name for path in write_figures(task.out, task.content, more=task.more)]


@dataclass(frozen=True)
class Drawn:
    """Figures that the worker draws, and the warnings in their captions."""

    futures: tuple[Future[list[str]], ...]
    warnings: tuple[str, ...]


def begin_figures(ctx: Context, shown: Shown, begun: Drawn | None = None) -> Drawn:
    """Hand the figures to the worker, which draws for as long as everything else takes: once there are maps, and later what has come since (`begun`).

    All are drawn again where there are other warnings by then.
    """
    if shown.calibration is not None:
        shown.calibration.frames()  # kept with it: the worker need not compute it again
    content = FigureContent(
        model=shown.model if ctx.model or ctx.config.fit else "",
        class_names=shown.images.class_names,
        projections=shown.maps,
        labels=np.array(shown.images.labels),
        correct=shown.seen.predictions.correct if shown.seen.predictions else None,
        weights=shown.weight_maps,
        weight_classes=shown.favourites,
        weight_pictures={w.name: w.pictures for w in shown.weights if w.pictures is not None},
        confusion=shown.confusion,
        history={k: v for k, v in shown.history.items() if k != "learning_rate"},
        learning=shown.learning,
        samples=shown.images if shown.images.pictured else None,
        planes=shown.planes,
        distortions=shown.distortions,
        held={name: shown.held(name) for name in shown.distortions},
        overlaps=shown.overlaps,
        ladder=shown.ladder,
        film=shown.film,
        components=shown.components,
        calibration=shown.calibration,
        dossiers=shown.dossiers,
        cards=shown.cards,
        against=shown.against,
        people=shown.people,
        images=shown.images,
        warnings=tuple(ctx.warnings),
    )
    more = begun is not None and begun.warnings == content.warnings
    future = ctx.runner.submit(draw_figures, FigureTask(ctx.scratch / "figures", content, more))
    return Drawn((*(begun.futures if begun else ()), future), tuple(content.warnings))


def publish_figures(ctx: Context, drawn: Drawn) -> None:
    with ctx.timed("figures"):
        for future in drawn.futures:
            future.result()
        join_pictures(ctx, ctx.scratch / "figures")
        ctx.folder.publish_folder(ctx.scratch / "figures", "figures")
    ctx.folder.record("figures", ctx.facts("figures"))


def publish_report(ctx: Context, shown: Shown, ready: Mapping[str, pd.DataFrame], command: str, shots: Sequence[Shot] = ()) -> None:
    from fmnist_viz.export.report import ReportContent, write_report
    from fmnist_viz.pipeline.card import given_files, model_card

    source = ctx.data.source
    made = [
        ("command", command),
        ("configuration", ctx.folder.manifest.about["digest"]),
        ("data", f"{source.location} (SHA-256 of the decoded data {source.sha256})"),
        *((f"data note {i + 1}", note) for i, note in enumerate(source.notes)),
        *given_files(ctx),
        *([("human labels", f"{ctx.people.file} (SHA-256 {ctx.people.sha256})")] if ctx.people else []),
        *([("against", f"{ctx.against.run.name}, configuration {ctx.against.run.about.get('digest', '')}")] if ctx.against else []),
        ("threads", str(ctx.threads)),
        ("versions", ", ".join(f"{k} {v}" for k, v in versions().items())),
    ]
    content = ReportContent(
        title=shown.title,
        images=shown.images,
        predictions=shown.seen.predictions,
        projections=shown.maps,
        history={k: v for k, v in shown.history.items() if k != "learning_rate"},
        card=model_card(ctx, shown),
        layers=layer_rows(shown),
        tables={
            "Faithfulness of every map": ready["faithfulness"],
            **({OVERLAP_TITLE: shown_overlaps(shown.overlaps)} if shown.overlaps else {}),
            **({"Custom axes, and how well each separates": axis_words(shown)} if shown.planes else {}),
        },
        readings={OVERLAP_TITLE: overlap_reading(shown.overlaps)},
        notes={OVERLAP_TITLE: overlap_notes(shown.overlaps)},
        near=shown.near,
        held={name: shown.held(name) for name in shown.near},
        distortions=shown.distortions,
        warnings=tuple(ctx.warnings),
        made=made,
        untrained="" if ctx.model or ctx.config.fit else "Nothing was trained here: vectors and predictions were made elsewhere.",
        weights=shown.weight_maps,
        weight_classes=shown.favourites,
        learning=join(shown.learning.sentences()) if shown.learning else "",
        watched=(shown.learning.watched if shown.learning else "") or "validation",
        pictures=shots,
        ladder=shown.ladder,
        film=shown.film,
        no_film=shown.no_film,
        calibration=shown.calibration,
        dossiers=shown.dossiers,
        cards=shown.cards,
        issues=shown.issues,
        against=shown.against,
        people=shown.people,
    )
    with ctx.timed("report"):
        write_report(ctx.folder.path / "report.html", content)
    ctx.folder.record("report", ctx.facts("report"))
