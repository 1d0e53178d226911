"""The sweep of the learning rate: what counts as one, and where its lowest loss is."""

from __future__ import annotations

import pytest

from fmnist_viz.display.rate_sweep import RateSweepDisplay, is_sweep
from fmnist_viz.models.recipe import sweep_rate

RATES = [sweep_rate(epoch) for epoch in range(40)]


def test_the_rate_rises_tenfold_in_twenty_epochs() -> None:
    assert RATES[0] == pytest.approx(0.001)
    assert RATES[20] == pytest.approx(0.01)


def test_only_a_rising_rate_is_a_sweep() -> None:
    assert is_sweep({"loss": [1.0] * 40, "learning_rate": RATES})
    assert not is_sweep({"loss": [1.0] * 40, "learning_rate": [0.001] * 40})
    assert not is_sweep({"loss": [1.0] * 3, "learning_rate": RATES[:3]})
    assert not is_sweep({"loss": [1.0] * 40})


def test_lowest_loss_and_lost_epochs() -> None:
    losses: list[float | None] = [2 - 0.1 * i for i in range(10)] + [1.2 + 0.05 * i for i in range(29)] + [None]
    display = RateSweepDisplay({"loss": losses, "learning_rate": RATES})
    assert display.lowest() == (10, pytest.approx(RATES[9]), pytest.approx(1.1))
    assert len(display.frame()) == 39
    assert "epoch 10, 1.100" in display.caption()
    (ax,) = [ax for ax in display.plot().axes if ax.get_gid() == "rates"]
    assert ax.get_xscale() == "log"
    assert {line.get_gid() for line in ax.lines} == {"loss", "lowest"}
