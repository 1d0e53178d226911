"""The articles' pictures: what is drawn is what the tables of the run say."""

from __future__ import annotations

import base64
import csv
import io
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import MadeRun

from fmnist_viz.analysis.dead_units import DeadCount, DeadUnits
from fmnist_viz.core.types import LabeledImages, Predictions
from fmnist_viz.data import DataConfig, load
from fmnist_viz.display.answers import AnswersDisplay
from fmnist_viz.display.before_after import BeforeAfterDisplay
from fmnist_viz.display.cards import MOST_BARS, CardsDisplay, Nearest
from fmnist_viz.display.dead_units import DeadUnitsDisplay
from fmnist_viz.display.feature_maps import FeatureMapsDisplay, normalised
from fmnist_viz.display.layer_table import LayerTableDisplay
from fmnist_viz.display.network import NetworkDisplay
from fmnist_viz.display.weight_images import WeightImagesDisplay
from fmnist_viz.export.pictures import Picture, PictureContent, write_pictures
from fmnist_viz.export.report.gallery import galleries
from fmnist_viz.models.layers import LayerInfo


@pytest.fixture(scope="module")
def images() -> LabeledImages:
    """The first 60 test images."""
    return load(DataConfig()).test.take(np.arange(60))


@pytest.fixture(scope="module")
def predictions(images: LabeledImages) -> Predictions:
    """Made-up probabilities that are right for two images in three."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 10))
    z[np.arange(60), images.labels] += np.where(np.arange(60) % 3, 6, -6)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return Predictions(images.sample_ids, images.labels, p.astype(np.float32), images.class_names, "made up")


def gids(figure, start: str) -> dict[str, object]:
    found = figure.findobj(lambda artist: (artist.get_gid() or "").startswith(start))
    return {artist.get_gid(): artist for artist in found}


def texts(figure) -> list:
    from matplotlib.text import Text

    return [t for t in figure.findobj(Text) if t.get_text().strip()]


def cards_of(images: LabeledImages, p: Predictions, rows: np.ndarray, **more) -> CardsDisplay:
    return CardsDisplay(images.images[rows], p.y_proba[rows], images.labels[rows], images.class_names, tuple(images.sample_ids[rows]), **more)


def legible(figure) -> None:
    """No two texts overlap and none leaves the sheet."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts(figure)]
    width, height = figure.canvas.get_width_height()
    for i, (text, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
        for other, box2 in boxes[i + 1 :]:
            apart = box.x1 <= box2.x0 + 1 or box2.x1 <= box.x0 + 1 or box.y1 <= box2.y0 + 1.5 or box2.y1 <= box.y0 + 1.5
            assert apart, (text, other)


def test_a_cards_bars_are_the_probabilities_and_wrong_ones_are_hatched(images: LabeledImages, predictions: Predictions) -> None:
    figure = cards_of(images, predictions, np.arange(15)).plot()
    bars = gids(figure, "bar-")
    assert len(bars) == 150
    unit = max(bar.get_width() for bar in bars.values()) / predictions.y_proba[:15].max()
    for gid, bar in bars.items():
        _, i, k = gid.split("-")
        assert bar.get_width() == pytest.approx(unit * predictions.y_proba[int(i), int(k)], abs=1e-6)
        wrong = predictions.y_pred[int(i)] == int(k) != images.labels[int(i)]
        assert bool(bar.get_hatch()) == wrong
    titles = gids(figure, "card-")
    assert all(titles[f"card-{i}"].get_text().startswith("✓" if predictions.correct[i] else "✗") for i in range(15))
    legible(figure)


def test_the_cards_table_names_predicted_and_true(images: LabeledImages, predictions: Predictions) -> None:
    frame = cards_of(images, predictions, np.arange(4)).frame()
    for i in range(4):
        mine = frame[frame["card"] == i].set_index("class")
        assert mine["probability"].to_numpy() == pytest.approx(predictions.y_proba[i])
        assert "true" in mine.loc[images.class_names[images.labels[i]], "role"]
        assert "predicted" in mine.loc[images.class_names[predictions.y_pred[i]], "role"]


def test_of_many_classes_the_likeliest_are_drawn_and_the_true_one_always() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(100, 0.2), 3).astype(np.float32)
    labels = p.argmin(axis=1).astype(np.int64)
    names = tuple(f"class number {i}" for i in range(100))
    display = CardsDisplay(rng.integers(0, 255, (3, 32, 20, 3), dtype=np.uint8), p, labels, names, ("a", "b", "c"))
    for i in range(3):
        assert len(display.bars(i)) == MOST_BARS and labels[i] in display.bars(i) and p[i].argmax() in display.bars(i)
    assert "12 likeliest of 100" in display.caption()
    legible(display.plot())


def test_cards_of_unknown_truth_and_with_neighbours_judge_nothing(images: LabeledImages, predictions: Predictions) -> None:
    near = Nearest(images.images[:10].reshape(2, 5, 28, 28, 1), images.labels[:10].reshape(2, 5), images.sample_ids[:10].reshape(2, 5),
                   np.zeros((2, 5), np.float32), "layer dense")  # fmt: skip
    display = CardsDisplay(images.images[:2], predictions.y_proba[:2], np.full(2, -1), images.class_names, ("boot.png", "x" * 80 + ".png"), nearest=near)
    figure = display.plot()
    assert not any("✓" in t.get_text() or "✗" in t.get_text() for t in texts(figure))
    assert len(gids(figure, "near-")) == 10 and "not known" in display.caption()
    legible(figure)


def test_answers_say_what_was_predicted_and_what_is_true(images: LabeledImages, predictions: Predictions) -> None:
    figure = AnswersDisplay(images.take(np.arange(9)), Predictions(
        predictions.sample_ids[:9], predictions.y_true[:9], predictions.y_proba[:9], predictions.class_names, "m"), "the first 9", 60).plot()  # fmt: skip
    for i in range(9):
        title = gids(figure, f"answer-{i}")[f"answer-{i}"].get_text()
        assert images.class_names[predictions.y_pred[i]] in title and f"{100 * predictions.confidence[i]:.0f} %" in title
        below = " ".join(t.get_text() for t in gids(figure, f"truth-{i}-").values())
        assert (f"is: {images.class_names[images.labels[i]]}" in below) == (not predictions.correct[i])
    legible(figure)
    with pytest.raises(ValueError, match="same samples"):
        AnswersDisplay(images, Predictions(images.sample_ids[::-1], images.labels, predictions.y_proba, images.class_names, "m"), "x", 60)


def test_no_wrong_image_is_said_and_not_an_empty_sheet(images: LabeledImages, predictions: Predictions) -> None:
    none = np.array([], np.int64)
    p = Predictions(predictions.sample_ids[none], predictions.y_true[none], predictions.y_proba[none], predictions.class_names, "m")
    display = AnswersDisplay(images.take(none), p, "the model got none wrong", 60)
    assert "None of 60" in display.caption() and any("no such image" in t.get_text() for t in texts(display.plot()))


def test_before_and_after_count_every_probe_image(images: LabeledImages, predictions: Predictions) -> None:
    before = np.full((60, 10), 0.1, np.float32)
    display = BeforeAfterDisplay(images, before, predictions.y_proba, 3)
    assert f"{100 * predictions.correct.mean():.1f} % right" in display.reading() and "gets 10.0 % on average" in display.reading()
    assert len(set(images.labels[display.chosen()])) == 6
    figure = display.plot()
    i = display.chosen()[0]
    bars = gids(figure, f"after-{i}-")
    widths = np.array([bars[f"after-{i}-{k}"].get_width() for k in range(10)])
    assert widths / widths.sum() == pytest.approx(predictions.y_proba[i] / predictions.y_proba[i].sum(), abs=1e-5)
    legible(figure)


def test_feature_maps_mark_dead_channels_and_never_draw_them_dark(images: LabeledImages) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 13, 13, 20)).astype(np.float32)
    maps[:, :, :, 4] = 0  # dead
    maps[0, :, :, 7] = 0.25  # silent in the first image only
    dead = np.zeros(20, bool)
    dead[4] = True
    display = FeatureMapsDisplay("conv2d", images.take(np.arange(2)), maps, dead, 500)
    figure = display.plot()
    assert set(gids(figure, "dead-")) == {"dead-0-4", "dead-1-4"} and set(gids(figure, "silent-")) == {"silent-0-7"}
    mosaic = display.mosaic(0, 26, 30)
    assert (mosaic[:26, 4 * 30 : 4 * 30 + 26] == 255).all() and mosaic[:26, 3 * 30 : 3 * 30 + 26].std() > 20
    assert "1 of 20 filters are dead" in display.caption() and "500 images" in display.caption() and "Dash" in display.caption()
    frame = display.frame()
    assert frame[frame["dead"]]["channel"].unique().tolist() == [4] and frame["silent"].sum() == 3
    legible(figure)


def test_normalised_maps_are_the_articles_and_guarded_against_no_variation() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(5, 3, (8, 8, 3))
    maps[:, :, 1] = 2.5
    with np.errstate(all="raise"):
        out = normalised(maps)
    x = maps[:, :, 0]
    assert (out[:, :, 0] == np.clip((x - x.mean()) / x.std() * 64 + 128, 0, 255).astype(np.uint8)).all()
    assert (out[:, :, 1] == 128).all()


def test_every_convolution_of_a_model_is_drawn_and_dead_filters_are_found_over_all_images(images: LabeledImages) -> None:
    from fmnist_viz.features.feature_maps import convolutions, feature_maps
    from fmnist_viz.models.layers import layer_table
    from fmnist_viz.pipeline.tensorflow import load_tensorflow

    load_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((28, 28, 1))
    for i, filters in enumerate((4, 6, 5)):
        x = keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv_{i}")(x)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(x)))
    kernel, bias = model.get_layer("conv_1").get_weights()
    bias[2] = -1e6
    model.get_layer("conv_1").set_weights([kernel, bias])
    layers = convolutions(layer_table(model, images.images[:4].astype(np.float32)))
    found = feature_maps(model, images, layers, shown=2, scale=(1 / 255, 0.0))
    assert [one.layer for one in found] == ["conv_0", "conv_1", "conv_2"]
    tap = keras.Model(inputs, model.get_layer("conv_1").output)
    truth = np.asarray(tap(images.images.astype(np.float32) / 255, training=False))
    assert found[1].maps == pytest.approx(truth[:2], abs=1e-5)
    assert found[1].dead.tolist() == (np.ptp(truth, axis=(0, 1, 2)) == 0).tolist() and found[1].dead[2] and found[1].checked == 60


def test_first_layer_weights_come_largest_norm_first_and_survive_zeros() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(40, 28, 28, 1)).astype(np.float32)
    weights *= (np.arange(40) / np.linalg.norm(weights.reshape(40, -1), axis=1))[:, None, None, None].astype(np.float32)
    display = WeightImagesDisplay("dense/kernel", weights, np.r_[np.arange(10), np.full(30, -1)], tuple("abcdefghij"))
    assert display.chosen().tolist() == list(range(39, 7, -1)) and "32 of n = 40 units" in display.caption()
    assert display.frame()["norm"].is_monotonic_decreasing
    all_drawn = WeightImagesDisplay("k", weights[:3], np.array([0, 1, -1]), tuple("ab"))
    figure = all_drawn.plot()
    assert any("all 0" in t.get_text() for t in texts(figure))
    drawn = np.asarray(gids(figure, "weights-2")["weights-2"].get_array())
    assert np.abs(drawn).max() == pytest.approx(1) and drawn == pytest.approx(weights[2, :, :, 0] / np.abs(weights[2]).max())
    legible(figure)


LAYERS = [
    LayerInfo("pixels", "InputLayer", (28, 28, 1), 0, "input"), LayerInfo("flatten", "Flatten", (784,), 0, "hands its input on at inference"),
    LayerInfo("dense", "Dense", (128,), 100_480), LayerInfo("probabilities", "Dense", (10,), 1290, "output: see logits and probabilities"),
]  # fmt: skip


def test_the_network_is_drawn_with_widths_and_parameters() -> None:
    display = NetworkDisplay(LAYERS)
    assert display.chain() == "28×28×1 → 784 → 128 → 10" and "101,770 parameters" in display.caption()
    assert display.frame()["parameters"].sum() == 101_770 and display.frame()["share"].sum() == pytest.approx(1)
    figure = display.plot()
    assert gids(figure, "layer-2-3")["layer-2-3"].get_text() == "100,480 par."
    legible(figure)
    table = LayerTableDisplay(LAYERS).plot()
    assert gids(table, "cell-2-parameters")["cell-2-parameters"].get_text() == "100,480"
    legible(table)


def test_a_deep_network_with_odd_shapes_fits_its_sheet() -> None:
    layers = [LayerInfo(f"a_rather_long_layer_name_{i}", "DepthwiseConv2D", (150, 150, 64) if i % 3 else (), i * 1000) for i in range(27)]
    for display in (NetworkDisplay(layers), LayerTableDisplay(layers)):
        legible(display.plot())
    assert NetworkDisplay([]).chain() == ""


def test_dead_units_are_drawn_as_shares() -> None:
    dead = DeadUnits(tuple(DeadCount(epoch, layer, 4, min(4, epoch * k)) for layer, k in (("hidden_1", 1), ("hidden_2", 2)) for epoch in range(4)))
    figure = DeadUnitsDisplay(dead).plot()
    line = gids(figure, "dead-hidden_2")["dead-hidden_2"]
    assert line.get_ydata() == pytest.approx([0, 50, 100, 100])
    assert DeadUnitsDisplay(dead).caption().startswith("All 4 units of layer hidden_2 are dead")
    assert DeadUnitsDisplay(dead).frame()["share"].max() == 1


def test_pictures_beyond_the_pages_room_are_left_to_the_folder(tmp_path: Path, images: LabeledImages, predictions: Predictions, monkeypatch) -> None:
    from fmnist_viz.export import pictures

    card = cards_of(images, predictions, np.arange(1))
    content = PictureContent(
        "m", (Picture("one", card, "predictions", "One"), Picture("two", card, "predictions", "Two"), Picture("three", card)), ("careful",)
    )
    shots = write_pictures(tmp_path, pickle.loads(pickle.dumps(content)))
    assert [shot.stem for shot in shots] == ["one", "two"] and {p.name for p in tmp_path.iterdir()} == {
        f"{s}.{k}" for s in ("one", "two", "three") for k in ("png", "svg")
    }
    monkeypatch.setattr(pictures, "MOST_BYTES", len(shots[0].png) + 1)
    again = write_pictures(tmp_path, content)
    assert again[0].png == shots[0].png and again[1].png == b""
    drawings = galleries(again)[0].pictures
    assert drawings[0].source.startswith("data:image/png;base64,") and drawings[1].source == ""


# What the real command leaves


def rows_of(run: Path) -> list[dict[str, str]]:
    with open(run / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def svg_texts(path: Path) -> list[str]:
    import html

    return [html.unescape(t) for t in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))]


@pytest.mark.run
def test_a_run_has_every_picture_that_it_has_data_for(run_folder: MadeRun) -> None:
    names = {path.stem for path in (run_folder.path / "figures").glob("*.svg")}
    wanted = {"network", "layer_table", "before_after", "first_layer_weights", "first_images", "first_right", "first_wrong", "random_images"}
    assert wanted | {"prediction_card", "prediction_cards", "training_curves"} <= names
    assert not any(name.startswith("feature_maps") for name in names)  # dense128 has no convolution
    assert (run_folder.path / "dead_units.csv").exists() == ("dead_units" in names)


@pytest.mark.run
@pytest.mark.parametrize(("stem", "right"), [("first_right", "True"), ("first_wrong", "False")])
def test_the_first_nine_are_the_first_nine(run_folder: MadeRun, stem: str, right: str) -> None:
    wanted = [row["sample_id"] for row in rows_of(run_folder.path) if row["correct"] == right][:9]
    assert [t for t in svg_texts(run_folder.path / "figures" / f"{stem}.svg") if re.fullmatch(r"test/\d+", t)] == wanted


@pytest.mark.run
def test_cards_of_a_run_are_its_predictions(run_folder: MadeRun) -> None:
    rows = rows_of(run_folder.path)[:15]
    said = svg_texts(run_folder.path / "figures" / "prediction_cards.svg")
    assert [t for t in said if re.fullmatch(r"test/\d+", t)] == [row["sample_id"] for row in rows]
    titles = [t for t in said if t.startswith(("✓ ", "✗ ")) and "%" in t and ":" not in t]
    assert titles == [
        f"{'✓' if row['correct'] == 'True' else '✗'} {row['predicted']} {100 * float(row['confidence']):.0f} %"
        + ("" if row["correct"] == "True" else f", is {row['true']}")
        for row in rows
    ]


@pytest.mark.run
def test_the_report_shows_the_pictures_with_words(run_folder: MadeRun) -> None:
    from PIL import Image

    page = (run_folder.path / "report.html").read_text(encoding="utf-8")
    assert "What the network is and how it learned" in page and '<section id="predictions"' in page
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)" width="(\d+)" height="(\d+)">', page)
    assert len(found) >= 7 and sum(len(data) for data, *_ in found) < 1_500_000
    for data, alt, width, height in found:
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert len(alt) > 60 and image.width / image.height == pytest.approx(int(width) / int(height), rel=0.02)
    assert "too few to tell a trend from noise" in page  # one epoch
    with open(run_folder.path / "tables" / "learning.csv", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["value"] == "too short"
