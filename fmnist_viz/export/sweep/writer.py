"""A sweep's folder: the table three times, every training, the figure, and an event file per training."""

from __future__ import annotations

import io
from pathlib import Path

from fmnist_viz.core.store import write_file
from fmnist_viz.export.sweep.content import SweepContent
from fmnist_viz.export.sweep.markdown import markdown
from fmnist_viz.export.sweep.page import page
from fmnist_viz.training.session import EVENTS

HPARAMS = "hparams"  # TensorBoard's log folder


def write_sweep(folder: Path, content: SweepContent) -> None:
    """Write sweep.csv, sweep.md, sweep.html, sweep.png, trials.csv and hparams/<training>/ into `folder`, taken as staged by the caller.

    Raises ResourceError where the disk is full or the folder cannot be written.
    """
    picture, width = _png(content)
    write_file(folder / "sweep.csv", content.display.frame().to_csv(index=False, lineterminator="\n", float_format="%.7g"))
    write_file(folder / "trials.csv", _trials(content))
    write_file(folder / "sweep.md", markdown(content))
    write_file(folder / "sweep.html", page(content, picture, width))
    write_file(folder / "sweep.png", picture)
    for name, events in content.sessions.items():
        write_file(folder / HPARAMS / name / EVENTS, events)


def _trials(content: SweepContent) -> str:
    """Every training with its settings, as CSV."""
    import dataclasses

    import pandas as pd

    rows = [{**dataclasses.asdict(trial), **content.details.get(trial.variant, {})} for trial in content.trials]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n", float_format="%.7g")


def _png(content: SweepContent) -> tuple[bytes, float]:
    """The figure, and its width in inches."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    from fmnist_viz.display.style import DPI, styled

    with styled():
        figure = content.display.plot(stamp=tuple(content.warnings))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        out = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3]).save(out, "PNG", dpi=(DPI, DPI), optimize=True)  # type: ignore[no-untyped-call]
    return out.getvalue(), float(figure.get_figwidth())
