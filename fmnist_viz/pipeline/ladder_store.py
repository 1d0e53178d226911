"""A layer ladder in two cache entries: numbers as JSON, unknown ones as null, coordinates as one array."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.ladder import LadderNumbers
from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Projection
from fmnist_viz.features.shards import load_array, save_array
from fmnist_viz.projection.ladder import Aligned


def save_numbers(folder: Path, n: LadderNumbers) -> None:
    pairs = [dataclasses.asdict(rung) for rung in n.pairs]
    alike = {"columns": list(n.alike.columns), "rows": n.alike.astype(object).to_numpy().tolist()}
    kept = {"rows": list(n.rows), "pairs": pairs, "alike": alike, "n": n.n, "queries": n.queries, "notes": list(n.notes), "told": list(n.told)}
    write_file(folder / "ladder.json", json.dumps(plain(kept), allow_nan=False))
    save_array(folder / "told.npy", np.stack([n.truth, *n.told.values()]))


def load_numbers(folder: Path, *, class_names: tuple[str, ...], seed: int) -> LadderNumbers:
    """What `save_numbers` wrote."""
    import pandas as pd

    kept = json.loads((folder / "ladder.json").read_text(encoding="utf-8"))
    told = load_array(folder / "told.npy")
    table = [{key: unknown(value) for key, value in row.items()} for row in kept["rows"]]
    pairs = [PairRung(**{**p, "layers": tuple(p["layers"]), "right": np.array(p["right"]), "p": np.array(p["p"], np.float64)}) for p in kept["pairs"]]
    alike = pd.DataFrame([[unknown(v) for v in row] for row in kept["alike"]["rows"]], columns=kept["alike"]["columns"])
    answers = dict(zip(kept["told"], told[1:], strict=True))
    return LadderNumbers(tuple(table), tuple(pairs), alike, class_names, told[0], answers, kept["n"], kept["queries"], seed, tuple(kept["notes"]))


def save_maps(folder: Path, maps: Sequence[Aligned]) -> None:
    kept = [
        {"layer": p.representation, "parameters": dict(p.parameters), "scores": dict(p.scores), "note": p.note, "drift": a.drift}
        for a in maps
        for p in (a.projection,)
    ]
    write_file(folder / "maps.json", json.dumps(plain(kept), allow_nan=False))
    save_array(folder / "coords.npy", np.stack([a.projection.coords for a in maps]))


def load_maps(folder: Path, *, sample_ids: NDArray[np.str_], seed: int) -> tuple[Aligned, ...]:
    """What `save_maps` wrote; `sample_ids` are those of the mapped points."""
    kept, coords = json.loads((folder / "maps.json").read_text(encoding="utf-8")), load_array(folder / "coords.npy")
    return tuple(
        Aligned(Projection(xy, sample_ids, m["layer"], "tsne", m["parameters"], seed, m["scores"], m["note"]), unknown(m["drift"]))
        for xy, m in zip(coords, kept, strict=True)
    )


def unknown(value: Any) -> Any:
    """A number as it was before `plain`: null was none."""
    return float("nan") if value is None else value


def plain(value: Any) -> Any:
    """What JSON can hold; numbers that are none become null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
