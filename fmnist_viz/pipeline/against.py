"""Another finished run set against the one whose report is made: the same images, aligned by id, and the layers that can be compared."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.against import Against
from fmnist_viz.analysis.comparison import Answers, Comparison, aligned
from fmnist_viz.analysis.movement import LEAST, Movement, movement
from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.pipeline.compared_layers import AMONG, cached_layers, images_of
from fmnist_viz.pipeline.comparison import same_data
from fmnist_viz.pipeline.finished import FinishedRun, open_runs

if TYPE_CHECKING:
    from fmnist_viz.core.types import LabeledImages
    from fmnist_viz.pipeline.context import Context
    from fmnist_viz.pipeline.features import Seen
    from fmnist_viz.pipeline.shown import Shown

SPECIAL = ("pixels", "logits", "probabilities")  # no hidden layers: the first is equal in both, the others are the answers themselves


@dataclass(frozen=True)
class Opponent:
    """The run to compare with, and the name of the one that is compared."""

    run: FinishedRun
    name: str


def opponent(run: Path, other: Path) -> Opponent:
    """Open `other` to set `run` against it; what cannot be compared is refused here, before anything is computed.

    Raises BadInput for a folder without predictions, runs of other data or classes, or without a common image; Damaged for changed files.
    """
    theirs, ours = open_runs([other, run])
    same_data([theirs, ours])
    if not np.isin(ours.answers.sample_ids, theirs.answers.sample_ids).any():
        raise BadInput("NO-COMMON-IMAGE", other, f"has no image in common with {run}", "Give a run of the same --split and --points.")
    return Opponent(theirs, ours.name)


def with_against(ctx: Context, shown: Shown) -> Shown:
    """`shown` with the comparison that was asked for; unchanged where none was."""
    if ctx.against is None or shown.seen.predictions is None:
        return shown
    ctx.progress.say(f"against {ctx.against.run.name}")
    with ctx.timed("against"):
        return dataclasses.replace(shown, against=compared(ctx, shown, ctx.against))


def compared(ctx: Context, shown: Shown, other: Opponent) -> Against:
    """The comparison of what is shown with the other run's answers and, as far as the cache holds them, its layers."""
    p = shown.seen.predictions
    assert p is not None
    sure = np.asarray(p.confidence, np.float64) if p.has_proba else np.full(len(p.y_true), np.nan)
    ours = Answers(other.name, p.sample_ids, p.y_true, p.y_pred, sure, p.class_names)
    try:
        mine, theirs = aligned([ours, other.run.answers])
    except ValueError as e:
        raise BadInput("OTHER-DATA", other.run.path, f"cannot be compared: {e}", "Give a run of the same images.") from None
    if not len(mine.sample_ids):
        raise BadInput("NO-COMMON-IMAGE", other.run.path, "has no image in common with this run", "Give a run of the same --split and --points.")
    rows = np.flatnonzero(np.isin(p.sample_ids, mine.sample_ids))
    notes = []
    if len(rows) < len(p.y_true):
        notes.append(f"{other.run.name} did not see {len(p.y_true) - len(rows):,} of the {len(p.y_true):,} images; they are left out of the comparison.")
    if any(name.startswith("train/") for name in mine.sample_ids.tolist()):
        notes.append("Some of these images are training images: on them a model that was trained on them looks better than it is.")
    notes += [f"{other.run.name}: {line}" for line in other.run.about.get("warnings", [])]
    moves, why = _moves(ctx, shown.images, shown.seen, other.run, rows, mine)
    return Against(Comparison(theirs, mine), rows, len(p.y_true), moves, (*notes, *why))


def _moves(
    ctx: Context, images: LabeledImages, seen: Seen, run: FinishedRun, rows: NDArray[np.int64], mine: Answers
) -> tuple[tuple[Movement, ...], tuple[str, ...]]:
    """A movement for each hidden layer that both have and, where its name differs, for each model's last; and what was left out, and why."""
    if len(rows) < LEAST:
        return (), (f"Neighbours are not compared on fewer than {LEAST} images.",)
    at = np.sort(stratified_rows(mine.y_true, min(AMONG, len(rows)), seed=0))
    try:
        held = cached_layers(run, images_of(run, ctx.data), mine.sample_ids[at], ctx.cache)
    except (VizError, OSError, ValueError, KeyError, TypeError) as e:
        return (), (f"Neighbours are not compared: {' '.join(str(e).split())}",)
    chosen = layer_pairs([n for n in seen.sources if n not in SPECIAL], [n for n in run.representations if n not in SPECIAL])
    found, lost = [], []
    for theirs, ours in chosen:
        X = seen.sources[ours].representation.X[rows[at]]
        Y = held[theirs]() if theirs in held else None
        if Y is None or not (np.isfinite(X).all() and np.isfinite(Y).all()):
            lost.append(ours if ours == theirs else f"{ours} / {theirs}")
        elif (made := movement(Y, X, mine.y_true[at], layer_a=theirs, layer_b=ours, rows=at)) is not None:
            found.append(made)
    notes = [f"Neighbours are sought among {len(at):,} of the {len(rows):,} images, stratified."] if len(at) < len(rows) else []
    if lost:
        notes.append(f"Layers left out, since the cache holds no usable features of {run.name} for these images: {', '.join(lost)}.")
    if not chosen:
        notes.append("The two have no hidden layer to compare.")
    return tuple(found), tuple(notes)


def layer_pairs(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    """(their layer, our layer): those of one name in our order, and both last ones, which stand at the end."""
    pairs = [(name, name) for name in ours if name in theirs]
    if ours and theirs:
        last = (theirs[-1], ours[-1])
        pairs = [*(pair for pair in pairs if pair != last), last]
    return pairs
