"""The reported numbers agree with one another, and each says where it comes from."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fmnist_viz.analysis.reproduction import RATES
from fmnist_viz.data.labels import FASHION
from fmnist_viz.models.articles import CONDITIONS, OPTION, Reported, articles, reasons, reported

EVERY = [r for one in articles() for r in one.reported]
SYSTEMS = {"dense4-raw", "dense4", "dense4-lr-sweep", "dense4-tuned", "dense128", "fc4", "cnn1", "cnn3", "cnn4", "vgg19"}


def label(r: Reported) -> str:
    return f"{r.article}-{r.preset}-{r.stage}"


def test_every_system_of_every_article_has_its_stages() -> None:
    assert len(articles()) == 5
    assert {preset for one in articles() for preset in one.systems} == SYSTEMS
    for one in articles():
        assert {r.preset for r in one.reported} == set(one.systems), one.key
    for preset in SYSTEMS:
        assert reported(preset, "plain")
        assert bool(reported(preset, "augmented")) == (preset in {"cnn1", "cnn3", "cnn4"})


@pytest.mark.parametrize("r", [r for r in EVERY if r.per_class], ids=label)
def test_recalls_of_classes_of_equal_size_average_to_the_accuracy(r: Reported) -> None:
    assert tuple(r.per_class) == FASHION
    recall = sum(row[RATES.index("recall")] for row in r.per_class.values()) / len(FASHION)
    assert r.test_accuracy == pytest.approx(recall, abs=0.005)  # each recall is known to half of a hundredth


@pytest.mark.parametrize("r", [r for r in EVERY if r.per_class], ids=label)
def test_each_f1_follows_from_its_precision_and_recall(r: Reported) -> None:
    for name, (p, q, f1) in r.per_class.items():
        low, high = ((2 * a * b / (a + b)) for a, b in ((p - 0.005, q - 0.005), (min(1, p + 0.005), min(1, q + 0.005))))
        assert low - 0.005 <= f1 <= high + 0.005, name


@pytest.mark.parametrize("r", EVERY, ids=label)
def test_numbers_are_in_their_ranges_and_have_a_source(r: Reported) -> None:
    assert r.source
    assert set(r.sources) <= set(vars(r))
    for name in ("test_accuracy", "train_accuracy", "val_accuracy"):
        assert getattr(r, name) is None or 0 < getattr(r, name) < 1
        # a loss and an accuracy go together: a wild loss would be a slip of the pen
        loss = getattr(r, name.replace("accuracy", "loss"))
        assert loss is None or 0.1 < loss < 2.4
    if r.test_accuracy is not None:
        assert r.n_test == 10_000 and 0 < r.rounding <= 0.01
        assert round(r.test_accuracy / r.rounding) * r.rounding == pytest.approx(r.test_accuracy)
    if r.seconds and r.seconds.low is not None and r.seconds.high is not None:
        assert r.seconds.low <= r.seconds.median <= r.seconds.high
    for cell in r.confusions:
        assert cell.true in FASHION and cell.predicted in FASHION and 0 < cell.rate < 1
    assert not any("http" in text for text in (r.source, r.machine, *r.caveats))


def test_the_readme_of_the_convolutional_networks_and_their_notebooks_agree() -> None:
    claims = {"cnn1": 0.9229, "cnn3": 0.9117, "cnn4": 0.9352}
    assert {preset: reported(preset, "augmented")[0].test_accuracy for preset in claims} == claims


def test_an_articles_own_number_comes_before_a_borrowed_one() -> None:
    first, second = reported("dense128", "plain")
    assert (first.article, first.anchor) == ("colab", "")
    assert second.anchor and second.test_accuracy == first.test_accuracy
    assert reported("dense4-tuned", "plain")[0].anchor
    assert reported("nothing", "plain") == ()


def test_explanations_are_of_known_systems_and_conditions() -> None:
    whys = [why for preset in SYSTEMS for stage in ("plain", "augmented") for why in reasons(preset, stage)]
    listed = tomllib.loads((Path(__file__).parents[1] / "fmnist_viz/models/articles.toml").read_text(encoding="utf-8"))["why"]
    assert {why.text for why in whys} == {entry["text"] for entry in listed}
    for why in whys:
        assert why.direction in ("always", "inside", "better", "worse")
        assert why.condition in CONDITIONS or why.condition.startswith(OPTION)


def test_reading_them_loads_no_tensorflow() -> None:
    code = "import sys; from fmnist_viz.models.articles import articles; articles(); print('tensorflow' in sys.modules or 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
