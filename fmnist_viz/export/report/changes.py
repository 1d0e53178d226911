"""A grid of signed differences, cell by cell of the confusion matrix: what is less wrong is blue, what is more wrong red, significant cells are framed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.significance import p_text
from fmnist_viz.export.report.table import Table

MOST_TEXT, MOST_GRID = 25, 40  # classes up to which cells hold numbers, and up to which there is a grid


@dataclass(frozen=True)
class ChangeCell:
    """`share`: percent of full colour; `kind`: "better", "worse" or ""."""

    true: int
    predicted: int
    text: str
    words: str
    kind: str
    share: float
    significant: bool


@dataclass(frozen=True)
class ChangeGrid:
    lines: tuple[tuple[ChangeCell, ...], ...]  # one per true class
    full: str  # points at full colour
    tested: int
    found: int


def change_grid(cells: Any, words: Callable[[Any], str]) -> ChangeGrid | None:
    """A grid of a frame with a row per cell (difference, significant, q; rows of the matrix one after the other). `words`: what a cell says.

    None where there are more than 40 classes: the tables hold them.
    """
    c = round(len(cells) ** 0.5)
    if not 0 < c <= MOST_GRID:
        return None
    d: NDArray[np.float64] = cells["difference"].to_numpy(np.float64)
    largest = float(np.nanmax(np.abs(d))) if np.isfinite(d).any() else 0.0
    made = []
    for i, row in enumerate(cells.to_dict("records")):
        value, diagonal = d[i], i // c == i % c
        changed = value == value and value != 0
        kind = "" if not changed else "better" if (value > 0) == diagonal else "worse"
        text = f"{100 * value:+.1f}".replace("-", "−") if changed and c <= MOST_TEXT else ""
        share = round(70 * abs(value) / largest, 1) if changed else 0.0
        made.append(ChangeCell(i // c, i % c, text, words(row), kind, share, bool(row["significant"])))
    lines = tuple(tuple(made[k * c : (k + 1) * c]) for k in range(c))
    return ChangeGrid(lines, f"{100 * largest:.1f}", int(cells["q"].notna().sum()), int(cells["significant"].sum()))


def points(row: Any) -> str:
    """``+3.9 points (95 % interval +3.3 to +4.5)``"""
    if row["difference"] != row["difference"]:
        return "no images of this class"
    return f"{100 * row['difference']:+.1f} points (95 % interval {100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f})".replace("-", "−")


def q_text(row: Any) -> str:
    """``; q = 0.03``; empty where nothing was tested."""
    return "" if row["q"] != row["q"] else f"; {p_text(row['q'], 'q')}"


def signed(table: Table, frame: Any) -> Table:
    """A table of `frame` whose column "points" is the difference in signed points with its interval, and whose q is short."""
    at, q = ([column.name for column in table.columns].index(name) for name in ("points", "q"))
    rows = []
    for cells, row in zip(table.rows, frame.to_dict("records"), strict=False):
        line = list(cells)
        line[at] = replace(cells[at], text=points(row).replace(" points", "").replace("95 % interval ", ""))
        if row["q"] == row["q"]:
            line[q] = replace(cells[q], text="< 0.0001" if row["q"] < 1e-4 else f"{row['q']:.4f}")
        rows.append(tuple(line))
    return replace(table, rows=tuple(rows))
