"""`reproduce` as a person calls it: on the shipped sample, scaled down, with everything it must say about that."""

from __future__ import annotations

import csv
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from command import Done, call, run, start

from fmnist_viz.core.ledger import read_ledger
from fmnist_viz.data.split import random_rows
from fmnist_viz.models.articles import articles
from fmnist_viz.models.zoo import PRESETS
from fmnist_viz.pipeline.reproduce import ARTICLES, ReproduceConfig, measured, stages
from fmnist_viz.training.config import FitConfig

SMALL = ("--data", "sample", "--epochs-scale", "0.2", "--cache-dir", "cache", "--out", "table")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Two seeds of the net whose raw pixels kill it, and a network with two stages."""
    where = tmp_path_factory.mktemp("reproduce")
    first = call(where, "reproduce", "dense4-raw", "--seeds", "2", *SMALL)
    assert first.code == 0, first.err
    done = call(where, "reproduce", "dense4-raw", "cnn1", "--seeds", "2", "--stages", "first", *SMALL)
    assert done.code == 0, done.err
    return where, done


def test_every_article_has_its_systems_here() -> None:
    described = {name for article in articles() for name in article.systems}
    assert described <= set(PRESETS)
    assert set(ARTICLES) | {"vgg19"} == described


def test_every_training_is_a_row_with_what_it_is(made: tuple[Path, Done]) -> None:
    rows = read_ledger(made[0] / "table" / "reproduction.csv")
    assert [(r.preset, r.stage, r.seed) for r in rows] == [("dense4-raw", "plain", 0), ("dense4-raw", "plain", 1), ("cnn1", "plain", 0), ("cnn1", "plain", 1)]
    for row in rows:
        assert row.counts is not None
        assert row.test_accuracy == pytest.approx(np.trace(row.counts) / row.n_test)
        assert (row.n_test, row.official, row.finished, row.epochs_scale) == (1000, False, True, 0.2)
        assert row.epochs == 2
        assert row.epochs_full == 10
    assert {r.train_images for r in rows if r.preset == "cnn1"} == {4000}


def test_a_second_call_trains_nothing_again(made: tuple[Path, Done]) -> None:
    assert made[1].err.count("from the cache") == 2


def test_the_table_says_that_this_is_not_the_article(made: tuple[Path, Done]) -> None:
    where, done = made
    assert re.search(r"dense4-raw +plain +9 % .* other data \(.*epoch 2 of 10, recipe scaled by 0\.2", done.out)
    text = (where / "table" / "reproduction.md").read_text()
    assert "recipe scaled by 0.2" in text
    with open(where / "table" / "reproduction_table.csv", newline="") as f:
        assert "dense4-raw" in {row["system"] if "system" in row else row["preset"] for row in csv.DictReader(f)}
    assert "<html" in (where / "table" / "reproduction.html").read_text()[:200]


@pytest.mark.slow
def test_table_only_says_at_which_epoch_an_unfinished_training_stands(tmp_path: Path) -> None:
    words = ("reproduce", "cnn1", "--data", "sample", "--stages", "first", "--cache-dir", "cache", "--out", "table")
    process = start(tmp_path, *words)
    until = time.monotonic() + 120
    while not list(tmp_path.glob("cache/states/*/epoch_*.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = run(tmp_path, *words, "--table-only")
    assert done.code == 0, done.err
    (row,) = read_ledger(tmp_path / "table" / "reproduction.csv")
    assert not row.finished
    assert 1 <= row.epochs < 10
    assert f"{row.epochs} of 10" in (tmp_path / "table" / "reproduction.md").read_text()
    assert run(tmp_path, *words).code == 0
    (ended,) = read_ledger(tmp_path / "table" / "reproduction.csv")  # the finished account takes the place of the unfinished one
    assert ended.finished
    assert (ended.epochs, ended.identity) == (10, row.identity)
    assert run(tmp_path, *words, "--table-only").code == 0
    assert read_ledger(tmp_path / "table" / "reproduction.csv") == [ended]


def test_a_damaged_ledger_costs_no_training(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("not,a,ledger\n1,2,3\n")
    done = call(tmp_path, "reproduce", "dense4", "--ledger", "l.csv", *SMALL)
    assert done.code == 3
    assert "l.csv" in done.error
    assert not (tmp_path / "cache").exists()


def test_an_unknown_preset_is_one_line(tmp_path: Path) -> None:
    done = call(tmp_path, "reproduce", "dense5", *SMALL)
    assert done.code == 2
    assert "dense4" in done.error


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_the_articles_split_is_scikit_learns() -> None:
    """The rows that `train_test_split(test_size=.2, random_state=13)` deals out of 60,000."""
    train, held = random_rows(60_000, 0.2, seed=13)
    assert train[:5].tolist() == [54931, 12612, 21647, 22480, 49475]
    assert held[:5].tolist() == [26308, 52512, 50061, 45393, 17259]
    assert (len(train), len(held)) == (48_000, 12_000)


def test_stages_of_the_convolutional_articles() -> None:
    plain, augmented = stages(["cnn4"], ReproduceConfig())
    assert (plain.fit.plan.length, augmented.fit.plan.length) == (10, 60)
    assert plain.fit.plan.augmentation is None
    assert augmented.fit.plan.augmentation is not None
    assert not augmented.fit.plan.augmented(9)
    assert augmented.fit.plan.augmented(10)
    assert len(stages(["cnn4"], ReproduceConfig(seeds=3, stages="first"))) == 3


def test_trainings_share_states_only_where_their_length_does_not_matter(tmp_path: Path) -> None:
    """A schedule over all steps makes another training of another length; without one more epochs go on from fewer."""
    from fmnist_viz.core.cache import Cache
    from fmnist_viz.data import load
    from fmnist_viz.data.config import DataConfig
    from fmnist_viz.pipeline.training import Training
    from fmnist_viz.training.config import ComputeConfig

    data, cache = load(DataConfig(data="sample")), Cache(tmp_path)

    def states(**options: object) -> tuple[Path, Path | None]:
        fit = FitConfig(recipe="article", **options)  # type: ignore[arg-type]
        return Training(data, {"train": "a", "test": "b"}, fit, ComputeConfig(), 1, 0).states(cache)

    assert states(model="compact", augmented_epochs=4)[0] != states(model="compact", augmented_epochs=8)[0]
    assert states(model="cnn1", epochs=2, augmented_epochs=0) == states(model="cnn1", epochs=9, augmented_epochs=0)
    own, before = states(model="cnn1", epochs=2, augmented_epochs=3)
    assert own == states(model="cnn1", epochs=2, augmented_epochs=7)[0] != states(model="cnn1", epochs=3, augmented_epochs=3)[0]
    assert before == states(model="cnn1", epochs=2, augmented_epochs=0)[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "dense128", "recipe": "article"}, "5 epochs, batches of 32, repeated and then shuffled, adam, learning rate 0.001"),
        ({"model": "fc4", "recipe": "article"}, "5 epochs, batches of 64, adam, learning rate 0.003"),
        ({"model": "dense4-lr-sweep", "recipe": "article"}, "40 epochs, batches of 32, adam, learning rate 0.001 · 10^(epoch / 20)"),
        ({"model": "cnn3", "recipe": "article"}, "10 epochs, then 50 of distorted images, batches of 256, adam, learning rate 0.001"),
        ({"model": "cnn3"}, "5 epochs, batches of 256, adam, learning rate 0.001"),
        ({"model": "cnn3", "recipe": "article", "epochs": 2, "augmented_epochs": 0, "optimizer": "sgd"}, "2 epochs, batches of 256, sgd, learning rate 0.001"),
    ],
)
def test_plans_in_words(options: dict[str, object], words: str) -> None:
    assert FitConfig(**options).plan.words() == words  # type: ignore[arg-type]


def test_loss_is_the_cross_entropy() -> None:
    found = measured(np.array([0, 1, 1]), np.array([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25]], np.float32))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["loss"] == pytest.approx(-(np.log(0.5) + np.log(0.75) + np.log(0.25)) / 3)
    assert found["confusion"] == "1 0;1 1"


def test_pytorchs_initial_weights() -> None:
    """Uniform within one over the root of the inputs, biases too, as torch.nn.Linear draws them."""
    from fmnist_viz.models.zoo import build
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()
    model = build("fc4", input_shape=(28, 28, 1), classes=10, seed=0)
    for name, inputs in (("dense", 784), ("dense_1", 256), ("dense_2", 128), ("probabilities", 64)):
        kernel, bias = model.get_layer(name).get_weights()
        bound = inputs**-0.5
        assert np.abs(kernel).max() <= bound
        assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)
        assert 0.5 * bound < np.abs(bias).max() <= bound
    grey = np.full((1, 28, 28, 1), 127.5, np.float32)
    assert np.abs(model.get_layer("rescaling")(grey)).max() < 1e-6
