"""The vote of a point's neighbours on its class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def knn_correct(neighbors: NDArray[np.integer[Any]], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the majority label of a point's neighbours (n, k) is its own (ties: the smaller label, as scikit-learn decides): bool (n,)."""
    names, own = np.unique(labels, return_inverse=True)
    flat = np.arange(len(neighbors))[:, None] * len(names) + own[neighbors]
    votes = np.bincount(flat.ravel(), minlength=len(neighbors) * len(names)).reshape(-1, len(names))
    return votes.argmax(axis=1) == own
