"""What `fmnist-viz data` tells: where the images came from, how many of what, and what was checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from fmnist_viz.core.types import DataSet, LabeledImages

_CHECKS = {
    "official": "payload SHA-256 of all four files equals the published Fashion-MNIST",
    "sample": "payload SHA-256 equals the sample that the program was made with",
}
_ALWAYS = ("every file was read to its promised end", "images and labels agree in number", "labels lie in 0..classes-1", "the splits have one image shape")


def describe(dataset: DataSet) -> dict[str, Any]:
    """A data set in plain values, ready for JSON: kind, location, official, fallback, sha256, notes, checks, class_names and,
    per split, images, height, width, channels, value_range [min, max] and class_counts by class name."""
    source = dataset.source
    kind = "official" if source.official else source.kind
    parts = [part for part in (dataset.train, dataset.test) if part is not None]
    return {
        "kind": source.kind,
        "location": source.location,
        "official": source.official,
        "fallback": source.fallback,
        "sha256": source.sha256,
        "notes": list(source.notes),
        "checks": [*([_CHECKS[kind]] if kind in _CHECKS else []), *_ALWAYS],
        "class_names": list(dataset.class_names),
        "splits": {part.split: _describe_split(part) for part in parts},
    }


def _describe_split(part: LabeledImages) -> dict[str, Any]:
    n, height, width, channels = part.images.shape
    counts = np.bincount(part.labels, minlength=len(part.class_names))
    return {
        "images": n,
        "height": height,
        "width": width,
        "channels": channels,
        "value_range": [int(part.images.min()), int(part.images.max())] if n else [],
        "class_counts": {name: int(count) for name, count in zip(part.class_names, counts, strict=True)},
    }
