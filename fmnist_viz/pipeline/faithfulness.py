"""How far a map can be believed, for maps and vectors that are at hand as arrays: no run, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.overlap import Overlap, overlap
from fmnist_viz.core.arrays import as_numpy
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import Projection, Representation
from fmnist_viz.neighbors import reference_distances
from fmnist_viz.pipeline.features import query_rows
from fmnist_viz.pipeline.vector_graph import METRICS, VectorGraph
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.caption import caption, reading, score_text
from fmnist_viz.projection.distortion import WIDE, Distortion, distortion
from fmnist_viz.projection.faithfulness import ENDS, SCORES, map_neighbors
from fmnist_viz.projection.faithfulness import faithfulness as scores_of
from fmnist_viz.projection.project import initial_coords
from fmnist_viz.projection.yardstick import K, Yardstick

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Faithfulness:
    """One map's badge and what is behind it. Printed, it is the badge; `plot` draws where the map tears and glues.

    projection : the map with its `scores`;  distortion : missing and false neighbours of every point, None without a map
    overlap : every pair of classes in the representation and on the map, None without labels
    """

    projection: Projection
    distortion: Distortion | None
    overlap: Overlap | None

    @property
    def scores(self) -> Mapping[str, Any]:
        """Every score as ``name``, ``name_low``, ``name_high``, ``name_chance`` and ``name_pca``, with k, n, queries and seed."""
        return self.projection.scores

    @property
    def reading(self) -> str:
        """The badge's sentence: what may be read off the map."""
        return reading(self.projection)

    def frame(self) -> pd.DataFrame:
        """One row per score: score, value, low, high (95 %), shuffled, pca."""
        import pandas as pd

        columns = ("value", "low", "high", "shuffled", "pca")
        rows = [{"score": name, **{c: self.scores.get(f"{name}{end}") for c, end in zip(columns, ENDS, strict=True)}} for name in SCORES if name in self.scores]
        return pd.DataFrame(rows, columns=["score", *columns])

    def plot(self, ax: Axes | None = None) -> Figure:
        """The map with every point coloured by its missing and false neighbours, into `ax` or onto a sheet of its own."""
        from fmnist_viz.display.distortion import DistortionDisplay

        method = self.projection.method
        return DistortionDisplay({method: self.projection}, {} if self.distortion is None else {method: self.distortion}).plot(ax, prefix=self.reading)

    def plot_overlap(self, ax: Axes | None = None) -> Figure:
        """The mixing of every pair of classes in the representation and on the map. Raises UsageError where no labels were given."""
        from fmnist_viz.display.overlap import OverlapDisplay

        if self.overlap is None:
            raise UsageError("LABELS", "plot_overlap", "there were no labels", "Give labels to faithfulness.")
        return OverlapDisplay({self.projection.method: self.overlap}).plot(ax)

    def __str__(self) -> str:
        parts = [self.reading, score_text(self.scores)] if self.scores else [self.reading]
        parts += [] if self.distortion is None else [self.distortion.sentence()]
        parts += [] if self.overlap is None else [self.overlap.sentence()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        from html import escape

        table = self.frame().to_html(index=False, float_format=lambda v: f"{v:.3f}", na_rep="–", border=0) if self.scores else ""
        return f"<p><b>{escape(self.reading)}</b></p><p>{escape(caption(self.projection))}</p>{table}"


def faithfulness(
    representation: Any,
    coords: Any = None,
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    method: str = "",
    metric: str = "euclidean",
    seed: int = 0,
) -> Faithfulness:
    """Hold a map against the vectors it was made from.

    Parameters
    ----------
    representation : a `Map` (then `coords` stays out: it knows its vectors), `Representation`, or array-like (n, d) of finite numbers
    coords : `Projection`, `Map`, or array-like (n, 2 or 3) of finite numbers, row by row
    labels : (n,), whole numbers or names; for votes and overlap, may be missing
    class_names : names of the classes 0..c-1; by default the distinct labels in order
    method : what made the map ("pca", "tsne", "umap", or any name), for the words; that of a `Projection` is known
    metric : "euclidean" or "cosine", of the vectors
    seed : of the queries (at most 1,000, stratified by label) and triplets

    Returns
    -------
    Faithfulness. Vectors without structure (constant, dead, all alike, fewer than four rows) give one whose `reading` says so.

    Raises
    ------
    BadInput for arrays that do not fit together or have no such shape; UsageError for an unknown metric.
    """
    if hasattr(representation, "vectors") and hasattr(representation, "faithfulness"):  # a Map; its module imports this one
        return _of_map(representation, coords, labels, class_names)
    if metric not in METRICS:
        raise UsageError("METRIC", "faithfulness", f"does not know the metric {metric!r}", "Take euclidean or cosine.")
    if coords is None:
        raise UsageError("COORDS", "faithfulness", "was given no map", "Give the vectors and their map, or what project returned.")
    rep = representation_of(representation)
    projection = _projection(getattr(coords, "projection", coords), rep, method, seed)
    classes, names = class_labels(labels, class_names, len(rep.X))
    return judged(VectorGraph(rep, basis(rep, metric=metric)), projection, classes, names, seed=seed)


def _of_map(made: Any, coords: Any, labels: Any, class_names: Sequence[str] | None) -> Faithfulness:
    """What a `Map` knows of itself; with other labels it is asked again."""
    if coords is not None:
        raise UsageError("GIVEN-TWICE", "coords", "the map has its own", "Give the map alone, or vectors and coordinates.")
    if labels is None:
        found: Faithfulness = made.faithfulness
        return found
    classes, names = class_labels(labels, class_names, len(made.coords))
    return judged(made.vectors, made.projection, classes, names, seed=made.projection.seed)


def judged(vectors: VectorGraph, projection: Projection, classes: NDArray[np.int64] | None, names: tuple[str, ...], *, seed: int) -> Faithfulness:
    """A map of the vectors with its scores, or with the reason why there are none."""
    rep, base = vectors.representation, vectors.basis
    note = projection.note or base.note or (f"too few rows (n = {len(rep.X)}) to look for neighbours" if vectors.few else "")
    if note:
        return Faithfulness(Projection(projection.coords, projection.sample_ids, rep.name, projection.method, {}, seed, {}, note), None, None)
    n, dims = projection.coords.shape
    near = map_neighbors(projection.coords, min(WIDE, n - 1))
    queries = query_rows(np.zeros(n, np.int64) if classes is None else classes, seed=seed)
    yardstick = Yardstick(reference_distances(vectors.X, queries, metric=base.metric), k=K, seed=seed)
    pca = scores_of(initial_coords(base, dims, seed=seed), classes, yardstick)
    scores = scores_of(projection.coords, classes, yardstick, near=near, pca=pca)
    made = Projection(projection.coords, projection.sample_ids, rep.name, projection.method, projection.parameters, seed, scores)
    found = distortion(vectors.near, near)
    pairs = None
    if classes is not None:
        pairs = overlap(vectors.near, near[:, : found.k], classes, names, representation=rep.name, method=made.method)
    return Faithfulness(made, found, pairs)


def array_of(values: Any, what: str, widths: tuple[int, ...] = ()) -> NDArray[np.float32]:
    try:
        out = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        raise BadInput("NUMBERS", what, "does not hold numbers only", "Give an array of numbers.") from None
    if out.ndim != 2 or not out.shape[1] or (widths and out.shape[1] not in widths):
        wanted = f"(n, {' or '.join(map(str, widths))})" if widths else "(n, d)"
        raise BadInput("SHAPE", what, f"has the shape {out.shape}, expected {wanted}", "Give one row per point.")
    if not len(out):
        raise BadInput("ROWS", what, "is empty", "Give at least one row.")
    return out


def representation_of(given: Any) -> Representation:
    if isinstance(given, Representation):
        return given
    X = array_of(given, "representation")
    return Representation(X, np.arange(len(X)).astype(str), "representation", "brought")


def _projection(given: Any, rep: Representation, method: str, seed: int) -> Projection:
    if isinstance(given, Projection):
        if not np.array_equal(given.sample_ids, rep.sample_ids) and len(given.coords) != len(rep.X):
            raise BadInput("ROWS", "coords", f"has {len(given.coords):,} points, the representation {len(rep.X):,}", "Give a map of the same rows.")
        return given
    coords = array_of(given, "coords", (2, 3))
    if len(coords) != len(rep.X):
        raise BadInput("ROWS", "coords", f"has {len(coords):,} points, the representation {len(rep.X):,}", "Give a map of the same rows.")
    if not np.isfinite(coords).all():
        raise BadInput("COORDS", "coords", "holds values that are not finite", "Leave those points out of both arrays.")
    return Projection(coords, rep.sample_ids, rep.name, method, {}, seed)


def class_labels(labels: Any, names: Sequence[str] | None, n: int) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Class numbers int64 (n,) or None, and names. Raises BadInput for labels that do not fit."""
    if labels is None:
        return None, ()
    given = as_numpy(labels, "labels")
    if given.shape != (n,):
        raise BadInput("ROWS", "labels", f"has the shape {given.shape}, expected ({n},)", "Give one label per row.")
    if names is None:
        found, numbers = np.unique(given, return_inverse=True)
        return numbers.astype(np.int64), tuple(str(name) for name in found.tolist())
    if given.dtype.kind not in "iu" or (n and not 0 <= int(given.min()) <= int(given.max()) < len(names)):
        raise BadInput(
            "LABELS", "labels", f"are not whole numbers from 0 to {len(names) - 1}", "Give the number of each row's class, or leave class_names out."
        )
    return given.astype(np.int64), tuple(str(name) for name in names)
