"""Displays: the tables hold what plain NumPy computes, and the drawings say it legibly."""

from __future__ import annotations

import gzip
import io
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fmnist_viz.analysis.confusion import Confusion, confusion
from fmnist_viz.core.palette import class_colors
from fmnist_viz.core.types import LabeledImages, Predictions, Projection, Source
from fmnist_viz.display.confusion import ConfusionDisplay
from fmnist_viz.display.lettering import clean, fitted, missing_signs, shorten, text_width, wrap
from fmnist_viz.display.map import MapDisplay
from fmnist_viz.display.map_grid import MapGridDisplay
from fmnist_viz.display.names import densest_points
from fmnist_viz.display.pictures import enlarged
from fmnist_viz.display.sample_grid import SampleGridDisplay, dark_ground, shown
from fmnist_viz.display.style import readable, styled
from fmnist_viz.display.training_curves import TrainingCurvesDisplay
from fmnist_viz.export.report.curves import curve_panels

NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HOSTILE = ("$x_1$ & <b>", "_hidden", "上衣 T恤", "a" * 300, "two\nlines\x1b[31m\x00", "100 % $", "{brace}\\frac", "\u202eعربى", "]]>\ud800", "")
FOLDER = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def real() -> LabeledImages:
    """The first 1,500 test images of Fashion-MNIST."""
    if not FOLDER.exists():
        pytest.skip("Fashion-MNIST is not installed here")
    images = np.frombuffer(gzip.decompress((FOLDER / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28, 1)[:1500]
    labels = np.frombuffer(gzip.decompress((FOLDER / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)[:1500].astype(np.int64)
    ids = np.array([f"test/{i}" for i in range(1500)])
    return LabeledImages(images, labels, NAMES, ids, "test", Source("fashion-mnist", "Fashion-MNIST", "0", official=True))


@pytest.fixture(scope="module")
def pca(real: LabeledImages) -> Projection:
    X = real.pixels - real.pixels.mean(axis=0)
    _, s, vt = np.linalg.svd(X, full_matrices=False)
    shares = (s**2 / (s**2).sum())[:2].tolist()
    return Projection((X @ vt[:2].T).astype(np.float32), real.sample_ids, "pixels", "pca", {"variance": shares}, 0)


def by_gid(figure, start: str) -> list:
    return [a for a in figure.findobj(lambda artist: (artist.get_gid() or "").startswith(start))]


def boxes(figure, start: str) -> list:
    figure.canvas.draw()
    return [text.get_window_extent(figure.canvas.get_renderer()) for text in by_gid(figure, start)]


def svg_of(figure) -> str:
    file = io.StringIO()
    with styled():
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def rgb_of(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()


def near(rgb: np.ndarray, color: str, tolerance: int = 40) -> int:
    want = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(rgb.astype(int) - want).max(axis=2) < tolerance).sum())


def test_importing_displays_and_figures_loads_no_plotting_library() -> None:
    code = (
        "import sys, fmnist_viz.display.map_grid, fmnist_viz.display.confusion, fmnist_viz.export.figures\n"
        "print([m for m in ('matplotlib', 'pandas', 'PIL', 'scipy', 'tensorflow', 'umap') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_no_pyplot_in_the_library() -> None:
    for room in ("display", "export"):
        for path in (Path(__file__).parent.parent / "fmnist_viz" / room).rglob("*.py"):
            assert "import matplotlib.pyplot" not in path.read_text() and "from matplotlib import pyplot" not in path.read_text(), path


def test_map_frame_holds_the_coordinates_labels_and_names(real: LabeledImages, pca: Projection) -> None:
    correct = np.arange(len(real)) % 5 != 0
    frame = MapDisplay(pca, real.labels, NAMES, correct).frame()
    assert list(frame.columns) == ["sample_id", "x", "y", "label", "class", "correct"]
    np.testing.assert_array_equal(frame[["x", "y"]].to_numpy(), pca.coords)
    assert list(frame["class"]) == [NAMES[label] for label in real.labels]
    assert frame["sample_id"].iloc[7] == "test/7" and (~frame["correct"]).sum() == 300


def test_map_rejects_labels_of_another_length_or_class(pca: Projection, real: LabeledImages) -> None:
    with pytest.raises(ValueError, match="labels"):
        MapDisplay(pca, real.labels[:-1], NAMES)
    with pytest.raises(ValueError, match="labels"):
        MapDisplay(pca, real.labels, NAMES[:5])


@pytest.mark.parametrize("names", [NAMES, HOSTILE])
def test_class_names_do_not_overlap_and_lie_in_the_axes(real: LabeledImages, pca: Projection, names: tuple[str, ...]) -> None:
    figure = MapDisplay(pca, real.labels, names).plot()
    extents, frame = boxes(figure, "class-name-"), figure.axes[0].get_window_extent()
    assert len(extents) == 10
    for i, box in enumerate(extents):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in extents[:i])


def test_a_hundred_names_do_not_overlap_and_the_homeless_are_counted() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(100), 20).astype(np.int64)
    coords = (rng.normal(size=(2000, 2)) * 0.1).astype(np.float32)
    ids = np.array([str(i) for i in range(2000)])
    display = MapDisplay(Projection(coords, ids, "dense", "umap", {}, 0), labels, tuple(f"a rather long class name {i}" for i in range(100)))
    figure = display.plot()
    extents = boxes(figure, "class-name-")
    assert not any(box.overlaps(other) for i, box in enumerate(extents) for other in extents[:i])
    said = " ".join(text.get_text() for text in by_gid(figure, "caption-"))
    assert (f"{100 - len(extents)} class names found no room" in said) == (len(extents) < 100)


def test_densest_point_is_where_most_of_the_class_is() -> None:
    rng = np.random.default_rng(1)
    xy = np.concatenate([rng.normal((0, 0), 0.2, (300, 2)), rng.normal((8, 8), 0.2, (40, 2)), rng.normal((8, 0), 0.2, (50, 2))])
    labels = np.repeat([0, 0, 1], [300, 40, 50]).astype(np.int64)
    places = densest_points(xy, labels, 3)
    np.testing.assert_allclose(places[:2], [[0, 0], [8, 0]], atol=0.4)
    assert np.isnan(places[2]).all()


def test_captions_are_not_cut_off_and_say_n_method_and_warnings(real: LabeledImages, pca: Projection) -> None:
    long = "Stand-in data: " + "the official files were not found " * 8
    figure = MapDisplay(pca, real.labels, NAMES, np.ones(len(real), bool)).plot(stamp=[long], prefix="Model m")
    width, height = figure.bbox.size
    extents = boxes(figure, "caption-")
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in extents)
    assert all(box.y1 <= figure.axes[0].get_window_extent().y0 for box in extents)
    said = " ".join(text.get_text() for text in by_gid(figure, "caption-"))
    assert "n = 1,500" in said and "PCA" in said and "seed 0" in said and "Model m" in said and "0 of 1,500 points" in said
    assert said.count("the official files were not found") == 8


def test_note_is_drawn_in_place_of_points(real: LabeledImages, pca: Projection) -> None:
    note = "constant layer: all rows are equal"
    flat = Projection(pca.coords, pca.sample_ids, "dense", "pca", {}, 0, note=note)
    figure = MapDisplay(flat, real.labels, NAMES, np.zeros(len(real), bool)).plot()
    assert not by_gid(figure, "points") and not by_gid(figure, "rings") and not by_gid(figure, "class-name-")
    assert [text.get_text() for text in by_gid(figure, "note")] == [note]
    assert all(near(rgb_of(figure), color, 12) == 0 for color in class_colors(9))


def test_points_have_their_class_colours_and_errors_have_rings(real: LabeledImages, pca: Projection) -> None:
    correct = real.labels != 6
    figure = MapDisplay(pca, real.labels, NAMES, correct).plot()
    rings = by_gid(figure, "rings")[0]
    want = {tuple(p) for p in pca.coords[~correct].astype(float).tolist()}
    assert {tuple(p) for p in rings.get_offsets().data.tolist()} == want
    rgb = rgb_of(figure)
    assert sum(near(rgb, color) > 100 for color in class_colors(10)) >= 8
    points = by_gid(figure, "points")[0]
    drawn = {tuple(p): tuple(c) for p, c in zip(points.get_offsets().data.tolist(), points.get_facecolors()[:, :3].round(3).tolist(), strict=True)}
    from matplotlib.colors import to_rgb

    for row in (0, 100, 1499):
        assert drawn[tuple(pca.coords[row].astype(float).tolist())] == pytest.approx(to_rgb(class_colors(10)[real.labels[row]]), abs=1e-3)


def test_draw_order_mixes_classes_so_that_none_hides_another(real: LabeledImages, pca: Projection) -> None:
    order = np.argsort(real.labels, kind="stable")
    display = MapDisplay(Projection(pca.coords[order], pca.sample_ids[order], "pixels", "pca", {}, 3), real.labels[order], NAMES)
    colors = by_gid(display.plot(), "points")[0].get_facecolors()[:, :3]
    changes = (np.abs(np.diff(colors, axis=0)).max(axis=1) > 1e-6).mean()
    assert changes > 0.8  # sorted by class it would be 9 of 1,499


def test_pixels_show_the_same_picture_as_shapes(real: LabeledImages, pca: Projection) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = []
    for pixels in (False, True):
        figure = Figure(figsize=(3, 3), dpi=150)
        FigureCanvasAgg(figure)
        with styled():
            MapDisplay(pca, real.labels, NAMES).draw(figure.add_axes((0.1, 0.1, 0.8, 0.8)), names=False, pixels=pixels)
            pictures.append(rgb_of(figure).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 2


def test_large_maps_are_one_image_in_svg_and_text_stays_text() -> None:
    rng = np.random.default_rng(0)
    ids = np.array([str(i) for i in range(6000)])
    big = Projection(rng.normal(size=(6000, 2)).astype(np.float32), ids, "dense", "tsne", {}, 0)
    svg = svg_of(MapDisplay(big, rng.integers(0, 10, 6000), HOSTILE).plot())
    assert svg.count("<image") == 1 and svg.count("<use") < 50
    assert "$x_1$ &amp; &lt;b&gt;</text>" in svg and "上衣 T恤</text>" in svg and "_hidden</text>" in svg
    from xml.etree import ElementTree

    ElementTree.fromstring(svg)


def test_three_dimensions_and_given_axes(real: LabeledImages, pca: Projection) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cube = Projection(np.hstack([pca.coords, pca.coords[:, :1]]), pca.sample_ids, "pixels", "pca", {}, 0)
    display = MapDisplay(cube, real.labels, NAMES)
    assert "Axes 1 and 2 of 3 are drawn" in display.caption() and "z" in display.frame()
    figure = Figure()
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(1, 2, 1)
    assert display.plot(ax) is figure and len(by_gid(figure, "class-name-")) == 10 and not by_gid(figure, "caption-")
    scale = np.abs(ax.transData.transform((1, 1)) - ax.transData.transform((0, 0)))
    assert scale[0] == pytest.approx(scale[1])
    assert len(ax.get_xticks()) == 0


def test_thumbnails_are_the_given_pixels_in_a_frame_of_the_class_colour() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (4, 3, 3), dtype=np.uint8)
    corners = Projection(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array(list("abcd")), "conv2d/kernel", "pca", {}, 0)
    figure = MapDisplay(corners, np.array([0, 1, 1, -1]), ("a", "b"), thumbnails=pictures, meaning="class that the filter favours").plot()
    image = by_gid(figure, "pictures")[0].get_array()
    seen = {tuple(p) for p in image.reshape(-1, 4)[:, :3].tolist()}
    assert {(v, v, v) for v in pictures.ravel().tolist()} <= seen  # every value as it is: nothing was interpolated
    assert near(image[:, :, :3], class_colors(2)[1], 1) > near(image[:, :, :3], class_colors(2)[0], 1) > 0
    texts = {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}
    assert {"class that the filter favours:", "a", "b", "none"} <= texts
    np.testing.assert_array_equal(enlarged(pictures[0], 12)[::4, ::4, 0], pictures[0])
    large = (np.arange(10_000) % 256).astype(np.uint8).reshape(100, 100)
    np.testing.assert_array_equal(enlarged(large, 50)[:, :, 0], large[::2, ::2])


def test_map_grid_places_every_map_and_its_scores(real: LabeledImages, pca: Projection) -> None:
    scores = {"k": 15, "queries": 1000, "n": 1500}
    for name, value in (("trustworthiness", 0.983), ("recall", 0.41), ("triplet_accuracy", 0.74), ("knn_accuracy", 0.8)):
        scores |= {name: value, f"{name}_low": value - 0.01, f"{name}_high": value + 0.01}
    tsne = Projection(pca.coords, pca.sample_ids, "pixels", "tsne", {"perplexity": 30}, 4, scores)
    gone = Projection(pca.coords, pca.sample_ids, "dense", "pca", {}, 0, note="constant layer: no map")
    display = MapGridDisplay({"pixels": {"pca": pca, "tsne": tsne}, "dense": {"pca": gone}}, real.labels, HOSTILE)
    frame = display.frame().set_index(["representation", "method"])
    assert frame.loc[("pixels", "tsne"), "trustworthiness"] == 0.983 and frame.loc[("pixels", "tsne"), "seed"] == 4
    assert frame.loc[("dense", "pca"), "note"] == "constant layer: no map"
    figure = display.plot()
    texts = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    assert {"PCA", "t-SNE", "pixels", "dense", "constant layer: no map", "no map was made", "trust .983 · recall@15 .41 · triplets .74"} <= set(texts)
    assert len(by_gid(figure, "points")) == 2
    said = display.caption()
    assert "n = 1,500" in said and "perplexity 30, seed 4" in said and "1,000 queries" in said
    assert [shorten(name, 40) for name in HOSTILE] == [t for t in texts if t in {shorten(name, 40) for name in HOSTILE}]


def test_map_grid_of_weights_says_the_span_of_queries_and_neighbours() -> None:
    def units(n: int, k: int) -> Projection:
        scores = {"k": k, "queries": n, "n": n, "trustworthiness": 0.8, "recall": 0.5}
        return Projection(np.arange(3.0 * n, dtype=np.float32).reshape(n, 3), np.arange(n).astype(str), f"layer{n}", "pca", {}, 0, scores)

    maps, labels = {f"layer{n}": {"pca": units(n, k)} for n, k in ((128, 15), (10, 4))}, {f"layer{n}": np.zeros(n, np.int64) for n in (128, 10)}
    said = MapGridDisplay(maps, labels, ("a",), meaning="favoured class").caption()
    assert "n = 10 to 128 points" in said and "10 to 128 queries" in said and "the 4 to 15 nearest neighbours" in said and "vote" not in said
    assert "their scores are of the 3-D map" in said


def test_confusion_frame_equals_numpy_and_its_cells_say_it(real: LabeledImages) -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(10), len(real)).astype(np.float32)
    proba[np.arange(len(real)), real.labels] += 0.3
    display = ConfusionDisplay(confusion(Predictions(real.sample_ids, real.labels, proba, NAMES, "m")), rates=True)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (real.labels, proba.argmax(1)), 1)
    np.testing.assert_array_equal(display.frame()["count"].to_numpy().reshape(10, 10), counts)
    texts = display.cell_texts()
    assert texts[3, 3] == f"{100 * counts[3, 3] / counts[3].sum():.1f}" and (texts == "").sum() == (counts == 0).sum()
    assert ConfusionDisplay(display.confusion).cell_texts()[3, 3] == f"{counts[3, 3]:,}"
    off = np.where(np.eye(10, dtype=bool), 0, counts / counts.sum(1, keepdims=True))
    t, p = np.unravel_index(off.argmax(), off.shape)
    assert f"{NAMES[t]} → {NAMES[p]}: {100 * off[t, p]:.1f} %" in display.caption() and "n = 1,500" in display.caption()
    rgb = display.colors()
    assert rgb[t, p] == pytest.approx(np.array([0xD6, 0x27, 0x28]) / 255, abs=0.01)  # the worst pair is full red
    assert (rgb[np.arange(10), np.arange(10), 2] >= rgb[np.arange(10), np.arange(10), 0]).all()  # the diagonal is blue


@pytest.mark.parametrize("classes", [2, 10, 25, 26, 100])
def test_confusion_of_any_size_is_legible(classes: int) -> None:
    rng = np.random.default_rng(classes)
    counts = np.diag(np.full(classes, 900)) + rng.poisson(2, (classes, classes))
    counts[-1] = 0
    names = tuple(HOSTILE[i % 10] + str(i) for i in range(classes))
    display = ConfusionDisplay(Confusion(counts.astype(np.int64), names))
    figure = display.plot()
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    matrix = by_gid(figure, "matrix")[0]
    numbers = [text for text in matrix.texts if text.get_text()]
    assert len(numbers) == (np.count_nonzero(counts) if classes <= 25 else 0)
    cell = matrix.get_window_extent().width / classes
    assert all(text.get_window_extent(renderer).width <= cell for text in numbers[:60])
    labels = [text.get_window_extent(renderer) for text in (*matrix.get_xticklabels(), *matrix.get_yticklabels())]
    width, height = figure.bbox.size
    assert all(box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= 0 and box.y1 <= height for box in labels)
    rows = [text.get_window_extent(renderer) for text in matrix.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(rows))
    assert "Grey: no images of" in display.caption()


def test_training_curves_read_what_the_history_says() -> None:
    history = {"loss": [0.9, 0.5, 0.3], "accuracy": [0.7, 0.8, 0.9], "val_loss": [0.8, 0.45, 0.6], "val_accuracy": [0.7, 0.81, 0.8]}
    display = TrainingCurvesDisplay(history)
    frame = display.frame()
    assert list(frame["epoch"]) == [1, 2, 3] and list(frame["val_loss"]) == history["val_loss"]
    assert "lowest in epoch 2 of 3 (0.450) and does not improve after" in display.reading()
    assert "90.0 % in training and 80.0 % in validation (+10.0 points)" in display.reading()
    figure = display.plot()
    lines = {line.get_label(): list(line.get_ydata()) for line in by_gid(figure, "curve-0")[0].lines}
    assert lines["training"] == history["loss"] and lines["validation"] == history["val_loss"]
    assert [line.get_color() for line in by_gid(figure, "curve-0")[0].lines[:2]] == [line.color for line in curve_panels(history)[0].lines]  # as in the report
    figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in by_gid(figure, "curve-0")[0].get_xticks())


def test_training_curves_without_validation_of_one_epoch_or_diverged() -> None:
    one = TrainingCurvesDisplay({"loss": [0.5], "accuracy": [0.8]})
    assert "there was no validation" in one.reading() and len(one.plot().axes) == 2
    broken = TrainingCurvesDisplay({"loss": [0.5, float("nan"), float("inf")]})
    assert "2 values are not finite" in broken.caption() and len(broken.plot().axes) == 1
    assert np.isnan(broken.frame()["loss"].iloc[1])
    assert TrainingCurvesDisplay({}).plot().axes[0].get_title(loc="left") == "no history"


def test_sample_grid_draws_the_right_images_dark_on_white(real: LabeledImages) -> None:
    display = SampleGridDisplay(real, rows=3)
    frame = display.frame()
    assert len(frame) == 30 and (frame.groupby("label").size() == 3).all()
    rows = [int(i.split("/")[1]) for i in frame["sample_id"]]
    assert list(real.labels[rows]) == list(frame["label"])
    assert frame.equals(SampleGridDisplay(real, rows=3).frame()) and not frame.equals(SampleGridDisplay(real, rows=3, seed=1).frame())
    assert dark_ground(real.images)
    figure = display.plot()
    drawn = figure.axes[0].images
    assert len(drawn) == 30
    np.testing.assert_array_equal(np.asarray(drawn[4].get_array()), 255 - real.images[rows[4], :, :, 0])
    assert all(image.get_interpolation() == "none" for image in drawn)
    white = (rgb_of(figure) == 255).all(axis=2).mean()
    assert white > 0.5 and "n = 1,500 test images" in display.caption()
    color = np.repeat(real.images, 3, axis=3)
    assert not dark_ground(color) and shown(color[:2], False) is not None
    np.testing.assert_array_equal(shown(color[:2], False), color[:2])


def test_sample_grid_with_many_hostile_and_empty_classes(real: LabeledImages) -> None:
    names = tuple(f"{HOSTILE[i % 10]}{i}" for i in range(60))
    images = LabeledImages(real.images, real.labels, names, real.sample_ids, "test", real.source)
    display = SampleGridDisplay(images)
    assert display.per_class == 3
    figure = display.plot()
    extents = boxes(figure, "sample-name-")
    assert len(extents) == 60 and not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])


def test_words_are_cleaned_cut_and_wrapped() -> None:
    assert clean("a\nb\x00\x1b\u202e") == "a b\ufffd\ufffd" and clean(" \t") == "(no name)" and clean("$_&<") == "$_&<"
    assert shorten("class number 17", 12).endswith("17") and len(shorten("x" * 300)) == 24
    assert text_width(fitted("a very long class name 12", 60, 7), 7) <= 60 and fitted("Coat", 60, 7) == "Coat"
    text = "one two three 95 % of n = 1,000 " * 9 + "/a/very/long/path" * 30
    lines = wrap(text, 200, 7)
    assert all(text_width(line, 7) <= 200.5 for line in lines) and "".join("".join(lines).split()) == "".join(text.split())
    assert not any(line.startswith("%") or line.endswith("=") for line in lines)
    assert missing_signs(["Coat", "Ankle boot"]) == "" and "\U000e0fff" in missing_signs(["a\U000e0fff"])


def test_names_in_class_colours_can_be_read_on_white() -> None:
    for color in class_colors(30):
        rgb = [int(readable(color)[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
        assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.4


def test_drawing_leaves_matplotlib_settings_alone(real: LabeledImages, pca: Projection) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    MapDisplay(pca, real.labels, NAMES).plot()
    assert dict(matplotlib.rcParams) == before
