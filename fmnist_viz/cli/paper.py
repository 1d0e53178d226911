"""Two commands on finished runs for what comes after the looking: figures for a paper, and a gate for a build."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fmnist_viz.cli.program import Run, app


@app.command(rich_help_panel="Make")
def figures(
    run: Run,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="KINDS",
            help="Kinds with commas between them: maps, grid, confusion, calibration, curves, ladder, film, dossier, cards, overlap, scree, weights; all.",
            show_default=False,
        ),
    ] = "",
    width: Annotated[str, typer.Option("--width", help="Widths in mm with commas between them; the files have exactly these.")] = "85,180",
    format: Annotated[str, typer.Option("--format", help="Formats with commas between them: png (300 dpi), svg, pdf.")] = "png,svg,pdf",
    letters: Annotated[bool, typer.Option("--letters", help="Letters a, b, c … at the panels.")] = False,
    out: Annotated[str, typer.Option("--out", help="Folder for the figures; by default projector_logs/figures-<8 digits>.", show_default=False)] = "",
) -> None:
    """Draw a finished run's figures for a paper, at exact widths, each with its caption and its numbers; nothing is trained or mapped again."""
    from fmnist_viz.cli.figures import run_figures
    from fmnist_viz.cli.make import command_line

    run_figures(run, only=only, widths=width, formats=format, letters=letters, out=out, line=command_line(sys.argv[1:]))


@app.command(rich_help_panel="Look")
def check(
    run: Run,
    baseline: Annotated[Path, typer.Option("--baseline", metavar="RUN", help="The run folder that it is held against.", show_default=False)],
    level: Annotated[float, typer.Option("--level", help="Chance, at most, that the gate closes although nothing rose.")] = 0.05,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "--pairs", metavar="A,B", help="Only images of class A taken for B; may be repeated. The accuracy is always looked at.", show_default=False
        ),
    ] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Where the runs looked at different images: check those that both have.")] = False,
    json: Annotated[str, typer.Option("--json", metavar="FILE", help="Also write everything into this file, replacing it.", show_default=False)] = "",
) -> None:
    """Exit with code 9 where a confusion rose significantly against a baseline run, or the accuracy fell: a gate for automatic builds."""
    from fmnist_viz.cli.check import run_check

    raise typer.Exit(run_check(run, baseline, level=level, pairs=list(pairs or ()), shared=shared, json=json))
