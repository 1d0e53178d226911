"""Maps made again: planted gaps are found with intervals, noise has none, and what only turned has not moved."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Done, call
from conftest import MadeRun
from drawn import QUICK, representation
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fmnist_viz
from fmnist_viz.analysis.overlap import overlap
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.types import ReferenceDistances
from fmnist_viz.neighbors import reference_distances
from fmnist_viz.pipeline.replicates import restricted
from fmnist_viz.pipeline.stability import StabilityMaps, stability
from fmnist_viz.projection.gap_table import sample_interval, spread_interval
from fmnist_viz.projection.gaps import APART, APART_FROM, MIXED, TOUCHING, UNKNOWN, Gaps, class_pairs, gaps, near_of
from fmnist_viz.projection.grid import read_grid
from fmnist_viz.projection.grid import settings as grid_settings
from fmnist_viz.projection.replicates import PARAMETERS, REFERENCE, SAMPLE, START, Drawing, base_of, draw, plans
from fmnist_viz.projection.stability_reading import jumping

RNG = np.random.default_rng(0)
BEGINNING = RNG.bit_generator.state
LABELS = np.repeat(np.arange(4), 60)
PLACES = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 25.0], [-30.0, 10.0]])  # the nearest of 0 is 1, of 1 is 0, of 2 is 1, of 3 is 0


@pytest.fixture(autouse=True)
def _from_the_beginning() -> None:
    """Every test draws the same numbers, whichever ran before."""
    RNG.bit_generator.state = BEGINNING


def clouds(rng: np.random.Generator, places: NDArray[np.float64] = PLACES) -> NDArray[np.float32]:
    return (places[LABELS] + rng.normal(size=(len(LABELS), 2))).astype(np.float32)


def gap_of(coords: Any, labels: Any) -> Gaps:
    coords, labels = np.asarray(coords, np.float32), np.asarray(labels, np.int64)
    classes = int(labels.max()) + 1
    return gaps(coords, labels, classes, near=near_of(coords), pairs=class_pairs(coords, labels, classes))


# --- the gap of one map -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [300, 1000, 4000])
def test_a_border_is_no_gap_and_an_empty_strip_is_one_however_many_points(n: int) -> None:
    square = np.random.default_rng(n).uniform(size=(n, 2))
    right = (square[:, 0] > 0.5).astype(np.int64)
    shared = gap_of(square, right)
    assert 2 ** shared.log2[0] < 2
    assert shared.verdicts == (TOUCHING,)
    assert gap_of(square + np.outer(right, [0.3, 0.0]), right).verdicts == (APART,)
    assert gap_of(square, np.random.default_rng(1).integers(0, 2, n)).verdicts == (MIXED,)


def test_a_few_strays_do_not_close_a_gap_and_many_make_it_mixed() -> None:
    rng = np.random.default_rng(3)
    X, labels = clouds(rng)[:120], LABELS[:120]
    few, many = labels.copy(), labels.copy()
    few[:2], many[:20] = 1, 1
    assert gap_of(X, few).verdicts == (APART,)
    assert gap_of(X, many).verdicts == (MIXED,)


def test_a_long_crooked_class_is_as_far_as_its_border() -> None:
    """Centres would say that the ring and the disc in its middle lie at the same place."""
    rng = np.random.default_rng(4)
    angle = rng.uniform(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(8, 10, 400)[:, None]
    disc = rng.normal(size=(400, 2))
    assert gap_of(np.vstack([ring, disc]), np.repeat([0, 1], 400)).verdicts == (APART,)


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 6.28), st.floats(1e-3, 1e3), st.booleans())
def test_a_gap_has_no_unit_and_no_direction(angle: float, scale: float, mirrored: bool) -> None:
    X = clouds(np.random.default_rng(5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale @ np.diag([1, -1 if mirrored else 1])
    a, b = gap_of(X, LABELS), gap_of(X @ turn, LABELS)
    assert np.allclose(a.log2, b.log2, atol=1e-2)
    assert a.nearest.tolist() == b.nearest.tolist() == [1, 0, 1, 0]


def test_mixing_is_that_of_the_overlap() -> None:
    X = np.random.default_rng(6).normal(size=(240, 2)).astype(np.float32)
    X[:, 0] += LABELS
    near = near_of(X)
    other = overlap(near, near, LABELS, ("a", "b", "c", "d")).frame()
    assert np.allclose(gap_of(X, LABELS).mixing, other["mixing_map"])


def test_small_classes_and_coinciding_points() -> None:
    X = np.vstack([np.zeros((12, 2)), np.ones((12, 2)), np.full((5, 2), 9.0)])
    found = gap_of(X, np.repeat([0, 1, 2], [12, 12, 5]))
    assert found.verdicts == (APART, UNKNOWN, UNKNOWN)
    assert np.isfinite(found.log2[0])


# --- intervals --------------------------------------------------------------------------------------------------------


def test_intervals_of_few_values() -> None:
    from scipy.stats import t

    values = np.array([1.0, 2.0, 4.0])
    low, high = spread_interval(values)
    half = t.ppf(0.975, 2) * values.std(ddof=1) * math.sqrt(4 / 3)
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(half)
    assert all(map(math.isnan, (*spread_interval(values[:1]), *sample_interval(1.0, values[:1], 0.5), *sample_interval(1.0, values, 1.0))))


def test_random_halves_vary_as_new_samples_do() -> None:
    """Of a mean, where the truth is known: the interval holds it about 95 times in a hundred."""
    rng, held = np.random.default_rng(7), 0
    for _ in range(400):
        X = rng.normal(size=200)
        low, high = sample_interval(float(X.mean()), np.array([rng.permutation(X)[:100].mean() for _ in range(6)]), 0.5)
        held += low <= 0 <= high
    assert 0.9 <= held / 400 <= 0.99


# --- planted maps -----------------------------------------------------------------------------------------------------


def one(*maps: Any, labels: Any = LABELS) -> Any:
    return stability(list(maps), labels).one()


def test_clusters_that_are_there_have_gaps_whose_intervals_say_so() -> None:
    made = stability(clouds(RNG), LABELS, methods="pca", seeds=6)
    pairs = made.pairs()
    assert len(pairs) == 6
    assert (pairs["low"] > APART_FROM).all()
    assert (pairs["low"] <= pairs["gap"]).all()
    assert (pairs["gap"] <= pairs["high"]).all()
    assert (pairs[APART] == 7).all()
    assert pairs["same_verdict"].all()
    assert made.classes()["same"].tolist() == [7] * 4
    assert made.classes()["nearest"].tolist() == ["1", "0", "1", "0"]
    assert "6 are apart on all 7 maps with an interval that stays above 3 steps" in str(made)


def test_of_noise_nothing_is_reproducible() -> None:
    labels = RNG.integers(0, 4, 240)
    found = one(*(RNG.normal(size=(240, 2)) for _ in range(8)), labels=labels)
    assert (found.pairs()[APART] == 0).all()
    assert not (found.classes()["same"] == found.classes()["maps"]).any()
    assert found.classes()["reading"].str.contains("not to be read").all()
    assert float(np.nanmean(found.share)) == pytest.approx(found.chance, abs=0.015)
    assert found.jumps.mean() > 0.5
    assert float(np.sqrt((found.moved**2).mean())) == pytest.approx(math.sqrt(2), abs=0.15)


def test_a_gap_that_one_map_lacks_is_not_to_be_read() -> None:
    glued = PLACES.copy()
    glued[1] = glued[0]
    found = one(clouds(RNG), clouds(RNG), clouds(RNG, glued))
    row = found.pairs().query("a == '0' and b == '1'").iloc[0]
    assert (row[APART], row[MIXED], row["maps"]) == (2, 1, 3)
    assert row["reading"] == "the gap between 0 and 1 is there in 2 of 3 maps: not to be read"
    assert "1 is apart on some maps only: a gap not to be read (0 and 1 in 2 of 3 maps)" in found.findings()[0]


def test_nearness_that_changes_is_said() -> None:
    swapped = PLACES[[0, 3, 2, 1]]
    found = one(clouds(RNG), clouds(RNG, swapped))
    row = found.classes().set_index("class").loc["0"]
    assert (row["nearest"], row["same"], row["maps"]) == ("1", 1, 2)
    assert row["reading"] == "the nearest class is not reproducible (1 1, 3 1 of 2 maps): not to be read"


def test_a_map_that_comes_again_has_not_moved() -> None:
    X = clouds(RNG)
    found = one(X, X.copy(), X.copy())
    assert (found.share == 1).all()
    assert (found.moved < 1e-12).all()
    assert not found.jumps.any()
    assert np.allclose(found.pairs()[["low", "high"]], found.pairs()[["gap", "gap"]])
    assert (found.classes()["order"] == 1).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 6.28), st.floats(0.01, 100), st.booleans(), st.floats(-100, 100))
def test_turning_mirroring_scaling_and_shifting_is_undone(angle: float, scale: float, mirrored: bool, shift: float) -> None:
    X = clouds(np.random.default_rng(8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale @ np.diag([1, -1 if mirrored else 1])
    found = one(X, X @ turn + shift * scale)
    assert float(found.moved.max()) < 1e-3
    assert float(found.share.mean()) > 0.995  # single precision may swap two neighbours


def test_points_that_change_their_place_are_named() -> None:
    maps = [clouds(RNG) for _ in range(4)]
    maps[1][7], maps[2][7] = PLACES[2], PLACES[3]
    found = one(*maps)
    assert np.flatnonzero(found.jumps).tolist() == [7]
    assert jumping(found) == ["7 (0): 0 2, 2 1, 3 1"]
    row = found.points().iloc[7]
    assert (row["area"], row["area_maps"], row["maps"], row["areas"]) == ("0", 2, 4, "0 2, 2 1, 3 1")
    assert row["moved"] == found.moved.max()
    assert row["kept"] < np.median(found.share)


# --- replicates -------------------------------------------------------------------------------------------------------


def test_what_is_varied_and_what_is_not() -> None:
    others = grid_settings(QUICK, read_grid(["perplexity=5,30", "n_neighbors=7"]), ("tsne", "umap", "pca"))
    wanted = plans("tsne", QUICK, LABELS, seeds=3, resample=True, settings=others, seed=4)
    assert [plan.kind for plan in wanted] == [REFERENCE, *[START] * 3, *[SAMPLE] * 3, PARAMETERS]  # 30 is the reference's own perplexity
    assert len({plan.seed for plan in wanted if plan.kind == START}) == 3
    assert wanted[-1].seed == wanted[0].seed == 4
    halves = [plan.rows for plan in wanted if plan.kind == SAMPLE]
    assert all(np.bincount(LABELS[rows]).tolist() == [30] * 4 for rows in halves)
    assert len({rows.tobytes() for rows in halves}) == 3
    assert [plan.kind for plan in plans("pca", QUICK, LABELS, seeds=3, resample=True, settings=others, seed=4)] == [REFERENCE, *[SAMPLE] * 3]
    assert [plan.kind for plan in plans("umap", QUICK, LABELS, seeds=2, resample=False, settings=others, seed=4)] == [REFERENCE, START, START, PARAMETERS]


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_only_the_start_is_random(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are the representation's own: of clusters far apart none is mixed up, and two starts give two maps."""
    import numba

    monkeypatch.setenv("NUMBA_NUM_THREADS", str(numba.config.NUMBA_NUM_THREADS))
    X = RNG.normal(size=(240, 8)) + 20 * np.eye(8)[LABELS]
    base = base_of(representation(X), QUICK, 91)
    made = [draw(Drawing(base, method, plan, 1)) for plan in plans(method, QUICK, LABELS, seeds=2, resample=False, settings=(), seed=0)]
    assert [used["init"] for _, used, _ in made] == ["pca", "random", "random"]
    assert not np.allclose(made[1][0], made[2][0])
    for coords, used, note in made:
        assert note == ""
        assert used["pca_dims"] == 8
        assert (LABELS[near_of(coords, 5)] == LABELS[:, None]).mean() > 0.9


def test_a_part_is_held_against_the_unreduced_distances() -> None:
    X = RNG.normal(size=(60, 5)).astype(np.float32)
    rows = np.arange(1, 60, 2)
    part = restricted(reference_distances(X, np.array([0, 1, 7, 30])), rows)
    assert part.queries.tolist() == [0, 3]
    assert np.allclose(part.distances, np.linalg.norm(X[[1, 7], None] - X[rows], axis=2), atol=1e-2)  # single precision: a point is 1e-4 from itself
    assert isinstance(restricted(reference_distances(X, np.array([0])), rows), ReferenceDistances)


# --- odd input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 20])
def test_few_points_are_labelled(n: int) -> None:
    made = stability(RNG.normal(size=(n, 3)), RNG.integers(0, 2, n), methods="pca,tsne", seeds=2, config=QUICK)
    assert str(made)
    assert [len(frame) for frame in (made.points(), made.replicates())] == [2 * n, 3 + 5]
    made.pairs(), made.classes()
    for method in ("pca", "tsne"):
        made.plot(method=method)
        made.plot_gaps(method=method)
    if n < 4:
        assert made.one(method="tsne").note


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.ones((30, 4)), "a constant layer"),
        (np.zeros((30, 4)), "a dead layer"),
        (np.full((30, 4), np.nan), "values that are not finite"),
    ],
)
def test_no_structure_is_said_and_drawn_as_a_sentence(X: NDArray[np.float64], said: str) -> None:
    made = stability(X, RNG.integers(0, 2, 30), seeds=2, methods="tsne", config=QUICK)
    assert said in str(made)
    assert said in "".join(text.get_text() for text in made.plot().findobj(lambda a: hasattr(a, "get_text")))
    assert made.replicates()["note"].str.contains(said).all()
    assert len(made.pairs()) == len(made.classes()) == 0
    assert made.points()["kept"].isna().all()
    made.plot_gaps()


def test_one_class_and_no_labels() -> None:
    X = RNG.normal(size=(60, 3))
    single = stability(X, np.zeros(60, int), methods="pca", seeds=2)
    assert len(single.pairs()) == len(single.classes()) == 0
    assert "No two classes have points enough" in str(single)
    single.plot_gaps()
    none = stability(X, methods="pca", seeds=2)
    assert "nearest neighbours two maps have in common" in str(none)
    assert (none.points()["area"] == "").all()
    none.plot()
    with pytest.raises(UsageError, match="there were no labels"):
        none.plot_gaps()


@pytest.mark.parametrize(
    ("given", "more", "error", "said"),
    [
        ([np.zeros((5, 2)), np.zeros((4, 2))], {}, BadInput, r"map 2: has the shape \(4, 2\)"),
        ([np.zeros((5, 4))], {}, BadInput, r"map 1: has the shape \(5, 4\)"),
        ([np.full((5, 2), np.nan)], {}, BadInput, "not finite"),
        (np.zeros((5, 2)), {"labels": [1, 2]}, BadInput, "labels: has the shape"),
        (np.zeros((5, 2)), {"seeds": 1}, UsageError, "Give 2 to 50"),
        (np.zeros((5, 2)), {"methods": "umap-supervised"}, UsageError, "Choose from: pca, tsne, umap"),
    ],
)
def test_bad_input_is_one_sentence(given: Any, more: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        stability(given, **more)


# --- figures ----------------------------------------------------------------------------------------------------------


def test_nothing_in_the_figures_overlaps_and_every_map_is_there() -> None:
    made = stability([clouds(RNG) for _ in range(7)], LABELS, class_names=["a", "b" * 30, "c", "d"])
    for figure, panels in ((made.plot(), 6 + 2), (made.plot_gaps(), 3)):
        figure.draw_without_rendering()
        texts = [text for text in figure.texts if text.get_text()]
        boxes = [text.get_window_extent() for text in texts] + [ax.get_window_extent() for ax in figure.axes]
        assert not [(i, j) for i, a in enumerate(boxes) for j, b in enumerate(boxes[:i]) if a.overlaps(b)]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
        assert sum(ax.get_gid() not in ("key", "bar") for ax in figure.axes) == panels
    words = [text.get_text() for text in made.plot().texts]
    assert sum(text.startswith("moved ") for text in words) == 6
    assert isinstance(made, StabilityMaps)
    assert fmnist_viz.stability is stability


# --- the command ------------------------------------------------------------------------------------------------------

WORDS = ("--layers", "dense", "--methods", "tsne,pca", "--seeds", "2", "--grid", "perplexity=60")


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


@pytest.fixture(scope="module")
def written(run_folder: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    where = tmp_path_factory.mktemp("stability")
    done = call(where, "stability", str(run_folder.path), *WORDS, "--out", "out", "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    return done, where / "out"


@pytest.mark.run
def test_the_reference_is_the_runs_own_map(run_folder: MadeRun, written: tuple[Done, Path]) -> None:
    own = rows_of(run_folder.path / "projections/dense_tsne.csv")
    again = [row for row in rows_of(written[1] / "points.csv") if row["method"] == "t-SNE"]
    assert [row["sample_id"] for row in again] == [row["sample_id"] for row in own]
    assert np.allclose([[float(r["x"]), float(r["y"])] for r in again], [[float(r["x"]), float(r["y"])] for r in own], rtol=1e-5, atol=1e-5)
    kept = next(row for row in rows_of(run_folder.path / "tables/faithfulness.csv") if (row["representation"], row["method"]) == ("dense", "t-SNE"))
    first = next(row for row in rows_of(written[1] / "replicates.csv") if (row["method"], row["kind"]) == ("t-SNE", "reference"))
    assert float(first["recall"]) == pytest.approx(float(kept["recall"]), abs=1e-6)


@pytest.mark.run
def test_the_folder_is_whole_and_the_screen_says_what_the_tables_hold(written: tuple[Done, Path]) -> None:
    done, out = written
    manifest = Manifest.load(out)
    assert manifest.faults(out) == []
    assert manifest.about["kind"] == "stability"
    stems = {f"{kind}_dense_{method}.png" for kind in ("stability", "gaps") for method in ("tsne", "pca")}
    assert stems | {"points.csv", "pairs.csv", "classes.csv", "replicates.csv"} <= set(manifest.files())
    table = rows_of(out / "replicates.csv")
    assert [(r["method"], r["kind"]) for r in table] == [
        *[("t-SNE", kind) for kind in ("reference", "start", "start", "sample", "sample", "parameters")],
        *[("PCA", kind) for kind in ("reference", "sample", "sample")],
    ]
    assert {r["n"] for r in table} == {"1500", "750"}
    pairs = [r for r in rows_of(out / "pairs.csv") if r["method"] == "t-SNE"]
    assert len(pairs) == 45
    firm = [r for r in pairs if r["apart"] == r["maps"] and float(r["low"]) >= APART_FROM]
    assert f"Of 45 pairs of classes, {len(firm)} are apart on all 6 maps" in done.out
    assert call(out.parent, "report", str(out)).error.endswith("holds the stability of maps, not a run. Use fmnist-viz stability with the same runs.")


@pytest.mark.run
def test_the_same_call_comes_out_of_the_cache_with_equal_bytes(run_folder: MadeRun, written: tuple[Done, Path]) -> None:
    out, kept = written[1], sorted((run_folder.cache_dir / "stability").iterdir())
    done = call(out.parent, "stability", str(run_folder.path), *WORDS, "--out", "again", "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    assert sorted((run_folder.cache_dir / "stability").iterdir()) == kept
    for name in ("points.csv", "pairs.csv", "gaps_dense_tsne.svg", "stability_dense_pca.png"):
        assert (out / name).read_bytes() == (out.parent / "again" / name).read_bytes()


@pytest.mark.run
def test_fewer_points_of_a_wide_layer(run_folder: MadeRun, tmp_path: Path) -> None:
    words = ("--layers", "pixels", "--methods", "pca", "--seeds", "2", "--points", "200", "--cache-dir", str(run_folder.cache_dir))
    done = call(tmp_path, "stability", str(run_folder.path), *words)
    assert done.code == 0, done.err
    (out,) = (tmp_path / "projector_logs").iterdir()
    assert len(rows_of(out / "points.csv")) == 200
    assert "of 200 points" in done.out


@pytest.mark.run
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("nowhere", 3, "nowhere: holds no manifest.json"),
        ("RUN --layers conv", 2, "Choose from: pixels, dense, logits."),
        ("RUN --methods isomap", 2, "Choose from:"),
        ("RUN --methods umap-supervised", 2, "Choose from: pca, tsne, umap."),
        ("RUN --seeds 1", 2, "Give 2 to 50."),
        ("RUN --points -1", 2, "Give 0 (all of them) or more."),
        ("RUN --grid perplex=5", 2, "Choose from: perplexity"),
        ("RUN --methods tsne --grid n_neighbors=5", 2, "no method of --methods tsne reads it"),
        ("RUN RUN", 2, "names 2 run folders"),
        ("perplexity=5", 2, "names no run folder"),
        ("RUN --cache-dir empty", 3, "the cache holds no features of dense"),
        ("RUN --out RUN", 6, "holds files that no stability of maps has written"),
    ],
)
def test_mistakes_cost_one_line_and_leave_nothing(run_folder: MadeRun, tmp_path: Path, words: str, code: int, said: str) -> None:
    done = call(tmp_path, "stability", *words.replace("RUN", str(run_folder.path)).split())
    assert done.code == code
    assert said in done.error
    assert not (tmp_path / "projector_logs").exists()
