"""The classes of somebody's model and the classes of somebody's folder are matched by name."""

import json

import numpy as np
import pytest

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet, LabeledImages, Source
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.pipeline.classes import known_names, match_classes

MODEL = ("T-shirt/top", "Trouser", "Ankle boot")


def folder(names: tuple[str, ...], kind: str = "folder") -> DataSet:
    labels = np.arange(len(names), dtype=np.int64)
    ids = np.array([f"test/{i}" for i in labels])
    return DataSet(None, LabeledImages(np.zeros((len(names), 2, 2, 1), np.uint8), labels, names, ids, "test", Source(kind, kind, "0")))


def test_a_folder_in_alphabetical_order_takes_the_models_order():
    data, said = match_classes(folder(("Ankle boot", "T-shirt-top", "trouser")), MODEL, "m.keras")
    assert data.class_names == MODEL
    assert data.test.labels.tolist() == [2, 0, 1]
    assert said == ""


def test_unknown_names_are_said_aloud_with_the_order_that_is_assumed():
    data, said = match_classes(folder(("b", "a")), (), "m.keras")
    assert data.class_names == ("b", "a")
    assert "0 = b, 1 = a" in said
    assert "--classes" in said


def test_numbered_sources_need_no_warning():
    assert match_classes(folder(("0", "1"), "idx"), (), "m.keras")[1] == ""


@pytest.mark.parametrize("names", [("T-shirt/top", "Trouser", "Bag"), ("T-shirt/top", "Trouser"), ("Trouser", "trouser", "Ankle boot")])
def test_other_classes_are_refused(names):
    with pytest.raises(BadInput, match="--classes"):
        match_classes(folder(names), MODEL, "m.keras")


def test_names_come_from_the_option_or_from_the_run_that_holds_the_file(tmp_path):
    assert known_names(tmp_path / "m.keras", "a, b") == ("a", "b")
    assert known_names(tmp_path / "m.keras", "") == ()
    (tmp_path / "manifest.json").write_text(json.dumps({"about": {"data": {"class_names": MODEL}}}))
    assert known_names(tmp_path / "m.keras", "") == MODEL


@pytest.mark.parametrize(("n", "k"), [(300, 299), (1000, 999), (1200, 700)])
def test_a_graph_of_nearly_all_points_is_still_exact(n, k):
    """The accelerated search repeats indices where k comes close to n."""
    X = np.random.default_rng(0).standard_normal((n, 10)).astype(np.float32)
    graph = exact_graph(X, k)
    assert all(len(set(row)) == k and i not in row for i, row in enumerate(graph.indices.tolist()))
    brute = np.linalg.norm(X[:, None].astype(np.float64) - X[None], axis=2)
    np.fill_diagonal(brute, np.inf)
    np.testing.assert_allclose(graph.distances, np.sort(brute, axis=1)[:, :k], rtol=1e-4)
