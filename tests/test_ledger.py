"""The ledger of measured trainings: what is written is read again, what is not a ledger is named by line and column, nothing is lost or counted twice."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured import measured

from fmnist_viz.core.errors import BadInput, OutputBusy
from fmnist_viz.core.ledger import COLUMNS, LedgerRow, append_row, counts_text, ledger_text, read_ledger
from fmnist_viz.core.store import file_lock

signs = st.characters(categories=["L", "M", "N", "P", "S"]) | st.sampled_from(' ",;|=-')
text = st.text(signs, max_size=20).map(lambda s: " ".join(s.split()))
whole = st.integers(0, 10**15 - 1)
some = st.none() | st.floats(0, 1e300)
share = st.none() | st.floats(0, 1)
counts = st.integers(1, 4).flatmap(lambda c: st.lists(st.lists(st.integers(0, 10**6), min_size=c, max_size=c), min_size=c, max_size=c))


@st.composite
def rows(draw: st.DrawFn) -> LedgerRow:
    matrix = draw(st.none() | counts)
    return LedgerRow(
        date=draw(st.dates()).isoformat(), version=draw(text), commit=draw(text), preset="p" + draw(text),
        recipe=draw(st.sampled_from(["article", "plain"])), stage=draw(st.sampled_from(["plain", "augmented"])), seed=draw(whole), epochs=draw(whole),
        epochs_full=draw(whole), epochs_scale=draw(st.floats(0, 100, exclude_min=True)), finished=draw(st.booleans()), options=draw(text), precision=draw(text),
        device=draw(text), threads=draw(whole), cpu=draw(text), seconds_per_epoch=draw(some), cpu_minutes=draw(some), train_images=draw(whole),
        n_test=draw(whole) if matrix is None else int(np.sum(matrix)), official=draw(st.booleans()), train_loss=draw(some), train_accuracy=draw(share),
        val_loss=draw(some), val_accuracy=draw(share), test_loss=draw(some), test_accuracy=draw(share), dead_share=draw(share),
        confusion="" if matrix is None else counts_text(np.array(matrix)),
    )  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draw makes a table of all signs
@given(st.lists(rows(), max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, made: list[LedgerRow]) -> None:
    path = tmp_path_factory.getbasetemp() / "ledger.csv"
    path.write_text(ledger_text(made), encoding="utf-8")
    again = read_ledger(path)
    assert again == made
    for before, after in zip(made, again, strict=True):
        assert (before.counts is None) == (after.counts is None)
        if before.counts is not None:
            assert np.array_equal(before.counts, after.counts)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_ledger_or_one_line_of_complaint(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(content, encoding="utf-8", errors="replace", newline="")
    if set(content) <= set("\r\n"):
        assert read_ledger(path) == []
        return
    with pytest.raises(BadInput) as caught:
        read_ledger(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("column", "cell"), [
    ("date", "2026-13-01"), ("date", "20260101"), ("preset", ""), ("recipe", "mine"), ("stage", "Plain"), ("seed", "-1"),
    ("seed", "1.0"), ("seed", "٣"), ("epochs", ""),
    ("epochs_scale", "nan"), ("epochs_scale", "0"), ("epochs_scale", ""), ("finished", "True"), ("official", ""), ("threads", "two"), ("test_accuracy", "91.2"),
    ("test_accuracy", "-0.1"), ("test_loss", "inf"), ("test_loss", "x"), ("dead_share", "1.01"), ("options", "a\x07"),
    ("confusion", "1 2;3"), ("confusion", "1,2"), ("confusion", "5 0;0 5"), ("confusion", "-1 1;0 10000"),
])  # fmt: skip
def test_a_bad_cell_is_named_by_line_and_column(tmp_path: Path, column: str, cell: str) -> None:
    path = tmp_path / "ledger.csv"
    lines = ledger_text([measured(), measured(seed=1)]).splitlines()
    cells = lines[2].split(",")
    cells[COLUMNS.index(column)] = f'"{cell}"'
    path.write_text("\n".join([*lines[:2], ",".join(cells)]), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"ledger\.csv: line 3, column {column}: "):
        read_ledger(path)


def test_another_table_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    for content, said in (
        ("epoch,loss\n1,2\n", "'epoch' in place of 'date'"),
        (",".join(COLUMNS[:-1]) + "\n", "28 columns"),
        (",".join(COLUMNS) + "\n1,2\n", "2 cells"),
    ):
        path.write_text(content)
        with pytest.raises(BadInput, match=said):
            read_ledger(path)
        with pytest.raises(BadInput, match=said):  # and nothing is written over it
            append_row(path, measured())
        assert path.read_text() == content
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_ledger(path)


def test_no_file_and_an_empty_one_hold_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    assert read_ledger(path) == []
    path.touch()
    assert read_ledger(path) == []
    append_row(path, measured())
    assert read_ledger(path) == [measured()]


def test_a_training_stands_once_and_the_finished_account_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    begun, done = measured(epochs=3, finished=False, test_accuracy=0.8), measured()
    other = measured(seed=1)
    for row in (begun, other, done):
        append_row(path, row)
    assert read_ledger(path) == [done, other]
    append_row(path, begun)  # begun anew and given up: what was measured stays
    assert read_ledger(path) == [done, other]
    later = measured(date="2026-02-02", test_accuracy=0.9)
    append_row(path, later)
    assert read_ledger(path) == [later, other]


@pytest.mark.parametrize("change", [
    {"seed": 5}, {"stage": "augmented"}, {"options": "--batch-size 64"}, {"precision": "mixed_bfloat16"}, {"epochs_scale": 0.5}, {"threads": 1},
    {"recipe": "plain"}, {"official": False}, {"version": "0.2.0"},
])  # fmt: skip
def test_other_trainings_stand_beside_it(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "ledger.csv"
    both = [measured(), measured(**change)]
    for row in both:
        append_row(path, row)
    assert read_ledger(path) == both


def _append_many(path: Path, start: int) -> None:
    for seed in range(start, start + 12):
        append_row(path, measured(seed=seed))


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(path, start)) for start in (0, 100)]
    for worker in workers:
        worker.start()
    _append_many(path, 200)
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert sorted(row.seed for row in read_ledger(path)) == [*range(12), *range(100, 112), *range(200, 212)]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".staging")] == []


def test_who_waits_too_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.csv"
    with file_lock(path), pytest.raises(OutputBusy, match=r"ledger\.csv"), file_lock(path, wait=0.05):
        pytest.fail("two hold it at once")
    with file_lock(path, wait=0):
        pass


def test_unknown_and_infinite_numbers_are_left_empty() -> None:
    row = measured(train_loss=float("nan"), val_loss=float("inf"), val_accuracy=None, cpu="AMD  EPYC\n 7B13")
    assert (row.train_loss, row.val_loss, row.val_accuracy, row.cpu) == (None, None, None, "AMD EPYC 7B13")
    assert measured(test_accuracy=np.float32(0.5), seed=np.int64(3)) == measured(test_accuracy=0.5, seed=3)
    with pytest.raises(ValueError, match=r"^epochs: "):
        measured(epochs=2.5)
    with pytest.raises(ValueError, match=r"^finished: "):
        measured(finished=1)


@pytest.mark.parametrize(("change", "complete"), [({}, True), ({"finished": False}, False), ({"epochs_scale": 0.5}, False), ({"test_accuracy": None}, False)])
def test_complete_means_the_whole_recipe_with_a_result(change: dict[str, Any], complete: bool) -> None:
    assert dataclasses.replace(measured(), **change).complete is complete
