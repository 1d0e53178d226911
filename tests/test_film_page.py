"""The epoch film in the report, moved in a real browser: where points are and what is said of an epoch is recomputed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quiet_page import quiet_page

import fmnist_viz
from fmnist_viz.core.types import LabeledImages, Source
from fmnist_viz.display.film import FilmDisplay
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.projection.config import MapConfig

pytestmark = pytest.mark.browser
N, EPOCHS, SHOWN = 120, 3, 90
NAMES = ("shoe", "</script><b>hat", "bag")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[FilmDisplay, Path]:
    """Three looks at 120 images, of which the report shows 90, in another order."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    looks = {}
    for epoch in range(EPOCHS):
        hidden = rng.normal(size=(N, 8)) + 2 * epoch * np.eye(3, 8)[labels]
        looks[epoch] = (hidden, hidden[:, :3])
    film = fmnist_viz.film(looks, labels, class_names=NAMES, config=MapConfig(methods="tsne"))
    rows = np.arange(SHOWN)[::-1]
    images = LabeledImages(np.zeros((SHOWN, 0, 0, 1), np.uint8), labels[rows], NAMES, rows.astype(str), "test", Source("memory", "memory", ""))
    path = tmp_path_factory.mktemp("film") / "report.html"
    write_report(path, ReportContent("planted", images, None, {}, film=film))
    return film, path


@pytest.fixture(scope="module")
def page(made: tuple[FilmDisplay, Path]) -> Iterator[Any]:
    with quiet_page(made[1], reduced_motion="reduce") as page:
        yield page


def places(page: Any, view: int, at: float) -> np.ndarray[Any, Any]:
    """Places of all points in a view after the slider was moved, -1..1: float (m, 2)."""
    page.evaluate("v => { const s = document.getElementById('film-slider'); s.value = v; s.dispatchEvent(new Event('input')); }", at)
    return (np.array(page.evaluate("view => window.fmnistViz.film(view).places", view)) - 1) * [1, -1]


def test_every_view_moves_with_the_slider_and_keeps_one_scale(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    for view, strip in enumerate(made[0].strips):
        maps = [p.coords for p in strip.projections]
        found = [places(page, view, k) for k in range(EPOCHS)]
        scale = np.linalg.norm(found[2]) / np.linalg.norm(maps[2])
        for xy, place in zip(maps, found, strict=True):
            assert np.abs(place - scale * xy).max() < 2e-4
            assert np.abs(place).max() <= 1
        assert np.abs(places(page, view, 0.5) - scale * (maps[0] + maps[1]) / 2).max() < 2e-4


def test_probabilities_end_at_the_tips_of_their_axes(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    """The last column of the film: what the network is sure of stands where the page draws that class's axis to end."""
    logits_sure = made[0].strips[1].projections[2].coords
    nearest = np.abs(logits_sure[:, None] - made[0].axes[None]).sum(axis=2).min()
    found = places(page, 1, 2)
    assert np.abs(found[:, None] - 0.86 * made[0].axes[None]).sum(axis=2).min() == pytest.approx(0.86 * nearest, abs=1e-3)


def test_the_epoch_in_reach_is_named_with_its_numbers(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    table = made[0].frame().set_index("epoch")
    for k in range(EPOCHS):
        places(page, 0, k)
        assert page.inner_text("#film-epoch").lower() == ("before training" if k == 0 else f"epoch {k}")
        assert page.get_attribute("#film-ticks button[aria-pressed=true]", "data-epoch") == str(k)
        assert f"{100 * table.loc[k, 'accuracy']:.1f} %" in page.inner_text("#film-facts")
    assert f"{int(table.loc[2, 'lost'])} forgotten" in page.inner_text("#film-facts")
    assert "when nothing has changed" in page.inner_text("[data-said='2']")


def test_keys_names_and_the_play_button_go_from_epoch_to_epoch(page: Any) -> None:
    at = lambda: page.evaluate("window.fmnistViz.film().at")  # noqa: E731
    places(page, 0, 0)
    page.focus("#film-slider")
    page.keyboard.press("ArrowRight")
    assert at() == 1
    page.keyboard.press("End")
    assert at() == 2
    page.focus("#film-play")
    page.keyboard.press("Enter")  # at the end it begins again; with less motion asked for each press is a step, and nothing glides
    assert at() == 0
    page.keyboard.press("Enter")
    assert at() == 1 and page.inner_text("#film-play") == "▶ Play"
    page.click("#film-ticks button >> nth=2")
    assert at() == 2


def test_rings_mark_exactly_the_images_that_are_wrong_in_this_epoch(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    table, counts = made[0].frame().set_index("epoch"), []
    page.locator("#film canvas").first.scroll_into_view_if_needed()  # what is far from the screen is not drawn
    page.evaluate(
        "window.rings = 0; const was = CanvasRenderingContext2D.prototype.stroke;"
        "CanvasRenderingContext2D.prototype.stroke = function () { rings++; was.call(this); }; null"
    )
    for k in range(EPOCHS):
        drawn = []
        for on in (False, True):
            page.set_checked("#film-wrong", on)
            page.evaluate("window.rings = 0")
            places(page, 0, k)
            drawn.append(page.evaluate("window.rings"))
        wrong = N - round(N * table.loc[k, "accuracy"])
        assert drawn[1] - drawn[0] == wrong * len(made[0].strips)
        counts.append(wrong)
    assert counts[0] > counts[-1]
    page.set_checked("#film-wrong", False)


def test_a_pair_of_classes_says_how_often_one_is_taken_for_the_other(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    pairs = made[0].pairs()
    places(page, 0, 1)
    page.select_option("#film-true", "1")
    page.select_option("#film-predicted", "0")
    row = pairs[(pairs["true"] == NAMES[1]) & (pairs["predicted"] == NAMES[0]) & (pairs["epoch"] == 1)].iloc[0]
    said = page.inner_text("#film-pair")
    assert said.startswith(f"{NAMES[1]} taken for {NAMES[0]} after epoch 1: {100 * row['rate']:.1f} % ({100 * row['low']:.1f}–{100 * row['high']:.1f}) of 40")
    assert page.evaluate("window.fmnistViz.film().pair") == {"t": 1, "p": 0}
    drawn = page.evaluate("document.querySelector('#film canvas').toDataURL()")
    page.click("#film-all")
    assert page.evaluate("window.fmnistViz.film().pair") is None
    assert page.evaluate("document.querySelector('#film canvas').toDataURL()") != drawn
    assert page.locator("#film-chart path.line").count() == 3  # every class's share right
    page.click("#film-leading button >> nth=0")
    assert page.get_attribute("#film-leading button >> nth=0", "aria-pressed") == "true"
    page.click("#film-all")


def test_the_address_holds_the_epoch_and_the_pair(page: Any) -> None:
    places(page, 0, 0)
    page.select_option("#film-true", "1")
    page.select_option("#film-predicted", "2")
    page.wait_for_function("() => location.hash === '#view&film=0_1.2'")
    page.evaluate("location.hash = ''")
    page.wait_for_function("() => fmnistViz.film().pair === null && fmnistViz.film().at === 2")
    page.evaluate("location.hash = '#view&film=1'")
    page.wait_for_function("() => fmnistViz.film().at === 1")
    assert page.evaluate("fmnistViz.film().pair") is None
    page.evaluate("location.hash = ''")


def test_a_point_that_is_clicked_is_selected_where_the_report_shows_its_image(page: Any, made: tuple[FilmDisplay, Path]) -> None:
    places(page, 2, 2)
    canvas = page.locator("#film canvas >> nth=2")
    canvas.scroll_into_view_if_needed()
    side = page.evaluate("document.querySelectorAll('#film canvas')[2].clientWidth")
    found = np.array(page.evaluate("s => window.fmnistViz.film(2, s).places", side))
    apart = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e3 * np.eye(N)
    lonely = apart.min(axis=1)
    for points, shown in ((np.arange(SHOWN), True), (np.arange(SHOWN, N), False)):
        i = points[lonely[points].argmax()]  # no other point may be nearer to the pointer
        page.evaluate("window.fmnistViz.clear()")
        canvas.click(position={"x": found[i][0] + 1, "y": found[i][1] + 1})  # the frame is a pixel wide
        assert page.evaluate("window.fmnistViz.selected()") == ([str(i)] if shown else [])
    page.evaluate("window.fmnistViz.clear()")


def test_the_film_costs_the_page_little_and_escapes_names(made: tuple[FilmDisplay, Path]) -> None:
    section = re.search(r'<section id="film"[^>]*>.*?</section>', made[1].read_text(encoding="utf-8"), re.S)
    assert section is not None
    assert len(section[0]) < 4 / 3 * N * (6 + EPOCHS * (2 + 3 * 4)) + 40_000
    assert "</script><b>hat" not in section[0]
