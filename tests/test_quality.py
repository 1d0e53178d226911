"""`--quality` stands for numbers, given numbers win, and what is recorded is what was computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import representation

from fmnist_viz.core.config import to_toml
from fmnist_viz.core.errors import UsageError
from fmnist_viz.neighbors import exact_graph, fast_path
from fmnist_viz.pipeline.config import RunConfig, read_run_config
from fmnist_viz.projection import config as config_module
from fmnist_viz.projection.basis import basis
from fmnist_viz.projection.caption import parameter_text
from fmnist_viz.projection.config import QUALITIES, MapConfig, Quality
from fmnist_viz.projection.grid import read_grid
from fmnist_viz.projection.ladder import next_map
from fmnist_viz.projection.project import initial_coords, layout, project
from fmnist_viz.projection.umap import umap

LABELS = np.repeat(np.arange(3), 40)
BASE = basis(representation(np.random.default_rng(0).normal(scale=4, size=(3, 8))[LABELS] + np.random.default_rng(1).normal(size=(120, 8))))
GRAPH = exact_graph(BASE.X, 91)


def digest_of(maps: MapConfig) -> str:
    return RunConfig(maps=maps).digest(command="export", data="", threads=1)


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_quality_is_computed_with_its_numbers_and_says_so(quality: str) -> None:
    config = MapConfig(quality=quality)
    ids = np.arange(len(LABELS)).astype(str)
    tsne, flat = (project(BASE, GRAPH, method, sample_ids=ids, config=config, seed=0, threads=1) for method in ("tsne", "umap"))
    assert (tsne.parameters["n_iter"], flat.parameters["n_epochs"]) == (QUALITIES[quality].n_iter, QUALITIES[quality].umap_epochs)
    assert f"{QUALITIES[quality].n_iter} iterations" in parameter_text(tsne)
    assert f"{QUALITIES[quality].umap_epochs} epochs" in parameter_text(flat)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_equal_calls_give_equal_bytes_and_qualities_differ(method: str) -> None:
    def coords(quality: str) -> bytes:
        return layout(BASE, GRAPH, method, config=MapConfig(quality=quality), seed=3, threads=1)[0].tobytes()

    assert coords("fast") == coords("fast")
    assert coords("fast") != coords("best")


def test_qualities_cost_more_from_fast_to_best() -> None:
    steps = [(q.n_iter, q.umap_epochs) for q in (QUALITIES["fast"], QUALITIES["balanced"], QUALITIES["best"])]
    assert steps == sorted(steps) and len(set(steps)) == 3
    assert MapConfig().quality == "balanced"


def test_given_numbers_win_over_the_quality_one_by_one() -> None:
    config = MapConfig(quality="fast", n_iter=900)
    assert (config.steps, config.epochs) == (900, QUALITIES["fast"].umap_epochs)
    assert replace(config, umap_epochs=60).epochs == 60
    assert config.in_3d.epochs == QUALITIES["fast"].umap_epochs // 2


@pytest.mark.parametrize(("values", "least"), [({"n_iter": 249}, 250), ({"umap_epochs": 10}, 11), ({"n_iter": 1}, 250)])
def test_too_few_steps_are_refused(values: dict[str, int], least: int) -> None:
    with pytest.raises(UsageError, match=f"at least {least}"):
        MapConfig(**values)


def test_a_grid_asks_for_numbers_not_for_a_quality() -> None:
    with pytest.raises(UsageError, match="n_iter"):
        read_grid(["n_iter=0"])


def test_the_digest_is_of_what_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = QUALITIES["balanced"]
    assert digest_of(MapConfig()) == digest_of(MapConfig(n_iter=told.n_iter, umap_epochs=told.umap_epochs))
    assert digest_of(MapConfig()) != digest_of(MapConfig(quality="fast"))
    before = digest_of(MapConfig())
    monkeypatch.setitem(config_module.QUALITIES, "balanced", Quality(told.n_iter + 1, told.umap_epochs))
    assert digest_of(MapConfig()) != before


def test_a_run_of_an_older_version_keeps_its_numbers(tmp_path: object) -> None:
    from pathlib import Path

    run = Path(str(tmp_path))
    text = to_toml(RunConfig().sections).replace('quality = "balanced"\n', "").replace('graph = "auto"\n', "")
    (run / "config.toml").write_text(text.replace("n_iter = 0\n", "n_iter = 333\n").replace("umap_epochs = 0\n", "umap_epochs = 44\n"))
    read = read_run_config(run, "export").maps
    assert (read.steps, read.epochs) == (333, 44)


@pytest.mark.skipif(not fast_path(), reason="scikit-learn-intelex is not installed")
def test_best_takes_the_finer_library_where_there_are_many_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config_module.QUALITIES, "best", Quality(250, 11, fine_from=len(LABELS)))
    used = {n: layout(BASE, GRAPH, "tsne", config=MapConfig(quality=n, n_iter=250), seed=0, threads=1)[1]["implementation"] for n in ("balanced", "best")}
    assert used["balanced"].startswith("scikit-learn-intelex") and used["best"].startswith("openTSNE")


@pytest.mark.parametrize("quality", QUALITIES)
def test_maps_that_follow_each_other_take_its_numbers_too(quality: str) -> None:
    """A setting that is 0, "as the quality says", must never reach the library as no epoch at all: the start would come back as the map."""
    ids = np.arange(len(LABELS)).astype(str)
    made = next_map(BASE, None, ids, config=MapConfig(quality=quality), seed=0, threads=1, method="umap", before="the look before")
    assert made.parameters["n_epochs"] == QUALITIES[quality].umap_epochs
    start = initial_coords(BASE, 2, seed=0)
    alike = np.abs(np.corrcoef(made.coords.T, start.T)[:2, 2:]).max(axis=1)
    assert (alike < 0.999).any()


def test_no_epoch_at_all_is_no_map() -> None:
    with pytest.raises(ValueError, match="n_epochs = 0"):
        umap(GRAPH, initial_coords(BASE, 2, seed=0), n_neighbors=15, min_dist=0.1, n_epochs=0, seed=0)
