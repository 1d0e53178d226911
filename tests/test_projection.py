"""From vectors to maps: the libraries are really given what is said, nothing is written into, and no input is too odd."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from drawn import QUICK, representation
from numpy.typing import NDArray

from fmnist_viz.core.types import NeighborGraph
from fmnist_viz.neighbors import exact_graph, fast_path, reference_distances
from fmnist_viz.projection import tsne as tsne_module
from fmnist_viz.projection.basis import Basis, basis
from fmnist_viz.projection.config import METHODS
from fmnist_viz.projection.faithfulness import faithfulness, map_neighbors
from fmnist_viz.projection.project import initial_coords, layout
from fmnist_viz.projection.umap import load_umap, umap
from fmnist_viz.projection.votes import knn_correct
from fmnist_viz.projection.yardstick import Yardstick

RNG = np.random.default_rng(0)
needs_intelex = pytest.mark.skipif(not fast_path(), reason="scikit-learn-intelex is not installed")


@dataclass(frozen=True)
class Planted:
    """Five groups of 60 in 20 dimensions, well apart."""

    basis: Basis
    graph: NeighborGraph
    labels: NDArray[np.int64]


@pytest.fixture(scope="module")
def planted() -> Planted:
    labels = np.repeat(np.arange(5), 60)
    X = RNG.normal(scale=4, size=(5, 20))[labels] + RNG.normal(size=(300, 20))
    base = basis(representation(X))
    return Planted(base, exact_graph(base.X, 91), labels)


# what the libraries are given


@needs_intelex
def test_the_accelerated_tsne_was_really_taken(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.manifold import TSNE as Plain
    from sklearnex.manifold import TSNE

    # only the accelerated path keeps the start under this name: scikit-learn's own model, and a fallback to it, do not
    assert not hasattr(Plain(init="random", max_iter=250).fit(planted.basis.X[:40]), "_init")
    assert hasattr(TSNE(init="random", max_iter=250).fit(planted.basis.X[:40]), "_init")
    calls, real = [], TSNE._daal_tsne
    monkeypatch.setattr(TSNE, "_daal_tsne", lambda self, *a, **k: calls.append(1) or real(self, *a, **k))
    _, used, _ = layout(planted.basis, planted.graph, "tsne", config=QUICK, seed=0, threads=1)
    assert calls == [1]
    assert used["implementation"].startswith("scikit-learn-intelex 20")


@needs_intelex
def test_a_silent_fallback_to_scikit_learn_is_an_error(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.manifold
    import sklearnex.manifold

    monkeypatch.setattr(sklearnex.manifold, "TSNE", sklearn.manifold.TSNE)
    with pytest.raises(RuntimeError, match="fell back"):
        layout(planted.basis, planted.graph, "tsne", config=QUICK, seed=0, threads=1)


@needs_intelex
@pytest.mark.parametrize("duplicates", [False, True])
def test_tsne_computes_with_exactly_the_given_neighbours(planted: Planted, monkeypatch: pytest.MonkeyPatch, duplicates: bool) -> None:
    from sklearnex.manifold import TSNE

    module = sys.modules[TSNE._daal_tsne.__module__]
    probabilities, descend, given = module._joint_probabilities_nn, TSNE._daal_tsne, list[Any]()
    monkeypatch.setattr(module, "_joint_probabilities_nn", lambda d, perplexity, verbose: given.append(d.copy()) or probabilities(d, perplexity, verbose))
    monkeypatch.setattr(TSNE, "_daal_tsne", lambda self, P, n, X_embedded: given.append(X_embedded.copy()) or descend(self, P, n, X_embedded))
    base, graph = planted.basis, planted.graph
    if duplicates:
        base = basis(representation(np.repeat(planted.basis.X[::2], 2, axis=0)))
        graph = exact_graph(base.X, 91)
    _, used, _ = layout(base, graph, "tsne", config=replace(QUICK, perplexity=10), seed=0, threads=1)
    matrix, start = given
    # 3 * 10 + 1 neighbours, the nearest among them, the point itself not
    assert used["k"] == 31
    assert (np.diff(matrix.indptr) == 31).all()
    np.testing.assert_array_equal(np.sort(matrix.indices.reshape(300, 31), axis=1), np.sort(graph.indices[:, :31], axis=1))
    np.testing.assert_allclose(np.sort(matrix.data.reshape(300, 31), axis=1), graph.distances[:, :31] ** 2, rtol=1e-6)
    assert start[:, 0].std() == pytest.approx(1e-4, rel=1e-3)
    assert abs(np.corrcoef(start[:, 0], base.X[:, 0])[0, 1]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
def test_opentsne_stands_in(planted: Planted, monkeypatch: pytest.MonkeyPatch, dims: int) -> None:
    if dims == 2:
        monkeypatch.setattr(tsne_module, "fast_path", lambda: False)
    coords, used, note = layout(planted.basis, planted.graph, "tsne", config=replace(QUICK, dims=dims), seed=0, threads=1)
    assert used["implementation"].startswith("openTSNE ")
    assert (coords.shape, coords.dtype, note) == ((300, dims), np.float32, "")
    assert knn_correct(map_neighbors(coords, 10), planted.labels).mean() > 0.95


@pytest.mark.parametrize("n_neighbors", [2, 15, 40])
def test_umap_gets_exactly_its_neighbours(planted: Planted, monkeypatch: pytest.MonkeyPatch, n_neighbors: int) -> None:
    library = load_umap()
    real, given = library.fuzzy_simplicial_set, []

    def spy(X: Any, k: int, random: Any, metric: str, **more: Any) -> Any:
        given.append((k, more["knn_indices"].copy(), more["knn_dists"].copy()))
        before = library.compute_membership_strengths
        rows, _, values, _ = before(more["knn_indices"], more["knn_dists"], *library.smooth_knn_dist(more["knn_dists"], float(k)))
        given.append(np.bincount(rows[values > 0], minlength=len(X)))
        return real(X, k, random, metric, **more)

    monkeypatch.setattr(library, "fuzzy_simplicial_set", spy)
    _, used, _ = layout(planted.basis, planted.graph, "umap", config=replace(QUICK, n_neighbors=n_neighbors), seed=0, threads=1)
    k, indices, distances = given[0]
    assert k == n_neighbors == used["n_neighbors"]
    assert used["k"] == n_neighbors - 1
    assert indices.shape == distances.shape == (300, n_neighbors)
    np.testing.assert_array_equal(indices[:, 0], np.arange(300))
    np.testing.assert_array_equal(indices[:, 1:], planted.graph.indices[:, : n_neighbors - 1])
    # before symmetrisation a row holds its neighbours, not itself; far ones may round to nothing
    assert given[1].max() == n_neighbors - 1
    assert np.median(given[1]) == n_neighbors - 1


def test_umap_does_not_import_tensorflow() -> None:
    code = """
import sys
from fmnist_viz.projection.umap import load_umap
assert load_umap().fuzzy_simplicial_set
assert "tensorflow" not in sys.modules, "imported"
from importlib.util import find_spec
assert find_spec("tensorflow"), "hidden for good"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# promises of every method


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dims", [2, 3])
def test_nothing_that_is_given_is_written_into(planted: Planted, method: str, dims: int) -> None:
    arrays = (planted.basis.X, planted.graph.indices, planted.graph.distances)
    before = [a.tobytes() for a in arrays]
    layout(planted.basis, planted.graph, method, config=replace(QUICK, dims=dims), seed=0, threads=1)
    assert [a.tobytes() for a in arrays] == before


def test_the_start_is_not_written_into(planted: Planted) -> None:
    init = initial_coords(planted.basis, 2, seed=0)
    before = init.tobytes()
    tsne_module.tsne(planted.graph, init, perplexity=20, n_iter=250, seed=0, threads=1)
    umap(planted.graph, init, n_neighbors=15, min_dist=0.1, n_epochs=20, seed=0)
    assert init.tobytes() == before
    assert not np.shares_memory(init, planted.basis.X)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threads", [1, 2])
def test_equal_seeds_give_equal_bytes(planted: Planted, method: str, threads: int) -> None:
    def coords(seed: int) -> bytes:
        return layout(planted.basis, planted.graph, method, config=QUICK, seed=seed, threads=threads)[0].tobytes()

    assert coords(3) == coords(3)
    if method == "umap":
        assert coords(3) != coords(4)


@pytest.mark.parametrize("method", METHODS)
def test_planted_groups_stay_apart(planted: Planted, method: str) -> None:
    coords, used, note = layout(planted.basis, planted.graph, method, config=QUICK, seed=0, threads=1)
    assert not note
    assert used["seconds"] >= 0
    assert knn_correct(map_neighbors(coords, 10), planted.labels).mean() > (0.8 if method == "pca" else 0.98)


@pytest.mark.parametrize("fast", [True, False], ids=["intelex", "openTSNE"])
@pytest.mark.parametrize("n_iter", [250, 750])
@pytest.mark.parametrize("n", [30, 400])
def test_tsne_keeps_neighbours_of_few_points_in_few_steps(n: int, n_iter: int, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if fast and not fast_path():
        pytest.skip("scikit-learn-intelex is not installed")
    monkeypatch.setattr(tsne_module, "fast_path", lambda: fast)
    X = np.random.default_rng(n).standard_normal((n, 5)).astype(np.float32)
    base = basis(representation(X))
    coords, _, _ = layout(base, exact_graph(base.X, min(91, n - 1)), "tsne", config=replace(QUICK, n_iter=n_iter), seed=0, threads=1)
    scores = faithfulness(coords, None, Yardstick(reference_distances(X, np.arange(n))))
    assert scores["trustworthiness"] > {30: 0.75, 400: 0.88}[n]
    assert scores["recall"] > {30: 0.65, 400: 0.4}[n]


def test_pca_map_is_the_leading_components(planted: Planted) -> None:
    coords, used, _ = layout(planted.basis, planted.graph, "pca", config=QUICK, seed=0, threads=1)
    np.testing.assert_array_equal(coords, planted.basis.X[:, :2])
    assert used["variance"] == list(planted.basis.variance)
    assert len(planted.basis.variance) == 10
    assert 0 < sum(planted.basis.variance) <= 1


def test_warming_up_needs_nothing() -> None:
    importlib.import_module("fmnist_viz.projection.umap").warm_up()
