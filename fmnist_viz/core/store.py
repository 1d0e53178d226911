"""The one module that writes files: a final name holds a complete artefact or nothing.

A file is staged beside its final name, flushed, fsynced, renamed, and its folder is fsynced. A folder is staged as a
whole and exchanged in one step. A run folder belongs to one process at a time; the lock dies with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from fmnist_viz.core.errors import OutputBusy, ResourceError

STAGING = ".staging-"
LOCK = ".lock"


def sha256_file(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    """Flush a file or folder to the disk; folders cannot be opened on Windows, where rename needs no help."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _fsync_tree(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            _fsync(Path(root) / name)
        _fsync(Path(root))


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, quota or read-only file system into one line that names path and free space."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError("DISK-FULL", path, f"no space left while writing ({free_bytes(path):,} bytes free)", "Free some space or choose another --out.") from e
        if e.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ResourceError("NOT-WRITABLE", path, f"cannot be written ({e.strerror})", "Choose another --out, or mend its permissions.") from e
        if e.errno in (errno.ENOTDIR, errno.EEXIST):
            raise ResourceError("NOT-WRITABLE", path, "cannot be written: a file stands where a folder is needed", "Choose another --out or --cache-dir.") from e
        raise


def free_bytes(path: Path) -> int:
    """Free bytes for this user on the file system that holds (or would hold) `path`."""
    where = path
    while not where.exists() and where != where.parent:
        where = where.parent
    return shutil.disk_usage(where).free


def need_space(path: Path, needed: int, *, what: str) -> None:
    """Raise ResourceError before any work where `needed` bytes, and a fifth more, are not free."""
    free = free_bytes(path)
    if needed * 1.2 > free:
        raise ResourceError("DISK-FULL", path, f"{what} needs about {needed:,} bytes, {free:,} are free", "Free some space, or choose another --out or --cache-dir.")


@contextlib.contextmanager
def staged_file(final: Path) -> Iterator[Path]:
    """A temporary path beside `final` that takes its name once the block ends without an error."""
    final = Path(final)
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temp = final.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}{final.suffix}")
        try:
            yield temp
            _fsync(temp)
            os.replace(temp, final)
            _fsync(final.parent)
        finally:
            temp.unlink(missing_ok=True)


def write_file(final: Path, content: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Write bytes, UTF-8 text, or what a function writes into a binary file, all or nothing."""
    with staged_file(final) as temp, open(temp, "wb") as f:
        if callable(content):
            content(f)
        else:
            f.write(content.encode() if isinstance(content, str) else content)


def write_json(final: Path, value: Any) -> None:
    write_file(final, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names atomically where the kernel can (Linux renameat2, RENAME_EXCHANGE); False elsewhere."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return renameat2 is not None and renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2) == 0


@contextlib.contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """A temporary folder that becomes `final` as a whole; an older `final` is replaced in one step."""
    final = Path(final)
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temp = final.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}")
        temp.mkdir()
        try:
            yield temp
            _fsync_tree(temp)
            if final.exists() and not _exchange(temp, final):
                old = final.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}")
                os.rename(final, old)
                os.rename(temp, final)
                shutil.rmtree(old, ignore_errors=True)
            elif not final.exists():
                os.rename(temp, final)
            _fsync(final.parent)
        finally:
            shutil.rmtree(temp, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-made. Call it only while holding the folder's lock."""
    for path in folder.glob(f"{STAGING}*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _try_lock(fd: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; raise OutputBusy at once where another one does.

    The kernel drops the lock with the process, however it ends, so there is nothing to unlock by hand. The file's
    text (process, start) serves only the other side's message. Not promised on network file systems.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        if not _try_lock(fd):
            holder = os.pread(fd, 200, 0).decode(errors="replace").strip() or "another process"
            raise OutputBusy("RUN-BUSY", folder, f"is being written by {holder}", "Wait for it, or choose another --out.")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode(), 0)
        sweep(folder)
        yield
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)
