"""Figures for papers: every kind laid out anew at the width of a column or of a page, with its caption and its numbers beside it."""

from fmnist_viz.display.paper.figure import PaperFigure
from fmnist_viz.display.paper.plate import Plate

__all__ = ["PaperFigure", "Plate"]
