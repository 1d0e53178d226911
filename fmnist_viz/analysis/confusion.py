"""The confusion matrix, its rates with intervals and tests, the figures of every class and the ranked list of directed pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.confusion_order import ClassTree, folded
from fmnist_viz.analysis.confusion_tests import Directions, Excess, directions, excess
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import Predictions, read_only

if TYPE_CHECKING:
    import pandas as pd


def confusion_counts(y_true: NDArray[np.integer[Any]], y_pred: NDArray[np.integer[Any]], classes: int) -> NDArray[np.int64]:
    """counts[t, p] = images of class t that were taken for class p; int64 (classes, classes)."""
    flat = np.asarray(y_true, np.int64) * classes + np.asarray(y_pred, np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True)
class Confusion:
    """Directed confusion of one model on one set of images: rows are true classes, columns predicted ones."""

    counts: NDArray[np.int64]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        c = len(self.class_names)
        object.__setattr__(self, "counts", read_only(self.counts, np.int64, (c, c), "counts"))

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def support(self) -> NDArray[np.int64]:
        """Images of each true class, int64 (c,)."""
        return self.counts.sum(axis=1)

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of each true class that went to each predicted class, 0..1; NaN in the row of a class without images."""
        return self.share("row")[0]

    @property
    def intervals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % Wilson intervals of `rates`: low and high, float64 (c, c)."""
        return self.share("row")[1:3]

    @property
    def accuracy(self) -> tuple[float, float, float]:
        """Share of images predicted right, with its 95 % Wilson interval: (value, low, high)."""
        right = int(np.trace(self.counts))
        low, high = wilson(right, self.n)
        return right / self.n if self.n else float("nan"), float(low), float(high)

    def share(self, of: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Cells as shares, each float64 (c, c), and of how many images, int64 (c, c): value, low, high (95 % Wilson), n.

        of : "row" (of the true class), "column" (of all that was predicted so) or "overall" (of all images); values are NaN where n is 0.
        """
        totals = {"row": self.support[:, None], "column": self.counts.sum(axis=0), "overall": np.array(self.n)}
        n = np.broadcast_to(totals[of], self.counts.shape)
        value = np.divide(self.counts, n, out=np.full(self.counts.shape, np.nan), where=n > 0)
        return value, *wilson(self.counts, n), n

    @cached_property
    def directions(self) -> Directions:
        """Where a -> b and b -> a differ."""
        return directions(self.counts)

    @cached_property
    def excess(self) -> Excess:
        """Where more images stand than quasi-independence puts there."""
        return excess(self.counts)

    @cached_property
    def tree(self) -> ClassTree:
        """The classes in an order that brings those together that are taken for each other."""
        return ClassTree.of(self.counts)

    def groups(self, number: int | None = None) -> Confusion:
        """The matrix folded into groups of classes, as many as given or as `tree.suggested`."""
        return folded(self, self.tree.cut(self.tree.suggested if number is None else number))

    def frame(self) -> pd.DataFrame:
        """One row per cell.

        true, predicted, count; n_true, rate, low, high (share of the true class); n_predicted, column_rate, column_low, column_high; n,
        overall_rate, overall_low, overall_high, all with 95 % Wilson intervals; odds_ratio, odds_low, odds_high, direction_p, direction_q and
        more_than_reverse (Fisher's exact test of t -> p against p -> t); expected, residual, excess_p, excess_q and more_than_expected
        (adjusted residual of quasi-independence). q is Benjamini-Hochberg's, "more" means q < 0.05; what was not tested is NaN.
        """
        import pandas as pd

        c = len(self.class_names)
        names = np.array(self.class_names, dtype=object)
        columns: dict[str, Any] = {"true": np.repeat(names, c), "predicted": np.tile(names, c), "count": self.counts}
        for of, total, label in (("row", "n_true", ""), ("column", "n_predicted", "column_"), ("overall", "n", "overall_")):
            value, low, high, n = self.share(of)
            columns |= {total: n, f"{label}rate": value, f"{label}low": low, f"{label}high": high}
        return pd.DataFrame({name: np.ravel(values) for name, values in (columns | self._tests()).items()})

    def frames(self) -> dict[str, pd.DataFrame]:
        """confusion (cells), pairs (directed), per_class, groups (cells of the suggested groups), class_order and class_tree."""
        tables = {"confusion": self.frame(), "pairs": self.pairs(), "per_class": self.per_class()}
        if not self.class_names:
            return tables
        names, tree = self.class_names, self.tree
        return tables | {"groups": self.groups().frame(), "class_order": tree.frame(names), "class_tree": tree.tree_frame(names)}

    def _tests(self) -> dict[str, NDArray[Any]]:
        d, e = self.directions, self.excess
        return {
            "odds_ratio": d.odds_ratio, "odds_low": d.low, "odds_high": d.high, "direction_p": d.p, "direction_q": d.q, "more_than_reverse": d.more,
            "expected": e.expected, "residual": e.residual, "excess_p": e.p, "excess_q": e.q, "more_than_expected": e.more,
        }  # fmt: skip

    def pairs(self) -> pd.DataFrame:
        """The directed pairs of different classes that were confused at least once, most frequent rate first.

        true, predicted, count, n_true, rate, low, high, the same of the opposite direction (reverse_count, reverse_n, reverse_rate,
        reverse_low, reverse_high), and the tests of `frame`.
        """
        import pandas as pd

        t, p = np.nonzero(np.where(np.eye(len(self.counts), dtype=bool), 0, self.counts))
        names = np.array(self.class_names, dtype=object)
        value, low, high, n = self.share("row")
        columns: dict[str, Any] = {"true": names[t], "predicted": names[p]}
        for label, total, rows in (("", "n_true", (t, p)), ("reverse_", "reverse_n", (p, t))):
            columns |= {f"{label}count": self.counts[rows], total: n[rows], f"{label}rate": value[rows], f"{label}low": low[rows], f"{label}high": high[rows]}
        frame = pd.DataFrame(columns | {name: values[t, p] for name, values in self._tests().items()})
        return frame.sort_values(["rate", "count"], ascending=False, kind="stable").reset_index(drop=True)

    def per_class(self) -> pd.DataFrame:
        """One row per class: n, tp, fp, fn, tn, precision, recall, f1 with 95 % intervals.

        Precision and recall are binomial rates (Wilson). F1 = tp / (tp + (fp + fn) / 2) is a monotone function of
        the share tp / (tp + fp + fn), so that share's Wilson interval is carried over: F1 = 2 j / (1 + j).
        A rate without a single case (no image of the class, never predicted) is NaN.
        """
        import pandas as pd

        tp = np.diag(self.counts)
        fn, fp = self.support - tp, self.counts.sum(axis=0) - tp
        columns: dict[str, Any] = {"class": self.class_names, "n": self.support, "tp": tp, "fp": fp, "fn": fn, "tn": self.n - tp - fn - fp}
        for name, total in (("precision", tp + fp), ("recall", tp + fn), ("f1", tp + fp + fn)):
            low, high = wilson(tp, total)
            value = np.divide(tp, total, out=np.full(len(tp), np.nan), where=total > 0)
            if name == "f1":
                value, low, high = (2 * j / (1 + j) for j in (value, low, high))
            columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(columns)


def confusion(predictions: Predictions) -> Confusion:
    """Count the predictions of one model."""
    return Confusion(confusion_counts(predictions.y_true, predictions.y_pred, len(predictions.class_names)), predictions.class_names)


def predictions_frame(predictions: Predictions) -> pd.DataFrame:
    """One row per image: sample_id, label, prediction (numbers), true, predicted (names), correct, confidence, margin, pair and the probability of every class.

    Where no probabilities were given, confidence, margin and the classes' columns are missing: they would have to be invented.
    `margin` is the highest probability of another class minus that of the true class: negative where right, from
    "barely" to "confidently wrong" where wrong. `pair` is ``true -> predicted`` for an error, else ``correct``.
    """
    import pandas as pd

    names = np.array(predictions.class_names, dtype=object)
    y, p = predictions.y_true, predictions.y_pred
    pair = np.where(predictions.correct, "correct", names[y] + " → " + names[p])
    frame = {
        "sample_id": predictions.sample_ids, "label": y, "prediction": p, "true": names[y], "predicted": names[p],
        "correct": predictions.correct,
    }  # fmt: skip
    if not predictions.has_proba:
        return pd.DataFrame(frame | {"pair": pair})
    frame |= {"confidence": predictions.confidence, "margin": predictions.margin, "pair": pair}
    return pd.DataFrame(frame | {f"p_{name}": predictions.proba[:, i] for i, name in enumerate(predictions.class_names)})


def sentence(pair: Any) -> str:
    """A row of `Confusion.pairs()` in words: ``Shirt → T-shirt/top: 12.1 %, 121 of 1,000 (95 % interval 10.2–14.3)``."""
    interval = f"95 % interval {100 * pair['low']:.1f}–{100 * pair['high']:.1f}"
    return f"{pair['true']} → {pair['predicted']}: {100 * pair['rate']:.1f} %, {pair['count']:,} of {pair['n_true']:,} ({interval})"
