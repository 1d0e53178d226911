"""The shipped sample: real rows of Fashion-MNIST, small, attributed, and what the script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fmnist_viz.core.errors import Damaged
from fmnist_viz.data import DataConfig, load, stratified_rows
from fmnist_viz.data import sample as sample_module
from fmnist_viz.data.fashion_mnist import DEBIAN
from fmnist_viz.data.sample import FILE, NOTE


def test_sample_is_stratified_small_and_attributed() -> None:
    data = load(DataConfig("sample"))
    assert data.train is not None
    assert np.bincount(data.train.labels).tolist() == [500] * 10
    assert np.bincount(data.test.labels).tolist() == [100] * 10
    assert (data.source.kind, data.source.notes, data.source.fallback, data.source.official) == ("sample", (NOTE,), False, False)
    assert sum(path.stat().st_size for path in FILE.parent.iterdir()) < 4 * 2**20
    text = (FILE.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "Zalando SE" in text
    assert "MIT" in text


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Fashion-MNIST is not installed here")
def test_sample_ids_are_rows_of_the_published_files() -> None:
    whole, part = load(DataConfig(data_dir=str(DEBIAN))), load(DataConfig("sample"))
    for split in ("train", "test"):
        rows = np.array([int(text.partition("/")[2]) for text in part.split(split).sample_ids])
        np.testing.assert_array_equal(whole.split(split).images[rows], part.split(split).images)
        np.testing.assert_array_equal(whole.split(split).labels[rows], part.split(split).labels)
        np.testing.assert_array_equal(rows, stratified_rows(whole.split(split).labels, len(rows), seed=0))


def test_changed_sample_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(FILE) as arrays:
        changed = dict(arrays)
    changed["y_test"][0] ^= 1
    np.savez(tmp_path / FILE.name, **changed)
    monkeypatch.setattr(sample_module, "FILE", tmp_path / FILE.name)
    with pytest.raises(Damaged, match="shipped sample"):
        load(DataConfig("sample"))


def test_importing_the_room_loads_no_heavy_library() -> None:
    code = "import sys, fmnist_viz.data; fmnist_viz.data.DataConfig(); print([m for m in ('numpy', 'pandas', 'PIL', 'tensorflow') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
