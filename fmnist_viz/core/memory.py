"""How much memory a run took, and giving back what is free."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


def release() -> None:
    """Collect garbage and hand freed pages back to the system (glibc keeps them in its arenas otherwise)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def peak_memory_mb() -> int | None:
    """Largest resident size of this process so far, in MiB; None where the platform does not say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1024 if os.uname().sysname != "Darwin" else 1024 * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


class MemoryWatch:
    """What this process and its children hold together, looked at five times a second, by stage; a figure of Linux, elsewhere empty.

    Pages that two processes share are counted twice, and what is held for less than a moment is not seen. `peaks` is bytes by stage, "" between stages.
    """

    def __init__(self, interval: float = 0.2) -> None:
        self.peaks: dict[str, int] = {}
        self._stages, self._interval, self._ended = [""], interval, threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> MemoryWatch:
        if sys.platform == "linux":
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count for this stage until the end; stages may lie in each other, the innermost counts."""
        self._stages.append(name)
        try:
            yield
        finally:
            self._look()
            self._stages.pop()

    def facts(self) -> dict[str, int]:
        """MiB by stage, what lies between stages left out."""
        return {name: peak >> 20 for name, peak in self.peaks.items() if name}

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            self._look()

    def _look(self) -> None:
        if self._thread is None:
            return
        stage = self._stages[-1]
        self.peaks[stage] = max(self.peaks.get(stage, 0), held_bytes())


def held_bytes() -> int:
    """Resident bytes of this process and its children now; 0 where Linux's /proc does not say."""
    total, page = 0, os.sysconf("SC_PAGE_SIZE")
    children: set[str] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            children |= set(path.read_text().split())
    for pid in ("self", *children):
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
    return total
