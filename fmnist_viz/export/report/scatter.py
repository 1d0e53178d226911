"""The linked map as Bokeh models: one source with a row per image and a column pair per map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.palette import NEUTRAL, WRONG, class_colors
from fmnist_viz.export.report.against import COLORS
from fmnist_viz.export.report.content import ReportContent, aligned
from fmnist_viz.projection.caption import METHOD_NAMES, parameter_text, reading, score_text

# Low to high confidence; every step keeps its distance from a white and from a near-black page.
# Grey, as most points are right: the palette's blue for "right" is also the first class's.
RIGHT_OR_WRONG = ("#9aa1aa", WRONG)
RAMP = ("#d7301f", "#ef8a3c", "#e3c04f", "#5aae9e", "#2b7bba")


def column_pair(representation: int, method: int) -> tuple[str, str]:
    return f"x{representation}_{method}", f"y{representation}_{method}"


def method_order(content: ReportContent) -> list[str]:
    """The methods of all representations: PCA, t-SNE, UMAP, then others in the order met."""
    met = dict.fromkeys(method for maps in content.projections.values() for method in maps)
    return [m for m in METHOD_NAMES if m in met] + [m for m in met if m not in METHOD_NAMES]


def _packed(colors: NDArray[np.integer[Any]] | list[str]) -> NDArray[np.uint32]:
    """Hex colours as 0xRRGGBBAA."""
    return np.array([int(str(c)[1:] + "ff", 16) for c in colors], np.uint32)


def _ramp(values: NDArray[np.floating[Any]]) -> NDArray[np.uint32]:
    """Values 0..1 on the confidence ramp."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in RAMP], np.float64)
    at = np.linspace(0, 1, len(RAMP))
    r, g, b = (np.interp(values, at, stops[:, i]).round().astype(np.uint32) for i in range(3))
    return (r << 24) | (g << 16) | (b << 8) | np.uint32(255)


def color_columns(content: ReportContent) -> dict[str, NDArray[np.uint32]]:
    """The ways to colour a point, uint32 (n,) each: by class, and by what is known of the predictions."""
    p = content.predictions
    palette = _packed(list(class_colors(len(content.class_names))))
    columns = {"color_class": palette[content.images.labels]}
    if p is not None:
        columns |= {"color_prediction": palette[p.y_pred], "color_correct": _packed(list(RIGHT_OR_WRONG))[(~p.correct).astype(int)]}
        if p.has_proba:
            columns["color_confidence"] = _ramp(p.confidence)
    if content.against is not None:
        columns["color_against"] = _packed([*COLORS, NEUTRAL])[content.against.status]  # -1, not compared, is the last
    if content.distortions:
        columns["color_distortion"] = np.zeros(len(content.images), np.uint32)  # each map has its own: the page's script fills it in
    return columns


def map_columns(content: ReportContent) -> dict[str, NDArray[np.float32]]:
    columns: dict[str, NDArray[np.float32]] = {}
    methods = method_order(content)
    for r, maps in enumerate(content.projections.values()):
        for method, projection in maps.items():
            xy = aligned(projection, content.images.sample_ids)
            for name, values in zip(column_pair(r, methods.index(method)), xy.T, strict=True):
                columns[name] = np.ascontiguousarray(values)
    return columns


def map_index(content: ReportContent, columns: dict[str, NDArray[np.float32]]) -> list[dict[str, Any]]:
    """For the page's script: every representation with its maps, their columns, captions and class centres."""
    methods, labels = method_order(content), content.images.labels
    index = []
    for r, (name, maps) in enumerate(content.projections.items()):
        entry: dict[str, Any] = {"name": name, "maps": {}}
        for method, projection in maps.items():
            x, y = column_pair(r, methods.index(method))
            note = projection.note or ("" if np.isfinite(columns[x]).any() else "There is no map of these images.")
            third = "A 3-D projection: axes 1 and 2 are shown." if projection.coords.shape[1] > 2 else ""
            entry["maps"][method] = {
                "x": x, "y": y, "note": note, "parameters": parameter_text(projection), "scores": "" if note else score_text(projection.scores),
                "reading": " ".join(filter(None, [reading(projection), third])),
                "centers": [] if note else _centers(columns[x], columns[y], labels, len(content.class_names)),
            }  # fmt: skip
        index.append(entry)
    return index


def _centers(x: NDArray[np.float32], y: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> list[list[float] | None]:
    """The median point of every class, where its name is set; None for a class without points."""
    out: list[list[float] | None] = []
    for k in range(classes):
        rows = (labels == k) & np.isfinite(x)
        out.append([round(float(np.median(v[rows])), 6) for v in (x, y)] if rows.any() else None)
    return out


def point_size(n: int) -> float:
    """Diameter in px: small enough for 10,000 points, large enough to see twenty."""
    return float(np.clip(round(4 * (10_000 / max(n, 1)) ** 0.2, 1), 3, 9))


def map_item(content: ReportContent, columns: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    """The figure as the JSON that `Bokeh.embed.embed_item` takes, equal for equal content.

    The names "map", "source", "points", "rest", "errors", "spot" and "hover" ... are what the page's script binds to.
    """
    from bokeh.embed import json_item

    return _numbered(json_item(_figure(content, columns)))


def _figure(content: ReportContent, columns: dict[str, NDArray[np.float32]]) -> Any:
    from bokeh.models import CDSView, ColumnDataSource, IndexFilter, Range1d, Scatter, Segment
    from bokeh.plotting import figure

    n = len(content.images)
    blank = np.full(n, np.nan, np.float32)
    source = ColumnDataSource(data={"x_": blank, "y_": blank, **columns, **color_columns(content)}, name="source")
    x, y = next(iter(zip(list(columns)[::2], list(columns)[1::2], strict=True)), ("x_", "y_"))
    # The page's policy refuses the code generation that WebGL drawing needs, so ask for the canvas that would be used anyway.
    f = figure(
        name="map", sizing_mode="stretch_both", toolbar_location=None, output_backend="canvas", tools=[], min_border=0,
        x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=1),
        x_axis_location=None, y_axis_location=None, outline_line_color=None, background_fill_color=None, border_fill_color=None, lod_threshold=20_000,
    )  # fmt: skip
    f.grid.visible = False
    size = point_size(n)
    dot: dict[str, Any] = {"x": x, "y": y, "fill_color": "color_class", "line_color": None}
    grey: dict[str, Any] = {**dot, "size": size, "fill_color": NEUTRAL, "fill_alpha": 0.13}
    rest = CDSView(filter=IndexFilter(indices=[], name="rest_rows"))  # what the filters leave out
    f.add_glyph(source, Scatter(**grey), selection_glyph=Scatter(**grey), nonselection_glyph=Scatter(**grey), view=rest, name="rest")
    points = f.add_glyph(
        source, Scatter(size=size, fill_alpha=0.7, **dot), selection_glyph=Scatter(size=size + 2, fill_alpha=0.95, **dot),
        nonselection_glyph=Scatter(size=size, fill_alpha=0.1, **dot), view=CDSView(filter=IndexFilter(name="kept_rows")), name="points",
    )  # fmt: skip
    ring: dict[str, Any] = {"x": x, "y": y, "size": size + 3, "fill_color": None, "line_color": "#1c2026", "line_width": 1}
    wrong = [] if content.predictions is None else np.flatnonzero(~content.predictions.correct).tolist()
    errors = CDSView(filter=IndexFilter(indices=wrong, name="wrong_rows"))
    f.add_glyph(
        source, Scatter(line_alpha=0.55, **ring), selection_glyph=Scatter(line_alpha=0.9, **{**ring, "size": size + 5}),
        nonselection_glyph=Scatter(line_alpha=0.2, **ring),
        view=errors, name="errors", visible=False,
    )  # fmt: skip
    links = ColumnDataSource(data={"x0": [], "y0": [], "x1": [], "y1": []}, name="links")
    f.add_glyph(links, Segment(x0="x0", y0="y0", x1="x1", y1="y1", line_color="#1c2026", line_alpha=0.55, line_width=1), name="link_lines")
    spot = ColumnDataSource(data={"x": [], "y": []}, name="spot")
    f.add_glyph(spot, Scatter(x="x", y="y", size=18, fill_color=None, line_color="#1c2026", line_width=2), name="spot_ring")
    _add_tools(f, points)
    return f


def _add_tools(f: Any, points: Any) -> None:
    from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, PanTool, WheelZoomTool

    lasso = LassoSelectTool(renderers=[points], continuous=False, name="lasso")
    f.add_tools(
        lasso, BoxSelectTool(renderers=[points], continuous=False, name="box"), PanTool(name="pan"), WheelZoomTool(name="wheel", modifiers="ctrl"),
        HoverTool(renderers=[points], tooltips=None, name="hover"),
    )  # fmt: skip
    f.toolbar.active_drag = lasso
    f.toolbar.active_scroll = f.select_one({"name": "wheel"})


def _numbered(item: Any) -> Any:
    """The same models under ids counted from 1 in the order met: Bokeh counts on for as long as the process lives."""
    names: dict[str, str] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: names.setdefault(v, f"m{len(names) + 1}") if k == "id" and isinstance(v, str) else walk(v) for k, v in value.items()}
        return [walk(v) for v in value] if isinstance(value, (list, tuple)) else value

    doc = walk(item["doc"])
    return {"root_id": names[item["root_id"]], "doc": doc, "version": item["version"]}
