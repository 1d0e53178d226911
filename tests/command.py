"""The command as a person types it: in a process of its own, or (to import TensorFlow once) in this one."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

PROGRAM = str(Path(sys.executable).with_name("fmnist-viz"))
ERROR = re.compile(r"fmnist-viz: error\[FV-[A-Z0-9-]+\] \S.*")
PROGRESS = re.compile(r"data|using|training|epoch|features|maps|weights|layers|writing|warning: |cache: |drawing|  ?\S")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what went wrong; it must be the last, the only one of its kind, and no traceback may stand above it."""
        lines = self.err.splitlines()
        said = [line for line in lines if line.startswith("fmnist-viz: ")]
        assert "Traceback" not in self.err, self.err
        assert len(said) == 1, self.err
        assert lines[-1] == said[0], self.err
        assert ERROR.fullmatch(said[0]), said[0]
        others = [line for line in lines[:-1] if not PROGRESS.match(line)]
        assert not others, others
        return said[0]


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's variables with every place that a user's files may be in below `home`."""
    ours = ("FMNIST_VIZ_", "KERAS_HOME", "XDG_", "PYTEST_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "XDG_CONFIG_HOME": str(home / ".config"), "COLUMNS": "200", **more}


def start(cwd: Path, *argv: str, **more: str) -> subprocess.Popen[str]:
    """Begin the command in `cwd`, with a home folder beside it."""
    return subprocess.Popen(
        [PROGRAM, *argv], cwd=cwd, env=environment(cwd / "home", **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )


def _heed_interrupts() -> None:
    """A shell without job control starts what runs in its background with interrupts ignored, and that would be handed down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(cwd: Path, *argv: str, timeout: float = 240, **more: str) -> Done:
    """The command in a process of its own."""
    process = start(cwd, *argv, **more)
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def call(cwd: Path, *argv: str) -> Done:
    """The same in this process: what TensorFlow and numba have compiled stays. An unforeseen exception comes through."""
    from fmnist_viz.cli import app
    from fmnist_viz.cli.failure import run_guarded

    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment(cwd / "home"), clear=True))
        stack.enter_context(mock.patch.object(sys, "argv", [PROGRAM, *argv]))
        stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        code = run_guarded(app)
    return Done(code, out.getvalue(), err.getvalue())
