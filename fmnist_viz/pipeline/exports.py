"""The export stages: maps' coordinates, tables, figures, the Projector folder and the report, each published as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis import AxisPlane
from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.learning import Learning
from fmnist_viz.analysis.overlap import Overlap
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.types import LabeledImages, Projection
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.display.lettering import join
from fmnist_viz.export.figures import FigureContent, write_figures
from fmnist_viz.export.pictures import Shot
from fmnist_viz.export.slug import slug
from fmnist_viz.features.weights import WeightRows
from fmnist_viz.pipeline.axes import axis_table, axis_words
from fmnist_viz.pipeline.config import versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.features import Seen
from fmnist_viz.pipeline.overlap import overlap_notes, overlap_reading, shown_overlaps
from fmnist_viz.pipeline.pictures import join_pictures
from fmnist_viz.pipeline.units import unit_frame
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, reading
from fmnist_viz.projection.components import Components
from fmnist_viz.projection.distortion import Distortion
from fmnist_viz.projection.faithfulness import ENDS, SCORES

if TYPE_CHECKING:
    import pandas as pd

Maps = Mapping[str, Mapping[str, Projection]]
OVERLAP_TITLE = "Overlap of classes: on the maps and in truth"


@dataclass(frozen=True)
class Shown:
    """All that the exports draw from: one value, so that every figure, table and page says the same."""

    title: str
    model: str
    images: LabeledImages
    seen: Seen
    confusion: Confusion | None  # None where there are no predictions
    maps: Maps
    graphs: Mapping[str, Mapping[str, Any]]
    history: Mapping[str, list[float]]
    weights: list[WeightRows] = field(default_factory=list)
    weight_maps: Maps = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    solid_maps: Maps = field(default_factory=dict)  # in 3-D, of the same images: for the Projector, never drawn flat
    planes: Mapping[str, AxisPlane] = field(default_factory=dict)  # custom axes
    near: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)  # true neighbours (n, 50 at most) by representation
    distortions: Mapping[str, Mapping[str, Distortion]] = field(default_factory=dict)
    overlaps: Mapping[str, Mapping[str, Overlap]] = field(default_factory=dict)
    ladder: LadderDisplay | None = None
    components: Mapping[str, Components] = field(default_factory=dict)  # the leading principal ones by representation

    @property
    def learning(self) -> Learning | None:
        """How the training went; None where the model came trained."""
        return Learning.of(self.history, self.training) if self.history else None

    def held(self, name: str) -> float:
        """The share of a representation's true neighbours that `near` holds, over the sampled queries: below 1 where vectors had been reduced."""
        return float(self.graphs.get(name, {}).get("near_recall") or 1.0)

    @property
    def favourites(self) -> dict[str, NDArray[np.int64]]:
        return {w.name: w.favourite for w in self.weights}


def publish_maps(ctx: Context, shown: Shown) -> None:
    """`projections/<representation>_<method>.csv`: sample_id, x, y (z), missing, false; for weights as well. `_3d` and `_axis`: maps in 3-D and custom axes.

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
    facts, solid = (
        {name: {m: _map_facts(p) for m, p in maps.items()} for name, maps in every.items()} for every in ({**shown.maps, **shown.weight_maps}, shown.solid_maps)
    )
    table = axis_table(shown).astype(object)
    axes = table.where(table.notna(), None).to_dict("records")
    ctx.folder.record("maps", ctx.facts("maps", maps=facts, solid_maps=solid, axes=axes, graphs=dict(shown.graphs)))


def _map_facts(p: Projection) -> dict[str, Any]:
    return {"parameters": p.parameters, "scores": p.scores, "reading": reading(p), "note": p.note}


def faithfulness_table(shown: Shown, every: Maps) -> pd.DataFrame:
    """One row per map of `every`: representation, method, parameters, n, queries, k, the plain-words reading, and of every score
    its value, interval and what shuffled points and PCA reach; missing and false neighbours are means over all points.

    Seconds are in the manifest: here they would make the files of equal runs differ.
    """
    import pandas as pd

    rows = []
    for name, maps in every.items():
        graph = shown.graphs.get(name, {})
        for method, p in maps.items():
            scores = {k: p.scores.get(k) for k in ("n", "queries", "k")} if p.scores else {"n": len(p.coords), "queries": None, "k": None}
            scores |= {f"{score}{end}": p.scores.get(f"{score}{end}") for score in SCORES for end in ENDS}
            found = shown.distortions.get(name, {}).get(method)
            mean = (None, None) if found is None or p.coords.shape[1] > 2 else found.shares.mean(axis=0).tolist()
            scores |= {"missing_neighbors": mean[0], "false_neighbors": mean[1]}
            graph_facts = {"graph_recall": graph.get("recall"), "graph_recall_low": graph.get("recall_low"), "graph_recall_high": graph.get("recall_high")}
            how = "" if p.note else parameter_text(p)
            rows.append(
                {
                    "representation": name,
                    "method": METHOD_NAMES[method],
                    "parameters": how,
                    **scores,
                    **graph_facts,
                    "seed": p.seed,
                    "reading": reading(p),
                }
            )
    return pd.DataFrame(rows)


def tables(shown: Shown, *, left_out: Sequence[tuple[str, str]] = ()) -> dict[str, pd.DataFrame]:
    """Every number shown elsewhere, by file name; `left_out` is (sample id, representation) of rows that are not finite."""
    import pandas as pd

    found = {"faithfulness": faithfulness_table(shown, {**shown.maps, **shown.weight_maps})}
    if shown.solid_maps:
        found["faithfulness_3d"] = faithfulness_table(shown, shown.solid_maps)
    if shown.planes:
        found["axes"] = axis_table(shown)
    if shown.overlaps:
        found["overlap"] = pd.concat([o.frame() for maps in shown.overlaps.values() for o in maps.values()], ignore_index=True)
    if shown.components:
        found["pca"] = pd.concat([c.frame() for c in shown.components.values()], ignore_index=True)
    if shown.ladder is not None:
        found |= {"ladder": shown.ladder.frame(), "ladder_pairs": shown.ladder.pairs(), "ladder_cka": shown.ladder.cka()}
    if shown.confusion is not None:
        found |= {"confusion": shown.confusion.frame(), "pairs": shown.confusion.pairs(), "per_class": shown.confusion.per_class()}
        found["misclassified"] = misclassified(shown)
    found["layers"] = pd.DataFrame(layer_rows(shown), columns=["layer", "kind", "output", "parameters", "use"])
    if left_out:
        found["left_out"] = pd.DataFrame(left_out, columns=["sample_id", "representation"]).assign(reason="NaN or infinity")
    if shown.history:
        found["history"] = pd.DataFrame(shown.history)
    if shown.learning is not None:
        found["learning"] = shown.learning.frame()
    for weights in shown.weights:
        found[f"weights_{slug(weights.name)}"] = unit_frame(weights, shown.seen, shown.images)
    return found


def misclassified(shown: Shown) -> pd.DataFrame:
    """Every image that was predicted wrong with all its probabilities, by directed pair, most confidently wrong first where that is known."""
    from fmnist_viz.analysis.confusion import predictions_frame

    assert shown.seen.predictions is not None
    frame = predictions_frame(shown.seen.predictions)
    wrong = frame[~frame["correct"]].drop(columns="correct")
    by = {"label": True, "prediction": True, **({"margin": False} if "margin" in frame.columns else {})}
    return wrong.sort_values(list(by), ascending=list(by.values()), kind="stable")


def layer_rows(shown: Shown) -> list[dict[str, str]]:
    """What became of every layer, in words."""
    rows = []
    for info in shown.seen.table:
        source = shown.seen.sources.get(info.name)
        what = f"skipped: {info.skipped}" if info.skipped else "mapped" if source else "not asked for"
        transform = source.representation.transform if source else {}
        if transform.get("reduction"):
            what += (
                f", reduced from {source.representation.raw_width:,} to {transform['components']} dimensions by {transform['reduction']} "  # type: ignore[union-attr]
                f"({100 * transform['explained_variance']:.1f} % of the variance; recall@{transform['recall_k']} of raw neighbours "
                f"{transform['neighbour_recall'] or 0:.2f} on {transform['recall_queries']:,} queries)"
            )
        shape = " × ".join("?" if side is None else f"{side:,}" for side in info.shape)
        rows.append({"layer": info.name, "kind": info.kind, "output": shape, "parameters": f"{info.parameters:,}", "use": what})
    return rows


def publish_tables(ctx: Context, shown: Shown, ready: Mapping[str, pd.DataFrame]) -> None:
    with staged_folder(ctx.folder.path / "tables") as folder:
        for name, table in ready.items():
            write_file(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.7g"))
    ctx.folder.record("tables")


@dataclass(frozen=True)
class FigureTask:
    """Figures as a job for another process: writes into `out`, which the caller publishes."""

    out: Path
    content: FigureContent


def draw_figures(task: FigureTask) -> list[str]:
    shutil.rmtree(task.out, ignore_errors=True)
    task.out.mkdir(parents=True)
    return [path.name for path in write_figures(task.out, task.content)]


def begin_figures(ctx: Context, shown: Shown) -> Future[list[str]]:
    """Hand the figures to the worker; they take as long as everything else that is written."""
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
        components=shown.components,
        warnings=tuple(ctx.warnings),
    )
    return ctx.runner.submit(draw_figures, FigureTask(ctx.scratch / "figures", content))


def publish_figures(ctx: Context, drawn: Future[list[str]]) -> None:
    with ctx.timed("figures"):
        drawn.result()
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
    )
    with ctx.timed("report"):
        write_report(ctx.folder.path / "report.html", content)
    ctx.folder.record("report", ctx.facts("report"))
