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
from fmnist_viz.core.types import split_words
from fmnist_viz.export.document import environment
from fmnist_viz.export.report.against import against_index, against_section
from fmnist_viz.export.report.calibration import calibration_section
from fmnist_viz.export.report.cards import card_section
from fmnist_viz.export.report.content import ReportContent
from fmnist_viz.export.report.curves import curve_panels
from fmnist_viz.export.report.distortion import distortion_index
from fmnist_viz.export.report.dossier import dossier_section
from fmnist_viz.export.report.film import film_section
from fmnist_viz.export.report.gallery import galleries
from fmnist_viz.export.report.human import human_index, human_section
from fmnist_viz.export.report.issues import issues_section
from fmnist_viz.export.report.ladder import ladder_section
from fmnist_viz.export.report.maptable import is_map_table, map_table
from fmnist_viz.export.report.matrix import matrix_context, matrix_data
from fmnist_viz.export.report.probabilities import probability_index
from fmnist_viz.export.report.readings import curves_reading, layers_reading, table_reading
from fmnist_viz.export.report.reduced import reductions, sheet_room
from fmnist_viz.export.report.scatter import RIGHT_OR_WRONG, map_columns, map_index, map_item, method_order
from fmnist_viz.export.report.sections import sections
from fmnist_viz.export.report.sheet import ThumbnailSheets, thumbnail_sheets
from fmnist_viz.export.report.summary import summary
from fmnist_viz.export.report.table import Table, layer_table, table_of
from fmnist_viz.export.report.weightmap import weight_maps
from fmnist_viz.projection.caption import METHOD_NAMES

HERE = Path(__file__).parent
# Nothing may be asked of any network and no text may become code; `connect-src` forbids even fetch("data:...").
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'"
)
STYLES = ("page", "matrix", "calibration", "issues", "against", "filters", "card", "narrow", "print")
SCRIPTS = (
    *("data", "distortion", "tip", "map", "shapes", "reach", "names", "matrix", "filters", "selection", "wall", "download", "card", "places"),
    *("search", "tables", "glide", "seen", "ladder", "film", "calibration", "issues", "dossier", "against", "view", "address", "page"),
)  # fmt: skip


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
    probabilities = probability_index(content.predictions)
    compared = against_index(content.against), human_index(content.people)
    near = distortion["count"] if distortion["near"] else 0
    sheets = thumbnail_sheets(content.images, sheet_room(content, columns, _size([distortion, probabilities, *compared])))
    return {
        "content": content,
        "title": content.title,
        "split": split_words(content.images.split),
        "warnings": content.warnings,
        "policy": POLICY,
        "css": Markup("\n".join((HERE / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)),
        "bokeh_js": [Markup(text) for text in _bokeh_scripts()],
        "script": Markup("\n".join((HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)),
        "data": {
            **_data(content, map_index(content, columns), sheets),
            "distortion": distortion,
            "probabilities": probabilities,
            "matrix": matrix_data(counted),
            "against": compared[0],
            "people": compared[1],
        },
        "sections": sections,
        "summary": summary(content, counted),
        "reduced": reductions(content, sheets, near, probabilities),
        "splits": _splits(content),
        "figure": map_item(content, columns),
        "sheets": [Markup(base64.b64encode(sheet).decode()) for sheet in sheets.sheets],
        "panels": curve_panels(content.history, content.watched),
        "curves_reading": content.learning or curves_reading(content.history),
        "layers": layer_table(content.layers),
        "layers_reading": layers_reading(content),
        "weight_maps": weight_maps(content),
        "calibration": calibration_section(content.calibration, content.class_names),
        "issues": issues_section(content),
        "ladder": ladder_section(content.ladder),
        "film": film_section(content.film, content.images),
        "dossiers": dossier_section(content),
        "cards": card_section(content),
        "against": against_section(content.against, content.class_names),
        "people": human_section(content.people, content.class_names),
        "galleries": galleries(content.pictures),
        "neutral": NEUTRAL,
        "no_favourite": any((np.asarray(favoured) < 0).any() for favoured in content.weight_classes.values()),
        "tables": _tables(content),
        "names": content.class_names,
        "colors": class_colors(len(content.class_names)),
        "counted": counted is not None,
        "has_proba": content.predictions is not None and content.predictions.has_proba,
        "has_distortion": bool(distortion["maps"]),
        "near_count": near,
        **({"top_pairs": []} if counted is None else matrix_context(counted)),
    }


def _size(value: Any) -> int:
    """Characters of the texts in nested mappings and lists."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return len(value) if isinstance(value, str) else sum(map(_size, value)) if isinstance(value, (list, tuple)) else 8


def _splits(content: ReportContent) -> list[str]:
    """The splits that the sample ids speak of (``test/17``), as they are shown; fewer than two are nothing to choose from."""
    found = dict.fromkeys(name.rpartition("/")[0] for name in content.images.sample_ids.tolist())
    return list(found) if 1 < len(found) <= 20 else []


def _tables(content: ReportContent) -> list[tuple[str, Table, Sequence[str], str]]:
    """Title, table, lines below it and reading of every further table."""
    found: list[tuple[str, Table, Sequence[str], str]] = []
    for title, frame in content.tables.items():
        table, notes = map_table(frame) if is_map_table(frame) else (table_of(frame), ())
        found.append((title, table, (*notes, *content.notes.get(title, ())), content.readings.get(title) or table_reading(frame, content.projections)))
    return found


def _data(content: ReportContent, maps: list[dict[str, Any]], sheets: ThumbnailSheets) -> dict[str, Any]:
    """What the page's script knows; image arrays and coordinates travel apart, as binary. What is not known is null."""
    methods = method_order(content)
    return {
        "title": content.title,
        "classes": content.class_names,
        "colors": class_colors(len(content.class_names)),
        "rightOrWrong": RIGHT_OR_WRONG,
        "ids": content.images.sample_ids.tolist(),
        "labels": content.images.labels.tolist(),
        **_predicted(content),
        "representations": maps,
        "methods": methods,
        "methodNames": [METHOD_NAMES.get(m, m) for m in methods],
        "sheet": {"count": len(sheets.sheets), "thumb": sheets.thumb, "columns": sheets.columns, "perSheet": sheets.per_sheet},
    }


def _predicted(content: ReportContent) -> dict[str, Any]:
    p = content.predictions
    if p is None:
        return dict.fromkeys(("predictions", "confidence", "margin"))
    return {
        "predictions": p.y_pred.tolist(),
        "confidence": np.round(p.confidence.astype(float), 4).tolist() if p.has_proba else None,
        "margin": np.round(p.margin.astype(float), 4).tolist() if p.has_proba else None,
    }


def _bokeh_scripts() -> list[str]:
    """The part of BokehJS that draws: no widgets, no tables, no MathJax."""
    from bokeh.resources import Resources

    return list(Resources(mode="inline", components=["bokeh"], log_level="warn").js_raw)
