"""The one seam for work over shards: `Runner.map(fn, specs)`.

`fn` is a module-level function (picklable), idempotent, writes its own output and returns a small record. The local runner keeps one worker process
for the whole run: libraries that compile at start-up (numba under UMAP) pay once, and serial work uses the second core.
A cluster's engine fits behind the same protocol.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from fmnist_viz.core.errors import ResourceError

Spec = TypeVar("Spec")


class Runner(Protocol):
    @property
    def used(self) -> bool:
        """Whether another process has been given work."""

    def submit(self, fn: Callable[[Any], Any], spec: Any) -> Future[Any]: ...

    def map(self, fn: Callable[[Spec], Any], specs: Iterable[Spec]) -> list[Any]: ...


class InlineRunner:
    """Runs everything at once in this process: tests, notebooks, one core."""

    used = False

    def submit(self, fn: Callable[[Any], Any], spec: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(spec))
        except Exception as e:  # noqa: BLE001 - a Future carries whatever was raised to whoever asks for the result
            done.set_exception(e)
        return done

    def map(self, fn: Callable[[Spec], Any], specs: Iterable[Spec]) -> list[Any]:
        return [fn(spec) for spec in specs]


def _start(environ: Mapping[str, str]) -> None:
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever: it holds both ends of its own queue."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class LocalRunner:
    """`workers` fresh processes, started by `spawn` so that no TensorFlow state is forked into them; they end with this one, however it ends."""

    def __init__(self, workers: int = 1, environ: Mapping[str, str] | None = None) -> None:
        import multiprocessing

        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, (dict(environ or {}),))
        self.used = False

    def submit(self, fn: Callable[[Any], Any], spec: Any) -> Future[Any]:
        self.used = True
        return self._pool.submit(fn, spec)

    def map(self, fn: Callable[[Spec], Any], specs: Iterable[Spec]) -> list[Any]:
        self.used = True
        return list(self._pool.map(fn, specs))

    def close(self, *, now: bool = False) -> None:
        """End the workers; what has not begun is dropped. `now` does not wait for what has begun either."""
        if now:
            # concurrent.futures offers no public way to stop a running task before Python 3.14
            for process in list((getattr(self._pool, "_processes", None) or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        del self._pool  # its semaphores go with it, or the interpreter reports them as leaked at exit


@contextmanager
def runner(*, apart: bool, remedy: str) -> Iterator[Runner]:
    """A worker process (`apart`), or this one. Raises ResourceError with the remedy where the worker is ended from outside."""
    if not apart:
        yield InlineRunner()
        return
    local = LocalRunner()
    try:
        yield local
    except BrokenProcessPool:
        raise ResourceError("WORKER-LOST", "the map worker", "was ended from outside, most likely for lack of memory", remedy) from None
    except BaseException:
        local.close(now=True)
        raise
    local.close()
