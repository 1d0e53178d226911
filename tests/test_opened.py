"""A finished run in a notebook: what `open_run` gives, against the run's own files."""

from __future__ import annotations

import csv
import html
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import MadeRun

import fmnist_viz
from fmnist_viz.core.errors import BadInput, Damaged


def test_frames_are_the_files(run_folder: MadeRun) -> None:
    run = fmnist_viz.open_run(run_folder.path)
    with open(run_folder.path / "predictions.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert run.predictions["sample_id"].tolist() == [row["sample_id"] for row in rows]
    np.testing.assert_allclose(run.predictions["confidence"], [float(row["confidence"]) for row in rows])
    assert set(run.tables) == {path.stem for path in (run_folder.path / "tables").glob("*.csv")}
    assert set(run.maps) == {path.stem for path in (run_folder.path / "projections").glob("*.csv")}
    name = next(iter(run.maps))
    assert {"sample_id", "x", "y"} <= set(run.maps[name].columns)
    assert run.tables["per_class"]["class"].tolist() == list(run.class_names)
    with pytest.raises(KeyError):
        run.tables["nothing"]
    assert repr(run).startswith("<run run>") and name in repr(run) and run._repr_html_().count("<tr>") == 5


def test_what_is_no_run_or_was_changed_is_said(run_folder: MadeRun, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json"):
        fmnist_viz.open_run(tmp_path)
    (tmp_path / "tables").mkdir()
    shutil.copy(run_folder.path / "manifest.json", tmp_path)
    (tmp_path / "tables" / "pairs.csv").write_text("true,predicted\n", encoding="utf-8")
    run = fmnist_viz.open_run(tmp_path)
    for read in (lambda: run.report(), lambda: run.predictions, lambda: run.tables["pairs"]):
        with pytest.raises(Damaged):
            read()


@pytest.mark.browser
def test_the_report_works_in_a_frame(run_folder: MadeRun, tmp_path: Path) -> None:
    """As a notebook shows it: no address of its own, an origin that reaches nothing."""
    sync_api = pytest.importorskip("playwright.sync_api")
    shown = fmnist_viz.open_run(run_folder.path).report(height=700)
    text = shown._repr_html_()
    source = re.search(r'srcdoc="([^"]*)"', text)
    assert source and html.unescape(source[1]) == (run_folder.path / "report.html").read_text(encoding="utf-8") and "height:700px" in text
    (tmp_path / "notebook.html").write_text(f'<!doctype html><meta charset="utf-8"><body>{text}', encoding="utf-8")
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page, faults = browser.new_page(viewport={"width": 1280, "height": 800}), []
        page.route(re.compile("^(?!file:|blob:|data:|about:)"), lambda route: (faults.append(route.request.url), route.abort()))
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.goto((tmp_path / "notebook.html").as_uri())
        frame = page.frames[1]
        frame.wait_for_selector("html[data-ready=yes]", state="attached", timeout=30_000)
        frame.click(".cell.right >> nth=0")
        frame.click("#wall .thumb >> nth=0")
        assert frame.is_visible("#card") and frame.inner_text("#card-title").startswith("test/")
        assert not faults
        browser.close()
