"""A map's stability in sentences: which gaps may be read, which nearness, and how firmly its points stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.projection.gap_table import NOT_READ, WORDS
from fmnist_viz.projection.gaps import APART, APART_FROM

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.projection.stability import Stability

NAMED = 3  # examples in a sentence


def findings(found: Stability) -> list[str]:
    """Gaps, nearest classes, points, in this order; one sentence saying why where there is nothing to compare."""
    if found.note:
        return [found.note]
    said = [_gaps(found.pairs()), _nearest(found.classes())] if found.class_names else []
    return [text for text in [*said, _points(found)] if text]


def _gaps(pairs: pd.DataFrame) -> str:
    known = pairs[pairs["maps"] > 0]
    if not len(known):
        return "No two classes have points enough to speak of a gap"
    maps, judged = int(known["maps"].max()), f"{len(known):,} pair{'s' if len(known) > 1 else ''} of classes"
    everywhere = known[known[APART] == known["maps"]]
    firm, wide = everywhere[everywhere["low"] >= APART_FROM], everywhere[everywhere["low"] < APART_FROM]
    changing = known[(known[APART] > 0) & (known[APART] < known["maps"])]
    none = known[known[APART] == 0]
    if known["low"].isna().all():
        said = [f"Of {judged}, {_are(len(everywhere))} apart on all {maps} maps, which have no interval"]
    else:
        said = [f"Of {judged}, {_are(len(firm))} apart on all {maps} maps with an interval that stays above {APART_FROM:g} steps"]
        if len(firm):
            one = firm.loc[firm["low"].idxmin()]
            said[0] += f" (the least certain: {one['a']} and {one['b']}, {_interval(one)})"
        if len(wide):
            reach = "their intervals reach" if len(wide) > 1 else "its interval reaches"
            said.append(f"{_are(len(wide))} apart on all maps, but {reach} touching ({_named([_pair(row) for _, row in wide.sort_values('low').iterrows()])})")
    if len(changing):
        each = [f"{_pair(row)} in {row[APART]} of {row['maps']} maps" for _, row in changing.sort_values(APART).iterrows()]
        said.append(f"{_are(len(changing))} apart on some maps only: a gap {NOT_READ} ({_named(each)})")
    if len(none):
        said.append(f"{_are(len(none))} apart on none ({_named([_pair(row) for _, row in none.sort_values('gap').iterrows()])})")
    return "; ".join(said)


def _nearest(classes: pd.DataFrame) -> str:
    known = classes[(classes["maps"] > 1) & (classes["chance"] < 1)]
    if not len(known):
        return ""
    same = known[known["same"] == known["maps"]]
    other = known[known["same"] < known["maps"]]
    of = f"{len(known)} classes"
    if not len(other):
        return f"Which class lies nearest is the same on all maps for all {of}"
    each = [f"{row['class']}: {row['nearest']} on {row['same']} of {row['maps']}" for _, row in other.sort_values("same").iterrows()]
    return f"Which class lies nearest is the same on all maps for {len(same)} of {of}, and elsewhere {NOT_READ} ({_named(each)})"


def _points(found: Stability) -> str:
    each = []
    for kind, kept in found.kept.items():
        known = kept.share[np.isfinite(kept.share)]
        if len(known):
            each.append(f"{100 * known.mean():.0f} % over {WORDS[kind]} (by chance {100 * kept.chance:.2g} %)")
    if not each:
        return ""
    k = max(kept.k for kept in found.kept.values())
    way = found.moved[np.isfinite(found.moved)]
    text = f"Of a point's {k} nearest neighbours two maps have in common: {', '.join(each)}"
    if len(way):
        text += f"; half of the points move by less than {np.median(way):.2g} of the map's size"
    if found.class_names:
        jumps = int(found.jumps.sum())
        text += f"; {jumps:,} of {found.n:,} points lie among different classes on more than a quarter of the maps"
    return text


def jumping(found: Stability, count: int = 5) -> list[str]:
    """The points that change their class neighbourhood most often, ``test/12 (Shirt): Pullover 6, Coat 5``; at most `count`."""
    if found.note or not found.jumps.any():
        return []
    points = found.points()
    worst = points[points["jumps"]].assign(share=lambda f: f["area_maps"] / f["maps"]).sort_values(["share", "sample_id"]).head(count)
    return [f"{row['sample_id']} ({row['class'] or 'no class'}): {row['areas']}" for _, row in worst.iterrows()]


def _pair(row: pd.Series) -> str:
    return f"{row['a']} and {row['b']}"


def _interval(row: pd.Series) -> str:
    return f"{row['gap']:.1f} steps ({row['low']:.1f}–{row['high']:.1f})"


def _are(count: int) -> str:
    return "none is" if not count else f"{count:,} {'is' if count == 1 else 'are'}"


def _named(each: Sequence[str]) -> str:
    more = f", and {len(each) - NAMED:,} more" if len(each) > NAMED else ""
    return ", ".join(each[:NAMED]) + more
