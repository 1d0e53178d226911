"""Calibration by hand on toys, at its nominal rates where the truth is known, and its temperature against an independent minimiser."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from sklearn import metrics

from fmnist_viz.analysis.calibration import Calibration, calibration, leading_pairs
from fmnist_viz.analysis.reliability import equal_mass_bins, reliability
from fmnist_viz.analysis.temperature import cross_fitted, fit_temperature, log_probabilities, tempered
from fmnist_viz.core.types import Predictions
from fmnist_viz.display.calibration import CalibrationDisplay

NAMES = ("bag", "coat", "dress", "shirt")


def model(n: int, *, sharper: float, seed: int = 0, classes: int = 4) -> Predictions:
    """Outcomes drawn from probabilities whose logits were then multiplied by `sharper`: that is the temperature to be found."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, classes))
    truth = special.softmax(logits, axis=1)
    y = (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1).astype(np.int64)
    proba = special.softmax(sharper * logits, axis=1).astype(np.float32)
    return Predictions(np.array([f"test/{i}" for i in range(n)]), y, proba, tuple(f"{name}{i}" for i, name in enumerate(np.resize(NAMES, classes))), "m")


@pytest.fixture(scope="module")
def sure() -> Calibration:
    return Calibration(model(2000, sharper=2.0))


def test_the_error_by_hand_on_a_toy() -> None:
    """Four bins of 20: said 0.6, 0.7, 0.8, 1.0; right 10, 14, 20, 18."""
    said = np.repeat([0.6, 0.7, 0.8, 1.0], 20)
    true = np.concatenate([np.arange(20) < k for k in (10, 14, 20, 18)])
    found = reliability(said, true, bins=4, draws=50)
    assert found.ece == pytest.approx((0.1 + 0.0 + 0.2 + 0.1) / 4, abs=1e-12)
    assert found.n.tolist() == [20] * 4 and found.right.tolist() == [10, 14, 20, 18] and found.said.tolist() == pytest.approx([0.6, 0.7, 0.8, 1.0])
    assert found.low[0] < 0.5 < found.high[0] and found.low_end <= found.corrected <= found.high_end
    np.testing.assert_allclose(reliability(said[::-1], true[::-1], bins=4, draws=50).ece, found.ece, atol=1e-12)


@given(st.lists(st.floats(0, 1, allow_nan=False, width=32), min_size=1, max_size=200), st.integers(1, 15))
@settings(max_examples=60, deadline=None)
def test_bins_hold_equal_probabilities_together_and_rise(values: list[float], bins: int) -> None:
    said = np.array(values, np.float64)
    place = equal_mass_bins(said, bins)
    assert place.min() >= 0 and place.max() < max(1, min(bins, len(said) // 20)) and set(place) == set(range(place.max() + 1))
    order = np.argsort(said, kind="stable")
    assert (np.diff(place[order]) >= 0).all()
    assert all(len(set(place[said == value])) == 1 for value in set(values))
    found = reliability(said, said > 0.5, bins=bins, draws=5)
    assert 0 <= found.ece <= 1 and found.total == len(said) and 0 <= found.low_end <= found.high_end


def test_a_calibrated_model_is_called_so_and_its_interval_holds_zero() -> None:
    rng, below, held, real = np.random.default_rng(1), 0, 0, 0
    said = np.repeat(np.linspace(0.5, 0.95, 10), 60)
    for seed in range(80):
        fine = reliability(said, rng.random(600) < said, seed=seed, draws=200, bins=10)
        below += fine.p < 0.05
        held += fine.low_end == 0
        real += (off := reliability(said, rng.random(600) < said - 0.1, seed=seed, draws=200, bins=10)).low_end <= 0.1 <= off.high_end
    assert below / 80 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 80) and held == 80 - below
    assert real / 80 >= 0.85  # a bootstrap of 600 images is a little too sure


def test_the_temperature_is_that_of_an_independent_minimiser(sure: Calibration) -> None:
    logits, y = log_probabilities(sure.predictions.proba), sure.predictions.y_true
    loss = lambda t: metrics.log_loss(y, special.softmax(logits / t, axis=1), labels=range(4))  # noqa: E731
    found, low, high = fit_temperature(logits, y)
    want = optimize.minimize_scalar(loss, bounds=(0.2, 10), method="bounded", options={"xatol": 1e-10}).x
    assert found == pytest.approx(want, abs=1e-6)
    slope = lambda b: (special.softmax(b * logits, axis=1) * logits).sum() - logits[np.arange(len(y)), y].sum()  # noqa: E731
    assert found == pytest.approx(1 / optimize.newton(slope, 0.5, tol=1e-14), rel=1e-9)
    assert low < 2.0 < high and high - low < 0.5
    np.testing.assert_allclose(tempered(logits, found), special.softmax(logits / found, axis=1), rtol=1e-12)


def test_each_image_is_judged_at_the_temperature_of_the_other_folds(sure: Calibration) -> None:
    logits, y = log_probabilities(sure.predictions.proba), sure.predictions.y_true
    found = cross_fitted(logits, y, seed=3)
    assert found is not None and len(found.folds) == 5
    changed = y.copy()
    changed[7] = (changed[7] + 1) % 4
    other = cross_fitted(logits, changed, seed=3)
    assert other is not None
    np.testing.assert_array_equal(other.proba[7], found.proba[7])  # its own label has no say
    assert (other.proba != found.proba).any()
    np.testing.assert_array_equal(found.proba.argmax(axis=1), logits.argmax(axis=1))


def test_without_errors_or_without_right_answers_there_is_no_temperature() -> None:
    p = model(100, sharper=1.0)
    right = Predictions(p.sample_ids, p.y_pred, p.y_proba, p.class_names, "m")
    assert Calibration(right).temperature is None and "No temperature" in Calibration(right).sentences()[-1]
    assert fit_temperature(log_probabilities(np.eye(3)), np.arange(3))[0] <= 0.1
    certain = Predictions(p.sample_ids, p.y_true, np.eye(4, dtype=np.float32)[p.y_pred], p.class_names, "m")
    frame = Calibration(certain).scores()
    assert np.isfinite(frame[["log_loss", "brier", "ece"]].to_numpy()).all()
    assert calibration(Predictions(p.sample_ids, p.y_true, None, p.class_names, "m", y_label=p.y_pred)) is None and calibration(None) is None


def test_scores_are_scikit_learns(sure: Calibration) -> None:
    before, after = (row for _, row in sure.scores().iterrows())
    y, proba = sure.predictions.y_true, sure.probabilities
    for row, p in ((before, proba["before"]), (after, proba["after"])):
        p = p / p.sum(axis=1, keepdims=True)
        assert row["log_loss"] == pytest.approx(metrics.log_loss(y, p, labels=range(4)), rel=1e-6)
        brier = sum(metrics.brier_score_loss(y == k, p[:, k]) for k in range(4))
        assert row["brier"] == pytest.approx(brier, rel=1e-6) and row["brier_low"] < row["brier"] < row["brier_high"]
    assert after["log_loss"] < before["log_loss"] and after["ece"] < before["ece"] and after["temperature"] == pytest.approx(2.0, abs=0.25)
    assert before["overconfidence"] == pytest.approx(before["confidence"] - before["accuracy"]) and before["overconfidence_low"] > 0


def test_sentences_say_what_the_numbers_say(sure: Calibration) -> None:
    said, row = sure.sentences(), sure.scores().iloc[0]
    assert said[0].startswith(f"On average the model says {100 * row.confidence:.1f} % and is right {100 * row.accuracy:.1f} % of the time")
    assert "it is too sure, by" in said[0] and said[1].startswith("Where it says about")
    assert "more than chance (p < 0.002)" in " ".join(said) and f"a temperature of {sure.temperature.value:.2f}" in said[-1]  # type: ignore[union-attr]
    assert "not sure enough" in Calibration(model(2000, sharper=0.5)).sentences()[0]
    assert "no difference that chance would not make" in Calibration(model(2000, sharper=1.0)).sentences()[0]


def test_by_class_and_pair_and_the_confidently_wrong(sure: Calibration) -> None:
    p, frames = sure.predictions, sure.frames()
    row = frames["calibration_classes"].iloc[2]
    mine = p.y_pred == 2
    assert row["n_predicted"] == mine.sum() and row["precision"] == pytest.approx((p.y_true[mine] == 2).mean())
    assert row["confidence"] == pytest.approx(p.proba[mine, 2].mean(), rel=1e-5) and 0 < row["one_vs_rest_ece"] < row["ece"]
    a, b = leading_pairs(p.y_true, p.y_pred, 4)[0]
    pair, both = frames["calibration_pairs"].iloc[0], np.isin(p.y_true, (a, b))
    assert (pair["a"], pair["b"], pair["n"]) == (p.class_names[a], p.class_names[b], both.sum())
    first = p.proba[both, a] >= p.proba[both, b]
    assert pair["right"] == pytest.approx((first == (p.y_true[both] == a)).mean())
    wrong = frames["confidently_wrong"]
    assert len(wrong) == 20 and (wrong["true"] != wrong["predicted"]).all() and (np.diff(wrong["confidence"]) <= 0).all()
    assert wrong["confidence"].iloc[0] == p.confidence[~p.correct].max() and wrong["sample_id"].iloc[0] == p.sample_ids[wrong["row"].iloc[0]]
    bins = frames["calibration"]
    assert bins.groupby("scaling")["n"].sum().tolist() == [2000, 2000] and (bins["rate_low"] <= bins["rate"]).all()


@pytest.mark.parametrize("classes", [2, 40])
def test_the_figure_shows_every_bin_and_keeps_its_texts_apart(classes: int) -> None:
    display = CalibrationDisplay(Calibration(model(1500, sharper=2.0, classes=classes)))
    figure = display.plot()
    figure.canvas.draw()
    renderer: Any = figure.canvas.get_renderer()
    diagram, by_class = (next(ax for ax in figure.axes if ax.get_gid() == gid) for gid in ("reliability", "classes"))
    points = [line.get_xdata() for line in diagram.lines if len(line.get_xdata()) == len(display.calibration.reliability["before"].n)]
    np.testing.assert_allclose(points[0], display.calibration.reliability["before"].said)
    names = [text.get_window_extent(renderer) for text in by_class.get_yticklabels()]
    assert len(names) == min(classes, 30) and not any(a.overlaps(b) for a, b in itertools.pairwise(names))
    assert not any(box.overlaps(diagram.get_window_extent(renderer)) for box in names)
    assert display.calibration.sentences()[0] in display.caption()
    assert len(display.frame()) == 2 * len(points[0])
