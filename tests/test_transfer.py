"""The preset vgg19 with random weights on a few small images: what the base is given, that it is asked once, and that nobody takes it for more than it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Done, call
from PIL import Image

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.errors import BadInput, ResourceError, UsageError
from fmnist_viz.core.ledger import read_ledger
from fmnist_viz.core.types import DataSet, LabeledFeatures
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.models import transfer
from fmnist_viz.models.transfer import IMAGENET_MD5, BaseWeights, Preparation, find_weights
from fmnist_viz.pipeline.config import RunConfig
from fmnist_viz.pipeline.transfer import FrozenBase, duration, warning_of
from fmnist_viz.training.config import FitConfig, TransferConfig

SIDE = 32
RANDOM = find_weights("random", "")


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()


@pytest.fixture(scope="module")
def data() -> DataSet:
    """60 training and 40 test images."""
    whole = load(DataConfig(data="sample"))
    assert whole.train is not None
    return DataSet(whole.train.take(np.arange(60)), whole.test.take(np.arange(40)))


class Said:
    """What a person would have seen; `stop_after` steps it is interrupted."""

    def __init__(self, stop_after: int = -1) -> None:
        self.lines: list[str] = []
        self.steps, self.stop_after = 0, stop_after

    def say(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, line: str) -> None:
        self.lines.append(f"warning: {line}")

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        if self.steps == self.stop_after:
            raise KeyboardInterrupt
        self.steps += 1


def base_of(cache: Path, weights: BaseWeights = RANDOM, said: Said | None = None, **options: Any) -> FrozenBase:
    return FrozenBase(Preparation(**{"image_size": SIDE, "preprocess": "fixed", **options}), weights, (28, 28, 1), 2, Cache(cache), said or Said())


def digests(data: DataSet) -> dict[str, str]:
    assert data.train is not None
    return {"train": data.train.digest(), "test": data.test.digest()}


@dataclasses.dataclass(frozen=True)
class Taken:
    base: FrozenBase
    data: DataSet
    cache: Path
    said: Said

    @property
    def features(self) -> np.ndarray[Any, Any]:
        assert isinstance(self.data.train, LabeledFeatures)
        return self.data.train.features


@pytest.fixture(scope="module")
def taken(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """The one base of this module, and its features of all images."""
    cache, said = tmp_path_factory.mktemp("features"), Said()
    base = base_of(cache, said=said)
    return Taken(base, base.features(data, digests(data)), cache, said)


# --- what the base is given -------------------------------------------------------------------------------------------


def prepared(preparation: Preparation, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import keras

    inputs = keras.Input(images.shape[1:])
    return np.asarray(keras.Model(inputs, preparation.layers(inputs))(images.astype(np.float32)))


@pytest.mark.parametrize(("preprocess", "span"), [("article", 1.0), ("fixed", 255.0)])
def test_range_of_what_the_base_is_given(preprocess: str, span: float) -> None:
    """Scaled twice, a channel spans 1 of the 255 values that the network was trained on: next to a constant image."""
    ramp = np.linspace(0, 255, 28 * 28).round().astype(np.uint8).reshape(1, 28, 28, 1)
    given = prepared(Preparation(SIDE, preprocess), ramp)
    ranges = np.ptp(given.reshape(-1, 3), axis=0)
    np.testing.assert_allclose(ranges, span, rtol=1e-4)
    assert given.max() < -102 if preprocess == "article" else given.max() > 150


@pytest.mark.parametrize("side", [32, 48, 150])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_prepared_as_by_pillow_and_keras(side: int, channels: int) -> None:
    """Nearest neighbours as Pillow takes them, then Keras's own preprocessing; at 150 one row and one column lie exactly between two pixels."""
    import keras

    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, channels)).astype(np.uint8)
    colour = np.repeat(images, 3 // channels, axis=3)
    resized = np.stack([np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST)) for image in colour]).astype(np.float32)
    for preprocess, factor in (("fixed", 1.0), ("article", 1 / 255)):
        wanted = keras.applications.vgg19.preprocess_input(resized * np.float32(factor))
        different = ~np.isclose(prepared(Preparation(side, preprocess), images), wanted, atol=1e-3).all(axis=(0, 3))
        rows, columns = different.all(axis=1), different.all(axis=0)
        assert (rows.sum(), columns.sum()) == ((1, 1) if side == 150 else (0, 0))
        assert not different[~rows][:, ~columns].any()


# --- features are taken once ------------------------------------------------------------------------------------------


def test_features_are_taken_once(taken: Taken, data: DataSet) -> None:
    assert taken.features.shape == (60, 512)
    assert taken.features.std() > 0
    assert any("features of 100 images by the frozen VGG19 at 32×32 pixels: about" in line and "0.2 MB" in line for line in taken.said.lines)
    again = base_of(taken.cache)
    seen = again.features(data, digests(data))
    assert [what for _, what in again.cache.log] == ["hit", "hit"]
    assert not again.progress.lines  # type: ignore[attr-defined]
    assert "model" not in vars(again)  # nor was the network built
    assert isinstance(seen.train, LabeledFeatures)
    np.testing.assert_array_equal(seen.train.features, taken.features)
    rows = np.array([5, 3])
    np.testing.assert_array_equal(seen.train.take(rows).inputs, taken.features[rows])


def test_what_decides_the_features_is_in_their_key(tmp_path: Path) -> None:
    keys = [
        base_of(tmp_path).key(),
        base_of(tmp_path, preprocess="article").key(),
        base_of(tmp_path, image_size=48).key(),
        base_of(tmp_path, BaseWeights("file", tmp_path, "sha256:1")).key(),
        base_of(tmp_path, BaseWeights("imagenet", None, f"md5:{IMAGENET_MD5}")).key(),
    ]
    assert len({repr(key) for key in keys}) == len(keys)
    assert base_of(tmp_path / "elsewhere").key() == keys[0]
    assert {"resampling", "threads", "versions", "code"} <= keys[0].keys()


def test_an_interrupted_pass_goes_on_where_it_stopped(taken: Taken, data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_viz.pipeline import transfer as pipeline

    monkeypatch.setattr(pipeline, "PART", 25)
    first = base_of(tmp_path, said=Said(stop_after=1))
    first.__dict__["model"] = taken.base.model
    with pytest.raises(KeyboardInterrupt):
        first.features(data, digests(data))
    second = base_of(tmp_path)
    second.__dict__["model"] = taken.base.model
    seen = second.features(data, digests(data))
    assert [what for _, what in second.cache.log] == ["hit", "made", "made", "made", "made"]
    assert isinstance(seen.train, LabeledFeatures)
    np.testing.assert_allclose(seen.train.features, taken.features, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (89, "90 s"), (90, "2 min"), (5300, "89 min"), (5400, "1 h 31 min"), (20000, "5 h 34 min")])
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# --- weights ----------------------------------------------------------------------------------------------------------


def network(weights: list[np.ndarray[Any, Any]]) -> Any:
    import keras

    model = keras.applications.VGG19(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    model.set_weights(weights)
    return model


def write_as_published(model: Any, path: Path) -> None:
    """The older layout, which the file with ImageNet's weights has: a group per layer, named in attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{kind}:0".encode() for kind in ("kernel", "bias")][: len(layer.weights)]
            group.attrs["weight_names"] = names
            for name, value in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name.decode(), data=value)


def test_weights_files_give_the_features_of_the_network_they_came_from(taken: Taken, data: DataSet, tmp_path: Path) -> None:
    """Both of Keras's layouts, whatever the file is called."""
    model = network(taken.base.model.get_weights())
    model.save_weights(tmp_path / "new.weights.h5")
    (tmp_path / "new.weights.h5").rename(tmp_path / "new.hdf5")
    write_as_published(model, tmp_path / "old.h5")
    images = data.test.images[:8].astype(np.float32)
    for name in ("new.hdf5", "old.h5"):
        found = find_weights("imagenet", str(tmp_path / name))
        assert found.kind == "file"
        assert found.digest.startswith("sha256:")
        assert name in found.warning
        other = transfer.load_base((28, 28, 1), Preparation(SIDE, "fixed"), found)
        np.testing.assert_array_equal(other(images), taken.base.model(images))


def bad_text(path: Path) -> None:
    path.write_text("<html>not found</html>")


def bad_other(path: Path) -> None:
    import keras

    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)


def bad_group(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)


def bad_old(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"block1_conv1"]
        file.create_group("block1_conv1").attrs["weight_names"] = [b"kernel"]
        file["block1_conv1/kernel"] = np.zeros((3, 3, 3, 64), np.float32)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no such file"),
        (Path.mkdir, "is a folder"),
        (Path.touch, "is empty"),
        (bad_text, "is no HDF5 file"),
        (bad_other, "does not hold the weights of VGG19 without its top"),
        (bad_group, "does not hold the weights of VGG19 without its top"),
        (bad_old, "does not hold the weights of VGG19 without its top"),
    ],
)
def test_a_bad_weights_file_is_one_line(tmp_path: Path, make: Any, said: str) -> None:
    path = tmp_path / "bad.weights.h5"
    make(path)
    with pytest.raises(BadInput) as caught:
        transfer.load_base((28, 28, 1), Preparation(SIDE), find_weights("imagenet", str(path)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert "--base-weights random" in str(caught.value)


def test_keras_own_file_is_known_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    content = b"\x89HDF\r\n\x1a\n" + bytes(100)
    (tmp_path / "w.h5").write_bytes(content)
    assert find_weights("imagenet", str(tmp_path / "w.h5")).option.startswith("weights=file ")
    monkeypatch.setattr(transfer, "IMAGENET_MD5", hashlib.md5(content, usedforsecurity=False).hexdigest())
    found = find_weights("imagenet", str(tmp_path / "w.h5"))
    assert (found.kind, found.option, found.warning) == ("imagenet", "", "")
    assert found.digest == find_weights("imagenet", "").digest


def test_a_download_that_fails_names_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    whole = keras.applications.VGG19

    def without_network(*, weights: str | None, **options: Any) -> Any:
        if weights == "imagenet":
            raise Exception("URL fetch failure on somewhere: None\nname not known")
        return whole(weights=weights, **options)

    monkeypatch.setattr(keras.applications, "VGG19", without_network)
    with pytest.raises(ResourceError, match=r"^VGG19's ImageNet weights: .*URL fetch failure.*--weights-file.*--base-weights random\.$"):
        transfer.load_base((28, 28, 1), Preparation(SIDE), find_weights("imagenet", ""))


# --- the command ------------------------------------------------------------------------------------------------------

VGG = ("--image-size", str(SIDE), "--base-weights", "random", "--preprocess", "fixed", "--cache-dir", "cache", "--threads", "1")


@dataclasses.dataclass(frozen=True)
class Made:
    path: Path
    done: Done
    again: Done  # with another seed, gone on with after one epoch
    reproduced: Done
    data: DataSet

    @property
    def where(self) -> Path:
        return self.path.parent


@pytest.fixture(scope="module")
def made(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The whole job; a training under another seed, longer than at first; a reproduction: on 60 and 40 images."""
    assert data.train is not None
    where = tmp_path_factory.mktemp("made")
    np.savez(where / "few.npz", x_train=data.train.images, y_train=data.train.labels, x_test=data.test.images, y_test=data.test.labels)
    source = ("--data", "npz:few.npz", *VGG)
    job = (
        "train-and-export",
        "--model",
        "vgg19",
        "--recipe",
        "article",
        "--epochs",
        "2",
        "--layers",
        "block5_pool",
        "--methods",
        "pca",
        "--ladder-points",
        "0",
        "--film-epochs",
        "0",
        "--out",
        "run",
    )
    done = call(where, *job, *source)
    assert done.code == 0, done.err
    other = ("train", "--model", "vgg19", "--seed", "1", "--out", "other", *source)
    assert call(where, *other, "--epochs", "1").code == 0
    again = call(where, *other, "--epochs", "2", "--resume", "--overwrite")
    assert again.code == 0, again.err
    reproduced = call(where, "reproduce", "vgg19", "--epochs-scale", "0.04", "--ledger", "ledger.csv", *source)
    assert reproduced.code == 0, reproduced.err
    return Made(where / "run", done, again, reproduced, load(DataConfig(data=f"npz:{where / 'few.npz'}")))


def test_random_weights_are_said_everywhere(made: Made) -> None:
    for text in (made.done.err, made.done.out, made.again.err, made.reproduced.err, (made.path / "report.html").read_text(encoding="utf-8")):
        assert "RANDOM WEIGHTS" in text
    about = json.loads((made.path / "manifest.json").read_text(encoding="utf-8"))
    assert any(line.startswith("RANDOM WEIGHTS") for line in about["about"]["warnings"])
    assert "RANDOM WEIGHTS" in json.dumps(about["stages"]["training"])
    assert 'base_weights = "random"' in (made.path / "config.toml").read_text(encoding="utf-8")


def test_the_base_is_frozen_and_asked_once(made: Made, taken: Taken) -> None:
    import keras

    assert "features of 100 images by the frozen VGG19" in made.done.err
    assert "by the frozen VGG19" not in made.again.err + made.reproduced.err  # another seed, a reproduction: the same features
    first, second = (keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True) for folder in (made.path, made.where / "other"))
    untouched = taken.base.model.get_weights()
    assert len(untouched) == 32
    for model in (first, second):
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), untouched, strict=False))
        assert len(model.trainable_weights) == 4
    assert "going on after epoch 1 of 2" in made.again.err
    assert not np.array_equal(first.get_weights()[-2], second.get_weights()[-2])


def test_the_saved_model_is_the_whole_classifier(made: Made, taken: Taken) -> None:
    """From raw pixels to probabilities: what the run predicted, and what the probe saw through the head alone."""
    import keras

    model = keras.saving.load_model(made.path / "model.keras", compile=False, safe_mode=True)
    assert (model.input_shape, model.output_shape) == ((None, 28, 28, 1), (None, 10))
    out = model.predict(made.data.test.images, verbose=0)
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)
    with np.load(made.path / "probe" / "epoch_002.npz") as seen:
        e = np.exp(seen["logits"].astype(np.float64))
    order = [np.flatnonzero(made.data.test.sample_ids == name)[0] for name in np.load(made.path / "probe" / "probe.npz")["sample_ids"]]
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), out[order], atol=1e-5)
    history = (made.path / "history.csv").read_text().splitlines()
    assert len(history) == 3
    assert "dead_units" not in history[0]
    assert (made.path / "dead_units.csv").read_text().splitlines()[1].startswith("0,dense,512,")
    skipped = json.loads((made.path / "manifest.json").read_text())["stages"]["features"]["skipped"]
    assert {skipped[name] for name in ("resizing", "channels", "rescaling")} == {"resizes the pixels", "copies its input", "rescales the pixels"}


def test_the_ledger_names_what_differs(made: Made) -> None:
    row = read_ledger(made.where / "ledger.csv")[0]
    assert row.options == f"weights=random, preprocess=fixed, image size {SIDE}"
    assert (row.preset, row.epochs, row.epochs_full, row.train_images, row.n_test) == ("vgg19", 2, 50, 48, 40)
    import keras

    with np.load(next((made.where / "cache" / "reproductions").glob("*/test.npz"))) as test:
        model = keras.saving.load_model(next((made.where / "cache" / "reproductions").glob("*/model.keras")), compile=False, safe_mode=True)
        np.testing.assert_allclose(test["y_proba"], model.predict(made.data.test.images, verbose=0), atol=1e-5)


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [{"image_size": 48}, {"preprocess": "fixed"}, {"base_weights": "random"}, {"weights_file": "w.h5"}])
def test_options_of_the_base_are_refused_where_there_is_none(option: dict[str, Any]) -> None:
    flag = "--" + next(iter(option)).replace("_", "-")
    with pytest.raises(UsageError, match=rf"^{flag}: the preset cnn1 has no frozen base"):
        RunConfig(fit=FitConfig(model="cnn1"), transfer=TransferConfig(**option))
    with pytest.raises(UsageError, match=rf"^{flag}: none of these presets"):
        TransferConfig(**option).only_for(["cnn1", "cnn3"])
    TransferConfig(**option).only_for(["cnn1", "vgg19"])
    assert RunConfig(fit=FitConfig(model="cnn1"), transfer=TransferConfig()).transfer is None
    assert RunConfig(fit=FitConfig(model="vgg19")).transfer == TransferConfig()


def test_contradictions_are_refused() -> None:
    with pytest.raises(UsageError, match="a file's and random"):
        TransferConfig(base_weights="random", weights_file="w.h5")
    with pytest.raises(UsageError, match="taken once"):
        FitConfig(model="vgg19", augmented_epochs=2)
    with pytest.raises(UsageError, match="at least 32"):
        TransferConfig(image_size=31)


def test_nothing_is_trained_on_a_base_that_nobody_chose(data: DataSet, tmp_path: Path) -> None:
    """Images alone would go through a base with random weights, and nobody would be told."""
    from fmnist_viz.training.device import Device
    from fmnist_viz.training.fit import Places, fit

    device = Device("CPU", 1, "float32", "", 1)
    with pytest.raises(UsageError, match="features of a frozen base, and here are none"):
        fit(data.train, None, data.test, Places(tmp_path), config=FitConfig(model="vgg19"), device=device, seed=0, progress=Said(), pictures=None)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_too_wide_layers_are_refused_before_the_features_are_taken(made: Made) -> None:
    job = ("train-and-export", "--model", "vgg19", "--data", "npz:few.npz", "--max-disk", "0.001", "--layers", "block1_conv2", "--keep-activations", *VGG)
    done = call(made.where, *job, "--out", "wide")
    assert done.code == 5
    assert "[FV-FEATURES-DISK]" in done.error
    assert not (made.where / "wide").exists()


@pytest.mark.slow
def test_an_export_of_the_model_says_it_again(made: Made, tmp_path: Path) -> None:
    """The layers of the base are looked at like any model's; a file of that name from elsewhere is not taken for the run's."""
    done = call(
        made.where,
        *("export", "--model-file", "run/model.keras", "--data", "npz:few.npz", "--layers", "block1_pool,block5_conv4", "--pool", "average"),
        *("--methods", "pca", "--out", "export", "--cache-dir", "cache", "--threads", "1"),
    )
    assert done.code == 0, done.err
    assert "RANDOM WEIGHTS" in done.err
    assert "RANDOM WEIGHTS" in (made.where / "export" / "report.html").read_text(encoding="utf-8")
    made_of = json.loads((made.where / "export" / "manifest.json").read_text())["stages"]["features"]["representations"]
    assert {name: made_of[name]["width"] for name in ("block1_pool", "block5_conv4")} == {"block1_pool": 64, "block5_conv4": 512}
    assert warning_of(made.path / "model.keras") == RANDOM.warning
    (tmp_path / "manifest.json").write_bytes((made.path / "manifest.json").read_bytes())
    (tmp_path / "model.keras").write_bytes(b"another")
    assert warning_of(tmp_path / "model.keras") == ""
