"""Work handed to another process comes back, errors included, and no worker outlives its parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist_viz.core import errors
from fmnist_viz.core.errors import BadInput, VizError, unknown_choice
from fmnist_viz.core.runner import InlineRunner, LocalRunner, Runner

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VizError)]


def square(spec: int) -> tuple[int, int, str]:
    return spec * spec, os.getpid(), os.environ.get("FMNIST_VIZ_TEST", "")


def fail(spec: str) -> None:
    raise BadInput("IDX-TRUNCATED", spec, "has 3 bytes, 4 were promised.", "Download it again.")


@pytest.fixture(scope="module")
def local() -> Iterator[LocalRunner]:
    runner = LocalRunner(environ={"FMNIST_VIZ_TEST": "here"})
    yield runner
    runner.close()


def test_records_come_back_in_order_from_one_lasting_process(local: LocalRunner) -> None:
    records = local.map(square, range(5))
    assert [r[0] for r in records] == [0, 1, 4, 9, 16]
    assert {r[2] for r in records} == {"here"}
    worker = {r[1] for r in records} | {local.submit(square, 2).result()[1]}
    assert len(worker) == 1
    assert os.getpid() not in worker


def test_inline_does_the_same_in_this_process() -> None:
    runner = InlineRunner()
    assert [r[:2] for r in runner.map(square, range(3))] == [(0, os.getpid()), (1, os.getpid()), (4, os.getpid())]
    assert runner.submit(square, 3).result()[0] == 9
    assert isinstance(runner.submit(fail, "x").exception(), BadInput)


@pytest.mark.parametrize("inline", [True, False])
def test_errors_cross_the_process_boundary_whole(local: LocalRunner, inline: bool) -> None:
    runner: Runner = InlineRunner() if inline else local
    with pytest.raises(BadInput) as caught:
        runner.submit(fail, "train.gz").result()
    error = caught.value
    assert (error.code, error.exit_code, error.subject) == ("FV-IDX-TRUNCATED", 3, "train.gz")
    assert str(error) == "train.gz: has 3 bytes, 4 were promised. Download it again."


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling(kind: type[VizError]) -> None:
    error = kind("FV-ODD", Path("a/b"), "fact\nof two lines", "remedy")
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error))))
    assert type(again) is kind
    assert str(again) == str(error) == "a/b: fact of two lines. remedy"
    assert again.__dict__ == error.__dict__


def test_exit_codes_are_distinct() -> None:
    assert sorted(kind.exit_code for kind in KINDS) == list(range(1, 9))


def test_an_unknown_choice_lists_the_known_ones() -> None:
    error = unknown_choice("pixel range", "x", ["a", "b"])
    assert (error.code, error.exit_code) == ("FV-UNKNOWN-PIXEL-RANGE", 2)
    assert str(error) == "pixel range 'x': there is no such pixel range. Choose from: a, b."


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_parent_takes_its_worker_along(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
            import os, time
            from fmnist_viz.core.runner import LocalRunner

            def who(spec):
                return os.getpid()

            if __name__ == "__main__":
                runner = LocalRunner()
                print(runner.submit(who, 0).result(), flush=True)
                time.sleep(60)
        """)
    )
    parent = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 5
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)


def alive(pid: int) -> bool:
    """Whether a process runs: one that ended but that nobody waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
