"""Many tests at once: p values adjusted for their number, and the level of every statement "significant"."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05  # of every statement "significant"


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """p values adjusted so that the chance of any false statement stays below the level; NaN stays NaN and does not count.

    References
    ----------
    S. Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, 65-70.
    """
    values = np.asarray(p, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    out = np.full(len(values), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1.0)
    return out


def benjamini_hochberg(p: ArrayLike, tested: NDArray[np.bool_]) -> NDArray[np.float64]:
    """q values of the tested ones among `p`, NaN for the others: of all statements with q below the level, that share may be false.

    References
    ----------
    Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 289-300.
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p, np.float64)
    out = np.full(len(values), np.nan)
    if tested.any():
        out[tested] = false_discovery_control(values[tested], method="bh")
    return out


def p_text(p: float, name: str = "p") -> str:
    """``p = 0.034``, ``p < 0.0001``, ``p = 1``"""
    return f"{name} < 0.0001" if p < 1e-4 else f"{name} = {p:.3g}"
