"""``csv:DIR``: one line per image, ``label,pixel1,...``, as in Kaggle's copy of Fashion-MNIST (whose rows are in another order)."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import Decoded, assemble
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import FETCH_AGAIN, Limit, list_folder, listed, open_regular, shown, wrong_content
from fmnist_viz.data.labels import FASHION, numbered_classes, within

KAGGLE = {"fashion-mnist_train.csv": 60_000, "fashion-mnist_test.csv": 10_000}
CHUNK_ROWS = 8_000  # 28x28 images: about 50 MB of int64 at a time
MAX_LINE = 1 << 22  # bytes of header line: 4096 pixels and more


def load_csv_folder(config: DataConfig, progress: Progress) -> DataSet:
    """A folder with one ``*train.csv`` and one ``*test.csv``, or with one of them (which becomes the test split).

    Class names are Fashion-MNIST's where the files bear Kaggle's names for it, else "0".."max".
    """
    folder = Path(config.place)
    paths = _find(folder)
    limit = Limit(config.max_bytes)
    splits = {split: read_csv(path, limit=limit, progress=progress) for split, path in paths.items()}
    notes = []
    for path, part in zip(paths.values(), splits.values(), strict=True):
        promised = KAGGLE.get(path.name.lower())
        if promised and promised != len(part.labels):
            notes.append(f"{path.name} holds {len(part.labels):,} rows, the published one {promised:,}")
            progress.warn(f"data: {notes[-1]}")
    if len(splits) == 1:
        notes.append(f"the folder holds the {next(iter(splits))} split only")
        splits = {"test": next(iter(splits.values()))}
    fashion = all(path.name.lower() in KAGGLE for path in paths.values())
    if fashion:
        notes.append("row order is the CSV's, not that of the published IDX files")
    names = FASHION if fashion else numbered_classes([part.labels for part in splits.values()], [part.subject for part in splits.values()])
    source = Source("csv", f"csv folder {shown(folder.resolve().name)}", "", notes=tuple(notes))
    progress.say(f"data: {source.location}")
    return assemble(splits, names, source, side=config.resize)


def _find(folder: Path) -> dict[str, Path]:
    names = [entry.name for entry in list_folder(folder)]
    found = {}
    for split in ("train", "test"):
        fits = [name for name in names if re.search(rf"(^|[^a-z]){split}\.csv$", name.lower())]
        if len(fits) > 1:
            raise BadInput("CSV-AMBIGUOUS", shown(folder), f"holds {len(fits)} {split} files: {listed([shown(n) for n in fits])}", "Leave one of them there.")
        if fits:
            found[split] = folder / fits[0]
    if not found:
        raise BadInput("CSV-MISSING", shown(folder), "holds no file named *train.csv or *test.csv", "Give the folder with the unpacked CSV files.")
    return found


def read_csv(path: Path, *, limit: Limit, progress: Progress) -> Decoded:
    """One file with the header ``label,pixel...``: square grey images uint8 (n, side, side, 1), values 0..255.

    Raises
    ------
    BadInput
        For another header, a row with more or fewer fields, a value that is no whole number in 0..255; the row is named.
    ResourceError
        Where the decoded images would pass the limit.
    """
    import pandas as pd

    name = shown(path)
    with open_regular(path) as file:
        columns = _columns(file.readline(MAX_LINE), path)
        side = math.isqrt(columns - 1)
        images, labels, rows = [], [], 0
        try:
            # index_col=False would drop surplus fields of a first row silently; without it and with a header of our own
            # the parser compares each row with the header and complains itself.
            chunks = pd.read_csv(file, header=None, names=range(columns), chunksize=CHUNK_ROWS, engine="c", skip_blank_lines=True)
            for chunk in chunks:
                if not isinstance(chunk.index, pd.RangeIndex):
                    raise BadInput("CSV-FIELDS", name, f"a row has more than the {columns} fields of the header", "Give every row the same number of fields.")
                limit.claim(len(chunk) * (columns + 7), name)
                values = _whole(chunk, name, rows)
                labels.append(values[:, 0].copy())
                images.append(_pixels(values[:, 1:], name, rows).reshape(-1, side, side, 1))
                rows += len(chunk)
                progress.step(f"read {path.name}", file.tell(), max(path.stat().st_size, 1))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as e:
            raise BadInput("CSV-FIELDS", name, f"cannot be parsed: {e}", FETCH_AGAIN) from None
        except MemoryError:
            raise ResourceError("MEMORY", name, "there is not enough memory for its images", "Close other programs, or use a smaller file.") from None
    if not rows:
        raise BadInput("CSV-EMPTY", name, "holds a header and no images", FETCH_AGAIN)
    return Decoded(np.concatenate(images), _labels(np.concatenate(labels), name), name)


def _columns(line: bytes, path: Path) -> int:
    """The number of fields that the header promises: a label and a square number of pixels."""
    name = shown(path)
    if not line or b"\x00" in line or line.lstrip().startswith((b"<", b"\x80", b"PK", b"\x1f\x8b", b"version https://git-lfs", b"\xff", b"\x89")):
        raise wrong_content(path, line, wanted="a CSV file")
    if not line.endswith(b"\n") and len(line) >= MAX_LINE:
        raise BadInput("CSV-HEADER", name, f"its first line is longer than {MAX_LINE:,} bytes", "Give a CSV file with the header label,pixel1,pixel2 ...")
    fields = [field.strip().strip('"').lower() for field in line.decode("utf-8-sig", "replace").split(",")]
    if fields[0] != "label" or len(fields) < 2 or not all(field.startswith("pixel") for field in fields[1:]):
        start = shown(line[:40].decode("utf-8", "replace").strip())
        raise BadInput("CSV-HEADER", name, f"starts with {start!r}, expected the header label,pixel1,pixel2 ...", "Add that header line.")
    if math.isqrt(len(fields) - 1) ** 2 != len(fields) - 1:
        raise BadInput("CSV-HEADER", name, f"has {len(fields) - 1} pixel columns, which is no square number", "Give square grey images.")
    return len(fields)


def _whole(chunk: Any, name: str, first: int) -> NDArray[np.int64]:
    """A chunk as int64; raises BadInput that names the first row and field which is missing or no whole number."""
    import pandas as pd

    kinds = {dtype.kind for dtype in chunk.dtypes}
    if kinds <= {"i"}:
        whole: NDArray[np.int64] = chunk.to_numpy(dtype=np.int64)
        return whole
    numbers = chunk.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~(np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        text = str(chunk.iat[row, column])[:40]
        if text == "nan":
            fact = f"row {first + row} has no value in field {column + 1} of {chunk.shape[1]}"
            raise BadInput("CSV-FIELDS", name, fact, "The row is cut short or empty: fetch the file again.")
        raise BadInput("CSV-VALUE", name, f"row {first + row}, field {column + 1}: {shown(text)!r} is no whole number", "Correct that value.")
    whole = numbers.astype(np.int64)
    return whole


def _pixels(values: NDArray[np.int64], name: str, first: int) -> NDArray[np.uint8]:
    wrong = (values < 0) | (values > 255)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise BadInput("PIXEL-RANGE", name, f"row {first + row}, pixel column {column + 1}: {values[row, column]} is outside 0..255", "Correct that value.")
    return values.astype(np.uint8)


def _labels(labels: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    within(labels, 65_535, name)
    return labels
