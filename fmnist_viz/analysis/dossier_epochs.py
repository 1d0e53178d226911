"""After which epoch a network tells two classes apart as well as it does in the end: its own logits on the probe images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import LEAST, MARGIN
from fmnist_viz.analysis.comparison import mcnemar
from fmnist_viz.analysis.significance import LEVEL, holm
from fmnist_viz.core.intervals import wilson

METHOD = "the model's own logits of the two classes; McNemar against the last epoch, Holm over epochs, at least 1 point below"


@dataclass(frozen=True)
class PairEpochs:
    """epochs : int (e,), 0 is before training;  n : probe images of both classes;  right : int64 (e,), of which the true class has the larger logit
    of the two;  p : float64 (e,), against the last epoch, adjusted;  level_at : index of the first epoch from which on none is below the last.
    """

    epochs: tuple[int, ...]
    n: int
    right: NDArray[np.int64]
    p: NDArray[np.float64]
    level_at: int

    @property
    def intervals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """95 % Wilson intervals of right / n, (e,) each."""
        return wilson(self.right, self.n)


def pair_epochs(epochs: Sequence[int], logits: NDArray[np.float32], labels: NDArray[np.int64], a: int, b: int) -> PairEpochs | None:
    """Judge every epoch on the same probe images; None with fewer than two epochs or 8 images of a class.

    logits : float32 (e, n, classes), epochs ascending;  labels : int64 (n,)
    An epoch is below the last one where it tells at least one point less right and McNemar's test says so at 5 %, adjusted by Holm over the epochs.
    """
    rows = np.flatnonzero((labels == a) | (labels == b))
    second = labels[rows] == b
    if len(epochs) < 2 or min(int(second.sum()), int((~second).sum())) < LEAST:
        return None
    own = logits[:, rows]
    told = (own[:, :, b] > own[:, :, a]) == second
    right, last = told.sum(axis=1).astype(np.int64), told[-1]
    raw, _ = mcnemar((last & ~told[:-1]).sum(axis=1), (~last & told[:-1]).sum(axis=1))
    p = np.append(holm(raw), 1.0)
    below = np.flatnonzero((p < LEVEL) & (right[-1] - right >= MARGIN * len(rows)))
    return PairEpochs(tuple(int(e) for e in epochs), len(rows), right, p, int(below[-1]) + 1 if len(below) else 0)
