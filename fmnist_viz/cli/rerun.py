"""Make a run's exports again from the settings that it keeps itself: in the run, or as one page elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.cli.screen import Screen, printed, size_text
from fmnist_viz.cli.summary import summary
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.pipeline.config import read_run_config
from fmnist_viz.pipeline.folder import verify
from fmnist_viz.pipeline.job import run_job
from fmnist_viz.pipeline.request import Request

if TYPE_CHECKING:
    from fmnist_viz.analysis.human_config import HumanConfig


def rerun(
    run: Path, cache_dir: Path | None, *, trust_model: bool = False, against: Path | None = None, human: HumanConfig | None = None, out: Path | None = None,
    line: str = "",
) -> None:  # fmt: skip
    """Raises BadInput for a run that only trained, or a comparison, and for another run that it cannot be compared with."""
    about = verify(run).about
    if about["kind"] == "train":
        raise BadInput("NO-MAPS", run, "holds a training without maps", "Use fmnist-viz train-and-export with the same settings.")
    others = {"compare": "a comparison", "map": "a grid of maps", "transform": "images on another run's maps", "stability": "the stability of maps"}
    if about["kind"] in others:
        raise BadInput("NO-RUN", run, f"holds {others[about['kind']]}, not a run", f"Use fmnist-viz {about['kind']} with the same runs.")
    screen = Screen()
    try:
        config = read_run_config(run, about["kind"])
        human = human if human and human.human_labels else None
        if human and config.human.human_labels:
            fact = f"the run has human labels of its own ({Path(config.human.human_labels).name})"
            raise UsageError("OPTION-UNUSED", "--human-labels", fact, f"Leave it out, or make the run with them: fmnist-viz {about['kind']}.")
        other = None
        if against is not None:
            from fmnist_viz.pipeline.against import opponent

            other = opponent(run, against)
        request = Request(
            config, about["kind"], about["command"], run, cache_dir, again=True, trust_model=trust_model, progress=screen, workers=True,
            against=other, human=human,
        )  # fmt: skip
        if out is None:
            return printed(*summary(run_job(request)))
        from fmnist_viz.pipeline.page import make_page

        page, tables = make_page(request, out, line)
    finally:
        screen.close()
    printed(f"{os.path.relpath(page)}  ({size_text(page.stat().st_size)}): open it in a browser, no server needed")
    printed(f"{os.path.relpath(tables)}{os.sep}  its tables as CSV")
