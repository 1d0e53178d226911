"""Another model and people in the report, used in a real browser with the network refused; what must be shown is recomputed from the planted answers."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import text_faults
from planted_against import COAT, PULLOVER, with_both
from test_report import NAMES, Opened, browser, content_of, raw  # noqa: F401 - the fixture

from fmnist_viz.analysis.against import STATUS
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.export.report.against import COLORS
from fmnist_viz.export.report.changes import change_grid

pytestmark = pytest.mark.browser
N, UNSEEN = 600, 7


@pytest.fixture(scope="module")
def content() -> ReportContent:
    images = raw("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:N]
    return with_both(content_of(images, raw("t10k-labels-idx1-ubyte.gz", 8)[:N].astype(np.int64), NAMES))


@pytest.fixture(scope="module")
def one(browser: Any, content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:  # noqa: F811
    path = tmp_path_factory.mktemp("against") / "report.html"
    write_report(path, content)
    o = Opened(browser, path)
    yield o
    assert [url for url in o.requests if not url.startswith(path.as_uri())] == [] and o.faults == []
    o.page.close()


@pytest.fixture
def opened(one: Opened) -> Opened:
    one.page.keyboard.press("Escape")
    one.page.evaluate("location.hash = '#view&theme=light'")
    one.page.evaluate("location.hash = ''")
    one.page.wait_for_function("() => !fmnistViz.state().rows.length && !fmnistViz.state().filters && !document.documentElement.dataset.theme")
    return one


class Truth:
    """What was planted, with plain NumPy."""

    def __init__(self, content: ReportContent) -> None:
        p, against = content.predictions, content.against
        assert p is not None and against is not None
        self.y, self.now, self.ids = p.y_true, p.y_pred, p.sample_ids
        self.before = np.full(N, -1)
        self.before[UNSEEN:] = against.baseline.y_pred
        self.sure = np.zeros(N)
        self.sure[UNSEEN:] = against.baseline.confidence
        seen = self.before >= 0
        was, is_now = self.before == self.y, self.now == self.y
        self.status = np.select([~seen, was & is_now, ~was & is_now, was & ~is_now], [-1, 0, 1, 2], 3)

    def named(self, rows: Any) -> list[str]:
        found: list[str] = self.ids[rows].tolist()
        return found


@pytest.fixture(scope="module")
def truth(content: ReportContent) -> Truth:
    return Truth(content)


def walled(page: Any, selector: str) -> list[str]:
    found: list[str] = page.eval_on_selector_all(f"{selector} .thumb", "all => all.map((e) => e.dataset.sampleId)")
    return found


def test_the_colour_tells_fixed_from_broken_and_shapes_tell_it_again(opened: Opened, truth: Truth) -> None:
    page = opened.page
    assert len(set(np.bincount(truth.status + 1).tolist())) >= 4, "every status is there"
    page.select_option("#color", "against")
    assert opened.state()["fields"]["color"] == "color_against"
    colors = page.evaluate("[...Bokeh.documents[0].get_model_by_name('source').data.color_against]")
    for k, color in enumerate(COLORS):
        assert {colors[i] for i in np.flatnonzero(truth.status == k)} == {int(color[1:] + "ff", 16)}
    assert len({colors[i] for i in np.flatnonzero(truth.status == -1)} | set(np.unique(colors))) == 5
    assert page.eval_on_selector_all("#legend .chip", "all => all.map((e) => e.textContent)") == list(STATUS)
    page.check("#shapes")
    shapes = page.evaluate("Bokeh.documents[0].get_model_by_name('source').data.shape_against")
    assert len({shapes[np.flatnonzero(truth.status == k)[0]] for k in range(4)}) == 4
    assert all(shapes[i] == shapes[np.flatnonzero(truth.status == k)[0]] for i, k in enumerate(truth.status) if k >= 0)
    clips = page.eval_on_selector_all("#legend i", "all => all.map((e) => getComputedStyle(e).clipPath + getComputedStyle(e).borderRadius)")
    assert len(set(clips)) == 4
    page.uncheck("#shapes")


def test_the_filter_keeps_exactly_one_status_and_combines(opened: Opened, truth: Truth) -> None:
    page = opened.page
    for k, name in enumerate(STATUS):
        page.select_option("#filter-against", name)
        assert page.evaluate("fmnistViz.kept()") == truth.named(truth.status == k)
    page.select_option("#filter-against", "broken")
    page.select_option("#filter-truth", str(PULLOVER))
    want = (truth.status == 2) & (truth.y == PULLOVER)
    assert page.evaluate("fmnistViz.kept()") == truth.named(want) and 0 < want.sum() < (truth.status == 2).sum()
    assert page.inner_text("#filter-chips button >> nth=1").startswith("against before: broken")
    page.wait_for_timeout(60)
    address = page.evaluate("location.hash")
    page.click("#filter-reset")
    page.evaluate("text => { location.hash = text; }", address)
    page.wait_for_function("() => fmnistViz.state().filters !== ''")
    assert page.evaluate("fmnistViz.kept()") == truth.named(want)
    page.evaluate("location.hash = '#view&against=__proto__'")
    page.wait_for_function("() => fmnistViz.state().filters === ''")


def test_walls_hold_the_fixed_and_the_broken_most_confident_first_and_by_pair(opened: Opened, truth: Truth, content: ReportContent) -> None:
    page = opened.page
    fixed = np.flatnonzero(truth.status == 1)
    fixed = fixed[np.lexsort((fixed, -truth.sure[fixed]))]
    assert walled(page, '.against-group[data-status="1"]') == truth.named(fixed[:120])
    broken = np.flatnonzero(truth.status == 2)
    shown = walled(page, '.against-group[data-status="2"]')
    assert content.predictions is not None and len(shown) == min(120, len(broken)) and set(shown) <= set(truth.named(broken))
    sure = [float(content.predictions.confidence[truth.ids.tolist().index(name)]) for name in shown]
    assert all(a >= b - 1e-4 for a, b in pairwise(sure))
    page.select_option('.against-group[data-status="1"] select', f"{PULLOVER}.{COAT}")
    pair = fixed[(truth.y[fixed] == PULLOVER) & (truth.before[fixed] == COAT)]
    assert walled(page, '.against-group[data-status="1"]') == truth.named(pair) and len(pair) > 0
    page.click('.against-group[data-status="1"] .against-select')
    assert page.evaluate("fmnistViz.selected()") == truth.named(np.sort(pair))
    assert page.inner_text("#selection-what") == f"Fixed against before: Pullover, not Coat ({len(pair)})."
    page.select_option('.against-group[data-status="1"] select', "")
    page.click('.against-group[data-status="1"] .thumb >> nth=1')
    assert page.inner_text("#card-title") == truth.ids[fixed[1]]
    facts = page.inner_text("#card-facts")
    assert "against before" in facts and f"{NAMES[truth.before[fixed[1]]]} {truth.sure[fixed[1]]:.2f}: fixed" in facts
    page.keyboard.press("Escape")


def test_a_cell_of_the_change_selects_what_left_or_entered_it(opened: Opened, truth: Truth, content: ReportContent) -> None:
    page = opened.page
    cells = page.locator("#against .change")
    assert cells.count() == 100 and content.against is not None
    frame = content.against.cells
    for i in (PULLOVER * 10 + COAT, PULLOVER * 11, 66):
        row = frame.iloc[i]
        text = cells.nth(i).inner_text().replace("−", "-")
        assert text == (f"{100 * row['difference']:+.1f}" if row["difference"] else "")
        assert ("significant" in cells.nth(i).get_attribute("class")) == bool(row["significant"])
    page.click(f'#against .change[data-t="{PULLOVER}"][data-p="{COAT}"]')
    own = (truth.status >= 0) & (truth.y == PULLOVER) & ((truth.now == COAT) != (truth.before == COAT))
    assert page.evaluate("fmnistViz.selected()") == truth.named(own) and own.any()
    left, entered = (int(frame.iloc[PULLOVER * 10 + COAT][name]) for name in ("left", "entered"))
    assert left + entered == own.sum() and page.inner_text("#selection-what").endswith(f"{left} left, {entered} entered.")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("[document.activeElement.dataset.t, document.activeElement.dataset.p]") == [str(PULLOVER), str(COAT + 1)]
    assert page.eval_on_selector_all('#against .change[tabindex="0"]', "all => all.length") == 1


def test_the_most_moved_come_first_and_by_status(opened: Opened, truth: Truth, content: ReportContent) -> None:
    page, against = opened.page, content.against
    assert against is not None
    move = against.moves[0]
    order = against.rows[move.rows[move.most(N)]]
    assert walled(page, "#move-wall") == truth.named(order[:40])
    assert set(truth.named(np.arange(UNSEEN, UNSEEN + 12))) & set(walled(page, "#move-wall")[:20]), "planted ones"
    page.select_option("#move-status", "2")
    assert walled(page, "#move-wall") == truth.named([i for i in order if truth.status[i] == 2][:40])
    page.select_option("#move-status", "")
    first = order[0]
    page.evaluate("id => fmnistViz.open(id)", str(truth.ids[first]))
    k = int(np.flatnonzero(move.rows == first - UNSEEN)[0])
    assert f"{round(15 * move.changed[k])} of 15 neighbours are others" in page.inner_text("#card-facts")
    page.keyboard.press("Escape")
    page.evaluate("id => fmnistViz.open(id)", str(truth.ids[0]))
    assert "against" not in page.inner_text("#card-facts"), "the other model did not see it"
    page.keyboard.press("Escape")


def test_people_s_mistakes_are_told_from_the_model_s_own(opened: Opened, truth: Truth, content: ReportContent) -> None:
    page, people = opened.page, content.people
    assert people is not None
    has = people.votes.sum(axis=1) > 0
    wrong = has & (truth.now != truth.y)
    share = people.votes[np.arange(N), truth.now] / np.maximum(people.votes.sum(axis=1), 1)
    for kind, rows in (("shared", wrong & (share >= 0.1)), ("own", wrong & (share < 0.1))):
        page.click(f'.people-group[data-kind="{kind}"] .people-select')
        assert page.evaluate("fmnistViz.selected()") == truth.named(rows) and rows.any()
        assert set(walled(page, f'.people-group[data-kind="{kind}"]')) <= set(truth.named(rows))
    first = int(np.flatnonzero(wrong & (share >= 0.1))[0])
    page.evaluate("id => fmnistViz.open(id)", str(truth.ids[first]))
    assert f"15 of 20 {NAMES[truth.y[first]]}, 5 {NAMES[truth.now[first]]}" in page.inner_text("#card-facts")
    page.evaluate("id => fmnistViz.open(id)", str(truth.ids[5]))
    assert "no votes" in page.inner_text("#card-facts")
    page.keyboard.press("Escape")
    page.click(f'#people .change[data-t="{PULLOVER}"][data-p="{COAT}"]')
    assert page.evaluate("fmnistViz.selected()") == truth.named(has & (truth.y == PULLOVER) & (truth.now == COAT))
    assert f"{int(has.sum())} of the {N} images" in page.inner_text("#people") and f"{N - int(has.sum())} images without votes" in page.inner_text("#people")


def test_the_file_says_what_the_other_model_said(opened: Opened, truth: Truth, tmp_path: Path) -> None:
    page = opened.page
    page.evaluate("fmnistViz.selectRows([0, 7, 8, 9, 30])")
    with page.expect_download() as download:
        page.click("#export")
    download.value.save_as(tmp_path / "chosen.csv")
    with open(tmp_path / "chosen.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [(row["against"], row["against_predicted"]) for row in rows] == [
        (("not compared", "") if truth.status[i] < 0 else (STATUS[truth.status[i]], NAMES[truth.before[i]])) for i in (0, 7, 8, 9, 30)
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_is_cut_off_or_lies_over_other_text(opened: Opened, theme: str) -> None:
    page = opened.page
    page.evaluate("text => { location.hash = text; }", f"view&theme={theme}")
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(100)
        for section in ("#against", "#people"):
            page.evaluate("id => document.querySelector(id).scrollIntoView()", section)
            page.mouse.move(1, 1)
            assert text_faults(page, section) == [], (width, theme, section)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_report_without_them_has_no_trace_of_them(content: ReportContent, tmp_path: Path) -> None:
    write_report(tmp_path / "plain.html", dataclasses.replace(content, against=None, people=None))
    text = (tmp_path / "plain.html").read_text(encoding="utf-8")
    assert 'id="against"' not in text and 'id="people"' not in text and '<option value="against">' not in text
    assert "<label hidden>Against" in text


def test_many_classes_have_no_grid(content: ReportContent) -> None:
    import pandas as pd

    cells = pd.DataFrame({"difference": np.zeros(41**2), "significant": False, "q": np.nan})
    assert change_grid(cells, lambda _: "") is None
    few = change_grid(cells.head(4).assign(difference=[0.1, -0.1, 0.2, np.nan]), lambda _: "words")
    assert few is not None and [[c.kind for c in line] for line in few.lines] == [["better", "better"], ["worse", ""]]
