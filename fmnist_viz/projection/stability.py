"""What of a map comes again when it is made again: its points' neighbours, their places, and the gaps between classes.

References
----------
E. D. Sun, R. Ma, J. Zou (2023), Dynamic visualization of high-dimensional data. Nature Computational Science 3, 86-100 (maps of resampled points).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.projection.faithfulness import SCORES
from fmnist_viz.projection.gap_table import GapTable
from fmnist_viz.projection.gaps import Gaps, class_pairs, gaps, near_of
from fmnist_viz.projection.replicates import KINDS, Replicate
from fmnist_viz.projection.steadiness import Kept, areas, extent, kept_neighbors, laid_onto, moved

if TYPE_CHECKING:
    import pandas as pd

AT_HOME = 0.75  # share of the maps on which a point lies among the same class; below it is said to jump


@dataclass(frozen=True)
class Stability:
    """One map and its replicates.

    maps : the reference first; those with a note are in `replicates()` and nowhere else
    labels : int64 (n,), -1 is no class;  sample_ids : str (n,);  note : why there is nothing to compare, else empty
    """

    maps: tuple[Replicate, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    representation: str = ""
    method: str = ""

    def __post_init__(self) -> None:
        if not self.maps or not np.array_equal(self.maps[0].rows, np.arange(len(self.labels))):
            raise ValueError("maps: the first must hold every point")
        if len({one.label for one in self.maps}) < len(self.maps):
            raise ValueError("maps: two have the same label")

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def reference(self) -> Replicate:
        return self.maps[0]

    @cached_property
    def drawn(self) -> tuple[Replicate, ...]:
        """The maps that hold points, the reference first."""
        return () if self.reference.note else tuple(one for one in self.maps if not one.note and len(one.rows) > 1)

    @property
    def note(self) -> str:
        if self.reference.note:
            return self.reference.note
        return "" if len(self.drawn) > 1 else "there is no other map to compare with"

    @property
    def kinds(self) -> list[str]:
        """Kinds of replicates that were drawn."""
        return [kind for kind in KINDS if any(one.kind == kind for one in self.drawn)]

    def of_kind(self, kind: str) -> list[Replicate]:
        """The replicates of a kind that were drawn."""
        return [one for one in self.drawn if one.kind == kind]

    @cached_property
    def _nears(self) -> list[NDArray[np.int32]]:
        return [near_of(one.coords) for one in self.drawn]

    @cached_property
    def kept(self) -> dict[str, Kept]:
        """Of every kind, the neighbours that the reference and the maps of that kind have in common."""
        return {kind: self._kept([0, *(i for i, one in enumerate(self.drawn) if one.kind == kind)]) for kind in self.kinds}

    def _kept(self, at: list[int]) -> Kept:
        return kept_neighbors([self.drawn[i] for i in at], [self._nears[i] for i in at], self.n)

    @cached_property
    def share(self) -> NDArray[np.float64]:
        """Of each point's nearest neighbours those that two maps have in common, 0..1, float64 (n,): the mean over the kinds; NaN without a map."""
        found = [kept.share for kept in self.kept.values()]
        known = [np.isfinite(share) for share in found]
        total = sum((np.where(k, share, 0.0) for k, share in zip(known, found, strict=True)), np.zeros(self.n))
        seen = sum((k.astype(np.int64) for k in known), np.zeros(self.n, np.int64))
        return np.divide(total, seen, out=np.full(self.n, np.nan), where=seen > 0)

    @property
    def chance(self) -> float:
        """The same of points thrown down at random."""
        return float(np.mean([kept.chance for kept in self.kept.values()])) if self.kept else float("nan")

    @cached_property
    def moved(self) -> NDArray[np.float64]:
        """How far each point goes once the replicates are laid onto the reference, over its size: float64 (n,), see `steadiness.moved`."""
        return moved(self.drawn[1:], self.reference, self.n) if not self.note else np.full(self.n, np.nan)

    @cached_property
    def _areas(self) -> NDArray[np.int64]:
        return areas(self.drawn, self._nears, self.labels, len(self.class_names))

    @cached_property
    def jumps(self) -> NDArray[np.bool_]:
        """Points that lie among the same class on less than three quarters of their maps: bool (n,)."""
        found = self._areas
        return found.max(axis=1, initial=0) < AT_HOME * found.sum(axis=1)

    @cached_property
    def gaps(self) -> tuple[Gaps, ...]:
        """Of each map that was drawn; without labels empty."""
        c = len(self.class_names)
        if self.note or not c:
            return ()
        pairs = class_pairs(self.reference.coords, self.labels[self.reference.rows], c)
        return tuple(gaps(one.coords, self.labels[one.rows], c, near=near, pairs=pairs) for one, near in zip(self.drawn, self._nears, strict=True))

    @cached_property
    def table(self) -> GapTable:
        sizes = np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))
        return GapTable(self.drawn, self.gaps, self.class_names, sizes)

    def points(self) -> pd.DataFrame:
        """One row per point: sample_id, label, class, x, y of the reference, ``kept`` (see `share`) and ``kept_<kind>``, ``moved``, ``area`` (the class among
        whose points it lies on most maps), ``area_maps`` of ``maps``, ``areas`` (all of them with their counts) and ``jumps``."""
        import pandas as pd

        names = np.array([*self.class_names, ""], dtype=object)
        frame = pd.DataFrame({"sample_id": self.sample_ids, "label": self.labels, "class": names[self.labels]})
        frame["x"], frame["y"] = self.reference.coords[:, 0], self.reference.coords[:, 1]
        frame["kept"] = self.share
        for kind, kept in self.kept.items():
            frame[f"kept_{kind}"] = kept.share
        found = self._areas
        frame["moved"] = self.moved
        frame["area"] = names[np.where(found.any(axis=1), found.argmax(axis=1), len(names) - 1)] if found.shape[1] else ""
        frame["area_maps"], frame["maps"] = found.max(axis=1, initial=0), found.sum(axis=1)
        frame["areas"] = [self._areas_text(row) for row in found]
        frame["jumps"] = self.jumps
        return frame

    def _areas_text(self, counts: NDArray[np.int64]) -> str:
        at = np.argsort(-counts, kind="stable")
        return ", ".join(f"{self.class_names[c]} {counts[c]}" for c in at[: np.count_nonzero(counts)])

    def pairs(self) -> pd.DataFrame:
        """One row per pair of classes a, b.

        ``gap`` : on the reference, in steps (see `gaps`): 1 to 1.5 where two classes share a border, 3 and more where there is room between them
        ``low``, ``high`` : the widest of the intervals that follow
        ``start_low``, ``_high`` : where the gap of a map from one more random start lies with 95 % probability
        ``sample_low``, ``_high`` : 95 % interval of the reference's gap over new samples of points
        ``parameters_low``, ``_high`` : smallest and largest gap under the other parameters, no interval
        ``mixing`` on the reference, ``mixing_lowest``, ``mixing_highest`` of all maps
        ``maps`` on which it was measured, of which ``apart``, ``touching``, ``mixed`` (also by kind, ``apart_start``); ``verdict`` of the reference,
        ``same_verdict``, and ``reading`` in words.
        """
        return self.table.pairs()

    def classes(self) -> pd.DataFrame:
        """One row per class: ``nearest`` class on the reference, on how many of ``maps`` it is the ``same`` (also by kind), ``chance`` that it is by luck
        on one map, ``order`` (mean Kendall correlation of all classes' distances with those on the reference), ``nearest_on_maps``, ``reading``."""
        return self.table.classes()

    def replicates(self) -> pd.DataFrame:
        """One row per map: kind, label, n, seed, ``moved`` (root mean square) and ``kept`` against the reference, its scores with intervals, note."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        scored = [name for name in SCORES if any(name in one.scores for one in self.maps)]
        for one in self.maps:
            way, kept = self.against_reference.get(one.label, (np.nan, np.nan))
            row: dict[str, Any] = {"kind": one.kind, "label": one.label, "n": len(one.rows), "seed": one.seed, "moved": way, "kept": kept}
            row |= {f"{name}{end}": one.scores.get(f"{name}{end}") for name in scored for end in ("", "_low", "_high")}
            rows.append({**row, "note": one.note})
        return pd.DataFrame(rows)

    @cached_property
    def against_reference(self) -> dict[str, tuple[float, float]]:
        """label -> (root mean square way over the reference's size, mean share of neighbours in common) of every replicate that was drawn."""
        size, found = extent(self.reference.coords), {}
        for i, one in enumerate(self.drawn[1:], 1):
            way = laid_onto(one, self.reference) - self.reference.coords[np.searchsorted(self.reference.rows, one.rows)]
            kept = self._kept([0, i]).share
            known = np.isfinite(kept)
            far = float(np.sqrt((way**2).sum(axis=1).mean())) / size if size else float("nan")
            found[one.label] = (far, float(kept[known].mean()) if known.any() else float("nan"))
        return found

    def findings(self) -> list[str]:
        """What may be read off the reference and what not, in sentences (see `stability_reading`)."""
        from fmnist_viz.projection.stability_reading import findings

        return findings(self)
