"""The layer ladder in the report, moved in a real browser: where points are and what is said of a pair of classes is recomputed here."""

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
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.projection.config import MapConfig

pytestmark = pytest.mark.browser
N = 240
NAMES = ("shoe", "</script><b>hat", "bag")
LAYERS = ("pixels", "<i>odd", "dead", "logits")


def built(ladder_points: int = 90) -> tuple[LadderDisplay, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    layers = {name: rng.normal(size=(N, 8)) for name in LAYERS}
    layers["<i>odd"] += 5 * np.eye(3, 8)[np.minimum(labels, 1)]
    layers["logits"] += 5 * np.eye(3, 8)[labels]
    layers["dead"][:] = 0
    return fmnist_viz.ladder(layers, labels, class_names=NAMES, config=MapConfig(ladder_points=ladder_points)), labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LadderDisplay, Path]:
    ladder, labels = built()
    ids = np.array([f"test/{i}" for i in range(N)])
    images = LabeledImages(np.zeros((N, 0, 0, 1), np.uint8), labels, NAMES, ids, "test", Source("memory", "memory", ""))
    path = tmp_path_factory.mktemp("ladder") / "report.html"
    write_report(path, ReportContent("planted", images, None, {}, ladder=ladder))
    return ladder, path


@pytest.fixture(scope="module")
def page(made: tuple[LadderDisplay, Path]) -> Iterator[Any]:
    with quiet_page(made[1], reduced_motion="reduce") as page:
        yield page


def move(page: Any, at: float) -> np.ndarray[Any, Any]:
    """Places of all points on a canvas of side 2 after the slider was moved, turned back into map coordinates: float (m, 2)."""
    page.evaluate("v => { const s = document.getElementById('ladder-slider'); s.value = v; s.dispatchEvent(new Event('input')); }", at)
    places = np.array(page.evaluate("window.fmnistViz.ladder(2).places"))
    return (places - 1) / 0.97 * [1, -1]


def test_the_slider_moves_every_point_from_its_place_on_one_map_to_that_on_the_next(page: Any, made: tuple[LadderDisplay, Path]) -> None:
    maps = [a.projection.coords for a in made[0].maps]
    half = max(np.abs(xy).max() for xy in maps)
    wanted = [maps[0], maps[1], maps[1], maps[3]]  # the dead layer has no map: points stay where they were
    for k, xy in enumerate(wanted):
        assert np.abs(move(page, k) - xy / half).max() < 1e-4
    assert np.abs(move(page, 0.5) - (wanted[0] + wanted[1]) / 2 / half).max() < 1e-4
    a = page.evaluate("document.getElementById('ladder-canvas').toDataURL()")
    move(page, 3)
    assert page.evaluate("document.getElementById('ladder-canvas').toDataURL()") != a


def test_the_layer_in_reach_is_named_with_its_numbers(page: Any, made: tuple[LadderDisplay, Path]) -> None:
    rows = made[0].numbers.rows
    for k, name in enumerate(LAYERS):
        move(page, k)
        assert page.inner_text("#ladder-layer") == name
        assert page.get_attribute("#ladder-ticks button[aria-pressed=true]", "data-layer") == str(k)
        assert page.is_visible("#ladder-note") == (name == "dead")
        if name == "dead":
            assert "dead layer" in page.inner_text("#ladder-note")
        else:
            assert f"{100 * rows[k]['probe']:.1f} %" in page.inner_text("#ladder-facts")


def test_keys_and_names_go_from_layer_to_layer(page: Any) -> None:
    move(page, 0)
    page.focus("#ladder-slider")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.fmnistViz.ladder().at") == 1
    page.click("#ladder-ticks button >> nth=3")
    assert page.evaluate("window.fmnistViz.ladder().at") == 3
    move(page, 0)
    page.click("#ladder-play")
    last = int(str(page.get_attribute("#ladder-slider", "max")))
    page.wait_for_function("last => window.fmnistViz.ladder().at === last", arg=last)


def test_a_pair_of_classes_says_where_it_comes_apart(page: Any, made: tuple[LadderDisplay, Path]) -> None:
    pairs = made[0].pairs()
    for a, b in ((0, 1), (2, 1), (2, 0)):
        page.select_option("#ladder-a", str(a))
        page.select_option("#ladder-b", str(b))
        row = pairs[(pairs["a"] == NAMES[min(a, b)]) & (pairs["b"] == NAMES[max(a, b)]) & pairs["separates"]].iloc[0]
        assert row["layer"] == ("logits" if {a, b} == {1, 2} else "<i>odd")
        said = page.inner_text("#ladder-pair")
        assert said.startswith(f"Apart at {row['layer']}: {100 * row['accuracy']:.1f} %") and f"of {row['n']} held-out" in said
        assert page.evaluate("window.fmnistViz.ladder().pair") == {"a": a, "b": b}
        assert page.is_visible("#ladder-chart") and page.locator("#ladder-chart circle").count() == 3
    page.click("#ladder-all")
    assert page.inner_text("#ladder-pair") == "Choose two classes." and not page.is_visible("#ladder-chart")
    page.click("#ladder-hardest button >> nth=0")
    assert page.is_visible("#ladder-chart")


def test_the_address_holds_the_layer_and_the_pair(page: Any) -> None:
    move(page, 1.5)
    page.select_option("#ladder-a", "0")
    page.select_option("#ladder-b", "2")
    page.wait_for_function("() => location.hash === '#view&ladder=1.5_0.2'")
    page.evaluate("location.hash = ''")
    page.wait_for_function("() => fmnistViz.ladder().pair === null && fmnistViz.ladder().at === 0")
    page.evaluate("location.hash = '#view&ladder=1.5_0.2'")
    page.wait_for_function("() => fmnistViz.ladder().at === 1.5")
    assert page.evaluate("fmnistViz.ladder().pair") == {"a": 0, "b": 2} and page.input_value("#ladder-b") == "2"
    page.evaluate("location.hash = ''")


def test_a_point_that_is_clicked_is_selected(page: Any, made: tuple[LadderDisplay, Path]) -> None:
    move(page, 3)
    box = page.locator("#ladder-canvas").bounding_box()
    x, y = page.evaluate("s => window.fmnistViz.ladder(s).places[5]", box["width"])
    page.locator("#ladder-canvas").click(position={"x": x, "y": y})
    chosen = page.evaluate("window.fmnistViz.selected()")
    places = np.array(page.evaluate("s => window.fmnistViz.ladder(s).places", box["width"]))
    near = np.linalg.norm(places - [x, y], axis=1) < 1.5  # two points may share a pixel
    assert chosen and chosen[0] in {f"test/{row}" for row in made[0].rows[near]}


def test_the_ladder_costs_the_page_little(made: tuple[LadderDisplay, Path]) -> None:
    section = re.search(r'<section id="ladder">.*?</section>', made[1].read_text(encoding="utf-8"), re.S)
    assert section is not None
    assert len(section[0]) < 8 * len(LAYERS) * 90 * 2 + 40_000
    assert "</script><b>hat" not in section[0] and "<i>odd" not in section[0]
