"""Units as points: the images that excite them, dead ones, and the output layer's class vectors among the images."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import MadeRun
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import layers as L
from numpy.typing import NDArray
from projector_data import garments, made_up

from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Silent
from fmnist_viz.core.types import LabeledImages, Representation
from fmnist_viz.export.projector import check_folder, write_projector
from fmnist_viz.features import extract as extract_module
from fmnist_viz.features.extract import extract
from fmnist_viz.features.responses import TOP, ResponseCount, UnitResponses, place_means, selectivity, strongest_places
from fmnist_viz.features.shards import LayerFeatures
from fmnist_viz.features.weights import WeightRows, weight_rows
from fmnist_viz.models.layers import choose, layer_table
from fmnist_viz.pipeline.features import Seen, Source
from fmnist_viz.pipeline.shown import Shown
from fmnist_viz.pipeline.units import class_vectors, makes_logits, mosaics, unit_frame, weight_tensor

N = 230
EVIL = ("a\tb", "", "</script><script>", "none", "👢 --> x")


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0])), st.integers(1, 6))
def test_batches_give_what_all_at_once_gives(values: NDArray[np.float32], batch: int) -> None:
    count, order = ResponseCount(), np.random.default_rng(0).permutation(len(values))
    for start in range(0, len(values), batch):
        count.add(values[order[start : start + batch]], order[start : start + batch])
    found = count.result()
    assert found.images == len(values)
    assert found.fired.tolist() == (values > 0).sum(axis=0).tolist()
    for unit, (rows, top) in enumerate(zip(found.top, found.values, strict=True)):
        column = values[:, unit]
        best = [v for v in sorted(column, reverse=True) if v > column.min()][:TOP]
        assert top[top > -np.inf].tolist() == best
        assert column[rows[rows >= 0]].tolist() == best and len(set(rows[rows >= 0].tolist())) == len(best)
        assert found.dead[unit] == (column.max() <= 0 and column.max() == column.min())


def test_a_response_that_is_no_number_is_none() -> None:
    values = np.array([[np.nan, np.nan], [1, np.nan], [2, np.nan]], np.float32)
    found = UnitResponses.of(values)
    assert found.top.tolist() == [[2, -1, -1, -1], [-1] * 4] and found.fired.tolist() == [2, 0]


def test_a_unit_without_a_rectifier_is_not_dead_below_zero() -> None:
    found = UnitResponses.of(np.array([[-1, 0, -3], [-2, 0, -3]], np.float32))
    assert found.dead.tolist() == [False, True, True]


def test_selectivity_is_nought_for_all_alike_and_one_for_a_single_class() -> None:
    means = np.array([[1, 3, 0, 2], [1, 0, 0, -1], [1, 1, 0, 2], [np.nan] * 4])
    assert selectivity(means)[:3].tolist() == [0, pytest.approx((3 - 0.5) / (3 + 0.5)), 0]
    assert np.isnan(selectivity(means)[3]) and np.isnan(selectivity(means[:1])).all()


@pytest.fixture(scope="module")
def images() -> LabeledImages:
    return garments(N)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Unit 2 of `dense` never fires; `linear` has no rectifier; the softmax is a layer of its own."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((28, 28, 1))
    x = L.Conv2D(7, 3, activation="relu", name="conv")(L.Rescaling(1 / 255)(inputs))
    x = L.Flatten()(L.MaxPooling2D(4, name="pool")(x))
    x = L.Dense(6, name="linear")(x)
    x = L.Dense(8, activation="relu", name="dense")(x)
    made = keras.Model(inputs, L.Softmax()(L.Dense(10, name="out")(x)), name="tiny")
    kernel, bias = made.get_layer("dense").get_weights()
    bias[2] = -1e6
    made.get_layer("dense").set_weights([kernel, bias])
    return made


@pytest.fixture(scope="module")
def features(model: keras.Model, images: LabeledImages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, LayerFeatures]:
    """In batches of 16: `conv` is 4,732 wide, so that only its reduction is kept."""
    layers = choose(layer_table(model, images.images[:8].astype(np.float32)), "*")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract_module, "BATCH_BYTES", 1)
        made = extract(model, images, layers, tmp_path_factory.mktemp("units"), query_rows=np.arange(3, N, 5), progress=Silent(), task="features")
    return {name: LayerFeatures(path) for name, path in made.items()}


@pytest.mark.parametrize("name", ["conv", "pool", "linear", "dense"])
def test_the_recorded_images_are_the_models_own_top_images(model: keras.Model, images: LabeledImages, features: dict[str, LayerFeatures], name: str) -> None:
    tap = keras.Model(model.inputs, model.get_layer(name).output)
    output = tap.predict(images.images.astype(np.float32), verbose=0)
    response = output.reshape(N, -1, output.shape[-1]).max(axis=1)
    found = features[name].responses()
    assert found is not None and found.images == N
    for unit in range(response.shape[1]):
        want = np.sort(response[:, unit])[::-1][:TOP]
        rows = found.top[unit]
        np.testing.assert_allclose(found.values[unit][rows >= 0], want[: (rows >= 0).sum()], rtol=1e-4)
        np.testing.assert_allclose(response[rows[rows >= 0], unit], want[: (rows >= 0).sum()], rtol=1e-4)
    assert np.abs(found.fired - (response > 0).sum(axis=0)).max() <= 1
    assert found.dead.tolist() == ([False] * 2 + [True] + [False] * 5 if name == "dense" else [False] * response.shape[1])


def test_places_are_reduced_as_numpy_does(images: LabeledImages) -> None:
    maps = np.random.default_rng(0).normal(size=(5, 9, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(place_means(maps), maps.mean(axis=(1, 2), dtype=np.float64), atol=1e-6)
    np.testing.assert_array_equal(strongest_places(maps), maps.max(axis=(1, 2)))
    assert place_means(maps[:, 0, 0]).tolist() == maps[:, 0, 0].tolist()


def shown_of(model: keras.Model, images: LabeledImages, features: dict[str, LayerFeatures]) -> Shown:
    """What the pipeline hands to the exports, with no maps."""
    vectors = {name: f.vectors() for name, f in features.items()}
    sources = {name: Source(Representation(X, images.sample_ids, name, "activation"), name, lambda: None) for name, X in vectors.items()}
    means = {name: m for name, f in features.items() if (m := f.class_means()) is not None}
    responses = {name: r for name, f in features.items() if (r := f.responses()) is not None}
    seen = Seen([], sources, None, means, "dense", "tiny", responses, vectors["logits"])
    weights = weight_rows(model, means, image_shape=(28, 28, 1))
    return Shown("tiny", "tiny", images, seen, None, {}, {}, {}, weights)


@pytest.fixture(scope="module")
def shown(model: keras.Model, images: LabeledImages, features: dict[str, LayerFeatures]) -> Shown:
    return shown_of(model, images, features)


def of(shown: Shown, name: str) -> WeightRows:
    return next(w for w in shown.weights if w.name == name)


def test_a_dead_unit_is_called_dead_and_a_class_is_its_own_favourite(shown: Shown) -> None:
    frame = unit_frame(of(shown, "dense/kernel"), shown.seen, shown.images)
    assert frame["dead"].tolist() == [False, False, True, *[False] * 5]
    assert (frame["fires"][2], frame["top_images"][2], frame["selectivity"][2]) == (0, "", 0)
    assert ((frame["fires_low"] <= frame["fires"]) & (frame["fires"] <= frame["fires_high"]) & (frame["images"] == N)).all()
    # the softmax is a layer of its own, yet the layer before it makes the classes
    out = of(shown, "out/kernel")
    assert out.output and out.favourite.tolist() == list(range(10))
    best = shown.seen.logits.argmax(axis=0) if shown.seen.logits is not None else np.zeros(0)
    assert unit_frame(out, shown.seen, shown.images)["top_images"].str.split().str[0].tolist() == shown.images.sample_ids[best].tolist()
    assert np.isnan(unit_frame(of(shown, "linear/kernel"), shown.seen, shown.images)["selectivity"]).any()


def test_pictures_are_the_images_best_first_and_a_cross_for_the_dead(shown: Shown, images: LabeledImages, features: dict[str, LayerFeatures]) -> None:
    found = features["dense"].responses()
    assert found is not None
    tiles = mosaics(found, images)
    assert tiles.shape == (8, 56, 56, 1)
    for unit, (y, x, place) in ((0, (0, 0, 0)), (5, (0, 28, 1)), (7, (28, 0, 2)), (1, (28, 28, 3))):
        row = found.top[unit, place]
        want = 255 - images.images[row] if row >= 0 else np.full((28, 28, 1), 240)
        inner = np.s_[1:27, 1:27]
        np.testing.assert_array_equal(tiles[unit, y : y + 28, x : x + 28][inner], want[inner])
    assert set(np.unique(tiles[2]).tolist()) == {240, 150} and (tiles[2, 0, 0, 0], tiles[2, 0, 55, 0]) == (150, 150)
    # where only the reduction of a layer is kept its units have pictures all the same, and first-layer weights show themselves
    assert weight_tensor(of(shown, "linear/kernel"), shown).images is not None
    conv = weight_tensor(of(shown, "conv/kernel"), shown).images
    assert conv is not None and conv.shape == (7, 3, 3, 1)


def test_units_of_a_layer_that_was_not_looked_at_have_no_pictures(shown: Shown) -> None:
    bare = Seen([], shown.seen.sources, None, {}, "dense", "tiny")
    other = Shown("tiny", "tiny", shown.images, bare, None, {}, {}, {}, shown.weights)
    tensor = weight_tensor(of(shown, "dense/kernel"), other)
    assert tensor.images is None and tensor.metadata is not None and "state" not in tensor.metadata.columns
    assert class_vectors(other, np.arange(100)) == []


def test_units_keep_their_pictures_and_numbers_in_the_order_of_the_classes(shown: Shown) -> None:
    weights = of(shown, "dense/kernel")
    tensor = weight_tensor(weights, shown)
    assert tensor.metadata is not None and tensor.images is not None
    units = [int(name.rpartition(" ")[2]) for name in tensor.metadata["unit"]]
    np.testing.assert_array_equal(tensor.representation.X, weights.rows[units])
    found = shown.seen.responses["dense"]
    np.testing.assert_array_equal(tensor.images, mosaics(found, shown.images)[units])
    first = list(dict.fromkeys(weights.favourite[units].tolist()))
    assert [c for c in first if c >= 0] == sorted(set(weights.favourite.tolist()) - {-1})


def test_class_vectors_need_a_kernel_that_makes_the_logits(shown: Shown) -> None:
    rng = np.random.default_rng(0)
    hidden, kernel, bias = rng.normal(size=(50, 7)).astype(np.float32), rng.normal(size=(4, 7)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    logits = hidden @ kernel.T + bias
    assert makes_logits(hidden, kernel, logits)
    assert makes_logits(hidden, kernel, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))  # logarithms of probabilities
    assert not makes_logits(hidden, kernel, logits[::-1])
    assert not makes_logits(hidden, kernel, 2 * logits)
    assert len(class_vectors(shown, np.arange(N))) == 1
    assert class_vectors(shown, np.arange(15)) == []  # fewer than twice as many images as classes


@pytest.mark.parametrize("shape", [(6, 9, 3), (40, 40, 1), (100, 60, 3)])
def test_any_names_and_shapes_keep_the_rules(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    rng, n = np.random.default_rng(0), 60
    labels = np.arange(n) % 5
    some = made_up(rng.integers(0, 256, (n, *shape), dtype=np.uint8), labels, EVIL)
    hidden, kernel = np.maximum(rng.normal(size=(n, 16)), 0).astype(np.float32), rng.normal(size=(5, 16)).astype(np.float32)
    source = Source(Representation(hidden, some.sample_ids, "dense", "activation"), "", lambda: None)
    seen = Seen([], {"dense": source}, None, {"dense": rng.random((5, 16))}, "dense", "m", {"dense": UnitResponses.of(hidden)}, hidden @ kernel.T)
    first = WeightRows("dense/kernel", rng.normal(size=(16, 30)).astype(np.float32), np.arange(16) % 6 - 1, None, "dense")
    weights = [first, WeightRows("out/kernel", kernel, np.arange(5), None, "out", True)]
    shown = Shown("t", "m", some, seen, None, {}, {}, {}, weights)
    from fmnist_viz.export.projector import ProjectorTensor

    tensors = [*class_vectors(shown, np.arange(n)), *(weight_tensor(w, shown) for w in weights)]
    pixels = ProjectorTensor(Representation(some.pixels, some.sample_ids, "pixels", "pixels"))
    table = pd.DataFrame({"label": np.asarray(EVIL, object)[labels]})
    facts = write_projector(tmp_path, samples=[pixels], others=tensors, images=some, metadata=table, rows=np.arange(n))
    assert check_folder(tmp_path) == []
    assert [(t["name"], t["shape"][0]) for t in facts["tensors"]] == [
        ("00_pixels", n), ("c01_dense_class_vectors", n), ("w01_dense_kernel", 16),
    ]  # fmt: skip
    assert [left["shape"][0] for left in facts["skipped"]] == [5]  # fewer than the page's UMAP takes


def tensor_of(folder: Path, name: str) -> tuple[NDArray[np.float32], list[dict[str, str]], dict[str, Any]]:
    """Values, metadata rows and facts as written."""
    facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    with open(folder / f"{name}.tsv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    return np.fromfile(folder / f"{name}.bytes", "<f4").reshape(facts["shape"]), rows, facts


@pytest.mark.run
def test_a_trained_networks_class_vectors_lie_with_their_images(run_folder: MadeRun) -> None:
    folder = run_folder.path / "projector"
    name = next(t["name"] for t in Manifest.load(run_folder.path).stages["projector"]["tensors"] if "class_vectors" in t["name"])
    X, rows, facts = tensor_of(folder, name)
    vectors = np.flatnonzero([row["kind"] == "class vector" for row in rows])
    record = facts["came_reduced"]
    assert len(X) == 600 == record["images"] + record["class_vector_rows"] and vectors.tolist() == list(range(590, 600))
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-3)
    labels = np.array([row["label"] for row in rows])
    assert len(set(labels[vectors])) == 10
    cosines = X[:590] @ X[590:].T
    near = labels[:590][np.argsort(-cosines, axis=0)[:10]]  # the ten images nearest to each class vector
    assert (near == labels[590:]).mean() > 0.8 and ((near == labels[590:]).sum(axis=0) >= 5).all()
    own = (labels[590:][cosines.argmax(axis=1)] == labels[:590]).mean()
    assert own == pytest.approx(record["nearest_is_own_class"], abs=0.002) and record["low"] < own < record["high"] and own > 0.6
    views = json.loads((folder / f"{name}.bookmarks.json").read_text(encoding="utf-8"))
    assert [len(v["projections"][0]) for v in views] == [2, 2, 3] and [len(v["selectedPoints"]) for v in views] == [0, 10, 0]
    assert set(views[1]["selectedPoints"]) == set(vectors.tolist())
    flat = np.array([[p["pca-0"], p["pca-1"]] for p in views[0]["projections"]])
    centred = X - X.mean(axis=0)
    want = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(flat), np.abs(want[0][:, :2] * want[1][:2]), atol=2e-3)


@pytest.mark.run
def test_a_runs_units_show_the_images_that_its_model_answers_most(run_folder: MadeRun) -> None:
    folder, mapped = run_folder.path / "projector", pd.read_csv(run_folder.path / "predictions.csv")["sample_id"]
    everything = garments(10_000).images
    at = mapped.str.partition("/")[2].astype(int).to_numpy()
    model = keras.saving.load_model(run_folder.path / "model.keras", compile=False)
    stage = Manifest.load(run_folder.path).stages["projector"]
    assert [left["shape"][0] for left in stage["skipped"]] == [10]  # the output's units lie among the images, as class vectors
    name = next(t["name"] for t in stage["tensors"] if t["name"].startswith("w"))
    _, rows, _ = tensor_of(folder, name)
    layer = rows[0]["unit"].partition("/")[0]
    answers = keras.Model(model.inputs, model.get_layer(layer).output).predict(everything[at].astype(np.float32), verbose=0)
    values = dict(zip(mapped, answers, strict=True))
    assert len(rows) == answers.shape[1] == 128
    for row in rows:
        unit, ids = int(row["unit"].rpartition(" ")[2]), row["top_images"].split()
        if row["state"] != "alive":
            assert not answers[:, unit].any()
            continue
        np.testing.assert_allclose([values[i][unit] for i in ids], np.sort(answers[:, unit])[::-1][: len(ids)], rtol=1e-3, atol=1e-4)
        assert float(row["fires"]) == pytest.approx((answers[:, unit] > 0).mean(), abs=0.002)
