"""`fmnist-viz labels`: doubtful labels as lines of text and a folder with a column for decisions."""

from __future__ import annotations

import os
from pathlib import Path

from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.core.errors import UsageError
from fmnist_viz.data.config import DataConfig
from fmnist_viz.pipeline.labels import JudgedLabels, check_target, labels, write_labels

TOLD = 5  # suspects on the screen


def run_labels(run: Path | None, data: DataConfig, *, split: str, folds: int, seed: int, threads: int, out: str, line: str) -> None:
    """Judge, print, write. Raises VizError for what cannot be judged or written."""
    if run is not None and data != DataConfig():
        raise UsageError("OPTION-UNUSED", "labels RUN", "takes the run's own data", "Leave out the options that name data, or the run.")
    folder = Path(out)
    check_target(folder)
    screen = Screen()
    try:
        found = labels(run, data=None if run is not None else data, split=split, folds=folds, seed=seed, threads=threads, progress=screen)
        write_labels(found, folder, line)
    finally:
        screen.close()
    printed(*lines(found), "", f"{folder}{os.sep}label_issues.csv: write keep, drop or a class into its column decision, then")
    printed(f"  fmnist-viz train-and-export --label-fixes {folder}{os.sep}label_issues.csv with the same --data")


def lines(found: JudgedLabels) -> list[str]:
    """What was found, and the most doubtful labels."""
    judged = found.issues
    first = [
        f"{judged.images.sample_ids[row]}  {judged.images.class_names[judged.images.labels[row]]}: {judged.reason(row)}" for row in judged.rows[:TOLD].tolist()
    ]
    return [*(f"{text}." for text in found.sentences()), *(["", *first] if first else [])]
