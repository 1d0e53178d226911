"""`fmnist-viz labels` from the images to a file of decisions, and a run that was made of them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from conftest import MadeRun

from fmnist_viz.analysis.confusion import predictions_frame
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.types import DataSet, LabeledImages, Predictions, Source
from fmnist_viz.data import DataConfig, load
from fmnist_viz.pipeline.labels import _own_probabilities, labels
from fmnist_viz.pipeline.opened import open_run

NAMES = ("<b>bag</b>", "coat, long", "shirt")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """An npz of three kinds of bright squares, 8 of 240 training labels wrong."""
    rng = np.random.default_rng(0)
    place = tmp_path_factory.mktemp("labels")

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(n) % 3
        x = rng.integers(0, 60, (n, 12, 12))
        for i, k in enumerate(y):
            x[i, 4 * k : 4 * k + 4, 2:10] += 150
        return x.astype(np.uint8), y

    (x, y), (x_test, y_test) = part(240), part(60)
    who = rng.choice(240, 8, replace=False)
    y[who] = (y[who] + 1) % 3
    x_test[5] = x[7]
    np.savez_compressed(place / "d.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, class_names=list(NAMES))
    return place, who


def test_from_a_list_to_decisions_to_corrected_data(planted: tuple[Path, np.ndarray]) -> None:
    place, who = planted
    done = call(place, "labels", "--data", "npz:d.npz", "--out", "found", "--threads", "1")
    assert done.code == 0, done.err
    assert "suspected of being wrong" in done.out and "--label-fixes found" in done.out and "each image by the one that has not seen it" in done.out
    table = pd.read_csv(place / "found" / "label_issues.csv", keep_default_na=False)
    wrong = {f"train/{i}" for i in who}
    assert wrong == set(table["sample_id"][: len(wrong)]) and (table["decision"] == "").all() and len(table) <= len(wrong) + 3
    assert pd.read_csv(place / "found" / "duplicates.csv")["other_id"].tolist() == ["test/5"]
    assert json.loads((place / "found" / "manifest.json").read_text())
    # a folder that nobody has touched is replaced
    assert call(place, "labels", "--data", "npz:d.npz", "--split", "test", "--out", "found", "--threads", "1").code == 0
    assert call(place, "labels", "--data", "npz:d.npz", "--out", "found", "--threads", "1").code == 0
    table["decision"] = [row.suggested_label if row.sample_id in wrong else "keep" for row in table.itertuples()]
    table.loc[0, "decision"] = "drop"
    table.to_csv(place / "found" / "label_issues.csv", index=False, quoting=csv.QUOTE_ALL)
    again = call(place, "labels", "--data", "npz:d.npz", "--out", "found")
    assert again.code == 6 and "decisions would be lost" in again.error
    # the corrected data hold the true labels, and one image less
    before, after = (load(DataConfig(data=f"npz:{place / 'd.npz'}", label_fixes=fixes)).train for fixes in ("", str(place / "found" / "label_issues.csv")))
    assert before is not None and after is not None and len(after) == 239
    np.testing.assert_array_equal(after.labels, [int(name.rpartition("/")[2]) % 3 for name in after.sample_ids])
    seen = call(place, "data", "--data", "npz:d.npz", "--label-fixes", os.path.join("found", "label_issues.csv"))
    assert seen.code == 0 and "7 changed, 1 images left out" in seen.out


def test_a_training_on_corrected_labels_is_another_run_and_says_so(planted: tuple[Path, np.ndarray]) -> None:
    place, who = planted
    (place / "fixes.csv").write_text("sample_id,decision\n" + "".join(f"train/{i},{(int(i)) % 3}\n" for i in who))
    words = ("train", "--data", "npz:d.npz", "--model", "dense128", "--epochs", "1", "--threads", "1", "--cache-dir", "cache")
    done = call(place, *words, "--out", "logs/fixed", "--label-fixes", "fixes.csv")
    assert done.code == 0 and "CORRECTED LABELS: labels corrected by fixes.csv: 8 changed" in done.out + done.err
    about = Manifest.load(place / "logs" / "fixed").about
    config = DataConfig(data=f"npz:{place / 'd.npz'}")
    assert about["data"]["sha256"] != load(config).source.sha256 and "8 changed" in about["data"]["notes"][-1] and "CORRECTED LABELS" in about["warnings"][0]
    assert about["config"]["DataConfig"]["label_fixes"] == "fixes.csv"
    judged = call(place, "labels", "logs/fixed", "--split", "train", "--folds", "3", "--out", "clean", "--threads", "1")
    assert judged.code == 0, judged.err
    assert not {f"train/{i}" for i in who} & set(pd.read_csv(place / "clean" / "label_issues.csv")["sample_id"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--split", "both"), 2, "Choose from: train, test"),
        (("--folds", "1"), 2, "Give 2 to 20"),
        (("--label-fixes", "none.csv"), 3, "not found"),
        (("--out", "d.npz"), 6, "is a file"),
        (("d.npz",), 3, ""),
    ],
)
def test_bad_input_is_one_line(planted: tuple[Path, np.ndarray], words: tuple[str, ...], code: int, said: str) -> None:
    data = () if words == ("d.npz",) else ("--data", "npz:d.npz")
    done = call(planted[0], "labels", *words, *data)
    assert done.code == code and said in done.error


def test_what_cannot_be_judged_is_said() -> None:
    rng = np.random.default_rng(0)

    def part(counts: list[int], *, side: int = 6) -> LabeledImages:
        y = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
        ids = np.array([f"test/{i}" for i in range(len(y))])
        return LabeledImages(rng.integers(0, 9, (len(y), side, side, 1)).astype(np.uint8), y, NAMES, ids, "test", Source("memory", "m", ""))

    with pytest.raises(BadInput, match="has one image"):
        labels(data=DataSet(None, part([20, 1, 20])), split="test")
    with pytest.raises(BadInput, match="no pixels"):
        labels(data=DataSet(None, part([20, 20, 20], side=0)), split="test")
    with pytest.raises(UsageError, match="no training split"):
        labels(data=DataSet(None, part([20, 20, 20])))
    with pytest.raises(UsageError, match="one of them"):
        labels()
    found = labels(data=DataSet(None, part([20, 0, 20])), split="test", threads=1)
    assert len(found.issues.proba) == 40 and (found.issues.proba[:, 1] == 0).all() and "coat, long" not in set(found.issues.frame()["given_label"])


def test_a_run_has_its_own_probabilities_where_it_mapped_every_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3), 30).astype(np.float32)
    ids = np.array([f"test/{i}" for i in range(30)])
    images = LabeledImages(np.zeros((30, 2, 2, 1), np.uint8), (np.arange(30) % 3).astype(np.int64), NAMES, ids, "test", Source("memory", "m", ""))
    frame = predictions_frame(Predictions(ids, images.labels, p, NAMES, "m"))
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "predictions.csv", index=False)
    np.testing.assert_allclose(_own_probabilities(tmp_path, images), p, rtol=1e-6)
    frame.iloc[1:].to_csv(tmp_path / "predictions.csv", index=False)
    assert _own_probabilities(tmp_path, images) is None


@pytest.mark.run
def test_a_run_says_which_of_its_test_labels_are_doubtful(run_folder: MadeRun) -> None:
    run = open_run(run_folder.path)
    table, said = run.tables["label_issues"], run.predictions.set_index("sample_id")
    assert 0 < len(table) < 400 and table["decision"].isna().all()
    mine = said.loc[table["sample_id"]]
    assert mine["true"].tolist() == table["given_label"].tolist()
    np.testing.assert_allclose([mine.iloc[i][f"p_{name}"] for i, name in enumerate(table["suggested_label"])], table["p_suggested"], rtol=1e-5)
    reasons = dict(zip(table["sample_id"], table["reason"], strict=True))
    errors = run.tables["dossier_errors"]
    assert errors["suspect"].notna().any()
    for row in errors.itertuples():
        assert reasons.get(row.sample_id, row.suspect) == row.suspect or (row.suspect != row.suspect and row.sample_id not in reasons)
    counts = run.tables["duplicate_counts"].set_index(["between", "kind"])["pairs"]
    assert counts["train and test", "exact"] == 0 and counts["train", "near"] > 0
    pockets = run.tables["pockets"]
    assert (pockets["q"] < 0.05).all() and (pockets["rate"] > pockets["class_rate"]).all()
    for row in pockets.itertuples():
        own = said.loc[row.sample_ids.split()]
        assert len(own) == row.n and int((~own["correct"]).sum()) == row.wrong and set(own["true"]) == {row._2}
    assert 'id="issues"' in (run_folder.path / "report.html").read_text(encoding="utf-8")
