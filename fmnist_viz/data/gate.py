"""The gate in front of every reader: regular files only, a bound on memory, and a name for what a file really is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fmnist_viz.core.errors import BadInput, ResourceError, UnsafeInput, VizError

FETCH_AGAIN = "Fetch the file again."


def shown(path: object) -> str:
    r"""A path or name as printable text: bytes that are no UTF-8 and control characters become ``\x..``, ``\u....``."""
    text = os.fsencode(os.fspath(path) if isinstance(path, os.PathLike) else str(path)).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def listed(items: list[str], *, most: int = 5) -> str:
    """``a, b, c, d, e and 12 more``."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest:,} more" if rest > 0 else "")


class Limit:
    """A bound on decoded bytes, shared by all the arrays of one load and claimed before each is allocated."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.claimed = 0

    def claim(self, count: int, subject: object) -> None:
        """Add `count` bytes (a Python int, so it cannot overflow); raises ResourceError where the sum passes the limit."""
        if self.claimed + count > self.max_bytes:
            together = f", {self.claimed + count:,} with what was read before it" if self.claimed else ""
            raise ResourceError(
                "DATA-LIMIT",
                shown(subject),
                f"asks for {count:,} bytes{together}, more than the limit of {self.max_bytes:,}",
                "Check that the file is what it should be; --max-bytes raises the limit.",
            )
        self.claimed += count


@contextmanager
def open_regular(path: Path, *, follow_links: bool = True) -> Iterator[BinaryIO]:
    """Open a regular file for reading, without waiting on a FIFO and without following a last symbolic link if so asked.

    Raises
    ------
    BadInput
        Where it is missing, unreadable, or no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags | (0 if follow_links else getattr(os, "O_NOFOLLOW", 0)))
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput("FILE-MISSING", shown(path), "not found", "Check the path.") from None
    except (OSError, ValueError) as e:
        raise BadInput("FILE-UNREADABLE", shown(path), f"cannot be opened ({getattr(e, 'strerror', None) or e})", "Check its permissions.") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadInput("FILE-SPECIAL", shown(path), "is no regular file (a folder, FIFO or device)", "Give a regular file.")
    with os.fdopen(fd, "rb") as file:
        try:
            yield file
        except OSError as e:
            if e.errno is None:  # a decoder's own complaint about the content, named by its reader
                raise
            raise BadInput("FILE-UNREADABLE", shown(path), f"cannot be read ({e.strerror})", "Check the disk, or fetch the file again.") from e


def list_folder(path: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder sorted by their bytes; raises BadInput where it is missing, unreadable or no folder."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except (FileNotFoundError, NotADirectoryError) as e:
        raise BadInput("FOLDER-MISSING", shown(path), "no such folder" if isinstance(e, FileNotFoundError) else "is no folder", "Check the path.") from None
    except (OSError, ValueError) as e:
        raise BadInput("FOLDER-UNREADABLE", shown(path), f"cannot be listed ({getattr(e, 'strerror', None) or e})", "Check its permissions.") from None


def is_pickle(head: bytes) -> bool:
    """Whether the first bytes are a Python pickle: protocol 2 and later start with a byte pair, older ones with text opcodes."""
    return (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or head[:4] in (b"(dp0", b"(lp0", b"cnum", b"cos\n")


_MAGICS = (
    (b"PK\x03\x04", "a zip archive (unpack it, or give an .npz with npz:FILE)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x93NUMPY", "one .npy array (put images and labels into one .npz)"),
    (b"BZh", "a bzip2 file (unpack it)"),
    (b"\xfd7zXZ", "an xz file (unpack it)"),
    (b"\x1f\x8b", "a gzip file (unpack it)"),
    (b"%PDF", "a PDF"),
)


def wrong_content(path: object, head: bytes, *, wanted: str) -> VizError:
    """The error for a file that does not start as `wanted` should, naming what its first bytes show it to be."""
    name, start = shown(path), head[:512].lstrip().lower()
    if not head:
        return BadInput("FILE-EMPTY", name, "is empty", FETCH_AGAIN)
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<error")):
        return BadInput("FILE-HTML", name, f"is an HTML or XML page, not {wanted}: a download failed", FETCH_AGAIN)
    if start.startswith(b"version https://git-lfs"):
        return BadInput("FILE-LFS", name, f"is a git-lfs pointer, not {wanted}", 'Run "git lfs pull" where it lies.')
    if is_pickle(head):
        return UnsafeInput("PICKLE", name, "is a Python pickle, which is never loaded because it can run code", "Save the arrays with numpy.savez_compressed.")
    for magic, what in _MAGICS:
        if head.startswith(magic):
            return BadInput("FILE-KIND", name, f"is {what}, not {wanted}", "Give the right file.")
    return BadInput("FILE-KIND", name, f"starts with {head[:4].hex(' ')}, which is not {wanted}", "Give the right file.")
