"""`fmnist-viz report RUN --against RUN2 --human-labels FILE` on a run that the command made: what is written, and what is refused before anything is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from command import Done, call
from conftest import MadeRun
from test_compare_command import rows_of, twin

from fmnist_viz.core.manifest import Manifest

pytestmark = pytest.mark.run


@pytest.fixture(scope="module")
def planted(run_folder: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]], list[str], list[str]]:
    """A copy of the run that takes 30 images, which it got right, for bags, and is right about 10 that it got wrong; the ids of both."""
    rows = rows_of(run_folder.path / "predictions.csv")
    right = [row["sample_id"] for row in rows if row["true"] == row["predicted"] and row["true"] != "Bag"][:30]
    wrong = [row["sample_id"] for row in rows if row["true"] != row["predicted"]][:10]
    other = twin(run_folder, tmp_path_factory.mktemp("twin") / "other", wrong=dict.fromkeys(right, "Bag"), right=tuple(wrong), keep=1490)
    kept = {row["sample_id"] for row in rows_of(other / "predictions.csv")}
    return other, rows, [name for name in right if name in kept], [name for name in wrong if name in kept]


@pytest.fixture(scope="module")
def votes(run_folder: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten votes for the label of each of 400 mapped images, and of one that is not mapped."""
    rows = rows_of(run_folder.path / "predictions.csv")
    names = Manifest.load(run_folder.path).about["data"]["class_names"]
    mapped = {row["sample_id"] for row in rows}
    stranger = next(f"test/{i}" for i in range(10_000) if f"test/{i}" not in mapped)
    path = tmp_path_factory.mktemp("votes") / "people.csv"
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["sample_id", "class", "count"])
        writer.writerows([*([row["sample_id"], row["true"], 10] for row in rows[:400]), [stranger, names[0], 3]])
    return path


@pytest.fixture(scope="module")
def made(run_folder: MadeRun, planted: tuple[Path, list[dict[str, str]], list[str], list[str]], votes: Path) -> tuple[Done, Path, Manifest]:
    before = Manifest.load(run_folder.path)
    where = votes.parent
    done = call(
        where, "report", str(run_folder.path), "--against", str(planted[0]), "--human-labels", str(votes), "--out", "page.html",
        "--cache-dir", str(run_folder.cache_dir),
    )  # fmt: skip
    assert done.code == 0, done.err
    return done, where, before


def test_the_page_and_its_tables_stand_beside_each_other_and_the_run_is_as_it_was(
    run_folder: MadeRun, made: tuple[Done, Path, Manifest], planted: tuple[Path, list[dict[str, str]], list[str], list[str]]
) -> None:
    done, where, before = made
    assert "page.html" in done.out and "page_tables" in done.out
    assert Manifest.load(run_folder.path).stages == before.stages and before.faults(run_folder.path) == []
    text = (where / "page.html").read_text(encoding="utf-8")
    assert 'id="against"' in text and 'id="people"' in text and "connect-src &#39;none&#39;" in text.replace("'", "&#39;")
    assert not list(run_folder.cache_dir.glob(".work*")), "the passing folder is gone"


def test_the_tables_count_the_planted_fixes_and_breaks(
    made: tuple[Done, Path, Manifest], planted: tuple[Path, list[dict[str, str]], list[str], list[str]]
) -> None:
    _, rows, fixed, broken = planted
    folder = made[1] / "page_tables"
    images = {row["sample_id"]: row for row in rows_of(folder / "against_images.csv")}
    assert len(images) == 1490
    assert {name for name, row in images.items() if row["status"] == "fixed"} == set(fixed)
    assert {name for name, row in images.items() if row["status"] == "broken"} == set(broken)
    (test,) = rows_of(folder / "against.csv")
    assert (int(test["fixed"]), int(test["broken"])) == (len(fixed), len(broken))
    assert float(test["difference"]) == pytest.approx((len(fixed) - len(broken)) / 1490, abs=1e-6)
    layers = rows_of(folder / "against_layers.csv")
    assert layers and all(float(row["changed"]) == 0 for row in layers), "one model, one set of vectors"
    known = {row["sample_id"] for row in rows}
    people = rows_of(folder / "human_images.csv")
    assert len(people) == 400 and {row["sample_id"] for row in people} <= known
    wrong = sum(row["true"] != row["predicted"] for row in rows[:400])
    assert np.sum([row["kind"] == "the model's own" for row in people]) == wrong > 0
    scores = {row["score"]: row for row in rows_of(folder / "human_scores.csv")}
    assert float(scores["votes for the label"]["value"]) == 1 and float(scores["entropy of people"]["value"]) == 0
    said = (made[1] / "page.html").read_text(encoding="utf-8")
    assert "People gave 4,000 answers to 400 of the 1,500 images (people.csv)" in said
    assert "1,100 images without votes and 1 image of the file that is not shown here" in said


def test_what_cannot_be_compared_is_refused_before_anything_is_computed(
    run_folder: MadeRun, made: tuple[Done, Path, Manifest], votes: Path, tmp_path: Path
) -> None:
    report = ("report", str(run_folder.path), "--cache-dir", str(run_folder.cache_dir))
    bad = tmp_path / "bad.csv"
    bad.write_text("sample_id,Hat\ntest/1,3\n", encoding="utf-8")
    for argv, said in (
        (("--against", str(tmp_path)), "holds no manifest.json"),
        (("--human-labels", str(bad), "--out", "a.html"), "has no column for T-shirt/top"),
        (("--human-labels", str(tmp_path / "none.csv"), "--out", "a.html"), "not found"),
        (("--human-labels", str(votes), "--human-share", "101"), "Give at most 100.0 percent"),
        (("--out", "page.txt"), "is no .html file"),
        (("--out", str(made[1] / "page.html")), "is there already"),
    ):
        done = call(tmp_path, *report, *argv)
        assert done.code in (2, 3, 6) and said in done.error, (argv, done.err)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["bad.csv"]
    assert Manifest.load(run_folder.path).faults(run_folder.path) == []
