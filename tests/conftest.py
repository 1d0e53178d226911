"""The one real run that several test files look at."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

import pytest
from command import Done, run

DATASET = Path("/usr/share/datasets/fashion-mnist")


class MadeRun(NamedTuple):
    """A run that the real command made from the real data, in `path.parent.parent`; the log folder is `path.parent`."""

    path: Path
    cache_dir: Path
    argv: tuple[str, ...]
    completed: Done


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> MadeRun:
    """All 60,000 training images, one epoch; 1,500 test images mapped, stratified. Read it, never write into it."""
    if not DATASET.is_dir():
        pytest.fail(f"{DATASET} is missing: scripts/test installs it (Debian package dataset-fashion-mnist)", pytrace=False)
    # tests may run in several processes, each of which has a folder of its own below a common one: the first makes the run, the others wait for it
    together = tmp_path_factory.getbasetemp() if "PYTEST_XDIST_WORKER" not in os.environ else tmp_path_factory.getbasetemp().parent
    where, told = together / "made", together / "made.txt"
    argv = (
        *("train-and-export", "--model", "dense128", "--epochs", "1", "--points", "1500", "--projector-points", "600"),
        *("--n-iter", "250", "--umap-epochs", "50", "--out", "projector_logs/run", "--cache-dir", "cache"),
    )
    with (together / "made.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            where.mkdir()
            done = run(where, *argv)
            told.write_text(json.dumps([done.code, done.out, done.err]))
    completed = Done(*json.loads(told.read_text()))
    assert completed.code == 0, completed.err
    return MadeRun(where / "projector_logs" / "run", where / "cache", argv, completed)
