"""A hundred names full of markup on every surface of the report: nothing runs, nothing is asked for, no element comes of them, and they are read as they are.

The page is compared with the same page under harmless names: as many elements of every kind, the same attributes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from string import ascii_letters
from typing import Any

import numpy as np
import pandas as pd
import pytest
from payloads import PAYLOADS
from planted_against import planted_against, planted_people
from test_report import Opened, browser, content_of, raw  # noqa: F401 - the fixture

import fmnist_viz
from fmnist_viz.analysis.calibration import calibration
from fmnist_viz.analysis.class_cards import class_cards
from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.dossier import Dossier, direction, fisher
from fmnist_viz.analysis.label_errors import LabelIssues
from fmnist_viz.analysis.pockets import pockets
from fmnist_viz.analysis.twins import twins
from fmnist_viz.analysis.unusual import hollow
from fmnist_viz.core.types import Projection
from fmnist_viz.export.pictures import Shot
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.export.report.content import visible
from fmnist_viz.projection.config import MapConfig

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:The number of unique classes")]
EACH = 3  # images of a class
MORE = 20  # of the first two, so many that the ladder judges their pair
CENSUS = """() => {
  const tags = {}, attributes = {}, bad = [];
  for (const e of document.querySelectorAll('*')) {
    tags[e.localName] = (tags[e.localName] ?? 0) + 1;
    for (const {name, value} of e.attributes) {
      attributes[`${e.localName} ${name}`] = (attributes[`${e.localName} ${name}`] ?? 0) + 1;
      const address = ['href', 'src', 'action', 'data', 'formaction', 'srcdoc', 'xlink:href'].includes(name);
      if (name.startsWith('on') || (address && !/^(#|data:image\\/|data:,$|blob:)/.test(value))) bad.push(`${e.localName} ${name}=${value}`);
      if (name === 'style' && /url\\((?!"blob:)|expression|display:none/.test(value)) bad.push(`${e.localName} ${name}=${value}`);
    }
  }
  return {tags, attributes, bad};
}"""


def hostile(names: tuple[str, ...], title: str) -> ReportContent:
    """A report whose every name is one of `names`: classes, layers, sample ids, model, files, tables, columns, and lines of text."""
    n = EACH * len(names) + 2 * MORE
    images = raw("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:n]
    labels = np.concatenate([np.arange(n - 2 * MORE) % len(names), np.arange(2 * MORE) % 2]).astype(np.int64)
    made = content_of(images, labels, names, title=title)
    ids = np.array([f"{names[label]} {i}" for i, label in enumerate(labels)])
    assert made.predictions is not None
    # sure and wrong for every third image, so that every surface that names a mistake has some
    said = np.where(np.arange(n) % 3 == 0, (labels + 1) % len(names), labels)
    proba = np.full((n, len(names)), 0.2 / (len(names) - 1), np.float32)
    proba[np.arange(n), said] = 0.8
    predictions = dataclasses.replace(made.predictions, sample_ids=ids, y_proba=proba)
    flat = made.projections["pixels"]["pca"].coords
    maps = {name: {"pca": Projection(flat, ids, name, "pca", {"variance": [0.3, 0.2]}, 0)} for name in names}
    X = np.ascontiguousarray(images.reshape(n, -1)[:, ::7].astype(np.float32))
    both = (direction(predictions, 0, 1), direction(predictions, 1, 0))
    first = names[0]
    content = dataclasses.replace(
        made, images=dataclasses.replace(made.images, sample_ids=ids), predictions=predictions, projections=maps,
        near={name: np.stack([(np.arange(n) + k) % n for k in range(1, 11)], axis=1) for name in names[:2]},
        calibration=calibration(predictions), cards=class_cards(predictions, X, {first: flat}, layer=first),
        dossiers=(Dossier(0, 1, names, ids, both, fisher(both), layer=first),), warnings=names[:3],
        card=[(name, name) for name in names], made=[(first, first)],
        layers=[{"layer": name, first: name} for name in names], tables={first: pd.DataFrame({first: names, "n": range(len(names))})},
        notes={first: names[:2]}, learning=first,
        weights={first: {"pca": Projection(flat[:8], ids[:8], first, "pca", {}, 0)}}, weight_classes={first: np.arange(8)},
    )  # fmt: skip
    content = dataclasses.replace(
        content, **moving(names, X, labels), issues=doubts(names, content), pictures=[Shot("one", "weights", first, names[1], b"", 40, 30)]
    )
    return dataclasses.replace(content, against=planted_against(content, name=first, layer=names[1]), people=planted_people(content, file=names[2]))


def harmless(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of letters alone, as long as `names` are when shown and with slashes where they have some: what stands before one is an id's split."""
    parts = list(dict.fromkeys(part for name in names for part in visible(name).split("/")))
    words = {part: "".join(ascii_letters[parts.index(part) // 52**k % 52] for k in range(2)).ljust(len(part), "x")[: len(part)] for part in parts}
    return tuple("/".join(words[part] for part in visible(name).split("/")) for name in names)


def moving(names: tuple[str, ...], X: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Ladder and film of all names as classes; a few of them are layers."""
    config = MapConfig(methods="pca", ladder_points=len(X))
    n, logits = len(X), np.eye(len(names), dtype=np.float32)[labels]
    layers = {names[0]: X, names[3]: np.zeros((n, 4), np.float32), names[4]: logits}  # the second is dead, and says so
    film = fmnist_viz.film({0: (X, logits[::-1]), 1: (X + 1, logits)}, labels, class_names=names, config=config)
    return {"ladder": fmnist_viz.ladder(layers, labels, class_names=names, config=config), "film": film}


def doubts(names: tuple[str, ...], content: ReportContent) -> DataIssues:
    """Suspects, a pocket, twins and an empty image, with every name as an image's."""
    images, said = content.images, content.predictions
    assert said is not None
    near = np.stack([(np.arange(len(images)) + k) % len(images) for k in range(1, 31)], axis=1)
    judged = LabelIssues(images, said.proba, names[5], near, images.labels, images.sample_ids, names[6])
    pocket = pockets(said, near.astype(np.int32), names[7])
    return DataIssues(images, judged, names[8], tuple(pocket), twins([images]), tuple(hollow(images.images)), names[9])


def walked(o: Opened, title: str) -> dict[str, Any]:
    """Use what shows names, and count what is in the page then."""
    page = o.page
    page.evaluate("fmnistViz.select(0, 1)")
    page.hover("#wall .thumb")
    for by in ("against", "correct", "confidence", "class"):
        page.select_option("#color", by)
    page.select_option("#filter-truth", "0")
    page.select_option("#filter-taken", "1")
    page.evaluate("fmnistViz.filter({against: 'both wrong'})")
    page.evaluate("fmnistViz.filter({truth: [], taken: [], against: ''})")
    page.locator("#against .against-select").first.dispatch_event("click")
    page.evaluate("document.querySelector('#people .people-select').click()")
    page.evaluate("[...document.querySelectorAll('th button')].forEach((e) => e.click())")
    page.evaluate("[...document.querySelectorAll('#layer-tabs button')].slice(-3).forEach((e) => e.click())")
    page.evaluate("id => fmnistViz.open(id)", page.evaluate("fmnistViz.selected()[0]"))
    page.evaluate("[...document.querySelectorAll('#issues button')].forEach((e) => e.click())")
    page.evaluate("document.getElementById('card').open && document.getElementById('card-close').click()")
    page.evaluate("id => fmnistViz.open(id)", page.evaluate("fmnistViz.selected()[0]"))
    page.fill("#find", title)
    page.evaluate("document.getElementById('find-go').click()")
    page.evaluate("text => { location.hash = `view&layer=${text}&split=${text}&against=${text}&colour=${text}&card=${text}`; }", title)
    page.wait_for_timeout(100)
    page.evaluate("text => { location.hash = `view&layer=${encodeURIComponent(text)}&cell=0.1`; }", title)
    page.wait_for_function("() => fmnistViz.state().cell !== null")
    for chosen in ("ladder-a", "film-true"):
        page.select_option(f"#{chosen}", "0")
    for other in ("ladder-b", "film-predicted"):
        page.select_option(f"#{other}", "1")
    for slider in ("ladder-slider", "film-slider"):
        page.evaluate("id => { const s = document.getElementById(id); s.value = 1; s.dispatchEvent(new Event('input')); }", slider)
    found: dict[str, Any] = page.evaluate(CENSUS)
    return found


@pytest.fixture(scope="module")
def pages(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Opened, dict[str, Any], dict[str, Any]]]:  # noqa: F811
    folder = tmp_path_factory.mktemp("hostile")
    found = {}
    for kind, names in (("harmless", harmless(PAYLOADS)), ("hostile", PAYLOADS)):
        write_report(folder / f"{kind}.html", hostile(names, names[1]))
        o = Opened(browser, folder / f"{kind}.html")
        dialogs: list[str] = []
        o.page.on("dialog", lambda d, dialogs=dialogs: (dialogs.append(d.message), d.dismiss()))
        found[kind] = walked(o, names[1])
        assert dialogs == [] and o.quiet(), (kind, dialogs, o.requests, o.faults)
        if kind == "harmless":
            o.page.close()
    yield o, found["harmless"], found["hostile"]
    o.page.close()


def test_there_are_a_hundred_and_they_would_run_in_a_page_that_takes_markup(browser: Any) -> None:  # noqa: F811
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 100
    page = browser.new_page()
    page.route("**", lambda route: route.abort())
    page.set_content("<p></p>")
    page.evaluate("all => { document.body.innerHTML = all.join(' '); }", [text for text in PAYLOADS if text.startswith("<img src=x") or "<svg onload" in text])
    page.wait_for_function("() => window.hacked === 1")
    page.close()


def test_nothing_ran_and_no_element_or_attribute_came_of_a_name(pages: tuple[Opened, dict[str, Any], dict[str, Any]]) -> None:
    o, harmless, told = pages
    assert o.page.evaluate("window.hacked") is None
    assert told["bad"] == harmless["bad"] == []
    assert told["tags"] == harmless["tags"]
    assert told["attributes"] == harmless["attributes"]
    assert o.page.evaluate("Object.keys(Object.prototype).length + (typeof ({}).polluted === 'undefined' ? 0 : 1)") == 0


def test_every_name_is_read_as_it_is(pages: tuple[Opened, dict[str, Any], dict[str, Any]]) -> None:
    page, shown = pages[0].page, [visible(name) for name in PAYLOADS]
    texts = lambda selector: page.eval_on_selector_all(selector, "all => all.map((e) => e.textContent)")  # noqa: E731
    assert texts("#matrix .row-name bdi") == shown
    assert texts("#filter-truth option")[1:] == shown
    assert texts("#layer-tabs button bdi") == list(PAYLOADS)
    assert sorted(texts("#layers tbody td:first-child")) == sorted(PAYLOADS)
    assert texts("#training dt") == list(PAYLOADS)
    assert {name for name in texts("#cards .card h3 bdi")} <= set(shown)
    assert page.title() == PAYLOADS[1] == page.inner_text("h1")
    assert texts("#against h2 bdi") == [visible(PAYLOADS[0])]
    assert visible(PAYLOADS[2]) in (page.text_content("#people") or "")  # sections out of sight are not laid out
    assert texts("#move-layer option") == [visible(PAYLOADS[1])]
    assert page.inner_text(".warnings").split("\n")[0].startswith(PAYLOADS[0][:8])
    page.evaluate("document.getElementById('ladder-slider').value = 0; document.getElementById('ladder-slider').dispatchEvent(new Event('input'))")
    assert page.text_content("#ladder-layer") == PAYLOADS[0]
    assert texts("#film-true option")[1:] == shown and set(texts("#ladder-a option")[1:]) <= set(shown)
    assert visible(PAYLOADS[0]) in (page.text_content("#film-pair") or "") and PAYLOADS[4] in (page.text_content("#ladder-pair") or "")
    assert PAYLOADS[5] in (page.text_content("#issues") or "")
    page.evaluate("id => fmnistViz.open(id)", f"{PAYLOADS[5]} 5")
    assert page.inner_text("#card-title") == f"{PAYLOADS[5]} 5"
    facts = page.inner_text("#card-facts")
    assert visible(PAYLOADS[5]) in facts and f"against {visible(PAYLOADS[0])}" in facts
    assert set(texts("#card-bars bdi")) == set(shown) or len(texts("#card-bars bdi")) < len(shown)
