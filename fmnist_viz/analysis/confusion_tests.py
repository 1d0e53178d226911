"""Which confusions are more than chance: a pair whose two directions differ, and a cell that exceeds what its row and its column explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.significance import LEVEL, benjamini_hochberg
from fmnist_viz.core.intervals import Z95

STEPS, CLOSE = 3_000, 1e-13  # of the iterative proportional fitting: most rounds, and the relative change at which it ends
NO_FREEDOM = 1e-9  # 1 - leverage below which a cell is fitted by its own count alone
Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Directions:
    """Is a -> b as frequent as b -> a? All arrays are (c, c), cell [t, p] comparing t -> p with p -> t; the diagonal and pairs without an error are NaN.

    p, q : of the pair, hence symmetric;  odds_ratio, low, high : odds of t -> p among the t over those of p -> t among the p.
    """

    p: Values
    q: Values
    odds_ratio: Values
    low: Values
    high: Values

    @property
    def more(self) -> NDArray[np.bool_]:
        """Cells that hold significantly more than the opposite ones, as shares of their classes."""
        return (self.q < LEVEL) & (self.odds_ratio > 1)


def directions(counts: Counts) -> Directions:
    """Fisher's exact test, two-sided, of every pair of classes: errors to the other class out of all images of each.

    q is Benjamini-Hochberg's over the pairs with an error.

    The odds ratio is that of the counts with one half added to each, which is finite everywhere, its 95 % interval the normal one on the log scale.

    References
    ----------
    R. A. Fisher (1935), The logic of inductive inference. Journal of the Royal Statistical Society 98, 39-82.
    J. J. Gart (1966), Alternative analyses of contingency tables. Journal of the Royal Statistical Society B 28, 164-179.
    """
    c, n = len(counts), counts.sum(axis=1)
    a, b = np.triu_indices(c, 1)
    there, back = counts[a, b], counts[b, a]
    tested = (there + back > 0) & (n[a] > 0) & (n[b] > 0)
    tables = np.stack([there, n[a] - there, back, n[b] - back], axis=1)
    p = np.full(len(a), np.nan)
    p[tested] = _fisher(tables[tested])
    q = benjamini_hochberg(np.where(tested, p, 1.0), tested)
    halves = tables + 0.5
    log_odds = np.where(tested, np.log(halves[:, 0] * halves[:, 3] / (halves[:, 1] * halves[:, 2])), np.nan)
    wide = Z95 * np.sqrt((1 / halves).sum(axis=1))
    found = [np.full((c, c), np.nan) for _ in range(5)]
    for cells, way, back_way in zip(
        found, (p, q, log_odds, log_odds - wide, log_odds + wide), (p, q, -log_odds, -log_odds - wide, -log_odds + wide), strict=True
    ):
        cells[a, b], cells[b, a] = way, back_way
    return Directions(found[0], found[1], *(np.exp(cells) for cells in found[2:]))


def _fisher(tables: Counts) -> Values:
    """Two-sided p of 2 x 2 tables as rows (m, 4); equal tables, of which a large matrix has many, are computed once."""
    from scipy.stats import fisher_exact

    if not len(tables):
        return np.empty(0)
    different, place = np.unique(tables, axis=0, return_inverse=True)
    return np.array([fisher_exact(row.reshape(2, 2)).pvalue for row in different])[np.ravel(place)]


@dataclass(frozen=True)
class Excess:
    """What each cell off the diagonal would hold if only rows and columns differed; all arrays (c, c), NaN where there is nothing to compare.

    expected : images under quasi-independence;  residual : adjusted residual, about standard normal under it;
    p, q : one-sided, of a count as large or larger.
    """

    expected: Values
    residual: Values
    p: Values
    q: Values

    @property
    def more(self) -> NDArray[np.bool_]:
        """Cells that hold significantly more than expected."""
        return np.asarray(self.q < LEVEL)


def quasi_independent(counts: Counts) -> Values:
    """Expected counts m[t, p] = row factor x column factor off the diagonal, whose sums over rows and columns are those of `counts` there; 0 on the diagonal.

    How many errors a class makes and how many it attracts then explain every cell. Fitted by iterative proportional fitting with the
    diagonal as structural zeros.

    References
    ----------
    Y. M. M. Bishop, S. E. Fienberg, P. W. Holland (1975), Discrete multivariate analysis. MIT Press, chapter 5.
    """
    off = ~np.eye(len(counts), dtype=bool)
    errors = np.where(off, counts, 0).astype(np.float64)
    rows, columns = errors.sum(axis=1), errors.sum(axis=0)
    fitted = np.where(off & (rows > 0)[:, None] & (columns > 0), 1.0, 0.0)

    def scaled(wanted: Values, found: Values) -> Values:
        return np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)

    for _ in range(STEPS):
        by_row = scaled(rows, fitted.sum(axis=1))
        fitted *= by_row[:, None]
        by_column = scaled(columns, fitted.sum(axis=0))
        fitted *= by_column
        if np.abs(fitted.sum(axis=1) - rows).max(initial=0) <= CLOSE * max(1.0, rows.max(initial=0)):
            break
    return fitted


def excess(counts: Counts) -> Excess:
    """Adjusted residuals of quasi-independence, and which cells exceed it: Benjamini-Hochberg over the cells that the model leaves free.

    The adjusted residual (n - m) / sqrt(m (1 - h)), h the cell's leverage, is normal where many images are expected and skewed where few are:
    five images where one was expected would count as four standard deviations. p is therefore taken from the signed root of the cell's
    deviance at n - 1/2, divided by sqrt(1 - h), which follows the tail of a count down to expectations below one.

    References
    ----------
    S. J. Haberman (1973), The analysis of residuals in cross-classified tables. Biometrics 29, 205-220.
    D. A. Pierce, D. W. Schafer (1986), Residuals in generalized linear models. JASA 81, 977-986.
    """
    from scipy.special import xlogy
    from scipy.stats import norm

    c = len(counts)
    m = quasi_independent(counts)
    information = np.block([[np.diag(m.sum(axis=1)), m], [m.T, np.diag(m.sum(axis=0))]])
    inverse = np.linalg.pinv(information, hermitian=True)
    d = np.diag(inverse)
    room = 1 - m * (d[:c, None] + 2 * inverse[:c, c:] + d[c:])
    free = (m > NO_FREEDOM) & (room > NO_FREEDOM)
    safe, spread = np.where(free, m, 1.0), np.sqrt(np.where(free, room, 1.0))
    n = counts.astype(np.float64)
    below = np.maximum(n - 0.5, 0.0)
    root = np.sign(below - safe) * np.sqrt(2 * np.maximum(xlogy(below, below / safe) - below + safe, 0.0)) / spread
    p = np.where(n > 0, norm.sf(root), 1.0)
    q = benjamini_hochberg(p.ravel(), free.ravel()).reshape(c, c)

    def known(values: Values) -> Values:
        return np.where(free, values, np.nan)

    off = ~np.eye(c, dtype=bool)
    return Excess(np.where(off, m, np.nan), known((n - m) / (np.sqrt(safe) * spread)), known(p), q)
