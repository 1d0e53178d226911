"""A thin wrapper around `tensorboard`: the right folder, this machine only, the right address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fmnist_viz.cli.screen import printed
from fmnist_viz.core.errors import BadInput


def serve(folder: Path, port: int) -> None:
    """Run TensorBoard in the foreground until it is interrupted. Raises BadInput where there is nothing to show."""
    if not folder.is_dir():
        raise BadInput("NO-LOGS", folder, "there is no such folder", "Make a run first: fmnist-viz train-and-export.")
    if not any(folder.rglob("*tfevents*")):
        raise BadInput("NO-LOGS", folder, "holds no TensorBoard events", "Give a run folder, or the folder that holds the runs.")
    printed(
        f"Projector:  http://localhost:{port or '<port below>'}/#projector", f"stop with Ctrl-C; the same as: tensorboard --logdir {folder} --port {port}", ""
    )
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port), "--host", "localhost"], check=False)
