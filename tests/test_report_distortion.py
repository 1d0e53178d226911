"""Distortion in the report: packed bytes against the arrays they came from, then colours, words and lines in a real browser."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_report import NAMES, Opened, browser, content_of, raw  # noqa: F401 - the fixture

from fmnist_viz.analysis.overlap import overlap
from fmnist_viz.display.distortion import distortion_colors
from fmnist_viz.export.report import ReportContent, write_report
from fmnist_viz.export.report.distortion import MOST, distortion_index, near_count
from fmnist_viz.export.report.maptable import map_table
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.pipeline.overlap import overlap_notes, overlap_reading, shown_overlaps
from fmnist_viz.projection.distortion import distortion
from fmnist_viz.projection.faithfulness import ENDS

COUNT = 300


@pytest.fixture(scope="module")
def content() -> ReportContent:
    images, labels = raw("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:COUNT], raw("t10k-labels-idx1-ubyte.gz", 8)[:COUNT].astype(np.int64)
    made = content_of(images, labels, NAMES)
    near = exact_graph(images.reshape(COUNT, -1).astype(np.float32), 50).indices
    found = {name: {m: distortion(near, exact_graph(p.coords, 50).indices) for m, p in maps.items() if not p.note} for name, maps in made.projections.items()}
    return dataclasses.replace(made, near={"pixels": near}, held={"pixels": 0.9}, distortions=found)


def test_bytes_are_the_counts_and_the_neighbours(content: ReportContent) -> None:
    index = distortion_index(content)
    for name, method in (("pixels", "pca"), ("pixels", "tsne"), ("dense", "pca")):
        packed, want = index["maps"][name][method], content.distortions[name][method]
        counts = np.frombuffer(base64.b64decode(packed["counts"]), np.uint8)
        np.testing.assert_array_equal(counts >> 4, want.missing)
        np.testing.assert_array_equal(counts & 15, want.false)
        assert (packed["k"], packed["wide"]) == (15, 50)
    assert "umap" not in index["maps"]["dense"], "a map that is a sentence has none"
    near = np.frombuffer(base64.b64decode(index["near"]["pixels"]), "<u2").reshape(COUNT, MOST)
    np.testing.assert_array_equal(near, content.near["pixels"][:, :MOST])
    assert (index["count"], index["width"], index["held"]) == (MOST, 2, {"pixels": 0.9})


def test_lines_take_a_bounded_part_of_the_page() -> None:
    for n in (100, 10_000, 70_000):
        for representations in (1, 3, 5, 12):
            count = near_count(n, representations)
            assert count == 0 or 3 <= count <= MOST
            assert count * n * representations * (2 if n <= 65_536 else 4) * 4 / 3 <= 12_000_000
    assert near_count(10_000, 3) == MOST and near_count(70_000, 5) == 6 and near_count(70_000, 12) == 0


def test_without_it_the_page_does_not_offer_it(tmp_path: Path, content: ReportContent) -> None:
    write_report(tmp_path / "r.html", dataclasses.replace(content, near={}, distortions={}))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert '<option value="distortion"' not in text and "color_distortion" not in text.split('id="figure">')[1].split("</script>")[0]


def test_yardsticks_stand_below_their_score() -> None:
    scores = {"trustworthiness": (0.9, 0.89, 0.91, 0.5, 0.9), "recall": (0.4, 0.3, 0.5, 0.15, np.nan)}
    row = {f"{name}{end}": value for name, values in scores.items() for end, value in zip(ENDS, values, strict=True)}
    frame = pd.DataFrame([{"representation": "pixels", "method": "PCA", "n": 100, "reading": "r", **row}])
    table, notes = map_table(frame)
    assert [c.name for c in table.columns] == ["representation", "method", "reading", "trustworthiness", "recall"]
    assert [cell.text for cell in table.rows[0][3:]] == ["0.900 (0.890–0.910)\nPCA 0.900, shuffled 0.500", "0.400 (0.300–0.500)\nshuffled 0.150"]
    assert any("random order" in line for line in notes)


def test_the_table_of_overlap_holds_what_misleads_and_says_the_rule() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 100)
    X = np.eye(3, 4)[labels] * 30 + rng.standard_normal((300, 4))
    glued = X[:, :2].copy()
    glued[labels == 1] = glued[labels == 0] + 0.1
    near, shown = (exact_graph(np.ascontiguousarray(v, np.float32), 15).indices for v in (X, glued))
    every = {"dense": {m: overlap(near, side, labels, ("a", "b", "c"), representation="dense", method=m) for m, side in (("tsne", shown), ("pca", near))}}
    frame = shown_overlaps(every)
    assert frame["classes"].tolist() == ["a – b"] and frame["verdict"].tolist() == ["looks mixed but is separable on t-SNE"]
    assert frame.loc[0, "in the representation"] == 0 == frame.loc[0, "on PCA"] < 0.5 < frame.loc[0, "on t-SNE"]
    assert overlap_reading(every).startswith("PCA: 0 look mixed but are separable, 0 look separate but are mixed (of 3 pairs on 1 map). t-SNE: 1 look mixed")
    assert "0.13" in overlap_notes(every)[0] and "Benjamini" in overlap_notes(every)[1]
    assert shown_overlaps({"dense": {"pca": every["dense"]["pca"]}}).empty and overlap_notes({}) == [] and overlap_reading({}) == ""


@pytest.mark.browser
def test_colours_words_and_lines_are_of_the_shown_map(browser: Any, content: ReportContent, tmp_path: Path) -> None:  # noqa: F811
    write_report(tmp_path / "r.html", content)
    o = Opened(browser, tmp_path / "r.html")
    page = o.page
    columns = "i => Array.from(Bokeh.documents[0].get_model_by_name('source').data.color_distortion).map(v => v >>> 0)"
    for name, method in (("pixels", "tsne"), ("dense", "pca"), ("pixels", "pca")):
        page.evaluate(f"fmnistViz.show('{name}', '{method}'); fmnistViz.color('distortion')")
        rgb = np.rint(255 * distortion_colors(content.distortions[name][method].shares)).astype(int)
        packed = np.array(page.evaluate(columns))
        drawn = np.stack([packed >> 24, (packed >> 16) & 255, (packed >> 8) & 255], axis=1)
        assert np.abs(drawn - rgb).max() <= 1 and (packed & 255 == 255).all()
    assert o.state()["color"] == "distortion" and page.locator("#legend .square i").count() == 25
    page.evaluate("fmnistViz.show('dense', 'umap')")  # a sentence: nothing to colour by
    assert o.state()["color"] == "class" and page.locator('#color option[value="distortion"]').is_disabled()

    page.evaluate("fmnistViz.show('pixels', 'tsne'); fmnistViz.selectRows([5, 9])")
    lines = page.evaluate("(() => { const d = Bokeh.documents[0].get_model_by_name('links').data; return [d.x0, d.y0, d.x1, d.y1]; })()")
    xy, near = content.projections["pixels"]["tsne"].coords, content.near["pixels"][[5, 9], :MOST]
    want = np.concatenate([np.repeat(xy[[5, 9]], MOST, axis=0), xy[near.ravel()]], axis=1)
    np.testing.assert_allclose(np.array(lines).T, want, rtol=1e-6)
    page.evaluate("fmnistViz.selectRows(Array.from({length: 31}, (_, i) => i))")
    assert o.state()["links"] == 0, "so many could not be told apart"
    page.evaluate("fmnistViz.clear()")
    thumb = page.locator("#wall .thumb").first
    thumb.hover()
    i = int(thumb.get_attribute("data-index"))
    found = content.distortions["pixels"]["tsne"]
    assert f"distortion {found.missing[i]} of 15 neighbours missing, {found.false[i]} false" in " ".join(page.inner_text("#tip-text").split())
    assert o.state()["links"] == MOST
    page.uncheck("#links")
    assert o.state()["links"] == 0
    page.evaluate("fmnistViz.show('dense', 'pca')")
    page.check("#links")
    assert o.state()["links"] == 0, "this representation's neighbours were not given"
    assert o.quiet(), (o.requests, o.faults)
    page.close()
