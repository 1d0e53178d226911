"""The Projector's metadata table: a TSV without any escaping, written so that the page reads back exactly its rows.

The page decides by a tab in the first line that there is a header, skips lines that look blank, stumbles over empty
cells, and decodes the file in pieces of a million bytes, each on its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

PIECE = 1_000_000  # bytes the page decodes at a time
MAX_CATEGORIES = 50  # distinct values up to which a text column can be coloured by
MAX_CELL = 1000  # characters
EMPTY = "(empty)"
FILLERS = ("row", "row number")  # say nothing but which line it is
NO_COLOR = "No color map"  # the page's own name for it
Columns = Mapping[str, Sequence[str]]

_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
# Names that every JavaScript object already has: the page counts values in a plain object and would miscount these.
_JAVASCRIPT_OWN = frozenset((
    "__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "constructor", "hasOwnProperty", "isPrototypeOf",
    "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
))  # fmt: skip
JAVASCRIPT_BLANK = "\t\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
NEXT_ROW = "__seq_next__"  # the page draws a line from each point to the row that this column names
SEQUENCE_COLUMNS = ("__next__", NEXT_ROW)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def clean_cell(text: str) -> str:
    """One cell that survives: control characters made visible, blank ones named, never one of JavaScript's own names."""
    text = _INVISIBLE.sub(_visible, text[:MAX_CELL])
    if not text.strip():
        return EMPTY
    return text + " " if text in _JAVASCRIPT_OWN else text


def is_number(text: str) -> bool:
    """Whether the page may take the cell for a number (wider than JavaScript's own rule where the two differ)."""
    try:
        float(text)
    except ValueError:
        return re.fullmatch(r"\s*0[xXoObB][0-9a-fA-F]+\s*", text) is not None
    return True


def _cell_text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return "" if value is None else str(value)


def cap_categories(cells: Sequence[str]) -> list[str]:
    """The cells with all but the 49 most frequent values called "other", where there are more than 50."""
    counts = Counter(cells)
    if len(counts) <= MAX_CATEGORIES:
        return list(cells)
    kept = {value for value, _ in counts.most_common(MAX_CATEGORIES - 1)}
    return [cell if cell in kept else "other" for cell in cells]


def table_rows(table: pd.DataFrame | Mapping[str, Sequence[Any]]) -> int:
    """Rows of a table."""
    return len(next(iter(table.values()), ())) if isinstance(table, Mapping) else len(table)


def take_rows(table: pd.DataFrame | Mapping[str, Sequence[Any]], rows: NDArray[np.int64]) -> pd.DataFrame | Mapping[str, Sequence[Any]]:
    """The given rows of a table, in that order."""
    if isinstance(table, Mapping):
        return {name: [cells[row] for row in rows.tolist()] for name, cells in table.items()}
    return table.iloc[rows]


def _cells(table: pd.DataFrame | Mapping[str, Sequence[Any]]) -> list[tuple[Any, list[Any]]]:
    if isinstance(table, Mapping):
        return [(name, list(cells)) for name, cells in table.items()]
    return [(name, table.iloc[:, number].tolist()) for number, name in enumerate(table.columns)]


def text_columns(table: pd.DataFrame | Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """Every column as clean text, its name clean and unique, `pair` capped, and never a single column.

    Class names that look like numbers become ``class 0``: a number's hover text is lost at zero, and its colours
    follow its size in place of the class order.
    """
    columns: dict[str, list[str]] = {}
    for number, (name, cells) in enumerate(_cells(table)):
        title = clean_cell(str(name))
        title = title.strip("_") if title in SEQUENCE_COLUMNS else title
        title = title if title not in columns else f"{title} {number}"
        known: dict[str, str] = {}
        texts = [_cell_text(value) for value in cells]
        columns[title] = [known[t] if t in known else known.setdefault(t, clean_cell(t)) for t in texts]
    classes = [name for name in ("label", "predicted") if name in columns]
    if any(is_number(cell) for name in classes for cell in set(columns[name])):
        columns.update({name: [f"class {cell}" for cell in columns[name]] for name in classes})
    if "pair" in columns:
        columns["pair"] = cap_categories(columns["pair"])
    if len(columns) < 2:
        columns[FILLERS["row" in columns]] = [str(i) for i in range(table_rows(table))]
    return columns


def color_column(columns: Columns) -> str:
    """The column a view is coloured by: `label` or `correct`, else the first that the page offers at all."""
    offered = {name: set(cells) for name, cells in columns.items() if name not in FILLERS}
    few = [name for name, values in offered.items() if len(values) <= MAX_CATEGORIES or all(map(is_number, values))]
    return next((name for name in ("label", "correct", *few) if name in few), NO_COLOR)


def label_column(columns: Columns) -> str:
    """The column shown on hovering: `label`, else the first that is not numeric."""
    return next((name for name in ("label", *columns) if name in columns and not all(map(is_number, columns[name]))), next(iter(columns)))


def class_codes(columns: Columns) -> NDArray[np.int64]:
    """Which class each row is of, int64 (n,) in order of first sight, by `label` or else the column that views are coloured by.

    All zeros where that column tells nearly every row apart, or there is none.
    """
    name = "label" if "label" in columns else color_column(columns)
    cells = columns.get(name, next(iter(columns.values())))
    seen: dict[str, int] = {}
    codes = np.array([seen.setdefault(cell, len(seen)) for cell in cells], np.int64)
    return codes if name in columns and 2 * len(seen) <= len(cells) else np.zeros(len(cells), np.int64)


def tsv(columns: Columns) -> bytes:
    """Header and rows as UTF-8, line feeds only, the last line ended, no character across a piece's border."""
    names = list(columns)
    cells = [list(columns[name]) for name in names]
    lines = [("\t".join(line) + "\n").encode() for line in [names, *zip(*cells, strict=True)]]
    if sum(map(len, lines)) > PIECE:
        clear_borders(lines, _padded_column(columns))
    return b"".join(lines)


def _padded_column(columns: Columns) -> int:
    """The column whose value a trailing blank changes least: a numeric one, else that with the most values."""
    return max(range(len(columns)), key=lambda i: (all(map(is_number, set(list(columns.values())[i]))), len(set(list(columns.values())[i]))))


def clear_borders(lines: list[bytes], column: int) -> None:
    """Pad one cell of the line before each border with the one to three blanks that put a character's start on it."""
    start = 0
    for i, line in enumerate(lines):
        border = -(-start // PIECE) * PIECE
        if i and start < border < start + len(line):
            inside = border - start
            blanks = next(back for back in range(4) if line[inside - back] & 0xC0 != 0x80)
            before = lines[i - 1].rstrip(b"\n").split(b"\t")
            before[column] += b" " * blanks
            lines[i - 1] = b"\t".join(before) + b"\n"
            start += blanks
        start += len(line)


def read_as_page(raw: bytes) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows as the page's parser finds them: what the checks and tests compare with.

    Raises ValueError where the page would never come to an end.
    """
    if not raw.endswith(b"\n"):
        raise ValueError("the last line is not ended: the page may wait for ever")
    rest, lines = "", []
    for start in range(0, len(raw), PIECE):
        piece = raw[start : start + PIECE].decode("utf-8-sig", errors="replace")
        *whole, rest = (rest + piece).split("\n")
        lines += whole
    lines = [line for line in lines if line.strip(JAVASCRIPT_BLANK)]
    header = lines.pop(0).split("\t") if lines and "\t" in lines[0] else ["label"]
    return header, [dict(zip(header, line.split("\t"), strict=False)) for line in lines]
