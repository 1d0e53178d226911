"""Everything that a run shows, as one value that all exports draw from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.against import Against
from fmnist_viz.analysis.axis import AxisPlane
from fmnist_viz.analysis.calibration import Calibration
from fmnist_viz.analysis.class_cards import ClassCards
from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.dossier import Dossier
from fmnist_viz.analysis.human import HumanConfusion
from fmnist_viz.analysis.learning import Learning
from fmnist_viz.analysis.overlap import Overlap
from fmnist_viz.core.types import LabeledImages, Projection
from fmnist_viz.display.film import FilmDisplay
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.features.weights import WeightRows
from fmnist_viz.pipeline.features import Seen
from fmnist_viz.projection.components import Components
from fmnist_viz.projection.distortion import Distortion

Maps = Mapping[str, Mapping[str, Projection]]


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
    film: FilmDisplay | None = None
    no_film: str = ""  # why there is none
    components: Mapping[str, Components] = field(default_factory=dict)  # the leading principal ones by representation
    calibration: Calibration | None = None  # None where there are no probabilities
    dossiers: tuple[Dossier, ...] = ()  # of the leading pairs of classes
    cards: ClassCards | None = None
    issues: DataIssues | None = None
    against: Against | None = None  # another run on the same images
    people: HumanConfusion | None = None  # what people answered

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
