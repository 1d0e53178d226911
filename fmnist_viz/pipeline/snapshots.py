"""Training as motion: the probe's recordings as Projector runs of single epochs, and as one tensor of the ways that samples took.

While a training runs, the chosen epochs appear one after the other, each laid over the one before it. Once it has ended the folder is written
again, now in the last epoch's principal axes, which were not known before; and so it is where the training comes from the cache.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import Damaged, VizError
from fmnist_viz.core.store import need_space
from fmnist_viz.core.types import LabeledImages, Predictions, Representation
from fmnist_viz.data.split import interleaved_rows, stratified_rows
from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.pipeline.context import Context
from fmnist_viz.projection.align import chain, components, drift, laid_over

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.core.cache import Entry
    from fmnist_viz.core.progress import Progress
    from fmnist_viz.export.projector import ProjectorTensor, View
    from fmnist_viz.export.projector.tensor import Normalize
    from fmnist_viz.training.probe import Look

FOLDER, OTHERS, TRAJECTORY = "projector_epochs", "other_epochs", "trajectory"
LAYERS = ("penultimate", "logits")  # what the probe keeps of an epoch
TRACED = 300  # samples whose way is drawn: more, and lines hide each other
TRACED_POINTS = 20_000  # rows of the trajectory tensor at most; of longer trainings some epochs are passed over
ALLOWED = "shifted, rotated and reflected, never scaled"


@dataclass(frozen=True)
class Recording:
    """What the probe's images were to the network after an epoch: penultimate float32 (n, d), logits float32 (n, c)."""

    epoch: int
    penultimate: NDArray[np.float32]
    logits: NDArray[np.float32]


def probe_images(folder: Path, images: LabeledImages) -> LabeledImages:
    """The images that a folder of recordings speaks of, out of the split that they were taken from. Raises Damaged where one is not there."""
    with np.load(folder / "probe.npz", allow_pickle=False) as stored:
        wanted = stored["sample_ids"]
    place = {sample: row for row, sample in enumerate(images.sample_ids.tolist())}
    if missing := [sample for sample in wanted.tolist() if sample not in place]:
        raise Damaged("PROBE", folder / "probe.npz", f"speaks of {missing[0]}, which the data does not hold", "Train again with --fresh.")
    return images.take(np.array([place[sample] for sample in wanted.tolist()], np.int64))


def recordings(folder: Path) -> list[Recording]:
    """All recorded epochs, ascending."""
    found = []
    for path in sorted(folder.glob("epoch_*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            found.append(Recording(int(path.stem.removeprefix("epoch_")), stored["penultimate"], stored["logits"]))
    return found


def epoch_name(epoch: int) -> str:
    return f"epoch_{epoch:03d}"


def epoch_table(images: LabeledImages, logits: NDArray[np.float32], epoch: int) -> pd.DataFrame:
    """The Projector's table of one epoch: label, predicted, correct, confidence, epoch, sample_id."""
    from fmnist_viz.analysis.confusion import predictions_frame

    e = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    proba = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    frame = predictions_frame(Predictions(images.sample_ids, images.labels, proba, images.class_names, "", epoch))
    table = frame[["true", "predicted", "correct", "confidence", "sample_id"]].rename(columns={"true": "label"})
    table["correct"] = np.where(table["correct"], "correct", "wrong")
    table.insert(4, "epoch", epoch)
    return table


def aligned_views(placed: NDArray[np.float32], sample_ids: Any, words: str) -> tuple[View, ...]:
    """The first two and three columns of rows (n, >= 3) as views in the page's PCA tab."""
    from fmnist_viz.export.projector import View

    return tuple(View(f"PCA {dims}-D, {words}", "pca", placed[:, :dims].copy(), sample_ids, "pca", {"aligned": ALLOWED}) for dims in (2, 3))


def _tensors(images: LabeledImages, recording: Recording, views: Mapping[str, Sequence[View]]) -> list[ProjectorTensor]:
    """One tensor per layer that has views; the vectors are the network's own."""
    from fmnist_viz.export.projector import ProjectorTensor

    made = []
    for layer, shown in views.items():
        values = getattr(recording, layer)
        vectors = Representation(values, images.sample_ids, layer, "logits" if layer == "logits" else "activation", epoch=recording.epoch)
        made.append(ProjectorTensor(vectors, tuple(shown), title=f"{epoch_name(recording.epoch)}_{layer}"))
    return made


def _write_epoch(place: Path, images: LabeledImages, recording: Recording, views: Mapping[str, Sequence[View]], normalize: Normalize) -> None:
    from fmnist_viz.export.projector import TensorForm, projector_folder, write_projector

    table = epoch_table(images, recording.logits, recording.epoch)
    rows = interleaved_rows(images.labels, len(images), seed=0)
    with projector_folder(place / epoch_name(recording.epoch)) as folder:
        write_projector(folder, samples=_tensors(images, recording, views), images=images, metadata=table, rows=rows, form=TensorForm(normalize))


class LiveSnapshots:
    """Writes the chosen epochs into `folder` while they come; what cannot be written is said once, and the training goes on."""

    def __init__(self, folder: Path, images: LabeledImages, epochs: Sequence[int], progress: Progress, normalize: Normalize = "auto") -> None:
        self._folder, self._images, self._epochs, self._progress, self._normalize = folder, images, set(epochs), progress, normalize
        self._before: dict[str, NDArray[np.float32]] = {}
        self._before_epoch, self._failed = -1, False

    def __call__(self, epoch: int, look: Look) -> None:
        if epoch not in self._epochs or self._failed or len(self._images) < 2:
            return
        try:
            self._write(Recording(epoch, look.hidden, look.logits))
        except (VizError, OSError) as e:
            self._failed = True
            self._progress.warn(f"{FOLDER}: {e} The training goes on without snapshots.")

    def _write(self, recording: Recording) -> None:
        views = {}
        words = "its own axes" if self._before_epoch < 0 else f"laid over epoch {self._before_epoch}"
        for layer in LAYERS:
            flat = components(getattr(recording, layer), 3)
            flat = np.pad(flat, ((0, 0), (0, 3 - flat.shape[1])))
            placed = laid_over(flat, self._before[layer]) if layer in self._before else flat
            self._before[layer] = placed
            views[layer] = aligned_views(placed, self._images.sample_ids, f"epoch {recording.epoch}, {words}")
        self._before_epoch = recording.epoch
        _write_epoch(self._folder, self._images, recording, views, self._normalize)


def publish_snapshots(ctx: Context, entry: Entry | None) -> None:
    """`projector_epochs/`: single epochs, the others in one folder, and the ways of some hundred samples; or, in the manifest, why there are none."""
    config = ctx.config.fit
    if entry is None or config is None:
        ctx.folder.record("snapshots", {"skipped": "nothing was trained here, so no epochs of this model are known"})
        return
    recorded = recordings(entry.path / "probe")
    chosen = config.snapshot_epochs(max((r.epoch for r in recorded), default=0))
    images = probe_images(entry.path / "probe", ctx.data.test)
    if config.snapshots == "none" or len(images) < 2 or not recorded:
        why = "--snapshots none" if config.snapshots == "none" else f"{len(recorded)} recorded epochs of {len(images)} images"
        ctx.folder.record("snapshots", {"skipped": why})
        return
    need_space(ctx.folder.path, sum(r.penultimate.nbytes + r.logits.nbytes for r in recorded), what="the epochs' Projector folders")
    normalize: Any = ctx.config.view.normalize
    with ctx.timed("snapshots"):
        facts = write_snapshots(ctx.folder.path / FOLDER, images, recorded, chosen, seed=ctx.seed, normalize=normalize)
    ctx.folder.record("snapshots", ctx.facts("snapshots", **facts))


def write_snapshots(
    folder: Path, images: LabeledImages, recorded: Sequence[Recording], chosen: Sequence[int], *, seed: int, normalize: Normalize = "auto"
) -> dict[str, Any]:
    """Write the recorded epochs into `folder`: `epoch_005/` ... (chosen), `other_epochs/`, `trajectory/`, each of them whole; what else is there goes.

    Returns JSON-ready facts: which epoch went where, how they were aligned, and how far the images moved from each epoch to the next.
    """
    placed = {layer: chain([getattr(r, layer) for r in recorded]) for layer in LAYERS}
    last = recorded[-1].epoch
    runs, others = [], []
    for i, recording in enumerate(recorded):
        words = f"epoch {recording.epoch} in the axes of epoch {last}"
        views = {layer: aligned_views(placed[layer][i], images.sample_ids, words) for layer in LAYERS}
        if recording.epoch not in chosen:
            others.append((recording, views))
            continue
        _write_epoch(folder, images, recording, views, normalize)
        runs.append(recording.epoch)
    if others:
        _write_others(folder / OTHERS, images, others, normalize)
    trajectory = _write_trajectory(folder / TRAJECTORY, images, recorded, placed["penultimate"], seed, normalize)
    _clear(folder, {*map(epoch_name, runs), *([OTHERS] if others else []), TRAJECTORY})
    return {
        "probe": {"images": len(images), "split": images.split},
        "runs": runs,
        "other_epochs": [recording.epoch for recording, _ in others],
        "alignment": {"axes": f"principal axes of epoch {last}", "method": "orthogonal Procrustes, each epoch laid over the next one", "allowed": ALLOWED},
        "drift": {layer: _drifts(recorded, placed[layer]) for layer in LAYERS},
        "trajectory": trajectory,
    }


def _clear(folder: Path, kept: set[str]) -> None:
    """Take away snapshots of an attempt that ended otherwise; the configuration first, so that TensorBoard never reads one whose files are gone."""
    for path in folder.iterdir():
        if path.name not in kept and path.is_dir():
            (path / CONFIG).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def _drifts(recorded: Sequence[Recording], placed: Sequence[NDArray[np.float32]]) -> list[dict[str, Any]]:
    """How far the probe moved from epoch to epoch, relative root mean square."""
    found = []
    for i in range(1, len(recorded)):
        moved = drift(placed[i - 1], placed[i])
        found.append({"from": recorded[i - 1].epoch, "to": recorded[i].epoch, "relative_rms": round(moved, 4) if np.isfinite(moved) else None})
    return found


def _write_others(place: Path, images: LabeledImages, others: Sequence[tuple[Recording, Mapping[str, Sequence[View]]]], normalize: Normalize) -> None:
    """The epochs without a run of their own: a tensor of penultimate activations each, with its own table and the shared thumbnails."""
    import pandas as pd

    from fmnist_viz.export.projector import TensorForm, projector_folder, write_projector

    samples = []
    for recording, views in others:
        (tensor,) = _tensors(images, recording, {"penultimate": views["penultimate"]})
        samples.append(dataclasses.replace(tensor, metadata=epoch_table(images, recording.logits, recording.epoch)))
    rows = interleaved_rows(images.labels, len(images), seed=0)
    shared = pd.DataFrame({"label": np.asarray(images.class_names, object)[images.labels], "sample_id": images.sample_ids})
    with projector_folder(place) as folder:
        write_projector(folder, samples=samples, images=images, metadata=shared, rows=rows, form=TensorForm(normalize))


def traced_epochs(count: int, samples: int) -> NDArray[np.int64]:
    """Which of `count` recordings a trajectory goes through: all, or evenly spaced ones with the first and the last."""
    room = max(2, TRACED_POINTS // max(samples, 1))
    return np.unique(np.linspace(0, count - 1, min(count, room)).round().astype(np.int64))


def next_rows(samples: int, epochs: int) -> NDArray[np.int64]:
    """int64 (samples * epochs,): sample after sample, each epoch's row names the next one; the last one of a sample has -1."""
    rows = np.arange(samples * epochs, dtype=np.int64) + 1
    rows[epochs - 1 :: epochs] = -1
    return rows


def _write_trajectory(
    place: Path, images: LabeledImages, recorded: Sequence[Recording], placed: Sequence[NDArray[np.float32]], seed: int, normalize: Normalize
) -> dict[str, Any]:
    """One tensor whose rows are samples x epochs, joined by lines, in axes that all epochs share."""
    import pandas as pd

    from fmnist_viz.export.projector import ProjectorTensor, TensorForm, projector_folder, write_tensors

    picked = stratified_rows(images.labels, min(TRACED, len(images)), seed=seed)
    picked = picked[interleaved_rows(images.labels[picked], len(picked), seed=seed)]
    epochs = traced_epochs(len(recorded), len(picked))
    some = images.take(picked)
    tables = [epoch_table(some, recorded[e].logits[picked], recorded[e].epoch) for e in epochs]
    order = np.arange(len(picked) * len(epochs)).reshape(len(epochs), len(picked)).T.ravel()  # sample after sample
    table = pd.concat(tables, ignore_index=True).iloc[order].reset_index(drop=True)
    X = np.concatenate([placed[e][picked] for e in epochs])[order]
    ids = np.array([f"{sample}@{epoch}" for sample, epoch in zip(table["sample_id"], table["epoch"], strict=True)])
    views = aligned_views(X, ids, f"in the axes of epoch {recorded[-1].epoch}, a line per image")
    vectors = Representation(X, ids, "trajectory", "activation")
    # no thumbnails: they would hide the lines
    tensor = ProjectorTensor(vectors, views, table, title="trajectory", next_row=next_rows(len(picked), len(epochs)))
    with projector_folder(place) as folder:
        write_tensors(folder, [tensor], form=TensorForm(normalize))
    return {"samples": len(picked), "epochs": [recorded[e].epoch for e in epochs], "rows": len(X), "layer": "penultimate"}
