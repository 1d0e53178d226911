"""Does what a model says come true? Reliability by bins of confidence, and the expected calibration error with an interval and its value by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.significance import LEVEL
from fmnist_viz.core.intervals import wilson

BINS = 15
LEAST_IN_BIN = 20  # images that a bin should hold: fewer say nothing about a rate
DRAWS = 500  # of the bootstrap and of the calibrated model
_AT_ONCE = 2_000_000  # random numbers held at a time
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Statements with a stated probability, in bins of equal numbers of them. Arrays are (bins,).

    n : statements;  said : their mean stated probability;  right : how many came true;  rate, low, high : that share, 95 % Wilson interval
    ece : expected calibration error, sum of n / N |rate - said|, 0..1, which chance alone makes larger than it is;
    corrected, low_end, high_end : it less its bias by the bootstrap, and the basic bootstrap interval, 95 %, of which 0 is the end where p is above 0.05;
    ece_chance : what a perfectly calibrated model with the same probabilities shows on average with this N and these bins;
    p : share of its draws with at least this error
    """

    n: NDArray[np.int64]
    said: Values
    right: NDArray[np.int64]
    low: Values
    high: Values
    ece: float
    corrected: float
    low_end: float
    high_end: float
    ece_chance: float
    p: float

    @property
    def rate(self) -> Values:
        return self.right / self.n

    @property
    def total(self) -> int:
        return int(self.n.sum())


def equal_mass_bins(stated: Values, bins: int = BINS) -> NDArray[np.int64]:
    """Each statement's bin, 0.., of about equally many; equal probabilities share a bin, and there are fewer bins where they would hold under 20.

    Bins of equal width would put almost all images of a good classifier into the last one.
    """
    wanted = max(1, min(bins, len(stated) // LEAST_IN_BIN))
    ordered = np.sort(stated)
    edges = np.unique(ordered[[round(k * len(stated) / wanted) for k in range(1, wanted)]]) if len(stated) else np.empty(0)
    return np.unique(np.searchsorted(edges, stated, side="right"), return_inverse=True)[1].astype(np.int64)


def reliability(stated: Values, true: NDArray[np.bool_], *, seed: int = 0, bins: int = BINS, draws: int = DRAWS) -> Reliability:
    """Stated probabilities (n,), 0..1, beside what came true, bool (n,).

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning. AAAI, 2901-2907 (the error).
    J. Broecker, L. A. Smith (2007), Increasing the reliability of reliability diagrams. Weather and Forecasting 22, 651-661 (the calibrated draws).
    A. C. Davison, D. V. Hinkley (1997), Bootstrap methods and their application. Cambridge, section 5.2 (the basic interval).
    """
    stated = np.asarray(stated, np.float64)
    place = equal_mass_bins(stated, bins)
    n = np.bincount(place)
    right = np.bincount(place, weights=true).astype(np.int64)
    gap = true - stated
    total = len(stated)
    if not total:
        nothing = np.empty(0)
        return Reliability(n, nothing, right, nothing, nothing, *[float("nan")] * 6)
    ece = float(np.abs(np.bincount(place, weights=gap)).sum() / total)
    rng = np.random.default_rng(seed)
    again, calibrated = _bootstrap(rng, gap, place, draws), _calibrated(rng, stated, place, draws)
    upper, lower = np.quantile(again, [0.975, 0.025])
    low, high = wilson(right, n)
    corrected, p = max(0.0, 2 * ece - float(again.mean())), float((calibrated >= ece - 1e-12).mean())
    ends = (0.0 if p >= LEVEL else max(0.0, 2 * ece - float(upper)), max(corrected, 2 * ece - float(lower)))
    return Reliability(n, np.bincount(place, weights=stated) / n, right, low, high, ece, corrected, *ends, float(calibrated.mean()), p)


def _bootstrap(rng: np.random.Generator, gap: Values, place: NDArray[np.int64], draws: int) -> Values:
    """The error of `draws` resamples of the images."""
    n, bins = len(gap), int(place.max()) + 1
    found = []
    for _ in range(draws):
        rows = rng.integers(0, n, n, dtype=np.int32)
        found.append(np.abs(np.bincount(place[rows], weights=gap[rows], minlength=bins)).sum() / n)
    return np.array(found)


def _calibrated(rng: np.random.Generator, stated: Values, place: NDArray[np.int64], draws: int) -> Values:
    """The error of `draws` outcomes that come true just as often as was stated."""
    order = np.argsort(place, kind="stable")
    sorted_said, starts = stated[order], np.searchsorted(place[order], np.arange(place.max() + 1))
    step, found = max(1, _AT_ONCE // len(stated)), []
    for first in range(0, draws, step):
        outcomes = rng.random((min(step, draws - first), len(stated)), dtype=np.float32) < sorted_said
        found.append(np.abs(np.add.reduceat(outcomes - sorted_said, starts, axis=1)).sum(axis=1) / len(stated))
    return np.concatenate(found)
