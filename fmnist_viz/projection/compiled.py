"""Machine code of umap-learn's parts, kept in the cache: the library compiles them anew in every process, for several seconds of one core."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fmnist_viz.core.cache import Cache

# what `umap` calls with a given graph and a given start; a name that another version lacks is left to the library
PARTS = {
    "umap.layouts": ("tau_rand_int", "clip", "_nb_optimize_layout_euclidean_single_epoch"),
    "umap.umap_": ("smooth_knn_dist", "compute_membership_strengths", "fast_intersection"),
}


def keep_compiled(cache: Cache, compile_parts: Callable[[], None]) -> str:
    """Run `compile_parts` (which calls every part once) with machine code out of the cache, which is put there where it is missing.

    The entry is made in a folder of its own and published as a whole; afterwards nothing is written any more, so that processes at one time
    cannot mix up each other's files. Every file is hashed before it is read. Its key holds the versions, the processor and the sources that the
    code was made from.
    An entry that somebody else could have written is not read, since it is code.

    Returns
    -------
    "read" or "made", or the reason why the parts were compiled without the cache. Results are the same bytes in all cases.
    """
    try:
        parts = _parts()
        key = _key()
    except (ImportError, AttributeError, OSError, PackageNotFoundError) as e:  # an inner part of numba that another version keeps elsewhere
        compile_parts()
        return f"not kept: {e}"
    made = []

    def make(folder: Path) -> dict[str, Any]:
        made.append(folder)
        with _directed(parts, folder, writing=True):
            compile_parts()
        return {}

    try:
        if not _private(cache.root / "compiled"):
            compile_parts()
            return "not kept: others may write into the cache folder"
        entry = cache.fetch("compiled", key, make)
    except OSError as e:
        if not made:
            compile_parts()
        return f"not kept: {e.strerror}"
    if made:
        return "made"
    if not _private(entry.path):
        compile_parts()
        return "not kept: others may write into the entry"
    with _directed(parts, entry.path, writing=False):
        compile_parts()
    return "read"


def _parts() -> list[Any]:
    """The compiled functions, of one process only one object each."""
    from numba.core.dispatcher import Dispatcher

    found = [getattr(sys.modules[module], name, None) for module, names in PARTS.items() for name in names]
    return [part for part in found if isinstance(part, Dispatcher) and not part.signatures]  # what is compiled already needs no help


def _key() -> dict[str, Any]:
    import llvmlite.binding as llvm

    folder = Path(sys.modules["umap.umap_"].__file__ or "").parent
    stamps = [(path.name, stat.st_size, stat.st_mtime_ns) for path in sorted(folder.glob("*.py")) for stat in [path.stat()]]
    features = llvm.get_host_cpu_features().flatten()
    return {
        "versions": {name: version(name) for name in ("umap-learn", "numba", "llvmlite", "numpy")},
        "python": platform.python_version(),
        "processor": [platform.machine(), llvm.get_host_cpu_name(), hashlib.sha256(features.encode()).hexdigest()[:16]],
        "sources": hashlib.sha256(repr((str(folder), stamps)).encode()).hexdigest(),
    }


def _private(folder: Path) -> bool:
    """Whether nobody but this user (and root) can have put something there; a folder that does not exist yet will be this user's."""
    if not hasattr(os, "geteuid") or not folder.exists():
        return True  # Windows: the user's own profile by default
    import grp
    import pwd

    try:
        own_group = grp.getgrnam(pwd.getpwuid(os.geteuid()).pw_name).gr_gid  # a group of one, which many systems let write by default
    except KeyError:
        own_group = -1
    stats = [path.stat() for path in (folder, *folder.rglob("*"))]
    return all(s.st_uid in (os.geteuid(), 0) and not s.st_mode & 0o002 and (not s.st_mode & 0o020 or s.st_gid == own_group) for s in stats)


@contextmanager
def _directed(parts: list[Any], folder: Path, *, writing: bool) -> Iterator[None]:
    """numba's own cache of functions, pointed at a folder for the moment."""
    config: Any = importlib.import_module("numba.core.config")
    from numba.core.caching import FunctionCache, NullCache

    class Kept(FunctionCache):  # type: ignore[misc]
        def save_overload(self, sig: Any, data: Any) -> None:
            if writing:
                super().save_overload(sig, data)

    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        for part in parts:
            part._cache = Kept(part.py_func)
        yield
    finally:
        config.CACHE_DIR = before
        for part in parts:
            part._cache = NullCache()
