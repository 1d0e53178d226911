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
WORK = ".work-"  # scratch folders beside a cache's entries
LOCK = ".lock"


def sha256_file(path: Path) -> str:
    """64 hex digits of a file's content."""
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
        subject, elsewhere = _settled(path), "Choose another --out or --cache-dir"
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError("DISK-FULL", subject, f"no space left while writing ({free_bytes(path):,} bytes free)", f"Free some space. {elsewhere}.") from e
        if e.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise ResourceError("NOT-WRITABLE", subject, f"cannot be written ({e.strerror})", f"{elsewhere}, or mend its permissions.") from e
        if e.errno == errno.ENOENT and e.filename and _of_target(Path(os.fsdecode(e.filename)), path):
            raise ResourceError("NOT-WRITABLE", subject, f"cannot be made ({e.strerror})", f"{elsewhere}.") from e
        if e.errno in (errno.ENOTDIR, errno.EEXIST):
            raise ResourceError("NOT-WRITABLE", subject, "cannot be written: a file stands where a folder is needed", f"{elsewhere}.") from e
        if e.errno == errno.EISDIR:
            raise ResourceError("NOT-WRITABLE", subject, "cannot be written: a folder stands where a file is needed", f"{elsewhere}.") from e
        raise


def _of_target(missing: Path, path: Path) -> bool:
    """Whether what could not be found is what was to be made, and not something that the work meanwhile read."""
    return missing.name.startswith(STAGING) or missing in (path, *path.parents)


def _settled(path: Path) -> Path:
    """The part of a path that stays: a staging folder is gone by the time a person reads its name."""
    staging = [i for i, part in enumerate(path.parts) if part.startswith(STAGING)]
    return Path(*path.parts[: staging[0]]) if staging else path


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
        fact = f"{what} needs about {needed:,} bytes, {free:,} are free"
        raise ResourceError("DISK-FULL", path, fact, "Free some space, or choose another --out or --cache-dir.")


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
    """A temporary folder that becomes `final` as a whole; an older `final` is replaced, on Linux in one step."""
    final = Path(final)
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temp = final.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}")
        temp.mkdir()
        try:
            yield temp
            _fsync_tree(temp)
            _take_name(temp, final)
            _fsync(final.parent)
        finally:
            _remove(temp)


def _take_name(temp: Path, final: Path) -> None:
    """Rename a folder to `final`, whatever stands there, also while another process does the same: the later one stays."""
    while True:
        if not os.path.lexists(final):
            try:
                os.rename(temp, final)
            except OSError as e:
                if e.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                continue  # another process made it just now
            return
        if _exchange(temp, final):
            return
        aside = final.with_name(f"{STAGING}{uuid.uuid4().hex[:12]}")
        try:
            os.rename(final, aside)
        except FileNotFoundError:
            continue  # another process moved it aside
        try:
            os.rename(temp, final)
        except OSError:
            os.rename(aside, final)
            raise
        _remove(aside)
        return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-made in `folder` itself. Call it only while holding the folder's lock."""
    for path in folder.glob(f"{STAGING}{'[0-9a-f]' * 12}*"):
        _remove(path)


def _try_lock(fd: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(fd, 1 << 20, os.SEEK_SET)  # a byte beyond the text, which the other side wants to read
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
            os.lseek(fd, 0, os.SEEK_SET)
            holder = os.read(fd, 200).decode(errors="replace").strip() or "another process"
            raise OutputBusy("RUN-BUSY", folder, f"is being written by {holder}", "Wait for it, or choose another --out.")
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode())
        sweep(folder)
        yield
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


@contextlib.contextmanager
def file_lock(path: Path, *, wait: float = 60.0) -> Iterator[None]:
    """Hold one file for reading, changing and writing it again; other holders wait for up to `wait` seconds, then raise OutputBusy.

    The lock is a hidden file beside it, so that the file itself may be replaced meanwhile; nothing else in the folder is touched.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path.with_name(f".{path.name}{LOCK}"), os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        until = time.monotonic() + wait
        while not _try_lock(fd):
            if time.monotonic() >= until:
                raise OutputBusy("FILE-BUSY", path, f"another process has held it for {wait:g} s", "Wait for it, or choose another file.")
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def shared_folder(folder: Path) -> Iterator[None]:
    """Use a folder that many processes write into; the first one there removes what killed ones left half-made.

    Every user holds a shared lock; who can have it alone for a moment knows that nothing half-made is alive. On Windows nothing is swept.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        if os.name != "nt":
            import fcntl

            if _try_lock(fd):
                for path in (*folder.glob(f"{WORK}*"), *folder.glob(f"*/{STAGING}*")):
                    shutil.rmtree(path, ignore_errors=True)
            fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)
