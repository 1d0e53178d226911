"""The page: numbers, drawings and the script's data put into the template, and written in one step."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_viz.analysis.confusion import Confusion, confusion
from fmnist_viz.core.palette import NEUTRAL, class_colors
from fmnist_viz.core.store import write_file
from fmnist_viz.export.document import environment, stylesheet
from fmnist_viz.export.report.cards import card_section
from fmnist_viz.export.report.content import ReportContent
from fmnist_viz.export.report.curves import curve_panels
from fmnist_viz.export.report.distortion import distortion_index
from fmnist_viz.export.report.dossier import dossier_section
from fmnist_viz.export.report.gallery import galleries
from fmnist_viz.export.report.ladder import ladder_section
from fmnist_viz.export.report.maptable import is_map_table, map_table
from fmnist_viz.export.report.readings import (
    classes_reading,
    curves_reading,
    layers_reading,
    matrix_reading,
    pairs_reading,
    rate_text,
    table_reading,
)
from fmnist_viz.export.report.scatter import RIGHT_OR_WRONG, map_columns, map_index, map_item, method_order
from fmnist_viz.export.report.sheet import ThumbnailSheets, thumbnail_sheets
from fmnist_viz.export.report.table import Table, layer_table, table_of
from fmnist_viz.export.report.weightmap import weight_maps
from fmnist_viz.projection.caption import METHOD_NAMES

HERE = Path(__file__).parent
# Nothing may be asked of any network and no text may become code; `connect-src` forbids even fetch("data:...").
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'"
)
SCRIPTS = ("data", "distortion", "tip", "map", "names", "matrix", "selection", "tables", "ladder", "dossier", "page")
TOP_PAIRS = 8


def write_report(path: Path, content: ReportContent) -> None:
    """Write the report as one HTML file, all or nothing; equal content gives equal bytes.

    Raises ResourceError where the disk is full or the folder cannot be written.
    """
    write_file(Path(path), render(content))


def render(content: ReportContent) -> str:
    """The whole page as text."""
    pages = environment(HERE)
    # Bokeh reads a definition before what refers to it: keep the keys in their order.
    pages.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False, "separators": (",", ":")}
    return pages.get_template("page.html").render(_context(content))


def _context(content: ReportContent) -> dict[str, Any]:
    from markupsafe import Markup

    counted = None if content.predictions is None else Confusion(confusion(content.predictions).counts, content.class_names)
    columns = map_columns(content)
    distortion = distortion_index(content)
    sheets = thumbnail_sheets(content.images)
    return {
        "content": content,
        "title": content.title,
        "warnings": content.warnings,
        "policy": POLICY,
        "css": stylesheet(HERE),
        "bokeh_js": [Markup(text) for text in _bokeh_scripts()],
        "script": Markup("\n".join((HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)),
        "data": {**_data(content, counted, map_index(content, columns), sheets), "distortion": distortion},
        "figure": map_item(content, columns),
        "sheets": [Markup(base64.b64encode(sheet).decode()) for sheet in sheets.sheets],
        "panels": curve_panels(content.history, content.watched),
        "curves_reading": content.learning or curves_reading(content.history),
        "layers": layer_table(content.layers),
        "layers_reading": layers_reading(content),
        "weight_maps": weight_maps(content),
        "ladder": ladder_section(content.ladder),
        "dossiers": dossier_section(content),
        "cards": card_section(content),
        "galleries": galleries(content.pictures),
        "neutral": NEUTRAL,
        "no_favourite": any((np.asarray(favoured) < 0).any() for favoured in content.weight_classes.values()),
        "tables": _tables(content),
        "names": content.class_names,
        "colors": class_colors(len(content.class_names)),
        "counted": counted is not None,
        "has_proba": content.predictions is not None and content.predictions.has_proba,
        "has_distortion": bool(distortion["maps"]),
        "near_count": distortion["count"] if distortion["near"] else 0,
        **({"top_pairs": []} if counted is None else _confusion_context(counted)),
    }


def _tables(content: ReportContent) -> list[tuple[str, Table, Sequence[str], str]]:
    """Title, table, lines below it and reading of every further table."""
    found: list[tuple[str, Table, Sequence[str], str]] = []
    for title, frame in content.tables.items():
        table, notes = map_table(frame) if is_map_table(frame) else (table_of(frame), ())
        found.append((title, table, (*notes, *content.notes.get(title, ())), content.readings.get(title) or table_reading(frame, content.projections)))
    return found


def _confusion_context(counted: Confusion) -> dict[str, Any]:
    classes = counted.per_class()
    # Pairs are found by number, not by name: names may be anything, and two classes may look alike.
    pairs = Confusion(counted.counts, tuple(str(k) for k in range(len(counted.class_names)))).pairs()
    cells = list(zip(pairs["true"].astype(int).tolist(), pairs["predicted"].astype(int).tolist(), strict=True))
    pairs = pairs.assign(true=[counted.class_names[t] for t, _ in cells], predicted=[counted.class_names[p] for _, p in cells])
    low, high = counted.intervals
    top = [
        {"true": t, "predicted": p, "rate": rate_text(counted.rates[t, p], low[t, p], high[t, p]), "count": int(counted.counts[t, p])}
        for t, p in cells[:TOP_PAIRS]
    ]
    rates = ("precision", "recall", "f1")
    return {
        "accuracy": rate_text(*counted.accuracy),
        "top_pairs": top,
        "matrix_reading": matrix_reading(counted, pairs),
        "classes": table_of(classes.drop(columns="tn"), percent=rates, titles={"tp": "right", "fn": "missed", "fp": "wrongly taken for it", "f1": "F1"}),
        "classes_reading": classes_reading(classes),
        "pairs": table_of(pairs, percent=("rate",), titles={"n_true": "of", "rate": "rate (95 % interval)"}, pairs=tuple(cells)),
        "pairs_reading": pairs_reading(counted, counted.class_names),
    }


def _data(content: ReportContent, counted: Confusion | None, maps: list[dict[str, Any]], sheets: ThumbnailSheets) -> dict[str, Any]:
    """What the page's script knows; image arrays and coordinates travel apart, as binary. What is not known is null."""
    methods = method_order(content)
    return {
        "title": content.title,
        "classes": content.class_names,
        "colors": class_colors(len(content.class_names)),
        "rightOrWrong": RIGHT_OR_WRONG,
        "ids": content.images.sample_ids.tolist(),
        "labels": content.images.labels.tolist(),
        **_predicted(content, counted),
        "representations": maps,
        "methods": methods,
        "methodNames": [METHOD_NAMES.get(m, m) for m in methods],
        "sheet": {"count": len(sheets.sheets), "thumb": sheets.thumb, "columns": sheets.columns, "perSheet": sheets.per_sheet},
    }


def _predicted(content: ReportContent, counted: Confusion | None) -> dict[str, Any]:
    p = content.predictions
    if p is None or counted is None:
        return dict.fromkeys(("predictions", "confidence", "margin", "low", "high"))
    low, high = counted.intervals
    return {
        "predictions": p.y_pred.tolist(),
        "confidence": np.round(p.confidence.astype(float), 4).tolist() if p.has_proba else None,
        "margin": np.round(p.margin.astype(float), 4).tolist() if p.has_proba else None,
        "low": np.round(low, 4).tolist(),
        "high": np.round(high, 4).tolist(),
    }


def _bokeh_scripts() -> list[str]:
    """The part of BokehJS that draws: no widgets, no tables, no MathJax."""
    from bokeh.resources import Resources

    return list(Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw)
