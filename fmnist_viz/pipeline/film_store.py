"""One view of the epoch film in a cache entry: coordinates as one array, everything else as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Projection
from fmnist_viz.features.shards import load_array, save_array
from fmnist_viz.pipeline.ladder_store import plain, unknown
from fmnist_viz.projection.film import Strip


def save_strip(folder: Path, strip: Strip) -> None:
    maps = [{"name": p.representation, "parameters": dict(p.parameters), "scores": dict(p.scores), "note": p.note, "seed": p.seed} for p in strip.projections]
    kept = {"method": strip.method, "maps": maps, "drifts": strip.drifts, "stills": strip.stills}
    write_file(folder / "strip.json", json.dumps(plain(kept), allow_nan=False))
    save_array(folder / "coords.npy", np.stack([p.coords for p in strip.projections]))


def load_strip(folder: Path, *, sample_ids: NDArray[np.str_]) -> Strip:
    """What `save_strip` wrote; `sample_ids` are those of the points."""
    kept, coords = json.loads((folder / "strip.json").read_text(encoding="utf-8")), load_array(folder / "coords.npy")
    maps = tuple(
        Projection(xy, sample_ids, m["name"], kept["method"], m["parameters"], m["seed"], m["scores"], m["note"])
        for xy, m in zip(coords, kept["maps"], strict=True)
    )
    return Strip(kept["method"], maps, tuple(map(unknown, kept["drifts"])), tuple(map(unknown, kept["stills"])))


def save_drifts(folder: Path, drifts: tuple[float, ...]) -> None:
    write_file(folder / "drifts.json", json.dumps(plain(drifts), allow_nan=False))


def load_drifts(folder: Path) -> tuple[float, ...]:
    """What `save_drifts` wrote."""
    return tuple(map(unknown, json.loads((folder / "drifts.json").read_text(encoding="utf-8"))))
