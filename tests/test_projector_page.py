"""The Projector's folder in a real TensorBoard and a real browser."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from projector_data import NAMES, garments, layer, made_up, pixels, run, view
from projector_page import ProjectorPage, open_projector

from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import Representation
from fmnist_viz.export.projector import ProjectorTensor, class_order, write_projector

pytestmark = pytest.mark.browser
POINTS = 2000
EVIL = ("<img src=x onerror='window.evil=1'>", "a\tb", "", "__proto__", "👢" * 3)


def hostile() -> dict[str, Any]:
    """Three points per unkind class name, a constant layer, a layer of zeros, and a one-dimensional one."""
    labels = np.arange(15) % 5
    some = made_up(np.random.default_rng(0).integers(0, 256, (15, 5, 9, 3), dtype=np.uint8), labels, EVIL)
    metadata = pd.DataFrame({"label": np.asarray(EVIL, object)[labels]})
    flat = [Representation(np.full((15, width), value, np.float32), some.sample_ids, "flat", "activation") for width, value in ((8, 0.5), (64, 0.5), (64, 0.0))]
    samples = [ProjectorTensor(pixels(some)), ProjectorTensor(layer(some, 1, "single"), title="single?&#")]
    return {"samples": [*samples, *map(ProjectorTensor, flat)], "images": some, "metadata": metadata, "rows": np.arange(15)}


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    return run(garments(POINTS))


@pytest.fixture(scope="module")
def page(arguments: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectorPage]:
    logs = tmp_path_factory.mktemp("projector_logs")
    for name, what in (("a", arguments), ("b", hostile())):
        folder = logs / name / "projector"
        folder.mkdir(parents=True)
        write_projector(folder, **what)
    with open_projector(logs) as shown:
        yield shown


def test_every_route_answers_for_every_tensor(page: ProjectorPage) -> None:
    assert page.server.runs() == ["a/projector", "b/projector"]
    for run_name in page.server.runs():
        for item in page.server.embeddings(run_name):
            rows, width = item["tensorShape"]
            query = {"run": run_name, "name": item["tensorName"]}
            values = np.frombuffer(page.server.get("tensor", **query, num_rows=100_000), "<f4")
            assert values.size == rows * width
            assert np.isfinite(values).all()
            assert page.server.get("metadata", **query, num_rows=100_000).count(b"\n") == rows + 1
            if "bookmarksPath" in item:
                assert all(len(state["projections"]) == rows for state in json.loads(page.server.get("bookmarks", **query)))
            if "sprite" in item:
                with Image.open(io.BytesIO(page.server.get("sprite_image", **query))) as image:
                    assert image.size[0] == image.size[1] == int(np.ceil(np.sqrt(rows))) * item["sprite"]["singleImageDim"][0]


def test_the_page_opens_with_the_pixels(page: ProjectorPage) -> None:
    assert page.runs() == ["a/projector", "b/projector"]
    assert page.shown() == ("a/projector", "00_pixels")
    assert page.tensors() == ["00_pixels", "01_dense", "02_logits", "w01_conv2d_kernel"]
    assert page.point_count() == POINTS
    assert page.dimensions() == 784
    assert page.spherized()
    assert page.sprite_size() == (45 * 28, 45 * 28)
    assert page.errors == []


def test_classes_have_the_colours_of_every_other_display(page: ProjectorPage) -> None:
    assert page.colours_in_screenshot() <= 1
    page.color_by("label")
    assert page.colours_in_screenshot() >= 5
    for column in ("label", "predicted"):
        page.color_by(column)
        assert page.legend() == dict(zip(NAMES, class_colors(10), strict=True))


def test_a_bookmark_shows_our_coordinates(page: ProjectorPage, arguments: dict[str, Any]) -> None:
    order = class_order(arguments["rows"], arguments["images"].labels, arguments["metadata"]["correct"].to_numpy())
    views = arguments["samples"][0].views
    assert [label.split(",")[0] for label in page.bookmarks()] == ["PCA", "t-SNE (opens in the UMAP tab)"]
    for number, (slot, shown) in enumerate(zip(("pca", "umap"), views, strict=True)):
        page.color_by("No color map")
        page.open_bookmark(number)
        assert page.projection() == slot
        np.testing.assert_array_equal(page.coordinates((f"{slot}-0", f"{slot}-1")).astype(np.float32), shown.coords[order])
        assert page.colours_in_screenshot() >= 5  # coloured by label without a further click


def test_ten_logits_are_shown_centred(page: ProjectorPage, arguments: dict[str, Any]) -> None:
    page.open_tensor("02_logits")
    assert page.point_count() == POINTS
    assert page.dimensions() == 50
    assert page.spherized()
    axes = page.coordinates(("pca-0", "pca-1"))
    assert np.abs(axes.mean(0)).max() < 0.2 * axes.std(0).min()  # the page's own PCA does not centre; ours came centred
    logits = arguments["samples"][2].representation
    order = class_order(arguments["rows"], arguments["images"].labels, arguments["metadata"]["correct"].to_numpy())
    rows = logits.X[order] - logits.X[order].mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    true = view(Representation(rows, logits.sample_ids, "unit", "activation"), "pca").coords[:, 0]
    assert abs(np.corrcoef(true, axes[:, 0])[0, 1]) > 0.98


def test_weights_have_their_own_thumbnails(page: ProjectorPage) -> None:
    page.open_tensor("w01_conv2d_kernel")
    assert page.point_count() == 32
    assert page.sprite_size() == (6 * 24, 6 * 24)
    assert page.metadata(5)[0]["filter"] == 5


def test_unkind_names_and_constant_layers_do_no_harm(page: ProjectorPage) -> None:
    page.open_tensor("00_pixels", run="b/projector")
    cells = [row["label"] for row in page.metadata(*range(5))]
    assert cells == [EVIL[0], "a␉b", "(empty)", "__proto__ ", EVIL[4]]
    page.color_by("label")
    assert len(page.legend()) == 5
    for name in page.tensors():
        page.open_tensor(name)
        assert page.point_count() == 15, name
        assert np.isfinite(page.coordinates(("pca-0", "pca-1", "pca-2"))).all(), name
    assert page.ask("VZ-PROJECTOR", "() => window.evil") is None
    assert page.errors == []
