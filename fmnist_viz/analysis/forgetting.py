"""Forgetting: images that were right after one epoch and wrong after the next.

References
----------
M. Toneva, A. Sordoni, R. Tachet des Combes, A. Trischler, Y. Bengio, G. J. Gordon (2019), An empirical study of example forgetting during deep neural
network learning. ICLR. They count events of training images whenever a batch holds them; here images that were never trained on are asked once an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only

ALWAYS, KEPT, FORGOTTEN, NEVER = "always right", "learned and kept", "forgotten", "never right"
STATES = (ALWAYS, KEPT, FORGOTTEN, NEVER)


@dataclass(frozen=True)
class Forgetting:
    """What became of every image over the epochs of a training.

    epochs : int64 (e,), ascending, without the look before training: what an untrained network gets right by chance cannot be forgotten
    right : bool (e, n), whether an image was right after an epoch
    """

    epochs: NDArray[np.int64]
    right: NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", read_only(self.epochs, np.int64, (None,), "epochs"))
        object.__setattr__(self, "right", read_only(self.right, np.bool_, (len(self.epochs), None), "right"))

    @property
    def lost(self) -> NDArray[np.bool_]:
        """bool (e, n): right after the epoch before, wrong after this one; the first epoch has nothing before it."""
        return _steps(self.right, gained=False)

    @property
    def gained(self) -> NDArray[np.bool_]:
        """bool (e, n): wrong after the epoch before, right after this one."""
        return _steps(self.right, gained=True)

    @property
    def events(self) -> NDArray[np.int64]:
        """How often each image was forgotten, int64 (n,)."""
        return self.lost.sum(axis=0).astype(np.int64)

    @property
    def first_right(self) -> NDArray[np.int64]:
        """The first epoch after which each image was right, int64 (n,); -1: none."""
        if not len(self.epochs):
            return np.full(self.right.shape[1], -1, np.int64)
        return np.where(self.right.any(axis=0), self.epochs[self.right.argmax(axis=0)], -1)

    @property
    def states(self) -> NDArray[np.str_]:
        """One of `STATES` for each image: right at all epochs; right from some epoch on; forgotten at least once; right at none."""
        n = self.right.shape[1]
        if not len(self.epochs):
            return np.full(n, NEVER)
        kinds = [self.right.all(axis=0), ~self.right.any(axis=0), self.events > 0]
        return np.select(kinds, [ALWAYS, NEVER, FORGOTTEN], KEPT)

    def lost_at(self) -> list[str]:
        """For each image the epochs after which it was wrong again, ``"3 7"``."""
        lost = self.lost
        return [" ".join(map(str, self.epochs[column].tolist())) for column in lost.T]


def _steps(right: NDArray[np.bool_], *, gained: bool) -> NDArray[np.bool_]:
    out = np.zeros_like(right)
    before, after = right[:-1], right[1:]
    out[1:] = (~before & after) if gained else (before & ~after)
    return out
