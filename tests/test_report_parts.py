"""Parts of the report without a browser: packed probabilities, the summary's numbers, the navigation, what large data sets give up."""

from __future__ import annotations

import base64
import dataclasses
import re
from html import escape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from fmnist_viz.analysis.confusion import confusion
from fmnist_viz.core.types import LabeledImages, Predictions, Projection, Source
from fmnist_viz.export.report import ReportContent
from fmnist_viz.export.report.probabilities import STEPS, TOP, WHOLE, probability_index
from fmnist_viz.export.report.reduced import reductions, sheet_room
from fmnist_viz.export.report.sections import Section, sections
from fmnist_viz.export.report.sheet import thumbnail_sheets
from fmnist_viz.export.report.summary import SURE, summary

N, CLASSES = 400, 5


def content_of(n: int = N, classes: int = CLASSES, side: int = 0, seed: int = 0) -> ReportContent:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    proba = rng.dirichlet(np.full(classes, 0.3), n).astype(np.float32)
    right = rng.random(n) < 0.6
    swap = proba.argmax(axis=1)
    proba[right, labels[right]], proba[right, swap[right]] = proba[right, swap[right]], proba[right, labels[right]]
    ids, names = np.array([f"test/{i}" for i in range(n)]), tuple(f"class {k}" for k in range(classes))
    pixels = rng.integers(0, 256, (n, side, side, 1)).astype(np.uint8)
    images = LabeledImages(pixels, labels, names, ids, "test", Source("memory", "memory", ""))
    xy = Projection(rng.normal(size=(n, 2)).astype(np.float32), ids, "pixels", "pca", {}, 0)
    return ReportContent("made", images, Predictions(ids, labels, proba, names, "made"), {"pixels": {"pca": xy}})


@given(st.integers(1, 60), st.integers(2, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_probabilities_come_back_to_half_a_step(n: int, classes: int, seed: int) -> None:
    predictions = content_of(n, classes, seed=seed).predictions
    assert predictions is not None
    index = probability_index(predictions)
    assert index is not None
    values = np.frombuffer(base64.b64decode(index["values"]), "<u2").reshape(n, index["count"]) / STEPS
    if classes <= WHOLE:
        assert index["classes"] is None
        np.testing.assert_allclose(values, predictions.proba, atol=0.5 / STEPS + 1e-9)
        return
    which = np.frombuffer(base64.b64decode(index["classes"]), "<u2").reshape(n, TOP).astype(int)
    np.testing.assert_allclose(values, np.take_along_axis(predictions.proba, which, axis=1), atol=0.5 / STEPS + 1e-9)
    np.testing.assert_array_equal(np.sort(values, axis=1)[:, ::-1], values)
    assert np.allclose(values, np.sort(predictions.proba, axis=1)[:, ::-1][:, :TOP], atol=0.5 / STEPS + 1e-9)


def test_the_summary_says_what_the_predictions_say() -> None:
    content = content_of()
    p = content.predictions
    assert p is not None
    overall, hardest, sure = summary(content, confusion(p))

    def rate(k: int, n: int) -> tuple[str, str]:
        low, high = binomtest(k, n).proportion_ci(method="wilson")
        return f"{100 * k / n:.1f} %", f"{100 * low:.1f}–{100 * high:.1f}"

    right, common = int((p.y_true == p.y_pred).sum()), int(np.bincount(p.y_true).max())
    assert all(text in overall for text in (*rate(right, N), f"Of {N} test images of {CLASSES} classes", f"{100 * common / N:.1f} %."))
    missed = [1 - (p.y_pred[p.y_true == k] == k).mean() for k in range(CLASSES)]
    k = int(np.argmax(missed))
    wrong = p.y_pred[(p.y_true == k) & (p.y_pred != k)]
    other = int(np.bincount(wrong).argmax())
    of = int((p.y_true == k).sum())
    assert hardest.startswith(f"It errs most on class {k}: of {of} such images") and all(text in hardest for text in rate(len(wrong), of))
    assert hardest.endswith(f"most often for class {other} ({(wrong == other).sum()} of {len(wrong)}).")
    is_sure = p.proba.max(axis=1) >= SURE
    held = int((~is_sure & (p.y_true != p.y_pred)).sum())
    assert f"on {is_sure.sum()} images" in sure and all(text in sure for text in rate(int((is_sure & (p.y_true == p.y_pred)).sum()), int(is_sure.sum())))
    assert sure.endswith(f"the other {(~is_sure).sum()} hold {held} of the {N - right} errors.")


def test_the_summary_of_little_stays_true() -> None:
    content = content_of()
    assert summary(dataclasses.replace(content, predictions=None), None) == [
        f"{N} test images of {CLASSES} classes; no predictions were given, so nothing here is right or wrong."
    ]
    p = content.predictions
    assert p is not None
    only_labels = Predictions(p.sample_ids, p.y_true, None, p.class_names, "made", y_label=p.y_pred)
    lines = summary(dataclasses.replace(content, predictions=only_labels), confusion(only_labels))
    cells = np.sort(confusion(p).counts[~np.eye(CLASSES, dtype=bool)])[::-1]
    assert lines[2] == f"Three of {(cells > 0).sum()} confused pairs hold {cells[:3].sum()} of the {cells.sum()} errors."
    perfect = Predictions(p.sample_ids, p.y_true, np.eye(CLASSES, dtype=np.float32)[p.y_true], p.class_names, "made")
    lines = summary(dataclasses.replace(content, predictions=perfect), confusion(perfect))
    assert "100.0 %" in lines[0] and len(lines) == 2 and "errors" not in " ".join(lines)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.booleans()), max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_navigation_is_read_off_the_sections(made: list[tuple[str, str, bool]]) -> None:
    made = [tuple(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", part) if isinstance(part, str) else part for part in row) for row in made]  # type: ignore[misc]
    inner = '<section id="in"><h2>x</h2></section>'
    html = "".join(
        f'<section id="s{i}"{f" data-nav={chr(34)}{escape(nav)}{chr(34)}" if named else ""}><h2>{escape(title)}</h2>{inner}</section>'
        for i, (nav, title, named) in enumerate(made)
    )
    want = [Section(f"s{i}", (nav if named and nav else " ".join(title.split()))) for i, (nav, title, named) in enumerate(made)]
    assert sections(html) == [s for s in want if s.name]
    assert sections("<section><h2>nameless</h2></section><p>none</p>") == []


def test_thumbnails_shrink_until_they_fit_and_it_is_said() -> None:
    content = content_of(300, side=64)
    whole = thumbnail_sheets(content.images)
    size = sum(map(len, whole.sheets))
    assert (whole.thumb, whole.reduced) == (64, "")
    smaller = thumbnail_sheets(content.images, size // 3)
    assert smaller.thumb < 64 and sum(map(len, smaller.sheets)) <= size // 3 * 1.1
    assert smaller.reduced == f"Thumbnails are {smaller.thumb} px a side instead of 64."
    none = thumbnail_sheets(content.images, 1000)
    assert none.sheets == () and "left out" in none.reduced


@pytest.mark.parametrize(("near", "classes", "said"), [(10, 5, 0), (4, 5, 1), (0, 5, 1), (4, 30, 2)])
def test_what_was_reduced_is_said_and_nothing_else(near: int, classes: int, said: int) -> None:
    content = dataclasses.replace(content_of(60, classes), near={"pixels": np.zeros((60, 50), np.int32)})
    lines = reductions(content, thumbnail_sheets(content.images), near, probability_index(content.predictions))
    assert len(lines) == said
    assert (f"nearest {near}" in " ".join(lines)) == (near == 4)


def test_more_data_leaves_less_room_for_thumbnails() -> None:
    content = content_of(60)
    rooms = [sheet_room(content, {"x": np.zeros(n, np.float32)}, 0) for n in (10, 1_000_000, 100_000_000)]
    assert rooms[0] > rooms[1] > rooms[2] == 4_000_000
