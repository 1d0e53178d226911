"""`fmnist-viz dossier`: two classes of a finished run, in words, and as a folder where one is named."""

from __future__ import annotations

import os
from pathlib import Path

from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.core.errors import OutputBusy


def run_dossier(run: Path, pair: str, *, out: str, cache_dir: str) -> None:
    """Look, print, write. Raises VizError for a pair that the run does not have, and for an --out that is taken."""
    from fmnist_viz.pipeline.dossier_run import class_names, dossier, read_pair, write_dossier

    a, b = read_pair(pair, class_names(run))
    if out and Path(out).exists():
        raise OutputBusy("OUT-TAKEN", out, "is there already", "Choose another --out.")
    screen = Screen()
    try:
        found = dossier(run, a, b, cache_dir=cache_dir or None, progress=screen)
    finally:
        screen.close()
    printed(*found.dossier.sentences)
    if out:
        write_dossier(Path(out), found)
        printed("", f"{out}{os.sep}dossier.png and .svg, facts.csv, errors.csv, text.txt")
