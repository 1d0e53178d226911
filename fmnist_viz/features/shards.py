"""Rows of vectors on disk: `.npy` shards in the order in which they were computed, read back in the order of the samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.store import write_file, write_json
from fmnist_viz.core.types import ReferenceDistances
from fmnist_viz.features.responses import UnitResponses

ROWS = 8192  # most rows in a shard
SHARD_BYTES = 128 << 20  # most bytes in a shard


def save_array(path: Path, array: NDArray[Any]) -> None:
    write_file(path, lambda f: np.save(f, array, allow_pickle=False))


def load_array(path: Path) -> NDArray[Any]:
    return np.load(path, allow_pickle=False)


def save_responses(folder: Path, responses: UnitResponses) -> None:
    for name in ("top", "values", "fired", "lowest"):
        save_array(folder / f"response_{name}.npy", getattr(responses, name))


class ShardWriter:
    """Collects rows and writes a shard whenever enough of them are there, so that memory stays bounded."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts, self._held, self._count = folder, list[NDArray[np.float32]](), 0, 0

    def add(self, rows: NDArray[np.float32]) -> None:
        self._parts.append(rows)
        self._held += len(rows)
        full = max(1, min(ROWS, SHARD_BYTES // (4 * max(rows.shape[1], 1))))
        while self._held >= full:
            self._flush(full)

    def _flush(self, size: int) -> None:
        held = np.concatenate(self._parts)
        save_array(self._folder / f"shard_{self._count:05d}.npy", np.ascontiguousarray(held[:size], np.float32))
        self._parts, self._held, self._count = [held[size:]], len(held) - size, self._count + 1

    def close(self) -> None:
        if self._held:
            self._flush(self._held)

    def taken(self) -> NDArray[np.float32]:
        """All rows in the order in which they came; their files are gone."""
        self.close()
        paths = sorted(self._folder.glob("shard_*.npy"))
        rows = np.concatenate([load_array(path) for path in paths])
        shutil.rmtree(self._folder)
        return rows


class LayerFeatures:
    """One representation's finished folder: `record.json`, `order.npy`, shards; `class_means.npy`, `response_*.npy` and `reference.npy` where they apply."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        self._order = load_array(folder / "order.npy")

    @staticmethod
    def finish(folder: Path, facts: dict[str, Any], order: NDArray[np.int64]) -> None:
        save_array(folder / "order.npy", order)
        write_json(folder / "record.json", facts)

    def vectors(self) -> NDArray[np.float32]:
        """All rows in sample order, float32 (n, width)."""
        out = np.empty((len(self._order), self.facts["width"]), np.float32)
        start = 0
        for path in sorted(self.folder.glob("shard_*.npy")):
            part = load_array(path)
            out[self._order[start : start + len(part)]] = part
            start += len(part)
        return out

    def reference(self) -> ReferenceDistances | None:
        """Distances of the queries in the unreduced space, where the layer was reduced; else None (compute them from `vectors`)."""
        path = self.folder / "reference.npy"
        if not path.exists():
            return None
        streamed = load_array(path)
        distances = np.empty_like(streamed)
        distances[:, self._order] = streamed
        return ReferenceDistances(self._order[: len(streamed)].copy(), distances, self.facts["metric"])

    def responses(self) -> UnitResponses | None:
        """The images that excite each unit or channel most, and on how many it fires; None for logits and probabilities."""
        if not (self.folder / "response_top.npy").exists():
            return None
        top, values, fired, lowest = (load_array(self.folder / f"response_{name}.npy") for name in ("top", "values", "fired", "lowest"))
        return UnitResponses(top, values, fired, lowest, len(self._order))

    def class_means(self) -> NDArray[np.float64] | None:
        """Mean activation of every unit or channel for every class, (classes, units); NaN in the row of a class without images."""
        path = self.folder / "class_means.npy"
        return load_array(path) if path.exists() else None
