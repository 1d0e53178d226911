"""New points on finished maps: planted truths about where they go and how they are flagged, on made-up groups and on real images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import call
from conftest import MadeRun
from drawn import QUICK as CONFIG
from PIL import Image

import fmnist_viz
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.data import DataConfig, load
from fmnist_viz.neighbors import exact_neighbors
from fmnist_viz.projection.transform import BETWEEN, FAR, FITS, Ground, located, nearest_of, perplexity_weights, place, spread

QUICK: dict[str, Any] = {"n_iter": CONFIG.n_iter, "umap_epochs": 60, "threads": 1}
RNG = np.random.default_rng(1)
CENTERS = RNG.normal(scale=6, size=(5, 20))


def groups(n: int, seed: int) -> tuple[Any, Any]:
    """n points of each of five groups in 20 dimensions, well apart."""
    labels = np.repeat(np.arange(5), n)
    return (CENTERS[labels] + np.random.default_rng(seed).normal(size=(5 * n, 20))).astype(np.float32), labels


@pytest.fixture(scope="module", params=["pca", "tsne", "umap"])
def made(request: pytest.FixtureRequest) -> fmnist_viz.Map:
    X, labels = groups(80, 0)
    return fmnist_viz.project(X, request.param, labels=labels, **QUICK)


def test_points_of_a_group_land_in_it_and_fit(made: fmnist_viz.Map) -> None:
    X, labels = groups(40, 9)
    placed = made.transform(X, labels=labels)
    middle = np.stack([np.median(made.coords[made.labels == c], axis=0) for c in range(5)])
    lands = np.linalg.norm(placed.coords[:, None] - middle, axis=2).argmin(axis=1)
    assert (lands == labels).mean() > (0.85 if made.projection.method == "pca" else 0.99)
    # one in a hundred is called far by definition: of 200 more than 8 are not to be expected (p < .001)
    assert placed.display.counts().get(FAR, 0) <= 8 and (placed.fit == FITS).mean() > 0.85


def test_points_from_nowhere_are_far(made: fmnist_viz.Map) -> None:
    placed = made.transform(CENTERS.mean(axis=0) + 40 * np.eye(20, dtype=np.float32)[:6])
    assert (placed.fit == FAR).all() and (placed.frame()["p_far"] < 0.003).all()
    assert "6 are far from everything" in placed.reading and "says nothing" in placed.reading


def test_the_maps_own_points_land_on_themselves(made: fmnist_viz.Map) -> None:
    placed = made.transform(made.vectors.representation.X[::7])
    np.testing.assert_allclose(placed.coords, made.coords[::7], atol=1e-4 * np.ptp(made.coords))
    assert placed.display.placement.copy.all() and list(placed.frame()["nearest"]) == [str(i) for i in range(0, 400, 7)]


def test_neighbours_in_two_places_are_between_groups() -> None:
    rng = np.random.default_rng(2)
    X = np.vstack([rng.normal(size=(300, 3)), rng.normal([8, 0, 0], size=(900, 3))]).astype(np.float32)
    ground = Ground(X, exact_neighbors(X, 15))
    cut = (X[:, 1] > 1.5) & (X[:, 0] < 4)  # an edge of the first group is torn off
    torn = (X[:, :2] + cut[:, None] * np.float32([0, 100])).astype(np.float32)
    new = np.array([[0, 1.5, 0], [0, -1, 0], [8, 0, 0]], np.float32)
    found = place(new, ground, nearest_of(new, ground), torn, "tsne")
    assert found.fit.tolist() == [BETWEEN, FITS, FITS]
    near_a_group = np.abs(found.coords[0, 1] - np.array([1, 102])).min()
    assert near_a_group < 5, "it must lie in one of the halves, not on the empty ground between"


def test_p_values_are_valid_where_new_points_are_like_the_others() -> None:
    found = []
    for seed in range(60):
        X = np.random.default_rng(seed).normal(size=(120, 4)).astype(np.float32)
        found.append(nearest_of(X[100:], Ground(X[:100], exact_neighbors(X[:100], 15))).p_far)
    p = np.concatenate(found)
    for level in (0.05, 0.2, 0.5, 0.8):
        # 60 sets whose 20 points share a reference: the mean's standard deviation is at most .05
        assert abs((p <= level).mean() - level) < 0.08
    assert p.min() >= 1 / 101 and p.max() <= 1


def test_p_values_equal_their_definition() -> None:
    X = RNG.normal(size=(40, 3)).astype(np.float32)
    new = RNG.normal(size=(12, 3)).astype(np.float32) * 1.5
    ground = Ground(X, exact_neighbors(X, 15))
    found = nearest_of(new, ground)
    for z, p, rows, distances in zip(new, found.p_far, found.rows, found.distances, strict=True):
        every = np.vstack([X, z]).astype(np.float64)
        far = np.sort(np.linalg.norm(every[:, None] - every[None], axis=2), axis=1)[:, ground.k]  # column 0 is the point itself
        assert p == pytest.approx((far >= far[-1] * (1 - 1e-6)).mean(), abs=1e-9)
        np.testing.assert_array_equal(rows[:5], np.linalg.norm(X - z, axis=1).argsort()[:5])
        assert distances[ground.k - 1] == pytest.approx(far[-1], rel=1e-5)


def test_pca_is_the_linear_map() -> None:
    from sklearn.decomposition import PCA

    X, _ = groups(30, 3)
    new, _ = groups(4, 4)
    made = fmnist_viz.project(X, "pca")
    model = PCA(2).fit(X.astype(np.float64))
    expected = model.transform(new)
    expected *= np.sign((model.transform(X) * made.coords).sum(axis=0))
    np.testing.assert_allclose(made.transform(new).coords, expected, atol=1e-3)


def test_weights_have_the_perplexity() -> None:
    distances = np.sort(RNG.random((20, 91)) + 0.1, axis=1)
    weights = perplexity_weights(distances, 30)
    entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 30, rtol=1e-6)
    np.testing.assert_allclose(perplexity_weights(np.ones((3, 8)), 30), 1 / 8)


def test_a_place_lowers_the_cost_that_it_is_the_minimum_of() -> None:
    X, _ = groups(60, 5)
    ground, new = Ground(X, exact_neighbors(X, 15)), groups(3, 6)[0]
    near, coords = nearest_of(new, ground), X[:, :2].copy()
    found, weights = located(near, coords), perplexity_weights(near.distances, 30)
    s = np.median(np.sort(np.linalg.norm(coords[:, None] - coords[None], axis=2), axis=1)[:, 5])

    def cost(y: Any) -> Any:
        return (weights * np.log1p((np.linalg.norm(coords[near.rows] - y[:, None], axis=2) / s) ** 2)).sum(axis=1)

    for step in 0.1 * s * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
        assert (cost(found) <= cost(found + step) + 1e-6).all()


@pytest.mark.parametrize("n", [*range(4, 9), 20])
@pytest.mark.parametrize("d", [1, 3])
def test_few_rows_take_new_points(n: int, d: int) -> None:
    X = RNG.normal(size=(n, d))
    for method in ("pca", "tsne", "umap"):
        placed = fmnist_viz.project(X, method, **QUICK).transform(RNG.normal(size=(3, d)))
        assert placed.coords.shape == (3, 2) and np.isfinite(placed.coords).all() and len(placed.frame()) == 3
        assert placed.plot().axes and str(n) in placed.reading


def test_duplicates_and_three_dimensions_and_cosine() -> None:
    X = np.repeat(RNG.normal(size=(30, 4)), 3, axis=0)
    placed = fmnist_viz.project(X, "tsne", **QUICK).transform(X[:2])
    assert np.isfinite(placed.coords).all() and placed.display.placement.copy.all()
    solid = fmnist_viz.project(X[::3], "pca", dims=3, metric="cosine").transform(5 * X[:4])
    np.testing.assert_allclose(solid.frame()["distance"] >= 0, True)
    assert solid.display.placement.copy.all(), "under the cosine metric a longer row is the same row"
    assert "z" in solid.frame() and "Axes 1 and 2 of 3" in solid.display.caption()


@pytest.mark.parametrize(
    ("new", "more", "says"),
    [
        (np.ones((2, 3)), {}, "rows of 3 numbers"), (np.full((2, 4), np.nan), {}, "not finite (first: row 0)"), (np.zeros((0, 4)), {}, "no values"),
        (np.ones((2, 4)), {"labels": ["x", "a"]}, "'x' is no class of the map"), (np.ones((2, 4)), {"labels": [0]}, "expected (2,)"),
        (np.ones((2, 4)), {"sample_ids": ["a"]}, "expected (2,)"),
    ],
)  # fmt: skip
def test_new_rows_that_do_not_fit_are_one_line(new: Any, more: dict[str, Any], says: str) -> None:
    made = fmnist_viz.project(RNG.normal(size=(30, 4)), "pca", labels=["a", "b", "c"] * 10)
    with pytest.raises(BadInput) as e:
        made.transform(new, **more)
    assert says in str(e.value)
    assert made.transform(np.ones((2, 4)), labels=["b", -1]).frame()["class"].tolist() == ["b", ""]


def test_classes_of_a_map_without_any() -> None:
    with pytest.raises(UsageError, match="no classes"):
        fmnist_viz.project(RNG.normal(size=(30, 4)), "pca").transform(np.ones((1, 4)), labels=[0])


def test_spread_sees_two_places_and_not_one_stray() -> None:
    coords = np.zeros((30, 2), np.float32)
    coords[10:] = 100
    near = np.array([[*range(9), 11], [*range(6), 11, 12, 13, 14]])
    assert spread(coords, near).tolist() == pytest.approx([0, 141.4], abs=0.1)


# real images


def test_real_images_fit_and_noise_does_not() -> None:
    images = load(DataConfig()).test.take(np.arange(1000))
    made = fmnist_viz.project(images.pixels[:800], "tsne", labels=images.labels[:800], **QUICK)
    real, noise = made.transform(images.pixels[800:]), made.transform(RNG.integers(0, 256, (50, 784)))
    assert (noise.fit == FAR).all()
    assert (real.fit == FAR).mean() < 0.05
    of_neighbours = made.labels[exact_neighbors(np.vstack([made.coords, real.coords]), 30)[800:].clip(max=799)]
    votes = np.array([np.bincount(row).argmax() for row in of_neighbours])
    assert (votes == images.labels[800:]).mean() > made.scores["knn_accuracy"] - 0.12


@pytest.mark.run
def test_the_command_places_the_rest_of_the_test_split(run_folder: MadeRun, tmp_path: Path) -> None:
    argv = ("transform", str(run_folder.path), "--split", "test", "--points", "200", "--layer", "pixels", "--methods", "pca,tsne")
    done = call(tmp_path, *argv, "--cache-dir", str(run_folder.cache_dir), "--out", "new")
    assert done.code == 0, done.err
    assert "pixels, tsne: Of 200 test images" in done.out
    table = pd.read_csv(tmp_path / "new" / "pixels_tsne.csv", keep_default_na=False)
    own = pd.read_csv(run_folder.path / "projections" / "pixels_tsne.csv")
    assert len(table) == 200 and not set(table["sample_id"]) & set(own["sample_id"]) and set(table["nearest"]) <= set(own["sample_id"])
    assert {"pixels_pca.png", "pixels_tsne.svg", "manifest.json"} <= {p.name for p in (tmp_path / "new").iterdir()}
    assert fmnist_viz.verify(tmp_path / "new").about["kind"] == "transform"
    again = call(tmp_path, *argv, "--cache-dir", str(run_folder.cache_dir), "--out", "again")
    assert again.code == 0 and (tmp_path / "again" / "pixels_tsne.csv").read_bytes() == (tmp_path / "new" / "pixels_tsne.csv").read_bytes()


@pytest.mark.run
def test_pictures_and_another_runs_errors(run_folder: MadeRun, tmp_path: Path) -> None:
    images = load(DataConfig()).train
    (tmp_path / "pics" / "Coat").mkdir(parents=True)
    for i in np.flatnonzero(images.labels == images.class_names.index("Coat"))[:3]:
        Image.fromarray(images.images[i, :, :, 0]).save(tmp_path / "pics" / "Coat" / f"{i}.png")
    Image.fromarray(RNG.integers(0, 256, (28, 28), dtype=np.uint8)).save(tmp_path / "pics" / "noise.png")
    made = fmnist_viz.transform(run_folder.path, images=tmp_path / "pics", layer="pixels", methods="umap", cache_dir=run_folder.cache_dir)
    table = made.placed["pixels", "umap"].frame().set_index("sample_id")
    assert sorted(table["class"]) == ["", "Coat", "Coat", "Coat"] and table[table["class"] == ""]["fit"].item() == FAR
    wrong = fmnist_viz.transform(run_folder.path, errors_of=run_folder.path, layer="pixels", methods="umap", cache_dir=run_folder.cache_dir)
    table = wrong.placed["pixels", "umap"].frame()
    answers = pd.read_csv(run_folder.path / "predictions.csv")
    assert list(table["sample_id"]) == list(answers["sample_id"][~answers["correct"]]) and set(table["fit"]) == {"on the map"}
    assert list(table["predicted_here"]) == list(table["predicted_there"]) == list(answers["predicted"][~answers["correct"]])
    placed = pd.read_csv(run_folder.path / "projections" / "pixels_umap.csv").set_index("sample_id").loc[table["sample_id"], ["x", "y"]]
    np.testing.assert_array_equal(placed.to_numpy(np.float32), table[["x", "y"]].to_numpy(np.float32))


@pytest.mark.run
@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "no images are named"), (("--split", "train", "--images", "x"), "are given together"), (("--split", "dev"), "Choose from: train, test, all"),
        (("--split", "train", "--layer", "nope"), "Choose from: "), (("--split", "train", "--methods", "isomap"), "Choose from: pca, tsne, umap"),
        (("--images", "missing.png"), "not found"), (("--images", "."), "holds no picture files"), (("--errors-of", "."), "no run folder"),
        (("--images", "x.png", "--points", "3"), "it serves --split"), (("--split", "train", "--invert"), "it serves --images"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(run_folder: MadeRun, tmp_path: Path, argv: tuple[str, ...], says: str) -> None:
    done = call(tmp_path, "transform", str(run_folder.path), *argv, "--out", "new", "--cache-dir", str(run_folder.cache_dir))
    assert done.code in (2, 3) and says in done.error and not (tmp_path / "new").exists()


@pytest.mark.run
def test_all_maps_are_one_table(run_folder: MadeRun) -> None:
    table = pd.read_csv(run_folder.path / "projections" / "maps.csv")
    answers = pd.read_csv(run_folder.path / "predictions.csv")
    assert list(table["sample_id"]) == list(answers["sample_id"]) and list(table["predicted"]) == list(answers["predicted"])
    np.testing.assert_allclose(table["confidence"], answers["confidence"], rtol=1e-6)
    for layer in ("pixels", "dense", "logits"):
        for method in ("pca", "tsne", "umap"):
            own = pd.read_csv(run_folder.path / "projections" / f"{layer}_{method}.csv")
            np.testing.assert_array_equal(table[[f"{layer}_{method}_x", f"{layer}_{method}_y"]], own[["x", "y"]])
    assert "embedding-atlas projector_logs/run/projections/maps.csv --x logits_umap_x --y logits_umap_y" in run_folder.completed.out
