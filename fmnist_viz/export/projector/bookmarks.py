"""Views as the Projector's bookmarks: one click shows our coordinates, coloured by class, nothing recomputed.

A bookmark is the page's whole state; a missing required field breaks the page, so all of them are given.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.data.split import interleaved_rows
from fmnist_viz.export.projector.view import Slot, View

SAMPLED_FROM = 5000  # points: above, the page's UMAP takes so many, its t-SNE above 10,000
AXES: dict[Slot, tuple[str, ...]] = {
    "pca": ("pca-0", "pca-1", "pca-2"),
    "umap": ("umap-0", "umap-1", "umap-2"),
    "custom": ("linear-x", "linear-y"),
}
REQUIRED = (
    "selectedProjection", "projections", "selectedPoints", "pcaComponentDimensions", "tSNEIteration", "tSNEPerplexity", "tSNELearningRate",
    "customXLeftText", "customXRightText", "customYUpText", "customYDownText",
)  # fmt: skip


def coordinate_json(coords: NDArray[np.float32], slot: Slot) -> str:
    """``[{"umap-0":1.5,"umap-1":-2.25},...]``, each number the shortest text that reads back as the same float32."""
    text = np.asarray(coords, np.float32).astype(str).tolist()
    point = "{" + ",".join(f'"{axis}":%s' for axis in AXES[slot][: coords.shape[1]]) + "}"
    return "[" + ",".join([point % tuple(row) for row in text]) + "]"


def balanced_order(classes: NDArray[np.int64]) -> list[int] | None:
    """A permutation of the points whose every beginning is as even over the classes int64 (n,) as they allow; None where the page takes all.

    The page draws the points for its UMAP and t-SNE from the front of such an order, a random one of its own unless a bookmark brings one.
    """
    return interleaved_rows(classes, len(classes), seed=0).tolist() if len(classes) > SAMPLED_FROM else None


def _state(view: View, selected: NDArray[np.int64], shape: Sequence[int], color_by: str, label_by: str) -> dict[str, Any]:
    """Everything of the page's state but the coordinates."""
    solid = view.coords.shape[1] == 3
    p = view.parameters
    left, right, down, up = view.texts
    regex = view.regex
    return {
        "label": view.label, "isSelected": False, "dataSetDimensions": list(shape), "selectedProjection": view.slot,
        "pcaComponentDimensions": [0, 1, 2] if solid else [0, 1], "tSNEIteration": 0, "tSNEPerplexity": min(100, max(2, float(p.get("perplexity") or 30))),
        "tSNELearningRate": 1, "tSNEis3d": solid, "umapIs3d": solid, "umapNeighbors": min(50, max(5, int(p.get("n_neighbors") or 15))),
        "umapMinDist": min(0.99, max(0.0, float(p.get("min_dist") or 0.1))),
        "customXLeftText": left, "customXRightText": right, "customYUpText": up, "customYDownText": down,
        "customXLeftRegex": regex[0], "customXRightRegex": regex[1], "customYUpRegex": regex[3], "customYDownRegex": regex[2],
        # without it whoever has typed into the Custom tab gets an error in place of the view: the page searches a column that is not there
        "customSelectedSearchByMetadataOption": label_by,
        "filteredPoints": None, "shuffledDataIndices": None, "cameraDef": None, "selectedPoints": selected.tolist(),
        "selectedColorOptionName": view.color_by or color_by, "forceCategoricalColoring": False, "selectedLabelOption": view.label_by or label_by,
    }  # fmt: skip


def bookmarks_json(
    views: Sequence[View], rows: NDArray[np.int64], *, shape: Sequence[int], color_by: str, label_by: str, classes: NDArray[np.int64] | None = None
) -> str:
    """The bookmarks file of one tensor: a state per view that has a map (views with a note have none).

    `rows` picks and orders the view's points as in the tensor file; `shape` is the tensor's (n, d); `classes` int64 (n,) of these rows, for `balanced_order`.
    """
    order = None if classes is None else balanced_order(classes)
    states, place = [], {int(row): i for i, row in enumerate(rows)} if any(len(view.selected) for view in views) else {}
    for view in views:
        if view.note:
            continue
        selected = np.array(sorted(place[row] for row in view.selected.tolist() if row in place), np.int64)
        state = _state(view, selected, shape, color_by, label_by) | {"shuffledDataIndices": order}
        head = json.dumps(state, allow_nan=False, ensure_ascii=False)
        states.append(f'{head[:-1]}, "projections": {coordinate_json(view.coords[rows], view.slot)}}}')
    return "[" + ",\n".join(states) + "]\n"
