"""The main job's look at its data: only what is cheap, from the model's own probabilities and the neighbours at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.label_errors import NEAR, LabelIssues
from fmnist_viz.analysis.pockets import Pocket, pockets
from fmnist_viz.analysis.twins import twins
from fmnist_viz.analysis.unusual import Odd, hollow, unusual
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.dossier import last_hidden

if TYPE_CHECKING:
    from fmnist_viz.pipeline.shown import Shown


def data_issues(ctx: Context, shown: Shown) -> DataIssues:
    """Doubtful labels, pockets of error, twins and odd images of what was mapped."""
    with ctx.timed("data issues"):
        images, odd, space = shown.images, list[Odd](), ""
        judged, why = _judged(ctx, shown)
        parts = [part for part in (ctx.data.train, ctx.data.test) if part is not None]
        if images.pictured:
            ctx.progress.say("looking for twins, unusual images and doubtful labels")
            space = _space(shown)
            if space:
                odd = unusual(shown.seen.sources[space].representation.X, images.labels, shown.near[space], space)
            odd += hollow(images.images)
        return DataIssues(images, judged, why, _pockets(shown), twins(parts) if images.pictured else None, tuple(odd), space)


def _space(shown: Shown) -> str:
    """Where unusual is measured: the pixels, else the first representation that has neighbours; rows that are not finite have none."""
    known = [name for name in shown.near if name in shown.seen.sources and np.isfinite(shown.seen.sources[name].representation.X).all()]
    return "pixels" if "pixels" in known else known[0] if known else ""


def _judged(ctx: Context, shown: Shown) -> tuple[LabelIssues | None, str]:
    """Labels judged by the model's own probabilities, of images that it was not trained on; or why they are not."""
    p, images = shown.seen.predictions, shown.images
    if p is None or not p.has_proba:
        return None, "Labels were not judged: there are no probabilities"
    rows = np.arange(len(images))
    if ctx.config.fit is not None:
        who = f"the run's model {shown.model}, which was not trained on them"
        rows = np.flatnonzero(np.char.startswith(images.sample_ids, "test/"))
        if not len(rows):
            return None, "Labels were not judged: the model was trained on these images. fmnist-viz labels trains networks in folds for that"
    else:
        who = f"{shown.model}, which was brought along: of images that it was trained on it hides wrong labels"
    layer = last_hidden(shown.seen)[0]
    name = layer if layer in shown.near else "pixels" if "pixels" in shown.near else ""
    near = shown.near[name][rows, :NEAR].astype(np.int64) if name else None
    return LabelIssues(images.take(rows), p.proba[rows], who, near, images.labels, images.sample_ids, name), ""


def _pockets(shown: Shown) -> tuple[Pocket, ...] | None:
    p = shown.seen.predictions
    if p is None or not shown.near:
        return None
    return tuple(one for name, near in shown.near.items() for one in pockets(p, near, name))
