"""Predictions that were made elsewhere: a class per row, or a probability for every class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.data.columns import ID_HEADS, Rows, class_numbers, distinct_ids, is_npy, read_rows
from fmnist_viz.data.gate import Limit, listed, shown
from fmnist_viz.data.labels import whole_labels, within
from fmnist_viz.data.npy import read_npy

# "predicted" (names) before "prediction" (numbers): the program's own predictions.csv has both
PREDICTED_HEADS = ("predicted", "prediction", "predictions", "pred", "y_pred", "label", "class")
SUM = 1e-2  # by how much the probabilities of a row may miss one: half precision and rounding to three places do


@dataclass(frozen=True)
class Predicted:
    """y_label int64 (n,) or y_proba float32 (n, c), the other None; `ids` say which images, None: in the order of the split."""

    ids: NDArray[np.str_] | None
    y_label: NDArray[np.int64] | None
    y_proba: NDArray[np.float32] | None

    def __len__(self) -> int:
        found = self.y_label if self.y_proba is None else self.y_proba
        assert found is not None
        return len(found)


def read_predictions(path: Path, class_names: tuple[str, ...], *, limit: Limit) -> Predicted:
    """Predictions in a .npy file (classes (n,) or probabilities (n, c)) or a csv file.

    A csv file has a column called ``predicted`` (names or numbers) or a column per class (called as the class, or ``p_<class>``; without
    a first line of names: in the order of the classes), and may have a column ``sample_id``. Probabilities count before classes.

    Raises BadInput naming the row for classes that the data does not have and for probabilities that are none.
    """
    subject = shown(path)
    if not is_npy(path):
        return _from_rows(read_rows(path, limit=limit), class_names)
    array = read_npy(path, limit=limit)
    if array.ndim == 1 and array.dtype.kind == "U":
        return Predicted(None, class_numbers([str(v) for v in array], class_names, subject), None)
    if array.ndim == 2 and array.shape[1] > 1:
        return Predicted(None, None, probabilities(array, class_names, subject))
    return Predicted(None, numbered(array, class_names, subject), None)


def numbered(array: NDArray[Any], class_names: tuple[str, ...], subject: str) -> NDArray[np.int64]:
    """Class numbers, checked: int64 (n,)."""
    labels = whole_labels(array, subject)
    within(labels, len(class_names), subject)
    return labels


def probabilities(array: NDArray[Any], class_names: tuple[str, ...], subject: str) -> NDArray[np.float32]:
    """Probabilities float32 (n, c), checked: finite, not negative, rows summing to one. Raises BadInput naming the first row that is not."""
    c = len(class_names)
    if array.ndim != 2 or array.shape[1] != c:
        raise BadInput("PREDICTED-CLASSES", subject, f"has {array.shape[-1]} columns, the data has {c} classes", "Give a column per class, in their order.")
    if array.dtype.kind not in "fiub":
        raise BadInput("PREDICTED-DTYPE", subject, f"holds {array.dtype} values", "Give probabilities as numbers.")
    values = array.astype(np.float64)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        fact = f"row {int(finite.argmin())} holds NaN or infinity ({int((~finite).sum()):,} such rows)"
        raise BadInput("PREDICTED-NAN", subject, fact, "Leave those rows out and name the others by a sample_id column, or mend them.")
    sums = values.sum(axis=1)
    wrong = (values < 0).any(axis=1) | (np.abs(sums - 1) > SUM)
    if wrong.any():
        row = int(wrong.argmax())
        fact = f"row {row} is no row of probabilities (it sums to {sums[row]:.4g}, its least value is {values[row].min():.4g})"
        raise BadInput("PREDICTED-SUM", subject, fact, "Give probabilities that sum to 1, such as a softmax of the logits, or a class per row.")
    return values.astype(np.float32)


def _from_rows(rows: Rows, class_names: tuple[str, ...]) -> Predicted:
    by = rows.find(ID_HEADS)
    ids = None if by is None else distinct_ids([row[by] for row in rows.body], rows.subject)
    columns = _class_columns(rows.head, class_names)
    if columns:
        return Predicted(ids, None, probabilities(_numbers(rows, rows.body, columns), class_names, rows.subject))
    at = rows.find(PREDICTED_HEADS)
    if at is not None and rows.head[at] not in class_names:
        return Predicted(ids, class_numbers([row[at] for row in rows.body], class_names, rows.subject), None)
    if len(rows.head) == 1:
        return Predicted(None, class_numbers([row[0] for row in (rows.head, *rows.body)], class_names, rows.subject), None)
    if all(_is_number(cell) for cell in rows.head):
        every = [rows.head, *rows.body]
        return Predicted(None, None, probabilities(_numbers(rows, every, list(range(len(rows.head)))), class_names, rows.subject))
    fact = f"has the columns {listed(rows.head)}; expected predicted, or one for each of {listed(list(class_names))}"
    raise BadInput("PREDICTED-COLUMNS", rows.subject, fact, "Rename its columns.")


def _class_columns(head: list[str], class_names: tuple[str, ...]) -> list[int]:
    """The column of every class, in the order of the classes; [] where the columns are not named so."""
    if len(class_names) < 2:
        return []
    for prefix in ("p_", ""):
        wanted = [prefix + name for name in class_names]
        if set(wanted) <= set(head):
            return [head.index(name) for name in wanted]
    return []


def _numbers(rows: Rows, body: list[list[str]], columns: list[int]) -> NDArray[np.float64]:
    try:
        return np.array([[float(row[k] or "nan") for k in columns] for row in body], np.float64).reshape(len(body), len(columns))
    except ValueError as e:
        raise BadInput("PREDICTED-DTYPE", rows.subject, f"holds a cell that is no number ({e})", "Give probabilities as numbers.") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
