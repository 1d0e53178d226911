"""Doubtful labels of a split, from networks that have not seen the images judged: `fmnist-viz labels`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.label_errors import NEAR, LabelIssues
from fmnist_viz.analysis.out_of_fold import NETWORK, SPACE, describe, judged, out_of_fold
from fmnist_viz.analysis.twins import Twins, twins
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.threads import set_threads
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.data.config import DataConfig
from fmnist_viz.neighbors import exact_neighbors
from fmnist_viz.pipeline.config import VERSION, read_run_config, versions
from fmnist_viz.pipeline.folder import check_replaceable, verify
from fmnist_viz.pipeline.predict import run_data

KIND = "labels"
FOLDS = (2, 20)


@dataclass(frozen=True)
class JudgedLabels:
    """Doubtful labels, and what else speaks against images: `issues` of the split, `twins` among all splits; `facts` say what was done."""

    issues: LabelIssues
    twins: Twins
    facts: dict[str, Any]

    def sentences(self) -> list[str]:
        return [*self.issues.sentences(), self.twins.sentence()]


def labels(
    run: str | Path | None = None,
    *,
    data: DataSet | DataConfig | None = None,
    split: str = "train",
    folds: int = 5,
    seed: int = 0,
    threads: int = 0,
    progress: Progress | None = None,
) -> JudgedLabels:
    """Rank the labels of a split by how probably they are wrong.

    Parameters
    ----------
    run : a run folder, whose data is taken; of its test images its own model's probabilities, since it has not seen them
    data : a data set, or where to find one, in place of a run
    split : "train" or "test"
    folds : networks are trained on all folds but one and judge that one; 2 to 20. Test images that have training images beside them need one network only

    Returns
    -------
    JudgedLabels : `.issues.frame()` holds a row per suspect, most doubtful first

    Raises
    ------
    UsageError for a split or a number of folds that there is not; BadInput where there are no pixels, or a class has fewer images than two.
    """
    progress = progress or Silent()
    if (run is None) == (data is None):
        raise UsageError("LABELS-WHAT", "labels", "needs a run folder or --data, one of them", "Write fmnist-viz labels RUN, or fmnist-viz labels --data ...")
    if split not in ("train", "test"):
        raise UsageError("UNKNOWN-SPLIT", f"--split {split}", "there is no such split", "Choose from: train, test.")
    if not FOLDS[0] <= folds <= FOLDS[1]:
        raise UsageError("OPTION-RANGE", "--folds", f"{folds} is out of range", f"Give {FOLDS[0]} to {FOLDS[1]}.")
    set_threads(threads)
    known: Path | None = None
    if run is not None:
        manifest = verify(Path(run))
        kind = str(manifest.about.get("kind"))
        if kind not in ("train", "train-and-export", "export"):
            raise BadInput("NO-RUN", run, "is no run of train-and-export, train or export", "Give a run folder.")
        found = run_data(read_run_config(Path(run), kind), manifest, progress)
        known = None if kind == "export" else Path(run)  # a model that was brought along may have seen them
    else:
        assert data is not None
        found = _loaded(data, progress)
    if split == "train" and found.train is None:
        raise UsageError("NO-SPLIT", "--split train", "the data has no training split", "Use --split test.")
    images = found.split(split)
    if not images.pictured:
        raise BadInput("NO-PIXELS", found.source.location, "holds no pixels", "Give images.")
    issues = _judge(found, images, folds, seed, known if split == "test" else None, progress)
    progress.say("looking for images that are there twice")
    parts = [part for part in (found.train, found.test) if part is not None]
    facts = {"split": split, "images": len(images), "folds": folds, "seed": seed, "who": issues.who, "data": found.source.location}
    return JudgedLabels(
        issues, twins(parts), facts | {"sha256": found.source.sha256, "notes": list(found.source.notes), "run": Path(run).name if run is not None else ""}
    )


def _loaded(data: DataSet | DataConfig, progress: Progress) -> DataSet:
    from fmnist_viz.data import load

    return data if isinstance(data, DataSet) else load(data, progress=progress)


def _judge(data: DataSet, images: LabeledImages, folds: int, seed: int, known: Path | None, progress: Progress) -> LabelIssues:
    progress.say(f"describing {len(images):,} images")
    train, classes = data.train, len(images.class_names)
    others = train if images.split == "test" and train is not None else None
    own = None if known is None else _own_probabilities(known, images)
    both = images.images if others is None or own is not None else np.concatenate([others.images, images.images])
    X = describe(both, seed=seed)
    if own is not None:
        assert known is not None
        proba, who = own, f"the run's model {known.name}, which was not trained on them"
    elif others is not None:
        progress.say(f"training on {len(others):,} training images, judging {len(images):,}")
        proba = judged(X[: len(others)], others.labels, X[len(others) :], classes, seed=seed)
        who, X = f"{NETWORK} trained on the training images", X[len(others) :]
    else:
        counts = np.bincount(images.labels, minlength=classes)
        if len(images) < 2 * folds or (counts == 1).any():
            few = images.class_names[int(np.flatnonzero(counts == 1)[0])] if (counts == 1).any() else ""
            fact = f"class {few} has one image" if few else f"{len(images):,} images are too few for {folds} folds"
            raise BadInput("LABELS-FEW", data.source.location, fact, "Give more images, or fewer --folds.")
        proba = out_of_fold(X, images.labels, classes, folds=folds, seed=seed, say=progress.say)
        who = f"{NETWORK}, trained in {folds} folds, each image by the one that has not seen it"
    progress.say("neighbours")
    near = exact_neighbors(X, min(NEAR, len(X) - 1)).astype(np.int64)
    return LabelIssues(images, proba, who, near, images.labels, images.sample_ids, SPACE)


def _own_probabilities(run: Path, images: LabeledImages) -> NDArray[np.float32] | None:
    """Those in the run's predictions.csv, where it has them for every image of the split: float32 (n, classes)."""
    import csv

    path = run / "predictions.csv"
    if not path.is_file():
        return None
    with open(path, newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    by = {row[head.index("sample_id")]: row for row in rows}
    classes = len(images.class_names)
    if "confidence" not in head or len(head) < classes or any(name not in by for name in images.sample_ids.tolist()):
        return None
    return np.array([by[name][-classes:] for name in images.sample_ids.tolist()], np.float32)


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no `labels` has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "judgement of labels", lost="decisions")


def write_labels(found: JudgedLabels, folder: Path, line: str) -> None:
    """`label_issues.csv` with its empty column `decision`, `duplicates.csv`, `duplicate_counts.csv` and a manifest, all or nothing.

    Raises OutputBusy where the folder holds anything but an earlier one of these.
    """
    check_target(folder)
    manifest = Manifest({"command": line, "kind": KIND, "finished": True, "version": VERSION, "versions": versions(), **found.facts})
    frames = {"label_issues": found.issues.frame(), "duplicates": found.twins.frame(), "duplicate_counts": found.twins.counts()}
    with staged_folder(folder) as temp:
        for name, frame in frames.items():
            write_file(temp / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        manifest.record(temp, KIND, sorted(temp.iterdir()), {"suspects": len(found.issues.rows)})
