"""``sample``: 5,000 + 1,000 real images of Fashion-MNIST that come with the package, for machines that have none.

`scripts/make-sample` makes the file; ``sample/ATTRIBUTION.md`` says whose the images are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import Damaged
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import Decoded, assemble, payload_sha256
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import Limit
from fmnist_viz.data.labels import FASHION
from fmnist_viz.data.npz import read_npz

FILE = Path(__file__).parent / "sample" / "fashion-mnist-sample.npz"
COUNTS = {"train": 5_000, "test": 1_000}
SHA256 = "e03124b3b3dfc6bc422c14940d38b270f0f03013dc24673b1cf77c4d4cdb33d1"  # assemble.payload_sha256 of the two splits
NOTE = "5,000 + 1,000 images of Fashion-MNIST's 70,000"


def load_sample(config: DataConfig, progress: Progress, *, fallback: bool = False) -> DataSet:
    """The shipped images; ids hold the rows of the published files. Raises Damaged where the shipped file was changed."""
    keys = [f"{what}_{split}" for split in COUNTS for what in ("x", "y", "rows")]
    arrays = read_npz(FILE, tuple(keys), limit=Limit(config.max_bytes))
    missing = [key for key in keys if key not in arrays]
    splits = {} if missing else {split: _split(arrays, split) for split in COUNTS}
    if missing or payload_sha256(splits) != SHA256:
        raise Damaged("SAMPLE-DAMAGED", FILE.name, "the shipped sample is not what the program was made with", "Install fmnist-viz again.")
    progress.say(f"data: the shipped sample, {NOTE}")
    return assemble(splits, FASHION, Source("sample", "shipped with fmnist-viz", SHA256, notes=(NOTE,), fallback=fallback), side=config.resize)


def _split(arrays: dict[str, NDArray[Any]], split: str) -> Decoded:
    images = arrays[f"x_{split}"].reshape(-1, 28, 28, 1)
    return Decoded(images, arrays[f"y_{split}"].astype(np.int64), FILE.name, arrays[f"rows_{split}"].astype(np.int64))
