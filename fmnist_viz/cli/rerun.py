"""Make a run's exports again from the settings that it keeps itself."""

from __future__ import annotations

from pathlib import Path

from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.cli.summary import summary
from fmnist_viz.core.errors import BadInput
from fmnist_viz.pipeline.config import read_run_config
from fmnist_viz.pipeline.folder import verify
from fmnist_viz.pipeline.job import run_job
from fmnist_viz.pipeline.request import Request


def rerun(run: Path, cache_dir: Path | None, *, trust_model: bool = False) -> None:
    """Raises BadInput for a run that only trained, or a comparison."""
    about = verify(run).about
    if about["kind"] == "train":
        raise BadInput("NO-MAPS", run, "holds a training without maps", "Use fmnist-viz train-and-export with the same settings.")
    others = {"compare": "a comparison", "map": "a grid of maps", "transform": "images on another run's maps", "stability": "the stability of maps"}
    if about["kind"] in others:
        raise BadInput("NO-RUN", run, f"holds {others[about['kind']]}, not a run", f"Use fmnist-viz {about['kind']} with the same runs.")
    screen = Screen()
    try:
        config = read_run_config(run, about["kind"])
        request = Request(config, about["kind"], about["command"], run, cache_dir, again=True, trust_model=trust_model, progress=screen, workers=True)
        result = run_job(request)
    finally:
        screen.close()
    printed(*summary(result))
