"""The report, opened in a real browser with the network refused: what a click selects is recomputed here from the raw labels and a CSV."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_viz.analysis.confusion import confusion, predictions_frame
from fmnist_viz.core.palette import NEUTRAL
from fmnist_viz.core.types import LabeledImages, Predictions, Projection, Source
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.export.report.content import aligned, visible
from fmnist_viz.export.report.maptable import map_table
from fmnist_viz.export.report.readings import table_reading
from fmnist_viz.export.report.scatter import RIGHT_OR_WRONG, map_columns, map_item
from fmnist_viz.export.report.sheet import thumbnail_sheets, thumbnails
from fmnist_viz.export.report.table import layer_table, table_of

FOLDER = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PULLOVER, COAT = 2, 4
HOSTILE = (
    "</script><img src=x onerror=window.hacked=1>",
    "$$x^2$$",
    "<b>bold</b>",
    "{{ 7*7 }}",
    "a\tb\nc",
    "",
    "\u202eRTL",
    "日本語 👗",
    "'\"&amp;",
    "=1+1 \\(y\\)",
)
SCORES = {"k": 15, "queries": 100, "n": 1000}
for _name, _value in (("trustworthiness", 0.98), ("continuity", 0.97), ("recall", 0.41), ("triplet_accuracy", 0.74), ("knn_accuracy", 0.79)):
    SCORES |= {_name: _value, f"{_name}_low": _value - 0.01, f"{_name}_high": _value + 0.01, f"{_name}_chance": 0.5 if _value > 0.5 else 0.015}


def map_rows() -> Any:
    """A table of maps in which a small weight matrix has the highest recall, as small ones do."""
    import pandas as pd

    rows = [("pixels", "PCA", 1000, 0.07), ("pixels", "t-SNE", 1000, 0.41), ("dense/kernel", "PCA", 32, 0.78)]
    frame = pd.DataFrame(rows, columns=["representation", "method", "n", "recall"])
    said = "Local structure: fair, most of a sentence that is longer than forty signs."
    return frame.assign(parameters=frame["method"] + ", seed 0", queries=100, k=15, trustworthiness=0.98, graph_recall=0.7, seed=0, reading=said)


def raw(name: str, skip: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(gzip.decompress((FOLDER / name).read_bytes()), np.uint8, offset=skip)


def content_of(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], names: tuple[str, ...], **other: Any) -> ReportContent:
    """Predictions by distance to the class means, maps by pairs of principal axes: real structure in a fraction of a second."""
    n, x = len(images), images.reshape(len(images), -1).astype(np.float64)
    ids = np.array([f"test/{i}" for i in range(n)])
    means = np.stack([x[labels == k].mean(axis=0) if (labels == k).any() else np.full(x.shape[1], 1e3) for k in range(len(names))])
    far = ((x[:, None, :] - means) ** 2).sum(axis=2) if len(names) < 20 else -2 * x @ means.T + (means**2).sum(axis=1)
    logits = -far / far.std()
    proba = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba = (proba / proba.sum(axis=1, keepdims=True)).astype(np.float32)
    axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    xy = (axes[0][:, :4] * axes[1][:4] / 1000).astype(np.float32)
    projections = {
        "pixels": {
            "pca": Projection(xy[:, :2], ids, "pixels", "pca", {"variance": [0.29, 0.18]}, 0, SCORES),
            "tsne": Projection(xy[:, 1:3].copy(), ids, "pixels", "tsne", {"perplexity": 30}, 0, SCORES),
        },
        "dense": {
            "pca": Projection(xy[:, 1:4].copy(), ids, "dense", "pca", {"variance": [0.4, 0.2, 0.1]}, 0, SCORES),
            "umap": Projection(np.zeros((n, 2), np.float32), ids, "dense", "umap", {}, 0, note="constant layer: every image has the same values here."),
        },
    }  # fmt: skip
    fields: dict[str, Any] = {
        "title": "centroids on Fashion-MNIST",
        "images": LabeledImages(images, labels, names, ids, "test", Source("memory", "memory", "0")),
        "predictions": Predictions(ids, labels, proba, names, "centroids"), "projections": projections,
        "card": [("Architecture", "class means")], "made": [("Command", "none")],
        "history": {"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.25], "accuracy": [0.7, 0.8, 0.9], "val_loss": [0.9, 0.6, 0.7], "val_accuracy": [0.72, 0.81, 0.8]},
        "layers": [{"name": "dense", "kind": "Dense", "mapped": "mapped"}],
    }  # fmt: skip
    return ReportContent(**{**fields, **other})


@pytest.fixture(scope="module")
def content() -> ReportContent:
    images, labels = raw("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:1000], raw("t10k-labels-idx1-ubyte.gz", 8)[:1000].astype(np.int64)
    favoured = np.array([0, 1, 1, -1, 2, -1, 3, 4])
    units = Projection(np.arange(16, dtype=np.float32).reshape(8, 2) ** 2, np.arange(8).astype(str), "dense/kernel", "pca", {}, 0)
    layers = [{"layer": f"l{i}", "output": out, "parameters": p} for i, (out, p) in enumerate([("26 × 26 × 8", "1,290"), ("128", "320"), ("?", "100,480")])]
    return content_of(
        images, labels, NAMES, weights={"dense/kernel": {"pca": units}}, weight_classes={"dense/kernel": favoured}, layers=layers,
        tables={"Faithfulness of every map": map_rows()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(content: ReportContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, content)
    predictions_frame(content.predictions).to_csv(path.with_name("predictions.csv"), index=False)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Opened:
    """A page with everything that it asked for and complained of."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 800}, **context)
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.page.route(re.compile("^(?!file:|blob:|data:)"), lambda route: route.abort())
        self.page.on("request", lambda r: self.requests.append(r.url) if not r.url.startswith(("blob:", "data:")) and r.url != path.as_uri() else None)
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.faults.append(str(e)))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=20_000)

    def state(self) -> dict[str, Any]:
        return self.page.evaluate("fmnistViz.state()")

    def walled(self) -> list[str]:
        return self.page.eval_on_selector_all("#wall .thumb", "all => all.map((e) => e.dataset.sampleId)")

    def quiet(self) -> bool:
        return (self.requests, self.faults) == ([], [])


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    o = Opened(browser, report)
    yield o
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()


def expected_ids(table: Path, true: int, predicted: int) -> tuple[list[str], list[str]]:
    """Ids of a cell by NumPy from the raw label file and the probabilities in a CSV: in file order, and from barely to confidently wrong."""
    labels = raw("t10k-labels-idx1-ubyte.gz", 8)
    with open(table, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    proba = np.array([[float(row[f"p_{name}"]) for name in NAMES] for row in rows])
    original = np.array([int(row["sample_id"].split("/")[1]) for row in rows])
    hits = np.flatnonzero((labels[original] == true) & (proba.argmax(axis=1) == predicted))
    margin = np.round(proba[hits].max(axis=1) - proba[hits, true], 4)
    return [rows[i]["sample_id"] for i in hits], [rows[i]["sample_id"] for i in hits[np.lexsort((hits, margin))]]


# --- in the browser ---------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_cell_marks_exactly_its_points_and_shows_exactly_its_images(opened: Opened, report: Path, tmp_path: Path) -> None:
    opened.page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    in_order, by_margin = expected_ids(report.with_name("predictions.csv"), PULLOVER, COAT)
    assert 10 < len(in_order) < 400
    marked = opened.page.evaluate("Bokeh.documents[0].get_model_by_name('source').selected.indices.map((i) => `test/${i}`)")
    assert marked == in_order == opened.page.evaluate("fmnistViz.selected()")
    assert sorted(opened.walled()) == sorted(by_margin)
    places = {name: i for i, name in enumerate(by_margin)}
    assert np.abs(np.diff([places[name] for name in opened.walled()]) - 1).max() <= 1  # equal to four digits may swap

    text = report.with_name("predictions.csv").read_text(encoding="utf-8").splitlines()
    shifted = tmp_path / "shifted.csv"  # every prediction one row off: the comparison above must see it
    rows = [line.split(",", 1) for line in text[1:]]
    shifted.write_text("\n".join([text[0], *(f"{a[0]},{b[1]}" for a, b in zip(rows, rows[1:] + rows[:1], strict=True))]), encoding="utf-8")
    assert expected_ids(shifted, PULLOVER, COAT)[0] != marked


@pytest.mark.browser
def test_a_thumbnail_is_the_image_with_its_index(opened: Opened, content: ReportContent) -> None:
    """Pixels on the screen against the raw image, dark on white; WebP at quality 60 is lossy."""
    from io import BytesIO

    from PIL import Image

    opened.page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    opened.page.mouse.move(2, 2)
    thumb = opened.page.locator("#wall .thumb").first
    index = int(thumb.get_attribute("data-index"))
    shot = np.asarray(Image.open(BytesIO(thumb.screenshot())).convert("L").resize((28, 28), Image.Resampling.BOX)).astype(float)
    off = [np.abs(shot - (255.0 - image[:, :, 0])).mean() for image in content.images.images]
    assert int(np.argmin(off)) == index
    assert off[index] < 12


@pytest.mark.browser
def test_switching_map_and_colour_changes_fields_and_caption_and_keeps_the_selection(opened: Opened) -> None:
    opened.page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    rows = opened.state()["rows"]
    seen = {}
    for layer, method in (("pixels", "PCA"), ("pixels", "t-SNE"), ("dense", "PCA")):
        opened.page.click(f'#layer-tabs button:has-text("{layer}")')
        opened.page.click(f'#method-tabs button:has-text("{method}")')
        caption = opened.page.inner_text("#map-caption")
        assert layer in caption
        assert method in caption
        assert ". Trustworthiness 0.980 (0.970–0.990; shuffled 0.500)" in caption
        seen[layer, method] = (opened.state()["fields"]["x"], caption)
        assert opened.state()["rows"] == rows
    assert len(set(seen.values())) == 3
    assert "axes 1 and 2" in opened.page.inner_text("#map-reading")
    for by in ("prediction", "correct", "confidence", "class"):
        opened.page.select_option("#color", by)
        assert opened.state()["fields"]["color"] == f"color_{by}"


@pytest.mark.browser
def test_a_map_that_is_none_shows_its_sentence(opened: Opened) -> None:
    opened.page.evaluate("fmnistViz.show('dense', 'umap')")
    assert opened.page.inner_text("#map-note") == "constant layer: every image has the same values here."
    opened.page.evaluate("fmnistViz.show('pixels', 'umap')")  # not made: another method of that layer is shown
    assert opened.state()["method"] == "pca"
    assert not opened.page.is_visible("#map-note")
    assert opened.page.is_disabled('#method-tabs button:has-text("UMAP")')


@pytest.mark.browser
def test_hover_shows_the_picture_and_a_box_fills_the_selection(opened: Opened, content: ReportContent) -> None:
    opened.page.evaluate("fmnistViz.show('pixels', 'pca')")
    xy = content.projections["pixels"]["pca"].coords
    i = int(np.abs(xy - np.median(xy, axis=0)).sum(axis=1).argmin())
    ranges = "(() => {const f = Bokeh.documents[0].get_model_by_name('map'); return [f.x_range.start, f.x_range.end, f.y_range.start, f.y_range.end]})()"
    x0, x1, y0, y1 = opened.page.evaluate(ranges)
    box = opened.page.locator("#stage").bounding_box()
    sx = float(box["x"] + box["width"] * (xy[i, 0] - x0) / (x1 - x0))
    sy = float(box["y"] + box["height"] * (y1 - xy[i, 1]) / (y1 - y0))
    opened.page.mouse.move(sx - 3, sy)
    opened.page.mouse.move(sx, sy)
    opened.page.wait_for_selector("#tip:not([hidden])")
    tip = opened.page.inner_text("#tip")
    shown = int(opened.page.get_attribute("#tip", "data-sample-id").split("/")[1])
    assert np.abs(xy[shown] - xy[i]).max() < (x1 - x0) / 100  # that point or one on top of it
    assert NAMES[content.images.labels[shown]] in tip
    assert f"test/{shown}" in tip
    assert "%" in tip
    assert opened.page.evaluate("getComputedStyle(document.getElementById('tip-picture')).backgroundImage").startswith('url("blob:')

    opened.page.click('[data-tool="box"]')
    opened.page.mouse.move(sx - 60, sy - 60)
    opened.page.mouse.down()
    opened.page.mouse.move(sx + 20, sy + 10, steps=3)
    opened.page.mouse.move(sx + 60, sy + 60, steps=3)
    opened.page.mouse.up()
    opened.page.wait_for_selector("#clear:enabled")
    to_x, to_y = (x1 - x0) / box["width"], (y1 - y0) / box["height"]
    off = np.abs(xy - [x0 + (sx - box["x"]) * to_x, y1 - (sy - box["y"]) * to_y]) / [to_x, to_y]
    rows = set(opened.state()["rows"])
    assert set(np.flatnonzero((off < 58).all(axis=1)).tolist()) <= rows <= set(np.flatnonzero((off < 62).all(axis=1)).tolist())
    assert f"{len(rows)} images" in opened.page.inner_text("#selection-count")
    opened.page.keyboard.press("Escape")
    assert opened.state()["rows"] == []
    assert opened.page.is_disabled("#export")


@pytest.mark.browser
def test_matrix_by_keyboard_export_and_sorting(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    page.focus('.cell[data-true="0"][data-predicted="0"]')
    for key in ("ArrowDown", "ArrowDown", *["ArrowRight"] * 4, "Enter"):
        page.keyboard.press(key)
    assert opened.state()["cell"] == [PULLOVER, COAT]
    assert re.search(r"Pullover taken for Coat: \d+ of \d+, .* % \(95 % interval", page.inner_text("#cell-detail"))
    assert page.get_attribute(".cell:focus", "aria-pressed") == "true"
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "centroids-on-Fashion-MNIST-Pullover-Coat.csv"
    download.value.save_as(tmp_path / "selection.csv")
    with open(tmp_path / "selection.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [r["sample_id"] for r in rows] == page.evaluate("fmnistViz.selected()")
    assert {(r["true"], r["predicted"]) for r in rows} == {("Pullover", "Coat")}
    page.click('#matrix-mode [data-mode="rates"]')
    assert "." in page.inner_text(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')

    page.click('#classes th:has-text("recall") button')
    recalls = page.eval_on_selector_all("#classes tbody tr", "rows => rows.map((r) => Number(r.cells[6].dataset.key))")
    assert len(recalls) == 10
    for name, order in (("parameters", ["320", "1,290", "100,480"]), ("output", ["128", "26 × 26 × 8", "?"])):
        page.click(f'#layers th:has-text("{name}") button')
        assert page.eval_on_selector_all(f"#layers tbody td:nth-child({2 + (name == 'parameters')})", "all => all.map((e) => e.textContent)") == order
    assert recalls == sorted(recalls)


@pytest.mark.browser
def test_the_words_below_the_matrix_are_of_the_selection_once_the_pointer_is_gone(opened: Opened) -> None:
    page, words = opened.page, lambda: opened.page.inner_text("#cell-detail")
    idle = words()
    page.hover(f'.cell[data-true="{COAT}"][data-predicted="{PULLOVER}"]')
    assert "Coat taken for Pullover" in words()
    page.hover("h1")
    assert words() == idle
    page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    page.hover('.cell[data-true="0"][data-predicted="0"]')
    assert "T-shirt/top, predicted right" in words()
    page.hover("h1")
    assert "Pullover taken for Coat" in words()
    page.evaluate("fmnistViz.selectRows([1, 2, 3])")  # as a lasso does
    assert words() == idle
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "centroids-on-Fashion-MNIST-selection.csv"
    page.evaluate(f"fmnistViz.select({PULLOVER}, {COAT})")
    page.click("#clear")
    assert words() == idle


@pytest.mark.browser
def test_every_thumbnail_says_true_and_predicted(opened: Opened, content: ReportContent) -> None:
    opened.page.evaluate("fmnistViz.selectRows([...Array(200).keys()])")
    said = opened.page.eval_on_selector_all(
        "#wall .sample", "all => all.map((e) => [e.firstChild.dataset.index, ...[...e.querySelectorAll('p')].map((p) => p.textContent)])"
    )
    p = content.predictions
    assert len(said) == 200
    for index, *lines in said:
        true, predicted = (NAMES[labels[int(index)]] for labels in (p.y_true, p.y_pred))
        assert lines == ([true] if true == predicted else [true, f"→ {predicted}"])
    assert opened.page.evaluate("(() => { const e = document.getElementById('wall'); return e.scrollWidth - e.clientWidth; })()") <= 0


@pytest.mark.browser
def test_on_a_phone_a_button_leads_to_the_selection(opened: Opened) -> None:
    page = opened.page
    page.evaluate(f"fmnistViz.select({PULLOVER}, {COAT})")
    assert not page.is_visible("#jump")
    page.evaluate("fmnistViz.clear()")
    page.set_viewport_size({"width": 390, "height": 844})
    assert not page.is_visible("#jump")
    page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    page.wait_for_selector("#jump:visible")
    assert page.inner_text("#jump") == f"{len(opened.state()['rows'])} images ↓"
    page.click("#jump")
    page.wait_for_selector("#jump", state="hidden")
    assert 0 <= page.locator("#selection-count").bounding_box()["y"] < 200
    page.evaluate("document.getElementById('made').scrollIntoView()")
    page.wait_for_timeout(100)
    assert not page.is_visible("#jump")  # the selection is above now
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.browser
def test_colours_of_right_and_wrong_and_of_confidence_are_told(opened: Opened) -> None:
    page = opened.page
    page.select_option("#color", "correct")
    told = page.eval_on_selector_all("#legend .chip", "all => all.map((e) => [e.textContent, e.firstChild.style.background])")
    rgb = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in RIGHT_OR_WRONG]
    assert told == [[word, f"rgb{color}"] for word, color in zip(("right", "wrong"), rgb, strict=True)]
    page.select_option("#color", "confidence")
    assert page.inner_text("#legend").split() == ["confidence", "0", "0.5", "1"]


@pytest.mark.browser
def test_hostile_names_are_text(browser: Any, content: ReportContent, tmp_path: Path) -> None:
    images = dataclasses.replace(content.images, class_names=HOSTILE)
    predictions = dataclasses.replace(content.predictions, class_names=HOSTILE)
    bad = HOSTILE[0]
    projections = {bad: {"pca": content.projections["pixels"]["pca"]}}
    write_report(tmp_path / "hostile.html", dataclasses.replace(
        content, title=bad, images=images, predictions=predictions, projections=projections, warnings=[bad], card=[(bad, bad)], made=[(bad, bad)],
        layers=[{bad: bad}],
        tables={bad: confusion(predictions).per_class()}))  # fmt: skip
    o = Opened(browser, tmp_path / "hostile.html")
    o.page.evaluate("fmnistViz.select(0, 6)")
    o.page.hover("#wall .thumb")
    o.page.select_option("#filter-truth", "0")
    o.page.select_option("#filter-taken", "6")
    o.page.click("#wall .thumb >> nth=0")
    assert o.page.inner_text("#filter-chips button >> nth=0").startswith(f"true: {visible(bad)}")
    assert o.page.inner_text("#card-facts dd >> nth=0").strip() == visible(bad)
    assert o.page.inner_text(".places-row p") == bad and visible(bad) in o.page.inner_text("#card-bars")
    address = o.page.evaluate("new Promise((done) => setTimeout(() => done(location.hash), 50))")
    assert "true=0&predicted=6" in address and "card=test" in address
    o.page.evaluate("location.hash = ''")
    o.page.wait_for_function("() => !fmnistViz.state().filters")
    o.page.evaluate("text => { location.hash = text; }", f"{address}&layer={bad}&split={bad}")
    o.page.wait_for_function("() => fmnistViz.state().card !== null")
    o.page.keyboard.press("Escape")
    o.page.fill("#find", bad)
    o.page.press("#find", "Enter")
    o.page.wait_for_timeout(200)
    assert o.page.evaluate("window.hacked") is None
    assert o.page.locator("img:not(#paper)").count() == 0
    assert bad in o.page.inner_text("#summary") or "It errs most on" in o.page.inner_text("#summary")
    assert o.page.locator("b").count() == 0
    rows = o.page.eval_on_selector_all(".row-name bdi", "all => all.map((e) => e.textContent)")
    assert rows == [visible(name) for name in HOSTILE]
    assert rows[1] == "$$x^2$$"
    assert rows[4] == "a␉b␊c"
    assert rows[5] == "(empty)"
    assert rows[6] == "RTL"
    assert o.page.title() == bad
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()


@pytest.mark.browser
def test_sample_without_history_warns_loudly_and_stays_within_a_phone(browser: Any, content: ReportContent, tmp_path: Path) -> None:
    warning = "These figures come from a SAMPLE of 1,000 images."
    write_report(tmp_path / "sample.html", dataclasses.replace(content, warnings=[warning], history={}))
    o = Opened(browser, tmp_path / "sample.html", color_scheme="dark")
    box = o.page.locator(".warnings").bounding_box()
    assert box["y"] == 0
    assert o.page.inner_text(".warnings") == warning
    assert o.page.locator(".warnings button").count() == 0
    assert "no training history" in o.page.inner_text("#training")
    ink = "getComputedStyle(document.body).color"
    dark = o.page.evaluate(ink)
    o.page.click("#theme")
    assert o.page.evaluate(ink) != dark
    for width, height in ((390, 844), (1280, 800), (1920, 1080)):
        o.page.set_viewport_size({"width": width, "height": height})
        assert o.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()


@pytest.mark.browser
@pytest.mark.parametrize(("classes", "n", "shape"), [(2, 10, (8, 8, 1)), (100, 300, (70, 90, 3))])
def test_other_data(browser: Any, tmp_path: Path, classes: int, n: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, *shape)).astype(np.uint8)
    other = content_of(images, (np.arange(n) % classes).astype(np.int64), tuple(f"class {k}" for k in range(classes)))
    write_report(tmp_path / "other.html", other)
    o = Opened(browser, tmp_path / "other.html")
    assert o.page.locator(".cell").count() == classes**2
    o.page.evaluate("fmnistViz.select(1, 1)")
    assert len(o.walled()) == int(((other.images.labels == 1) & (other.predictions.y_pred == 1)).sum())
    assert o.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()


# --- without one ------------------------------------------------------------------------------------------------------


def test_policy_is_there_and_bytes_are_equal_in_another_process_state(report: Path, content: ReportContent, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].replace("&#39;", "'") == (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<script")
    from bokeh.plotting import figure

    figure()  # moves Bokeh's counter of ids on
    write_report(tmp_path / "again.html", content)
    assert (tmp_path / "again.html").read_bytes() == report.read_bytes()


def test_every_row_of_a_weight_matrix_is_drawn_and_dead_ones_are_grey(report: Path, content: ReportContent) -> None:
    section = report.read_text(encoding="utf-8").split('<section id="weights">')[1].split("</section>")[0]
    assert section.count("h0") == 8
    grey = re.search(rf'<path d="([^"]*)" stroke="{NEUTRAL}"[^>]*><title>none</title>', section)
    assert grey and grey[1].count("h0") == 2
    assert "8 rows;" in section and "2 of them favour none (grey)" in section
    assert re.search(rf'style="background:{NEUTRAL}"></i>none', section)
    assert section.count("excite it most on average") == 1


def test_maps_are_compared_with_maps_of_as_many_points() -> None:
    said = table_reading(map_rows(), ("pixels",))
    assert "pixels t-SNE keeps most neighbours (recall@15 0.41), pixels PCA fewest (0.07)" in said
    assert said.endswith("by chance it would be 0.015 (15 of 999).")
    assert "kernel" not in said
    assert table_reading(map_rows().iloc[2:], ("pixels",)) == "1 row."


def test_the_table_of_maps_starts_with_what_is_read_and_says_the_same_once() -> None:
    table, notes = map_table(map_rows())
    names = [c.name for c in table.columns]
    assert names == ["representation", "method", "reading", "recall", "trustworthiness", "graph recall", "n", "parameters"]
    assert notes[0] == "In all rows: seed 0, 100 queries, k = 15."
    assert [line.split(":")[0] for line in notes[1:]] == [
        "Below each score", "Trustworthiness", "Continuity", "Recall", "Random triplets", "Missing neighbors", "Graph recall",
    ]  # fmt: skip


def test_a_column_of_counts_or_sizes_sorts_as_numbers() -> None:
    table = layer_table([{"layer": "2", "output": "26 × 26 × 1,280", "use": "mapped"}, {"layer": "b", "output": "? × 10", "use": "–"}, {"layer": "c"}])
    assert [(c.name, c.numeric) for c in table.columns] == [("layer", False), ("output", True), ("use", False)]
    assert [row[1].key for row in table.rows] == ["865280", "10", ""]


def test_errors_keep_their_rings_when_points_are_selected(content: ReportContent) -> None:
    item = map_item(content, map_columns(content))
    errors = next(r for r in item["doc"]["roots"][0]["attributes"]["renderers"] if r["attributes"].get("name") == "errors")["attributes"]
    alpha = {kind: errors[kind]["attributes"]["line_alpha"]["value"] for kind in ("glyph", "selection_glyph", "nonselection_glyph")}
    assert alpha["selection_glyph"] >= alpha["glyph"] > alpha["nonselection_glyph"] > 0


def test_importing_it_loads_no_drawing_library() -> None:
    code = "import sys, fmnist_viz.export.report; print([m for m in ('bokeh', 'PIL', 'pandas', 'jinja2', 'matplotlib', 'tensorflow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)).stdout.strip() == "[]"


def test_mismatched_content_is_refused(content: ReportContent) -> None:
    rows = np.arange(len(content.images))[::-1]
    with pytest.raises(ValueError, match="same samples"):
        dataclasses.replace(content, images=content.images.take(rows))


def test_margin_orders_from_sure_to_confidently_wrong(content: ReportContent) -> None:
    wrong = ~content.predictions.correct
    frame = predictions_frame(content.predictions)
    assert (content.predictions.margin[wrong] >= 0).all()
    assert (content.predictions.margin[~wrong] <= 0).all()
    np.testing.assert_allclose(content.predictions.margin[wrong], frame["margin"].to_numpy()[wrong], atol=1e-6)


def test_a_map_of_fewer_samples_finds_its_rows(content: ReportContent) -> None:
    full = content.projections["pixels"]["pca"]
    rows = np.array([5, 2, 7])
    part = Projection(full.coords[rows], full.sample_ids[rows], "pixels", "pca", {}, 0)
    out = aligned(part, content.images.sample_ids)
    assert np.isfinite(out).all(axis=1).nonzero()[0].tolist() == [2, 5, 7]
    np.testing.assert_array_equal(out[rows], full.coords[rows])


def test_thumbnails_fit_and_sheets_stay_small() -> None:
    wide = np.zeros((3, 50, 200, 3), np.uint8)
    tiles = thumbnails(wide)
    assert tiles.shape == (3, 64, 64, 3)
    assert (tiles[:, 32] == 0).all()
    assert (tiles[:, 2] == 255).all()
    images = LabeledImages(
        np.zeros((5000, 64, 64, 1), np.uint8), np.zeros(5000, np.int64), ("a",), np.arange(5000).astype(str), "test", Source("memory", "", "")
    )
    sheets = thumbnail_sheets(images)
    assert len(sheets.sheets) == 2
    assert sheets.columns * sheets.thumb <= 4096
    assert sheets.per_sheet == 4096


def test_a_value_and_its_interval_share_a_cell() -> None:
    import pandas as pd

    table = table_of(pd.DataFrame({"method": ["pca"], "recall": [0.41], "recall_low": [0.4], "recall_high": [0.42], "n": [10000], "gap": [float("nan")]}))
    assert [c.name for c in table.columns] == ["method", "recall", "n", "gap"]
    assert [c.text for c in table.rows[0]] == ["pca", "0.410 (0.400–0.420)", "10,000", "–"]
    assert [c.key for c in table.rows[0]] == ["", "0.41", "10000.0", ""]


# --- what may be missing ----------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_classes_without_probabilities_and_images(browser: Any, tmp_path: Path) -> None:
    """Cells and lists work; nowhere is a confidence, and a tile in the class's colour stands for an image."""
    from fmnist_viz.pipeline.confusion_analysis import confusion_analysis

    found = confusion_analysis(["cat", "cat", "dog", "owl"], ["cat", "dog", "dog", "dog"])
    o = Opened(browser, found.report(tmp_path / "r.html"))
    assert o.walled() == ["test/1", "test/3"]  # all errors, in the order of the data
    o.page.click('.cell[data-true="0"][data-predicted="1"]')
    assert o.page.evaluate("fmnistViz.selected()") == ["test/1"]
    assert o.page.inner_text("#wall h3").strip() == "Wrong (1)"
    o.page.hover("#wall .thumb")
    tip = o.page.inner_text("#tip-text")
    assert "predicted dog" in " ".join(tip.split()) and "confidence" not in o.page.inner_text("#selection")
    assert "confidence" not in tip and o.page.locator('#color option[value="confidence"]').count() == 0
    tile = o.page.eval_on_selector(
        "#wall .thumb", "e => [getComputedStyle(e).backgroundColor, getComputedStyle(document.querySelector('.row-name i')).backgroundColor]"
    )
    assert tile[0] == tile[1]  # both of the class cat
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()


@pytest.mark.browser
def test_without_predictions_there_is_a_map_and_no_matrix(browser: Any, tmp_path: Path) -> None:
    from fmnist_viz.pipeline.confusion_analysis import confusion_analysis

    images = confusion_analysis([0, 0, 1, 1], [0, 0, 1, 1]).images
    projection = Projection(np.eye(4, 2, dtype=np.float32), images.sample_ids, "mine", "pca", {}, 0)
    content = ReportContent("vectors", images, None, {"mine": {"pca": projection}}, untrained="Nothing was trained here.")
    write_report(tmp_path / "r.html", content)
    o = Opened(browser, tmp_path / "r.html")
    assert o.page.locator(".cell").count() == 0 and o.page.inner_text("#no-predictions").startswith("No predictions were given")
    o.page.evaluate("fmnistViz.selectRows([0, 3])")
    assert o.page.inner_text("#wall h3").strip() == "Images (2)"
    assert "Taken for" not in o.page.inner_text("#selection")
    assert o.page.locator("#color option").all_inner_texts() == ["class"]
    assert o.quiet(), (o.requests, o.faults)
    o.page.close()
