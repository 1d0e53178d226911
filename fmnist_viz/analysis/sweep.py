"""What each change of one setting bought: trainings with the same seeds, compared with the base in pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.significance import LEVEL, holm

if TYPE_CHECKING:
    import pandas as pd

METHOD = (
    "mean of the differences by seed with Student's 95 % interval over the seeds. Helps, hurts: p < 0.05 in the paired t test, adjusted after Holm (1979) over "
    "all variants; may help, may hurt: only before the adjustment"
)


@dataclass(frozen=True)
class Trial:
    """One training as judged by held-out images.

    accuracy : share of them that it gets right, 0..1, or None where its loss stopped being a number; dead : whether a ReLU layer fires on no image at all
    (then every image gets the same answer), None where it has no such layer; seconds : median per epoch.
    """

    variant: str
    seed: int
    accuracy: float | None
    parameters: int
    seconds: float | None
    dead: bool | None = None


@dataclass(frozen=True)
class Change:
    """What a variant's trainings came to beside the base's. Rates and differences are shares, 0..1; NaN where nothing is known.

    n : trainings with a result; pairs : of those, the ones whose seed the base has a result for too
    median, low, high : accuracy, median and range over the n
    median_difference : between the medians; difference : mean by seed over the pairs, with its 95 % interval (NaN for less than 2 pairs)
    p : of the paired t test; p_holm : adjusted over all variants
    dead, diverged : how many of the trainings; `dead_known` : of how many it can be said
    """

    variant: str
    n: int
    pairs: int
    median: float
    low: float
    high: float
    median_difference: float
    difference: float
    difference_low: float
    difference_high: float
    p: float
    p_holm: float
    parameters: int
    seconds: float
    dead: int
    dead_known: int
    diverged: int

    @property
    def verdict(self) -> str:
        """In words: base, helps or hurts (after Holm's adjustment), may help or may hurt (before it), no clear difference, diverged, too few seeds."""
        if self.variant == "base":
            return "base"
        if self.diverged:
            return f"diverged in {self.diverged} of {self.n + self.diverged}"
        if self.pairs < 2:
            return f"no verdict from {self.pairs} seed{'s' * (self.pairs != 1)}"
        if self.p_holm < LEVEL:
            return "helps" if self.difference > 0 else "hurts"
        if self.p < LEVEL:
            return "may help" if self.difference > 0 else "may hurt"
        return f"no clear difference at n = {self.pairs}"


def paired(differences: Sequence[float]) -> tuple[float, float, float, float]:
    """(mean, low, high, p) of differences by seed: Student's 95 % interval and the two-sided paired t test.

    Where all are equal there is no spread to judge by: no interval, and p is the exact sign test's, 2^(1-n), or 1 where they are 0.
    One difference has neither interval nor p (NaN).
    """
    d = np.asarray(differences, np.float64)
    if len(d) < 2:
        return (float(d[0]) if len(d) else math.nan), math.nan, math.nan, math.nan
    mean = float(d.mean())
    if np.ptp(d) < 1e-12:
        return mean, math.nan, math.nan, 1.0 if abs(mean) < 1e-12 else 2.0 ** (1 - len(d))
    from scipy import stats

    tested = stats.ttest_1samp(d, 0.0)
    interval = tested.confidence_interval(1 - LEVEL)
    return mean, float(interval.low), float(interval.high), float(tested.pvalue)


def changes(trials: Sequence[Trial], base: str = "base") -> list[Change]:
    """One row per variant, highest median accuracy first (equal ones in the order given, those without a result last).

    Raises ValueError where a variant has two trainings of one seed, or the base none.
    """
    by: dict[str, dict[int, Trial]] = {}
    for trial in trials:
        if trial.seed in by.setdefault(trial.variant, {}):
            raise ValueError(f"{trial.variant} has two trainings of seed {trial.seed}")
        by[trial.variant][trial.seed] = trial
    if base not in by:
        raise ValueError(f"there is no training of {base!r} to compare with")
    known = {name: {seed: t.accuracy for seed, t in rows.items() if t.accuracy is not None} for name, rows in by.items()}
    differences = {name: [known[name][s] - known[base][s] for s in sorted(known[name].keys() & known[base].keys())] for name in by}
    tested = {name: paired(values) for name, values in differences.items()}
    others = [name for name in by if name != base]
    adjusted = dict(zip(others, holm([tested[name][3] for name in others]).tolist(), strict=True))
    center = statistics.median(known[base].values()) if known[base] else math.nan
    rows = [_change(name, list(by[name].values()), list(known[name].values()), center, tested[name], len(differences[name]), adjusted) for name in by]
    return sorted(rows, key=lambda row: -row.median if row.median == row.median else math.inf)


def _change(
    name: str, trials: list[Trial], accuracies: list[float], center: float, tested: tuple[float, float, float, float], pairs: int, adjusted: dict[str, float]
) -> Change:
    median = statistics.median(accuracies) if accuracies else math.nan
    seconds = [t.seconds for t in trials if t.seconds is not None]
    mean, low, high, p = tested if name in adjusted else (0.0, math.nan, math.nan, math.nan)
    return Change(
        variant=name,
        n=len(accuracies),
        pairs=pairs,
        median=median,
        low=min(accuracies, default=math.nan),
        high=max(accuracies, default=math.nan),
        median_difference=median - center,
        difference=mean,
        difference_low=low,
        difference_high=high,
        p=p,
        p_holm=adjusted.get(name, math.nan),
        parameters=max(t.parameters for t in trials),
        seconds=statistics.median(seconds) if seconds else math.nan,
        dead=sum(t.dead is True for t in trials),
        dead_known=sum(t.dead is not None for t in trials),
        diverged=len(trials) - len(accuracies),
    )


def table(rows: Sequence[Change]) -> pd.DataFrame:
    """The changes as a table, a row each with its rank (from 1) by median accuracy and its verdict."""
    import dataclasses

    import pandas as pd

    made = pd.DataFrame([{**dataclasses.asdict(row), "verdict": row.verdict} for row in rows])
    made.insert(0, "rank", range(1, len(made) + 1))
    return made
