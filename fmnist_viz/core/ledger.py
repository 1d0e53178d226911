"""The ledger of measured trainings: a CSV file with one row per training and stage, written whole, each row checked."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import math
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import disk_errors, file_lock, write_file

CHOICES = {"recipe": ("article", "plain"), "stage": ("plain", "augmented")}
_SHARES = ("train_accuracy", "val_accuracy", "test_accuracy", "dead_share")
_ROW = re.compile(r"\d{1,15}( \d{1,15})*", re.ASCII)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)


@dataclass(frozen=True)
class LedgerRow:
    """One training up to the end of one stage, as measured.

    `epochs` are those done in this training in all, `epochs_full` those that its recipe asks for up to the end of the stage, before
    `epochs_scale`. `options` names the flags that differ from the recipe ("" for none). `cpu_minutes` is user and system time of the
    process, `seconds_per_epoch` the median. `dead_share` is the highest share of dead units of a layer, None where no ReLU layer was
    looked at. `confusion` holds the c x c counts of the test images, rows (true classes) parted by ";" and cells by " ".
    Unknown numbers are None, and so is kept one that is not finite; blanks in texts are collapsed.

    Raises
    ------
    ValueError ("FIELD: what is wrong") where a value is not of its type or range.
    """

    date: str
    version: str
    commit: str
    preset: str
    recipe: str
    stage: str
    seed: int
    epochs: int
    epochs_full: int
    epochs_scale: float
    finished: bool
    options: str
    precision: str
    device: str
    threads: int
    cpu: str
    seconds_per_epoch: float | None
    cpu_minutes: float | None
    train_images: int
    n_test: int
    official: bool
    train_loss: float | None
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    dead_share: float | None
    confusion: str

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            object.__setattr__(self, name, _checked(name, kind, getattr(self, name)))
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {', '.join(allowed)}")
        try:
            day = datetime.date.fromisoformat(self.date).isoformat()
        except ValueError:
            day = ""
        if day != self.date:
            raise ValueError(f"date: {self.date!r} is no day such as 2026-01-31")
        if not self.preset:
            raise ValueError("preset: is empty")
        if not self.epochs_scale:
            raise ValueError("epochs_scale: is 0 or not finite")
        if self.confusion:
            _check_confusion(self.confusion, self.n_test)

    @property
    def complete(self) -> bool:
        """Whether the recipe was run in full and its result is known."""
        return self.finished and self.epochs_scale == 1 and self.test_accuracy is not None

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """The confusion matrix, int64 (c, c), rows are true classes; None where there is none."""
        return np.array([row.split(" ") for row in self.confusion.split(";")], np.int64) if self.confusion else None

    @property
    def identity(self) -> tuple[Any, ...]:
        """What names a training, whatever it came to: two rows of one identity are two accounts of the same training."""
        return tuple(getattr(self, name) for name in IDENTITY)


IDENTITY = (
    "version", "preset", "recipe", "stage", "seed", "epochs_full", "epochs_scale", "options", "precision", "device", "threads",
    "train_images", "n_test", "official",
)  # fmt: skip


def _kinds() -> dict[str, tuple[type, bool]]:
    """Name of a field -> (its type, whether it may be unknown)."""
    hints = typing.get_type_hints(LedgerRow)
    found = {}
    for field in dataclasses.fields(LedgerRow):
        hint = hints[field.name]
        optional = type(None) in typing.get_args(hint)
        found[field.name] = (typing.get_args(hint)[0] if optional else hint, optional)
    return found


_KINDS = _kinds()
COLUMNS = tuple(_KINDS)


def counts_text(counts: NDArray[Any]) -> str:
    """A confusion matrix (c, c) as a ledger holds it: ``5 0;1 4``."""
    return ";".join(" ".join(str(int(cell)) for cell in row) for row in np.asarray(counts))


def read_ledger(path: Path) -> list[LedgerRow]:
    """All rows in their order; none where the file is missing or empty.

    Raises
    ------
    BadInput, with line and column, where the file is not a ledger or a row is not one.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as e:
        raise BadInput("LEDGER-TEXT", path, f"is not UTF-8 text (byte {e.start})", "Restore the file.") from e
    except OSError as e:
        raise BadInput("LEDGER-READ", path, f"cannot be read ({e.strerror})", "Mend its permissions, or choose another ledger.") from e
    return _parse(text, path)


def append_row(path: Path, row: LedgerRow) -> None:
    """Add a row, or put it in the place of an older account of the same training (equal `identity`).

    A row that is not finished never takes the place of a finished one: then nothing is written. The file is read, changed and replaced
    while it is locked, so that several processes may do this at a time.

    Raises
    ------
    BadInput where the file is no ledger, OutputBusy where another process holds it for a minute, ResourceError where it cannot be written.
    """
    path = Path(path)
    with file_lock(path), disk_errors(path):
        rows = read_ledger(path)
        older = [i for i, other in enumerate(rows) if other.identity == row.identity]
        if not row.finished and any(rows[i].finished for i in older):
            return
        kept = [other for i, other in enumerate(rows) if i not in older[1:]]
        if older:
            kept[older[0]] = row
        else:
            kept.append(row)
        write_file(path, ledger_text(kept))


def ledger_text(rows: list[LedgerRow]) -> str:
    """The ledger as CSV: header, one line per row, "\\n" at each end."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def _parse(text: str, path: Path) -> list[LedgerRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[LedgerRow] = []
    again = "Mend that line, or take it out."
    try:
        for i, cells in enumerate(cells for cells in reader if cells):
            if i == 0:
                _check_header(cells, path)
                continue
            if len(cells) != len(COLUMNS):
                raise BadInput("LEDGER-ROW", path, f"line {reader.line_num} has {len(cells)} cells, expected {len(COLUMNS)}", again)
            try:
                rows.append(LedgerRow(**{name: _value(name, cell) for name, cell in zip(COLUMNS, cells, strict=True)}))
            except ValueError as e:
                raise BadInput("LEDGER-ROW", path, f"line {reader.line_num}, column {e}", again) from e
    except csv.Error as e:
        raise BadInput("LEDGER-ROW", path, f"line {reader.line_num} is not CSV ({e})", again) from e
    return rows


def _check_header(cells: list[str], path: Path) -> None:
    if tuple(cells) != COLUMNS:
        odd = next((f"{got!r} in place of {want!r}" for got, want in zip(cells, COLUMNS, strict=False) if got != want), f"{len(cells)} columns")
        raise BadInput("LEDGER-HEADER", path, f"is no ledger of this version: line 1 holds {odd}", "Move the file away, or choose another ledger.")


def _value(name: str, cell: str) -> Any:
    """A cell as the value of its field; raises ValueError that begins with the field's name."""
    kind, optional = _KINDS[name]
    if kind is str:
        return cell
    if cell == "" and optional:
        return None
    if kind is bool:
        if cell not in ("yes", "no"):
            raise ValueError(f"{name}: {cell[:40]!r} is neither yes nor no")
        return cell == "yes"
    if kind is int:
        if not _COUNT.fullmatch(cell):
            raise ValueError(f"{name}: {cell[:40]!r} is no whole number from 0")
        return int(cell)
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name}: {cell[:40]!r} is no finite number")
    return value


def _checked(name: str, kind: tuple[type, bool], value: Any) -> Any:
    """`value` as plain Python of the field's type; raises ValueError that begins with the field's name."""
    wanted, optional = kind
    if wanted is str:
        text = " ".join(str(value).split())
        if not text.isprintable():
            raise ValueError(f"{name}: holds a sign that cannot be printed")
        return text
    if value is None and optional:
        return None
    if wanted is bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name}: {value!r} is neither true nor false")
        return bool(value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{name}: {value!r} is no number")
    if wanted is float and optional and not math.isfinite(value):
        return None
    if not math.isfinite(value) or value < 0 or (wanted is int and value != int(value)):
        raise ValueError(f"{name}: {value!r} is no {'whole ' if wanted is int else ''}number from 0")
    if wanted is int and value >= 10**15:
        raise ValueError(f"{name}: {value!r} is too large")
    if name in _SHARES and value > 1:
        raise ValueError(f"{name}: {value!r} is no share from 0 to 1")
    return wanted(value) + (0 if wanted is int else 0.0)  # -0.0 is 0.0


def _check_confusion(text: str, n_test: int) -> None:
    rows = text.split(";")
    if not all(_ROW.fullmatch(row) for row in rows):
        raise ValueError("confusion: holds something else than counts parted by ' ' and rows parted by ';'")
    cells = [[int(cell) for cell in row.split(" ")] for row in rows]
    if any(len(row) != len(rows) for row in cells):
        raise ValueError(f"confusion: {len(rows)} rows, but not as many cells in each")
    if (total := sum(map(sum, cells))) != n_test:
        raise ValueError(f"confusion: holds {total} images, n_test is {n_test}")
