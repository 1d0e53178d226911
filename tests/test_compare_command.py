"""`fmnist-viz compare` on runs that the command made: what is found, what is refused, and what may be overwritten."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from command import Done, call, run
from conftest import MadeRun

import fmnist_viz
from fmnist_viz.core.errors import OutputBusy
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.pipeline.comparison import check_target

pytestmark = pytest.mark.run
PARTS = {"features": "predictions.csv", "tables": "tables", "config": "config.toml"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def twin(made: MadeRun, folder: Path, *, wrong: dict[str, str] | None = None, right: tuple[str, ...] = (), keep: int | None = None) -> Path:
    """A copy of the run that answers `wrong` (id -> class) and is right about the ids of `right`; sealed as the program seals it."""
    manifest = Manifest.load(made.path)
    names = manifest.about["data"]["class_names"]
    folder.mkdir(parents=True)
    for part in PARTS.values():
        source = made.path / part
        shutil.copytree(source, folder / part) if source.is_dir() else shutil.copyfile(source, folder / part)
    rows = rows_of(folder / "predictions.csv")[:keep]
    for row in rows:
        said = (wrong or {}).get(row["sample_id"]) or (row["true"] if row["sample_id"] in right else row["predicted"])
        row["predicted"], row["prediction"] = said, str(names.index(said))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / "predictions.csv").write_text(out.getvalue(), encoding="utf-8")
    reseal(folder, manifest)
    return folder


def reseal(folder: Path, manifest: Manifest) -> None:
    kept = Manifest(manifest.about, {"training": manifest.stages["training"]})
    for stage, part in PARTS.items():
        facts = {k: v for k, v in manifest.stages[stage].items() if k != "files"}
        kept.record(folder, stage, [folder / part], facts)


@pytest.fixture(scope="module")
def other(run_folder: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second training, with another step size; 600 of the same test images, from the same cache."""
    where = tmp_path_factory.mktemp("other")
    argv = (
        "--model",
        "dense128",
        "--epochs",
        "1",
        "--points",
        "600",
        "--learning-rate",
        "0.0003",
        "--methods",
        "pca",
        "--projector-points",
        "50",
        "--ladder-points",
        "0",
        "--film-epochs",
        "0",
    )
    done = run(where, "train-and-export", *argv, "--out", "projector_logs/other", "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    return where / "projector_logs" / "other"


@pytest.fixture(scope="module")
def compared(run_folder: MadeRun, other: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What the command said of the two, and the folder that it wrote."""
    where = tmp_path_factory.mktemp("compared")
    done = call(where, "compare", str(run_folder.path), str(other), "--out", "out", "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    return done, where / "out"


def test_two_trainings_are_compared_on_the_images_that_both_saw(run_folder: MadeRun, other: Path, compared: tuple[Done, Path]) -> None:
    done, out = compared
    a, b = ({row["sample_id"]: row for row in rows_of(path / "predictions.csv")} for path in (run_folder.path, other))
    shared = [name for name in a if name in b]
    assert 0 < len(shared) < 1500
    assert f"Compared are the {len(shared):,} images that all runs have in common: run has 1,500, other has 600." in done.err
    assert f"{len(shared)} images of 10 classes" in done.out
    fixed = {i for i in shared if a[i]["predicted"] != a[i]["true"] == b[i]["predicted"]}
    broken = {i for i in shared if a[i]["predicted"] == a[i]["true"] != b[i]["predicted"]}
    assert {row["sample_id"] for row in rows_of(out / "fixed.csv")} == fixed
    assert {row["sample_id"] for row in rows_of(out / "broken.csv")} == broken
    row = rows_of(out / "tests.csv")[0]
    assert (int(row["n"]), int(row["fixed"]), int(row["broken"])) == (len(shared), len(fixed), len(broken))
    assert f"{len(fixed)} images fixed, {len(broken)} broken" in done.out
    settings = {row["setting"]: (row["run"], row["other"]) for row in rows_of(out / "settings.csv")}
    assert settings["learning_rate"] == ("0.001", "0.0003")
    assert settings["points"] == ("1500", "600")
    assert "model" not in settings
    assert call(out.parent, "verify", "out").code == 0


def test_layers_come_from_the_cache(run_folder: MadeRun, compared: tuple[Done, Path]) -> None:
    out = compared[1]
    layers = {(row["run"], row["layer"]): row for row in rows_of(out / "layers.csv")}
    assert set(layers) == {(name, layer) for name in ("run", "other") for layer in ("pixels", "dense", "logits")}
    faith = {(r["representation"], r["method"]): r for r in rows_of(run_folder.path / "tables/faithfulness.csv")}
    for layer in ("pixels", "dense", "logits"):
        assert layers["run", layer]["t-SNE knn_accuracy"] == faith[layer, "t-SNE"]["knn_accuracy"]
        assert layers["other", layer]["t-SNE knn_accuracy"] == ""
        assert 0.4 < float(layers["other", layer]["knn_accuracy"]) < 1
    alike = {(row["baseline_layer"], row["run_layer"]): row for row in rows_of(out / "similarity.csv")}
    assert len(alike) == 9
    assert float(alike["pixels", "pixels"]["cka"]) == pytest.approx(1)
    assert float(alike["dense", "dense"]["cka"]) > float(alike["dense", "pixels"]["cka"]) > 0.2


def test_layers_are_left_out_where_the_cache_holds_none(run_folder: MadeRun, other: Path, tmp_path: Path) -> None:
    bare = call(tmp_path, "compare", str(run_folder.path), str(other), "--out", "bare", "--cache-dir", "empty")
    assert bare.code == 0
    assert "the cache holds no usable features" in bare.out
    assert "run: dense, logits; other: dense, logits" in " ".join(bare.out.split())
    assert [row["baseline_layer"] for row in rows_of(tmp_path / "bare/similarity.csv")] == ["pixels"]
    assert "the cache holds no usable features" in (tmp_path / "bare/report.html").read_text(encoding="utf-8")


def test_planted_images_are_found_and_shown(run_folder: MadeRun, tmp_path: Path) -> None:
    rows = rows_of(run_folder.path / "predictions.csv")
    fixed = tuple(r["sample_id"] for r in rows if r["correct"] == "False")[:7]
    broken = {r["sample_id"]: "Bag" for r in [r for r in rows if r["correct"] == "True" and r["true"] != "Bag"][:5]}
    changed = twin(run_folder, tmp_path / "changed", wrong=broken, right=fixed)
    made = fmnist_viz.compare(run_folder.path, changed, cache_dir=run_folder.cache_dir)
    tables = made.tables()
    assert set(tables["fixed"]["sample_id"]) == set(fixed)
    assert set(tables["broken"]["sample_id"]) == set(broken)
    assert set(tables["broken"]["run_predicted"]) == {"Bag"}
    assert made.images is not None
    assert made.images.sample_ids.tolist() == [row["sample_id"] for row in rows]
    assert tables["tests"]["difference"].item() == pytest.approx(2 / 1500)
    cells = tables["confusion"].set_index(["true", "predicted"])
    assert cells.loc[("Bag", "Bag"), "left"] == 0
    assert cells[cells.index.get_level_values("true") != "Bag"].loc[(slice(None), "Bag"), "entered"].sum() == 5
    assert not (tmp_path / "projector_logs").exists()  # the function writes nothing


def test_a_run_against_itself(run_folder: MadeRun, tmp_path: Path) -> None:
    done = call(tmp_path, "compare", str(run_folder.path), str(run_folder.path), "--cache-dir", str(run_folder.cache_dir))
    assert done.code == 0, done.err
    assert "run and run (2): no difference, the same answer to all 1,500 images (p = 1)." in done.out
    assert "no cell of the confusion matrix changed" in done.out
    assert "no setting differs" in done.out
    pages = list((tmp_path / "projector_logs").glob("compare-*/report.html"))
    assert len(pages) == 1
    check_target(pages[0].parent)  # its own folder may be replaced
    (pages[0].parent / "notes.txt").write_text("mine")
    with pytest.raises(OutputBusy, match=r"notes\.txt"):
        check_target(pages[0].parent)


def test_what_cannot_be_compared_is_said_in_one_line(run_folder: MadeRun, tmp_path: Path) -> None:
    path = str(run_folder.path)
    assert "at least two" in call(tmp_path, "compare", path).error
    assert "NO-RUN" in call(tmp_path, "compare", path, "nowhere").error

    strange = twin(run_folder, tmp_path / "strange")
    about = Manifest.load(strange).about
    about["data"]["sha256"] = "0" * 64
    manifest = Manifest.load(strange)
    Manifest(about, manifest.stages).save(strange)
    failed = call(tmp_path, "compare", path, "strange")
    assert failed.code == 3
    assert "was made from other data" in failed.error

    about["data"]["sha256"] = Manifest.load(run_folder.path).about["data"]["sha256"]
    about["data"]["class_names"][3] = "Frock"
    Manifest(about, manifest.stages).save(strange)
    assert "'Frock' and 'Dress'" in call(tmp_path, "compare", path, "strange").error

    trained = Manifest.load(run_folder.path)
    (tmp_path / "trained").mkdir()
    Manifest({**trained.about, "kind": "train"}, {"training": trained.stages["training"]}).save(tmp_path / "trained")
    assert "training without predictions" in call(tmp_path, "compare", path, "trained").error


def test_runs_without_a_common_image_and_damaged_ones_are_refused(run_folder: MadeRun, tmp_path: Path) -> None:
    first = twin(run_folder, tmp_path / "first", keep=10)
    last = twin(run_folder, tmp_path / "last")
    text = (last / "predictions.csv").read_text(encoding="utf-8").splitlines()
    (last / "predictions.csv").write_text("\n".join([text[0], *text[20:]]) + "\n", encoding="utf-8")
    damaged = call(tmp_path, "compare", "first", "last")
    assert damaged.code == 8
    assert "predictions.csv" in damaged.error
    reseal(last, Manifest.load(run_folder.path))
    assert "no image in common" in call(tmp_path, "compare", "first", "last").error
    assert first.exists()
    assert not (tmp_path / "projector_logs").exists()


def test_nothing_foreign_is_overwritten(run_folder: MadeRun, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    failed = call(tmp_path, "compare", str(run_folder.path), str(run_folder.path), "--out", "mine")
    assert failed.code == 6
    assert "thesis.txt" in failed.error
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    copied = twin(run_folder, tmp_path / "copied")
    assert call(tmp_path, "compare", str(run_folder.path), str(copied), "--out", str(copied)).code == 6  # a run is no comparison
    assert (copied / "predictions.csv").exists()


def test_comparing_loads_no_tensorflow(run_folder: MadeRun, tmp_path: Path) -> None:
    import subprocess

    code = f"import sys, fmnist_viz, json\nfmnist_viz.compare({str(run_folder.path)!r}, {str(run_folder.path)!r})\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert not loaded & {"tensorflow", "keras", "umap", "bokeh"}
