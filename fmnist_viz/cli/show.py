"""The commands that only show something, each a few lines over `pipeline`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fmnist_viz.cli.options import CacheDir, Config, TrustModel, takes
from fmnist_viz.cli.program import Run, app
from fmnist_viz.data.config import DataConfig


@app.command(rich_help_panel="Look")
def predict(
    run: Run,
    images: Annotated[list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Picture files to classify.", show_default=False)] = None,
    index: Annotated[list[int] | None, typer.Option("--index", help="An image of the data set by its number; may be repeated.", show_default=False)] = None,
    random: Annotated[int, typer.Option("--random", help="This many images of the data set, drawn at random.", min=0)] = 0,
    split: Annotated[str, typer.Option("--split", help="Where --index and --random take images from: test (the default) or train.", show_default=False)] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of --random, by default 0.", min=0, show_default=False)] = None,
    invert: Annotated[bool, typer.Option("--invert", help="Turn light and dark of picture files round: Fashion-MNIST is light on black.")] = False,
    nearest: Annotated[int, typer.Option("--nearest", help="Training images shown that are nearest in the penultimate layer; 0: none.", min=0, max=10)] = 5,
    out: Annotated[str, typer.Option("--out", help="Also draw the cards into this .png or .svg file.", show_default=False)] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file in --out.")] = False,
    cache_dir: CacheDir = "",
) -> None:
    """Classify picture files or images of the data set with a run's model: probability of every class, nearest training images."""
    from fmnist_viz.cli.predict import ask
    from fmnist_viz.pipeline.predict import Question

    question = Question(tuple(images or ()), tuple(index or ()), random, split, seed, invert, nearest)
    ask(run, question, out=out, overwrite=overwrite, cache_dir=cache_dir)


@app.command(rich_help_panel="Look")
def dossier(
    run: Run,
    pair: Annotated[str, typer.Option("--pair", help="Two of the run's classes with a comma between them, such as Pullover,Coat.", show_default=False)],
    out: Annotated[str, typer.Option("--out", help="Also write figure, facts, mistakes and text into this new folder.", show_default=False)] = "",
    cache_dir: CacheDir = "",
) -> None:
    """Say everything known about why one class is taken for another: rates, neighbours, axis, layers, epochs, places on the maps, pixels."""
    from fmnist_viz.cli.dossier import run_dossier

    run_dossier(run, pair, out=out, cache_dir=cache_dir)


@app.command(rich_help_panel="Look")
@takes(DataConfig)
def labels(
    run: Annotated[Path | None, typer.Argument(help="A run folder, whose data is taken; by default what --data says.", show_default=False)] = None,
    split: Annotated[str, typer.Option("--split", help="Which labels are judged: train or test.")] = "train",
    folds: Annotated[int, typer.Option("--folds", help="Parts of the training images; each is judged by a network trained on the others, 2 to 20.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Seed of folds and networks.", min=0, max=2**31 - 1)] = 0,
    threads: Annotated[int, typer.Option("--threads", help="Threads; 0: as many as there are cores.", min=0)] = 0,
    out: Annotated[
        str, typer.Option("--out", help="Folder for label_issues.csv and duplicates.csv; an earlier one is replaced unless it was changed.")
    ] = "labels",
    config: Config = "",
    **configs: Any,
) -> None:
    """Rank labels by how probably they are wrong, with reasons and a column for decisions that --label-fixes reads back; list images that are there twice."""
    from fmnist_viz.cli.labels import run_labels
    from fmnist_viz.cli.make import command_line

    line = command_line(sys.argv[1:])
    run_labels(run, configs["DataConfig"], split=split, folds=folds, seed=seed, threads=threads, out=out, line=line)


@app.command(rich_help_panel="Look")
@takes(DataConfig)
def data(config: Config = "", **configs: Any) -> None:
    """Find the data and say where it is, what it holds and what was checked."""
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.cli.summary import data_lines
    from fmnist_viz.data import describe, load

    printed(*data_lines(describe(load(configs["DataConfig"], progress=Screen()))))


@app.command(rich_help_panel="Look")
def models() -> None:
    """List the presets: parameters, recipe, article, reported numbers."""
    from fmnist_viz.cli.models import lines
    from fmnist_viz.cli.screen import printed

    printed(*lines())


@app.command(rich_help_panel="Look")
def layers(
    model: Annotated[Path, typer.Argument(help="A Keras 3 .keras file.", show_default=False)],
    data: Annotated[str, typer.Option("--data", help="Images to look with, as in `export`; without them random ones of the model's input shape.")] = "",
    trust_model: TrustModel = False,
) -> None:
    """List a model file's layers, hidden or skipped and why: what --layers of `export` can name."""
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.core.threads import set_threads
    from fmnist_viz.data import load
    from fmnist_viz.pipeline.layers import list_layers

    set_threads(0)
    screen = Screen()
    images = load(DataConfig(data=data), progress=screen).test if data else None
    printed(*list_layers(model, images, trust=trust_model, progress=screen))


@app.command(rich_help_panel="Look")
def verify(run: Run) -> None:
    """Check every file of a run against its manifest."""
    from fmnist_viz.cli.screen import printed, size_text
    from fmnist_viz.pipeline.folder import verify as check

    manifest = check(run)
    files = manifest.files()
    state = "finished" if manifest.about.get("finished") else "unfinished"
    printed(f"{run}: {len(files)} files, {size_text(sum(f['bytes'] for f in files.values()))}, all as written ({state} run)")


@app.command("doctor", rich_help_panel="Look")
def examine(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A log folder, made by whatever tool: what tensorboard --logdir is given.", show_default=False)],
    fix: Annotated[
        str, typer.Option("--fix", metavar="NEW_DIR", help="Write a mended copy of the Projector's files into this new folder.", show_default=False)
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Say what TensorBoard's Projector will show of a log folder, what breaks it and how to mend it.

    Exit code 8: something is not shown, or is still not shown in the mended copy.
    """
    from fmnist_viz.cli.doctor import run_doctor

    run_doctor(folder, fix, as_json=as_json)


@app.command(rich_help_panel="Look")
def tensorboard(
    folder: Annotated[Path, typer.Argument(help="A run folder, or the folder that holds the runs.")] = Path("projector_logs"),
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 6006,
) -> None:
    """Start TensorBoard on this machine only, and print the address of its Projector tab."""
    from fmnist_viz.cli.board import serve

    serve(folder, port)
