"""The callback in a plain Keras script: the tab fills while it trains, whatever the model; nothing that goes wrong with it stops the training."""

from __future__ import annotations

import errno
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from projector_data import NAMES, garments
from projector_page import ProjectorServer, tensorboard

from fmnist_viz import ProjectorCallback
from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.export.projector import check_folder
from fmnist_viz.export.projector.metadata import read_as_page

keras = pytest.importorskip("keras")
IMAGES = garments(400)
X, Y = IMAGES.images / np.float32(255), IMAGES.labels


def compiled(model: Any) -> Any:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def sequential(*layers: Any) -> Any:
    """Without an input layer, as most scripts have it."""
    keras.utils.set_random_seed(3)
    some = layers or (keras.layers.Dense(24, activation="relu", name="hidden"), keras.layers.Dropout(0.3))
    return compiled(keras.Sequential([keras.layers.Flatten(), *some, keras.layers.Dense(10, activation="softmax", name="out")]))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.flat, self.hidden = keras.layers.Flatten(), keras.layers.Dense(24, activation="relu", name="hidden")
        self.out = keras.layers.Dense(10, activation="softmax", name="out")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.hidden(self.flat(x)))


def train(model: Any, *callbacks: Any, epochs: int = 1, rows: int = 100, **more: Any) -> Any:
    return model.fit(X[-rows:], Y[-rows:], epochs=epochs, batch_size=50, verbose=0, callbacks=list(callbacks), **more)


def look(model: Any, callback: Any) -> None:
    """The snapshot before training, without the training."""
    callback.set_model(model)
    callback.set_params({"epochs": 1})
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback.on_train_end()


def facts(folder: Path) -> dict[str, Any]:
    assert check_folder(folder) == []
    return dict(json.loads((folder / "snapshot.json").read_text()))


def table(folder: Path) -> list[dict[str, str]]:
    return read_as_page((folder / "metadata.tsv").read_bytes())[1]


def listed(server: ProjectorServer, run: str) -> list[str]:
    """The runs, once `run` is among them: what a reload of the page asks for."""
    end = time.monotonic() + 40
    while run not in (runs := server.runs()):
        assert time.monotonic() < end, f"{run} is not listed: {runs}"
        time.sleep(0.3)
    return runs


# --- a server that was there first ------------------------------------------------------------------------------------


def test_a_server_started_before_the_training_lists_a_snapshot_while_it_runs(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    seen: list[Any] = []
    with tensorboard(logs) as address:
        server = ProjectorServer(address)

        class Reloads(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                seen.append(listed(server, "projector/epoch_001"))
                assert int(self.model.optimizer.iterations) == 2 * (epoch + 1)

        callback = ProjectorCallback(logs, X[:80], Y[:80], class_names=NAMES)
        train(sequential(), callback, Reloads(), epochs=2)
        assert seen[0] == ["projector/epoch_000", "projector/epoch_001"]
        run = "projector/epoch_001"
        names = [item["tensorName"] for item in server.embeddings(run)]
        assert names == ["00_epoch_001_hidden", "01_epoch_001_logits"]
        assert len(server.get("tensor", run=run, name=names[0], num_rows=1000)) == 4 * 80 * 50
        shown = json.loads(server.get("bookmarks", run=run, name=names[0]))
        assert [state["label"] for state in shown] == ["PCA 2-D, epoch 1, laid over epoch 0", "PCA 3-D, epoch 1, laid over epoch 0"]


def test_images_of_another_shape_are_refused_before_the_first_step(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(BadInput, match="each, the model takes"):
        train(model, ProjectorCallback(tmp_path, X[:40, :20], Y[:40]), epochs=1)
    assert not list(tmp_path.iterdir())


# --- what is written --------------------------------------------------------------------------------------------------


def test_what_a_snapshot_holds(tmp_path: Path) -> None:
    model = sequential()
    callback = ProjectorCallback(tmp_path, X[:120], Y[:120], layers="pixels,hid*,logits,probabilities", class_names=NAMES)
    train(model, callback, epochs=3)
    assert [made["epoch"] for made in callback.snapshots] == [0, 1, 2, 3]
    assert callback.snapshots[0]["drift"] == {}
    assert callback.snapshots[3]["laid_over_epoch"] == 2
    assert set(callback.snapshots[3]["drift"]) == {"hidden", "logits", "probabilities"}
    assert all(0 < moved < 1.5 for moved in callback.snapshots[3]["drift"].values())
    last = Path(callback.snapshots[3]["path"])
    assert last == tmp_path / "projector" / "epoch_003"
    assert [t["representation"] for t in facts(last)["tensors"]] == ["hidden", "logits", "probabilities"]
    assert next(t["representation"] for t in facts(last.with_name("epoch_000"))["tensors"]) == "pixels"  # they never change: once is enough
    proba = model.predict(X[:120], verbose=0)
    rows = table(last)
    at = np.array([int(row["sample_id"]) for row in rows])
    assert sorted(at) == list(range(120))
    assert [row["label"] for row in rows] == [NAMES[c] for c in Y[at]]
    assert [row["predicted"] for row in rows] == [NAMES[c] for c in proba[at].argmax(1)]
    assert np.allclose([float(row["confidence"]) for row in rows], proba[at].max(1), atol=1e-4)
    assert {row["correct"] for row in rows} <= {"correct", "wrong"}
    assert {row["epoch"] for row in rows} == {"3"}
    assert list(rows[0]) == ["label", "predicted", "correct", "confidence", "epoch", "sample_id"]


def test_logits_are_those_of_the_weights_at_the_time(tmp_path: Path) -> None:
    model = sequential()
    train(model, ProjectorCallback(tmp_path, X[:60], Y[:60], layers="logits", normalize="none"), epochs=2)
    written = np.fromfile(tmp_path / "projector/epoch_002/00_epoch_002_logits.bytes", "<f4").reshape(60, 10)
    at = [int(row["sample_id"]) for row in table(tmp_path / "projector/epoch_002")]
    hidden = keras.Model(model.inputs, model.get_layer("out").input).predict(X[:60], verbose=0)
    kernel, bias = model.get_layer("out").get_weights()
    assert np.abs(written - (hidden @ kernel + bias)[at]).max() < 1e-4


def test_thumbnails_are_of_the_images_and_the_model_is_fed_them_untouched(tmp_path: Path) -> None:
    """uint8, 0..1 and standardised images make pictures alike; flat rows make none unless they come with pictures."""
    from PIL import Image

    sheets = []
    for number, fed in enumerate((IMAGES.images[:50], X[:50], X[:50, ..., 0], (X[:50] - 0.3) / 0.35)):
        look(sequential(), ProjectorCallback(tmp_path / str(number), fed, Y[:50], layers="hidden"))
        with Image.open(tmp_path / str(number) / "projector/epoch_000/sprite.png") as sheet:
            tiles = np.asarray(sheet.convert("L")).astype(int).reshape(8, 28, 8, 28).swapaxes(1, 2).reshape(64, 28, 28)[:50]
        at = [int(row["sample_id"]) for row in table(tmp_path / str(number) / "projector/epoch_000")]
        sheets.append(tiles[np.argsort(at)])
        assert ("black to white" in str(facts(tmp_path / str(number) / "projector/epoch_000")["notes"])) == (number == 3)
    assert np.array_equal(sheets[0], 255 - IMAGES.images[:50, ..., 0].astype(int))  # light things on black are inverted
    assert all(np.abs(sheet - sheets[0]).max() <= 1 for sheet in sheets)
    flat = X[:50].reshape(50, -1)
    for name, more in (("none", {}), ("given", {"pictures": IMAGES.images[:50]})):
        look(sequential(), ProjectorCallback(tmp_path / name, flat, Y[:50], layers="hidden", **more))
        assert (tmp_path / name / "projector/epoch_000/sprite.png").exists() == (name == "given")


def test_convolutions_are_averaged_where_they_are_wide(tmp_path: Path) -> None:
    layers = (keras.layers.Reshape((28, 28, 1)), keras.layers.Conv2D(6, 5, name="conv"), keras.layers.MaxPooling2D(8, name="pool"), keras.layers.Flatten())
    for pool, widths in (("auto", [6, 54]), ("average", [6, 6]), ("none", [3456, 54])):
        callback = ProjectorCallback(tmp_path / pool, X[:60], Y[:60], layers=["conv", "pool"], pool=pool, normalize="none")
        look(sequential(*layers), callback)
        assert [t["raw_width"] for t in callback.snapshots[-1]["tensors"]] == widths
        assert callback.snapshots[-1]["pooled"] == [n for n, w in zip(("conv", "pool"), widths, strict=True) if w == 6]
        assert all(t["shape"][1] <= 200 for t in callback.snapshots[-1]["tensors"])


def test_which_epochs_and_how_many_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    callback = ProjectorCallback(tmp_path, X, Y, every=2, max_points=100, layers="hidden")
    assert "400 images were given: a stratified sample of 100" in capsys.readouterr().err
    train(sequential(), callback, epochs=5)
    assert [made["epoch"] for made in callback.snapshots] == [0, 2, 4, 5]
    counts = np.bincount([NAMES.index(NAMES[int(re.sub(r"\D", "", row["label"]))]) for row in table(tmp_path / "projector/epoch_005")], minlength=10)
    assert np.abs(counts - np.bincount(Y, minlength=10) / 4).max() < 1


def test_a_later_training_takes_the_next_folder_and_a_continued_one_goes_on(tmp_path: Path) -> None:
    model, callback = sequential(), ProjectorCallback(tmp_path, X[:50], Y[:50], layers="hidden")
    train(model, callback, epochs=2)
    train(model, callback, epochs=3, initial_epoch=2)
    train(model, callback, epochs=1)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("*/epoch_*")) == [
        *(f"projector-2/epoch_00{i}" for i in range(2)),
        *(f"projector/epoch_00{i}" for i in range(4)),
    ]


# --- any model --------------------------------------------------------------------------------------------------------


def test_looking_on_changes_nothing_and_subclassed_models_are_seen_alike(tmp_path: Path) -> None:
    """The same weights with and without; a subclassed model gives the tensors of a sequential one with equal weights."""
    kinds = {"sequential": lambda: sequential(keras.layers.Dense(24, activation="relu", name="hidden")), "subclassed": lambda: compiled(Subclassed())}
    seen = {}
    for name, make in kinds.items():
        ends = []
        for callbacks in ([], [ProjectorCallback(tmp_path / name, X[:60], Y[:60], normalize="none")]):
            keras.utils.set_random_seed(3)
            model = make()
            train(model, *callbacks, epochs=2)
            ends.append(model.get_weights())
        assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))
        folder = tmp_path / name / "projector/epoch_002"
        seen[name] = [t["representation"] for t in facts(folder)["tensors"]]
        hidden = np.fromfile(folder / "00_epoch_002_hidden.bytes", "<f4").reshape(60, 24)
        at = [int(row["sample_id"]) for row in table(folder)]
        expected = np.maximum(X[:60].reshape(60, -1) @ ends[1][0] + ends[1][1], 0)[at]
        assert np.abs(hidden - expected).max() < 1e-3
    assert seen["sequential"] == seen["subclassed"] == ["hidden", "logits"]


def test_mixed_precision(tmp_path: Path) -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = sequential()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    callback = ProjectorCallback(tmp_path, X[:60], Y[:60], class_names=NAMES)
    train(model, callback)
    assert [made["epoch"] for made in callback.snapshots] == [0, 1]
    assert table(tmp_path / "projector/epoch_001")[0]["confidence"]


def test_one_column_of_probabilities_and_no_labels_at_all(tmp_path: Path) -> None:
    binary = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, name="hidden"), keras.layers.Dense(1, activation="sigmoid")])
    shoe = (Y >= 5).astype(np.float32)[:, None]
    look(binary, ProjectorCallback(tmp_path / "two", X[:60], shoe[:60], layers="hidden", class_names=["top", "shoe"]))
    rows = table(tmp_path / "two/projector/epoch_000")
    chance = binary.predict(X[:60], verbose=0).ravel()
    assert all((row["predicted"] == "shoe") == (chance[int(row["sample_id"])] > 0.5) for row in rows)
    look(sequential(), ProjectorCallback(tmp_path / "free", X[:60], layers="hidden"))
    rows = table(tmp_path / "free/projector/epoch_000")
    assert "predicted" in rows[0]
    assert "correct" not in rows[0]


def test_names_as_labels_claim_no_order_of_outputs(tmp_path: Path) -> None:
    names = np.asarray(NAMES)[Y[:60]]
    for given, there in ((None, False), (NAMES, True)):
        look(sequential(), ProjectorCallback(tmp_path / str(there), X[:60], names, layers="hidden", class_names=given))
        row = table(tmp_path / str(there) / "projector/epoch_000")[0]
        assert row["label"] in NAMES
        assert ("predicted" in row) == there


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_layer_that_is_not_there_is_told_before_the_first_step(tmp_path: Path) -> None:
    model = sequential()
    with pytest.raises(VizError, match=r"layer 'convolution\*': there is no such layer. Choose from: pixels, logits, probabilities, hidden\."):
        train(model, ProjectorCallback(tmp_path, X[:50], Y[:50], layers="convolution*"))
    assert int(model.optimizer.iterations) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"every": 0}, "every: 0 is out of range"),
        ({"max_points": 1.5}, "max_points: 1.5 is out of range"),
        ({"pool": "max"}, "there is no such pool"),
        ({"views": ["tsne"]}, "there is no such view"),
        ({"normalize": "yes"}, "there is no such normalize"),
        ({"labels": Y[:9]}, "labels: shape .9,. for 50 images"),
        ({"labels": np.full(50, -1)}, "labels: are not whole numbers from 0"),
        ({"labels": ["boot"] * 50, "class_names": NAMES}, "hold 'boot', which is none of the class_names"),
        ({"images": None}, "images: there are none"),
        ({"log_dir": "gs://bucket/logs"}, "is not on a local disk"),
        ({"embeddings_data": X[:50]}, "images and embeddings_data are two names of one thing"),
        ({"embeddings_metadata": "metadata.tsv"}, "was the name of a file"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(VizError, match=said) as caught:
        ProjectorCallback(**{"log_dir": tmp_path, "images": X[:50], "labels": Y[:50], **arguments})
    assert "\n" not in str(caught.value)


def test_other_classes_than_the_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VizError, match="the model: has 10 outputs, there are 11 class_names"):
        look(sequential(), ProjectorCallback(tmp_path, X[:50], Y[:50], class_names=[*NAMES, "Hat"]))


def test_kerass_old_names_are_understood(tmp_path: Path) -> None:
    callback = ProjectorCallback(tmp_path, labels=Y[:50], embeddings_data=X[:50], embeddings_layer_names=["hidden"], embeddings_freq=2)
    train(sequential(), callback, epochs=2)
    assert [made["epoch"] for made in callback.snapshots] == [0, 2]
    with pytest.raises(TypeError, match="unexpected keyword argument 'embedding'"):
        ProjectorCallback(tmp_path, X, Y, embedding=1)


def test_a_full_disk_stops_the_snapshots_and_not_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from fmnist_viz.core import store

    sound = store._fsync

    def full(path: Path) -> None:
        if store.STAGING in str(path) and list(tmp_path.glob("projector/epoch_001/events*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        sound(path)

    monkeypatch.setattr(store, "_fsync", full)
    callback = ProjectorCallback(tmp_path, X[:50], Y[:50], layers="hidden")
    history = train(sequential(), callback, epochs=4)
    assert len(history.history["loss"]) == 4
    assert [made["epoch"] for made in callback.snapshots] == [0, 1]
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 2
    assert "the snapshot of epoch 2 was not written" in told[0]
    assert "no space left" in told[0]
    assert told[1] == "ProjectorCallback: 3 snapshots were not written"
    assert sorted(p.name for p in (tmp_path / "projector").iterdir()) == ["epoch_000", "epoch_001"]


def test_a_place_that_cannot_be_written_and_weights_that_are_ruined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file stands here")
    history = train(sequential(), ProjectorCallback(tmp_path / "logs", X[:50], Y[:50], layers="hidden"))
    assert len(history.history["loss"]) == 1
    assert "a file stands where a folder is needed" in capsys.readouterr().err
    model = sequential()
    model.build((None, 28, 28, 1))
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    look(model, ProjectorCallback(tmp_path / "nan", X[:50], Y[:50], layers="hidden"))
    assert "layer hidden: holds NaN or infinity" in capsys.readouterr().err
    assert not list(tmp_path.glob("nan/projector/*"))


# --- the readme -------------------------------------------------------------------------------------------------------


def test_the_readmes_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs/projector.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "ProjectorCallback" in block]
    monkeypatch.chdir(tmp_path)
    exec(example, {"model": sequential(), "x_train": X[:100], "y_train": Y[:100], "x_test": X[100:200], "y_test": Y[100:200]})
    assert check_folder(tmp_path / "logs/projector/epoch_001") == []
