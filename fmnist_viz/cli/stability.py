"""`fmnist-viz stability`: what of a run's maps comes again, as lines of text and a folder."""

from __future__ import annotations

import os
from pathlib import Path

from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.core.errors import UsageError
from fmnist_viz.pipeline.request import LOGS
from fmnist_viz.pipeline.stability import StabilityMaps, stability
from fmnist_viz.pipeline.stability_folder import check_target, write_stability
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.stability_reading import jumping


def run_stability(
    words: list[str], grid: list[str], *, layers: str, methods: str, seeds: int, resample: bool, points: int, out: str, cache_dir: str, line: str
) -> None:
    """Map, print, write. `words` are the run folder and what followed the first value of --grid. Raises VizError for what cannot be mapped or written."""
    if out:
        check_target(Path(out))
    places = [word for word in words if "=" not in word or Path(word).is_dir()]
    if len(places) != 1:
        fact = "names no run folder" if not places else f"names {len(places)} run folders: {', '.join(places)}"
        raise UsageError("ONE-RUN", "stability", fact, "Write fmnist-viz stability RUN --grid perplexity=15,60.")
    screen = Screen()
    try:
        texts = [*grid, *(word for word in words if word not in places)]
        made = stability(
            places[0], layers=layers, methods=methods, seeds=seeds, grid=texts, resample=resample, points=points,
            cache_dir=cache_dir or None, workers=True, progress=screen,
        )  # fmt: skip
        folder = Path(out) if out else LOGS / f"stability-{made.digest[:8]}"
        write_stability(made, folder, line)
    finally:
        screen.close()
    tables = "every pair of classes in pairs.csv, every point in points.csv, nearest classes in classes.csv, every map in replicates.csv"
    printed(*lines(made), "", f"{folder}{os.sep}stability_*.png and gaps_*.png (and .svg); {tables}")


def lines(made: StabilityMaps) -> list[str]:
    """For every map what may be read off, and the points that change their place most."""
    out = []
    for (layer, method), found in made.found.items():
        out += ["", f"{layer}, {METHOD_NAMES.get(method, method)}, n = {found.n:,}, {len(found.drawn)} maps", *(f"- {text}" for text in found.findings())]
        if jumps := jumping(found, 3):
            out.append(f"- Points that change their place: {'; '.join(jumps)}")
    return out
