"""Overlap of classes for every map of a run, and the table of it that the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.overlap import CONSISTENT, SEEMS_APART, SEEMS_MIXED, TOO_FEW, Overlap, mixed_from, overlap
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.pipeline.maps import Made
from fmnist_viz.projection.caption import METHOD_NAMES

if TYPE_CHECKING:
    import pandas as pd

Overlaps = Mapping[str, Mapping[str, Overlap]]


def overlaps(made: Mapping[str, Made], images: LabeledImages) -> dict[str, dict[str, Overlap]]:
    """By representation and method, for every flat map that has points; none where there is one class."""
    if len(np.unique(images.labels)) < 2:
        return {}
    found = {
        name: {
            method: overlap(maps.near, local.near, images.labels, images.class_names, representation=name, method=method)
            for method, local in maps.local.items()
            if maps.near is not None
        }
        for name, maps in made.items()
    }
    return {name: by_method for name, by_method in found.items() if by_method}


def shown_overlaps(every: Overlaps) -> pd.DataFrame:
    """A row per representation and pair that is mixed or misleads anywhere: mixing in the representation, then on every map with its verdict.

    Sorted by the largest difference on any map; the CSV file holds all pairs with directions, tests and intervals of the difference.
    """
    import pandas as pd

    methods = [m for m in METHOD_NAMES if any(m in by_method for by_method in every.values())]
    rows: list[tuple[float, dict[str, Any]]] = []
    for name, by_method in every.items():
        pairs: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for m, o in by_method.items():
            for of_map in o.rows:
                pairs.setdefault((of_map["a"], of_map["b"]), {})[m] = of_map
        for (a, b), found in pairs.items():
            if all(row["verdict"] in (CONSISTENT, TOO_FEW) for row in found.values()):
                continue
            first = next(iter(found.values()))
            row: dict[str, Any] = {"representation": name, "classes": f"{a} – {b}"}
            row |= {f"in the representation{end}": first[f"mixing_representation{end}"] for end in ("", "_low", "_high")}
            for m in methods:
                row |= {f"on {METHOD_NAMES[m]}{end}": found[m][f"mixing_map{end}"] if m in found else float("nan") for end in ("", "_low", "_high")}
            words: dict[str, list[str]] = {}
            for m in methods:
                if m in found and found[m]["verdict"] not in (CONSISTENT, TOO_FEW):
                    words.setdefault(found[m]["verdict"], []).append(METHOD_NAMES[m])
            row["verdict"] = "; ".join(f"{verdict} on {', '.join(names)}" for verdict, names in words.items())
            misleads = any(r["verdict"] in (SEEMS_MIXED, SEEMS_APART) for r in found.values())
            rows.append((misleads + max(abs(r["difference"]) for r in found.values()), row))
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda item: -item[0])])


def overlap_notes(every: Overlaps) -> list[str]:
    """What the columns mean and how verdicts are reached."""
    first = next((o for by_method in every.values() for o in by_method.values()), None)
    if first is None:
        return []
    return [
        f"Mixing of two classes among {first.k} nearest neighbours: 0 apart, 1 as if their labels had been dealt out at random (95 % intervals). Two classes "
        f"count as mixed from {mixed_from(first.k):.2f}, where of two classes of equal size every point has one of its {first.k} neighbours in the other.",
        "A verdict needs q < 0.05 of a paired test over all pairs of the map (Benjamini–Hochberg) and intervals on their sides of that line; or, for "
        "“more” and “less”, an interval of the difference beyond it. Pairs that are consistent on every map are left out here and are in tables/overlap.csv.",
    ]


def overlap_reading(every: Overlaps) -> str:
    """How many pairs mislead on the maps of each method, over all representations."""
    said = []
    for m, label in METHOD_NAMES.items():
        of_method = [o for by_method in every.values() for name, o in by_method.items() if name == m]
        judged = sum(row["verdict"] != TOO_FEW for o in of_method for row in o.rows)
        if judged:
            mixed, apart = (sum(len(o.of(verdict)) for o in of_method) for verdict in (SEEMS_MIXED, SEEMS_APART))
            where = f"of {judged:,} pairs on {len(of_method)} map{'s' if len(of_method) > 1 else ''}"
            said.append(f"{label}: {mixed:,} look mixed but are separable, {apart:,} look separate but are mixed ({where})")
    return ". ".join(said) + "." if said else ""
