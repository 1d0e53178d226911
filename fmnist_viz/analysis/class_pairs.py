"""At which layer two classes come apart: a linear discriminant per pair and layer, judged on the same held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.comparison import mcnemar
from fmnist_viz.analysis.probe import Split
from fmnist_viz.analysis.significance import LEVEL, holm
from fmnist_viz.core.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

LEAST = 8  # images of each class, fitted and held out alike, below which a pair is not judged
MARGIN = 0.01  # accuracy that a layer may lack of the best one and still count as separating
MOST = 300  # pairs; of more classes those that the last layer's probe mixes up most
METHOD = "linear discriminant, Ledoit-Wolf covariance; McNemar against the best layer, Holm over layers, at least 1 point below"


@dataclass(frozen=True)
class PairRung:
    """One pair of classes at every layer.

    a, b : class numbers, a < b;  layers : names in order;  n_fit, n : images of both, fitted and held out;
    right : int (layers,), held-out images told right;  p : float (layers,), against the best layer, adjusted over layers;
    separates_at : index of the first layer that tells them apart as well as the best one does; -1 where none does better than chance.
    """

    a: int
    b: int
    layers: tuple[str, ...]
    n_fit: int
    n: int
    right: NDArray[np.int64]
    p: NDArray[np.float64]
    separates_at: int

    @property
    def best(self) -> int:
        """Index of the layer with most right, the first of equals."""
        return int(self.right.argmax())


def discriminant(scores: NDArray[np.float64], labels: NDArray[np.int64], fit: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each held-out row is told right by a linear discriminant of the two classes among the fitted rows.

    One covariance for both classes, shrunk as Ledoit and Wolf say; the threshold lies where both are equally likely at the fitted shares.

    References
    ----------
    R. A. Fisher (1936), The use of multiple measurements in taxonomic problems. Annals of Eugenics 7, 179-188.
    O. Ledoit, M. Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices. J. Multivariate Analysis 88, 365-411.
    """
    from sklearn.covariance import ledoit_wolf

    second = labels[fit] == labels[fit].max()
    own = scores[fit]
    means = [own[~second].mean(axis=0), own[second].mean(axis=0)]
    within = own - np.where(second[:, None], means[1], means[0])
    covariance, _ = ledoit_wolf(within, assume_centered=True)
    covariance *= len(fit) / max(len(fit) - 2, 1)
    covariance[np.diag_indices_from(covariance)] += 1e-12 * max(float(np.trace(covariance)), 1e-12)  # classes that are points have none
    w = np.linalg.solve(covariance, means[1] - means[0])
    cut = w @ (means[0] + means[1]) / 2 - np.log(second.sum() / (~second).sum())
    told: NDArray[np.bool_] = (scores[held] @ w > cut) == (labels[held] == labels[fit].max())
    return told


def class_pairs(scores: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64], split: Split, pairs: Sequence[tuple[int, int]]) -> list[PairRung]:
    """Every given pair at every layer; pairs with fewer than 8 images of a class to fit or to hold out are left out.

    scores : layer -> standardised scores (n, k), k >= 1, in layer order;  labels : int64 (n,)

    Notes
    -----
    A layer is below the best one where it tells at least one point less of the same held-out images right and McNemar's test says so at 5 %, adjusted
    by Holm over the layers. A pair separates at the first layer that is not below. It separates nowhere where the best layer is not better than
    always naming the larger class: one-sided binomial test at 5 %, adjusted by Bonferroni over all layers and pairs. The best layer is chosen on the
    images that it is tested on, which makes it look a little better than it is and the named layer, if anything, too late.
    """
    from scipy.stats import binom

    layers = tuple(scores)
    found = []
    for a, b in pairs:
        fit, held = (rows[(labels[rows] == a) | (labels[rows] == b)] for rows in (split.fit, split.held))
        counts = [int((labels[rows] == c).sum()) for rows in (fit, held) for c in (a, b)]
        if min(counts) < LEAST or not layers:
            continue
        told = np.stack([discriminant(scores[name], labels, fit, held) for name in layers])
        right, n = told.sum(axis=1), len(held)
        best = int(right.argmax())
        ahead, behind = (told[best] & ~told).sum(axis=1), (~told[best] & told).sum(axis=1)
        raw, _ = mcnemar(ahead, behind)
        p = np.ones(len(layers))
        others = np.arange(len(layers)) != best
        p[others] = holm(raw[others])
        below = (p < LEVEL) & (right[best] - right >= MARGIN * n)
        chance = float(binom.sf(right[best] - 1, n, max(counts[2:]) / n)) * len(layers) * len(pairs)
        found.append(PairRung(a, b, layers, len(fit), n, right, p, int((~below).argmax()) if chance < LEVEL else -1))
    return found


def chosen_pairs(labels: NDArray[np.int64], mixed: NDArray[np.int64] | None = None) -> list[tuple[int, int]]:
    """All pairs of the classes that occur; beyond 300 those that `mixed`, counts (classes, classes) of true by predicted, holds most of."""
    every = list(combinations(np.unique(labels).tolist(), 2))
    if len(every) <= MOST:
        return every
    if mixed is None:
        return every[:MOST]
    return sorted(sorted(every, key=lambda pair: -int(mixed[pair] + mixed[pair[::-1]]))[:MOST])


def pair_table(rungs: Sequence[PairRung], class_names: Sequence[str]) -> pd.DataFrame:
    """One row per pair and layer: a, b (class names), layer, n_fit, n, accuracy with its 95 % Wilson interval, p against the best layer (adjusted),
    best, separates, separates_at (the pair's layer, empty where there is none), method.
    """
    import pandas as pd

    columns = ("a", "b", "layer", "n_fit", "n", "accuracy", "accuracy_low", "accuracy_high", "p", "best", "separates", "separates_at", "method")
    rows = []
    for rung in rungs:
        low, high = wilson(rung.right, rung.n)
        where = rung.layers[rung.separates_at] if rung.separates_at >= 0 else ""
        rows += [
            (class_names[rung.a], class_names[rung.b], name, rung.n_fit, rung.n, rung.right[i] / rung.n, low[i], high[i], rung.p[i],
             i == rung.best, i == rung.separates_at, where, METHOD)
            for i, name in enumerate(rung.layers)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))
