"""The page of a comparison: verdicts, figures as data URIs, and every table as text."""

from __future__ import annotations

import base64
import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fmnist_viz.analysis.comparison import LEVEL, Comparison
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.accuracy_intervals import AccuracyIntervalsDisplay
from fmnist_viz.display.confusion_change import ConfusionChangeDisplay
from fmnist_viz.display.image_wall import ImageWallDisplay
from fmnist_viz.export.comparison.content import ComparisonContent
from fmnist_viz.export.document import POLICY, environment, stylesheet
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

HERE = Path(__file__).parent
ON_WALL = 40  # images; the CSV files hold all
CELLS = 20  # most changed cells in the page's table


class Display(Protocol):
    def plot(self) -> Figure:
        """A figure on a sheet of its own."""

    def caption(self) -> str:
        """What stands below it."""


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, `width` CSS pixels wide, with its caption as alternative text."""

    uri: str
    width: int
    alt: str


def render(content: ComparisonContent) -> str:
    """The whole page as text; equal content gives equal text. Names are escaped by the template."""
    return (
        environment(HERE)
        .get_template("page.html")
        .render(
            title=visible(content.title),
            policy=POLICY,
            css=stylesheet(HERE),
            content=content,
            verdicts=[visible(line) for line in content.verdicts],
            warnings=[visible(line) for line in content.notes],
            n=len(content.runs[0].y_true),
            classes=len(content.runs[0].class_names),
            accuracy=picture(AccuracyIntervalsDisplay(content.runs)),
            tests=_numbers(
                content.tables["tests"].drop(columns="other_answers"), baseline_accuracy="its accuracy", run_accuracy="accuracy", p_holm="p after Holm"
            ),
            pairs=[_pair(content, pair) for pair in content.pairs],
            layers=_layers(content.tables["layers"]),
            similarity=_similarity(content.tables.get("similarity")),
            settings=table_of(content.tables["settings"].astype(str)),
        )
    )


def picture(display: Display) -> Picture:
    """A display as PNG at its own resolution, shown at its size in inches."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure = display.plot()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    out = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3]).save(out, "PNG", compress_level=6)
    return Picture("data:image/png;base64," + base64.b64encode(out.getvalue()).decode(), round(96 * figure.get_figwidth()), visible(display.caption()))


def _numbers(frame: pd.DataFrame, **titles: str) -> Table:
    """A table whose p and q are short, and whose differences are signed points with their interval, set to the right like numbers."""
    texts = {name: [p_short(value) for value in frame[name]] for name in ("p", "p_holm", "q") if name in frame}
    texts["difference"] = [
        f"{100 * d:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})" if d == d else "–"
        for d, low, high in zip(frame["difference"], frame["difference_low"], frame["difference_high"], strict=True)
    ]
    rates = tuple(name for name in frame if name.endswith(("_accuracy", "_recall")))
    made = table_of(frame.drop(columns=["difference_low", "difference_high"]).assign(**texts), percent=rates, titles={"difference": "points", **titles})
    right = {titles.get(name, name) for name in texts} | {"points"}
    return dataclasses.replace(made, columns=tuple(dataclasses.replace(c, numeric=c.numeric or c.name in right) for c in made.columns))


def p_short(p: float) -> str:
    """``0.0312``, ``< 0.0001``; a dash where nothing was tested."""
    return "–" if p != p else "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _pair(content: ComparisonContent, pair: Comparison) -> dict[str, Any]:
    cells, classes = pair.cells(), pair.per_class()
    changed = cells[cells["q"].notna()].sort_values("q", kind="stable").head(CELLS)
    shown = ["true", "predicted", "n_true", "baseline_count", "run_count", "difference", "difference_low", "difference_high", "q"]
    significant = classes[classes["significant"]]
    worse, better = (significant[significant["difference"] * sign > 0]["class"].map(visible).tolist() for sign in (-1, 1))
    return {
        "name": visible(pair.b.name),
        "baseline": visible(pair.a.name),
        "change": picture(ConfusionChangeDisplay(pair)),
        "fixed": wall(content.images, pair, pair.fixed, fixed=True),
        "broken": wall(content.images, pair, pair.broken, fixed=False),
        "counts": (len(pair.fixed), len(pair.broken)),
        "cells": _numbers(changed[shown], n_true="of", baseline_count="from", run_count="to"),
        "total_cells": int(cells["q"].notna().sum()),
        "classes": _numbers(classes.drop(columns=["baseline", "run", "method", "significant"]), baseline_recall="recall of the baseline", run_recall="recall"),
        "reading": _reading(better, worse),
    }


def _reading(better: list[str], worse: list[str]) -> str:
    parts = [f"{word} in {', '.join(names)}" for word, names in (("higher", better), ("lower", worse)) if names]
    return f"Recall is {'; '.join(parts)} (q < {LEVEL:g})." if parts else "In no class does recall differ by more than chance would make it."


def wall(images: LabeledImages | None, pair: Comparison, rows: NDArray[np.int64], *, fixed: bool) -> Picture | None:
    """The first images of `rows` with what both said of them; None where there is nothing to show."""
    if images is None or not len(rows):
        return None
    head, names = rows[:ON_WALL], pair.a.class_names
    wrong = pair.a if fixed else pair.b
    words = [(names[pair.a.y_true[i]], f"not {names[wrong.y_pred[i]]}", f"{wrong.confidence[i]:.2f}") for i in head]
    what = "Fixed" if fixed else "Broken"
    said = f"{what}: right in {(pair.b if fixed else pair.a).name}, wrong in {wrong.name}, whose answer and confidence stand below; most confident first"
    return picture(ImageWallDisplay(images.take(head), words, said=said, total=len(rows)))


def _layers(frame: pd.DataFrame) -> Table | None:
    return table_of(frame, titles={"knn_accuracy": "15-NN accuracy of the vectors", "kept_width": "kept"}) if len(frame) else None


def _similarity(frame: pd.DataFrame | None) -> Table | None:
    if frame is None or not len(frame):
        return None
    return table_of(frame, titles={"cka": "CKA", "shared_neighbors": "shared neighbours", "baseline_layer": "layer of the baseline", "run_layer": "layer"})
