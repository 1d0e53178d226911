"""The commands that make something, each a few lines over `pipeline`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fmnist_viz.analysis.axis_text import AxisConfig
from fmnist_viz.analysis.dossier_config import DossierConfig
from fmnist_viz.analysis.human_config import HumanConfig
from fmnist_viz.cli.options import CacheDir, Config, Fresh, Out, Overwrite, Resume, TrustModel, takes
from fmnist_viz.cli.program import Run, app
from fmnist_viz.data.config import DataConfig
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.pipeline.config import BroughtConfig, ModelFileConfig, ViewConfig
from fmnist_viz.pipeline.reproduce import ReproduceConfig
from fmnist_viz.pipeline.variants import SweepConfig
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig


@app.command("train-and-export", rich_help_panel="Make")
@takes(FitConfig, TransferConfig, DataConfig, FeatureConfig, MapConfig, AxisConfig, DossierConfig, HumanConfig, ViewConfig, ComputeConfig)
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
@takes(ModelFileConfig, BroughtConfig, DataConfig, FeatureConfig, MapConfig, AxisConfig, DossierConfig, HumanConfig, ViewConfig, ComputeConfig)
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


@app.command(rich_help_panel="Make")
@takes(HumanConfig)
def report(
    run: Run,
    against: Annotated[
        str, typer.Option("--against", help="Another finished run: the report says what it gets right and wrong on the same images.", show_default=False)
    ] = "",
    out: Annotated[
        str,
        typer.Option("--out", help="Write this one page, with a folder of its tables beside it, and leave the run as it is.", show_default=False),
    ] = "",
    cache_dir: CacheDir = "",
    trust_model: TrustModel = False,
    **configs: Any,
) -> None:
    """Write a run's report, figures and Projector folder again from its own config.toml; what is cached is not computed again."""
    from fmnist_viz.cli.rerun import rerun

    cache = Path(cache_dir) if cache_dir else None
    other = Path(against) if against else None
    rerun(run, cache, trust_model=trust_model, against=other, human=configs["HumanConfig"], out=Path(out) if out else None, line=command_line(sys.argv[1:]))


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


@app.command(rich_help_panel="Make")
def stability(
    words: Annotated[list[str], typer.Argument(metavar="RUN [PARAMETER=V1,V2]...", help="A run folder; further parameters of the grid.", show_default=False)],
    layers: Annotated[str, typer.Option("--layers", help="Layers of the run, separated by commas; by default its last hidden one.", show_default=False)] = "",
    methods: Annotated[str, typer.Option("--methods", help="Maps to make again, separated by commas: pca, tsne, umap.")] = "tsne,umap",
    seeds: Annotated[int, typer.Option("--seeds", help="Maps from random starts, and as many of random halves of the images, 2 to 50.")] = 5,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="PARAMETER=V1,V2",
            help="Further maps: values of perplexity, n_iter (t-SNE), n_neighbors, min_dist or umap_epochs (UMAP), as in `map`.",
            show_default=False,
        ),
    ] = None,
    resample: Annotated[
        bool, typer.Option("--resample/--no-resample", help="Map random halves of the images: without them no interval is of the images.")
    ] = True,
    points: Annotated[int, typer.Option("--points", help="Map a stratified sample of this many images; 0: all, of more than 10,000 those.")] = 0,
    out: Annotated[str, typer.Option("--out", help="Folder for figures and tables; by default projector_logs/stability-<8 digits>.", show_default=False)] = "",
    cache_dir: CacheDir = "",
) -> None:
    """Make a finished run's maps again and again and say which gaps between classes, and which points, stay."""
    from fmnist_viz.cli.stability import run_stability

    line = command_line(sys.argv[1:])
    run_stability(
        words, grid or [], layers=layers, methods=methods, seeds=seeds, resample=resample, points=points, out=out, cache_dir=cache_dir, line=line
    )  # fmt: skip


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
    from fmnist_viz.pipeline.job import run_job
    from fmnist_viz.pipeline.request import Request

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
        "DossierConfig": "dossier",
        "HumanConfig": "human",
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
