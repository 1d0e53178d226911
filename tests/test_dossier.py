"""Dossiers of pairs and cards of classes on planted data: every number is recomputed here from what was planted, and the words hold no other number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_dossier import NAMES, SIDE, N, built, numbers, planted

from fmnist_viz.analysis.class_cards import class_cards
from fmnist_viz.analysis.confusion import confusion
from fmnist_viz.analysis.dossier_axis import pair_axis
from fmnist_viz.analysis.dossier_epochs import pair_epochs
from fmnist_viz.analysis.dossier_evidence import background, spaced
from fmnist_viz.analysis.dossier_places import KINDS, near_on_map, place
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import LabeledImages, Predictions, Source
from fmnist_viz.display.class_cards import ClassCardsDisplay
from fmnist_viz.display.dossier import DossierDisplay


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("proba", [True, False])
def test_every_number_of_the_text_is_a_fact(proba: bool, full: bool) -> None:
    d, *_ = built(proba=proba, full=full)
    known = {number for fact in d.facts for number in numbers(fact.text)} | {"95"}
    known |= {number for n in d.nearest if n is not None for number in numbers(n.pool)}
    text = d.text
    for name in sorted(NAMES, key=len, reverse=True):  # a class may be called anything
        text = text.replace(name, "class")
    assert set(numbers(text)) <= known, set(numbers(text)) - known
    assert "not searched" in d.text and ("margin" in d.text) == proba


def test_rates_and_margins_are_those_of_the_predictions() -> None:
    from scipy.stats import fisher_exact

    d, images, p, _ = built(full=False)
    taken = [(int(((p.y_true == t) & (p.y_pred == q)).sum()), int((p.y_true == t).sum())) for t, q in ((0, 1), (1, 0))]
    assert [one.count for one in d.directions] == [count for count, _ in taken] and d.count > 10
    assert d.p == pytest.approx(fisher_exact([[count, n - count] for count, n in taken]).pvalue)
    for one, (count, n) in zip(d.directions, taken, strict=True):
        assert one.rate == (count / n, *(pytest.approx(float(v)) for v in wilson(count, n)))
        margin = p.proba[one.rows, one.predicted] - p.proba[one.rows, one.true]
        assert one.margin == pytest.approx(margin) and (np.diff(margin) >= 0).all()
    errors = d.errors()
    assert errors["sample_id"].tolist() == images.sample_ids[np.concatenate([one.rows for one in d.directions])].tolist()


def test_mistakes_lie_beyond_the_middle_of_an_axis_that_was_made_without_them() -> None:
    d, images, *_ = built()
    assert d.axis is not None and d.axis.rows.tolist() == np.flatnonzero(images.labels < 2).tolist()
    assert d.axis.position[images.labels[d.axis.rows] == 0].mean() == pytest.approx(0, abs=0.1)
    assert d.axis.position[images.labels[d.axis.rows] == 1].mean() == pytest.approx(1, abs=0.1)
    for side in (0, 1):
        assert (d.positions(side) > 0.5).mean() > 0.9
    # of noise in many dimensions an axis through the images themselves would tell the classes apart; this one does not
    noise = np.random.default_rng(3).normal(size=(N, 400)).astype(np.float32)
    blind = pair_axis(noise, images.labels, 0, 1, layer="noise", seed=0)
    assert blind is not None and abs(((blind.position > 0.5) == (blind.labels == 1)).mean() - 0.5) < 0.12
    w = noise[images.labels == 1].mean(axis=0) - noise[images.labels == 0].mean(axis=0)
    seen = noise[blind.rows] @ w
    assert ((seen > np.median(seen)) == (blind.labels == 1)).mean() > 0.9
    assert pair_axis(np.zeros((N, 2), np.float32), images.labels, 0, 1, layer="dead", seed=0) is None


def test_the_epoch_from_which_on_a_pair_is_told_apart() -> None:
    labels = np.repeat([0, 1], 200).astype(np.int64)
    logits = np.zeros((4, 400, 3), np.float32)
    for epoch, right in enumerate((200, 300, 372, 376)):
        told = np.zeros(400, bool)
        told[np.random.default_rng(0).permutation(400)[:right]] = True
        logits[epoch, np.arange(400), np.where(told, labels, 1 - labels)] = 1
    found = pair_epochs([0, 1, 2, 5], logits, labels, 0, 1)
    assert found is not None and found.right.tolist() == [200, 300, 372, 376] and found.n == 400
    assert found.level_at == 2  # 4 images less are less than one point
    assert (found.p[:2] < 0.001).all() and found.p[3] == 1
    assert pair_epochs([0], logits[:1], labels, 0, 1) is None and pair_epochs([0, 1], logits[:2], labels, 0, 2) is None


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), k=st.integers(1, 20), twins=st.booleans(), seed=st.integers(0, 99))
def test_nearest_on_a_map_hold_neither_the_point_itself_nor_one_twice(n: int, k: int, twins: bool, seed: int) -> None:
    xy = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    if twins:
        xy[:] = xy[0]
    rows = np.arange(n)
    near = near_on_map(xy, rows, k)
    assert near.shape == (n, min(k, n - 1))
    assert not (near == rows[:, None]).any() and all(len(set(row)) == len(row) for row in near.tolist())
    if not twins:
        d = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        np.fill_diagonal(d, np.inf)
        assert np.allclose(np.take_along_axis(d, near, 1), np.sort(d, axis=1)[:, : near.shape[1]])


def test_places_are_told_by_the_neighbours() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    near = np.array([[0, 1, 2, 10], [0, 10, 11, 12], [0, 1, 10, 11], [0, 20, 21, 22], [20, 21, 22, 23], [0, 1, 20, 21]])
    found = place(near, labels, 0, 1, representation="r", method="tsne")
    assert [KINDS[kind] for kind in found.kind] == ["true", "predicted", "between", "elsewhere", "elsewhere", "true"]
    value, low, high = found.share("elsewhere")
    assert (value, low, high) == (2 / 6, *(pytest.approx(float(v)) for v in wilson(2, 6)))


def test_a_linear_model_gives_its_weights_as_evidence_and_covering_takes_what_they_say() -> None:
    tf = pytest.importorskip("tensorflow")
    import keras

    from fmnist_viz.features.evidence import pixel_evidence

    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(SIDE * SIDE, 3)).astype(np.float32)
    model = keras.Sequential([keras.layers.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")])
    model.layers[-1].set_weights([kernel, np.zeros(3, np.float32)])
    images = rng.integers(0, 255, (20, SIDE, SIDE, 1)).astype(np.uint8)
    true, predicted = np.zeros(20, np.int64), np.arange(20) % 2 + 1
    found = pixel_evidence(model, images, true, predicted, background=np.array([51.0]), share=0.1, scale=(1 / 255, 0.0))
    x = images.reshape(20, -1) / 255
    w = (kernel[:, predicted] - kernel[:, true]).T
    wanted = w * (x - 0.2)
    assert found.attribution.reshape(20, -1) == pytest.approx(wanted, abs=1e-4)
    assert found.lead == pytest.approx((w * x).sum(axis=1), abs=1e-4)
    assert (found.covered == 4).all()  # a tenth of 36, rounded up
    assert found.strongest == pytest.approx(-np.sort(-wanted, axis=1)[:, :4].sum(axis=1), abs=1e-3)
    assert (found.strongest >= found.random - 1e-4).all() and tf is not None


def test_the_background_is_the_border_and_chosen_rows_hold_both_ends() -> None:
    images = np.full((3, 8, 8, 1), 200, np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = 7
    assert background(images).tolist() == [7]
    for n, most in ((5, 9), (100, 7), (8, 8)):
        kept = spaced(np.arange(n), most)
        assert len(kept) == min(n, most) and kept[0] == 0 and kept[-1] == n - 1 and (np.diff(kept) > 0).all()


def test_cards_hold_the_figures_of_the_matrix_and_the_images_that_they_speak_of() -> None:
    _, p, X = planted()
    found = class_cards(p, X, {"dense tsne": X[:, :2]}, layer="dense")
    table = confusion(p).per_class()
    for c, card in enumerate(found.cards):
        assert {name: card.figures[name] for name in ("tp", "fp", "fn", "tn")} == table.iloc[c][["tp", "fp", "fn", "tn"]].to_dict()
        right = (p.y_true == c) & p.correct
        away = np.linalg.norm(X - X[p.y_true == c].mean(axis=0), axis=1)
        assert away[card.typical] == pytest.approx(np.sort(away[right])[:6], rel=1e-5) and right[card.typical].all()
        assert p.margin[card.hardest] == pytest.approx(-np.sort(-p.margin[right])[:6])
        wrong = (p.y_true == c) & ~p.correct
        assert p.margin[card.wrong] == pytest.approx(-np.sort(-p.margin[wrong])[:6])
        taken = p.y_pred == c
        assert card.told == taken.sum() and card.gap is not None and card.gap[0] == pytest.approx((p.confidence - p.correct)[taken].mean(), abs=1e-6)
        for partner in card.taken_for:
            assert partner.count == ((p.y_true == c) & (p.y_pred == partner.other)).sum() and partner.n == (p.y_true == c).sum()
        for partner in card.takes:
            assert partner.count == ((p.y_true == partner.other) & taken).sum() and partner.n == taken.sum()
    # a map twice as large has the same spread, and a class that is one point has none
    twice = class_cards(p, X, {"m": 2 * X[:, :2]}).cards[0].spread["m"]
    assert twice == pytest.approx(found.cards[0].spread["dense tsne"])
    point = X[:, :2].copy()
    point[p.y_true == 0] = 1
    assert class_cards(p, X, {"m": point}).cards[0].spread["m"] == (0, 0, 0)


@pytest.mark.parametrize(("proba", "pictured", "full"), [(True, True, True), (False, False, False), (True, False, True)])
def test_dossiers_and_cards_draw_themselves_with_whatever_is_known(proba: bool, pictured: bool, full: bool) -> None:
    d, images, p, X = built(proba=proba, pictured=pictured, full=full)
    figure = DossierDisplay(d, images, {"dense": {"tsne": X[:, :2]}} if full else {}).plot(prefix="Model m", stamp=["A warning."])
    figure.canvas.draw()
    width = figure.bbox.width
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= width + 1, text.get_text()
    cards = class_cards(p, X if full else None, {})
    drawn = ClassCardsDisplay(cards, images)
    drawn.plot().canvas.draw()
    assert len(drawn.drawn()) == 3 and "3 of 3 classes" in drawn.caption()
    assert len(cards.frame()) == 3


@pytest.mark.parametrize("classes", [1, 100])
def test_one_class_and_a_hundred(classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 400)
    proba = rng.random((400, classes)).astype(np.float32)
    ids = np.array([f"test/{i}" for i in range(400)])
    names = tuple(f"c{i}" for i in range(classes))
    p = Predictions(ids, labels, proba / proba.sum(axis=1, keepdims=True), names, "m")
    images = LabeledImages(np.zeros((400, 4, 4, 3), np.uint8), labels, names, ids, "test", Source("memory", "memory", ""))
    display = ClassCardsDisplay(class_cards(p, rng.normal(size=(400, 3)).astype(np.float32), {}), images)
    assert len(display.frame()) == classes and len(display.drawn()) == min(classes, 20)
    display.plot().canvas.draw()
    assert ("lowest F1" in display.caption()) == (classes > 20)
