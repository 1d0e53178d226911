"""Accuracy against processor time: what is drawn, what is left out, and that it is said."""

from __future__ import annotations

import dataclasses

import pytest

from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.ledger import LedgerRow
from fmnist_viz.display.accuracy_cost import AccuracyCostDisplay

ROW = LedgerRow(
    date="2026-01-31", version="0.1.0", commit="", preset="compact", recipe="article", stage="augmented", seed=0, epochs=16, epochs_full=16,
    epochs_scale=1.0, finished=True, options="", precision="float32", device="CPU", threads=1, cpu="a processor", seconds_per_epoch=30.0,
    cpu_minutes=8.0, train_images=60_000, n_test=10_000, official=True, train_loss=None, train_accuracy=None, val_loss=None, val_accuracy=None,
    test_loss=None, test_accuracy=0.94, dead_share=0.0, confusion="",
)  # fmt: skip


def row(**changes: object) -> LedgerRow:
    return dataclasses.replace(ROW, **changes)  # type: ignore[arg-type]


def test_frame_is_in_order_of_time_with_intervals() -> None:
    frame = AccuracyCostDisplay([row(), row(epochs=8, cpu_minutes=4.0, test_accuracy=0.93)]).frame()
    assert frame["cpu_minutes"].tolist() == [4.0, 8.0]
    assert frame["low"].tolist() == pytest.approx([float(wilson(9300, 10_000)[0]), float(wilson(9400, 10_000)[0])])


@pytest.mark.parametrize("change", [{"test_accuracy": None}, {"cpu_minutes": None}, {"official": False}, {"dead_share": 1.0}])
def test_rows_that_say_nothing_are_left_out(change: dict[str, object]) -> None:
    assert len(AccuracyCostDisplay([row(), row(seed=1, **change)]).frame()) == 1


def test_what_is_not_drawn_is_said() -> None:
    display = AccuracyCostDisplay([row(), row(preset="dense4", stage="plain", test_accuracy=0.5)])
    assert "1 training below 70 % not drawn" in display.caption()
    figure = display.plot()
    assert len([line for ax in figure.axes for line in ax.containers]) == 1


def test_the_curve_joins_medians_of_our_own() -> None:
    rows = [row(seed=s, epochs=e, cpu_minutes=e / 2, test_accuracy=0.92 + e / 1000 + s / 1e4) for e in (4, 8, 16) for s in (0, 1, 2)]
    figure = AccuracyCostDisplay(rows).plot()
    (curve,) = [line for ax in figure.axes for line in ax.lines if line.get_gid() == "curve"]
    assert curve.get_xdata().tolist() == [2.0, 4.0, 8.0]
    assert curve.get_ydata().tolist() == pytest.approx([0.9241, 0.9281, 0.9361])


def test_nothing_measured_is_a_sentence() -> None:
    assert AccuracyCostDisplay([]).caption() == "No training has been measured yet."
