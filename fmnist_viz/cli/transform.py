"""`fmnist-viz transform`: further images on a run's maps."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fmnist_viz.cli.options import CacheDir, TrustModel
from fmnist_viz.cli.program import Run, app


@app.command("transform", rich_help_panel="Make")
def place_images(
    run: Run,
    split: Annotated[str, typer.Option("--split", help="Images of the run's data: train, test or all, less those on the map.", show_default=False)] = "",
    points: Annotated[int, typer.Option("--points", help="Of --split a stratified sample of so many; 0: all.", min=0)] = 0,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", help="Picture files, or a folder of them; may be repeated. A folder named like a class gives the class.", show_default=False),
    ] = None,
    errors_of: Annotated[
        str, typer.Option("--errors-of", metavar="RUN", help="What another run gets wrong: marked where it is on the map, else placed.", show_default=False)
    ] = "",
    layer: Annotated[str, typer.Option("--layer", help="Layers of the run, separated by commas; by default its last hidden one.", show_default=False)] = "",
    methods: Annotated[str, typer.Option("--methods", help="Maps of the run, separated by commas; by default all.", show_default=False)] = "",
    invert: Annotated[bool, typer.Option("--invert", help="Turn light and dark of --images round: Fashion-MNIST is light on black.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of --points.", min=0)] = 0,
    out: Annotated[
        str, typer.Option("--out", help="Folder for figures and CSV files; by default projector_logs/transform-<8 digits>.", show_default=False)
    ] = "",
    trust_model: TrustModel = False,
    cache_dir: CacheDir = "",
) -> None:
    """Put further images onto a finished run's maps, which do not move, and say of each how well it fits there."""
    from fmnist_viz.cli.make import command_line
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.pipeline.request import LOGS
    from fmnist_viz.pipeline.transform import check_target, transform, write_transformed

    if out:
        check_target(Path(out))
    screen = Screen()
    try:
        made = transform(
            run, split=split, points=points, images=tuple(images or ()), errors_of=errors_of or None, layer=layer, methods=methods, invert=invert,
            seed=seed, trust_model=trust_model, cache_dir=cache_dir or None, progress=screen,
        )  # fmt: skip
        folder = Path(out) if out else LOGS / f"transform-{made.digest[:8]}"
        write_transformed(made, folder, command_line(sys.argv[1:]))
    finally:
        screen.close()
    printed("", *made.findings(), "", f"{folder}{os.sep}*.png and .svg, every point in *.csv")
