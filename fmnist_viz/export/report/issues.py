"""Data issues as the page takes them: sentences, walls of images by row, and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fmnist_viz.analysis.data_issues import DataIssues
from fmnist_viz.analysis.pockets import LEAST, MOST, Pocket
from fmnist_viz.analysis.unusual import RULES
from fmnist_viz.core.intervals import wilson
from fmnist_viz.export.report.content import ReportContent, visible
from fmnist_viz.export.report.readings import rate_text
from fmnist_viz.export.report.table import Table, table_of

WALL, POCKETS, TWINS, ODD = 60, 8, 40, 60  # images of a wall, pockets of a representation, pairs of twins, odd images that are drawn
TITLES = {"p_given": "given label", "p_suggested": "suggested label", "near_given": "near with given", "near_suggested": "near with suggested"}


@dataclass(frozen=True)
class Nest:
    """A pocket: what it is, in words, and its rows."""

    words: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class IssuesSection:
    """`data` holds for the script the suspects as [row, words below, reason] and all their rows."""

    readings: tuple[str, ...]
    rules: tuple[str, ...]
    suspects: Table | None
    nests: tuple[tuple[str, tuple[Nest, ...]], ...]
    counts: Table | None
    twins: Table | None
    pairs: tuple[tuple[int, int], ...]
    odd: tuple[tuple[str, tuple[int, ...]], ...]
    data: dict[str, Any]
    drawn: int
    least: int = LEAST
    most: int = MOST


def issues_section(content: ReportContent) -> IssuesSection | None:
    """None where nothing was looked for."""
    found = content.issues
    if found is None:
        return None
    place = {name: row for row, name in enumerate(content.images.sample_ids.tolist())}
    names = content.class_names
    twins = found.twins.frame() if found.twins is not None else None
    pairs: list[tuple[int, int]] = []
    if twins is not None:
        known = [(place.get(str(a)), place.get(str(b))) for a, b in zip(twins["sample_id"], twins["other_id"], strict=True)]
        pairs = [(a, b) for a, b in known if a is not None and b is not None][:TWINS]
    walls, rows = _walls(found, place, names)
    return IssuesSection(
        tuple(visible(line) for line in found.sentences()),
        tuple(visible(line) for line in found.rules()),
        _suspects(found),
        _nests(found, names),
        table_of(found.twins.counts()) if found.twins is not None else None,
        table_of(twins) if twins is not None and len(twins) else None,
        tuple(pairs),
        _odd(found),
        {"suspects": walls, "rows": rows},
        len(walls),
    )


def _walls(found: DataIssues, place: dict[str, int], names: tuple[str, ...]) -> tuple[list[list[Any]], list[int]]:
    """Suspects as the wall draws them, and the rows of all of them."""
    if found.labels is None:
        return [], []
    judged = found.labels
    rows = [place[str(judged.images.sample_ids[row])] for row in judged.rows.tolist()]
    walls = [
        [at, names[int(judged.images.labels[row])], names[int(judged.suggested[row])], visible(judged.reason(row))]
        for at, row in zip(rows[:WALL], judged.rows[:WALL].tolist(), strict=True)
    ]
    return walls, rows


def _suspects(found: DataIssues) -> Table | None:
    if found.labels is None or not len(found.labels.rows):
        return None
    frame = found.labels.frame().drop(columns=["decision", "reason"])
    return table_of(frame, percent=("p_given", "p_suggested", "near_given", "near_suggested"), titles=TITLES)


def _nests(found: DataIssues, names: tuple[str, ...]) -> tuple[tuple[str, tuple[Nest, ...]], ...]:
    by: dict[str, list[Pocket]] = {}
    for one in found.pockets or ():
        by.setdefault(one.representation, []).append(one)
    return tuple((visible(name), tuple(_nest(one, names) for one in some[:POCKETS])) for name, some in by.items())


def _nest(one: Pocket, names: tuple[str, ...]) -> Nest:
    low, high = (float(v) for v in wilson(one.wrong, one.n))
    share = rate_text(one.wrong / one.n, low, high)
    other, times = one.taken_for
    told = f"{names[one.label]}: {one.wrong} of {one.n} wrong, {share}; of the class {100 * one.rate:.1f} %"
    return Nest(f"{told}; q = {one.q:.2g}; mostly taken for {names[other]} ({times})", tuple(one.rows.tolist()))


def _odd(found: DataIssues) -> tuple[tuple[str, tuple[int, ...]], ...]:
    out = []
    for kind in RULES:
        rows = [one.row for one in found.odd if one.kind == kind]
        if rows:
            more = f"{len(rows):,}, the first {ODD}" if len(rows) > ODD else f"{len(rows):,}"
            out.append((f"{kind[0].upper()}{kind[1:]}: {more}", tuple(int(row) for row in np.array(rows[:ODD]))))
    return tuple(out)
