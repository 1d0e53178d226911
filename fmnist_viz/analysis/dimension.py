"""Intrinsic dimension: along how many directions the rows of a representation really spread, from their two nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT = 0.9  # share of the ratios that counts: the largest tenth is of lonely points
METHOD = "TwoNN, smallest 90 % of the distance ratios, exact interval of the censored exponential"


@dataclass(frozen=True)
class Dimension:
    """value with its 95 % interval, of n points; NaN where nothing can be said. `duplicates`: points left out, for another lies on them."""

    value: float
    low: float
    high: float
    n: int
    duplicates: int


def two_nn(first: NDArray[np.floating], second: NDArray[np.floating]) -> Dimension:
    """Intrinsic dimension from the distances (n,) of each point to its nearest and second nearest neighbour.

    Where density changes little over that reach, the ratio second / first follows a Pareto law whose exponent is the dimension (Facco et al.);
    its logarithm is exponential. The largest tenth of the ratios is censored, not forgotten: with the m smallest of n logarithms summing to S and
    the largest of them L, the estimate is (m - 1) / (S + (n - m) L), and 2 d (S + (n - m) L) is chi-squared with 2m degrees of freedom.
    The interval takes points as independent; their neighbourhoods overlap where all of few points are asked. It says how uncertain the estimate
    is, not how biased: beyond some ten dimensions two neighbours see less than there are.

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez, A. Laio (2017), Estimating the intrinsic dimension of datasets by a minimal neighborhood information.
    Scientific Reports 7, 12140.
    B. Epstein, M. Sobel (1953), Life testing. JASA 48, 486-502 (the interval for a censored exponential sample).
    """
    from scipy.stats import chi2

    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    real = (a > 0) & np.isfinite(b)
    logs = np.sort(np.log(b[real] / a[real]))
    n, duplicates = len(logs), int((~real).sum())
    m = int(np.floor(KEPT * n))
    total = float(logs[:m].sum() + (n - m) * logs[m - 1]) if m >= 2 else 0.0
    if total <= 0:
        return Dimension(float("nan"), float("nan"), float("nan"), n, duplicates)
    low, high = chi2.ppf([0.025, 0.975], 2 * m) / (2 * total)
    return Dimension((m - 1) / total, float(low), float(high), n, duplicates)


def of_neighbors(X: NDArray[np.float32], rows: NDArray[np.int64], neighbors: NDArray[np.integer]) -> Dimension:
    """`two_nn` of the given rows of X (n, d) and their nearest rows, int (rows, >= 2); distances are computed from the vectors in double precision."""
    distances = np.empty((len(rows), 2))
    for i in range(2):
        distances[:, i] = np.linalg.norm(X[rows].astype(np.float64) - X[neighbors[:, i]], axis=1)
    distances.sort(axis=1)
    return two_nn(distances[:, 0], distances[:, 1])
