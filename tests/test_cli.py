"""The command line as a person meets it: every mistake is one line with a remedy and an exit code, and leaves nothing behind."""

from __future__ import annotations

import dataclasses
import gzip
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import PROGRAM, Done, call, environment, run

from fmnist_viz.core.store import folder_lock
from fmnist_viz.models.zoo import PRESETS

COMMANDS = (
    "train-and-export", "train", "export", "report", "reproduce", "compare", "predict", "sweep", "data", "models", "layers", "verify", "doctor", "tensorboard",
    "projector-page", "map", "dossier", "transform", "stability", "check", "figures", "labels",
)  # fmt: skip
HTML = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"
RNG = np.random.default_rng(0)


# --- files that are wrong ---------------------------------------------------------------------------------------------


def idx(array: np.ndarray[Any, Any], *, promised: int | None = None, magic: int = 8) -> bytes:
    dims = (len(array) if promised is None else promised, *array.shape[1:])
    return struct.pack(f">4B{len(dims)}I", 0, 0, magic, len(dims), *dims) + array.tobytes()


def four(where: Path, *, images: bytes | None = b"", labels: bytes | None = b"", of: np.ndarray[Any, Any] | None = None) -> str:
    """Small IDX files in `where`/idx; `images` and `labels` replace the training files' bytes, None leaves one out."""
    folder = where / "idx"
    folder.mkdir()
    pixels = RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    kinds = (np.arange(40) % 4).astype(np.uint8) if of is None else of
    for split in ("train", "t10k"):
        contents = {"images-idx3": (images if split == "train" else b"", idx(pixels)), "labels-idx1": (labels if split == "train" else b"", idx(kinds))}
        for name, (replaced, good) in contents.items():
            if replaced is not None:
                (folder / f"{split}-{name}-ubyte.gz").write_bytes(replaced or gzip.compress(good))
    return f"idx:{folder}"


PIXELS = RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8)
CUT = gzip.compress(idx(PIXELS))[:-400]
KINDS = (np.arange(40) % 4).astype(np.uint8)


def picture_folder(where: Path) -> str:
    from PIL import Image

    for name in ("cats", "dogs"):
        (where / "pictures" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(PIXELS[i]).save(where / "pictures" / name / f"{i}.png")
    (where / "pictures" / "dogs" / "notes.png").write_bytes(b"not a picture at all")
    return f"folder:{where / 'pictures'}"


def file_named(name: str, content: bytes = b"mine") -> Callable[[Path], str]:
    def make(where: Path) -> str:
        (where / name).write_bytes(content)
        return str(where / name)

    return make


def taken_folder(where: Path) -> str:
    (where / "taken").mkdir()
    (where / "taken" / "diary.txt").write_text("mine")
    return str(where / "taken")


# (name, argv with makers of paths, exit code, error code, fragments of the line)
Argument = str | Callable[[Path], str]
MAIN = ("train-and-export", "--data", "sample")
QUICK = ("--model", "dense128", "--epochs", "1", "--validation", "0")
ONLY = np.zeros(40, np.uint8)
DATA: tuple[Argument, ...] = ("data", "--data")
TABLE: list[tuple[str, tuple[Argument, ...], int, str, list[str]]] = [
    ("unknown-command", ("trian",), 2, "FV-USAGE", ["'trian'", *COMMANDS]),
    ("unknown-option", ("train", "--epoch-count", "3"), 2, "FV-USAGE", ["--epoch-count", "fmnist-viz train --help"]),
    ("not-a-number", ("train", "--epochs", "three"), 2, "FV-USAGE", ["--epochs", "valid integer"]),
    ("missing-value", ("train", "--epochs"), 2, "FV-USAGE", ["--epochs"]),
    ("missing-argument", ("verify",), 2, "FV-USAGE", ["run"]),
    ("surplus-argument", ("models", "all"), 2, "FV-USAGE", ["all"]),
    ("unknown-model", (*MAIN, "--model", "resnet"), 2, "FV-UNKNOWN-MODEL", ["resnet", *PRESETS]),
    ("unknown-method", (*MAIN, "--methods", "pca,lda"), 2, "FV-UNKNOWN-METHOD", ["lda", "pca, tsne, umap"]),
    ("unknown-layer", (*MAIN, *QUICK, "--layers", "conv9"), 2, "FV-UNKNOWN-LAYER", ["conv9", "pixels", "logits", "dense"]),
    ("no-method", (*MAIN, *QUICK, "--methods", ""), 2, "FV-", ["pca", "tsne", "umap"]),
    ("no-layer", (*MAIN, *QUICK, "--layers", ","), 2, "FV-", ["pixels", "layers"]),
    ("unknown-metric", (*MAIN, "--metric", "manhattan"), 2, "FV-UNKNOWN-METRIC", ["manhattan", "euclidean, cosine"]),
    ("unknown-optimizer", (*MAIN, "--optimizer", "lion"), 2, "FV-UNKNOWN-OPTIMIZER", ["lion", "adam, sgd, rmsprop"]),
    ("unknown-split", (*MAIN, "--split", "dev"), 2, "FV-UNKNOWN-SPLIT", ["dev", "test, train, all"]),
    ("unknown-device", (*MAIN, "--device", "tpu"), 2, "FV-UNKNOWN-DEVICE", ["tpu", "auto, cpu, gpu"]),
    ("unknown-data", ("data", "--data", "mnist"), 2, "FV-UNKNOWN-DATA-SOURCE", ["mnist", "fashion-mnist", "idx:DIR", "folder:DIR"]),
    ("perplexity-zero", (*MAIN, "--perplexity", "0"), 2, "FV-OPTION-RANGE", ["--perplexity", "at least 1"]),
    ("perplexity-nan", (*MAIN, "--perplexity", "nan"), 2, "FV-OPTION-", ["--perplexity", "nan"]),
    ("no-epochs", (*MAIN, "--epochs", "0"), 2, "FV-OPTION-RANGE", ["--epochs", "at least 1"]),
    ("learning-rate-zero", (*MAIN, "--learning-rate", "0"), 2, "FV-OPTION-RANGE", ["--learning-rate"]),
    ("four-dimensions", (*MAIN, "--dims", "4"), 2, "FV-UNKNOWN-DIMS", ["2, 3"]),
    ("port", ("tensorboard", "--port", "70000"), 2, "FV-USAGE", ["--port", "65535"]),
    ("all-held-out", ("train", "--data", "sample", "--model", "dense128", "--validation", "5000"), 3, "FV-VALIDATION", ["--validation 5000", "5,000"]),
    ("data-folder-missing", (*DATA, "idx:nowhere"), 3, "FV-FOLDER-MISSING", ["nowhere"]),
    ("data-file-missing", (*DATA, lambda w: four(w, images=None)), 3, "FV-IDX-MISSING", ["train-images-idx3-ubyte", "not found"]),
    ("data-truncated", (*DATA, lambda w: four(w, images=CUT)), 3, "FV-IDX-TRUNCATED", ["train-images-idx3-ubyte.gz", "header promises"]),
    ("data-wrong-magic", (*DATA, lambda w: four(w, images=gzip.compress(b"\1\2\3\4" * 50))), 3, "FV-", ["train-images-idx3-ubyte.gz", "01 02 03 04"]),
    ("data-swapped", (*DATA, lambda w: four(w, images=gzip.compress(idx(KINDS)))), 3, "FV-IDX-SWAPPED", ["means labels", "expected images"]),
    ("data-over-promised", (*DATA, lambda w: four(w, images=gzip.compress(idx(PIXELS, promised=60_000)))), 3, "FV-IDX-TRUNCATED", ["3,840,000"]),
    ("data-too-large", (*DATA, lambda w: four(w, images=gzip.compress(idx(PIXELS, promised=2**32 - 1)))), 5, "FV-", ["--max-bytes"]),
    ("data-html", (*DATA, lambda w: four(w, images=HTML)), 3, "FV-FILE-HTML", ["HTML", "download failed"]),
    ("data-counts", (*DATA, lambda w: four(w, labels=gzip.compress(idx(KINDS[:39])))), 3, "FV-COUNT-MISMATCH", ["40", "39"]),
    ("data-label-range", (*DATA, lambda w: _labels_of_npz(w, 10)), 3, "FV-LABEL-RANGE", ["10", "row 7", "0..3"]),
    ("data-not-a-picture", (*DATA, picture_folder), 3, "FV-", ["notes.png"]),
    ("data-no-form", (*DATA, "idx"), 2, "FV-DATA-SOURCE", ["idx:DIR"]),
    ("one-class", ("train", *QUICK, "--data", lambda w: four(w, of=ONLY)), 3, "FV-ONE-CLASS", ["1 class", "2"]),
    ("export-without-model", ("export", "--data", "sample"), 2, "FV-NOTHING-TO-EXPORT", ["--model-file", "--representation", "--predictions"]),
    ("model-missing", ("export", "--data", "sample", "--model-file", "mine.keras"), 3, "FV-MODEL-MISSING", ["mine.keras"]),
    ("model-is-html", ("export", "--data", "sample", "--model-file", file_named("page.keras", HTML)), 3, "FV-MODEL", ["page.keras"]),
    ("out-is-file", (*MAIN, "--out", file_named("out")), 6, "FV-OUT-IS-FILE", ["out", "--out"]),
    ("out-below-file", (*MAIN, "--out", lambda w: file_named("out")(w) + "/run"), 5, "FV-NOT-WRITABLE", ["file stands where a folder"]),
    ("out-foreign", (*MAIN, "--out", taken_folder), 6, "FV-OUT-FOREIGN", ["diary.txt", "--out"]),
    ("out-long", (*MAIN, "--out", "x" * 300), 5, "FV-", ["x" * 300, "too long"]),
    ("cache-is-file", (*MAIN, "--out", "fine", "--cache-dir", file_named("cache")), 5, "FV-", ["cache", "--cache-dir"]),
    ("config-missing", ("train", "--config", "none.toml"), 3, "FV-CONFIG-MISSING", ["none.toml"]),
    ("config-syntax", ("train", "--config", file_named("c.toml", b"epochs = = 3")), 3, "FV-CONFIG-SYNTAX", ["c.toml", "line 1"]),
    ("config-unknown", ("train", "--config", file_named("c.toml", b"epoch = 3")), 2, "FV-UNKNOWN-SETTING", ["c.toml", "'epoch'", "epochs"]),
    ("config-half-number", ("train", "--config", file_named("c.toml", b"epochs = 2.5")), 2, "FV-CONFIG-VALUE", ["epochs = 2.5", "whole number"]),
    ("config-list", ("train-and-export", "--config", file_named("c.toml", b"layers = ['dense']")), 2, "FV-CONFIG-VALUE", ["layers", "text in quotes"]),
    ("config-range", ("train", "--config", file_named("c.toml", b"[training]\nepochs = 0")), 2, "FV-OPTION-RANGE", ["--epochs"]),
    ("verify-no-run", ("verify", "."), 3, "FV-NO-RUN", ["manifest.json"]),
    ("report-no-run", ("report", "nowhere"), 3, "FV-NO-RUN", ["nowhere"]),
    ("no-logs", ("tensorboard", "nowhere"), 3, "FV-NO-LOGS", ["nowhere", "train-and-export"]),
]  # fmt: skip


def _labels_of_npz(where: Path, wrong: int) -> str:
    labels = (np.arange(40) % 4).astype(np.int64)
    names = np.array(["a", "b", "c", "d"])
    np.savez(where / "d.npz", x_train=PIXELS, y_train=np.where(np.arange(40) == 7, wrong, labels), x_test=PIXELS, y_test=labels, class_names=names)
    return f"npz:{where / 'd.npz'}"


def tree(where: Path) -> dict[str, bytes]:
    """Every file below a folder except locks and the home folder's."""
    return {str(p.relative_to(where)): p.read_bytes() for p in sorted(where.rglob("*")) if p.is_file() and p.name != ".lock" and "home" not in p.parts}


@pytest.mark.parametrize(("argv", "code", "error", "fragments"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path, argv: tuple[Argument, ...], code: int, error: str, fragments: list[str]) -> None:
    words = [word if isinstance(word, str) else word(tmp_path) for word in argv]
    before = tree(tmp_path)
    done = call(tmp_path, *words)
    assert done.code == code, done.err
    assert f"[{error}" in done.error
    for fragment in fragments:
        assert fragment in done.error
    assert done.out == ""
    assert {name for name in tree(tmp_path) if not name.startswith(("home", "cache"))} == {name for name in before if not name.startswith("cache")}


def test_a_busy_folder_names_who_holds_it(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "run"):
        done = call(tmp_path, *MAIN, "--out", "run")
    assert done.code == 6
    assert "[FV-RUN-BUSY] run: is being written by process" in done.error
    assert tree(tmp_path) == {}


def test_a_real_process_says_the_same(tmp_path: Path) -> None:
    """Exit code and single line as the shell sees them, by both ways to start the program."""
    for start in ([PROGRAM], [sys.executable, "-m", "fmnist_viz"]):
        made = subprocess.run(
            [*start, "train", "--model", "resnet"], cwd=tmp_path, env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=60
        )
        done = Done(made.returncode, made.stdout, made.stderr)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "[FV-UNKNOWN-MODEL]" in done.error


# --- help -------------------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    import typer

    from fmnist_viz.cli import app

    group: Any = typer.main.get_command(app)
    yield "", group
    yield from group.commands.items()


def test_the_commands_are_these() -> None:
    assert {name for name, _ in commands() if name} == set(COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_option_is_explained_in_the_help(tmp_path: Path, name: str) -> None:
    command = dict(commands())[name]
    done = call(tmp_path, *([name] if name else []), "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage: fmnist-viz" in done.out
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert (parameter.help or "").strip().endswith("."), parameter.name
            assert parameter.opts[0] in done.out, parameter.name
    if not name:
        assert all(other in done.out for other in COMMANDS)


def test_help_shows_choices_and_units(tmp_path: Path) -> None:
    text = " ".join(call(tmp_path, "train-and-export", "--help").out.replace("│", " ").split())
    for words in ("adam, sgd or rmsprop", "pca, tsne, umap", "euclidean or cosine", "(images)", "default: 30.0", "default: cnn1"):
        assert words in text, words


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.code == 2
    assert "Usage: fmnist-viz" in done.out + done.err
    assert "error[" not in done.err


def test_options_are_those_of_the_dataclasses() -> None:
    from fmnist_viz.projection.config import MapConfig
    from fmnist_viz.training.config import FitConfig

    found = dict(commands())
    for config, command in ((FitConfig, "train"), (MapConfig, "export")):
        defaults = {p.name: p.default for p in found[command].params}
        for field in dataclasses.fields(config):
            assert defaults[field.name] == field.default


# --- ways to end ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [("models",), ("train-and-export", "--help"), ("data", "--data", "sample")])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """`fmnist-viz models | head -0`: quiet, and not a success."""
    process = subprocess.Popen([PROGRAM, *argv], cwd=tmp_path, env=environment(tmp_path / "home"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(30) in (0, 141)  # 0: everything was written before the reader went
    assert [line for line in err.splitlines() if not line.startswith(("data:", "warning: SAMPLE"))] == []


def test_an_interrupt_exits_130_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_viz.pipeline import job

    def interrupted(request: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "run_job", interrupted)
    done = call(tmp_path, "train", "--data", "sample")
    assert done.code == 130
    assert done.err == "fmnist-viz: interrupted; what is finished is kept, and the same command goes on from there\n"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = call(tmp_path, "--debug", "verify", "nowhere")
    assert done.code == 3
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("fmnist-viz: error[FV-NO-RUN] nowhere")


def test_paths_in_the_kept_command_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fmnist_viz.cli.make import command_line

    monkeypatch.chdir(tmp_path)
    words = [
        "train",
        "--out",
        f"{tmp_path}/logs/a b",
        f"--data=idx:{tmp_path}/d",
        "--cache-dir",
        "/elsewhere/secret/cache",
        "--data",
        "npz:/elsewhere/secret/x.npz",
        "--layers",
        "dense*",
    ]
    line = command_line(words)
    assert line == "fmnist-viz train --out 'logs/a b' --data=idx:d --cache-dir cache --data npz:x.npz --layers 'dense*'"


def test_light_commands_load_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("tensorflow", "keras", "umap", "bokeh", "matplotlib", "pandas", "sklearn", "PIL", "numba")
    for argv in (["--help"], ["models"], ["train", "--model", "resnet"], ["verify", "nowhere"]):
        code = f"import sys; sys.argv = ['fmnist-viz', *{argv!r}]\nfrom fmnist_viz.cli.failure import run_guarded\n"
        code += "from fmnist_viz.cli import app\nrun_guarded(app)\n"
        code += f"print('LOADED', sorted(set({heavy!r}) & set(sys.modules)))"
        made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path / "home"), capture_output=True, text=True, timeout=60)
        assert made.stdout.splitlines()[-1] == "LOADED []", (argv, made.stderr)
