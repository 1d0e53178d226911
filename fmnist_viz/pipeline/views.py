"""The ready-made views of a representation's tensor: its maps, its custom axes, and its map with a leading confusion selected."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis import AxisPlane, leading_pairs
from fmnist_viz.display.lettering import shorten
from fmnist_viz.export.projector.view import View, map_title, slot_of

if TYPE_CHECKING:
    from fmnist_viz.core.types import Projection
    from fmnist_viz.pipeline.shown import Shown

PAIRS = 3  # leading confusions with a view of their own
SHORT = 20  # signs of a class name: the page lists views in a narrow panel


def views_of(shown: Shown, name: str, rows: NDArray[np.int64]) -> list[View]:
    """Everything that can be clicked on one representation's tensor; `rows` are the images that it shows."""
    return [*map_views(shown, name), *axis_views(shown, name), *pair_views(shown, name, rows)]


def map_views(shown: Shown, name: str) -> list[View]:
    """The maps of figures and report, then those in 3-D."""
    return [View.of(p) for maps in (shown.maps, shown.solid_maps) for p in maps.get(name, {}).values()]


def axis_views(shown: Shown, name: str) -> list[View]:
    """The custom axes, as the page's own Custom tab would show them."""
    return [axis_view(shown.planes[name])] if name in shown.planes else []


def axis_view(plane: AxisPlane) -> View:
    sides = [side for axis in plane.axes for side in axis.sides]
    texts, regex = [side.text for side in sides], [side.regex for side in sides]
    told = [f"{'xy'[i]} {axis} ({s.short})" for i, (axis, s) in enumerate(zip(plane.axes, plane.separations, strict=True))]
    if len(plane.axes) == 1:
        texts, regex, told = [*texts, "", ""], [*regex, False, False], [*told, "y the largest variance left over"]
    label = f"Custom axes: {', '.join(told)}"
    return View(
        label, "custom", plane.coords, plane.sample_ids, "axis", {"axes": [str(axis) for axis in plane.axes]},
        texts=(texts[0], texts[1], texts[2], texts[3]), regex=(regex[0], regex[1], regex[2], regex[3]),
    )  # fmt: skip


def pair_views(shown: Shown, name: str, rows: NDArray[np.int64]) -> list[View]:
    """A map per leading confusion with its mistakes, both ways, selected among the images shown; UMAP where there is one, else t-SNE, else PCA."""
    maps = {method: p for method, p in shown.maps.get(name, {}).items() if not p.note}
    chosen = next((maps[method] for method in ("umap", "tsne", "pca") if method in maps), None)
    if chosen is None or shown.confusion is None:
        return []
    found = [_pair_view(shown, chosen, pair, rows) for pair in leading_pairs(shown.confusion, PAIRS)]
    return [view for view in found if view is not None]


def _pair_view(shown: Shown, p: Projection, pair: tuple[int, int, int, int], rows: NDArray[np.int64]) -> View | None:
    assert shown.seen.predictions is not None
    a, b, *every = pair
    y, said = shown.seen.predictions.y_true[rows], shown.seen.predictions.y_pred[rows]
    mistakes = [rows[(y == t) & (said == q)] for t, q in ((a, b), (b, a))]
    if not any(map(len, mistakes)):
        return None
    names = [shorten(shown.images.class_names[c], SHORT) for c in (a, b)]
    # "9 of 22" where the Projector shows only some of the mapped images
    told = [f"{names[i]} → {names[1 - i]} {len(at):,}" + ("" if len(at) == every[i] else f" of {every[i]:,}") for i, at in enumerate(mistakes)]
    label = f"{told[0]}, {told[1]}: mistakes selected, {map_title(p.method, p.coords.shape[1])}"
    selected = np.sort(np.concatenate(mistakes))
    return View(label, slot_of(p.method), p.coords, p.sample_ids, p.method, p.parameters, selected=selected, label_by="pair")


def restricted(view: View, rows: NDArray[np.int64]) -> View:
    """The same view of the mistakes alone, coordinates unchanged, nothing selected; points are labelled by what was taken for what."""
    if view.note:
        return view
    label = f"{view.label} (as on the map of all {len(view.coords):,})"
    none = np.empty(0, np.int64)
    return dataclasses.replace(view, label=label, coords=view.coords[rows], sample_ids=view.sample_ids[rows], selected=none, label_by="pair")
