"""One ready-made view of a tensor: coordinates in a slot that the page leaves alone, what is selected, coloured and searched for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection, ids_array, read_only
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, short_scores

Slot = Literal["pca", "umap", "custom"]
# The page restarts t-SNE as soon as something is put into its own t-SNE slot; the UMAP slot shows what it is given.
SLOTS: dict[str, Slot] = {"pca": "pca"}
OTHER_SLOT: Slot = "umap"
# The page lists bookmarks in a narrow panel: what tells two maps apart, and no more; the rest is in the manifest and in the captions.
TOLD = ("perplexity", "n_neighbors", "min_dist", "n_iter", "n_epochs", "metric", "graph", "variance", "labels", "components")


@dataclass(frozen=True)
class View:
    """coords float32 (n, 2|3), finite, one row per row of the tensor (the slot `custom` is flat);  sample_ids: whose rows they are.

    selected : int64 (m,), rows that are selected when it opens, so that they are outlined and listed;  texts : what the page's Custom tab searches
    for (left, right, down, up), and which of them are regular expressions;  color_by, label_by : columns, empty for the table's defaults;
    method, parameters : for the manifest and for the page's own sliders;  note : why there is no map; such a view is recorded, not shown.
    """

    label: str
    slot: Slot
    coords: NDArray[np.float32]
    sample_ids: NDArray[np.str_]
    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    selected: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    texts: tuple[str, str, str, str] = ("", "", "", "")
    regex: tuple[bool, bool, bool, bool] = (False, False, False, False)
    color_by: str = ""
    label_by: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "coords", read_only(self.coords, np.float32, (None, None), f"view {self.label!r}"))
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "selected", read_only(self.selected, np.int64, (None,), "selected"))
        if len(self.coords) != len(self.sample_ids) or self.coords.shape[1] not in ((2,) if self.slot == "custom" else (2, 3)):
            raise ValueError(f"view {self.label!r}: coordinates {self.coords.shape} for {len(self.sample_ids)} points in the slot {self.slot!r}")

    @classmethod
    def of(cls, projection: Projection) -> View:
        """A map as a view, its parameters and scores in the label."""
        slot = slot_of(projection.method)
        label, p = view_label(projection), projection
        return cls(label, slot, p.coords, p.sample_ids, p.method, p.parameters, note=p.note)


def slot_of(method: str) -> Slot:
    return SLOTS.get(method, OTHER_SLOT)


def map_title(method: str, dims: int) -> str:
    """``UMAP``, ``PCA in 3-D``, ``t-SNE (opens in the UMAP tab)``."""
    slot = slot_of(method)
    solid = " in 3-D" if dims == 3 else ""
    return METHOD_NAMES.get(method, method) + solid + ("" if slot == method else f" (opens in the {METHOD_NAMES[slot]} tab)")


def view_label(view: Projection) -> str:
    """``t-SNE (opens in the UMAP tab), perplexity 30, 500 iterations, euclidean, seed 0. trust .983 · recall@15 .39 · triplets .74``."""
    told = parameter_text(dataclasses.replace(view, parameters={k: v for k, v in view.parameters.items() if k in TOLD}))
    told = map_title(view.method, view.coords.shape[1]) + told[len(METHOD_NAMES.get(view.method, view.method)) :]
    return ". ".join(filter(None, [told, short_scores(view.scores)]))
