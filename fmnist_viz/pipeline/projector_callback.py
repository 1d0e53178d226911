"""`ProjectorCallback`: for anyone's `model.fit`, the Projector tab fills while the training runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from fmnist_viz.core.errors import UsageError, unknown_choice
from fmnist_viz.export.projector import TensorForm
from fmnist_viz.export.projector.tensor import Normalize
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.snapshot_folder import SnapshotFolder
from fmnist_viz.pipeline.watched import watched
from fmnist_viz.training.projector_callback import SnapshotCallback
from fmnist_viz.training.taps import Sight

KERAS_1 = {"embeddings_data": "images", "embeddings_layer_names": "layers", "embeddings_freq": "every"}  # Keras 1 and 2 called them so
POOLS, VIEWS = ("auto", "average", "none"), ("pca",)


class ProjectorCallback(SnapshotCallback):
    """Show how a Keras model's layers see some images while it is trained, in TensorBoard's Projector.

    Each snapshot is a run folder of its own, ``<log_dir>/<tag>/epoch_001`` ..., complete before it has its name: a TensorBoard that was started before the
    training lists it after a reload of the page. A later training into the same place gets ``<tag>-2``.

    Parameters
    ----------
    log_dir
        The folder that ``tensorboard --logdir`` is started on, or one below it; on a local disk.
    images
        What the model is fed, exactly as given: an array or tensor (n, ...), n >= 2. Where they have the shape of pictures, thumbnails are made of them,
        scaled for showing alone.
    labels
        Class of each: int (n,), one-hot (n, c), names (n,), or None.
    layers
        Names or globs, separated by commas or in a list, as in ``--layers``; ``*`` is pixels, all hidden layers and logits. ``probabilities`` must be named.
        Pixels are written once, with the first snapshot: they do not change.
    every
        Epochs between snapshots. Epochs are counted from 1; ``epoch_000`` is before training. The last epoch always has one.
    class_names
        Names in the order of the model's outputs; by default the numbers.
    max_points
        Of more images than this a stratified sample is looked at, which is said; at most 85,264, the page's sheet of thumbnails holds no more.
    tag
        Name of the folder below `log_dir`.
    views
        ``("pca",)``: each layer's first three principal components as a bookmark, laid over the snapshot before it (shifted, rotated, reflected, never
        scaled), and a flat one of the first two axes that result; ``()``: none.
    normalize
        Geometry of the tensors, as in `add_embedding`.
    pool
        Feature maps: ``auto`` averages those of more than 1,024 values over their places, ``average`` all of them, ``none`` flattens them.
        Layers that are still wider than 1,024 are reduced to 200 principal components.
    pictures
        What to show in place of `images`: uint8 or float 0..1, (n, h, w) or (n, h, w, c).
    seed
        Of the sample.
    embeddings_data, embeddings_layer_names, embeddings_freq
        Keras 1's names of `images`, `layers` and `every`.

    Attributes
    ----------
    snapshots : list of dict
        Of each one written: epoch, path, tensors, drift (how far the images moved since the one before, see `projection.align.drift`), seconds.

    Raises
    ------
    UsageError, BadInput
        Before the first training step: arguments that do not fit each other, a layer pattern that matches none, a model with several inputs or outputs.
        Once the training runs nothing is raised: what cannot be written is said in one line.

    Examples
    --------
    >>> from fmnist_viz import ProjectorCallback
    >>> model.fit(x, y, epochs=5, callbacks=[ProjectorCallback("logs", x_test, y_test)])  # doctest: +SKIP
    """

    def __init__(
        self, log_dir: Any, images: Any = None, labels: Any = None, layers: str | Sequence[str] = "*", every: int = 1, *,
        class_names: Sequence[str] | None = None, max_points: int = 1000, tag: str = "projector", views: Sequence[str] = VIEWS, normalize: Normalize = "auto",
        pool: str = "auto", pictures: Any = None, seed: int = 0, **keras_1: Any,
    ) -> None:  # fmt: skip
        given = _renamed({"images": images, "layers": layers, "every": every}, keras_1)
        for name, value, least in (("every", given["every"], 1), ("max_points", max_points, 2)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise UsageError("OPTION-RANGE", name, f"{value!r} is out of range", f"Give a whole number from {least}.")
        for name, value, choices in (("normalize", normalize, get_args(Normalize)), ("pool", pool, POOLS), *(("view", view, VIEWS) for view in views)):
            if value not in choices:
                raise unknown_choice(name, str(value), choices)
        seen = watched(given["images"], labels, class_names, pictures=pictures, max_points=int(max_points), seed=seed)
        for note in seen.notes:
            _say(note)
        self._folder = SnapshotFolder(_base(log_dir, tag), seen, views=tuple(views), form=TensorForm(normalize))
        patterns = given["layers"] if isinstance(given["layers"], str) else ",".join(given["layers"])
        super().__init__(seen.fed, patterns, every=int(given["every"]), pool=pool, publish=self._folder.publish, report=_say)

    def begin(self, sight: Sight) -> None:
        self._folder.begin(sight)


def _say(line: str) -> None:
    print(f"ProjectorCallback: {line}", file=sys.stderr, flush=True)


def _renamed(given: dict[str, Any], keras_1: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with Keras 1's names for them understood; raises UsageError for other names and for both spellings of one."""
    defaults = {"images": None, "layers": "*", "every": 1}
    for name, value in keras_1.items():
        if name == "embeddings_metadata":
            raise UsageError("KERAS-1", name, "was the name of a file", "Give labels and class_names in its place; the table is made of them.")
        if name not in KERAS_1:
            raise TypeError(f"ProjectorCallback() got an unexpected keyword argument {name!r}")
        ours = KERAS_1[name]
        if not (given[ours] is None or (isinstance(given[ours], (str, int)) and given[ours] == defaults[ours])):
            raise UsageError("GIVEN-TWICE", ours, f"{ours} and {name} are two names of one thing", "Give one of them.")
        if value is not None:
            given[ours] = value
    return given


def _base(log_dir: Any, tag: str) -> Path:
    if not isinstance(tag, str) or not tag.strip():
        raise UsageError("TAG", "tag", f"{tag!r} is no name", "Give a text such as 'projector'.")
    if re.match(r"[a-z0-9]+://", str(log_dir)):
        raise UsageError("LOG-DIR", str(log_dir), "is not on a local disk, and TensorBoard's Projector reads no other", "Choose a local folder.")
    return Path(log_dir).absolute() / slug(tag)
