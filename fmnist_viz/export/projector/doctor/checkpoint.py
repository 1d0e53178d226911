"""TensorFlow checkpoints as far as the Projector needs them, read without TensorFlow: which is the latest, and what it holds.

A checkpoint's ``.index`` is a sorted string table (LevelDB's format, uncompressed) from variable names to protocol
buffers with type and shape; see tensorflow/core/util/tensor_bundle and tensorflow/core/lib/io/format.
"""

from __future__ import annotations

import glob
import re
import struct
from collections.abc import Iterator
from pathlib import Path

STATE = "checkpoint"
_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_LATEST = re.compile(r'^\s*model_checkpoint_path\s*:\s*"((?:[^"\\]|\\.)*)"', re.M)
_FIELDS = re.compile(r'(\s*(#.*|\w+\s*:\s*("[^"]*"|[\w.+-]+)))*\s*')


def latest(folder: Path) -> Path | None:
    """The prefix that the folder's state file names, where its files are there."""
    try:
        found = _LATEST.search((folder / STATE).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    prefix = folder / found[1] if found else None
    return prefix if prefix is not None and (prefix.with_name(prefix.name + ".index").is_file() or prefix.is_file()) else None


def invalid(folder: Path) -> bool:
    """Whether the folder has a state file without a path in it: TensorFlow raises on it, and the server does not expect that.

    A file that is no protocol-buffer text at all is only warned about.
    """
    try:
        text = (folder / STATE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return (not (found := _LATEST.search(text)) and _FIELDS.fullmatch(text) is not None) or bool(found and not found[1])


def exists(prefix: str) -> bool:
    """Whether any file's path begins so, which is all that the server asks of `model_checkpoint_path`."""
    return bool(glob.glob(glob.escape(prefix) + "*"))


def variables(prefix: Path) -> dict[str, tuple[int, ...]] | None:
    """Names and shapes of a checkpoint's variables; None where the file is not of the known format."""
    try:
        raw = prefix.with_name(prefix.name + ".index").read_bytes()
        return {key.decode(): _shape(value) for key, value in _table(raw) if key}
    except (OSError, ValueError, IndexError, struct.error):
        return None


def listed(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Those that the Projector lists: two-dimensional, and no optimiser's."""
    return {name: shape for name, shape in shapes.items() if len(shape) == 2 and ".OPTIMIZER_SLOT" not in name}


def _table(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(raw) < _FOOTER or struct.unpack("<Q", raw[-8:])[0] != _MAGIC:
        raise ValueError("no table")
    at = len(raw) - _FOOTER
    for _ in range(2):  # the handle of the meta index, which is not needed
        _, at = _varint(raw, at)
    offset, at = _varint(raw, at)
    size, at = _varint(raw, at)
    for _, handle in _block(raw, offset, size):
        start, after = _varint(handle, 0)
        yield from _block(raw, start, _varint(handle, after)[0])


def _block(raw: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one block: each key says how much it shares with the one before."""
    if raw[offset + size]:
        raise ValueError("a compressed block")
    block = raw[offset : offset + size]
    end = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(raw, at)
        else:
            length, at = _varint(raw, at) if tag & 7 == 2 else ({1: 8, 5: 4}[tag & 7], at)
            value, at = raw[at : at + length], at + length
        yield tag >> 3, value


def _shape(entry: bytes) -> tuple[int, ...]:
    """BundleEntryProto.shape (field 2), a TensorShapeProto whose field 2 repeats the dimensions, each with its size in field 1."""
    shape = next((value for number, value in _fields(entry) if number == 2 and isinstance(value, bytes)), b"")
    sizes = [next((v for k, v in _fields(dim) if k == 1), 0) for number, dim in _fields(shape) if number == 2 and isinstance(dim, bytes)]
    return tuple(size for size in sizes if isinstance(size, int))
