"""People as a yardstick: planted crowds whose shares are known, and files of every kind that people write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import entropy as scipy_entropy

from fmnist_viz.analysis.human import OWN, RIGHT, SHARED, HumanConfusion, share_interval
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import Predictions
from fmnist_viz.data.gate import Limit
from fmnist_viz.data.votes import read_votes
from fmnist_viz.display.human import HumanDisplay

NAMES = ("T-shirt/top", "Coat", "Bag")
ROOM = Limit(1 << 30)


def predicted(y: np.ndarray, said: np.ndarray, sure: float = 0.8) -> Predictions:
    proba = np.full((len(y), 3), (1 - sure) / 2, np.float32)
    proba[np.arange(len(y)), said] = sure
    return Predictions(np.array([f"test/{i}" for i in range(len(y))]), y, proba, NAMES, "m")


@pytest.fixture(scope="module")
def people() -> HumanConfusion:
    """300 images, 200 with ten votes each. Of the 40 coats with votes that the model takes for bags people give that answer thrice for the first 20."""
    y = np.repeat(np.arange(3), 100)
    said = y.copy()
    said[100:150] = 2
    votes = np.zeros((300, 3), np.int64)
    some = np.flatnonzero(np.arange(300) % 3 != 0)
    votes[some, y[some]] = 10
    errors = some[(said != y)[some]]
    half = errors[: len(errors) // 2]
    votes[half, 1], votes[half, 2] = 7, 3
    return HumanConfusion(predicted(y, said), votes, 0.1, 5, "people.csv")


def test_shares_and_rates_are_those_that_were_planted(people: HumanConfusion) -> None:
    assert (people.n, people.n_votes) == (200, 2000)
    cell = people.cells.set_index(["true", "predicted"]).loc[("Coat", "Bag")]
    y, p = people.predictions.y_true[people.rows], people.predictions.y_pred[people.rows]
    errors = int(((y == 1) & (p == 2)).sum())
    coats = int((y == 1).sum())
    assert (cell["n_true"], cell["votes"], cell["model_count"]) == (coats, 10 * coats, errors)
    assert cell["human_rate"] == pytest.approx(0.3 * (errors // 2) / coats) and cell["model_rate"] == pytest.approx(errors / coats)
    assert cell["human_low"] < cell["human_rate"] < cell["human_high"] < cell["model_low"]
    nearest = min(1.0, 2 * binomtest(errors, coats, cell["human_high"], alternative="greater").pvalue)
    assert cell["p"] == pytest.approx(nearest, rel=1e-9) and bool(cell["significant"])
    same = people.cells.set_index(["true", "predicted"]).loc[("Bag", "Coat")]
    assert same["human_rate"] == same["model_rate"] == 0 and np.isnan(same["q"])
    sums = people.cells.groupby("true")["human_rate"].sum()
    assert sums.to_numpy() == pytest.approx(1.0)


def test_mistakes_of_its_own_are_told_from_those_of_people(people: HumanConfusion) -> None:
    images = people.images().set_index("sample_id")
    y, p = people.predictions.y_true, people.predictions.y_pred
    for i in people.rows:
        row = images.loc[f"test/{i}"]
        want = RIGHT if y[i] == p[i] else SHARED if people.votes[i, p[i]] >= 1 else OWN
        assert row["kind"] == want and row["votes_predicted"] == people.votes[i, p[i]] and row["votes"] == 10
    errors = int((y != p)[people.rows].sum())
    assert images["kind"].value_counts()[SHARED] == errors // 2 and images["kind"].value_counts()[OWN] == errors - errors // 2
    strict = HumanConfusion(people.predictions, people.votes, 0.31)
    assert not (strict.kinds == SHARED).any()
    lenient = HumanConfusion(people.predictions, people.votes, 0.0)
    assert (lenient.kinds == SHARED).sum() == (people.kinds == SHARED).sum(), "an answer that nobody gave is never theirs"


def test_scores_agree_with_scipy_and_with_counting(people: HumanConfusion) -> None:
    scores = people.scores().set_index("score")
    rows, p = people.rows, people.predictions
    shares = people.votes[rows] / 10
    own = scipy_entropy(shares, axis=1)
    assert scores.loc["entropy of people", "value"] == pytest.approx(own.mean())
    cross = own + np.array([scipy_entropy(s, q) for s, q in zip(shares, p.proba[rows].astype(float), strict=True)])
    assert scores.loc["cross-entropy of the model", "value"] == pytest.approx(cross.mean(), rel=1e-6)
    assert scores.loc["cross-entropy above entropy", "value"] == pytest.approx((cross - own).mean(), rel=1e-6)
    right = int((p.y_true[rows] == p.y_pred[rows]).sum())
    low, high = wilson(right, len(rows))
    assert scores.loc["model accuracy", ["value", "low", "high"]].tolist() == pytest.approx([right / len(rows), float(low), float(high)])
    agree = np.where(shares.max(axis=1) == 1, 1.0, (7 * 6 + 3 * 2) / 90)
    assert scores.loc["two people agree", "value"] == pytest.approx(agree.mean())
    wrong = len(rows) - right
    assert scores.loc["mistakes that people make, too", "value"] == pytest.approx((people.kinds == SHARED).sum() / wrong)
    assert 0 < people.expected_shared < scores.loc["mistakes that people make, too", "value"]


def test_a_model_that_answers_as_people_do_differs_from_them_in_nothing() -> None:
    y = np.arange(600) % 3
    rng = np.random.default_rng(0)
    share = np.where(np.eye(3, dtype=bool)[y], 0.8, 0.1)
    votes = np.array([rng.multinomial(30, row) for row in share])
    said = np.array([rng.choice(3, p=row) for row in share])
    cells = HumanConfusion(predicted(y, said), votes).cells
    assert not cells["significant"].any()
    truth = np.where(cells["true"] == cells["predicted"], 0.8, 0.1)
    assert ((cells["human_low"] <= truth) & (cells["human_high"] >= truth)).mean() > 0.7


def test_intervals_of_shares_lie_between_votes_and_images() -> None:
    low, high = share_interval(0.2, np.sqrt(0.2 * 0.8 / 1000), 100, 1000)
    assert (float(low), float(high)) == pytest.approx(tuple(map(float, wilson(200, 1000))))
    low, high = share_interval(0.0, 0.0, 50, 2500)
    assert (float(low), float(high)) == pytest.approx(tuple(map(float, wilson(0, 50))))
    wide = share_interval(0.2, 0.04, 100, 1000)
    assert float(wide[1]) > 0.25 and np.isfinite(share_interval(0.0, 0.0, 0, 0)).all()


def test_intervals_hold_the_truth_of_clustered_votes() -> None:
    """Every image has its own share; five votes each: the interval by images covers, one by votes alone would be too narrow."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        own = rng.beta(0.15, 1.35, 80)
        shares = rng.binomial(5, own) / 5
        low, high = share_interval(shares.mean(), shares.std(ddof=1) / np.sqrt(80), 80, 400)
        held += bool(low <= 0.1 <= high)
    assert 0.91 <= held / 400 <= 0.99


def test_the_words_say_what_was_counted_and_what_was_left_out(people: HumanConfusion) -> None:
    said = people.sentences()
    assert said[0] == "People gave 2,000 answers to 200 of the 300 images (people.csv)"
    assert said[1] == "Left out: 100 images without votes and 5 images of the file that are not shown here"
    assert any(line.startswith("The model confuses more often than people: Coat → Bag") for line in said)
    empty = HumanConfusion(people.predictions, np.zeros((300, 3), np.int64), 0.1)
    assert empty.sentences()[0] == "People gave 0 answers to 0 of the 300 images" and not empty.n
    assert len(empty.frames()["human_confusion"]) == 9 and not len(empty.images())


def test_predictions_without_probabilities_have_no_cross_entropy(people: HumanConfusion) -> None:
    p = people.predictions
    bare = HumanConfusion(Predictions(p.sample_ids, p.y_true, None, NAMES, "m", y_label=p.y_pred), people.votes)
    assert "cross_entropy" not in bare.images() and not bare.scores()["score"].str.startswith("cross").any()
    assert not any("Cross-entropy" in line for line in bare.sentences())


def test_the_figure_draws_its_pairs(people: HumanConfusion) -> None:
    display = HumanDisplay(people)
    figure = display.plot()
    assert (
        [text.get_text() for text in figure.axes[0].get_yticklabels()]
        == ["Coat → Bag"]
        == [f"{r['true']} → {r['predicted']}" for r in display.pairs().to_dict("records")]
    )
    assert "2,000 answers to 200" in display.caption()


# --- files ------------------------------------------------------------------------------------------------------------


def write(path: Path, rows: list[list[object]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows(rows)
    return path


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=1, max_size=8), st.permutations(range(3)))
def test_both_forms_read_back_what_was_counted(tmp_path_factory: pytest.TempPathFactory, counts: list[list[int]], order: list[int]) -> None:
    folder, ids = tmp_path_factory.mktemp("votes"), [f"test/{i}" for i in range(len(counts))]
    wide = [["sample_id", *(NAMES[k] for k in order)], *([name, *(row[k] for k in order)] for name, row in zip(ids, counts, strict=True))]
    long = [["image", "class", "count"], *([name, NAMES[k], row[k]] for name, row in zip(ids, counts, strict=True) for k in order if row[k] or k == 0)]
    for rows in (wide, long):
        found = read_votes(write(folder / "votes.csv", rows), NAMES, limit=ROOM)
        got = dict(zip(found.sample_ids.tolist(), found.counts.tolist(), strict=True))
        assert got == dict(zip(ids, counts, strict=True))


def test_names_are_matched_without_case_and_punctuation_or_by_number(tmp_path: Path) -> None:
    want = [[3, 2, 1]]
    for head in (["t-shirt top", "COAT", "bag"], ["0", "1", "2"]):
        found = read_votes(write(tmp_path / "v.csv", [["id", *head], ["test/1", 3, 2, 1]]), NAMES, limit=ROOM)
        assert found.counts.tolist() == want
    found = read_votes(
        write(tmp_path / "v.csv", [["id", "label", "votes"], ["test/1", "0", "3.0"], ["test/1", "Coat", 2], ["test/1", "Bag", 1]]), NAMES, limit=ROOM
    )
    assert found.counts.tolist() == want
    assert read_votes(write(tmp_path / "v.csv", [["id", *NAMES], ["test/1", "", 2, ""]]), NAMES, limit=ROOM).counts.tolist() == [[0, 2, 0]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["T-shirt/top", "Coat", "Bag"], [1, 2, 3]], "has no column sample_id"),
        ([["id", "Coat", "Bag"], ["a", 1, 2]], "has no column for T-shirt/top"),
        ([["id", "T-shirt/top", "Coat", "Bags"], ["a", 1, 2, 3]], "it has Bags, which is no class"),
        ([["id", *NAMES, "Hat"], ["a", 1, 2, 3, 4]], "has the column Hat, which is no class"),
        ([["id", *NAMES]], "holds no row"),
        ([["id", *NAMES], ["a", 1, 2, 3], ["a", 1, 2, 3]], "the id 'a' is there twice"),
        ([["id", *NAMES], ["a", 1, -2, 3]], "line 2 holds '-2', which is no count"),
        ([["id", *NAMES], ["a", 1, 0.5, 3]], "line 2 holds '0.5'"),
        ([["id", *NAMES], ["a", 1, "nan", 3]], "line 2 holds 'nan'"),
        ([["id", *NAMES], ["a", 1, "inf", 3]], "line 2 holds 'inf'"),
        ([["id", *NAMES], ["a", 1, "many", 3]], "line 2 holds 'many'"),
        ([["id", *NAMES], ["a", 1, 2]], "row 2 has 3 columns, the first has 4"),
        ([["id", "class", "count"], ["a", "Hat", 2]], "'Hat', which is no class"),
        ([["id", "class", "count"], ["a", "Bag", 2], ["a", "Bag", 3]], "counts 'Bag' of 'a' twice"),
    ],
)
def test_what_is_no_count_of_answers_is_refused_in_one_line(tmp_path: Path, rows: list[list[object]], said: str) -> None:
    with pytest.raises(BadInput) as e:
        read_votes(write(tmp_path / "votes.csv", rows), NAMES, limit=ROOM)
    assert said in str(e.value) and "\n" not in str(e.value) and "votes.csv" in str(e.value)


def test_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is no \.csv file"):
        read_votes(tmp_path / "votes.npy", NAMES, limit=ROOM)
    with pytest.raises(BadInput, match="not found"):
        read_votes(tmp_path / "votes.csv", NAMES, limit=ROOM)
