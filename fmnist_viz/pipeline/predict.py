"""What a run's model says of single images, and the training images that look most like them to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import BadInput, Damaged, OutputBusy, UsageError
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import InlineRunner
from fmnist_viz.core.store import write_file
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.display.cards import CardsDisplay, Nearest
from fmnist_viz.features.extract import RAW_WIDTH, pooled_width
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.models.layers import LayerInfo, penultimate
from fmnist_viz.pipeline.config import RunConfig, read_run_config
from fmnist_viz.pipeline.context import Context, scratch_folder
from fmnist_viz.pipeline.folder import RunFolder, verify

if TYPE_CHECKING:
    from fmnist_viz.core.manifest import Manifest

MOST_IMAGES = 1000  # of one call: its cards are one figure
SUFFIXES = (".png", ".svg")


@dataclass(frozen=True)
class Question:
    """Which images: picture files, images of a split by number, or `random` of them drawn by `seed`; exactly one of the three."""

    files: tuple[Path, ...] = ()
    indices: tuple[int, ...] = ()
    random: int = 0
    split: str = ""  # "test" where nothing is said
    seed: int | None = None  # 0 where nothing is said
    invert: bool = False
    nearest: int = 5

    def __post_init__(self) -> None:
        asked = [name for name, given in (("IMAGE", self.files), ("--index", self.indices), ("--random", self.random)) if given]
        if len(asked) != 1:
            fact = f"{' and '.join(asked)} are given together" if asked else "no image is given"
            raise UsageError("PREDICT-WHAT", "predict", fact, "Give picture files, or --index I, or --random N.")
        if self.invert and not self.files:
            raise UsageError("OPTION-UNUSED", "--invert", "means nothing for images of the data set", "Leave it out; it serves picture files.")
        for flag, given, serves in (
            ("--split", self.split and self.files, "--index and --random"),
            ("--seed", self.seed is not None and not self.random, "--random"),
        ):
            if given:
                raise UsageError("OPTION-UNUSED", flag, "means nothing here", f"Leave it out; it serves {serves}.")
        if self.split not in ("", "train", "test"):
            raise UsageError("UNKNOWN-SPLIT", f"--split {self.split}", "there is no such split", "Choose from: train, test.")
        if max(len(self.files), len(self.indices), self.random) > MOST_IMAGES:
            raise UsageError(
                "PREDICT-MANY", "predict", f"more than {MOST_IMAGES:,} images at once", "Give fewer; predictions.csv holds those of all test images."
            )


@dataclass(frozen=True)
class Answer:
    """What the model says, row by row.

    images uint8 (n, h, w, c);  y_proba float32 (n, classes);  labels int64 (n,), -1 where unknown;  notes and warnings: per image.
    """

    model: str
    images: NDArray[np.uint8]
    y_proba: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[tuple[str, ...], ...]
    warnings: tuple[tuple[str, ...], ...]
    nearest: Nearest | None
    run_warnings: tuple[str, ...] = ()
    choice: str = ""

    def display(self) -> CardsDisplay:
        """The same as cards."""
        cols = 3 if len(self.images) > 4 else 2
        return CardsDisplay(self.images, self.y_proba, self.labels, self.class_names, self.names, self.choice, cols=cols, nearest=self.nearest)


@dataclass(frozen=True)
class Asked:
    """Images in the model's shape before it has seen them."""

    images: LabeledImages
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    choice: str
    notes: tuple[tuple[str, ...], ...] = field(default=())
    warnings: tuple[tuple[str, ...], ...] = field(default=())


def predict(run: Path, question: Question, *, cache_dir: Path | None = None, progress: Progress | None = None) -> Answer:
    """Classify the images with the run's model and find their nearest training images in its penultimate layer.

    Everything dear comes out of the cache: the training images' features are those that the main job has computed.

    Raises
    ------
    BadInput
        For a folder that is no run or has no model, a picture that cannot be read, a number outside the split.
    Damaged
        Where the run's files are not as they were written.
    """
    from fmnist_viz.pipeline.features import ModelFile, layer_features, model_layers

    progress = progress or Silent()
    manifest = checked_run(run)
    config = run_config(run, manifest)
    threads = set_threads(min(config.compute.threads, usable_cores()))
    cache = Cache((cache_dir or default_cache_dir()).absolute(), report=progress.warn)
    if question.files:  # a mistyped name is said before 70,000 images are read
        for path in question.files:
            if not path.exists():
                raise BadInput("FILE-MISSING", path, "not found", "Check the path.")
    data = run_data(config, manifest, progress)
    asked = _asked(question, data)
    model = ModelFile(run / "model.keras", str(config.fit.model if config.fit else run.name))
    with scratch_folder(cache) as scratch:
        digests = {part.split: part.digest() for part in (data.train, data.test) if part is not None}
        ctx = Context(config, data, digests, cache, RunFolder(run), InlineRunner(), progress, threads, scratch)
        table = model_layers(cache, model, asked.images).table
        space, layers = neighbor_space(table, config.features.pool)
        scale = (1.0, 0.0)  # a trained preset takes 0..255
        seen = layer_features(ctx, model, asked.images, asked.images.digest(), layers, outputs=True, task="images", scale=scale)
        proba = LayerFeatures(seen["probabilities"].path).vectors()
        nearest = None
        if question.nearest and data.train is not None:
            task = f"{space} of the training images"
            stored = layer_features(ctx, model, data.train, digests["train"], layers, outputs=not layers, task=task, scale=scale)
            name = layers[0].name if layers else "logits"
            nearest = nearest_images(LayerFeatures(seen[name].path).vectors(), LayerFeatures(stored[name].path).vectors(), data.train, question.nearest, space)
    warnings = tuple(line for line in manifest.about.get("warnings", ()) if "(--points)" not in line)  # that one is of the run's maps
    return Answer(
        model.name, np.array(asked.images.images), proba, asked.labels, data.class_names, asked.names, asked.notes, asked.warnings, nearest,
        warnings, asked.choice,
    )  # fmt: skip


def checked_run(run: Path) -> Manifest:
    """The manifest of a run that has a model."""
    manifest = verify(run)
    if not (run / "model.keras").is_file():
        raise BadInput("NO-MODEL", run, "holds no model.keras: it was exported from a model elsewhere", "Give a run that train-and-export or train has made.")
    return manifest


def run_config(run: Path, manifest: Manifest) -> RunConfig:
    """The settings that a run keeps of itself."""
    if manifest.about.get("kind") not in ("train", "train-and-export"):
        raise BadInput("NO-TRAINING", run, "was not trained by this program", "Give a run that train-and-export or train has made.")
    return read_run_config(run, manifest.about["kind"])


def run_data(config: RunConfig, manifest: Manifest, progress: Progress) -> DataSet:
    """The data that the run was made of: what lies in its place now must be the same."""
    from fmnist_viz.data import load, load_or_sample

    was = manifest.about.get("data", {})
    data = (load_or_sample if was.get("fallback") else load)(config.data, progress=progress)
    if was.get("sha256") and data.source.sha256 != was["sha256"]:
        fact = f"the data is not that of the run (SHA-256 {data.source.sha256[:8]}, the run's was {was['sha256'][:8]})"
        raise Damaged("DATA-CHANGED", data.source.location, fact, "Put the run's data back, or make a run of the new data.")
    return data


def _asked(question: Question, data: DataSet) -> Asked:
    return _of_files(question, data) if question.files else _of_split(question, data)


def _of_files(question: Question, data: DataSet) -> Asked:
    from fmnist_viz.data.incoming import read_incoming
    from fmnist_viz.display.sample_grid import dark_ground

    known = data.train if data.train is not None else data.test
    h, w, c = known.images.shape[1:]
    read = [read_incoming(path, shape=(h, w, c), invert=question.invert, dark=dark_ground(known.images)) for path in question.files]
    pixels = np.stack([one.pixels for one in read])
    ids = np.array([f"file/{hashlib.sha256(one.pixels.tobytes()).hexdigest()[:16]}" for one in read])
    # the features know no label: they are given class 0, and nothing reads it
    images = LabeledImages(pixels, np.zeros(len(read), np.int64), data.class_names, ids, "files", data.source)
    names = tuple(Path(one.name).name for one in read)
    choice = f"{len(read)} picture file{'s' * (len(read) != 1)}"
    return Asked(images, np.full(len(read), -1, np.int64), names, choice, tuple(one.notes for one in read), tuple(one.warnings for one in read))


def _of_split(question: Question, data: DataSet) -> Asked:
    if question.split == "train" and data.train is None:
        raise UsageError("NO-SPLIT", "--split train", "the data has no training split", "Use --split test.")
    images = data.split(question.split or "test")
    if question.random:
        count = min(question.random, len(images))
        rows = np.random.default_rng(question.seed or 0).choice(len(images), count, replace=False)
        choice = f"{count} of {len(images):,} {images.split} images at random (seed {question.seed or 0})"
    else:
        for index in question.indices:
            if not 0 <= index < len(images):
                raise UsageError("INDEX-RANGE", f"--index {index}", f"the {images.split} split has images 0 to {len(images) - 1:,}", "Choose one of them.")
        rows = np.array(question.indices, np.int64)
        choice = f"Chosen {images.split} image{'s' * (len(rows) != 1)}"
    taken = images.take(rows)
    empty = tuple(() for _ in rows)
    return Asked(taken, np.array(taken.labels), tuple(taken.sample_ids.tolist()), choice, empty, empty)


def neighbor_space(table: Sequence[LayerInfo], pool: str) -> tuple[str, list[LayerInfo]]:
    """What neighbours are measured in, and the layers to compute: the penultimate one, or the logits (no layer) where it is stored reduced or missing."""
    last = penultimate(list(table))
    found = [info for info in table if info.name == last]
    if found and pooled_width(found[0], pool) <= RAW_WIDTH:
        return f"layer {last} (Euclidean)", found
    return "the logits (Euclidean)", []


def nearest_images(queries: NDArray[np.float32], X: NDArray[np.float32], train: LabeledImages, k: int, space: str) -> Nearest:
    """The k training images nearest to each query, nearest first, equal ones by row. Distances are of differences in double precision: a copy is at 0."""
    from fmnist_viz.neighbors import query_distances

    k = min(k, len(X))
    rough = query_distances(queries, X)
    near = np.sort(np.argpartition(rough, min(len(X), 2 * k + 10) - 1, axis=1)[:, : 2 * k + 10], axis=1)
    exact = np.linalg.norm(X[near].astype(np.float64) - queries[:, None, :], axis=2)
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    rows = np.take_along_axis(near, order, 1)
    distances = np.take_along_axis(exact, order, 1).astype(np.float32)
    return Nearest(train.images[rows], train.labels[rows], train.sample_ids[rows], distances, space)


def check_out(path: Path, *, overwrite: bool) -> None:
    """Raise UsageError for a name that is no .png or .svg, OutputBusy for one that is taken."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError("OUT-SUFFIX", f"--out {path}", "is neither .png nor .svg", "Name a .png or .svg file.")
    if path.is_dir() or (path.exists() and not overwrite):
        what = "is a folder" if path.is_dir() else "is there already"
        raise OutputBusy("OUT-TAKEN", path, what, "Choose another --out" + ("." if path.is_dir() else ", or add --overwrite to replace it."))


def write_cards(path: Path, answer: Answer) -> None:
    """The cards as one PNG or SVG file, all or nothing."""
    from fmnist_viz.display.style import DPI, styled

    figure = answer.display().plot(stamp=answer.run_warnings, prefix=f"Model {answer.model}")
    kind = path.suffix.lower().removeprefix(".")
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with styled():
        write_file(path, lambda file: figure.savefig(file, format=kind, dpi=DPI, metadata=metadata))
