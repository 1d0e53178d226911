"""Custom axes: from the mean of some images to the mean of others, as the Projector's Custom tab computes them, and how well each separates.

The page takes the difference of the two groups' mean vectors, as they lie in the tensor, and every point's dot product with it; points are
centred and scaled to unit length first ("Sphereize data", on from 50 dimensions up, which all our tensors have). The second axis is computed
alone and is not made orthogonal to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis_text import AxisText, Side, exactly
from fmnist_viz.core.intervals import Z95
from fmnist_viz.core.types import ids_array, read_only
from fmnist_viz.data.labels import FASHION

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.analysis.confusion import Confusion

FOLDS = 5
METHOD = "cross-fitted AUC; DeLong on the logit scale, at least Newcombe's method 5"
# The article's plane: clothes for legs against bags, and what is worn on feet against what is worn above the waist.
ARTICLE = (
    AxisText(Side("Trouser"), Side("Bag")),
    AxisText(Side("Sandal|Sneaker|Ankle boot", regex=True), Side("T-shirt/top|Pullover|Coat|Shirt", regex=True)),
)


def default_axes(class_names: Sequence[str], labels: Sequence[str], confusion: Confusion | None) -> tuple[AxisText, ...]:
    """The article's two axes for Fashion-MNIST's classes; for others the two pairs of classes that are confused most, both ways counted.

    `labels` are the class names as the Projector shows them. Without confusions there are no axes: any other choice would be arbitrary.
    """
    if tuple(class_names) == FASHION:
        return ARTICLE
    if confusion is None:
        return ()
    return tuple(AxisText(exactly(a, labels), exactly(b, labels)) for a, b, _, _ in leading_pairs(confusion, 2))


def leading_pairs(confusion: Confusion, count: int) -> list[tuple[int, int, int, int]]:
    """The unordered pairs of classes with the most mistakes, (a, b, a taken for b, b taken for a) with a < b; those without any are left out."""
    counts = confusion.counts
    pairs = [(a, b, int(counts[a, b]), int(counts[b, a])) for a in range(len(counts)) for b in range(a + 1, len(counts)) if counts[a, b] + counts[b, a]]
    return sorted(pairs, key=lambda pair: -(pair[2] + pair[3]))[:count]


def sphereized(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows less their mean, scaled to unit length (rows of length zero stay), float32 (n, d): what the page does from 50 dimensions up."""
    out = X - X.mean(axis=0, dtype=np.float64).astype(np.float32)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    out /= np.where(length > 0, length, 1)
    return out


def direction(X: NDArray[np.float32], left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of the rows `right` less the mean of the rows `left`, float64 (d,)."""
    difference: NDArray[np.float64] = X[right].mean(axis=0, dtype=np.float64) - X[left].mean(axis=0, dtype=np.float64)
    return difference


def rest_direction(U: NDArray[np.float32], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction of largest variance of centred rows that is orthogonal to `w`, float64 (d,): the second axis where only one was given.

    Zeros where nothing is left. Its sign is that of its largest coefficient.
    """
    from sklearn.utils.extmath import randomized_svd

    unit = (w / (np.linalg.norm(w) or 1.0)).astype(np.float32)
    rest = U - np.outer(U @ unit, unit)
    _, values, axes = randomized_svd(rest, 1, n_iter=7, random_state=0)
    if values[0] <= 1e-6 * np.sqrt(len(U)):
        return np.zeros(len(w))
    first: NDArray[np.float64] = axes[0].astype(np.float64)
    return first * np.sign(first[np.abs(first).argmax()])


@dataclass(frozen=True)
class Separation:
    """How well an axis tells its two sides apart: the chance that an image of the right side lies further right than one of the left side.

    auc, low, high : 0..1, with its 95 % interval; NaN, 0 and 1 where a side has fewer than two images.
    """

    auc: float
    low: float
    high: float
    left: int  # images
    right: int
    folds: int

    @property
    def short(self) -> str:
        """``AUC 0.912``, or ``AUC > 0.999`` where three digits would promise more than there is."""
        if not np.isfinite(self.auc):
            return "AUC unknown"
        return "AUC > 0.999" if 0.9995 <= self.auc < 1 else f"AUC {self.auc:.3f}"

    @property
    def text(self) -> str:
        """``AUC 0.912 (95 % interval 0.900–0.923)``."""
        if not np.isfinite(self.auc):
            return "AUC unknown (fewer than two images of a side)"
        return f"{self.short} (95 % interval {self.low:.3f}–{self.high:.3f})"


def separation(X: NDArray[np.float32], U: NDArray[np.float32], left: NDArray[np.bool_], right: NDArray[np.bool_], *, seed: int) -> Separation:
    """Area under the ROC curve of the axis, cross-fitted: every image is placed on an axis whose means do not hold it.

    Parameters
    ----------
    X, U : float32 (n, d), vectors and their sphereized form
    left, right : bool (n,); rows that belong to both belong to neither

    Notes
    -----
    Five stratified folds; the area is found within each fold, for folds have axes of their own, and averaged. The interval is DeLong's (1988)
    variance of each fold, added up as in LeDell et al. (2015), taken on the logit scale. Where that is too small to be believed (few pairs in
    the wrong order, or none) Newcombe's method 5 widens it: a Wilson-like interval that never shrinks to the point 1. In simulations it holds the
    truth in 91 to 99 % of all cases; in 86 to 92 % where the area is below .65 and the images of a side are hardly more than the dimensions, since
    the folds' axes share their images.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Comparing the areas under two or more correlated ROC curves. Biometrics 44, 837-845.
    E. LeDell, M. Petersen, M. van der Laan (2015), Computationally efficient confidence intervals for cross-validated area under the ROC curve
    estimates. Electronic Journal of Statistics 9, 1583-1607.
    R. G. Newcombe (2006), Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2. Statistics in Medicine 25, 559-573.
    """
    rows = [np.flatnonzero(own & ~other) for own, other in ((left, right), (right, left))]
    counts = [len(side) for side in rows]
    folds = min(FOLDS, *counts)
    if folds < 2:
        return Separation(float("nan"), 0.0, 1.0, counts[0], counts[1], 0)
    random = np.random.default_rng(seed)
    fold_of = [random.permutation(np.arange(count) % folds) for count in counts]
    sums = [np.stack([X[side[fold == f]].sum(axis=0, dtype=np.float64) for f in range(folds)]) for side, fold in zip(rows, fold_of, strict=True)]
    areas, variance = [], 0.0
    for f in range(folds):
        means = [(total.sum(axis=0) - total[f]) / (fold != f).sum() for total, fold in zip(sums, fold_of, strict=True)]
        scores = [U[side[fold == f]] @ (means[1] - means[0]) for side, fold in zip(rows, fold_of, strict=True)]
        area, own = delong(*scores)
        areas.append(area)
        variance += own / folds**2
    auc = float(np.mean(areas))
    low, high = auc_interval(auc, variance, counts[0], counts[1])
    return Separation(auc, low, high, counts[0], counts[1], folds)


def delong(left: NDArray[np.floating], right: NDArray[np.floating]) -> tuple[float, float]:
    """Area under the ROC curve of scores, ties counted half, and DeLong's variance of it (0 for a side of a single score)."""

    def shares(of: NDArray[np.floating], among: NDArray[np.floating]) -> NDArray[np.float64]:
        sorted_ = np.sort(among)
        return (np.searchsorted(sorted_, of, "left") + np.searchsorted(sorted_, of, "right")) / (2 * len(among))

    below, above = shares(right, left), 1 - shares(left, right)
    variance = sum(float(np.var(v, ddof=1)) / len(v) for v in (below, above) if len(v) > 1)
    return float(below.mean()), variance


def auc_interval(auc: float, variance: float, left: int, right: int) -> tuple[float, float]:
    """95 % interval of an area: the union of the logit interval for `variance` and Newcombe's method 5."""
    low, high = newcombe(auc, left, right)
    if 0 < auc < 1:
        centre, half = np.log(auc / (1 - auc)), Z95 * np.sqrt(variance) / (auc * (1 - auc))
        ends = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return low, high


def newcombe(auc: float, left: int, right: int) -> tuple[float, float]:
    """Newcombe's method 5: the areas that differ from `auc` by 1.96 of their own standard errors (Hanley and McNeil's, exponential scores)."""
    from scipy.optimize import brentq

    more = (left + right) / 2 - 1

    def off(t: float) -> float:
        own = t * (1 - t) * (1 + more * ((1 - t) / (2 - t) + t / (1 + t))) / (left * right)
        return float((t - auc) ** 2 - Z95**2 * own)

    # at 0 and 1 themselves the standard error is 0, too: the ends sought lie just inside
    low = brentq(off, 0.0, min(auc, 1 - 1e-12)) if auc > 0 else 0.0
    high = brentq(off, max(auc, 1e-12), 1.0) if auc < 1 else 1.0
    return float(low), float(high)


@dataclass(frozen=True)
class AxisPlane:
    """Where the rows of one representation lie on one or two custom axes.

    coords : float32 (n, 2), x and y; with a single axis y is the direction of largest variance that it leaves over;
    sides : bool (n, 2) per axis, rows that its left and right text find;  separations : one per axis.
    """

    representation: str
    sample_ids: NDArray[np.str_]
    axes: tuple[AxisText, ...]
    coords: NDArray[np.float32]
    sides: tuple[NDArray[np.bool_], ...]
    separations: tuple[Separation, ...]
    seed: int

    def __post_init__(self) -> None:
        n = len(self.sample_ids)
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "coords", read_only(self.coords, np.float32, (n, 2), "coords"))

    def frame(self) -> pd.DataFrame:
        """One row per axis: representation, axis, left, right, n_left, n_right, auc, low, high, folds, method, seed."""
        import pandas as pd

        rows = [
            {"representation": self.representation, "axis": "xy"[i], "left": str(axis.left), "right": str(axis.right), "n_left": s.left, "n_right": s.right,
             "auc": s.auc, "low": s.low, "high": s.high, "folds": s.folds, "method": METHOD,
             "seed": self.seed}
            for i, (axis, s) in enumerate(zip(self.axes, self.separations, strict=True))
        ]  # fmt: skip
        return pd.DataFrame(rows)


def axis_plane(
    X: NDArray[np.float32],
    labels: NDArray[np.int64],
    names: Sequence[str],
    axes: Sequence[AxisText],
    *,
    representation: str,
    sample_ids: NDArray[np.str_],
    seed: int,
) -> AxisPlane | None:
    """Place all rows of X (n, d) on one or two axes; None where a side of one has no row, or where all rows lie at one place of it.

    `names` are the classes' labels as the Projector shows them, searched by the axes' texts.
    """
    sides = []
    for axis in axes:
        found = [np.isin(labels, side.among(names)) for side in axis.sides]
        if not all(side.any() for side in found):
            return None
        sides.append(np.stack(found, axis=1))
    U = sphereized(X)
    directions = [direction(X, side[:, 0], side[:, 1]) for side in sides]
    if len(directions) == 1:
        directions.append(rest_direction(U, directions[0]))
    coords = np.stack([U @ w for w in directions], axis=1).astype(np.float32)
    if (np.ptp(coords, axis=0) == 0).any():
        return None
    separations = tuple(separation(X, U, side[:, 0], side[:, 1], seed=seed) for side in sides)
    return AxisPlane(representation, sample_ids, tuple(axes), coords, tuple(sides), separations, seed)
