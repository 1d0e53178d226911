"""All maps of a run as one table, a row per image: what other tools of points and tables open."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.store import write_file
from fmnist_viz.core.types import Projection
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.parquet import write_parquet
from fmnist_viz.pipeline.shown import Shown

if TYPE_CHECKING:
    import pandas as pd

NAME = "maps"


def joined_maps(shown: Shown) -> pd.DataFrame:
    """A row per mapped image: sample_id, label, class, then predicted, correct, confidence and margin where they are known, then for every
    map with points ``<layer>_<method>_x`` and ``_y`` (float32; ``_z`` where maps are made in 3-D alone).

    margin : highest probability of another class less that of the true one: negative where right.
    """
    import pandas as pd

    images, predictions = shown.images, shown.seen.predictions
    names = np.array(images.class_names, dtype=object)
    columns: dict[str, Any] = {"sample_id": images.sample_ids, "label": images.labels, "class": names[images.labels]}
    if predictions is not None:
        columns |= {"predicted": names[predictions.y_pred], "correct": predictions.correct}
        if predictions.has_proba:
            columns |= {"confidence": predictions.confidence, "margin": predictions.margin}
    for layer, maps in shown.maps.items():
        for method, p in maps.items():
            if not p.note:
                add_places(columns, f"{slug(layer)}_{method}", p)
    return pd.DataFrame(columns)


def add_places(columns: dict[str, Any], stem: str, p: Projection) -> None:
    """Add a map's columns ``<stem>_x``, ``_y`` (``_z``), all signs but letters, digits and _ replaced, since tools put the names into queries."""
    plain = re.sub(r"\W+", "_", stem)
    stem = stem if f"{plain}_x" in columns else plain
    columns |= {f"{stem}_{axis}": p.coords[:, i] for i, axis in enumerate("xyz"[: p.coords.shape[1]])}


def publish_joined(folder: Path, table: pd.DataFrame, *, parquet: bool) -> None:
    """`maps.csv` with the shortest texts that read back as the same float32, and `maps.parquet` where it is wanted."""
    texts = table.copy()
    for name in table.columns[table.dtypes == np.float32]:
        texts[name] = table[name].to_numpy().astype(str)
    write_file(folder / f"{NAME}.csv", texts.to_csv(index=False, lineterminator="\n"))
    if parquet:
        write_parquet(folder / f"{NAME}.parquet", table)


def atlas_line(table: Path, columns: list[str]) -> str:
    """The command that opens a table of maps in embedding-atlas, on the last map that it holds; empty where there is none."""
    found = [name.removesuffix("_x") for name in columns if name.endswith("_x") and f"{name[:-1]}y" in columns]
    if not found:
        return ""
    return shlex.join(["embedding-atlas", str(table), "--x", f"{found[-1]}_x", "--y", f"{found[-1]}_y"])


def atlas_columns(table: Path) -> list[str]:
    """The heads of a table of maps in CSV."""
    import csv

    with open(table, newline="", encoding="utf-8") as f:
        return next(csv.reader(f), [])
