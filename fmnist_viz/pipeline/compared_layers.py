"""The layers of several runs side by side: what their tables say, and how alike they are where the cache still holds their features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.similarity import LEAST, Gram, knn_accuracy, similarity
from fmnist_viz.core.cache import Cache
from fmnist_viz.core.errors import VizError
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.pipeline.classes import match_classes
from fmnist_viz.pipeline.context import mapped_images
from fmnist_viz.pipeline.finished import FinishedRun

if TYPE_CHECKING:
    import pandas as pd

SAMPLED = 1000  # images whose pairs and neighbours are compared
AMONG = 10_000  # images that the neighbours are looked for among
SCORES = ("knn_accuracy", "trustworthiness")


def data_of(run: FinishedRun) -> DataSet:
    """The data that the run was made from, from where its config.toml says it is; nothing is downloaded.

    Raises VizError where it cannot be had or is another now.
    """
    from fmnist_viz.core.errors import BadInput
    from fmnist_viz.data.sources import load

    place = _config(run, DataConfig)
    if run.about["data"].get("fallback"):
        place = dataclasses.replace(place, data="sample", data_dir="")
    data = load(place, allow_download=False)
    if data.source.sha256 != run.data_sha256:
        raise BadInput("DATA-CHANGED", data.source.location, "does not hold the data that the run was made from any more", "Give the original data back.")
    return match_classes(data, run.class_names, run.name)[0]


def images_of(run: FinishedRun, data: DataSet | None = None) -> LabeledImages:
    """The images that the run looked at, out of its `data` where that is at hand. Raises as `data_of`."""
    config: FeatureConfig = _config(run, FeatureConfig)
    return mapped_images(data or data_of(run), split=config.split, points=config.points, seed=int(run.config_values()["seed"]))


def _config(run: FinishedRun, kind: Any) -> Any:
    values = run.config_values()
    return kind(**{f.name: values[f.name] for f in dataclasses.fields(kind) if f.name in values})


def shared_images(runs: list[FinishedRun], ids: NDArray[np.str_]) -> tuple[LabeledImages | None, list[LabeledImages | None], str]:
    """The images with the given ids, each run's own ones, and why they are not there."""
    own: list[LabeledImages | None] = []
    why = ""
    for run in runs:
        try:
            found = images_of(run)
            own.append(found if np.isin(ids, found.sample_ids).all() else None)
        except (VizError, OSError, ValueError, KeyError, TypeError) as e:
            own.append(None)
            why = why or " ".join(str(e).split())
    first = next((images for images in own if images is not None), None)
    if first is None:
        return None, own, why or "the images could not be found again"
    return first.take(rows_of(first.sample_ids, ids)), own, ""


def rows_of(where: NDArray[np.str_], ids: NDArray[np.str_]) -> NDArray[np.int64]:
    """The row of each id; every one must be there."""
    place = {name: i for i, name in enumerate(where.tolist())}
    return np.array([place[name] for name in ids.tolist()], np.int64)


def cached_layers(run: FinishedRun, images: LabeledImages, ids: NDArray[np.str_], cache: Cache) -> dict[str, Callable[[], NDArray[np.float32]]]:
    """Loaders of the layers' vectors for the given ids, as far as the cache holds them, in the run's order; pixels are the images themselves."""
    rows = rows_of(images.sample_ids, ids)
    found: dict[str, Callable[[], NDArray[np.float32]]] = {}
    if "pixels" in run.representations:
        found["pixels"] = lambda: images.pixels[rows]
    for name, (_, stored) in cached_features(run, images.digest(), cache).items():
        found[name] = lambda stored=stored: stored.vectors()[rows]  # type: ignore[misc]
    return {name: found[name] for name in run.representations if name in found}


def cached_features(run: FinishedRun, digest: str, cache: Cache, names: Iterable[str] | None = None) -> dict[str, tuple[str, LayerFeatures]]:
    """Key and features of the run's layers (all, or those named) for the images with that digest, as far as the cache holds them, of any version."""
    model = run.model_sha256
    found: dict[str, tuple[str, LayerFeatures]] = {}
    wanted = set(run.representations if names is None else names) - {"pixels"}

    def fits(key: Mapping[str, Any]) -> bool:
        return key.get("model") == model and key.get("images") == digest and key.get("layer") in wanted and key["layer"] not in found

    for entry in cache.search("features", fits) if model else ():
        stored = LayerFeatures(entry.path)
        if stored.facts["width"] == run.representations[entry.record["layer"]]["kept_width"]:  # pooled or kept otherwise, it is another representation
            found[entry.record["layer"]] = (entry.key, stored)
    return found


@dataclasses.dataclass(frozen=True)
class Layers:
    """`table`: a row per run and layer; `similarity`: a row per pair of layers of the baseline and another run; `note`: what had to be left out and why."""

    table: pd.DataFrame
    similarity: pd.DataFrame
    note: str


def compare_layers(runs: list[FinishedRun], own: list[LabeledImages | None], labels: NDArray[np.int64], ids: NDArray[np.str_], cache: Cache) -> Layers:
    """Tables' scores for all runs; where features are cached also CKA, shared neighbours and 15-NN accuracy of the vectors.

    At most 1,000 stratified images are compared; their neighbours are looked for among all (at most 10,000).
    """
    import pandas as pd

    among = np.sort(stratified_rows(labels, min(AMONG, len(labels)), seed=0))
    labels, ids = labels[among], ids[among]
    queries = np.sort(stratified_rows(labels, min(SAMPLED, len(labels)), seed=0))
    grams: list[dict[str, Gram]] = []
    missing: list[str] = []
    for run, images in zip(runs, own, strict=True):
        made: dict[str, Gram] = {}
        for name, load in cached_layers(run, images, ids, cache).items() if images is not None and len(queries) >= LEAST else ():
            if np.isfinite(X := load()).all():
                made[name] = Gram.of(X, queries)
        if lost := [name for name in run.representations if name not in made]:
            missing.append(f"{run.name}: {', '.join(lost)}")
        grams.append(made)
    rows = [row for run, made in zip(runs, grams, strict=True) for row in _rows(run, made, labels, queries)]
    parts = [
        similarity(grams[0], others).assign(baseline=runs[0].name, run=run.name) for run, others in zip(runs[1:], grams[1:], strict=True) if grams[0] and others
    ]
    alike = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if len(alike):
        alike = alike[["baseline", "run", *(c for c in alike.columns if c not in ("baseline", "run"))]]
    if len(queries) < LEAST:
        note = f"Layers are not compared on fewer than {LEAST} images."
    else:
        note = f"Vectors left out, since the cache holds no usable features of them for these images: {'; '.join(missing)}." if missing else ""
    return Layers(pd.DataFrame(rows), alike, note)


def _rows(run: FinishedRun, grams: Mapping[str, Gram], labels: NDArray[np.int64], queries: NDArray[np.int64]) -> list[dict[str, Any]]:
    scores = run.faithfulness
    out = []
    for name, facts in run.representations.items():
        own = {"run": run.name, "layer": name, "width": facts["width"], "kept_width": facts["kept_width"]}
        own |= (
            knn_accuracy(grams[name], labels, queries)
            if name in grams
            else {c: float("nan") for c in ("knn_accuracy", "knn_accuracy_low", "knn_accuracy_high")}
        )
        for row in scores[scores["representation"] == name].to_dict("records") if scores is not None else ():
            for score in SCORES:
                own |= {f"{row['method']} {score}{end}": row[f"{score}{end}"] for end in ("", "_low", "_high")}
        out.append(own)
    return out
