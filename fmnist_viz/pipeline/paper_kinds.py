"""Each kind of figure out of a run's files. A kind yields its figures, and as text what it cannot draw and why."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.calibration import Calibration
from fmnist_viz.analysis.class_cards import class_cards
from fmnist_viz.analysis.confusion import Confusion, confusion_counts
from fmnist_viz.analysis.ladder import LadderNumbers
from fmnist_viz.analysis.learning import Learning
from fmnist_viz.analysis.overlap import Overlap
from fmnist_viz.core.errors import VizError
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.calibration import CalibrationDisplay
from fmnist_viz.display.class_cards import ClassCardsDisplay
from fmnist_viz.display.confusion import ConfusionDisplay
from fmnist_viz.display.dossier import ORDER
from fmnist_viz.display.epochs import EpochsDisplay
from fmnist_viz.display.map import MapDisplay
from fmnist_viz.display.map_grid import MapGridDisplay
from fmnist_viz.display.overlap import OverlapDisplay
from fmnist_viz.display.paper.cards import CardsFigure
from fmnist_viz.display.paper.confusion import ConfusionFigure
from fmnist_viz.display.paper.curves import CalibrationFigure, CurvesFigure, ScreeFigure
from fmnist_viz.display.paper.dossier import DossierFigure
from fmnist_viz.display.paper.epochs import EpochsFigure
from fmnist_viz.display.paper.layers import LadderFigure
from fmnist_viz.display.paper.maps import MapFigure, MapsFigure
from fmnist_viz.display.paper.overlap import OverlapFigure
from fmnist_viz.display.scree import ScreeDisplay
from fmnist_viz.display.training_curves import TrainingCurvesDisplay
from fmnist_viz.export.figures import FAVOURED
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.dossier_run import rungs
from fmnist_viz.pipeline.film import of_run
from fmnist_viz.pipeline.paper_run import PaperRun
from fmnist_viz.projection.components import Components

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.display.paper import PaperFigure

Found = Iterator["PaperFigure | str"]


def _without(what: str, table: str) -> str:
    return f"the run has no {what} ({table})"


def single_maps(run: PaperRun) -> Found:
    """Every map of the images, the names of the classes on it."""
    if not run.maps:
        yield _without("maps", "projections/*.csv")
    correct = None if run.predictions is None else run.run.answers.right
    for name, maps in run.maps.items():
        for method, p in maps.items():
            labels = np.full(len(p.coords), -1, np.int64) if run.labels is None else run.labels
            yield MapFigure(f"map_{slug(name)}_{slug(method)}", MapDisplay(p, labels, run.class_names, correct))


def grids(run: PaperRun) -> Found:
    """All maps of the images side by side."""
    if not run.maps:
        yield _without("maps", "projections/*.csv")
        return
    n = next(len(p.coords) for maps in run.maps.values() for p in maps.values())
    labels = np.full(n, -1, np.int64) if run.labels is None else run.labels
    yield MapsFigure("maps", MapGridDisplay(run.maps, labels, run.class_names))


def confusions(run: PaperRun) -> Found:
    """The matrix as counts, as rates, and ordered with its tree."""
    if run.predictions is None:
        yield _without("predictions", "predictions.csv")
        return
    answers = run.run.answers
    found = Confusion(confusion_counts(answers.y_true, answers.y_pred, len(run.class_names)), run.class_names)
    yield ConfusionFigure("confusion_counts", ConfusionDisplay(found))
    yield ConfusionFigure("confusion_rates", ConfusionDisplay(found, rates=True))
    if len(run.class_names) > 2:
        yield ConfusionFigure("confusion_ordered", ConfusionDisplay(found, rates=True, ordered=True))


def calibration(run: PaperRun) -> Found:
    """Reliability of the run's probabilities."""
    if run.predictions is None or not run.predictions.has_proba:
        yield _without("probabilities", "predictions.csv")
        return
    yield CalibrationFigure("calibration", CalibrationDisplay(Calibration(run.predictions, run.seed)))


def curves(run: PaperRun) -> Found:
    """Loss and accuracy of the training."""
    history = run.read("history.csv")
    if history is None:
        yield _without("training", "history.csv")
        return
    values = {str(name): history[name].astype(float).tolist() for name in history if name not in ("epoch", "seconds", "learning_rate")}
    learning = Learning.of(values, run.run.manifest.stages.get("training", {}))
    yield CurvesFigure("training_curves", TrainingCurvesDisplay(values, learning), run.seed)


def ladders(run: PaperRun) -> Found:
    """The numbers of the layer ladder."""
    table, alike = run.table("ladder"), run.table("ladder_cka")
    if table is None or alike is None:
        yield _without("layer ladder", "tables/ladder.csv")
        return
    rows = tuple({str(k): v for k, v in row.items()} for row in table.to_dict("records"))
    n, queries = (int(table[name].max()) if table[name].notna().any() else 0 for name in ("n", "queries"))
    pairs = tuple(rungs(run.run.path, run.run.manifest).values())
    numbers = LadderNumbers(rows, pairs, alike, run.class_names, np.zeros(0, np.int64), {}, n, queries, run.seed)
    yield LadderFigure("ladder", numbers, table)
    yield "the ladder's aligned maps are not drawn: the run keeps no coordinates of them (they are in its report); each layer's own map is"


def films(run: PaperRun) -> Found:
    """The numbers of the training epoch by epoch."""
    try:
        taken, _, _ = of_run(run.run.path)
    except VizError as e:
        yield f"{e.fact}"
        return
    if taken.fault:
        yield taken.fault
        return
    yield EpochsFigure("film_learning", EpochsDisplay(taken.numbers()), run.seed)
    yield "the film's views are not drawn: the run keeps no coordinates of them (they are in its report)"


def dossiers(run: PaperRun) -> Found:
    """Every pair of classes that the run has a dossier of."""
    said, errors = run.table("dossiers"), run.table("dossier_errors")
    if said is None or errors is None or run.labels is None:
        yield _without("dossiers", "tables/dossiers.csv")
        return
    if run.images is None:
        yield f"the walls of images are left out: {run.no_images}"
    known, epochs = rungs(run.run.path, run.run.manifest), run.table("film_pairs")
    maps = {name: next(own[m] for m in (*ORDER, *own) if m in own) for name, own in run.maps.items()}
    for (first, second), facts in said.groupby(["a", "b"], sort=False):
        names = [str(first), str(second)]
        a, b = (run.class_names.index(name) for name in names)
        own = errors[errors["true"].isin(names) & errors["predicted"].isin(names)]
        by = _nothing() if epochs is None else epochs[epochs["true"].isin(names) & epochs["predicted"].isin(names) & (epochs["true"] != epochs["predicted"])]
        yield DossierFigure(
            f"dossier_{slug(names[0])}_{slug(names[1])}", (a, b), run.class_names, own, facts, run.labels, run.run.answers.sample_ids, run.images,
            {k: p for k, p in maps.items() if not p.note}, known.get((min(a, b), max(a, b))), by, run.seed,
        )  # fmt: skip


def _nothing() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=["true", "predicted", "epoch", "count", "n_true", "rate", "low", "high"])


def cards(run: PaperRun) -> Found:
    """A card per class."""
    table = run.table("class_cards")
    if table is None or run.predictions is None:
        yield _without("class cards", "tables/class_cards.csv")
        return
    images = run.images
    if images is None:
        yield f"the images are left out: {run.no_images}"
        p = run.predictions
        images = LabeledImages(np.zeros((len(p.y_true), 0, 0, 1), np.uint8), p.y_true, p.class_names, p.sample_ids, "test", None)  # type: ignore[arg-type]
    place = {name: i for i, name in enumerate(run.predictions.sample_ids.tolist())}
    made = class_cards(run.predictions, None, {})
    typical = table["typical"].fillna("").astype(str) if "typical" in table else [""] * len(table)
    rows = [np.array([place[name] for name in text.split() if name in place], np.int64) for text in typical]
    layer = "the last hidden layer" if any(map(len, rows)) else ""
    own = dataclasses.replace(made, cards=tuple(dataclasses.replace(c, typical=r) for c, r in zip(made.cards, rows, strict=True)), layer=layer)
    yield CardsFigure("class_cards", ClassCardsDisplay(own, images), table, run.seed)


def overlaps(run: PaperRun) -> Found:
    """Mixing of classes, a figure per representation."""
    table = run.table("overlap")
    if table is None:
        yield _without("overlap of classes", "tables/overlap.csv")
        return
    for name, own in table.groupby("representation", sort=False):
        found = {}
        for method, rows in own.groupby("method", sort=False):
            p = run.maps.get(str(name), {}).get(str(method))
            values = [{str(k): v for k, v in row.items() if k not in ("representation", "method", "k")} for row in rows.to_dict("records")]
            n = len(p.coords) if p is not None else 0
            found[str(method)] = Overlap(str(name), str(method), run.class_names, int(rows["k"].iloc[0]), n, tuple(values))
        yield OverlapFigure(f"overlap_{slug(str(name))}", OverlapDisplay(found))


def screes(run: PaperRun) -> Found:
    """Leading principal components, a figure per representation."""
    table = run.table("pca")
    if table is None:
        yield _without("principal components", "tables/pca.csv")
        return
    for name, own in table.groupby("representation", sort=False):
        ends = (own[column].to_numpy(np.float64) for column in ("share", "share_low", "share_high"))
        yield ScreeFigure(f"scree_{slug(str(name))}", ScreeDisplay(Components(str(name), int(own["n"].iloc[0]), *ends)))


def weights(run: PaperRun) -> Found:
    """Maps of the units' weights, coloured by the class that each favours."""
    if not run.weight_maps:
        yield _without("maps of weights", "projections/*.csv")
    number = {name: i for i, name in enumerate(run.class_names)}
    for name, maps in run.weight_maps.items():
        table = run.table(f"weights_{slug(name)}")
        for method, p in maps.items():
            favoured = [-1] * len(p.coords) if table is None else [_number(number, v) for v in table["favoured_class"]]
            yield MapFigure(
                f"weights_{slug(name)}_{slug(method)}", MapDisplay(p, np.array(favoured, np.int64), run.class_names, None, None, FAVOURED)
            )  # fmt: skip


def _number(number: dict[str, int], name: object) -> int:
    return -1 if isinstance(name, float) and math.isnan(name) else number.get(str(name), -1)
