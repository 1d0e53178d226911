"""Bookmark files as the page loads them: a list of its own states, none of them looked at before they are used."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from fmnist_viz.export.projector.bookmarks import REQUIRED
from fmnist_viz.export.projector.doctor.rules import Fact
from fmnist_viz.export.projector.metadata import NO_COLOR

_DEFAULTS: dict[str, Any] = {
    "selectedPoints": [], "tSNEIteration": 0, "tSNEPerplexity": 30, "tSNELearningRate": 1,
    "customXLeftText": "", "customXRightText": "", "customYUpText": "", "customYDownText": "",
}  # fmt: skip
_TYPES: dict[str, Any] = {
    "projections": list, "selectedPoints": list, "pcaComponentDimensions": list, "selectedProjection": str,
    "tSNEIteration": (int, float), "tSNEPerplexity": (int, float), "tSNELearningRate": (int, float),
}  # fmt: skip
_NAMED = ("selectedColorOptionName", "selectedLabelOption")


def read_bookmarks(path: Path, points: int, columns: Collection[str]) -> tuple[list[str], list[Fact]]:
    """The bookmarks' labels, and what is wrong, for a tensor of `points` points (0: unknown) with those metadata columns."""
    states, fact = load(path)
    if states is None:
        return [], [("bookmarks-unreadable", fact)]
    labels, facts = [], []
    for number, state in enumerate(states):
        label = str(state.get("label") or f"number {number + 1}")
        labels.append(label)
        facts += [(rule, f"bookmark {label[:40]!r}: {what}") for rule, what in _state(state, points, columns)]
    return labels, facts


def load(path: Path) -> tuple[list[dict[str, Any]] | None, str]:
    """The states (NaN and infinity let through), or None and why there are none."""
    try:
        states = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as e:
        return None, f"is no JSON ({e})"
    if not isinstance(states, list) or not all(isinstance(state, dict) for state in states):
        return None, "holds no list of states"
    return states, ""


def finite(value: Any) -> bool:
    """Whether all numbers of a JSON value are finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(finite, inner))


def _missing(state: dict[str, Any]) -> list[str]:
    """Required fields that are not there, or not what the page computes with."""
    return [key for key in REQUIRED if not isinstance(state.get(key), _TYPES.get(key, str))]


def _axes(state: dict[str, Any]) -> list[str]:
    """The coordinates that the state's slot shows; empty where the page knows no such slot."""
    slot = state["selectedProjection"]
    if slot == "pca":
        return [f"pca-{axis}" for axis in state["pcaComponentDimensions"]]
    if slot in ("umap", "tsne"):
        return [f"{slot}-{axis}" for axis in range(3 if state.get("umapIs3d" if slot == "umap" else "tSNEis3d") else 2)]
    return ["linear-x", "linear-y"] if slot == "custom" else []


def _state(state: dict[str, Any], points: int, columns: Collection[str]) -> Iterator[Fact]:
    if not finite(state):
        yield "bookmark-not-finite", "holds NaN or infinity"
    missing = _missing(state)
    if missing:
        yield "bookmark-fields", f"lacks {', '.join(missing)}"
    for key in _NAMED:
        if state.get(key) and not _known(state[key], columns):
            yield "bookmark-column", f"{key} {state[key]!r} is no column"
    yield from _indices(state, points)
    if "selectedProjection" in missing or "projections" in missing or "pcaComponentDimensions" in missing:
        return
    slot, places, axes = state["selectedProjection"], state["projections"], _axes(state)
    if not axes:
        yield "bookmark-slot", f"the slot {slot!r}"
        return
    if slot == "tsne":
        yield "bookmark-tsne", "the page would compute its own map in the slot 'tsne'"
    expected = len(state["filteredPoints"]) if isinstance(state.get("filteredPoints"), list) else points
    if expected and len(places) > expected:
        yield "bookmark-too-long", f"{len(places):,} points for {expected:,}"
    lost = sum(not isinstance(place, dict) or any(not isinstance(place.get(axis), (int, float)) for axis in axes) for place in places)
    if lost or len(places) < expected:
        yield "bookmark-points", f"{len(places) - lost:,} of {max(expected, len(places)):,} points have {', '.join(axes)}"


def _known(column: Any, columns: Collection[str]) -> bool:
    return isinstance(column, str) and (column in columns or column == NO_COLOR)


def _indices(state: dict[str, Any], points: int) -> Iterator[Fact]:
    if state.get("shuffledDataIndices") == []:
        yield "bookmark-indices", "shuffledDataIndices is empty"
    for key in ("selectedPoints", "filteredPoints", "shuffledDataIndices"):
        given = state.get(key)
        wrong = [i for i in given if not isinstance(i, int) or not 0 <= i < (points or i + 1)] if isinstance(given, list) else [given] if given else []
        if wrong:
            yield "bookmark-indices", f"{key} names {wrong[0]!r}, there are {points:,} points"


def mended_bookmarks(path: Path, points: int, columns: Collection[str]) -> bytes | None:
    """The states that the page can show as they were meant; None where none is left."""
    states = [_mended(state, points, columns) for state in load(path)[0] or [] if finite(state) and isinstance(state.get("projections"), list)]
    return (json.dumps(states, allow_nan=False, ensure_ascii=False) + "\n").encode() if states else None


def _mended(state: dict[str, Any], points: int, columns: Collection[str]) -> dict[str, Any]:
    state = dict(state)
    places = state["projections"]
    first = places[0] if places and isinstance(places[0], dict) else {}
    if not isinstance(state.get("selectedProjection"), str):
        slots = {"linear": "custom"}
        found = [key.rpartition("-")[0] for key in first]
        if found:
            state["selectedProjection"] = slots.get(found[0], found[0])
    if state.get("selectedProjection") == "tsne":
        state |= {"selectedProjection": "umap", "umapIs3d": "tsne-2" in first and state.get("tSNEis3d") is not False}
        state["projections"] = [
            {f"umap{key.removeprefix('tsne')}": value for key, value in place.items() if key.startswith("tsne-")} if isinstance(place, dict) else place
            for place in places
        ]
    for key, value in {**_DEFAULTS, "pcaComponentDimensions": [0, 1, 2] if "pca-2" in first else [0, 1]}.items():
        if key in _missing(state):
            state[key] = value
    for key in _NAMED:
        if state.get(key) and not _known(state[key], columns):
            state.pop(key)
    for key, value in (("selectedPoints", []), ("shuffledDataIndices", None)):
        if any(True for _ in _indices({key: state.get(key)}, points)):
            state[key] = value
    return state
