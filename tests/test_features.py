"""What one pass of real images through a model leaves on disk, against what the model says directly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.progress import Silent
from fmnist_viz.core.types import LabeledImages, Representation
from fmnist_viz.data import DataConfig, load
from fmnist_viz.features import extract as extract_module
from fmnist_viz.features import shards
from fmnist_viz.features.extract import disk_need, extract
from fmnist_viz.features.shards import LayerFeatures, ShardWriter
from fmnist_viz.models.layers import LayerInfo, choose, layer_table
from fmnist_viz.projection.basis import basis

N = 260
QUERIES = np.arange(3, N, 5)


@pytest.fixture(scope="module")
def images() -> LabeledImages:
    return load(DataConfig()).test.take(np.arange(N))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """`conv` is 26 * 26 * 7 = 4,732 wide: more than is kept raw."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    x = L.Rescaling(1 / 255)(inputs)
    x = L.Conv2D(7, 3, activation="relu", name="conv")(x)
    x = L.MaxPooling2D(4, name="pool")(x)
    x = L.Dropout(0.5)(x)
    x = L.Dense(8, activation="relu", name="dense")(L.Flatten()(x))
    return keras.Model(inputs, L.Dense(10, activation="softmax", name="out")(x), name="tiny")


@pytest.fixture(scope="module")
def layers(model: keras.Model, images: LabeledImages) -> list[LayerInfo]:
    return choose(layer_table(model, images.images[:8].astype(np.float32)), "*")


@pytest.fixture(scope="module")
def direct(model: keras.Model, images: LabeledImages) -> dict[str, NDArray[np.float32]]:
    """Every layer's vectors as the model itself gives them."""
    taps = keras.Model(model.inputs, [model.get_layer(name).output for name in ("conv", "pool", "dense", "out")])
    values = taps.predict(images.images.astype(np.float32), verbose=0)
    return {name: value.reshape(N, -1) for name, value in zip(("conv", "pool", "dense", "probabilities"), values, strict=True)}


def go(model: keras.Model, images: LabeledImages, layers: list[LayerInfo], folder: Path, **more: Any) -> dict[str, LayerFeatures]:
    made = extract(model, images, layers, folder, **{"query_rows": QUERIES, "progress": Silent(), "task": "features", **more})
    return {name: LayerFeatures(path) for name, path in made.items()}


@pytest.fixture(scope="module")
def made(model: keras.Model, images: LabeledImages, layers: list[LayerInfo], tmp_path_factory: pytest.TempPathFactory) -> dict[str, LayerFeatures]:
    """In batches of 16 and shards of 100 rows, so that order has every chance to go wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract_module, "BATCH_BYTES", 1)
        patch.setattr(shards, "ROWS", 100)
        return go(model, images, layers, tmp_path_factory.mktemp("features"))


def test_every_representation_is_there(made: dict[str, LayerFeatures]) -> None:
    assert list(made) == ["conv", "pool", "dense", "logits", "probabilities"]
    assert [len(list(f.folder.glob("shard_*.npy"))) for f in made.values()] == [3] * 5


@pytest.mark.parametrize("name", ["pool", "dense", "probabilities"])
def test_vectors_are_the_models_own_in_the_order_of_the_images(made: dict[str, LayerFeatures], direct: dict[str, NDArray[np.float32]], name: str) -> None:
    found = made[name].vectors()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, direct[name], atol=1e-6)
    assert made[name].facts == {"name": name, "raw_width": direct[name].shape[1], "width": direct[name].shape[1], "transform": {}}
    assert made[name].reference() is None


def test_logits_are_what_the_probabilities_come_from(made: dict[str, LayerFeatures], direct: dict[str, NDArray[np.float32]]) -> None:
    e = np.exp(made["logits"].vectors().astype(np.float64))
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), direct["probabilities"], atol=1e-6)
    np.testing.assert_allclose(made["probabilities"].vectors().sum(axis=1), 1, atol=1e-6)


def test_a_wide_layer_is_reduced_and_says_how_well(made: dict[str, LayerFeatures], direct: dict[str, NDArray[np.float32]]) -> None:
    raw, facts = direct["conv"].astype(np.float64), made["conv"].facts
    scores = made["conv"].vectors().astype(np.float64)
    assert (facts["raw_width"], facts["width"], scores.shape) == (4732, 200, (N, 200))
    transform = facts["transform"]
    assert (transform["components"], transform["recall_k"], transform["recall_queries"]) == (200, 15, len(QUERIES))
    centered = raw - raw.mean(axis=0)
    best = (np.linalg.svd(centered, compute_uv=False) ** 2)[:200].sum() / np.square(centered).sum()
    assert transform["explained_variance"] == pytest.approx(best, abs=0.02)
    # recall of raw neighbours, by brute force
    shares = []
    for space in (raw, scores):
        d = cdist(space[QUERIES], space)
        d[np.arange(len(QUERIES)), QUERIES] = np.inf
        shares.append(np.argsort(d, axis=1)[:, :15])
    want = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(*shares, strict=True)])
    assert transform["neighbour_recall"] == pytest.approx(want, abs=0.01)
    assert want > 0.85


def test_the_yardstick_of_a_reduced_layer_is_its_raw_vectors(made: dict[str, LayerFeatures], direct: dict[str, NDArray[np.float32]]) -> None:
    reference = made["conv"].reference()
    assert reference is not None
    raw = direct["conv"].astype(np.float64)
    assert reference.queries.tolist() == QUERIES.tolist()
    want = cdist(raw[QUERIES], raw)
    np.testing.assert_allclose(reference.distances[want > 0], want[want > 0], rtol=1e-4)
    assert reference.distances[want == 0].max() < 0.01 * want.mean()


def test_of_many_rows_a_wide_layer_is_judged_by_fewer_queries_drawn_from_all(
    model: keras.Model, images: LabeledImages, layers: list[LayerInfo], direct: dict[str, NDArray[np.float32]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_module, "REFERENCE_VALUES", 20 * N + 5)
    made = go(model, images, layers, tmp_path / "features")
    reference = made["conv"].reference()
    assert reference is not None and reference.distances.shape == (20, N) and made["dense"].reference() is None
    assert set(reference.queries) < set(QUERIES) and reference.queries.max() > QUERIES[len(QUERIES) // 2]  # not the first of them
    raw = direct["conv"].astype(np.float64)
    want = cdist(raw[reference.queries], raw)
    np.testing.assert_allclose(reference.distances[want > 0], want[want > 0], rtol=1e-4)
    assert made["conv"].facts["transform"]["recall_queries"] == 20
    np.testing.assert_allclose(made["dense"].vectors(), direct["dense"], rtol=1e-5, atol=1e-6)
    assert not (tmp_path / "features" / "layer_000" / "distances").exists()


def test_class_means(made: dict[str, LayerFeatures], direct: dict[str, NDArray[np.float32]], images: LabeledImages) -> None:
    for name, units in (("dense", direct["dense"]), ("conv", direct["conv"].reshape(N, -1, 7).mean(axis=1))):
        found = made[name].class_means()
        assert found is not None
        for c in range(10):
            np.testing.assert_allclose(found[c], units[images.labels == c].mean(axis=0), rtol=1e-4, atol=1e-6)
    assert made["logits"].class_means() is None


def test_raw_vectors_are_kept_on_demand(model: keras.Model, images: LabeledImages, layers: list[LayerInfo], direct: dict[str, Any], tmp_path: Path) -> None:
    said: list[str] = []

    class Screen(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    found = go(model, images, layers[:1], tmp_path, keep_raw=True, progress=Screen(), outputs=False)
    assert list(found) == ["conv"]
    assert said == [f"conv: keeping the raw vectors, {N * 4732 * 4:,} bytes"]
    raw = np.concatenate([np.load(p) for p in sorted((tmp_path / "layer_000" / "raw").glob("shard_*.npy"))])
    order = np.load(tmp_path / "layer_000" / "order.npy")
    assert order[: len(QUERIES)].tolist() == QUERIES.tolist()
    np.testing.assert_allclose(raw, direct["conv"][order], atol=1e-6)


def test_pooled_maps_are_the_means_of_their_channels(
    model: keras.Model, images: LabeledImages, layers: list[LayerInfo], direct: dict[str, Any], tmp_path: Path
) -> None:
    found = go(model, images, layers, tmp_path, pool="average", outputs=False)
    np.testing.assert_allclose(found["conv"].vectors(), direct["conv"].reshape(N, -1, 7).mean(axis=1), rtol=1e-4, atol=1e-6)
    assert found["conv"].facts == {"name": "conv", "raw_width": 7, "width": 7, "transform": {"pool": "average"}}
    np.testing.assert_allclose(found["dense"].vectors(), direct["dense"], atol=1e-6)
    assert found["dense"].facts["transform"] == {}


def test_under_cosine_it_is_unit_rows_that_are_reduced(
    model: keras.Model, images: LabeledImages, layers: list[LayerInfo], direct: dict[str, Any], tmp_path: Path
) -> None:
    found = go(model, images, layers[:1], tmp_path, metric="cosine", outputs=False)["conv"]
    raw = direct["conv"].astype(np.float64)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    reference = found.reference()
    assert reference is not None
    want = cdist(unit[QUERIES], unit)
    np.testing.assert_allclose(reference.distances[want > 0.01], want[want > 0.01], rtol=1e-3)
    transform = found.facts["transform"]
    assert (transform["unit_rows"], transform["zero_rows"]) == (True, 0)
    assert transform["neighbour_recall"] > 0.85
    # the distances that maps are made from are chords, too
    base = basis(Representation(found.vectors(), images.sample_ids, "conv", "activation", raw_width=4732, transform=transform), metric="cosine", pca_dims=0)
    assert base.metric == "cosine"
    chords = cdist(base.X[QUERIES], base.X)
    assert np.corrcoef(chords.ravel(), want.ravel())[0, 1] > 0.995


@pytest.mark.parametrize("factor", [0.0, np.nan])
def test_wide_layers_without_structure_end_in_a_note(images: LabeledImages, tmp_path: Path, factor: float) -> None:
    inputs = keras.Input((28, 28, 1))
    x = L.Conv2D(7, 3, name="conv", kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(factor))(inputs)
    broken = keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(x)))
    info = LayerInfo("conv", "Conv2D", (26, 26, 7), 70)
    found = go(broken, images, [info], tmp_path, outputs=False)["conv"]
    facts = found.facts
    assert facts["transform"]["components"] == 0
    assert facts["transform"]["neighbour_recall"] is None
    note = basis(Representation(found.vectors(), images.sample_ids, "conv", "activation", raw_width=4732, transform=facts["transform"])).note
    assert note.startswith("no structure: every row is the same" if factor == 0 else f"no map: {N} rows hold values that are not finite")
    json.dumps(facts, allow_nan=False)


# what is refused


def test_too_much_disk_is_refused_before_anything_is_written(model: keras.Model, images: LabeledImages, layers: list[LayerInfo], tmp_path: Path) -> None:
    need = disk_need([4732, 252, 8], N, len(QUERIES), keep_raw=False)
    assert need == N * 4 * (200 + len(QUERIES) + 252 + 8)
    assert disk_need([4732], N, 0, keep_raw=True) == N * 4 * 4932
    with pytest.raises(ResourceError, match=r"3 layers of 260 images: would need 0.000532 GB of disk, --max-disk allows 0.0005 GB") as caught:
        go(model, images, layers, tmp_path / "features", max_disk=0.0005)
    assert caught.value.exit_code == 5
    assert not (tmp_path / "features").exists()


def test_too_much_memory_is_refused_before_anything_is_written(
    model: keras.Model, images: LabeledImages, layers: list[LayerInfo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_module, "SKETCH_BYTES", 1000)
    with pytest.raises(ResourceError, match=r"conv: would need .* of memory to reduce.* --pool average"):
        go(model, images, layers, tmp_path / "features")
    assert not (tmp_path / "features").exists()
    go(model, images, layers, tmp_path / "features", pool="average", outputs=False)


def test_a_model_of_other_classes_is_refused(images: LabeledImages, tmp_path: Path) -> None:
    inputs = keras.Input((28, 28, 1))
    with pytest.raises(BadInput, match="has 3 outputs, the data has 10 classes"):
        go(keras.Model(inputs, L.Dense(3)(L.Flatten()(inputs))), images, [], tmp_path)


# models that end oddly, pixels that are scaled


class OwnSoftmax(L.Layer):
    """A softmax that nothing tells from outside."""

    def call(self, x: Any) -> Any:
        e = keras.ops.exp(x - keras.ops.max(x, axis=-1, keepdims=True))
        return e / keras.ops.sum(e, axis=-1, keepdims=True)


@pytest.mark.parametrize("linear", [True, False])
def test_probabilities_are_the_models_however_it_ends(images: LabeledImages, tmp_path: Path, linear: bool) -> None:
    inputs = keras.Input((28, 28, 1))
    z = L.Dense(10, kernel_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=0))(L.Flatten()(inputs))
    model = keras.Model(inputs, z if linear else OwnSoftmax()(z))
    found = go(model, images, [], tmp_path, scale=(1 / 255, 0.0))
    want = model.predict(images.images.astype(np.float32) / 255, verbose=0)
    if linear:
        np.testing.assert_allclose(found["logits"].vectors(), want, rtol=1e-5, atol=1e-5)
        want = np.exp(want) / np.exp(want).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"].vectors(), want, atol=1e-6)


def test_a_class_without_images_has_no_mean(model: keras.Model, images: LabeledImages, layers: list[LayerInfo], tmp_path: Path) -> None:
    few = images.take(np.flatnonzero(images.labels != 6))
    found = go(model, few, layers[2:], tmp_path, query_rows=np.arange(20), outputs=False)["dense"].class_means()
    assert found is not None
    assert np.isnan(found[6]).all()
    assert np.isfinite(np.delete(found, 6, axis=0)).all()


def test_shards_are_full_and_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(50, dtype=np.float32)[:, None] * np.ones((1, 8), np.float32)
    for limit, bytes_, sizes in ((20, 1 << 20, [20, 20, 10]), (20, 7 * 32, [7] * 7 + [1]), (20, 1, [1] * 50)):
        monkeypatch.setattr(shards, "ROWS", limit)
        monkeypatch.setattr(shards, "SHARD_BYTES", bytes_)
        writer = ShardWriter(tmp_path / str(bytes_))
        for part in np.array_split(rows, 4):
            writer.add(part)
        writer.close()
        parts = [np.load(p) for p in sorted((tmp_path / str(bytes_)).glob("*.npy"))]
        assert [len(part) for part in parts] == sizes
        np.testing.assert_array_equal(np.concatenate(parts), rows)
