"""What in the pixels speaks for the mistakes: first-order evidence averaged over a direction, and a check that it means something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import mean_interval

MOST = 200  # mistakes of a direction that are asked
SHARE = 0.05  # of the pixels that the check covers
METHOD = "gradient of (logit of the predicted class - logit of the true class) times (pixel - background), averaged over the mistakes"
CHECK = "covering as many random pixels of the object; paired over the mistakes, normal interval"


@dataclass(frozen=True)
class Evidence:
    """rows : int64 (m,), the mistakes that were asked;  mean : float64 (h, w), in logits: above 0 a pixel speaks for the mistake;
    total : float64 (m,), each mistake's sum over its pixels;  covered : pixels that were covered by the background, at most;
    strongest, random : float64 (m,), by how many logits the lead of the predicted class falls when they are.
    """

    rows: NDArray[np.int64]
    mean: NDArray[np.float64]
    total: NDArray[np.float64]
    covered: int
    strongest: NDArray[np.float64]
    random: NDArray[np.float64]

    @property
    def gain(self) -> tuple[float, float, float]:
        """How much more the lead falls by the strongest pixels than by random ones: mean difference with its 95 % interval, in logits."""
        return mean_interval(self.strongest - self.random)


def spaced(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` of the rows, evenly spaced in their order, so that both ends are among them."""
    if len(rows) <= most:
        return rows
    return rows[np.round(np.linspace(0, len(rows) - 1, most)).astype(np.int64)]


def background(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The median of the outermost pixels by channel, float64 (c,), 0..255: what a covered pixel is replaced by."""
    edge = np.concatenate([images[:, [0, -1]].reshape(-1, images.shape[3]), images[:, :, [0, -1]].reshape(-1, images.shape[3])])
    return np.median(edge, axis=0).astype(np.float64)
