"""Classes that are taken for each other brought together: an order, a tree, and groups cut from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.confusion_tests import quasi_independent

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.analysis.confusion import Confusion

JOINED = " + "  # between the names of a group's classes
Groups = tuple[tuple[int, ...], ...]


def mutual_confusion(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far two classes are taken for each other, 0 (never) .. 0.5 (a coin would do as well) .. 1 (always swapped); symmetric (c, c), diagonal 0.

    (r_ab + r_ba) / (r_aa + r_ab + r_ba + r_bb) with r the row rates: of images of a and b, equally many of each, that were answered a or b, the
    share answered with the other one. This is the only place where both directions are put together, and the order is all that comes of it.
    """
    n = counts.sum(axis=1, keepdims=True).astype(np.float64)
    rates = np.divide(counts, n, out=np.zeros(counts.shape), where=n > 0)
    swapped, kept = rates + rates.T, np.add.outer(np.diag(rates), np.diag(rates))
    out = np.divide(swapped, swapped + kept, out=np.zeros(counts.shape), where=swapped + kept > 0)
    np.fill_diagonal(out, 0.0)
    return out


@dataclass(frozen=True)
class Merge:
    """A branch of the tree: `left` and `right` are classes (below c) or earlier branches (c + their place); `members` in the tree's order."""

    left: int
    right: int
    mutual: float  # mean mutual confusion of the pairs that it joins
    members: tuple[int, ...]


@dataclass(frozen=True)
class ClassTree:
    """Average linkage of 1 - `mutual_confusion`, its leaves in optimal order.

    order : classes from top to bottom;  merges : c - 1 branches, most confused first.

    References
    ----------
    Z. Bar-Joseph, D. K. Gifford, T. S. Jaakkola (2001), Fast optimal leaf ordering for hierarchical clustering. Bioinformatics 17, S22-S29.
    """

    counts: NDArray[np.int64]
    order: tuple[int, ...]
    merges: tuple[Merge, ...]

    @staticmethod
    def of(counts: NDArray[np.int64]) -> ClassTree:
        """The tree of a confusion matrix; of the two directions in which an optimal order can be read, the one that begins with the lower class."""
        from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
        from scipy.spatial.distance import squareform

        c = len(counts)
        if c < 2:
            return ClassTree(counts, tuple(range(c)), ())
        distances = squareform(1 - mutual_confusion(counts) - np.eye(c), checks=False)
        linked = optimal_leaf_ordering(linkage(distances, "average"), distances)
        if (leaves := leaves_list(linked))[0] > leaves[-1]:
            linked[:, :2] = linked[:, 1::-1]
        members: list[tuple[int, ...]] = [(k,) for k in range(c)]
        merges = []
        for left, right, distance, _ in linked.tolist():
            members.append(members[int(left)] + members[int(right)])
            merges.append(Merge(int(left), int(right), max(0.0, 1 - distance), members[-1]))
        return ClassTree(counts, members[-1], tuple(merges))

    def cut(self, number: int) -> Groups:
        """The classes in `number` groups, 1..c, in the tree's order: all but the last `number` - 1 branches folded."""
        c = len(self.order)
        if not 1 <= number <= c:
            raise ValueError(f"{number} groups of {c} classes")
        group: dict[int, tuple[int, ...]] = {k: (k,) for k in range(c)}
        for merge in self.merges[: c - number]:
            group |= dict.fromkeys(merge.members, merge.members)
        return tuple(dict.fromkeys(group[k] for k in self.order))

    @cached_property
    def surplus(self) -> tuple[float, ...]:
        """For 1..c groups: the share of all errors that stays within a group, less the share that quasi-independence puts there; -1..1.

        0 for one group and for c. It is the modularity of the errors with quasi-independence in place of the usual null model.

        References
        ----------
        M. E. J. Newman, M. Girvan (2004), Finding and evaluating community structure in networks. Physical Review E 69, 026113.
        """
        c = len(self.order)
        beyond = self.counts - quasi_independent(self.counts)
        np.fill_diagonal(beyond, 0.0)
        wrong = self.counts.sum() - np.trace(self.counts)
        found = [0.0] * c
        inside = 0.0
        for step, merge in enumerate(self.merges[: c - 2]):
            left, right = (list(self.members_of(node)) for node in (merge.left, merge.right))
            inside += float(beyond[np.ix_(left, right)].sum() + beyond[np.ix_(right, left)].sum())
            found[c - 2 - step] = inside / wrong if wrong else 0.0
        return tuple(found)

    def members_of(self, node: int) -> tuple[int, ...]:
        """The classes of a branch, or of a class by itself."""
        c = len(self.order)
        return (node,) if node < c else self.merges[node - c].members

    @property
    def suggested(self) -> int:
        """The number of groups with the largest surplus of errors inside, the larger of equal ones; c where nothing is gained by folding."""
        c = len(self.order)
        best = max(self.surplus, default=0.0)
        return c if best <= 1e-9 else max(k + 1 for k, value in enumerate(self.surplus) if value >= best - 1e-9)

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """One row per class in the tree's order: place, class, number (its place in the data), group (1, 2 ... of the suggested ones)."""
        import pandas as pd

        groups = {k: i + 1 for i, group in enumerate(self.cut(self.suggested) if self.order else ()) for k in group}
        return pd.DataFrame([{"place": i + 1, "class": names[k], "number": k, "group": groups[k]} for i, k in enumerate(self.order)])

    def tree_frame(self, names: Sequence[str]) -> pd.DataFrame:
        """One row per branch, most confused first: groups (left when it is folded), first, second, mutual_confusion, surplus."""
        import pandas as pd

        c = len(self.order)
        return pd.DataFrame(
            [
                {
                    "groups": c - 1 - i, "first": group_name(self.members_of(m.left), names), "second": group_name(self.members_of(m.right), names),
                    "mutual_confusion": m.mutual, "surplus": self.surplus[c - 2 - i],
                }
                for i, m in enumerate(self.merges)
            ],
            columns=["groups", "first", "second", "mutual_confusion", "surplus"],
        )  # fmt: skip


def group_name(members: Sequence[int], names: Sequence[str]) -> str:
    """``Pullover + Coat``"""
    return JOINED.join(names[k] for k in members)


def grouped(counts: NDArray[np.int64], groups: Groups) -> NDArray[np.int64]:
    """Summed counts of groups: cell [g, h] holds the images of g's classes that were taken for one of h's; int64 (groups, groups)."""
    summed = np.array([counts[list(g)].sum(axis=0) for g in groups], np.int64).reshape(len(groups), counts.shape[1])
    return np.array([summed[:, list(g)].sum(axis=1) for g in groups], np.int64).reshape(len(groups), len(groups)).T.copy()


def folded(confusion: Confusion, groups: Groups) -> Confusion:
    """The confusion of groups: its cells, intervals and tests are those of the summed counts. What stays within a group counts as right."""
    from fmnist_viz.analysis.confusion import Confusion

    return Confusion(grouped(confusion.counts, groups), tuple(group_name(g, confusion.class_names) for g in groups))
