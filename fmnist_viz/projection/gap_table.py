"""Every pair of classes over several maps: the gap with its interval, and whether all maps say the same of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.projection.gaps import APART, APART_FROM, MIXED, TOUCHING, UNKNOWN, Gaps
from fmnist_viz.projection.replicates import GIVEN, KINDS, PARAMETERS, SAMPLE, START, Replicate

if TYPE_CHECKING:
    import pandas as pd

WORDS = {START: "random starts", SAMPLE: "random halves of the points", PARAMETERS: "other parameters", GIVEN: "given maps"}
NOT_READ = "not to be read"


def spread_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Where one more value would lie with 95 % probability if all are drawn alike from a normal distribution (Student's t); NaN for less than two."""
    from scipy.stats import t

    if (r := len(values)) < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.975, r - 1) * values.std(ddof=1) * math.sqrt(1 + 1 / r))
    return float(values.mean()) - half, float(values.mean()) + half


def sample_interval(whole: float, values: NDArray[np.float64], share: float) -> tuple[float, float]:
    """95 % interval of a statistic `whole` of all points from its values on random parts that hold a `share` of them; NaN for less than two.

    The delete-d jackknife: parts drawn without replacement vary by (1 - share) / share of the variance that new samples of the full size would have. With
    halves that is 1, and the spread is taken as it is: what the method itself does at random is in it once, and not multiplied. Student's t for the few parts.

    References
    ----------
    J. Shao, C. F. J. Wu (1989), A general theory for jackknife variance estimation. Annals of Statistics 17(3), 1176-1197.
    """
    from scipy.stats import t

    if (r := len(values)) < 2 or not 0 < share < 1:
        return math.nan, math.nan
    half = float(t.ppf(0.975, r - 1) * values.std(ddof=1) * math.sqrt(share / (1 - share)))
    return whole - half, whole + half


@dataclass(frozen=True)
class GapTable:
    """Gaps of the same pairs of classes on several maps, the reference first.

    maps : the maps;  gaps : of each;  class_names;  sizes : points of each class
    """

    maps: Sequence[Replicate]
    gaps: Sequence[Gaps]
    class_names: tuple[str, ...]
    sizes: NDArray[np.int64]

    def of_kind(self, kind: str) -> list[int]:
        return [i for i, one in enumerate(self.maps) if one.kind == kind]

    @property
    def kinds(self) -> list[str]:
        """Kinds of replicates that are there."""
        return [kind for kind in KINDS if self.of_kind(kind)]

    def pairs(self) -> pd.DataFrame:
        """One row per pair a, b: see `Stability.pairs`."""
        import pandas as pd

        rows = [self._pair(p, int(a), int(b)) for p, (a, b) in enumerate(self.gaps[0].pairs)] if self.gaps else []
        return pd.DataFrame(
            rows, columns=None if rows else ["a", "b", "n_a", "n_b", "gap", "low", "high", "maps", APART, TOUCHING, MIXED, "verdict", "reading"]
        )

    def _pair(self, p: int, a: int, b: int) -> dict[str, Any]:
        logs = np.array([found.log2[p] for found in self.gaps])
        mixing = np.array([found.mixing[p] for found in self.gaps])
        verdicts = [found.verdicts[p] for found in self.gaps]
        known = Counter(v for v in verdicts if v != UNKNOWN)
        ends = self._intervals(logs)
        drawn = [kind for kind in ends if kind != PARAMETERS and math.isfinite(ends[kind][0])]
        low, high = (f(ends[kind][i] for kind in drawn) if drawn else math.nan for i, f in enumerate((min, max)))
        row: dict[str, Any] = {
            "a": self.class_names[a], "b": self.class_names[b], "n_a": int(self.sizes[a]), "n_b": int(self.sizes[b]),
            "gap": _steps(logs[0]), "low": _steps(low), "high": _steps(high),
        }  # fmt: skip
        for kind, (first, last) in ends.items():
            row |= {f"{kind}_low": _steps(first), f"{kind}_high": _steps(last)}
        row |= {"mixing": mixing[0], "mixing_lowest": _end(np.nanmin, mixing), "mixing_highest": _end(np.nanmax, mixing), "maps": known.total()}
        row |= {v: known[v] for v in (APART, TOUCHING, MIXED)}
        for kind in ends:
            row |= {f"{v}_{kind}": sum(verdicts[i] == v for i in self.of_kind(kind)) for v in (APART, TOUCHING, MIXED)}
        row |= {"verdict": verdicts[0], "same_verdict": len(known) == 1 and UNKNOWN not in verdicts}
        return {**row, "reading": _pair_words(row)}

    def _intervals(self, logs: NDArray[np.float64]) -> dict[str, tuple[float, float]]:
        """kind -> ends of log2 of the gap: an interval, of parameters the range."""
        n, out = len(self.maps[0].rows), {}
        for kind in self.kinds:
            at = [i for i in self.of_kind(kind) if math.isfinite(logs[i])]
            values = logs[at]
            if kind == PARAMETERS:
                out[kind] = (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)
            elif kind == SAMPLE:
                out[kind] = sample_interval(float(logs[0]), values, len(self.maps[at[0]].rows) / n) if at else (math.nan, math.nan)
            else:
                # of given maps the first is one among equals; a random start is another thing than the reference's
                out[kind] = spread_interval(np.append(values, logs[0]) if kind == GIVEN and math.isfinite(logs[0]) else values)
        return out

    def classes(self) -> pd.DataFrame:
        """One row per class with a gap: see `Stability.classes`."""
        import pandas as pd

        rows = [row for c in range(len(self.class_names)) if (row := self._class(c))]
        return pd.DataFrame(rows, columns=None if rows else ["class", "n", "nearest", "maps", "same", "chance", "order", "reading"])

    def _class(self, c: int) -> dict[str, Any]:
        first = int(self.gaps[0].nearest[c]) if self.gaps else -1
        if first < 0:
            return {}
        nearest = [int(found.nearest[c]) for found in self.gaps]
        known = Counter(n for n in nearest if n >= 0)
        others = int(np.isfinite(self.gaps[0].distance[c]).sum())
        row: dict[str, Any] = {"class": self.class_names[c], "n": int(self.sizes[c]), "nearest": self.class_names[first], "maps": known.total()}
        row |= {"same": known[first], "chance": 1 / others if others else math.nan, "order": self._order(c)}
        for kind in self.kinds:
            at = self.of_kind(kind)
            row |= {f"maps_{kind}": sum(nearest[i] >= 0 for i in at), f"same_{kind}": sum(nearest[i] == first for i in at)}
        row["nearest_on_maps"] = ", ".join(f"{self.class_names[n]} {count}" for n, count in known.most_common())
        return {**row, "reading": self._class_words(row, others)}

    def _order(self, c: int) -> float:
        """Mean rank correlation (Kendall's tau-b) between the reference's order of the other classes by distance and that of each other map."""
        from scipy.stats import kendalltau

        found = []
        for other in self.gaps[1:]:
            both = np.isfinite(self.gaps[0].distance[c]) & np.isfinite(other.distance[c])
            if both.sum() > 2:
                found.append(float(kendalltau(self.gaps[0].distance[c][both], other.distance[c][both]).statistic))
        return float(np.mean(found)) if found else math.nan

    def _class_words(self, row: Mapping[str, Any], others: int) -> str:
        if row["maps"] < 2:
            return "there is no second map to hold it against"
        if others < 2:
            return "there is only one other class"
        if row["same"] == row["maps"]:
            return f"{row['nearest']} is the nearest class on all {row['maps']} maps"
        said = f"the nearest class is not reproducible ({row['nearest_on_maps']} of {row['maps']} maps): {NOT_READ}"
        if SAMPLE in self.kinds and START in self.kinds and row["same_sample"] == row["maps_sample"] and row["same_start"] < row["maps_start"]:
            said += f"; {row['nearest']} on all maps that start from principal components: what is near is owed to the start"
        return said


def _pair_words(row: Mapping[str, Any]) -> str:
    pair, maps = f"{row['a']} and {row['b']}", row["maps"]
    if not maps:
        return f"too few points of {pair}"
    if row[APART] == maps:
        if not row["low"] >= APART_FROM:  # NaN, too
            about = "" if row["low"] != row["low"] else f", but its interval ({row['low']:.1f}–{row['high']:.1f} steps) reaches touching"
            return f"the gap between {pair} is there in {maps} of {maps} maps{about}"
        return f"the gap between {pair} is there in {maps} of {maps} maps, {row['gap']:.1f} steps ({row['low']:.1f}–{row['high']:.1f})"
    if row[APART] == 0:
        return f"there is no gap between {pair} in any of {maps} maps"
    return f"the gap between {pair} is there in {row[APART]} of {maps} maps: {NOT_READ}"


def _steps(log2: float) -> float:
    return float(2.0 ** min(log2, 1000.0)) if log2 == log2 else math.nan


def _end(pick: Any, values: NDArray[np.float64]) -> float:
    return float(pick(values)) if np.isfinite(values).any() else math.nan
