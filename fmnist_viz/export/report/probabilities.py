"""Every image's probabilities as packed bytes for the page's script."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from fmnist_viz.core.types import Predictions

STEPS = 65_535  # a probability is held as a whole number of these
WHOLE, TOP = 20, 10  # up to so many classes are held in full; of more the highest


def probability_index(predictions: Predictions | None) -> dict[str, Any] | None:
    """`values` (base64 of uint16, little-endian, `count` per image, row by row), in `1/steps`; `classes` (alike, class numbers) where only the highest
    are held, highest first, else null: all classes in order. None where there are no probabilities.
    """
    if predictions is None or not predictions.has_proba:
        return None
    proba = predictions.proba
    classes = None
    if proba.shape[1] > WHOLE:
        order = np.argsort(-proba, axis=1, kind="stable")[:, :TOP]
        proba, classes = np.take_along_axis(proba, order, axis=1), _text(order)
    return {"values": _text(np.rint(np.clip(proba.astype(np.float64), 0, 1) * STEPS)), "classes": classes, "count": proba.shape[1], "steps": STEPS}


def _text(values: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(values).astype("<u2").tobytes()).decode()
