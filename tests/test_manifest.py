"""No byte of a run changes unnoticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fmnist_viz.core.errors import Damaged
from fmnist_viz.core.manifest import NAME, Manifest
from fmnist_viz.core.seal import read_sealed, write_sealed
from fmnist_viz.core.store import sha256_file

FACTS = {"seconds": 0.1 + 0.2, "note": "größer → ✓", "loss": np.float32(0.25), "shape": (28, 28)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two stages: files of text, of zeros and of noise, and an empty one."""
    rng = np.random.default_rng(0)
    (tmp_path / "maps").mkdir()
    (tmp_path / "report.html").write_text("<p>größer</p>\n", encoding="utf-8")
    (tmp_path / "maps" / "zeros.npy").write_bytes(bytes(100))
    (tmp_path / "maps" / "noise.npy").write_bytes(rng.bytes(500))
    (tmp_path / "maps" / "empty").write_bytes(b"")
    manifest = Manifest({"digest": "abc", "finished": True})
    manifest.record(tmp_path, "report", [tmp_path / "report.html"], FACTS)
    manifest.record(tmp_path, "maps", [tmp_path / "maps"])
    return tmp_path


def faults(run: Path) -> list[str]:
    """As the program checks: load, then compare every file."""
    return Manifest.load(run).faults(run)


def test_what_was_recorded_is_read_back(run: Path) -> None:
    manifest = Manifest.load(run)
    assert sorted(manifest.files()) == ["maps/empty", "maps/noise.npy", "maps/zeros.npy", "report.html"]
    assert manifest.files()["maps/zeros.npy"] == {"bytes": 100, "sha256": sha256_file(run / "maps" / "zeros.npy")}
    assert {k: v for k, v in manifest.stages["report"].items() if k != "files"} == {**FACTS, "shape": [28, 28]}
    assert manifest.about == {"digest": "abc", "finished": True}
    assert manifest.faults(run) == []


def test_a_stage_made_again_replaces_its_section(run: Path) -> None:
    (run / "maps" / "noise.npy").unlink()
    manifest = Manifest.load(run)
    manifest.record(run, "maps", [run / "maps"])
    assert sorted(Manifest.load(run).files()) == ["maps/empty", "maps/zeros.npy", "report.html"]
    assert faults(run) == []


def test_every_flipped_byte_is_found(run: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("report.html", "maps/noise.npy", "maps/zeros.npy", NAME):
        path = run / name
        whole = path.read_bytes()
        for at in range(len(whole)) if len(whole) < 120 else rng.choice(len(whole), 120, replace=False):
            broken = bytearray(whole)
            broken[at] ^= int(rng.integers(1, 256))
            path.write_bytes(broken)
            if name == NAME:
                with pytest.raises(Damaged) as caught:
                    faults(run)
                assert caught.value.exit_code == 8
            else:
                assert faults(run) == [f"{name} was changed (its SHA-256 differs)"]
        path.write_bytes(whole)
    assert faults(run) == []


def test_every_truncation_is_found(run: Path) -> None:
    for name in ("report.html", "maps/noise.npy", NAME):
        path = run / name
        whole = path.read_bytes()
        for length in range(0, len(whole), max(1, len(whole) // 40)):
            path.write_bytes(whole[:length])
            if name == NAME:
                with pytest.raises(Damaged, match="is damaged"):
                    faults(run)
            else:
                assert faults(run) == [f"{name} has {length:,} bytes, {len(whole):,} were written"]
        path.write_bytes(whole)


def test_missing_files_are_named_in_order(run: Path) -> None:
    (run / "report.html").unlink()
    (run / "maps" / "zeros.npy").unlink()
    assert faults(run) == ["maps/zeros.npy is missing", "report.html is missing"]


def test_blanks_line_ends_and_digits_beyond_a_float_count_too(run: Path) -> None:
    text = (run / NAME).read_text(encoding="utf-8")
    assert "0.30000000000000004" in text
    for changed in (text + "\n", text.replace("\n", "\r\n"), text.replace(": ", ":  ", 1), text.replace("0.30000000000000004", "0.30000000000000005")):
        (run / NAME).write_bytes(changed.encode())
        with pytest.raises(Damaged, match="checksum"):
            Manifest.load(run)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "C:\\x", "..\\x", ""])
def test_a_manifest_that_names_files_outside_its_run_is_refused(run: Path, name: str) -> None:
    body = read_sealed(run / NAME)
    body["stages"]["maps"]["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    write_sealed(run / NAME, body)
    with pytest.raises(Damaged, match="is no file of a run"):
        Manifest.load(run)


@pytest.mark.parametrize(
    "body",
    [{}, {"schema": 2, "about": {}, "stages": {}}, {"schema": 1, "about": {}, "stages": []}, {"schema": 1, "about": {}, "stages": {"maps": {}}}],
    ids=["empty", "another schema", "no stages", "no files"],
)
def test_a_sealed_file_of_another_make_is_damaged_not_a_crash(tmp_path: Path, body: dict[str, object]) -> None:
    write_sealed(tmp_path / NAME, body)
    with pytest.raises(Damaged):
        Manifest.load(tmp_path)


def test_no_manifest_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Manifest.load(tmp_path)
