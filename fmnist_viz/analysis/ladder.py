"""The layer ladder in numbers: what every layer, from the pixels to the logits, makes easier to read, measured on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis import probe
from fmnist_viz.analysis.class_pairs import PairRung, chosen_pairs, class_pairs, pair_table
from fmnist_viz.analysis.comparison import mcnemar
from fmnist_viz.analysis.dimension import of_neighbors
from fmnist_viz.analysis.probe import Split, standardised
from fmnist_viz.analysis.silhouette import distances_of, silhouette
from fmnist_viz.analysis.similarity import LEAST, Gram, K, knn_accuracy, similarity
from fmnist_viz.core.intervals import paired_difference, wilson
from fmnist_viz.data.split import stratified_rows

if TYPE_CHECKING:
    import pandas as pd

AMONG = 10_000  # images that are measured: probes and neighbours
QUERIES = 1000  # of them whose neighbours, distances and CKA are looked at
NUMBERS = ("probe", "gain", "knn", "silhouette", "dimension")  # each with _low and _high
FEW = f"too few images to measure: at least {LEAST} are needed"


@dataclass(frozen=True)
class LayerVectors:
    """One layer: X float32 (n, d) of the images in their order; `note` says why nothing can be measured, and then nothing is.

    width : values per image before any reduction, 0 for d;  units, dead : how many units or channels were looked at and are 0 for all images
    """

    name: str
    X: NDArray[np.float32]
    note: str = ""
    width: int = 0
    units: int = 0
    dead: int = 0


@dataclass(frozen=True)
class LadderNumbers:
    """What was measured. `rows` has one mapping per layer, the columns of `frame()`; `told` the held-out answers of each layer's probe.

    n, queries, held : images measured, sampled for neighbours, and held out;  truth : int64 (held,)
    """

    rows: tuple[Mapping[str, Any], ...]
    pairs: tuple[PairRung, ...]
    alike: pd.DataFrame
    class_names: tuple[str, ...]
    truth: NDArray[np.int64]
    told: Mapping[str, NDArray[np.int64]]
    n: int
    queries: int
    seed: int
    notes: tuple[str, ...] = field(default=())

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(str(row["layer"]) for row in self.rows)

    @property
    def held(self) -> int:
        return len(self.truth)

    def frame(self) -> pd.DataFrame:
        """One row per layer, in order: layer, width, kept_width, n, held_out, queries, k; probe (held-out accuracy), gain (over the layer before, paired)
        with gain_p (McNemar), knn (15-NN accuracy), silhouette (-1..1), dimension, each with _low and _high at 95 %; units, dead, dead_share;
        note, seed. NaN where something was not measured.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def pair_frame(self) -> pd.DataFrame:
        """See `pair_table`."""
        return pair_table(self.pairs, self.class_names)

    def cka_frame(self) -> pd.DataFrame:
        """One row per pair of layers: layer_a, layer_b, n, cka, k, shared_neighbors, with 95 % intervals."""
        return self.alike

    def difference(self, a: str, b: str) -> tuple[float, float, float, float]:
        """Probe accuracy of layer b less that of a on the same held-out images: (difference, low, high, McNemar's p)."""
        right = [self.told[name] == self.truth for name in (a, b)]
        return paired(*right)


def paired(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Share of `b` less that of `a`, both bool (n,) of the same images, with Newcombe's 95 % interval, and McNemar's p."""
    counts = [int(v.sum()) for v in (a & b, a & ~b, ~a & b, ~a & ~b)]
    difference, low, high = paired_difference(*counts)
    p, _ = mcnemar(counts[1], counts[2])
    return float(difference), float(low), float(high), float(p)


def measure(layers: Sequence[LayerVectors], labels: NDArray[np.int64], class_names: Sequence[str], *, seed: int) -> LadderNumbers:
    """Measure every layer on the same images: at most 10,000 stratified ones, 1,000 of them for neighbours and distances.

    Probes and pairs are fitted on half of the images, at most 2,000, and judged on the rest; the split is one for all layers, so that differences
    between layers are paired. Neighbours, silhouette, dimension and CKA are of the vectors as they are kept (wide layers: their components).
    """
    from threadpoolctl import threadpool_limits

    n = len(labels)
    among = np.sort(stratified_rows(labels, min(AMONG, n), seed=seed))
    own = labels[among]
    queries = np.sort(stratified_rows(own, min(QUERIES, len(own)), seed=seed))
    split = Split.of(own, seed=seed)
    notes = []
    if n < LEAST:
        notes.append(f"n = {n}: {FEW}")
    # a probe needs two classes that it has seen more than once
    readable = n >= LEAST and (np.bincount(own[split.fit], minlength=1) > 1).sum() > 1
    if n >= LEAST and not readable:
        notes.append("fewer than two classes with two images each: nothing to tell apart")
    scores: dict[str, NDArray[np.float64]] = {}
    told: dict[str, NDArray[np.int64]] = {}
    grams: dict[str, Gram] = {}
    rows = []
    for layer in layers:
        row = _empty(layer, n=len(own), held=len(split.held), queries=len(queries), seed=seed)
        if not layer.note and n >= LEAST:
            X = layer.X if len(among) == n else layer.X[among]
            grams[layer.name] = gram = Gram.of(X, queries)
            row |= _spread(X, queries, gram)
            # matrices are small from here on: threads would wait for each other longer than they compute
            with threadpool_limits(1):
                z = standardised(X, split.fit) if readable else np.zeros((len(own), 0))
                if z.shape[1]:
                    scores[layer.name], told[layer.name] = z, probe.probe(z, own, split)
                    row |= _classes(gram, own, queries)
        rows.append(row | _read(told, own[split.held], layer.name))
    mixed = _mixed(told, own[split.held], len(class_names))
    with threadpool_limits(1):
        pairs = class_pairs(scores, own, split, chosen_pairs(own, mixed))
    return LadderNumbers(
        tuple(rows), tuple(pairs), _alike(grams), tuple(class_names), own[split.held], told, len(own), len(queries), seed, tuple(notes)
    )  # fmt: skip


def _empty(layer: LayerVectors, *, n: int, held: int, queries: int, seed: int) -> dict[str, Any]:
    """A row in which nothing is known but what needs no measuring."""
    nan = float("nan")
    row: dict[str, Any] = {"layer": layer.name, "width": layer.width or layer.X.shape[1], "kept_width": layer.X.shape[1], "n": n, "held_out": held}
    row |= {"queries": queries, "k": K}
    for name in NUMBERS:
        row |= {name: nan, f"{name}_low": nan, f"{name}_high": nan, **({"gain_p": nan} if name == "gain" else {})}
    dead = {"units": layer.units, "dead": layer.dead, "dead_share": layer.dead / layer.units} if layer.units else {"units": 0, "dead": 0, "dead_share": nan}
    return row | {"duplicates": 0} | dead | {"note": layer.note, "seed": seed}


def _spread(X: NDArray[np.float32], queries: NDArray[np.int64], gram: Gram) -> dict[str, Any]:
    found = of_neighbors(X, queries, gram.neighbors)
    return {"dimension": found.value, "dimension_low": found.low, "dimension_high": found.high, "duplicates": found.duplicates}


def _classes(gram: Gram, labels: NDArray[np.int64], queries: NDArray[np.int64]) -> dict[str, float]:
    near = knn_accuracy(gram, labels, queries)
    value, low, high = silhouette(distances_of(gram.products), labels[queries])
    out = {name.replace("knn_accuracy", "knn"): v for name, v in near.items()}
    return out | {"silhouette": value, "silhouette_low": low, "silhouette_high": high}


def _read(told: Mapping[str, NDArray[np.int64]], truth: NDArray[np.int64], name: str) -> dict[str, float]:
    """The probe's accuracy, and what this layer adds to the one before it that has a probe."""
    if name not in told:
        return {}
    right = told[name] == truth
    low, high = wilson(int(right.sum()), len(right))
    row = {"probe": float(right.mean()), "probe_low": float(low), "probe_high": float(high)}
    before = [other for other in told if other != name]
    if before:
        row |= dict(zip(("gain", "gain_low", "gain_high", "gain_p"), paired(told[before[-1]] == truth, right), strict=True))
    return row


def _mixed(told: Mapping[str, NDArray[np.int64]], truth: NDArray[np.int64], classes: int) -> NDArray[np.int64] | None:
    """True by predicted class of the last probe, int64 (classes, classes)."""
    if not told:
        return None
    last = list(told.values())[-1]
    return np.bincount(truth * classes + last, minlength=classes * classes).reshape(classes, classes)


def _alike(grams: Mapping[str, Gram]) -> pd.DataFrame:
    """Every two layers once, in order."""
    import pandas as pd

    columns = ["layer_a", "layer_b", "n", "cka", "cka_low", "cka_high", "k", "shared_neighbors", "shared_neighbors_low", "shared_neighbors_high"]
    if len(grams) < 2:
        return pd.DataFrame(columns=columns)
    table = similarity(grams, grams).rename(columns={"baseline_layer": "layer_a", "run_layer": "layer_b"})
    place = {name: i for i, name in enumerate(grams)}
    upper = table["layer_a"].map(place) < table["layer_b"].map(place)
    return table[upper].reset_index(drop=True)[columns]
