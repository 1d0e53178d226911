"""`fmnist_viz.project` as a notebook uses it: arrays in, a map that judges, draws and writes itself; odd input ends in a sentence or in one line."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import representation

import fmnist_viz
from fmnist_viz.core.errors import BadInput, UsageError, VizError
from fmnist_viz.core.types import NeighborGraph
from fmnist_viz.data import DataConfig, load
from fmnist_viz.projection.config import METHODS

RNG = np.random.default_rng(0)
QUICK: dict[str, Any] = {"n_iter": 250, "umap_epochs": 20, "threads": 1}


@pytest.fixture(scope="module")
def made() -> fmnist_viz.Map:
    images = load(DataConfig()).test.take(np.arange(300))
    return fmnist_viz.project(images.pixels, "tsne", labels=images.labels, class_names=images.class_names, **QUICK)


def test_a_map_says_what_it_is_and_draws_itself(made: fmnist_viz.Map) -> None:
    assert repr(made).splitlines()[0].startswith("representation, n = 300: t-SNE, perplexity 30, 250 iterations")
    assert made.badge == made.reading == repr(made).splitlines()[1] and made.badge.startswith("Local structure: ")
    assert (made.coords.shape, made.coords.dtype, made.coords.flags.writeable) == ((300, 2), np.float32, False)
    assert made.badge.split(",")[0] in made._repr_html_() and "data:image/png;base64," in made._repr_html_()
    words = " ".join(text.get_text() for text in made.plot().texts)
    assert "Local structure: " in words and "trustworthiness" in words.casefold()


def test_its_table_is_written_as_it_is_read(made: fmnist_viz.Map, tmp_path: Any) -> None:
    frame = made.frame()
    assert list(frame.columns) == ["sample_id", "x", "y", "label", "class", "missing", "false"] and len(frame) == 300
    read = pd.read_csv(made.to_csv(tmp_path / "a.csv"))
    np.testing.assert_array_equal(read[["x", "y"]].to_numpy(np.float32), made.coords)
    np.testing.assert_allclose(read["missing"], made.faithfulness.distortion.shares[:, 0])


def test_parquet_needs_its_extra(made: fmnist_viz.Map, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pyarrow") is not None:
        pd.testing.assert_frame_equal(pd.read_parquet(made.to_parquet(tmp_path / "a.parquet")), made.frame(), check_dtype=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'fmnist-viz\[parquet\]'"):
        made.to_parquet(tmp_path / "b.parquet")
    assert not (tmp_path / "b.parquet").exists()


def test_the_graph_is_made_once_for_equal_vectors(made: fmnist_viz.Map, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_viz.pipeline import vector_graph

    X = np.array(made.vectors.representation.X)
    monkeypatch.setattr(vector_graph, "exact_graph", None)  # calling it would fail
    again = fmnist_viz.project(X, "umap", **QUICK)
    assert again.vectors is made.vectors is fmnist_viz.neighbor_graph(X)
    assert fmnist_viz.project(made.vectors, "umap", **QUICK).coords.tobytes() == again.coords.tobytes()
    with pytest.raises(TypeError):  # other vectors have none yet
        fmnist_viz.project(X + 1, "umap", **QUICK)


def test_a_graph_may_be_given() -> None:
    X = RNG.standard_normal((60, 5))
    graph = fmnist_viz.neighbor_graph(X, k=59)
    own = fmnist_viz.project(X, "umap", **QUICK)
    np.testing.assert_array_equal(fmnist_viz.project(X, "umap", graph=graph, **QUICK).coords, own.coords)
    core = graph.graph(59)
    assert isinstance(core, NeighborGraph)
    np.testing.assert_array_equal(fmnist_viz.project(X, "umap", graph=core, **QUICK).coords, own.coords)
    for wrong, says in ((core.head(5), "holds 5 neighbours"), ("graph", "is no graph"), (fmnist_viz.neighbor_graph(X[:40]), "other vectors")):
        with pytest.raises(VizError, match=says):
            fmnist_viz.project(X, "umap", graph=wrong, **QUICK)


def test_map_faithfulness_and_ladder_take_each_others_results(made: fmnist_viz.Map) -> None:
    assert fmnist_viz.faithfulness(made) is made.faithfulness
    X, labels = made.vectors.representation.X, made.labels
    assert fmnist_viz.faithfulness(X, made, labels).scores == made.scores
    halves = fmnist_viz.faithfulness(made, labels=labels > 4)
    assert halves.overlap.class_names == ("False", "True") and halves.scores["knn_accuracy"] > made.scores["knn_accuracy"]
    other = fmnist_viz.project(X[:, :200], "pca")
    config = fmnist_viz.pipeline.config.MapConfig(n_iter=250)
    climbed = fmnist_viz.ladder({"pixels": made, "left": other}, labels, config=config)
    assert list(climbed.frame()["layer"]) == ["pixels", "left"]
    with pytest.raises(UsageError, match="has its own"):
        fmnist_viz.faithfulness(made, made.coords)


def test_data_frames_and_tensors_are_taken_as_arrays() -> None:
    X = RNG.standard_normal((40, 4)).astype(np.float32)
    frame = pd.DataFrame(X, index=[f"row {i}" for i in range(40)])
    assert list(fmnist_viz.project(frame, "pca").frame()["sample_id"][:2]) == ["row 0", "row 1"]

    class Tensor:  # what PyTorch's does
        dtype = "torch.float32"
        detach = cpu = lambda self: self
        numpy = lambda self: X.reshape(40, 2, 2)  # noqa: E731

    np.testing.assert_array_equal(fmnist_viz.project(Tensor(), "pca").coords, fmnist_viz.project(X.tolist(), "pca").coords)


@pytest.mark.parametrize("method", [*METHODS, "umap-supervised"])
def test_equal_seeds_give_equal_bytes_and_nothing_given_is_written_into(method: str) -> None:
    X, labels = RNG.standard_normal((80, 6)), np.arange(80) % 3
    before, state = X.tobytes(), np.random.get_state()[1].tobytes()
    first, second = (fmnist_viz.project(X, method, labels=labels, seed=4, **QUICK) for _ in range(2))
    assert first.coords.tobytes() == second.coords.tobytes() and first.scores == second.scores
    assert X.tobytes() == before and np.random.get_state()[1].tobytes() == state
    X[:] = 0  # what is remembered is a copy
    assert first.vectors.representation.X.any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [*range(1, 8), 13, 20])
def test_few_rows_of_one_class_and_one_dimension(n: int, method: str) -> None:
    for X in (RNG.standard_normal((n, 1)), np.repeat(RNG.standard_normal((2, 3)), [n - 1, 1], axis=0)):
        made = fmnist_viz.project(X, method, labels=["only"] * n, **QUICK)
        assert made.coords.shape == (n, 2) and np.isfinite(made.coords).all() and len(made.frame()) == n
        assert ("single row" in made.badge) if n == 1 else ("too few rows" in made.badge) if n < 4 else made.badge.startswith("Local structure: ")
        assert made.plot().axes


def test_twenty_thousand_dimensions_stay_within_memory() -> None:
    import tracemalloc

    X = RNG.standard_normal((100, 20_000)).astype(np.float32)
    tracemalloc.start()
    made = fmnist_viz.project(X, "tsne", **QUICK)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.scores["n"] == 100 and peak < 20 * X.nbytes  # a d × d matrix would be 100 times its size


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((40, 4)), "a dead layer"), (np.full((40, 4), 7.0), "a constant layer"),
        (np.where(np.arange(160).reshape(40, 4) == 5, np.nan, 1.0), "not finite"), (np.full((40, 4), np.inf), "not finite"),
    ],
)  # fmt: skip
def test_no_structure_is_a_badge_and_no_cloud(X: Any, says: str) -> None:
    made = fmnist_viz.project(X, "tsne", labels=np.arange(40) % 2)
    assert says in made.badge and says in made._repr_html_() and not made.coords.any() and made.frame()["missing"].isna().all()
    with pytest.raises(BadInput, match="no map to place points on"):
        made.transform(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"method": "isomap"}, "Choose from: pca, tsne, umap, umap-supervised"), ({"perplexity": 0}, "perplexity: 0.0 is out of range"),
        ({"n_neighbors": 1}, "n_neighbors: 1 is out of range"), ({"min_dist": "a"}, "min_dist: 'a' is not a number"), ({"dims": 4}, "Choose from: 2, 3"),
        ({"metric": "manhattan"}, "Take euclidean or cosine"), ({"seed": None}, "no whole number"), ({"seed": 1.5}, "no whole number"),
        ({"labels": [1, 2]}, "expected (30,)"), ({"sample_ids": ["a"]}, "expected (30,)"), ({"pca_dims": -1}, "pca_dims"),
        ({"method": "umap-supervised"}, "Give labels"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_one_line(more: dict[str, Any], says: str) -> None:
    with pytest.raises(VizError) as e:
        fmnist_viz.project(np.eye(30), **more)
    assert says in str(e.value) and "--" not in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("X", [[], [[]], [["a", "b"]], [1, 2, 3], [[1, 2], [3]], [[1j]]])
def test_what_is_no_array_of_numbers_is_one_line(X: Any) -> None:
    with pytest.raises(BadInput):
        fmnist_viz.project(X)


def test_options_are_named() -> None:
    with pytest.raises(TypeError):
        fmnist_viz.project(np.eye(30), "tsne", [0] * 30)  # type: ignore[misc]


def test_a_representation_keeps_its_ids_and_name() -> None:
    rep = representation(RNG.standard_normal((30, 4)))
    made = fmnist_viz.project(rep, "pca", dims=3, metric="cosine")
    assert made.projection.representation == "dense" and made.frame()["sample_id"][3] == "test/3" and made.coords.shape == (30, 3)
