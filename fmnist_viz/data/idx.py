"""The IDX format (LeCun's MNIST files), plain or gzipped: header first, then exactly what it promises and one byte more.

Layout: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian uint32, then the values
big-endian in C order. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.data.gate import FETCH_AGAIN, Limit, open_regular, shown, wrong_content

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"
# Deflate cannot pack more than 1032 bytes into one, so a file of s bytes holds at most this times s.
MOST_PER_BYTE = 1040

Holds = Literal["images", "labels"]


@dataclass(frozen=True)
class IdxHeader:
    """What an IDX file promises: dtype (big-endian), shape, and the header's own bytes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    raw: bytes

    @property
    def nbytes(self) -> int:
        """Bytes of data after the header, a Python int."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class IdxFile:
    """A file read to its end: the array in native byte order and the SHA-256 of its decompressed bytes."""

    array: NDArray[Any]
    payload_sha256: str
    trailing: bool = False  # bytes followed the promised data and were left unread


def read_idx(path: Path, holds: Holds, *, limit: Limit, allow_trailing: bool = False) -> IdxFile:
    """Read one IDX file of images (3 or 4 dimensions) or labels (1 dimension), gzipped or plain by its first bytes.

    Raises
    ------
    BadInput
        For any damage, a wrong kind of content, no rows, or bytes after the data.
    UnsafeInput
        For a pickle.
    ResourceError
        Where the header promises more than `limit`; nothing is allocated then.
    """
    name = shown(path)
    with open_regular(path) as file:
        head = file.read(512)
        file.seek(0)
        packed = head.startswith(GZIP)
        if not packed and not head.startswith(b"\x00\x00"):
            raise wrong_content(path, head, wanted="an IDX file")
        stream: Any = gzip.GzipFile(fileobj=file) if packed else file
        try:
            return _read(stream, name, holds, size=os.fstat(file.fileno()).st_size, packed=packed, limit=limit, allow_trailing=allow_trailing)
        except EOFError:
            raise BadInput("IDX-TRUNCATED", name, "the gzip stream ends early, inside its header or trailer", FETCH_AGAIN) from None
        except gzip.BadGzipFile as e:
            raise BadInput("GZIP-CHECKSUM", name, f"the gzip stream is damaged: {e}", FETCH_AGAIN) from None
        except zlib.error as e:
            raise BadInput("GZIP-DAMAGED", name, f"the gzip stream is damaged: {e}", FETCH_AGAIN) from None
        except MemoryError:
            raise ResourceError("MEMORY", name, "there is not enough memory for its data", "Close other programs, or use a smaller file.") from None


def _read(stream: IO[bytes], name: str, holds: Holds, *, size: int, packed: bool, limit: Limit, allow_trailing: bool) -> IdxFile:
    header = _read_header(stream, name, holds)
    limit.claim(header.nbytes, name)
    # Never more memory than the file can fill, whatever its header promises.
    room = size * MOST_PER_BYTE if packed else max(size - len(header.raw), 0)
    data = np.empty(min(header.nbytes, room), np.uint8)
    got = _fill(stream, data)
    if got < header.nbytes:
        raise _truncated(name, header, got)
    trailing = bool(stream.read(1))  # also makes gzip check its trailer where nothing follows
    if trailing and not allow_trailing:
        extra = "" if packed else f"{size - len(header.raw) - header.nbytes:,} "
        fact = f"{extra}extra bytes follow the {header.nbytes:,} that its header promises"
        raise BadInput("IDX-TRAILING", name, fact, "Fetch it again, or use --allow-trailing.")
    h = hashlib.sha256(header.raw)
    h.update(data.data)
    array = data.view(header.dtype).reshape(header.shape)
    return IdxFile(array.astype(header.dtype.newbyteorder("="), copy=False), h.hexdigest(), trailing)


def _truncated(name: str, header: IdxHeader, got: int) -> BadInput:
    row = header.nbytes // header.shape[0]
    fact = f"header promises {header.nbytes:,} bytes ({header.shape[0]:,} rows), the file ends after {got:,} ({got // row:,} rows)"
    return BadInput("IDX-TRUNCATED", name, fact, FETCH_AGAIN)


def _fill(stream: IO[bytes], out: NDArray[np.uint8]) -> int:
    """Read into `out` until it is full or the stream ends; the count of bytes read."""
    view, got = out.data, 0
    try:
        while got < len(out) and (count := stream.readinto(view[got:])):  # type: ignore[attr-defined]
            got += count
    except EOFError:  # a cut gzip stream: what arrived before the cut is what the message counts
        pass
    return got


def _read_header(stream: IO[bytes], name: str, holds: Holds) -> IdxHeader:
    magic = stream.read(4)
    if magic.startswith(GZIP):
        raise BadInput("GZIP-TWICE", name, "is gzipped twice", 'Run "gunzip" on it once.')
    if len(magic) < 4:
        raise BadInput("IDX-TRUNCATED", name, f"holds {len(magic)} bytes, less than an IDX header", FETCH_AGAIN)
    if magic[:2] != b"\x00\x00":
        raise wrong_content(name, magic + stream.read(508), wanted="an IDX file inside gzip")
    code, ndim = magic[2], magic[3]
    if code not in DTYPES:
        known = ", ".join(f"0x{c:02X}" for c in DTYPES)
        raise BadInput("IDX-DTYPE", name, f"its type code 0x{code:02X} is unknown (known: {known})", "Save it as uint8 (0x08).")
    other = "labels" if holds == "images" else "images"
    if (holds == "images" and ndim == 1) or (holds == "labels" and ndim in (3, 4)):
        raise BadInput("IDX-SWAPPED", name, f"magic 0x{magic.hex()} means {other}, expected {holds}", "The image and label files seem swapped: rename them.")
    if ndim not in ((3, 4) if holds == "images" else (1,)):
        raise BadInput("IDX-DIMENSIONS", name, f"has {ndim} dimensions, expected {'3 or 4' if holds == 'images' else '1'} for {holds}", "Give the right file.")
    raw = stream.read(4 * ndim)
    if len(raw) < 4 * ndim:
        raise BadInput("IDX-TRUNCATED", name, f"ends inside its header after {4 + len(raw)} of {4 + 4 * ndim} bytes", FETCH_AGAIN)
    shape = struct.unpack(f">{ndim}I", raw)
    if 0 in shape:
        raise BadInput("IDX-EMPTY", name, f"holds no {holds}: its dimensions are {'x'.join(map(str, shape))}", "Give a file with data.")
    return IdxHeader(np.dtype(DTYPES[code]), shape, magic + raw)


def write_idx(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array of a dtype that IDX knows to an open binary file; raises ValueError for another dtype or dimension."""
    codes = {np.dtype(name).newbyteorder("="): code for code, name in DTYPES.items()}
    native = array.dtype.newbyteorder("=")
    if native not in codes:
        raise ValueError(f"IDX has no code for {array.dtype}")
    if not 1 <= array.ndim <= 255:
        raise ValueError(f"IDX cannot hold {array.ndim} dimensions")
    file.write(bytes([0, 0, codes[native], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape))
    file.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(">")).tobytes())
