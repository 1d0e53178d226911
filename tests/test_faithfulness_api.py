"""`fmnist_viz.faithfulness` as a notebook uses it: arrays in, a badge out, odd input as one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn import draw, representation

import fmnist_viz
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.data import DataConfig, load


@pytest.fixture(scope="module")
def found() -> Any:
    images = load(DataConfig()).test.take(np.arange(400))
    rep = representation(images.pixels)
    return fmnist_viz.faithfulness(rep, draw(rep, "tsne"), images.labels, class_names=images.class_names)


def test_it_prints_itself(found: Any) -> None:
    lines = str(found).splitlines()
    assert lines[0] == found.reading and lines[0].startswith("Local structure: ")
    assert lines[1].startswith("Trustworthiness 0.") and "400 queries of n = 400, 100 triplets each, seed 0" in lines[1]
    assert lines[2].startswith("Of the 15 nearest") and "pair" in lines[3]
    assert found.reading in found._repr_html_() and "<table" in found._repr_html_()


def test_its_numbers_are_in_frames(found: Any) -> None:
    frame = found.frame().set_index("score")
    assert list(frame.index) == ["trustworthiness", "continuity", "recall", "recall_10", "recall_50", "triplet_accuracy", "knn_accuracy"]
    assert (frame["low"] <= frame["value"]).all() and (frame["value"] <= frame["high"]).all() and (frame["shuffled"] < frame["pca"]).all()
    assert frame.loc["recall", "value"] == found.scores["recall"] > frame.loc["recall", "pca"]
    assert len(found.distortion.frame()) == 400 and len(found.overlap.frame()) == 45


def test_it_draws_itself(found: Any) -> None:
    assert found.plot().axes and found.plot_overlap().axes
    from matplotlib.figure import Figure

    figure = Figure()
    assert found.plot(figure.add_subplot()) is figure


def test_arrays_and_names_do_as_well() -> None:
    X = np.random.default_rng(0).standard_normal((80, 6))
    names = np.where(X[:, 0] > 0, "yes", "no")
    found = fmnist_viz.faithfulness(X.tolist(), X[:, :3].tolist(), names, method="mine", metric="cosine", seed=4)
    assert found.overlap.class_names == ("no", "yes") and found.scores["seed"] == 4 and found.projection.coords.shape == (80, 3)
    assert found.reading.endswith("not of a flat view of it.")
    bare = fmnist_viz.faithfulness(X, X[:, :2])
    assert bare.overlap is None and "knn_accuracy" not in bare.scores
    with pytest.raises(UsageError, match="labels"):
        bare.plot_overlap()
    assert bare.scores == fmnist_viz.faithfulness(X, X[:, :2]).scores


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((40, 4)), "a dead layer"),
        (np.full((40, 4), 7.0), "a constant layer"),
        (np.where(np.arange(160).reshape(40, 4) == 5, np.nan, 1.0), "not finite"),
        (np.ones((1, 4)), "single row"),
        (np.arange(12).reshape(3, 4), "too few rows (n = 3)"),
    ],
)
def test_no_structure_is_said(X: Any, says: str) -> None:
    found = fmnist_viz.faithfulness(X, np.zeros((len(X), 2)), np.zeros(len(X), int))
    assert says in str(found) and says in found._repr_html_() and found.frame().empty and found.overlap is None
    found.plot()


@pytest.mark.parametrize("n", range(4, 21))
def test_few_rows_one_class_one_dimension_and_duplicates(n: int) -> None:
    rng = np.random.default_rng(n)
    for X in (rng.standard_normal((n, 1)), np.repeat(rng.standard_normal((2, 3)), [n - 1, 1], axis=0)):
        found = fmnist_viz.faithfulness(X, rng.standard_normal((n, 2)), np.zeros(n, int))
        assert found.scores["k"] == (n - 1) // 2 and found.overlap.rows == () and str(found).startswith("Local structure: ")


@pytest.mark.parametrize(
    ("X", "coords", "more", "code"),
    [
        (np.ones((5, 2)), np.ones((4, 2)), {}, "ROWS"),
        (np.ones(5), np.ones((5, 2)), {}, "SHAPE"),
        (np.ones((5, 2)), np.ones((5, 4)), {}, "SHAPE"),
        ([["a"]], [[0, 0]], {}, "NUMBERS"),
        (np.ones((0, 2)), np.ones((0, 2)), {}, "ROWS"),
        (np.eye(5), np.full((5, 2), np.nan), {}, "COORDS"),
        (np.eye(5), np.ones((5, 2)), {"labels": [0, 1]}, "ROWS"),
        (np.eye(5), np.ones((5, 2)), {"labels": [0, 1, 2, 3, 4], "class_names": ["a", "b"]}, "LABELS"),
    ],
)
def test_arrays_that_do_not_fit_are_one_line(X: Any, coords: Any, more: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as e:
        fmnist_viz.faithfulness(X, coords, **more)
    assert e.value.code == f"FV-{code}"
    with pytest.raises(UsageError):
        fmnist_viz.faithfulness(np.eye(5), np.ones((5, 2)), metric="manhattan")
