"""Make a run's exports again from the settings that it keeps itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fmnist_viz.analysis.axis_text import AxisConfig
from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.cli.summary import summary
from fmnist_viz.core.config import read_toml
from fmnist_viz.core.errors import BadInput
from fmnist_viz.data.config import DataConfig
from fmnist_viz.features.config import FeatureConfig
from fmnist_viz.pipeline.config import BroughtConfig, ModelFileConfig, RunConfig, ViewConfig
from fmnist_viz.pipeline.folder import verify
from fmnist_viz.pipeline.job import Request, run_job
from fmnist_viz.projection.config import MapConfig
from fmnist_viz.training.config import ComputeConfig, FitConfig, TransferConfig


def rerun(run: Path, cache_dir: Path | None, *, trust_model: bool = False) -> None:
    """Raises BadInput for a run that only trained, or a comparison."""
    about = verify(run).about
    if about["kind"] == "train":
        raise BadInput("NO-MAPS", run, "holds a training without maps", "Use fmnist-viz train-and-export with the same settings.")
    if about["kind"] in (others := {"compare": "a comparison", "map": "a grid of maps"}):
        raise BadInput("NO-RUN", run, f"holds {others[about['kind']]}, not a run", f"Use fmnist-viz {about['kind']} with the same runs.")
    parts = {"data": DataConfig, "features": FeatureConfig, "maps": MapConfig, "axes": AxisConfig, "view": ViewConfig, "compute": ComputeConfig}
    own = {"fit": FitConfig, "transfer": TransferConfig}
    parts |= own if about["kind"] == "train-and-export" else {"model_file": ModelFileConfig, "brought": BroughtConfig}
    known = {f.name for part in parts.values() for f in dataclasses.fields(part)}
    values = read_toml(str(run / "config.toml"), known)
    made = {name: part(**{f.name: values[f.name] for f in dataclasses.fields(part) if f.name in values}) for name, part in parts.items()}
    screen = Screen()
    try:
        request = Request(
            RunConfig(**made), about["kind"], about["command"], run, cache_dir, again=True, trust_model=trust_model, progress=screen, workers=True
        )
        result = run_job(request)
    finally:
        screen.close()
    printed(*summary(result))
