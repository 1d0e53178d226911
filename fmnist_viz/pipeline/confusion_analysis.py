"""The confusion analysis of predictions that are at hand as arrays: no model, no files, images if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fmnist_viz.analysis.calibration import Calibration, calibration
from fmnist_viz.analysis.confusion import Confusion, confusion, predictions_frame, sentence
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import LabeledImages, Predictions, Source
from fmnist_viz.data.columns import class_numbers
from fmnist_viz.data.gate import shown
from fmnist_viz.data.labels import distinct_names, numbered_classes, whole_labels
from fmnist_viz.data.pixels import to_uint8
from fmnist_viz.data.predicted import numbered, probabilities

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ConfusionAnalysis:
    """`confusion` holds counts, rates, intervals, pairs and classes; `predictions` and `images` the rows behind them."""

    confusion: Confusion
    predictions: Predictions
    images: LabeledImages

    def frame(self) -> pd.DataFrame:
        """One row per cell of the matrix: counts, row, column and overall rates with 95 % Wilson intervals, tests; see `Confusion.frame`."""
        return self.confusion.frame()

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table: those of `confusion` (see `Confusion.frames`), predictions (a row per image), and those of `calibration`."""
        more = self.calibration.frames() if self.calibration else {}
        return {**self.confusion.frames(), "predictions": predictions_frame(self.predictions), **more}

    def plot(self, ax: Axes | None = None, *, rates: bool | Literal["row", "column", "overall"] = False, ordered: bool = False) -> Figure:
        """The matrix, of images or (`rates`) in percent of each true class, each predicted class or all, into `ax` or onto a sheet of its own.

        `ordered` puts classes side by side that are taken for each other, and draws the tree that says so.
        """
        from fmnist_viz.display.confusion import ConfusionDisplay

        return ConfusionDisplay(self.confusion, rates=rates, ordered=ordered).plot(ax, prefix=self.predictions.model)

    @cached_property
    def calibration(self) -> Calibration | None:
        """Whether the model is as often right as it says: `.sentences()`, `.scores()`, `.frame()`, `.per_class()`, `.per_pair()`.

        None without probabilities.
        """
        return calibration(self.predictions)

    def report(self, path: str | Path) -> Path:
        """Write the offline report: matrix, classes, pairs, and the images where they were given. Returns its path.

        Raises ResourceError where the disk is full or the folder cannot be written.
        """
        from fmnist_viz.export.report import ReportContent, write_report

        value, low, high = self.confusion.accuracy
        pairs = self.confusion.pairs()
        card = [("accuracy", f"{100 * value:.2f} % (95 % interval {100 * low:.2f}–{100 * high:.2f}, n = {self.confusion.n:,})")]
        card += [("most confused pair", sentence(pairs.iloc[0]))] if len(pairs) else []
        card += [] if self.predictions.has_proba else [("probabilities", "none were given: there is no confidence and no margin")]
        untrained = "Nothing was trained here: the predictions were made elsewhere."
        made = [("made by", "fmnist_viz.confusion_analysis"), ("images", self.images.source.location)]
        title = self.predictions.model or "Confusion analysis"
        content = ReportContent(title, self.images, self.predictions, {}, card=card, made=made, untrained=untrained, calibration=self.calibration)
        write_report(Path(path), content)
        return Path(path)


def confusion_analysis(
    y_true: Any,
    y_pred: Any = None,
    *,
    y_proba: Any = None,
    images: Any = None,
    class_names: Sequence[str] | None = None,
    sample_ids: Sequence[str] | None = None,
    title: str = "",
) -> ConfusionAnalysis:
    """Which classes are taken for which, with intervals, from predictions of any origin.

    Parameters
    ----------
    y_true : (n,), class numbers 0..c-1, or names
    y_pred : (n,), likewise; or
    y_proba : (n, c), rows summing to one: then there are confidence and margin as well, which are never made up
    images : (n, h, w) or (n, h, w, 1 or 3), uint8 or floating-point 0..1; may be missing
    class_names : c names; by default the distinct names in alphabetical order, or the numbers
    sample_ids : n names of the images; by default ``test/<row>``

    Raises
    ------
    UsageError where not exactly one of `y_pred` and `y_proba` is given; BadInput for arrays that do not fit together,
    unknown classes, and probabilities that are none.
    """
    if (y_pred is None) == (y_proba is None):
        raise UsageError("PREDICTIONS", "confusion_analysis", "takes y_pred or y_proba, one of them", "Give class numbers or names, or probabilities.")
    names = _names(y_true, y_pred, y_proba, class_names)
    truth = _numbers(y_true, names, "y_true")
    n = len(truth)
    proba = None if y_proba is None else probabilities(np.asarray(y_proba), names, "y_proba")
    label = None if y_pred is None else _numbers(y_pred, names, "y_pred")
    for what, value in (("y_pred", label), ("y_proba", proba), ("images", images), ("sample_ids", sample_ids)):
        if value is not None and len(value) != n:
            raise BadInput("ROWS", what, f"has {len(value):,} rows, y_true has {n:,}", "Give arrays of the same images.")
    if not n:
        raise BadInput("ROWS", "y_true", "is empty", "Give at least one label.")
    ids = np.array([f"test/{row}" for row in range(n)] if sample_ids is None else [str(i) for i in sample_ids], dtype=np.str_)
    source = Source("memory", "given as an array" if images is not None else "none were given", "")
    labeled = LabeledImages(_pixels(images, n), truth, names, ids, "test", source)
    predictions = Predictions(ids, truth, proba, names, title, y_label=label)
    return ConfusionAnalysis(confusion(predictions), predictions, labeled)


def _is_text(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "UO"


def _names(y_true: Any, y_pred: Any, y_proba: Any, given: Sequence[str] | None) -> tuple[str, ...]:
    """The classes in order."""
    if given is not None:
        return distinct_names([str(name) for name in given], "class_names")
    parts = {what: np.asarray(values) for what, values in (("y_true", y_true), ("y_pred", y_pred)) if values is not None}
    if any(_is_text(values) for values in parts.values()):
        return distinct_names(sorted({str(value) for values in parts.values() for value in values.tolist()}), "y_true")
    labels = [whole_labels(values, what) for what, values in parts.items()]
    if not all(len(values) for values in labels):
        raise BadInput("ROWS", "y_true", "is empty", "Give at least one label.")
    found = numbered_classes(labels, list(parts))
    width = 0 if y_proba is None else np.asarray(y_proba).shape[-1]
    return found if len(found) >= width else tuple(str(k) for k in range(width))


def _numbers(values: Any, names: tuple[str, ...], what: str) -> np.ndarray:
    if _is_text(values):
        return class_numbers([str(value) for value in np.asarray(values).tolist()], names, what)
    return numbered(np.asarray(values), names, what)


def _pixels(images: Any, n: int) -> np.ndarray:
    """uint8 (n, h, w, c); (n, 0, 0, 1) where there are none."""
    if images is None:
        return np.zeros((n, 0, 0, 1), np.uint8)
    array = np.asarray(images)
    array = array[..., None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise BadInput("IMAGE-SHAPE", "images", f"have the shape {shown(array.shape)}, expected (n, h, w) or (n, h, w, 1 or 3)", "Reshape them.")
    return np.ascontiguousarray(to_uint8([array], ["images"])[0][0])
