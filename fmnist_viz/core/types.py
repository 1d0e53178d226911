"""What travels between rooms: frozen dataclasses of read-only NumPy arrays, checked where they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RepresentationKind = Literal["pixels", "activation", "logits", "probabilities", "weight", "brought"]


def read_only(array: Any, dtype: Any, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """`array` as a read-only view of the given dtype; raises ValueError where the shape differs (None = any)."""
    out = np.asarray(array)
    if out.dtype != np.dtype(dtype):
        raise ValueError(f"{name}: dtype {out.dtype}, expected {np.dtype(dtype)}")
    if out.ndim != len(shape) or any(want is not None and want != got for want, got in zip(shape, out.shape, strict=True)):
        raise ValueError(f"{name}: shape {out.shape}, expected {shape}")
    out = out.view()
    out.flags.writeable = False
    return out


def ids_array(ids: Any) -> NDArray[np.str_]:
    """Sample ids as a read-only unicode array (n,)."""
    out = np.asarray(ids, dtype=np.str_)
    if out.ndim != 1:
        raise ValueError(f"sample_ids: shape {out.shape}, expected (n,)")
    out = out.view()
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Source:
    """Where images came from: part of every manifest and report."""

    kind: str  # "fashion-mnist", "idx", "npz", "csv", "folder", "sample", "memory"
    location: str  # as shown to a person; never an absolute path
    sha256: str  # of the decoded pixels and labels, so that it is equal for every container format
    official: bool = False  # the payload equals the published Fashion-MNIST
    notes: tuple[str, ...] = ()  # what was done to the data on the way: resized, skipped, scaled ...
    fallback: bool = False  # a stand-in was taken because the real data was not to be had


def split_words(split: str) -> str:
    """A split's name as it stands before "images"."""
    return {"train": "training", "all": "training and test"}.get(split, split)


@dataclass(frozen=True)
class LabeledImages:
    """Images with labels.

    images : uint8 (n, h, w, c), c in {1, 3}, or (n, 0, 0, 1) where only labels are known (`pictured` is False);
    labels : int64 (n,), 0 <= label < len(class_names);  sample_ids : str (n,), ``<split>/<original index>``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    split: str
    source: Source

    def __post_init__(self) -> None:
        n = len(self.images)
        object.__setattr__(self, "images", read_only(self.images, np.uint8, (n, None, None, None), "images"))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (n,), "labels"))
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if len(self.sample_ids) != n:
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {n} images")
        if n and (self.labels.min() < 0 or self.labels.max() >= len(self.class_names)):
            raise ValueError(f"labels: outside 0..{len(self.class_names) - 1}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: NDArray[np.integer[Any]]) -> LabeledImages:
        """The given rows, in that order, ids kept."""
        return LabeledImages(self.images[rows], self.labels[rows], self.class_names, self.sample_ids[rows], self.split, self.source)

    @property
    def pictured(self) -> bool:
        """Whether there are pixels; without them only labels, ids and class names are known."""
        return 0 not in self.images.shape[1:]

    @property
    def pixels(self) -> NDArray[np.float32]:
        """Raw pixel values 0..255 as rows, float32 (n, h*w*c)."""
        return self.images.reshape(len(self.images), -1).astype(np.float32)

    def digest(self) -> str:
        """SHA-256 of pixels, labels, ids and class names: the identity used by every cache key."""
        h = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        h.update(np.ascontiguousarray(self.images).data)
        h.update(np.ascontiguousarray(self.labels).data)
        h.update("\n".join(self.sample_ids.tolist()).encode())
        return h.hexdigest()

    @property
    def inputs(self) -> NDArray[Any]:
        """What a network that is trained on them is fed: the images themselves."""
        return self.images


@dataclass(frozen=True)
class LabeledFeatures(LabeledImages):
    """Images with what a frozen network made of each: features float32 (n, d). These, not the images, are fed to what is trained."""

    features: NDArray[np.float32]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "features", read_only(self.features, np.float32, (len(self.images), None), "features"))

    @property
    def inputs(self) -> NDArray[np.float32]:
        return self.features

    def take(self, rows: NDArray[np.integer[Any]]) -> LabeledFeatures:
        """The given rows, in that order, with their features."""
        return with_features(super().take(rows), self.features[rows])


def with_features(images: LabeledImages, features: NDArray[np.float32]) -> LabeledFeatures:
    """Images and their features float32 (n, d), row by row."""
    return LabeledFeatures(images.images, images.labels, images.class_names, images.sample_ids, images.split, images.source, features)


@dataclass(frozen=True)
class DataSet:
    """Two splits of one source: `train` may be None where only images to look at were given."""

    train: LabeledImages | None
    test: LabeledImages

    @property
    def source(self) -> Source:
        return self.test.source

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.test.class_names

    def split(self, name: str) -> LabeledImages:
        found = {"train": self.train, "test": self.test}.get(name)
        if found is None:
            raise KeyError(name)
        return found


@dataclass(frozen=True)
class Predictions:
    """What was predicted of samples whose class is known.

    y_true int64 (n,);  y_proba float32 (n, c) with rows summing to one, or None where only labels were given: then
    y_label int64 (n,) holds them, and there is no confidence and no margin. `y_pred` is `y_label`, or the argmax of
    the probabilities (first of equals).
    """

    sample_ids: NDArray[np.str_]
    y_true: NDArray[np.int64]
    y_proba: NDArray[np.float32] | None
    class_names: tuple[str, ...]
    model: str
    epoch: int | None = None
    y_label: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.y_true)
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "y_true", read_only(self.y_true, np.int64, (n,), "y_true"))
        if (self.y_proba is None) == (self.y_label is None):
            raise ValueError("predictions: give y_proba or y_label, one of them")
        if self.y_proba is not None:
            object.__setattr__(self, "y_proba", read_only(self.y_proba, np.float32, (n, len(self.class_names)), "y_proba"))
        if self.y_label is not None:
            object.__setattr__(self, "y_label", read_only(self.y_label, np.int64, (n,), "y_label"))
        if len(self.sample_ids) != n:
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {n} labels")

    @property
    def has_proba(self) -> bool:
        """Whether there are probabilities; `confidence` and `margin` raise ValueError where there are none."""
        return self.y_proba is not None

    @property
    def proba(self) -> NDArray[np.float32]:
        """The probabilities; raises ValueError where only labels were given."""
        if self.y_proba is None:
            raise ValueError("no probabilities were given")
        return self.y_proba

    @property
    def y_pred(self) -> NDArray[np.int64]:
        return self.proba.argmax(axis=1).astype(np.int64) if self.y_label is None else self.y_label

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Probability of the predicted class, 0..1."""
        return self.proba.max(axis=1)

    @property
    def margin(self) -> NDArray[np.float32]:
        """Highest probability among the other classes minus that of the true class, float32 (n,), -1..1.

        Negative where the model is right; where it is wrong, from 0 ("barely") to 1 ("confidently wrong").
        """
        rows = np.arange(len(self.y_true))
        others = self.proba.copy()
        others[rows, self.y_true] = -1
        best = others.max(axis=1) if others.shape[1] > 1 else np.zeros(len(rows), np.float32)
        return np.asarray(best - self.proba[rows, self.y_true], np.float32)

    @property
    def correct(self) -> NDArray[np.bool_]:
        return self.y_pred == self.y_true


@dataclass(frozen=True)
class Representation:
    """High-dimensional vectors of samples: X float32 (n, d). Rows that are not finite are let through: the map says which they are.

    `transform` records how X came from the raw vectors (empty: it *is* the raw vectors); `raw_width` is their length.
    """

    X: NDArray[np.float32]
    sample_ids: NDArray[np.str_]
    name: str
    kind: RepresentationKind
    model: str = ""
    epoch: int | None = None
    raw_width: int = 0
    transform: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", read_only(self.X, np.float32, (None, None), f"representation {self.name!r}"))
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "raw_width", self.raw_width or self.X.shape[1])
        if len(self.sample_ids) != len(self.X):
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {len(self.X)} rows")

    @property
    def reduced(self) -> bool:
        return self.raw_width != self.X.shape[1]


@dataclass(frozen=True)
class ReferenceDistances:
    """Distances of sampled query rows to all rows in the *unreduced* space: the yardstick of every score.

    queries : int64 (q,) row numbers;  distances : float32 (q, n), Euclidean or cosine chord, the query itself included.
    """

    queries: NDArray[np.int64]
    distances: NDArray[np.float32]
    metric: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "queries", read_only(self.queries, np.int64, (None,), "queries"))
        object.__setattr__(self, "distances", read_only(self.distances, np.float32, (len(self.queries), None), "distances"))


@dataclass(frozen=True)
class NeighborGraph:
    """k nearest neighbours of every row, self excluded, nearest first.

    indices : int32 (n, k);  distances : float32 (n, k), ascending;  recall : share of the true k nearest
    neighbours in the unreduced space that the graph holds, over the sampled queries (NaN where unknown).
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]
    metric: str
    exact: bool = True
    recall: float = float("nan")

    def __post_init__(self) -> None:
        shape = np.shape(self.indices)
        object.__setattr__(self, "indices", read_only(self.indices, np.int32, (None, None), "indices"))
        object.__setattr__(self, "distances", read_only(self.distances, np.float32, shape, "distances"))

    @property
    def k(self) -> int:
        return int(self.indices.shape[1])

    def head(self, k: int) -> NeighborGraph:
        """The k nearest of them; raises ValueError where the graph holds fewer."""
        if k > self.k:
            raise ValueError(f"the graph holds {self.k} neighbours, {k} wanted")
        return NeighborGraph(self.indices[:, :k], self.distances[:, :k], self.metric, self.exact, self.recall)

    def with_self(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Writable copies (n, k) whose first column is the point itself at distance 0.

        Libraries that count the point itself (UMAP, scikit-learn-intelex's t-SNE) also write into what they are given.
        """
        head = self.head(k - 1)
        own = np.arange(len(self.indices), dtype=np.int32)[:, None]
        zero = np.zeros((len(self.indices), 1), np.float32)
        return np.hstack([own, head.indices]), np.hstack([zero, head.distances])


@dataclass(frozen=True)
class Projection:
    """2-D or 3-D coordinates, float32 (n, 2|3), finite; or, where the input has no structure, none of meaning.

    `note` is empty for a real map; else it says in plain words why there is none ("constant layer: ..."),
    and every display draws that sentence in place of points.
    """

    coords: NDArray[np.float32]
    sample_ids: NDArray[np.str_]
    representation: str
    method: str
    parameters: Mapping[str, Any]
    seed: int
    scores: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "coords", read_only(self.coords, np.float32, (None, None), "coords"))
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        if len(self.sample_ids) != len(self.coords):
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {len(self.coords)} points")
        if self.coords.shape[1] not in (2, 3):
            raise ValueError(f"coords: shape {self.coords.shape}, expected (n, 2) or (n, 3)")
        if not np.isfinite(self.coords).all():
            raise ValueError(f"projection {self.method} of {self.representation!r}: coordinates are not finite")
