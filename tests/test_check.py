"""The gate: a confusion that rose is found, noise is not, equal runs pass, and runs of other images are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from command import call
from conftest import MadeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_compare_command import rows_of, twin

import fmnist_viz
from fmnist_viz.analysis.comparison import Answers, Comparison
from fmnist_viz.analysis.risen import Risen, one_sided
from fmnist_viz.core.errors import ROSE, BadInput, UsageError

C = 4
NAMES = tuple("abcd")


def answers(name: str, truth: NDArray[np.int64], said: NDArray[np.int64]) -> Answers:
    ids = np.array([f"test/{i}" for i in range(len(truth))])
    return Answers(name, ids, truth, said, np.full(len(truth), 0.5), NAMES)


def noisy(rng: np.random.Generator, truth: NDArray[np.int64], error: float) -> NDArray[np.int64]:
    other = (truth + rng.integers(1, C, len(truth))) % C
    return np.where(rng.random(len(truth)) < error, other, truth)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_the_one_sided_p_is_the_binomial_tail(less: int, more: int) -> None:
    n = less + more
    tail = sum(math.comb(n, k) for k in range(more, n + 1)) / 2**n
    assert one_sided(less, more) == pytest.approx(tail, abs=1e-12)


def test_a_planted_rise_is_found_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, C, 2000)
    before = noisy(rng, truth, 0.1)
    after = noisy(rng, truth, 0.1)
    planted = np.flatnonzero((truth == 1) & (after == 1))[:40]
    after[planted] = 2
    found = Risen(Comparison(answers("a", truth, before), answers("b", truth, after)))
    assert found.rose[["true", "predicted"]].to_numpy().tolist() == [["b", "c"]]
    assert not found.passed
    cell = found.frame().iloc[0]
    assert cell["run_count"] == int(((truth == 1) & (after == 2)).sum())
    assert cell["baseline_count"] == int(((truth == 1) & (before == 2)).sum())
    assert cell["entered"] - cell["left"] == cell["run_count"] - cell["baseline_count"]
    back = Risen(Comparison(answers("b", truth, after), answers("a", truth, before)))
    assert back.passed
    assert back.table.query("verdict == 'fell'")[["true", "predicted"]].to_numpy().tolist() == [["b", "c"]]


def test_noise_closes_the_gate_no_more_often_than_its_level() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, C, 600)
    alarms = 0
    for _ in range(300):
        pair = Comparison(answers("a", truth, noisy(rng, truth, 0.2)), answers("b", truth, noisy(rng, truth, 0.2)))
        alarms += not Risen(pair).passed
    assert alarms <= 300 * 0.05 + 3 * math.sqrt(300 * 0.05 * 0.95)


def test_an_accuracy_that_falls_everywhere_a_little_is_seen_though_no_pair_rises_alone() -> None:
    truth = np.repeat(np.arange(C), 50)
    said = truth.copy()
    for t in range(C):
        for k in range(1, C):
            said[t * 50 + 2 * k : t * 50 + 2 * k + 2] = (t + k) % C
    found = Risen(Comparison(answers("a", truth, truth), answers("b", truth, said)))
    assert not len(found.rose)
    assert found.accuracy["fell"]
    assert not found.passed


def test_pairs_that_were_asked_for_are_the_only_ones_tested() -> None:
    truth = np.zeros(60, np.int64)
    said = np.where(np.arange(60) < 20, 1, 0)
    pair = Comparison(answers("a", truth, truth), answers("b", truth, said))
    only = Risen(pair, pairs=[(0, 2)])
    assert len(only.frame()) == 1
    assert only.tests == 1, "nothing changed in the pair: the accuracy alone is tested"
    assert np.isnan(only.frame()["p"].iloc[0])
    assert Risen(pair, pairs=[(0, 1)]).rose["true"].tolist() == ["a"]


@pytest.mark.run
def test_the_command_passes_equal_runs_and_stops_a_risen_one(run_folder: MadeRun, tmp_path: Path) -> None:
    done = call(tmp_path, "check", str(run_folder.path), "--baseline", str(run_folder.path))
    assert done.code == 0, done.err
    assert "passed: no confusion rose" in done.out

    right = [row["sample_id"] for row in rows_of(run_folder.path / "predictions.csv") if row["true"] == row["predicted"] == "Coat"][:30]
    worse = twin(run_folder, tmp_path / "worse", wrong=dict.fromkeys(right, "Pullover"))
    done = call(tmp_path, "check", str(worse), "--baseline", str(run_folder.path), "--json", "found.json")
    assert done.code == ROSE == 9, done.err
    assert "Coat → Pullover" in done.out
    assert "ROSE" in done.out
    said = json.loads((tmp_path / "found.json").read_text())
    assert not said["passed"]
    assert [(row["true"], row["predicted"], row["entered"]) for row in said["pairs"] if row["verdict"] == "rose"] == [("Coat", "Pullover", 30)]
    assert said["accuracy"]["broken"] == 30
    assert call(tmp_path, "check", str(worse), "--baseline", str(run_folder.path), "--pairs", "Sandal,Bag").code == ROSE, "the accuracy fell all the same"
    assert call(tmp_path, "check", str(run_folder.path), "--baseline", str(worse)).code == 0

    api = fmnist_viz.check(worse, run_folder.path)
    assert api.record()["pairs"] == said["pairs"]


@pytest.mark.run
def test_other_images_are_refused_unless_the_shared_ones_are_asked_for(run_folder: MadeRun, tmp_path: Path) -> None:
    part = twin(run_folder, tmp_path / "part", keep=300)
    refused = call(tmp_path, "check", str(part), "--baseline", str(run_folder.path))
    assert refused.code == BadInput.exit_code
    assert "--shared" in refused.error
    done = call(tmp_path, "check", str(part), "--baseline", str(run_folder.path), "--shared")
    assert done.code == 0, done.err
    assert "the 300 that both have" in done.out
    for flags in (("--level", "0"), ("--pairs", "Coat"), ("--pairs", "Coat,Cat"), ("--pairs", "Coat,Coat")):
        bad = call(tmp_path, "check", str(run_folder.path), "--baseline", str(run_folder.path), *flags)
        assert bad.code == UsageError.exit_code
        assert bad.error
