"""TensorFlow's start-up: late, once, and without the noise that its C++ side prints before any log level applies."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator

# absl's lines "I0000 ...", "W0000 ..." and the CUDA probe's "E0000 ..." on machines that simply have no GPU
_NOISE = re.compile(rb"^(WARNING: All log messages before absl|[IW]\d{4} |To enable the following instructions|E\d{4} .*(cuda|cuInit))")


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what is written to stderr, and pass on everything that is not a known start-up line."""
    try:
        fd = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        yield
        return
    saved = os.dup(fd)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), fd)
        try:
            yield
        finally:
            os.dup2(saved, fd)
            os.close(saved)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if not _NOISE.match(line):
                    sys.stderr.buffer.write(line)
            sys.stderr.flush()


def load_tensorflow() -> None:
    """Import TensorFlow and Keras (5 to 16 seconds the first time in a process)."""
    if "tensorflow" in sys.modules:
        return
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with quiet_start():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()
    warnings.filterwarnings("ignore", message=".*shuffle=True.*was passed, but will be ignored.*")
