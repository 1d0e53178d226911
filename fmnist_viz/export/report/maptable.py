"""The table of faithfulness as the page shows it: what a reader looks for first, what is the same in every row said once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from fmnist_viz.export.report.table import Cell, Table, table_of

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("representation", "method", "reading")
LAST = ("n", "queries", "k", "seed", "parameters")
SAID_ONCE = {"seed": "seed {}", "queries": "{} queries", "n": "n = {}", "k": "k = {}"}
YARDSTICKS = ("_pca", "_chance")
TITLES = {"recall_10": "recall of 10", "recall_50": "recall of 50", "knn_accuracy": "k-NN accuracy", "triplet_accuracy": "random triplets"}
DEFINITIONS = (
    "Below each score: what the leading principal components of the same vectors reach on as many axes, and what the same points reach in random order.",
    "Trustworthiness: lost with neighbours on the map that are none in the representation, the more the farther they are.",
    "Continuity: lost with neighbours in the representation that lie apart on the map, the more the farther they are.",
    "Recall: the share of an image's (or a unit's) k nearest neighbours in the representation that are among its k nearest on the map.",
    "Random triplets: how often the nearer of two random points is the nearer one on the map, too.",
    "Missing neighbors: of the k nearest in the representation, those not even among the 50 nearest on the map; false neighbors: the other "
    "way round. Means over all images.",
    "Graph recall: the share of the true k nearest neighbours, before any reduction, that the neighbour graph behind t-SNE and UMAP holds.",
)


def is_map_table(frame: pd.DataFrame) -> bool:
    return {"recall", "trustworthiness"} <= set(frame.columns)


def map_table(frame: pd.DataFrame) -> tuple[Table, tuple[str, ...]]:
    """The table and the lines below it; every column that is left out is said in them, and the CSV file keeps all.

    What PCA and shuffled points reach stands below a score in its own cell.
    """
    known = {name: frame[name].dropna().unique().tolist() for name in SAID_ONCE if name in frame.columns}
    same = {name: values[0] for name, values in known.items() if len(values) == 1}
    yardsticks = [name for name in frame.columns if name.endswith(YARDSTICKS)]
    middle = [name for name in frame.columns if name not in (*FIRST, *LAST, *yardsticks)]
    names = [name for name in (*FIRST, *middle, *LAST) if name in frame.columns and name not in same]
    said = ", ".join(SAID_ONCE[name].format(f"{int(value):,}") for name, value in same.items())
    plain = table_of(frame[names], titles=TITLES)
    shown = [c for c in names if not c.endswith(("_low", "_high"))]
    rows = tuple(
        tuple(_beside(cell, row, name) for cell, name in zip(cells, shown, strict=True))
        for cells, row in zip(plain.rows, frame.to_dict("records"), strict=False)
    )
    table = Table(plain.columns, rows, plain.total, plain.pairs)
    return table, (*([f"In all rows: {said}."] if said else []), *DEFINITIONS)


def _beside(cell: Cell, row: Mapping[Hashable, Any], name: str) -> Cell:
    """A score with its yardsticks on a second line."""
    reached = [(word, row.get(f"{name}{end}")) for end, word in zip(YARDSTICKS, ("PCA", "shuffled"), strict=True)]
    texts = [f"{word} {value:.3f}" for word, value in reached if value is not None and value == value]
    return Cell(f"{cell.text}\n{', '.join(texts)}", cell.key) if texts and cell.text != "–" else cell
