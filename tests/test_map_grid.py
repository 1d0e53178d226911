"""Grids of parameters: what is asked for, one graph for all, the run's own map among them, and words that the scores bear out."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Done, call
from conftest import MadeRun
from drawn import QUICK, representation
from hypothesis import given
from hypothesis import strategies as st

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.errors import BadInput, UsageError, VizError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.types import LabeledImages, Projection, Source
from fmnist_viz.display.parameter_grid import COLUMNS, Panel, ParameterGridDisplay
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.pipeline.finished import FinishedRun
from fmnist_viz.pipeline.map_grid import _announce, layer_sources
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.caption import reading
from fmnist_viz.projection.config import SUPERVISED, MapConfig
from fmnist_viz.projection.grid import MOST, Setting, read_components, read_grid, read_methods, settings, widest
from fmnist_viz.projection.project import graph_size, layout


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def fault(read: Callable[[], object]) -> str:
    """What a known error says; any other exception comes through."""
    try:
        read()
    except VizError as e:
        return str(e)
    return ""


# --- what is asked for ------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(2, 1000), min_size=1, max_size=6), st.lists(st.floats(1, 1000), min_size=1, max_size=6))
def test_values_are_read_as_they_are_written(neighbors: list[int], perplexities: list[float]) -> None:
    found = read_grid([f"n-neighbors={','.join(map(str, neighbors))}", f"perplexity = {', '.join(map(repr, perplexities))}"])
    assert found == {"n_neighbors": tuple(dict.fromkeys(neighbors)), "perplexity": tuple(dict.fromkeys(perplexities))}


@given(st.text(max_size=40))
def test_any_other_text_is_an_error_in_one_line(text: str) -> None:
    said = [fault(lambda: read_grid([text])), fault(lambda: read_components(text)), fault(lambda: read_methods(text, {}))]
    assert not any("\n" in line for line in said)


def test_the_values_of_one_method_are_combined() -> None:
    base = MapConfig(min_dist=0.3)
    grid = read_grid(["perplexity=5,50", "n_neighbors=5,200", "min_dist=0.1,0.5"])
    methods = read_methods("", grid)
    assert methods == ("tsne", "umap")
    wanted = settings(base, grid, methods)
    assert [s.config.perplexity for s in wanted if s.method == "tsne"] == [5, 50]
    assert {(s.config.n_neighbors, s.config.min_dist) for s in wanted if s.method == "umap"} == {(5, 0.1), (5, 0.5), (200, 0.1), (200, 0.5)}
    assert all(s.config.min_dist == 0.3 for s in wanted if s.method == "tsne")
    assert len({s.stem for s in wanted}) == len({s.label for s in wanted}) == len(wanted)
    assert graph_size(widest(base, wanted), 1000) == max(graph_size(s.config, 1000) for s in wanted) == 200


def test_methods_follow_from_what_is_varied() -> None:
    assert read_methods("", {}) == ("tsne", "umap")
    assert read_methods("", {}, (1, 3)) == ("pca",)
    assert read_methods("", read_grid(["n_iter=300"])) == ("tsne",)
    assert read_methods("umap-supervised", read_grid(["n_neighbors=5"])) == (SUPERVISED,)


def test_too_many_maps_are_refused() -> None:
    grid = {"n_neighbors": tuple(float(v) for v in range(2, 2 + MOST)), "min_dist": (0.1, 0.2)}
    with pytest.raises(UsageError, match="asks for 50 maps of umap"):
        settings(MapConfig(), grid, ("umap",))


# --- maps of made-up vectors ------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(240, 12)).astype(np.float32)
LABELS = np.repeat(np.arange(3), 80)
BASE = basis(representation(NOISE))
GRAPH = exact_graph(BASE.X, graph_size(QUICK, len(NOISE)))


def drawn(method: str, **more: Any) -> tuple[Any, dict[str, Any], str]:
    return layout(BASE, GRAPH, method, config=dataclasses.replace(QUICK, umap_epochs=100), seed=0, threads=1, **more)


def same_class(coords: Any) -> float:
    """Share of the ten nearest points on the map that have the point's own class: a third by chance."""
    near = exact_graph(np.ascontiguousarray(coords), 10).indices
    return float((LABELS[near] == LABELS[:, None]).mean())


def test_supervised_umap_parts_classes_that_are_not_there_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    # a command called in this process may have launched numba with fewer threads than it would take now, and it compiles nothing more then
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(numba.config.NUMBA_NUM_THREADS))
    plain, used, _ = drawn("umap", labels=LABELS)
    assert same_class(plain) < 0.45
    assert "labels" not in used
    coords, used, note = drawn(SUPERVISED, labels=LABELS)
    assert note == ""
    assert same_class(coords) > 0.7
    assert used["labels"] == "labels were used"
    ids = representation(NOISE).sample_ids
    scores = scored(0.3) | {"n": 240}
    panel = Panel(Projection(coords, ids, "noise", SUPERVISED, used, 0, scores), "15 neighbours")
    shown = ParameterGridDisplay([panel, panel], LABELS, ("a", "b", "c"))
    assert "labels were used" in reading(panel.projection)
    assert "labels were used" in shown.caption()
    assert [text.get_text() for text in shown.plot().texts].count("labels were used") == 2
    assert shown.frame()["labels_used"].all()
    with pytest.raises(ValueError, match="needs labels"):
        drawn(SUPERVISED)


def test_chosen_components_are_the_axes() -> None:
    coords, used, _ = layout(BASE, None, "pca", config=MapConfig(), seed=0, threads=1, components=(4, 2))
    assert np.array_equal(coords, BASE.X[:, [3, 1]])
    assert used["components"] == [4, 2]
    assert used["variance"] == [BASE.variance[3], BASE.variance[1]]
    narrow = basis(representation(NOISE[:, :2]))
    assert layout(narrow, None, "pca", config=MapConfig(), seed=0, threads=1, components=(1, 3))[2] == "no map: there are only 2 principal components"


# --- how it is shown --------------------------------------------------------------------------------------------------


def scored(recall: float, spread: float = 0.01) -> dict[str, Any]:
    found: dict[str, Any] = {"k": 15, "queries": 60, "n": 60, "seed": 0, "triplets": 100}
    for name, value in {"trustworthiness": 0.9, "continuity": 0.9, "recall": recall, "triplet_accuracy": 0.7}.items():
        found |= {name: value, f"{name}_low": value - spread, f"{name}_high": value + spread, f"{name}_chance": 0.2, f"{name}_pca": 0.4}
    return found


def made_panel(method: str, label: str, recall: float, *, note: str = "", **parameters: Any) -> Panel:
    coords = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    ids = np.array([f"test/{i}" for i in range(60)])
    return Panel(Projection(coords, ids, "dense", method, parameters, 0, {} if note else scored(recall), note), label, (("perplexity", 1.0),) if label else ())


def shown(*panels: Panel) -> ParameterGridDisplay:
    return ParameterGridDisplay(panels, np.arange(60) % 3, ("a", "b", "c"))


def test_the_best_value_is_named_and_what_overlaps_is_not_told_apart() -> None:
    far = shown(made_panel("tsne", "perplexity 5", 0.30), made_panel("tsne", "perplexity 30", 0.50), made_panel("tsne", "perplexity 100", 0.49))
    (said,) = far.findings()
    assert said.startswith("t-SNE: recall@15 highest at perplexity 30, 0.50 (0.49–0.51), not told apart from perplexity 100; ")
    assert said.endswith("told apart from none of the others")
    clear = shown(made_panel("tsne", "perplexity 5", 0.30), made_panel("tsne", "perplexity 30", 0.50))
    assert "0.50 (0.49–0.51); random triplets" in clear.findings()[0]
    assert shown(made_panel("tsne", "", 0.3), made_panel("umap", "", 0.4)).findings() == []


def test_every_panel_has_its_head_and_scores_and_nothing_overlaps() -> None:
    many = [made_panel("umap", f"{n} neighbours, min. distance 0.25", 0.3, n_neighbors=n) for n in range(2, 9)]
    display = shown(*many, made_panel("pca", "", 0.1), made_panel("tsne", "", 0.2, note="no map: the method did not converge"))
    assert [(method, len(panels)) for method, panels in display.rows()] == [("umap", COLUMNS), ("umap", 2), ("", 2)]
    figure = display.plot()
    figure.draw_without_rendering()
    texts = [text for text in figure.texts if text.get_text()]
    words = [text.get_text() for text in texts]
    assert all(panel.label in words for panel in many)
    assert {"PCA", "t-SNE"} <= set(words)
    assert words.count("trust .900 · recall@15 .30 · triplets .70") == len(many)
    boxes = [text.get_window_extent() for text in texts] + [ax.get_window_extent() for ax in figure.axes]
    assert not [(i, j) for i, a in enumerate(boxes) for j, b in enumerate(boxes[:i]) if a.overlaps(b)]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    frame = display.frame()
    assert len(frame) == 9
    assert frame["note"].tolist()[-1] == "no map: the method did not converge"
    with pytest.raises(ValueError, match="axes of its own"):
        display.plot(figure.axes[0])


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        pass

    def warn(self, line: str) -> None:
        self.lines.append(line)

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        pass


@pytest.mark.parametrize(("method", "dims", "warned"), [("tsne", 3, True), ("tsne", 2, False), ("umap", 3, False)])
def test_only_tsne_in_3d_is_announced_as_slow(method: str, dims: int, warned: bool) -> None:
    heard = Heard()
    _announce([Setting(method, MapConfig(dims=dims))], 2, 1000, heard)
    assert [bool(re.match("2 t-SNE maps in 3-D run on openTSNE.*1,000 points", line)) for line in heard.lines] == [True] * warned


def test_a_run_of_some_of_the_images_is_not_mapped_with_all(tmp_path: Path) -> None:
    pixels = np.zeros((6, 4, 4, 1), np.uint8)
    source = Source("folder", "here", "0" * 64)
    images = LabeledImages(pixels, np.zeros(6, np.int64), ("a",), np.array([f"test/{i}" for i in range(6)]), "test", source)
    stages = {"features": {"files": {}, "representations": {"pixels": {"rows": 5, "width": 16, "kept_width": 16, "transform": {}}}}}
    run = FinishedRun(tmp_path, "run", Manifest({}, stages))
    with pytest.raises(BadInput, match="was made from 5 of these 6 images"):
        layer_sources(run, ["pixels"], images, Cache(tmp_path))
    stages["features"]["representations"]["pixels"]["rows"] = 6  # type: ignore[index]
    assert list(layer_sources(run, ["pixels"], images, Cache(tmp_path))) == ["pixels"]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grid(run_folder: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    where = tmp_path_factory.mktemp("grid")
    words = ("--grid", "perplexity=5,30,60", "n_iter=250", "--layer", "dense,pixels", "--method", "tsne,pca")
    before = set((run_folder.cache_dir / "graphs").iterdir())
    done = call(where, "map", str(run_folder.path), *words, "--out", "out", "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    (where / "graphs.txt").write_text("\n".join(path.name for path in set((run_folder.cache_dir / "graphs").iterdir()) - before))
    return done, where / "out"


@pytest.mark.run
def test_the_grid_holds_the_runs_own_map_to_the_byte(run_folder: MadeRun, grid: tuple[Done, Path]) -> None:
    out = grid[1]
    for layer in ("dense", "pixels"):
        own = rows_of(run_folder.path / f"projections/{layer}_tsne.csv")
        again = rows_of(out / f"coordinates/{layer}_tsne_perplexity-30_n_iter-250.csv")
        assert [(r["sample_id"], r["x"], r["y"]) for r in again] == [(r["sample_id"], r["x"], r["y"]) for r in own]
        other = rows_of(out / f"coordinates/{layer}_tsne_perplexity-60_n_iter-250.csv")
        assert [r["x"] for r in other] != [r["x"] for r in own]
        assert [r["class"] for r in again] == [r["true"] for r in rows_of(run_folder.path / "predictions.csv")]


@pytest.mark.run
def test_scores_are_those_of_the_run_and_every_map_has_a_row(run_folder: MadeRun, grid: tuple[Done, Path]) -> None:
    done, out = grid
    table = rows_of(out / "grid.csv")
    assert {(r["representation"], r["method"], r["perplexity"]) for r in table} == {
        (layer, *kind) for layer in ("dense", "pixels") for kind in (("t-SNE", "5"), ("t-SNE", "30"), ("t-SNE", "60"), ("PCA", ""))
    }
    kept = {(r["representation"], r["method"]): r for r in rows_of(run_folder.path / "tables/faithfulness.csv")}
    for row in table:
        if row["perplexity"] in ("30", ""):
            own = kept[row["representation"], row["method"]]
            assert {name: row[name] for name in own if name.startswith(("recall", "trustworthiness", "triplet", "reading"))} == {
                name: own[name] for name in own if name.startswith(("recall", "trustworthiness", "triplet", "reading"))
            }
        assert f"{float(row['recall']):.2f} ({float(row['recall_low']):.2f}–{float(row['recall_high']):.2f})" in done.out


@pytest.mark.run
def test_one_graph_a_layer_serves_all_and_the_folder_is_whole(run_folder: MadeRun, grid: tuple[Done, Path]) -> None:
    out = grid[1]
    made = (out.parent / "graphs.txt").read_text().split()
    assert len(made) == 2
    sizes = {np.load(run_folder.cache_dir / "graphs" / name / "indices.npy", mmap_mode="r").shape for name in made}
    assert sizes == {(1500, 181)}
    manifest = Manifest.load(out)
    assert manifest.faults(out) == []
    assert {"grid.csv", "grid_dense.png", "grid_dense.svg", "grid_pixels.png"} <= set(manifest.files())
    assert manifest.about["labels_used"] is False
    assert call(out.parent, "report", str(out)).error.endswith("holds a grid of maps, not a run. Use fmnist-viz map with the same runs.")


@pytest.mark.run
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("nowhere --grid perplexity=5", 3, "nowhere: holds no manifest.json"),
        ("RUN --layer conv", 2, "Choose from: pixels, dense, logits."),
        ("RUN --grid perplex=5", 2, "Choose from: perplexity, n_iter, n_neighbors, min_dist, umap_epochs."),
        ("RUN --grid perplexity=5 n_neighbors=1", 2, "1 is out of range. Give at least 2"),
        ("RUN --grid perplexity=5,x", 2, "'x' is not a number"),
        ("RUN --grid n_neighbors=5.5", 2, "'5.5' is not a whole number"),
        ("RUN --grid perplexity=5 perplexity=6", 2, "perplexity is given twice"),
        ("RUN --grid perplexity=5 --method umap", 2, "no method of --method umap reads it"),
        ("RUN --method isomap", 2, "Choose from: pca, tsne, umap, umap-supervised."),
        ("RUN --dims 4", 2, "Give 2 or 3."),
        ("RUN --components 1,11", 2, "Give two or three different numbers from 1 to 10"),
        ("RUN RUN --grid perplexity=5", 2, "names 2 run folders"),
        ("--grid perplexity=5 n_neighbors=5", 2, "names no run folder"),
        ("RUN --grid perplexity=5 --cache-dir empty", 3, "the cache holds no features of dense"),
        ("RUN --grid perplexity=5 --out RUN", 6, "holds files that no grid of maps has written"),
    ],
)
def test_mistakes_cost_one_line_and_leave_nothing(run_folder: MadeRun, tmp_path: Path, words: str, code: int, said: str) -> None:
    done = call(tmp_path, "map", *words.replace("RUN", str(run_folder.path)).split())
    assert done.code == code
    assert said in done.error
    assert not (tmp_path / "projector_logs").exists()


def test_settings_of_a_grid_differ_in_their_file_names() -> None:
    grid = read_grid(["perplexity=5,5.5", "n_neighbors=5,50", "min_dist=0,0.5"])
    found = [s.stem for s in settings(MapConfig(), grid, ("pca", "tsne", "umap", SUPERVISED), (1, 3))]
    assert len(set(found)) == len(found) == 1 + 2 + 4 + 4
