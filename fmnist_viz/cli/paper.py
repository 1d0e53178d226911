"""Two commands on finished runs for what comes after the looking: figures for a paper, and a gate for a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fmnist_viz.cli.program import Run, app


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
