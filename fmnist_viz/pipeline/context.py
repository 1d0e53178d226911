"""What every stage of one run is given: configuration, data, cache, folder, worker, screen."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.memory import MemoryWatch
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.runner import Runner
from fmnist_viz.core.store import WORK, shared_folder
from fmnist_viz.pipeline.config import RunConfig
from fmnist_viz.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from fmnist_viz.core.types import DataSet, LabeledImages
    from fmnist_viz.pipeline.against import Opponent
    from fmnist_viz.pipeline.brought import Brought
    from fmnist_viz.pipeline.features import ModelFile
    from fmnist_viz.pipeline.human import People
    from fmnist_viz.pipeline.transfer import FrozenBase


@dataclass
class Context:
    """`digests` are those of the data's splits by name; `seconds` collects where the time went, stage by stage, `memory` how much was held."""

    config: RunConfig
    data: DataSet
    digests: dict[str, str]
    cache: Cache
    folder: RunFolder
    runner: Runner
    progress: Progress
    threads: int
    scratch: Path
    warnings: list[str] = field(default_factory=list)
    model: ModelFile | None = None  # the model to export; None where one is trained
    resume: bool = False  # go on with an unfinished training
    brought: Brought | None = None  # vectors and predictions made elsewhere
    base: FrozenBase | None = None  # of a transfer preset
    against: Opponent | None = None  # a finished run that the report compares with
    people: People | None = None  # what people answered
    seconds: dict[str, float] = field(default_factory=dict)
    memory: MemoryWatch = field(default_factory=MemoryWatch)

    @property
    def seed(self) -> int:
        return self.config.view.seed

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        with self.memory.stage(stage):
            yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - start, 2)

    def facts(self, stage: str, **more: Any) -> dict[str, Any]:
        return {"seconds": self.seconds.get(stage, 0.0), **more}


@contextlib.contextmanager
def scratch_folder(cache: Cache) -> Iterator[Path]:
    """A folder for work in flight, beside the cache so that finished parts can be moved into it."""
    with shared_folder(cache.root):
        path = Path(tempfile.mkdtemp(prefix=WORK, dir=cache.root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def mapped_images(data: DataSet, *, split: str, points: int, seed: int, keep: Sequence[str] | None = None) -> LabeledImages:
    """The images to look at: a split (or both, train first), or a stratified sample of it, in original order; `keep`: only of these ids."""
    import numpy as np

    from fmnist_viz.core.errors import UsageError
    from fmnist_viz.core.types import LabeledImages
    from fmnist_viz.data.split import stratified_rows

    if split != "test" and data.train is None:
        raise UsageError("NO-SPLIT", f"--split {split}", "the data has no training split", "Use --split test.")
    if split == "all":
        assert data.train is not None
        a, b = data.train, data.test
        images = LabeledImages(
            np.concatenate([a.images, b.images]),
            np.concatenate([a.labels, b.labels]),
            a.class_names,
            np.concatenate([a.sample_ids, b.sample_ids]),
            "all",
            a.source,
        )
    else:
        images = data.split(split)
    if keep is not None:
        images = images.take(np.flatnonzero(np.isin(images.sample_ids, keep)))
    return images.take(stratified_rows(images.labels, points, seed=seed)) if 0 < points < len(images) else images
