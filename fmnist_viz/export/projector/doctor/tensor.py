"""Tensor files as TensorBoard's server reads them: lines of numbers first, raw 32-bit floats where the bytes are no text."""

from __future__ import annotations

import codecs
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.export.projector.doctor.rules import Fact
from fmnist_viz.export.projector.tensor import SPHEREIZED_FROM

MAX_POINTS = 100_000  # the page takes the first so many
PROJECTED_FROM = 200  # columns above which the page projects at random before PCA
TSNE_POINTS = 10_000  # rows above which the page's t-SNE takes a sample; its UMAP takes half as many
SLOW_VALUES = 1_000_000  # as text; about a quarter of a second of the server's time, whenever a run is added
FIRST_UNTEXT = 0xF8  # no UTF-8 text holds this byte or a higher one
_HEAD = 1 << 16
_BLOCK = 1 << 20  # values at a time
_FEW = 3  # columns of what may be a ready-made map
_SAME = 1e-4  # a stamp changes the first value by less
_PLAIN = b"0123456789eE+-.\t\n"
_SEPARATORS = (",", ";", None)  # None: any blanks


@dataclass(frozen=True)
class Tensor:
    """What a file holds: float (n, d) where it can be told, as text or not, and what is wrong with the file."""

    values: NDArray[Any] | None
    text: bool
    facts: tuple[Fact, ...] = ()


def read_tensor(path: Path, declared: Sequence[int], rows: int | None = None) -> Tensor:
    """The file as the server takes it; where it cannot, as it was probably meant.

    `rows`, the metadata's number of rows, decides where sizes leave it open. Values of raw files stay on the disk.
    """
    size = path.stat().st_size
    if not size:
        return Tensor(None, False, (("tensor-empty", "holds no bytes"),))
    raw = np.memmap(path, np.uint8, mode="r")
    head = raw[:_HEAD].tobytes()
    if head.startswith(b"\x93NUMPY"):
        return _npy(path)
    end = _text_end(head)
    if end is None:
        read = _text(raw.tobytes(), declared)
        if read.values is not None or not (size == 4 * math.prod(declared or (0,)) or b"\0" in head):
            return read
        end = size
    before = [line for line in head[: head.rfind(b"\n", 0, end) + 1 if end < size else None].decode(errors="replace").split("\n") if line]
    trap: tuple[Fact, ...] = ()
    if None in [_numbers(line.split("\t")) for line in before]:
        trap = (("tensor-reads-as-text", f"begins with {head[:4].hex(' ')}: the first {end:,} bytes are valid text, but no numbers"),)
    return _binary(path, size, head, declared, rows, trap)


def _text_end(head: bytes) -> int | None:
    """Where the bytes stop being UTF-8; None where they are text throughout (a character may be cut at the end)."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < _HEAD)
    except UnicodeDecodeError as e:
        return e.start
    return None


def _binary(path: Path, size: int, head: bytes, declared: Sequence[int], rows: int | None, trap: tuple[Fact, ...]) -> Tensor:
    """Raw floats of the declared shape, or of the one that size and number of rows prove."""
    count, shape = size // 4, tuple(declared)
    if len(shape) == 2 and size == 4 * math.prod(shape) and min(shape) > 0:
        swapped = rows == shape[1] != shape[0]
        facts: tuple[Fact, ...] = (("tensor-shape-wrong", f"tensor_shape is {shape[0]} x {shape[1]}, the metadata has {rows} rows"),) if swapped else ()
        facts += trap or (() if head[0] >= FIRST_UNTEXT else (("tensor-unstamped", f"the first byte is 0x{head[0]:02x}"),))
        return Tensor(np.memmap(path, "<f4", mode="r", shape=shape[::-1] if swapped else shape), False, facts)
    if len(shape) != 2:
        said: Fact = ("tensor-shape-missing", f"{size:,} bytes of raw data, tensor_shape is {list(shape)}")
    else:
        guess = "; the size fits 64-bit floats" if size == 8 * math.prod(shape) else ""
        said = "tensor-size", f"{size:,} bytes, {4 * math.prod(shape):,} expected for {shape[0]} x {shape[1]}{guess}"
    values: NDArray[Any] | None = None
    if len(shape) == 2 and size == 8 * math.prod(shape):
        values = np.memmap(path, "<f8", mode="r", shape=shape)
    elif rows and size % 4 == 0 and count % rows == 0:
        values = np.memmap(path, "<f4", mode="r", shape=(rows, count // rows))
    return Tensor(values, False, (said, *trap))


def _npy(path: Path) -> Tensor:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        fact = f"is a NumPy file of {values.dtype} {values.shape}"
    except (ValueError, OSError, EOFError) as e:
        return Tensor(None, False, (("tensor-npy", f"is a NumPy file that cannot be read ({e})"),))
    good = values.ndim == 2 and min(values.shape) > 0 and values.dtype.kind in "fiub"
    return Tensor(values if good else None, False, (("tensor-npy", fact),))


def _text(raw: bytes, declared: Sequence[int]) -> Tensor:
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        return Tensor(None, True, (("tensor-not-numbers", f"is text up to byte {e.start:,}, and not from there on"),))
    values, facts = parse_text(text)
    if values is None or facts:
        return Tensor(values, True, facts)
    found: list[Fact] = []
    if tuple(declared) not in ((), values.shape):
        found.append(("tensor-shape-wrong", f"tensor_shape is {' x '.join(map(str, declared))}, the file holds {values.shape[0]} x {values.shape[1]}"))
    if values.size > SLOW_VALUES:
        found.append(("tensor-text", f"{values.size:,} values as text, {len(raw):,} bytes"))
    return Tensor(values, True, tuple(found))


def parse_text(text: str) -> tuple[NDArray[np.float64] | None, tuple[Fact, ...]]:
    """Values float64 (n, d) of lines of numbers separated by tabs, and no facts, where the server would accept them.

    Else the facts, and the values where it is plain what was meant: a header, another separator, blanks at line ends.
    """
    lines = [line for line in text.split("\n") if line]
    if not lines:
        return None, (("tensor-empty", "holds no line with numbers"),)
    quick = _parse_plain(text, lines)
    if quick is not None:
        return quick, ()
    rows = [_numbers(line.split("\t")) for line in lines]
    whole = [row for row in rows if row is not None]
    if len(whole) == len(rows):
        widths = {len(row) for row in whole}
        if len(widths) == 1:
            return np.array(whole, np.float64), ()
        return None, (("tensor-ragged", f"rows of {min(widths)} to {max(widths)} values"),)
    return _repaired(lines, rows.index(None))


def _parse_plain(text: str, lines: Sequence[str]) -> NDArray[np.float64] | None:
    """Plain digits in full rows, at the speed of C; None where a closer look is needed."""
    width = lines[0].count("\t") + 1
    odd = text.startswith("\t") or text.endswith("\t") or "\t\t" in text or "\n\t" in text or "\t\n" in text
    if odd or not text.isascii() or text.encode().translate(None, _PLAIN) or any(line.count("\t") != width - 1 for line in lines):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(text, np.float64, sep="\t")  # a blank separator matches line ends, too
        except (ValueError, DeprecationWarning):
            return None
    return values.reshape(len(lines), width) if len(values) == len(lines) * width else None


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None


def _repaired(lines: Sequence[str], first_bad: int) -> tuple[NDArray[np.float64] | None, tuple[Fact, ...]]:
    """Values and facts of lines of which one at least is not numbers separated by tabs."""
    facts: list[Fact] = []
    kept = [line.strip() for line in lines]
    if any(not line or line != old.rstrip("\r") for line, old in zip(kept, lines, strict=True)):
        facts.append(("tensor-blanks", f"line {first_bad + 1} has tabs or blanks at an end"))
    kept = [line for line in kept if line]
    for separator in ("\t", *_SEPARATORS):
        if separator != "\t" and any("\t" in line for line in kept):
            continue
        rows = [_numbers(line.split(separator)) for line in kept]
        header = len(rows) > 1 and rows[0] is None and not any(_numbers([cell]) for cell in kept[0].split(separator))
        whole = [row for row in rows[header:] if row is not None]
        if not whole or len(whole) < len(rows) - header or len({len(row) for row in whole}) > 1:
            continue
        if header:
            facts.append(("tensor-header", f"the first line is no row of numbers: {kept[0][:40]!r}"))
        if separator != "\t":
            name = {",": "commas", ";": "semicolons", None: "blanks"}[separator]
            facts.append(("tensor-separator", f"values are separated by {name}"))
        return np.array(whole, np.float64), tuple(facts)
    return None, (("tensor-not-numbers", f"line {first_bad + 1} is no row of numbers: {lines[first_bad][:40]!r}"),)


def judge(values: NDArray[Any]) -> Iterator[Fact]:
    """What the page makes of the numbers themselves; one pass over them."""
    n, d = values.shape
    if n > MAX_POINTS:
        yield "tensor-too-many", f"{n:,} rows"
    elif n > TSNE_POINTS // 2:
        yield "tensor-sampled", f"{n:,} rows"
    if min(n, d) < 2:
        yield "tensor-single", f"shape {n} x {d}"
    elif d == 2:
        yield "tensor-flat", f"shape {n} x {d}"
    if d > PROJECTED_FROM:
        yield "tensor-wide", f"{d:,} columns"
    total, first = np.zeros(d), np.asarray(values[0])
    squares, lengths, equal, bad = 0.0, [], True, 0
    for start in range(0, n, max(1, _BLOCK // d)):
        block = np.asarray(values[start : start + max(1, _BLOCK // d)])
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(block.astype(np.float32, copy=False))
        if not finite.all():
            bad += int((~finite.all(axis=1)).sum())
            continue
        equal = equal and bool((np.abs(block - first) <= _SAME * np.abs(first)).all())
        if d < SPHEREIZED_FROM:
            wide = block.astype(np.float64)
            total += wide.sum(axis=0)
            lengths.append(np.sqrt(np.square(wide).sum(axis=1)))
            squares += float(np.square(wide).sum())
    if bad:
        yield "tensor-not-finite", f"{bad:,} of {n:,} rows hold NaN, infinity or a value beyond 32-bit floats"
    elif equal and n > 1:
        yield "tensor-constant", f"all {n:,} rows are equal"
    elif 2 < d < SPHEREIZED_FROM and n > 1:
        yield from _geometry(total / n, np.concatenate(lengths), squares / n, d)


def _geometry(mean: NDArray[np.float64], lengths: NDArray[np.float64], power: float, d: int) -> Iterator[Fact]:
    """Whether a narrow tensor is as the page needs it: the mean near 0, the rows of equal length (a hundredth of leeway each)."""
    off = float(np.linalg.norm(mean)) / math.sqrt(power) if power else 0.0
    spread = float(np.abs(lengths - 1).max())
    if off > 0.1 or spread > 0.01:
        fact = f"{d} columns; the mean row is {off:.0%} of the rows' typical length, lengths are {lengths.min():.3g} to {lengths.max():.3g}"
        yield "tensor-narrow" if d > _FEW else "tensor-few-columns", fact
