"""The report's data issues in a real browser: each wall holds exactly its images, buttons select exactly their rows, markup in names stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import text_faults
from quiet_page import quiet_page

from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.label_errors import LabelIssues
from fmnist_viz.analysis.pockets import pockets
from fmnist_viz.analysis.twins import twins
from fmnist_viz.analysis.unusual import hollow
from fmnist_viz.core.types import LabeledImages, Predictions, Projection, Source
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.neighbors import exact_neighbors

pytestmark = pytest.mark.browser
NAMES = ("<img src=x onerror=alert(1)>", "coat", "bag</script>")
N = 360


def content() -> tuple[ReportContent, DataIssues]:
    """Three clusters: some labels flipped, a group of coats taken for bags, a twin, an empty image."""
    rng = np.random.default_rng(0)
    true = (np.arange(N) % 3).astype(np.int64)
    X = (rng.normal(size=(N, 3)) + 6 * np.eye(3)[true]).astype(np.float32)
    nest = np.flatnonzero(true == 1)[:20]
    X[nest] = rng.normal(size=(20, 3)) * 0.1 + [6, 6, 6]
    labels = true.copy()
    flipped = rng.choice(np.flatnonzero(true != 1), 9, replace=False)
    labels[flipped] = (labels[flipped] + 1) % 3
    p = 0.95 * np.eye(3)[true] + 0.05 * rng.dirichlet(np.ones(3), N)
    p[nest] = 0.95 * np.eye(3)[2] + 0.05 * rng.dirichlet(np.ones(3), 20)
    pixels = rng.integers(0, 255, (N, 8, 8, 1)).astype(np.uint8)
    pixels[40], pixels[50] = pixels[41], 3
    ids = np.array([f"test/{i}" for i in range(N)])
    images = LabeledImages(pixels, labels, NAMES, ids, "test", Source("memory", "m", ""))
    said = Predictions(ids, labels, (p / p.sum(axis=1, keepdims=True)).astype(np.float32), NAMES, "m")
    near = exact_neighbors(X, 50)
    judged = LabelIssues(images, said.proba, "the model m", near.astype(np.int64), labels, ids, "dense")
    issues = DataIssues(images, judged, "", tuple(pockets(said, near, "<i>dense</i>")), twins([images]), tuple(hollow(pixels)), "")
    maps = {"dense": {"tsne": Projection(X[:, :2].copy(), ids, "dense", "tsne", {}, 0)}}
    return ReportContent("planted", images, said, maps, issues=issues), issues


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DataIssues]:
    report, issues = content()
    path = tmp_path_factory.mktemp("issues") / "report.html"
    write_report(path, report)
    return path, issues


@pytest.fixture(scope="module")
def page(made: tuple[Path, DataIssues]) -> Iterator[Any]:
    with quiet_page(made[0]) as page:
        yield page


def test_the_wall_holds_the_suspects_in_their_order(page: Any, made: tuple[Path, DataIssues]) -> None:
    judged = made[1].labels
    assert judged is not None and len(judged.rows)
    shown = page.eval_on_selector_all("#suspects .thumb", "all => all.map(e => Number(e.dataset.index))")
    assert shown == judged.rows[:60].tolist()
    first = page.locator("#suspects .sample").first
    assert first.get_attribute("title") == judged.reason(int(judged.rows[0]))
    assert NAMES[judged.images.labels[judged.rows[0]]] in first.inner_text() and NAMES[judged.suggested[judged.rows[0]]] in first.inner_text()
    page.click("#show-suspects")
    assert page.evaluate("window.fmnistViz.selected()") == [f"test/{i}" for i in sorted(judged.rows.tolist())]


def test_a_click_opens_the_card_and_selects_the_image(page: Any, made: tuple[Path, DataIssues]) -> None:
    judged = made[1].labels
    assert judged is not None
    page.locator("#suspects .thumb").nth(1).click()
    name = f"test/{judged.rows[1]}"
    assert page.evaluate("window.fmnistViz.state().card") == name and page.evaluate("window.fmnistViz.selected()") == [name]
    page.keyboard.press("Escape")


def test_pockets_twins_and_odd_images_are_theirs(page: Any, made: tuple[Path, DataIssues]) -> None:
    found = made[1]
    assert found.pockets
    strips = page.eval_on_selector_all("#issues .nest .strip", "all => all.map(e => [...e.children].map(c => Number(c.dataset.index)))")
    assert strips == [one.rows.tolist() for one in found.pockets][:8]
    page.locator(".nest-show").first.click()
    assert page.evaluate("window.fmnistViz.selected()") == [f"test/{i}" for i in sorted(found.pockets[0].rows.tolist())]
    assert page.eval_on_selector_all(".twins .strip", "all => all.map(e => [...e.children].map(c => Number(c.dataset.index)))") == [[40, 41]]
    last = page.eval_on_selector_all("#issues > .strip", "all => all.map(e => [...e.children].map(c => Number(c.dataset.index)))")
    assert last == [[50]]


@pytest.mark.parametrize("width", [1280, 390])
def test_texts_stay_whole_at_both_widths(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    try:
        assert text_faults(page, "#issues") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.set_viewport_size({"width": 1280, "height": 800})


def test_without_anything_looked_for_there_is_no_section(tmp_path: Path) -> None:
    report, _ = content()
    write_report(tmp_path / "r.html", ReportContent("none", report.images, report.predictions, report.projections))
    assert 'id="issues"' not in (tmp_path / "r.html").read_text()
    write_report(tmp_path / "q.html", ReportContent("none", report.images, None, {}, issues=DataIssues(report.images, None, "Labels were not judged")))
    assert "Labels were not judged." in (tmp_path / "q.html").read_text()
