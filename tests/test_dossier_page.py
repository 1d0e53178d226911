"""Dossiers and cards in the report, used in a real browser: the images of a wall, what a click selects, and markup in names that stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_dossier import NAMES, built
from quiet_page import quiet_page

from fmnist_viz.analysis.class_cards import class_cards
from fmnist_viz.analysis.dossier import Dossier
from fmnist_viz.core.types import Predictions, Projection
from fmnist_viz.export.report import ReportContent, write_report

pytestmark = pytest.mark.browser


def content(*, proba: bool = True, pictured: bool = True, full: bool = True) -> tuple[ReportContent, Dossier, Predictions]:
    d, images, p, X = built(proba=proba, pictured=pictured, full=full)
    drawn = (("pixels", "pca", X[:, 2:4]), ("pixels", "tsne", X[:, 1:3]), ("dense", "tsne", X[:, :2]))
    maps: dict[str, dict[str, Projection]] = {}
    for layer, method, xy in drawn if full else ():
        maps.setdefault(layer, {})[method] = Projection(xy.copy(), images.sample_ids, layer, method, {}, 0)
    other, *_ = built(proba=proba, pictured=pictured, full=False, seed=0)
    cards = class_cards(p, X, {"dense tsne": X[:, :2]}, layer="dense")
    return ReportContent("planted", images, p, maps, dossiers=(d, other), cards=cards), d, p


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dossier, Predictions]:
    report, d, p = content()
    path = tmp_path_factory.mktemp("dossier") / "report.html"
    write_report(path, report)
    return path, d, p


@pytest.fixture(scope="module")
def page(made: tuple[Path, Dossier, Predictions]) -> Iterator[Any]:
    with quiet_page(made[0]) as page:
        yield page


def test_a_wall_holds_exactly_the_mistakes_of_its_direction_from_barely_to_confidently(page: Any, made: tuple[Path, Dossier, Predictions]) -> None:
    _, d, p = made
    for side, (t, q) in enumerate(((0, 1), (1, 0))):
        rows = np.flatnonzero((p.y_true == t) & (p.y_pred == q))
        wanted = rows[np.argsort((p.proba[rows, q] - p.proba[rows, t]).astype(float), kind="stable")]
        shown = page.eval_on_selector_all(f"article[data-pair='0'] .dossier-wall[data-side='{side}'] .thumb", "all => all.map(e => Number(e.dataset.index))")
        assert shown == wanted.tolist()
        page.click(f"article[data-pair='0'] .columns button[data-true='{t}'][data-predicted='{q}']")
        assert page.evaluate("window.fmnistViz.state().cell") == [t, q]
        assert page.evaluate("window.fmnistViz.selected()") == d.sample_ids[rows].tolist()


def test_a_click_on_a_mistake_selects_it_everywhere_and_shows_its_neighbours(page: Any, made: tuple[Path, Dossier, Predictions]) -> None:
    _, d, _ = made
    row, near = int(d.directions[1].rows[2]), d.nearest[1]
    page.click(f"article[data-pair='0'] .dossier-wall .thumb[data-index='{row}']")
    assert page.evaluate("window.fmnistViz.selected()") == [d.sample_ids[row]]
    one = page.inner_text("article[data-pair='0'] .dossier-one")
    assert near is not None and d.sample_ids[row] in one and f"distance {near.distances_true[2, 0]:.2f}" in one and "train/2" in one
    before = page.evaluate("document.querySelector('article[data-pair=\"0\"] .dossier-map').toDataURL()")
    page.evaluate("window.fmnistViz.clear()")
    page.wait_for_function("was => document.querySelector('article[data-pair=\"0\"] .dossier-map').toDataURL() !== was", arg=before)


def test_the_dossiers_map_is_that_of_the_chosen_layer_and_method(page: Any, made: tuple[Path, Dossier, Predictions]) -> None:
    p = made[2]
    report, *_ = content()
    page.evaluate(
        "window.dots = []; const was = CanvasRenderingContext2D.prototype.fillRect;"
        "CanvasRenderingContext2D.prototype.fillRect = function (x, y, w, h) { dots.push([x + w / 2, y + h / 2]); was.call(this, x, y, w, h); }; null"
    )
    article = "article[data-pair='0']"
    for layer, methods in report.projections.items():
        page.select_option(f"{article} .dossier-layer", label=layer)
        assert page.eval_on_selector_all(f"{article} .dossier-method option", "all => all.map(e => e.value)") == list(methods)
        for method, made_map in methods.items():
            page.evaluate("window.dots = []")
            page.select_option(f"{article} .dossier-method", method)
            page.wait_for_function("n => window.dots.length >= n", arg=len(p.y_true))
            dots, xy = np.array(page.evaluate("window.dots"))[-len(p.y_true) :], made_map.coords
            own = np.isin(p.y_true, (0, 1))
            xy = np.concatenate([xy[~own], xy[own]])  # the two classes lie on the others
            side = page.evaluate(f'document.querySelector("{article} .dossier-map").clientWidth')
            unit = 0.94 * side / np.ptp(xy, axis=0).max()
            want = side / 2 + unit * (xy - (xy.max(axis=0) + xy.min(axis=0)) / 2) * [1, -1]
            np.testing.assert_allclose(dots, want, atol=0.05)


def test_another_pair_is_chosen_and_what_it_lacks_is_not_shown(page: Any) -> None:
    page.select_option("#dossier-pair", "1")
    assert page.is_hidden("article[data-pair='0']") and page.is_visible("article[data-pair='1']")
    assert page.locator("article[data-pair='1'] .dossier-pictures").count() == 0
    page.wait_for_function("() => location.hash.includes('dossier=1')")
    page.evaluate("location.hash = ''")
    page.wait_for_function("() => document.getElementById('dossier-pair').value === '0'")
    page.evaluate("location.hash = '#view&dossier=1'")
    page.wait_for_function("() => document.getElementById('dossier-pair').value === '1'")
    page.select_option("#dossier-pair", "0")


def test_names_are_text_and_a_card_selects_its_partner_cell(page: Any) -> None:
    assert page.locator("#dossiers b, #cards b").count() == 0 and NAMES[1] in page.inner_text("#dossiers")
    page.keyboard.press("Escape")  # the card of the image that was chosen before
    page.click("#cards .card:first-child button[data-true='0'][data-predicted='1']")
    assert page.evaluate("window.fmnistViz.state().cell") == [0, 1]
    page.click("#cards .card:first-child .strip .thumb")
    assert len(page.evaluate("window.fmnistViz.selected()")) == 1
    page.keyboard.press("Escape")
    assert page.evaluate("window.fmnistViz.state().card") is None


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate(
        "[...document.querySelectorAll('#dossiers *, #cards *')].filter(e => !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0 and page.evaluate("document.documentElement.scrollWidth") <= 391
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize(("proba", "pictured", "full"), [(False, False, False), (True, False, True), (False, True, True)])
def test_a_page_is_made_of_whatever_is_known(tmp_path: Path, proba: bool, pictured: bool, full: bool) -> None:
    report, *_ = content(proba=proba, pictured=pictured, full=full)
    write_report(tmp_path / "report.html", report)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="dossiers"' in text and 'id="cards"' in text and "<b>coat</b>" not in text
    assert ("Barely → confidently wrong" in text) == proba and ('class="dossier-pictures"' in text) == (pictured and full)
