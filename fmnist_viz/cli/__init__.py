"""Floor 6: the commands, each a few lines over `pipeline`."""

from __future__ import annotations

import sys

from fmnist_viz.cli import make, paper, show, transform  # noqa: F401  (they add their commands to the program)
from fmnist_viz.cli.program import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command; every known failure is one line on stderr and a documented exit code."""
    from fmnist_viz.cli.failure import run_guarded

    sys.exit(run_guarded(app))
