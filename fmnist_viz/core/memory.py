"""How much memory a run took, and giving back what is free."""

from __future__ import annotations

import ctypes
import gc
import os
import sys


def release() -> None:
    """Collect garbage and hand freed pages back to the system (glibc keeps them in its arenas otherwise)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def peak_memory_mb() -> int | None:
    """Largest resident size of this process and of its largest finished worker, added, in MiB; None where the platform does not say.

    The two peaks need not have come at the same time: this is an upper bound.
    """
    try:
        import resource
    except ImportError:
        return None
    unit = 1024 if os.uname().sysname != "Darwin" else 1024 * 1024
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // unit
