"""The controls of the report, each used in a real browser with the network refused; what they must show is recomputed from files with NumPy."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import text_faults
from test_report import NAMES, Opened, browser, content_of, raw  # noqa: F401 - the fixture

from fmnist_viz.analysis.confusion import predictions_frame
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.neighbors import exact_graph

pytestmark = pytest.mark.browser
HALF = 300
PULLOVER, COAT, SHIRT = 2, 4, 6
RANGES = "(() => { const f = Bokeh.documents[0].get_model_by_name('map'); return [f.x_range.start, f.x_range.end, f.y_range.start, f.y_range.end]; })()"


def truth() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images, labels and ids from the raw files: the first of the training images, then the first of the test images."""
    names = (("train", 60_000), ("t10k", 10_000))
    images = np.concatenate([raw(f"{name}-images-idx3-ubyte.gz", 16).reshape(n, 28, 28, 1)[:HALF] for name, n in names])
    labels = np.concatenate([raw(f"{name}-labels-idx1-ubyte.gz", 8)[:HALF] for name, _ in names]).astype(np.int64)
    return images, labels, np.array([f"{split}/{i}" for split in ("train", "test") for i in range(HALF)])


@pytest.fixture(scope="module")
def content() -> ReportContent:
    images, labels, ids = truth()
    made = content_of(images, labels, NAMES)
    flat = images.reshape(len(images), -1).astype(np.float32)
    near = {name: exact_graph(np.ascontiguousarray(x), 10).indices for name, x in (("pixels", flat), ("dense", flat[:, ::7]))}
    assert made.predictions is not None
    return dataclasses.replace(
        made, images=dataclasses.replace(made.images, sample_ids=ids), predictions=dataclasses.replace(made.predictions, sample_ids=ids), near=near,
        projections={name: {m: dataclasses.replace(p, sample_ids=ids) for m, p in maps.items()} for name, maps in made.projections.items()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page")
    write_report(path / "report.html", content)
    predictions_frame(content.predictions).to_csv(path / "predictions.csv", index=False)
    return path


class Table:
    """`predictions.csv` beside the raw labels."""

    def __init__(self, path: Path) -> None:
        with open(path, newline="", encoding="utf-8") as f:
            self.rows = list(csv.DictReader(f))
        self.labels, self.ids = truth()[1:]
        assert [row["sample_id"] for row in self.rows] == self.ids.tolist()
        self.proba = np.array([[float(row[f"p_{name}"]) for name in NAMES] for row in self.rows])
        self.predicted, self.confidence = self.proba.argmax(axis=1), np.round(self.proba.max(axis=1), 4)

    def where(self, mask: np.ndarray[Any, Any]) -> list[str]:
        found: list[str] = self.ids[mask].tolist()
        return found


@pytest.fixture(scope="module")
def table(folder: Path) -> Table:
    return Table(folder / "predictions.csv")


@pytest.fixture(scope="module")
def one(browser: Any, folder: Path) -> Iterator[Opened]:  # noqa: F811
    o = Opened(browser, folder / "report.html")
    yield o
    assert [url for url in o.requests if not url.startswith((folder / "report.html").as_uri())] == []
    assert o.faults == []
    o.page.close()


@pytest.fixture
def opened(one: Opened) -> Opened:
    """The one page, as it opens."""
    one.page.set_viewport_size({"width": 1280, "height": 800})
    one.page.evaluate("location.hash = '#view&theme=light'")
    one.page.evaluate("location.hash = ''")
    one.page.wait_for_function(
        "() => { const s = fmnistViz.state(); return !s.rows.length && !s.filters && s.card === null && !document.documentElement.dataset.theme; }"
    )
    return one


def settled(page: Any) -> str:
    """The address once all that was done is in it."""
    page.wait_for_timeout(60)
    return str(page.evaluate("location.hash"))


def place(opened: Opened, xy: Any) -> tuple[float, float]:
    """Where a point of the shown map is on the screen."""
    x0, x1, y0, y1 = opened.page.evaluate(RANGES)
    box = opened.page.locator("#plot").bounding_box()
    return float(box["x"] + box["width"] * (xy[0] - x0) / (x1 - x0)), float(box["y"] + box["height"] * (y1 - xy[1]) / (y1 - y0))


# --- filters ----------------------------------------------------------------------------------------------------------


def test_filters_combine_and_the_rest_stays_grey(opened: Opened, table: Table) -> None:
    page, kept = opened.page, lambda: opened.page.evaluate("fmnistViz.kept()")
    page.select_option("#filter-truth", str(PULLOVER))
    page.select_option("#filter-truth", str(COAT))
    either = np.isin(table.labels, [PULLOVER, COAT])
    assert kept() == table.where(either)
    page.select_option("#filter-taken", str(COAT))
    taken = either & (table.predicted == COAT)
    assert kept() == table.where(taken) and 0 < taken.sum() < either.sum()
    page.select_option("#filter-right", "wrong")
    wrong = taken & (table.predicted != table.labels)
    assert kept() == table.where(wrong) and 0 < wrong.sum() < taken.sum()
    half = round(100 * float(np.median(table.confidence[wrong])), 1)
    page.fill("#filter-low", str(half))
    page.press("#filter-low", "Tab")
    sure = wrong & (table.confidence * 100 >= half - 1e-9)
    assert kept() == table.where(sure) and 0 < sure.sum() < wrong.sum()
    page.select_option("#filter-split", "test")
    last = sure & np.char.startswith(table.ids, "test/")
    assert kept() == table.where(last) and 0 < last.sum() < sure.sum()

    assert page.inner_text("#filter-count") == f"{last.sum()} of {2 * HALF} images pass"
    rows = "name => Bokeh.documents[0].get_model_by_name(name).indices"
    assert page.evaluate(rows, "kept_rows") == np.flatnonzero(last).tolist()
    assert page.evaluate(rows, "rest_rows") == np.flatnonzero(~last).tolist()
    assert page.evaluate(rows, "wrong_rows") == np.flatnonzero(last & (table.labels != table.predicted)).tolist()
    grey = page.evaluate("(() => { const g = Bokeh.documents[0].get_model_by_name('rest').glyph; return [g.fill_color.value, g.fill_alpha.value]; })()")
    assert re.fullmatch(r"#([0-9a-f]{2})\1\1", grey[0]) and grey[1] < 0.3
    assert sorted(opened.walled()) == sorted(table.where(last))
    total = page.eval_on_selector_all(".cell", "all => all.reduce((sum, e) => sum + Number(e.textContent), 0)")
    assert total == 2 * HALF and page.is_visible("#whole-matrix"), "the matrix counts all, and says so"
    chips = page.locator("#filter-chips button")
    assert chips.all_text_contents() == ["true: Pullover×", "true: Coat×", "predicted: Coat×", "wrong×", f"confidence {half:g}–100 %×", "split: test×"]
    page.click('#filter-chips button:has-text("confidence")')
    page.click('#filter-chips button:has-text("split")')
    page.click('#filter-chips button:has-text("Coat") >> nth=0')
    assert kept() == table.where((table.labels == PULLOVER) & (table.predicted == COAT))
    page.click("#filter-reset")
    assert kept() == table.ids.tolist() and not page.is_visible("#whole-matrix") and page.is_disabled("#filter-reset")
    page.fill("#filter-high", str(half))
    page.press("#filter-high", "Tab")
    unsure = table.confidence * 100 <= half + 1e-9
    assert kept() == table.where(unsure) and 0 < unsure.sum() < 2 * HALF
    page.click("#filter-reset")


def test_a_cell_shows_what_passes_and_all_of_it_when_the_filters_go(opened: Opened, table: Table) -> None:
    page, cell = opened.page, (table.labels == SHIRT) & (table.predicted == SHIRT)
    page.select_option("#filter-split", "train")
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="{SHIRT}"]')
    half = cell & np.char.startswith(table.ids, "train/")
    assert page.evaluate("fmnistViz.selected()") == table.where(half) and 0 < half.sum() < cell.sum()
    assert page.inner_text("#selection-what").endswith(f"{(cell & ~half).sum()} more do not pass the filters.")
    page.click("#filter-chips button")
    assert page.evaluate("fmnistViz.selected()") == table.where(cell)


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_holds_probabilities_neighbours_and_places(opened: Opened, table: Table, content: ReportContent) -> None:
    page = opened.page
    page.click("#wall .thumb >> nth=2")
    shown = page.inner_text("#card-title")
    i = table.ids.tolist().index(shown)
    assert shown == opened.walled()[2] and page.evaluate("fmnistViz.state().card") == shown
    assert f"{NAMES[table.labels[i]]}" in page.inner_text("#card-facts") and "✗ wrong" in page.inner_text("#card-facts")
    bars = page.eval_on_selector_all(
        "#card-bars .bar-line", "all => all.map((e) => [Number(e.dataset.class), parseFloat(e.querySelector('.bar-track i').style.width)])"
    )
    np.testing.assert_allclose([value / 100 for _, value in sorted(bars)], table.proba[i], atol=0.6 / 65535 + 1e-6)
    assert [value for _, value in bars] == sorted((value for _, value in bars), reverse=True)
    assert page.get_attribute("#card-bars .is-true", "data-class") == str(table.labels[i])
    assert "1/65,535" in page.inner_text("#card-chances-note")

    neighbours = lambda: page.eval_on_selector_all("#card-near .thumb", "all => all.map((e) => e.dataset.sampleId)")  # noqa: E731
    for k, name in enumerate(content.projections):
        page.select_option("#card-layer", str(k))
        assert neighbours() == table.ids[content.near[name][i][:10]].tolist()
        same = int((table.labels[content.near[name][i][:10]] == table.labels[i]).sum())
        assert page.inner_text("#card-near-words").startswith(f"Nearest first; {same} of 10 are {NAMES[table.labels[i]]}.")
    second = neighbours()[1]
    page.click("#card-near .thumb >> nth=1")
    assert page.inner_text("#card-title") == second and page.evaluate("fmnistViz.state().card") == second

    j = table.ids.tolist().index(second)
    spots = page.eval_on_selector_all(".place", "all => all.map((e) => [e.dataset.layer, e.dataset.method, Number(e.dataset.x), Number(e.dataset.y)])")
    names = list(content.projections)
    assert [(names[int(layer)], method) for layer, method, *_ in spots] == [("pixels", "pca"), ("pixels", "tsne"), ("dense", "pca")]
    for layer, method, x, y in spots:
        xy = content.projections[names[int(layer)]][method].coords[:, :2]
        unit = 1.12 * np.ptp(xy, axis=0).max()
        at = 88 * (0.5 + (xy[j] - (xy.max(axis=0) + xy.min(axis=0)) / 2) / unit)
        np.testing.assert_allclose([x, 88 - y], at, atol=0.02)
    page.click('.place[data-layer="0"][data-method="tsne"]')
    assert not page.is_visible("#card") and (opened.state()["representation"], opened.state()["method"]) == ("pixels", "tsne")
    spot = page.evaluate("(() => { const d = Bokeh.documents[0].get_model_by_name('spot').data; return [d.x[0], d.y[0]]; })()")
    np.testing.assert_allclose(spot, content.projections["pixels"]["tsne"].coords[j], rtol=1e-6)


def test_previous_and_next_go_through_the_wall_and_stop_at_its_ends(opened: Opened, table: Table) -> None:
    page = opened.page
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="{SHIRT}"]')
    walled = opened.walled()
    page.click("#wall .thumb")
    assert page.inner_text("#card-title") == walled[0] and page.is_disabled("#card-before")
    for at in (1, 2):
        page.click("#card-after")
        assert page.inner_text("#card-title") == walled[at] and page.inner_text("#card-at") == f"{at + 1} of {len(walled)}"
    page.click("#card-before")
    assert page.inner_text("#card-title") == walled[1]
    page.keyboard.press("Escape")  # closes the card and nothing else
    assert opened.state()["card"] is None and opened.state()["rows"] == np.flatnonzero((table.labels == SHIRT) & (table.predicted == SHIRT)).tolist()


def test_keys_walk_the_wall_and_the_card_and_the_focus_comes_back(opened: Opened, table: Table) -> None:
    page = opened.page
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="{SHIRT}"]')
    walled = opened.walled()
    page.focus("#wall .thumb")
    focused = "document.activeElement.dataset.sampleId"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == walled[1]
    page.keyboard.press("ArrowDown")
    below = page.evaluate(focused)
    tops = dict(page.eval_on_selector_all("#wall .thumb", "all => all.map((e) => [e.dataset.sampleId, [e.offsetLeft, e.offsetTop]])"))
    assert tops[below][1] > tops[walled[1]][1] and tops[below][0] == tops[walled[1]][0]
    page.keyboard.press("Enter")
    assert page.inner_text("#card-title") == below and page.inner_text("#card-at") == f"{walled.index(below) + 1} of {len(walled)}"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#card-title") == walled[walled.index(below) + 1]
    page.click("#card-before")
    assert page.inner_text("#card-title") == below
    page.keyboard.press("Escape")
    assert not page.is_visible("#card") and page.evaluate(focused) == below
    assert len(opened.state()["rows"]) == len(walled), "Escape closed the card and left the selection"

    page.focus("#stage")
    page.keyboard.press("ArrowRight")
    first = page.get_attribute("#tip", "data-sample-id")
    page.keyboard.press("ArrowLeft")
    second = page.get_attribute("#tip", "data-sample-id")
    assert second not in (None, first) and page.inner_text("#map-said").startswith(second)
    page.keyboard.press("Enter")
    assert page.inner_text("#card-title") == page.get_attribute("#tip", "data-sample-id")
    page.click("#card-close")
    assert page.evaluate("document.activeElement.id") == "stage"


def test_the_first_stop_skips_to_the_matrix_and_every_section_is_linked(opened: Opened) -> None:
    page = opened.page
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0); document.body.tabIndex = -1; document.body.focus()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator("a.skip").bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "confusions"
    linked = page.eval_on_selector_all(".screen > nav a", "all => all.map((e) => e.getAttribute('href').slice(1))")
    assert linked == page.eval_on_selector_all(".below > section", "all => all.map((e) => e.id)") and len(set(linked)) == len(linked) > 3
    page.click('nav a[href="#classes"]')
    assert page.evaluate("document.activeElement.id") == "classes" and "classes" not in settled(page)


# --- the map ----------------------------------------------------------------------------------------------------------


def test_a_click_opens_the_nearest_point_and_leaves_the_selection(opened: Opened, content: ReportContent, table: Table) -> None:
    page = opened.page
    page.evaluate("fmnistViz.show('pixels', 'pca')")
    page.evaluate(f"fmnistViz.select({SHIRT}, {SHIRT})")
    xy = content.projections["pixels"]["pca"].coords
    i = int(np.abs(xy - np.median(xy, axis=0)).sum(axis=1).argmin())
    x, y = place(opened, xy[i])
    page.mouse.click(x, y)
    assert page.inner_text("#card-title") == table.ids[i]
    assert page.evaluate("fmnistViz.selected()") == table.where((table.labels == SHIRT) & (table.predicted == SHIRT))
    page.click("#card-mark")
    marked = page.evaluate("fmnistViz.selected()")
    assert page.get_attribute("#card-mark", "aria-pressed") == ("true" if table.ids[i] in marked else "false")
    page.click("#card-mark")
    assert (table.ids[i] in page.evaluate("fmnistViz.selected()")) != (table.ids[i] in marked)


def test_a_lasso_selects_what_is_inside_and_its_composition_adds_up(opened: Opened, content: ReportContent, table: Table) -> None:
    page = opened.page
    page.evaluate("fmnistViz.show('pixels', 'tsne')")
    page.click('[data-tool="lasso"]')
    xy = content.projections["pixels"]["tsne"].coords
    seen = np.array([place(opened, p) for p in xy[:2]])  # two points give the scale
    scale = (seen[1] - seen[0]) / (xy[1] - xy[0])
    screen = seen[0] + (xy - xy[0]) * scale
    center = np.median(screen, axis=0)
    corners = center + np.array([[-90, -60], [110, -50], [80, 70], [-60, 80]])
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()
    page.wait_for_selector("#clear:enabled")

    def inside(grow: float) -> np.ndarray[Any, Any]:
        a, b = corners, np.roll(corners, -1, axis=0)
        normal = np.stack([a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]], axis=1) / np.linalg.norm(b - a, axis=1, keepdims=True)  # of a convex polygon
        return ((screen[:, None] - a) * normal).sum(axis=2).min(axis=1) > -grow

    rows = np.zeros(len(xy), bool)
    rows[opened.state()["rows"]] = True
    assert rows[inside(-2)].all() and not rows[~inside(2)].any() and 5 < rows.sum() < len(xy)
    for title, of in (("They are", table.labels), ("Taken for", table.predicted)):
        lines = page.locator(f'.bars:has(h3:text-is("{title}")) .bar-line')
        counts = [int(text) for text in lines.locator(".bar-count").all_inner_texts()]
        assert sum(counts) == rows.sum()
        assert counts[: min(5, len(counts))] == sorted(np.bincount(of[rows]), reverse=True)[: min(5, len(counts))]
    assert set(opened.walled()) == set(table.where(rows))


def test_the_view_is_an_area_for_those_without_a_pointer(opened: Opened, content: ReportContent) -> None:
    page = opened.page
    page.evaluate("fmnistViz.show('dense', 'pca')")
    page.focus("#stage")
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowLeft")
    page.click("#zoom-in")
    near = page.evaluate(RANGES)
    page.click("#zoom-out")
    far = page.evaluate(RANGES)
    for a, b in ((0, 1), (2, 3)):  # about one middle, by one factor there and back
        assert far[a] + far[b] == pytest.approx(near[a] + near[b], abs=1e-6 * abs(far[b] - far[a]))
        assert (far[b] - far[a]) / (near[b] - near[a]) > 1.1
    page.click("#zoom-in")
    np.testing.assert_allclose(page.evaluate(RANGES), near, rtol=1e-6, atol=1e-6)
    page.click("#in-view")
    x0, x1, y0, y1 = page.evaluate(RANGES)
    xy = content.projections["dense"]["pca"].coords
    want = np.flatnonzero((xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1))
    assert opened.state()["rows"] == want.tolist() and 0 < len(want) < len(xy)
    page.click("#zoom-fit")


def test_shapes_are_a_second_channel(opened: Opened, table: Table) -> None:
    page = opened.page
    page.check("#shapes")
    marker = "Bokeh.documents[0].get_model_by_name('points').glyph.marker"
    column = lambda name: page.evaluate("name => Bokeh.documents[0].get_model_by_name('source').data[name]", name)  # noqa: E731
    shapes = column(page.evaluate(f"{marker}.field"))
    assert len({shapes[table.labels.tolist().index(k)] for k in range(10)}) == 10
    assert all(shapes[i] == shapes[table.labels.tolist().index(k)] for i, k in enumerate(table.labels))
    page.select_option("#color", "prediction")
    taken = column(page.evaluate(f"{marker}.field"))
    first = {k: shapes[table.labels.tolist().index(k)] for k in range(10)}
    assert taken == [first[k] for k in table.predicted]
    page.select_option("#color", "correct")
    told = column(page.evaluate(f"{marker}.field"))
    assert len({told[i] for i in np.flatnonzero(table.predicted == table.labels)} | {told[i] for i in np.flatnonzero(table.predicted != table.labels)}) == 2
    assert page.evaluate("getComputedStyle(document.querySelector('.row-name [data-shape=\"3\"]')).clipPath").startswith("polygon")
    page.uncheck("#shapes")
    assert page.evaluate(f"{marker}.value") == "circle"


# --- address, search, files -------------------------------------------------------------------------------------------


def test_the_address_opens_the_same_view(opened: Opened, table: Table) -> None:
    page = opened.page
    page.click('#layer-tabs button:has-text("pixels")')
    page.click('#method-tabs button:has-text("PCA")')
    page.select_option("#color", "confidence")
    page.check("#rings")
    page.select_option("#filter-right", "wrong")
    page.select_option("#filter-split", "test")
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="0"]')
    settled(page)
    page.click("#theme")
    settled(page)
    page.click("#wall .thumb >> nth=0")
    page.mouse.move(1, 1)  # lines follow the pointer
    address, state = settled(page), {**opened.state(), "links": 0}
    assert state["card"] is not None and state["rows"] and address.startswith("#view&")
    page.go_back()
    page.wait_for_function("() => fmnistViz.state().card === null")
    assert settled(page) != address and {**opened.state(), "links": 0} == {**state, "card": None}
    page.go_forward()
    page.wait_for_function("() => fmnistViz.state().card !== null")
    assert {**opened.state(), "links": 0} == state

    page.evaluate("location.hash = ''")
    page.wait_for_function("() => fmnistViz.state().card === null && !fmnistViz.state().filters")
    assert opened.state()["color"] == "class" and page.evaluate("document.documentElement.dataset.theme") is None
    page.evaluate("text => { location.hash = text; }", address)
    page.wait_for_function("() => fmnistViz.state().card !== null")
    assert {**opened.state(), "links": 0} == state and page.is_checked("#rings") and page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("Escape")

    rows = np.flatnonzero(np.random.default_rng(0).random(2 * HALF) < 0.1).tolist()
    page.evaluate("rows => { fmnistViz.filter({right: '', split: ''}); fmnistViz.selectRows(rows); }", rows)
    address = settled(page)
    page.evaluate("fmnistViz.clear()")
    settled(page)
    page.evaluate("text => { location.hash = text; }", address)
    page.wait_for_function("() => fmnistViz.state().rows.length > 0")
    assert opened.state()["rows"] == rows


def test_the_address_holds_the_zoom_and_the_matrix_s_view(opened: Opened) -> None:
    page = opened.page
    looks = (
        "() => [...document.querySelectorAll('#matrix .row-name')].map((e) => e.title).join()"
        " + document.querySelector('.cell').textContent + !!document.getElementById('tree')"
    )
    start, usual = page.evaluate(looks), page.evaluate(RANGES)
    page.click('#matrix-mode [data-mode="rates"]')
    page.click('#matrix-order [data-order="similar"]')
    page.select_option("#matrix-groups", "4")
    page.click("#zoom-in")
    page.wait_for_function("() => location.hash.includes('zoom=')")
    address, wanted, near = settled(page), page.evaluate(looks), page.evaluate(RANGES)
    assert {part.split("=")[0] for part in address.split("&")[1:]} == {"zoom", "numbers", "order", "groups"} and wanted != start
    page.evaluate("location.hash = ''")
    page.wait_for_function(f"was => ({looks})() === was", arg=start)
    np.testing.assert_allclose(page.evaluate(RANGES), usual, rtol=1e-9)
    page.evaluate("text => { location.hash = text; }", address)
    page.wait_for_function(f"was => ({looks})() === was", arg=wanted)
    np.testing.assert_allclose(page.evaluate(RANGES), near, rtol=1e-4, atol=1e-4 * abs(near[1] - near[0]))
    page.set_viewport_size({"width": 1400, "height": 900})  # other sizes keep the middle
    page.wait_for_timeout(100)
    wide = page.evaluate(RANGES)
    assert (wide[0] + wide[1]) / 2 == pytest.approx((near[0] + near[1]) / 2, abs=1e-3 * abs(near[1] - near[0]))


def test_row_numbers_survive_the_address_in_any_pattern(opened: Opened) -> None:
    rng = np.random.default_rng(1)
    sets = [[], [0], [2 * HALF - 1], list(range(2 * HALF)), list(range(0, 2 * HALF, 2))]
    sets += [np.flatnonzero(rng.random(2 * HALF) < share).tolist() for share in rng.random(60)]
    sets += [sorted({int(v) for start in rng.integers(0, 550, 5) for v in range(start, start + 40)}) for _ in range(20)]
    back = opened.page.evaluate("sets => sets.map((rows) => rows.length ? fmnistViz.packing(rows) : [])", sets)
    assert back == sets


def test_a_broken_address_changes_nothing_and_runs_nothing(opened: Opened) -> None:
    page, usual = opened.page, opened.state()
    payload = "<img src=x onerror=window.hacked=1>"
    for text in (
        "view&layer=nowhere&method=__proto__&colour=constructor&cell=99.1&rows=zzzzzz&card=%3Cimg%3E&theme=pink",
        "view&rows=-1.2..&cell=1&true=1e9.-3.x&confidence=900-x&split=mars",
        "view&rows=*!!!&cell=a.b&right=maybe",
        "view&%E0%A4%A&=&&=1",
        "view&layer=__proto__&split=__proto__",
        f"view&layer={payload}&split={payload}&true={payload}&card={payload}&rows={payload}&colour={payload}",
        "view&" + "a" * 50_000,
        "view&rows=" + "1." * 5000,
        "view&confidence=javascript:window.hacked=1",
        f"view&zoom=1_2_0&numbers={payload}&order=__proto__&groups=1.2.99999.constructor&ladder=-3_1.2&film=x&dossier=77",
        "view&zoom=1_2&zoom=NaN_Infinity_3",
    ):
        page.evaluate("text => { location.hash = text; }", text)
        page.wait_for_timeout(40)
        assert opened.state() == usual, text
    assert page.evaluate("window.hacked") is None and page.locator("img:not(#paper)").count() == 0
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="{SHIRT}"]')
    assert settled(page) == f"#view&cell={SHIRT}.{SHIRT}"


def test_an_id_is_found(opened: Opened, table: Table) -> None:
    page = opened.page
    page.fill("#find", "test/123")
    page.press("#find", "Enter")
    assert page.inner_text("#card-title") == "test/123"
    page.keyboard.press("Escape")
    page.fill("#find", "17")
    page.click("#find-go")
    assert page.evaluate("fmnistViz.selected()") == ["train/17", "test/17"]
    page.fill("#find", "<b>nothing")
    page.press("#find", "Enter")
    assert page.inner_text("#find-said") == "No image has this id."


def test_the_file_says_all_that_is_known_and_how_it_was_chosen(opened: Opened, table: Table, content: ReportContent, tmp_path: Path) -> None:
    page = opened.page
    page.evaluate("fmnistViz.show('dense', 'pca')")
    page.select_option("#filter-split", "test")
    page.click(f'.cell[data-true="{SHIRT}"][data-predicted="{SHIRT}"]')
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "centroids-on-Fashion-MNIST-Shirt-Shirt-filtered.csv"
    download.value.save_as(tmp_path / "chosen.csv")
    with open(tmp_path / "chosen.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    chosen = np.flatnonzero((table.labels == SHIRT) & (table.predicted == SHIRT) & np.char.startswith(table.ids, "test/"))
    assert [row["sample_id"] for row in rows] == table.ids[chosen].tolist()
    for row, i in zip(rows, chosen, strict=True):
        known = table.rows[i]
        assert all(row[name] == known[name] for name in ("label", "prediction", "true", "predicted", "correct"))
        np.testing.assert_allclose([float(row[f"p_{name}"]) for name in NAMES], table.proba[i], atol=0.6 / 65535 + 1e-6)
        assert abs(float(row["confidence"]) - float(known["confidence"])) < 1e-4 and abs(float(row["margin"]) - float(known["margin"])) < 1e-4
        np.testing.assert_allclose([float(row["x"]), float(row["y"])], content.projections["dense"]["pca"].coords[i, :2], rtol=1e-6)
        assert (row["map"], row["filters"]) == ("dense, PCA", "split: test") and row["selected_by"].startswith("Shirt, predicted right: ")


# --- how it looks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_is_cut_off_or_lies_over_other_text(opened: Opened, theme: str) -> None:
    page = opened.page
    page.evaluate("text => { location.hash = text; }", f"view&theme={theme}&true=2.4&right=wrong&cell=6.0")
    page.wait_for_function("() => fmnistViz.state().filters !== ''")
    assert page.evaluate("getComputedStyle(document.body).colorScheme || getComputedStyle(document.documentElement).colorScheme") == theme
    page.evaluate("document.getElementById('filters').open = true")
    for width, height in ((1280, 800), (1920, 1080), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)
        page.mouse.move(1, 1)
        assert text_faults(page) == [], (width, theme)
        page.evaluate("fmnistViz.open('test/17')")
        assert text_faults(page, "#card") == [], (width, theme)
        assert page.evaluate("document.getElementById('card').scrollWidth - document.getElementById('card').clientWidth") <= 0
        page.keyboard.press("Escape")


def test_the_check_of_boxes_sees_both_faults(opened: Opened) -> None:
    made = "html => { const e = document.createElement('div'); e.id = 'planted'; e.innerHTML = html; document.body.append(e); }"
    gone = "document.getElementById('planted').remove()"
    opened.page.evaluate(made, "<p style='width:20px;overflow:hidden;white-space:nowrap'>much too long a line</p>")
    assert text_faults(opened.page, "#planted") == ["cut off: much too long a line"]
    opened.page.evaluate(gone)
    opened.page.evaluate(made, "<p>first</p><p style='margin-top:-12px'>second</p>")
    assert text_faults(opened.page, "#planted") == ["over each other: first / second"]
    opened.page.evaluate(gone)


def test_paper_has_summary_matrix_map_and_tables(opened: Opened) -> None:
    page = opened.page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for shown in ("#summary", "#matrix", "#paper", "#classes table", "#map-caption"):
        assert page.is_visible(shown), shown
    for hidden in ("#filters", ".screen > nav", "#wall", "#stage", "#theme"):
        assert not page.is_visible(hidden), hidden
    page.wait_for_function("() => document.getElementById('paper').naturalWidth > 0")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 32, 38)"
    page.emulate_media(media="screen")
    assert not page.is_visible("#paper")
