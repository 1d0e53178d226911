"""Images that are there twice: byte for byte, or but for a small part of their contrast."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import pandas as pd

NEAR_SHARE = 0.1  # of the smaller contrast
PIVOTS, SAMPLE, BLOCK = 24, 5000, 1024  # components of the search, images that they are found on, rows at once
RULE = f"near: their distance over all pixels is at most {100 * NEAR_SHARE:.0f} % of the smaller contrast of the two (an image's distance to its mean grey)"


@dataclass(frozen=True)
class Twins:
    """Pairs of images, exact ones first, then by difference.

    ids, labels : of all images searched;  pairs : int64 (m, 2), rows, the first below the second;  difference : float64 (m,), distance divided by the smaller
    contrast, 0 for exact ones;  exact : bool (m,). Of images without contrast only exact twins are sought.
    """

    sample_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    pairs: NDArray[np.int64]
    difference: NDArray[np.float64]
    exact: NDArray[np.bool_]

    @property
    def searched(self) -> int:
        return len(self.sample_ids)

    def splits(self) -> list[str]:
        """What stands before the slash of an id, by image."""
        return [name.rpartition("/")[0] for name in self.sample_ids.tolist()]

    def frame(self) -> pd.DataFrame:
        """One row per pair: kind (exact, near), between (such as ``train and test``), sample_id, label, other_id, other_label, same_label, difference."""
        import pandas as pd

        a, b = self.pairs[:, 0], self.pairs[:, 1]
        split, names = self.splits(), np.array(self.class_names, dtype=object)
        between = [split[i] if split[i] == split[j] else f"{split[i]} and {split[j]}" for i, j in self.pairs.tolist()]
        return pd.DataFrame({
            "kind": np.where(self.exact, "exact", "near"), "between": between, "sample_id": self.sample_ids[a], "label": names[self.labels[a]],
            "other_id": self.sample_ids[b], "other_label": names[self.labels[b]], "same_label": self.labels[a] == self.labels[b], "difference": self.difference,
        })  # fmt: skip

    def counts(self) -> pd.DataFrame:
        """between, kind, pairs, other_label (pairs whose labels differ): for every pair of splits, those without a twin too."""
        import pandas as pd

        frame, splits = self.frame(), list(dict.fromkeys(self.splits()))
        names = [*splits, *(f"{a} and {b}" for i, a in enumerate(splits) for b in splits[i + 1 :])]
        rows = []
        for between in names:
            for kind in ("exact", "near"):
                mine = frame[(frame["between"] == between) & (frame["kind"] == kind)]
                rows.append({"between": between, "kind": kind, "pairs": len(mine), "other_label": int((~mine["same_label"].astype(bool)).sum())})
        return pd.DataFrame(rows, columns=["between", "kind", "pairs", "other_label"])

    def sentence(self) -> str:
        exact, near = int(self.exact.sum()), int((~self.exact).sum())
        if not exact + near:
            return f"Among {self.searched:,} images none is there twice, exactly or nearly"
        split = self.splits()
        across = sum(split[i] != split[j] for i, j in self.pairs.tolist())
        other = int((self.labels[self.pairs[:, 0]] != self.labels[self.pairs[:, 1]]).sum())
        many = f"{exact:,} pair{'s' * (exact != 1)} of equal images and {near:,} nearly equal"
        return f"Among {self.searched:,} images there are {many}; {across:,} of them across splits, {other:,} with two different labels"


def twins(parts: Sequence[LabeledImages]) -> Twins:
    """Every pair of equal or nearly equal images within and across the parts. Of a group of equal images each is paired with the first one.

    Near pairs are all found: a projection never lengthens a distance, so what is close is close on the leading components too.
    """
    ids = np.concatenate([part.sample_ids for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    images = np.concatenate([part.images.reshape(len(part), -1) for part in parts])
    first: dict[bytes, int] = {}
    equal: list[tuple[int, int]] = []
    for row, pixels in enumerate(images):
        head = first.setdefault(hashlib.blake2b(pixels.tobytes(), digest_size=16).digest(), row)
        if head != row:
            equal.append((head, row))
    near, difference = _near(images, np.array(sorted(first.values()), np.int64))
    pairs = np.concatenate([np.array(equal, np.int64).reshape(-1, 2), near])
    exact = np.arange(len(pairs)) < len(equal)
    return Twins(ids, labels, parts[0].class_names, pairs, np.concatenate([np.zeros(len(equal)), difference]), exact)


def _near(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs among the given rows that are near but not equal, and their differences, smallest first."""
    X = images[rows].astype(np.float32)
    reach = NEAR_SHARE * np.sqrt(np.maximum(np.einsum("ij,ij->i", X, X) - X.mean(axis=1) ** 2 * X.shape[1], 0))
    some = reach > 0
    X, reach, rows = X[some], reach[some], rows[some]
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64), np.zeros(0)
    X -= X.mean(axis=0)
    sample = X[np.random.default_rng(0).choice(len(X), min(SAMPLE, len(X)), replace=False)]
    from sklearn.utils.extmath import randomized_svd

    # any orthonormal directions are right, good ones leave fewer pairs; exact ones of large pictures would take minutes
    directions = randomized_svd(sample, min(PIVOTS, *sample.shape), n_iter=2, random_state=0)[2]
    low = X @ directions.T.astype(np.float32)
    order = np.argsort(low[:, 0], kind="stable")
    a, b = _close(low[order], reach[order])
    a, b = rows[order[a]], rows[order[b]]
    contrast, distance = np.empty(len(a)), np.empty(len(a))
    for s in range(0, len(a), BLOCK):
        one, other = (images[some[s : s + BLOCK]].astype(np.float64) for some in (a, b))
        distance[s : s + BLOCK] = np.linalg.norm(one - other, axis=1)
        contrast[s : s + BLOCK] = np.minimum(*(np.linalg.norm(part - part.mean(axis=1, keepdims=True), axis=1) for part in (one, other)))
    close = distance <= NEAR_SHARE * contrast
    pairs = np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)[close]
    share = distance[close] / contrast[close]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], share))
    return pairs[order], share[order]


def _close(low: NDArray[np.float32], reach: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows a < b of `low` (n, d), sorted by its first column, that are within the reach of either on these components, and some that just miss."""
    square = np.einsum("ij,ij->i", low, low)
    slack = 1e-5 * square + 1.0  # what single precision may lose
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for start in range(0, len(low), BLOCK):
        end = min(start + BLOCK, len(low))
        last = int(np.searchsorted(low[:, 0], low[end - 1, 0] + 1.001 * reach[start:end].max() + 1.0, side="right"))
        gap = square[start:end, None] + square[None, start:last] - 2 * (low[start:end] @ low[start:last].T)
        hit = gap <= (reach[start:end] ** 2 + slack[start:end])[:, None]
        i, j = np.nonzero(hit)
        ahead = (i < j) & (gap[i, j] <= reach[start + j] ** 2 + slack[start + j])
        found.append((start + i[ahead], start + j[ahead]))
    a, b = (np.concatenate(side).astype(np.int64) for side in zip(*found, strict=True))
    return a, b
