"""One number that makes a model as sure as it should be: its logits divided by a temperature, found on other images than those it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import Z95

FOLDS = 5
LEAST_RIGHT_AND_WRONG = 10  # images of either kind below which no temperature is looked for
SMALLEST = float(np.finfo(np.float32).tiny)  # stands for a probability of zero, whose logarithm is not finite
_REACH = (1e-3, 1e3)  # of the inverse temperature
Values = NDArray[np.float64]


def log_probabilities(proba: NDArray[np.floating]) -> Values:  # type: ignore[type-arg]
    """Logits up to a constant per image, which no softmax sees; zeros count as the smallest normal float32."""
    return np.log(np.maximum(np.asarray(proba, np.float64), SMALLEST))


def tempered(logits: Values, temperature: Values | float) -> Values:
    """softmax(logits / temperature), rows summing to one; one temperature, or one per row."""
    z = logits / np.broadcast_to(np.asarray(temperature, np.float64), (len(logits),))[:, None]
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True))


def log_loss(proba: Values, y: NDArray[np.int64]) -> Values:
    """-log of the probability of the true class of each image, in nats; zeros count as the smallest normal float32."""
    return np.asarray(-np.log(np.maximum(proba[np.arange(len(y)), y], SMALLEST)))


def fit_temperature(logits: Values, y: NDArray[np.int64]) -> tuple[float, float, float]:
    """The temperature of the smallest log loss with its 95 % interval (sandwich estimate): value, low, high.

    The loss is convex in the inverse temperature, so its derivative has one root. Without one (every image right, or no better than
    chance) a temperature is returned beyond which nothing is gained, within 0.001 and 1000, with itself as the interval.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017), On calibration of modern neural networks. ICML, 1321-1330.
    """
    from scipy.optimize import brentq

    rows = np.arange(len(y))

    def slopes(inverse: float) -> Values:
        return np.asarray((tempered(logits, 1 / inverse) * logits).sum(axis=1) - logits[rows, y])

    low, high = 0.8, 1.25
    while slopes(low).sum() > 0 and low > _REACH[0]:
        low, high = max(_REACH[0], low / 2), low
    while slopes(high).sum() < 0 and high < _REACH[1]:
        low, high = high, min(_REACH[1], high * 2)
    if slopes(low).sum() >= 0 or slopes(high).sum() <= 0:
        at = low if slopes(low).sum() >= 0 else high
        return 1 / at, 1 / at, 1 / at
    inverse = float(brentq(lambda b: slopes(b).sum(), low, high, xtol=1e-13, rtol=1e-14))
    p = tempered(logits, 1 / inverse)
    curvature = ((p * logits**2).sum(axis=1) - (p * logits).sum(axis=1) ** 2).sum()
    half = Z95 * float(np.sqrt((slopes(inverse) ** 2).sum()) / curvature)
    return 1 / inverse, 1 / (inverse + half), 1 / max(inverse - half, _REACH[0])


@dataclass(frozen=True)
class Temperature:
    """`value` of all images, `low`, `high` its interval; `folds` those that were used, each found on the other folds; `proba` (n, c) after it."""

    value: float
    low: float
    high: float
    folds: tuple[float, ...]
    proba: Values


def cross_fitted(logits: Values, y: NDArray[np.int64], *, seed: int = 0, folds: int = FOLDS) -> Temperature | None:
    """Each image's probabilities at the temperature that the other folds ask for; None where fewer than ten are right or wrong.

    So no image is judged by a temperature that it helped to find, and all images are judged.
    """
    wrong = int((logits.argmax(axis=1) != y).sum())
    if min(wrong, len(y) - wrong) < LEAST_RIGHT_AND_WRONG:
        return None
    fold = np.random.default_rng(seed).permutation(len(y)) % folds
    found = tuple(fit_temperature(logits[fold != k], y[fold != k])[0] for k in range(folds))
    return Temperature(*fit_temperature(logits, y), found, tempered(logits, np.array(found)[fold]))
