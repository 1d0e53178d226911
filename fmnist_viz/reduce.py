"""Principal components: of matrices in memory, and of streams that never are in memory as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Reduction:
    """scores float32 (n, k), centred;  variance float64 (k,): each component's share of the total variance, 0..1."""

    scores: NDArray[np.float32]
    variance: NDArray[np.float64]


def pca(X: NDArray[np.float32], components: int) -> Reduction:
    """Exact principal components of rows (n, d), at most min(components, n, d) of them; signs are made deterministic.

    A matrix without variance gives no components: scores (n, 0). X must be finite.
    """
    n, d = X.shape
    if n < 2 or not np.ptp(X, axis=0).any():
        return Reduction(np.zeros((n, 0), np.float32), np.zeros(0))
    from sklearn.decomposition import PCA

    k = min(components, n, d)
    # Centred before anything is squared: wide matrices stay in single precision, where a large mean would drown the variance.
    kind = np.float64 if d <= 1024 else np.float32
    centered = X.astype(kind) - X.mean(axis=0, dtype=np.float64).astype(kind)
    # The covariance's eigenvectors are several times faster than an SVD where rows outnumber columns.
    model = PCA(k, svd_solver="covariance_eigh" if n > d else "full")
    scores = model.fit_transform(centered)
    return Reduction(np.ascontiguousarray(scores, np.float32), np.asarray(model.explained_variance_ratio_, np.float64))


TEST_WIDTH = 64  # columns of the sketch that judges the others: what is left out is known to a few percent of itself


PSI_ROWS = 4096  # of Psi, drawn again at once


class SinglePassPCA:
    """Randomised PCA of a stream of row blocks, each seen once: memory grows with (rows + width) * components, never with rows * width.

    Two sketches are kept: Y = X Omega, a row per sample, and W = Psi X, folded up as blocks pass; Psi itself is drawn anew where it is needed
    again. With Q an orthonormal basis
    of the centred Y, X is approximated by Q (Psi Q)^+ W, whose leading singular vectors are the principal axes. Its singular values
    are too large where the spectrum has a long tail; how much variance the components hold is therefore read off a third,
    independent sketch T = X Theta, that had no part in choosing them.

    References
    ----------
    J. A. Tropp, A. Yurtsever, M. Udell, V. Cevher (2019), Streaming low-rank matrix approximation with an application to
    scientific simulation. SIAM J. Sci. Comput. 41(4), algorithms 4.1 and 4.2.
    """

    def __init__(self, rows: int, width: int, components: int, *, seed: int) -> None:
        rng = np.random.default_rng([seed, width])
        self.components = min(components, rows, width)
        range_width, core_width = self._widths(rows, width, components)
        self._shift: NDArray[np.float32] | None = None
        self._omega = rng.standard_normal((width, range_width), dtype=np.float32)
        self._theta = np.random.default_rng([seed, width, 2]).standard_normal((width, TEST_WIDTH), dtype=np.float32)
        self._psi_seed = [seed, width, 1]
        self._psi_rng = np.random.default_rng(self._psi_seed)
        self._y = np.empty((rows, range_width), np.float32)
        self._test = np.empty((rows, TEST_WIDTH), np.float32)
        self._w = np.zeros((core_width, width), np.float32)
        self._psi_sum = np.zeros(core_width, np.float64)
        self._sum = np.zeros(width, np.float64)
        self._square = 0.0
        self._seen = 0

    @staticmethod
    def _widths(rows: int, width: int, components: int) -> tuple[int, int]:
        range_width = min(2 * components + 1, width, rows)
        return range_width, min(2 * range_width + 1, rows)

    @classmethod
    def memory(cls, rows: int, width: int, components: int) -> int:
        """Bytes that a stream of this size holds."""
        range_width, core_width = cls._widths(rows, width, components)
        return 4 * (rows * (range_width + TEST_WIDTH) + width * (range_width + core_width + TEST_WIDTH))

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next rows (m, width)."""
        if self._shift is None:  # near enough to the mean that nothing cancels when the exact one is taken off at the end
            finite = block[np.isfinite(block).all(axis=1)]
            self._shift = finite.mean(axis=0, dtype=np.float64).astype(np.float32) if len(finite) else np.zeros(block.shape[1], np.float32)
        with np.errstate(invalid="ignore", over="ignore"):  # rows that are not finite are told apart in the result
            self._sketch(block - self._shift)

    def _drawn(self, rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
        """The next `rows` columns of Psi, (rows, core width)."""
        return rng.standard_normal((rows, len(self._w)), dtype=np.float32)

    def _sketch(self, block: NDArray[np.float32]) -> None:
        rows = slice(self._seen, self._seen + len(block))
        psi = self._drawn(self._psi_rng, len(block))
        self._psi_sum += psi.sum(axis=0, dtype=np.float64)
        self._y[rows] = block @ self._omega
        self._test[rows] = block @ self._theta
        self._w += psi.T @ block  # by the same BLAS as the rest: SciPy's own, in place, would wait for the spinning threads of NumPy's
        self._sum += block.sum(axis=0)
        self._square += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
        self._seen = rows.stop

    def _psi_times(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Psi Q, with Psi drawn a second time, row block by row block."""
        rng, out = np.random.default_rng(self._psi_seed), np.zeros((len(self._w), q.shape[1]))
        for start in range(0, len(q), PSI_ROWS):
            block = q[start : start + PSI_ROWS]
            out += self._drawn(rng, len(block)).T.astype(np.float64) @ block
        return out

    def result(self) -> Reduction:
        """Scores of every row seen, in the order in which they came, with shares of the total variance.

        Without variance scores are (n, 0); where a value was not finite they are (n, 1), not finite in exactly the rows that held one, and shares are empty.
        """
        n = self._seen
        mean = (self._sum / n).astype(np.float32)
        total = self._square - n * float(np.dot(self._sum / n, self._sum / n))
        if not np.isfinite(total):
            return Reduction(np.where(np.isfinite(self._y[:n]).all(axis=1, keepdims=True), np.float32(0), np.float32(np.nan)), np.zeros(0))
        if total <= 1e-12 * max(self._square, 1e-30):
            return Reduction(np.zeros((n, 0), np.float32), np.zeros(0))
        y = self._y[:n] - mean @ self._omega
        q, _ = np.linalg.qr(y.astype(np.float64))
        # With Psi Q = U R the core is R^-1 U'W; only its Gram matrix (range_width squared) is needed, never the wide matrix itself.
        u, r = np.linalg.qr(self._psi_times(q))
        u = u.astype(np.float32)
        part = u.T @ self._w - np.outer(u.T @ self._psi_sum.astype(np.float32), mean)  # W less its mean's part, without a second W
        gram = np.linalg.solve(r, np.linalg.solve(r, (part @ part.T).astype(np.float64)).T)
        values, vectors = np.linalg.eigh((gram + gram.T) / 2)
        order = np.argsort(values)[::-1][: self.components]
        singular = np.sqrt(np.maximum(values[order], 0))
        keep = singular > 1e-6 * singular[0]
        axes, singular = q @ vectors[:, order[keep]], singular[keep]
        test = self._test[:n] - mean @ self._theta
        left_out = float(np.square(test, dtype=np.float64).sum() - np.square(axes.T @ test).sum()) / TEST_WIDTH
        held = min(max(1 - left_out / total, 0.0), 1.0)
        scores = axes * singular
        scores *= np.where(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])] < 0, -1.0, 1.0)
        return Reduction(np.ascontiguousarray(scores, np.float32), held * singular**2 / (singular**2).sum())


def unit_rows(X: NDArray[Any]) -> NDArray[np.float32]:
    """Rows divided by their length; rows of length zero stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))[:, None]  # in single precision tiny and huge rows leave the range
    return np.divide(X, norms, out=np.zeros(X.shape, np.float32), where=norms > 0, casting="same_kind")
