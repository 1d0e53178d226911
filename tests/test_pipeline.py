"""Stages and run folders: what is made again and what is not, what damage does, who may write where. Real commands on the shipped sample."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import PROGRAM, Done, call, environment, run, start
from conftest import MadeRun

from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.store import sha256_file

TRAIN = ("--data", "sample", "--model", "dense128", "--epochs", "1", "--validation", "500")
LOOK = (
    "--points",
    "200",
    "--projector-points",
    "100",
    "--n-iter",
    "250",
    "--umap-epochs",
    "20",
    "--layers",
    "pixels,logits",
    "--ladder-points",
    "0",
    "--film-epochs",
    "0",
    "--flat-only",
)
ONE = ("--threads", "1", "--cache-dir", "cache")
REPRESENTATIONS = {"pixels", "logits", "dense/kernel", "probabilities/kernel"}


def good(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


def entries(where: Path) -> dict[str, dict[str, Any]]:
    """Every cache entry: folder -> what `entry.json` says of it."""
    return {str(p.parent.relative_to(where)): json.loads(p.read_text()) for p in sorted((where / "cache").glob("*/*/entry.json"))}


def made_since(where: Path, before: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for name, entry in entries(where).items() if name not in before]


def flip(path: Path, at: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run `base` and its cache; tests add runs beside it."""
    where = tmp_path_factory.mktemp("pipeline")
    done = good(call(where, "train-and-export", *TRAIN, *LOOK, *ONE, "--out", "base"))
    assert "base  (" in done.out
    assert "warning: SAMPLE" in done.out
    (where / "made-by-base.json").write_text(json.dumps(list(entries(where))))
    return where


# --- what is made again -----------------------------------------------------------------------------------------------


def test_an_identical_call_verifies_and_loads_nothing_heavy(base: Path) -> None:
    argv = ["train-and-export", *TRAIN, *LOOK, *ONE, "--out", "base"]
    heavy = ("tensorflow", "keras", "umap", "numba", "bokeh", "matplotlib", "sklearn", "sklearnex", "pandas")
    code = f"import sys; sys.argv = ['fmnist-viz', *{argv!r}]\nfrom fmnist_viz.cli import app\nfrom fmnist_viz.cli.failure import run_guarded\n"
    code += f"assert run_guarded(app) == 0\nprint('LOADED', sorted(set({heavy!r}) & set(sys.modules)))"
    before = contents(base / "base")
    made = subprocess.run([sys.executable, "-c", code], cwd=base, env=environment(base / "home"), capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    assert "found, verified and unchanged" in made.stdout
    assert "base/report.html" in made.stdout
    assert made.stdout.splitlines()[-1] == "LOADED []"
    assert contents(base / "base") == before


def test_another_perplexity_makes_only_tsne_maps(base: Path) -> None:
    """The settings come from the run's own config.toml; the flag wins over it."""
    before = entries(base)
    done = good(call(base, "train-and-export", "--config", "base/config.toml", "--perplexity", "10", "--cache-dir", "cache", "--out", "p10"))
    assert "taken from the cache" in done.err
    new = made_since(base, before)
    assert {entry["kind"] for entry in new} == {"projections"}
    assert {entry["key"]["method"] for entry in new if entry["kind"] == "projections"} == {"tsne"}
    assert len(new) == len(REPRESENTATIONS)
    for name in ("pixels_pca", "pixels_umap", "logits_umap"):
        assert (base / "p10/projections" / f"{name}.csv").read_bytes() == (base / "base/projections" / f"{name}.csv").read_bytes()
    assert (base / "p10/projections/pixels_tsne.csv").read_bytes() != (base / "base/projections/pixels_tsne.csv").read_bytes()
    config = Manifest.load(base / "p10").about["config"]
    assert (config["MapConfig"]["perplexity"], config["MapConfig"]["umap_epochs"], config["FeatureConfig"]["points"]) == (10.0, 20, 200)
    assert Manifest.load(base / "p10").about["cache"]["made"] == len(new)


def test_a_large_perplexity_leaves_pca_and_umap_alone(base: Path) -> None:
    """50 needs more neighbours than the graph holds; that concerns t-SNE only."""
    before = entries(base)
    good(call(base, "train-and-export", "--config", "base/config.toml", "--perplexity", "50", "--cache-dir", "cache", "--out", "p50"))
    assert {entry["key"]["method"] for entry in made_since(base, before) if entry["kind"] == "projections"} == {"tsne"}


def test_a_layer_more_computes_that_layer_only(base: Path) -> None:
    before = entries(base)
    good(call(base, "train-and-export", "--config", "base/config.toml", "--layers", "pixels,dense,logits", "--cache-dir", "cache", "--out", "wider"))
    new = made_since(base, before)
    assert [entry["key"]["layer"] for entry in new if entry["kind"] == "features"] == ["dense"]
    assert "training" not in {entry["kind"] for entry in new}
    assert {p.name for p in (base / "wider/projections").glob("dense_*")} == {f"dense_{name}.csv" for name in ("pca", "tsne", "umap", "axis")}
    assert (base / "wider/projections/logits_umap.csv").read_bytes() == (base / "base/projections/logits_umap.csv").read_bytes()

    before = entries(base)
    good(call(base, "train-and-export", "--config", "base/config.toml", "--layers", "pixels", "--cache-dir", "cache", "--out", "narrower"))
    assert {entry["kind"] for entry in made_since(base, before)} <= {"weights"}
    assert not list((base / "narrower/projections").glob("logits_*"))


def test_other_epochs_train_again_and_keep_the_pixels_graph(base: Path) -> None:
    before = entries(base)
    argv = ("--epochs", "2", "--methods", "pca", "--cache-dir", "cache", "--out", "longer")
    good(call(base, "train-and-export", "--config", "base/config.toml", *argv))
    new = made_since(base, before)
    kinds = [entry["kind"] for entry in new]
    assert kinds.count("training") == 1
    assert {entry["record"]["name"] for entry in new if entry["kind"] == "graphs"} == {"logits", "dense/kernel", "probabilities/kernel"}
    assert len((base / "longer/history.csv").read_text().splitlines()) == 3


def test_config_toml_names_the_same_run(base: Path) -> None:
    done = good(call(base, "train-and-export", "--config", "base/config.toml", "--cache-dir", "cache", "--out", "base"))
    assert "found, verified and unchanged" in done.out


# --- damage -----------------------------------------------------------------------------------------------------------


def test_flipped_bytes_in_the_cache_are_reported_and_repaired(base: Path) -> None:
    """One damaged file of each kind; the same settings into another folder use them all."""
    whole, names = {}, []
    used = {name: entry for name, entry in entries(base).items() if name in json.loads((base / "made-by-base.json").read_text())}
    for kind, wanted in (("projections", ("method", "tsne")), ("graphs", ("metric", "euclidean")), ("features", ("layer", "logits"))):
        hit = next(name for name, entry in used.items() if entry["kind"] == kind and entry["key"].get(wanted[0]) == wanted[1])
        damaged = max((p for p in (base / hit).rglob("*") if p.is_file() and p.name != "entry.json"), key=lambda p: p.stat().st_size)
        whole[damaged] = damaged.read_bytes()
        names.append(f"{kind}/{Path(hit).name[:8]}")
        flip(damaged)
    known = entries(base)
    done = good(call(base, "train-and-export", "--config", "base/config.toml", "--cache-dir", "cache", "--out", "repaired"))
    lines = [line for line in done.err.splitlines() if "is damaged" in line]
    assert len(lines) == 3, done.err
    for name in names:
        assert sum(line.startswith(f"warning: cache: {name} is damaged (") for line in lines) == 1
    assert {path for path, data in whole.items() if path.read_bytes() != data} == set()
    assert made_since(base, known) == []
    good(call(base, "verify", "repaired"))
    for name in ("predictions.csv", "projections/pixels_tsne.csv", "projections/logits_umap.csv", "model.keras"):
        assert (base / "repaired" / name).read_bytes() == (base / "base" / name).read_bytes()


def test_a_flipped_byte_in_a_run_is_found_and_mended(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "base", tmp_path / "base")
    shutil.copytree(base / "cache", tmp_path / "cache")
    before = contents(tmp_path / "base")
    assert "all as written (finished run)" in good(call(tmp_path, "verify", "base")).out
    events = next(name for name in before if name.startswith("train/"))
    for name in ("report.html", "figures/confusion_rates.png", events):
        flip(tmp_path / "base" / name)
        done = call(tmp_path, "verify", "base")
        assert done.code == 8
        assert "[FV-RUN-DAMAGED]" in done.error
        (tmp_path / "base" / name).write_bytes(before[name])
    flip(tmp_path / "base" / "tables/confusion.csv", 3)
    (tmp_path / "base" / "model.keras").unlink()
    done = call(tmp_path, "verify", "base")
    assert "model.keras is missing; tables/confusion.csv was changed" in done.error
    done = good(call(tmp_path, "train-and-export", *TRAIN, *LOOK, *ONE, "--out", "base"))
    assert "warning: base: model.keras is missing" in done.err
    good(call(tmp_path, "verify", "base"))
    after = contents(tmp_path / "base")
    for name in ("model.keras", "tables/confusion.csv", "predictions.csv", events):
        assert after[name] == before[name], name
    stamped = re.compile(r"(tfevents)\.\d+")
    assert {stamped.sub(r"\1", name) for name in after} == {stamped.sub(r"\1", name) for name in before}

    flip(tmp_path / "base" / "manifest.json", 300)
    done = call(tmp_path, "verify", "base")
    assert done.code == 8
    assert "manifest.json" in done.error


# --- commands besides the main one ------------------------------------------------------------------------------------


def test_export_of_a_model_file_sees_what_its_training_saw(base: Path) -> None:
    """The path is absolute: it must be found, kept in config.toml, and stand in no shared file."""
    model = base / "base" / "model.keras"
    good(call(base, "export", "--data", "sample", "--model-file", str(model), *LOOK, *ONE, "--out", "exported"))
    assert (base / "exported/predictions.csv").read_bytes() == (base / "base/predictions.csv").read_bytes()
    assert not (base / "exported/model.keras").exists()
    good(call(base, "verify", "exported"))
    assert str(base) not in (base / "exported/manifest.json").read_text()
    assert str(base) not in (base / "exported/report.html").read_text()
    done = good(call(base, "export", "--config", "exported/config.toml", "--cache-dir", "cache", "--out", "exported"))
    assert "found, verified and unchanged" in done.out


def test_report_writes_the_exports_again(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "base", tmp_path / "moved")
    before = Manifest.load(tmp_path / "moved")
    known = entries(base)
    done = good(call(tmp_path, "report", "moved", "--cache-dir", str(base / "cache")))
    assert "moved/report.html" in done.out
    assert "unchanged" not in done.out
    assert made_since(base, known) == []
    after = Manifest.load(tmp_path / "moved")
    assert after.about["finished"]
    assert after.about["command"] == before.about["command"]
    timed = "tables/faithfulness.csv"  # holds the seconds that each map took
    for name, entry in before.files().items():
        if name.startswith(("tables/", "projections/", "predictions", "figures/", "model")) and name != timed:
            assert after.files()[name] == entry, name
    good(call(tmp_path, "verify", "moved"))


def test_train_alone(base: Path) -> None:
    """Same settings, same training: it comes from the cache of the main job."""
    before = entries(base)
    good(call(base, "train", *TRAIN, *ONE, "--out", "trained"))
    assert made_since(base, before) == []
    assert {p.name for p in (base / "trained").iterdir()} == {
        ".lock",
        "manifest.json",
        "config.toml",
        "model.keras",
        "history.csv",
        "dead_units.csv",
        "probe",
        "train",
        "validation",
        "projector_epochs",
    }
    assert (base / "trained/model.keras").read_bytes() == (base / "base/model.keras").read_bytes()
    good(call(base, "verify", "trained"))
    done = call(base, "report", "trained")
    assert done.code == 3
    assert "train-and-export" in done.error


def test_the_sample_works_with_every_default(tmp_path: Path) -> None:
    """`--data sample`, and the fallback of --sample-if-missing, hold fewer training images than the usual hold-out."""
    good(call(tmp_path, "train", "--data", "sample", "--model", "dense128", "--epochs", "1", *ONE, "--out", "run"))
    with open(tmp_path / "run/history.csv") as f:
        assert "val_accuracy" in f.readline()


def test_fresh_makes_a_second_run_beside_the_first(base: Path, tmp_path: Path) -> None:
    first = good(call(tmp_path, "train", *TRAIN, *ONE))
    folder = re.search(r"projector_logs/dense128-[0-9a-f]{8}\b", first.out)
    assert folder
    assert (tmp_path / folder[0] / "model.keras").exists()
    assert "unchanged" in good(call(tmp_path, "train", *TRAIN, *ONE)).out
    again = good(call(tmp_path, "train", *TRAIN, *ONE, "--fresh"))
    assert f"{folder[0]}-2  (" in again.out
    assert "taken from the cache" not in again.err
    with np.load(tmp_path / folder[0] / "probe/epoch_001.npz") as a, np.load(tmp_path / f"{folder[0]}-2" / "probe/epoch_001.npz") as b:
        np.testing.assert_array_equal(a["logits"], b["logits"])
    done = call(tmp_path, "train", *TRAIN, *ONE, "--fresh", "--out", folder[0])
    assert done.code == 6
    assert "--overwrite" in done.error


# --- whose folder -----------------------------------------------------------------------------------------------------


def test_overwrite_touches_only_its_own_files(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "base", tmp_path / "run")
    shutil.copytree(base / "cache", tmp_path / "cache")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    before = contents(tmp_path / "run")
    other = ("train", *TRAIN, *ONE, "--seed", "7", "--out", "run")
    done = call(tmp_path, *other)
    assert done.code == 6
    assert "[FV-OUT-TAKEN]" in done.error
    assert "--overwrite" in done.error
    assert contents(tmp_path / "run") == before

    good(call(tmp_path, *other, "--overwrite"))
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "run" / "report.html").exists()
    assert not list((tmp_path / "run").glob("figures/*"))
    good(call(tmp_path, "verify", "run"))
    assert Manifest.load(tmp_path / "run").about["seed"] == 7

    (tmp_path / "run" / "train" / "mine.txt").write_text("mine, in a folder that a stage would replace")
    done = call(tmp_path, "train", *TRAIN, *ONE, "--seed", "8", "--out", "run", "--overwrite")
    assert done.code == 6
    assert "train/mine.txt" in done.error


def test_foreign_files_are_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "report.html").write_text("my own report")
    for more in ((), ("--overwrite",), ("--fresh",)):
        done = call(tmp_path, "train", *TRAIN, *ONE, "--out", "run", *more)
        assert done.code == 6
        assert "report.html" in done.error
        assert contents(tmp_path / "run").keys() == {"report.html"}
    assert (tmp_path / "run" / "report.html").read_text() == "my own report"


def children(pid: int) -> list[int]:
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()]


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0].startswith("Z")
    return False


@contextlib.contextmanager
def begun(where: Path, line: str, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """The command, just after it said something that starts with `line`."""
    process = start(where, *argv)
    try:
        assert process.stderr is not None
        heard = []
        while said := process.stderr.readline():
            heard.append(said)
            if said.startswith(line):
                break
        assert heard, "the process said nothing"
        assert heard[-1].startswith(line), heard
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_second_process_is_refused_and_a_killed_one_is_finished_by_the_same_command(tmp_path: Path) -> None:
    argv = ("train-and-export", *TRAIN, *LOOK, "--epochs", "3", "--threads", "2", "--cache-dir", "cache", "--out", "run")
    left: list[int] = []
    with begun(tmp_path, "epoch 1/3", *argv) as first:
        second = run(tmp_path, *argv)
        assert second.code == 6
        assert f"run: is being written by process {first.pid} since " in second.error
        left += children(first.pid)
        first.send_signal(signal.SIGKILL)
        assert first.wait(10) == -signal.SIGKILL
    assert not Manifest.load(tmp_path / "run").about["finished"]
    assert "unfinished run" in good(call(tmp_path, "verify", "run")).out
    with begun(tmp_path, "writing", *argv) as first:
        left += children(first.pid)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    assert call(tmp_path, "verify", "run").code in (0, 8)  # an unfinished stage may be half replaced, but nothing claims more than is there
    done = good(run(tmp_path, *argv))
    assert "taken from the cache" in done.err
    assert "finished run" in good(call(tmp_path, "verify", "run")).out
    assert not list((tmp_path / "run").rglob(".staging-*"))
    assert (tmp_path / "run" / "report.html").stat().st_size > 100_000

    end = time.monotonic() + 5
    while any(map(alive, left)) and time.monotonic() < end:
        time.sleep(0.2)
    orphans = [pid for pid in left if alive(pid)]
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    assert left
    assert not orphans, "worker processes outlive their killed parent"


def test_what_a_killed_process_left_in_the_cache_is_swept(base: Path) -> None:
    """Half-made work would fill the disk for good: the next run removes what no living process holds."""
    (base / "cache" / ".work-killed01").mkdir()
    (base / "cache" / ".work-killed01" / "big.npy").write_bytes(b"x")
    (base / "cache" / "features" / ".staging-killed012345").mkdir()
    good(call(base, "train", *TRAIN, *ONE, "--out", "swept"))
    assert [p.name for p in (base / "cache").rglob("*") if p.name.startswith((".work-", ".staging-"))] == []


# --- no data anywhere -------------------------------------------------------------------------------------------------


def test_without_data_and_network_the_sample_stands_in_loudly(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What scripts/demo does on an offline machine: on screen, in the manifest and in the report it says that this is a sample."""
    monkeypatch.setattr("fmnist_viz.data.fashion_mnist.places", lambda data_dir: [])
    monkeypatch.setattr("fmnist_viz.data.download.addresses", lambda mirrors=(): ("http://127.0.0.1:9/",))
    look = ("--model", "dense128", "--epochs", "1", *LOOK, *ONE)
    refused = call(base, "train-and-export", *look, "--out", "offline")
    assert refused.code == 3
    assert not (base / "offline").exists()
    done = good(call(base, "train-and-export", "--sample-if-missing", *look, "--out", "offline"))
    about = Manifest.load(base / "offline").about
    assert about["data"]["fallback"] is True
    assert all("SAMPLE, not the real data" in text for text in (done.err, done.out, about["warnings"][0], (base / "offline" / "report.html").read_text()))


def test_a_models_folder_in_another_order_is_matched_by_name(base: Path, tmp_path: Path) -> None:
    """Folders sort by name, a model's outputs do not: accuracy on the same images must not depend on the container."""
    from PIL import Image

    from fmnist_viz.data import DataConfig, load

    test = load(DataConfig(data="sample")).test
    for i in range(150):
        where = tmp_path / "photos" / test.class_names[test.labels[i]].replace("/", "-")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[i, :, :, 0]).save(where / f"{i:04d}.png")
    argv = ("--model-file", str(base / "base" / "model.keras"), "--layers", "logits", "--methods", "pca", *ONE, "--out", "photos-run")
    good(call(base, "export", "--data", f"folder:{tmp_path / 'photos'}", *argv))
    rows = list(csv.DictReader((base / "photos-run" / "predictions.csv").open(encoding="utf-8")))
    own = list(csv.DictReader((base / "base" / "predictions.csv").open(encoding="utf-8")))
    assert list(rows[0]) == list(own[0])  # the columns of probabilities keep the model's names and order
    right = sum(row["correct"] == "True" for row in rows) / len(rows)
    assert right > sum(row["correct"] == "True" for row in own) / len(own) - 0.15


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Twenty megabytes of memory as the disk, in a mount namespace of its own."""
    (tmp_path / "disk").mkdir()
    wrap = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    mount = "mount -t tmpfs -o size=20m none disk && "
    if subprocess.run([*wrap, "sh", "-c", f"{mount} true"], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    for where in (("--out", "disk/run", "--cache-dir", "cache"), ("--out", "run", "--cache-dir", "disk/cache")):
        command = [*wrap, "sh", "-c", mount + '"$0" "$@"; code=$?; ls -A disk >left; exit $code', PROGRAM, "train-and-export", *TRAIN, *LOOK, *where]
        made = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=60)
        done = Done(made.returncode, made.stdout, made.stderr)
        assert done.code == 5, done.err
        assert "[FV-DISK-FULL]" in done.error
        assert "disk/" in done.error
        assert "bytes" in done.error
        assert (tmp_path / "left").read_text() == ""
        assert not (tmp_path / "run").exists()


def test_a_disk_that_fills_up_under_way_is_one_line(tmp_path: Path) -> None:
    """Files may grow to 300 kB: the model does not fit."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # noqa: E731
    command = [PROGRAM, "train", *TRAIN, "--cache-dir", "cache", "--out", "run"]
    made = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=100, preexec_fn=limit)
    done = Done(made.returncode, made.stdout, made.stderr)
    assert done.code == 5, done.err
    assert "[FV-DISK-FULL]" in done.error
    assert not Manifest.load(tmp_path / "run").about["finished"]
    assert not list(tmp_path.glob("cache/training/*"))
    assert not list((tmp_path / "run").rglob(".staging-*"))


# --- the manifest of the shared run -----------------------------------------------------------------------------------


@pytest.mark.run
def test_the_manifest_lists_every_file_and_names_no_place(run_folder: MadeRun) -> None:
    path = run_folder.path
    manifest = Manifest.load(path)
    assert manifest.about["finished"]
    present = {p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()} - {".lock", "manifest.json"}
    assert set(manifest.files()) == present
    for name, entry in manifest.files().items():
        assert entry == {"sha256": sha256_file(path / name), "bytes": (path / name).stat().st_size}, name
    text = (path / "manifest.json").read_text()
    strings = [s for s in re.findall(r'"((?:[^"\\]|\\.)*)"', text) if not re.match(r"/.*\|", s)]  # but the regular expressions of the axes
    assert not [s for s in strings if s.startswith(("/", "~", "idx:/")) or re.match(r"[A-Za-z]:\\", s)]
    host = re.escape(socket.gethostname())
    assert not [s for s in strings if re.search(rf"(?<![\w-]){host}(?![\w-])", s)]
    assert "fmnist-viz train-and-export --model dense128" in manifest.about["command"]
    assert manifest.about["data"]["official"] is True
    assert {"tensorflow", "keras", "umap-learn"} <= set(manifest.about["versions"])


@pytest.mark.run
def test_no_shared_text_names_this_machine(run_folder: MadeRun) -> None:
    places = [str(run_folder.path.parent.parent), str(Path.home()), str(Path(sys.executable).parent)]
    for path in run_folder.path.rglob("*"):
        if path.suffix in (".json", ".toml", ".csv", ".tsv", ".html", ".pbtxt", ".svg"):
            text = path.read_text(encoding="utf-8")
            assert not [place for place in places if len(place) > 6 and place in text], path


@pytest.mark.run
def test_what_the_main_job_says(run_folder: MadeRun) -> None:
    """Results on stdout with what to type next, progress on stderr, in order and without noise of libraries."""
    out, err = run_folder.completed.out, run_folder.completed.err
    assert "tensorboard --logdir projector_logs" in out
    assert "projector_logs/run/report.html" in out
    assert out.count("warning: ") == 1
    assert "stratified sample of 1,500 images" in out
    assert "Traceback" not in err
    begins = (
        "data: ",
        "using ",
        "warning: The maps and confusions are of a stratified sample",
        "training",
        "epoch 1/1: ",
        "features of 1,500",
        "maps of ",
        "maps: ",  # how far they are, where they take long
        "the layer ladder of ",
        "the epoch film of 2 looks",
        "looking for twins",
        "dossiers of 5 pairs of classes",
        "  ",
        "writing ",
    )
    assert [line for line in err.splitlines() if not line.startswith(begins)] == []
    assert err.index("epoch 1/1") < err.index("features of") < err.index("writing ")
