"""Confidence intervals of the rates and means that this program prints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def wilson(successes: ArrayLike, trials: ArrayLike, *, z: float = Z95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson score interval of a binomial rate.

    Parameters
    ----------
    successes, trials : array-like of counts, broadcast against each other
    z : float
        Normal quantile; the default gives 95 %.

    Returns
    -------
    low, high : float64 arrays in 0..1; where trials is 0 nothing is known: 0 and 1.

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    """
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    safe = np.where(n > 0, n, 1.0)
    p = k / safe
    center = (p + z * z / (2 * safe)) / (1 + z * z / safe)
    half = z * np.sqrt(p * (1 - p) / safe + z * z / (4 * safe * safe)) / (1 + z * z / safe)
    # at 0 and n the exact ends are 0 and 1; rounding would leave 1e-17 beyond them
    low = np.where(n > 0, np.where(k == 0, 0.0, np.clip(center - half, 0, 1)), 0.0)
    high = np.where(n > 0, np.where(k == n, 1.0, np.clip(center + half, 0, 1)), 1.0)
    return low, high


def mean_interval(values: NDArray[Any], *, z: float = Z95) -> tuple[float, float, float]:
    """Mean of independent values with its normal interval: (mean, low, high); one value has no width to give: low = high = mean."""
    v = np.asarray(values, np.float64)
    mean = float(v.mean())
    half = float(z * v.std(ddof=1) / np.sqrt(len(v))) if len(v) > 1 else 0.0
    return mean, mean - half, mean + half


def paired_difference(
    both: ArrayLike, only_a: ArrayLike, only_b: ArrayLike, neither: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Difference of two rates of the same cases, b - a, with Newcombe's 95 % interval for paired proportions (square-and-add of Wilson intervals, method 10).

    Parameters
    ----------
    both, only_a, only_b, neither : counts, broadcast against each other
        Cases in which both, one or none of the two hold.

    Returns
    -------
    difference, low, high : float64 arrays in -1..1; without a case NaN, -1 and 1.

    References
    ----------
    R. G. Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on paired data.
    Statistics in Medicine 17, 2635-2650.
    """
    e, f, g, h = (v.astype(np.float64) for v in np.broadcast_arrays(both, only_b, only_a, neither))
    n = e + f + g + h
    safe = np.where(n > 0, n, 1.0)
    first, second = (e + f) / safe, (e + g) / safe  # rates of b and of a
    (low_b, high_b), (low_a, high_a) = wilson(e + f, n), wilson(e + g, n)
    spread = (e + f) * (g + h) * (e + g) * (f + h)
    surplus = e * h - f * g
    corrected = np.where(surplus > n / 2, surplus - n / 2, np.where(surplus < 0, surplus, 0.0))
    phi = np.where(spread > 0, corrected / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)

    def reach(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(np.maximum(x * x - 2 * phi * x * y + y * y, 0.0))

    difference = np.where(n > 0, first - second, np.nan)
    low = np.where(n > 0, np.maximum(first - second - reach(first - low_b, high_a - second), -1.0), -1.0)
    high = np.where(n > 0, np.minimum(first - second + reach(high_b - first, second - low_a), 1.0), 1.0)
    return difference, low, high
