"""What people answered, as the page takes it: sentences, the signed difference to the model, and the two kinds of mistakes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fmnist_viz.analysis.human import OWN, SHARED, HumanConfusion
from fmnist_viz.export.report.changes import ChangeGrid, change_grid, points, q_text, signed
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of

PAIRS, MOST_ANSWERS = 40, 4  # pairs in the table; answers of an image that the page holds
RATES = ("human_rate", "model_rate")
NUMBERS = ("cross", "entropy")  # scores that are no shares


@dataclass(frozen=True)
class HumanSection:
    readings: tuple[str, ...]
    n: int
    share: str
    grid: ChangeGrid | None
    pairs: Table | None
    scores: Table
    kinds: tuple[tuple[str, str, int], ...]  # key, title, images


def human_section(found: HumanConfusion | None, names: tuple[str, ...]) -> HumanSection | None:
    """None where there are no votes. `names`: the classes as they are shown."""
    if found is None or not found.n:
        return None
    shown = dict(zip(found.predictions.class_names, names, strict=True))
    pairs = found.pairs()
    titles = (("own", "The model's own mistakes", OWN), ("shared", "Mistakes that people make, too", SHARED))
    return HumanSection(
        tuple(visible(line) for line in found.sentences()), found.n, f"{100 * found.share:g}", change_grid(found.cells, lambda row: _words(row, shown)),
        _pairs(pairs, found.predictions.class_names) if len(pairs) else None, _scores(found),
        tuple((key, title, int((found.kinds == kind).sum())) for key, title, kind in titles),
    )  # fmt: skip


def _words(row: Any, shown: dict[str, str]) -> str:
    true, taken = shown[row["true"]], shown[row["predicted"]]
    if not row["n_true"]:
        return f"{true}: no images with votes"
    what = f"{true}, answered right" if true == taken else f"{true} taken for {taken}"
    people = f"people {100 * row['human_rate']:.1f} % ({100 * row['human_low']:.1f}–{100 * row['human_high']:.1f}; {row['votes']:,} votes)"
    model = f"the model {100 * row['model_rate']:.1f} % ({100 * row['model_low']:.1f}–{100 * row['model_high']:.1f})"
    return f"{what}: {people}, {model} of {row['n_true']:,} images, {points(row)}{q_text(row)}."


def _pairs(pairs: Any, names: tuple[str, ...]) -> Table:
    place = {name: k for k, name in enumerate(names)}
    kept = pairs.head(PAIRS).rename(columns={"human_rate": "human_rate", "human_low": "human_rate_low", "human_high": "human_rate_high",
                                             "model_low": "model_rate_low", "model_high": "model_rate_high"})  # fmt: skip
    columns = ["true", "predicted", "n_true", *(f"{name}{end}" for name in RATES for end in ("", "_low", "_high")), "difference", "q"]
    cells = tuple((place[t], place[p]) for t, p in zip(kept["true"], kept["predicted"], strict=True))
    titles = {"human_rate": "people", "model_rate": "model", "difference": "points", "n_true": "images"}
    return replace(signed(table_of(kept[columns], percent=RATES, titles=titles, pairs=cells), kept), total=len(pairs))


def _scores(found: HumanConfusion) -> Table:
    import pandas as pd

    rows = []
    for r in found.scores().to_dict("records"):
        plain = any(word in r["score"] for word in NUMBERS)
        values = [f"{r[name]:.3f}" if plain else f"{100 * r[name]:.1f}" for name in ("value", "low", "high")]
        unit = " nats" if plain else " %"
        text = "–" if r["value"] != r["value"] else f"{values[0]}{unit} ({values[1]}–{values[2]})"
        rows.append({"figure": r["score"], "value": text, "n": f"{r['n']:,} {r['of']}", "interval": r["method"]})
    return table_of(pd.DataFrame(rows))


def human_index(found: HumanConfusion | None) -> dict[str, Any] | None:
    """For the page's script: of every image with votes its row, the number of votes, and the most frequent answers as [class, votes, ...].

    `own` and `shared`: rows of both kinds of mistakes, those with most and with fewest votes for the model's answer last and first.
    """
    if found is None or not found.n:
        return None
    votes = found.votes[found.rows]
    answers = []
    for row in votes:
        top = np.argsort(-row, kind="stable")[:MOST_ANSWERS]
        answers.append([int(v) for k in top if row[k] for v in (k, row[k])])
    given = found.shares[np.arange(found.n), found.predictions.y_pred[found.rows]]
    kinds = {key: np.flatnonzero(found.kinds == kind) for key, kind in (("own", OWN), ("shared", SHARED))}
    order = {"own": lambda at: at[np.lexsort((at, given[at]))], "shared": lambda at: at[np.lexsort((at, -given[at]))]}
    return {
        "rows": found.rows.tolist(), "total": votes.sum(axis=1).tolist(), "answers": answers,
        **{key: found.rows[order[key](at)].tolist() for key, at in kinds.items()},
    }  # fmt: skip
