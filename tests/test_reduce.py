"""Principal components in memory and in one pass, against each other and against what is known exactly."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_viz.data import DataConfig, load
from fmnist_viz.reduce import Reduction, SinglePassPCA, pca, unit_rows


def low_rank(n: int, d: int, *, rank: int = 20, noise: float = 0.02, offset: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    signal = (rng.standard_normal((n, rank)) * np.linspace(3, 1, rank)) @ rng.standard_normal((rank, d)) / np.sqrt(d) * 10
    return (signal + noise * rng.standard_normal((n, d)) + offset).astype(np.float32)


def streamed(X: NDArray[np.float32], components: int, *, block: int = 97, seed: int = 0) -> Reduction:
    model = SinglePassPCA(*X.shape, components, seed=seed)
    for start in range(0, len(X), block):
        model.add(X[start : start + block])
    return model.result()


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of the principal angles between two column spaces."""
    return np.linalg.svd(np.linalg.qr(a.astype(np.float64))[0].T @ np.linalg.qr(b.astype(np.float64))[0])[1]


@pytest.mark.parametrize(("n", "d"), [(300, 40), (40, 300), (50, 50)])
def test_pca_is_the_singular_value_decomposition(n: int, d: int) -> None:
    X = low_rank(n, d, rank=10)
    found = pca(X, 10)
    centered = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(u[:, :10] * s[:10]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.variance, (s**2 / (s**2).sum())[:10], rtol=1e-6)
    np.testing.assert_allclose(found.scores.mean(axis=0), 0, atol=1e-5)
    assert found.scores.dtype == np.float32


def test_all_components_keep_every_distance() -> None:
    X = low_rank(60, 8, rank=8, offset=50)
    scores = pca(X, 8).scores
    for Y in (X, scores):
        assert Y.shape == (60, 8)
    np.testing.assert_allclose(np.linalg.norm(scores[:, None] - scores, axis=2), np.linalg.norm(X[:, None] - X, axis=2), atol=1e-4)


@pytest.mark.parametrize("d", [60, 1030])
def test_a_large_mean_does_not_drown_the_variance(d: int) -> None:
    X = low_rank(d + 50, d, rank=5, noise=0)
    moved, still = pca(X + np.float32(100), 5), pca(X, 5)
    np.testing.assert_allclose(moved.variance, still.variance, rtol=1e-3)
    assert cosines(moved.scores, still.scores).min() > 0.9999


def test_signs_and_bytes_are_the_same_every_time() -> None:
    X = low_rank(200, 30)
    assert pca(X, 5).scores.tobytes() == pca(X.copy(), 5).scores.tobytes()
    a, b = streamed(X, 5), streamed(X, 5)
    assert a.scores.tobytes() == b.scores.tobytes()
    # in the stream's result the entry of largest magnitude is positive
    assert (a.scores[np.abs(a.scores).argmax(axis=0), np.arange(5)] > 0).all()
    # rows in another order are the same axes: a sign cannot hang on chance
    order = np.random.default_rng(0).permutation(200)
    np.testing.assert_allclose(pca(X[order], 5).scores, pca(X, 5).scores[order], atol=1e-3)


@pytest.mark.parametrize(("n", "d", "offset"), [(500, 1500, 0.0), (500, 1500, 100.0), (150, 2000, 0.0), (1200, 300, 0.0)])
def test_one_pass_finds_the_subspace_and_its_variance(n: int, d: int, offset: float) -> None:
    X = low_rank(n, d, offset=offset)
    exact, found = pca(X, 20), streamed(X, 20)
    assert found.scores.shape == (n, 20)
    assert cosines(found.scores, exact.scores).min() > 0.999
    np.testing.assert_allclose(found.variance.sum(), exact.variance.sum(), atol=0.005)
    np.testing.assert_allclose(found.variance[:5], exact.variance[:5], rtol=0.05)
    assert (np.diff(found.variance) <= 0).all()
    np.testing.assert_allclose(found.scores.mean(axis=0), 0, atol=1e-3 * np.abs(found.scores).max())


@pytest.mark.parametrize("components", [30, 100])
def test_one_pass_on_garments_claims_no_more_than_it_holds(components: int) -> None:
    X = load(DataConfig()).test.pixels[:800]
    exact, found = pca(X, components), streamed(X, components)
    centered = X - X.mean(axis=0)
    axes = np.linalg.qr(found.scores.astype(np.float64))[0]
    held = np.square(axes.T @ centered).sum() / np.square(centered).sum()
    assert held < exact.variance.sum()
    assert found.variance.sum() == pytest.approx(held, abs=0.01)
    assert found.variance.sum() > exact.variance.sum() - (0.1 if components == 30 else 0.05)


def test_blocks_of_any_size_give_one_result() -> None:
    X = low_rank(300, 500)
    whole, pieces = streamed(X, 10, block=300), streamed(X, 10, block=7)
    np.testing.assert_allclose(whole.scores, pieces.scores, atol=1e-4 * np.abs(whole.scores).max())
    np.testing.assert_allclose(whole.variance, pieces.variance, rtol=1e-3)


def test_memory_is_that_of_the_sketches_not_of_the_stream() -> None:
    n, d, components = 3000, 6000, 20
    block = np.random.default_rng(0).standard_normal((100, d), dtype=np.float32)
    tracemalloc.start()
    model = SinglePassPCA(n, d, components, seed=0)
    for _ in range(n // len(block)):
        model.add(block)
    model.result()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.35 * n * d * 4  # the rows themselves would be 72 MB
    sketches = SinglePassPCA.memory(n, d, components)
    assert sketches == 4 * (n * (41 + 64) + d * (41 + 83 + 64))
    assert peak < 2 * sketches + 4 * block.nbytes


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e6])
def test_without_variance_there_are_no_components(value: float) -> None:
    X = np.full((40, 300), value, np.float32)
    for found in (pca(X, 5), streamed(X, 5)):
        assert found.scores.shape == (40, 0)
        assert found.variance.shape == (0,)


def test_a_single_row_has_no_components() -> None:
    assert pca(np.ones((1, 5), np.float32), 3).scores.shape == (1, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named_by_the_result(bad: float) -> None:
    X = low_rank(60, 200)
    X[[3, 50], 7] = bad
    scores = streamed(X, 5).scores
    assert np.flatnonzero(~np.isfinite(scores).all(axis=1)).tolist() == [3, 50]


def test_unit_rows() -> None:
    X = np.array([[3, 4], [0, 0], [1e-30, 0], [3e30, -4e30]], np.float32)
    np.testing.assert_allclose(unit_rows(X), [[0.6, 0.8], [0, 0], [1, 0], [0.6, -0.8]], rtol=1e-6)
    assert unit_rows(X).dtype == np.float32
