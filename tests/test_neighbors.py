"""Neighbours against brute force in double precision, and recall on graphs made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from fmnist_viz import neighbors
from fmnist_viz.core.types import NeighborGraph, ReferenceDistances
from fmnist_viz.data import DataConfig, load
from fmnist_viz.neighbors import exact_graph, exact_neighbors, graph_recall, nearest, overlap, query_distances, reference_distances

RNG = np.random.default_rng(0)


def clumps(d: int) -> NDArray[np.float32]:
    """Tight groups far from the origin: where |a|² + |b|² - 2ab fails in single precision."""
    centers = RNG.normal(scale=60, size=(12, d))
    return (np.repeat(centers, 40, axis=0) + RNG.normal(scale=0.01, size=(480, d))).astype(np.float32)


CASES = {
    "noise": RNG.standard_normal((300, 20)).astype(np.float32),
    "a far corner": (RNG.standard_normal((300, 20)) + 1000).astype(np.float32),
    "clumps in 50": clumps(50),
    "clumps on a map": clumps(2),
    "one dimension": RNG.standard_normal((300, 1)).astype(np.float32),
    "every row twice": np.repeat(RNG.standard_normal((150, 8)), 2, axis=0).astype(np.float32),
    "more duplicates than neighbours": np.vstack([np.ones((60, 8)), RNG.standard_normal((100, 8))]).astype(np.float32),
    "the same on a map": np.vstack([np.ones((60, 2)), RNG.standard_normal((100, 2))]).astype(np.float32),
    "one point": np.ones((40, 3), np.float32),
}


@pytest.mark.parametrize("fast", [True, False], ids=["intelex", "scikit-learn"])
@pytest.mark.parametrize("name", CASES)
def test_the_graph_is_brute_force(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if fast and not neighbors.fast_path():
        pytest.skip("scikit-learn-intelex is not installed")
    monkeypatch.setattr(neighbors, "fast_path", lambda: fast)
    X, k = CASES[name], 15
    graph = exact_graph(X, k)
    all_distances = cdist(X.astype(np.float64), X.astype(np.float64))
    own = np.arange(len(X))[:, None]
    held = np.take_along_axis(all_distances, graph.indices, axis=1)
    np.fill_diagonal(all_distances, np.inf)
    np.testing.assert_allclose(graph.distances, np.sort(all_distances, axis=1)[:, :k], rtol=1e-4, atol=1e-6 * np.abs(X).max())
    np.testing.assert_allclose(graph.distances, held, rtol=1e-4, atol=1e-6 * np.abs(X).max())
    assert not (graph.indices == own).any(), "a point is no neighbour of itself"
    assert (np.diff(np.sort(graph.indices, axis=1), axis=1) > 0).all(), "no neighbour twice"
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    assert (graph.distances[held == 0] == 0).all(), "duplicates are at exactly 0"
    assert (graph.indices.dtype, graph.distances.dtype, graph.exact) == (np.int32, np.float32, True)


@pytest.mark.parametrize("name", CASES)
def test_neighbours_without_distances_are_those_of_the_graph(name: str) -> None:
    X = CASES[name]
    far = cdist(X.astype(np.float64), X.astype(np.float64))
    found = exact_neighbors(X, 15)
    assert not (found == np.arange(len(X))[:, None]).any() and found.dtype == np.int32
    of_graph, of_rows = (np.take_along_axis(far, indices, axis=1) for indices in (exact_graph(X, 15).indices, found))
    np.testing.assert_allclose(of_rows, of_graph, rtol=1e-4, atol=1e-6 * np.abs(X).max())


def test_garments(monkeypatch: pytest.MonkeyPatch) -> None:
    X = load(DataConfig()).test.pixels[:600]
    monkeypatch.setattr(neighbors, "BLOCK_BYTES", 1 << 20)  # several blocks
    graph = exact_graph(X, 10)
    all_distances = cdist(X.astype(np.float64), X.astype(np.float64))
    np.fill_diagonal(all_distances, np.inf)
    np.testing.assert_array_equal(np.sort(graph.indices, axis=1), np.sort(np.argsort(all_distances, axis=1)[:, :10], axis=1))
    np.testing.assert_allclose(query_distances(X[:50], X)[:, 50:], all_distances[:50, 50:], rtol=1e-5)


def test_more_neighbours_than_points() -> None:
    assert exact_graph(np.eye(4, dtype=np.float32), 91).indices.shape == (4, 3)
    assert exact_graph(np.eye(1, dtype=np.float32), 1).indices.shape == (1, 0)


def test_a_graph_gives_read_only_views_and_writable_copies() -> None:
    graph = exact_graph(CASES["noise"], 10)
    with pytest.raises(ValueError, match="read-only"):
        graph.indices[0, 0] = 1
    assert graph.head(3).indices.tolist() == graph.indices[:, :3].tolist()
    with pytest.raises(ValueError, match="holds 10 neighbours, 11 wanted"):
        graph.head(11)
    indices, distances = graph.with_self(4)
    assert indices[:, 0].tolist() == list(range(300))
    assert (distances[:, 0] == 0).all()
    assert indices[:, 1:].tolist() == graph.indices[:, :3].tolist()
    indices[:] = -1
    distances[:] = -1
    assert graph.indices.min() >= 0
    assert graph.distances.min() > 0


@pytest.mark.parametrize("offset", [0.0, 100.0, 1000.0])
def test_query_distances_are_those_of_cdist(offset: float) -> None:
    X = (RNG.standard_normal((500, 60)) + offset).astype(np.float32)
    want = cdist(X[:40].astype(np.float64), X.astype(np.float64))
    found = query_distances(X[:40], X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[want > 0], want[want > 0], rtol=1e-4)
    assert found[want == 0].max() < 0.01


def test_query_distances_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    X = CASES["noise"]
    whole = query_distances(X[:20], X)
    monkeypatch.setattr(neighbors, "BLOCK_BYTES", 8 * 20 * 33)
    np.testing.assert_allclose(query_distances(X[:20], X), whole, rtol=1e-5, atol=1e-3)
    pieces = np.hstack([query_distances(X[:20], part) for part in np.array_split(X, 7)])
    np.testing.assert_allclose(pieces, whole, rtol=1e-5, atol=1e-3)


def line_reference() -> ReferenceDistances:
    """Five points on a line at 0, 1, 3, 6, 10; the queries are the points 0 and 2."""
    x = np.array([[0], [1], [3], [6], [10]], np.float32)
    return reference_distances(x, np.array([0, 2]))


def test_nearest_leaves_the_query_out() -> None:
    assert nearest(line_reference(), 3).tolist() == [[1, 2, 3], [1, 0, 3]] or nearest(line_reference(), 3)[1, 1:].tolist() == [3, 0]
    assert nearest(line_reference(), 99).shape == (2, 4)


@pytest.mark.parametrize(
    ("first", "third", "k", "recall"),
    [
        ([1, 2], [1, 0], 1, [1.0, 1.0]),
        ([2, 1], [3, 1], 1, [0.0, 0.0]),
        ([2, 1], [3, 4], 2, [1.0, 0.5]),
        ([3, 4], [4, 4], 2, [0.0, 0.0]),
        ([2, 1], [3, 4], 15, [1.0, 0.5]),  # no more than the graph holds
    ],
)
def test_recall_of_graphs_made_by_hand(first: list[int], third: list[int], k: int, recall: list[float]) -> None:
    rows = [first, [0, 2], third, [2, 4], [3, 2]]
    graph = NeighborGraph(np.array(rows, np.int32), np.ones((5, 2), np.float32), "euclidean")
    reference = line_reference()
    # 3 lies as far from 0 as from 6: count the tie as the yardstick has it
    if k > 1:
        tie = set(nearest(reference, 2)[1].tolist())
        recall = [recall[0], len(tie & set(third)) / 2]
    assert graph_recall(graph, reference.queries, nearest(reference, min(k, graph.k))).tolist() == recall


def test_overlap_counts_sets_not_places() -> None:
    assert overlap(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 1, 9], [7, 8, 9]])).tolist() == [2 / 3, 0]


def test_an_exact_graph_of_the_unreduced_space_has_recall_one() -> None:
    X = CASES["noise"]
    queries = np.arange(0, 300, 7)
    assert graph_recall(exact_graph(X, 20), queries, nearest(reference_distances(X, queries), 15)).mean() == 1


# approximate graphs


def test_an_approximate_graph_says_truthfully_how_much_it_holds() -> None:
    X = np.random.default_rng(5).standard_normal((1200, 12)).astype(np.float32)
    X[:40] = X[40]  # more duplicates than neighbours
    graph = neighbors.approximate_graph(X, 15, seed=1, threads=2)
    assert not graph.exact and graph.indices.shape == (1200, 15)
    assert (graph.indices != np.arange(1200)[:, None]).all()  # the point itself is none of its neighbours
    assert all(len(set(row)) == 15 for row in graph.indices.tolist())
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    true = cdist(X, X)
    np.testing.assert_allclose(graph.distances, np.take_along_axis(true, graph.indices.astype(np.int64), 1), atol=1e-4)

    rows = np.arange(100, 1100, 5)
    np.fill_diagonal(true, np.inf)
    ends = np.sort(true[rows], axis=1)[:, 14:16]
    rows = rows[np.diff(ends)[:, 0] > 1e-6]  # where duplicates tie for the last place there is more than one truth
    assert len(rows) > 150
    wanted = np.argsort(true[rows], axis=1)[:, :15]
    share = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(wanted.tolist(), graph.indices[rows].tolist(), strict=True)])
    measured = neighbors.search_recall(X, graph, rows, 15)
    assert measured.mean() == pytest.approx(share, abs=1e-9) and 0.9 < share <= 1

    # the measure sees what is missing: half of each row replaced by strangers
    broken = graph.indices.copy()
    broken[:, 8:] = (np.arange(1200)[:, None] + np.arange(7) * 97 + 300) % 1200
    assert neighbors.search_recall(X, NeighborGraph(broken, graph.distances, "euclidean", False), rows, 15).mean() < 0.62
    assert neighbors.approximate_graph(X, 15, seed=1, threads=2).indices.tobytes() == graph.indices.tobytes()


@pytest.mark.parametrize(
    ("n", "graph", "exact"), [(100, "approximate", True), (500, "approximate", False), (500, "auto", True), (10**9, "auto", False), (10**9, "exact", True)]
)
def test_when_a_search_is_exact(n: int, graph: str, exact: bool) -> None:
    assert neighbors.searches_exactly(n, graph) is exact
