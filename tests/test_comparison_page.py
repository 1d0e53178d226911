"""The figures and the page of a comparison: what is drawn, that foreign names stay text, and that a browser asks for nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import HOSTILE

from fmnist_viz.analysis.comparison import Answers, Comparison, accuracies, paired_tests, verdict
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.core.types import LabeledImages, Source
from fmnist_viz.data import load
from fmnist_viz.data.config import DataConfig
from fmnist_viz.display.accuracy_intervals import AccuracyIntervalsDisplay
from fmnist_viz.display.confusion_change import ConfusionChangeDisplay
from fmnist_viz.display.image_wall import ImageWallDisplay
from fmnist_viz.export.comparison import ComparisonContent, render


@pytest.fixture(scope="module")
def images() -> LabeledImages:
    return load(DataConfig(data="sample")).test.take(np.arange(300))


def texts_of(figure: Any) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def runs_on(images: LabeledImages, names: tuple[str, ...], titles: tuple[str, ...]) -> list[Answers]:
    """The first run confuses class 0 with 1; each other one repairs half of that and breaks a few of class 2."""
    out = []
    y = images.labels
    for k, title in enumerate(titles):
        said = np.where((y == 0) & (np.arange(len(y)) % (k + 1) == 0), 1, y)
        said = np.where((y == 2) & (np.arange(len(y)) % 40 < 4 * k), 3, said)
        out.append(Answers(title, images.sample_ids, y, said, np.linspace(0.5, 1, len(y)), names))
    return out


def content_of(images: LabeledImages, names: tuple[str, ...], titles: tuple[str, ...]) -> ComparisonContent:
    import pandas as pd

    runs = runs_on(images, names, titles)
    pairs = [Comparison(runs[0], other) for other in runs[1:]]
    tables = {"tests": paired_tests(runs), "accuracy": accuracies(runs), "settings": pd.DataFrame({"setting": ["model"], **{t: [t] for t in titles}})}
    tables |= {"layers": pd.DataFrame({"run": list(titles), "layer": [names[0]] * len(titles), "width": 10, "kept_width": 10, "knn_accuracy": 0.5})}
    own = LabeledImages(images.images, images.labels, names, images.sample_ids, "test", Source("memory", "memory", "0"))
    notes, made = [f"note on {names[0]}"], [("command", names[0])]
    return ComparisonContent(pairs, runs, tables, [verdict(r) for r in tables["tests"].to_dict("records")], own, notes, "a note on layers", made)


# --- displays ---------------------------------------------------------------------------------------------------------


def test_change_is_blue_where_better_and_red_where_worse(images: LabeledImages) -> None:
    a, b = runs_on(images, images.class_names, ("a", "b"))
    display = ConfusionChangeDisplay(Comparison(a, b))
    d = display.differences
    assert d[0, 0] == -d[0, 1] > 0
    assert d[2, 2] == -d[2, 3] < 0
    frame = display.frame()
    assert len(frame) == 100
    assert frame["difference"].to_numpy() == pytest.approx(d.ravel())
    rgb = display.colors()
    blue, red = (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for c in (RIGHT, WRONG))
    assert rgb[0, 0] == pytest.approx(blue) == rgb[0, 1]  # less confusion is better, too
    assert rgb[2, 2] == pytest.approx(1 - d[2, 3] / d[0, 0] * (1 - red)) == rgb[2, 3]
    assert rgb[5, 5].tolist() == [1, 1, 1]
    assert display.significant[0, 1]
    assert display.cell_texts()[0, 1] == f"{100 * d[0, 1]:+.1f}"
    drawn = texts_of(display.plot())
    assert f"{100 * d[2, 3]:+.1f}" in drawn
    assert "n = 300" in display.caption()


def test_no_change_is_said(images: LabeledImages) -> None:
    a, _ = runs_on(images, images.class_names, ("a", "b"))
    display = ConfusionChangeDisplay(Comparison(a, a))
    assert "No cell differs" in display.caption()
    assert (display.colors() == 1).all()


def test_intervals_of_accuracy_are_drawn_as_they_stand_in_the_frame(images: LabeledImages) -> None:
    display = AccuracyIntervalsDisplay(runs_on(images, images.class_names, ("a", "b", "c")))
    frame = display.frame()
    figure = display.plot()
    lines = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert np.array(lines) == pytest.approx(100 * frame[["accuracy_low", "accuracy_high"]].to_numpy())
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]


def test_a_wall_holds_the_images_it_names(images: LabeledImages) -> None:
    some = images.take(np.array([5, 250, 7]))
    display = ImageWallDisplay(some, [("one",), ("two",), ("three",)], total=12)
    assert display.frame()["sample_id"].tolist() == some.sample_ids.tolist()
    figure = display.plot()
    drawn = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert all((255 - seen == pixels[:, :, 0]).all() for seen, pixels in zip(drawn, some.images, strict=True))
    assert {*some.sample_ids, "one", "two", "three"} <= set(texts_of(figure))
    assert "3 of 12 images" in display.caption()
    with pytest.raises(ValueError, match="words"):
        ImageWallDisplay(some, [])


# --- the page ---------------------------------------------------------------------------------------------------------


def test_equal_content_gives_equal_pages(images: LabeledImages) -> None:
    content = content_of(images, images.class_names, ("a", "b"))
    assert render(content) == render(content)


@pytest.mark.browser
def test_the_page_opens_without_a_network_and_names_stay_text(images: LabeledImages, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "report.html"
    path.write_text(render(content_of(images, HOSTILE, ("base", HOSTILE[0]))), encoding="utf-8")
    asked: list[str] = []
    faults: list[str] = []
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.route(re.compile("^(?!file:|data:)"), lambda route: route.abort())
        page.on("request", lambda r: asked.append(r.url) if not r.url.startswith("data:") and r.url != path.as_uri() else None)
        page.on("console", lambda m: faults.append(m.text))
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.goto(path.as_uri())
        assert (asked, faults) == ([], [])
        assert page.evaluate("window.hacked") is None
        assert page.locator("script").count() == 0
        assert page.locator("b, i").count() == 0  # a name with mark-up would have made one
        text = page.inner_text("body")
        assert {name for name in (HOSTILE[0], HOSTILE[2], HOSTILE[3], HOSTILE[8]) if name not in text} == set()
        pictures = page.evaluate("[...document.images].map((e) => [e.complete, e.naturalWidth, e.alt.length])")
        assert len(pictures) == 1 + 3
        assert all(done and wide > 100 and alt > 20 for done, wide, alt in pictures)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        browser.close()


def test_the_page_does_without_images(images: LabeledImages) -> None:
    content: Any = content_of(images, images.class_names, ("a", "b"))
    bare = ComparisonContent(content.pairs, content.runs, content.tables, content.verdicts)
    text = render(bare)
    assert "fixed.csv lists them" in text
    assert text.count("data:image/png") == 2
