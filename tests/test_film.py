"""The epoch film against planted truths: what was put into an epoch is what is read off it, and what did not move is said not to have moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import MadeRun

import fmnist_viz
from fmnist_viz.analysis.epochs import EpochNumbers
from fmnist_viz.analysis.forgetting import STATES, Forgetting
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import LabeledImages, Source
from fmnist_viz.display.epochs import EpochsDisplay
from fmnist_viz.display.film import FilmDisplay, spread
from fmnist_viz.export.report import ReportContent
from fmnist_viz.export.report.page import render
from fmnist_viz.pipeline.film import NOT_TRAINED, film
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.film import circle_order, class_axes, linear_strip, moved, shown_epochs, still_steps, vector_drifts

CLASSES, N = 4, 160
LINEAR_ONLY = MapConfig(methods="pca")


def numbers(predictions: Any, labels: Any, classes: int = CLASSES, first: int = 0) -> EpochNumbers:
    labels = np.asarray(labels, np.int64)
    ids = np.array([f"test/{i}" for i in range(len(labels))])
    return EpochNumbers(tuple(range(first, first + len(predictions))), np.asarray(predictions, np.int64), labels, ids, tuple("abcdefgh"[:classes]))


def looks(seed: int = 0, epochs: int = 3) -> tuple[dict[int, tuple[Any, Any]], np.ndarray[Any, Any]]:
    """Activations and logits of noise that become the classes' own, epoch by epoch."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % CLASSES
    noise, turn = rng.normal(size=(N, 12)), np.linalg.qr(rng.normal(size=(12, 12)))[0]
    found = {}
    for epoch in range(epochs):
        hidden = noise + 3 * epoch * np.eye(CLASSES, 12)[labels]
        found[epoch] = ((hidden @ turn).astype(np.float32), hidden[:, :CLASSES].astype(np.float32))
    return found, labels


@pytest.fixture(scope="module")
def made() -> FilmDisplay:
    found, labels = looks()
    return film(found, labels, class_names=list("abcd"), config=MapConfig(umap_epochs=30))


def test_a_class_is_learned_at_the_epoch_that_planted_it() -> None:
    """Images of classes that are not learned yet all go to the last class, which is itself told only when nothing is taken for it any more."""
    planted, rest, epochs = (1, 3, 4), 3, 6
    rng = np.random.default_rng(0)
    labels = np.arange(400) % CLASSES
    predictions = np.full((epochs, 400), rest)
    for k, at in enumerate(planted):
        predictions[at:, labels == k] = k
    slips = rng.random(predictions.shape) < 0.03
    predictions[slips] = rng.integers(0, CLASSES, slips.sum())
    found = numbers(predictions, labels)
    assert [found.learned_at(k) for k in range(CLASSES)] == [*planted, max(planted)]
    said = found.readings()[0]
    assert "from epoch 1 on: a;" in said and "from epoch 3 on: b;" in said and "from epoch 4 on: c and d" in said
    frame = found.class_frame().set_index(["class", "epoch"])
    assert frame.loc[("b", 3), "learned"] and not frame.loc[("b", 2), "learned"]
    assert (frame.loc["a", "learned_at"] == 1).all()


def test_always_the_same_answer_is_not_learning() -> None:
    """The class that is always named is right every time, and no class is learned."""
    labels = np.arange(200) % CLASSES
    found = numbers(np.zeros((3, 200)), labels)
    assert found.lessons[0].right.tolist() == [50, 50, 50]
    assert [found.learned_at(k) for k in range(CLASSES)] == [None] * CLASSES
    assert found.readings()[0] == "Never learned: a, b, c and d"


def test_chance_alone_seldom_makes_a_class_look_late() -> None:
    """Equal recall at all epochs, drawn anew for each: nine in ten classes at least are said to be told from the start."""
    rng, late, draws = np.random.default_rng(0), 0, 30
    labels = np.arange(400) % CLASSES
    for _ in range(draws):
        predictions = np.where(rng.random((5, 400)) < 0.8, labels, (labels + rng.integers(1, CLASSES, (5, 400))) % CLASSES)
        found = numbers(predictions, labels)
        late += sum(found.learned_at(k) != 0 for k in range(CLASSES))
    assert late <= 0.1 * draws * CLASSES


def test_forgetting_is_what_counting_by_hand_gives() -> None:
    rng = np.random.default_rng(1)
    right = rng.random((7, 60)) < rng.random(60)
    right[:, 0], right[:, 1], right[:, 2] = True, False, [False, True, True, False, True, False, False]
    epochs = np.arange(1, 8)
    f = Forgetting(epochs, right)
    for i in range(60):
        history = right[:, i].tolist()
        lost = [int(epochs[e]) for e in range(1, 7) if history[e - 1] and not history[e]]
        assert f.events[i] == len(lost)
        assert f.lost_at()[i] == " ".join(map(str, lost))
        assert f.first_right[i] == (epochs[history.index(True)] if any(history) else -1)
        want = STATES[0] if all(history) else STATES[3] if not any(history) else STATES[2] if lost else STATES[1]
        assert f.states[i] == want
    assert (f.events[0], f.events[1], f.events[2]) == (0, 0, 2) and f.lost_at()[2] == "4 6"


def test_what_an_untrained_network_got_right_is_not_forgotten() -> None:
    """Right before training, wrong ever after: never right, no event; and the tables' sums agree with one another."""
    labels = np.arange(40) % 2
    predictions = np.stack([labels, 1 - labels, labels, labels])
    predictions[3, :4] = 1 - labels[:4]
    found = numbers(predictions, labels, 2)
    images, classes, epochs, states = found.image_frame(), found.class_frame(), found.frame(), found.state_frame()
    assert images["events"].sum() == 4 and (images["lost_at"].iloc[:4] == "3").all()
    assert epochs["lost"].fillna(0).tolist() == [0, 0, 0, 4] and epochs["gained"].fillna(0).tolist() == [0, 0, 40, 0]
    assert classes["lost"].sum() == 4 and states["events"].tolist() == [2, 2, 4]
    assert states[[f"{s.replace(' ', '_')}_count" for s in STATES]].sum(axis=1).tolist() == [20, 20, 40]
    always_wrong = numbers(np.stack([labels, 1 - labels]), labels, 2)
    assert (always_wrong.image_frame()["state"] == "never right").all() and always_wrong.forgetting.events.sum() == 0


def test_every_pair_is_counted_at_every_epoch() -> None:
    rng = np.random.default_rng(2)
    labels, predictions = rng.integers(0, 3, 90), rng.integers(0, 3, (4, 90))
    found = numbers(predictions, labels, 3)
    frame = found.pair_frame()
    assert len(frame) == 6 * 4
    for row in frame.itertuples():
        t, p = "abc".index(row.true), "abc".index(row.predicted)
        assert row.count == ((labels == t) & (predictions[row.epoch] == p)).sum()
        assert row.low <= row.rate <= row.high and row.n_true == (labels == t).sum()
    total = frame[frame["epoch"] > 0].groupby(["true", "predicted"], sort=False)["rate"].mean()
    assert total.is_monotonic_decreasing


def test_equal_logits_stand_at_one_place_in_every_epoch() -> None:
    rng = np.random.default_rng(3)
    logits, ids = rng.normal(size=(30, 5)), np.array([str(i) for i in range(30)])
    axes = class_axes(np.array([3, 0, 4, 1, 2]))
    assert np.abs(axes.sum(axis=0)).max() < 1e-12 and np.allclose(np.linalg.norm(axes, axis=1), 1)
    strip = linear_strip([logits, logits, logits + rng.normal(size=(30, 1)), 2 * logits, logits + np.eye(5)[0]], axes, list("abcde"), ids, "logits")
    places = [p.coords for p in strip.projections]
    assert np.array_equal(places[0], places[1]) and strip.drifts[1] == 0 and strip.stills[1:] == (0, 0, 0, 0)
    assert np.allclose(places[2], places[0], atol=1e-6)  # what no softmax sees moves nothing
    assert np.allclose(places[3], 2 * places[0], atol=1e-6)  # linear
    assert np.allclose(places[4] - places[0], axes[0], atol=1e-6)  # one logit more is one step along that class's axis
    assert strip.drifts[4] > 0


def test_identical_epochs_do_not_move_and_the_film_says_so() -> None:
    found, labels = looks(epochs=2)
    shown = film({e: found[1] for e in range(3)}, labels, config=MapConfig(methods="tsne"))
    by_method = {s.method: s for s in shown.strips}
    assert by_method["logits"].drifts[1:] == by_method["probabilities"].drifts[1:] == (0, 0)
    assert max(shown.vector_drifts[1:]) < 1e-5
    assert min(by_method["tsne"].drifts[1:]) > 0 and min(by_method["tsne"].stills[1:]) > 0
    assert "In no epoch did an image move on the fixed axes" in shown.readings()[-1]


def test_a_turn_of_the_activations_is_undone() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(80, 6)).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned = (X @ turn + 3).astype(np.float32)
    moved_too = turned + 0.5 * rng.normal(size=X.shape).astype(np.float32)
    first, same, other = vector_drifts([X, turned, moved_too])
    assert np.isnan(first) and same < 1e-3 < 0.1 < other
    assert moved(X[:, :2], X[:, :2] + 1) > 0  # on fixed axes a shift is a way


@pytest.mark.parametrize("c", [1, 2, 3, 4, 7, 10])
def test_classes_that_are_mixed_up_stand_side_by_side(c: int) -> None:
    """A ring of classes, each mixed with the two beside it: found again, turned or mirrored."""
    rng = np.random.default_rng(c)
    ring = rng.permutation(c)
    labels = np.arange(40 * c) % c
    near = np.full((c, c), 0.001)
    for i, k in enumerate(ring):
        near[k, k] = 1
        near[k, ring[(i + 1) % c]] += 0.2
        near[k, ring[i - 1]] += 0.2
    order = circle_order(near[labels], labels).tolist()
    assert sorted(order) == list(range(c)) and order[0] == 0
    pairs = {frozenset((order[i - 1], order[i])) for i in range(c)}
    assert pairs == {frozenset((ring[i - 1], ring[i])) for i in range(c)}


def test_long_trainings_are_shown_at_even_steps_and_counted_in_full() -> None:
    assert shown_epochs(range(31), 12)[0] == 0 and shown_epochs(range(31), 12)[-1] == 30 and len(shown_epochs(range(31), 12)) == 12
    assert shown_epochs(range(2), 12) == [0, 1] and still_steps(1) == [] and still_steps(2) == [1] and len(still_steps(12)) == 3
    found, labels = looks(epochs=7)
    shown = film(found, labels, config=MapConfig(methods="pca", film_epochs=3))
    assert shown.epochs == (0, 3, 6) and shown.numbers.epochs == tuple(range(7))
    frame = shown.frame()
    assert len(frame) == 7 and frame["drift_logits"].notna().sum() == 2 and frame["moved_from"].dropna().tolist() == [0, 3]
    assert "Neither t-SNE nor UMAP" in shown.caption()


def test_maps_keep_neighbours_and_equal_calls_give_equal_places(made: FilmDisplay) -> None:
    table = made.frame().set_index("epoch")
    for method in ("logits", "tsne", "umap"):
        assert (table[f"{method}_trustworthiness"].iloc[1:] > 0.6).all()
        assert (table[f"{method}_trustworthiness_low"] <= table[f"{method}_trustworthiness"]).all()
    assert table.loc[2, "accuracy"] > 0.95 > table.loc[0, "accuracy"]
    found, labels = looks()
    again = film(found, labels, class_names=list("abcd"), config=MapConfig(umap_epochs=30))
    for a, b in zip(made.strips, again.strips, strict=True):
        assert all(np.array_equal(p.coords, q.coords) for p, q in zip(a.projections, b.projections, strict=True))


def test_it_draws_itself(made: FilmDisplay) -> None:
    sheet = made.plot(prefix="Model x", stamp=("a warning",))
    assert len([ax for ax in sheet.axes if (ax.get_gid() or "").startswith("film-") and ax.get_gid() != "film-drift"]) == 4 * 3
    learned = EpochsDisplay(made.numbers).plot()
    assert {f"epochs-class-{k}" for k in range(CLASSES)} < {ax.get_gid() for ax in learned.axes}
    assert "n = 160" in made.caption() and "test split" in made.caption()
    ends = spread([0.1, 0.11, 0.5], 0.05)
    assert ends[1] - ends[0] == pytest.approx(0.05) and ends[2] > ends[1]


def test_epochs_without_structure_are_said_and_two_looks_are_enough() -> None:
    found, labels = looks(epochs=2)
    dead = {0: (np.zeros((N, 3)), np.zeros((N, CLASSES))), 1: found[1]}
    shown = film(dead, labels, config=MapConfig(methods="tsne"))
    notes = {s.method: [p.note for p in s.projections] for s in shown.strips}
    assert "dead layer" in notes["tsne"][0] and "same output" in notes["logits"][0] and not notes["logits"][1]
    assert np.isnan(shown.strips[-1].drifts[1])
    shown.plot()
    EpochsDisplay(shown.numbers).plot()


@pytest.mark.parametrize(("source", "labels", "what"), [
    ({0: (np.ones((4, 2)), np.ones((4, 2)))}, [0, 1, 0, 1], "1 looks"),
    ({0: (np.ones((4, 2)), np.ones((4, 3))), 1: (np.ones((4, 2)), np.ones((4, 3)))}, [0, 1, 0, 1], "classes"),
    ({0: (np.ones((4, 2)), np.ones((4, 2))), 1: (np.ones((3, 2)), np.ones((4, 2)))}, [0, 1, 0, 1], "3 images"),
    ({0: (np.ones((4, 2)), np.full((4, 2), np.nan)), 1: (np.ones((4, 2)), np.ones((4, 2)))}, [0, 1, 0, 1], "not finite"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(source: Any, labels: Any, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        film(source, labels, config=LINEAR_ONLY)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json"):
        film(tmp_path)


def test_a_model_that_came_trained_has_no_film_and_the_report_says_why() -> None:
    images = LabeledImages(np.zeros((4, 0, 0, 1), np.uint8), np.arange(4) % 2, ("a", "b"), np.array(list("wxyz")), "test", Source("memory", "memory", ""))
    page = render(ReportContent("brought", images, None, {}, no_film=NOT_TRAINED))
    assert NOT_TRAINED in page and 'id="film-data"' not in page
    assert 'id="film"' not in render(ReportContent("nothing", images, None, {}))


@pytest.mark.run
def test_the_tables_of_a_run_agree_with_its_recordings_and_predictions(run_folder: MadeRun, tmp_path: Path) -> None:
    tables = {name: pd.read_csv(run_folder.path / "tables" / f"{name}.csv") for name in ("film", "film_classes", "film_pairs", "forgetting")}
    probe = np.load(run_folder.path / "probe" / "probe.npz")
    said = [np.load(run_folder.path / "probe" / f"epoch_00{e}.npz")["logits"].argmax(axis=1) for e in range(2)]
    assert tables["film"]["right"].tolist() == [int((p == probe["labels"]).sum()) for p in said]
    for e in range(2):
        rows = tables["film_classes"][tables["film_classes"]["epoch"] == e]
        assert rows["right"].tolist() == [int(((probe["labels"] == k) & (said[e] == k)).sum()) for k in range(10)]
    predicted = pd.read_csv(run_folder.path / "predictions.csv").merge(tables["forgetting"], on="sample_id")
    assert len(predicted) > 100 and (predicted["predicted"] == predicted["last_prediction"]).mean() > 0.99
    assert tables["film"]["drift_umap"].notna().tolist() == [False, True] and (tables["film"]["tsne_trustworthiness"] > 0.9).all()
    found = fmnist_viz.film(run_folder.path, config=LINEAR_ONLY, cache_dir=tmp_path)
    again = fmnist_viz.film(run_folder.path, config=LINEAR_ONLY, cache_dir=tmp_path)
    assert found.frame().equals(again.frame())
    assert found.frame()["drift_logits"].iloc[1] == pytest.approx(tables["film"]["drift_logits"].iloc[1], rel=1e-5)
    page = (run_folder.path / "report.html").read_text(encoding="utf-8")
    assert 'id="film-data"' in page and (run_folder.path / "figures" / "film.png").exists()
