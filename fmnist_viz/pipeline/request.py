"""One call: what is asked for, and what it starts from, found and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.core.cache import Cache
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.pipeline.brought import check_usage, labels_only, read_brought
from fmnist_viz.pipeline.classes import known_names, match_classes
from fmnist_viz.pipeline.config import RunConfig
from fmnist_viz.pipeline.context import mapped_images
from fmnist_viz.pipeline.features import ModelFile
from fmnist_viz.pipeline.human import read_people
from fmnist_viz.pipeline.transfer import frozen_base, warning_of

if TYPE_CHECKING:
    from fmnist_viz.analysis.human_config import HumanConfig
    from fmnist_viz.core.types import DataSet
    from fmnist_viz.pipeline.against import Opponent
    from fmnist_viz.pipeline.brought import Brought
    from fmnist_viz.pipeline.human import People
    from fmnist_viz.pipeline.transfer import FrozenBase

LOGS = Path("projector_logs")


@dataclass(frozen=True)
class Request:
    """One call: what to make (`config`) and where, which is no part of what is made."""

    config: RunConfig
    command: str  # "train-and-export", "train" or "export"
    line: str  # the command as typed, paths relative, for the manifest
    out: Path | None = None
    cache_dir: Path | None = None
    fresh: bool = False
    overwrite: bool = False
    resume: bool = False  # go on with an unfinished training of this very configuration
    trust_model: bool = False  # open a model file whatever its classes are: its own code may run
    again: bool = False  # write the exports again even where the run is finished
    allow_sample: bool = False  # go on with the shipped sample where Fashion-MNIST cannot be had
    progress: Progress = field(default_factory=Silent)
    against: Opponent | None = None  # a finished run to compare with in the report
    human: HumanConfig | None = None  # human labels for this report alone, where the run has none of its own
    report_only: bool = False  # no figures, no Projector folder: a page is made elsewhere
    workers: bool = False  # a second process for UMAP; a script that sets it needs the `if __name__ == "__main__"` guard


@dataclass(frozen=True)
class Result:
    """Where everything is, and whether anything had to be done."""

    path: Path
    manifest: Manifest
    reused: bool
    seconds: float


@dataclass(frozen=True)
class Given:
    """What a call starts from: data, and a model, vectors and predictions or a frozen base where there are such; what must be said about them."""

    data: DataSet
    digests: dict[str, str]  # of the data's splits by name
    model: ModelFile | None
    brought: Brought | None
    base: FrozenBase | None
    warnings: list[str]
    people: People | None = None


def gather(request: Request, cache: Cache, threads: int) -> Given:
    """Find and check everything that the run starts from; says what must be said."""
    config, progress = request.config, request.progress
    check_usage(config)
    model = model_file(config, trust=request.trust_model)
    data, warnings = load_data(request)

    def warn(*lines: str) -> None:
        for line in filter(None, lines):
            warnings.append(line)
            progress.warn(line)

    if model is not None:
        warn(model.warning)
    if config.model_file is not None and (model is not None or (config.model_file.classes and not (config.brought and config.brought.labels))):
        path = model.path if model else Path("--classes")
        data, unsure = match_classes(data, known_names(path, config.model_file.classes), path.name)
        warn(unsure)
    brought = None
    if config.brought is not None and config.brought.given:
        brought = read_brought(config, mapped_images(data, split=config.features.split, points=0, seed=config.view.seed))
        assert brought is not None
        warn(*brought.notes)
    digests = {part.split: part.digest() for part in (data.train, data.test) if part is not None}
    base = frozen_base((config.fit.model,) if config.fit else (), config.transfer, data, threads, cache, progress)
    if base is not None and base.weights.warning:
        warnings.append(base.weights.warning)  # said on screen where the weights were found
    if model is not None:
        warn(warning_of(model.path))
    people = read_people(request.human or config.human, data, config.features.split, max_bytes=config.data.max_bytes)
    return Given(data, digests, model, brought, base, warnings, people)


def load_data(request: Request) -> tuple[DataSet, list[str]]:
    """The data and what must be said about it everywhere it is used."""
    from fmnist_viz.data import load, load_or_sample

    if (labels := labels_only(request.config)) is not None:
        request.progress.say(f"using {len(labels.test):,} labels of {len(labels.class_names)} classes, and no images")
        return labels, []
    find = load_or_sample if request.allow_sample else load
    data = find(request.config.data, progress=request.progress)
    warnings = []
    if data.source.fallback:
        warnings.append(
            "SAMPLE, not the real data: Fashion-MNIST was not found and could not be downloaded. Every figure here is of 5,000 training and 1,000 test images."
        )
    elif data.source.kind == "sample":
        warnings.append("SAMPLE: 5,000 training and 1,000 test images of Fashion-MNIST's 70,000. Figures of the full data differ.")
    if 0 < (points := request.config.features.points) < len(data.test) and request.command != "train":
        warnings.append(f"The maps and confusions are of a stratified sample of {points:,} images (--points).")
    if request.config.data.allow_modified and not data.source.official:
        warnings.append("MODIFIED DATA: these files are not the published Fashion-MNIST.")
    if data.source.notes and request.config.data.label_fixes:
        warnings.append(f"CORRECTED LABELS: {data.source.notes[-1]}.")
    for line in warnings:
        request.progress.warn(line)
    counts = f"{len(data.train) if data.train is not None else 0:,} training and {len(data.test):,} test images"
    request.progress.say(f"using {counts} of {len(data.class_names)} classes")
    return data, warnings


def model_file(config: RunConfig, *, trust: bool = False) -> ModelFile | None:
    """The model to export, judged now and opened when it is needed; None where one is to be trained, or none is given."""
    if config.model_file is None or not config.model_file.model_file:
        return None
    path = Path(config.model_file.model_file)
    return ModelFile(path, path.stem, trust=trust)


def default_folder(config: RunConfig, digest: str, *, fresh: bool) -> Path:
    """`projector_logs/<model>-<8 digits>`; --fresh takes the first free of `-2`, `-3` ..."""
    name = config.fit.model if config.fit else Path(config.model_file.model_file).stem if config.model_file else ""
    name = name or "export"
    path = LOGS / f"{name}-{digest[:8]}"
    number = 2
    while fresh and path.exists():
        path = LOGS / f"{name}-{digest[:8]}-{number}"
        number += 1
    return path
