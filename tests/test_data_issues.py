"""Pockets, twins and odd images that were planted are found, at the stated rules' very edges; nothing is found where nothing is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from planted_dossier import built
from scipy.stats import binom

from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.dossier_facts import facts
from fmnist_viz.analysis.dossier_text import paragraph
from fmnist_viz.analysis.pockets import MOST, pocket_frame, pockets
from fmnist_viz.analysis.twins import NEAR_SHARE, twins
from fmnist_viz.analysis.unusual import FAR, hollow, odd_frame, unusual
from fmnist_viz.core.types import LabeledImages, Predictions, Source
from fmnist_viz.neighbors import exact_neighbors

NAMES = ("bag", "coat")


def pictures(images: np.ndarray, labels: np.ndarray | None = None, split: str = "test") -> LabeledImages:
    n = len(images)
    labels = np.zeros(n, np.int64) if labels is None else labels
    return LabeledImages(images.astype(np.uint8), labels, NAMES, np.array([f"{split}/{i}" for i in range(n)]), split, Source("memory", "m", ""))


def judged(wrong: np.ndarray, labels: np.ndarray) -> Predictions:
    said = np.where(wrong, 1 - labels, labels).astype(np.int64)
    return Predictions(np.array([f"test/{i}" for i in range(len(labels))]), labels, None, NAMES, "m", y_label=said)


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """600 points of two classes; 25 bags lie apart and are all wrong, 3 % of the others are wrong at random."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 3)).astype(np.float32)
    labels = (np.arange(600) % 2).astype(np.int64)
    wrong = rng.random(600) < 0.03
    nest = np.arange(0, 50, 2)
    X[nest] = rng.normal(size=(25, 3)) * 0.2 + 9
    wrong[nest] = True
    return X, labels, wrong


def test_a_planted_pocket_is_found_with_its_own_images() -> None:
    X, labels, wrong = scene()
    p, near = judged(wrong, labels), exact_neighbors(X, 50)
    found = pockets(p, near, "plane")
    assert len(found) == 1
    one = found[0]
    assert set(np.arange(0, 50, 2)) <= set(one.rows.tolist()) and one.n <= MOST and one.label == 0 and one.taken_for == (1, one.wrong)
    assert one.wrong == wrong[one.rows].sum() and (labels[one.rows] == 0).all()
    rate = wrong[labels == 0].mean()
    assert one.rate == pytest.approx(rate) and one.p == pytest.approx(binom.sf(one.wrong - 1, one.n, rate)) and one.p <= one.q < 0.05
    row = pocket_frame(found, NAMES, p.sample_ids).iloc[0]
    assert row["rate_low"] <= row["rate"] <= row["rate_high"] and len(row["sample_ids"].split()) == row["n"] and row["centre"] == p.sample_ids[one.rows[0]]


def test_pockets_do_not_overlap_and_chance_makes_few() -> None:
    X, labels, _ = scene()
    rng, some = np.random.default_rng(5), 0
    near = exact_neighbors(X, 50)
    for _ in range(40):
        found = pockets(judged(rng.random(600) < 0.1, labels), near, "plane")
        rows = np.concatenate([one.rows for one in found]) if found else np.zeros(0)
        assert len(set(rows.tolist())) == len(rows)
        some += bool(found)
    assert some <= 6  # 5 % of 40 is two
    assert pockets(judged(np.zeros(600, bool), labels), near, "plane") == []
    assert pocket_frame([], NAMES, np.zeros(0, np.str_)).shape == (0, 14)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (n, 8, 8, 1)).astype(np.uint8)


def test_twins_within_and_across_splits_are_all_found_and_nothing_else() -> None:
    train, test = noise(300), noise(100, 1)
    train[7] = train[3]
    test[5], test[6] = train[3], train[100].copy()
    test[6, 0, 0, 0] += 1
    labels = np.zeros(100, np.int64)
    labels[5] = 1
    found = twins([pictures(train, split="train"), pictures(test, labels)])
    frame = found.frame()
    assert {(r.kind, r.sample_id, r.other_id, r.same_label) for r in frame.itertuples()} == {
        ("exact", "train/3", "train/7", True), ("exact", "train/3", "test/5", False), ("near", "train/100", "test/6", True),
    }  # fmt: skip
    counts = found.counts().set_index(["between", "kind"])
    assert counts.loc[("train", "exact"), "pairs"] == 1 and counts.loc[("train and test", "exact"), "other_label"] == 1
    assert counts.loc[("train and test", "near"), "pairs"] == 1 and counts["pairs"].sum() == 3 and counts.loc[("test", "near"), "pairs"] == 0
    assert "2 pairs of equal images and 1 nearly equal; 2 of them across splits, 1 with two different labels" in found.sentence()


@pytest.mark.parametrize(("share", "there"), [(0.9, True), (1.1, False)])
def test_near_is_what_the_rule_says(share: float, there: bool) -> None:
    images = noise(50, 2)
    a = images[0].astype(float)
    contrast = np.linalg.norm(a - a.mean())
    images[1] = images[0]
    images[1, 4, 4, 0] = 0
    images[0, 4, 4, 0] = round(share * NEAR_SHARE * contrast)
    one, other = (images[i].astype(float) for i in (0, 1))
    real = np.linalg.norm(one - other) / min(np.linalg.norm(v - v.mean()) for v in (one, other))
    assert (real <= NEAR_SHARE) == there
    found = twins([pictures(images)])
    assert found.pairs.tolist() == ([[0, 1]] if there else []) and (not there or found.difference[0] == pytest.approx(real))


def test_twins_agree_with_a_search_of_all_pairs() -> None:
    rng = np.random.default_rng(3)
    base = noise(60, 3).astype(int)
    near = np.clip(base + rng.normal(0, rng.uniform(2, 12, (60, 1, 1, 1)), base.shape).round().astype(int), 0, 255)
    images = np.concatenate([base, near, np.full((3, 8, 8, 1), 9)]).astype(np.uint8)
    flat = images.reshape(len(images), -1).astype(float)
    contrast = np.linalg.norm(flat - flat.mean(axis=1, keepdims=True), axis=1)
    d = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    a, b = np.nonzero(np.triu((d <= NEAR_SHARE * np.minimum(contrast[:, None], contrast)) & (d > 0), 1))
    found = twins([pictures(images)])
    assert {tuple(pair) for pair in found.pairs[~found.exact].tolist()} == set(zip(a.tolist(), b.tolist(), strict=True)) and 0 < len(a) < 60
    assert found.pairs[found.exact].tolist() == [[120, 121], [120, 122]]  # equal constant images, paired with the first


def test_the_far_and_the_hollow() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)).astype(np.float32)
    X[17] += 40
    labels = np.zeros(200, np.int64)
    found = unusual(X, labels, exact_neighbors(X, 10), "plane")
    assert found[0].row == 17 and found[0].value > FAR and "times as far" in found[0].words and len(found) < 8
    images = noise(8, 4)
    images[1] = 77  # one level
    images[2] = np.where(rng.random((8, 8, 1)) < 0.5, 10, 200)  # two
    images[3] = 100 + rng.integers(0, 8, (8, 8, 1))
    images[4] = rng.integers(0, 8, (8, 8, 1))
    images[4, 4, 4] = 250
    kinds = {one.row: one.kind for one in hollow(images)}
    assert kinds == {1: "few grey levels", 2: "few grey levels", 3: "nearly constant", 4: "tiny ink"}
    frame = odd_frame([*found, *hollow(images)], pictures(np.resize(images, (200, 8, 8, 1))))
    assert frame["sample_id"][0] == "test/17" and len(odd_frame([], pictures(images))) == 0
    assert hollow(np.zeros((0, 8, 8, 1), np.uint8)) == [] and unusual(X[:0], labels[:0], np.zeros((0, 3), np.int32), "") == []
    colour = np.zeros((1, 8, 8, 3), np.uint8)
    colour[0, :, :, 0] = np.arange(64).reshape(8, 8)
    assert hollow(colour)[0].kind != "few grey levels" if hollow(colour) else True


def test_sentences_and_tables_hold_what_was_looked_for() -> None:
    X, labels, wrong = scene()
    images = pictures(noise(600, 6), labels)
    p = judged(wrong, labels)
    found = DataIssues(images, None, "Labels were not judged: there are no probabilities", tuple(pockets(p, exact_neighbors(X, 50), "plane")), twins([images]))
    assert found.sentences()[0].startswith("Labels were not judged") and "the clearest lies in plane" in found.sentences()[1]
    assert set(found.frames()) == {"pockets", "duplicates", "duplicate_counts", "unusual"} and found.suspects is None
    assert "none is there twice" in found.sentences()[2]


def test_a_dossier_counts_its_suspects_in_a_fact_and_in_words() -> None:
    d, *_ = built()
    names = d.sample_ids[d.directions[0].rows[:3]].tolist()
    some = dataclasses.replace(d, suspects=dict.fromkeys(names, "because"))
    fact = facts(some)["suspected labels: count"]
    assert fact.value == 3 and facts(some)["suspected labels: share"].value == pytest.approx(3 / d.count)
    assert paragraph(some)[-1].startswith("Of the mistakes 3 have labels that are suspected of being wrong, ")
    assert [s for s in some.errors()["suspect"] if s] == ["because"] * 3
    assert "None of the mistakes" in paragraph(dataclasses.replace(d, suspects={}))[-1] and "suspected labels: count" not in facts(d)
