"""What is read off training curves: the gap with its interval, the state by a stated rule, the remedy; and dead units."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_viz.analysis.dead_units import COLUMNS, DeadCount, DeadUnits, parse_dead_units, read_dead_units
from fmnist_viz.analysis.learning import Learning, gap_interval, slope
from fmnist_viz.core.errors import Damaged
from fmnist_viz.display.training_curves import TrainingCurvesDisplay


def learning(loss: list[float], val_loss: list[float], *, train: float = 0.9, valid: float = 0.88, watched: str = "validation") -> Learning:
    n = len(loss)
    return Learning({"loss": loss, "accuracy": [train] * n, "val_loss": val_loss, "val_accuracy": [valid] * n}, 55_000, 5_000, watched)


FALLING = [1 / (i + 1) for i in range(10)]


def test_a_loss_that_goes_on_falling_is_improving_and_wants_more_epochs() -> None:
    found = learning(FALLING, [0.9 - 0.05 * i for i in range(10)])
    assert found.state == "improving" and found.best == 10
    assert "Train longer" in " ".join(found.sentences())


def test_a_loss_that_rises_while_training_falls_is_overfitting_and_names_the_epoch_to_stop_at() -> None:
    found = learning(FALLING, [0.6, 0.5, 0.42, 0.4, 0.41, 0.43, 0.46, 0.48, 0.52, 0.55], train=0.97)
    assert found.state == "overfitting" and found.best == 4
    said = " ".join(found.sentences())
    assert "Stop at epoch 4" in said and "ends 0.150 higher" in said


def test_a_rise_while_the_training_loss_rises_too_is_no_overfitting() -> None:
    found = learning([0.5, 0.4, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6], [0.6, 0.5, 0.42, 0.4, 0.45, 0.5, 0.55, 0.6])
    assert found.state == "levelled off"


def test_noise_about_a_level_has_levelled_off_and_the_remedy_follows_the_gap() -> None:
    noisy = [0.5, 0.4, 0.35, 0.36, 0.34, 0.36, 0.35, 0.34, 0.36, 0.35]
    assert learning(FALLING, noisy).state == "levelled off"
    assert "larger network" in learning(FALLING, noisy, train=0.88).sentences()[-1]
    assert "dropout" in learning(FALLING, noisy, train=0.97).sentences()[-1]


def test_few_epochs_nothing_watched_and_the_test_split_are_said() -> None:
    assert learning([1.0, 0.5], [1.0, 0.6]).state == "too short"
    unwatched = Learning.of({"loss": [1.0, 0.5], "accuracy": [0.5, 0.7]}, {"train_images": 60_000, "validation_images": 0})
    assert unwatched.state == "unwatched" and "Nothing was watched" in unwatched.sentences()[0] and unwatched.gap is None
    history = {"loss": FALLING, "accuracy": FALLING, "val_loss": FALLING, "val_accuracy": FALLING}
    watched = Learning.of(history, {"train_images": 60_000, "watched": "test", "watched_images": 10_000})
    assert "is the test split" in watched.sentences()[-1] and "Test loss" in watched.sentences()[0]
    assert "is the test split" in TrainingCurvesDisplay(history, watched).caption()


def test_the_gap_has_newcombes_interval() -> None:
    # R. G. Newcombe (1998), table II: 56/70 against 48/80, method 10
    gap, low, high = gap_interval(56 / 70, 70, 48 / 80, 80)
    assert (gap, low, high) == (pytest.approx(0.2), pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_interval_holds_the_gap(a: float, b: float, n: int, m: int) -> None:
    gap, low, high = gap_interval(a, n, b, m)
    assert low <= gap + 1e-12 and gap <= high + 1e-12 and low >= -1 - 1e-9 and high <= 1 + 1e-9


def test_the_slope_is_the_straight_lines_with_students_interval() -> None:
    exact = slope([5.0, 4.0, 3.0, 2.0, 1.0])
    assert (exact.value, exact.low, exact.high) == (pytest.approx(-1), pytest.approx(-1), pytest.approx(-1))
    values = [0.0, 1.0, 1.0, 2.0, 4.0]
    found, x = slope(values), np.arange(5)
    rest = np.array(values) - np.polyval(np.polyfit(x, values, 1), x)
    half = 3.182446305 * math.sqrt((rest**2).sum() / 3 / 10)  # t(.975, 3), sum of squares of x about its mean
    assert found.value == pytest.approx(0.9) and found.high - found.value == pytest.approx(half)


def test_the_table_holds_what_the_sentences_say() -> None:
    found = learning(FALLING, [0.9 - 0.05 * i for i in range(10)])
    frame = found.frame().set_index("what")
    assert frame.loc["state", "value"] == "improving"
    assert frame.loc["slope of the validation loss per epoch", "value"] == pytest.approx(-0.05)
    assert frame.loc["training minus validation accuracy", "n"] == 5000


def test_values_that_are_missing_do_not_stop_the_reading() -> None:
    found = Learning({"loss": [1.0, None], "accuracy": [0.5, None], "val_loss": [1.0, None], "val_accuracy": [0.5, None]}, 10, 10)
    assert found.best == 1 and found.gap is None and found.sentences()


counts = st.tuples(st.integers(0, 99), st.sampled_from(["dense", 'a,"b"', "层 1", "x y"]), st.integers(1, 999), st.integers(0, 999))


@given(st.lists(counts, unique_by=lambda c: (c[0], c[1])))
def test_dead_units_come_back_as_they_were_written(rows: list[tuple[int, str, int, int]]) -> None:
    import csv
    import io

    wanted = tuple(DeadCount(epoch, layer, units, min(dead, units)) for epoch, layer, units, dead in rows)
    file = io.StringIO()
    csv.writer(file).writerows([COLUMNS, *((c.epoch, c.layer, c.units, c.dead) for c in wanted)])
    assert parse_dead_units(file.getvalue()).counts == wanted


@settings(max_examples=200)
@given(st.text() | st.text(alphabet='epoch,layunitsd0123456789\n"-').map(lambda t: "epoch,layer,units,dead\n" + t))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    with contextlib.suppress(ValueError):  # and no other exception
        found = parse_dead_units(text)
        assert all(0 <= c.dead <= c.units for c in found.counts) and len({(c.epoch, c.layer) for c in found.counts}) == len(found.counts)


def test_a_file_of_ours_that_is_damaged_is_named_and_none_is_none(tmp_path) -> None:
    assert read_dead_units(tmp_path / "dead_units.csv") is None
    (tmp_path / "dead_units.csv").write_text("epoch,layer,units,dead\n0,a,4,5\n")
    with pytest.raises(Damaged, match=r"line 2.*5 of 4 units"):
        read_dead_units(tmp_path / "dead_units.csv")
    (tmp_path / "dead_units.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Damaged):
        read_dead_units(tmp_path / "dead_units.csv")


def test_the_diagnosis_is_of_the_last_epoch() -> None:
    dead = DeadUnits((DeadCount(0, "hidden_1", 4, 0), DeadCount(0, "hidden_2", 4, 1), DeadCount(1, "hidden_1", 4, 0), DeadCount(1, "hidden_2", 4, 4)))
    assert dead.diagnosis() == "All 4 units of layer hidden_2 are dead: the network gives every image the same answer"
    some = DeadUnits((DeadCount(0, "dense", 128, 2), DeadCount(1, "dense", 128, 10)))
    assert some.diagnosis() == "10 of the 128 units of layer dense never fire (8 %, 2 before training)"
    assert "Every unit fires" in DeadUnits((DeadCount(1, "dense", 128, 0),)).diagnosis()
