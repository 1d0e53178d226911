"""Images that stand far from all others of their class, and images that hold hardly anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import pandas as pd

NEAR = 10  # neighbours whose mean distance counts
FAR = 3.5  # robust standard deviations above the class's median (Iglewicz & Hoaglin 1993)
LEVELS, SPREAD, INK, DARK = 4, 4.0, 0.02, 8  # grey levels, their standard deviation, share of inked pixels, distance from the background that is ink
RULES = {
    "unusual": f"mean distance to its {NEAR} nearest images more than {FAR} robust standard deviations (of the logarithm) above the median of its class",
    "few grey levels": f"at most {LEVELS} different grey levels",
    "nearly constant": f"standard deviation of the pixels below {SPREAD:.0f} of 255",
    "tiny ink": f"fewer than {100 * INK:.0f} % of the pixels differ from the background by more than {DARK}",
}


@dataclass(frozen=True)
class Odd:
    """An image and what is odd about it: `kind` is one of RULES, `value` the figure that the rule is about."""

    row: int
    kind: str
    value: float
    words: str


def unusual(X: NDArray[np.float32], labels: NDArray[np.int64], near: NDArray[np.integer], space: str) -> list[Odd]:
    """Rows of X (n, d) that are far from their neighbours near (n, k), self excluded: farthest first. Classes of fewer than ten images are left out."""
    k = min(NEAR, near.shape[1])
    if not k or not len(X):
        return []
    mean = np.zeros(len(X))
    for column in near[:, :k].T:
        mean += np.linalg.norm(X - X[column], axis=1) / k
    log = np.log(np.maximum(mean, 1e-12))
    score, median = np.zeros(len(X)), np.ones(len(X))
    for c in np.unique(labels):
        mine = labels == c
        if mine.sum() < 10:
            continue
        middle = np.median(log[mine])
        spread = 1.4826 * np.median(np.abs(log[mine] - middle))
        if spread > 0:
            score[mine] = (log[mine] - middle) / spread
        median[mine] = np.exp(middle)
    rows = np.flatnonzero(score > FAR)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    return [
        Odd(i, "unusual", float(score[i]), f"its {k} nearest images in {space} are {mean[i] / median[i]:.1f} times as far as is usual for its class")
        for i in rows.tolist()
    ]


def hollow(images: NDArray[np.uint8]) -> list[Odd]:
    """Images uint8 (n, h, w, c) that hold hardly anything, in their order; of several rules that fit the first."""
    n = len(images)
    if not n:
        return []
    codes = images.reshape(n, -1, images.shape[3]).astype(np.int32) @ (256 ** np.arange(images.shape[3], dtype=np.int32))
    levels = 1 + (np.diff(np.sort(codes, axis=1), axis=1) > 0).sum(axis=1)
    grey = images.astype(np.float32).mean(axis=3)
    spread = grey.reshape(n, -1).std(axis=1)
    edge = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    ink = (np.abs(grey - np.median(edge, axis=1)[:, None, None]) > DARK).mean(axis=(1, 2))
    found = []
    for i in np.flatnonzero((levels <= LEVELS) | (spread < SPREAD) | (ink < INK)).tolist():
        if levels[i] <= LEVELS:
            found.append(Odd(i, "few grey levels", float(levels[i]), f"{levels[i]} grey level{'s' * int(levels[i] != 1)}"))
        elif spread[i] < SPREAD:
            found.append(Odd(i, "nearly constant", float(spread[i]), f"standard deviation of the pixels {spread[i]:.1f} of 255"))
        else:
            found.append(Odd(i, "tiny ink", float(ink[i]), f"{100 * ink[i]:.1f} % of the pixels differ from the background"))
    return found


def odd_frame(found: list[Odd], images: LabeledImages) -> pd.DataFrame:
    """sample_id, label, kind, value, words."""
    import pandas as pd

    names, rows = np.array(images.class_names, dtype=object), [one.row for one in found]
    return pd.DataFrame({
        "sample_id": images.sample_ids[rows] if rows else [], "label": names[images.labels[rows]] if rows else [], "kind": [one.kind for one in found],
        "value": [one.value for one in found], "words": [one.words for one in found],
    }, columns=["sample_id", "label", "kind", "value", "words"])  # fmt: skip
