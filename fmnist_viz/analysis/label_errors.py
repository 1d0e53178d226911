"""Labels that are probably wrong: what networks that have not seen an image say of it, and what its nearest images are labelled."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import pandas as pd

NEAR, SHOWN = 10, 5  # neighbours that vote, and those that are named
SHARE, WEIGHT = 0.3, 0.5  # of the vote in the mix, and of the logarithm (docs/bench/planted-labels.md measures them)
LEAST_P, LEAST_V = 1e-4, 0.05
TOP = (1 + WEIGHT * np.log((1 + LEAST_P) * (1 + LEAST_V)), -1 + WEIGHT * np.log(LEAST_P * LEAST_V))  # the score's ends: surely right, surely wrong


def votes(labels: NDArray[np.int64], near: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Share of every class among each row's neighbours near (n, k), row numbers of `labels`: float64 (n, classes)."""
    out = np.zeros((len(near), classes))
    for column in near.T:
        out[np.arange(len(near)), labels[column]] += 1
    return out / max(1, near.shape[1])


def doubt(labels: NDArray[np.int64], proba: NDArray[np.floating], vote: NDArray[np.floating] | None) -> NDArray[np.float64]:
    """How probably each label is wrong, float64 (n,), 0..1; an order, not a probability.

    With p the probabilities and v the share of the neighbours: the margin of the given class in .7 p + .3 v, plus half of log(p v) of the given class, both
    guarded against 0. The margin alone ranks confusable flips well and random ones badly, since it is saturated; the logarithm does the reverse.
    Without a vote v is p.
    """
    p = np.asarray(proba, np.float64)
    v = p if vote is None else np.asarray(vote, np.float64)
    rows = np.arange(len(labels))
    mix = (1 - SHARE) * p + SHARE * v
    given = mix[rows, labels]
    mix[rows, labels] = -1
    margin = given - (mix.max(axis=1) if mix.shape[1] > 1 else 0)
    score = margin + WEIGHT * np.log((p[rows, labels] + LEAST_P) * (v[rows, labels] + LEAST_V))
    best, worst = TOP
    return np.asarray(np.clip((best - score) / (best - worst), 0, 1))


def count_by_confident_learning(labels: NDArray[np.int64], proba: NDArray[np.floating]) -> int:
    """How many labels confident learning holds to be wrong; classes without an image are left out of it.

    References
    ----------
    C. Northcutt, L. Jiang, I. Chuang (2021), Confident learning: estimating uncertainty in dataset labels. JAIR 70, 1373-1411.
    """
    return int(confident_issues(labels, proba).sum())


def confident_issues(labels: NDArray[np.int64], proba: NDArray[np.floating]) -> NDArray[np.bool_]:
    """cleanlab's own verdict on each label, bool (n,); of a class with one image it flags none."""
    known, own = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        return np.zeros(len(labels), bool)
    from cleanlab.filter import find_label_issues

    p = np.maximum(np.asarray(proba, np.float64)[:, known], 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with a handful of images it may not find all
        return np.asarray(find_label_issues(own, p / p.sum(axis=1, keepdims=True), n_jobs=1), bool)


@dataclass(frozen=True)
class LabelIssues:
    """Judged labels.

    images : those judged;  proba : float32 (n, classes);  near : int (n, k), rows of `pool_labels`, nearest first, or None
    pool_labels, pool_ids : the images among which neighbours were sought;  who : whose probabilities these are;  space : what neighbours were sought in
    """

    images: LabeledImages
    proba: NDArray[np.float32]
    who: str
    near: NDArray[np.int64] | None = None
    pool_labels: NDArray[np.int64] | None = None
    pool_ids: NDArray[np.str_] | None = None
    space: str = ""

    @cached_property
    def vote(self) -> NDArray[np.float64] | None:
        if self.near is None or self.pool_labels is None or not self.near.shape[1]:
            return None
        return votes(self.pool_labels, self.near[:, :NEAR], len(self.images.class_names))

    @cached_property
    def doubt(self) -> NDArray[np.float64]:
        return doubt(self.images.labels, self.proba, self.vote)

    @cached_property
    def suggested(self) -> NDArray[np.int64]:
        """The likeliest other class, int64 (n,)."""
        mix = np.asarray(self.proba, np.float64) if self.vote is None else (1 - SHARE) * self.proba + SHARE * self.vote
        mix = np.array(mix)
        mix[np.arange(len(mix)), self.images.labels] = -1
        return np.asarray(mix.argmax(axis=1), np.int64)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The suspects, most doubtful first: as many as confident learning estimates, of those for which another class is likelier than the given one."""
        n = len(self.images)
        if not n or len(self.images.class_names) < 2:
            return np.zeros(0, np.int64)
        mix = np.asarray(self.proba, np.float64) if self.vote is None else (1 - SHARE) * self.proba + SHARE * self.vote
        beaten = mix[np.arange(n), self.suggested] > mix[np.arange(n), self.images.labels]
        order = np.lexsort((np.arange(n), -self.doubt))
        order = order[beaten[order]]
        return np.asarray(order[: count_by_confident_learning(self.images.labels, self.proba)], np.int64)

    def reason(self, row: int) -> str:
        """Why the label of a row is doubted, in words."""
        names, given, other = self.images.class_names, int(self.images.labels[row]), int(self.suggested[row])
        p = self.proba[row]
        said = f"{names[other]} {_percent(p[other])}, {names[given]} {_percent(p[given])}"
        if self.vote is None or self.near is None:
            return said
        k = min(NEAR, self.near.shape[1])
        counts = np.rint(self.vote[row] * k).astype(int)
        return f"{said}; of its {k} nearest images {counts[other]} are labelled {names[other]}, {counts[given]} {names[given]}"

    def neighbours(self, row: int) -> str:
        """The nearest images with their labels: ``test/7 Coat, test/9 Shirt``."""
        if self.near is None or self.pool_ids is None or self.pool_labels is None:
            return ""
        return ", ".join(f"{self.pool_ids[j]} {self.images.class_names[self.pool_labels[j]]}" for j in self.near[row, :SHOWN].tolist())

    def reasons(self) -> dict[str, str]:
        """Suspects' reasons by sample id."""
        return {str(self.images.sample_ids[row]): self.reason(row) for row in self.rows.tolist()}

    def frame(self) -> pd.DataFrame:
        """One row per suspect, most doubtful first: rank, sample_id, given_label, suggested_label, doubt (0..1), p_given, p_suggested, near_given,
        near_suggested (shares of the nearest; NaN without), reason, neighbours, decision (empty: for a person to fill in)."""
        import pandas as pd

        rows, names = self.rows, np.array(self.images.class_names, dtype=object)
        given, other = self.images.labels[rows], self.suggested[rows]
        near = np.full((len(rows), 2), np.nan) if self.vote is None else np.stack([self.vote[rows, given], self.vote[rows, other]], axis=1)
        return pd.DataFrame({
            "rank": np.arange(len(rows)) + 1, "sample_id": self.images.sample_ids[rows], "given_label": names[given], "suggested_label": names[other],
            "doubt": self.doubt[rows], "p_given": self.proba[rows, given], "p_suggested": self.proba[rows, other],
            "near_given": near[:, 0], "near_suggested": near[:, 1],
            "reason": [self.reason(row) for row in rows.tolist()], "neighbours": [self.neighbours(row) for row in rows.tolist()], "decision": "",
        })  # fmt: skip

    def pairs(self) -> pd.DataFrame:
        """given_label, suggested_label, count: most frequent first."""
        import pandas as pd

        frame = self.frame()
        counted = frame.groupby(["given_label", "suggested_label"], sort=True).size().reset_index(name="count")
        return pd.DataFrame(counted.sort_values("count", ascending=False, kind="stable", ignore_index=True))

    def sentences(self) -> list[str]:
        """What was looked at, by whom, and what was found."""
        n, found = len(self.images), len(self.rows)
        first = f"Of {n:,} labels {found:,} are suspected of being wrong ({100 * found / max(1, n):.1f} %, as many as confident learning estimates)"
        how = f"Judged by {self.who}" + (f", and by the {min(NEAR, self.near.shape[1])} nearest images in {self.space}" if self.near is not None else "")
        if not found:
            return [first, how]
        top = self.pairs().iloc[0]
        return [first, how, f"Most often {top.given_label} that may be {top.suggested_label} ({top['count']:,} times)"]


def _percent(p: float) -> str:
    return "below 0.1 %" if p < 0.001 else f"{100 * p:.1f} %"
