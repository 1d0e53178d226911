"""What a person sees of a real run: TensorBoard started by hand, the report without a network, and tables that agree with both."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MadeRun
from PIL import Image
from projector_page import ProjectorPage, open_projector
from test_report import COAT, NAMES, PULLOVER, Opened, expected_ids, raw

pytestmark = [pytest.mark.run, pytest.mark.browser]
SHOWN = 600
Z = 1.959963984540054


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


# --- TensorBoard ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def projector(run_folder: MadeRun) -> Iterator[ProjectorPage]:
    """`tensorboard --logdir projector_logs` in the folder above, and its Projector tab."""
    assert run_folder.path.parent.name == "projector_logs"
    with open_projector(run_folder.path.parent) as page:
        yield page


def test_tensorboard_answers_for_every_tensor_of_the_run(projector: ProjectorPage) -> None:
    server = projector.server
    assert server.runs() == ["run/projector", *(f"run/projector_epochs/{name}" for name in ("epoch_000", "epoch_001", "trajectory"))]
    tensors = {item["tensorName"]: item for item in server.embeddings("run/projector")}
    samples, vectors = ["00_pixels", "01_dense", "02_logits"], ["c01_dense_class_vectors"]
    mistakes = ["m01_pixels_misclassified", "m02_dense_misclassified"]
    assert [name for name in tensors if not name.startswith("w")] == [*samples, *vectors, *mistakes]
    assert len(tensors) == 7  # with the dense layer's 128 units; the ten output units are the class vectors
    for name, item in tensors.items():
        count, width = item["tensorShape"]
        query = {"run": "run/projector", "name": name}
        values = np.frombuffer(server.get("tensor", **query, num_rows=100_000), "<f4")
        assert values.size == count * width
        assert np.isfinite(values).all()
        lines = server.get("metadata", **query, num_rows=100_000).decode().splitlines()
        assert len(lines) == count + 1
        assert len({line.count("\t") for line in lines}) == 1
        if "sprite" in item:
            side = item["sprite"]["singleImageDim"][0]
            with Image.open(io.BytesIO(server.get("sprite_image", **query))) as sheet:
                assert sheet.size == (side * int(np.ceil(np.sqrt(count))),) * 2
        if not name.startswith("w"):
            assert (count == SHOWN) == (name in (*samples, *vectors))
            assert "sprite" in item


def test_the_projector_page_shows_the_run(projector: ProjectorPage) -> None:
    assert projector.shown() == ("run/projector", "00_pixels")
    assert projector.point_count() == SHOWN
    assert projector.sprite_size() == (25 * 28, 25 * 28)  # 600 thumbnails on a square sheet
    projector.color_by("label")
    assert projector.colours_in_screenshot() >= 5
    assert set(projector.legend()) == set(NAMES)
    assert projector.errors == []


def test_a_point_of_the_projector_is_its_image(projector: ProjectorPage) -> None:
    """Row by row: the id names an image of the original file, whose label and pixels the Projector shows."""
    labels = raw("t10k-labels-idx1-ubyte.gz", 8)
    pixels = raw("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float64)
    metadata = projector.metadata(*range(SHOWN))
    original = [int(row["sample_id"].split("/")[1]) for row in metadata]
    assert [row["label"] for row in metadata] == [NAMES[labels[i]] for i in original]
    values = np.frombuffer(projector.server.get("tensor", run="run/projector", name="00_pixels", num_rows=SHOWN), "<f4").reshape(SHOWN, 784).astype(np.float64)
    wanted = pixels[original]
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(values, wanted, strict=True)]
    others = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(values, np.roll(wanted, 1, axis=0), strict=True)])
    assert np.median(correlation) > 0.8  # the page gets them centred and scaled
    assert (correlation > others).mean() > 0.99


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(projector: ProjectorPage) -> Any:
    """The browser that shows TensorBoard: Playwright runs one at a time."""
    return projector.page.context.browser


def test_a_click_on_a_cell_marks_and_shows_exactly_its_images(run_folder: MadeRun, browser: Any, tmp_path: Path) -> None:
    """Without a network; the cell's images come from the raw label file and the run's own predictions.csv, by plain NumPy."""
    table = run_folder.path / "predictions.csv"
    in_order, by_margin = expected_ids(table, PULLOVER, COAT)
    assert len(in_order) > 3
    opened = Opened(browser, run_folder.path / "report.html")
    opened.page.click(f'.cell[data-true="{PULLOVER}"][data-predicted="{COAT}"]')
    ids = [row["sample_id"] for row in rows_of(table)]
    indices = opened.page.evaluate("Bokeh.documents[0].get_model_by_name('source').selected.indices")
    assert [ids[i] for i in indices] == in_order == opened.page.evaluate("fmnistViz.selected()")
    assert sorted(opened.walled()) == sorted(by_margin)
    assert opened.quiet(), (opened.requests, opened.faults)
    opened.page.close()

    shifted = tmp_path / "shifted.csv"  # every prediction one row off: the comparison must see it
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    parts = [line.split(",", 1) for line in lines]
    shifted.write_text("\n".join([head, *(f"{a[0]},{b[1]}" for a, b in zip(parts, parts[1:] + parts[:1], strict=True))]), encoding="utf-8")
    assert expected_ids(shifted, PULLOVER, COAT)[0] != in_order


def test_every_map_of_the_run_opens_in_the_report(run_folder: MadeRun, browser: Any) -> None:
    opened = Opened(browser, run_folder.path / "report.html")
    for layer in ("pixels", "dense", "logits"):
        for method, title in (("pca", "PCA"), ("tsne", "t-SNE"), ("umap", "UMAP")):
            opened.page.evaluate(f"fmnistViz.show('{layer}', '{method}')")
            caption = opened.page.inner_text("#map-caption")
            assert layer in caption
            assert title in caption
            assert "Trustworthiness" in caption
    assert opened.quiet(), (opened.requests, opened.faults)
    opened.page.close()


# --- the tables -------------------------------------------------------------------------------------------------------


def counts_of(run: Path) -> np.ndarray[Any, Any]:
    """Confusion counts from the raw labels and the probabilities, cell by cell."""
    rows = rows_of(run / "predictions.csv")
    labels = raw("t10k-labels-idx1-ubyte.gz", 8)
    true = labels[[int(row["sample_id"].split("/")[1]) for row in rows]]
    predicted = np.array([[float(row[f"p_{name}"]) for name in NAMES] for row in rows]).argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (true, predicted), 1)
    return counts


def wilson(k: float, n: float) -> tuple[float, float]:
    """The interval's two ends as the roots of (p - k/n)^2 = z^2 p (1 - p) / n."""
    return tuple(sorted(np.roots([1 + Z * Z / n, -(2 * k / n + Z * Z / n), (k / n) ** 2]).real))  # type: ignore[return-value]


def test_confusion_tables_agree_with_the_predictions(run_folder: MadeRun) -> None:
    counts = counts_of(run_folder.path)
    assert counts.sum() == 1500
    assert counts.sum(axis=1).tolist() == [150] * 10  # the sample is stratified
    cells = rows_of(run_folder.path / "tables/confusion.csv")
    assert {(row["true"], row["predicted"]): int(row["count"]) for row in cells} == {
        (a, b): counts[i, j] for i, a in enumerate(NAMES) for j, b in enumerate(NAMES)
    }
    for row in cells:
        low, high = wilson(int(row["count"]), 150)
        assert (float(row["low"]), float(row["high"])) == pytest.approx((low, high), abs=1e-6)
        assert float(row["rate"]) == pytest.approx(int(row["count"]) / 150, abs=1e-6)

    pairs = rows_of(run_folder.path / "tables/pairs.csv")
    wrong = {(NAMES[i], NAMES[j]): int(counts[i, j]) for i in range(10) for j in range(10) if i != j and counts[i, j]}
    assert {(row["true"], row["predicted"]): int(row["count"]) for row in pairs} == wrong
    rates = [float(row["rate"]) for row in pairs]
    assert rates == sorted(rates, reverse=True)


def test_per_class_agrees_with_the_predictions(run_folder: MadeRun) -> None:
    counts = counts_of(run_folder.path)
    for k, row in enumerate(rows_of(run_folder.path / "tables/per_class.csv")):
        tp, n, named = counts[k, k], counts[k].sum(), counts[:, k].sum()
        assert row["class"] == NAMES[k]
        assert [int(row[name]) for name in ("n", "tp", "fp", "fn", "tn")] == [n, tp, named - tp, n - tp, counts.sum() - n - named + tp]
        precision, recall = tp / named, tp / n
        found = [float(row[name]) for name in ("precision", "recall", "f1")]
        assert found == pytest.approx([precision, recall, 2 * precision * recall / (precision + recall)], abs=1e-6)
        assert (float(row["recall_low"]), float(row["recall_high"])) == pytest.approx(wilson(tp, n), abs=1e-6)


def test_every_map_has_the_mapped_images_in_order(run_folder: MadeRun) -> None:
    ids = [row["sample_id"] for row in rows_of(run_folder.path / "predictions.csv")]
    assert len(set(ids)) == 1500
    labels = raw("t10k-labels-idx1-ubyte.gz", 8)
    assert [row["true"] for row in rows_of(run_folder.path / "predictions.csv")] == [NAMES[labels[int(i.split("/")[1])]] for i in ids]
    for layer in ("pixels", "dense", "logits"):
        for method in ("pca", "tsne", "umap"):
            rows = rows_of(run_folder.path / f"projections/{layer}_{method}.csv")
            assert [row["sample_id"] for row in rows] == ids, (layer, method)
            xy = np.array([[float(row["x"]), float(row["y"])] for row in rows])
            assert np.isfinite(xy).all()
            assert xy.std(axis=0).min() > 0
    units = [rows_of(path) for path in sorted((run_folder.path / "projections").glob("*kernel*_pca.csv"))]
    assert sorted(map(len, units)) == [10, 128]
