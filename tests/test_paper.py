"""Figures for papers: exact widths, type that can be read and searched, names apart from each other, files that are small, numbers that agree."""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call
from conftest import MadeRun
from matplotlib.collections import Collection
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

import fmnist_viz
from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.core.errors import BadInput, OutputBusy, UsageError
from fmnist_viz.core.types import Projection
from fmnist_viz.display.confusion import ConfusionDisplay
from fmnist_viz.display.map import MapDisplay
from fmnist_viz.display.map_grid import MapGridDisplay
from fmnist_viz.display.paper import Plate
from fmnist_viz.display.paper.confusion import ConfusionFigure
from fmnist_viz.display.paper.maps import MapFigure, MapsFigure
from fmnist_viz.display.paper.plate import LEAST_LINE, LEAST_TYPE, TALLEST
from fmnist_viz.export.paper import LARGEST, save, write_paper

NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
WIDTHS = (85.0, 180.0)


def planted(n: int, *, apart: float = 4.0, seed: int = 0) -> tuple[Projection, np.ndarray[Any, np.dtype[np.int64]]]:
    """A map of ten groups around a circle."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    turn = 2 * np.pi * labels / 10
    xy = np.stack([np.cos(turn), np.sin(turn)], 1) * apart + rng.normal(size=(n, 2))
    ends = {"": 0.98, "_low": 0.97, "_high": 0.99, "_pca": 0.6, "_chance": 0.5}
    scores: dict[str, Any] = {f"{name}{end}": v for name in ("trustworthiness", "continuity", "recall", "triplet_accuracy") for end, v in ends.items()}
    scores |= {"n": n, "queries": 1000, "k": 15, "seed": 3, "triplets": 100}
    ids = np.array([f"test/{i}" for i in range(n)])
    return Projection(xy.astype(np.float32), ids, "dense", "tsne", {"perplexity": 30.0, "seconds": 1.0}, 3, scores), labels


@pytest.fixture(scope="module")
def large() -> MapFigure:
    p, labels = planted(10_000)
    return MapFigure("map_dense_tsne", MapDisplay(p, labels, NAMES, np.arange(10_000) % 9 > 0))


def millimetres(path: Path) -> float:
    """The width that a file says it has."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return image.width / image.info["dpi"][0] * 25.4
    data = path.read_bytes()
    if path.suffix == ".pdf":
        box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+) ", data)
        assert box
        return float(box[1]) / 72 * 25.4
    width = re.search(rb'<svg [^>]*?width="([0-9.]+)pt"', data)
    assert width
    return float(width[1]) / 72 * 25.4


def pdf_streams(data: bytes) -> Iterator[bytes]:
    for part in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            yield zlib.decompress(part)
        except zlib.error:
            yield part


def boxes(plate: Plate, gid: str) -> list[Any]:
    renderer = plate.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    found = [t for t in plate.figure.findobj(Text) if str(t.get_gid()).startswith(gid)]
    return [t.get_window_extent(renderer) for t in found]


def within(axis: Any, place: float) -> bool:
    """Whether a tick lies in what is shown of its axis: others are not drawn."""
    low, high = sorted(axis.get_view_interval())
    return bool(low <= place <= high)


def readable(plate: Plate) -> list[str]:
    """What breaks the rules of type and line, or lies outside."""
    plate.figure.set_dpi(100)  # places and sizes are in inches and points
    plate.figure.canvas.draw()
    renderer, page, faults = plate.figure.canvas.get_renderer(), plate.figure.bbox, []  # type: ignore[attr-defined]
    undrawn = {
        id(tick.label1) for ax in plate.figure.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_major_ticks() if not within(axis, tick.get_loc())
    }
    for text in plate.figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip() or id(text) in undrawn:
            continue
        if text.get_fontsize() < LEAST_TYPE:
            faults.append(f"{text.get_text()!r}: {text.get_fontsize()} pt")
        box = text.get_window_extent(renderer)
        on = text.axes is None or (text.axes.axison and text.axes.get_visible())
        if on and (box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1):
            faults.append(f"{text.get_text()!r} outside the page")
    for line in plate.figure.findobj(Line2D):
        if 0 < line.get_linewidth() < LEAST_LINE:
            faults.append(f"a line of {line.get_linewidth()} pt")
    for group in plate.figure.findobj(Collection):
        wide = np.atleast_1d(group.get_linewidth())
        if ((wide > 0) & (wide < LEAST_LINE)).any():
            faults.append(f"lines of {wide.min()} pt")
    return faults


def test_a_map_of_ten_thousand_has_its_width_and_two_megabytes_at_most(large: MapFigure, tmp_path: Path) -> None:
    for width in WIDTHS:
        plate = large.plot(width)
        for kind in ("png", "svg", "pdf"):
            path = tmp_path / f"{width:g}.{kind}"
            size = save(plate, path)
            assert size == path.stat().st_size <= LARGEST
            assert millimetres(path) == pytest.approx(width, abs=0.1)


def test_text_stays_text_and_its_fonts_are_in_the_file(large: MapFigure, tmp_path: Path) -> None:
    plate = large.plot(85)
    save(plate, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    for name in NAMES:
        assert f">{name}</text>" in svg
    assert "sans-serif" in svg
    assert svg.count("<image ") == 1, "ten thousand points are one picture"
    assert svg.count("<use ") < 100
    save(plate, tmp_path / "a.pdf")
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf, "TrueType, embedded"
    assert b"/Type3" not in pdf
    assert sum(stream.count(b"Tj") + stream.count(b"TJ") for stream in pdf_streams(pdf)) >= len(NAMES)


def test_few_points_stay_shapes(tmp_path: Path) -> None:
    p, labels = planted(300)
    save(MapFigure("m", MapDisplay(p, labels, NAMES)).plot(85), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert "<image " not in svg
    assert svg.count("<use ") >= 300


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("apart", [4.0, 0.6])
def test_names_do_not_overlap_each_other_nor_the_letter(width: float, apart: float) -> None:
    p, labels = planted(2000, apart=apart)
    plate = MapFigure("m", MapDisplay(p, labels, NAMES)).plot(width, letters=True)
    placed = boxes(plate, "class-name-")
    assert len(placed) + sum(note.count(",") + 1 for note in plate.notes) == len(NAMES)
    for a, b in combinations([*placed, *boxes(plate, "letter")], 2):
        assert not a.overlaps(b), (a, b)
    ax = plate.figure.axes[0].get_window_extent()
    assert all(ax.x0 <= box.x0 and box.x1 <= ax.x1 and ax.y0 <= box.y0 and box.y1 <= ax.y1 for box in placed)


def test_names_stand_at_the_densest_point_where_there_is_room() -> None:
    p, labels = planted(2000, apart=12.0)
    plate = MapFigure("m", MapDisplay(p, labels, NAMES)).plot(180)
    ax = plate.figure.axes[0]
    for c, box in enumerate(boxes(plate, "class-name-")):
        place = ax.transData.inverted().transform([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        away = np.linalg.norm(p.coords[:, None] - place, axis=2)[:, 0]
        assert labels[away.argmin()] == c or away.min() < 1.0


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_order(tmp_path: Path) -> None:
    texts = []
    for seed in (3, 3, 4):
        p, labels = planted(400, apart=0.3)
        p = Projection(p.coords, p.sample_ids, p.representation, p.method, p.parameters, seed)
        plate = MapFigure("m", MapDisplay(p, labels, NAMES)).plot(85)
        for kind in ("png", "svg", "pdf"):
            save(plate, tmp_path / f"a.{kind}")
        texts.append({kind: (tmp_path / f"a.{kind}").read_bytes() for kind in ("png", "svg", "pdf")})
    assert texts[0] == texts[1]
    assert all(texts[0][kind] != texts[2][kind] for kind in texts[0])


def test_a_grid_numbers_the_classes_and_turns_where_that_is_shorter() -> None:
    p, labels = planted(300)
    maps = {f"layer {i}": {m: Projection(p.coords, p.sample_ids, f"layer {i}", m, {}, 0, p.scores) for m in ("pca", "tsne")} for i in range(5)}
    figure = MapsFigure("maps", MapGridDisplay(maps, labels, NAMES))
    page, column = figure.plot(180), figure.plot(85)
    assert page.height < page.width, "methods are rows on a page"
    assert column.height > column.width
    for plate in (page, column):
        words = {t.get_text() for t in plate.figure.findobj(Text)}
        assert {*(str(i + 1) for i in range(10)), *(f"{i + 1} {name}" for i, name in enumerate(NAMES))} <= words
        assert not readable(plate)
        assert plate.height * 25.4 <= TALLEST + 1


@pytest.mark.parametrize("classes", [2, 10, 40])
def test_a_matrix_shows_no_number_that_cannot_be_read(classes: int) -> None:
    rng = np.random.default_rng(0)
    names = [f"class {i}" for i in range(classes)]
    counts = np.diag(rng.integers(500, 999, classes)) + rng.integers(0, 40, (classes, classes))
    found = Confusion(counts.astype(np.int64), tuple(names))
    for width in WIDTHS:
        plate = ConfusionFigure("m", ConfusionDisplay(found, rates=True)).plot(width)
        assert not readable(plate)
        ax = next(a for a in plate.figure.axes if a.get_gid() == "matrix")
        cell = ax.get_window_extent().width / classes
        assert all(t.get_window_extent().width <= cell for t in ax.texts)
        labels = [t for t in ax.get_yticklabels() if t.get_visible()]
        places = [t.get_window_extent() for t in labels]
        assert not any(a.overlaps(b) for a, b in combinations(places, 2))
        assert bool(plate.notes) == (classes == 40 and width == 85)


def test_caption_csv_and_json_say_the_same(large: MapFigure, tmp_path: Path) -> None:
    write_paper(tmp_path, [large], widths=[85], formats=["png"], letters=False, source={"run": "planted"})
    with open(tmp_path / "map_dense_tsne.csv", newline="", encoding="utf-8") as f:
        head, *rows = csv.reader(f)
    told = json.loads((tmp_path / "map_dense_tsne.json").read_text(encoding="utf-8"))
    assert told["columns"] == head
    assert len(told["rows"]) == len(rows) == told["n"] == 10_000
    at = head.index("x")
    assert [float(row[at]) for row in rows] == [row[at] for row in told["rows"]]
    assert np.array_equal(np.array([row[at] for row in told["rows"]], np.float32), large.display.projection.coords[:, 0])
    caption = (tmp_path / "map_dense_tsne.md").read_text(encoding="utf-8")
    assert told["caption"] in caption
    for line in ("- n: 10000", "- seed: 3", "perplexity: 30", "trustworthiness: 0.98", "- run: planted"):
        assert line in caption
    assert "seconds" not in caption


@pytest.fixture(scope="module")
def found(run_folder: MadeRun) -> Any:
    return fmnist_viz.figures(run_folder.path)


@pytest.mark.run
def test_every_kind_of_a_real_run_can_be_read_at_both_widths(found: Any) -> None:
    kinds = {"map_", "maps", "confusion_", "calibration", "training_curves", "ladder", "film_", "dossier_", "class_cards", "overlap_", "scree_", "weights_"}
    assert all(any(name.startswith(kind) for name in found.names) for kind in kinds)
    assert set(found.missing) == {"ladder", "film"}, "what the run keeps no coordinates of is named"
    seen = set()
    for name in found.names:
        kind = next(k for k in kinds if name.startswith(k))
        if kind in seen and kind != "confusion_":
            continue
        seen.add(kind)
        for width in WIDTHS:
            plate = found.plot(name, width, letters=width == 85)
            assert plate.figure.get_size_inches()[0] * 25.4 == pytest.approx(width, abs=1e-6)
            assert plate.height * 25.4 <= TALLEST + 15, name
            assert not readable(plate), name
            assert plate.figure._suptitle is None  # type: ignore[attr-defined]
            assert not any(ax.get_title() or ax.get_title("left") for ax in plate.figure.axes)


@pytest.mark.run
def test_the_numbers_are_those_of_the_runs_tables(found: Any, run_folder: MadeRun) -> None:
    run = fmnist_viz.open_run(run_folder.path)
    bins = found["calibration"].frame().query("part == 'bin'")
    assert np.allclose(bins["said"].to_numpy(), run.tables["calibration"]["said"].to_numpy(), atol=1e-5)
    assert found["calibration"].facts["n"] == len(run.predictions)
    cells = found["confusion_counts"].frame()
    assert cells["count"].sum() == len(run.predictions)
    assert (cells["count"].to_numpy() == run.tables["confusion"]["count"].to_numpy()).all()
    films = found["film_learning"].frame()
    assert np.allclose(films["recall"].to_numpy(), run.tables["film_classes"]["recall"].to_numpy(), atol=1e-6)
    own = found["map_dense_tsne"].frame()
    assert (own["x"].to_numpy(np.float32) == run.maps["dense_tsne"]["x"].to_numpy(np.float32)).all()
    pair = next(name for name in found.names if name.startswith("dossier_"))
    a, b = (found[pair].class_names[c] for c in found[pair].pair)
    said = run.predictions
    wrong = said[(said["true"].eq(a) & said["predicted"].eq(b)) | (said["true"].eq(b) & said["predicted"].eq(a))]
    assert sorted(found[pair].frame()["sample_id"]) == sorted(wrong["sample_id"])
    assert sum(len(found[pair].rows(d)) for d in found[pair].directions) == len(wrong)


@pytest.mark.run
def test_the_command_writes_a_folder_that_verifies_and_refuses_what_is_wrong(run_folder: MadeRun, tmp_path: Path) -> None:
    run = str(run_folder.path)
    done = call(tmp_path, "figures", run, "--only", "curves,confusion", "--width", "85", "--format", "svg,pdf", "--out", "paper")
    assert done.code == 0, done.err
    names = {path.name for path in (tmp_path / "paper").iterdir()}
    for stem in ("training_curves", "confusion_counts", "confusion_rates", "confusion_ordered"):
        assert {f"{stem}_85mm.svg", f"{stem}_85mm.pdf", f"{stem}.md", f"{stem}.csv", f"{stem}.json"} <= names
    assert not any("180mm" in name or name.endswith(".png") for name in names)
    assert call(tmp_path, "verify", "paper").code == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "paper").iterdir()}
    assert call(tmp_path, "figures", run, "--only", "curves", "--width", "85,100", "--format", "svg", "--out", "paper").code == 0
    second = {path.name: path.read_bytes() for path in (tmp_path / "paper").iterdir() if path.name != "manifest.json"}
    assert set(second) == {*first, "training_curves_100mm.svg"} - {"manifest.json"}, "what the earlier call has drawn stays"
    assert call(tmp_path, "verify", "paper").code == 0
    (tmp_path / "paper" / "confusion_counts.csv").write_text("mine")
    changed = call(tmp_path, "figures", run, "--only", "curves", "--out", "paper")
    assert changed.code == OutputBusy.exit_code and "was changed since it was written" in changed.error
    assert (tmp_path / "paper" / "confusion_counts.csv").read_text() == "mine"

    bad = call(tmp_path, "figures", run, "--only", "map")
    assert bad.code == UsageError.exit_code
    assert all(kind in bad.error for kind in ("maps", "confusion", "dossier"))
    for flags in (("--width", "20"), ("--width", "wide"), ("--format", "gif")):
        assert call(tmp_path, "figures", run, *flags).code == UsageError.exit_code
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    assert call(tmp_path, "figures", run, "--only", "curves", "--out", "mine").code == OutputBusy.exit_code
    assert call(tmp_path, "figures", str(tmp_path / "mine")).code == BadInput.exit_code
