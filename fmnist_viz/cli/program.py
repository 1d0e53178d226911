"""The program: its name, its exit codes, what every command takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fmnist_viz.pipeline.config import VERSION

app = typer.Typer(
    name="fmnist-viz",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="See what an image classifier has learned: maps of every layer, the confusions behind them, the TensorBoard Projector, one offline report.",
    epilog="Exit codes: 0 done, 1 a bug, 2 usage, 3 bad input, 4 unsafe input refused, 5 disk, memory or device, "
    "6 output folder busy or not ours, 7 training diverged, 8 our own files damaged or a Projector folder broken (doctor), "
    "9 a confusion rose (check), 130 interrupted.",
)
Run = Annotated[Path, typer.Argument(help="A run folder.", show_default=False)]


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fmnist-viz {VERSION}")
        raise typer.Exit


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=print_version)] = False,
) -> None:
    os.environ["FMNIST_VIZ_DEBUG"] = "1" if debug else ""
