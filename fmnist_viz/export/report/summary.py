"""The first lines of the page: what a person who reads nothing else should know. Every number is computed here."""

from __future__ import annotations

import numpy as np

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import split_words
from fmnist_viz.export.report.content import ReportContent

SURE = 0.9  # a prediction of at least this confidence is called sure


def _rate(successes: int, trials: int, what: str = "") -> str:
    """``90.0 % (89.4–90.6)``; `what` is put before the interval."""
    low, high = (100 * float(v) for v in wilson(successes, trials))
    return f"{100 * successes / trials:.1f} % ({what}{low:.1f}–{high:.1f})"


def summary(content: ReportContent, counted: Confusion | None) -> list[str]:
    """At most three sentences; without predictions one. Intervals are Wilson's."""
    n, split = len(content.images), split_words(content.images.split)
    if counted is None:
        return [f"{n:,} {split} images of {len(content.class_names)} classes; no predictions were given, so nothing here is right or wrong."]
    return [line for line in (_overall(counted, split), _hardest(counted), _sure(content) or _few(counted)) if line]


def _overall(counted: Confusion, split: str) -> str:
    right = int(counted.counts.trace())
    common = int(counted.support.max())
    text = f"Of {counted.n:,} {split} images of {len(counted.class_names)} classes the model names {_rate(right, counted.n, '95 % interval ')} right"
    return f"{text}; always naming the most common class would be right on {100 * common / counted.n:.1f} %."


def _hardest(counted: Confusion) -> str:
    support, right = counted.support, counted.counts.diagonal()
    missed = np.where(support > 0, (support - right) / np.maximum(support, 1), -1.0)
    k = int(missed.argmax())
    if not support[k] - right[k]:
        return ""
    taken = np.where(np.arange(len(support)) == k, -1, counted.counts[k])
    other = int(taken.argmax())
    wrong, of = int(support[k] - right[k]), int(support[k])
    text = f"It errs most on {counted.class_names[k]}: of {of:,} such images {_rate(wrong, of)} are taken for something else"
    return f"{text}, most often for {counted.class_names[other]} ({int(taken[other]):,} of {wrong:,})."


def _sure(content: ReportContent) -> str:
    p = content.predictions
    if p is None or not p.has_proba:
        return ""
    sure = p.confidence >= SURE
    count, right, errors = int(sure.sum()), int((sure & p.correct).sum()), int((~p.correct).sum())
    if not count:
        return f"No prediction is at least {100 * SURE:.0f} % sure."
    text = f"Where it is at least {100 * SURE:.0f} % sure, on {count:,} images, {_rate(right, count)} are right"
    if errors:
        rest = errors - (count - right)
        text += f"; the other {len(sure) - count:,} hold {rest:,} of the {errors:,} errors"
    return f"{text}."


def _few(counted: Confusion) -> str:
    """How concentrated the errors are, where there is no confidence to speak of."""
    cells = counted.counts - np.diag(counted.counts.diagonal())
    errors, top = int(cells.sum()), np.sort(cells[cells > 0])[::-1]
    if len(top) <= 3:
        return ""
    return f"Three of {len(top)} confused pairs hold {int(top[:3].sum()):,} of the {errors:,} errors."
