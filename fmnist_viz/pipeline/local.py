"""A map point by point, as its cache entry holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Entry
from fmnist_viz.core.store import write_file
from fmnist_viz.projection.distortion import Distortion


@dataclass(frozen=True)
class Local:
    """`near` int32 (n, k), each point's nearest on the map, and what became of its true neighbours."""

    near: NDArray[np.int32]
    distortion: Distortion


def save_local(folder: Path, local: Local) -> None:
    """Write it beside the coordinates; k and wide belong into the entry's record. Nothing is written where there are too few points."""
    found = local.distortion
    if found.k:
        write_file(folder / "near.npy", lambda f: np.save(f, local.near, allow_pickle=False))
        write_file(folder / "distortion.npy", lambda f: np.save(f, np.stack([found.missing, found.false]), allow_pickle=False))


def has_local(entry: Entry) -> bool:
    return (entry.path / "near.npy").exists()


def load_local(entry: Entry) -> Local:
    """What an entry of `projections` says of single points; ask `has_local` before."""
    missing, false = np.load(entry.path / "distortion.npy")
    return Local(np.load(entry.path / "near.npy"), Distortion(missing, false, entry.record["k"], entry.record["wide"]))
