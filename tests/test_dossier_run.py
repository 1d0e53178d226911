"""The dossiers of a real run, line by line against `predictions.csv` and the probe's recordings with plain NumPy, and a pair that is asked for."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from conftest import MadeRun
from planted_dossier import numbers

from fmnist_viz.core.errors import UsageError
from fmnist_viz.data import DataConfig, load
from fmnist_viz.pipeline.dossier_run import read_pair

pytestmark = pytest.mark.run


def answers(run: Path) -> pd.DataFrame:
    with open(run / "predictions.csv", encoding="utf-8", newline="") as file:
        return pd.DataFrame(list(csv.DictReader(file)))


def wilson(k: int, n: int) -> tuple[float, float]:
    """Written out once more."""
    z = 1.959963984540054
    center, half = (k / n + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * math.sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))
    return center - half, center + half


def fisher(a: int, n_a: int, b: int, n_b: int) -> float:
    """Sum of the probabilities of all tables with these margins that are not likelier than the one seen."""
    total, k = n_a + n_b, a + b
    chance = [math.comb(n_a, i) * math.comb(n_b, k - i) / math.comb(total, k) for i in range(max(0, k - n_b), min(k, n_a) + 1)]
    seen = chance[a - max(0, k - n_b)]
    return sum(p for p in chance if p <= seen * (1 + 1e-7))


def test_the_leading_dossier_is_true_line_by_line(run_folder: MadeRun) -> None:
    run = run_folder.path
    table, said = pd.read_csv(run / "tables" / "dossiers.csv"), answers(run)
    true, predicted = said["true"], said["predicted"]
    wrong = said[true != predicted]
    pairs = wrong.apply(lambda row: tuple(sorted((int(row["label"]), int(row["prediction"])))), axis=1).value_counts()
    names = dict(zip(said["label"].astype(int), true, strict=True))
    leading = [tuple(names[c] for c in pair) for pair in pairs.index[pairs == pairs.max()]]
    a, b = table["a"].iloc[0], table["b"].iloc[0]
    assert (a, b) in leading and len(table[["a", "b"]].drop_duplicates()) == 5
    facts = table[(table["a"] == a) & (table["b"] == b)].set_index("fact")
    counts = []
    for one, other in ((a, b), (b, a)):
        n, own = int((true == one).sum()), said[(true == one) & (predicted == other)]
        counts += [len(own), n]
        fact = facts.loc[f"{one} → {other}: share"]
        assert (fact["value"], fact["low"], fact["high"]) == (pytest.approx(len(own) / n, rel=1e-6), *(pytest.approx(v, rel=1e-5) for v in wilson(len(own), n)))
        low, high = wilson(len(own), n)
        assert fact["text"] == f"{100 * len(own) / n:.1f} % (95 % interval {100 * low:.1f}–{100 * high:.1f})"
    assert facts.loc["both rates equal", "value"] == pytest.approx(fisher(*counts), rel=1e-5)
    both = said[((true == a) & (predicted == b)) | ((true == b) & (predicted == a))]
    margin = both["margin"].astype(float)
    assert facts.loc["narrow mistakes: count", "value"] == (margin < 0.1).sum() and facts.loc["confident mistakes: count", "value"] == (margin >= 0.5).sum()
    with np.load(run / "probe" / "probe.npz") as probe, np.load(max((run / "probe").glob("epoch_*.npz"))) as last:
        labels, z = probe["labels"], last["logits"]
    first, second = (next(c for c, name in names.items() if name == wanted) for wanted in (a, b))
    own = (labels == first) | (labels == second)
    right = (z[own, second] > z[own, first]) == (labels[own] == second)
    assert facts.loc["epochs: last, share", "value"] == pytest.approx(right.mean(), rel=1e-6) and facts.loc["epochs: images", "value"] == own.sum()


def test_every_mistake_of_the_leading_pairs_has_its_row_and_neighbours_of_both_classes(run_folder: MadeRun) -> None:
    errors, said = pd.read_csv(run_folder.path / "tables" / "dossier_errors.csv"), answers(run_folder.path).set_index("sample_id")
    train = load(DataConfig()).train
    assert train is not None and len(errors) == len(errors["sample_id"].drop_duplicates())
    label = np.array(train.class_names)[train.labels]
    for _, row in errors.sample(min(60, len(errors)), random_state=0).iterrows():
        own = said.loc[row["sample_id"]]
        assert (own["true"], own["predicted"]) == (row["true"], row["predicted"]) and float(own["margin"]) == pytest.approx(row["margin"], abs=1e-6)
        for name in ("true", "predicted"):
            ids = row[f"nearest_{name}"].split()
            assert len(set(ids)) == 3 and {label[int(i.removeprefix("train/"))] for i in ids} == {row[name]}
    assert errors["evidence"].notna().mean() > 0.9 and {"among_dense", "among_dense_tsne"} <= set(errors.columns)


def test_the_cards_are_those_of_the_predictions(run_folder: MadeRun) -> None:
    cards, said = pd.read_csv(run_folder.path / "tables" / "class_cards.csv").set_index("class"), answers(run_folder.path)
    for name, own in said.groupby("true"):
        card, taken = cards.loc[name], said[said["predicted"] == name]
        assert card["tp"] == (own["predicted"] == name).sum() and card["fp"] == len(taken) - card["tp"]
        gap = taken["confidence"].astype(float).mean() - (taken["true"] == name).mean()
        assert card["gap"] == pytest.approx(gap, abs=1e-5) and card["gap_low"] < gap < card["gap_high"]
    for suffix in (".png", ".svg"):
        assert (run_folder.path / "figures" / f"class_cards{suffix}").is_file()
        assert len(list((run_folder.path / "figures").glob(f"dossier_*{suffix}"))) == 5


def test_any_other_pair_is_there_for_the_asking(run_folder: MadeRun, tmp_path: Path) -> None:
    argv = ("dossier", str(run_folder.path), "--cache-dir", str(run_folder.cache_dir))
    done = call(tmp_path, *argv, "--pair", "Sneaker,Ankle boot", "--out", "boots")
    assert done.code == 0, done.err
    said = answers(run_folder.path)
    count = int(((said["true"] == "Sneaker") & (said["predicted"] == "Ankle boot")).sum())
    assert f"{count} of {int((said['true'] == 'Sneaker').sum()):,} images of Sneaker were taken for Ankle boot" in done.out
    facts = pd.read_csv(tmp_path / "boots" / "facts.csv")
    assert {p.name for p in (tmp_path / "boots").iterdir()} == {"dossier.png", "dossier.svg", "facts.csv", "errors.csv", "text.txt"}
    known = {number for text in [*facts["text"], *facts["method"].fillna("")] for number in numbers(str(text))} | {"95"}
    assert set(numbers((tmp_path / "boots" / "text.txt").read_text(encoding="utf-8"))) <= known
    again = call(tmp_path, *argv, "--pair", "Sneaker,Ankle boot", "--out", "boots")
    assert again.code == 6 and "boots" in again.error
    assert call(tmp_path, *argv, "--pair", "Sneaker,Boot").code == 2
    assert call(tmp_path, *argv, "--pair", "Bag,Bag").code == 2


def test_a_pair_may_have_commas_in_its_names() -> None:
    names = ["a", "a, b", "b"]
    assert read_pair("a, b,b", names) == ("a, b", "b") and read_pair("a,a, b", names) == ("a", "a, b")
    for text in ("a", "a,c", "", "a,b,c,d"):
        with pytest.raises(UsageError):
            read_pair(text, names)
