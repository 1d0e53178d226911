"""Pockets of error: neighbourhoods of a layer in which images of a class are wrong more often than the class is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.significance import LEVEL, benjamini_hochberg
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import Predictions

if TYPE_CHECKING:
    import pandas as pd

LEAST, MOST = 10, 30  # images of a neighbourhood
PER_REPRESENTATION = 20


@dataclass(frozen=True)
class Pocket:
    """Images of one class that lie together.

    rows : int64 (n,), the centre first, then nearest first;  wrong : how many of them are;  rate : of the whole class;  p, q : one-sided binomial, and adjusted
    taken_for : the most frequent wrong answer, and how often
    """

    representation: str
    label: int
    rows: NDArray[np.int64]
    wrong: int
    rate: float
    p: float
    q: float
    taken_for: tuple[int, int]

    @property
    def n(self) -> int:
        return len(self.rows)


def pockets(predictions: Predictions, near: NDArray[np.integer], representation: str, *, most: int = PER_REPRESENTATION) -> list[Pocket]:
    """Neighbourhoods that err more than their class, smallest p first, no image in two of them.

    A candidate is an image with its nearest ones of its own class among near (n, k), at most 30 in all, at least 10. Wrong ones are counted against a binomial
    distribution with the class's own rate; the p values of all candidates are adjusted by Benjamini-Hochberg, and what is significant is taken greedily.
    """
    from scipy.stats import binom

    y, wrong = predictions.y_true, ~predictions.correct
    n, classes = len(y), len(predictions.class_names)
    if not n or not near.shape[1]:
        return []
    own = y[near] == y[:, None]
    place = own.cumsum(axis=1)
    taken = own & (place < MOST)
    size = 1 + taken.sum(axis=1)
    count = wrong.astype(np.int64) + (taken & wrong[near]).sum(axis=1)
    total = np.bincount(y, minlength=classes)
    rates = np.bincount(y[wrong], minlength=classes) / np.maximum(total, 1)
    p = np.asarray(binom.sf(count - 1, size, rates[y]))
    tested = (size >= LEAST) & (size < total[y])
    q = benjamini_hochberg(p, tested)
    found: list[Pocket] = []
    used = np.zeros(n, bool)
    for i in np.lexsort((np.arange(n), -size, np.where(tested, p, 2.0))).tolist():
        if not tested[i] or q[i] > LEVEL or len(found) == most:
            break
        rows = np.concatenate([[i], near[i][taken[i]]]).astype(np.int64)
        if used[rows].any():
            continue
        used[rows] = True
        answers = np.bincount(predictions.y_pred[rows][wrong[rows]], minlength=classes)
        found.append(
            Pocket(representation, int(y[i]), rows, int(count[i]), float(rates[y[i]]), float(p[i]), float(q[i]), (int(answers.argmax()), int(answers.max())))
        )
    return found


def pocket_frame(found: list[Pocket], names: tuple[str, ...], ids: NDArray[np.str_]) -> pd.DataFrame:
    """One row per pocket: representation, class, n, wrong, rate (rate_low, rate_high: 95 % Wilson, of a neighbourhood that was chosen for its errors),
    class_rate, p, q, mostly_taken_for, times, centre, sample_ids (separated by blanks)."""
    import pandas as pd

    rows = []
    for one in found:
        low, high = wilson(one.wrong, one.n)
        rows.append({
            "representation": one.representation, "class": names[one.label], "n": one.n, "wrong": one.wrong, "rate": one.wrong / one.n,
            "rate_low": float(low), "rate_high": float(high), "class_rate": one.rate, "p": one.p, "q": one.q, "mostly_taken_for": names[one.taken_for[0]],
            "times": one.taken_for[1], "centre": str(ids[one.rows[0]]), "sample_ids": " ".join(ids[one.rows].tolist()),
        })  # fmt: skip
    columns = [
        "representation",
        "class",
        "n",
        "wrong",
        "rate",
        "rate_low",
        "rate_high",
        "class_rate",
        "p",
        "q",
        "mostly_taken_for",
        "times",
        "centre",
        "sample_ids",
    ]
    return pd.DataFrame(rows, columns=columns)
