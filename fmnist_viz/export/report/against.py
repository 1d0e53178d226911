"""Another model on the same images, as the page takes it: sentences, the signed difference of the matrices, tables, and a status for every image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fmnist_viz.analysis.against import STATUS, Against
from fmnist_viz.export.report.changes import ChangeGrid, change_grid, points, q_text, signed
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of

# Both right recedes; the others differ in lightness as well as in hue, and in shape where shapes are on.
COLORS = ("#9aa1aa", "#1f77b4", "#d62728", "#d9a400")
CELLS, PAIRS = 40, 12  # changed cells in the table; pairs of classes to choose from
RATES = ("baseline_recall", "run_recall", "changed", "new", "own_before", "own_after", "chance")


@dataclass(frozen=True)
class Group:
    """Images that one of the two alone is right about, and the pairs of classes among them as (true, wrong answer, words)."""

    status: int
    title: str
    count: int
    wrong: str
    pairs: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class AgainstSection:
    name: str
    model: str
    n: int
    readings: tuple[str, ...]
    notes: tuple[str, ...]
    grid: ChangeGrid | None
    groups: tuple[Group, ...]
    cells: Table | None
    classes: Table
    layers: Table | None
    moves: tuple[tuple[str, int], ...]  # layer and k, as they can be chosen


def against_section(found: Against | None, names: tuple[str, ...]) -> AgainstSection | None:
    """None where there is no other model. `names`: the classes as they are shown."""
    if found is None:
        return None
    shown = dict(zip(found.model.class_names, names, strict=True))
    cells = found.cells
    changed = cells[cells["q"].notna()].sort_values("q", kind="stable")
    classes = found.comparison.per_class()
    return AgainstSection(
        visible(found.baseline.name), visible(found.model.name), found.comparison.n,
        tuple(visible(line) for line in found.sentences()), tuple(visible(line) for line in found.notes),
        change_grid(cells, lambda row: _words(row, shown)), _groups(found, names),
        _cells(changed, found.model.class_names) if len(changed) else None, _classes(classes), _layers(found),
        tuple((visible(m.layers), m.k) for m in found.moves),
    )  # fmt: skip


def _words(row: Any, shown: dict[str, str]) -> str:
    true, taken = shown[row["true"]], shown[row["predicted"]]
    what = f"{true}, predicted right" if true == taken else f"{true} taken for {taken}"
    counts = f"{row['baseline_count']:,} → {row['run_count']:,} of {row['n_true']:,}"
    return f"{what}: {counts}, {points(row)}{q_text(row)}. {row['left']:,} left, {row['entered']:,} entered."


def _groups(found: Against, names: tuple[str, ...]) -> tuple[Group, ...]:
    pairs, place = found.pairs(), {name: k for k, name in enumerate(found.model.class_names)}
    out = []
    for status, wrong in ((1, found.baseline), (2, found.model)):
        own = pairs[pairs["status"] == STATUS[status]]
        listed = tuple(
            (place[r["true"]], place[r["answer"]], f"{names[place[r['true']]]}, not {names[place[r['answer']]]} ({r['count']:,})")
            for r in own.head(PAIRS).to_dict("records")
        )
        out.append(Group(status, STATUS[status].capitalize(), int(own["count"].sum()), visible(wrong.name), listed))
    return tuple(out)


def _cells(changed: Any, names: tuple[str, ...]) -> Table:
    kept = changed.head(CELLS)[
        ["true", "predicted", "n_true", "baseline_count", "run_count", "left", "entered", "difference", "difference_low", "difference_high", "q"]
    ]
    place = {name: k for k, name in enumerate(names)}
    titles = {"n_true": "of", "baseline_count": "from", "run_count": "to", "difference": "points"}
    pairs = tuple((place[t], place[p]) for t, p in zip(kept["true"], kept["predicted"], strict=True))
    return replace(signed(table_of(kept, titles=titles, pairs=pairs), kept), total=len(changed))


def _classes(frame: Any) -> Table:
    titles = {"baseline_recall": "recall before", "run_recall": "recall", "difference": "points"}
    kept = frame.drop(columns=["baseline", "run", "p", "method", "significant"])
    return signed(table_of(kept, percent=RATES, titles=titles), kept)


def _layers(found: Against) -> Table | None:
    if not found.moves:
        return None
    titles = {
        "changed": "changed neighbours", "new": "new from outside", "own_before": "own class before", "own_after": "own class now",
        "chance": "changed, drawn at random", "baseline_layer": f"layer of {visible(found.baseline.name)}",
    }  # fmt: skip
    return table_of(found.layers(), percent=RATES, titles=titles)


def against_index(found: Against | None) -> dict[str, Any] | None:
    """For the page's script: of every image its status (-1: not compared), the other model's answer (-1) and confidence in thousandths (-1); moves.

    A move has, for the images that it is known of, the row, the changed and the new neighbours as numbers of k, and the rank in thousandths.
    """
    if found is None:
        return None
    sure = np.nan_to_num(1000 * found.baseline.confidence, nan=-1)
    return {
        "name": visible(found.baseline.name), "model": visible(found.model.name), "words": list(STATUS), "colors": list(COLORS),
        "status": found.status.tolist(), "predictions": found.spread(found.baseline.y_pred, -1).tolist(),
        "confidence": found.spread(np.rint(sure).astype(np.int64), -1).tolist(),
        "moves": [
            {
                "layer": visible(m.layers), "k": m.k, "wide": m.wide, "rows": found.rows[m.rows].tolist(),
                "changed": np.rint(m.changed * m.k).astype(int).tolist(), "new": np.rint(m.new * m.k).astype(int).tolist(),
                "rank": np.rint(1000 * m.rank).astype(int).tolist(), "most": m.most(len(m.rows)).tolist(),
            }
            for m in found.moves
        ],
    }  # fmt: skip
