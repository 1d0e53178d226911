"""Weights as points: each unit with its picture and what it answers to; the output layer's class vectors among the images."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import LabeledImages, Representation
from fmnist_viz.features.responses import UnitResponses, selectivity
from fmnist_viz.features.weights import WeightRows, weight_rows
from fmnist_viz.pipeline.config import code_digest
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.features import ModelFile, Seen

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.export.projector import ProjectorTensor
    from fmnist_viz.pipeline.shown import Shown

TILE = 32  # px, side of one of the four images of a unit's picture
BLANK, LINE, CROSS = 240, 205, 150  # greys of the picture where there is no image, between its images, and of a dead unit's cross
VECTOR = "class vector"


def load_weights(ctx: Context, model: ModelFile, seen: Seen, images_digest: str, image_shape: tuple[int, ...]) -> list[WeightRows]:
    """Every trained weight matrix, from the cache where the same model has looked at the same images before."""

    def make(temp: Path) -> dict[str, Any]:
        found = weight_rows(model.model, seen.class_means, image_shape=image_shape)  # type: ignore[arg-type]
        for i, w in enumerate(found):
            arrays: dict[str, Any] = {"rows": w.rows, "favourite": w.favourite, **({} if w.pictures is None else {"pictures": w.pictures})}
            write_file(temp / f"weight_{i:03d}.npz", lambda f, arrays=arrays: np.savez(f, **arrays))  # type: ignore[misc]
        return {"weights": [{"name": w.name, "layer": w.layer, "output": w.output} for w in found]}

    key = {"code": code_digest(), "model": model.sha256, "images": images_digest, "layers": sorted(seen.class_means)}
    entry = ctx.cache.fetch("weights", key, make)
    loaded = []
    for i, told in enumerate(entry.record["weights"]):
        with np.load(entry.path / f"weight_{i:03d}.npz", allow_pickle=False) as stored:
            pictures = stored["pictures"] if "pictures" in stored.files else None
            loaded.append(WeightRows(told["name"], stored["rows"], stored["favourite"], pictures, told["layer"], told["output"]))
    return loaded


def responses_of(weights: WeightRows, seen: Seen) -> UnitResponses | None:
    """What the units answered to the mapped images; the classes' are the logits. None where their layer was not looked at."""
    if weights.output:
        return UnitResponses.of(seen.logits) if seen.logits is not None and seen.logits.shape[1] == len(weights.rows) else None
    found = seen.responses.get(weights.layer)
    return found if found is not None and len(found.top) == len(weights.rows) else None


def unit_frame(weights: WeightRows, seen: Seen, images: LabeledImages) -> pd.DataFrame:
    """One row per unit: unit, favoured_class (empty: unknown), norm; where its layer was looked at also images, fires (share of the mapped images to which
    its largest value is above 0) with its 95 % Wilson interval, dead, selectivity (see `features.responses`) and top_images (sample ids, best first)."""
    import pandas as pd

    names = np.array([*images.class_names, ""], dtype=object)  # -1 picks the empty name
    columns: dict[str, Any] = {"unit": np.arange(len(weights.rows)), "favoured_class": names[weights.favourite], "norm": np.linalg.norm(weights.rows, axis=1)}
    if (found := responses_of(weights, seen)) is not None:
        low, high = wilson(found.fired, np.full(len(found.fired), found.images))
        columns |= {"images": found.images, "fires": found.fired / found.images, "fires_low": low, "fires_high": high, "dead": found.dead}
        means = seen.class_means.get(weights.layer)
        if means is not None and not weights.output:
            columns["selectivity"] = selectivity(means)
        columns["top_images"] = [" ".join(images.sample_ids[rows[rows >= 0]].tolist()) for rows in found.top]
    return pd.DataFrame(columns)


def weight_tensor(weights: WeightRows, shown: Shown) -> ProjectorTensor:
    """A weight matrix as a tensor of the Projector: units as points, with their own weights or the images that excite them most as pictures."""
    from fmnist_viz.export.projector import ProjectorTensor, class_order
    from fmnist_viz.pipeline.maps import weight_source

    frame = unit_frame(weights, shown.seen, shown.images)
    table = frame[["norm"]].copy()
    table.insert(0, "label", np.where(weights.favourite < 0, "none", frame["favoured_class"]))
    table.insert(1, "unit", [f"{weights.name} {i}" for i in range(len(frame))])
    if "fires" in frame.columns:
        table["fires"], table["state"] = frame["fires"], np.where(frame["dead"], "dead", "alive")
        # a cell that is no number would take the colours from the whole column
        if "selectivity" in frame.columns and np.isfinite(frame["selectivity"]).all():
            table["selectivity"] = frame["selectivity"]
        table["top_images"] = frame["top_images"].replace("", "none")
    # one unit of each class goes first, so that the page gives the classes their colours
    order = class_order(np.arange(len(frame)), np.where(weights.favourite < 0, len(shown.images.class_names), weights.favourite))
    source, pictures = weight_source(weights.name, weights.rows, shown.model).representation, _pictures(weights, shown)
    ordered = dataclasses.replace(source, X=source.X[order], sample_ids=source.sample_ids[order])
    maps = [dataclasses.replace(m, coords=m.coords[order], sample_ids=m.sample_ids[order]) for m in shown.weight_maps.get(weights.name, {}).values()]
    return ProjectorTensor(ordered, maps, table.iloc[order], None if pictures is None else pictures[order], weights.name)


def _pictures(weights: WeightRows, shown: Shown) -> NDArray[np.uint8] | None:
    """uint8 (units, h, w, 1 or 3): the weights themselves where they look at the pixels, else `mosaics`; None where neither is known."""
    if weights.pictures is not None:
        return weights.pictures if weights.pictures.ndim == 4 else weights.pictures[..., None]
    found = responses_of(weights, shown.seen)
    return None if found is None or not shown.images.pictured else mosaics(found, shown.images)


def mosaics(found: UnitResponses, images: LabeledImages) -> NDArray[np.uint8]:
    """Each unit's four most exciting images, best first in reading order, uint8 (units, side, side, c) as the Projector shows images (dark on white).

    A place without an image is light grey, a dead unit a crossed grey square.
    """
    from fmnist_viz.export.sprite import WHITE, on_black, square_thumbs

    pixels, side = images.images, min(TILE, max(images.images.shape[1:3]))
    wanted, place = np.unique(np.maximum(found.top, 0), return_inverse=True)
    thumbs = square_thumbs(pixels[wanted], side)
    if on_black(pixels):
        thumbs = square_thumbs(WHITE - pixels[wanted], side)
    tiles = thumbs[place.reshape(found.top.shape)]  # (units, 4, side, side, c)
    tiles[found.top < 0] = BLANK
    units, c = len(tiles), tiles.shape[-1]
    whole = tiles.reshape(units, 2, 2, side, side, c).transpose(0, 1, 3, 2, 4, 5).reshape(units, 2 * side, 2 * side, c)
    whole[:, side - 1 : side + 1] = whole[:, :, side - 1 : side + 1] = LINE
    at = np.arange(2 * side)
    dead = np.flatnonzero(found.dead)[:, None]
    whole[dead, :, :] = BLANK
    for shift in (0, 1):
        whole[dead, np.minimum(at + shift, 2 * side - 1), at] = whole[dead, np.minimum(at + shift, 2 * side - 1), at[::-1]] = CROSS
    return whole


def class_vectors(shown: Shown, rows: NDArray[np.int64]) -> list[ProjectorTensor]:
    """The images `rows` in the penultimate layer together with the output layer's kernel columns, all as unit rows; empty where the two do not meet.

    As many of the last images make room as there are classes: the page opens with its largest tensor, which is to be the pixels.

    A softmax is blind to what is added to all columns alike, and an image's logits move with what sets it apart from the mean image. So the columns are taken
    minus their mean, the activations minus theirs, and both are scaled to length one: the cosine of an image and a class says how far the image points the
    class's way. (In a net trained to the end the two coincide; Papyan, Han, Donoho 2020.) They meet where the logits are the kept activations times the kernel
    plus a constant, which is checked on the numbers.
    """
    from fmnist_viz.export.projector import ProjectorTensor, class_order

    seen, images = shown.seen, shown.images
    source, kernel = seen.sources.get(seen.penultimate), next((w.rows for w in shown.weights if w.output), None)
    if source is None or kernel is None or seen.logits is None or len(rows) < 2 * len(kernel):
        return []
    hidden = source.representation.X
    if hidden.shape[1] != kernel.shape[1] or not makes_logits(hidden, kernel, seen.logits):
        return []
    rows = class_order(rows, images.labels)[: len(rows) - len(kernel)]
    points, vectors = _unit(hidden[rows] - hidden[rows].mean(axis=0)), _unit(kernel - kernel.mean(axis=0))
    cosines = points @ vectors.T
    right = cosines.argmax(axis=1) == images.labels[rows]
    order = class_order(np.arange(len(rows)), images.labels[rows], right)  # so that the page gives classes their colours
    rows, cosines, X = rows[order], cosines[order], np.concatenate([points[order], vectors]).astype(np.float32)
    name, classes, own = f"{seen.penultimate} + class vectors", len(kernel), int(right.sum())
    low, high = (float(end[0]) for end in wilson([own], [len(rows)]))
    record = {
        "activations": "minus their mean, length 1", "class_vectors": "columns of the output kernel minus their mean, length 1",
        "class_vector_rows": classes, "images": len(rows), "nearest_is_own_class": round(own / len(rows), 4), "low": round(low, 4), "high": round(high, 4),
    }  # fmt: skip
    ids = np.array([*images.sample_ids[rows].tolist(), *(f"{VECTOR} {i}" for i in range(classes))])
    representation = Representation(X, ids, name, "activation", shown.model, raw_width=X.shape[1], transform=record)
    share = f"Own class vector nearest: {100 * own / len(rows):.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {len(rows):,} images"
    pictures = _with_class_tiles(images, rows, classes) if images.pictured else None
    return [ProjectorTensor(representation, _joint_views(X, ids, classes, share), _vector_table(images, rows, cosines), pictures, name, "c")]


def makes_logits(hidden: NDArray[np.float32], kernel: NDArray[np.float32], logits: NDArray[np.float32]) -> bool:
    """Whether logits (n, c) are hidden (n, d) times kernel (c, d) plus a constant per class, up to what a softmax does not see (2 % of their spread)."""
    made = hidden @ kernel.T
    made, given = (z - z.mean(axis=1, keepdims=True) for z in (made, logits))
    off = (made - made.mean(axis=0)) - (given - given.mean(axis=0))
    spread = float((given - given.mean(axis=0)).std())
    return bool(np.isfinite(off).all()) and float(np.abs(off).max()) <= 0.02 * spread


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def _joint_views(X: NDArray[np.float32], ids: NDArray[np.str_], classes: int, share: str) -> list[Any]:
    """The leading principal axes of images and class vectors together: flat, flat with the class vectors selected, and in space."""
    from sklearn.decomposition import PCA

    from fmnist_viz.export.projector import View

    dims = min(3, *X.shape)
    if dims < 2:
        return []
    pca = PCA(dims, svd_solver="covariance_eigh" if X.shape[1] <= 1000 else "randomized", random_state=0)
    coords = np.ascontiguousarray(pca.fit_transform(X), np.float32)
    held, picked = pca.explained_variance_ratio_, np.arange(len(X) - classes, len(X))
    views = []
    for width, marked in ((2, False), (2, True), (3, False))[: 3 if dims == 3 else 2]:
        axes = " + ".join(f"{100 * part:.1f} %" for part in held[:width])
        what = "class vectors marked, " if marked else ""  # what is marked has its name beside it, and takes the colours from all others
        label = f"PCA of images and class vectors together, {what}axes hold {axes} of the variance. {share}"
        chosen = picked if marked else picked[:0]
        views.append(View(label, "pca", coords[:, :width], ids, "pca", {"variance": held[:width].tolist()}, selected=chosen))
    return views


def _vector_table(images: LabeledImages, rows: NDArray[np.int64], cosines: NDArray[np.float32]) -> pd.DataFrame:
    """label, kind (image or class vector), nearest (the class vector at the smallest angle), cosine (to the vector of the own label), sample_id."""
    import pandas as pd

    names, classes = np.asarray(images.class_names, dtype=object), cosines.shape[1]
    every, labels = np.arange(classes), images.labels[rows]
    return pd.DataFrame(
        {
            "label": names[np.concatenate([labels, every])],
            "kind": ["image"] * len(rows) + [VECTOR] * classes,
            "nearest": names[np.concatenate([cosines.argmax(axis=1), every])],
            "cosine": np.concatenate([cosines[np.arange(len(rows)), labels], np.ones(classes, np.float32)]),
            "sample_id": [*images.sample_ids[rows].tolist(), *(f"{VECTOR} {name}" for name in names)],
        }
    )


def _with_class_tiles(images: LabeledImages, rows: NDArray[np.int64], classes: int) -> NDArray[np.uint8]:
    """Thumbnails of the images, then a tile per class: the mean of its images in a thick black frame. White, so that the page can tint it by class."""
    from fmnist_viz.export.sprite import MAX_THUMB, WHITE, on_black, square_thumbs

    side = min(MAX_THUMB, max(images.images.shape[1:3]))
    inverted = on_black(images.images)
    shown = images.images[rows]
    thumbs = square_thumbs(WHITE - shown if inverted else shown, side)
    labels, frame = images.labels[rows], max(1, round(side / 9))
    tiles = np.full((classes, *thumbs.shape[1:]), WHITE, np.uint8)
    for c in np.unique(labels):
        tiles[c] = np.round(thumbs[labels == c].mean(axis=0))
    tiles[:, :frame] = tiles[:, -frame:] = tiles[:, :, :frame] = tiles[:, :, -frame:] = 0
    return np.concatenate([thumbs, tiles])
