"""Floor 6: the commands, each a few lines over `pipeline`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fmnist_viz.analysis.axis_text import AxisConfig
from fmnist_viz.cli.options import CacheDir, Config, Fresh, Out, Overwrite, Resume, TrustModel, takes
from fmnist_viz.data.config import DataConfig
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.pipeline.config import VERSION, BroughtConfig, ModelFileConfig, ViewConfig
from fmnist_viz.pipeline.reproduce import ReproduceConfig
from fmnist_viz.pipeline.variants import SweepConfig
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig

app = typer.Typer(
    name="fmnist-viz",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="See what an image classifier has learned: maps of every layer, the confusions behind them, the TensorBoard Projector, one offline report.",
    epilog="Exit codes: 0 done, 1 a bug, 2 usage, 3 bad input, 4 unsafe input refused, 5 disk, memory or device, "
    "6 output folder busy or not ours, 7 training diverged, 8 our own files damaged or a Projector folder broken (doctor), 130 interrupted.",
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


@app.command("train-and-export", rich_help_panel="Make")
@takes(FitConfig, TransferConfig, DataConfig, FeatureConfig, MapConfig, AxisConfig, ViewConfig, ComputeConfig)
def train_and_export(
    config: Config = "",
    out: Out = "",
    cache_dir: CacheDir = "",
    fresh: Fresh = False,
    overwrite: Overwrite = False,
    resume: Resume = False,
    sample_if_missing: Annotated[
        bool, typer.Option("--sample-if-missing", help="Go on with the shipped sample, loudly, where Fashion-MNIST can neither be found nor downloaded.")
    ] = False,
    **configs: Any,
) -> None:
    """The main job: train a model, map every layer, write figures, tables, the Projector folder and the report."""
    _make("train-and-export", out, cache_dir, fresh, overwrite, configs, allow_sample=sample_if_missing, resume=resume)


@app.command(rich_help_panel="Make")
@takes(FitConfig, TransferConfig, DataConfig, ViewConfig, ComputeConfig)
def train(
    config: Config = "", out: Out = "", cache_dir: CacheDir = "", fresh: Fresh = False, overwrite: Overwrite = False, resume: Resume = False, **configs: Any
) -> None:
    """Train a model with TensorBoard recordings, and nothing else."""
    _make("train", out, cache_dir, fresh, overwrite, configs, resume=resume)


@app.command(rich_help_panel="Make")
@takes(ModelFileConfig, BroughtConfig, DataConfig, FeatureConfig, MapConfig, AxisConfig, ViewConfig, ComputeConfig)
def export(
    config: Config = "",
    out: Out = "",
    cache_dir: CacheDir = "",
    fresh: Fresh = False,
    overwrite: Overwrite = False,
    trust_model: TrustModel = False,
    **configs: Any,
) -> None:
    """Map and report what exists already: a model, vectors or predictions made elsewhere. No training."""
    _make("export", out, cache_dir, fresh, overwrite, configs, trust_model=trust_model)


def _make(
    command: str,
    out: str,
    cache_dir: str,
    fresh: bool,
    overwrite: bool,
    configs: dict[str, Any],
    *,
    allow_sample: bool = False,
    trust_model: bool = False,
    resume: bool = False,
) -> None:
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.cli.summary import summary
    from fmnist_viz.pipeline.config import RunConfig
    from fmnist_viz.pipeline.job import Request, run_job

    names = {
        "DataConfig": "data",
        "FitConfig": "fit",
        "TransferConfig": "transfer",
        "ModelFileConfig": "model_file",
        "BroughtConfig": "brought",
        "ComputeConfig": "compute",
        "FeatureConfig": "features",
        "MapConfig": "maps",
        "AxisConfig": "axes",
        "ViewConfig": "view",
    }
    run_config = RunConfig(**{names[name]: value for name, value in configs.items()})
    screen = Screen()
    try:
        result = run_job(
            Request(
                run_config,
                command,
                command_line(sys.argv[1:]),
                Path(out) if out else None,
                Path(cache_dir) if cache_dir else None,
                fresh=fresh,
                overwrite=overwrite,
                resume=resume,
                allow_sample=allow_sample,
                trust_model=trust_model,
                progress=screen,
                workers=True,
            )
        )
    finally:
        screen.close()
    printed(*summary(result))


def command_line(arguments: list[str]) -> str:
    """The command as typed, absolute paths shortened to their last part: a manifest is shared, a disk is not."""
    shown = []
    for word in arguments:
        head, sep, tail = word.rpartition("=") if word.startswith("--") else ("", "", word)
        kind, colon, place = tail.partition("=" if not sep and "=" in tail and os.path.isabs(tail.partition("=")[2]) else ":")
        path = place if colon and os.path.isabs(place) else tail
        shortened = os.path.relpath(path) if os.path.isabs(path) else path
        if os.path.isabs(path) and shortened.startswith(".."):
            shortened = Path(path).name
        shown.append(head + sep + (kind + colon + shortened if path is place and colon else shortened))
    return " ".join(["fmnist-viz", *(f"'{w}'" if " " in w or "*" in w else w for w in shown)])


@app.command(rich_help_panel="Make")
def report(run: Run, cache_dir: CacheDir = "", trust_model: TrustModel = False) -> None:
    """Write a run's report, figures and Projector folder again from its own config.toml; what is cached is not computed again."""
    from fmnist_viz.cli.rerun import rerun

    rerun(run, Path(cache_dir) if cache_dir else None, trust_model=trust_model)


@app.command(rich_help_panel="Make")
@takes(ReproduceConfig, TransferConfig, DataConfig, ComputeConfig)
def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(help="Presets; by default all of the articles' but vgg19, whose features take hours.", show_default=False)
    ] = None,
    config: Config = "",
    out: Annotated[str, typer.Option("--out", help="Folder for the table as Markdown, CSV and a page.")] = "reproduction",
    ledger: Annotated[
        str, typer.Option("--ledger", help="CSV that keeps every result; by default docs/reproduction.csv where it exists, else in --out.", show_default=False)
    ] = "",
    cache_dir: CacheDir = "",
    table_only: Annotated[bool, typer.Option("--table-only", help="Train nothing; write the table from the ledger.")] = False,
    **configs: Any,
) -> None:
    """Train the articles' systems as their authors did, from where it stopped, and set the results beside the reported ones."""
    from fmnist_viz.cli.reproduce import run

    run(
        names or [],
        configs["ReproduceConfig"],
        configs["DataConfig"],
        configs["ComputeConfig"],
        configs["TransferConfig"],
        out=Path(out),
        ledger=Path(ledger) if ledger else None,
        cache_dir=Path(cache_dir) if cache_dir else None,
        table_only=table_only,
    )


@app.command(rich_help_panel="Make")
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders of the same images; the first is the baseline.", show_default=False)],
    out: Annotated[
        str, typer.Option("--out", help="Folder for report.html and the CSV files; by default projector_logs/compare-<8 digits>.", show_default=False)
    ] = "",
    cache_dir: CacheDir = "",
) -> None:
    """Compare finished runs on the same images: accuracy, images fixed and broken, confusions, classes, layers, settings."""
    from fmnist_viz.cli.compare import run_compare

    run_compare(runs, out, cache_dir, command_line(sys.argv[1:]))


@app.command("map", rich_help_panel="Make")
def draw_maps(
    words: Annotated[list[str], typer.Argument(metavar="RUN [PARAMETER=V1,V2]...", help="A run folder; further parameters of the grid.", show_default=False)],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="PARAMETER=V1,V2",
            help="Values to draw side by side: of perplexity, n_iter (t-SNE), n_neighbors, min_dist or umap_epochs (UMAP). Several parameters may follow; "
            "those of one method are combined. What is not named is as in the run.",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[str, typer.Option("--layer", help="Layers of the run, separated by commas; by default its last hidden one.", show_default=False)] = "",
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="Maps to draw, separated by commas: pca, tsne, umap, umap-supervised (which is shown the labels); by default those that read the parameters.",
            show_default=False,
        ),
    ] = "",
    dims: Annotated[int, typer.Option("--dims", help="Dimensions of the maps, 2 or 3; by default as in the run.", show_default=False)] = 0,
    components: Annotated[str, typer.Option("--components", help="PCA: the two or three components that are its axes, such as 1,3.", show_default=False)] = "",
    out: Annotated[
        str, typer.Option("--out", help="Folder for figures, grid.csv and coordinates; by default projector_logs/grid-<8 digits>.", show_default=False)
    ] = "",
    cache_dir: CacheDir = "",
) -> None:
    """Draw a finished run's maps under a grid of parameters as small multiples, each with its scores."""
    from fmnist_viz.cli.map import run_map

    line = command_line(sys.argv[1:])
    run_map(words, grid or [], layers=layer, methods=method, dims=dims, components=components, out=out, cache_dir=cache_dir, line=line)


@app.command("projector-page", rich_help_panel="Make")
def projector_page(
    folder: Annotated[Path, typer.Argument(help="A Projector folder (it holds projector_config.pbtxt), or a run folder.", show_default=False)],
    out: Annotated[str, typer.Option("--out", help="The page; by default projector.html beside the folder.", show_default=False)] = "",
    title: Annotated[str, typer.Option("--title", help="Title of the page; by default the folder's name.", show_default=False)] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file in --out.")] = False,
) -> None:
    """Put a Projector folder of any tool into one offline HTML page that holds the Projector itself."""
    from fmnist_viz.cli.screen import Screen, printed, size_text
    from fmnist_viz.pipeline.projector_page import make_page

    made = make_page(folder, Path(out) if out else None, title=title, overwrite=overwrite, progress=Screen())
    count = len(made["tensors"])
    what = f"{count} {'tensor' if count == 1 else 'tensors'}, {size_text(made['bytes'])}"
    printed(f"{os.path.relpath(made['path'])}  ({what}): open it in a browser, no server needed")


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


@app.command(rich_help_panel="Make")
@takes(SweepConfig, DataConfig, ComputeConfig)
def sweep(
    config: Config = "",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=V1,V2",
            help="What to change, one value at a time: hidden, activation, optimizer, learning-rate, epochs or batch-size. Commas part values; the widths of "
            "one network are joined by dashes: hidden=4,16-16. May be given several times; without it the articles' list of improvements is tried.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str, typer.Option("--out", help="Folder for table, figure, page and the HPARAMS tab's log folder; an earlier sweep in it is replaced.")
    ] = "sweep",
    cache_dir: CacheDir = "",
    **configs: Any,
) -> None:
    """Change one setting at a time and say what each change bought, judged by held-out training images."""
    from fmnist_viz.cli.sweep import run

    run(
        vary or [],
        configs["SweepConfig"],
        configs["DataConfig"],
        configs["ComputeConfig"],
        out=Path(out),
        cache_dir=Path(cache_dir) if cache_dir else None,
        line=command_line(sys.argv[1:]),
    )


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
    """Say what TensorBoard's Projector will show of a log folder, what breaks it and how to mend it."""
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


def main() -> None:
    """Run the command; every known failure is one line on stderr and a documented exit code."""
    from fmnist_viz.cli.failure import run_guarded

    sys.exit(run_guarded(app))
