"""One thread budget for every library, set before any of them is imported."""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int) -> int:
    """Give every numerical library this many threads (0: all usable cores) and return the number.

    Libraries read these variables when they are imported, so this comes first.
    """
    count = threads or usable_cores()
    for name in _VARIABLES:
        os.environ[name] = str(count)
    # oneDNN and TensorFlow announce themselves on stderr; errors still come through.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    return count
