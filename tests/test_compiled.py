"""umap-learn's machine code in the cache: equal bytes, never somebody else's code, never a crash for want of a cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist_viz.projection.compiled import _private

PROGRAM = """
import sys, hashlib
from pathlib import Path
from fmnist_viz.core.threads import set_threads
set_threads(int(sys.argv[2]))
import numpy as np
from fmnist_viz.core.cache import Cache
from fmnist_viz.neighbors import exact_graph
from fmnist_viz.projection.umap import umap, warm_up
from fmnist_viz.projection import umap as module
told = []
how = warm_up(2, Cache(Path(sys.argv[1]), told.append))
import umap.layouts
part = umap.layouts._nb_optimize_layout_euclidean_single_epoch
X = np.random.default_rng(0).standard_normal((300, 5)).astype(np.float32)
coords, _ = module.umap(exact_graph(X, 14), X[:, :2], n_neighbors=15, min_dist=0.1, n_epochs=20, seed=0)
print(how, sum(part.stats.cache_hits.values()), len(part.signatures), hashlib.sha256(coords.tobytes()).hexdigest(), *told, sep="|")
"""


def start(cache: Path, threads: int = 2) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(cache), str(threads)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err[-2000:]
    return out.strip().splitlines()[-1].split("|")


def files(cache: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}


def test_code_is_made_once_read_by_others_and_made_again_where_it_is_damaged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    both = [said(process) for process in (start(cache), start(cache))]  # two at a time, neither knows of the other
    assert {who[0] for who in both} <= {"made", "read"} and "made" in {who[0] for who in both}
    before = files(cache)
    how, hits, signatures, coords = said(start(cache, threads=1))  # with another number of threads
    assert (how, signatures, hits) == ("read", "1", "1")
    assert files(cache) == before
    assert {who[3] for who in both} == {coords}

    (damaged,) = cache.rglob("layouts.*single_epoch*.nbc")
    damaged.write_bytes(damaged.read_bytes()[:-100])
    how, _, _, again, warning = said(start(cache))
    assert how == "made" and again == coords and "damaged" in warning


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners of files")
def test_what_others_may_write_is_not_read_as_code(tmp_path: Path) -> None:
    entry = tmp_path / "compiled" / "entry"
    entry.mkdir(parents=True)
    (entry / "code.nbc").write_bytes(b"x")
    assert _private(entry) and _private(tmp_path / "not there")
    (entry / "code.nbc").chmod(0o666)
    assert not _private(entry)
    (entry / "code.nbc").chmod(0o644)
    entry.chmod(0o777)
    assert not _private(entry)
