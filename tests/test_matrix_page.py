"""The report's matrix and calibration in a real browser: shares, order, tree, groups, marks; what is shown is recomputed here with NumPy."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_viz.analysis.confusion_order import grouped
from fmnist_viz.core.intervals import wilson
from fmnist_viz.pipeline.confusion_analysis import ConfusionAnalysis, confusion_analysis

NAMES = ("bag", "coat", "dress", "pullover", "sandal", "</script>&sneaker")
COUNTS = np.array([
    [96, 1, 0, 1, 1, 1], [0, 60, 5, 35, 0, 0], [0, 10, 88, 2, 0, 0], [0, 12, 0, 88, 0, 0], [0, 0, 0, 0, 85, 15], [0, 0, 0, 0, 9, 91],
])  # fmt: skip


@pytest.fixture(scope="module")
def found() -> ConfusionAnalysis:
    rng = np.random.default_rng(0)
    true, said = (np.repeat(k.ravel(), COUNTS.ravel()) for k in np.indices((6, 6)))
    proba = rng.dirichlet(np.ones(6), len(true)) * 0.4
    proba[np.arange(len(true)), said] += 0.6
    return confusion_analysis(true, y_proba=proba.astype(np.float32), class_names=NAMES, title="planted")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(found: ConfusionAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found.report(tmp_path_factory.mktemp("matrix") / "report.html")


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    page, faults = browser.new_page(viewport={"width": 1280, "height": 800}), []
    page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=20_000)
    yield page
    assert not faults and page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.close()


def shown(page: Any) -> list[list[str]]:
    return page.evaluate(
        "[...document.querySelectorAll('#matrix > [role=row]')].slice(1).map((r) => [...r.querySelectorAll('.cell')].map((c) => c.textContent))"
    )


def percents(value: np.ndarray[Any, Any]) -> list[list[str]]:
    return [["100" if v == 1 else f"{100 * v:.1f}" for v in row] for row in value]


@pytest.mark.browser
def test_all_four_shares_and_their_intervals(page: Any) -> None:
    assert shown(page) == [[str(n) for n in row] for row in COUNTS]
    for mode, of in (("rates", COUNTS.sum(axis=1, keepdims=True)), ("column", COUNTS.sum(axis=0))):
        page.click(f'[data-mode="{mode}"]')
        assert shown(page) == percents(COUNTS / of)
    low, high = wilson(35, COUNTS[:, 3].sum())
    page.click('[data-mode="column"]')
    page.hover('.cell[data-true="1"][data-predicted="3"]')
    said = page.inner_text("#cell-detail")
    assert "coat taken for pullover: 35 of 100, 35.0 % (95 % interval 26.4–44.7)" in said
    assert f"of the 126 of all taken for pullover 27.8 % (95 % interval {100 * low:.1f}–{100 * high:.1f})" in said
    page.click('[data-mode="overall"]')
    assert shown(page)[1][3] == f"{100 * 35 / COUNTS.sum():.1f}" and page.get_attribute('[data-mode="overall"]', "aria-pressed") == "true"


@pytest.mark.browser
def test_marks_stand_where_the_tests_say_and_focus_tells_p_and_q(page: Any, found: ConfusionAnalysis) -> None:
    c = found.confusion
    assert c.directions.more[1, 3] and c.excess.more[1, 3]
    for kind, want in (("more", c.directions.more), ("beyond", c.excess.more)):
        marked = page.eval_on_selector_all(f".cell.{kind}", "all => all.map((e) => [Number(e.dataset.true), Number(e.dataset.predicted)])")
        assert marked == np.argwhere(want).tolist()
    look = "(e, side) => { const s = getComputedStyle(e, side); return [s.content, s.width, s.clipPath !== 'none', s.borderRadius]; }"
    cell = page.locator('.cell[data-true="1"][data-predicted="3"]')
    assert page.evaluate(f"(e) => ({look})(e, '::after')", cell.element_handle())[2]  # a triangle, and a dot: told apart without colour
    assert page.evaluate(f"(e) => ({look})(e, '::before')", cell.element_handle())[3] == "50%"
    cell.focus()
    said = page.inner_text("#cell-detail")
    assert re.search(rf"The other way round 12.0 %: this is more often \(odds ratio {c.directions.odds_ratio[1, 3]:.2f}, .*; q = 0\.00\d+\)", said)
    assert f"Row and column explain {c.excess.expected[1, 3]:.1f} images: these are more (adjusted residual {c.excess.residual[1, 3]:.1f}, q" in said
    page.focus('.cell[data-true="3"][data-predicted="1"]')
    assert "that is more often" in page.inner_text("#cell-detail")
    assert f"({int(c.directions.more.sum())} cell" in page.inner_text("#matrix-marks")


@pytest.mark.browser
def test_order_by_similarity_keeps_cells_and_draws_the_tree(page: Any, found: ConfusionAnalysis) -> None:
    page.click('.cell[data-true="1"][data-predicted="3"]')
    chosen = page.evaluate("fmnistViz.selected()")
    assert len(chosen) == 35
    page.click('[data-order="similar"]')
    order = list(found.confusion.tree.order)
    assert shown(page) == [[str(n) for n in row] for row in COUNTS[np.ix_(order, order)]]  # directed, as before
    assert page.locator("#tree g").count() == 5 and page.is_visible("#tree-note")
    assert page.get_attribute('.cell[data-true="1"][data-predicted="3"]', "aria-pressed") == "true" and page.evaluate("fmnistViz.selected()") == chosen
    first, cells = page.locator("#tree .branch").first.bounding_box(), page.locator("#matrix .cell").all()
    assert first["y"] > cells[-1].bounding_box()["y"]
    page.click('[data-order="data"]')
    assert page.locator("#tree").count() == 0 and not page.is_visible("#tree-note") and shown(page)[0][0] == "96"


@pytest.mark.browser
@pytest.mark.parametrize("order", ["similar", "data"])
def test_groups_hold_sums_and_select_all_their_images(page: Any, found: ConfusionAnalysis, order: str) -> None:
    tree, c = found.confusion.tree, found.confusion
    page.click(f'[data-order="{order}"]')
    page.select_option("#matrix-groups", "3")
    groups = tree.cut(3) if order == "similar" else tuple(sorted(tree.cut(3), key=min))
    sums = grouped(COUNTS, groups)
    assert shown(page) == [[str(n) for n in row] for row in sums]
    tops = next(i for i, group in enumerate(groups) if 1 in group)
    row = page.locator("#matrix > [role=row]").nth(1 + tops).locator(".cell")
    row.nth(tops).click()
    y, p = found.predictions.y_true, found.predictions.y_pred
    inside = np.isin(y, groups[tops]) & np.isin(p, groups[tops])
    assert page.evaluate("fmnistViz.selected()") == found.predictions.sample_ids[inside].tolist() and inside.sum() == 300
    said, (low, high) = page.inner_text("#cell-detail"), wilson(300, 300)
    assert f"300 of 300, 100.0 % (95 % interval {100 * low:.1f}–{100 * high:.1f})" in said and "A sum of 9 cells" in said
    assert row.nth(tops).get_attribute("aria-pressed") == "true"
    page.locator(".unfold").nth(0).click()
    assert len(shown(page)) > 3
    page.select_option("#matrix-groups", "6")
    assert len(shown(page)) == 6 and page.locator(".unfold").count() == 0
    assert f"{c.tree.suggested} (suggested)" in page.locator("#matrix-groups option").all_inner_texts()


@pytest.mark.browser
def test_the_tree_folds_by_click_and_by_keyboard(page: Any, found: ConfusionAnalysis) -> None:
    page.click('[data-order="similar"]')
    page.locator("#tree g").first.focus()
    page.keyboard.press("ArrowRight")
    second = page.get_attribute("#tree g:focus", "aria-label")
    page.keyboard.press("Enter")
    merge = found.confusion.tree.merges[1]
    assert len(shown(page)) == 5 and second.startswith("Fold ") and f"{100 * merge.mutual:.1f} % swapped" in second
    assert page.evaluate("document.activeElement.className").startswith("cell")
    assert page.input_value("#matrix-groups") == "own"
    page.focus(".unfold")
    page.keyboard.press("Enter")
    assert len(shown(page)) == 6
    page.evaluate("document.querySelector('#tree g:last-child').dispatchEvent(new Event('click'))")
    assert shown(page) == [["600"]]  # the whole tree
    page.click(".unfold")
    assert len(shown(page)) == 6


@pytest.mark.browser
def test_calibration_shows_bins_whose_images_can_be_seen(page: Any, found: ConfusionAnalysis) -> None:
    r = found.calibration.reliability["before"]  # type: ignore[union-attr]
    assert page.locator("#reliability .bin").count() == len(r.n)
    page.locator("#reliability .bin").nth(1).focus()
    assert f"says {100 * r.said[1]:.1f} %, is right {100 * r.rate[1]:.1f} % of the time" in page.inner_text("#bin-detail")
    page.keyboard.press("Enter")
    rows = page.evaluate("fmnistViz.state().rows")
    confidence = found.predictions.confidence
    assert len(rows) == r.n[1] and confidence[rows].mean() == pytest.approx(r.said[1], abs=1e-6)
    page.click("#show-wrong")
    wrong = np.flatnonzero(~found.predictions.correct)
    want = wrong[np.argsort(-confidence[wrong], kind="stable")][:20]
    assert page.evaluate("fmnistViz.state().rows") == sorted(want.tolist())
    assert found.calibration.sentences()[0] in page.inner_text("#calibration")  # type: ignore[union-attr]
    page.set_viewport_size({"width": 390, "height": 844})
