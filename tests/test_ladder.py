"""The layer ladder against planted truths: what was put into a layer is what is read off it, and noise is called noise."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MadeRun
from sklearn.datasets import make_swiss_roll
from sklearn.metrics import silhouette_score

import fmnist_viz
from fmnist_viz.analysis.class_pairs import chosen_pairs, class_pairs, discriminant
from fmnist_viz.analysis.dimension import of_neighbors, two_nn
from fmnist_viz.analysis.ladder import LayerVectors, measure
from fmnist_viz.analysis.probe import Split, probe, standardised
from fmnist_viz.analysis.silhouette import distances_of, silhouette
from fmnist_viz.analysis.similarity import Gram, debiased_cka, similarity
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.types import Representation
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.pipeline.ladder_store import load_maps, load_numbers, save_maps, save_numbers
from fmnist_viz.projection.align import laid_over
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.projection.faithfulness import map_neighbors
from fmnist_viz.projection.ladder import aligned_maps

N, CLASSES = 600, 4
SMALL = MapConfig(ladder_points=200)


def planted(seed: int = 0) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Three layers of noise of which the second shows classes 0, 1 and {2, 3} apart, the third all four."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % CLASSES
    centers = 6 * np.eye(CLASSES, 20)
    joined = np.minimum(labels, 2)
    layers = {name: rng.normal(size=(N, 20)) for name in ("pixels", "second", "third")}
    layers["second"] += centers[joined]
    layers["third"] += centers[labels]
    return {name: X.astype(np.float32) for name, X in layers.items()}, labels


@pytest.fixture(scope="module")
def built() -> LadderDisplay:
    layers, labels = planted()
    return fmnist_viz.ladder(layers, labels, class_names=["a", "b", "c", "d"], config=SMALL)


def test_planted_clusters_are_found_at_the_layer_that_has_them(built: LadderDisplay) -> None:
    table = built.frame().set_index("layer")
    noise, second, third = (table.loc[name] for name in ("pixels", "second", "third"))
    assert noise["probe_low"] < 1 / CLASSES < noise["probe_high"]
    assert 0.7 < second["probe"] < 0.8 and third["probe"] > 0.99
    assert second["gain_low"] > 0.3 and third["gain_low"] > 0.15
    assert noise["silhouette_high"] < 0.01 < second["silhouette_low"] < second["silhouette_high"] < third["silhouette_low"]
    assert noise["knn_low"] < 1 / CLASSES + 0.1 and third["knn_low"] > 0.95
    at = built.pairs().drop_duplicates(["a", "b"]).set_index(["a", "b"])["separates_at"]
    assert at[("c", "d")] == "third"
    assert all(at[pair] == "second" for pair in at.index if pair != ("c", "d"))
    assert "third" in built.readings()[0] and "Of 6 pairs" in built.caption()


def test_noise_separates_nowhere_and_stays_at_chance() -> None:
    """Over many draws of nothing the intervals hold chance about as often as they say, and no pair is ever said to separate."""
    inside, apart, draws = 0, 0, 20
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        labels = np.arange(200) % CLASSES
        layers = [LayerVectors(name, rng.normal(size=(200, 10)).astype(np.float32)) for name in "ab"]
        numbers = measure(layers, labels, list("wxyz"), seed=seed)
        inside += sum(row["probe_low"] <= 1 / CLASSES <= row["probe_high"] for row in numbers.rows)
        apart += sum(rung.separates_at >= 0 for rung in numbers.pairs)
    assert inside >= 0.85 * 2 * draws
    assert apart <= 1


def test_equal_layers_differ_by_nothing() -> None:
    layers, labels = planted()
    numbers = measure([LayerVectors("a", layers["third"]), LayerVectors("b", layers["third"])], labels, list("abcd"), seed=0)
    assert numbers.difference("a", "b")[0] == 0 and numbers.difference("a", "b")[3] == 1
    assert all(rung.separates_at == 0 for rung in numbers.pairs)
    assert numbers.cka_frame()["cka"].item() == pytest.approx(1)
    assert numbers.cka_frame()["shared_neighbors"].item() == 1


@pytest.mark.parametrize(("intrinsic", "width"), [(1, 3), (2, 10), (3, 50), (5, 50)])
def test_intrinsic_dimension_of_planted_manifolds(intrinsic: int, width: int) -> None:
    rng = np.random.default_rng(intrinsic)
    X = (rng.uniform(size=(2000, intrinsic)) @ np.linalg.qr(rng.normal(size=(width, intrinsic)))[0].T).astype(np.float32)
    X = np.hstack([X, np.zeros((len(X), 1), np.float32)]) + np.float32(3)
    found = of_neighbors(X, np.arange(2000), exact_graph(X, 2).indices)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(intrinsic, rel=0.12)


def test_a_swiss_roll_is_a_surface() -> None:
    X = make_swiss_roll(2000, random_state=0)[0].astype(np.float32)
    found = of_neighbors(X, np.arange(2000), exact_graph(X, 2).indices)
    assert 1.8 < found.low < found.high < 2.3


def test_dimension_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        ratios = rng.pareto(4.0, 100) + 1
        found = two_nn(np.ones(100), ratios)
        held += found.low <= 4 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_dimension_leaves_duplicates_out() -> None:
    rng = np.random.default_rng(0)
    first, second = np.sort(rng.uniform(1, 2, (2, 50)), axis=0)
    some = two_nn(np.r_[first, np.zeros(7)], np.r_[second, np.ones(7)])
    assert some.duplicates == 7 and some.value == two_nn(first, second).value
    assert np.isnan(two_nn(np.zeros(5), np.ones(5)).value)


def test_silhouette_is_scikit_learns_and_its_interval_holds_the_truth() -> None:
    layers, labels = planted()
    X = layers["second"]
    gram = Gram.of(X, np.arange(300))
    value, low, high = silhouette(distances_of(gram.products), labels[:300])
    assert value == pytest.approx(silhouette_score(X[:300], labels[:300]), abs=1e-4)
    assert low < value < high
    truth = silhouette_score(X, labels)
    inside = 0
    for seed in range(20):
        X, labels = planted(seed + 1)[0]["second"][:200], planted(seed + 1)[1][:200]
        _, low, high = silhouette(distances_of((X @ X.T).astype(np.float64)), labels)
        inside += low <= truth <= high
    assert inside >= 17


@pytest.mark.parametrize("width", [5, 400])  # fewer and more columns than fitted rows
def test_standardised_scores_are_whitened_principal_components(width: int) -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    X = (rng.normal(size=(120, width)) * np.linspace(1, 3, width) + 100).astype(np.float32)
    fit = np.arange(0, 120, 2)
    ours = standardised(X, fit, components=4)
    theirs = PCA(4, whiten=True, svd_solver="full").fit(X[fit].astype(float)).transform(X.astype(float)) * np.sqrt(60 / 59)
    assert np.abs(np.abs(ours) - np.abs(theirs)).max() < 1e-2
    assert ours[fit].var(axis=0) == pytest.approx(np.ones(4), abs=1e-3)


def test_discriminant_agrees_with_scikit_learn() -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    layers, labels = planted()
    pair = labels < 2
    X, y = layers["second"][pair].astype(np.float64), labels[pair]
    fit, held = np.arange(0, len(y), 2), np.arange(1, len(y), 2)
    X[:, 0] *= 0.3
    y = np.random.default_rng(0).permutation(y) * (X[:, 0] > 0.5) + y * (X[:, 0] <= 0.5)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(X[fit], y[fit]).predict(X[held]) == y[held]
    assert (discriminant(X, y, fit, held) == theirs).mean() > 0.97


def test_pairs_are_skipped_where_images_are_few_and_capped_where_classes_are_many() -> None:
    labels = np.r_[np.zeros(60, np.int64), np.ones(60, np.int64), np.full(6, 2)]
    X = np.random.default_rng(0).normal(size=(126, 3))
    found = class_pairs({"a": X}, labels, Split.of(labels, seed=0), chosen_pairs(labels))
    assert [(rung.a, rung.b) for rung in found] == [(0, 1)]
    many = np.arange(40)
    mixed = np.zeros((40, 40), np.int64)
    mixed[38, 39] = 5
    assert len(chosen_pairs(many, mixed)) == 300 and (38, 39) in chosen_pairs(many, mixed)


def test_cka_of_all_pairs_at_once_is_that_of_each_pair() -> None:
    rng = np.random.default_rng(0)
    grams = {name: Gram.of(rng.normal(size=(60, 5 + i)).astype(np.float32), np.arange(50)) for i, name in enumerate("abc")}
    table = similarity(grams, grams).set_index(["baseline_layer", "run_layer"])["cka"]
    for x in grams:
        for y in grams:
            assert table[(x, y)] == pytest.approx(debiased_cka(grams[x].centred(), grams[y].centred()), abs=1e-12)


def test_maps_move_less_than_maps_made_one_by_one_and_are_as_faithful() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 8
    X = rng.normal(size=(400, 12)) + 5 * rng.normal(size=(8, 12))[labels]
    ids = np.arange(400).astype(str)
    bases = [basis(Representation((X + 0.5 * i * rng.normal(size=X.shape)).astype(np.float32), ids, f"l{i}", "brought")) for i in range(3)]
    chained = aligned_maps(bases, ids, config=MapConfig(), seed=0, threads=1)
    alone = [aligned_maps([base], ids, config=MapConfig(), seed=0, threads=1)[0].projection.coords for base in bases]
    assert np.isnan(chained[0].drift)
    for before, after, a, b in zip(chained, chained[1:], alone, alone[1:], strict=False):
        assert after.drift < 0.6 * np.linalg.norm(a - laid_over(b, a)) / np.linalg.norm(b)
        assert np.linalg.norm(after.projection.coords) == pytest.approx(np.linalg.norm(before.projection.coords), rel=1e-3)
        assert np.abs(laid_over(after.projection.coords, before.projection.coords) - after.projection.coords).max() < 0.02 * np.abs(a).max()
    for aligned, xy in zip(chained, alone, strict=True):
        shares = [(labels[map_neighbors(c, 10)] == labels[:, None]).mean() for c in (aligned.projection.coords, xy)]
        assert shares[0] > shares[1] - 0.05


ODD = {
    "constant": (np.full((N, 5), 3.0), "all rows are the same"),
    "dead": (np.zeros((N, 5)), "dead layer"),
    "nan": (np.where(np.arange(N * 5).reshape(N, 5) == 7, np.nan, 1.0), "not finite"),
    "infinite": (np.where(np.arange(N * 5).reshape(N, 5) == 7, np.inf, 1.0), "not finite"),
}


@pytest.mark.parametrize("kind", ODD)
def test_layers_without_structure_are_labelled_and_the_next_one_goes_on(kind: str) -> None:
    layers, labels = planted()
    found = fmnist_viz.ladder({"pixels": layers["pixels"], kind: ODD[kind][0], "third": layers["third"]}, labels, config=SMALL)
    table = found.frame().set_index("layer")
    assert ODD[kind][1] in table.loc[kind, "note"] and np.isnan(table.loc[kind, "probe"]) and found.maps[1].projection.note
    assert table.loc["third", "probe"] > 0.99 and np.isfinite(found.maps[2].drift)
    assert set(found.pairs()["layer"]) == {"pixels", "third"}
    assert found.plot() is not None


def test_odd_shapes_are_measured() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    line = labels[:, None] + 0.01 * rng.normal(size=(120, 1))
    layers = {"wide": rng.normal(size=(120, 20_000)), "line": line, "duplicates": np.repeat(rng.normal(size=(6, 4)), 20, axis=0), "huge": 1e12 * line}
    found = fmnist_viz.ladder(layers, labels, config=SMALL)
    table = found.frame().set_index("layer")
    assert table.loc["line", "probe"] > 0.95 and table.loc["line", "dimension"] == pytest.approx(1, abs=0.25)
    assert table.loc["huge", "probe"] == pytest.approx(table.loc["line", "probe"], abs=0.02)
    assert table.loc["duplicates", "duplicates"] == 120 and np.isnan(table.loc["duplicates", "dimension"])
    assert found.plot() is not None


@pytest.mark.parametrize("n", range(1, 21))
def test_few_images_are_labelled(n: int) -> None:
    rng = np.random.default_rng(n)
    found = fmnist_viz.ladder({"a": rng.normal(size=(n, 3)), "b": rng.normal(size=(n, 1))}, np.arange(n) % 2, config=SMALL, threads=1)
    assert f"n = {n}: too few images" in found.caption()
    assert found.frame()["probe"].isna().all() and not len(found.pairs()) and not len(found.cka())
    assert len(found.maps[0].projection.coords) == n
    if n in (1, 3, 20):
        assert found.plot() is not None


def test_one_class_has_nothing_to_tell_apart() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    found = fmnist_viz.ladder({"a": X, "b": X**2}, np.zeros(60, int), config=SMALL)
    assert "nothing to tell apart" in found.caption()
    assert found.frame()["probe"].isna().all() and found.frame()["dimension"].notna().all() and found.plot() is not None


def test_dead_units_are_counted() -> None:
    layers, labels = planted()
    X = np.maximum(layers["third"], 0)
    X[:, [3, 7]] = 0
    row = fmnist_viz.ladder({"pixels": layers["pixels"], "relu": X}, labels, config=SMALL).frame().iloc[1]
    assert (row["units"], row["dead"], row["dead_share"]) == (20, 2, 0.1)


def test_wrong_calls_are_refused() -> None:
    X = np.zeros((10, 2))
    for error, layers, labels in (
        (UsageError, {}, np.zeros(10, int)),
        (BadInput, {"a": X}, np.zeros(9, int)),
        (BadInput, {"a": X}, np.zeros(0, int)),
        (BadInput, {"a": X[:, 0]}, np.zeros(10, int)),
        (BadInput, {"a": X.astype(str)}, np.zeros(10, int)),
        (BadInput, {"a": X}, np.full(10, 0.5)),
    ):
        with pytest.raises(error):
            fmnist_viz.ladder(layers, labels)
    ids = np.arange(10).astype(str)
    layer = Representation(X.astype(np.float32), ids, "a", "brought")
    with pytest.raises(UsageError):
        fmnist_viz.ladder([layer, layer], np.zeros(10, int))
    with pytest.raises(BadInput, match="other samples"):
        fmnist_viz.ladder([layer, dataclasses.replace(layer, name="b", sample_ids=ids[::-1])], np.zeros(10, int))


def test_names_as_labels_and_equal_calls_give_equal_numbers(built: LadderDisplay) -> None:
    layers, labels = planted()
    again = fmnist_viz.ladder(layers, np.array(list("abcd"))[labels], config=SMALL)
    assert again.class_names == ("a", "b", "c", "d")
    assert again.frame().equals(built.frame()) and again.pairs().equals(built.pairs()) and again.cka().equals(built.cka())
    assert all(np.array_equal(a.projection.coords, b.projection.coords) for a, b in zip(again.maps, built.maps, strict=True))


def test_a_stored_ladder_is_the_same_ladder(built: LadderDisplay, tmp_path: Path) -> None:
    save_numbers(tmp_path, built.numbers)
    save_maps(tmp_path, built.maps)
    maps = load_maps(tmp_path, sample_ids=built.maps[0].projection.sample_ids, seed=0)
    again = LadderDisplay(load_numbers(tmp_path, class_names=built.class_names, seed=0), maps, built.labels, built.rows)
    assert again.frame().equals(built.frame()) and again.pairs().equals(built.pairs()) and again.cka().equals(built.cka())
    assert again.caption() == built.caption() and again.numbers.difference("pixels", "third") == built.numbers.difference("pixels", "third")


def test_the_figure_has_a_map_and_a_panel_of_each_kind_and_nothing_overlaps(built: LadderDisplay) -> None:
    figure = built.plot(prefix="Model x")
    gids = [ax.get_gid() for ax in figure.axes]
    assert [g for g in gids if g and g.startswith("ladder-map")] == ["ladder-map-0", "ladder-map-1", "ladder-map-2"]
    assert {"ladder-accuracy", "ladder-pairs", "ladder-silhouette", "ladder-dimension", "ladder-cka"} <= set(gids)
    boxes = [ax.get_position() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(0 <= v <= 1 for box in boxes for v in box.extents)


def test_a_real_run_has_its_ladder(run_folder: MadeRun) -> None:
    import pandas as pd

    tables = run_folder.path / "tables"
    table = pd.read_csv(tables / "ladder.csv").set_index("layer")
    assert list(table.index) == ["pixels", "dense", "logits"]
    assert (table["n"] == 1500).all() and (table["held_out"] == 750).all()
    assert table.loc["dense", "gain"] > 0
    assert (table["dimension_low"] < table["dimension"]).all() and table.loc["dense", "units"] == 128
    assert table["drift"].iloc[1:].between(0.01, 1).all() and (table["map_trustworthiness"] > 0.9).all()
    pairs = pd.read_csv(tables / "ladder_pairs.csv")
    assert len(pairs) == 45 * 3 and pairs.groupby(["a", "b"])["separates"].sum().le(1).all()
    assert len(pd.read_csv(tables / "ladder_cka.csv")) == 3
    assert (run_folder.path / "figures" / "ladder.svg").stat().st_size > 10_000
    seconds = json.loads((run_folder.path / "manifest.json").read_text())["about"]["stage_seconds"]
    assert seconds["ladder"] > 0


def test_the_penultimate_layer_of_a_real_network_beats_its_pixels(run_folder: MadeRun) -> None:
    from fmnist_viz.data import DataConfig, load
    from fmnist_viz.pipeline.features import load_model

    images = load(DataConfig()).test.take(np.arange(4000))
    model = load_model(run_folder.path / "model.keras")
    import keras

    hidden = keras.Model(model.inputs, model.get_layer("dense").output).predict(images.images.astype(np.float32), batch_size=500, verbose=0)
    numbers = measure([LayerVectors("pixels", images.pixels), LayerVectors("dense", hidden)], images.labels, images.class_names, seed=0)
    pixels, dense = numbers.rows
    difference, low, _, p = numbers.difference("pixels", "dense")
    assert difference == pytest.approx(dense["probe"] - pixels["probe"]) and low > 0 and p < 0.01
    assert dense["silhouette_low"] > pixels["silhouette_high"] and dense["dimension_high"] < pixels["dimension_low"]


@pytest.mark.parametrize("n", [120, 200, 240, 400])
def test_a_linear_reader_of_few_images_loses_nothing_to_a_linear_layer(n: int) -> None:
    """What is a linear function of a layer can be read off the layer: with as many components as images it could not."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 5
    logits = (3 * np.eye(5)[labels] + rng.normal(size=(n, 5))).astype(np.float32)
    wide = (logits @ rng.normal(size=(5, 128)) + 0.05 * rng.normal(size=(n, 128))).astype(np.float32)
    split = Split.of(labels, seed=0)
    right = [float((probe(standardised(X, split.fit), labels, split) == labels[split.held]).mean()) for X in (wide, logits)]
    assert right[0] >= right[1] - 0.08
