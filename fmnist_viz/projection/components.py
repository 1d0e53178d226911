"""The leading principal components of a representation: how much each holds, how sure that is, and what those of images look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import mean_interval
from fmnist_viz.core.types import Representation, read_only
from fmnist_viz.projection.basis import SHOWN_COMPONENTS, Basis
from fmnist_viz.reduce import unit_rows

if TYPE_CHECKING:
    import pandas as pd

LEAST = 1e-9  # of the variance: what holds less is rounding, and its picture would be noise
_BLOCK = 32 << 20  # bytes held in double precision at once


@dataclass(frozen=True)
class Components:
    """At most ten components of n rows.

    share, low, high : float64 (k,), share of the total variance 0..1 with its 95 % interval
    pictures : float32 (k, h, w) or (k, h, w, 3), each component's weights of the pixels, of unit length together; None for other vectors
    """

    representation: str
    n: int
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pictures: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name in ("share", "low", "high"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64, (None,), name))

    def frame(self) -> pd.DataFrame:
        """One row per component: representation, component (1, 2, ...), share, share_low, share_high, cumulative, n."""
        import pandas as pd

        ends = {"share": self.share, "share_low": self.low, "share_high": self.high, "cumulative": np.cumsum(self.share)}
        return pd.DataFrame({"representation": self.representation, "component": np.arange(1, len(self.share) + 1), **ends, "n": self.n})


def components(representation: Representation, base: Basis, *, shape: tuple[int, ...] = ()) -> Components | None:
    """The components that `base` was made of; `shape` (h, w, channels) makes pictures of those of pixels. None where there is no structure.

    A share's interval is the normal one of the mean of its influence values: component j holds s_ij² of row i's squared distance d_i² from the mean,
    and row i moves the share r_j = mean(s_ij²) / mean(d²) by (s_ij² - r_j d_i²) / mean(d²).

    References
    ----------
    F. Critchley (1985), Influence in principal components analysis. Biometrika 72(3).
    """
    if base.note or not base.variance:
        return None
    X = representation.X
    if base.metric == "cosine" and not representation.transform.get("unit_rows"):
        X = unit_rows(X)
    scores = base.X[:, : sum(share > LEAST for share in base.variance[:SHOWN_COMPONENTS])].astype(np.float64)
    center = X.mean(axis=0, dtype=np.float64)
    square, axes = np.empty(len(X)), np.zeros((scores.shape[1], X.shape[1]))
    step = max(1, _BLOCK // (8 * X.shape[1]))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        block = X[rows] - center
        square[rows] = np.einsum("ij,ij->i", block, block)
        axes += scores[rows].T @ block
    total = square.mean()
    influence = (scores**2 - (scores**2).mean(axis=0) / total * square[:, None]) / total
    # a first reduction left some of the variance out: shares are of the whole
    kept = float(representation.transform.get("explained_variance", 1.0))
    share = np.array(base.variance[: scores.shape[1]])
    half = kept * np.array([mean_interval(column)[2] - mean_interval(column)[0] for column in influence.T])
    pictures = None
    if shape:
        axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-300)
        pictures = axes.reshape(len(axes), *(shape[:2] if shape[2] == 1 else shape)).astype(np.float32)
    return Components(representation.name, len(X), share, np.maximum(share - half, 0), np.minimum(share + half, 1), pictures)
