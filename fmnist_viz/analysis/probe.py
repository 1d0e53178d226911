"""What a linear reader gets out of a representation: one held-out split for all layers, so that they are compared image by image."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only
from fmnist_viz.data.split import stratified_rows

FITTED = 2000  # most images that a probe is fitted on; all others are held out
KEPT = 100  # most principal components that it reads
PER_COMPONENT = 10  # fitted images for each of them: with fewer, standardising makes the noise of the last ones as large as what the first ones say
STRENGTH = 0.01  # inverse of the penalty, as scikit-learn's C: see docs/architecture.md
METHOD = "multinomial logistic regression (L2, C = 0.01) on standardised principal components (at most 100, and one for ten fitted images) of the fitted images"


@dataclass(frozen=True)
class Split:
    """Rows that readers are fitted on and rows that they are judged by, both int64 ascending, disjoint, each class in its share."""

    fit: NDArray[np.int64]
    held: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("fit", "held"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64, (None,), name))

    @staticmethod
    def of(labels: NDArray[np.int64], *, seed: int) -> Split:
        """Half of the images to fit, at most 2,000, the rest held out."""
        fit = stratified_rows(labels, min(FITTED, len(labels) // 2), seed=seed)
        return Split(fit, np.setdiff1d(np.arange(len(labels)), fit))


def standardised(X: NDArray[np.float32], fit: NDArray[np.int64], *, components: int = KEPT) -> NDArray[np.float64]:
    """Scores of all rows of X (n, d) on the leading principal axes of the rows `fit`, each of variance 1 over them: float64 (n, k), k <= components.

    There is an axis for ten fitted rows at most. Those that hold less than 1e-6 of the first one's variance, which single precision cannot tell from
    nothing, are left out; k is 0 where the fitted rows are all the same. X must be finite.
    Of the two Gram matrices the smaller one is taken apart, so that 20,000 columns cost no more than the images do.
    """
    from scipy.linalg import eigh

    mean = X[fit].mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = X[fit] - mean
    scale = float(np.abs(rows).max(initial=0.0)) or 1.0  # squares of large activations would leave single precision
    rows = rows / np.float32(scale)
    dual = rows.shape[1] > len(rows)
    gram = (rows @ rows.T if dual else rows.T @ rows).astype(np.float64)
    size, components = len(gram), min(components, max(1, len(fit) // PER_COMPONENT))
    values, vectors = eigh(gram, subset_by_index=(max(0, size - components), size - 1))
    order = np.flatnonzero(values > 1e-6 * max(float(values[-1]), 1e-30))[::-1]
    values, vectors = values[order], vectors[:, order]
    axes = (rows.T.astype(np.float64) @ vectors) / np.sqrt(values) if dual else vectors
    axes *= np.sqrt(len(fit)) / np.sqrt(values)
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0) if axes.shape[1] else 1.0
    return (((X - mean) / np.float32(scale)) @ axes.astype(np.float32)).astype(np.float64)


def probe(scores: NDArray[np.float64], labels: NDArray[np.int64], split: Split) -> NDArray[np.int64]:
    """The class that a linear probe says of each held-out row, int64 (held,); `scores` are standardised ones (n, k), k >= 1.

    References
    ----------
    G. Alain, Y. Bengio (2017), Understanding intermediate layers using linear classifier probes. ICLR workshop, arXiv 1610.01644.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=STRENGTH, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scores[split.fit], labels[split.fit])
    return np.asarray(model.predict(scores[split.held]), np.int64)
