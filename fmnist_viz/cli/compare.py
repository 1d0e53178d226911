"""`fmnist-viz compare`: the comparison as lines of text, and its folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.cli.screen import Screen, printed
from fmnist_viz.display.lettering import clean, shorten
from fmnist_viz.pipeline.comparison import RunComparison, check_count, check_target, compare, write_comparison
from fmnist_viz.pipeline.request import LOGS

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 10  # changed cells on screen; the CSV file holds all


def run_compare(paths: list[Path], out: str, cache_dir: str, line: str) -> None:
    """Compare, print, write. Raises VizError for what cannot be compared or may not be written."""
    check_count(len(paths))
    if out:
        check_target(Path(out))
    screen = Screen()
    made = compare(*paths, cache_dir=cache_dir or None, progress=screen)
    folder = Path(out) if out else LOGS / f"compare-{made.digest[:8]}"
    printed(*lines(made))
    sys.stdout.flush()
    write_comparison(made, folder, line)
    printed("", f"{folder}{os.sep}report.html, and every number as CSV beside it")


def lines(made: RunComparison) -> list[str]:
    """The comparison in words and aligned tables; rates in percent, differences in points."""
    tables = made.tables()
    accuracy = tables["accuracy"]
    out = [f"{int(accuracy['n'].iloc[0]):,} images of {len(made.answers[0].class_names)} classes", ""]
    out += aligned(["run", "accuracy", "95 % interval"], [[r["run"], *_rate(r, "accuracy")] for r in accuracy.to_dict("records")])
    out += ["", *(clean(sentence) + "." for sentence in made.verdicts())]
    for pair in made.pairs:
        cells, classes = pair.cells(), pair.per_class()
        head = f"{shorten(pair.b.name, 40)} against {shorten(pair.a.name, 40)}"
        out += [
            "",
            f"recall, {head}",
            *aligned(["class", "n", "from", "to", "points", "95 % interval", "q"], [_class_row(r) for r in classes.to_dict("records")]),
        ]
        significant = cells[cells["significant"]].sort_values("q", kind="stable")
        changed = int(cells["q"].notna().sum())
        count = (
            f"{len(significant)} of {changed} changed cells of the confusion matrix differ with q < 0.05"
            if changed
            else "no cell of the confusion matrix changed"
        )
        out += ["", count + (f"; the first {MOST_CELLS}:" if len(significant) > MOST_CELLS else ":" if len(significant) else "")]
        rows = [[f"{shorten(r['true'])} → {shorten(r['predicted'])}", *_change(r)] for r in significant.head(MOST_CELLS).to_dict("records")]
        out += aligned(["cell", "from", "to", "points", "95 % interval", "q"], rows) if rows else []
    return out + _layer_lines(made, tables) + _setting_lines(tables["settings"])


def _rate(row: Any, name: str) -> list[str]:
    return [f"{100 * row[name]:.2f} %", f"{100 * row[f'{name}_low']:.2f}–{100 * row[f'{name}_high']:.2f}"]


def _class_row(row: Any) -> list[str]:
    rates = [f"{100 * row[name]:.1f}" for name in ("baseline_recall", "run_recall")]
    return [shorten(row["class"]), f"{row['n']:,}", *rates, *_points(row)]


def _change(row: Any) -> list[str]:
    return [f"{row['baseline_count']:,}", f"{row['run_count']:,}", *_points(row)]


def _points(row: Any) -> list[str]:
    interval = f"{100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f}"
    q = "–" if row["q"] != row["q"] else "<0.0001" if row["q"] < 1e-4 else f"{row['q']:.4f}"
    return [f"{100 * row['difference']:+.1f}", interval, q]


def _layer_lines(made: RunComparison, tables: dict[str, pd.DataFrame]) -> list[str]:
    layers = tables["layers"]
    if not len(layers):
        return []
    scores = [c for c in layers.columns if c.endswith("knn_accuracy")]
    heads = ["run", "layer", "width", *("vectors" if c == "knn_accuracy" else c.removesuffix(" knn_accuracy") for c in scores)]
    rows = [
        [r["run"], r["layer"], f"{r['width']:,}", *("–" if r[c] != r[c] else f"{r[c]:.3f} ({r[f'{c}_low']:.3f}–{r[f'{c}_high']:.3f})" for c in scores)]
        for r in layers.to_dict("records")
    ]
    out = ["", "15-NN accuracy of each layer's vectors (sampled) and of its maps, 95 % intervals", *aligned(heads, rows)]
    if "similarity" in tables:
        best = tables["similarity"].sort_values("cka", ascending=False, kind="stable").drop_duplicates(["run", "run_layer"]).sort_index()
        rows = [
            [f"{r['run']}: {r['run_layer']}", r["baseline_layer"], f"{r['cka']:.3f} ({r['cka_low']:.3f}–{r['cka_high']:.3f})", f"{r['shared_neighbors']:.3f}"]
            for r in best.to_dict("records")
        ]
        count = f"{int(best['n'].iloc[0]):,} images"
        out += ["", f"most similar layer of {shorten(made.runs[0].name, 40)}, {count}", *aligned(["layer", "most like", "CKA", "shared neighbours"], rows)]
    return out + ([clean(made.layers.note)] if made.layers.note else [])


def _setting_lines(settings: pd.DataFrame) -> list[str]:
    if not len(settings):
        return ["", "no setting differs"]
    return ["", "settings that differ", *aligned(list(settings.columns), [list(map(str, row)) for row in settings.itertuples(index=False)])]


def aligned(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Rows of text under their heads: the first column to the left, others too where they hold no numbers; foreign names on one line each."""
    table = [[shorten(str(cell), 40) for cell in row] for row in [heads, *rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    number = [i > 0 and all(row[i][:1] in "+-–<0123456789" for row in table[1:]) for i in range(len(heads))]
    out = []
    for row in table:
        cells = (cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(row, widths, number, strict=True))
        out.append(("  " + "  ".join(cells)).rstrip())
    return out
