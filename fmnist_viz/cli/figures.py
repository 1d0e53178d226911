"""`fmnist-viz figures`: what is drawn of a run, where it lies, and what the run does not have."""

from __future__ import annotations

import os
from pathlib import Path

from fmnist_viz.cli.screen import Screen, printed, size_text
from fmnist_viz.core.errors import UsageError, unknown_choice
from fmnist_viz.pipeline.paper import KINDS, check_target, check_widths, figures
from fmnist_viz.pipeline.request import LOGS

FORMATS = ("png", "svg", "pdf")


def run_figures(run: Path, *, only: str, widths: str, formats: str, letters: bool, out: str, line: str) -> None:
    """Draw, write, say. Raises VizError for what a run is not, for names that are none and for an --out that is taken."""
    wide, kinds = _numbers(widths), _names(only)
    check_widths(wide)
    for name in (wanted := _names(formats) or list(FORMATS)):
        if name not in FORMATS:
            raise unknown_choice("format", name, FORMATS)
    for name in kinds:
        if name not in KINDS:
            raise unknown_choice("kind of figure", name, KINDS)
    if out:
        check_target(Path(out))
    screen = Screen()
    try:
        found = figures(run, kinds, progress=screen)
        folder = Path(out) if out else LOGS / f"figures-{found.source['configuration'][:8]}"
        written = found.write(folder, widths=wide, formats=wanted, letters=letters, command=line, progress=screen)
    finally:
        screen.close()
    total = size_text(sum(path.stat().st_size for path in written))
    sizes = " and ".join(f"{w:g}" for w in wide)
    printed(f"{folder}{os.sep}: {len(found.figures)} figures at {sizes} mm as {', '.join(wanted)}, {total}; beside each .md (its caption), .csv and .json")


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _numbers(text: str) -> list[float]:
    try:
        return [float(name) for name in _names(text)]
    except ValueError:
        raise UsageError("WIDTH", f"--width {text}", "is no list of millimetres", "Give 85 (a column), 180 (a page) or 85,180.") from None
