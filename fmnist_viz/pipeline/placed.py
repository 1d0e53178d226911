"""New points on a map, as a value: where they are, how well they fit, in words, numbers and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.arrays import as_numpy
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.store import write_file
from fmnist_viz.display.placed import PlacedDisplay
from fmnist_viz.pipeline.parquet import write_parquet
from fmnist_viz.pipeline.vector_graph import vectors_of
from fmnist_viz.projection.transform import Ground, nearest_of, place
from fmnist_viz.reduce import unit_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.pipeline.project import Map


@dataclass(frozen=True, eq=False)
class Placed:
    """New points on one map. In a notebook it draws itself; printed, it says how many fit."""

    display: PlacedDisplay

    @property
    def coords(self) -> NDArray[np.float32]:
        """float32 (m, 2|3)"""
        return self.display.placement.coords

    @property
    def fit(self) -> NDArray[np.str_]:
        """``fits``, ``between groups`` or ``far from everything`` for each."""
        return self.display.fit

    @property
    def reading(self) -> str:
        """How many fit, and what chance would give, in one sentence."""
        return self.display.reading()

    def frame(self) -> pd.DataFrame:
        """One row per new point: see `PlacedDisplay.frame`."""
        return self.display.frame()

    def plot(self, ax: Axes | None = None) -> Figure:
        """The map in pale colours, the new points on it; misfits as open marks."""
        return self.display.plot(ax)

    def to_csv(self, path: str | Path) -> Path:
        """`frame()` as CSV, all or nothing."""
        write_file(Path(path), csv_text(self.frame()))
        return Path(path)

    def to_parquet(self, path: str | Path) -> Path:
        """`frame()` as Parquet, all or nothing. Raises UsageError where pyarrow, which the extra `parquet` brings, is missing."""
        return write_parquet(Path(path), self.frame())

    def __repr__(self) -> str:
        return self.reading

    def _repr_html_(self) -> str:
        from fmnist_viz.pipeline.project import picture

        return picture(self.plot(), self.reading)


def csv_text(frame: pd.DataFrame) -> str:
    """A table of points as CSV; coordinates as the shortest texts that read back as the same float32, all else with seven digits."""
    table = frame.copy()
    for name in table.columns:
        if name in ("x", "y", "z"):
            table[name] = table[name].to_numpy().astype(str)
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.7g"))


def place_points(made: Map, new: Any, *, labels: Any = None, sample_ids: Any = None) -> Placed:
    """Place rows of `new` (m, ...) on a map. Raises BadInput where there is no map, or rows are of another width or not finite."""
    p, vectors = made.projection, made.vectors
    if p.note:
        raise BadInput("NO-MAP", p.representation, f"there is no map to place points on: {p.note}", "Give vectors that have structure.")
    rep = vectors_of(new, name="new", sample_ids=sample_ids)
    X = checked_rows(rep.X, vectors.X.shape[1], reduced=vectors.representation.reduced)
    if vectors.basis.metric == "cosine":
        X = unit_rows(X)
    ground = Ground(vectors.X, vectors.near)
    found = place(X, ground, nearest_of(X, ground), made.coords, p.method)
    numbers = _matched(labels, made.class_names, len(X))
    return Placed(PlacedDisplay(p, made.labels, made.class_names, found, rep.sample_ids, numbers))


def checked_rows(X: NDArray[np.float32], width: int, *, reduced: bool = False) -> NDArray[np.float32]:
    """Rows that distances to the map's own vectors can be taken of. Raises BadInput."""
    if X.shape[1] != width:
        how = " after their reduction, which new rows cannot be given" if reduced else ""
        raise BadInput("WIDTH", "new", f"has rows of {X.shape[1]:,} numbers, the map's vectors have {width:,}{how}", "Give vectors of the same kind.")
    bad = ~np.isfinite(X).all(axis=1)
    if bad.any():
        raise BadInput("NOT-FINITE", "new", f"{int(bad.sum()):,} rows hold values that are not finite (first: row {int(bad.argmax())})", "Leave them out.")
    return X


def _matched(labels: Any, names: tuple[str, ...], n: int) -> NDArray[np.int64]:
    """Class numbers of the map's own classes: by name where a name is given, else by number; -1 where there are none."""
    if labels is None:
        return np.full(n, -1, np.int64)
    given = as_numpy(labels, "labels")
    if given.shape != (n,):
        raise BadInput("ROWS", "labels", f"has the shape {given.shape}, expected ({n},)", "Give one label per row.")
    if not names:
        raise UsageError("LABELS", "labels", "the map has no classes", "Give labels to project, too.")
    place = {"": -1, "-1": -1} | {name: i for i, name in enumerate(names)}
    numbers = np.array([place.get(str(value), value if isinstance(value, int) and -1 <= value < len(names) else -2) for value in given.tolist()], np.int64)
    if (unknown := np.flatnonzero(numbers == -2)).size:
        remedy = f"Choose from: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}; -1 for none."
        raise BadInput("LABELS", "labels", f"{given.tolist()[unknown[0]]!r} is no class of the map", remedy)
    return numbers
