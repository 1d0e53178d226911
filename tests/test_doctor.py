"""The doctor: every way to break a log folder is recognised, TensorBoard itself agrees, mended copies are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import call
from conftest import MadeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from projector_data import garments
from projector_data import run as made_up_run
from projector_page import ProjectorServer, tensorboard

import fmnist_viz
from fmnist_viz.core.errors import BadInput, OutputBusy, UsageError
from fmnist_viz.export.projector import CONFIG, write_projector
from fmnist_viz.export.projector.config import write_event_file
from fmnist_viz.export.projector.doctor import RULES, SEVERITIES, examine
from fmnist_viz.export.projector.doctor import metadata as table_module
from fmnist_viz.export.projector.doctor.bookmarks import mended_bookmarks, read_bookmarks
from fmnist_viz.export.projector.doctor.metadata import decoded, hangs, mended_table, read_table
from fmnist_viz.export.projector.doctor.tensor import parse_text, read_tensor
from fmnist_viz.pipeline.doctor import Diagnosis
from projector_logs import (
    HOME,
    KINDS,
    LABELS,
    D,
    Kind,
    N,
    bookmark,
    broken,
    config,
    matrix,
    metadata,
    no_events,
    raw,
    saved_checkpoint,
    sheet,
    sprite,
    states,
    text,
    torch_like,
    two_columns,
)

kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of broken log folder."""
    home = tmp_path_factory.mktemp("broken")
    return {kind.name: broken(home / kind.name, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def mended(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Diagnosis]]:
    """One log folder of all mended copies, and what the doctor says of each."""
    home = tmp_path_factory.mktemp("mended") / "logs"
    return home, {name: fmnist_viz.doctor(path, fix=home / name) for name, path in folders.items()}


class Plugin:
    """TensorBoard's own Projector plugin in this process, over the runs that its Python loader finds."""

    def __init__(self, logdir: Path) -> None:
        from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
        from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
        from tensorboard.plugins.base_plugin import TBContext
        from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(logdir))
        multiplexer.Reload()
        context = TBContext(logdir=str(logdir), data_provider=MultiplexerDataProvider(multiplexer, str(logdir)), multiplexer=multiplexer)
        self.apps = ProjectorPlugin(context).get_plugin_apps()

    def get(self, route: str, **query: str) -> Any:
        from werkzeug.test import Client
        from werkzeug.wrappers import Response

        return Client(self.apps[f"/{route}"], Response).get("/", query_string=query)

    def runs(self) -> set[str]:
        return set(json.loads(self.get("runs").data))


def rules(diagnosis: Diagnosis, *severities: str) -> set[str]:
    return {one.rule for one in diagnosis.findings if not severities or one.severity in severities}


@kinds
def test_every_kind_is_recognised_and_explained(kind: Kind, folders: dict[str, Path]) -> None:
    found = fmnist_viz.doctor(folders[kind.name])
    own = [one for one in found.findings if one.rule == kind.rule]
    assert own, found.findings
    assert all(one.run in ("broken", "") and one.fact and one.why and one.remedy and (folders[kind.name] / one.file).exists() for one in own)
    assert {one.run for one in found.findings} <= {"broken", ""}
    shown = {(one.run, one.tensor): one.shown for one in found.tensors}
    assert shown["fine", "default:00000"] != (own[0].reach == "all" and own[0].severity == "breaks")
    if own[0].severity == "breaks" and own[0].reach in ("all", "run"):
        assert not any(seen for (run, _), seen in shown.items() if run == "broken")
    assert found.broken == bool(rules(found, "breaks"))


@kinds
def test_tensorboard_does_what_the_rule_says(kind: Kind, folders: dict[str, Path]) -> None:
    plugin = Plugin(folders[kind.name])
    if kind.server == "raises":
        assert RULES[kind.rule].reach == "all"
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever escapes from the plugin takes the tab down
            plugin.runs()
        return
    assert plugin.runs() == ({"fine"} if kind.server == "hides" else {"fine", "broken"})
    assert not (RULES[kind.rule].severity == "breaks" and RULES[kind.rule].reach == "all")


def test_one_malformed_configuration_is_said_to_hide_every_run(folders: dict[str, Path], tmp_path: Path) -> None:
    done = call(tmp_path, "doctor", str(folders["malformed"]))
    assert "hides ALL runs" in done.out
    assert "shows 0 of 1 tensors" in done.out


@pytest.mark.parametrize(
    ("name", "route", "status"),
    [("no-metadata-file", "metadata", 400), ("no-sprite-file", "sprite_image", 400), ("absolute-outside", "metadata", 400), ("link-outside", "metadata", 400),
     ("parent-outside", "sprite_image", 400), ("absolute-inside", "tensor", 200), ("checkpoint-key", "tensor", 400)],
)  # fmt: skip
def test_tensorboard_refuses_the_files_that_the_doctor_says_it_will(name: str, route: str, status: int, folders: dict[str, Path]) -> None:
    tensor = "embedding" if name == "checkpoint-key" else "default:00000"
    assert Plugin(folders[name]).get(route, run="broken", name=tensor).status_code == status


def test_tensorboard_lists_a_checkpoints_variables_beside_the_tensors(folders: dict[str, Path]) -> None:
    plugin = Plugin(folders["checkpoint-beside"])
    assert plugin.runs() == {"fine", "broken"}
    listed = {one["tensorName"]: tuple(one["tensorShape"]) for one in json.loads(plugin.get("info", run="broken").data)["embeddings"]}
    found = fmnist_viz.doctor(folders["checkpoint-beside"])
    assert listed == {one.tensor: (one.rows, one.columns) for one in found.tensors if one.run == "broken"}
    assert "embedding/.ATTRIBUTES/VARIABLE_VALUE" in listed


@kinds
def test_what_can_be_mended_is_and_the_rest_is_said(kind: Kind, mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    found = mended[1][kind.name]
    assert found.copy is not None
    assert rules(found.copy) == set(kind.left)
    if RULES[kind.rule].mends and kind.rule not in kind.left:
        assert any(one.rule == kind.rule for one in found.mended) or kind.rule in ("config-overridden", "event-file-empty", "checkpoint-state-empty")
    names = {one.tensor for one in found.copy.tensors if one.run == "broken"}
    assert bool(names) != (kind.gone or kind.rule in ("no-source", "keras-embeddings-freq"))


@kinds
def test_mending_changes_nothing_that_the_files_say(kind: Kind, folders: dict[str, Path], mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    copy = mended[1][kind.name].copy
    assert copy is not None
    for one in copy.tensors:
        if one.run == "fine" or (one.source != "checkpoint" and kind.padded == D and kind.name not in ("valid-text", "nan", "one-row", "no-colours")):
            values = read_tensor(copy.path / one.run / one.source, (one.rows, one.columns)).values
            assert values is not None
            np.testing.assert_allclose(values, matrix(), rtol=1e-4, atol=1e-6)
        elif one.source != "checkpoint":
            assert one.columns == kind.padded
    before = {path.relative_to(folders[kind.name]): path.read_bytes() for path in folders[kind.name].rglob("*") if path.is_file()}
    assert before, "the original is still there"


@kinds
def test_tensorboards_plugin_serves_every_file_of_a_mended_copy(kind: Kind, mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    copy = mended[1][kind.name].copy
    assert copy is not None
    plugin = Plugin(copy.path)
    sizes = {one.tensor: (one.rows, one.columns) for one in copy.tensors if one.run == "broken"}
    assert plugin.runs() == {one.run for one in copy.tensors if one.shown or one.run == "fine" or kind.rule.startswith("tensor")}
    listed = json.loads(plugin.get("info", run="broken").data)["embeddings"] if sizes else []
    assert {one["tensorName"]: tuple(one["tensorShape"]) for one in listed} == sizes
    for one in listed:
        query = {"run": "broken", "name": one["tensorName"]}
        assert len(plugin.get("tensor", **query).data) == 4 * sizes[one["tensorName"]][0] * sizes[one["tensorName"]][1]
        for there, route in ((one.get("metadataPath"), "metadata"), (one.get("bookmarksPath"), "bookmarks"), (one.get("sprite"), "sprite_image")):
            assert not there or plugin.get(route, **query).status_code == 200


def test_the_real_server_lists_every_mended_run_and_none_without_a_record(mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    home, found = mended
    torch_like(home / "unseen" / "empty-events")
    for path in (home / "unseen" / "empty-events").glob("*tfevents*"):
        path.write_bytes(b"")
    assert "event-file-empty" in {one.rule for one in examine(home).findings}
    expected = {f"{name}/{tensor.run}": tensor for name, one in found.items() if one.copy is not None for tensor in one.copy.tensors}
    with tensorboard(home) as address:
        server = ProjectorServer(address)
        assert set(server.runs()) == set(expected)
        for run in ("commas/broken", "npy/broken", "utf-16/broken"):
            assert len(server.get("tensor", run=run, name=expected[run].tensor)) == 4 * N * D


def broken_file(mended: tuple[Path, dict[str, Diagnosis]], name: str, path: str) -> Path:
    return mended[0] / name / "broken" / path


def test_mended_metadata_says_the_same(mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    plain = read_table(broken_file(mended, "header-over-one-column", f"{HOME}/metadata.tsv"))
    assert (plain.header, [row[0] for row in plain.rows]) == (None, LABELS)
    added = read_table(broken_file(mended, "no-header", f"{HOME}/metadata.tsv"))
    assert added.header == ["label", "column 2"]
    assert [row[0] for row in added.rows] == LABELS
    assert broken_file(mended, "windows-lines", f"{HOME}/metadata.tsv").read_text() == two_columns()
    assert "Größe 1\t4\n" in broken_file(mended, "not-utf-8", f"{HOME}/metadata.tsv").read_text(encoding="utf-8")
    blank = read_table(broken_file(mended, "blank-rows", f"{HOME}/metadata.tsv"))
    assert [row[0] for row in blank.rows] == [*LABELS[:4], "(empty)", *LABELS[5:]]


@pytest.mark.parametrize("name", ["oblong-sheet", "no-thumbnail-size", "large-sheet"])
def test_a_mended_sheet_shows_the_same_thumbnails_on_a_square_grid(name: str, mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    run = broken_file(mended, name, "")
    with Image.open(run / HOME / "sprite.png") as image:
        w, h = image.width // 6, image.height // 6
        assert image.size == (6 * w, 6 * h) and max(image.size) <= 8192
        centres = [image.convert("L").getpixel((i % 6 * w + w // 2, i // 6 * h + h // 2)) for i in range(N)]
    assert centres == [5 * i % 250 for i in range(N)]


def test_mended_bookmarks_keep_their_places(mended: tuple[Path, dict[str, Diagnosis]]) -> None:
    moved = json.loads(broken_file(mended, "tsne-bookmark", "b.json").read_text())[0]
    assert moved["selectedProjection"] == "umap"
    np.testing.assert_allclose([[place["umap-0"], place["umap-1"]] for place in moved["projections"]], matrix(N, 2), rtol=1e-6)
    assert len(json.loads(broken_file(mended, "nan-bookmark", "b.json").read_text())) == 1


def test_every_rule_is_complete_and_every_kind_has_a_rule() -> None:
    assert {kind.rule for kind in KINDS} <= set(RULES)
    assert len({kind.rule for kind in KINDS}) >= 45
    for name, rule in RULES.items():
        assert rule.severity in SEVERITIES and rule.reach in ("all", "run", "tensor", "view", "none"), name
        assert rule.why.endswith(".") and rule.remedy.endswith("."), name
        assert "{" not in rule.why, name


def test_no_false_alarm_on_good_folders_of_others(tmp_path: Path) -> None:
    folder = torch_like(tmp_path / "torch")
    assert not fmnist_viz.doctor(folder).findings
    states(folder, bookmark(), bookmark("custom"), bookmark(filteredPoints=[1, 2, 5], n=3), bookmark("pca", selectedPoints=[4]))
    found = fmnist_viz.doctor(tmp_path)
    assert not found.findings
    assert [(one.run, one.tensor, one.rows, one.columns, one.images, len(one.bookmarks), one.shown) for one in found.tensors] == [
        ("torch", "default:00000", N, D, True, 4, True)
    ]


def test_no_false_alarm_on_ours(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "run" / "projector"
    folder.mkdir(parents=True)
    facts = write_projector(folder, **made_up_run(garments(400), 300))
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert not rules(found, "breaks", "misleads", "slow")
    assert [one.tensor for one in found.tensors] == [one["name"] for one in facts["tensors"]]
    assert all(one.shown for one in found.tensors)


@pytest.mark.run
def test_no_false_alarm_on_a_real_run(run_folder: MadeRun) -> None:
    found = fmnist_viz.doctor(run_folder.path.parent)
    assert not rules(found, "breaks", "misleads", "slow")
    assert {one.run for one in found.tensors} == {"run/projector", *(f"run/projector_epochs/{name}" for name in ("epoch_000", "epoch_001", "trajectory"))}
    assert all(one.shown and one.bookmarks for one in found.tensors if one.tensor[:1] != "w")


def unstamped(folder: Path) -> None:
    raw(folder, matrix())
    content = bytearray((folder / HOME / "tensors.bytes").read_bytes())
    content[0] = 0x80
    (folder / HOME / "tensors.bytes").write_bytes(content)


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("checkpoint-dir-ignored", lambda f: config(f, "embeddings", 'model_checkpoint_dir: "x"\nembeddings')),
        ("checkpoint-state", lambda f: (f.parent / "checkpoint").write_text('model_checkpoint_path: "gone"\n')),
        ("metadata-ends-blank", lambda f: metadata(f, two_columns() + "\n\n")),
        ("metadata-ragged", lambda f: metadata(f, two_columns().replace("\t4\n", "\t4\t5\n"))),
        ("name-default", lambda f: config(f, 'tensor_name: "default:00000"', "")),
        ("name-unusual", lambda f: config(f, "default:00000", "my tag é")),
        ("sprite-spare", lambda f: sprite(f, sheet(7, 7))),
        ("tensor-unstamped", unstamped),
    ],
)  # fmt: skip
def test_what_does_no_harm_is_said_and_shown(tmp_path: Path, rule: str, spoil: Any) -> None:
    spoil(torch_like(tmp_path / "logs" / "run"))
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert rules(found) == {rule}
    assert found.tensors[0].shown
    assert Plugin(tmp_path / "logs").runs() == {"run"}
    copy = fmnist_viz.doctor(tmp_path / "logs", fix=tmp_path / "mended").copy
    assert copy is not None
    assert not {one.rule for one in copy.findings if one.mends}


def test_a_configuration_in_the_log_folder_itself_needs_no_events(tmp_path: Path) -> None:
    no_events(torch_like(tmp_path / "logs"))
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert not found.findings
    assert [(one.run, one.shown) for one in found.tensors] == [(".", True)]
    assert Plugin(tmp_path / "logs").runs() == {"."}


def test_a_log_folder_without_a_projector_is_told_so(tmp_path: Path) -> None:
    folder = torch_like(tmp_path / "logs" / "train")
    (folder / CONFIG).unlink()
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert rules(found) == {"nothing-to-show"}
    assert not Plugin(tmp_path / "logs").runs()
    with pytest.raises(BadInput, match="no Projector configuration"):
        fmnist_viz.doctor(tmp_path / "logs", fix=tmp_path / "mended")
    assert not (tmp_path / "mended").exists()


def test_a_checkpoint_alone_lists_its_variables(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    saved_checkpoint(tmp_path / "logs")
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert rules(found) == {"checkpoint-run"}
    assert [(one.tensor, one.rows, one.columns) for one in found.tensors] == [("embedding/.ATTRIBUTES/VARIABLE_VALUE", 12, 6)]


@pytest.mark.parametrize(
    "content", ["", "# none\n", 'all_model_checkpoint_paths: "a"\n', 'model_checkpoint_path: ""\n', "{{{ no text", 'model_checkpoint_path: "a"\n']
)
@pytest.mark.parametrize("where", [".", "..", "a", "run"])
def test_state_files_hide_all_runs_where_tensorflow_raises(tmp_path: Path, content: str, where: str) -> None:
    torch_like(tmp_path / "logs" / "run")
    write_event_file_below(tmp_path / "logs" / "a" / "train")
    (tmp_path / "logs" / where / "checkpoint").write_text(content)
    try:
        Plugin(tmp_path / "logs").runs()
        raised = False
    except ValueError:
        raised = True
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert ("checkpoint-state-empty" in rules(found)) == raised
    assert found.broken == raised


def write_event_file_below(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_event_file(folder)


def test_a_checkpoint_is_read_as_tensorflow_reads_it(tmp_path: Path) -> None:
    import tensorflow as tf

    from fmnist_viz.export.projector.doctor.checkpoint import latest, variables

    layers = {f"block_{i}/kernel": tf.Variable(tf.zeros((i + 1, 7))) for i in range(300)}
    prefix = tf.train.Checkpoint(**{name.replace("/", "_"): value for name, value in layers.items()}).save(str(tmp_path / "c"))
    assert str(latest(tmp_path)) == prefix
    assert variables(Path(prefix)) == {name: tuple(shape) for name, shape in tf.train.load_checkpoint(prefix).get_variable_to_shape_map().items()}


def test_a_checkpoint_that_is_none_is_said_and_not_followed(tmp_path: Path) -> None:
    folder = torch_like(tmp_path / "run")
    (folder / "checkpoint").write_text('model_checkpoint_path: "c"\n')
    (folder / "c.index").write_bytes(b"no table at all" * 9)
    assert "checkpoint-unreadable" in rules(fmnist_viz.doctor(tmp_path))


def test_a_folder_above_its_checkpoint_is_found_from_a_run_inside(tmp_path: Path) -> None:
    torch_like(tmp_path / "logs" / "run")
    saved_checkpoint(tmp_path / "logs")
    found = fmnist_viz.doctor(tmp_path / "logs")
    assert "checkpoint-lists-all" in rules(found)
    assert Plugin(tmp_path / "logs").runs() == {".", "run"} == {one.run for one in found.tensors}


@pytest.mark.parametrize(("count", "rule"), [(5001, "tensor-sampled"), (100_001, "tensor-too-many")])
def test_limits_of_the_page_are_said(tmp_path: Path, count: int, rule: str) -> None:
    folder = torch_like(tmp_path / "run")
    raw(folder, np.ones((count, 50), np.float32) + np.arange(50))
    assert {"tensor-sampled", "tensor-too-many"} & rules(fmnist_viz.doctor(folder)) == {rule}


def test_much_text_is_slow_and_little_is_not(tmp_path: Path) -> None:
    folder = torch_like(tmp_path / "run")
    line = "\t".join(map(str, range(50))) + "\n"
    for count, slow in ((20_000, False), (20_001, True)):
        (folder / HOME / "tensors.tsv").write_text(line * count)
        assert ("tensor-text" in rules(fmnist_viz.doctor(folder))) == slow


# ---------------------------------------------------------------- the command


def test_the_command_says_what_is_shown_and_exits_by_what_breaks(tmp_path: Path, folders: dict[str, Path]) -> None:
    torch_like(tmp_path / "logs" / "good")
    fine = call(tmp_path, "doctor", "logs")
    assert fine.code == 0
    assert "1 of 1 tensors" in fine.out and f"{N} × {D}" in fine.out
    bad = call(tmp_path, "doctor", str(folders["commas"]))
    assert bad.code == 8
    assert "tensor-separator" in bad.out and "--fix" in bad.error
    misled = call(tmp_path, "doctor", str(folders["oblong-sheet"]))
    assert misled.code == 0
    assert "misleads" in misled.out


def test_the_command_mends_into_a_new_folder(tmp_path: Path, folders: dict[str, Path]) -> None:
    done = call(tmp_path, "doctor", str(folders["commas"]), "--fix", "mended")
    assert done.code == 0, done.err
    assert "mended copy: mended" in done.out
    assert not examine(tmp_path / "mended").broken
    again = call(tmp_path, "doctor", str(folders["commas"]), "--fix", "mended")
    assert again.code == 6
    assert "exists already" in again.error
    partly = call(tmp_path, "doctor", str(folders["nan"]), "--fix", "other")
    assert partly.code == 8
    assert "by hand" in partly.error


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ("cat dog cow cat dog", "metadata-off-by-one"),
        ("apple dog cow cat fox", "metadata-off-by-one"),  # text that comes once is no proof
        ("Label dog cow cat dog", "metadata-single-header"),
        ("name dog name cat dog", "metadata-off-by-one"),
        ("size 3 4 5 6", "metadata-single-header"),
        ("nan 3 4 5 6", "metadata-off-by-one"),
        ("3 4 5 6 7", "metadata-off-by-one"),
        ("cat\t1 dog\t2 cat\t3 cow\t4", "metadata-no-header"),
        ("cat\tred dog\tblue cow\tgreen fox\tgrey", "metadata-off-by-one"),  # the last row may be missing
        ("label\tnumber dog\t2 cat\t3 cow\t4", "metadata-off-by-one"),
        ("cat\t1 dog\t2 \xa0 cat\t3 cow\t4", "metadata-off-by-one"),
        ("cat\t1 \xa0 cat\t3 cow\t4", "metadata-rows"),
    ],
)
def test_a_line_too_many_or_too_few_shifts_no_label(tmp_path: Path, lines: str, rule: str) -> None:
    said = lines.split(" ")
    folder = torch_like(tmp_path / "logs" / "run", matrix(4))
    metadata(folder, "".join(f"{line}\n" for line in said))
    found = fmnist_viz.doctor(tmp_path / "logs", fix=tmp_path / "mended")
    assert rule in rules(found)
    assert found.copy is not None
    table = tmp_path / "mended" / "run" / HOME / "metadata.tsv"
    if rule == "metadata-off-by-one":
        assert not table.exists() and found.copy.tensors[0].shown and not found.copy.tensors[0].metadata
        assert [one.rule for one in found.left_out] == [rule]
    elif rule != "metadata-rows":
        first = [line for line in said if line.strip()][rule == "metadata-single-header" :]
        assert ["\t".join(row) for row in read_table(table).rows] == first


def test_what_is_not_in_the_copy_is_named(tmp_path: Path) -> None:
    torch_like(tmp_path / "logs" / "fine")
    (torch_like(tmp_path / "logs" / "malformed") / CONFIG).write_text("embeddings {{")
    raw(torch_like(tmp_path / "logs" / "sized"), np.zeros(7), (N, D))
    before = call(tmp_path, "doctor", "logs")
    assert "by hand: it is protocol-buffer text; or move the file away. (--fix leaves it out)" in " ".join(before.out.split())
    done = call(tmp_path, "doctor", "logs", "--fix", "mended")
    assert done.code == 8
    said = " ".join(done.out.split())
    assert "--fix does it" not in said and said.count("(--fix leaves it out)") == 2
    last = done.out.rstrip().splitlines()[-2:]
    assert last[0].startswith("not in the copy: malformed: ") and last[1].startswith("not in the copy: sized/default:00000: ")
    assert not examine(tmp_path / "mended").broken


def test_json_holds_everything(tmp_path: Path, folders: dict[str, Path]) -> None:
    done = call(tmp_path, "doctor", str(folders["header"]), "--fix", "mended", "--json")
    record = json.loads(done.out)
    assert record["broken"] and not record["copy"]["broken"]
    assert record["findings"][0]["rule"] == "tensor-header"
    assert any(one["rule"] == "tensor-header" for one in record["mended"])
    frame = fmnist_viz.doctor(folders["header"]).frame()
    assert list(frame["rule"]) == [one["rule"] for one in record["findings"]]
    assert len(fmnist_viz.doctor(folders["header"]).shown()) == 2


@pytest.mark.parametrize(
    ("make", "path", "fix", "error"),
    [
        (lambda p: None, "gone", None, BadInput),
        (lambda p: (p / "file").write_text("x"), "file", None, BadInput),
        (lambda p: (p / "empty").mkdir(), "empty", None, BadInput),
        (lambda p: ((p / "other").mkdir(), (p / "other" / "a.txt").write_text("x")), "other", None, BadInput),
        (lambda p: None, "gs://bucket/run", None, BadInput),
        (lambda p: torch_like(p / "logs"), "logs", "logs/mended", UsageError),
        (lambda p: (torch_like(p / "logs"), (p / "there").mkdir()), "logs", "there", OutputBusy),
    ],
)  # fmt: skip
def test_bad_calls_are_one_line_and_write_nothing(tmp_path: Path, make: Any, path: str, fix: str | None, error: Any) -> None:
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    target = path if "://" in path else tmp_path / path
    with pytest.raises(error):
        fmnist_viz.doctor(target, fix=tmp_path / fix if fix else None)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("lines", [N + 7, 0])
def test_a_configuration_cannot_fetch_other_files_into_the_copy(tmp_path: Path, lines: int) -> None:
    folder = torch_like(tmp_path / "logs" / "run")
    secret = tmp_path / "secret"
    secret.write_text("root:x:0\n" * lines)
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace(f"{HOME}/metadata.tsv", str(secret)).replace(f"{HOME}/sprite.png", str(secret)))
    done = fmnist_viz.doctor(tmp_path / "logs", fix=tmp_path / "mended")
    assert "path-outside" in rules(done)
    assert not [path for path in (tmp_path / "mended").rglob("*") if path.is_file() and b"root" in path.read_bytes()]
    assert done.copy is not None
    assert not done.copy.broken


def test_hostile_names_stay_on_their_lines(tmp_path: Path) -> None:
    folder = torch_like(tmp_path / "logs" / "a\x1b[31mb")
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace("default:00000", "x\\033[2J<script>\\ty"))
    done = call(tmp_path, "doctor", "logs")
    assert done.code == 8
    assert "\x1b" not in done.out and "name-unsafe" in done.out and "run-name" in done.out
    assert call(tmp_path, "doctor", "logs", "--fix", "mended").code == 0


def test_the_doctor_loads_neither_tensorflow_nor_figures(tmp_path: Path) -> None:
    import subprocess
    import sys

    torch_like(tmp_path / "logs")
    code = f"import fmnist_viz, sys; fmnist_viz.doctor({str(tmp_path / 'logs')!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"tensorflow", "keras", "pandas", "matplotlib", "bokeh", "umap", "sklearn"} & {name.split(".")[0] for name in done.stdout.split()}


# ---------------------------------------------------------------- parsers


def server_parse(content: str) -> np.ndarray[Any, Any] | None:
    """`_read_tensor_tsv_file` of the plugin, on a text; None where it raises or would raise for a missing shape."""
    try:
        rows = [[float(cell) for cell in line.split("\t")] for line in content.split("\n") if line]
        values = np.array(rows, dtype=np.float64)
        return values if values.ndim == 2 else None
    except (ValueError, IndexError):
        return None


CELLS = st.sampled_from(["1", "-2.5", "1e3", "", " ", "x", "1-2", "nan", "inf", "1_0", "0x1", "\r", "1 2", ".", "é", "+3", "٣"])


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3).map("\t".join), max_size=4).map("\n".join))
@settings(max_examples=300, deadline=None)
def test_tensor_text_is_accepted_where_the_server_accepts_it(content: str) -> None:
    expected = server_parse(content)
    values, facts = parse_text(content)
    assert (not facts) == (expected is not None), (facts, expected)
    if expected is not None:
        np.testing.assert_array_equal(values, expected)


@given(
    st.integers(1, 5).flatmap(
        lambda d: st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=d, max_size=d), min_size=2, max_size=5)
    ),
    st.sampled_from(["\t", ",", ";", " "]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\t\n", " \n"]),
)
@settings(max_examples=200, deadline=None)
def test_what_was_meant_is_read(rows: list[list[float]], separator: str, header: bool, end: str) -> None:
    if separator != "\t" and "\t" in end:
        end = "\n"
    lines = [separator.join(map(repr, row)) for row in rows]
    if header:
        lines.insert(0, separator.join(f"column_{i}" for i in range(len(rows[0]))))
    values, _ = parse_text(end.join(lines) + end)
    np.testing.assert_array_equal(values, np.array(rows, np.float64))


def page_reads(raw: bytes, piece: int) -> list[bytes] | None:
    """The page's `streamParse`: lines of a file, None where it never ends."""
    lines, rest, at = [], b"", 0
    while True:
        chunk = raw[at : at + piece]
        if not chunk and at > len(raw) + piece:
            return None
        at += piece
        parts = chunk.split(b"\n")
        if len(parts) == 1:
            rest += parts[0]
            continue
        lines += [rest + parts[0], *parts[1:-1]]
        rest = parts[-1]
        if at >= len(raw) - 1:
            return [*lines, rest] if rest else lines


@given(st.binary(max_size=40).map(lambda raw: bytes(b"a\n\tb"[byte % 4] for byte in raw)))
@settings(max_examples=300, deadline=None)
def test_endless_metadata_is_known(raw: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "PIECE", 8)
        assert hangs(raw) == (page_reads(raw, 8) is None)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=4), min_size=1, max_size=3).map("\t".join), max_size=6).map("\n".join),
    st.integers(1, 7),
)
@settings(max_examples=300, deadline=None)
def test_a_mended_table_needs_no_more_mending(tmp_path_factory: pytest.TempPathFactory, content: str, points: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "m.tsv").write_bytes(content.encode("utf-8", "surrogatepass"))
    table = read_table(folder / "m.tsv")
    (folder / "m.tsv").write_bytes(mended_table(table, points))
    again = read_table(folder / "m.tsv")
    if table.shown:
        assert not [fact for fact in again.facts if RULES[fact[0]].mends], again.facts
    if table.shown == points == len(table.rows):
        for old, new in zip(table.rows, again.rows, strict=True):
            said = [(cell.replace("\r", " ").strip(), mended.strip()) for cell, mended in zip(old, new, strict=False)]
            assert all(mended == (cell or mended) for cell, mended in said), said


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_text_or_said_not_to_be(raw: bytes) -> None:
    told, facts = decoded(raw)
    assert isinstance(told, str)
    try:
        raw.decode()
    except UnicodeDecodeError:
        assert facts


@given(st.binary(min_size=1, max_size=200), st.one_of(st.just(()), st.tuples(st.integers(0, 9), st.integers(0, 9))), st.one_of(st.none(), st.integers(0, 9)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_tensor_or_said_not_to_be(tmp_path_factory: pytest.TempPathFactory, raw: bytes, shape: tuple[int, ...], rows: int | None) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bytes"
    path.write_bytes(raw)
    found = read_tensor(path, shape, rows)
    assert found.values is not None or found.facts
    assert {rule for rule, _ in found.facts} <= set(RULES)
    assert found.values is None or found.values.ndim == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.dictionaries(st.sampled_from(sorted(bookmark())), JSON, max_size=4), st.sampled_from(["umap", "pca", "custom", "tsne"]))
@settings(max_examples=200, deadline=None)
def test_any_state_is_judged_and_mended_into_json(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any], slot: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps([bookmark(slot, 5) | changes]))
    _, facts = read_bookmarks(path, 5, {"label"})
    assert {rule for rule, _ in facts} <= set(RULES)
    content = mended_bookmarks(path, 5, {"label"})
    if content is not None:
        path.write_bytes(content)
        left = {rule for rule, _ in read_bookmarks(path, 5, {"label"})[1]}
        assert not left & {"bookmark-not-finite", "bookmark-tsne", "bookmark-column"}


def test_thumbnails_are_numbered_row_by_row() -> None:
    assert np.asarray(sheet(10, 3)).shape == (24, 80)
    assert text(matrix(2, 2)).count("\n") == 2
