"""Writes the comparison: Markdown, CSV, and one page without script that asks no network for anything."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from fmnist_viz.analysis.reproduction import Reproduction
from fmnist_viz.core.store import write_file
from fmnist_viz.display.reproduction import ReproductionDisplay
from fmnist_viz.display.style import styled
from fmnist_viz.export.document import POLICY, environment, stylesheet
from fmnist_viz.export.reproduction import wording
from fmnist_viz.export.reproduction.markdown import CELL_HEADS, RATE_HEADS, READING, markdown_page

HERE = Path(__file__).parent
TITLE = "Reproduction of the articles"
FILES = ("reproduction.md", "reproduction_table.csv", "reproduction.html")


def write_reproduction(rows: Sequence[Reproduction], folder: Path) -> list[Path]:
    """Write `FILES` into `folder`, each all or nothing; equal comparisons give equal bytes.

    The table of comparisons is not called reproduction.csv: that is the ledger's name, which may lie in the same folder.

    Raises
    ------
    ResourceError where the disk is full or the folder cannot be written.
    """
    contents = (markdown_page(rows), wording.table_frame(rows).to_csv(index=False, lineterminator="\n"), page(rows))
    paths = [Path(folder) / file for file in FILES]
    for path, content in zip(paths, contents, strict=True):
        write_file(path, content)
    return paths


def page(rows: Sequence[Reproduction]) -> str:
    """The page as text."""
    systems = [
        {
            "name": wording.name(r), "said": wording.heading(r), "remarks": wording.remarks(r), "cells": wording.confusion_rows(r),
            "class_title": wording.class_title(r), "classes": wording.per_class_rows(r),
        }
        for r in rows
    ]  # fmt: skip
    return environment(HERE).get_template("page.html").render(
        title=TITLE, policy=POLICY, css=stylesheet(HERE), reading=READING, heads=wording.HEADS,
        main=wording.main_rows(rows), cell_heads=CELL_HEADS, rate_heads=RATE_HEADS, figure=_figure(rows), systems=systems,
        summary=wording.summary(rows),
    )  # fmt: skip


def _figure(rows: Sequence[Reproduction]) -> str:
    """The display as SVG in base64."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn = io.BytesIO()
    figure = ReproductionDisplay(rows).plot()
    with styled():
        FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None, "Creator": None})
    return base64.b64encode(drawn.getvalue()).decode()
