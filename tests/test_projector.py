"""The Projector's folder: each rule of TensorBoard's server and page, asked of what was written."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from projector_data import NAMES, SCORES, garments, layer, made_up, pixels, run, table, view, weights

from fmnist_viz.core.errors import BadInput, Damaged, UsageError
from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import Projection, Representation
from fmnist_viz.export.projector import CONFIG, ProjectorTensor, check_folder, class_order, write_projector
from fmnist_viz.export.projector import writer as writer_module
from fmnist_viz.export.projector.bookmarks import REQUIRED
from fmnist_viz.export.projector.config import tensor_name
from fmnist_viz.export.projector.metadata import EMPTY, PIECE, cap_categories, read_as_page, text_columns, tsv
from fmnist_viz.export.projector.view import view_label
from fmnist_viz.export.sprite import MAX_SHEET, grid, on_black, square_thumbs, thumb_side, write_sprite

HOSTILE = ("a\tb", "line\nbreak", "👕 shirt", "", "x" * 300, "<script>alert(1)</script>", "__proto__", "7", "\ufeffmark", "\u2028")


@pytest.fixture(scope="module")
def images() -> Any:
    return garments(400)


@pytest.fixture(scope="module")
def written(images: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run") / "projector"
    folder.mkdir()
    arguments = run(images, 300)
    return folder, arguments, write_projector(folder, **arguments)


def tensor(folder: Path, facts: dict[str, Any], number: int) -> np.ndarray[Any, Any]:
    one = facts["tensors"][number]
    return np.fromfile(folder / one["file"], "<f4").reshape(one["shape"])


def order(arguments: dict[str, Any]) -> np.ndarray[Any, Any]:
    images, metadata = arguments["images"], arguments["metadata"]
    return class_order(arguments["rows"], images.labels, metadata["correct"].to_numpy())


def write(folder: Path, images: Any, *more: Representation, **changes: Any) -> tuple[Path, dict[str, Any]]:
    """A folder of pixels and the given representations, with plain metadata."""
    folder.mkdir()
    samples = [ProjectorTensor(pixels(images)), *(ProjectorTensor(one) for one in more)]
    arguments = {"samples": samples, "images": images, "metadata": table(images), "rows": np.arange(len(images)), **changes}
    return folder, write_projector(folder, **arguments)


def test_a_good_folder_breaks_no_rule_and_its_configuration_is_its_youngest_file(written: Any) -> None:
    folder, _, facts = written
    assert check_folder(folder) == []
    ages = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert max(ages, key=ages.__getitem__) == CONFIG == facts["config"]
    assert [one["name"] for one in facts["tensors"]] == ["00_pixels", "01_dense", "02_logits", "w01_conv2d_kernel"]
    json.dumps(facts, allow_nan=False)


def test_pixels_keep_their_values_in_order_but_for_the_stamp(written: Any) -> None:
    folder, arguments, facts = written
    got, want = tensor(folder, facts, 0), arguments["images"].pixels[order(arguments)]
    assert (folder / "00_pixels.bytes").read_bytes()[0] == 0xFF
    assert np.array_equal(got.ravel()[1:], want.ravel()[1:])
    assert abs(got[0, 0] - want[0, 0]) <= max(3.6e-43, 3.1e-5 * abs(want[0, 0]))


def test_narrow_layers_are_centred_unit_rows_and_padded_and_middling_ones_are_raw(written: Any) -> None:
    folder, arguments, facts = written
    logits, dense = tensor(folder, facts, 2), tensor(folder, facts, 1)
    raw = arguments["samples"][2].representation.X[order(arguments)]
    assert logits.shape == (300, 50)
    assert not logits[:, 10:].any()
    centred = raw - raw.mean(0, dtype=np.float64)
    np.testing.assert_allclose(logits[:, :10], centred / np.linalg.norm(centred, axis=1, keepdims=True), atol=1e-5)
    assert np.array_equal(dense[1:], arguments["samples"][1].representation.X[order(arguments)][1:])
    record = json.loads((folder / "02_logits.json").read_text())["transform"]
    assert record["kind"] == "centred unit rows"
    assert record["zero_padded_to"] == 50
    np.testing.assert_allclose(record["mean"], raw.mean(0), rtol=1e-4)


def test_wide_layers_are_reduced_and_distances_survive(tmp_path: Path, images: Any) -> None:
    wide = layer(images, 1500, "flat")
    folder, facts = write(tmp_path / "p", images, wide)
    got, record = tensor(folder, facts, 1), facts["tensors"][1]["transform"]
    assert got.shape == (400, 200)
    assert record["kind"] == "pca"
    assert 0.9 < record["explained_variance"] <= 1
    rows = class_order(np.arange(400), images.labels, table(images)["correct"].to_numpy())
    far = np.linalg.norm(wide.X[rows][:20, None] - wide.X[rows][None, :20], axis=2)
    near = np.linalg.norm(got[:20, None] - got[None, :20], axis=2)
    assert np.corrcoef(near[far > 0], far[far > 0])[0, 1] > 0.99


@pytest.mark.parametrize("value", [0.0, 0.5, 3.0, 1.1754944e-38, 9.4e-38])
@pytest.mark.parametrize("width", [1, 2, 50, 1100])
def test_constant_layers_are_read_as_numbers_not_as_text(tmp_path: Path, images: Any, value: float, width: int) -> None:
    constant = Representation(np.full((400, width), value, np.float32), images.sample_ids, "constant", "activation")
    folder, facts = write(tmp_path / "p", images, constant)
    with pytest.raises(UnicodeDecodeError):
        (folder / "01_constant.bytes").read_bytes().decode()
    assert np.isfinite(tensor(folder, facts, 1)).all()
    assert facts["tensors"][1]["shape"][1] >= 50


def test_one_value_that_is_not_a_number_is_refused_by_row(tmp_path: Path, images: Any) -> None:
    X = np.zeros((400, 3), np.float32)
    X[7, 1] = np.nan
    with pytest.raises(BadInput, match="'broken': row test/7 holds NaN"):
        write(tmp_path / "p", images, Representation(X, images.sample_ids, "broken", "activation"))
    assert not (tmp_path / "p" / CONFIG).exists()


MANY = tuple(f"c{i}" for i in range(1000))


@pytest.mark.parametrize(("names", "labels"), [(("only",), [0, 0, 0]), (("a", "b"), [1, 0]), (HOSTILE, range(10)), (MANY, range(1000))])
def test_any_number_and_any_name_of_classes(tmp_path: Path, names: tuple[str, ...], labels: Any) -> None:
    labels = np.array(labels)
    some = made_up(np.zeros((len(labels), 8, 8, 1), np.uint8), labels, names)
    metadata = pd.DataFrame({"label": np.asarray(names, object)[labels], "predicted": np.asarray(names, object)[labels]})
    rep = layer(some, 5, "dense")
    samples = [ProjectorTensor(pixels(some), [view(rep, "tsne")]), ProjectorTensor(rep)]
    folder, facts = write(tmp_path / "p", some, samples=samples, metadata=metadata)
    assert check_folder(folder) == []
    assert facts["metadata"]["color_by"] == ("label" if len(set(names)) <= 50 else "No color map")
    cells = [row["label"] for row in read_as_page((folder / "metadata.tsv").read_bytes())[1]]
    assert len(cells) == len(labels)
    assert len(set(cells)) == len(set(labels.tolist()))


def test_fewer_than_two_or_more_than_the_page_takes_is_refused(tmp_path: Path, images: Any) -> None:
    with pytest.raises(BadInput, match="1 images to show"):
        write(tmp_path / "one", images, rows=np.array([3]))
    with pytest.raises(UsageError, match="100,001"):
        write(tmp_path / "many", images, rows=np.zeros(100_001, np.int64))


def test_a_weight_with_fewer_units_than_the_pages_umap_takes_is_left_out_and_named(tmp_path: Path, images: Any) -> None:
    _, facts = write(tmp_path / "p", images, others=[weights(count=1), weights(count=15), weights(count=16)])
    assert facts["skipped"] == [{"representation": "conv2d/kernel", "shape": [count, 9]} for count in (1, 15)]
    assert facts["tensors"][-1]["name"] == "w01_conv2d_kernel"
    assert facts["tensors"][-1]["shape"] == [16, 50]


def test_rows_of_other_images_are_a_programming_error(tmp_path: Path, images: Any) -> None:
    other = dataclasses.replace(layer(images, 3, "dense"), sample_ids=images.sample_ids[::-1])
    with pytest.raises(ValueError, match="other rows"):
        write(tmp_path / "p", images, other)
    with pytest.raises(ValueError, match="view has other rows"):
        ProjectorTensor(pixels(images), [dataclasses.replace(view(layer(images, 3, "dense"), "pca"), sample_ids=images.sample_ids[::-1])])


def test_the_first_rows_visit_the_classes_in_order_and_are_right(written: Any, images: Any) -> None:
    folder, arguments, _ = written
    _, rows = read_as_page((folder / "metadata.tsv").read_bytes())
    assert tuple(row["label"] for row in rows[:10]) == NAMES == tuple(row["predicted"] for row in rows[:10])
    assert {row["correct"] for row in rows[:10]} == {"true"}  # so "true" gets the colour of RIGHT, the first of the palette
    assert sorted(order(arguments)) == sorted(arguments["rows"])


def test_rows_of_every_file_are_the_same_images(written: Any) -> None:
    folder, arguments, facts = written
    ids = [row["sample_id"] for row in read_as_page((folder / "metadata.tsv").read_bytes())[1]]
    assert ids == arguments["images"].sample_ids[order(arguments)].tolist()
    with Image.open(folder / "sprite.png") as image:
        sheet = np.asarray(image)
    row, column = divmod(123, facts["sprite"]["grid"])
    thumb = sheet[row * 28 : row * 28 + 28, column * 28 : column * 28 + 28]
    assert np.array_equal(thumb, 255 - arguments["images"].images[order(arguments)[123], ..., 0])
    assert (sheet[-28:, -28:] == 255).all()  # no image there: white


def test_views_become_bookmarks_with_our_coordinates(written: Any) -> None:
    folder, arguments, facts = written
    states = json.loads((folder / "01_dense.bookmarks.json").read_text())
    assert [s["selectedProjection"] for s in states] == ["pca", "umap"]
    assert all(key in s for s in states for key in REQUIRED)
    assert states[0]["label"].startswith("PCA in 3-D, ")
    assert states[1]["label"].startswith("UMAP, 15 neighbours")
    assert states[1]["label"].endswith(", seed 0. trust .900 · recall@15 .90 · 15-NN .900")
    assert states[1]["selectedColorOptionName"] == "label"
    assert states[0]["pcaComponentDimensions"] == [0, 1, 2]
    got = np.array([[p["umap-0"], p["umap-1"]] for p in states[1]["projections"]], np.float32)
    assert np.array_equal(got, arguments["samples"][1].views[1].coords[order(arguments)])
    assert len(json.loads((folder / "02_logits.bookmarks.json").read_text())) == 1  # the one with a note has no map
    assert facts["tensors"][2]["views_without_map"] == [{"method": "pca", "note": "constant layer: nothing to see"}]


def test_a_label_says_which_tab_its_map_opens_in() -> None:
    view = Projection(np.zeros((3, 2), np.float32), np.array(list("abc")), "dense", "tsne", {"perplexity": 30, "n_iter": 500, "pca_dims": 50}, 0, SCORES)
    assert view_label(view) == "t-SNE (opens in the UMAP tab), perplexity 30, 500 iterations, seed 0. trust .900 · recall@15 .90 · 15-NN .900"
    assert view_label(dataclasses.replace(view, method="umap", scores={})) == "UMAP, perplexity 30, 500 iterations, seed 0"


def test_t_sne_never_goes_into_the_slot_that_restarts_it(written: Any) -> None:
    folder = written[0]
    assert not any(state["selectedProjection"] == "tsne" for path in folder.glob("*.bookmarks.json") for state in json.loads(path.read_text()))


text = st.text(st.characters(codec=None), max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(text, st.one_of(text, st.floats(), st.none(), st.booleans())), min_size=1, max_size=8), text)
def test_the_page_reads_back_exactly_our_rows(cells: list[tuple[Any, Any]], heading: str) -> None:
    raw = tsv(text_columns(pd.DataFrame(cells, columns=pd.Index([heading, "other"], dtype=object), dtype=object)))
    columns, rows = read_as_page(raw)
    assert len(rows) == len(cells) == raw.count(b"\n") - 1
    assert len(columns) == 2
    assert all(row[name] for row in rows for name in columns)
    for (first, _), row in zip(cells, rows, strict=True):
        if first.isprintable() and first.strip():
            assert row[columns[0]].rstrip(" ") == first.rstrip(" ")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 8), st.sampled_from(["é", "靴", "👢"]))
def test_no_character_lies_across_a_border_of_the_page(shift: int, letter: str) -> None:
    names = {"label": [letter * 40] * 30_000, "x" * (shift + 1): [f"{i}" for i in range(30_000)]}
    raw = tsv(names)
    assert len(raw) > PIECE
    assert all(raw[border] & 0xC0 != 0x80 for border in range(PIECE, len(raw), PIECE))
    assert {row["label"] for row in read_as_page(raw)[1]} == {letter * 40}


def test_cells_that_break_the_page_are_made_visible() -> None:
    frame = pd.DataFrame({"label": ["", "a\tb", "c\r\n", "constructor"], "confidence": [0.25, float("nan"), 1.0, 1e-9], "good": [True, False, True, True]})
    columns = text_columns(frame)
    assert columns["label"] == [EMPTY, "a␉b", "c␍␊", "constructor "]
    assert columns["confidence"] == ["0.25", EMPTY, "1", "1e-09"]
    assert columns["good"] == ["true", "false", "true", "true"]


def test_digits_as_class_names_get_a_word() -> None:
    assert text_columns(pd.DataFrame({"label": [0, 7], "predicted": [7, 7]})) == {"label": ["class 0", "class 7"], "predicted": ["class 7", "class 7"]}


def test_a_single_column_gets_a_second_and_equal_names_differ() -> None:
    assert list(text_columns(pd.DataFrame({"a": ["x"]}))) == ["a", "row"]
    assert len(text_columns(pd.DataFrame([["x", "y"]], columns=["a", "a"]))) == 2


def test_pairs_are_capped_at_what_the_page_colours() -> None:
    capped = cap_categories([f"p{i}" for i in range(80) for _ in range(80 - i)])
    assert len(set(capped)) == 50
    assert {"p0", "p48", "other"} <= set(capped)
    assert "p49" not in capped


@pytest.mark.parametrize("title", ["conv2d/kernel", "a b?&#+", "üñí", "", "../../etc", "x" * 300, "<script>", "a:0"])
def test_names_hold_nothing_that_breaks_an_address(title: str) -> None:
    import re

    name = tensor_name("w", 3, 120, title)
    assert re.fullmatch(r"w003_[A-Za-z0-9_.-]{1,60}", name)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 85_264, 85_265, 100_000])
def test_the_sheet_is_square_and_never_too_large(count: int) -> None:
    n, side = grid(count), thumb_side(count, 28, 28)
    assert (n - 1) ** 2 < count <= n * n
    assert n * side <= MAX_SHEET
    assert side == (28 if count <= 85_264 else MAX_SHEET // n)


@pytest.mark.parametrize("shape", [(3, 3, 1), (28, 28, 1), (10, 32, 3), (224, 100, 3), (1, 500, 1)])
def test_thumbnails_of_every_shape_are_square(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    some = np.random.default_rng(0).integers(0, 256, (7, *shape), dtype=np.uint8)
    facts = write_sprite(tmp_path / "s.png", some)
    with Image.open(tmp_path / "s.png") as image:
        assert image.size == (facts["side"], facts["side"])
        assert facts["side"] == facts["grid"] * facts["thumb"]
        assert 24 <= facts["thumb"] <= 64


def test_letterboxing_is_white_and_enlarging_is_by_whole_pixels() -> None:
    flat = square_thumbs(np.zeros((1, 2, 4, 1), np.uint8), 8)[0, ..., 0]
    assert (flat[:2] == 255).all()
    assert (flat[2:6] == 0).all()
    assert (flat[6:] == 255).all()


def test_only_grey_images_on_black_are_inverted(images: Any) -> None:
    assert on_black(images.images)
    assert not on_black(255 - images.images)
    assert not on_black(images.images.repeat(3, axis=3))


@pytest.mark.parametrize(
    ("spoil", "fact"),
    [
        (lambda f: (f / "00_pixels.bytes").write_bytes(b"\x00" + (f / "00_pixels.bytes").read_bytes()[1:]), "first byte"),
        (lambda f: (f / "00_pixels.bytes").write_bytes((f / "00_pixels.bytes").read_bytes()[:-4]), "bytes,"),
        (lambda f: (f / "metadata.tsv").write_bytes((f / "metadata.tsv").read_bytes() + b"\n"), "look blank"),
        (lambda f: (f / "metadata.tsv").write_bytes((f / "metadata.tsv").read_bytes()[:-1]), "not ended"),
        (lambda f: (f / "metadata.tsv").write_bytes((f / "metadata.tsv").read_bytes() + b"a\tb\n"), "rows for 400 points"),
        (lambda f: Image.new("L", (560, 280)).save(f / "sprite.png"), "thumbnails"),
        (lambda f: (f / "checkpoint").write_text(""), "checkpoint"),
        (lambda f: [p.unlink() for p in f.glob("*tfevents*")], "no event file"),
        (lambda f: [p.write_bytes(b"") for p in f.glob("*tfevents*")], "no event file"),
        (lambda f: (f / "00_pixels.bytes").unlink(), "no such file"),
        (lambda f: (f / CONFIG).write_text((f / CONFIG).read_text().replace("metadata.tsv", "../m.tsv")), "outside"),
        (lambda f: (f / CONFIG).write_text((f / CONFIG).read_text().replace("00_pixels\"", "a&b\"", 1)), "addresses"),
        (lambda f: (f / CONFIG).write_text("nonsense: 1"), "cannot be read"),
    ],
)  # fmt: skip
def test_the_check_finds_what_would_take_the_page_down(tmp_path: Path, images: Any, spoil: Any, fact: str) -> None:
    folder, _ = write(tmp_path / "p", images)
    spoil(folder)
    assert any(fact in line for line in check_folder(folder))


def test_a_broken_folder_gets_no_configuration(tmp_path: Path, images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "tsv", lambda columns: tsv(columns) + b"\n")
    with pytest.raises(Damaged, match="look blank"):
        write(tmp_path / "p", images)
    assert not (tmp_path / "p" / CONFIG).exists()


def test_writing_loads_no_tensorflow(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import fmnist_viz.export.projector, fmnist_viz.export.sprite
heavy = ("tensorflow", "pandas", "PIL", "matplotlib", "bokeh", "umap", "tensorboard")
assert not [m for m in heavy if m in sys.modules], "imported with the module"
import projector_data as data
folder = Path({str(tmp_path / "p")!r}); folder.mkdir()
fmnist_viz.export.projector.write_projector(folder, **data.run(data.garments(60)))
print("tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, timeout=60, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_the_event_file_names_no_host(written: Any) -> None:
    import re
    import socket

    (event,) = written[0].glob("*tfevents*")
    assert re.fullmatch(r"events\.out\.tfevents\.\d{10}\.fmnist-viz", event.name)
    assert socket.gethostname().encode() not in event.read_bytes()


def test_the_palette_is_the_pages_own() -> None:
    assert class_colors(10)[:2] == ("#1f77b4", "#d62728")
