"""Metadata tables as TensorBoard's server and page read them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fmnist_viz.export.projector.doctor.rules import Fact
from fmnist_viz.export.projector.metadata import EMPTY, JAVASCRIPT_BLANK, MAX_CATEGORIES, PIECE, SEQUENCE_COLUMNS, clear_borders, is_number

HEADERS = {"label", "labels", "class", "classes", "name", "names", "target", "category", "word", "words", "id", "y", "metadata"}
MISSING = {"", "nan", "na", "n/a", "none", "null", "inf", "-inf", "?", "-"}  # no name of a column, but a value that is not there
LABELS = ("label", "labels", "class", "classes", "target", "y", "name")


@dataclass(frozen=True)
class Table:
    """A table by lines: `header` None where the first line holds no tab; rows as cells; blank lines kept as empty lists."""

    header: list[str] | None
    rows: list[list[str]]
    facts: tuple[Fact, ...] = ()

    @property
    def blank(self) -> int:
        return sum(not row for row in self.rows)

    @property
    def shown(self) -> int:
        """Rows that the page sees."""
        return len(self.rows) - self.blank

    @property
    def columns(self) -> list[str]:
        return ["label"] if self.header is None else self.header


def read_table(path: Path) -> Table:
    """The file's rows, and what is wrong with it on its own."""
    raw = path.read_bytes()
    text, facts = decoded(raw)
    if hangs(raw):
        facts.append(("metadata-hangs", "is empty" if not raw else f"{len(raw):,} bytes, no line ends in the last piece"))
    elif not raw.endswith(b"\n"):
        facts.append(("metadata-unended", "the last line is not ended"))
    if "\r" in text:
        facts.append(("metadata-carriage-return", f"{text.count(chr(13)):,} carriage returns"))
    if any(raw[border] & 0xC0 == 0x80 for border in range(PIECE, len(raw), PIECE)):
        facts.append(("metadata-piece", "a character lies across a million bytes"))
    table = _split(text)
    return Table(table.header, table.rows, (*facts, *_cells(table)))


def decoded(raw: bytes) -> tuple[str, list[Fact]]:
    """The text, by its byte order mark, as UTF-8, or as what Windows wrote; and what the server would not accept."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if raw.startswith(mark):
            return raw.decode(name, errors="replace"), [("metadata-encoding", "is UTF-16")]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as e:
        try:
            return raw.decode("cp1252"), [("metadata-encoding", f"byte {e.start:,} (0x{raw[e.start]:02x}) is not UTF-8; Windows-1252 fits")]
        except UnicodeDecodeError:
            return raw.decode("latin-1"), [("metadata-encoding", f"byte {e.start:,} (0x{raw[e.start]:02x}) is not UTF-8")]


def hangs(raw: bytes) -> bool:
    """Whether the page's parser, which asks for line ends piece by piece, never sees the end."""
    last = max(0, -(-(len(raw) - 1) // PIECE) - 1) * PIECE
    return b"\n" not in raw[last:]


def _split(text: str) -> Table:
    lines = text.split("\n")
    if lines[-1].strip(JAVASCRIPT_BLANK) == "":
        lines.pop()
    rows = [line.removesuffix("\r").split("\t") if line.strip(JAVASCRIPT_BLANK) else [] for line in lines]
    first = next((i for i, row in enumerate(rows) if row), 0)
    if rows and rows[first] and "\t" in lines[first]:
        return Table(rows[first], rows[:first] + rows[first + 1 :])
    return Table(None, rows)


def _cells(table: Table) -> Iterator[Fact]:
    rows, columns = [row for row in table.rows if row], table.columns
    inner = sum(not row for row in table.rows[: max((i for i, row in enumerate(table.rows) if row), default=0)])
    if inner:
        yield "metadata-blank-rows", f"{inner:,} lines look blank, so that the page would skip them"
    elif table.blank:
        yield "metadata-ends-blank", f"ends with {table.blank:,} lines that look blank"
    if len(set(columns)) < len(columns) or not all(columns):
        yield "metadata-columns", f"column names are empty or given twice: {columns[:8]}"
    long = sum(len(row) > len(columns) for row in rows)
    if long:
        yield "metadata-ragged", f"{long:,} rows have more than {len(columns)} cells"
    chained = {i for i, name in enumerate(columns) if name in SEQUENCE_COLUMNS}
    empty = sum(len(row) < len(columns) or any(not cell and i not in chained for i, cell in enumerate(row)) for row in rows)
    if empty:
        yield "metadata-empty-cell", f"{empty:,} rows have empty or missing cells"
    yield from _colours(rows, columns)


def _colours(rows: list[list[str]], columns: list[str]) -> Iterator[Fact]:
    values = [{row[i] for row in rows if i < len(row)} for i in range(len(columns))]
    numeric = [bool(found) and all(map(is_number, found)) for found in values]
    if rows and all(len(found) > MAX_CATEGORIES and not number for found, number in zip(values, numeric, strict=True)):
        yield "metadata-no-colour", f"{min(map(len, values)):,} different values"
    for name, found, number in zip(columns, values, numeric, strict=True):
        if number and (len(columns) == 1 or name.casefold() in LABELS) and len(found) <= MAX_CATEGORIES:
            yield "metadata-number-labels", f"column {name!r} holds {len(found)} different numbers"


def against(table: Table, points: int) -> Iterator[Fact]:
    """What is wrong where the table belongs to `points` points (0: unknown)."""
    if not points or table.shown == points or not table.rows:
        return
    if table.blank and len(table.rows) == points:
        if table.header is not None and table.shown == points - 1 and _is_row(table):
            yield "metadata-off-by-one", f"{points:,} lines and a blank one, no header, for {points:,} points: which one is too many cannot be told"
        elif table.header is not None and table.shown == points - 1:
            yield "metadata-blank-breaks", f"{table.shown:,} rows and a blank line for {points:,} points"
    elif table.header is None and table.shown == points + 1 and not _is_header(table):
        yield "metadata-off-by-one", f"{table.shown:,} lines for {points:,} points: which one is too many cannot be told"
    elif table.header is None and table.shown == points + 1:
        yield "metadata-single-header", f"{table.shown:,} lines for {points:,} points: the first, {_first(table)!r}, looks like a header"
    elif table.header is not None and table.shown == points - 1 and not _is_row(table):
        yield "metadata-off-by-one", f"{points:,} lines for {points:,} points: whether the header or a row is missing cannot be told"
    elif table.header is not None and table.shown == points - 1:
        yield "metadata-no-header", f"{table.shown + 1:,} lines for {points:,} points: none is left for a header"
    else:
        yield "metadata-rows", f"{table.shown:,} rows for {points:,} points"


def _is_header(table: Table) -> bool:
    """Whether the first line of a single column can be nothing but its header: the count alone says only that one line is too many."""
    first, *rest = [row for row in table.rows if row]
    return _names_column("\t".join(first), ["\t".join(row) for row in rest])


def _is_row(table: Table) -> bool:
    """Whether the first line of several columns, which the page takes for the header, is a row: one of its values comes again, or is a number among numbers."""
    header, rows = table.header or [], [row for row in table.rows if row]
    below = [[row[i] for row in rows if i < len(row)] for i in range(len(header))]
    if any(map(_names_column, header, below)) or header == [str(i) for i in range(len(header))]:
        return False
    return any(cell.strip() and (cell in found or _numbers([cell, *found])) for cell, found in zip(header, below, strict=True))


def _names_column(text: str, values: list[str]) -> bool:
    text, values = text.strip().casefold(), [value.strip().casefold() for value in values]
    return text not in values and (text in HEADERS or (text not in MISSING and not is_number(text) and _numbers(values)))


def _numbers(values: list[str]) -> bool:
    return len(values) > 1 and all(map(is_number, values))


def _first(table: Table) -> str:
    return next((row[0] for row in table.rows if row), "")[:40]


def mended_table(table: Table, points: int) -> bytes:
    """The table as the page reads it right: every line a row, every cell filled, a header where there are two columns or more."""
    rows, header = list(table.rows), table.header
    if table.blank and len(rows) == points:
        pass
    elif header is None and table.shown == points + 1 and _is_header(table):
        rows.remove(next(row for row in rows if row))
    elif header is not None and table.shown == points - 1 and _is_row(table):
        rows.insert(0, header)
        header = ["label", *(f"column {i + 1}" for i in range(1, len(header)))]
    if len(rows) != points:  # blank lines were no rows, then
        rows = [row for row in rows if row]
    width = len(header) if header is not None else 1
    names = _unique(header) if header is not None else []
    chained = {i for i, name in enumerate(names) if name in SEQUENCE_COLUMNS}
    filled = [[(row[i] if i < len(row) else "") or ("" if i in chained else EMPTY) for i in range(width)] for row in rows]
    clean = [[cell.replace("\r", " ") for cell in row] for row in ([names] if names else []) + filled]
    lines = [("\t".join(EMPTY if width == 1 and not cell.strip() else cell for cell in row) + "\n").encode() for row in clean]
    if sum(map(len, lines)) > PIECE:
        clear_borders(lines, width - 1)
    return b"".join(lines)


def _unique(names: list[str]) -> list[str]:
    out: list[str] = []
    for i, name in enumerate(names):
        base = name.strip() or f"column {i + 1}"
        out.append(base if base not in out else f"{base} {i + 1}")
    return out
