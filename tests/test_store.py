"""A final name holds a complete artefact or nothing, and a folder belongs to one process at a time."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from fmnist_viz.core import store
from fmnist_viz.core.errors import OutputBusy, ResourceError
from fmnist_viz.core.store import LOCK, STAGING, folder_lock, need_space, sha256_file, staged_file, staged_folder, sweep, write_file, write_json

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and limits")


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def script(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    final = tmp_path / "a" / "b.txt"
    with staged_file(final) as temp:
        temp.write_text("new")
        assert not final.exists()
        assert temp.parent == final.parent  # a rename within one file system
        assert temp.suffix == ".txt"
    assert final.read_text() == "new"
    assert names(tmp_path) == ["a", "a/b.txt"]


@pytest.mark.parametrize("old", [None, "old"])
def test_an_error_in_the_middle_leaves_what_was_there(tmp_path: Path, old: str | None) -> None:
    final = tmp_path / "x.bin"
    if old:
        final.write_text(old)

    def half(f: object) -> None:
        f.write(b"half")  # type: ignore[attr-defined]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_file(final, half)
    assert names(tmp_path) == (["x.bin"] if old else [])
    assert not old or final.read_text() == old


def test_bytes_text_and_json(tmp_path: Path) -> None:
    write_file(tmp_path / "t", "größer\n")
    write_file(tmp_path / "b", b"\x00\xff")
    write_json(tmp_path / "j", {"b": 1, "a": [2]})
    assert (tmp_path / "t").read_bytes() == "größer\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\x00\xff"
    assert (tmp_path / "j").read_text() == '{\n "a": [\n  2\n ],\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "j", {"a": float("nan")})
    assert sha256_file(tmp_path / "b") == "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8"
    assert names(tmp_path) == ["b", "j", "t"]


@pytest.mark.parametrize("atomic", [True, False], ids=["exchange", "two renames"])
def test_a_folder_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool) -> None:
    if not atomic:
        monkeypatch.setattr(store, "_exchange", lambda a, b: False)
    final = tmp_path / "out"
    for content in ("one", "two"):
        with staged_folder(final) as temp:
            (temp / content).write_text(content)
            (temp / "sub").mkdir()
            (temp / "sub" / "deep").write_text(content)
        assert names(tmp_path) == sorted(["out", f"out/{content}", "out/sub", "out/sub/deep"])

    def half() -> None:
        with staged_folder(final) as temp:
            (temp / "three").write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        half()
    assert names(tmp_path) == ["out", "out/sub", "out/sub/deep", "out/two"]


@pytest.mark.parametrize("atomic", [True, False], ids=["exchange", "two renames"])
@pytest.mark.parametrize("what", ["file", "link"])
def test_a_folder_replaces_whatever_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, atomic: bool) -> None:
    if not atomic:
        monkeypatch.setattr(store, "_exchange", lambda a, b: False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    final = tmp_path / "out"
    final.write_text("a file") if what == "file" else final.symlink_to(elsewhere)
    with staged_folder(final) as temp:
        (temp / "a").write_text("a")
    assert names(tmp_path) == ["elsewhere", "elsewhere/kept", "out", "out/a"]


def test_an_older_folder_comes_back_where_the_new_one_cannot_take_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_exchange", lambda a, b: False)
    final = tmp_path / "out"
    final.mkdir()
    (final / "old").write_text("old")
    rename, calls = os.rename, []

    def second_fails(a: Path, b: Path) -> None:
        calls.append(b)
        if len(calls) == 2:
            raise OSError(errno.EIO, "I/O error")
        rename(a, b)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OSError, match="I/O error"), staged_folder(final) as temp:
        (temp / "new").write_text("new")
    assert names(tmp_path) == ["out", "out/old"]


def test_many_makers_of_one_folder_do_not_clash(tmp_path: Path) -> None:
    final, faults = tmp_path / "out", list[BaseException]()

    def make(number: int) -> None:
        try:
            for _ in range(20):
                with staged_folder(final) as temp:
                    for part in "abc":
                        (temp / part).write_text(str(number))
        except BaseException as e:  # noqa: BLE001 - a thread's failure has to reach the test
            faults.append(e)

    threads = [threading.Thread(target=make, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert names(tmp_path) == ["out", "out/a", "out/b", "out/c"]
    assert len({(final / part).read_text() for part in "abc"}) == 1


@posix
@pytest.mark.parametrize("kind", ["file", "folder", "file in a folder"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    code = """
        import resource, sys
        from pathlib import Path
        from fmnist_viz.core.errors import VizError
        from fmnist_viz.core.store import staged_folder, write_file
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        root, kind = Path(sys.argv[1]), sys.argv[2]
        try:
            if kind == "file":
                write_file(root / "big.bin", bytes(1_000_000))
            else:
                with staged_folder(root / "big") as temp:
                    write_file(temp / "small.bin", b"1")
                    if kind == "folder":
                        (temp / "part.bin").write_bytes(bytes(1_000_000))
                    else:
                        write_file(temp / "part.bin", bytes(1_000_000))
        except VizError as e:
            print(e.exit_code, e.code, e.subject, e, sep="|")
    """
    (tmp_path / "old").write_text("old")
    done = script(code, tmp_path, kind)
    out, err = done.communicate(timeout=30)
    assert not err
    exit_code, name, subject, line = out.strip().split("|")
    assert (exit_code, name) == ("5", "FV-DISK-FULL")
    # a staging folder is gone when a person reads the line, so it names what is still there
    assert subject == str({"file": tmp_path / "big.bin", "folder": tmp_path / "big"}.get(kind, tmp_path))
    assert "no space left" in line
    assert names(tmp_path) == ["old"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_a_disk_says_while_flushing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "x").write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResourceError) as caught:
        write_file(tmp_path / "x", "new")
    assert caught.value.exit_code == 5
    assert caught.value.subject == str(tmp_path / "x")
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_file_in_the_way_and_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ResourceError, match="a file stands where a folder is needed"):
        write_file(tmp_path / "file" / "x", "")
    with pytest.raises(ResourceError, match="a folder stands where a file is needed"):
        write_file(tmp_path / "folder", "")
    assert names(tmp_path) == ["file", "folder"]


def test_space_is_asked_for_before_the_work(tmp_path: Path) -> None:
    need_space(tmp_path / "not" / "there" / "yet", 1, what="a byte")
    with pytest.raises(ResourceError, match="a planet needs about 1,000,000,000,000,000,000 bytes") as caught:
        need_space(tmp_path, 10**18, what="a planet")
    assert caught.value.exit_code == 5


HOLD = """
    import sys, time
    from pathlib import Path
    from fmnist_viz.core.errors import OutputBusy
    from fmnist_viz.core.store import folder_lock
    try:
        with folder_lock(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(float(sys.argv[2]))
    except OutputBusy as e:
        print("busy", e.exit_code, flush=True)
"""


@posix
def test_a_second_process_is_told_at_once_who_holds_the_folder(tmp_path: Path) -> None:
    holder = script(HOLD, tmp_path / "run", 60)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        start = time.perf_counter()
        with pytest.raises(OutputBusy, match=rf"is being written by process {holder.pid} since \d{{4}}-") as caught, folder_lock(tmp_path / "run"):
            pass
        assert time.perf_counter() - start < 1
        assert caught.value.exit_code == 6
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with folder_lock(tmp_path / "run"):  # the lock died with its holder
        assert f"process {os.getpid()}" in (tmp_path / "run" / LOCK).read_text()
    assert (tmp_path / "run" / LOCK).read_text() == ""


@posix
def test_of_racing_processes_exactly_one_gets_the_folder(tmp_path: Path) -> None:
    for turn in range(3):
        racers = [script(HOLD, tmp_path / "run", 3) for _ in range(3)]
        said = []
        for racer in racers:
            assert racer.stdout is not None
            said.append(racer.stdout.readline().strip())
        for racer in racers:
            racer.send_signal(signal.SIGKILL)
            racer.communicate()
        assert sorted(said) == ["busy 6", "busy 6", "held"], turn


def test_the_lock_sweeps_what_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / f"{STAGING}0123456789ab").mkdir()
    (tmp_path / f"{STAGING}0123456789ab" / "half").write_text("")
    (tmp_path / f"{STAGING}ba9876543210.keras").write_text("")
    (tmp_path / f"{STAGING}of-somebody-else").write_text("")
    (tmp_path / "kept").write_text("")
    with folder_lock(tmp_path):
        assert names(tmp_path) == [LOCK, f"{STAGING}of-somebody-else", "kept"]
    sweep(tmp_path / "missing")


@posix
def test_a_kill_while_writing_leaves_the_old_file_and_only_staging(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from fmnist_viz.core.store import write_file
        number = 0
        while True:
            write_file(Path(sys.argv[1]) / "x", str(number % 10) * 200_000)
            number += 1
            print(number, flush=True)
    """
    for _ in range(4):
        writer = script(code, tmp_path)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        text = (tmp_path / "x").read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1
        sweep(tmp_path)
        assert names(tmp_path) == ["x"]


def test_a_place_that_cannot_be_made_is_told_from_a_file_that_is_missing(tmp_path: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a file system in which nothing can be made")
    for make in (staged_folder, staged_file):
        with pytest.raises(ResourceError, match=r"cannot be (made|written)"), make(Path("/proc/nothing")):
            pass
    with pytest.raises(FileNotFoundError), staged_folder(tmp_path / "out"):  # something else that was read: not a word about --out
        (tmp_path / "gone").read_bytes()
    assert not list(tmp_path.iterdir())
