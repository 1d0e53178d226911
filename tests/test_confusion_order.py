"""The order of the classes, the tree and its groups: against SciPy, by hand, and drawn without one thing over another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.confusion_order import ClassTree, folded, grouped, mutual_confusion
from fmnist_viz.display.confusion import ConfusionDisplay

NAMES = ("bag", "coat", "dress", "pullover", "sandal", "sneaker")
# coat and pullover are swapped often, sandal and sneaker too; a dress is sometimes a coat
COUNTS = np.array([
    [96, 1, 0, 1, 1, 1], [0, 70, 5, 25, 0, 0], [0, 10, 88, 2, 0, 0], [0, 30, 0, 70, 0, 0], [0, 0, 0, 0, 85, 15], [0, 0, 0, 0, 9, 91],
])  # fmt: skip


def test_order_is_scipys_optimal_leaf_order_of_the_stated_dissimilarity() -> None:
    rates = COUNTS / COUNTS.sum(axis=1, keepdims=True)
    assert mutual_confusion(COUNTS)[1, 3] == pytest.approx((0.25 + 0.3) / (0.7 + 0.25 + 0.3 + 0.7))
    apart = np.array(
        [[0 if a == b else 1 - (rates[a, b] + rates[b, a]) / (rates[a, a] + rates[a, b] + rates[b, a] + rates[b, b]) for b in range(6)] for a in range(6)]
    )
    tree = ClassTree.of(COUNTS)
    want = hierarchy.linkage(squareform(apart), "average", optimal_ordering=True)
    leaves = hierarchy.leaves_list(want).tolist()
    assert list(tree.order) in (leaves, leaves[::-1]) and tree.order[0] < tree.order[-1]
    np.testing.assert_allclose([1 - m.mutual for m in tree.merges], want[:, 2], rtol=1e-9)
    assert [{*m.members} for m in tree.merges[:2]] == [{1, 3}, {4, 5}]


def test_groups_are_cut_where_most_errors_stay_inside() -> None:
    found, off = Confusion(COUNTS, NAMES), ~np.eye(6, dtype=bool)
    beyond = np.where(off, COUNTS - found.excess.expected, 0)
    by_hand = [sum(beyond[np.ix_(group, group)].sum() for group in found.tree.cut(k)) / COUNTS[off].sum() for k in range(1, 7)]
    np.testing.assert_allclose(found.tree.surplus, by_hand, atol=1e-9)
    assert found.tree.suggested == 1 + int(np.argmax(by_hand)) == 2 and max(by_hand) > 0.2
    three = found.groups(3)
    at = {frozenset(name.split(" + ")): i for i, name in enumerate(three.class_names)}
    tops, shoes, bag = (at[frozenset(names)] for names in (("coat", "pullover", "dress"), ("sandal", "sneaker"), ("bag",)))
    assert three.counts[shoes, shoes] == 200 and three.counts.sum() == COUNTS.sum()
    row = three.frame().iloc[3 * bag + tops]
    assert (row["count"], row["n_true"]) == (2, 100) and 0 < row["low"] < 0.02 < row["high"]  # an interval of its own
    order = found.frames()["class_order"]
    assert order["class"].tolist() == [NAMES[k] for k in found.tree.order] and order["group"].nunique() == 2
    assert found.frames()["class_tree"]["groups"].tolist() == [5, 4, 3, 2, 1] and len(found.frames()["groups"]) == 4


def test_summing_keeps_the_direction() -> None:
    counts = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert grouped(counts, ((0,), (1, 2))).tolist() == [[1, 5], [11, 28]]
    assert folded(Confusion(counts, ("a", "b", "c")), ((2, 0), (1,))).class_names == ("c + a", "b")


@given(st.integers(1, 7).flatmap(lambda c: arrays(np.int64, (c, c), elements=st.integers(0, 30))))
@settings(max_examples=50, deadline=None)
def test_any_matrix_has_an_order_and_every_cut_holds_each_class_once(counts: np.ndarray[Any, Any]) -> None:
    c, tree = len(counts), ClassTree.of(counts)
    assert sorted(tree.order) == list(range(c)) and 1 <= tree.suggested <= c
    for number in range(1, c + 1):
        groups = tree.cut(number)
        assert len(groups) == number and [k for group in groups for k in group] == list(tree.order)
        assert grouped(counts, groups).sum() == counts.sum()
    with pytest.raises(ValueError, match="groups of"):
        tree.cut(c + 1)


@pytest.mark.parametrize("classes", [3, 100])
def test_ordered_drawing_has_its_tree_and_its_marks_inside(classes: int) -> None:
    rng = np.random.default_rng(classes)
    kind = rng.integers(0, 1 + classes // 5, classes)
    counts = np.diag(np.full(classes, 300)) + rng.poisson(0.2 + 12 * (kind[:, None] == kind) * rng.random((classes, classes)) ** 2)
    display = ConfusionDisplay(Confusion(counts.astype(np.int64), tuple(f"a class named {i}" for i in range(classes))), ordered=True)
    figure = display.plot()
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    matrix, tree = (next(ax for ax in figure.axes if ax.get_gid() == gid) for gid in ("matrix", "tree"))
    assert [t.get_text() for t in matrix.get_yticklabels()] == [f"a class named {k}" for k in display.confusion.tree.order]
    marks = {gid: artist for artist in matrix.collections for gid in ("direction", "excess") if artist.get_gid() == gid}
    assert len(marks["excess"].get_offsets()) == display.confusion.excess.more.sum() if "excess" in marks else not display.confusion.excess.more.any()
    caption = display.caption()
    assert f"({display.confusion.excess.more.sum()} cells): more often than the row's" in caption and "optimal leaf order; cells stay directed" in caption
    assert not tree.get_window_extent(renderer).overlaps(matrix.get_window_extent(renderer))
    texts = [text.get_window_extent(renderer) for text in (*tree.get_xticklabels(), *matrix.get_xticklabels(), *figure.texts) if text.get_text()]
    width, height = figure.bbox.size
    assert all(box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1 for box in texts)
    below = [text.get_window_extent(renderer) for text in matrix.get_xticklabels()]
    assert not any(box.overlaps(tick.get_window_extent(renderer)) for box in below for tick in tree.get_xticklabels())


def test_shares_of_columns_and_of_all_are_shown() -> None:
    found = Confusion(COUNTS, NAMES)
    column, overall = (ConfusionDisplay(found, rates=of) for of in ("column", "overall"))
    assert column.cell_texts()[1, 3] == f"{100 * 25 / 98:.1f}" and overall.cell_texts()[1, 3] == f"{100 * 25 / 600:.1f}"
    assert "percent of the column" in column.caption() and "percent of all images" in overall.caption()
    assert ConfusionDisplay(found).order == list(range(6)) and "Order and tree" not in column.caption()
    assert "Triangle" not in ConfusionDisplay(found, marks=False).caption()
