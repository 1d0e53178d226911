"""A training told by the answers to the same images after each epoch: when each class was learned, what was forgotten, which pairs were mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.comparison import mcnemar
from fmnist_viz.analysis.confusion import confusion_counts
from fmnist_viz.analysis.forgetting import ALWAYS, FORGOTTEN, NEVER, STATES, Forgetting
from fmnist_viz.analysis.significance import LEVEL, holm
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import ids_array, read_only

if TYPE_CHECKING:
    import pandas as pd

MARGIN = 0.01  # of the class's images: what an epoch may lack of the last one and still count as learned
RULE = (
    "learned from the first epoch on at which, and at every later one, the class's images are not significantly less often right than after the last epoch, "
    f"and not significantly more other images are taken for it (McNemar on the same images, Holm over epochs and both counts, {100 * LEVEL:g} %), "
    f"differences below {100 * MARGIN:g} image in a hundred of the class aside"
)


@dataclass(frozen=True)
class EpochNumbers:
    """Answers to the same images at every look.

    Parameters
    ----------
    epochs : ascending numbers of the epochs; 0 is before training
    predictions : int64 (e, n), classes named after each of them
    labels : int64 (n,), 0 <= label < len(class_names)
    sample_ids : n names

    Raises
    ------
    ValueError where shapes do not fit together.
    """

    epochs: tuple[int, ...]
    predictions: NDArray[np.int64]
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.labels)
        object.__setattr__(self, "epochs", tuple(int(e) for e in self.epochs))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (n,), "labels"))
        object.__setattr__(self, "predictions", read_only(self.predictions, np.int64, (len(self.epochs), n), "predictions"))
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        if len(self.sample_ids) != n or not self.epochs or list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError("epochs: none, or not ascending; or the ids are not those of the labels")

    @property
    def right(self) -> NDArray[np.bool_]:
        """bool (e, n)"""
        return self.predictions == self.labels

    @property
    def support(self) -> NDArray[np.int64]:
        """Images of each class, int64 (c,)."""
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Confusions after each epoch, true by predicted, int64 (e, c, c)."""
        return np.stack([confusion_counts(self.labels, said, len(self.class_names)) for said in self.predictions])

    @cached_property
    def forgetting(self) -> Forgetting:
        after = [i for i, epoch in enumerate(self.epochs) if epoch > 0]
        return Forgetting(np.array([self.epochs[i] for i in after], np.int64), self.right[after])

    @cached_property
    def lessons(self) -> list[Lesson]:
        """One per class, in the order of the classes."""
        return [_lesson(self, k) for k in range(len(self.class_names))]

    def learned_at(self, k: int) -> int | None:
        """The epoch at which class k was learned by `RULE`; None where it never was."""
        at = self.lessons[k].at
        return self.epochs[at] if at >= 0 else None

    def leading(self, count: int) -> list[tuple[int, int]]:
        """The directed pairs of different classes that were mixed up most over all epochs after the start, by mean rate: (true, predicted)."""
        kept = [i for i, epoch in enumerate(self.epochs) if epoch > 0] or list(range(len(self.epochs)))
        total = self.counts[kept].sum(axis=0) / np.maximum(self.support[:, None], 1)
        np.fill_diagonal(total, 0)
        order = np.argsort(-total, axis=None, kind="stable")[:count]
        return [(int(t), int(p)) for t, p in zip(*np.unravel_index(order, total.shape), strict=True) if total[t, p] > 0]

    def frame(self) -> pd.DataFrame:
        """One row per epoch: epoch, n, right, accuracy with its 95 % Wilson interval, gained and lost images since the look before (from the second epoch)."""
        import pandas as pd

        n, right = len(self.labels), self.right.sum(axis=1)
        low, high = wilson(right, n)
        changes = {epoch: (g, f) for epoch, g, f in self._changes()}
        gained, lost = ([changes.get(epoch, (np.nan, np.nan))[i] for epoch in self.epochs] for i in range(2))
        rate = right / max(n, 1)
        columns = {"epoch": self.epochs, "n": n, "right": right, "accuracy": rate, "accuracy_low": low, "accuracy_high": high, "gained": gained, "lost": lost}
        return pd.DataFrame(columns)

    def class_frame(self) -> pd.DataFrame:
        """One row per class and epoch: class, epoch, n, right, recall with its 95 % Wilson interval, false_alarms (images of other classes taken for it),
        gained and lost images, p_recall and p_false against the last epoch (adjusted), learned, learned_at (the class's epoch; NaN: never).
        """
        import pandas as pd

        lost, gained = (self._by_class(which) for which in (self.forgetting.lost, self.forgetting.gained))
        rows = []
        for k, (name, lesson) in enumerate(zip(self.class_names, self.lessons, strict=True)):
            low, high = wilson(lesson.right, lesson.n)
            for i, epoch in enumerate(self.epochs):
                rate = lesson.right[i] / lesson.n if lesson.n else np.nan
                at = self.learned_at(k)
                rows.append((
                    name, epoch, lesson.n, lesson.right[i], rate, low[i], high[i], lesson.false[i], gained[i, k], lost[i, k], lesson.p_recall[i],
                    lesson.p_false[i], i == lesson.at, np.nan if at is None else at,
                ))  # fmt: skip
        columns = (
            "class", "epoch", "n", "right", "recall", "recall_low", "recall_high", "false_alarms", "gained", "lost", "p_recall", "p_false",
            "learned", "learned_at",
        )  # fmt: skip
        return pd.DataFrame(rows, columns=list(columns))

    def pair_frame(self) -> pd.DataFrame:
        """One row per directed pair of classes that was mixed up after any epoch, and epoch: true, predicted, epoch, count, n_true, rate with its 95 %
        Wilson interval; pairs in the order of `leading`.
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        support = self.support
        for t, p in self.leading(len(self.class_names) ** 2):
            count = self.counts[:, t, p]
            low, high = wilson(count, support[t])
            names = {"true": self.class_names[t], "predicted": self.class_names[p]}
            rows += [
                names | {"epoch": e, "count": int(count[i]), "n_true": int(support[t]), "rate": count[i] / support[t], "low": low[i], "high": high[i]}
                for i, e in enumerate(self.epochs)
            ]
        return pd.DataFrame(rows, columns=["true", "predicted", "epoch", "count", "n_true", "rate", "low", "high"])

    def image_frame(self) -> pd.DataFrame:
        """One row per image: sample_id, label, class, state (see `forgetting.STATES`), first_right (epoch, NaN: never), right_epochs, epochs, events
        (how often it was forgotten), lost_at (after which epochs), last_prediction; most often forgotten first. The look before training does not count.
        """
        import pandas as pd

        f, names = self.forgetting, np.array(self.class_names, dtype=object)
        first = np.where(f.first_right < 0, np.nan, f.first_right)
        frame = pd.DataFrame({
            "sample_id": self.sample_ids, "label": self.labels, "class": names[self.labels], "state": f.states, "first_right": first,
            "right_epochs": f.right.sum(axis=0), "epochs": len(f.epochs), "events": f.events, "lost_at": f.lost_at(),
            "last_prediction": names[self.predictions[-1]],
        })  # fmt: skip
        return frame.sort_values(["events", "right_epochs"], ascending=[False, True], kind="stable").reset_index(drop=True)

    def state_frame(self) -> pd.DataFrame:
        """One row per class, and one for all ("all classes"): n, learned_at, how many images are in each state with rate and 95 % Wilson interval, events."""
        import pandas as pd

        states, events = self.forgetting.states, self.forgetting.events
        rows = []
        for k in (*range(len(self.class_names)), None):
            own = self.labels == k if k is not None else np.ones(len(self.labels), bool)
            row: dict[str, Any] = {"class": self.class_names[k] if k is not None else "all classes", "n": int(own.sum())}
            at = self.learned_at(k) if k is not None else None
            row["learned_at"] = np.nan if at is None else at
            for state in STATES:
                count = int((states[own] == state).sum())
                low, high = wilson(count, row["n"])
                key = state.replace(" ", "_")
                row |= {f"{key}_count": count, key: count / row["n"] if row["n"] else np.nan, f"{key}_low": float(low), f"{key}_high": float(high)}
            rows.append(row | {"events": int(events[own].sum())})
        return pd.DataFrame(rows)

    def readings(self) -> list[str]:
        """What the training shows, in sentences computed from it."""
        return [*_learned_reading(self), *_forgotten_reading(self)]

    def _changes(self) -> list[tuple[int, int, int]]:
        f = self.forgetting
        return [(int(e), int(g), int(x)) for e, g, x in zip(f.epochs[1:], f.gained[1:].sum(axis=1), f.lost[1:].sum(axis=1), strict=True)]

    def _by_class(self, marked: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Marked images after each look by class, float (e, c); NaN where there is nothing to compare with."""
        out = np.full((len(self.epochs), len(self.class_names)), np.nan)
        places = [i for i, epoch in enumerate(self.epochs) if epoch > 0][1:]
        for place, row in zip(places, marked[1:], strict=True):
            out[place] = np.bincount(self.labels[row], minlength=len(self.class_names))
        return out


@dataclass(frozen=True)
class Lesson:
    """One class over the epochs.

    n : its images;  right : int (e,), of them;  false : int (e,), images of other classes taken for it
    p_recall, p_false : float (e,), each against the last epoch, adjusted;  at : index of the look from which it counts as learned, -1: never
    """

    n: int
    right: NDArray[np.int64]
    false: NDArray[np.int64]
    p_recall: NDArray[np.float64]
    p_false: NDArray[np.float64]
    at: int


def _lesson(numbers: EpochNumbers, k: int) -> Lesson:
    """Class k by `RULE`. A class that the last epoch does not name more often for its own images than for others is never learned (Fisher's exact test,
    one-sided, Bonferroni over classes): a network that always gives one answer is right about all images of one class and has learned none.
    """
    from scipy.stats import fisher_exact

    own = numbers.labels == k
    named = numbers.predictions == k
    hit, false = named[:, own], named[:, ~own]
    right, wrong, n = hit.sum(axis=1), false.sum(axis=1), int(own.sum())
    last = len(numbers.epochs) - 1
    p = np.ones((2, last + 1))
    if last:
        less, _ = mcnemar((hit[last] & ~hit[:last]).sum(axis=1), (~hit[last] & hit[:last]).sum(axis=1))
        more, _ = mcnemar((false[last] & ~false[:last]).sum(axis=1), (~false[last] & false[:last]).sum(axis=1))
        p[:, :last] = holm(np.concatenate([less, more])).reshape(2, last)
    behind = ((p[0] < LEVEL) & (right[last] - right >= MARGIN * n)) | ((p[1] < LEVEL) & (wrong - wrong[last] >= MARGIN * n))
    table = [[right[last], n - right[last]], [wrong[last], len(own) - n - wrong[last]]]
    told = n > 0 and n < len(own) and fisher_exact(table, alternative="greater")[1] * len(numbers.class_names) < LEVEL
    at = int(np.flatnonzero(behind)[-1]) + 1 if behind.any() else 0
    return Lesson(n, right.astype(np.int64), wrong.astype(np.int64), p[0], p[1], at if told else -1)


def _learned_reading(numbers: EpochNumbers) -> list[str]:
    present = [k for k, n in enumerate(numbers.support) if n]
    at = {k: numbers.learned_at(k) for k in present}
    if len(numbers.epochs) < 2:
        return []
    said, last = [], numbers.epochs[-1]
    for epoch in sorted({e for e in at.values() if e is not None}):
        names = [numbers.class_names[k] for k in present if at[k] == epoch]
        when = f"only after the last epoch ({last})" if epoch == last else "before training" if epoch == 0 else f"from epoch {epoch} on"
        said.append(f"{when}: {_listed(names)}")
    never = [numbers.class_names[k] for k in present if at[k] is None]
    text = f"Told as well as at the end {'; '.join(said)}" if said else ""
    return [t for t in (text, f"Never learned: {_listed(never)}" if never else "") if t]


def _forgotten_reading(numbers: EpochNumbers) -> list[str]:
    f = numbers.forgetting
    if len(f.epochs) < 2:
        return []
    n, states = len(numbers.labels), f.states
    counts = {state: int((states == state).sum()) for state in STATES}
    back = int(((states == FORGOTTEN) & f.right[-1]).sum())
    said = [
        f"{rate_words(counts[FORGOTTEN], n)} were right after one epoch and wrong after the next at least once "
        f"({int(f.events.sum()):,} events; {back:,} of these images are right at the end), {rate_words(counts[NEVER], n)} were never right, "
        f"{rate_words(counts[ALWAYS], n)} right after every epoch"
    ]
    by_class = np.array([((numbers.labels == k) & (states == FORGOTTEN)).sum() for k in range(len(numbers.class_names))])
    if by_class.any():
        most = int((by_class / np.maximum(numbers.support, 1)).argmax())
        said.append(f"Forgotten most: {numbers.class_names[most]}, {rate_words(int(by_class[most]), int(numbers.support[most]))}")
    return said


def rate_words(count: int, n: int) -> str:
    """``12.1 % (10.2–14.3; 121 of 1,000)``, Wilson interval."""
    low, high = wilson(count, n)
    return f"{100 * count / max(n, 1):.1f} % ({100 * float(low):.1f}–{100 * float(high):.1f}; {count:,} of {n:,})"


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = list(names[:most])
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
