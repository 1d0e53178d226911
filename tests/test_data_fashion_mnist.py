"""Fashion-MNIST itself: found in order, verified by content, damage named, downloads complete or absent."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.data import DataConfig, describe, load, load_or_sample
from fmnist_viz.data import download as download_module
from fmnist_viz.data import fashion_mnist as places_module
from fmnist_viz.data.assemble import Decoded, payload_sha256
from fmnist_viz.data.fashion_mnist import DEBIAN, NotFound, download_folder
from fmnist_viz.data.idx_folder import OFFICIAL, OFFICIAL_SHA256

needs_data = pytest.mark.skipif(not DEBIAN.is_dir(), reason="Fashion-MNIST is not installed here")
NAMES = list(OFFICIAL)
SMALL = [name for name in NAMES if "labels" in name]


class Lines:
    """A Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.steps: list[tuple[str, float, float]] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def warn(self, line: str) -> None:
        self.warned.append(line)

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        self.steps.append((task, done, total))


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No implicit place holds anything, and the cache folder is the test's own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FMNIST_VIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FMNIST_VIZ_DATA", raising=False)
    monkeypatch.setenv("FMNIST_VIZ_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setattr(places_module, "DEBIAN", tmp_path / "no-debian")
    return tmp_path


def copy_to(folder: Path, *, names: list[str] = NAMES, change: Callable[[str, bytes], bytes] = lambda name, data: data) -> Path:
    """The real files in `folder`, links where unchanged."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        source = DEBIAN / f"{name}.gz"
        data = source.read_bytes() if name in SMALL else b""
        changed = change(name, data)
        if changed == data:
            os.symlink(source, folder / f"{name}.gz")
        else:
            (folder / f"{name}.gz").write_bytes(changed)
    return folder


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@needs_data
def test_real_data_are_verified_and_hold_the_known_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "DEBIAN", DEBIAN)
    start = time.process_time()  # of this process alone, so that a busy machine does not matter
    data = load(DataConfig(), allow_download=False)
    assert time.process_time() - start < 1.5
    assert data.train is not None
    assert data.source.official
    assert data.source.location == "Debian package dataset-fashion-mnist"
    assert data.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert data.class_names[data.train.labels[100]] == "Bag"
    assert data.train.images.shape == (60_000, 28, 28, 1)
    splits = {part.split: Decoded(part.images, part.labels, "") for part in (data.train, data.test)}
    assert payload_sha256(splits) == OFFICIAL_SHA256 == data.source.sha256
    told = describe(data)
    assert told["splits"]["train"]["class_counts"]["Coat"] == 6000
    assert told["splits"]["test"]["value_range"] == [0, 255]
    assert "published" in told["checks"][0]


@needs_data
def test_official_hashes_are_of_the_decompressed_bytes() -> None:
    for name, (digest, size) in OFFICIAL.items():
        payload = gzip.decompress((DEBIAN / f"{name}.gz").read_bytes())
        assert (hashlib.sha256(payload).hexdigest(), len(payload)) == (digest, size)


@needs_data
def test_plain_and_repacked_copies_are_the_official_data(tmp_path: Path) -> None:
    folder = copy_to(tmp_path / "copy", change=lambda name, data: gzip.compress(gzip.decompress(data), 1) if data else data)
    plain = tmp_path / "copy" / SMALL[0]
    plain.write_bytes(gzip.decompress((DEBIAN / f"{SMALL[0]}.gz").read_bytes()))
    (folder / f"{SMALL[0]}.gz").unlink()
    assert load(DataConfig(data_dir=str(folder))).source.official
    by_idx = load(DataConfig(data=f"idx:{folder}"))
    assert by_idx.source.official
    assert by_idx.class_names[9] == "Ankle boot"
    assert by_idx.source.sha256 == OFFICIAL_SHA256


@needs_data
def test_one_flipped_byte_is_named_and_passes_only_when_allowed(tmp_path: Path) -> None:
    name = SMALL[1]
    folder = copy_to(tmp_path / "copy", change=lambda n, data: gzip.compress(flip(gzip.decompress(data), 500)) if n == name else data)
    with pytest.raises(BadInput, match=f"{name}.gz: its content is not the published.*--allow-modified"):
        load(DataConfig(data_dir=str(folder)))
    lines = Lines()
    data = load(DataConfig(data_dir=str(folder), allow_modified=True), progress=lines)
    assert not data.source.official
    assert data.source.sha256 != OFFICIAL_SHA256
    assert any(name in note for note in data.source.notes)
    assert any(name in line for line in lines.warned)


@needs_data
def test_label_ten_never_passes(tmp_path: Path) -> None:
    def ten(name: str, data: bytes) -> bytes:
        raw = bytearray(gzip.decompress(data)) if name == SMALL[1] else bytearray()
        raw[8 + 4711 : 8 + 4712] = b"\x0a" if raw else b""
        return gzip.compress(bytes(raw)) if raw else data

    with pytest.raises(BadInput, match=r"label 10 at row 4711, classes are 0\.\.9"):
        load(DataConfig(data_dir=str(copy_to(tmp_path / "copy", change=ten)), allow_modified=True))


@needs_data
def test_named_place_that_is_damaged_is_an_error_but_an_implicit_one_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = copy_to(tmp_path / "keras" / "datasets" / "fashion-mnist", change=lambda name, data: data[:-20] if name == SMALL[0] else data)
    with pytest.raises(BadInput, match=f"{SMALL[0]}.gz: header promises"):
        load(DataConfig(data_dir=str(damaged)))
    with monkeypatch.context() as m:
        m.setenv("FMNIST_VIZ_DATA", str(damaged))
        with pytest.raises(BadInput, match=f"{SMALL[0]}.gz: header promises"):
            load(DataConfig())
    monkeypatch.setattr(places_module, "DEBIAN", DEBIAN)
    lines = Lines()
    assert load(DataConfig(), progress=lines, allow_download=False).source.location.startswith("Debian")
    assert len(lines.warned) == 1
    assert "Keras cache" in lines.warned[0]
    assert SMALL[0] in lines.warned[0]


def test_named_place_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"train-images-idx3-ubyte.*not found"):
        load(DataConfig(data_dir=str(tmp_path)))
    with pytest.raises(BadInput, match="no such folder"):
        load(DataConfig(data_dir=str(tmp_path / "none")))


def test_nowhere_and_no_network_falls_back_to_the_sample_loudly() -> None:
    with pytest.raises(NotFound, match=r"looked in Keras cache, Debian package.*--data sample"):
        load(DataConfig(), allow_download=False)
    with pytest.raises(NotFound, match=r"127\.0\.0\.1:9.*cannot be reached"):
        load(DataConfig())
    lines = Lines()
    data = load_or_sample(DataConfig(), lines)
    assert data.source.fallback
    assert data.source.kind == "sample"
    assert "FALLBACK" in lines.warned[-1]
    with pytest.raises(BadInput, match="no such folder"):
        load_or_sample(DataConfig(data_dir="/none/at/all"))


def test_options_that_would_be_ignored_are_refused() -> None:
    for config in (DataConfig("sample", data_dir="x"), DataConfig("npz:f", skip_bad=True), DataConfig("sample:x"), DataConfig("idx:"), DataConfig("mnist")):
        with pytest.raises(UsageError):
            load(config)


# --- download from a loopback server ---------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes | tuple[int, bytes] | None], list[str]]]:
    """(base address, path -> body | (promised length, body) | None for a 404 page, requests seen)."""
    pages: dict[str, bytes | tuple[int, bytes] | None] = {}
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            seen.append(name)
            page = pages.get(name)
            length, body = page if isinstance(page, tuple) else (len(page or b""), page or b"")
            if page is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", pages, seen
    httpd.shutdown()
    httpd.server_close()


def nothing_under_a_final_name(but: set[str] = frozenset()) -> bool:  # type: ignore[assignment]
    folder = download_folder()
    return not folder.exists() or {path.name for path in folder.iterdir()} == but


@needs_data
def test_download_is_complete_verified_kept_and_repaired(server: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    base, pages, seen = server
    monkeypatch.setenv("FMNIST_VIZ_MIRROR", base)
    pages.update({f"{name}.gz": (DEBIAN / f"{name}.gz").read_bytes() for name in NAMES})
    lines = Lines()
    assert load(DataConfig(), progress=lines).source.official
    assert len(seen) == 4
    assert nothing_under_a_final_name(but={f"{name}.gz" for name in NAMES})
    assert all(0 < done <= total for _, done, total in lines.steps)
    assert {task for task, done, total in lines.steps if done == total} == {task for task, _, _ in lines.steps}
    assert load(DataConfig()).source.location == "download cache"
    assert len(seen) == 4, "the second time nothing is fetched"
    victim = download_folder() / f"{SMALL[0]}.gz"
    victim.write_bytes(victim.read_bytes()[:-9])
    assert load(DataConfig(), progress=lines).source.official
    assert seen[4:] == [f"{SMALL[0]}.gz"], "only the damaged file is fetched again"
    assert any(SMALL[0] in line for line in lines.warned)


def _bad_pages() -> dict[str, tuple[Callable[[bytes], bytes | tuple[int, bytes] | None], str]]:
    return {
        "404": (lambda data: None, "answers 404"),
        "html": (lambda data: b"<!doctype html><title>Not found</title>", "HTML"),
        "truncated": (lambda data: (len(data), data[:3000]), "broke off after 3,000"),
        "truncated-silently": (lambda data: data[:3000], "header promises"),
        "wrong-payload": (lambda data: gzip.compress(flip(gzip.decompress(data), 99)), "payload SHA-256"),
        "endless": (lambda data: data + bytes(1_000_000), "sends more than"),
    }


@needs_data
@pytest.mark.parametrize("case", list(_bad_pages()))
def test_bad_download_leaves_nothing_under_the_final_name(case: str, server: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    base, pages, _ = server
    change, said = _bad_pages()[case]
    # Labels first: the small files are the ones that are harmed here.
    monkeypatch.setattr(download_module, "OFFICIAL", {name: OFFICIAL[name] for name in SMALL})
    good, bad = SMALL
    data = (DEBIAN / f"{bad}.gz").read_bytes()
    pages.update({f"{good}.gz": (DEBIAN / f"{good}.gz").read_bytes(), f"{bad}.gz": change(data)})
    with pytest.raises(NotFound, match=said):
        load(DataConfig(), mirrors=[base])
    assert nothing_under_a_final_name(but={f"{good}.gz"})


@needs_data
def test_second_address_serves_what_the_first_lacks(server: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    base, pages, seen = server
    monkeypatch.setattr(download_module, "OFFICIAL", {name: OFFICIAL[name] for name in SMALL})
    pages.update({f"{name}.gz": (DEBIAN / f"{name}.gz").read_bytes() for name in SMALL})
    lines = Lines()
    download_module.fetch_files(download_folder(), lines, mirrors=["http://127.0.0.1:9/", base])
    assert nothing_under_a_final_name(but={f"{name}.gz" for name in SMALL})
    assert len(lines.warned) == 1, "an address that failed is not asked again"
    assert len(seen) == 2


def test_silent_server_is_given_up_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(download_module, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.perf_counter()
        with pytest.raises(NotFound):
            load(DataConfig(), mirrors=[f"http://127.0.0.1:{silent.getsockname()[1]}"])
        assert time.perf_counter() - start < 3
