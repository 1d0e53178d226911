"""Everything that decides a run's content, as one value with a digest."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmnist_viz.analysis.axis_text import AxisConfig
from fmnist_viz.analysis.dossier_config import DossierConfig
from fmnist_viz.analysis.human_config import HumanConfig
from fmnist_viz.core.config import check_options, digest, option, read_toml
from fmnist_viz.data.config import DataConfig
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.models.zoo import preset
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig

VERSION = "0.1.0"
LIBRARIES = (
    "tensorflow",
    "keras",
    "tensorboard",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-learn-intelex",
    "umap-learn",
    "openTSNE",
    "numba",
    "bokeh",
    "matplotlib",
    "pillow",
    "pandas",
    "cleanlab",
)


@dataclass(frozen=True)
class ViewConfig:
    """What is exported, and the seed of everything that draws lots."""

    # up to 5,000 points the Projector's own t-SNE and UMAP use every one of them
    projector_points: int = option(5000, "Images shown in the Projector, stratified; at most 100,000.", unit="images", low=2, high=2**31 - 1)
    normalize: str = option(
        "auto",
        "The Projector's vectors; auto: centred unit rows below 50 dimensions, 200 principal components above 1,024; unit: centred unit rows; none: raw.",
        choices=("auto", "unit", "none"),
    )
    tensor_format: str = option(
        "binary", "The Projector's vectors as binary files, plain text or a TensorFlow checkpoint.", choices=("binary", "tsv", "checkpoint")
    )
    seed: int = option(0, "Seed of weights, order, samples and maps.", low=0, high=2**31 - 1)
    parquet: bool = option(False, "Write projections/maps.parquet beside maps.csv; needs the extra parquet.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class ModelFileConfig:
    """A model that exists already, for `export`."""

    model_file: str = option("", "A Keras 3 .keras file with a functional or sequential classifier.")
    classes: str = option("", "The model's classes in the order of its outputs, separated by commas; by default read from the run folder that holds the file.")
    pixel_range: str = option(
        "auto",
        "Pixel values that the model takes; auto: 0-255 where it has a Rescaling or Normalization layer, else 0-1.",
        choices=("auto", "0-255", "0-1", "-1-1"),
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class BroughtConfig:
    """Vectors and predictions that were made elsewhere, for `export`; with them a model file may be missing."""

    representation: tuple[str, ...] = option((), "Vectors made elsewhere as name=FILE.npy, floating-point (n, d); may be given several times.")
    ids: str = option("", "Which image each of their rows is: a txt, csv or npy file of sample ids such as test/17; by default the split's own order.")
    predictions: str = option("", "Predictions made elsewhere, csv or npy: a class (name or number) per row, or probabilities (n, classes).")
    labels: str = option("", "True classes (names or numbers; npy, csv or txt) where there are no images at all; takes the place of --data.")

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def given(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.representation or self.predictions)


@dataclass(frozen=True)
class RunConfig:
    """`fit` is None where nothing is trained, `model_file` and `brought` are None where something is; `transfer` where no preset has a frozen base."""

    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    maps: MapConfig = field(default_factory=MapConfig)
    axes: AxisConfig = field(default_factory=AxisConfig)
    dossier: DossierConfig = field(default_factory=DossierConfig)
    human: HumanConfig = field(default_factory=HumanConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    fit: FitConfig | None = None
    model_file: ModelFileConfig | None = None
    brought: BroughtConfig | None = None
    transfer: TransferConfig | None = None

    def __post_init__(self) -> None:
        transfer = self.transfer or TransferConfig()
        models = (self.fit.model,) if self.fit else ()
        transfer.only_for(models)
        object.__setattr__(self, "transfer", transfer if any(preset(name).transfer for name in models) else None)

    @property
    def sections(self) -> list[Any]:
        parts = (
            self.data,
            self.fit,
            self.transfer,
            self.model_file,
            self.brought,
            self.compute,
            self.features,
            self.maps,
            self.axes,
            self.dossier,
            self.human,
            self.view,
        )
        return [part for part in parts if part is not None]

    def digest(self, *, command: str, data: str, threads: int, model: str = "", brought: str = "", base: str = "", human: object = None) -> str:
        """Digest of what decides the content: where data and model come from does not count, what they hold does."""
        parts = {type(part).__name__: dataclasses.asdict(part) for part in self.sections}
        parts["DataConfig"] = {"sha256": data}
        parts["MapConfig"] = self.maps.content
        parts["ComputeConfig"] |= {"threads": threads}
        del parts["HumanConfig"]
        if human is not None:
            parts["HumanConfig"] = {"content": human}
        if self.model_file:
            parts["ModelFileConfig"] = {"sha256": model, "pixel_range": self.model_file.pixel_range, "classes": self.model_file.classes}
        if self.brought:
            parts["BroughtConfig"] = {"sha256": brought}
        if self.transfer:
            parts["TransferConfig"] = {**dataclasses.asdict(self.transfer.preparation), "weights": base}
        return digest({"command": command, "version": VERSION, **parts})


def read_run_config(run: Path, kind: str) -> RunConfig:
    """The settings that a run folder keeps of itself in config.toml; `kind` as in its manifest: "train", "train-and-export" or "export"."""
    parts: dict[str, Any] = {
        "data": DataConfig, "features": FeatureConfig, "maps": MapConfig, "axes": AxisConfig, "dossier": DossierConfig, "human": HumanConfig,
        "view": ViewConfig, "compute": ComputeConfig,
        **({"model_file": ModelFileConfig, "brought": BroughtConfig} if kind == "export" else {"fit": FitConfig, "transfer": TransferConfig}),
    }  # fmt: skip
    values = read_toml(str(run / "config.toml"), {f.name for part in parts.values() for f in dataclasses.fields(part)})
    return RunConfig(**{name: part(**{f.name: values[f.name] for f in dataclasses.fields(part) if f.name in values}) for name, part in parts.items()})


# rooms whose code decides what is computed; how it is drawn and told does not
COMPUTING = ("core", "data", "models", "reduce.py", "neighbors.py", "features", "projection", "analysis", "training")


@functools.cache
def code_digest(rooms: tuple[str, ...] = COMPUTING, without: tuple[str, ...] = ()) -> str:
    """SHA-256 of the sources of the computing rooms, for cache keys: a changed program never takes an older one's results for its own.

    `without`: modules in them that only look on.
    """
    root, h = Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")) if (root / room).is_dir() else [root / room]:
            if (name := path.relative_to(root).as_posix()) not in without:
                h.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return h.hexdigest()[:16]


def versions(*names: str) -> dict[str, str]:
    """Installed versions of the given libraries (all of `LIBRARIES` by default); those not installed are left out."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in names or LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
