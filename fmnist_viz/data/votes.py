"""What people answered: counts per image and class from a csv file, a column per class or a row per answer."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import ids_array, read_only
from fmnist_viz.data.columns import ID_HEADS, Rows, class_numbers, distinct_ids, read_rows
from fmnist_viz.data.gate import Limit, listed, shown

IMAGE_HEADS = (*ID_HEADS, "image", "images")
ANSWER_HEADS = ("class", "answer", "label", "labels", "human_label")
COUNT_HEADS = ("count", "counts", "votes", "n")
MOST_VOTES = 10**9  # of one cell: beyond, it is no number of people


@dataclass(frozen=True)
class Votes:
    """How many people gave each answer: sample_ids str (m,), every one once; counts int64 (m, c), whose rows may be all 0."""

    sample_ids: NDArray[np.str_]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "counts", read_only(self.counts, np.int64, (len(self.sample_ids), None), "counts"))


def read_votes(path: Path, class_names: tuple[str, ...], *, limit: Limit) -> Votes:
    """Human labels out of a csv file whose first line names its columns, in one of two forms.

    Wide: ``sample_id`` and a column per class, called as the class (case and punctuation do not count) or by its number; an empty cell is 0.
    Long: ``sample_id``, ``class`` (name or number) and ``count``, an answer per row; a pair that is not there is 0.

    Raises BadInput for other columns, for counts that are no whole numbers >= 0, for an image or a pair that is there twice.
    """
    subject = shown(path)
    if path.suffix.lower() != ".csv":
        raise BadInput("VOTES-KIND", subject, "is no .csv file", "Give counts as csv: sample_id and a column per class.")
    rows = read_rows(path, limit=limit)
    by = rows.find(IMAGE_HEADS)
    if by is None:
        fact = f"has no column sample_id; its columns are {listed(rows.head)}"
        raise BadInput("VOTES-COLUMNS", subject, fact, "Its first line must name sample_id and a column per class.")
    if not rows.body:
        raise BadInput("FILE-EMPTY", subject, "names columns and holds no row", "Give a row per image.")
    answer, count = rows.find(ANSWER_HEADS), rows.find(COUNT_HEADS)
    columns = _class_columns(rows.head, class_names, by)
    if len(columns) < len(class_names) and answer is not None and count is not None:
        return _long(rows, by, answer, count, class_names)
    strange = [head for i, head in enumerate(rows.head) if i != by and i not in columns.values()]
    missing = [name for k, name in enumerate(class_names) if k not in columns]
    if missing:
        fact = f"has no column for {listed(missing)}" + (f"; it has {listed(strange)}, which is no class" if strange else "")
        raise BadInput("VOTES-COLUMNS", subject, fact, "Give a column per class, with 0 where nobody gave that answer.")
    if strange:
        raise BadInput(
            "VOTES-COLUMNS", subject, f"has the column {listed(strange)}, which is no class of the data", f"Known: {listed(list(class_names), most=12)}."
        )
    ids = distinct_ids([row[by] for row in rows.body], subject)
    return Votes(ids, np.array([[_whole(row[columns[k]], i, subject) for k in range(len(class_names))] for i, row in enumerate(rows.body, start=2)], np.int64))


def _long(rows: Rows, by: int, answer: int, count: int, class_names: tuple[str, ...]) -> Votes:
    classes = class_numbers([row[answer] for row in rows.body], class_names, rows.subject)
    ids, place = np.unique(np.array([row[by] for row in rows.body], dtype=np.str_), return_inverse=True)
    counts = np.zeros((len(ids), len(class_names)), np.int64)
    cells = np.ravel(place) * len(class_names) + classes
    _, first, times = np.unique(cells, return_index=True, return_counts=True)
    if (times > 1).any():
        row = rows.body[int(first[times > 1].min())]
        raise BadInput("VOTES-TWICE", rows.subject, f"counts {row[answer]!r} of {row[by]!r} twice", "Give every image and class one row.")
    counts[np.ravel(place), classes] = [_whole(row[count], i, rows.subject) for i, row in enumerate(rows.body, start=2)]
    return Votes(ids, counts)


def _class_columns(head: list[str], class_names: tuple[str, ...], by: int) -> dict[int, int]:
    """Class -> column, by name, else by number; what is found."""
    texts = {i: text for i, text in enumerate(head) if i != by}
    exact = {text: i for i, text in texts.items()}
    plain: dict[str, list[int]] = {}
    for i, text in texts.items():
        plain.setdefault(plain_name(text), []).append(i)
    known = [plain_name(name) for name in class_names]
    found: dict[int, int] = {}
    for k, name in enumerate(class_names):
        alike = plain.get(known[k], []) if known.count(known[k]) == 1 else []
        at = exact.get(name, alike[0] if len(alike) == 1 else exact.get(str(k)) if not alike else None)
        if at is not None and at not in found.values():
            found[k] = at
    return found


def plain_name(name: str) -> str:
    """A class name without case, accents of writing and punctuation: "T-shirt/top" and "t-shirt top" are one."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if c.isalnum()) or text


def _whole(text: str, line: int, subject: str) -> int:
    """A count; nothing is 0."""
    try:
        value = float(text or 0)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= MOST_VOTES or value != int(value):
        raise BadInput(
            "VOTES-COUNT", subject, f"line {line} holds {text!r:.40}, which is no count", "Give how many people gave the answer, not shares of them."
        )
    return int(value)
