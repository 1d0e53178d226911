"""Corrections of labels: what a person may write into the decision column, what becomes of it, and what is refused in one line."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.core.types import DataSet, LabeledImages, Source
from fmnist_viz.data.fixes import DROP, KEEP, apply_fixes, read_fixes
from fmnist_viz.data.gate import Limit

NAMES = ("bag", "coat, long", "7", "shirt")


def data(n: int = 12) -> DataSet:
    rng = np.random.default_rng(0)

    def part(split: str) -> LabeledImages:
        pixels = rng.integers(0, 255, (n, 4, 4, 1)).astype(np.uint8)
        ids = np.array([f"{split}/{i}" for i in range(n)])
        return LabeledImages(pixels, (np.arange(n) % 4).astype(np.int64), NAMES, ids, split, Source("memory", "memory", "old", official=True))

    return DataSet(part("train"), part("test"))


def write(path: Path, rows: list[list[str]], head: tuple[str, ...] = ("sample_id", "decision")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(head), *rows])
    return path


def read(path: Path, names: tuple[str, ...] = NAMES):
    return read_fixes(path, names=names, limit=Limit(1 << 30))


def test_what_is_decided_is_what_the_data_then_say(tmp_path: Path) -> None:
    rows = [["train/0", "coat, long"], ["train/1", " Keep "], ["train/2", "DROP"], ["test/3", "0"], ["test/4", ""], ["test/5", "coat, long"], ["test/6", "7"]]
    before, fixes = data(), read(write(tmp_path / "f.csv", rows))
    assert fixes.decisions == {"train/0": 1, "train/1": KEEP, "train/2": DROP, "test/3": 0, "test/5": 1, "test/6": 2} and fixes.open == 1
    after = apply_fixes(before, fixes)
    assert after.train is not None and before.train is not None
    assert "train/2" not in after.train.sample_ids and len(after.train) == 11 and len(after.test) == 12
    assert after.train.labels[0] == 1 and after.test.labels[3] == 0 and after.test.labels[6] == 2
    untouched = ~np.isin(before.test.sample_ids, list(fixes.decisions))
    np.testing.assert_array_equal(after.test.labels[untouched], before.test.labels[untouched])
    np.testing.assert_array_equal(after.train.images[0], before.train.images[0])
    assert after.source.sha256 != "old" and not after.source.official and after.train.digest() != before.train.digest()
    # test/5 was a coat and test/6 a 7 already: their labels are kept
    assert after.source.notes[-1].endswith("f.csv: 2 changed, 1 images left out, 3 kept, 1 undecided")
    assert after.train.source == after.source


def test_keeping_everything_changes_no_digest(tmp_path: Path) -> None:
    before = data()
    after = apply_fixes(before, read(write(tmp_path / "f.csv", [["test/1", "keep"], ["test/2", "7"]])))
    assert after.source.sha256 == "old" and after.source.official and after.test.digest() == before.test.digest() and after.source.notes


name = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).filter(lambda s: bool(s.strip()))
classes = st.lists(name, min_size=2, max_size=6, unique_by=str.strip).filter(lambda names: not {n.strip().casefold() for n in names} & {"keep", "drop"})


@given(classes, st.data())
@settings(max_examples=80, deadline=None)
def test_every_name_number_and_word_comes_back_as_it_was_meant(names: list[str], draw: st.DataObject) -> None:
    said = draw.draw(st.lists(st.one_of(st.sampled_from([-3, KEEP, DROP]), st.integers(0, len(names) - 1)), min_size=1, max_size=12))
    texts = [{-3: "", KEEP: "keep", DROP: "Drop"}.get(k) if k < 0 else names[k] for k in said]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "f.csv", [[f"test/{i}", str(text)] for i, text in enumerate(texts)])
        found = read(path, tuple(names))
        assert found.decisions == {f"test/{i}": k for i, k in enumerate(said) if k != -3} and found.open == said.count(-3)
        numbers = write(Path(folder) / "g.csv", [["test/0", str(len(names) - 1)]])
        if str(len(names) - 1) not in [n.strip() for n in names]:
            assert read(numbers, tuple(names)).decisions == {"test/0": len(names) - 1}


@given(st.binary(max_size=200))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_read_or_refused_in_one_line(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        path.write_bytes(b"sample_id,decision\n" + raw)
        said, found = "", None
        try:
            found = read(path)
        except VizError as error:
            said = str(error)
        assert "\n" not in said and (found is None) == bool(said)
        assert found is None or all(KEEP >= k >= DROP or 0 <= k < len(NAMES) for k in found.decisions.values())


@pytest.mark.parametrize(
    ("rows", "head", "code"),
    [
        ([["test/1", "trousers"]], ("sample_id", "decision"), "FV-FIXES-DECISION"),
        ([["test/1", "9"]], ("sample_id", "decision"), "FV-FIXES-DECISION"),
        ([["test/1", "bag"]], ("sample_id", "verdict"), "FV-FIXES-COLUMN"),
        ([["test/1", "bag"]], ("id;decision", "x"), "FV-FIXES-COLUMN"),
        ([["test/1", "bag"], ["test/1", "drop"]], ("sample_id", "decision"), "FV-IDS-TWICE"),
        ([["test/99", "bag"]], ("sample_id", "decision"), "FV-FIXES-ID"),
        ([["test/1", "bag", "shirt"]], ("sample_id", "decision", "given_label"), "FV-FIXES-STALE"),
        ([["test/1", "bag", "skirt"]], ("sample_id", "decision", "given_label"), "FV-FIXES-GIVEN"),
        ([[f"test/{i}", "drop"] for i in range(12)], ("sample_id", "decision"), "FV-FIXES-EMPTY"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_one_line(tmp_path: Path, rows: list[list[str]], head: tuple[str, ...], code: str) -> None:
    with pytest.raises(BadInput) as error:
        apply_fixes(data(), read(write(tmp_path / "f.csv", rows, head)))
    assert error.value.code == code and error.value.subject.endswith("f.csv") and error.value.remedy


def test_a_class_called_drop_needs_another_name(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", [["test/1", "drop"]])
    with pytest.raises(BadInput, match="is a decision and a class"):
        read(path, ("Drop", "bag"))
