"""A pair of classes with planted mistakes, and its dossier: what the tests of numbers and of the page look at."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.dossier import Dossier, NearestRight, direction, fisher, means_of
from fmnist_viz.analysis.dossier_axis import pair_axis
from fmnist_viz.analysis.dossier_epochs import pair_epochs
from fmnist_viz.analysis.dossier_evidence import Evidence
from fmnist_viz.analysis.dossier_places import near_on_map, place
from fmnist_viz.core.types import LabeledImages, Predictions, Source

NAMES = ("shirt 7", "<b>coat</b>", "bag")
N, SIDE, D = 300, 6, 5


def planted(*, proba: bool = True, pictured: bool = True, seed: int = 0) -> tuple[LabeledImages, Predictions, np.ndarray[Any, Any]]:
    """Three classes around three points; of the first two some images lie beyond the middle, and are taken for the other."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(N) % 3).astype(np.int64)
    X = rng.normal(size=(N, D)).astype(np.float32) * 0.6
    X[:, 0] += np.choose(labels, [0, 4, 0])
    X[:, 1] += np.choose(labels, [0, 0, 6])
    strayed = rng.choice(np.flatnonzero(labels < 2), 31, replace=False)
    X[strayed, 0] = 4 - X[strayed, 0]
    z = np.stack([-np.abs(X[:, 0]) - np.abs(X[:, 1]), -np.abs(X[:, 0] - 4) - np.abs(X[:, 1]), -np.abs(X[:, 1] - 6) - np.abs(X[:, 0])], axis=1)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    ids = np.array([f"test/{i}" for i in range(N)])
    pixels = rng.integers(0, 255, (N, SIDE, SIDE, 1)).astype(np.uint8) if pictured else np.zeros((N, 0, 0, 1), np.uint8)
    images = LabeledImages(pixels, labels, NAMES, ids, "test", Source("memory", "memory", ""))
    said = Predictions(ids, labels, p if proba else None, NAMES, "m", y_label=None if proba else p.argmax(axis=1).astype(np.int64))
    return images, said, X


def built(*, proba: bool = True, pictured: bool = True, full: bool = True, seed: int = 0) -> tuple[Dossier, LabeledImages, Predictions, np.ndarray[Any, Any]]:
    images, p, X = planted(proba=proba, pictured=pictured, seed=seed)
    both = (direction(p, 0, 1), direction(p, 1, 0))
    known: dict[str, Any] = {}
    if full:
        rng = np.random.default_rng(1)
        near = tuple(
            NearestRight(
                np.full((d.count, 3), "train/1"), np.full((d.count, 3), "train/2"), rng.random((d.count, 3)), rng.random((d.count, 3)),
                np.arange(d.count), np.zeros((d.count, 2, SIDE, SIDE, 1), np.uint8), np.zeros((d.count, 2, SIDE, SIDE, 1), np.uint8),
                "dense (Euclidean)", "80 training images that the model gets right", True,
            )
            for d in both
        )  # fmt: skip
        rung = PairRung(0, 1, ("pixels", "dense"), 50, 64, np.array([40, 60]), np.array([0.001, 1.0]), 1)
        logits = np.stack([np.zeros((N, 3)), p.proba if proba else np.zeros((N, 3))]).astype(np.float32)
        places = tuple(
            tuple(place(near_on_map(xy, d.rows), images.labels, d.true, d.predicted, representation="dense", method=m) for d in both)
            for m, xy in (("", X[:, :3]), ("tsne", X[:, :2]))
        )
        evidence = tuple(
            Evidence(d.rows, np.ones((SIDE, SIDE)), rng.normal(size=d.count), 2, rng.normal(3, 1, d.count), rng.normal(0, 1, d.count)) for d in both
        )
        known = {
            "means": means_of(images, both), "nearest": near, "axis": pair_axis(X, images.labels, 0, 1, layer="dense", seed=0), "rung": rung,
            "epochs": pair_epochs([0, 1], logits, images.labels, 0, 1), "places": places, "evidence": evidence, "layer": "dense",
        }  # fmt: skip
    return Dossier(0, 1, NAMES, images.sample_ids, both, fisher(both), **known), images, p, X


def numbers(text: str) -> list[str]:
    """Every number in a text that is no part of a word."""
    return re.findall(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?", text)
