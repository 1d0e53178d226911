"""What in the pixels speaks for one class rather than another: gradients of a difference of logits, and what covering pixels does to it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.models.layers import are_probabilities, logits_model

if TYPE_CHECKING:
    import keras

BATCH_PIXELS = 200 * 28 * 28  # pixels of one batch: gradients hold every layer's activations


@dataclass(frozen=True)
class PixelEvidence:
    """attribution : float32 (m, h, w), gradient times (pixel - background), summed over channels, in logits;
    lead : float32 (m,), logit of the predicted class less that of the true one;
    strongest, random : float32 (m,), how much of the lead is lost by covering the pixels of largest attribution, and as many random ones;
    covered : int64 (m,), how many these were.
    """

    attribution: NDArray[np.float32]
    lead: NDArray[np.float32]
    strongest: NDArray[np.float32]
    random: NDArray[np.float32]
    covered: NDArray[np.int64]


def pixel_evidence(
    model: keras.Model, images: NDArray[np.uint8], true: NDArray[np.int64], predicted: NDArray[np.int64], *,
    background: NDArray[np.float64], share: float, scale: tuple[float, float] = (1.0, 0.0), seed: int = 0,
) -> PixelEvidence:  # fmt: skip
    """Ask the model about every image: three passes forward and one back.

    images : uint8 (m, h, w, c);  true, predicted : int64 (m,), class numbers;  background : float64 (c,), 0..255
    share : of all pixels, 0..1, that are covered; only pixels that differ from the background are, at most half of them, so that strongest and random
    ones can differ
    scale : (factor, offset) from 0..255 to what the model takes

    References
    ----------
    A. Shrikumar, P. Greenside, A. Shcherbina, A. Kundaje (2016), Not just a black box. arXiv:1605.01713 (gradient times input).
    W. Samek et al. (2017), Evaluating the visualization of what a deep neural network has learned. IEEE TNNLS 28, 2660-2673 (covering pixels).
    """
    lead_of = _lead(model)
    m, h, w, _ = images.shape
    factor, offset = scale
    fill = (np.asarray(background, np.float32) * factor + offset).astype(np.float32)
    parts: list[tuple[NDArray[Any], ...]] = []
    step = max(1, BATCH_PIXELS // (h * w))
    for start in range(0, m, step):
        some = slice(start, min(start + step, m))
        x = images[some].astype(np.float32) * factor + offset
        ends = np.stack([true[some], predicted[some]]).astype(np.int32)
        lead, gradient = lead_of(x, ends)
        own = (gradient * (x - fill)).sum(axis=3).reshape(len(x), -1)
        differs = (x != fill).any(axis=3).reshape(len(x), -1)
        count = np.minimum(int(np.ceil(share * h * w)), differs.sum(axis=1) // 2)
        chosen = _first(np.where(differs, own, -np.inf), count)
        lots = _first(np.where(differs, _lots(images[some], seed), -np.inf), count)
        drops = [lead - lead_of(np.where(mask.reshape(-1, h, w, 1), fill, x), ends, gradient=False)[0] for mask in (chosen, lots)]
        parts.append((own.reshape(-1, h, w), lead, *drops, count))
    if not parts:
        none = np.zeros(0, np.float32)
        return PixelEvidence(np.zeros((0, h, w), np.float32), none, none, none, np.zeros(0, np.int64))
    attribution, lead, strongest, lots, covered = (np.concatenate(column) for column in zip(*parts, strict=True))
    single = [v.astype(np.float32) for v in (attribution, lead, strongest, lots)]
    return PixelEvidence(single[0], single[1], single[2], single[3], covered.astype(np.int64))


def _lots(images: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
    """A random number for each pixel, float64 (m, h * w): the same for the same image, whatever others are asked with it."""
    size = images.shape[1] * images.shape[2]
    return np.stack([np.random.default_rng([seed, zlib.crc32(image.tobytes())]).random(size) for image in images])


def _first(values: NDArray[np.floating[Any]], count: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each row the `count` largest values, bool of the same shape; equal ones by place."""
    order = np.argsort(-values, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(values.shape[1])[None, :], axis=1)
    return rank < count[:, None]


def _lead(model: keras.Model) -> Any:
    """lead_of(x (m, h, w, c), ends int32 (2, m), gradient=True) -> lead (m,), its gradient by the pixels (or None), as NumPy arrays."""
    import tensorflow as tf

    head = logits_model(model)
    squashed: list[bool] = [False] if head is not model else []

    def lead(x: Any, ends: Any, log: Any) -> Any:
        z = tf.reshape(tf.cast(head(x, training=False), tf.float32), (tf.shape(x)[0], -1))
        z = tf.math.log(tf.maximum(z, np.finfo(np.float32).tiny)) if log else z
        return tf.gather(z, ends[1], batch_dims=1) - tf.gather(z, ends[0], batch_dims=1)

    @tf.function(reduce_retracing=True)
    def forward(x: Any, ends: Any, log: bool) -> Any:
        return lead(x, ends, log)

    @tf.function(reduce_retracing=True)
    def back(x: Any, ends: Any, log: bool) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = lead(x, ends, log)
        return value, tape.gradient(value, x)

    def lead_of(x: NDArray[np.float32], ends: NDArray[np.int32], gradient: bool = True) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        x_, ends_ = tf.constant(x, tf.float32), tf.constant(ends)
        if not squashed:  # a softmax that could not be taken off: the logarithm gives logits with the same probabilities
            squashed.append(are_probabilities(np.asarray(head(x_, training=False), np.float32).reshape(len(x), -1)))
        if not gradient:
            return forward(x_, ends_, squashed[0]).numpy(), None
        value, slope = back(x_, ends_, squashed[0])
        return value.numpy(), slope.numpy()

    return lead_of
