"""A model, vectors or predictions from elsewhere become maps, confusions, a Projector folder and a report; what does not fit is one line."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from command import Done, call, run
from keras import layers as L
from numpy.typing import NDArray
from PIL import Image

import fmnist_viz
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.data.columns import class_numbers
from fmnist_viz.data.gate import Limit
from fmnist_viz.data.predicted import read_predictions
from fmnist_viz.export.projector import check_folder

NAMES, EACH = ("blue", "green", "red"), 14
N = EACH * len(NAMES)
LABELS = np.repeat(np.arange(3), EACH)
QUICK = ("--methods", "pca", "--flat-only", "--cache-dir", "cache")


def classifier() -> keras.Model:
    """64 × 64 × 3, a backbone within it, logits as output; its weights are set so that it answers with the brightest channel."""
    inputs = keras.Input((64, 64, 3), name="photo")
    inner = keras.Input((64, 64, 3))
    x = L.Conv2D(3, 1, use_bias=False, activation="relu", name="mix")(L.Rescaling(1 / 255)(inner))
    backbone = keras.Model(inner, L.GlobalAveragePooling2D()(x), name="backbone")
    x = L.Dense(5, activation="relu", name="neck")(backbone(inputs))
    model = keras.Model(inputs, L.Dense(3, name="head")(x), name="mine")
    backbone.get_layer("mix").set_weights([np.eye(3)[::-1].reshape(1, 1, 3, 3)])
    model.get_layer("neck").set_weights([np.eye(3, 5), np.zeros(5)])
    model.get_layer("head").set_weights([10 * np.eye(5, 3), np.zeros(3)])
    return model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photos/<class>/<n>.png, my.keras, vectors and predictions of those images."""
    where, rng = tmp_path_factory.mktemp("byo"), np.random.default_rng(0)
    for k, name in enumerate(NAMES):
        (where / "photos" / name).mkdir(parents=True)
        for i in range(EACH):
            pixels = rng.integers(0, 150, (64, 64, 3), dtype=np.uint8)
            pixels[..., 2 - k] += 100
            Image.fromarray(pixels).save(where / "photos" / name / f"{i:02d}.png")
    classifier().save(where / "my.keras")
    np.save(where / "vectors.npy", (np.eye(8)[LABELS] + 0.1 * rng.standard_normal((N, 8))).astype(np.float32))
    np.save(where / "labels.npy", np.array(NAMES)[LABELS])
    return where


def export(where: Path, *argv: str) -> Done:
    return call(where, "export", *argv, *QUICK)


def made(where: Path, name: str, *argv: str) -> Path:
    """The folder of a run that must succeed."""
    done = export(where, *argv, "--out", name)
    assert done.code == 0, done.err
    return where / name


def page_data(run_folder: Path) -> dict[str, Any]:
    """What the report's script knows."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', (run_folder / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


# --- a model -----------------------------------------------------------------------------------------------------------


def test_a_model_and_a_folder_become_a_projector_and_a_report(place: Path) -> None:
    """By the command in a process of its own, with vectors from elsewhere beside the model's layers."""
    argv = ("--model", "my.keras", "--data", "folder:photos", "--classes", "blue,green,red", "--layers", "pixels,back*,neck,logits")
    done = run(place, "export", *argv, "--representation", "torch=vectors.npy", "--out", "whole", *QUICK)
    assert done.code == 0, done.err
    whole = place / "whole"
    assert check_folder(whole / "projector") == []
    data = page_data(whole)
    assert [r["name"] for r in data["representations"]] == ["pixels", "backbone", "neck", "logits", "torch"]
    assert data["predictions"] == data["labels"] == LABELS.tolist()
    about = json.loads((whole / "manifest.json").read_text())["about"]
    assert about["model_file"]["trusted"] is False
    assert about["brought"]["representation torch"]["file"] == "vectors.npy"
    config = (whole / "projector" / "projector_config.pbtxt").read_text()
    assert len(re.findall("tensor_name", config)) >= 5 and "torch" in config
    scores = pd.read_csv(whole / "tables" / "faithfulness.csv").set_index("representation")
    assert scores.loc["torch", "knn_accuracy"] == 1
    text = (whole / "report.html").read_text(encoding="utf-8")
    for said in (
        "<title>my on image folder photos</title>",
        "my.keras (SHA-256",
        "built-in layers only",
        "vectors.npy (SHA-256",
        "vectors made elsewhere",
        "100.00 %",
    ):
        assert said in text, said
    rerun = call(place, "report", "whole", "--cache-dir", "cache")
    assert rerun.code == 0, rerun.err
    assert page_data(whole) == data


def test_layers_are_listed_without_data(place: Path) -> None:
    done = call(place, "layers", "my.keras")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines()[:5]}
    assert rows["backbone"][:4] == ["Functional", "3", "3", "9"] and rows["backbone"][4] == "hidden"
    assert rows["neck"] == ["Dense", "5", "5", "20", "hidden"]
    assert rows["photo"][:3] == ["InputLayer", "64×64×3", "12,288"] and "skipped: input" in done.out
    assert "8 random images of 64×64×3" in done.out and "takes pixels 0-255" in done.out
    with_data = call(place, "layers", "my.keras", "--data", "folder:photos").out
    assert with_data.splitlines()[:5] == done.out.splitlines()[:5] and "8 of the images" in with_data


def test_a_trusted_model_is_said_everywhere(place: Path) -> None:
    folder = made(place, "trusted", "--model-file", "my.keras", "--data", "folder:photos", "--layers", "logits", "--trust-model")
    manifest = (folder / "manifest.json").read_text()
    sha = re.search(r"TRUSTED MODEL: my.keras was opened with --trust-model.*?SHA-256 ([0-9a-f]{64})", manifest)
    assert sha and '"trusted": true' in manifest
    assert f"SHA-256 {sha[1]}" in (folder / "report.html").read_text(encoding="utf-8")
    assert f"warning: TRUSTED MODEL: my.keras was opened with --trust-model, so code of its own may have run (SHA-256 {sha[1]})" in (
        call(place, "layers", "my.keras", "--trust-model").err
    )


def test_a_refused_model_ends_with_code_4_and_leaves_nothing(place: Path) -> None:
    with zipfile.ZipFile(place / "my.keras") as old, zipfile.ZipFile(place / "odd.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b'"class_name": "Dense"', b'"class_name": "Lambda"', 1) if name == "config.json" else content)
    for argv in (("export", "--model", "odd.keras", "--data", "folder:photos", "--out", "odd"), ("layers", "odd.keras")):
        done = call(place, *argv)
        assert done.code == 4
        assert "FV-MODEL-UNSAFE" in done.error and "'neck'" in done.error and "--trust-model" in done.error
    assert not (place / "odd").exists()


# --- vectors and predictions, no model -----------------------------------------------------------------------------------


def test_vectors_alone_have_maps_and_no_confusions(place: Path) -> None:
    folder = made(place, "vectors", "--representation", "torch=vectors.npy", "--labels", "labels.npy")
    assert check_folder(folder / "projector") == []
    assert not (folder / "predictions.csv").exists() and not (folder / "tables" / "confusion.csv").exists()
    assert {p.name for p in (folder / "figures").glob("*.png")} == {
        "maps.png", "map_torch_pca.png", "distortion_torch.png", "overlap_torch.png", "scree_torch.png",
    }  # fmt: skip
    data = page_data(folder)
    assert data["predictions"] is data["confidence"] is None and data["sheet"]["count"] == 0 and data["labels"] == LABELS.tolist()
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert 'id="no-predictions"' in text and 'id="accuracy"' not in text and 'id="classes"' not in text
    coords = pd.read_csv(folder / "projections" / "torch_pca.csv").groupby(LABELS)[["x", "y"]]
    assert coords.mean().std().min() > 3 * coords.std().to_numpy().max()  # three groups, as in the vectors


def test_hard_labels_give_the_confusions_and_no_confidence(place: Path) -> None:
    said = ["green", *(NAMES[k] for k in LABELS[1:])]
    (place / "said.csv").write_text("predicted\n" + "\n".join(said))
    folder = made(place, "hard", "--predictions", "said.csv", "--labels", "labels.npy")
    pairs = pd.read_csv(folder / "tables" / "pairs.csv")
    assert pairs[["true", "predicted", "count", "n_true"]].to_numpy().tolist() == [["blue", "green", 1, EACH]]
    frame = pd.read_csv(folder / "predictions.csv")
    assert frame["predicted"].tolist() == said and not {"confidence", "margin"} & set(frame.columns)
    data = page_data(folder)
    assert data["predictions"] == [1, *LABELS.tolist()[1:]] and data["confidence"] is data["margin"] is None
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "No probabilities were given" in text and "There is no map" in text and "97.6 %" in text
    assert not (folder / "projector").exists()


def test_the_programs_own_predictions_come_back_by_id(place: Path) -> None:
    """Probabilities of some images in another order, for a folder of images: no model, the same numbers."""
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.ones(3), N)
    rows = rng.permutation(N)[:30]
    frame = pd.DataFrame(proba, columns=[f"p_{name}" for name in NAMES]).assign(sample_id=[f"test/{i}" for i in range(N)], predicted="nonsense")
    frame.iloc[rows].to_csv(place / "proba.csv", index=False)
    folder = made(place, "proba", "--predictions", "proba.csv", "--data", "folder:photos")
    kept = np.sort(rows)
    again = pd.read_csv(folder / "predictions.csv")
    assert again["sample_id"].tolist() == [f"test/{i}" for i in kept]
    np.testing.assert_allclose(again[[f"p_{name}" for name in NAMES]], proba[kept], atol=1e-6)
    data = page_data(folder)
    np.testing.assert_allclose(data["confidence"], proba[kept].max(axis=1), atol=1e-4)
    assert any("rows for 30 of 42 images" in line for line in json.loads((folder / "manifest.json").read_text())["about"]["warnings"])


def test_rows_that_are_not_finite_are_named_and_left_out(place: Path) -> None:
    vectors = np.load(place / "vectors.npy")
    vectors[[3, 20]] = [[np.nan] * 8, [np.inf, *[0] * 7]]
    np.save(place / "holes.npy", vectors)
    folder = made(place, "holes", "--representation", "torch=holes.npy", "--data", "folder:photos")
    table = pd.read_csv(folder / "tables" / "left_out.csv")
    assert table["sample_id"].tolist() == ["test/3", "test/20"] and set(table["representation"]) == {"torch"}
    assert check_folder(folder / "projector") == []
    data = page_data(folder)
    assert len(data["ids"]) == N - 2 and not {"test/3", "test/20"} & set(data["ids"])
    assert "2 rows hold NaN or infinity (test/3, test/20)" in (folder / "report.html").read_text(encoding="utf-8")


def test_ids_say_which_row_is_which_image(place: Path) -> None:
    order = np.random.default_rng(2).permutation(N)
    np.save(place / "shuffled.npy", np.load(place / "vectors.npy")[order])
    (place / "ids.txt").write_text("\n".join(f"test/{i}" for i in order))
    straight = made(place, "straight", "--representation", "torch=vectors.npy", "--labels", "labels.npy")
    by_id = made(place, "by_id", "--representation", "torch=shuffled.npy", "--ids", "ids.txt", "--labels", "labels.npy")
    assert (straight / "projections" / "torch_pca.csv").read_bytes() == (by_id / "projections" / "torch_pca.csv").read_bytes()


# --- what does not fit ---------------------------------------------------------------------------------------------------

Argument = str | Callable[[Path], str]


def saved(name: str, array: Callable[[], Any]) -> Callable[[Path], str]:
    def make(where: Path) -> str:
        np.save(where / name, array(), allow_pickle=True)
        return name

    return make


def text_file(name: str, content: str | bytes) -> Callable[[Path], str]:
    def make(where: Path) -> str:
        (where / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return make


def kept(name: str, shape: tuple[int, ...], outputs: int) -> Callable[[Path], str]:
    def make(where: Path) -> str:
        keras.Sequential([keras.Input(shape), L.GlobalAveragePooling2D(), L.Dense(2), L.Dense(outputs)]).save(where / name)
        return name

    return make


def named(make: Callable[[Path], str]) -> Callable[[Path], str]:
    return lambda where: f"v={make(where)}"


def proba(row: list[float]) -> NDArray[np.float64]:
    out = np.full((N, 3), 1 / 3)
    out[4] = row
    return out


PHOTOS, VECTORS = ("--data", "folder:photos"), ("--representation", "v=vectors.npy")
MISTAKES: list[tuple[str, tuple[Argument, ...], int, str, list[str]]] = [
    ("nothing", PHOTOS, 2, "NOTHING-TO-EXPORT", ["--model-file", "--representation", "--predictions"]),
    ("shape", ("--model", kept("s.keras", (32, 32, 3), 3), *PHOTOS), 3, "MODEL-SHAPE", ["32×32×3", "64×64×3", "--resize 32"]),
    ("channels", ("--model", kept("c.keras", (64, 64, 1), 3), *PHOTOS), 3, "MODEL-SHAPE", ["64×64×1", "64×64×3", "one grey channel"]),
    ("outputs", ("--model", kept("o.keras", (64, 64, 3), 7), *PHOTOS), 3, "MODEL-OUTPUTS", ["7 outputs", "3 classes"]),
    ("sigmoid", ("--model", kept("1.keras", (64, 64, 3), 1), *PHOTOS), 3, "MODEL-OUTPUTS", ["1 output", "3 classes"]),
    ("h5", ("--model", text_file("m.keras", b"\x89HDF\r\n\x1a\n" + bytes(64)), *PHOTOS), 3, "MODEL-HDF5", ["m.keras", "older .h5 format"]),
    ("folder", ("--model", "photos", *PHOTOS), 3, "MODEL-MISSING", ["photos", "is a folder"]),
    ("no layer", ("--model", "my.keras", *PHOTOS, "--layers", "nek"), 2, "UNKNOWN-LAYER", ["'nek'", "neck"]),
    ("name of a layer", ("--model", "my.keras", *PHOTOS, "--representation", "neck=vectors.npy"), 2, "REPRESENTATION", ["neck", "layer of this name"]),
    ("name of a special", (*PHOTOS, "--representation", "pixels=vectors.npy"), 2, "REPRESENTATION", ["pixels", "taken"]),
    ("no name", (*PHOTOS, "--representation", "vectors.npy"), 2, "REPRESENTATION", ["name=FILE.npy"]),
    ("missing", (*PHOTOS, "--representation", "v=none.npy"), 3, "FILE-MISSING", ["none.npy"]),
    ("wrong n", (*PHOTOS, "--representation", named(saved("n.npy", lambda: np.ones((N - 1, 4), np.float32)))), 3, "ROWS", ["41 rows", "42 images", "--ids"]),
    ("whole numbers", (*PHOTOS, "--representation", named(saved("i.npy", lambda: np.ones((N, 4), int)))), 3, "VECTORS-DTYPE", ["i.npy", "int64"]),
    ("four axes", (*PHOTOS, "--representation", named(saved("f.npy", lambda: np.ones((N, 2, 2, 2))))), 3, "VECTORS-SHAPE", ["(42, 2, 2, 2)", "reshape"]),
    ("objects", (*PHOTOS, "--representation", named(saved("o.npy", lambda: np.array([[1.0, "a"]] * N, object)))), 4, "NPY-OBJECTS", ["Python objects"]),
    ("pickle", (*PHOTOS, "--representation", named(text_file("p.npy", pickle.dumps([1.0])))), 4, "PICKLE", ["p.npy", "pickle", "numpy.save"]),
    ("cut", (*PHOTOS, "--representation", named(lambda w: text_file("cut.npy", (w / "vectors.npy").read_bytes()[:-8])(w))), 3, "NPY-TRUNCATED", ["1,336"]),
    ("all nan", (*PHOTOS, "--representation", named(saved("a.npy", lambda: np.full((N, 2), np.nan)))), 3, "ROWS", ["no image has a finite row"]),
    ("unknown id", (*PHOTOS, *VECTORS, "--ids", text_file("u.txt", "\n".join(f"test/{i + 1}" for i in range(N)))), 3, "IDS-UNKNOWN", ["'test/42'"]),
    ("id twice", (*PHOTOS, *VECTORS, "--ids", text_file("t.txt", "test/1\n" * N)), 3, "IDS-TWICE", ["'test/1'"]),
    ("too few ids", (*PHOTOS, *VECTORS, "--ids", text_file("f.txt", "test/1\ntest/2")), 3, "ROWS", ["42 rows", "names 2"]),
    ("predictions short", (*PHOTOS, "--predictions", saved("s.npy", lambda: LABELS[:-2])), 3, "ROWS", ["40 rows", "42 images"]),
    ("unknown class", (*PHOTOS, "--predictions", text_file("k.csv", "predicted\n" + "blue\n" * 9 + "mauve\n")), 3, "CLASS-UNKNOWN", ["row 9", "'mauve'"]),
    ("class 3 of 3", (*PHOTOS, "--predictions", saved("3.npy", lambda: LABELS + 1)), 3, "LABEL-RANGE", ["label 3", "0..2"]),
    ("nan", (*PHOTOS, "--predictions", saved("nan.npy", lambda: proba([0.5, np.nan, 0.5]))), 3, "PREDICTED-NAN", ["row 4"]),
    ("no sum", (*PHOTOS, "--predictions", saved("sum.npy", lambda: proba([2.5, 1.0, -3.0]))), 3, "PREDICTED-SUM", ["row 4", "0.5", "softmax"]),
    ("columns", (*PHOTOS, "--predictions", saved("c.npy", lambda: np.full((N, 4), 0.25))), 3, "PREDICTED-CLASSES", ["4 columns", "3 classes"]),
    ("other columns", (*PHOTOS, "--predictions", text_file("h.csv", "a,b\n1,2\n")), 3, "PREDICTED-COLUMNS", ["a, b", "predicted"]),
    ("both", (*PHOTOS, "--model", "my.keras", "--predictions", "labels.npy"), 2, "OPTION-UNUSED", ["--predictions", "makes its own"]),
    ("labels and data", (*PHOTOS, *VECTORS, "--labels", "labels.npy"), 2, "OPTION-UNUSED", ["--labels", "folder:photos"]),
    ("labels and model", ("--model", "my.keras", "--labels", "labels.npy"), 2, "OPTION-UNUSED", ["--labels", "needs images"]),
    ("ids alone", ("--model", "my.keras", *PHOTOS, "--ids", "ids.txt"), 2, "OPTION-UNUSED", ["--ids"]),
    ("labels pickled", (*VECTORS, "--labels", text_file("l.npy", pickle.dumps(["a"]))), 4, "PICKLE", ["l.npy"]),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "code", "error", "fragments"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_what_does_not_fit_is_one_line_and_leaves_nothing(place: Path, argv: tuple[Argument, ...], code: int, error: str, fragments: list[str]) -> None:
    done = export(place, *(word if isinstance(word, str) else word(place) for word in argv), "--out", "never")
    assert done.code == code, done.err
    assert f"[FV-{error}]" in done.error
    for fragment in fragments:
        assert fragment in done.error
    assert not (place / "never").exists()


def test_a_picture_that_is_none_is_named(place: Path, tmp_path: Path) -> None:
    for name in NAMES[:2]:
        (tmp_path / "bad" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "bad" / name / "0.png")
    (tmp_path / "bad" / "blue" / "1.png").write_bytes(b"no picture")
    done = export(place, "--model", "my.keras", "--data", f"folder:{tmp_path / 'bad'}")
    assert done.code == 3 and "1.png" in done.error


# --- Python --------------------------------------------------------------------------------------------------------------


def test_confusion_analysis_from_arrays(tmp_path: Path) -> None:
    y_true, y_pred = ["cat", "cat", "dog", "owl"], ["cat", "dog", "dog", "dog"]
    found = fmnist_viz.confusion_analysis(y_true, y_pred)
    assert found.confusion.class_names == ("cat", "dog", "owl")
    assert found.confusion.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert found.frame().equals(found.confusion.frame())
    assert set(found.frames()) == {"confusion", "pairs", "per_class", "groups", "class_order", "class_tree", "predictions"}
    assert "confidence" not in found.frames()["predictions"].columns
    with pytest.raises(ValueError, match="no probabilities"):
        _ = found.predictions.confidence
    assert "n = 4 images of 3 classes" in " ".join(text.get_text() for text in found.plot().texts)
    page = found.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No probabilities were given" in page and "cat" in page


def test_confusion_analysis_with_probabilities_and_images(tmp_path: Path) -> None:
    proba = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
    images = np.random.default_rng(0).random((3, 8, 8))
    found = fmnist_viz.confusion_analysis([0, 1, 1], y_proba=proba, images=images, class_names=["a", "b", "c"], title="elsewhere")
    assert found.predictions.y_pred.tolist() == [0, 2, 1]
    np.testing.assert_allclose(found.predictions.margin, [-0.5, 0.3, -0.2], atol=1e-6)
    assert found.images.images.shape == (3, 8, 8, 1)
    text = found.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert 'class="sheet"' in text and "<title>elsewhere</title>" in text


def test_confusion_analysis_without_names_takes_every_column() -> None:
    found = fmnist_viz.confusion_analysis([0, 1], y_proba=[[0.9, 0.05, 0.05], [0.2, 0.7, 0.1]])
    assert found.confusion.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("argv", "options", "error", "says"),
    [
        (([0, 1],), {}, UsageError, "y_pred or y_proba"),
        (([0, 1], [0, 1]), {"y_proba": [[1, 0], [0, 1]]}, UsageError, "y_pred or y_proba"),
        (([0, 1], [0]), {}, BadInput, "1 rows, y_true has 2"),
        (([0, 1], [0, 5]), {"class_names": ["a", "b"]}, BadInput, "label 5 at row 1"),
        ((["a"], ["x"]), {"class_names": ["a", "b"]}, BadInput, "'x', which is no class"),
        (([0, 1],), {"y_proba": [[1, 0], [np.nan, 1]]}, BadInput, "row 1 holds NaN"),
        (([0, 1], [0, 1]), {"images": np.zeros((3, 4, 4))}, BadInput, "3 rows"),
        (([], []), {}, BadInput, "empty"),
    ],
)
def test_confusion_analysis_refuses(argv: Any, options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        fmnist_viz.confusion_analysis(*argv, **options)


# --- files of predictions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["predicted\nblue\nred\n", "blue\nred", "prediction\n0\n2", "0\n2\n", "0.0\n2.0\n", "sample_id,y_pred\ntest/0,blue\ntest/1,2\n"],
    ids=["names", "no head", "numbers", "numbers without head", "floats", "ids"],
)
def test_classes_in_a_csv_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    found = read_predictions(tmp_path / "p.csv", NAMES, limit=Limit(1 << 20))
    assert found.y_proba is None and found.y_label is not None
    assert found.y_label.tolist() == [0, 2]
    assert (found.ids is not None) == ("sample_id" in content)


@pytest.mark.parametrize("head", ["red,green,blue", "p_red,p_green,p_blue"])
def test_probabilities_in_a_csv_file_go_by_their_heads(tmp_path: Path, head: str) -> None:
    (tmp_path / "p.csv").write_text(f"{head}\n0.7,0.2,0.1\n0.1,0.1,0.8\n")
    found = read_predictions(tmp_path / "p.csv", NAMES, limit=Limit(1 << 20))
    np.testing.assert_allclose(found.y_proba, [[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], atol=1e-6)


def test_a_name_counts_before_a_number() -> None:
    assert class_numbers(["2", "0", "1"], ["2", "1", "0"], "x").tolist() == [0, 2, 1]
