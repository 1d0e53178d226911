"""What the page's script needs to show distortion: counts by point and map, and each point's true neighbours, as packed bytes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from fmnist_viz.display.distortion import CORNERS
from fmnist_viz.export.report.content import ReportContent

MOST, LEAST = 10, 3  # lines from a point to its true neighbours; fewer than three would show nothing
NEAR_BYTES = 12_000_000  # of the page, for the true neighbours of all representations together


def near_count(n: int, representations: int) -> int:
    """Neighbours per point that find room in the page; 0 where it would be too few to show."""
    width = 2 if n <= 1 << 16 else 4
    room = int(NEAR_BYTES * 3 / 4 / max(1, n * width * representations))
    return 0 if room < LEAST else min(room, MOST)


def _text(data: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()


def distortion_index(content: ReportContent) -> dict[str, Any]:
    """`corners`, colours of the four ends; by representation and method `counts` (base64 of one byte per image: missing in the upper half, false in the
    lower), `k` and `wide`; by representation `near` (base64, `width` bytes each, little-endian, `count` per image), and the share `held` of true ones.

    Representations whose rows are not the images' own are left out.
    """
    n = len(content.images)
    fit = [name for name, near in content.near.items() if len(near) == n and name in content.projections]
    count = near_count(n, len(fit))
    maps: dict[str, dict[str, Any]] = {}
    for name, by_method in content.distortions.items():
        for method, found in by_method.items():
            p = content.projections.get(name, {}).get(method)
            if p is not None and found.k and found.k < 16 and np.array_equal(p.sample_ids, content.images.sample_ids):
                # little more than the scores themselves cost: half a byte each
                maps.setdefault(name, {})[method] = {"counts": _text((found.missing << 4) | found.false), "k": found.k, "wide": found.wide}
    kind: Any = "<u2" if n <= 1 << 16 else "<u4"
    near = {name: _text(content.near[name][:, :count].astype(kind)) for name in fit if count and content.near[name].shape[1] >= count}
    return {
        "corners": CORNERS,
        "maps": maps,
        "near": near,
        "count": count,
        "width": np.dtype(kind).itemsize,
        "held": {name: round(share, 4) for name, share in content.held.items() if share < 0.995},
    }
