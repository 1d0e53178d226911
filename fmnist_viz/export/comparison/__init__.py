"""The page of a comparison: one HTML file without scripts that opens with no server and no network."""

from fmnist_viz.export.comparison.content import ComparisonContent
from fmnist_viz.export.comparison.page import render

__all__ = ["ComparisonContent", "render"]
