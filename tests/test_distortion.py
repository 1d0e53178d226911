"""Missing and false neighbours against sets written out, on planted tears and folds, and as a figure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.display.distortion import CORNERS, DistortionDisplay, distortion_colors
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection import distortion as module
from fmnist_viz.projection.distortion import Distortion, distortion, true_neighbors

RNG = np.random.default_rng(0)


def near(X: NDArray[np.float32]) -> NDArray[np.int32]:
    return exact_graph(np.ascontiguousarray(X, np.float32), 50).indices


def test_counts_are_differences_of_sets() -> None:
    X = RNG.standard_normal((300, 6)).astype(np.float32)
    true, shown = near(X), near(X[:, :2])
    found = distortion(true, shown)
    assert (found.k, found.wide) == (15, 50)
    assert found.missing.tolist() == [len(set(a[:15]) - set(b)) for a, b in zip(true.tolist(), shown.tolist(), strict=True)]
    assert found.false.tolist() == [len(set(b[:15]) - set(a)) for a, b in zip(true.tolist(), shown.tolist(), strict=True)]
    assert found.missing.sum() != found.false.sum(), "the wider circle tells the two apart"
    np.testing.assert_allclose(found.shares[:, 0], found.missing / 15)
    missing, false = (round(100 * mean) for mean in found.shares.mean(axis=0))
    assert found.sentence() == f"Of the 15 nearest, on average {missing} % are missing on the map and {false} % on the map are false"


def test_the_identity_has_none_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X = RNG.standard_normal((200, 2)).astype(np.float32)
    same = distortion(near(X), near(X))
    assert not same.missing.any() and not same.false.any()
    whole = distortion(near(X), near(X[:, :1] @ np.ones((1, 2), np.float32)))
    monkeypatch.setattr(module, "_ROWS", 33)
    parts = distortion(near(X), near(X[:, :1] @ np.ones((1, 2), np.float32)))
    np.testing.assert_array_equal(parts.missing, whole.missing)


def test_a_fold_glues_and_a_tear_tears() -> None:
    """Two sheets laid over one another: false neighbours everywhere. A sheet cut in two: missing ones, along the cut only."""
    plane = RNG.random((800, 2)).astype(np.float32)
    side = np.repeat([0.0, 5.0], 400).astype(np.float32)
    sheets = np.column_stack([plane, side])
    folded = distortion(near(sheets), near(plane))
    assert folded.shares[:, 1].mean() > 0.3 > 0.02 > folded.shares[:, 0].mean()
    torn = plane + np.where(plane[:, :1] > 0.5, 3.0, 0.0).astype(np.float32)
    cut = distortion(near(plane), near(torn))
    along = np.abs(plane[:, 0] - 0.5) < 0.02
    far = np.abs(plane[:, 0] - 0.5) > 0.2
    assert cut.shares[along, 0].mean() > 0.3 and not cut.missing[far].any() and cut.shares[:, 1].mean() < 0.02


@pytest.mark.parametrize("n", range(1, 21))
def test_few_points(n: int) -> None:
    rows = np.array([[j for j in range(n) if j != i] for i in range(n)], np.int32).reshape(n, n - 1)
    found = distortion(rows, rows[:, ::-1])
    assert found.k == (n - 1) // 2 <= max(found.wide, 0)
    assert found.missing.shape == found.false.shape == (n,)
    assert ("Too few" in found.sentence()) == (n < 3)


def test_true_neighbours_are_exact_or_those_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    X = RNG.standard_normal((120, 8)).astype(np.float32)
    graph = exact_graph(X[:, :2].copy(), 91)
    np.testing.assert_array_equal(true_neighbors(X, graph), near(X))
    monkeypatch.setattr(module, "EXACT_WORK", 120 * 120 * 8 - 1)
    np.testing.assert_array_equal(true_neighbors(X, graph), graph.indices[:, :50])


def test_colours_mix_the_corners() -> None:
    ends = distortion_colors(np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]], float))
    as_hex = ["#" + "".join(f"{round(255 * v):02x}" for v in rgb) for rgb in ends[:4]]
    assert tuple(as_hex) == CORNERS
    np.testing.assert_allclose(ends[4], ends[:4].mean(axis=0))


def test_the_figure_holds_every_map_and_says_what_is_meant() -> None:
    X = RNG.standard_normal((200, 6)).astype(np.float32)
    ids = np.arange(200).astype(str)
    maps = {m: Projection(np.ascontiguousarray(X[:, i : i + 2]), ids, "dense", m, {}, 0) for i, m in enumerate(("pca", "tsne"))}
    maps["umap"] = Projection(np.zeros((200, 2), np.float32), ids, "dense", "umap", {}, 0, note="no map: it is late")
    found = {m: distortion(near(X), near(maps[m].coords)) for m in ("pca", "tsne")}
    display = DistortionDisplay(maps, found, held=0.8)
    assert display.frame().groupby("method").size().to_dict() == {"pca": 200, "tsne": 200}
    row = display.frame().iloc[7]
    assert (row["sample_id"], row["missing"]) == ("7", found["pca"].missing[7] / 15)
    said = display.caption()
    assert "n = 200" in said and "hold 80 % of those of the unreduced ones" in said and "reduced" not in DistortionDisplay(maps, found).caption()
    figure = display.plot()
    assert {"panel-0", "panel-1", "panel-2", "key"} <= {ax.get_gid() for ax in figure.axes}
    assert any("it is late" in text.get_text().replace("\n", " ") for ax in figure.axes for text in ax.texts)
    with pytest.raises(ValueError, match="several maps"):
        display.plot(figure.axes[0])
    empty = DistortionDisplay({"pca": maps["umap"]}, {})
    assert empty.frame().empty and "no map" in empty.caption()
    empty.plot()


def test_a_distortion_is_checked() -> None:
    with pytest.raises(ValueError, match="false"):
        Distortion(np.zeros(3, np.uint8), np.zeros(4, np.uint8), 15, 50)
