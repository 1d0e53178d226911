"""Training for real, on a few hundred of the shipped images: what is written, what it depends on, and how it fails."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import run
from PIL import Image

from fmnist_viz.core.errors import BadInput, Diverged, ResourceError
from fmnist_viz.core.progress import Silent
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.models.recipe import Recipe
from fmnist_viz.training import device as devices
from fmnist_viz.training.config import ComputeConfig, FitConfig
from fmnist_viz.training.device import Device, choose_device, choose_policy

EPOCHS = 2
COLUMNS = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()


@pytest.fixture(scope="module")
def data() -> DataSet:
    return load(DataConfig(data="sample"))


@dataclass(frozen=True)
class Trained:
    """`folder` holds model, history and probe; `boards` the event files; `record` is what `fit` returned."""

    folder: Path
    boards: Path
    record: dict[str, Any]
    validation: LabeledImages | None
    probe: LabeledImages

    @property
    def weights(self) -> list[np.ndarray[Any, Any]]:
        return self.model.get_weights()

    @property
    def model(self) -> Any:
        import keras

        return keras.saving.load_model(self.folder / "model.keras", compile=False, safe_mode=True)


def train(where: Path, data: DataSet, *, validation: int = 200, compute: ComputeConfig | None = None, seed: int = 0, **options: Any) -> Trained:
    from fmnist_viz.pipeline.training import pictures, split_validation
    from fmnist_viz.training.fit import Places, fit

    assert data.train is not None
    images, held_out = split_validation(data.train.take(np.arange(1000)), validation, seed=seed)
    probe = data.test.take(np.arange(150))
    config = FitConfig(**{"model": "cnn1", "epochs": EPOCHS, "batch_size": 64, "validation": validation, **options})
    device = choose_device(compute or ComputeConfig(device="cpu"))
    draw = pictures(data.class_names)
    places = Places(where / "model", where / "boards")
    record = fit(images, held_out, probe, places, config=config, device=device, seed=seed, progress=Silent(), pictures=draw)
    return Trained(where / "model", where / "boards", record, held_out, probe)


@pytest.fixture(scope="module")
def trained(data: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"), data)


def softmax(z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


# --- what a training leaves -------------------------------------------------------------------------------------------


def test_history_has_a_row_for_every_epoch(trained: Trained) -> None:
    rows = rows_of(trained.folder / "history.csv")
    assert list(rows[0]) == COLUMNS
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("accuracy", "val_accuracy"))
    assert trained.record["history"]["loss"] == [float(row["loss"]) for row in rows]
    assert (trained.record["train_images"], trained.record["validation_images"]) == (800, 200)


def test_last_row_is_the_saved_model(trained: Trained) -> None:
    """Validation accuracy as written against the saved file, whose input is raw pixels."""
    assert trained.validation is not None
    predicted = trained.model.predict(trained.validation.images, verbose=0).argmax(axis=1)
    found = (predicted == trained.validation.labels).mean()
    assert float(rows_of(trained.folder / "history.csv")[-1]["val_accuracy"]) == pytest.approx(found, abs=1e-6)
    assert found > 0.5


def test_model_file_is_float32_and_rescales_by_itself(trained: Trained, data: DataSet) -> None:
    model = trained.model
    assert {w.dtype for w in trained.weights} == {np.dtype(np.float32)}
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    out = model.predict(data.test.images[:20], verbose=0)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)
    assert all(layer.dtype_policy.name == "float32" for layer in model.layers)


def test_probe_is_recorded_before_training_and_after_every_epoch(trained: Trained) -> None:
    probe = trained.folder / "probe"
    assert sorted(p.name for p in probe.iterdir()) == ["epoch_000.npz", "epoch_001.npz", "epoch_002.npz", "probe.npz"]
    with np.load(probe / "probe.npz", allow_pickle=False) as asked:
        np.testing.assert_array_equal(asked["sample_ids"], trained.probe.sample_ids)
        np.testing.assert_array_equal(asked["labels"], trained.probe.labels)
    logits = []
    for number in range(EPOCHS + 1):
        with np.load(probe / f"epoch_{number:03d}.npz", allow_pickle=False) as seen:
            assert (seen["penultimate"].shape, seen["logits"].shape) == ((150, 128), (150, 10))
            assert seen["penultimate"].dtype == seen["logits"].dtype == np.float32
            logits.append(seen["logits"])
    right = [(z.argmax(axis=1) == trained.probe.labels).mean() for z in logits]
    assert right[0] < 0.4 < right[-1]
    np.testing.assert_allclose(softmax(logits[-1]), trained.model.predict(trained.probe.images, verbose=0), atol=1e-5)


def test_a_model_without_relu_layers_has_no_dead_units(data: DataSet, tmp_path: Path) -> None:
    made = train(tmp_path, data, model="dense", hidden="4", activation="sigmoid", epochs=1)
    assert made.record["dead_units"] == {}
    assert np.isfinite(made.record["history"]["loss"]).all()


# --- TensorBoard's event files ----------------------------------------------------------------------------------------


def events(folder: Path) -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for path in sorted(folder.glob("*tfevents*")):
        yield from EventFileLoader(str(path)).Load()


def tags(folder: Path) -> dict[str, dict[str, set[int]]]:
    """Plugin -> tag -> steps."""
    found: dict[str, dict[str, set[int]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            found.setdefault(value.metadata.plugin_data.plugin_name, {}).setdefault(value.tag, set()).add(event.step)
    return found


def picture(folder: Path, tag: str, step: int) -> np.ndarray[Any, Any]:
    """The PNG of an image summary as uint8 (h, w, 3); its tensor holds width, height and the pictures."""
    found = [v.tensor.string_val for e in events(folder) if e.step == step for v in e.summary.value if v.tag == tag]
    assert len(found) == 1, tag
    return np.asarray(Image.open(io.BytesIO(found[0][2])).convert("RGB"))


def test_event_files_hold_scalars_and_histograms(trained: Trained) -> None:
    both = {name: tags(trained.boards / name) for name in ("train", "validation")}
    for name in both:
        assert {"epoch_loss", "epoch_accuracy"} <= set(both[name]["scalars"])
        assert both[name]["scalars"]["epoch_loss"] == {0, 1}
    histograms = both["train"]["histograms"]
    assert {t.removesuffix("/histogram") for t in histograms} == {f"{layer}/{w}" for layer in ("conv2d", "dense", "probabilities") for w in ("kernel", "bias")}
    assert all(steps == {0, 1} for steps in histograms.values())


def test_both_graphs_are_there(trained: Trained) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(trained.boards / "train"))
    board.Reload()
    operations = [node.op for node in board.Graph().node]
    assert {"Conv2D", "MatMul", "Softmax"} <= set(operations)
    layers = [v.tensor.string_val[0].decode() for e in events(trained.boards / "train") for v in e.summary.value if v.tag == "keras"]
    assert len(layers) == 1
    assert all(f'"name": "{name}"' in layers[0] for name in ("conv2d", "dropout", "dense", "probabilities"))


def test_sample_grid_and_a_labelled_confusion_matrix_per_epoch(trained: Trained, data: DataSet) -> None:
    """The last matrix is, pixel by pixel, the one that the display draws of the saved model's predictions."""
    from fmnist_viz.pipeline.training import pictures

    assert tags(trained.boards / "train")["images"] == {"sample_grid": {0}}
    assert picture(trained.boards / "train", "sample_grid", 0).std() > 20
    assert tags(trained.boards / "validation")["images"] == {"confusion_matrix": {0, 1}}
    seen = trained.validation
    assert seen is not None
    shown = picture(trained.boards / "validation", "confusion_matrix", 1)
    predicted = trained.model.predict(seen.images, verbose=0).argmax(axis=1)
    draw = pictures(data.class_names).confusion
    title = "epoch 2: 200 validation images"
    np.testing.assert_array_equal(shown, draw(seen.labels, predicted, data.class_names, title))
    unnamed = draw(seen.labels, predicted, tuple("ABCDEFGHIJ"), title)
    assert unnamed is not None
    assert unnamed.shape != shown.shape or (unnamed != shown).mean() > 0.002  # so the class names are part of the picture


def test_names_of_event_files_do_not_name_the_machine(trained: Trained) -> None:
    names = [p.name for p in trained.boards.rglob("*tfevents*")]
    assert len(names) == 2
    assert all(re.fullmatch(r"events\.out\.tfevents\.\d+\.fmnist-viz\.\d+", name) for name in names), names


# --- what it depends on -----------------------------------------------------------------------------------------------


def order_of(data: DataSet, *, epochs: int, seed: int, batch_size: int = 64, order: str = "epoch", first_epoch: int = 0) -> list[list[int]]:
    """Row numbers in the order in which training sees them, epoch by epoch; each image's label is its row."""
    from fmnist_viz.training.stream import training_batches

    assert data.train is not None
    some = data.train.take(np.arange(200))
    numbered = LabeledImages(some.images, np.arange(200), tuple(map(str, range(200))), some.sample_ids, "train", some.source)
    seen: list[int] = []
    recipe = Recipe(epochs=epochs, batch_size=batch_size, order=order)
    for pixels, labels in training_batches(numbered.images, numbered.labels, recipe, seed=seed, first_epoch=first_epoch):
        np.testing.assert_array_equal(pixels.numpy(), some.images[labels.numpy()])
        seen += labels.numpy().tolist()
    return [seen[i : i + 200] for i in range(0, len(seen), 200)]


def test_order_depends_on_seed_and_epoch_alone(data: DataSet) -> None:
    three = order_of(data, epochs=3, seed=5)
    assert len(three) == 3
    assert all(sorted(epoch) == list(range(200)) for epoch in three)
    assert len({tuple(epoch) for epoch in three}) == 3
    np.random.default_rng().random()
    assert order_of(data, epochs=2, seed=5) == three[:2]
    assert order_of(data, epochs=3, seed=5, batch_size=7) == three
    assert order_of(data, epochs=1, seed=6)[0] != three[0]


def test_equal_seeds_give_equal_weights(trained: Trained, data: DataSet, tmp_path: Path) -> None:
    """The preset has dropout, and other trainings ran in between: neither may matter."""
    other = train(tmp_path / "other", data, seed=1, epochs=1)
    again = train(tmp_path / "again", data)
    assert all(np.array_equal(a, b) for a, b in zip(trained.weights, again.weights, strict=True))
    strip = lambda record: {k: v for k, v in record["history"].items() if k != "seconds"}  # noqa: E731
    assert strip(again.record) == strip(trained.record)
    assert not all(np.array_equal(a, b) for a, b in zip(trained.weights, other.weights, strict=True))


def test_validation_is_stratified_and_disjoint(data: DataSet) -> None:
    from fmnist_viz.pipeline.training import split_validation

    assert data.train is not None
    rest, held_out = split_validation(data.train, 500, seed=3)
    assert held_out is not None
    assert (len(rest), len(held_out)) == (4500, 500)
    assert not set(rest.sample_ids) & set(held_out.sample_ids)
    assert set(rest.sample_ids) | set(held_out.sample_ids) == set(data.train.sample_ids)
    expected = np.bincount(data.train.labels) * 500 / len(data.train)
    assert np.abs(np.bincount(held_out.labels) - expected).max() < 1
    assert set(split_validation(data.train, 500, seed=4)[1].sample_ids) != set(held_out.sample_ids)  # type: ignore[union-attr]
    assert split_validation(data.train, 0, seed=3) == (data.train, None)
    assert [FitConfig().held_out(n) for n in (60_000, 5_000)] == [5_000, 416]  # a twelfth, never all


def test_no_validation_in_mixed_precision(data: DataSet, tmp_path: Path) -> None:
    """`--validation 0` trains on all; bfloat16 arithmetic leaves a float32 file that works like any other."""
    done = train(tmp_path, data, validation=0, compute=ComputeConfig(device="cpu", precision="bfloat16"), model="dense128")
    assert list(rows_of(done.folder / "history.csv")[0]) == ["epoch", "loss", "accuracy", "seconds"]
    assert done.record["train_images"] == 1000
    assert done.record["precision"] == "mixed_bfloat16"
    assert not (done.boards / "validation").exists()
    assert tags(done.boards / "train")["images"] == {"sample_grid": {0}, "confusion_matrix": {0, 1}}
    assert {w.dtype for w in done.weights} == {np.dtype(np.float32)}
    assert {layer.dtype_policy.name for layer in done.model.layers} == {"float32"}
    assert (done.model.predict(data.test.images, verbose=0).argmax(axis=1) == data.test.labels).mean() > 0.5
    with np.load(done.folder / "probe" / "epoch_002.npz") as seen:
        assert len(np.unique(seen["logits"])) > 1400  # of 1,500: sixteen-bit logits would tie

    import keras

    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("flags", "policy", "why"),
    [
        ({"avx2", "fma"}, "float32", "no 16-bit instructions"),
        (set(), "float32", "no 16-bit instructions"),
        ({"avx2", "avx512_bf16"}, "mixed_bfloat16", "avx512_bf16"),
        ({"amx_bf16", "avx512_bf16"}, "mixed_bfloat16", "amx_bf16, avx512_bf16"),
    ],
)
def test_auto_precision_follows_the_cpu(monkeypatch: pytest.MonkeyPatch, flags: set[str], policy: str, why: str) -> None:
    monkeypatch.setattr(devices, "cpu_flags", lambda: flags)
    chosen, reason = choose_policy("auto", [])
    assert chosen == policy
    assert why in reason
    assert choose_policy("float32", [])[0] == "float32"
    assert choose_policy("bfloat16", [])[0] == "mixed_bfloat16"


# --- how it fails -----------------------------------------------------------------------------------------------------


def test_no_gpu_is_said_in_one_line(tmp_path: Path) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(ResourceError, match=r"TensorFlow sees no GPU\. .*--device cpu"):
        choose_device(ComputeConfig(device="gpu"))
    done = run(tmp_path, "train", "--data", "sample", "--device", "gpu", "--out", "run")
    assert done.code == 5
    assert "[FV-NO-GPU]" in done.error
    assert "fmnist-viz[gpu]" in done.error


def test_one_class_cannot_be_trained(data: DataSet, tmp_path: Path) -> None:
    from fmnist_viz.training.fit import Places, fit

    assert data.train is not None
    shoes = data.train.take(np.flatnonzero(data.train.labels == 9)[:20])
    device = Device("CPU", 1, "float32", "", 1)
    with pytest.raises(BadInput, match=r"1 class .* at least 2"):
        fit(shoes, None, shoes, Places(tmp_path, tmp_path), config=FitConfig(), device=device, seed=0, progress=Silent(), pictures=None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_divergence_stops_within_one_step_and_keeps_the_last_finite_model(data: DataSet, tmp_path: Path) -> None:
    with pytest.raises(Diverged) as caught:
        train(tmp_path, data, optimizer="sgd", learning_rate=1e9, epochs=3)
    # a step's loss is that before its update: the first huge update shows in the second loss at the earliest, the fourth at the latest
    assert caught.value.exit_code == 7
    assert caught.value.subject in {f"epoch 1, step {n}" for n in (2, 3, 4)}
    assert "untrained model was kept" in str(caught.value)
    kept = Trained(tmp_path / "model", tmp_path / "boards", {}, None, data.test)
    assert all(np.isfinite(w).all() for w in kept.weights)
    assert np.isfinite(kept.model.predict(data.test.images[:50], verbose=0)).all()
    rows = rows_of(tmp_path / "model" / "history.csv")
    assert [row["epoch"] for row in rows] == ["1"]
    assert rows[0]["loss"] == ""  # no "nan" that a table would choke on


def test_divergence_after_a_good_epoch_keeps_that_epoch(data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second epoch's pixels turn NaN. A ReLU may swallow that, so that weights are ruined under a finite loss: the epoch's end sees them."""
    import tensorflow as tf

    from fmnist_viz.training import stream

    good = stream.training_batches

    def spoiled(images: Any, labels: Any, recipe: Recipe, **options: Any) -> Any:
        steps = recipe.steps(len(images))
        poison = lambda i, xy: (tf.where(i == steps + 3, tf.constant(np.nan), tf.cast(xy[0], tf.float32)), xy[1])  # noqa: E731
        return good(images, labels, recipe, **options).enumerate().map(poison)

    monkeypatch.setattr(stream, "training_batches", spoiled)
    with pytest.raises(Diverged, match=r"epoch 2, step \d+: .* the model after epoch 1 was kept"):
        train(tmp_path, data, epochs=3, model="dense128")
    kept = Trained(tmp_path / "model", tmp_path / "boards", {}, None, data.test)
    with np.load(tmp_path / "model" / "probe" / "epoch_001.npz") as seen:
        np.testing.assert_allclose(softmax(seen["logits"]), kept.model.predict(data.test.images[:150], verbose=0), atol=1e-5)
    assert not (tmp_path / "model" / "probe" / "epoch_002.npz").exists()


def test_divergence_as_a_command(tmp_path: Path) -> None:
    """Exit 7; the kept model lies in the run folder, and nothing there claims success."""
    import keras
    from command import call

    from fmnist_viz.core.manifest import Manifest
    from fmnist_viz.pipeline.folder import verify

    argv = ("train", "--data", "sample", "--model", "dense128", "--optimizer", "sgd", "--learning-rate", "1e9", "--validation", "500", "--threads", "1")
    done = call(tmp_path, *argv, "--out", "run", "--cache-dir", "cache")
    assert done.code == 7
    assert "[FV-DIVERGED]" in done.error
    assert "smaller --learning-rate than 1e+09" in done.error
    run_folder = tmp_path / "run"
    model = keras.saving.load_model(run_folder / "model.keras", compile=False)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    manifest = Manifest.load(run_folder)
    assert not manifest.about["finished"]
    assert "training" not in manifest.stages
    assert verify(run_folder).files().keys() == {"config.toml"}
    assert not list((tmp_path / "cache").glob("training/*/entry.json"))
    assert "unfinished run" in call(tmp_path, "verify", "run").out


# --- two devices ------------------------------------------------------------------------------------------------------

TWO_DEVICES = """
import sys
import numpy as np
from pathlib import Path
from fmnist_viz.core.progress import Silent
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.pipeline.tensorflow import load_tensorflow
from fmnist_viz.training.config import ComputeConfig, FitConfig
load_tensorflow()
import keras, tensorflow as tf
from fmnist_viz.training import fit as fitting
from fmnist_viz.training.device import choose_device
device = choose_device(ComputeConfig(device="cpu", replicas=2))
models = []
compiled = fitting._compiled
fitting._compiled = lambda *a: models.append(compiled(*a)) or models[-1]
data, out = load(DataConfig(data="sample")), Path(sys.argv[1])
nothing = fitting.Pictures(lambda images: None, lambda *a: None)
config = FitConfig(model="dense128", epochs=2, batch_size=100)
probe = data.test.take(np.arange(100))
record = fitting.fit(data.train, None, probe, fitting.Places(out, out / "boards"), config=config, device=device, seed=0, progress=Silent(), pictures=nothing)
assert record["replicas"] == 2, record
assert device.strategy.num_replicas_in_sync == 2
assert len(tf.config.list_logical_devices("CPU")) == 2
for variable in models[0].weights:
    copies = [v.numpy() for v in device.strategy.experimental_local_results(variable.value)]
    assert len(copies) == 2, variable.path
    assert np.array_equal(*copies), variable.path
saved = keras.saving.load_model(out / "model.keras", compile=False)
assert all(np.array_equal(a, b) for a, b in zip(saved.get_weights(), models[0].get_weights()))
accuracy = (saved.predict(data.test.images, verbose=0).argmax(1) == data.test.labels).mean()
assert accuracy > 0.7, accuracy
print("accuracy", accuracy, record["history"]["loss"])
"""


def test_two_devices_train_one_model(tmp_path: Path) -> None:
    import subprocess

    done = subprocess.run([sys.executable, "-c", TWO_DEVICES, str(tmp_path)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("accuracy 0.")
