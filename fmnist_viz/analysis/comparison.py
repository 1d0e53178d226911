"""Two models on the same images: who is right where the other is wrong, cell by cell and class by class, with paired tests and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_viz.analysis.significance import LEVEL, benjamini_hochberg, holm, p_text
from fmnist_viz.core.intervals import paired_difference, wilson
from fmnist_viz.core.types import ids_array, read_only

if TYPE_CHECKING:
    import pandas as pd

EXACT_UP_TO = 25  # discordant cases; above, the chi-squared distribution is near enough


@dataclass(frozen=True)
class Answers:
    """What one run said of some images: y_true, y_pred int64 (n,), confidence float64 (n,) of the predicted class, 0..1."""

    name: str
    sample_ids: NDArray[np.str_]
    y_true: NDArray[np.int64]
    y_pred: NDArray[np.int64]
    confidence: NDArray[np.float64]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.y_true)
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "y_true", read_only(self.y_true, np.int64, (n,), "y_true"))
        object.__setattr__(self, "y_pred", read_only(self.y_pred, np.int64, (n,), "y_pred"))
        object.__setattr__(self, "confidence", read_only(self.confidence, np.float64, (n,), "confidence"))
        if len(self.sample_ids) != n:
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {n} labels")

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.y_pred == self.y_true

    def take(self, rows: NDArray[np.int64]) -> Answers:
        return Answers(self.name, self.sample_ids[rows], self.y_true[rows], self.y_pred[rows], self.confidence[rows], self.class_names)


def aligned(runs: Sequence[Answers]) -> list[Answers]:
    """Every run's answers to the images that all of them saw, in the order of the first. Raises ValueError where labels or class names differ."""
    places = [{name: i for i, name in enumerate(run.sample_ids.tolist())} for run in runs]
    kept = [name for name in runs[0].sample_ids.tolist() if all(name in place for place in places)]
    out = [run.take(np.array([place[name] for name in kept], np.int64)) for run, place in zip(runs, places, strict=True)]
    for other in out[1:]:
        if other.class_names != out[0].class_names:
            raise ValueError(f"{other.name} has other classes than {out[0].name}")
        if not np.array_equal(other.y_true, out[0].y_true):
            raise ValueError(f"{other.name} has other labels than {out[0].name}")
    return out


def mcnemar(only_a: ArrayLike, only_b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """McNemar's test of equal rates from the discordant cases: two-sided p and the method, "exact binomial" or "chi-squared".

    Up to 25 discordant cases the exact binomial test, above the chi-squared statistic without continuity correction, which keeps its level better
    than the corrected one. Without a discordant case p is 1.

    References
    ----------
    Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or percentages. Psychometrika 12, 153-157.
    M. W. Fagerland, S. Lydersen, P. Laake (2013), The McNemar test for binary matched-pairs data. BMC Medical Research Methodology 13, 91.
    """
    from scipy.stats import binom, chi2

    b, c = np.broadcast_arrays(np.asarray(only_a, np.int64), np.asarray(only_b, np.int64))
    n = b + c
    exact = np.where(n > 0, np.minimum(1.0, 2 * binom.cdf(np.minimum(b, c), np.maximum(n, 1), 0.5)), 1.0)
    large = chi2.sf((b - c) ** 2 / np.maximum(n, 1), 1)
    few = n <= EXACT_UP_TO
    return np.where(few, exact, large), np.where(few, "exact binomial", "chi-squared").astype(object)


@dataclass(frozen=True)
class Comparison:
    """Two runs' answers to the same images in the same order: `a` is the baseline. Raises ValueError where they are not."""

    a: Answers
    b: Answers

    def __post_init__(self) -> None:
        if not np.array_equal(self.a.sample_ids, self.b.sample_ids) or not np.array_equal(self.a.y_true, self.b.y_true):
            raise ValueError("comparison: the two runs are not of the same images in the same order")
        if self.a.class_names != self.b.class_names:
            raise ValueError("comparison: the two runs have other classes")

    @property
    def n(self) -> int:
        return len(self.a.y_true)

    @property
    def fixed(self) -> NDArray[np.int64]:
        """Rows that `a` got wrong and `b` right, the most confident mistake first."""
        rows = np.flatnonzero(~self.a.right & self.b.right)
        return rows[np.argsort(-self.a.confidence[rows], kind="stable")]

    @property
    def broken(self) -> NDArray[np.int64]:
        """Rows that `a` got right and `b` wrong, the most confident mistake first."""
        rows = np.flatnonzero(self.a.right & ~self.b.right)
        return rows[np.argsort(-self.b.confidence[rows], kind="stable")]

    def images(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        """One row per image: baseline, run, sample_id, true, prediction and confidence of both."""
        import pandas as pd

        names = np.array(self.a.class_names, dtype=object)
        return pd.DataFrame({
            "baseline": self.a.name, "run": self.b.name, "sample_id": self.a.sample_ids[rows], "true": names[self.a.y_true[rows]],
            "baseline_predicted": names[self.a.y_pred[rows]], "baseline_confidence": self.a.confidence[rows],
            "run_predicted": names[self.b.y_pred[rows]], "run_confidence": self.b.confidence[rows],
        })  # fmt: skip

    def test(self) -> dict[str, Any]:
        """Both accuracies, their difference with its interval, fixed, broken, and McNemar's test: one row of `paired_tests`."""
        right_a, right_b = self.a.right, self.b.right
        fixed, broken = int((~right_a & right_b).sum()), int((right_a & ~right_b).sum())
        difference, low, high = paired_difference(int((right_a & right_b).sum()), broken, fixed, int((~right_a & ~right_b).sum()))
        p, method = mcnemar(broken, fixed)
        return {
            "baseline": self.a.name, "run": self.b.name, "n": self.n, "baseline_accuracy": _mean(right_a), "run_accuracy": _mean(right_b),
            "difference": float(difference), "difference_low": float(low), "difference_high": float(high), "fixed": fixed, "broken": broken,
            "other_answers": int((self.a.y_pred != self.b.y_pred).sum()), "p": float(p), "method": f"McNemar, {method}",
        }  # fmt: skip

    def cells(self) -> pd.DataFrame:
        """One row per cell of the confusion matrix: counts and row rates of both, their signed difference with Newcombe's paired interval, p and q.

        An image either stands in a cell or not, in each run: McNemar's test of that membership over the images of the true class, Benjamini-Hochberg
        over the cells that any image left or entered (the others have nothing to test: q is NaN).
        """
        import pandas as pd

        c = len(self.a.class_names)
        at_a, at_b = (run.y_true * c + run.y_pred for run in (self.a, self.b))
        count = lambda at: np.bincount(at, minlength=c * c)  # noqa: E731
        count_a, count_b, both = count(at_a), count(at_b), count(at_a[at_a == at_b])
        n_true = np.repeat(np.bincount(self.a.y_true, minlength=c), c)
        names = np.array(self.a.class_names, dtype=object)
        frame = {
            "baseline": self.a.name, "run": self.b.name, "true": np.repeat(names, c), "predicted": np.tile(names, c), "n_true": n_true,
            "baseline_count": count_a, "run_count": count_b, "left": count_a - both, "entered": count_b - both,
            "baseline_rate": _rate(count_a, n_true), "run_rate": _rate(count_b, n_true),
        }  # fmt: skip
        return pd.DataFrame(frame | _paired(both, count_a, count_b, n_true))

    def per_class(self) -> pd.DataFrame:
        """One row per class: recall of both and its difference with Newcombe's paired interval, fixed, broken, p, and q over the classes."""
        import pandas as pd

        c, y = len(self.a.class_names), self.a.y_true
        n, right_a, right_b, both = (
            np.bincount(y[rows], minlength=c) for rows in (np.ones(self.n, bool), self.a.right, self.b.right, self.a.right & self.b.right)
        )
        frame = {
            "baseline": self.a.name, "run": self.b.name, "class": self.a.class_names, "n": n, "baseline_recall": _rate(right_a, n),
            "run_recall": _rate(right_b, n), "fixed": right_b - both, "broken": right_a - both,
        }  # fmt: skip
        return pd.DataFrame(frame | _paired(both, right_a, right_b, n))


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else float("nan")


def _rate(count: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(count, n, out=np.full(len(count), np.nan), where=n > 0)


def _paired(both: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], n: NDArray[np.int64]) -> dict[str, Any]:
    """Difference b - a of two rates over the same n cases with its interval, p, method and q; `both` counts the cases in which both hold."""
    left, entered = a - both, b - both
    difference, low, high = paired_difference(both, left, entered, n - both - left - entered)
    p, method = mcnemar(left, entered)
    q = benjamini_hochberg(p, left + entered > 0)
    columns = {"difference": difference, "difference_low": low, "difference_high": high, "p": p, "q": q, "method": method}
    return columns | {"significant": q < LEVEL}


def accuracies(runs: Sequence[Answers]) -> pd.DataFrame:
    """One row per run: run, n, right, accuracy, accuracy_low, accuracy_high (95 % Wilson)."""
    import pandas as pd

    right, n = np.array([int(run.right.sum()) for run in runs]), np.array([len(run.y_true) for run in runs])
    low, high = wilson(right, n)
    return pd.DataFrame({"run": [run.name for run in runs], "n": n, "right": right, "accuracy": _rate(right, n), "accuracy_low": low, "accuracy_high": high})


def paired_tests(runs: Sequence[Answers]) -> pd.DataFrame:
    """One row per pair of runs, the earlier one as baseline: `Comparison.test` and `p_holm`, adjusted over all pairs."""
    import pandas as pd

    frame = pd.DataFrame([Comparison(a, b).test() for a, b in combinations(runs, 2)])
    frame["p_holm"] = holm(frame["p"])
    return frame


def verdict(row: Any) -> str:
    """A row of `paired_tests` in words."""
    if not row["other_answers"]:
        return f"{row['baseline']} and {row['run']}: no difference, the same answer to all {row['n']:,} images (p = 1)"
    points = 100 * row["difference"]
    interval = f"95 % interval {100 * row['difference_low']:+.2f} to {100 * row['difference_high']:+.2f}"
    said = f"{row['run']} against {row['baseline']}: {points:+.2f} points ({interval}), {row['fixed']:,} images fixed, {row['broken']:,} broken"
    better = row["run"] if points > 0 else row["baseline"]
    end = f"{better} is better" if row["p_holm"] < LEVEL else "no difference that chance would not make"
    return f"{said}; {row['method']}: {p_text(row['p_holm'])}: {end}"
