"""A small made-up run on real Fashion-MNIST pixels, for the tests of the Projector's folder."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fmnist_viz.core.types import LabeledImages, Projection, Representation, Source
from fmnist_viz.export.projector import ProjectorTensor

DATA = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SCORES = {"k": 15, "queries": 1000, "n": 5000}
SCORES |= {f"{name}{end}": 0.9 for name in ("trustworthiness", "recall", "triplet_accuracy", "knn_accuracy") for end in ("", "_low", "_high")}


def garments(count: int) -> LabeledImages:
    """The first `count` test images, read by hand."""
    with gzip.open(DATA / "t10k-images-idx3-ubyte.gz") as f:
        pixels = np.frombuffer(f.read(16 + count * 784)[16:], np.uint8).reshape(-1, 28, 28, 1)[:count]
    with gzip.open(DATA / "t10k-labels-idx1-ubyte.gz") as f:
        labels = np.frombuffer(f.read(8 + count)[8:], np.uint8)[:count].astype(np.int64)
    return made_up(pixels, labels, NAMES)


def made_up(pixels: Any, labels: Any, names: tuple[str, ...]) -> LabeledImages:
    ids = [f"test/{i}" for i in range(len(pixels))]
    return LabeledImages(pixels, np.asarray(labels, np.int64), names, ids, "test", Source("memory", "test", ""))


def layer(images: LabeledImages, width: int, name: str, seed: int = 0) -> Representation:
    """A random layer with a rectifier: positive values, as activations have."""
    weights = np.random.default_rng(seed).normal(size=(images.images[0].size, width)).astype(np.float32)
    return Representation(np.maximum(images.pixels / 255 @ weights, 0), images.sample_ids, name, "activation")


def pixels(images: LabeledImages) -> Representation:
    return Representation(images.pixels, images.sample_ids, "pixels", "pixels")


def weights(count: int = 32, width: int = 9) -> ProjectorTensor:
    kernel = np.random.default_rng(1).normal(size=(count, width)).astype(np.float32)
    drawn = np.random.default_rng(2).integers(0, 256, (count, 3, 3, 1), dtype=np.uint8)
    rep = Representation(kernel, [f"filter/{i}" for i in range(count)], "conv2d/kernel", "weight")
    return ProjectorTensor(rep, images=drawn, metadata=pd.DataFrame({"filter": np.arange(count), "norm": np.linalg.norm(kernel, axis=1)}))


def view(rep: Representation, method: str, dims: int = 2, note: str = "") -> Projection:
    """The first principal axes, under any method's name."""
    centred = rep.X - rep.X.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dims]
    parameters = {"tsne": {"perplexity": 30}, "umap": {"n_neighbors": 15, "min_dist": 0.1}, "pca": {"variance": [0.3, 0.2, 0.1]}}[method]
    return Projection((centred @ axes).astype(np.float32), rep.sample_ids, rep.name, method, parameters, 0, SCORES, note)


def table(images: LabeledImages) -> pd.DataFrame:
    """Every seventh garment is mistaken for the next class."""
    names = np.asarray(images.class_names, object)
    wrong = np.arange(len(images)) % 7 == 0
    predicted = np.where(wrong, (images.labels + 1) % len(names), images.labels)
    pair = np.where(wrong, names[images.labels] + " → " + names[predicted], "correct")
    confidence = np.random.default_rng(0).random(len(images)).astype(np.float32)
    columns = {"label": names[images.labels], "predicted": names[predicted], "correct": ~wrong, "confidence": confidence}
    return pd.DataFrame({**columns, "pair": pair, "sample_id": images.sample_ids})


def run(images: LabeledImages, rows: int | None = None) -> dict[str, Any]:
    """Arguments of `write_projector`: pixels, a wide-ish layer, ten logits with views, and a weights tensor."""
    raw, hidden, logits = pixels(images), layer(images, 64, "dense"), layer(images, 10, "logits", 3)
    samples = [
        ProjectorTensor(raw, [view(raw, "pca"), view(raw, "tsne")]),
        ProjectorTensor(hidden, [view(hidden, "pca", 3), view(hidden, "umap")]),
        ProjectorTensor(logits, [view(logits, "tsne"), view(logits, "pca", note="constant layer: nothing to see")]),
    ]
    chosen = np.arange(len(images) if rows is None else rows)
    return {"samples": samples, "others": [weights()], "images": images, "metadata": table(images), "rows": chosen}
