"""The tables of a run: every number that is shown elsewhere, as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.axes import axis_table
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.shown import Maps, Shown
from fmnist_viz.pipeline.units import unit_frame
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, reading
from fmnist_viz.projection.faithfulness import ENDS, SCORES

if TYPE_CHECKING:
    import pandas as pd


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
            graph_facts = {f"graph_recall{end}": graph.get(f"recall{end}") for end in ("", "_low", "_high")}
            if not graph.get("exact", True):  # the search's own share, beside what the reduction before it has cost
                graph_facts |= {f"search_recall{end}": graph.get(f"search_recall{end}") for end in ("", "_low", "_high")}
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
    if shown.film is not None:
        film = shown.film
        found |= {"film": film.frame(), "film_classes": film.classes(), "film_pairs": film.pairs(), "forgetting": film.forgetting()}
    if shown.confusion is not None:
        found |= shown.confusion.frames()
        found["misclassified"] = misclassified(shown)
    if shown.calibration is not None:
        found |= shown.calibration.frames()
    if shown.dossiers:
        found["dossiers"] = pd.concat([d.frame() for d in shown.dossiers], ignore_index=True)
        found["dossier_errors"] = pd.concat([d.errors() for d in shown.dossiers], ignore_index=True)
    if shown.cards is not None:
        found["class_cards"] = shown.cards.frame()
    if shown.issues is not None:
        found |= shown.issues.frames()
    for extra in (shown.against, shown.people):
        found |= extra.frames() if extra is not None else {}
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
