"""A sweep's files: table as CSV, Markdown and one offline page, and its figure."""

from fmnist_viz.export.sweep.content import SweepContent
from fmnist_viz.export.sweep.markdown import markdown
from fmnist_viz.export.sweep.page import page
from fmnist_viz.export.sweep.writer import write_sweep

__all__ = ["SweepContent", "markdown", "page", "write_sweep"]
