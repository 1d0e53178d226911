"""A run's Projector as a person meets it: TensorBoard's real page over a run that the real command made."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import run
from projector_page import ProjectorPage, open_projector
from sklearn.neighbors import NearestNeighbors

from fmnist_viz.core.palette import class_colors

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DATA = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SHOWN = 400
AXIS = ("Trouser", "Bag", "Pullover", "Sandal")  # left, right, up, down
NOISE = 0.03  # what the page's own t-SNE and UMAP differ by between equal calls: share of neighbours of the same class, of 400 points


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pixels, three hidden layers, logits and weights of a small convolutional network; and its raw activations as plain text folders."""
    where = tmp_path_factory.mktemp("seen")
    argv = ("train-and-export", "--model", "cnn1", "--data", "sample", "--epochs", "1", "--points", "600", "--projector-points", str(SHOWN))
    done = run(where, *argv, "--n-iter", "250", "--umap-epochs", "50", "--film-epochs", "0", "--out", "projector_logs/run", "--cache-dir", "cache")
    assert done.code == 0, done.err
    run_folder = where / "projector_logs" / "run"
    table = pd.read_csv(run_folder / "projector" / "metadata.tsv", sep="\t")
    for name, vectors in raw_vectors(run_folder / "model.keras", originals(table["sample_id"])).items():
        write_plainly(where / "projector_logs" / "plain" / name, name, vectors, table["label"])
    return run_folder


def originals(sample_ids: Any) -> np.ndarray[Any, Any]:
    """The test images of those ids as published, uint8 (n, 28, 28)."""
    with gzip.open(DATA / "t10k-images-idx3-ubyte.gz") as f:
        every = np.frombuffer(f.read()[16:], np.uint8).reshape(-1, 28, 28)
    return every[[int(i.removeprefix("test/")) for i in sample_ids]]


def raw_vectors(model_file: Path, images: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Pixels and hidden activations as a tutorial takes them: straight from the model, as they come.

    The convolution's 21,632 values an image are left out: as text they keep the page busy for minutes.
    """
    import keras

    model = keras.saving.load_model(model_file, compile=False)
    layers = [layer for layer in model.layers if layer.name in ("max_pooling2d", "dense")]
    taken = keras.Model(model.inputs, [layer.output for layer in layers]).predict(images[..., None].astype(np.float32), verbose=0)
    named = {layer.name: np.asarray(value).reshape(len(images), -1) for layer, value in zip(layers, taken, strict=True)}
    kernel, bias = model.layers[-1].get_weights()
    return {"pixels": images.reshape(len(images), -1).astype(np.float32), **named, "logits": named["dense"] @ kernel + bias}


def write_plainly(folder: Path, name: str, vectors: np.ndarray[Any, Any], labels: Any) -> None:
    """The folder that the usual tutorial makes: numbers as text, one column of labels, a configuration; and what makes it a run."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True)
    np.savetxt(folder / "vectors.tsv", vectors, delimiter="\t", fmt="%.7g")
    (folder / "metadata.tsv").write_text("\n".join(labels) + "\n")
    (folder / "projector_config.pbtxt").write_text(f'embeddings {{ tensor_name: "{name}" tensor_path: "vectors.tsv" metadata_path: "metadata.tsv" }}\n')
    EventFileWriter(str(folder)).close()


def facts(made: Path) -> list[dict[str, Any]]:
    """What was recorded beside each tensor."""
    found = [json.loads(path.read_text()) for path in sorted((made / "projector").glob("*.json")) if not path.name.endswith(".bookmarks.json")]
    assert {t["representation"] for t in found} >= {"pixels", "conv2d", "max_pooling2d", "dense", "logits", "conv2d/kernel", "dense/kernel"}
    return found


@pytest.fixture(scope="module")
def page(made: Path) -> Iterator[ProjectorPage]:
    with open_projector(made.parent) as shown:
        yield shown


def purity(coords: np.ndarray[Any, Any], labels: list[str], k: int = 10) -> float:
    """Share of the k nearest on the map that have the point's own class."""
    if not np.isfinite(coords).all():
        return 0.0
    names = np.asarray(labels)
    near = NearestNeighbors(n_neighbors=k).fit(coords).kneighbors(return_distance=False)
    return float((names[near] == names[:, None]).mean())


def test_every_tensor_shows_its_points_with_their_thumbnails_and_colours(page: ProjectorPage, made: Path) -> None:
    rng = np.random.default_rng(0)
    for tensor in facts(made):
        page.open_tensor(tensor["name"], run="run/projector")
        assert page.point_count() == tensor["shape"][0], tensor["name"]
        if tensor["kind"] == "weight":
            continue
        rows = [int(i) for i in rng.choice(tensor["shape"][0], 10, replace=False)]
        for row, cells in zip(rows, page.metadata(*rows), strict=True):
            expected = 255 - originals([cells["sample_id"]])[0]  # dark on white: the page has a white canvas
            np.testing.assert_array_equal(page.thumbnail(row, 28), np.repeat(expected[..., None], 3, axis=2), err_msg=f"{tensor['name']} row {row}")
        page.color_by("label")
        assert page.legend() == dict(zip(NAMES, class_colors(10), strict=True)), tensor["name"]
        assert page.colours_in_screenshot() >= 5, tensor["name"]
    assert page.errors == []


def published(made: Path, ids: list[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Every map below `projections/` at those samples, by file name; maps of other rows are left out."""
    found = {}
    for path in (made / "projections").glob("*.csv"):
        with open(path, newline="") as f:
            rows = {row["sample_id"]: [float(row[axis]) for axis in "xyz" if axis in row] for row in csv.DictReader(f)}
        if all(i in rows for i in ids):
            found[path.stem] = np.array([rows[i] for i in ids])
    return found


def principal(file: Path, shape: list[int], axes: int) -> np.ndarray[Any, Any]:
    X = np.fromfile(file, "<f4").reshape(shape).astype(float)
    left, values, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    return np.asarray(left[:, :axes] * values[:axes])


def test_two_seconds_after_its_click_a_bookmark_shows_the_published_coordinates(page: ProjectorPage, made: Path) -> None:
    checked = 0
    for tensor in facts(made):
        if tensor["kind"] == "weight" or not tensor["views"]:
            continue
        page.open_tensor(tensor["name"], run="run/projector")
        ids = [cells["sample_id"] for cells in page.metadata(*range(tensor["shape"][0]))]
        maps = {name: coords for name, coords in published(made, ids).items() if name.startswith(tensor["representation"])}
        assert page.bookmarks() == [v["label"] for v in tensor["views"]]
        for number, shown in enumerate(tensor["views"]):
            page.open_bookmark(number, settle=2000)
            axes = page.axes()
            assert page.projection() == shown["slot"], shown["label"]
            got = page.coordinates(axes)
            same = [name for name, coords in maps.items() if coords.shape == got.shape and np.abs(coords - got).max() <= 1e-5 * np.ptp(coords)]
            if tensor["name"].startswith("c"):  # images and class vectors have a map of their own: the principal axes of the tensor
                own = principal(made / "projector" / tensor["file"], tensor["shape"], got.shape[1])
                same = ["own"] if np.abs(np.abs(own) - np.abs(got)).max() <= 1e-4 * np.ptp(own) else []
            assert same, f"{tensor['name']}: {shown['label']} shows no published map"
            checked += 1
    assert checked >= 15
    assert page.errors == []


def own_maps(page: ProjectorPage) -> dict[str, float]:
    """Neighbour purity of the page's own maps of the open tensor; each must come without an error."""
    n = page.point_count()
    labels = [str(cells["label"]) for cells in page.metadata(*range(n))]
    search = AXIS if set(AXIS) <= set(labels) else ((*dict.fromkeys(labels),) * 4)[:4]
    made = {"pca": page.run_pca(), "tsne": page.run_tsne(50), "umap": page.run_umap()}
    made["custom"], said = page.search_custom(*search)
    assert not any(message.startswith("0 ") for message in said), said
    assert all(np.isfinite(coords).all() for coords in made.values())
    assert page.errors == []
    return {name: purity(coords, labels, min(10, n - 1)) for name, coords in made.items()}


def test_the_pages_own_maps_of_every_tensor_come_without_an_error_and_are_at_least_as_good_as_of_a_plain_text_export(page: ProjectorPage, made: Path) -> None:
    for tensor in facts(made):
        page.open_tensor(tensor["name"], run="run/projector")
        ours = own_maps(page)
        if not tensor["name"][0].isdigit() or f"plain/{tensor['representation']}" not in page.runs():
            continue
        page.open_tensor(tensor["representation"], run=f"plain/{tensor['representation']}")
        try:
            theirs = own_maps(page)
        except AssertionError:  # the page gives up on raw narrow vectors, ours it must not
            page.errors.clear()
            page.reload()
            continue
        for name, value in theirs.items():
            assert ours[name] >= value - (NOISE if name in ("tsne", "umap") else 0.005), f"{tensor['name']}: {name} {ours} {theirs}"


def test_the_neighbour_panel_lists_neighbours_with_their_own_thumbnails(page: ProjectorPage, made: Path) -> None:
    page.open_tensor("00_pixels", run="run/projector")
    listed = page.neighbours(7)
    assert len(listed) >= 50
    X = originals([cells["sample_id"] for cells in page.metadata(*range(SHOWN))]).reshape(SHOWN, -1).astype(float)
    unit = X - X.mean(0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    near = np.argsort(-(unit @ unit[7]), kind="stable")
    near = near[near != 7][:10]
    side = int(np.ceil(np.sqrt(SHOWN)))
    for i, (label, place) in zip(near, listed, strict=False):
        assert label == page.metadata(int(i))[0]["label"]
        across, down = (float(part.rstrip("%")) / 100 * (side - 1) for part in place.split())
        assert (round(down) * side + round(across)) == i


def test_a_snapshot_that_is_written_while_a_training_runs_appears_when_the_page_is_reloaded(tmp_path: Path) -> None:
    import keras

    import fmnist_viz

    logs, seen = tmp_path / "logs", []
    images, labels = originals([f"test/{i}" for i in range(100)])[..., None] / 255, np.arange(100) % 10
    fmnist_viz.add_embedding(logs, images.reshape(100, -1), labels.tolist(), tag="before")  # TensorBoard is open on something already
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(16, "relu"), keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with open_projector(logs) as page:

        class Reload(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                page.page.wait_for_timeout(7000)  # TensorBoard looks for new runs every five seconds
                page.reload()
                seen.append(page.runs())
                run = f"projector/epoch_{epoch + 1:03d}"
                page.open_tensor(page.server.embeddings(run)[0]["tensorName"], run=run)
                assert page.point_count() == 100

        model.fit(images, labels, epochs=2, verbose=0, callbacks=[fmnist_viz.ProjectorCallback(logs, images, labels), Reload()])
    assert [sum(run.startswith("projector/") for run in runs) for runs in seen] == [2, 3]
