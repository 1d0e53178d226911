"""A frozen base's features of all images: taken once, part by part, through the cache that all runs share."""

from __future__ import annotations

import dataclasses
import functools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.manifest import NAME as MANIFEST
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.store import need_space, sha256_file, write_file
from fmnist_viz.core.types import DataSet, LabeledFeatures, LabeledImages, with_features
from fmnist_viz.models.transfer import NAME, RESAMPLING, BaseWeights, Preparation
from fmnist_viz.models.zoo import preset
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.training.config import TransferConfig

if TYPE_CHECKING:
    import keras

PART = 2000  # images of one cache entry: an interrupted pass goes on at the next
BATCH_PIXELS = 32 * 150 * 150  # resized pixels that go through the base at once
KIND = "base_features"
CODE = ("models/transfer.py",)  # whose source decides the features


@dataclass(frozen=True)
class FrozenBase:
    """The base of one preset and all that decides its features of an image; it is built when something has to be computed with it."""

    preparation: Preparation
    weights: BaseWeights
    shape: tuple[int, int, int]  # of the images
    threads: int
    cache: Cache
    progress: Progress

    def key(self) -> dict[str, Any]:
        return {
            "code": code_digest(CODE),
            "base": NAME,
            "weights": self.weights.digest,
            "preparation": self.preparation,
            "resampling": RESAMPLING,
            "shape": self.shape,
            "threads": self.threads,
            "versions": versions("tensorflow", "keras", "numpy"),
        }

    def record(self) -> dict[str, Any]:
        """What a manifest keeps of it."""
        source = {"weights": self.weights.kind, "weights_digest": self.weights.digest, "weights_file": self.weights.path and self.weights.path.name}
        return {"base": NAME, **source, **dataclasses.asdict(self.preparation), "resampling": RESAMPLING, "warning": self.weights.warning}

    @functools.cached_property
    def model(self) -> keras.Model:
        """Pixels 0..255 -> features (n, d). Raises what `load_base` does."""
        load_tensorflow()
        from fmnist_viz.models.transfer import load_base

        return load_base(self.shape, self.preparation, self.weights)

    @functools.cached_property
    def _call(self) -> Any:
        import tensorflow as tf

        return tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)

    @property
    def _batch(self) -> int:
        return int(np.clip(BATCH_PIXELS // self.preparation.image_size**2, 1, 500))

    def features(self, data: DataSet, digests: dict[str, str]) -> DataSet:
        """The same data with the base's features. Says what it will take before it begins.

        Raises ResourceError where the disk would not hold them, BadInput for features that are not finite.
        """
        assert data.train is not None
        splits = [data.train, data.test]
        missing = [(images, part) for images in splits for part in _parts(images) if not self.cache.has(KIND, self._key(digests[images.split], part))]
        if missing:
            self._announce(missing)
        train, test = (self._of(images, digests[images.split]) for images in splits)
        return DataSet(train, test)

    def _key(self, digest: str, part: range) -> dict[str, Any]:
        return {**self.key(), "images": digest, "rows": [part.start, part.stop]}

    def _announce(self, missing: Sequence[tuple[LabeledImages, range]]) -> None:
        count = sum(len(part) for _, part in missing)
        size = count * int(self.model.outputs[0].shape[1]) * 4
        images, part = missing[0]
        rows = part[: self._batch]
        self._batch_of(images, rows)  # the first call traces
        start = time.perf_counter()
        self._batch_of(images, rows)
        seconds = (time.perf_counter() - start) / len(rows) * count
        side = self.preparation.image_size
        self.progress.say(
            f"features of {count:,} images by the frozen {NAME} at {side}×{side} pixels: about {duration(seconds)} and {size / 1e6:,.1f} MB of cache, once; "
            "interrupted, it goes on from there"
        )
        need_space(self.cache.root, size, what="the base's features")

    def _batch_of(self, images: LabeledImages, rows: Sequence[int]) -> NDArray[np.float32]:
        return np.asarray(self._call(images.images[rows[0] : rows[-1] + 1].astype(np.float32)), np.float32)

    def _of(self, images: LabeledImages, digest: str) -> LabeledFeatures:
        made: NDArray[np.float32] | None = None
        for part in _parts(images):
            entry = self.cache.fetch(KIND, self._key(digest, part), functools.partial(self._make, images, part))
            block = np.load(entry.path / "features.npy", allow_pickle=False)
            if made is None:
                made = np.empty((len(images), block.shape[1]), np.float32)
            made[part.start : part.stop] = block
        if made is None:
            raise BadInput("NO-IMAGES", images.source.location, f"the {images.split} split holds no image", "Give data with images in both splits.")
        return with_features(images, made)

    def _make(self, images: LabeledImages, part: range, temp: Path) -> dict[str, Any]:
        blocks = []
        for start in range(part.start, part.stop, self._batch):
            rows = range(start, min(start + self._batch, part.stop))
            blocks.append(self._batch_of(images, rows))
            self.progress.step(f"{NAME}'s features of the {images.split} images", rows.stop, len(images), f"{rows.stop:,} of {len(images):,} images")
        block = np.concatenate(blocks)
        if not np.isfinite(block).all():
            raise BadInput("NOT-FINITE", NAME, "gives features that are not finite", "Give sound weights with --weights-file.")
        write_file(temp / "features.npy", lambda f: np.save(f, block, allow_pickle=False))
        return {"images": len(block), "width": block.shape[1]}

    def probabilities(self, model: keras.Model, features: LabeledFeatures) -> NDArray[np.float32]:
        """What a classifier on this base, (n, classes), gives for images whose features are at hand."""
        import keras

        head = keras.Model(model.get_layer(self.model.layers[-1].name).output, model.outputs[0])
        return np.asarray(head.predict(features.features, batch_size=500, verbose=0), np.float32)


def frozen_base(models: Sequence[str], config: TransferConfig | None, data: DataSet, threads: int, cache: Cache, progress: Progress) -> FrozenBase | None:
    """The base of the presets that stand on one, None where none does; warns where its weights are not ImageNet's."""
    if config is None or not any(preset(name).transfer for name in models):
        return None
    weights = config.weights()
    if weights.warning:
        progress.warn(weights.warning)
    height, width, channels = data.test.images.shape[1:]
    return FrozenBase(config.preparation, weights, (height, width, channels), threads, cache, progress)


def warning_of(model: Path) -> str:
    """What a run that made this model file warned of about its base's weights; "" for any other file."""
    try:
        stage = json.loads((model.parent / MANIFEST).read_text(encoding="utf-8"))["stages"]["training"]
        own = stage["files"][model.name]["sha256"] == sha256_file(model)
        return str(stage["base"]["warning"]) if own else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def duration(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``5 h 40 min``, rounded up."""
    if seconds < 90:
        return f"{int(seconds) + 1} s"
    minutes = int(seconds / 60) + 1
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _parts(images: LabeledImages) -> list[range]:
    return [range(start, min(start + PART, len(images))) for start in range(0, len(images), PART)]
