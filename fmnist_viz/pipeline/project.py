"""`project`: a map of vectors that are at hand, as a value that says how far it can be believed, draws itself and takes new points."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.store import write_file
from fmnist_viz.core.threads import usable_cores
from fmnist_viz.core.types import Projection
from fmnist_viz.pipeline.faithfulness import Faithfulness, class_labels, judged
from fmnist_viz.pipeline.parquet import write_parquet
from fmnist_viz.pipeline.vector_graph import VectorGraph, joined, neighbor_graph, vectors_of
from fmnist_viz.projection.caption import parameter_text
from fmnist_viz.projection.config import METHODS, SUPERVISED, MapConfig
from fmnist_viz.projection.project import graph_size, layout
from fmnist_viz.projection.umap import warm_up

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.pipeline.placed import Placed

ALL_METHODS = (*METHODS, SUPERVISED)


@dataclass(frozen=True, eq=False)
class Map:
    """One map with its badge. In a notebook it draws itself; printed, it is what may be read off it.

    vectors : what it was made from, with the neighbour graph that a further `project` of the same vectors uses again
    faithfulness : scores, missing and false neighbours, overlap of classes
    labels : int64 (n,), -1 where there are none;  class_names : their names
    """

    vectors: VectorGraph
    faithfulness: Faithfulness
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    @property
    def projection(self) -> Projection:
        return self.faithfulness.projection

    @property
    def coords(self) -> NDArray[np.float32]:
        """float32 (n, 2|3), read-only; all 0 where `projection.note` says why there is no map."""
        return self.projection.coords

    @property
    def scores(self) -> Mapping[str, Any]:
        """Every score with its interval and yardsticks, as `Faithfulness.scores`; empty where there is no map."""
        return self.faithfulness.scores

    @property
    def badge(self) -> str:
        """What may be read off the map, in one sentence."""
        return self.faithfulness.reading

    reading = badge

    def frame(self) -> pd.DataFrame:
        """One row per point: sample_id, x, y (and z), label, class, missing and false neighbours (shares 0..1 of k; NaN where there is no map)."""
        local = self.faithfulness.distortion
        shares = np.full((len(self.coords), 2), np.nan) if local is None else local.shares
        return self.display().frame().assign(missing=shares[:, 0], false=shares[:, 1])

    def display(self) -> Any:
        """The map as a `MapDisplay`."""
        from fmnist_viz.display.map import MapDisplay

        return MapDisplay(self.projection, self.labels, self.class_names)

    def plot(self, ax: Axes | None = None) -> Figure:
        """The points by class with the badge in the caption, onto a sheet of its own; or without a caption into `ax`."""
        figure: Figure = self.display().plot(ax)
        return figure

    def to_csv(self, path: str | Path) -> Path:
        """`frame()` as CSV, all or nothing; coordinates as the shortest texts that read back as the same float32."""
        table = self.frame()
        for axis in [name for name in "xyz" if name in table]:
            table[axis] = table[axis].to_numpy().astype(str)
        write_file(Path(path), table.to_csv(index=False, lineterminator="\n"))
        return Path(path)

    def to_parquet(self, path: str | Path) -> Path:
        """`frame()` as Parquet, all or nothing. Raises UsageError where pyarrow, which the extra `parquet` brings, is missing."""
        return write_parquet(Path(path), self.frame())

    def transform(self, new: Any, *, labels: Any = None, sample_ids: Any = None) -> Placed:
        """Place further vectors of the same width on this map, each with how well it fits; the map itself does not move. See `transform`."""
        from fmnist_viz.pipeline.placed import place_points

        return place_points(self, new, labels=labels, sample_ids=sample_ids)

    def __repr__(self) -> str:
        p = self.projection
        return f"{p.representation}, n = {len(p.coords):,}: {parameter_text(p)}\n{self.badge}"

    def _repr_html_(self) -> str:
        return picture(self.plot(), self.badge)


def picture(figure: Figure, words: str) -> str:
    """A figure as HTML for a notebook; `words` are for who cannot see it."""
    from html import escape

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    from fmnist_viz.display.style import styled

    memory = io.BytesIO()
    with styled():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
    Image.fromarray(pixels).save(memory, format="PNG")
    return f'<img alt="{escape(words)}" style="max-width:100%" src="data:image/png;base64,{base64.b64encode(memory.getvalue()).decode()}">'


def project(
    representation: Any,
    method: str = "tsne",
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    graph: Any = None,
    perplexity: float = 30,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    n_iter: int = 750,
    umap_epochs: int = 200,
    metric: str = "euclidean",
    pca_dims: int = 50,
    dims: int = 2,
    seed: int = 0,
    sample_ids: Any = None,
    threads: int = 0,
) -> Map:
    """A map of vectors, with scores.

    Parameters
    ----------
    representation : `Representation`, what `neighbor_graph` returned, or array-like (n, ...) of numbers: NumPy, pandas, PyTorch, TensorFlow, lists.
        It is copied and never written into; rows of more than one axis are flattened.
    method : "pca", "tsne", "umap", or "umap-supervised", which is shown the labels
    labels : (n,), whole numbers or names, for colours, votes and overlap
    class_names : names of the classes 0..c-1; by default the distinct labels in order
    graph : what `neighbor_graph` returned for these vectors (its metric and PCA dimensions count), or a `NeighborGraph` of them.
        Without it the graph of an earlier map of equal vectors is used, as long as that map lives.
    perplexity, n_iter : of t-SNE;  n_neighbors (the point itself counted), min_dist, umap_epochs : of UMAP; lowered where n asks for it, which is said
    metric : "euclidean" or "cosine";  pca_dims : principal components that distances are computed from, 0: the vectors themselves
    dims : 2 or 3
    seed : whole number from 0. Equal vectors, parameters, seed, threads and versions give equal bytes; nothing global is drawn from or seeded.
    sample_ids : n texts; by default a data frame's index, or 0, 1, 2 ...
    threads : 0 takes all cores

    Returns
    -------
    Map. Vectors without structure (constant, dead, not finite, a single row) give one whose `badge` says why there is nothing to see.

    Raises
    ------
    UsageError for an unknown method or metric and a number out of range; BadInput for arrays that are none or do not fit together.
    """
    if method not in ALL_METHODS:
        raise unknown_choice("method", str(method), ALL_METHODS)
    vectors = _vectors(representation, graph, metric, pca_dims, sample_ids)
    config = _config(
        perplexity=perplexity, n_neighbors=n_neighbors, min_dist=min_dist, n_iter=n_iter, umap_epochs=umap_epochs, metric=vectors.basis.metric, dims=dims
    )
    seed = _seed(seed)
    classes, names = class_labels(labels, class_names, len(vectors.basis.X))
    if method == SUPERVISED and classes is None:
        raise UsageError("LABELS", method, "there were no labels", "Give labels, or take umap.")
    k = graph_size(config, len(vectors.basis.X)) if method != "pca" else 0
    if method in ("umap", SUPERVISED) and "umap" not in sys.modules:
        warm_up(dims, Cache(default_cache_dir()))  # its machine code comes from there, where a run or a call before this one has left it
    coords, used, note = layout(
        vectors.basis, vectors.graph(k) if k else None, method, config=config, seed=seed, threads=threads or usable_cores(), labels=classes
    )
    rep = vectors.representation
    made = Projection(coords, rep.sample_ids, rep.name, method, used, seed, {}, note)
    numbers = np.full(len(coords), -1, np.int64) if classes is None else classes
    return Map(vectors, judged(vectors, made, classes, names, seed=seed), numbers, names)


def _vectors(given: Any, graph: Any, metric: str, pca_dims: int, sample_ids: Any) -> VectorGraph:
    """The vectors with the graph that serves them. Raises BadInput where a given graph is of others."""
    if isinstance(given, VectorGraph):
        return given
    if isinstance(graph, VectorGraph):
        if not graph.of(vectors_of(given, sample_ids=sample_ids)):
            raise BadInput("ROWS", "graph", "is of other vectors than these", "Give the graph that neighbor_graph made of them.")
        return graph
    found = neighbor_graph(given, k=1, metric=metric, pca_dims=pca_dims, sample_ids=sample_ids)
    return found if graph is None else joined(found, graph)


def _config(**values: Any) -> MapConfig:
    """The parameters, checked; their names as a caller writes them, not as the command line does."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
    try:
        return MapConfig(**plain)
    except UsageError as e:
        raise UsageError(e.code.removeprefix("FV-"), e.subject.removeprefix("--").replace("-", "_"), e.fact, e.remedy) from None


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**31:
        raise UsageError("SEED", "seed", f"{seed!r} is no whole number from 0 to {2**31 - 1:,}", "Give one; equal seeds give equal maps.")
    return int(seed)
