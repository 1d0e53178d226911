"""Precomputed maps as the Projector's bookmarks: one click shows our coordinates, coloured by class, nothing recomputed.

A bookmark is the page's whole state; a missing required field breaks the page, so all of them are given.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, short_scores

# The page restarts t-SNE as soon as something is put into its own t-SNE slot; the UMAP slot shows what it is given.
SLOTS = {"pca": "pca"}
OTHER_SLOT = "umap"
# The page lists bookmarks in a narrow panel: what tells two maps apart, and no more; the rest is in the manifest and in the captions.
TOLD = ("perplexity", "n_neighbors", "min_dist", "n_iter", "n_epochs", "metric", "variance")
REQUIRED = (
    "selectedProjection", "projections", "selectedPoints", "pcaComponentDimensions", "tSNEIteration", "tSNEPerplexity", "tSNELearningRate",
    "customXLeftText", "customXRightText", "customYUpText", "customYDownText",
)  # fmt: skip


def slot_of(view: Projection) -> str:
    return SLOTS.get(view.method, OTHER_SLOT)


def view_label(view: Projection) -> str:
    """``t-SNE (opens in the UMAP tab), perplexity 30, 500 iterations, euclidean, seed 0. trust .983 · recall@15 .39 · 15-NN .800``."""
    told = parameter_text(dataclasses.replace(view, parameters={k: v for k, v in view.parameters.items() if k in TOLD}))
    if slot_of(view) != view.method:
        name = METHOD_NAMES.get(view.method, view.method)
        told = f"{name} (opens in the {METHOD_NAMES[slot_of(view)]} tab){told[len(name) :]}"
    return ". ".join(filter(None, [told, short_scores(view.scores)]))


def coordinate_json(coords: NDArray[np.float32], slot: str) -> str:
    """``[{"umap-0":1.5,"umap-1":-2.25},...]``, each number the shortest text that reads back as the same float32."""
    text = np.asarray(coords, np.float32).astype(str).tolist()
    point = "{" + ",".join(f'"{slot}-{axis}":%s' for axis in range(coords.shape[1])) + "}"
    return "[" + ",".join([point % tuple(row) for row in text]) + "]"


def _state(view: Projection, shape: Sequence[int], color_by: str, label_by: str) -> dict[str, Any]:
    """Everything of the page's state but the coordinates."""
    solid = view.coords.shape[1] == 3
    p = view.parameters
    return {
        "label": view_label(view), "isSelected": False, "dataSetDimensions": list(shape), "selectedProjection": slot_of(view),
        "pcaComponentDimensions": [0, 1, 2] if solid else [0, 1], "tSNEIteration": 0, "tSNEPerplexity": min(100, max(2, float(p.get("perplexity") or 30))),
        "tSNELearningRate": 1, "tSNEis3d": solid, "umapIs3d": solid, "umapNeighbors": min(50, max(5, int(p.get("n_neighbors") or 15))),
        "umapMinDist": min(0.99, max(0.0, float(p.get("min_dist") or 0.1))),
        "customXLeftText": "", "customXRightText": "", "customYUpText": "", "customYDownText": "",
        "filteredPoints": None, "shuffledDataIndices": None, "cameraDef": None, "selectedPoints": [], "selectedColorOptionName": color_by,
        "forceCategoricalColoring": False, "selectedLabelOption": label_by,
    }  # fmt: skip


def bookmarks_json(views: Sequence[Projection], rows: NDArray[np.int64], *, shape: Sequence[int], color_by: str, label_by: str) -> str:
    """The bookmarks file of one tensor: a state per view that has a map (views with a note have none).

    `rows` picks and orders the view's points as in the tensor file; `shape` is the tensor's (n, d).
    """
    states = []
    for view in views:
        if view.note:
            continue
        head = json.dumps(_state(view, shape, color_by, label_by), allow_nan=False, ensure_ascii=False)
        states.append(f'{head[:-1]}, "projections": {coordinate_json(view.coords[rows], slot_of(view))}}}')
    return "[" + ",\n".join(states) + "]\n"
