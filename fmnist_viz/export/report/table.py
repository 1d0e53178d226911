"""A data frame as rows of text and sort keys; a value and its interval share a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.export.report.content import visible

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 200
NOTHING = ("", "–", "?")  # a count or size that is not known


@dataclass(frozen=True)
class Cell:
    text: str
    key: str = ""  # a number in full, for sorting; empty: sort by the text


@dataclass(frozen=True)
class Column:
    name: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """`pairs` holds (true, predicted) class numbers for the rows that select a cell of the matrix."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    pairs: tuple[tuple[int, int], ...] = ()


def number_text(value: Any, *, percent: bool = False) -> str:
    """``1,021``, ``0.9835``, ``12.1 %``; a dash for what is not known."""
    if value is None or value != value:
        return "–"
    if percent:
        return f"{100 * value:.1f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _cell(row: Any, name: str, bounds: tuple[str, str] | None, *, numeric: bool, percent: bool) -> Cell:
    value = row[name]
    if not numeric:
        return Cell(visible("" if value is None else str(value)))
    text = number_text(value, percent=percent)
    if text == "–":
        return Cell(text)
    if bounds and not percent and abs(value) <= 2:  # rates, and mixing, which may exceed 1 by chance
        text, low, high = (f"{row[b]:.3f}" for b in (name, *bounds))
        text += f" ({low}–{high})"
    elif bounds:
        low, high = (number_text(row[b], percent=percent) for b in bounds)
        text += f"{' %' if percent else ''} ({low}–{high})"
    elif percent:
        text += " %"
    return Cell(text, repr(float(value)))


def table_of(frame: pd.DataFrame, *, percent: tuple[str, ...] = (), titles: dict[str, str] | None = None, pairs: tuple[tuple[int, int], ...] = ()) -> Table:
    """Show a frame. `percent`: columns of rates 0..1 shown in percent; `titles`: other names for columns."""
    import pandas as pd

    names = [str(c) for c in frame.columns]
    frame = frame.set_axis(names, axis=1)
    bounds = {n: (f"{n}_low", f"{n}_high") for n in names if f"{n}_low" in names and f"{n}_high" in names}
    if {"rate", "low", "high"} <= set(names):
        bounds["rate"] = ("low", "high")
    hidden = {b for pair in bounds.values() for b in pair}
    shown = [n for n in names if n not in hidden]
    numeric = {n: bool(pd.api.types.is_numeric_dtype(frame[n])) for n in shown}
    columns = tuple(Column((titles or {}).get(n, n.replace("_", " ")), numeric[n]) for n in shown)
    head = frame.head(MOST_ROWS)
    rows = tuple(tuple(_cell(row, n, bounds.get(n), numeric=numeric[n], percent=n in percent) for n in shown) for row in head.to_dict("records"))
    return Table(columns, rows, len(frame), pairs[:MOST_ROWS])


def layer_table(layers: Any) -> Table:
    """Rows of text, as they are, one mapping per layer; columns of counts (``1,021``) and sizes (``26 × 26 × 32``) sort by their number of values."""
    names = list(dict.fromkeys(name for row in layers for name in row))
    texts = {n: [str(row.get(n, "")) for row in layers] for n in names}
    numeric = {n: any(map(_count, texts[n])) and all(_count(text) or text in NOTHING for text in texts[n]) for n in names}
    columns = tuple(Column(n, numeric[n]) for n in names)
    rows = tuple(tuple(Cell(texts[n][i], _count(texts[n][i]) if numeric[n] else "") for n in names) for i in range(len(layers)))
    return Table(columns, rows, len(layers))


def _count(text: str) -> str:
    """``865280`` for ``26 × 26 × 1,280``, sides that are not known left out; empty where the text is no count or size."""
    sides = [side.replace(",", "") for side in text.split(" × ")]
    if not all(side == "?" or (side.isascii() and side.isdigit()) for side in sides) or set(sides) == {"?"}:
        return ""
    return str(math.prod(int(side) for side in sides if side != "?"))
