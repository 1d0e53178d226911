"""`projector.html`: one file with the Projector and a folder's data, opened from the disk with every way out closed."""

from __future__ import annotations

import html
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import call
from conftest import MadeRun
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from projector_data import NAMES, garments, made_up, pixels, run
from projector_page import CHROMIUM, FLAGS, ProjectorPage

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.export.projector import CONFIG, ProjectorTensor, class_order, write_projector
from fmnist_viz.export.projector import excerpt as excerpt_module
from fmnist_viz.export.projector.excerpt import cut_bookmarks, cut_sheet, cut_table, excerpt, kept_rows, narrowed
from fmnist_viz.export.projector.page import _plugin_folder, projector_parts, script_json, write_page
from fmnist_viz.export.sprite import write_sprite

POINTS = 700
EVIL = ("</script><script>window.evil=1</script>", "<!--<script>", "\u2028';window.evil=1//", "<img src=x onerror='window.evil=1'>", "__proto__")
PLENTY = 60_000_000


class OfflinePage(ProjectorPage):
    """The page without TensorBoard's frame around it."""

    def _frame(self) -> Any:
        return self.page.main_frame

    def colours_on_canvas(self) -> int:
        """Clearly different hues (of twelve) in the map."""
        hsv = np.asarray(Image.open(io.BytesIO(self.screenshot())).convert("RGB").crop((330, 110, 1050, 860)).convert("HSV")).reshape(-1, 3)
        vivid = hsv[(hsv[:, 1] > 70) & (hsv[:, 2] > 70)]
        return int((np.bincount(vivid[:, 0].astype(int) * 12 // 256, minlength=12) > 0.0004 * len(hsv)).sum())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no Chromium found")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


def opened(browser: Any, path: Path) -> tuple[OfflinePage, list[str]]:
    """The page from the disk, with no network and every other request refused; and the addresses that were asked for."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page, asked, errors = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.route("**/*", lambda route: route.continue_() if route.request.url == path.as_uri() else route.abort())
    page.goto(path.as_uri())
    shown = OfflinePage(None, page, errors)  # type: ignore[arg-type]
    shown.wait_for_data()
    return shown, asked


def outside(asked: list[str], path: Path) -> list[str]:
    return [url for url in asked if url != path.as_uri() and not url.startswith(("data:", "blob:"))]


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    return run(garments(POINTS))


@pytest.fixture(scope="module")
def folder(arguments: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("offline") / "projector"
    made.mkdir()
    write_projector(made, **arguments)
    return made


@pytest.mark.browser
def test_every_tensor_opens_from_the_disk_with_no_request(browser: Any, folder: Path, arguments: dict[str, Any]) -> None:
    path = folder.parent / "projector.html"
    facts = write_page(folder, path, title="dense on Fashion-MNIST")
    assert facts["bytes"] == path.stat().st_size
    page, asked = opened(browser, path)
    order = class_order(arguments["rows"], arguments["images"].labels, arguments["metadata"]["correct"].to_numpy())
    assert page.page.title() == "dense on Fashion-MNIST"
    assert page.tensors() == ["00_pixels", "01_dense", "02_logits", "w01_conv2d_kernel"]
    for name, points, width, sheet in (("00_pixels", POINTS, 200, 27 * 28), ("01_dense", POINTS, 64, 27 * 28), ("w01_conv2d_kernel", 32, 50, 6 * 24)):
        page.open_tensor(name)
        assert (page.point_count(), page.dimensions(), page.sprite_size()) == (points, width, (sheet, sheet))
    page.open_tensor("00_pixels")
    rows = [0, 99, POINTS - 1]
    assert [row["sample_id"] for row in page.metadata(*rows)] == arguments["images"].sample_ids[order[rows]].tolist()
    views = arguments["samples"][0].views
    for number, slot in enumerate(("pca", "umap")):
        page.open_bookmark(number)
        np.testing.assert_array_equal(page.coordinates((f"{slot}-0", f"{slot}-1")).astype(np.float32), views[number].coords[order])
    assert page.legend() == dict(zip(NAMES, class_colors(10), strict=True))
    assert page.colours_on_canvas() >= 5
    # what is missing is said on the page, below every control
    said = page.page.inner_text("#about summary")
    assert "00_pixels: 784 dimensions became 200" in said and facts["left_out"] == [line for line in facts["left_out"] if line in said]
    tops = [page.page.locator(name).bounding_box() for name in ("vz-projector-dashboard", "#about")]
    assert tops[0]["y"] + tops[0]["height"] <= tops[1]["y"] + 0.5 and tops[1]["y"] + tops[1]["height"] <= 900.5 and tops[1]["height"] < 40
    assert outside(asked, path) == [] and page.errors == []


@pytest.mark.browser
def test_unkind_names_and_cut_rows_do_no_harm(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt_module, "MAX_ROWS", 60)
    monkeypatch.setattr(excerpt_module, "LEAD", 10)
    labels = np.arange(150) % 5
    some = made_up(np.random.default_rng(0).integers(0, 256, (150, 6, 6, 1), dtype=np.uint8), labels, EVIL)
    metadata = pd.DataFrame({"label": np.asarray(EVIL, object)[labels], "true": [f"{name} {i}" for i, name in enumerate(np.asarray(EVIL, object)[labels])]})
    (tmp_path / "p").mkdir()
    write_projector(tmp_path / "p", samples=[ProjectorTensor(pixels(some))], images=some, metadata=metadata, rows=np.arange(150))
    path = tmp_path / "page.html"
    facts = write_page(tmp_path / "p", path, title=f"--> {EVIL[0]} {EVIL[1]}")
    page, asked = opened(browser, path)
    assert page.point_count() == 60
    assert page.sprite_size() == (8 * 24, 8 * 24)
    page.color_by("label")
    assert len(page.legend()) == 5
    assert page.page.title() == " ".join(f"--> {EVIL[0]} {EVIL[1]}".split())
    assert "00_pixels: 60 of 150 points (a random sample, seed 0)" in facts["left_out"][0]
    assert page.ask("VZ-PROJECTOR", "() => window.evil") is None
    assert outside(asked, path) == [] and page.errors == []


@pytest.mark.run
def test_every_run_has_the_page_and_its_manifest_says_what_it_lacks(run_folder: MadeRun) -> None:
    path, facts = run_folder.path / "projector.html", Manifest.load(run_folder.path).stages["projector_page"]
    assert path.stat().st_size == facts["bytes"] < PLENTY
    names = [item["name"] for item in facts["tensors"]]
    assert names == [item.tensor_name for item in excerpt_module.read_config(run_folder.path / "projector")]
    assert any(line.startswith("00_pixels: 784 dimensions became 200") for line in facts["left_out"])
    head = path.read_text(encoding="utf-8")[:3000]
    assert "Copyright 2019 The TensorFlow Authors" in head and "Apache License" in head
    assert "connect-src 'none'" in html.unescape(head)
    assert str(run_folder.path.parent.parent) not in path.read_text(encoding="utf-8")


def test_a_page_of_another_tools_folder(tmp_path: Path) -> None:
    """As PyTorch writes them: text tensors without a shape, a single column without a header."""
    folder = tmp_path / "torch" / "00000"
    folder.mkdir(parents=True)
    X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    np.savetxt(folder / "tensors.tsv", X, delimiter="\t")
    (folder / "metadata.tsv").write_text("".join(f"word{i}\n" for i in range(12)))
    text = 'embeddings { tensor_name: "default:00000" tensor_path: "00000/tensors.tsv" metadata_path: "00000/metadata.tsv" }'
    (folder.parent / CONFIG).write_text(text)
    done = call(tmp_path, "projector-page", "torch")
    assert (done.code, done.err) == (0, "")
    assert "projector.html" in done.out and "(1 tensor, " in done.out
    assert (tmp_path / "projector.html").stat().st_size > 1_000_000
    assert call(tmp_path, "projector-page", "torch").code == 6
    assert call(tmp_path, "projector-page", "torch", "--overwrite").code == 0
    found = excerpt(folder.parent, budget=PLENTY)
    assert found.embeddings[0]["tensorShape"] == [12, 5] and found.left_out == []


@pytest.mark.parametrize(
    ("config", "fact"),
    [
        ("embeddings { tensor_name: 'a' tensor_path: '../secret.tsv' }", "leads outside"),
        ("embeddings { tensor_name: 'a' tensor_path: 'link.tsv' }", "leads outside"),
        ("embeddings { tensor_name: 'a' tensor_path: 't.tsv' metadata_path: '/etc/hostname' }", "leads outside"),
        ("embeddings { tensor_name: 'a' tensor_path: 'none.tsv' }", "is not there"),
        ("embeddings { tensor_name: 'a' tensor_path: 'words.tsv' }", "neither tab-separated numbers"),
        ("embeddings { tensor_name: 'a' }", "no tensor that a page could show"),
        ("embeddings { tensor", "cannot be read"),
        ("", "no tensor"),
        (None, "holds no projector_config.pbtxt"),
    ],
)
def test_a_folder_that_cannot_be_shown_is_one_line_and_no_file(tmp_path: Path, config: str | None, fact: str) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "secret.tsv").write_text("1\t2\n3\t4\n")
    (tmp_path / "p" / "t.tsv").write_text("1\t2\n3\t4\n")
    (tmp_path / "p" / "words.tsv").write_text("a\tb\n")
    (tmp_path / "p" / "link.tsv").symlink_to(tmp_path / "secret.tsv")
    if config is not None:
        (tmp_path / "p" / CONFIG).write_text(config)
    done = call(tmp_path, "projector-page", "p")
    assert done.code == 3 and fact in done.error
    assert not (tmp_path / "projector.html").exists()


def test_without_the_parts_there_is_a_reason_and_no_page(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"has no projector_binary\.html"):
        write_page(folder, tmp_path / "page.html", title="", plugin=tmp_path)
    for name in ("projector_binary.html", "projector_binary.js"):
        shutil.copy(_plugin_folder() / name, tmp_path / name)
    assert projector_parts(tmp_path).program == projector_parts().program
    script = tmp_path / "projector_binary.js"
    script.write_text(script.read_text(encoding="utf-8").replace("/sprite_image?run=", "/sprite?run="), encoding="utf-8")
    with pytest.raises(ResourceError, match="has no /sprite_image"):
        write_page(folder, tmp_path / "page.html", title="", plugin=tmp_path)
    assert not (tmp_path / "page.html").exists()


def test_what_does_not_fit_is_left_out_and_named(folder: Path) -> None:
    whole = excerpt(folder, budget=PLENTY)
    sizes = {name: sum(len(whole.assets[key]) for key in routes.values()) for name, routes in whole.routes.items()}
    # without a budget to speak of every tensor wider than 50 is narrowed further first
    small = excerpt(folder, budget=sizes["00_pixels"] // 2)
    assert small.bytes <= sizes["00_pixels"] // 2
    assert {e["tensorName"] for e in small.embeddings} < set(whole.routes)
    assert any("left out, the page would grow beyond" in line for line in small.left_out)
    assert all(e["tensorShape"][1] <= 50 for e in small.embeddings)
    named = " ".join(small.left_out)
    assert all(name in named for name in whole.routes if name not in small.routes)
    # ready-made views go before their tensor does
    bare = excerpt(folder, budget=whole.bytes - sizes["w01_conv2d_kernel"] - 1000)
    assert "bookmarks" in bare.routes["01_dense"] and "bookmarks" not in bare.routes["02_logits"]
    assert "02_logits: its ready-made views are left out" in " ".join(bare.left_out)


def test_tensors_that_share_a_table_share_it_here(folder: Path) -> None:
    found = excerpt(folder, budget=PLENTY)
    for route in ("metadata", "sprite_image"):
        assert len({found.routes[name][route] for name in ("00_pixels", "01_dense", "02_logits")}) == 1
    assert sum(key.startswith("sprite") for key in found.assets) == 2


def test_narrowing_keeps_neighbours_and_angles() -> None:
    X = garments(400).pixels
    Y, share = narrowed(X, 200)
    assert Y.shape == (400, 200) and 0.97 < share < 1
    unit = [A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X - X.mean(0), Y)]
    assert np.abs(unit[0] @ unit[0].T - unit[1] @ unit[1].T).max() < 0.1
    few, _ = narrowed(X[:3], 200)  # three rows span two axes: padded, so that the page still centres and normalises
    assert few.shape == (3, 50)
    assert np.isfinite(narrowed(np.ones((5, 300), np.float32), 200)[0]).all()


def test_rows_are_a_sample_whatever_their_rhythm() -> None:
    rows = kept_rows(10_000)
    assert len(set(rows.tolist())) == 5000 and (np.diff(rows) > 0).all() and rows[:100].tolist() == list(range(100))
    assert np.bincount(rows % 10, minlength=10).min() > 400
    assert kept_rows(5000).tolist() == list(range(5000))


def test_cut_files_are_of_the_kept_rows(tmp_path: Path) -> None:
    rows, count = np.array([0, 2, 5, 6]), 8
    table = "label\t__seq_next__\n" + "".join(f"name {i}\t{'' if i == 7 else i + 1}\n" for i in range(count))
    assert cut_table(table.encode(), rows, count).decode() == "label\t__seq_next__\nname 0\t1\nname 2\t2\nname 5\t3\nname 6\t\n"
    assert cut_table(b"a\nb\nc\nd\ne\nf\ng\nh\n", rows, count) == b"a\nc\nf\ng\n"
    images: LabeledImages = garments(count)
    write_sprite(tmp_path / "s.png", images.images)
    (tmp_path / "cut.png").write_bytes(cut_sheet(tmp_path / "s.png", (28, 28), rows, count))
    write_sprite(tmp_path / "want.png", images.images[rows])
    np.testing.assert_array_equal(*(np.asarray(Image.open(tmp_path / name)) for name in ("cut.png", "want.png")))


def test_bookmarks_keep_their_points(tmp_path: Path) -> None:
    rows, count = np.array([0, 2, 5, 6]), 8
    whole = {"label": "all", "projections": [{"pca-0": i} for i in range(count)], "selectedPoints": [1, 5], "shuffledDataIndices": [7, 6, 5, 4, 3, 2, 1, 0]}
    part = {"label": "some", "projections": [{"pca-0": 70}, {"pca-0": 20}], "filteredPoints": [7, 2], "selectedPoints": []}
    (tmp_path / "b.json").write_text(json.dumps([whole, part]))
    first, second = json.loads(cut_bookmarks(tmp_path / "b.json", rows, count, 50))
    assert [p["pca-0"] for p in first["projections"]] == [0, 2, 5, 6]
    assert (first["selectedPoints"], first["shuffledDataIndices"], first["dataSetDimensions"]) == ([2], [3, 2, 1, 0], [4, 50])
    assert (second["projections"], second["filteredPoints"]) == ([{"pca-0": 20}], [1])
    for broken in ("{", "[1]", '[{"projections": null}]'):
        (tmp_path / "b.json").write_text(broken)
        with pytest.raises(BadInput, match="no bookmarks of 8 points"):
            cut_bookmarks(tmp_path / "b.json", rows, count, 50)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_text_ends_the_script_it_stands_in(value: Any) -> None:
    text = script_json(value)
    assert text.isascii() and not set(text) & set("<>&\n")
    assert json.loads(text) == value
