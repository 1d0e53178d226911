"""People as a yardstick: how often they confuse two classes, which of a model's mistakes they make as well, how near its probabilities are to theirs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_viz.analysis.confusion import confusion_counts
from fmnist_viz.analysis.significance import LEVEL, benjamini_hochberg
from fmnist_viz.core.intervals import mean_interval, wilson
from fmnist_viz.core.types import Predictions, read_only

if TYPE_CHECKING:
    import pandas as pd

RIGHT, SHARED, OWN = "right", "people make it, too", "the model's own"  # what an answer of the model is beside the votes
NAMED = 3  # pairs that are named in words


def share_interval(mean: ArrayLike, error: ArrayLike, images: ArrayLike, votes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of a mean share of votes, the images being the units: Wilson's, at the effective number of votes.

    Votes of one image go together, so they count for less than as many independent ones: mean (1 - mean) / error² of them, at least as many as
    images and at most as many as votes. Where the mean is 0 or 1 its error says nothing, and only the images count.

    Parameters
    ----------
    mean, error : the mean of the images' shares, 0..1, and its standard error;  images, votes : how many there are

    References
    ----------
    E. L. Korn, B. I. Graubard (1998), Confidence intervals for proportions with small expected number of positive counts estimated from survey data.
    Survey Methodology 24, 193-201.
    """
    p, e, n, v = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (mean, error, images, votes)))
    safe = np.where(e > 0, e, 1.0)
    effective = np.where((p > 0) & (p < 1), np.where(e > 0, p * (1 - p) / safe**2, v), n)
    effective = np.clip(effective, n, np.maximum(n, v))
    return wilson(np.where(effective > 0, p * effective, 0.0), effective)


def _binomial(k: NDArray[np.int64], n: NDArray[np.int64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p of k cases of n at a rate 0..1, twice the smaller tail; 1 where that is more."""
    from scipy.stats import binom

    return np.asarray(np.minimum(1.0, 2 * np.minimum(binom.cdf(k, n, rate), binom.sf(k - 1, n, rate))), np.float64)


@dataclass(frozen=True)
class HumanConfusion:
    """Votes int64 (n, c) beside the predictions of the same n images, row by row; a row of zeros is an image without votes.

    share : 0..1, of an image's votes, from which on a wrong answer of the model counts as one that people give, too
    strangers : images of the file that are none of these;  file : its name
    """

    predictions: Predictions
    votes: NDArray[np.int64]
    share: float = 0.1
    strangers: int = 0
    file: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.predictions.y_true), len(self.predictions.class_names))
        object.__setattr__(self, "votes", read_only(self.votes, np.int64, shape, "votes"))

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The images with votes, int64 (m,)."""
        return np.flatnonzero(self.votes.sum(axis=1) > 0)

    @property
    def n(self) -> int:
        """Images with votes."""
        return len(self.rows)

    @property
    def n_votes(self) -> int:
        return int(self.votes.sum())

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of the votes for each class, float64 (m, c), of the images with votes."""
        own = self.votes[self.rows]
        return np.asarray(own / own.sum(axis=1, keepdims=True), np.float64)

    @property
    def _labels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.predictions.y_true[self.rows], self.predictions.y_pred[self.rows]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row per cell: the expected share of votes, the model's rate on the same images, and their difference.

        true, predicted; n_true (images of the class with votes), votes; human_rate, human_low, human_high (see `share_interval`); model_count,
        model_rate, model_low, model_high (Wilson); difference (model less people), difference_low, difference_high (square-and-add of both
        intervals); p, of the binomial test of the model's count at that end of the people's interval that is nearer to its rate, 1 where the rate
        lies inside; q (Benjamini-Hochberg over the cells in which one of the two is not 0) and significant.

        References
        ----------
        G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures: a general approach. Statistics in Medicine 27, 1693-1702.
        """
        import pandas as pd

        c, (y, p) = len(self.predictions.class_names), self._labels
        n, counts = np.bincount(y, minlength=c), confusion_counts(y, p, c)
        votes, rate, error = np.zeros(c, np.int64), np.full((c, c), np.nan), np.zeros((c, c))
        for k in np.flatnonzero(n):
            own = self.shares[y == k]
            votes[k] = self.votes[self.rows[y == k]].sum()
            rate[k], error[k] = own.mean(axis=0), own.std(axis=0, ddof=1) / np.sqrt(n[k]) if n[k] > 1 else 0.0
        wide = np.broadcast_to(n[:, None], (c, c))
        human_low, human_high = share_interval(np.nan_to_num(rate), error, wide, votes[:, None])
        model = np.divide(counts, wide, out=np.full((c, c), np.nan), where=wide > 0)
        low, high = wilson(counts, wide)
        difference = model - rate
        p_value = _binomial(counts, wide, np.clip(np.nan_to_num(model), human_low, human_high))
        tested = (wide > 0) & ((counts > 0) | (np.nan_to_num(rate) > 0))
        q = benjamini_hochberg(p_value.ravel(), tested.ravel()).reshape(c, c)
        names = np.array(self.predictions.class_names, dtype=object)
        columns = {
            "true": np.repeat(names, c), "predicted": np.tile(names, c), "n_true": wide, "votes": np.broadcast_to(votes[:, None], (c, c)),
            "human_rate": rate, "human_low": human_low, "human_high": human_high, "model_count": counts, "model_rate": model, "model_low": low,
            "model_high": high, "difference": difference, "difference_low": difference - np.hypot(model - low, human_high - rate),
            "difference_high": difference + np.hypot(high - model, rate - human_low), "p": np.where(tested, p_value, np.nan), "q": q,
            "significant": q < LEVEL,
        }  # fmt: skip
        return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})

    def pairs(self) -> pd.DataFrame:
        """The rows of `cells` of two different classes that people or the model confuse, the higher of both rates first."""
        frame = self.cells
        kept = frame[(frame["true"] != frame["predicted"]) & ((frame["human_rate"] > 0) | (frame["model_count"] > 0))]
        order = kept[["human_rate", "model_rate"]].max(axis=1)
        return kept.loc[order.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)

    @cached_property
    def kinds(self) -> NDArray[np.object_]:
        """What the model's answer to each image with votes is: `RIGHT`, `SHARED` or `OWN`; object (m,)."""
        y, p = self._labels
        given = self.shares[np.arange(self.n), p]
        return np.where(y == p, RIGHT, np.where((given >= self.share) & (given > 0), SHARED, OWN)).astype(object)

    def images(self) -> pd.DataFrame:
        """One row per image with votes: sample_id, true, predicted, kind, votes, votes_predicted, share_predicted with its Wilson interval, votes_true,
        people (their most frequent answer; of equal ones all, with " = " between), entropy of their answers (nats) and, where the model has
        probabilities, cross_entropy (nats)."""
        import pandas as pd

        y, p = self._labels
        own, at, names = self.votes[self.rows], np.arange(self.n), np.array(self.predictions.class_names, dtype=object)
        total = own.sum(axis=1)
        low, high = wilson(own[at, p], total)
        top = [" = ".join(names[row == row.max()]) for row in own]
        frame = {
            "sample_id": self.predictions.sample_ids[self.rows], "true": names[y], "predicted": names[p], "kind": self.kinds, "votes": total,
            "votes_predicted": own[at, p], "share_predicted": own[at, p] / total, "share_low": low, "share_high": high, "votes_true": own[at, y],
            "people": top, "entropy": self._entropy(),
        }  # fmt: skip
        if self.predictions.has_proba:
            frame["cross_entropy"] = self._cross_entropy()
        return pd.DataFrame(frame)

    def _entropy(self) -> NDArray[np.float64]:
        from scipy.special import entr

        return np.asarray(entr(self.shares).sum(axis=1), np.float64)

    def _cross_entropy(self) -> NDArray[np.float64]:
        """Of the model's probabilities under the people's distribution, nats; a probability of 0 counts as the smallest float32."""
        said = np.maximum(self.predictions.proba[self.rows].astype(np.float64), float(np.finfo(np.float32).tiny))
        return np.asarray(-(self.shares * np.log(said)).sum(axis=1), np.float64)

    @cached_property
    def expected_shared(self) -> float:
        """The share of the model's mistakes that would count as people's, were the votes those of other images of the same class: drawn at random."""
        y, p = self._labels
        wrong = np.flatnonzero(y != p)
        c = len(self.predictions.class_names)
        many = np.bincount(y, minlength=c)
        hit = (self.shares >= self.share) & (self.shares > 0)
        over = np.stack([hit[y == k].sum(axis=0) for k in range(c)])
        usable = wrong[many[y[wrong]] > 1]
        if not len(usable):
            return float("nan")
        others = (over[y[usable], p[usable]] - hit[usable, p[usable]]) / (many[y[usable]] - 1)
        return float(others.mean())

    def scores(self) -> pd.DataFrame:
        """One row per figure: score, value, low, high (95 %), n, of (what n counts) and method."""
        import pandas as pd

        y, p = self._labels
        at, total = np.arange(self.n), self.votes[self.rows].sum(axis=1)
        rows: list[dict[str, object]] = []

        def mean(score: str, values: NDArray[np.float64], floor: float = -np.inf, top: float = np.inf) -> None:
            if len(values):
                value, low, high = mean_interval(values)
                rows.append(
                    {"score": score, "value": value, "low": max(low, floor), "high": min(high, top), "n": len(values), "of": "images", "method": "normal"}
                )

        def rate(score: str, k: int, n: int, of: str) -> None:
            low, high = wilson(k, n)
            rows.append({"score": score, "value": k / n if n else np.nan, "low": float(low), "high": float(high), "n": n, "of": of, "method": "Wilson"})

        right = int((y == p).sum())
        rate("model accuracy", right, self.n, "images")
        mean("votes for the label", self.shares[at, y], 0, 1)
        mean("votes for the model's answer", self.shares[at, p], 0, 1)
        several = total > 1
        own, count = self.votes[self.rows][several], total[several]
        mean("two people agree", (own * (own - 1)).sum(axis=1) / (count * (count - 1)), 0, 1)
        wrong = self.n - right
        rate("mistakes that people make, too", int((self.kinds == SHARED).sum()), wrong, "mistakes")
        majority = self.votes[self.rows][at, p] == self.votes[self.rows].max(axis=1)
        rate("mistakes that are the people's most frequent answer", int((majority & (y != p)).sum()), wrong, "mistakes")
        mean("entropy of people", self._entropy(), 0)
        if self.predictions.has_proba:
            mean("cross-entropy of the model", self._cross_entropy(), 0)
            mean("cross-entropy above entropy", self._cross_entropy() - self._entropy(), 0)
        return pd.DataFrame(rows, columns=["score", "value", "low", "high", "n", "of", "method"])

    def frames(self) -> dict[str, pd.DataFrame]:
        """human_confusion (`cells`), human_images (`images`), human_scores (`scores`)."""
        return {"human_confusion": self.cells, "human_images": self.images(), "human_scores": self.scores()}

    def sentences(self) -> list[str]:
        """What it comes to, without final stops."""
        from fmnist_viz.analysis.human_text import human_sentences

        return human_sentences(self)
