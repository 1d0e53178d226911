"""``npz:FILE``: arrays saved with numpy.savez. Every header is judged before a byte of data is allocated; nothing is unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput
from fmnist_viz.core.progress import Progress
from fmnist_viz.core.types import DataSet, Source
from fmnist_viz.data.assemble import Decoded, assemble
from fmnist_viz.data.config import DataConfig
from fmnist_viz.data.gate import FETCH_AGAIN, Limit, is_pickle, listed, open_regular, shown, wrong_content
from fmnist_viz.data.labels import distinct_names, numbered_classes, whole_labels
from fmnist_viz.data.pixels import to_uint8

NUMERIC_ONLY = "Save numeric arrays with numpy.savez_compressed."
MAX_HEADER = 10_000  # bytes: numpy's own bound for a header that it parses


def read_npz(path: Path, wanted: tuple[str, ...], *, limit: Limit) -> dict[str, NDArray[Any]]:
    """Those of the wanted arrays that the file holds, by name; other members are checked for unsafe names but not read.

    Raises
    ------
    UnsafeInput
        For a pickle, object arrays, member names that leave the archive, duplicate or encrypted members.
    ResourceError
        Where an array's header asks for more than `limit`.
    BadInput
        For any other damage.
    """
    name = shown(path)
    with open_regular(path) as file:
        head = file.read(512)
        file.seek(0)
        if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            raise wrong_content(path, head, wanted="an .npz archive")
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, name)
                return {key: _read_member(archive, members[key], f"{name}[{key}]", limit) for key in wanted if key in members}
        except (zipfile.BadZipFile, zlib.error, EOFError) as e:
            raise BadInput("NPZ-DAMAGED", name, f"the archive is damaged or cut short: {e or 'it ends early'}", FETCH_AGAIN) from None
        except (NotImplementedError, ValueError, OverflowError, OSError) as e:
            if isinstance(e, OSError) and e.errno is not None:
                raise
            raise BadInput("NPZ-DAMAGED", name, f"the archive cannot be read: {e}", FETCH_AGAIN) from None
        except MemoryError:
            raise ResourceError("MEMORY", name, "there is not enough memory for its arrays", "Close other programs, or use a smaller file.") from None


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Members by array name; raises UnsafeInput for names that no honest archive has."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        parts = info.orig_filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\x00" in info.orig_filename:
            raise UnsafeInput("NPZ-PATH", name, f"member {shown(info.orig_filename)!r} points outside the archive", NUMERIC_ONLY)
        if info.flag_bits & 0x1:
            raise UnsafeInput("NPZ-ENCRYPTED", name, f"member {shown(info.filename)!r} is encrypted", NUMERIC_ONLY)
        key = info.filename.removesuffix(".npy")
        if key in members:
            raise UnsafeInput("NPZ-DUPLICATE", name, f"member {shown(key)!r} is there twice", NUMERIC_ONLY)
        members[key] = info
    return members


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, limit: Limit) -> NDArray[Any]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput("NPZ-METHOD", name, f"is packed by method {info.compress_type}, which numpy never writes", NUMERIC_ONLY)
    with archive.open(info) as stream:
        dtype, shape, fortran = read_header(stream, name)
        count = math.prod(shape)
        nbytes = count * dtype.itemsize
        limit.claim(nbytes, name)
        held = info.file_size - stream.tell()
        if held != nbytes:
            word = "NPY-TRUNCATED" if held < nbytes else "NPY-TRAILING"
            raise BadInput(word, name, f"expected {count:,} elements ({nbytes:,} bytes), found {max(held, 0):,} bytes", FETCH_AGAIN)
        data = np.empty(nbytes, np.uint8)
        view, got = data.data, 0
        while got < nbytes and (more := stream.readinto(view[got:])):  # type: ignore[attr-defined]
            got += more
        if got < nbytes:
            raise BadInput("NPY-TRUNCATED", name, f"expected {count:,} elements, the data ends after {got // dtype.itemsize:,}", FETCH_AGAIN)
        stream.read(1)  # the end of the member, where zipfile compares its checksum
    return data.view(dtype).reshape(shape, order="F" if fortran else "C")


def read_header(stream: IO[bytes], name: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """dtype, shape and order of a .npy stream; raises for what is no plain array of numbers or text."""
    magic = stream.read(8)
    if is_pickle(magic):
        raise UnsafeInput("PICKLE", name, "is a Python pickle, which is never loaded because it can run code", NUMERIC_ONLY)
    readers = {b"\x93NUMPY\x01\x00": np.lib.format.read_array_header_1_0, b"\x93NUMPY\x02\x00": np.lib.format.read_array_header_2_0}
    if magic not in readers:
        raise BadInput("NPY-HEADER", name, f"starts with {magic[:6].hex(' ')}, which is no .npy array of version 1 or 2", NUMERIC_ONLY)
    try:
        shape, fortran, dtype = readers[magic](stream, max_header_size=MAX_HEADER)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as e:
        raise BadInput("NPY-HEADER", name, f"its header is damaged: {str(e)[:120]}", FETCH_AGAIN) from None
    if dtype.hasobject:
        raise UnsafeInput("NPY-OBJECTS", name, "holds Python objects, which are never loaded because that can run code", NUMERIC_ONLY)
    if any(side < 0 for side in shape):
        raise BadInput("NPY-HEADER", name, f"its header has the shape {shape}, with a negative side", FETCH_AGAIN)
    if dtype.kind not in "uifbU" or dtype.itemsize == 0 or dtype.subdtype is not None:
        raise BadInput("NPY-DTYPE", name, f"holds {dtype} values", "Save pixels as uint8 and labels as whole numbers.")
    return dtype, shape, bool(fortran)


def load_npz(config: DataConfig, progress: Progress) -> DataSet:
    """``x_train, y_train, x_test, y_test`` or ``x, y`` (which become the test split), with ``class_names`` if given.

    Images: (n, h, w), (n, h, w, 1 or 3), or (n, d) with d a square.
    """
    path = Path(config.place)
    limit = Limit(config.max_bytes)
    keys = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
    arrays = read_npz(path, ("x_train", "y_train", "x_test", "y_test", "x", "y", "class_names"), limit=limit)
    if not any(key in arrays for pair in keys.values() for key in pair) and {"x", "y"} <= set(arrays):
        keys = {"test": ("x", "y")}
    lacking = [key for pair in keys.values() for key in pair if key not in arrays]
    if lacking:
        fact = f"found {_found(path)}; {', '.join(lacking)} missing"
        raise BadInput("NPZ-KEYS", shown(path), fact, "Save x_train, y_train, x_test, y_test (or x, y) in one .npz.")
    splits, notes = _decode(arrays, keys, shown(path))
    names = _class_names(arrays, splits, shown(path))
    source = Source("npz", f"npz file {shown(path.name)}", "", notes=notes)
    progress.say(f"data: {source.location}" + "".join(f"; {note}" for note in notes))
    return assemble(splits, names, source, side=config.resize)


def _found(path: Path) -> str:
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        keys = [shown(info.filename.removesuffix(".npy")) for info in archive.infolist()]
    return listed(keys) if keys else "no array"


def _decode(arrays: dict[str, NDArray[Any]], keys: dict[str, tuple[str, str]], name: str) -> tuple[dict[str, Decoded], tuple[str, ...]]:
    subjects = {split: f"{name}[{pair[0]}]" for split, pair in keys.items()}
    shaped = [_as_images(arrays[pair[0]], subjects[split]) for split, pair in keys.items()]
    pixels, note = to_uint8(shaped, list(subjects.values()))
    splits = {}
    for (split, pair), images in zip(keys.items(), pixels, strict=True):
        subject = f"{name}[{pair[1]}]"
        splits[split] = Decoded(np.ascontiguousarray(images), whole_labels(arrays[pair[1]], subject), subjects[split], label_subject=subject)
    return splits, (note,) if note else ()


def _as_images(array: NDArray[Any], subject: str) -> NDArray[Any]:
    if 0 in array.shape or array.ndim == 0:
        raise BadInput("NPZ-EMPTY", subject, f"holds no images: its shape is {array.shape}", "Give an array with data.")
    if array.ndim == 2 and math.isqrt(array.shape[1]) ** 2 == array.shape[1]:
        side = math.isqrt(array.shape[1])
        return array.reshape(len(array), side, side, 1)
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    fact = f"has the shape {array.shape}, expected (n, h, w), (n, h, w, 1 or 3) or (n, side*side)"
    raise BadInput("IMAGE-SHAPE", subject, fact, "Reshape it and save it again.")


def _class_names(arrays: dict[str, NDArray[Any]], splits: dict[str, Decoded], name: str) -> tuple[str, ...]:
    if "class_names" not in arrays:
        return numbered_classes([part.labels for part in splits.values()], [part.label_subject for part in splits.values()])
    names = arrays["class_names"]
    if names.dtype.kind != "U" or names.ndim != 1 or not len(names):
        fact = f"is {names.dtype} of shape {names.shape}, expected text of shape (classes,)"
        raise BadInput("CLASS-NAMES", f"{name}[class_names]", fact, "Save a list of strings.")
    try:
        texts = [str(text) for text in names]
        "".join(texts).encode()
    except (ValueError, UnicodeError) as e:
        raise BadInput("CLASS-NAMES", f"{name}[class_names]", f"is no valid text: {e}", "Save a list of strings.") from None
    return distinct_names(texts, f"{name}[class_names]")
