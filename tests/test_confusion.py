"""The confusion matrix and its figures against scikit-learn, and by hand where scikit-learn has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from fmnist_viz.analysis.confusion import Confusion, confusion, confusion_counts, predictions_frame, sentence
from fmnist_viz.core.types import Predictions
from fmnist_viz.data import DataConfig, load

NAMES = ("bag", "coat", "dress", "shirt")


@pytest.fixture(scope="module")
def garments() -> Predictions:
    """A nearest-mean classifier on 2,000 real test images: many errors, in real directions."""
    images = load(DataConfig()).test.take(np.arange(2000))
    X, y = images.pixels, images.labels
    means = np.stack([X[y == c].mean(axis=0) for c in range(10)])
    z = -((X[:, None, :] - means) ** 2).mean(axis=2) / 500
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return Predictions(images.sample_ids, y, (p / p.sum(axis=1, keepdims=True)).astype(np.float32), images.class_names, "means")


def by_hand() -> Confusion:
    """No coat among the images, nothing taken for a shirt."""
    return Confusion(np.array([[5, 1, 0, 0], [0, 0, 0, 0], [3, 0, 7, 0], [0, 2, 2, 0]]), NAMES)


def test_counts_are_scikit_learns(garments: Predictions) -> None:
    found = confusion(garments)
    np.testing.assert_array_equal(found.counts, metrics.confusion_matrix(garments.y_true, garments.y_pred))
    assert found.n == 2000
    assert found.support.tolist() == np.bincount(garments.y_true).tolist()
    assert found.accuracy[0] == pytest.approx(metrics.accuracy_score(garments.y_true, garments.y_pred))


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    assert confusion_counts(np.array([0, 0, 1]), np.array([1, 1, 0]), 3).tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]


def test_figures_of_each_class_are_scikit_learns(garments: Predictions) -> None:
    table = confusion(garments).per_class()
    precision, recall, f1, support = metrics.precision_recall_fscore_support(garments.y_true, garments.y_pred)
    for name, want in (("precision", precision), ("recall", recall), ("f1", f1), ("n", support)):
        np.testing.assert_allclose(table[name], want, rtol=1e-12)
    multilabel = metrics.multilabel_confusion_matrix(garments.y_true, garments.y_pred)
    np.testing.assert_array_equal(table[["tn", "fp", "fn", "tp"]].to_numpy(), multilabel.reshape(10, 4))
    assert table["class"].tolist() == list(garments.class_names)
    for name in ("precision", "recall", "f1"):
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[name] < table[f"{name}_high"]).all()


def test_intervals_are_wilsons(garments: Predictions) -> None:
    found = confusion(garments)
    want = stats.binomtest(int(found.counts[6, 0]), int(found.support[6])).proportion_ci(method="wilson")
    low, high = found.intervals
    assert (low[6, 0], high[6, 0]) == (pytest.approx(want.low), pytest.approx(want.high))
    row = found.per_class().iloc[6]
    want = stats.binomtest(int(row.tp), int(row.tp + row.fp)).proportion_ci(method="wilson")
    assert (row.precision_low, row.precision_high) == (pytest.approx(want.low), pytest.approx(want.high))
    want = stats.binomtest(int(row.tp), int(row.tp + row.fp + row.fn)).proportion_ci(method="wilson")
    assert (row.f1_low, row.f1_high) == (pytest.approx(2 * want.low / (1 + want.low)), pytest.approx(2 * want.high / (1 + want.high)))


def test_a_class_without_images_has_no_rate() -> None:
    found = by_hand()
    assert np.isnan(found.rates[1]).all()
    assert found.rates[0].tolist() == [5 / 6, 1 / 6, 0, 0]
    table = found.per_class().set_index("class")
    assert np.isnan(table.loc["coat", "recall"])
    assert table.loc["coat", "precision"] == 0
    assert np.isnan(table.loc["shirt", "precision"]), "nothing was taken for a shirt"
    assert table.loc["shirt", "recall"] == 0
    assert table.loc["coat", ["recall_low", "recall_high"]].tolist() == [0, 1], "nothing is known"
    assert table.loc["shirt", "f1"] == 0


def test_without_any_image() -> None:
    empty = Confusion(np.zeros((4, 4), np.int64), NAMES)
    accuracy, low, high = empty.accuracy
    assert np.isnan(accuracy)
    assert (low, high) == (0, 1)
    assert len(empty.pairs()) == 0
    assert len(empty.frame()) == 16


def test_pairs_are_directed_and_most_frequent_first() -> None:
    pairs = by_hand().pairs()
    # 2 of 4 twice (in the order of the classes), 3 of 10, 1 of 6; dress -> bag is there, bag -> dress is not
    assert list(zip(pairs["true"], pairs["predicted"], pairs["count"], strict=True)) == [
        ("shirt", "coat", 2),
        ("shirt", "dress", 2),
        ("dress", "bag", 3),
        ("bag", "coat", 1),
    ]
    assert pairs.index.tolist() == [0, 1, 2, 3]


def test_all_errors_are_in_the_pairs(garments: Predictions) -> None:
    pairs = confusion(garments).pairs()
    assert pairs["count"].sum() == (~garments.correct).sum()
    assert (np.diff(pairs["rate"]) <= 0).all()
    assert not (pairs["true"] == pairs["predicted"]).any()


def test_a_pair_in_words() -> None:
    assert sentence(by_hand().pairs().iloc[2]) == "dress → bag: 30.0 %, 3 of 10 (95 % interval 10.8–60.3)"


def test_one_row_for_every_image(garments: Predictions) -> None:
    frame = predictions_frame(garments)
    assert frame["sample_id"].tolist() == garments.sample_ids.tolist()
    wrong = frame[~frame["correct"]]
    assert (frame.loc[frame["correct"], "margin"] < 0).all()
    assert (frame.loc[frame["correct"], "pair"] == "correct").all()
    assert (wrong["margin"] > 0).all()
    assert (wrong["pair"] == wrong["true"] + " → " + wrong["predicted"]).all()
    probabilities = frame[[f"p_{name}" for name in garments.class_names]].to_numpy()
    np.testing.assert_array_equal(probabilities, garments.y_proba)
    np.testing.assert_array_equal(frame["confidence"], probabilities.max(axis=1))


def test_predictions_are_checked_where_they_are_made() -> None:
    ids, y = np.array(["test/0", "test/1"]), np.array([0, 1])
    with pytest.raises(ValueError, match="y_proba: shape"):
        Predictions(ids, y, np.ones((2, 3), np.float32), NAMES, "m")
    with pytest.raises(ValueError, match="y_proba: dtype float64"):
        Predictions(ids, y, np.ones((2, 4)), NAMES, "m")
    with pytest.raises(ValueError, match="1 for 2 labels"):
        Predictions(ids[:1], y, np.ones((2, 4), np.float32), NAMES, "m")
    tie = Predictions(ids, y, np.full((2, 4), 0.25, np.float32), NAMES, "m")
    assert tie.y_pred.tolist() == [0, 0], "the first of equals"
