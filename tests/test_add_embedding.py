"""`add_embedding`: vectors from anywhere in TensorBoard's Projector, as the people who bring them do it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from projector_data import NAMES, garments, layer, pixels, run, view
from projector_page import ProjectorServer, tensorboard

from fmnist_viz import add_embedding
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.export.projector import CONFIG, TensorForm, check_folder, write_projector
from fmnist_viz.export.projector.metadata import EMPTY, read_as_page
from fmnist_viz.pipeline import embedding as module
from fmnist_viz.pipeline.embedding import AddedEmbedding

RNG = np.random.default_rng(0)
HOSTILE = ("a\tb", "line\nbreak", '"quoted"', "it's", "👕", "<script>alert(1)</script>", "", "x" * 300, "__proto__", "\u2028")


def shown(added: AddedEmbedding) -> np.ndarray[Any, Any]:
    """The tensor as TensorBoard reads it."""
    return np.fromfile(added.path / added.facts["file"], "<f4").reshape(added.facts["shape"])


def table(added: AddedEmbedding) -> list[dict[str, str]]:
    return read_as_page((added.path / f"{added.facts['name']}.tsv").read_bytes())[1]


def bookmarks(added: AddedEmbedding) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((added.path / f"{added.facts['name']}.bookmarks.json").read_text())
    return found


def test_three_lines_in_a_notebook_load_nothing_heavy(tmp_path: Path) -> None:
    """The three lines that README shows, in a fresh interpreter; what is displayed below the cell says how to see it."""
    code = f"""
import os, sys; os.chdir({str(tmp_path)!r})
import numpy as np; vectors, labels, pictures = np.random.rand(200, 784), ["a", "b"] * 100, np.zeros((200, 28, 28), np.uint8)
from fmnist_viz import add_embedding
print(repr(add_embedding("logs", vectors, labels, pictures)))
loaded = {{name.split(".")[0] for name in sys.modules}}
print(sorted(loaded & {{"tensorflow", "keras", "torch", "umap", "matplotlib", "pandas", "sklearn", "scipy", "bokeh", "numba"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, timeout=60, check=False)
    lines = done.stdout.splitlines()
    assert lines[-1] == "[]", done.stdout + done.stderr
    assert lines[0].startswith("200 points of 784 dimensions in logs/default/")
    assert lines[1].startswith("tensorboard --logdir logs")
    (config,) = (tmp_path / "logs").rglob(CONFIG)
    assert check_folder(config.parent) == []


class TorchLike:
    """What PyTorch's tensors ask of who takes them: off the graph, off the device, then to NumPy, which has no bfloat16."""

    def __init__(self, values: Any, dtype: str = "torch.float32", ready: bool = False) -> None:
        self.values, self.dtype, self.ready = values, dtype, ready

    def detach(self) -> TorchLike:
        return TorchLike(self.values, self.dtype)

    def cpu(self) -> TorchLike:
        return TorchLike(self.values, self.dtype, ready=True)

    def float(self) -> TorchLike:
        return TorchLike(self.values, "torch.float32", self.ready)

    def numpy(self) -> Any:
        if not self.ready or self.dtype == "torch.bfloat16":
            raise RuntimeError("Can't call numpy() on this tensor")
        return self.values


def test_tensors_of_every_library_give_the_same_folder(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    X = RNG.random((20, 60), np.float32)
    brought = [
        X,
        X.astype(np.float64),
        X.tolist(),
        pd.DataFrame(X),
        tf.constant(X),
        tf.Variable(X),
        keras.Variable(X),
        TorchLike(X),
        TorchLike(X, "torch.bfloat16"),
        scipy.sparse.csr_array(X),
    ]
    for i, one in enumerate(brought):
        np.testing.assert_array_equal(shown(add_embedding(tmp_path, one, tag=f"t{i}"))[1:], X[1:])
    labels = tf.constant([b"yes", b"no"] * 10)
    assert {row["label"] for row in table(add_embedding(tmp_path, tf.constant(X), labels))} == {"yes", "no"}
    half = np.asarray(tf.cast(X, tf.bfloat16), np.float32)
    np.testing.assert_array_equal(shown(add_embedding(tmp_path, tf.cast(X, tf.bfloat16)))[1:], half[1:])


def test_pytorchs_own_call_works_as_it_stands(tmp_path: Path) -> None:
    X, pictures = TorchLike(RNG.random((6, 60), np.float32)), TorchLike(RNG.random((6, 3, 10, 12), np.float32))
    rows = [["Coat", 0.5], ["Bag", 0.25]] * 3
    ours = add_embedding(tmp_path, X, rows, pictures.values.transpose(0, 2, 3, 1), metadata_header=["class", "score"], step=5, tag="a/b")
    first = {path.name: path.read_bytes() for path in ours.path.iterdir() if "tfevents" not in path.name}
    theirs = add_embedding(tmp_path, X, metadata=rows, label_img=pictures, global_step=5, tag="a/b", metadata_header=["class", "score"])
    assert first == {path.name: path.read_bytes() for path in theirs.path.iterdir() if "tfevents" not in path.name}
    assert table(theirs)[1] == {"class": "Bag", "score": "0.25"}
    assert theirs.facts["step"] == 5
    assert theirs.path.name.startswith("00005-")
    for twice in ({"images": pictures, "label_img": pictures}, {"step": 1, "global_step": 1}):
        with pytest.raises(UsageError, match="two names of one thing"):
            add_embedding(tmp_path, X, **twice)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        (["a", "b", "c"], {"label": "a", "row": "0"}),
        (("a", "b", "c"), {"label": "a", "row": "0"}),
        (np.array([7, 8, 9]), {"label": "class 7", "row": "0"}),
        ([0.25, 1.5, 3.0], {"value": "0.25", "row": "0"}),
        ([["a", 1], ["b", 2], ["c", 3]], {"label": "a", "column 2": "1"}),
        (np.array([["a", "x"], ["b", "y"], ["c", "z"]]), {"label": "a", "column 2": "x"}),
        ({"x": ["a", "b", "c"], "n": np.arange(3)}, {"x": "a", "n": "0"}),
        (pd.DataFrame({"x": ["a", "b", "c"], "n": [True, False, True]}), {"x": "a", "n": "true"}),
        (pd.Series(["a", "b", "c"], name="kind"), {"kind": "a", "row": "0"}),
        (pd.Series(["a", "b", "c"]), {"label": "a", "row": "0"}),
        (np.array([("a", 1.5)] * 3, dtype=[("s", "U3"), ("f", "f4")]), {"s": "a", "f": "1.5"}),
    ],
)
def test_labels_of_every_kind_become_a_table(tmp_path: Path, given: Any, first: dict[str, str]) -> None:
    added = add_embedding(tmp_path, RNG.random((3, 60)), given)
    assert len(table(added)) == 3
    assert table(added)[0] == first


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"metadata": ["a"]}, "1 entries for 3 rows"),
        ({"metadata": []}, "is empty"),
        ({"metadata": {}}, "is empty"),
        ({"metadata": pd.DataFrame()}, "is empty"),
        ({"metadata": {"a": list("xyz"), "b": []}}, "is empty"),
        ({"metadata": "abc"}, "is a single value"),
        ({"metadata": [["a", 1], ["b"], ["c", 2]]}, "row 1 has 1 cells"),
        ({"metadata": [["a", 1]] * 3, "metadata_header": ["only"]}, "1 names for 2 columns"),
        ({"metadata": {"a": list("xyz")}, "metadata_header": ["a"]}, "names its columns already"),
        ({"metadata_header": ["a"]}, "there is no metadata"),
        ({"images": np.zeros((2, 4, 4), np.uint8)}, "2 pictures for 3 rows"),
        ({"images": np.full((3, 4, 4), 255.0)}, "values from 255.0 to 255.0, expected 0 to 1"),
        ({"images": np.full((3, 4, 4), np.nan)}, "expected 0 to 1"),
        ({"images": np.zeros((3, 5, 5, 2), np.uint8)}, "1, 3 or 4 channels"),
        ({"images": np.zeros((3, 16), np.uint8)}, "expected"),
        ({"images": np.full((3, 4, 4), 300)}, "expected 0 to 255"),
        ({"views": {"v": np.zeros((2, 2))}}, r"expected \(3, 2\)"),
        ({"views": {"v": np.zeros((3, 4))}}, r"expected \(3, 2\)"),
        ({"views": {"v": [[0, 0], [0, np.nan], [1, 1]]}}, "row 1 holds NaN"),
        ({"normalize": "l2"}, "Choose from: auto, unit, none"),
        ({"tensor_format": "npy"}, "Choose from: binary, tsv, checkpoint"),
        ({"step": -1}, "no whole number from 0"),
        ({"step": 1.5}, "no whole number from 0"),
        ({"tag": " "}, "is no name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_and_writes_nothing(tmp_path: Path, given: dict[str, Any], error: str) -> None:
    with pytest.raises((BadInput, UsageError), match=error) as caught:
        add_embedding(tmp_path, RNG.random((3, 60)), **given)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("matrix", "error"),
    [
        ([[1, 2, 3]], "1 row"),
        (np.zeros((0, 3)), "no values"),
        (np.zeros((3, 0)), "no values"),
        (np.zeros(5), r"expected \(n, d\)"),
        (np.zeros((5, 2, 2)), "Flatten its rows"),
        ([[1, 2], [3]], "cannot be taken as an array"),
        ([["a", "b"], ["c", "d"]], "not real numbers"),
        (np.zeros((3, 3), complex), "not real numbers"),
        ([[1.0, None], [1.0, 2.0]], "row 0 holds NaN"),
        ([[1.0, 2.0], [1e300, 2.0]], "row 1 holds NaN or infinity, or a value beyond single precision"),
    ],
)
def test_vectors_that_the_page_cannot_show_are_refused_in_one_line(tmp_path: Path, matrix: Any, error: str) -> None:
    with pytest.raises(BadInput, match=error):
        add_embedding(tmp_path, matrix)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["gs://bucket/logs", "s3://bucket"])
def test_a_log_folder_that_is_no_local_one_is_refused(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="not on a local disk"):
        add_embedding(where, np.eye(3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("normalize", ["auto", "unit", "none"])
@pytest.mark.parametrize("width", [1, 2, 3, 49, 50, 60, 1100])
@pytest.mark.parametrize("kind", ["zero", "constant", "random"])
def test_every_width_and_flat_data_make_a_folder_that_keeps_the_rules(tmp_path: Path, normalize: Any, width: int, kind: str) -> None:
    X = {"zero": np.zeros((9, width)), "constant": np.full((9, width), 0.1), "random": RNG.random((9, width)) + 3}[kind].astype(np.float32)
    added = add_embedding(tmp_path, X, normalize=normalize)
    assert check_folder(added.path) == []
    got, n = shown(added), 9
    if normalize == "none":
        np.testing.assert_allclose(got[:, :width], X, rtol=3.1e-5, atol=1e-40)
        assert got.shape == (n, max(3, width))
    elif normalize == "unit" or width < 50:
        assert got.shape == (n, max(50, width))
        lengths = np.linalg.norm(got, axis=1)
        np.testing.assert_allclose(lengths, 1 if kind == "random" else 0, atol=4e-5)
    assert not got[:, width:].any() or width > 1024


def test_two_points_are_enough(tmp_path: Path) -> None:
    assert check_folder(add_embedding(tmp_path, [[0.0, 1.0], [2.0, 3.0]], ["a", "b"], np.zeros((2, 5, 5))).path) == []


@pytest.mark.parametrize("width", [1, 2, 3])
def test_vectors_that_are_a_map_already_can_be_seen_as_they_came(tmp_path: Path, width: int) -> None:
    X = RNG.normal(size=(8, width)).astype(np.float32)
    (state,) = bookmarks(add_embedding(tmp_path, X))
    assert state["label"] == "as given"
    got = np.array([list(point.values()) for point in state["projections"]], np.float32)
    np.testing.assert_array_equal(got[:, :width], X)


@pytest.mark.parametrize(("names", "count"), [(("only",), 5), (tuple(f"class {i}" for i in range(1000)), 2000), (HOSTILE, 40)])
def test_any_number_and_any_name_of_classes(tmp_path: Path, names: tuple[str, ...], count: int) -> None:
    labels = [names[i % len(names)] for i in range(count)]
    added = add_embedding(tmp_path, RNG.random((count, 8)), labels, views={"map": RNG.random((count, 2)), **{name: RNG.random((count, 3)) for name in HOSTILE}})
    assert check_folder(added.path) == []
    cells = [row["label"] for row in table(added)]
    assert len(cells) == count
    assert len(set(cells)) == len(names)
    assert all(len({cells[i] for i in range(k, count, len(names))}) == 1 for k in range(len(names)))
    assert (EMPTY in cells) == ("" in names)
    assert {state["selectedColorOptionName"] for state in bookmarks(added)} == {"label" if len(names) <= 50 else "No color map"}


def test_views_show_exactly_what_was_given(tmp_path: Path) -> None:
    images = garments(30)
    rep = layer(images, 8, "dense")
    flat, solid = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 3)).astype(np.float32) * 1e6
    given = {"PCA of mine": flat, "my t-SNE": solid, "ours": view(rep, "umap")}
    states = bookmarks(add_embedding(tmp_path, rep.X, images.labels, views=given))
    assert [(state["label"], state["selectedProjection"]) for state in states] == [("PCA of mine", "pca"), ("my t-SNE", "umap"), ("ours", "umap")]
    for state, want in zip(states, (flat, solid, view(rep, "umap").coords), strict=True):
        got = np.array([list(point.values()) for point in state["projections"]])
        np.testing.assert_array_equal(got.astype(np.float32), want.astype(np.float32))
    assert states[1]["pcaComponentDimensions"] == [0, 1, 2] and states[1]["umapIs3d"]
    (alone,) = bookmarks(add_embedding(tmp_path, rep.X, views=[view(rep, "pca")]))
    assert alone["selectedProjection"] == "pca" and alone["label"].startswith("PCA")


def sheet(added: AddedEmbedding) -> np.ndarray[Any, Any]:
    """Thumbnails (n, side, side[, 3]) cut out of the sheet."""
    with Image.open(added.path / f"{added.facts['name']}.png") as image:
        drawn = np.asarray(image)
    n = added.facts["shape"][0]
    cells = int(np.ceil(np.sqrt(n)))
    side = len(drawn) // cells
    return drawn.reshape(cells, side, cells, side, -1).swapaxes(1, 2).reshape(cells * cells, side, side, -1)[:n]


def test_pictures_are_shown_as_they_are_in_every_layout(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (7, 28, 28), dtype=np.uint8)
    colour = RNG.integers(0, 256, (7, 28, 28, 3), dtype=np.uint8)
    X = np.eye(7)
    for i, one in enumerate((grey, grey[..., None], grey[:, None], grey.astype(int), grey.astype(np.float64) / 255, grey.astype(np.float16) / 255)):
        assert np.abs(sheet(add_embedding(tmp_path, X, images=one, tag=f"grey{i}"))[..., 0].astype(int) - grey).max() <= (1 if one.dtype == np.float16 else 0)
    for i, one in enumerate((colour, colour.transpose(0, 3, 1, 2), colour.astype(np.float32) / 255)):
        np.testing.assert_array_equal(sheet(add_embedding(tmp_path, X, images=one, tag=f"colour{i}")), colour)
    opaque = np.concatenate([colour, np.full((7, 28, 28, 1), 255, np.uint8)], axis=3)
    np.testing.assert_array_equal(sheet(add_embedding(tmp_path, X, images=opaque)), colour)
    opaque[..., 3] = 0
    assert (sheet(add_embedding(tmp_path, X, images=opaque)) == 255).all()
    np.testing.assert_array_equal(sheet(add_embedding(tmp_path, X, images=grey, invert=True))[..., 0], 255 - grey)
    square = RNG.integers(0, 256, (7, 3, 32, 3), dtype=np.uint8)  # both axes could be the channels
    assert sheet(add_embedding(tmp_path, X, images=square)).shape[1] == 32
    np.testing.assert_array_equal(sheet(add_embedding(tmp_path, X, images=square))[:, 14:17], square)
    assert sheet(add_embedding(tmp_path, X, label_img=square)).shape == (7, 32, 32, 3)
    assert (sheet(add_embedding(tmp_path, X, label_img=square))[:, :, :14] == 255).all()


text = st.text(st.characters(codec=None), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(text, st.one_of(text, st.floats(), st.none(), st.booleans(), st.integers())), min_size=2, max_size=8),
    st.lists(text, min_size=2, max_size=2),
    text,
)
def test_whatever_the_labels_hold_the_folder_keeps_the_rules(tmp_path: Path, rows: Any, header: list[str], label: str) -> None:
    added = add_embedding(tmp_path, RNG.random((len(rows), 4)), rows, metadata_header=header, views={label: RNG.random((len(rows), 2))})
    assert check_folder(added.path) == []
    assert len(table(added)) == len(rows)


def test_the_same_tag_and_step_again_take_the_older_ones_place_and_others_stay(tmp_path: Path) -> None:
    made = [add_embedding(tmp_path, np.eye(5), step=step, tag=tag) for tag in ("a", "b") for step in (None, 1, 2)]
    (made[0].path.parent / "notes.txt").write_text("mine")
    again = add_embedding(tmp_path, np.eye(6), step=1, tag="a")
    third = add_embedding(tmp_path, np.eye(7), tag="a")
    left = {path.parent for path in tmp_path.rglob(CONFIG)}
    assert left == {again.path, third.path, *(one.path for one in made[2:])}
    assert (made[0].path.parent / "notes.txt").read_text() == "mine"
    assert len({path.name for path in left}) == len(left)


def runs_when(server: ProjectorServer, count: int) -> dict[str, Any]:
    """What the server tells of each run's tensor, once it lists so many."""
    end = time.monotonic() + 20
    while len(runs := server.runs()) != count and time.monotonic() < end:
        time.sleep(0.2)
    return {run: server.embeddings(run)[0] for run in runs}


def test_a_running_tensorboard_shows_new_steps_and_new_data_of_old_ones(tmp_path: Path) -> None:
    """Every file format, too. TensorBoard looks for new runs every five seconds."""
    logs, X = tmp_path / "logs", RNG.random((12, 60), np.float32)
    add_embedding(logs, X, ["old"] * 12, tag="again")
    add_embedding(logs, X, ["text"] * 12, tag="as text", tensor_format="tsv", step=3)
    add_embedding(logs, X, ["variable"] * 12, tag="as.variable", tensor_format="checkpoint")
    with tensorboard(logs) as address:
        server = ProjectorServer(address)

        def served(run: str, item: dict[str, Any]) -> tuple[Any, bytes]:
            query = {"run": run, "name": item["tensorName"]}
            return np.frombuffer(server.get("tensor", **query, num_rows=100_000), "<f4").reshape(item["tensorShape"]), server.get("metadata", **query)

        before = runs_when(server, 3)
        said = set()
        for run, item in before.items():
            values, cells = served(run, item)
            np.testing.assert_array_equal(values[1:], X[1:])
            said.add(cells.splitlines()[1].split(b"\t")[0])
        assert said == {b"old", b"text", b"variable"}
        new = [add_embedding(logs, X + 1, ["new"] * 12, tag="again"), add_embedding(logs, X + 2, ["step"] * 12, tag="again", step=1)]
        after = runs_when(server, 4)
        for k, one in enumerate(new, start=1):
            run = one.path.relative_to(logs).as_posix()
            values, cells = served(run, after[run])
            np.testing.assert_array_equal(values[1:], X[1:] + np.float32(k))
            assert (b"new", b"step")[k - 1] in cells
        assert not set(after) & {run for run in before if run.startswith("again")}
    assert not list(logs.rglob(".staging*"))


def test_a_checkpoint_of_a_training_beside_it_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-1"\n')
    assert check_folder(add_embedding(tmp_path, np.eye(4)).path) == []


def test_the_run_becomes_visible_only_when_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A staged folder with an event file would be listed, too, and be gone when TensorBoard opens its files."""
    from fmnist_viz.core import store

    seen: list[list[Path]] = []
    take = store._take_name
    monkeypatch.setattr(store, "_take_name", lambda temp, final: (seen.append(list(temp.rglob("*tfevents*"))), take(temp, final)))
    added = add_embedding(tmp_path, np.eye(4))
    assert seen == [[]]
    assert len(list(added.path.glob("*tfevents*"))) == 1


def test_above_what_the_page_samples_every_bookmark_brings_a_balanced_order(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(10), [4000, 3000, 2000, 1500, 1500, 1500, 1200, 1200, 1200, 1200])  # in class order, and uneven
    n = len(labels)
    states = bookmarks(add_embedding(tmp_path, RNG.random((n, 4), np.float32), labels, views={"a": RNG.random((n, 2)), "b": RNG.random((n, 2))}))
    for state in states:
        order = np.array(state["shuffledDataIndices"])
        assert np.array_equal(np.sort(order), np.arange(n))
        for first in (5000, 10_000):
            assert np.ptp(np.bincount(labels[order[:first]])) <= 1
    few = bookmarks(add_embedding(tmp_path, np.eye(20), np.arange(20) % 2, views={"a": RNG.random((20, 2))}))
    assert few[0]["shuffledDataIndices"] is None


def test_seventy_thousand_points(tmp_path: Path) -> None:
    n = 70_000
    X, labels = RNG.random((n, 4), np.float32), RNG.integers(0, 10, n)
    added = add_embedding(tmp_path, X, labels, np.zeros((n, 2, 2), np.uint8), views={"map": X[:, :2]})
    assert check_folder(added.path) == []
    assert added.facts["shape"] == [n, 50]
    with Image.open(added.path / f"{added.facts['name']}.png") as image:
        assert image.size == (265 * 24, 265 * 24)


def test_more_than_the_page_takes_are_a_stratified_sample_and_said(tmp_path: Path) -> None:
    n = 120_000
    labels = np.repeat(["a", "b", "c"], [60_000, 59_000, 1000])
    X = np.arange(n, dtype=np.float32)[:, None].repeat(3, axis=1)
    with pytest.warns(UserWarning, match="120,000 rows: the Projector's page takes 100,000"):
        added = add_embedding(tmp_path, X, labels, normalize="none", views={"map": X[:, :2]})
    assert check_folder(added.path) == []
    assert (added.facts["rows_given"], added.facts["rows_sampled"], added.facts["shape"]) == (n, 100_000, [100_000, 3])
    rows = np.array([int(row["row"]) for row in table(added)])
    np.testing.assert_array_equal(shown(added)[1:, 0], rows[1:])
    counts = pd.Series([row["label"] for row in table(added)]).value_counts()
    assert counts.to_dict() == {"a": 50_000, "b": 49_167, "c": 833}
    got = np.array([list(point.values()) for point in bookmarks(added)[0]["projections"]])
    np.testing.assert_array_equal(got[:, 0], rows)


def test_a_run_that_asks_for_more_says_so_on_screen_and_in_its_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    from fmnist_viz.export.projector import check
    from fmnist_viz.pipeline.config import ViewConfig
    from fmnist_viz.pipeline.projector import publish_projector

    monkeypatch.setattr(check, "MAX_POINTS", 200)
    images, warned, recorded = garments(300), [], {}
    seen = SimpleNamespace(sources={"pixels": SimpleNamespace(representation=pixels(images))}, predictions=None, penultimate="")
    ctx = SimpleNamespace(
        config=SimpleNamespace(view=ViewConfig(projector_points=250)), seed=0, timed=lambda stage: contextlib.nullcontext(), facts=lambda stage, **more: more,
        progress=SimpleNamespace(warn=warned.append), folder=SimpleNamespace(path=tmp_path, record=recorded.__setitem__),
    )  # fmt: skip
    publish_projector(ctx, SimpleNamespace(images=images, seen=seen, maps={}, solid_maps={}, planes={}, confusion=None, weights=()))
    assert "250 images" in warned[0] and "200" in warned[0]
    assert recorded["projector"]["rows"] == 200 and recorded["projector"]["images_asked_for"] == 250


# The page's own arithmetic, as its sources (data.ts, knn.ts of TensorBoard 2.21) do it.


def as_page(X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Vectors as the page holds them: from 50 dimensions up centred, then unit rows."""
    X = X.astype(np.float64)
    if X.shape[1] < 50:
        return X
    X = X - X.mean(0)
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return np.divide(X, lengths, out=np.zeros_like(X), where=lengths > 0)


def purity(X: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], k: int = 10) -> float:
    """Share of the ten neighbours that the page finds, and finds in the same class: 1 - dot, negative ones thrown away."""
    distance = 1 - as_page(X) @ as_page(X).T
    np.fill_diagonal(distance, np.inf)
    distance[distance < 0] = np.inf
    nearest = np.argsort(distance, axis=1)[:, :k]
    found = np.isfinite(np.take_along_axis(distance, nearest, axis=1))
    return float(((labels[nearest] == labels[:, None]) & found).mean())


def page_components(X: np.ndarray[Any, Any], k: int = 2) -> np.ndarray[Any, Any]:
    """The page's first components: those of X'X, without centring."""
    X = as_page(X)
    return X @ np.linalg.eigh(X.T @ X)[1][:, ::-1][:, :k]


@pytest.mark.parametrize("normalize", ["auto", "unit"])
@pytest.mark.parametrize("width", [3, 10, 32, 64, 300])
def test_neighbours_and_components_of_the_page_are_those_of_centred_directions(tmp_path: Path, width: int, normalize: Any) -> None:
    images = garments(1200)
    raw = layer(images, width, "relu").X  # rectified, all positive: what a plain export gets wrong
    ours = shown(add_embedding(tmp_path, raw, normalize=normalize))
    plain = purity(raw, images.labels)
    assert purity(ours, images.labels) >= plain - 0.005
    if width < 50:
        assert plain < 0.15  # the lists of a plain export are empty, or nearly
    centred = raw - raw.mean(0, dtype=np.float64)
    rows = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    true = float((images.labels[np.argsort(-similarity, axis=1)[:, :10]] == images.labels[:, None]).mean())
    assert purity(ours, images.labels) >= true - 0.01
    rows = rows - rows.mean(0)
    components = rows @ np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :2]
    for axis in range(2):
        assert abs(np.corrcoef(page_components(ours)[:, axis], components[:, axis])[0, 1]) > 0.98


@pytest.mark.parametrize(("form", "widths"), [(TensorForm("none", "tsv"), [784, 64, 10, 9]), (TensorForm("unit"), [784, 64, 50, 50])])
def test_a_runs_folder_follows_the_same_options(tmp_path: Path, form: TensorForm, widths: list[int]) -> None:
    images = garments(60)
    facts = write_projector(tmp_path, **run(images), form=form)
    assert check_folder(tmp_path) == []
    assert [one["shape"][1] for one in facts["tensors"]] == widths
    assert {(one["normalize"], one["format"]) for one in facts["tensors"]} == {(form.normalize, form.format)}
    if form.format == "tsv":
        written = np.loadtxt(tmp_path / "02_logits.tensor.tsv", delimiter="\t", dtype=np.float32)
        assert {row.tobytes() for row in written} == {row.tobytes() for row in run(images)["samples"][2].representation.X}


@pytest.mark.parametrize(
    ("spoil", "fact"),
    [
        (lambda text: text.replace("\t", " "), "separated by blanks"),
        (lambda text: text + "1\t2\t3\n", "rows of 3 to 4 values"),
        (lambda text: text + "1\t2\t3\t4\n", "the file holds 6 x 4"),
        (lambda text: "nan" + text[text.index("\t") :], "1 of 5 rows hold NaN"),
        (lambda text: "", "holds no bytes"),
    ],
)
def test_the_check_reads_text_tensors_as_the_server_does(tmp_path: Path, spoil: Any, fact: str) -> None:
    added = add_embedding(tmp_path, RNG.random((5, 4)), tensor_format="tsv", normalize="none")
    assert check_folder(added.path) == []
    path = added.path / added.facts["file"]
    path.write_text(spoil(path.read_text()))
    assert any(fact in line for line in check_folder(added.path))


def test_the_transform_is_recorded_beside_the_tensor(tmp_path: Path) -> None:
    X = RNG.random((40, 5), np.float32)
    added = add_embedding(tmp_path, X)
    record = json.loads((added.path / "default.json").read_text())
    assert record["transform"]["kind"] == "centred unit rows"
    centred = X - np.array(record["transform"]["mean"])
    np.testing.assert_allclose(shown(added)[:, :5], centred / np.linalg.norm(centred, axis=1, keepdims=True), atol=4e-5)
    assert (record["normalize"], record["format"], record["transform"]["zero_padded_to"]) == ("auto", "binary", 50)


def test_nothing_is_warned_about_without_a_reason(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add_embedding(tmp_path, RNG.random((30, 1500)), list(NAMES) * 3, RNG.random((30, 9, 9)), views={"x": RNG.random((30, 3))})


def test_no_name_is_used_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {add_embedding(tmp_path, np.eye(3)).path.name for _ in range(5)}
    assert len(names) == 5
    assert module.STAMP and len(list((tmp_path / "default").iterdir())) == 1


def test_the_readmes_example_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both blocks in one namespace, as somebody would paste them."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "projector.md").read_text(encoding="utf-8")
    part = page.split("## Your own vectors in TensorBoard's Projector, in three lines")[1].split("\n## ")[0]
    blocks = part.split("```python\n")[1:]
    assert len(blocks) == 2
    assert len([line for line in blocks[0].split("```")[0].splitlines() if line]) == 3
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    for block in blocks:
        exec(block.split("```")[0], space)
    folders = {path.parent.relative_to(tmp_path / "logs").parts[0]: [] for path in (tmp_path / "logs").rglob(CONFIG)}
    for path in (tmp_path / "logs").rglob(CONFIG):
        folders[path.parent.relative_to(tmp_path / "logs").parts[0]].append(path.parent)
        assert check_folder(path.parent) == []
    assert {tag: len(paths) for tag, paths in folders.items()} == {"default": 1, "latent": 3, "maps": 1}
    assert len(json.loads(next(folders["maps"][0].glob("*.bookmarks.json")).read_text())) == 2
