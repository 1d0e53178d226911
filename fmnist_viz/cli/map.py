"""`fmnist-viz map`: a run's layers under a grid of parameters, as lines of text and a folder."""

from __future__ import annotations

import os
from pathlib import Path

from fmnist_viz.cli.compare import aligned
from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.core.errors import UsageError
from fmnist_viz.pipeline.joined_maps import atlas_columns, atlas_line
from fmnist_viz.pipeline.map_grid import MapGrid, check_target, map_grid, write_grid
from fmnist_viz.pipeline.request import LOGS
from fmnist_viz.projection.caption import FIGURES, METHOD_NAMES


def run_map(words: list[str], grid: list[str], *, layers: str, methods: str, dims: int, components: str, out: str, cache_dir: str, line: str) -> None:
    """Map, print, write. `words` are the run folder and what followed the first value of --grid. Raises VizError for what cannot be mapped or written."""
    if out:
        check_target(Path(out))
    places = [word for word in words if "=" not in word or Path(word).is_dir()]
    if len(places) != 1:
        fact = "names no run folder" if not places else f"names {len(places)} run folders: {', '.join(places)}"
        raise UsageError("ONE-RUN", "map", fact, "Write fmnist-viz map RUN --grid perplexity=5,30,100 n_neighbors=5,15,50.")
    screen = Screen()
    try:
        texts = [*grid, *(word for word in words if word not in places)]
        made = map_grid(
            places[0], texts, layers=layers, methods=methods, dims=dims, components=components, cache_dir=cache_dir or None, workers=True, progress=screen
        )
        folder = Path(out) if out else LOGS / f"grid-{made.digest[:8]}"
        write_grid(made, folder, line)
    finally:
        screen.close()
    figures = "grid_*.png and .svg" if len(made.displays) > 1 else "grid_*.png"
    printed(*lines(made), "", f"{folder}{os.sep}{figures}, every score in grid.csv, every point in coordinates{os.sep} and maps.csv")
    if opened := atlas_line(table := folder / "maps.csv", atlas_columns(table)):
        printed(f"all maps as points beside each other, with pip install embedding-atlas:  {opened}")


def lines(made: MapGrid) -> list[str]:
    """A table of the scores for each layer, and what they say."""
    out = []
    for name, display in made.displays.items():
        rows = []
        for panel in display.panels:
            p = panel.projection
            cells = [
                f"{p.scores[key]:.{digits}f} ({p.scores[f'{key}_low']:.{digits}f}–{p.scores[f'{key}_high']:.{digits}f})"
                for key, (*_, digits) in FIGURES.items()
                if key in p.scores
            ]
            rows.append([f"{METHOD_NAMES.get(p.method, p.method)} {panel.label}".strip(), *(cells or ["–"] * len(FIGURES))])
        scored = next((panel.projection.scores for panel in display.panels if panel.projection.scores), {"k": 15})
        heads = ["map", *(text.format(**scored) for text, *_ in FIGURES.values())]
        out += ["", f"{name}, n = {len(display.labels):,}", *aligned(heads, rows), *display.findings()]
    return out
