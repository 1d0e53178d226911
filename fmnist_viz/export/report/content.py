"""What a report is made from; nothing here draws or loads a drawing library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages, Predictions, Projection

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.analysis.against import Against
    from fmnist_viz.analysis.calibration import Calibration
    from fmnist_viz.analysis.class_cards import ClassCards
    from fmnist_viz.analysis.data_issues import DataIssues
    from fmnist_viz.analysis.dossier import Dossier
    from fmnist_viz.analysis.human import HumanConfusion
    from fmnist_viz.display.film import FilmDisplay
    from fmnist_viz.display.ladder import LadderDisplay
    from fmnist_viz.export.pictures import Shot
    from fmnist_viz.projection.distortion import Distortion

# Bidirectional controls reorder the text around them: a class name must not be able to disguise another one.
_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def visible(name: str) -> str:
    """A name as it is shown: control characters as their pictures (␉ ␊), direction controls removed, "(empty)" for nothing."""
    shown = "".join(chr(0x2400 + ord(c)) if ord(c) < 32 else "␡" if ord(c) == 127 else c for c in name if ord(c) not in _BIDI)
    return shown if shown.strip() else "(empty)"


@dataclass(frozen=True)
class ReportContent:
    """One model on one set of images.

    Parameters
    ----------
    title : plain text, such as ``cnn1 on Fashion-MNIST``
    images, predictions : the mapped images (perhaps without pixels) and what was said of them, row by row; None: nothing was
    projections : representation -> method ("pca", "tsne", "umap") -> map, representations in layer order
    history : column (epoch, loss, accuracy, val_loss, val_accuracy, seconds ...) -> one value per epoch; may be empty
    card : the model card as (what, value) rows
    layers : one mapping of column -> text per layer, all with the same columns
    tables : further tables by title, shown sortable; columns ``x``, ``x_low``, ``x_high`` are shown as one
    warnings : banner lines, shown at the top and never dismissible
    made : how this was made, as (what, value) rows
    untrained : said in place of curves where there is no model; empty: the model came trained
    weights : weight matrix -> method -> map of its rows
    weight_classes : weight matrix -> int (rows,): the class that each row favours
    learning : what the training curves say, in sentences
    readings, notes : what a table says in words, and lines below it, by the table's title; tables without a reading get one of their numbers
    near : representation -> int (n, k) true neighbours of the images, nearest first;  held : share 0..1 of the true ones among them, by representation
    distortions : representation -> method -> missing and false neighbours of the images
    pictures : drawings with their captions, in the order in which they are shown
    calibration : of the predictions; None where they have no probabilities
    ladder : the layers of the network one after the other, its rows those of the images
    film : the epochs of the training one after the other;  no_film : why there are none, where that is to be said
    dossiers : of pairs of classes;  cards : of all classes; their rows are those of the images
    issues : what may be wrong with the data
    against : another run on the same images;  people : what people answered; their rows are those of the images

    Raises
    ------
    ValueError where images, predictions and labels do not belong together.
    """

    title: str
    images: LabeledImages
    predictions: Predictions | None
    projections: Mapping[str, Mapping[str, Projection]]
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    card: Sequence[tuple[str, str]] = ()
    layers: Sequence[Mapping[str, str]] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    made: Sequence[tuple[str, str]] = ()
    untrained: str = ""
    weights: Mapping[str, Mapping[str, Projection]] = field(default_factory=dict)
    weight_classes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    learning: str = ""
    watched: str = "validation"  # what the history's val_ columns are of: "validation" or "test"
    pictures: Sequence[Shot] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    near: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    distortions: Mapping[str, Mapping[str, Distortion]] = field(default_factory=dict)
    ladder: LadderDisplay | None = None
    film: FilmDisplay | None = None
    no_film: str = ""
    calibration: Calibration | None = None
    dossiers: tuple[Dossier, ...] = ()
    cards: ClassCards | None = None
    issues: DataIssues | None = None
    against: Against | None = None
    people: HumanConfusion | None = None

    def __post_init__(self) -> None:
        if not len(self.images):
            raise ValueError("report: there are no images")
        if self.predictions is None:
            return
        if not np.array_equal(self.images.sample_ids, self.predictions.sample_ids):
            raise ValueError("report: images and predictions are not of the same samples in the same order")
        if not np.array_equal(self.images.labels, self.predictions.y_true):
            raise ValueError("report: the labels of the images and those of the predictions differ")
        if self.images.class_names != tuple(self.predictions.class_names):
            raise ValueError("report: the class names of the images and those of the predictions differ")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names as they are shown."""
        return tuple(visible(name) for name in self.images.class_names)


def aligned(projection: Projection, sample_ids: NDArray[np.str_]) -> NDArray[np.float32]:
    """The first two axes of a map in the order of `sample_ids`, float32 (n, 2); NaN for samples that it does not hold."""
    out = np.full((len(sample_ids), 2), np.nan, np.float32)
    if projection.note or projection.coords.shape[1] < 2:
        return out
    if np.array_equal(projection.sample_ids, sample_ids):
        return np.array(projection.coords[:, :2])
    place = {name: i for i, name in enumerate(projection.sample_ids.tolist())}
    found = np.array([place.get(name, -1) for name in sample_ids.tolist()])
    out[found >= 0] = projection.coords[found[found >= 0], :2]
    return out
