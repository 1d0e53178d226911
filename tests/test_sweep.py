"""A sweep: what it takes, what its statistics say of planted numbers, and a small real one by the command."""

from __future__ import annotations

import html
import json
import math
import re
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from command import Done, call
from hypothesis import given
from hypothesis import strategies as st
from projector_page import tensorboard

from fmnist_viz.analysis.significance import holm
from fmnist_viz.analysis.sweep import Trial, changes, paired, table
from fmnist_viz.core.errors import UsageError, VizError
from fmnist_viz.display.sweep import SweepDisplay
from fmnist_viz.export.sweep import SweepContent, markdown, page
from fmnist_viz.pipeline.folder import verify
from fmnist_viz.pipeline.sweep import Outcome
from fmnist_viz.pipeline.variants import READERS, SweepConfig, Variant, defaults, in_order, parse, text_of, variants
from fmnist_viz.training.hparams import FINAL

# --- what --vary takes ------------------------------------------------------------------------------------------------

VALUES = {
    "hidden": st.lists(st.integers(1, 65536), min_size=1, max_size=5).map(lambda units: "-".join(map(str, units))),
    "activation": st.sampled_from(["relu", "sigmoid", "tanh"]),
    "optimizer": st.sampled_from(["adam", "sgd", "rmsprop"]),
    "learning-rate": st.floats(1e-300, 1e300).map(lambda value: text_of(value)),
    "epochs": st.integers(1, 10_000).map(str),
    "batch-size": st.integers(1, 65_536).map(str),
}


@given(st.data())
def test_what_is_written_is_what_is_read(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(VALUES)))
    values = data.draw(st.lists(VALUES[key], min_size=1, max_size=4, unique=True))
    spelt = data.draw(st.sampled_from([key, key.replace("-", "_"), f" {key} "]))
    assert parse([f"{spelt}={', '.join(values)}"], "dense") == {key: values}
    for value in values:
        assert text_of(READERS[key](value)) == value


@given(st.text(max_size=30), st.sampled_from(["dense", "cnn1"]))
def test_any_other_text_is_refused_in_one_line(text: str, model: str) -> None:
    said = ""
    try:
        found = parse([text], model)
    except UsageError as e:
        found, said = {}, str(e)
    assert ("--vary" in said and "\n" not in said) if said else (found and set(found) <= set(READERS) and all(found.values()))


@pytest.mark.parametrize(
    ("text", "model", "said"),
    [
        ("epochs", "dense", ["KEY=V1,V2", "hidden, activation, optimizer, learning-rate, epochs, batch-size"]),
        ("width=4", "dense", ["'width'", "hidden, activation, optimizer, learning-rate, epochs, batch-size"]),
        ("hidden=4,16-16", "cnn1", ["cnn1", "ignores hidden", "optimizer, learning-rate, epochs, batch-size", "--model dense"]),
        ("hidden=4,4", "dense", ["twice", "4-4"]),
        ("hidden=4;16", "dense", ["'4;16'", "16-16"]),
        ("hidden=0-4", "dense", ["'0-4'"]),
        ("activation=relu,gelu", "dense", ["'gelu'", "relu, sigmoid, tanh"]),
        ("optimizer=recipe", "dense", ["'recipe'", "adam, sgd, rmsprop"]),
        ("learning-rate=0", "dense", ["'0'", "above 0"]),
        ("learning-rate=nan", "dense", ["'nan'"]),
        ("epochs=2.5", "dense", ["'2.5'", "1 to 10000"]),
        ("epochs=", "dense", ["''"]),
    ],
)
def test_an_error_names_the_text_and_what_could_stand_there(text: str, model: str, said: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse([text], model)
    assert all(part in str(caught.value) for part in [repr(text), *said]), str(caught.value)


def test_variants_differ_from_the_base_in_one_setting_each() -> None:
    config = SweepConfig()
    made = variants(config, defaults(config.base))
    base = made[0].settings()
    assert base == {"model": "dense", "hidden": "4-4", "activation": "relu", "optimizer": "adam", "learning_rate": 0.001, "epochs": 10, "batch_size": 32}
    for variant in made[1:]:
        assert [name for name, value in variant.settings().items() if value != base[name]] == [variant.key.replace("-", "_")]
    assert {variant.key for variant in made[1:]} == {"hidden", "activation", "optimizer", "learning-rate", "epochs"}


def test_the_same_training_is_tried_once() -> None:
    made = variants(SweepConfig(), parse(["hidden=4-4,8", "activation=relu", "learning-rate=0.001,1e-3,0.01", "epochs=10", "epochs=20,20"], "dense"))
    assert [variant.name for variant in made] == ["base", "hidden=8", "learning-rate=0.01", "epochs=20"]
    with pytest.raises(UsageError, match="base's own"):
        variants(SweepConfig(), parse(["hidden=4-4"], "dense"))


def test_presets_with_fixed_layers_vary_in_the_rest() -> None:
    config = SweepConfig(model="cnn1", epochs=2)
    made = variants(config, defaults(config.base))
    assert {variant.key for variant in made[1:]} == {"optimizer", "learning-rate", "epochs"}
    assert all(variant.fit.plan.augmentation is None for variant in made)
    with pytest.raises(VizError, match="fixed layers"):
        SweepConfig(model="cnn1", hidden="4")


def test_longer_trainings_come_after_those_they_go_on_from() -> None:
    names = [variant.name for variant in in_order(variants(SweepConfig(), parse(["epochs=20,5"], "dense")))]
    assert names == ["epochs=5", "base", "epochs=20"]


def test_a_fifth_is_held_out_and_something_is_left() -> None:
    assert SweepConfig().held_out(60_000) == 12_000
    assert SweepConfig(validation=500).held_out(60_000) == 500
    for config, images in ((SweepConfig(validation=60_000), 60_000), (SweepConfig(), 4)):
        with pytest.raises(UsageError, match="held out"):
            config.held_out(images)


# --- statistics on planted numbers ------------------------------------------------------------------------------------


def planted(**accuracies: list[float | None]) -> list[Trial]:
    return [Trial(name, seed, value, 10, 1.0 + seed, value == 0.1) for name, values in accuracies.items() for seed, value in enumerate(values)]


def test_the_interval_is_students_over_the_pairs() -> None:
    """Differences 1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.30265: 2 ± 4.30265 / sqrt 3; p from t = 2 sqrt 3, closed form for 2 degrees of freedom."""
    mean, low, high, p = paired([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx((2, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-5)
    t = 2 * math.sqrt(3)
    assert p == pytest.approx(1 - t / math.sqrt(2 + t * t), abs=1e-9)


def test_without_spread_there_is_no_interval() -> None:
    assert paired([0.01])[0] == 0.01 and all(math.isnan(value) for value in paired([0.01])[1:])
    assert paired([0.0, 0.0, 0.0])[3] == 1
    mean, low, _, p = paired([0.02, 0.02])
    assert (mean, p) == (0.02, 0.5) and math.isnan(low)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, float("nan"), 0.6])[0::2] == pytest.approx([1.0, 1.0])


def test_pairs_find_what_medians_alone_would_not_and_seeds_are_matched() -> None:
    """Seeds spread over 20 points, the gain is one point in every pair."""
    base = [0.60, 0.65, 0.70, 0.75, 0.80]
    noise = [0.0010, -0.0010, 0.0005, -0.0005, 0.0]
    gain = [b + 0.01 + e for b, e in zip(base, noise, strict=True)]
    trials = planted(base=base, better=gain, worse=[b - 0.02 + e for b, e in zip(base, noise, strict=True)], same=base[::-1])
    rows = {row.variant: row for row in changes(trials)}
    assert {name: row.verdict for name, row in rows.items()} == {
        "base": "base", "better": "helps", "worse": "hurts", "same": "no clear difference at n = 5",
    }  # fmt: skip
    assert rows["better"].difference == pytest.approx(0.01)
    assert rows["better"].median_difference == pytest.approx(0.0105)
    assert (rows["base"].low, rows["base"].median, rows["base"].high) == (0.60, 0.70, 0.80)
    shuffled = {row.variant: row for row in changes([trials[i] for i in np.random.default_rng(0).permutation(len(trials))])}
    assert shuffled["better"].p == pytest.approx(rows["better"].p)


def test_rows_are_ranked_and_failures_are_counted_not_dropped() -> None:
    rows = changes(planted(base=[0.5, 0.6], lost=[None, 0.9], gone=[None, None], dead=[0.1, 0.1], one=[0.7]))
    assert [row.variant for row in rows] == ["lost", "one", "base", "dead", "gone"]
    by = {row.variant: row for row in rows}
    assert (by["lost"].verdict, by["gone"].verdict, by["one"].verdict) == ("diverged in 1 of 2", "diverged in 2 of 2", "no verdict from 1 seed")
    assert (by["dead"].dead, by["dead"].dead_known) == (2, 2)
    assert table(rows)["rank"].tolist() == [1, 2, 3, 4, 5]


def test_what_only_one_of_many_tests_would_call_clear_may_be_so() -> None:
    """Differences 8, 10, 12 have t = 10 / (2 / sqrt 3), p = 0.013: enough for one variant, not for ten."""
    trials = planted(base=[0.5, 0.5, 0.5], up=[0.58, 0.60, 0.62], down=[0.42, 0.40, 0.38])
    others = planted(**{f"other{i}": [0.49, 0.50, 0.51] for i in range(8)})
    assert {row.variant: row.verdict for row in changes(trials[:6])} == {"base": "base", "up": "helps"}
    assert {row.variant: row.verdict for row in changes([*trials, *others]) if row.variant in ("up", "down")} == {"up": "may help", "down": "may hurt"}


def test_two_trainings_of_a_seed_or_no_base_are_mistakes() -> None:
    with pytest.raises(ValueError, match="two trainings of seed 0"):
        changes([*planted(base=[0.5]), *planted(base=[0.6])])
    with pytest.raises(ValueError, match="base"):
        changes(planted(other=[0.5]))


# --- figure, table, page ----------------------------------------------------------------------------------------------


def test_the_figure_says_each_row_without_overlaps() -> None:
    trials = planted(base=[0.5, 0.6, 0.55], **{"hidden=256-128-64-32-16-8-4": [0.8, 0.81, 0.84], "gone": [None] * 3, "learning-rate=0.1": [0.1] * 3})
    figure = SweepDisplay(trials, 12_000).plot(stamp=["a warning"])
    figure.canvas.draw()
    texts = [text for text in figure.texts if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, texts[i].get_text()
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), texts[i].get_text()
    said = " ".join(text.get_text() for text in texts)
    assert all(word in said for word in ("12,000", "3 seeds", "test split was not looked at", "Holm", "diverged in 3 of 3"))
    axes = figure.axes[0]
    assert len(axes.get_yticklabels()) == 4
    means = {line.get_gid(): line.get_xdata()[0] for line in axes.lines if (line.get_gid() or "").startswith("mean")}
    best = next(i for i, row in enumerate(SweepDisplay(trials, 12_000).rows) if row.variant.startswith("hidden"))
    assert means[f"mean-{best}"] == pytest.approx(100 * (0.3 + 0.21 + 0.29) / 3)


def test_names_cannot_leave_their_cell() -> None:
    odd = 'x|y</td><script>alert(1)</script>"'
    content = SweepContent(planted(base=[0.5, 0.6], **{odd: [0.6, 0.7]}), 10, {"model": "dense"}, ["<b>warning</b>"], [("command", "a | b")])
    text = page(content, b"png", 4.0)
    assert "<script" not in text and "<b>" not in text and "&lt;script&gt;" in text
    assert "Content-Security-Policy" in text and "default-src 'none'" in html.unescape(text)
    lines = [line for line in markdown(content).splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {11}


# --- a small real sweep -----------------------------------------------------------------------------------------------

ARGV = ("sweep", "--data", "sample", "--epochs", "1", "--validation", "4000", "--hidden", "8", "--vary", "hidden=32", "--vary", "learning-rate=1e30")
NAMES = ("base", "hidden=32", "learning-rate=1e+30")


class Made(NamedTuple):
    where: Path
    interrupted: Done
    finished: Done
    out: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sweep of two seeds that is interrupted in its fifth training, and then called again."""
    from fmnist_viz.pipeline import sweep as module

    where = tmp_path_factory.mktemp("sweep")
    argv = (*ARGV, "--seeds", "2", "--out", "out", "--cache-dir", "cache")
    real, begun = module.run_training, []

    def interrupted(training: Any, *rest: Any, **options: Any) -> Any:
        begun.append(training)
        if len(begun) == 5:
            raise KeyboardInterrupt
        return real(training, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run_training", interrupted)
        first = call(where, *argv)
        assert not (where / "out").exists()
        second = call(where, *argv)
    for training in begun:  # nothing that a training sees is of the test split
        assert {str(name).split("/")[0] for images in (training.data.train, training.data.test) for name in images.sample_ids} == {"train"}
        assert training.config.plan.held_out == "stratified"
    assert len(begun) == 5 + 2
    return Made(where, first, second, where / "out")


def test_a_second_call_goes_on_where_the_first_was_stopped(made: Made) -> None:
    assert made.interrupted.code == 130
    assert made.finished.code == 0, made.finished.err
    assert made.finished.err.count("from the cache") == 4


def test_the_table_holds_what_the_trainings_came_to(made: Made) -> None:
    trials = pd.read_csv(made.out / "trials.csv")
    assert sorted(zip(trials["variant"], trials["seed"], strict=True)) == sorted((name, seed) for name in NAMES for seed in (0, 1))
    assert trials["accuracy"].isna().tolist() == (trials["variant"] == NAMES[2]).tolist()
    frame = pd.read_csv(made.out / "sweep.csv").set_index("variant")
    for name in NAMES[:2]:
        mine = trials[trials["variant"] == name].set_index("seed")
        row = frame.loc[name]
        assert (row["n"], row["median"], row["low"], row["high"]) == pytest.approx(
            (2, mine["accuracy"].median(), mine["accuracy"].min(), mine["accuracy"].max())
        )
        units = int(mine["hidden"].iloc[0])
        assert row["parameters"] == 784 * units + units + 10 * units + 10
    wide, base = (trials[trials["variant"] == name]["accuracy"].to_numpy() for name in (NAMES[1], NAMES[0]))
    assert frame.loc[NAMES[1], "difference"] == pytest.approx((wide - base).mean(), abs=1e-6)
    assert frame.loc[NAMES[2], "verdict"] == "diverged in 2 of 2"
    assert frame["rank"].tolist() == [1, 2, 3]


def test_the_files_say_how_it_was_judged(made: Made) -> None:
    assert verify(made.out).about["kind"] == "sweep"
    assert {path.name for path in made.out.iterdir()} == {"sweep.csv", "sweep.md", "sweep.html", "sweep.png", "trials.csv", "hparams", "manifest.json"}
    for text in (made.finished.out, (made.out / "sweep.md").read_text(), (made.out / "sweep.html").read_text()):
        assert "4,000 held-out training images" in text and "test split was not looked at" in text
        assert all(name in text for name in NAMES)
    assert "Not the published Fashion-MNIST" in (made.out / "sweep.md").read_text()


def test_a_foreign_file_is_left_alone_before_anything_is_trained(made: Made) -> None:
    foreign = made.where / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    done = call(made.where, *ARGV, "--out", "foreign", "--cache-dir", "cache")
    assert done.code == 6 and "notes.txt" in done.error
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--model", "cnn1", "--vary", "hidden=4"), 2, ["ignores hidden", "optimizer"]),
        (("--vary", "colour=red"), 2, ["'colour'", "learning-rate"]),
        (("--data", "sample", "--validation", "5000"), 2, ["--validation", "4,999"]),
        (("--model", "nonsense"), 2, ["nonsense", "dense"]),
    ],
)
def test_mistakes_cost_one_line(made: Made, argv: tuple[str, ...], code: int, said: list[str]) -> None:
    done = call(made.where, "sweep", *argv, "--out", "none")
    assert done.code == code
    assert all(part in done.error for part in said), done.error
    assert not (made.where / "none").exists()


# --- the HPARAMS tab --------------------------------------------------------------------------------------------------


def ask(address: str, route: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(f"{address}/data/plugin/hparams/{route}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_hparams_tab_lists_every_training(made: Made) -> None:
    status = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    with tensorboard(made.out / "hparams") as address:
        end = time.monotonic() + 60
        while True:  # event files are read in the background
            experiment = ask(address, "experiment", {"experimentName": "", "includeMetrics": True})
            columns = [{"metric": info["name"]} for info in experiment.get("metricInfos", [])]
            body = {"experimentName": "", "allowedStatuses": status, "colParams": columns, "startIndex": 0, "sliceSize": 100}
            groups = ask(address, "session_groups", body).get("sessionGroups", [])
            if len(groups) == 6 or time.monotonic() > end:
                break
            time.sleep(0.3)
    assert {"variant", "seed", "hidden", "activation", "optimizer", "learning_rate", "epochs", "batch_size"} <= {i["name"] for i in experiment["hparamInfos"]}
    rows = {(g["hparams"]["variant"], g["hparams"]["seed"]): g for g in groups}
    trials = pd.read_csv(made.out / "trials.csv")
    assert set(rows) == set(zip(trials["variant"], trials["seed"], strict=True))
    for trial in trials.to_dict("records"):
        row = rows[trial["variant"], trial["seed"]]
        (session,) = row["sessions"]
        metrics = {m["name"]["tag"]: m["value"] for m in row.get("metricValues", [])}
        assert row["hparams"]["learning_rate"] == trial["learning_rate"] and row["hparams"]["hidden"] == str(trial["hidden"])
        if math.isnan(trial["accuracy"]):
            assert session["status"] == "STATUS_FAILURE" and FINAL + "val_accuracy" not in metrics
        else:
            assert session["status"] == "STATUS_SUCCESS"
            assert metrics[FINAL + "val_accuracy"] == pytest.approx(trial["accuracy"], abs=1e-6)


def test_a_variants_name_is_what_the_option_takes() -> None:
    base = SweepConfig().base
    assert Variant("hidden", "16-16", base).name == "hidden=16-16"
    assert Variant("", "", base).name == "base"


@pytest.mark.parametrize(("shares", "dead"), [({}, None), ({"dense": 0.5, "dense_1": 0.75}, False), ({"dense": 0.25, "dense_1": 1.0}, True)])
def test_a_training_is_dead_where_a_whole_layer_is(shares: dict[str, float], dead: bool | None) -> None:
    history = {"loss": [2.0, 1.0, 0.9], "val_loss": [2.0, 1.0, 1.1], "val_accuracy": [0.2, 0.6, 0.5], "seconds": [9.0, 1.0, None]}
    record = {"history": history, "dead_units": shares, "parameters": 3210}
    trial = Outcome(Variant("", "", SweepConfig().base), 4, record, False).trial()
    assert trial == Trial("base", 4, 0.5, 3210, 5.0, dead)
    assert Outcome(Variant("", "", SweepConfig().base), 4, {**record, "diverged": "epoch 3"}, False).trial().accuracy is None
