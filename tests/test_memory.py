"""What a run held is measured: by stage, in this process and in its worker."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from fmnist_viz.core.memory import MemoryWatch, held_bytes
from fmnist_viz.core.runner import LocalRunner

MB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def hold(megabytes: int) -> int:
    """For the worker: hold so much for a moment."""
    block = np.ones(megabytes * MB, np.uint8)
    time.sleep(0.6)
    return int(block[-1])


@linux
def test_a_stage_that_holds_much_is_told_from_one_that_holds_little() -> None:
    with MemoryWatch(0.01) as watch:
        with watch.stage("little"):
            time.sleep(0.05)
        with watch.stage("much"):
            block = np.ones(300 * MB, np.uint8)
            time.sleep(0.05)
            with watch.stage("inner"):
                pass
        del block
    facts = watch.facts()
    assert set(facts) == {"little", "much", "inner"}
    assert 290 <= facts["much"] - facts["little"] <= 400
    assert facts["inner"] >= facts["little"] + 290


@linux
def test_the_worker_counts() -> None:
    runner = LocalRunner()
    try:
        runner.submit(hold, 1).result()
        with MemoryWatch(0.02) as watch:
            with watch.stage("alone"):
                time.sleep(0.1)
            with watch.stage("worker"):
                assert runner.submit(hold, 200).result() == 1
    finally:
        runner.close()
    assert runner.used and watch.facts()["worker"] >= watch.facts()["alone"] + 190


def test_looking_costs_little_and_never_fails() -> None:
    assert held_bytes() >= 0
