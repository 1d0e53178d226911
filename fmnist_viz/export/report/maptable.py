"""The table of faithfulness as the page shows it: what a reader looks for first, what is the same in every row said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fmnist_viz.export.report.table import Table, table_of

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("representation", "method", "reading")
LAST = ("n", "queries", "k", "seed", "parameters")
SAID_ONCE = {"seed": "seed {}", "queries": "{} queries", "n": "n = {}", "k": "k = {}"}
DEFINITIONS = (
    "Recall: the share of an image's (or a unit's) k nearest neighbours in the representation that are among its k nearest on the map.",
    "Graph recall: the share of the true k nearest neighbours, before any reduction, that the neighbour graph behind t-SNE and UMAP holds.",
)


def is_map_table(frame: pd.DataFrame) -> bool:
    return {"recall", "trustworthiness"} <= set(frame.columns)


def map_table(frame: pd.DataFrame) -> tuple[Table, tuple[str, ...]]:
    """The table and the lines below it; every column that is left out is said in them, and the CSV file keeps all."""
    known = {name: frame[name].dropna().unique().tolist() for name in SAID_ONCE if name in frame.columns}
    same = {name: values[0] for name, values in known.items() if len(values) == 1}
    middle = [name for name in frame.columns if name not in (*FIRST, *LAST)]
    names = [name for name in (*FIRST, *middle, *LAST) if name in frame.columns and name not in same]
    said = ", ".join(SAID_ONCE[name].format(f"{int(value):,}") for name, value in same.items())
    return table_of(frame[names]), (*([f"In all rows: {said}."] if said else []), *DEFINITIONS)
