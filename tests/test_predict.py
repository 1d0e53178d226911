"""`fmnist-viz predict`: picture files and images of the data set, their probabilities and their nearest training images."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import Done, call, run
from conftest import MadeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist_viz.core.errors import UsageError, VizError
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.data import DataConfig, load
from fmnist_viz.data.incoming import read_incoming
from fmnist_viz.neighbors import query_distances
from fmnist_viz.pipeline.predict import Question, nearest_images, predict

SHAPE = (28, 28, 1)
pytestmark = pytest.mark.run


@pytest.fixture(scope="module")
def test_images() -> LabeledImages:
    return load(DataConfig()).test


def ask(made: MadeRun, where: Path, *argv: str) -> Done:
    return call(where, "predict", str(made.path), *argv, "--cache-dir", str(made.cache_dir))


def table(done: Done) -> dict[str, float]:
    """Class -> per cent of the first image printed."""
    found = re.findall(r"^  (\S.*?) +(\d+\.\d) %", done.out, re.MULTILINE)
    return {name: float(share) for name, share in found[:10]}


def test_a_test_image_gets_the_probabilities_of_predictions_csv(run_folder: MadeRun, tmp_path: Path) -> None:
    with open(run_folder.path / "predictions.csv", encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    done = ask(run_folder, tmp_path, "--index", row["sample_id"].removeprefix("test/"))
    assert done.code == 0, done.err
    shares = table(done)
    assert {name: pytest.approx(100 * float(row[f"p_{name}"]), abs=0.06) for name in shares} == shares and len(shares) == 10
    assert row["sample_id"] in done.out and ("✓ right" in done.out) == (row["correct"] == "True")


def test_the_nearest_training_image_of_a_training_image_is_itself_and_a_second_call_computes_nothing(run_folder: MadeRun) -> None:
    question = Question(indices=(0, 31, 59_999), split="train", nearest=3)
    answer = predict(run_folder.path, question, cache_dir=run_folder.cache_dir)
    assert answer.nearest is not None
    assert answer.nearest.ids[:, 0].tolist() == list(answer.names) == ["train/0", "train/31", "train/59999"]
    assert answer.nearest.distances[:, 0] == pytest.approx(0, abs=1e-4) and (np.diff(answer.nearest.distances, axis=1) >= 0).all()
    assert answer.nearest.labels[:, 0].tolist() == answer.labels.tolist() and "dense" in answer.nearest.space
    from unittest import mock

    with mock.patch("fmnist_viz.pipeline.features.load_model", side_effect=AssertionError("the model was opened")):
        again = predict(run_folder.path, question, cache_dir=run_folder.cache_dir)
    assert (again.y_proba == answer.y_proba).all() and (again.nearest.distances == answer.nearest.distances).all()


def test_a_picture_file_of_a_test_image_is_that_image(run_folder: MadeRun, tmp_path: Path, test_images: LabeledImages) -> None:
    Image.fromarray(test_images.images[7, :, :, 0]).save(tmp_path / "seven.png")
    Image.fromarray(255 - test_images.images[7, :, :, 0]).save(tmp_path / "light.png")
    plain = ask(run_folder, tmp_path, "seven.png", "--out", "cards.png")
    assert plain.code == 0, plain.err
    assert table(plain) == table(ask(run_folder, tmp_path, "--index", "7")) == table(ask(run_folder, tmp_path, "light.png", "--invert"))
    assert "not inverted" in plain.out and "looks dark on light" not in plain.err
    with Image.open(tmp_path / "cards.png") as image:
        assert min(image.size) > 200
    light = ask(run_folder, tmp_path, "light.png")
    assert "warning: light.png: it looks dark on light" in light.err and "--invert" in light.err
    taken = ask(run_folder, tmp_path, "seven.png", "--out", "cards.png")
    assert taken.code == 6 and "--overwrite" in taken.error
    assert ask(run_folder, tmp_path, "seven.png", "--out", "cards.png", "--overwrite", "--nearest", "0").code == 0


def test_random_images_follow_the_seed(run_folder: MadeRun) -> None:
    names = [predict(run_folder.path, Question(random=4, seed=seed, nearest=0), cache_dir=run_folder.cache_dir).names for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2] and len(set(names[0])) == 4


BAD = {
    ("none.png",): (3, "not found"),
    ("text.png",): (3, "is no picture"),
    ("cut.png",): (3, "cannot be decoded"),
    (".",): (3, "no regular file"),
    ("--index", "10000"): (2, "0 to 9,999"),
    ("--index", "-1"): (2, "0 to 9,999"),
    (): (2, "no image is given"),
    ("text.png", "--random", "2"): (2, "given together"),
    ("--random", "2", "--invert"): (2, "means nothing"),
    ("--index", "2", "--seed", "3"): (2, "means nothing"),
    ("text.png", "--split", "train"): (2, "means nothing"),
    ("--index", "2", "--split", "dev"): (2, "no such split"),
    ("--random", "1001"): (2, "more than 1,000"),
    ("--index", "2", "--out", "x.gif"): (2, "neither .png nor .svg"),
    ("--index", "2", "--out", "."): (2, "neither .png nor .svg"),
}


@pytest.mark.parametrize("argv", BAD, ids=" ".join)
def test_mistakes_are_one_line(run_folder: MadeRun, tmp_path: Path, argv: tuple[str, ...]) -> None:
    (tmp_path / "text.png").write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:700])
    code, said = BAD[argv]
    done = ask(run_folder, tmp_path, *argv)
    assert done.code == code and said in done.error and not done.out
    assert "--skip-bad" not in done.err


def test_a_folder_that_is_no_run_or_has_no_model_or_is_damaged_is_named(run_folder: MadeRun, tmp_path: Path) -> None:
    assert "is no run folder" in call(tmp_path, "predict", ".", "--index", "1").error
    copy = tmp_path / "run"
    shutil.copytree(run_folder.path, copy)
    (copy / "model.keras").write_bytes(b"")
    done = call(tmp_path, "predict", "run", "--index", "1")
    assert done.code == 8 and "model.keras" in done.error


def test_an_export_has_no_model_to_ask(run_folder: MadeRun, tmp_path: Path) -> None:
    import json

    from fmnist_viz.core.manifest import Manifest

    shutil.copytree(run_folder.path, tmp_path / "run")
    manifest = Manifest.load(tmp_path / "run")
    manifest.stages["training"]["files"].pop("model.keras")
    manifest.save(tmp_path / "run")
    (tmp_path / "run" / "model.keras").unlink()
    done = call(tmp_path, "predict", "run", "--index", "1")
    assert done.code == 3 and "holds no model.keras" in done.error and json.loads((tmp_path / "run" / "manifest.json").read_text())


def test_help_needs_nothing_heavy(tmp_path: Path) -> None:
    done = run(tmp_path, "predict", "--help")
    assert done.code == 0 and "--invert" in done.out


def test_nearest_images_are_those_of_brute_force(test_images: LabeledImages) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6)).astype(np.float32) + 100
    X[17] = X[5]
    train = test_images.take(np.arange(300))
    found = nearest_images(X[:20], X, train, 4, "made up")
    truth = np.linalg.norm(X[:20, None].astype(np.float64) - X[None], axis=2)
    order = np.argsort(truth, axis=1, kind="stable")[:, :4]
    assert (found.ids == train.sample_ids[order]).all() and (found.images == train.images[order]).all()
    assert found.ids[5, :2].tolist() == ["test/5", "test/17"] and found.distances[5, :2].tolist() == [0, 0]
    assert found.distances == pytest.approx(np.take_along_axis(truth, order, 1), rel=1e-6)
    assert nearest_images(X[:2], X[:3], train, 10, "few").k == 3
    assert query_distances(X[:2], X).shape == (2, 300)


@pytest.mark.parametrize(
    ("mode", "size", "shape", "said"),
    [
        ("RGB", (28, 28), SHAPE, "greyscaled"), ("L", (60, 60), SHAPE, "resized from 60×60 to 28×28"), ("RGBA", (28, 28), SHAPE, "laid on black"),
        ("L", (28, 28), (28, 28, 3), "repeated over three channels"), ("L", (28, 28), SHAPE, "not inverted"),
    ],
)  # fmt: skip
def test_every_conversion_is_said(tmp_path: Path, mode: str, size: tuple[int, int], shape: tuple[int, int, int], said: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], {"L": 1, "RGB": 3, "RGBA": 4}[mode]), dtype=np.uint8)
    Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels, mode).save(tmp_path / "a.png")
    got = read_incoming(tmp_path / "a.png", shape=shape, invert=False, dark=False)
    assert got.pixels.shape == shape and said in "; ".join(got.notes)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(["L", "RGB"]), st.booleans(), st.sampled_from([(28, 28, 1), (32, 20, 3)]), st.integers(0, 2**32 - 1)
)
def test_any_picture_becomes_the_models_shape_and_inverting_is_the_mirror_image(tmp_path_factory, h, w, mode, dark, shape, seed) -> None:
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    pixels = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels).save(path)
    plain, inverted = (read_incoming(path, shape=shape, invert=invert, dark=dark) for invert in (False, True))
    assert plain.pixels.shape == shape and plain.pixels.dtype == np.uint8
    assert (plain.pixels.astype(int) + inverted.pixels == 255).all()
    assert any("resized" in note for note in plain.notes) == ((h, w) != shape[:2])


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.png"
    path.write_bytes(content)
    with pytest.raises(VizError) as caught:
        read_incoming(path, shape=SHAPE, invert=False, dark=True)
    assert "\n" not in str(caught.value)


def test_a_question_is_one_of_three() -> None:
    with pytest.raises(UsageError, match="given together"):
        Question(indices=(1,), random=2)
