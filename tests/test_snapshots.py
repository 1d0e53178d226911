"""Training as motion: which epochs, how they lie over each other, the ways of samples, and that the cache gives the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command import call
from conftest import MadeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from projector_data import garments, layer

from fmnist_viz.core.errors import UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.types import Representation
from fmnist_viz.export.projector import ProjectorTensor, check_folder, write_tensors
from fmnist_viz.export.projector.metadata import read_as_page
from fmnist_viz.pipeline.folder import verify
from fmnist_viz.pipeline.snapshots import LiveSnapshots, next_rows, recordings, traced_epochs, write_snapshots
from fmnist_viz.projection.align import chain, components, drift
from fmnist_viz.training.config import FitConfig

TRAIN = ("train", "--data", "sample", "--model", "dense128", "--validation", "500", "--threads", "1", "--cache-dir", "cache")


class Told:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, line: str) -> None:
        self.warnings.append(line)


def contents(folder: Path) -> dict[str, bytes]:
    """Without event files, which hold the time."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and "tfevents" not in p.name}


def bookmarks(folder: Path, tensor: str) -> list[np.ndarray]:
    states = json.loads((folder / f"{tensor}.bookmarks.json").read_text())
    return [np.array([[point[f"pca-{i}"] for i in range(len(state["pcaComponentDimensions"]))] for point in state["projections"]]) for state in states]


def rows(path: Path) -> list[dict[str, str]]:
    return read_as_page(path.read_bytes())[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Four epochs on the shipped sample, `run`, the same out of the cache, `again`, and which snapshots lay in the folder after each look at the probe."""
    where, seen = tmp_path_factory.mktemp("motion"), list[Any]()
    look = LiveSnapshots.__call__

    def watched(self: LiveSnapshots, epoch: int, sight: Any) -> None:
        look(self, epoch, sight)
        folder = where / "run" / "projector_epochs"
        seen.append((epoch, sorted(p.name for p in folder.iterdir()), bookmarks(folder / "epoch_000", "00_epoch_000_penultimate")[1]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveSnapshots, "__call__", watched)
        for out in ("run", "again"):
            done = call(where, *TRAIN, "--epochs", "4", "--snapshots", "0,1,half,last", "--out", out)
            assert done.code == 0, done.err
    assert "taken from the cache" in done.err
    return where, seen


# --- which epochs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "last", "epochs"),
    [
        ("0,1,2,5,half,last", 1, (0, 1)),
        ("0,1,2,5,half,last", 5, (0, 1, 2, 5)),
        ("0,1,2,5,half,last", 60, (0, 1, 2, 5, 30, 60)),
        ("last", 7, (7,)),
        ("3, 1", 2, (1,)),
        ("none", 9, ()),
    ],
)
def test_the_rule(text: str, last: int, epochs: tuple[int, ...]) -> None:
    assert FitConfig(snapshots=text).snapshot_epochs(last) == epochs


@pytest.mark.parametrize("text", ["", "first", "1,2,3,4,5,6,7", "-1", "1,,2", "none,1", "2.5"])
def test_what_is_no_list_of_epochs(text: str) -> None:
    with pytest.raises(UsageError, match="--snapshots"):
        FitConfig(snapshots=text)


def test_a_run_of_the_main_job_has_them(run_folder: MadeRun) -> None:
    folder = run_folder.path / "projector_epochs"
    assert sorted(p.name for p in folder.iterdir()) == ["epoch_000", "epoch_001", "trajectory"]
    assert all(check_folder(part) == [] for part in folder.iterdir())
    stage = Manifest.load(run_folder.path).stages["snapshots"]
    assert stage["runs"] == [0, 1]
    assert {name for name in stage["files"] if name.endswith(".pbtxt")} == {f"projector_epochs/{p.name}/projector_config.pbtxt" for p in folder.iterdir()}
    assert [step["relative_rms"] > 0 for step in stage["drift"]["penultimate"]] == [True]


# --- while it runs, and after -----------------------------------------------------------------------------------------


def test_each_chosen_epoch_is_there_as_soon_as_it_ended(trained: tuple[Path, list[Any]]) -> None:
    where, seen = trained
    runs = ["epoch_000", "epoch_001", "epoch_002", "epoch_004"]
    assert [(epoch, names) for epoch, names, _ in seen] == [(0, runs[:1]), (1, runs[:2]), (2, runs[:3]), (3, runs[:3]), (4, runs)]
    folder = where / "run" / "projector_epochs"
    assert sorted(p.name for p in folder.iterdir()) == [*runs, "other_epochs", "trajectory"]
    assert all(check_folder(part) == [] for part in folder.iterdir())
    live, final = seen[-1][2], bookmarks(folder / "epoch_000", "00_epoch_000_penultimate")[1]
    assert np.abs(live - final).max() > 1e-3  # in its own axes then, in the last epoch's now


def test_out_of_the_cache_come_equal_bytes_and_the_manifest_holds(trained: tuple[Path, list[Any]]) -> None:
    where, _ = trained
    made, again = (contents(where / out / "projector_epochs") for out in ("run", "again"))
    assert made
    assert made == again
    stages = [verify(where / out).stages["snapshots"] for out in ("run", "again")]
    assert stages[0]["drift"] == stages[1]["drift"]
    assert len([name for name in stages[0]["files"] if "tfevents" in name]) == 6


def test_maps_of_all_epochs_are_in_the_last_ones_axes(trained: tuple[Path, list[Any]]) -> None:
    """The coordinates that the page gets are those of the recordings, aligned; the last epoch's are its plain PCA."""
    where, _ = trained
    folder, recorded = where / "run" / "projector_epochs", recordings(where / "run" / "probe")
    assert [r.epoch for r in recorded] == [0, 1, 2, 3, 4]
    placed = chain([r.penultimate for r in recorded])
    for r, X in zip(recorded, placed, strict=True):
        other = r.epoch == 3
        part = folder / ("other_epochs" if other else f"epoch_{r.epoch:03d}")
        name = f"00_epoch_{r.epoch:03d}_penultimate"
        flat, solid = bookmarks(part, name)
        with np.load(where / "run/probe/probe.npz") as stored:
            place = {sample: i for i, sample in enumerate(stored["sample_ids"].tolist())}
        at = [place[row["sample_id"]] for row in rows(part / (f"{name}.tsv" if other else "metadata.tsv"))]
        assert np.allclose(flat, X[at, :2], rtol=1e-5)
        assert np.allclose(solid, X[at, :3], rtol=1e-5)
    assert np.array_equal(placed[-1], components(recorded[-1].penultimate))


def test_alignment_takes_most_of_the_apparent_movement_away(trained: tuple[Path, list[Any]]) -> None:
    """Against PCA maps made one by one, on the real probe; after the first epoch little moves but axes."""
    recorded = recordings(trained[0] / "run" / "probe")
    alone = [components(r.penultimate, 3) for r in recorded]
    placed = [X[:, :3] for X in chain([r.penultimate for r in recorded])]
    free, aligned = ([drift(a, b) for a, b in itertools.pairwise(maps)] for maps in (alone, placed))
    assert all(a <= f + 0.02 for a, f in zip(aligned, free, strict=True)), (aligned, free)
    assert sum(aligned) < sum(free)
    stated = Manifest.load(trained[0] / "run").stages["snapshots"]["drift"]["penultimate"]
    whole = chain([r.penultimate for r in recorded])
    assert [step["relative_rms"] for step in stated] == [round(drift(a, b), 4) for a, b in itertools.pairwise(whole)]
    assert stated[-1]["relative_rms"] < stated[0]["relative_rms"]


def test_live_snapshots_are_laid_over_the_one_before_and_a_full_disk_is_told_once(tmp_path: Path) -> None:
    images, told = garments(40), Told()
    turned = layer(images, 12, "a").X
    live = LiveSnapshots(tmp_path / "live", images, (0, 2, 3), told)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for epoch in range(4):
        turned = (turned @ np.linalg.qr(rng.normal(size=(12, 12)))[0]).astype(np.float32)
        live(epoch, SimpleNamespace(hidden=turned, logits=turned[:, :10]))  # type: ignore[arg-type]
    assert sorted(p.name for p in (tmp_path / "live").iterdir()) == ["epoch_000", "epoch_002", "epoch_003"]
    first, last = (bookmarks(tmp_path / "live" / f"epoch_{e:03d}", f"00_epoch_{e:03d}_penultimate")[1] for e in (0, 3))
    orders = [[row["sample_id"] for row in rows(tmp_path / f"live/epoch_{e:03d}/metadata.tsv")] for e in (0, 3)]
    assert np.abs(first - last[[orders[1].index(sample) for sample in orders[0]]]).max() < 1e-3 * np.ptp(first)
    (tmp_path / "taken").write_text("a file")
    stuck = LiveSnapshots(tmp_path / "taken", images, (0, 1), told)  # type: ignore[arg-type]
    for epoch in range(2):
        stuck(epoch, SimpleNamespace(hidden=turned, logits=turned[:, :10]))  # type: ignore[arg-type]
    assert len(told.warnings) == 1
    assert "The training goes on" in told.warnings[0]


# --- the ways of samples ----------------------------------------------------------------------------------------------


def chains_of_the_page(following: list[int]) -> list[list[int]]:
    """`computeSequences` of the page's data set: it walks from every row that no walk has met."""
    met, found = set(), []
    for start in range(len(following)):
        if start in met:
            continue
        met.add(start)
        walk, at = [], start
        while 0 <= at < len(following):
            walk.append(at)
            met.add(following[at])
            at = following[at]
        found.append(walk)
    return found


@given(st.integers(1, 30), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_every_sample_has_one_line_through_all_epochs(samples: int, epochs: int) -> None:
    found = chains_of_the_page(next_rows(samples, epochs).tolist())
    assert found == [list(range(i * epochs, (i + 1) * epochs)) for i in range(samples)]


@given(st.integers(2, 500), st.integers(1, 300))
def test_long_trainings_are_thinned_and_keep_both_ends(count: int, samples: int) -> None:
    epochs = traced_epochs(count, samples)
    assert (epochs[0], epochs[-1]) == (0, count - 1)
    assert len(epochs) * samples <= max(20_000, 2 * samples)
    assert (np.diff(epochs) > 0).all()


def test_the_trajectory_joins_the_same_image_from_epoch_to_epoch(trained: tuple[Path, list[Any]]) -> None:
    folder = trained[0] / "run/projector_epochs/trajectory"
    table = rows(folder / "trajectory.tsv")
    found = chains_of_the_page([int(row["__seq_next__"]) for row in table])
    assert len(found) == 300
    for walk in found:
        assert [table[row]["epoch"] for row in walk] == ["0", "1", "2", "3", "4"]
        assert len({table[row]["sample_id"] for row in walk}) == 1
        assert len({table[row]["label"] for row in walk}) == 1
    recorded = recordings(trained[0] / "run/probe")
    placed = chain([r.penultimate for r in recorded])
    with np.load(trained[0] / "run/probe/probe.npz") as stored:
        place = {sample: i for i, sample in enumerate(stored["sample_ids"].tolist())}
    expected = np.array([placed[int(row["epoch"])][place[row["sample_id"]], :2] for row in table])
    assert np.allclose(bookmarks(folder, "trajectory")[0], expected, rtol=1e-5)
    labels = [row["label"] for row in table[:: len(recorded)]][:10]
    assert len(set(labels)) == 10  # the first ones visit every class: the page's colours are the program's


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_draws_the_lines(trained: tuple[Path, list[Any]]) -> None:
    """In the real page: a line per image, and our coordinates two seconds after the bookmark was clicked."""
    from projector_page import open_projector

    folder = trained[0] / "run"
    with open_projector(folder) as page:
        assert page.runs() == [f"projector_epochs/{name}" for name in ("epoch_000", "epoch_001", "epoch_002", "epoch_004", "other_epochs", "trajectory")]
        page.open_tensor("trajectory", run="projector_epochs/trajectory")
        chains = page.ask("VZ-PROJECTOR", "e => e.dataSet.sequences.map(s => s.pointIndices)")
        assert chains == [list(range(5 * i, 5 * i + 5)) for i in range(300)]
        for number, ours in enumerate(bookmarks(folder / "projector_epochs/trajectory", "trajectory")):
            page.open_bookmark(number)
            page.page.wait_for_timeout(2000)
            shown = page.coordinates(tuple(f"pca-{i}" for i in range(ours.shape[1])))
            assert np.abs(shown - ours).max() <= 1e-5 * np.ptp(ours)
        assert page.colours_in_screenshot() >= 5
        assert page.errors == []


@pytest.mark.parametrize("following", [[1, 0], [0, -1], [2, -1], [-2, -1]])
def test_lines_that_lead_back_or_out_are_refused(following: list[int]) -> None:
    """The page would follow a circle for ever."""
    pair = Representation(np.eye(2, 4, dtype=np.float32), ["a", "b"], "pair", "activation")
    with pytest.raises(ValueError, match="next_row"):
        ProjectorTensor(pair, next_row=np.array(following, np.int64))


def test_only_the_writer_itself_makes_the_column(tmp_path: Path) -> None:
    import pandas as pd

    three = Representation(np.eye(3, 4, dtype=np.float32), ["a", "b", "c"], "three", "activation")
    foreign = pd.DataFrame({"label": list("abc"), "__seq_next__": [1, 0, 0]})
    write_tensors(tmp_path, [ProjectorTensor(three, metadata=foreign, next_row=np.array([2, -1, -1]))])
    assert [(row["seq_next"], row["__seq_next__"]) for row in rows(tmp_path / "three.tsv")] == [("1", "2"), ("0", "-1"), ("0", "-1")]


# --- where there are none ---------------------------------------------------------------------------------------------


def test_where_there_are_none_the_manifest_says_why(run_folder: MadeRun, trained: tuple[Path, list[Any]]) -> None:
    where, _ = trained
    done = call(where, *TRAIN, "--epochs", "4", "--snapshots", "none", "--out", "without")
    assert done.code == 0, done.err
    look = (
        "--data",
        "sample",
        "--points",
        "60",
        "--ladder-points",
        "0",
        "--film-epochs",
        "0",
        "--projector-points",
        "30",
        "--methods",
        "pca",
        "--layers",
        "logits",
        "--cache-dir",
        "cache",
    )
    done = call(where, "export", "--model", str(run_folder.path / "model.keras"), *look, "--out", "brought")
    assert done.code == 0, done.err
    said = {out: Manifest.load(where / out).stages["snapshots"]["skipped"] for out in ("without", "brought")}
    assert said == {"without": "--snapshots none", "brought": "nothing was trained here, so no epochs of this model are known"}
    assert not (where / "without/projector_epochs").exists()
    assert not (where / "brought/projector_epochs").exists()


def test_two_images_and_a_single_recording(tmp_path: Path) -> None:
    images = garments(2)
    recorded = [SimpleNamespace(epoch=0, penultimate=np.zeros((2, 4), np.float32), logits=np.eye(2, 10, dtype=np.float32))]
    facts = write_snapshots(tmp_path, images, recorded, (0,), seed=0)  # type: ignore[arg-type]
    assert facts["drift"] == {"penultimate": [], "logits": []}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch_000", "trajectory"]
