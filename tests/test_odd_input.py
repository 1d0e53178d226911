"""Vectors without structure end in a sentence, not in a crash or a cloud; odd but real structure is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import QUICK, draw, representation
from numpy.typing import NDArray

from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.caption import caption, parameter_text, reading
from fmnist_viz.projection.config import METHODS, MapConfig
from fmnist_viz.projection.project import TOO_FEW, graph_size, initial_coords

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.full((50, 4), 3.0), "no structure: every row is the same (a constant layer)"),
        (np.zeros((50, 4)), "no structure: all activations are 0 (a dead layer)"),
        (np.where(RNG.random((50, 4)) < 0.5, -0.0, 0.0), "no structure: all activations are 0 (a dead layer)"),
        (3 + 1e-7 * RNG.standard_normal((50, 4)), "no structure: every row is the same (a constant layer)"),
        (np.vstack([RNG.standard_normal((49, 4)), [[0, np.nan, 0, 0]]]), "no map: 1 rows hold values that are not finite (first: row 49)"),
        (np.vstack([[[np.inf] * 4], RNG.standard_normal((49, 4))]), "no map: 1 rows hold values that are not finite (first: row 0)"),
        (RNG.standard_normal((50, 4)) * 1e30, "no map: values reach"),
        (RNG.standard_normal((50, 4)) * 1e-30, "no map: values differ by"),
        (np.ones((1, 4)), "no map: a single row (n = 1) has no neighbours"),
    ],
    ids=["constant", "dead", "minus zero", "rounding", "nan", "inf", "huge", "tiny", "one row"],
)
def test_without_structure_there_is_a_note_and_no_cloud(X: NDArray[np.float64], says: str, metric: str, method: str) -> None:
    made = draw(X, method, replace(QUICK, metric=metric))
    assert made.note.startswith(says)
    assert not made.coords.any()
    assert reading(made) == made.note
    assert made.note in caption(made)


def test_cosine_without_different_directions_has_no_map() -> None:
    X = np.arange(1, 51)[:, None] * np.ones((1, 4))
    assert draw(X, "tsne", replace(QUICK, metric="cosine")).note == "no structure: every row points the same way"
    assert not draw(X, "tsne").note


ODD = {
    "every row twice": np.repeat(RNG.standard_normal((40, 5)), 2, axis=0),
    "three quarters one point": np.vstack([np.zeros((150, 6)), RNG.standard_normal((50, 6))]),
    "one dimension": RNG.standard_normal((80, 1)),
    "two points only": np.repeat(np.eye(2), 60, axis=0),
    "one far away": np.vstack([RNG.standard_normal((79, 3)), [[1e6, 1e6, 1e6]]]),
    "constant features": np.hstack([RNG.standard_normal((80, 2)), np.ones((80, 30))]),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ODD)
def test_odd_but_real_structure_is_drawn(name: str, method: str) -> None:
    for metric in ("euclidean", "cosine"):
        made = draw(ODD[name], method, replace(QUICK, metric=metric))
        assert not made.note
        assert np.isfinite(made.coords).all()
        assert made.coords.std(axis=0).max() > 0


def test_duplicates_are_counted_and_said() -> None:
    made = draw(ODD["every row twice"], "pca")
    assert made.parameters["duplicates"] == 40
    assert "40 duplicate rows" in parameter_text(made)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 12, 20])
def test_few_rows(n: int, method: str) -> None:
    made = draw(RNG.standard_normal((n, 5)), method)
    assert made.coords.shape == (n, 2)
    assert np.isfinite(made.coords).all()
    if n == 1:
        assert "single row" in made.note
    elif n < TOO_FEW and method != "pca":
        assert made.note == f"too few rows (n = {n}) for this method; at least 4 are needed"
    else:
        assert not made.note
        assert made.parameters.get("lowered", "") == {"pca": "", "tsne": f"perplexity 30 → {(n - 1) / 3:.3g}", "umap": f"neighbours 15 → {n - 1}"}[method] * (
            method != "umap" or n <= 15
        )


def test_zero_rows_have_no_angle() -> None:
    X = RNG.standard_normal((60, 5))
    X[:3] = 0
    made = draw(X, "tsne", replace(QUICK, metric="cosine"))
    assert made.parameters["metric"] == "euclidean"
    assert "3 rows are zero and have no angle: euclidean instead of cosine" in caption(made)


def test_a_reduced_layer_of_unit_rows_is_not_scaled_again() -> None:
    rep = representation(RNG.standard_normal((60, 5)), raw_width=9000, transform={"unit_rows": True, "zero_rows": 0, "explained_variance": 0.5})
    base = basis(rep, metric="cosine")
    assert (base.metric, base.facts) == ("cosine", {})
    np.testing.assert_allclose(exact_graph(base.X, 5).distances, exact_graph(rep.X, 5).distances, rtol=1e-3)
    # shares are of the raw layer's variance, of which the reduction holds half
    assert sum(base.variance) == pytest.approx(0.5, abs=1e-5)
    zeros = basis(representation(rep.X, raw_width=9000, transform={"unit_rows": True, "zero_rows": 2}), metric="cosine")
    assert zeros.metric == "cosine"
    assert "2 rows are zero" in zeros.facts["metric_note"]


def test_a_reduced_constant_layer_is_not_called_dead() -> None:
    rep = representation(np.zeros((60, 1)), raw_width=9000)
    assert basis(rep).note == "no structure: every row is the same (a constant layer)"


def test_the_graph_is_large_enough_for_everybody() -> None:
    assert graph_size(MapConfig(), 10_000) == 91
    assert graph_size(MapConfig(perplexity=50), 10_000) == 151
    assert graph_size(MapConfig(n_neighbors=200), 10_000) == 200
    assert graph_size(MapConfig(), 20) == 19


def test_missing_components_of_the_start_are_small_noise() -> None:
    init = initial_coords(basis(representation(ODD["one dimension"])), 3, seed=0)
    assert init.shape == (80, 3)
    assert 0 < init[:, 1:].std() < 0.01 * init[:, 0].std()
