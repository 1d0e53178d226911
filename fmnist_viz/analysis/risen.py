"""Whether one model makes a confusion more often than another on the same images: one-sided exact tests, all of them held together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_viz.analysis.comparison import Comparison
from fmnist_viz.analysis.significance import LEVEL, holm
from fmnist_viz.core.intervals import paired_difference

if TYPE_CHECKING:
    import pandas as pd

METHOD = (
    "McNemar's test on cell membership over the same images, exact binomial, one-sided; Holm's adjustment over the pairs in which anything changed "
    "and the test of a lower accuracy"
)
ACCURACY = "accuracy"


def one_sided(less: ArrayLike, more: ArrayLike) -> NDArray[np.float64]:
    """P(X >= more) for X ~ Binomial(less + more, 1/2), float64: McNemar's exact test of "more cases changed this way than that way"; 1 without a change.

    References
    ----------
    Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or percentages. Psychometrika 12, 153-157.
    """
    from scipy.stats import binom

    b, c = np.broadcast_arrays(np.asarray(less, np.int64), np.asarray(more, np.int64))
    p: NDArray[np.float64] = np.asarray(binom.sf(c - 1, b + c, 0.5), np.float64)
    return np.where(b + c > 0, p, 1.0)


@dataclass(frozen=True)
class Risen:
    """What rose from the baseline `a` to the run `b` of a comparison.

    Parameters
    ----------
    comparison : answers of both to the same images
    level : chance, at most, that the gate closes although nothing rose: 0 < level < 1
    pairs : directed (true, predicted) class numbers that are looked at; empty: all
    """

    comparison: Comparison
    level: float = LEVEL
    pairs: Sequence[tuple[int, int]] = field(default=())

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level: {self.level}, expected above 0 and below 1")

    @cached_property
    def accuracy(self) -> dict[str, Any]:
        """`Comparison.test` with one-sided p of a lower accuracy, p_holm and fell."""
        found = {k: v for k, v in self.comparison.test().items() if k not in ("p", "method")}
        p = float(one_sided(found["fixed"], found["broken"]))
        adjusted = float(self._adjusted[-1])
        return found | {"p": p, "p_holm": adjusted, "fell": bool(adjusted < self.level), "method": METHOD}

    @cached_property
    def _counts(self) -> dict[str, NDArray[np.int64]]:
        """Of every directed pair: true, predicted, counts in both runs, images that left and entered its cell."""
        c, a, b = len(self.comparison.a.class_names), self.comparison.a, self.comparison.b
        at_a, at_b = a.y_true * c + a.y_pred, b.y_true * c + b.y_pred
        count_a, count_b, both = (np.bincount(at, minlength=c * c) for at in (at_a, at_b, at_a[at_a == at_b]))
        wanted = [t * c + p for t, p in self.pairs] or [t * c + p for t in range(c) for p in range(c) if t != p]
        at = np.array(wanted, np.int64)
        n = np.bincount(a.y_true, minlength=c)[at // c]
        return {
            "true": at // c, "predicted": at % c, "n_true": n, "baseline_count": count_a[at], "run_count": count_b[at],
            "left": count_a[at] - both[at], "entered": count_b[at] - both[at], "both": both[at],
        }  # fmt: skip

    @cached_property
    def _tested(self) -> NDArray[np.bool_]:
        return self._counts["left"] + self._counts["entered"] > 0

    @cached_property
    def _adjusted(self) -> NDArray[np.float64]:
        """p after Holm of the tested pairs, and as the last one of the accuracy."""
        right_a, right_b = self.comparison.a.right, self.comparison.b.right
        fixed, broken = int((~right_a & right_b).sum()), int((right_a & ~right_b).sum())
        return holm([*self._rise[self._tested], float(one_sided(fixed, broken))])

    @cached_property
    def _rise(self) -> NDArray[np.float64]:
        return one_sided(self._counts["left"], self._counts["entered"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per directed pair: true, predicted, n_true, baseline_count, run_count, left, entered, both rates, their difference with Newcombe's
        paired 95 % interval, p and p_holm of a rise, p_fall, p_fall_holm, and verdict: "rose", "fell" or "".

        A pair in whose cell no image came or went has nothing to test: its p values are NaN. Falls are a family of their own, and never close the gate.
        """
        import pandas as pd

        counts, names = self._counts, np.array(self.comparison.a.class_names, dtype=object)
        n, left, entered, both, tested = counts["n_true"], counts["left"], counts["entered"], counts["both"], self._tested
        difference, low, high = paired_difference(both, left, entered, n - both - left - entered)
        nothing = np.full(len(n), np.nan)
        rise_holm, fall_holm, fall = nothing.copy(), nothing.copy(), one_sided(entered, left)
        rise_holm[tested] = self._adjusted[:-1]
        fall_holm[tested] = holm(fall[tested])
        verdict = np.where(rise_holm < self.level, "rose", np.where(fall_holm < self.level, "fell", ""))
        rate = [np.divide(counts[k], n, out=nothing.copy(), where=n > 0) for k in ("baseline_count", "run_count")]
        return pd.DataFrame({
            "true": names[counts["true"]], "predicted": names[counts["predicted"]], "n_true": n, "baseline_count": counts["baseline_count"],
            "run_count": counts["run_count"], "left": left, "entered": entered, "baseline_rate": rate[0], "run_rate": rate[1],
            "difference": difference, "difference_low": low, "difference_high": high, "p": np.where(tested, self._rise, np.nan), "p_holm": rise_holm,
            "p_fall": np.where(tested, fall, np.nan), "p_fall_holm": fall_holm, "verdict": verdict,
        })  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """`table`, by p of a rise."""
        return self.table.sort_values(["p", "true", "predicted"], kind="stable", ignore_index=True)

    @property
    def rose(self) -> pd.DataFrame:
        """The pairs that rose significantly, clearest first."""
        return self.frame().query("verdict == 'rose'")

    @property
    def passed(self) -> bool:
        """Whether no pair rose and the accuracy did not fall."""
        return not len(self.rose) and not self.accuracy["fell"]

    @property
    def tests(self) -> int:
        """How many were held together: the pairs with any change, and the accuracy."""
        return int(self._tested.sum()) + 1
