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
