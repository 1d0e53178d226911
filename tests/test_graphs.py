"""The graph stage: what is recorded of a representation whose yardstick has queries of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fmnist_viz.core.types import Representation
from fmnist_viz.neighbors import exact_neighbors, reference_distances
from fmnist_viz.pipeline.features import Source
from fmnist_viz.pipeline.graphs import make_graph
from fmnist_viz.projection.config import MapConfig


def test_a_layer_that_kept_fewer_queries_is_judged_by_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(300, 60)).astype(np.float32)
    kept = raw[:, :8]  # stands for a reduction that lost much
    own = rng.permutation(300)[:40]
    source = Source(Representation(kept, np.arange(300).astype(str), "wide", "activation", raw_width=60), "key", lambda: reference_distances(raw, own))
    record = make_graph(tmp_path, source, MapConfig(), 90, np.arange(0, 300, 3), seed=0, threads=1)
    near, true = exact_neighbors(kept, 15), exact_neighbors(raw, 15)
    want = np.mean([len(set(near[i]) & set(true[i])) / 15 for i in own])
    assert abs(record["near_recall"] - want) < 1e-9 and 0.05 < want < 0.9
    assert record["queries"] == 40 and json.loads((tmp_path / "graph.json").read_text())["recall"] == record["recall"]
