"""What to see in each chart, in one sentence computed from its numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.export.report.content import ReportContent


def rate_text(rate: float, low: float, high: float) -> str:
    """``12.1 % (10.2–14.3)``"""
    return "–" if rate != rate else f"{100 * rate:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def matrix_reading(confusion: Confusion, pairs: Any) -> str:
    wrong = confusion.n - int(confusion.counts.trace())
    if not wrong:
        return f"All {confusion.n:,} images were predicted right."
    top = pairs.sort_values("count", ascending=False, kind="stable").head(3)
    share = f"; {len(top)} of {len(pairs)} confused pairs hold {100 * int(top['count'].sum()) / wrong:.0f} % of the errors" if len(pairs) > 3 else ""
    return f"{wrong:,} of {confusion.n:,} wrong{share}."


def curves_reading(history: Mapping[str, Sequence[float]]) -> str:
    """Best and last epoch, and whether the validation loss turned upwards before the end."""
    name = next((n for n in ("val_accuracy", "accuracy") if any(map(math.isfinite, history.get(n, ())))), "")
    if not name:
        return ""
    values = [v if math.isfinite(v) else -1.0 for v in history[name]]
    epochs = list(history.get("epoch") or range(1, len(values) + 1))
    best = max(range(len(values)), key=values.__getitem__)
    what = "Validation accuracy" if name == "val_accuracy" else "Training accuracy"
    text = f"{what} was best after epoch {epochs[best]:g} of {len(values)}: {100 * values[best]:.1f} %"
    losses = [v if math.isfinite(v) else math.inf for v in history.get("val_loss", ())]
    if name == "accuracy":
        return text + "; nothing was held out during training, so over-fitting does not show here."
    if losses:
        lowest = min(range(len(losses)), key=losses.__getitem__)
        if lowest < len(losses) - 1:
            return text + f"; validation loss rose after epoch {epochs[lowest]:g}, a sign of over-fitting."
        return text + "; validation loss was still falling at the end."
    return text + "."


def classes_reading(frame: Any) -> str:
    seen = frame[frame["recall"].notna()]
    if seen.empty:
        return ""
    low, high = seen.loc[seen["recall"].idxmin()], seen.loc[seen["recall"].idxmax()]

    def words(row: Any) -> str:
        return f"{row['class']}, recall {rate_text(row['recall'], row['recall_low'], row['recall_high'])}"

    overlap = "; their intervals overlap" if low["recall_high"] >= high["recall_low"] else ""
    return f"Hardest: {words(low)}. Easiest: {words(high)}{overlap}."


def pairs_reading(confusion: Confusion, names: tuple[str, ...]) -> str:
    """The pair of classes with the most errors both ways together."""
    both = confusion.counts + confusion.counts.T
    best = max(((int(both[a, b]), -a, -b) for a in range(len(names)) for b in range(a)), default=(0, 0, 0))
    wrong = confusion.n - int(confusion.counts.trace())
    if not best[0]:
        return "No pair was confused."
    a, b = -best[1], -best[2]
    return f"{names[b]} and {names[a]}, both ways together: {best[0]:,} of {wrong:,} errors ({100 * best[0] / wrong:.0f} %)."


def layers_reading(content: ReportContent) -> str:
    mapped = len(content.projections)
    return f"{mapped} representation{'s' if mapped != 1 else ''} on the map: {', '.join(content.projections)}." if mapped else "Nothing was mapped."


def table_reading(frame: Any, compared: Collection[str] = ()) -> str:
    """For a table of faithfulness: the maps that keep most and fewest neighbours; else how many rows there are.

    `compared` names the representations of images: recall depends on n and k, so that only maps of equal n and k are
    compared, those of the most common pair. k / (n - 1) is the recall of points thrown down at random.
    """
    if {"recall", "trustworthiness", "n", "k", "representation", "method"} <= set(frame.columns):
        scored = frame[frame["recall"].notna() & frame["representation"].isin(list(compared))]
        if len(scored):
            n, k = (int(v) for v in scored[["n", "k"]].value_counts().index[0])
            alike = scored[(scored["n"] == n) & (scored["k"] == k)]
            best, worst = alike.loc[alike["recall"].idxmax()], alike.loc[alike["recall"].idxmin()]
            most, fewest = (f"{row['representation']} {row['method']}" for row in (best, worst))
            said = f"Of the maps of images, {most} keeps most neighbours (recall@{k} {best['recall']:.2f}), {fewest} fewest ({worst['recall']:.2f})"
            return f"{said}; by chance it would be {k / (n - 1):.2g} ({k} of {n - 1:,})."
    return f"{len(frame):,} row{'s' if len(frame) != 1 else ''}."
