"""A cache entry is complete and unharmed, or it is made again and said so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_viz.core.cache import INDEX, Cache, Entry, default_cache_dir

KEY = {"data": "abc", "perplexity": 30.0}


class Maker:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, temp: Path) -> dict[str, Any]:
        self.calls += 1
        (temp / "sub").mkdir()
        np.save(temp / "sub" / "array.npy", np.arange(5, dtype=np.float32))
        (temp / "empty").write_bytes(b"")
        (temp / "text.txt").write_text("grün")
        return {"k": 15, "trust": np.float32(0.5), "recall": 0.1 + 0.2, "names": ("a", "b")}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_made_once_then_found(cache: Cache) -> None:
    make = Maker()
    first, second = cache.fetch("maps", KEY, make), cache.fetch("maps", KEY, make)
    assert (first.hit, second.hit, make.calls) == (False, True, 1)
    assert first.record == second.record == {"k": 15, "trust": 0.5, "recall": 0.1 + 0.2, "names": ["a", "b"]}
    assert first.path == second.path
    assert np.load(second.path / "sub" / "array.npy").tolist() == [0, 1, 2, 3, 4]
    assert cache.log == [("maps", "made"), ("maps", "hit")]
    assert cache.has("maps", KEY)
    assert not cache.has("graphs", KEY)


def test_the_key_alone_decides(cache: Cache) -> None:
    make = Maker()
    entries = [cache.fetch("maps", key, make) for key in (KEY, {**KEY, "perplexity": 31.0}, dict(reversed(KEY.items())))]
    assert make.calls == 2
    assert entries[0].path == entries[2].path != entries[1].path
    cache.fetch("graphs", KEY, make)
    assert make.calls == 3


def test_a_failed_maker_leaves_no_entry(cache: Cache, tmp_path: Path) -> None:
    def fail(temp: Path) -> None:
        (temp / "half").write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        cache.fetch("maps", KEY, fail)
    assert not cache.has("maps", KEY)
    assert [p.name for p in tmp_path.rglob("*")] == ["maps"]


def test_fresh_makes_anew_and_stores_it(tmp_path: Path) -> None:
    make = Maker()
    Cache(tmp_path).fetch("maps", KEY, make)
    fresh = Cache(tmp_path, read=False)
    assert not fresh.has("maps", KEY)
    assert not fresh.fetch("maps", KEY, make).hit
    assert (make.calls, fresh.log) == (2, [("maps", "made")])
    assert Cache(tmp_path).fetch("maps", KEY, make).hit


def flips(size: int, count: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(size)
    places = range(size) if size <= count else rng.choice(size, count, replace=False)
    return [(int(at), int(rng.integers(1, 256))) for at in places]


def test_a_changed_byte_in_any_file_is_found_and_mended(cache: Cache) -> None:
    said: list[str] = []
    cache.report = said.append
    make = Maker()
    path = cache.fetch("maps", KEY, make).path
    for name in ("text.txt", "sub/array.npy", INDEX):
        whole = (path / name).read_bytes()
        for at, mask in flips(len(whole), 40):
            broken = bytearray(whole)
            broken[at] ^= mask
            (path / name).write_bytes(broken)
            said.clear()
            entry = cache.fetch("maps", KEY, make)
            assert not entry.hit, (name, at, mask)
            assert cache.log[-1] == ("maps", "repaired")
            assert len(said) == 1
            assert f"cache: maps/{entry.key[:8]} is damaged ({name} was changed" in said[0]
            assert (path / name).read_bytes() == whole
            assert cache.fetch("maps", KEY, make).hit


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda p: (p / "text.txt").unlink(), "text.txt is missing"),
        (lambda p: (p / INDEX).unlink(), f"{INDEX} is missing"),
        (lambda p: (p / INDEX).write_text("[]"), f"{INDEX} was changed"),
        (lambda p: (p / "shard_00001.npy").write_text(""), "shard_00001.npy does not belong to it"),
        (lambda p: (p / "text.txt").write_text(""), "text.txt was changed"),
    ],
)
def test_missing_torn_and_foreign_files(cache: Cache, harm: Any, says: str) -> None:
    said: list[str] = []
    cache.report = said.append
    make = Maker()
    harm(cache.fetch("maps", KEY, make).path)
    entry = cache.fetch("maps", KEY, make)
    assert says in said[0]
    assert sorted(p.name for p in entry.path.iterdir()) == ["empty", INDEX, "sub", "text.txt"]


def test_two_makers_of_one_entry_do_not_clash(tmp_path: Path) -> None:
    def one(number: int) -> Entry:
        return Cache(tmp_path).fetch("maps", {"turn": number // 8}, Maker())

    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(one, range(64)))
    assert len({entry.path for entry in entries}) == 8
    for turn in range(8):
        assert Cache(tmp_path).fetch("maps", {"turn": turn}, Maker()).hit
    assert not list(tmp_path.glob("maps/.staging-*"))


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FMNIST_VIZ_CACHE", str(tmp_path / "mine"))
    assert default_cache_dir() == tmp_path / "mine"
    monkeypatch.delenv("FMNIST_VIZ_CACHE")
    assert default_cache_dir().name == "fmnist-viz"
