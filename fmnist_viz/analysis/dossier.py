"""The dossier of two classes: everything known about why the one is taken for the other, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.dossier_axis import PairAxis
from fmnist_viz.analysis.dossier_epochs import PairEpochs
from fmnist_viz.analysis.dossier_evidence import Evidence
from fmnist_viz.analysis.dossier_places import KINDS, Place
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import LabeledImages, Predictions

if TYPE_CHECKING:
    import pandas as pd

NARROW, SURE = 0.1, 0.5  # margins below which a mistake is narrow, and from which it is confidently wrong


@dataclass(frozen=True)
class Direction:
    """Images of class `true` that were taken for `predicted`.

    n : images of the true class;  rows : int64 (m,), the mistakes from barely to confidently wrong (in their order where there are no probabilities);
    margin : float64 (m,), probability of the predicted class less that of the true one, 0..1; None without probabilities.
    """

    true: int
    predicted: int
    n: int
    rows: NDArray[np.int64]
    margin: NDArray[np.float64] | None

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def rate(self) -> tuple[float, float, float]:
        """Share of the true class, with its 95 % Wilson interval; NaN, 0 and 1 where there is no image of it."""
        low, high = wilson(self.count, self.n)
        return self.count / self.n if self.n else float("nan"), float(low), float(high)


def direction(predictions: Predictions, true: int, predicted: int) -> Direction:
    """The mistakes one way."""
    rows = np.flatnonzero((predictions.y_true == true) & (predictions.y_pred == predicted))
    margin = None
    if predictions.has_proba:
        own = predictions.margin[rows].astype(np.float64)
        order = np.argsort(own, kind="stable")
        rows, margin = rows[order], own[order]
    return Direction(true, predicted, int((predictions.y_true == true).sum()), rows.astype(np.int64), margin)


@dataclass(frozen=True)
class NearestRight:
    """Of each mistake the k nearest images of both classes that the model gets right, nearest first.

    ids_true, ids_predicted : str (m, k);  distances_* : float64 (m, k);  pictured : int64 (s,), mistakes whose neighbours' pixels are held,
    ascending;  pictures_* : uint8 (s, j, h, w, c), j <= k;  space : what distances are measured in;  pool : what the images are
    training : whether these are training images.
    """

    ids_true: NDArray[np.str_]
    ids_predicted: NDArray[np.str_]
    distances_true: NDArray[np.float64]
    distances_predicted: NDArray[np.float64]
    pictured: NDArray[np.int64]
    pictures_true: NDArray[np.uint8]
    pictures_predicted: NDArray[np.uint8]
    space: str
    pool: str
    training: bool

    @property
    def closer(self) -> tuple[int, int]:
        """(mistakes whose nearest image of the predicted class is nearer than that of the true one, mistakes with an image of both)."""
        if not (self.distances_true.shape[1] and self.distances_predicted.shape[1]):
            return 0, 0
        return int((self.distances_predicted[:, 0] < self.distances_true[:, 0]).sum()), len(self.distances_true)


@dataclass(frozen=True)
class Means:
    """Mean images, float64 (h, w, c), 0..255: of both classes and of the mistakes both ways (None where there are none)."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    errors: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]

    @property
    def difference(self) -> NDArray[np.float64]:
        """Mean of the second class less that of the first, by channel averaged, float64 (h, w), -255..255."""
        return (self.b - self.a).mean(axis=2)


def means_of(images: LabeledImages, directions: tuple[Direction, Direction]) -> Means | None:
    """None where there are no pixels, or no image of a class."""
    a, b = directions[0].true, directions[1].true
    rows = [np.flatnonzero(images.labels == c) for c in (a, b)]
    if not images.pictured or not all(map(len, rows)):
        return None
    first, second = (images.images[r].mean(axis=0, dtype=np.float64) for r in rows)
    wrong = [images.images[d.rows].mean(axis=0, dtype=np.float64) if d.count else None for d in directions]
    return Means(first, second, (wrong[0], wrong[1]))


@dataclass(frozen=True)
class Dossier:
    """What is known of classes `a` < `b`; parts that a run has no data for are None or empty.

    directions : a taken for b, then b taken for a;  nearest, evidence : likewise;  p : Fisher's exact test that both rates are equal, two-sided
    places : where the mistakes lie, by representation, map and direction;  evidence_note : why there is no evidence
    suspects : sample id -> reason to doubt the label, of the mistakes; None: not searched in this run
    """

    a: int
    b: int
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    directions: tuple[Direction, Direction]
    p: float
    means: Means | None = None
    nearest: tuple[NearestRight | None, NearestRight | None] = (None, None)
    axis: PairAxis | None = None
    rung: PairRung | None = None
    epochs: PairEpochs | None = None
    places: tuple[tuple[Place, Place], ...] = ()
    evidence: tuple[Evidence | None, Evidence | None] = (None, None)
    evidence_note: str = ""
    suspects: Mapping[str, str] | None = None
    layer: str = ""  # the last hidden one, where neighbours are sought and the axis lies
    seed: int = field(default=0)

    @property
    def names(self) -> tuple[str, str]:
        return self.class_names[self.a], self.class_names[self.b]

    @property
    def count(self) -> int:
        """Mistakes both ways."""
        return sum(d.count for d in self.directions)

    @cached_property
    def facts(self) -> tuple[Any, ...]:
        """Every number that the text says, as `dossier_facts.Fact`s."""
        from fmnist_viz.analysis.dossier_facts import facts

        return tuple(facts(self).values())

    @property
    def sentences(self) -> tuple[str, ...]:
        """The dossier in plain words; every number in it is one of `facts`."""
        from fmnist_viz.analysis.dossier_text import paragraph

        return tuple(paragraph(self))

    @property
    def text(self) -> str:
        """`sentences` as one paragraph."""
        return " ".join(self.sentences)

    def frame(self) -> pd.DataFrame:
        """A row per fact: a, b (class names), fact, value, low, high (95 %, NaN where there is no interval), n, text, method."""
        import pandas as pd

        a, b = self.names
        columns = ["a", "b", "fact", "value", "low", "high", "n", "text", "method"]
        return pd.DataFrame([(a, b, f.name, f.value, f.low, f.high, f.n, f.text, f.method) for f in self.facts], columns=columns)

    def errors(self) -> pd.DataFrame:
        """A row per mistake, from barely to confidently wrong in each direction: sample_id, true, predicted, margin, axis (position, 0: mean of the
        true class, 1: of the predicted one), nearest_true and nearest_predicted (ids, nearest first) with distances, evidence (sum over its pixels, in
        logits), a column ``among_<representation>[_<method>]`` per place, and suspect (why its label may be wrong).
        """
        import pandas as pd

        return pd.concat([self._errors(side) for side in (0, 1)], ignore_index=True)

    def _errors(self, side: int) -> pd.DataFrame:
        import pandas as pd

        d = self.directions[side]
        nan = np.full(d.count, np.nan)
        ids = self.sample_ids[d.rows]
        columns: dict[str, Any] = {"sample_id": ids, "true": self.class_names[d.true], "predicted": self.class_names[d.predicted]}
        columns["margin"] = nan if d.margin is None else d.margin
        columns["axis"] = self.positions(side)
        near = self.nearest[side]
        for name in ("true", "predicted"):
            columns |= {f"nearest_{name}": "", f"distance_{name}": nan}
            if near is not None and (found := getattr(near, f"ids_{name}")).shape[1]:
                columns |= {f"nearest_{name}": [" ".join(row) for row in found.tolist()], f"distance_{name}": getattr(near, f"distances_{name}")[:, 0]}
        columns["evidence"] = nan.copy()
        if (evidence := self.evidence[side]) is not None:
            columns["evidence"][np.isin(d.rows, evidence.rows)] = evidence.total
        for pair in self.places:
            name = "_".join(filter(None, (pair[side].representation, pair[side].method)))
            columns[f"among_{name}"] = np.array(KINDS, dtype=object)[pair[side].kind]
        columns["suspect"] = [(self.suspects or {}).get(name, "") for name in ids.tolist()]
        return pd.DataFrame(columns)

    def positions(self, side: int) -> NDArray[np.float64]:
        """Where one direction's mistakes lie between the mean of their true class (0) and that of the predicted one (1); NaN without an axis."""
        d = self.directions[side]
        if self.axis is None:
            return np.full(d.count, np.nan)
        found = self.axis.of(d.rows)
        return found if side == 0 else 1 - found


def fisher(directions: tuple[Direction, Direction]) -> float:
    """Two-sided p of Fisher's exact test on mistakes and all other images of both classes; NaN where a class has no image.

    References
    ----------
    R. A. Fisher (1935), The logic of inductive inference. Journal of the Royal Statistical Society 98, 39-82.
    """
    from scipy.stats import fisher_exact

    if not all(d.n for d in directions):
        return float("nan")
    return float(fisher_exact([[d.count, d.n - d.count] for d in directions]).pvalue)
