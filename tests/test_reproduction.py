"""Measured beside reported: the verdicts, the rates, what is written and drawn of them."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from measured import matrix, measured, with_matrix

from fmnist_viz.analysis.reproduction import RATES, Reproduction, Spread, reported_interval, reproductions, spread, verdict_of
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.ledger import LedgerRow, append_row, read_ledger
from fmnist_viz.data.labels import FASHION
from fmnist_viz.display.reproduction import ReproductionDisplay
from fmnist_viz.export.reproduction.markdown import NOTHING, markdown_table
from fmnist_viz.export.reproduction.writer import FILES, page, write_reproduction
from fmnist_viz.models.articles import articles, reported


def one(rows: list[LedgerRow], **wanted: Any) -> Reproduction:
    """The only comparison of these rows that has what is wanted."""
    found = [r for r in reproductions(rows, missing=False) if all(getattr(r, name) == value for name, value in wanted.items())]
    assert len(found) == 1
    return found[0]


def accuracies(*values: float, **change: Any) -> list[LedgerRow]:
    return [measured(seed=seed, test_accuracy=value, **change) for seed, value in enumerate(values)]


@pytest.fixture(scope="module")
def rows() -> list[LedgerRow]:
    """A ledger with everything in it: dead nets, two stages, a training cut short, options with signs that HTML and Markdown know, other data."""
    made = [with_matrix(matrix(i, right=0.905 + 0.002 * i), seed=i) for i in range(3)]
    made += [with_matrix(matrix(i, right=0.92), seed=i, stage="augmented", val_accuracy=0.9, epochs=60, epochs_full=60) for i in range(2)]
    made += [measured(preset="dense4-raw", seed=i, dead_share=d, test_accuracy=a) for i, (d, a) in enumerate([(1, 0.1), (0.25, 0.293), (1, 0.1)])]
    made += [with_matrix(matrix(1, right=0.8), preset="dense4", dead_share=0.25), measured(preset="cnn4", finished=False, epochs=4, test_accuracy=0.88)]
    made += [measured(preset="cnn3", options="--x=<script>alert(1)</script>|`a`", precision="mixed_bfloat16"), measured(preset="fc4", official=False)]
    return made


def test_median_and_range() -> None:
    assert spread([3.0, None, 1.0, float("nan"), 2.0]) == Spread(3, 2.0, 1.0, 3.0)
    assert spread([1.0, 2.0]) == Spread(2, 1.5, 1.0, 2.0)
    assert spread([None]) is None


def test_the_interval_is_wilsons_widened_by_the_rounding() -> None:
    low, high = wilson(9104, 10_000)
    assert reported_interval(0.9104, 10_000) == (float(low), float(high))
    rounded = reported_interval(0.87, 10_000, 0.01)
    assert rounded == (float(wilson(8650, 10_000)[0]), float(wilson(8750, 10_000)[1]))
    assert reported_interval(1.0, 100, 0.01)[1] == 1 and reported_interval(0.0, 100, 0.01)[0] == 0


@pytest.mark.parametrize(("low", "high", "verdict"), [
    (0.70, 0.75, "worse"), (0.70, 0.80, "inside"), (0.82, 0.90, "inside"), (0.8200001, 0.9, "better"), (0.7, 0.7999999, "worse"),
    (0.81, 0.81, "inside"), (0.1, 0.9, "inside"),
])  # fmt: skip
def test_touching_is_inside_and_the_rest_says_which_side(low: float, high: float, verdict: str) -> None:
    assert verdict_of(Spread(2, (low + high) / 2, low, high), (0.80, 0.82)) == verdict


@pytest.mark.parametrize(("preset", "values", "verdict"), [
    ("cnn1", (0.9104,), "inside"), ("cnn1", (0.90, 0.92), "inside"), ("cnn1", (0.88, 0.89), "worse"), ("cnn1", (0.93, 0.94), "better"),
    ("fc4", (0.87,), "none reported"), ("dense4-raw", (0.1,), "inside"), ("dense4-raw", (0.3, 0.5), "better"), ("dense128", (0.8677, 0.8779), "inside"),
    ("mine", (0.5,), "none reported"),
])  # fmt: skip
def test_verdicts_of_complete_trainings(preset: str, values: tuple[float, ...], verdict: str) -> None:
    assert one(accuracies(*values, preset=preset)).verdict == verdict


def test_nothing_is_said_of_trainings_cut_short_scaled_or_on_other_data() -> None:
    for change in ({"finished": False, "epochs": 4}, {"epochs_scale": 0.4, "epochs": 4}):
        r = one([measured(**change)])
        assert (r.verdict, r.rows, r.why) == ("not run in full", (), ())
        assert "seed 0 at epoch 4 of 10" in r.standing
    assert "scaled by 0.4" in one([measured(epochs_scale=0.4, epochs=4)]).standing
    assert one([measured(official=False)]).verdict == "other data"


def test_complete_seeds_speak_and_the_others_are_named() -> None:
    r = one([*accuracies(0.93, 0.94), measured(seed=2, finished=False, epochs=3, test_accuracy=0.5)])
    assert r.verdict == "better" and r.seeds == (0, 1)
    assert r.measured("test_accuracy") == Spread(2, 0.935, 0.93, 0.94)
    assert r.standing == "seed 2 at epoch 3 of 10"


def test_a_seed_counts_once_and_its_last_complete_account_counts() -> None:
    r = one([measured(threads=1, test_accuracy=0.90), measured(threads=2, test_accuracy=0.92), measured(threads=4, date="2025-01-01", test_accuracy=0.94)])
    assert r.measured("test_accuracy") == Spread(1, 0.92, 0.92, 0.92)
    r = one([measured(test_accuracy=0.9), measured(version="0.2.0", finished=False, epochs=1, date="2026-03-01")])
    assert r.seeds == (0,) and r.standing == ""


def test_options_precision_recipe_and_stage_are_compared_apart() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"options": "--batch-size 64"},
        {"precision": "mixed_bfloat16"},
        {"recipe": "plain"},
        {"stage": "augmented"},
        {"official": False},
    ]
    found = reproductions([measured(**change) for change in changes], missing=False)
    assert len(found) == len(changes)
    assert found[0].rows == (measured(),)


def test_without_a_ledger_every_reported_stage_is_not_run() -> None:
    found = reproductions([])
    stages = list(dict.fromkeys((r.preset, r.stage) for a in articles() for r in a.reported))
    assert [(r.preset, r.stage) for r in found] == stages
    assert {r.verdict for r in found} == {"not run"}
    assert reproductions([], missing=False) == []


def test_dead_layers_explain_chance_and_nothing_else(rows: list[LedgerRow]) -> None:
    r = one(rows, preset="dense4-raw")
    assert r.dead_text == "2 of 3 seeds dead (dead 10.00 %, others 29.30 %)"
    assert any("explains" in text for text in r.why) and any("survive" in text for text in r.why)
    nearly = one([measured(preset="dense4-raw", dead_share=0.99, test_accuracy=0.1)])
    assert not any("explains" in text for text in nearly.why)
    unknown = one([measured(preset="dense4-raw", dead_share=None, test_accuracy=0.1)])
    assert unknown.why == () and unknown.dead_text == ""


def test_explanations_depend_on_what_was_measured() -> None:
    dropout = {"preset": "cnn1", "stage": "augmented", "train_accuracy": 0.90, "test_accuracy": 0.9229}  # the reported accuracy: neither better nor worse
    assert any("dropout" in text for text in one([measured(val_accuracy=0.92, **dropout)]).why)
    assert not one([measured(val_accuracy=0.92, recipe="plain", **dropout)]).why
    assert not one([measured(val_accuracy=0.89, **dropout)]).why
    worse = one([measured(val_accuracy=0.89, **{**dropout, "test_accuracy": 0.91})])
    assert worse.verdict == "worse" and any("another order" in text for text in worse.why)
    assert one(accuracies(0.77, 0.8, preset="dense4")).why and not one(accuracies(0.8, preset="dense4")).why


def fixed_why(fixed: str, article: str | None, accuracy: float = 0.7664) -> str:
    """What is said of vgg19 with the options `fixed`, of accuracy 0.9, where it also ran with the options `article`."""
    rows = [measured(preset="vgg19", options=fixed, test_accuracy=0.9)]
    if article is not None:
        rows.append(measured(preset="vgg19", options=article, test_accuracy=accuracy))
    return " ".join(next(r for r in reproductions(rows) if r.options == fixed and r.rows).why)


def test_the_second_scaling_explains_only_where_both_were_run_with_trained_weights() -> None:
    text = "scaled twice here they give the reported figure"
    assert text in fixed_why("preprocess=fixed", "")
    assert text in fixed_why("preprocess=fixed, image size 48", "image size 48")
    assert text not in fixed_why("preprocess=fixed", None)
    assert text not in fixed_why("preprocess=fixed", "image size 48")
    assert text not in fixed_why("preprocess=fixed", "", accuracy=0.85)
    for weights in ("weights=random", "weights=file 0123abcd"):
        said = fixed_why(f"{weights}, preprocess=fixed", weights)
        assert text not in said
        assert "nothing is explained" in said


def test_rates_per_class_agree_with_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    counts = [matrix(seed, right=0.7 + 0.1 * seed) for seed in range(3)]
    r = one([with_matrix(c, seed=i) for i, c in enumerate(counts)])
    theirs = []
    for c in counts:
        y_true, y_pred = (np.repeat(index.ravel(), c.ravel()) for index in np.indices(c.shape))
        theirs.append(np.stack(precision_recall_fscore_support(y_true, y_pred)[:3]))
    frame = r.per_class_frame()
    assert tuple(frame["class"]) == FASHION
    for i, rate in enumerate(RATES):
        np.testing.assert_allclose(frame[rate], np.median(theirs, axis=0)[i])
        np.testing.assert_allclose(frame[f"{rate}_low"], np.min(theirs, axis=0)[i])
        np.testing.assert_allclose(frame[f"{rate}_high"], np.max(theirs, axis=0)[i])


def test_reported_rates_and_cells_stand_beside_ours(rows: list[LedgerRow]) -> None:
    frame = one(rows, preset="cnn1", stage="augmented").per_class_frame().set_index("class")
    assert frame.loc["Shirt", [f"{rate}_reported" for rate in RATES]].tolist() == list(reported("cnn1", "augmented")[0].per_class["Shirt"])
    r = one(rows, preset="dense4")
    cells = r.confusion_frame()
    assert cells["reported"].tolist() == [0.693, 0.651, 0.228]
    expected = [r.rows[0].counts[t, p] / 1000 for t, p in ((0, 0), (2, 2), (2, 4))]  # type: ignore[index]
    np.testing.assert_allclose(cells["rate"], expected)
    assert ((cells["reported_low"] < cells["reported"]) & (cells["reported"] < cells["reported_high"])).all()
    bare = dataclasses.replace(r, rows=())
    assert bare.confusion_frame()["rate"].isna().all() and len(bare.confusion_frame()) == 3


def test_the_table_says_n_interval_and_verdict(rows: list[LedgerRow]) -> None:
    table = markdown_table(reproductions(rows))
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1  # options hold a "|", and every line as many cells
    assert "<script>" not in table
    found = next(line for line in lines if line.startswith("| dense4-raw "))
    assert "10.00 [10.00–29.30]" in found and "9 (7.97–10.09)" in found and "| inside |" in found and "2 of 3" in found
    assert "not run in full: seed 0 at epoch 4 of 10" in next(line for line in lines if line.startswith("| cnn4 "))
    assert markdown_table(reproductions([])) == markdown_table([]) == NOTHING


def test_three_files_and_the_ledger_beside_them_is_left_alone(tmp_path: Path, rows: list[LedgerRow]) -> None:
    ledger = tmp_path / "reproduction.csv"
    for row in rows:
        append_row(ledger, row)
    assert read_ledger(ledger) == rows
    compared = reproductions(read_ledger(ledger))
    paths = write_reproduction(compared, tmp_path)
    assert [path.name for path in paths] == list(FILES)
    assert read_ledger(ledger) == rows
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_reproduction(compared, tmp_path)] == first
    table = list(csv.DictReader(io.StringIO(first[1].decode())))
    assert len(table) == len(compared)
    cnn1 = table[[(r.preset, r.stage) for r in compared].index(("cnn1", "plain"))]
    assert cnn1["n"] == "3" and cnn1["seeds"] == "0 1 2" and float(cnn1["reported_accuracy"]) == 0.9104
    assert float(cnn1["test_accuracy_low"]) <= float(cnn1["test_accuracy"]) <= float(cnn1["test_accuracy_high"])


def test_the_page_escapes_what_it_shows_and_copes_with_nothing(rows: list[LedgerRow]) -> None:
    text = page(reproductions(rows))
    assert "<script" not in text and "&lt;script&gt;" in text
    assert NOTHING in page(reproductions([])) and NOTHING in page([])


@pytest.mark.browser
def test_the_page_opens_without_network_or_complaint(tmp_path: Path, rows: list[LedgerRow]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = write_reproduction(reproductions(rows), tmp_path)[2]
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 390, "height": 800}, offline=True)
        faults: list[str] = []
        asked: list[str] = []
        opened.on("console", lambda m: faults.append(m.text))
        opened.on("pageerror", lambda e: faults.append(str(e)))
        opened.on("request", lambda r: asked.append(r.url) if not r.url.startswith("data:") else None)
        opened.goto(path.as_uri())
        drawn = opened.evaluate("(async () => { const i = document.querySelector('figure img'); await i.decode(); return i.naturalWidth; })()")
        wide = opened.evaluate("document.documentElement.scrollWidth")
        systems = opened.locator("#table tbody tr").count()
        browser.close()
    assert (faults, asked) == ([], [path.as_uri()])
    assert drawn > 300 and wide <= 390
    assert systems == len(reproductions(rows))


def test_the_figure_shows_every_seed_and_the_interval(rows: list[LedgerRow]) -> None:
    display = ReproductionDisplay(reproductions(rows))
    frame = display.frame()
    assert len(frame) == len(rows)
    assert frame["kind"].value_counts().to_dict() == {"seed": len(rows) - 3, "dead seed": 2, "cut short": 1}
    figure = display.plot()
    assert len(figure.axes) == len(display.drawn)
    for axes, r in zip(figure.axes, display.drawn, strict=True):
        dots = np.concatenate([np.asarray(c.get_offsets())[:, 0] for c in axes.collections])
        assert sorted(dots) == sorted(row.test_accuracy for row in (*r.rows, *r.pending))
        bars = [line for line in axes.lines if line.get_gid() == "interval"]
        assert [tuple(bar.get_xdata()) for bar in bars] == ([r.interval] if r.interval else [])
        low, high = axes.get_xlim()
        assert low < min(dots) and max(dots) < high
    said = " ".join(text.get_text() for text in figure.texts)
    assert "n = 3 seeds, 2 dead" in said and "Wilson" in said
    assert "not run in full" in said


def test_the_figure_of_nothing_says_so() -> None:
    display = ReproductionDisplay(reproductions([]))
    assert display.frame().empty
    assert "No training has been measured yet." in " ".join(text.get_text() for text in display.plot().texts)
