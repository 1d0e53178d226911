"""The confusion matrix as the page's script and template take it: tests, order and tree as lists, classes and pairs as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.significance import LEVEL
from fmnist_viz.export.report.readings import classes_reading, matrix_reading, pairs_reading, rate_text
from fmnist_viz.export.report.table import Table, table_of

TOP_PAIRS = 8
TINY = 1e-4  # a q below is shown as below
PAIR_COLUMNS = (
    *("true", "predicted", "count", "n_true", "rate", "low", "high", "reverse_rate", "reverse_rate_low", "reverse_rate_high"),
    *("odds_ratio", "odds_ratio_low", "odds_ratio_high", "direction_q", "expected", "residual", "excess_q"),
)
PAIR_TITLES = {
    "n_true": "of", "rate": "rate (95 % interval)", "reverse_rate": "the other way round", "odds_ratio": "odds ratio", "direction_q": "q, directions",
    "residual": "adjusted residual", "excess_q": "q, excess",
}  # fmt: skip
CLASS_TITLES = {"tp": "right", "fn": "missed", "fp": "wrongly taken for it", "f1": "F1"}


def matrix_data(counted: Confusion | None) -> dict[str, Any] | None:
    """For the script: order, merges [left, right, mutual confusion], the suggested number of groups, and a row of tests per cell that has any.

    tests : [true, predicted, odds ratio, low, high, q of the directions, expected, residual, q of the excess], null for what was not tested
    """
    if counted is None:
        return None
    tree, d, e = counted.tree, counted.directions, counted.excess
    values = np.stack([d.odds_ratio, d.low, d.high, d.q, e.expected, e.residual, e.q], axis=2)
    some = np.isfinite(d.q) | (np.isfinite(e.q) & (counted.counts > 0))
    np.fill_diagonal(some, False)
    return {
        "order": list(tree.order),
        "merges": [[m.left, m.right, float(f"{m.mutual:.4g}")] for m in tree.merges],
        "suggested": tree.suggested,
        "tests": [[int(t), int(p), *(float(f"{v:.6g}") if np.isfinite(v) else None for v in values[t, p])] for t, p in np.argwhere(some)],
        "level": LEVEL,
    }


def matrix_context(counted: Confusion) -> dict[str, Any]:
    """For the template: accuracy, the leading pairs, what the matrix says and both tables."""
    classes = counted.per_class()
    # Pairs are found by number, not by name: names may be anything, and two classes may look alike.
    numbered = Confusion(counted.counts, tuple(str(k) for k in range(len(counted.class_names))))
    pairs = numbered.pairs()
    cells = list(zip(pairs["true"].astype(int).tolist(), pairs["predicted"].astype(int).tolist(), strict=True))
    pairs = pairs.assign(true=[counted.class_names[t] for t, _ in cells], predicted=[counted.class_names[p] for _, p in cells])
    low, high = counted.intervals
    top = [
        {"true": t, "predicted": p, "rate": rate_text(counted.rates[t, p], low[t, p], high[t, p]), "count": int(counted.counts[t, p])}
        for t, p in cells[:TOP_PAIRS]
    ]
    return {
        "accuracy": rate_text(*counted.accuracy),
        "top_pairs": top,
        "matrix_reading": matrix_reading(counted, pairs),
        "marks": {"more": int(counted.directions.more.sum()), "beyond": int(counted.excess.more.sum())},
        "classes": table_of(classes.drop(columns="tn"), percent=("precision", "recall", "f1"), titles=CLASS_TITLES),
        "classes_reading": classes_reading(classes),
        "pairs": _pair_table(pairs, cells),
        "pairs_reading": pairs_reading(counted, counted.class_names),
    }


def _pair_table(pairs: Any, cells: list[tuple[int, int]]) -> Table:
    """Directed pairs, both directions and both tests; a tiny q is said to be below 0.0001."""
    ends = {"reverse_low": "reverse_rate_low", "reverse_high": "reverse_rate_high", "odds_low": "odds_ratio_low", "odds_high": "odds_ratio_high"}
    shown = pairs.rename(columns=ends)[list(PAIR_COLUMNS)]
    shown[["expected", "residual"]] = shown[["expected", "residual"]].round(1)
    table = table_of(shown, percent=("rate", "reverse_rate"), titles=PAIR_TITLES, pairs=tuple(cells))
    tests = [i for i, column in enumerate(table.columns) if column.name.startswith("q,")]

    def small(i: int, cell: Any) -> Any:
        value = float(cell.key) if i in tests and cell.key else 1.0
        return cell if i not in tests or not cell.key else replace(cell, text="< 0.0001" if value < TINY else f"{value:.2g}")

    return replace(table, rows=tuple(tuple(small(i, cell) for i, cell in enumerate(row)) for row in table.rows))
