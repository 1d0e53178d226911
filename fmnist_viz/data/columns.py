"""Ids and true classes from a text, csv or npy file: one value per row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet, LabeledImages, Source
from fmnist_viz.data.assemble import Decoded, payload_sha256
from fmnist_viz.data.gate import Limit, is_pickle, listed, open_regular, shown, wrong_content
from fmnist_viz.data.labels import distinct_names, numbered_classes, whole_labels, within
from fmnist_viz.data.npy import MAGIC, read_npy

ID_HEADS = ("sample_id", "sample_ids", "id", "ids")
LABEL_HEADS = ("label", "labels", "class", "classes", "true", "y", "y_true", "target")


@dataclass(frozen=True)
class Rows:
    """A text table: `head` is the first row, `body` the others, every row as long as the first; `subject` names the file."""

    head: list[str]
    body: list[list[str]]
    subject: str

    def find(self, names: Sequence[str]) -> int | None:
        """The column with one of these heads, in the order of the names; case does not count."""
        heads = [head.strip().casefold() for head in self.head]
        return next((heads.index(name) for name in names if name in heads), None)


def is_npy(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(MAGIC)) == MAGIC


def read_rows(path: Path, *, limit: Limit) -> Rows:
    """A .csv (comma, quotes) or any other text file (a value per line); blank lines are left out.

    Raises BadInput for what is no UTF-8 text, is empty or has rows of different lengths.
    """
    name = shown(path)
    with open_regular(path) as file:
        raw = file.read(limit.max_bytes + 1)
    limit.claim(len(raw), name)
    if not raw.strip():
        raise BadInput("FILE-EMPTY", name, "is empty", "Give a file with a row per image.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise wrong_content(path, raw[:512], wanted="a text file") from None
    if "\0" in text or is_pickle(raw[:8]):
        raise wrong_content(path, raw[:512], wanted="a text file")
    try:
        reader = csv.reader(io.StringIO(text, newline="")) if path.suffix.lower() == ".csv" else ([line] for line in text.splitlines())
        rows = [[cell.strip() for cell in row] for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as e:
        raise BadInput("CSV-SYNTAX", name, f"is no valid csv ({e})", "Save it again.") from None
    uneven = [i for i, row in enumerate(rows, start=1) if len(row) != len(rows[0])]
    if uneven:
        raise BadInput("CSV-ROWS", name, f"row {uneven[0]} has {len(rows[uneven[0] - 1])} columns, the first has {len(rows[0])}", "Save it again.")
    return Rows(rows[0], rows[1:], name)


def read_ids(path: Path, *, limit: Limit) -> NDArray[np.str_]:
    """Sample ids, str (n,): an npy array of text, the csv column ``sample_id``, or a value per line. Raises BadInput where one is there twice."""
    if is_npy(path):
        array = read_npy(path, limit=limit)
        if array.ndim != 1 or array.dtype.kind != "U":
            raise BadInput("IDS-KIND", shown(path), f"is {array.dtype} of shape {array.shape}, expected text (n,)", "Save ids such as test/17.")
        ids = [str(value) for value in array]
    else:
        rows = read_rows(path, limit=limit)
        at = rows.find(ID_HEADS)
        body = rows.body if at is not None else [rows.head, *rows.body]
        ids = [row[at or 0] for row in body]
    return distinct_ids(ids, shown(path))


def distinct_ids(ids: list[str], subject: str) -> NDArray[np.str_]:
    array = np.asarray(ids, dtype=np.str_)
    found, counts = np.unique(array, return_counts=True)
    if (counts > 1).any():
        raise BadInput("IDS-TWICE", subject, f"the id {str(found[counts > 1][0])!r} is there twice", "Give every image one row.")
    return array


def class_numbers(texts: Sequence[str], names: Sequence[str], subject: str) -> NDArray[np.int64]:
    """Classes as names or numbers -> int64 (n,). A name counts before a number; raises BadInput naming the first unknown one."""
    place = {name: k for k, name in enumerate(names)}
    numbers = {str(k): k for k in range(len(names))}
    out = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        plain = text[:-2] if text.endswith(".0") else text
        k = place.get(text, numbers.get(plain))
        if k is None:
            raise BadInput("CLASS-UNKNOWN", subject, f"row {row} holds {text!r}, which is no class of the data", f"Known: {listed(list(names), most=12)}.")
        out[row] = k
    return out


def read_labels(path: Path, *, names: tuple[str, ...], limit: Limit) -> DataSet:
    """True classes without images: a DataSet whose only split, "test", has labels, ids (``test/<row>``, or the file's own) and no pixels.

    `names` are the classes in order where they are known; else names are sorted, numbers are their own names.
    """
    subject, ids = shown(path), None
    if is_npy(path):
        array = read_npy(path, limit=limit)
        texts = [str(value) for value in (array if array.dtype.kind == "U" and array.ndim == 1 else whole_labels(array, subject))]
    else:
        rows = read_rows(path, limit=limit)
        at, by = rows.find(LABEL_HEADS), rows.find(ID_HEADS)
        if at is None and (by is not None or len(rows.head) > 1):
            raise BadInput("LABELS-COLUMN", subject, f"has the columns {listed(rows.head)} and none called label", "Name the column of true classes label.")
        body = rows.body if at is not None else [rows.head, *rows.body]
        texts = [row[at or 0] for row in body]
        ids = distinct_ids([row[by] for row in body], subject) if by is not None else None
    if not texts:
        raise BadInput("FILE-EMPTY", subject, "holds no labels", "Give a file with a row per image.")
    labels, names = _numbered(texts, names, subject)
    pixels = np.zeros((len(labels), 0, 0, 1), np.uint8)
    sha256 = payload_sha256({"test": Decoded(pixels, labels, subject)})
    source = Source("labels", f"labels in {shown(path.name)}", sha256, notes=("There are no images: only labels were given.",))
    ids = np.array([f"test/{row}" for row in range(len(labels))], dtype=np.str_) if ids is None else ids
    return DataSet(None, LabeledImages(pixels, labels, names, ids, "test", source))


def _numbered(texts: list[str], names: tuple[str, ...], subject: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if names:
        return class_numbers(texts, names, subject), names
    try:
        labels = whole_labels(np.array([float(text) for text in texts]), subject)
    except ValueError:
        names = distinct_names(sorted(set(texts)), subject)
        return class_numbers(texts, names, subject), names
    names = numbered_classes([labels], [subject])
    within(labels, len(names), subject)
    return labels, names
