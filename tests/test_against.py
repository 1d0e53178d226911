"""Two models side by side, with planted fixes, breaks and movements; what is expected is counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from fmnist_viz.analysis.against import STATUS, Against, statuses
from fmnist_viz.analysis.comparison import Answers, Comparison
from fmnist_viz.analysis.movement import movement
from fmnist_viz.display.confusion_change import ConfusionChangeDisplay
from fmnist_viz.pipeline.against import layer_pairs

NAMES = ("shirt", "coat", "bag")


def answers(name: str, y: np.ndarray, said: np.ndarray) -> Answers:
    return Answers(name, np.array([f"test/{i}" for i in range(len(y))]), y, said, np.linspace(0.4, 0.9, len(y)), NAMES)


@pytest.fixture(scope="module")
def against() -> Against:
    """300 images of three classes: the baseline takes 30 shirts for coats, 20 of them fixed; ten bags are broken; 6 stay wrong with another answer."""
    y = np.repeat(np.arange(3), 100)
    before, now = y.copy(), y.copy()
    before[:30] = 1
    now[:10] = 1
    now[:6] = 2
    now[200:210] = 0
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32) + 3 * np.eye(3, 4, dtype=np.float32)[y]
    Y = X.copy()
    Y[[5, 250]] = Y[[250, 5]]
    rows = np.arange(300) + 20
    made = movement(X, Y, y, layer_a="dense", layer_b="dense_1")
    assert made is not None
    return Against(Comparison(answers("before", y, before), answers("now", y, now)), rows, 340, (made,), ("a note",))


def test_every_image_has_the_status_that_was_planted(against: Against) -> None:
    own = statuses(against.comparison)
    assert [STATUS[k] for k in own[[0, 9, 10, 29, 30, 200, 209, 210]]] == [
        "both wrong", "both wrong", "fixed", "fixed", "both right", "broken", "broken", "both right",
    ]  # fmt: skip
    assert np.bincount(own, minlength=4).tolist() == [260, 20, 10, 10]
    assert against.status[20:320].tolist() == own.tolist() and set(against.status[:20]) == set(against.status[320:]) == {-1}


def test_the_tables_count_what_was_planted(against: Against) -> None:
    tables = against.frames()
    assert set(tables) == {"against", "against_cells", "against_classes", "against_pairs", "against_images", "against_layers"}
    pairs = tables["against_pairs"][["status", "true", "answer", "count"]].to_numpy().tolist()
    assert pairs == [["fixed", "shirt", "coat", 20], ["broken", "bag", "shirt", 10]]
    cells = tables["against_cells"].set_index(["true", "predicted"])
    assert cells.loc[("shirt", "coat"), ["left", "entered"]].tolist() == [26, 0] and bool(cells.loc[("shirt", "coat"), "significant"])
    assert cells.loc[("shirt", "bag"), "difference"] == pytest.approx(0.06)
    images = tables["against_images"]
    assert images["status"].value_counts().to_dict() == {"both right": 260, "fixed": 20, "broken": 10, "both wrong": 10}
    assert images["dense_1 / dense: changed"].notna().all()
    layers = tables["against_layers"].set_index("images")
    assert layers.loc["all", "n"] == 300 and layers.loc["fixed", "n"] == 20
    assert layers.loc["all", "changed"] == pytest.approx(images["dense_1 / dense: changed"].mean())


def test_the_words_quote_the_tables(against: Against) -> None:
    first, second, third = against.sentences()
    assert first.startswith("now against before: +3.33 points") and "20 images fixed, 10 broken" in first
    cells = against.cells
    assert f"{int(cells['significant'].sum())} of {int(cells['q'].notna().sum())} changed cells" in second and "shirt → coat -26.0 points" in second
    every = against.layers().iloc[0]
    assert f"{15 * every['changed']:.1f} of an image's 15 nearest" in third and third.endswith("% of those both wrong")


def test_equal_models_differ_in_nothing() -> None:
    y = np.arange(90) % 3
    X = np.random.default_rng(1).normal(size=(90, 5)).astype(np.float32)
    made = movement(X, 2 * X + 1, y, layer_a="a", layer_b="a")
    same = Against(Comparison(answers("a", y, y), answers("b", y, y)), np.arange(90), 90, (made,) if made else ())
    assert made is not None and made.changed.max() == 0 and np.allclose(made.rank, 0.5)
    assert set(same.status) == {0} and not len(same.pairs()) and not same.cells["significant"].any()
    assert "no difference" in same.sentences()[0]


def test_what_moved_is_first_and_neighbours_are_the_true_ones() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 6)).astype(np.float32)
    y = rng.integers(0, 3, 200)
    Y = X + rng.normal(scale=0.05, size=X.shape).astype(np.float32)
    planted = [17, 90, 141]
    Y[planted] = -4 * X[planted]
    made = movement(X, Y, y, layer_a="a", layer_b="b")
    assert made is not None and sorted(made.most(3).tolist()) == planted
    assert (made.rank[planted] > 0.97).all() and made.layers == "b / a"

    def near(x: np.ndarray) -> np.ndarray:
        d = cdist(x, x)
        np.fill_diagonal(d, np.inf)
        return d.argsort(axis=1)

    a, b = near(X.astype(np.float64)), near(Y.astype(np.float64))
    for i in (0, 17, 55):
        assert made.changed[i] == pytest.approx(1 - len(set(a[i, :15]) & set(b[i, :15])) / 15)
        assert made.new[i] == pytest.approx(1 - len(set(a[i, :50]) & set(b[i, :15])) / 15)
        assert made.own_b[i] == pytest.approx((y[b[i, :15]] == y[i]).mean())
    assert made.chance == pytest.approx(1 - 15 / 199)


def test_shuffled_vectors_change_as_many_neighbours_as_chance_does() -> None:
    X = np.random.default_rng(3).normal(size=(400, 8)).astype(np.float32)
    made = movement(X, np.random.default_rng(4).permutation(X), np.zeros(400, np.int64), layer_a="a", layer_b="a")
    assert made is not None and made.changed.mean() == pytest.approx(made.chance, abs=0.01)


def test_few_images_have_no_movement() -> None:
    X = np.zeros((39, 2), np.float32)
    assert movement(X, X, np.zeros(39, np.int64), layer_a="a", layer_b="a") is None


def test_layers_are_paired_by_name_and_both_last_ones_stand_at_the_end() -> None:
    assert layer_pairs(["conv", "dense"], ["conv", "dense"]) == [("conv", "conv"), ("dense", "dense")]
    assert layer_pairs(["conv", "dense"], ["dense", "extra"]) == [("dense", "dense"), ("extra", "dense")]
    assert layer_pairs(["a"], ["b"]) == [("b", "a")] and layer_pairs([], ["b"]) == []


def test_the_drawing_has_a_caption_of_both_names(against: Against) -> None:
    assert "now less before" in ConfusionChangeDisplay(against.comparison).caption()
