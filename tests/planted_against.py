"""Two models and a crowd whose differences are known: planted on real images, for numbers and for pages."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from fmnist_viz.analysis.against import Against
from fmnist_viz.analysis.comparison import Answers, Comparison
from fmnist_viz.analysis.human import HumanConfusion
from fmnist_viz.analysis.movement import movement
from fmnist_viz.export.report import ReportContent

PULLOVER, COAT, SHIRT = 2, 4, 6


def planted_against(content: ReportContent, *, name: str = "before", unseen: int = 0, layer: str = "dense", moved: int = 12) -> Against:
    """Against a model that took every third Pullover for a Coat and was right elsewhere where this one errs every second time.

    The first `unseen` images it did not see; the first `moved` compared images lie elsewhere in its layer.
    """
    p = content.predictions
    assert p is not None
    rows = np.arange(unseen, len(p.y_true))
    y, said = p.y_true[rows], p.y_pred[rows].copy()
    pullovers, wrong = np.flatnonzero(y == PULLOVER), np.flatnonzero(said != y)
    said[wrong[::2]] = y[wrong[::2]]
    said[pullovers[::3]] = COAT
    sure = np.round(np.linspace(0.4, 0.99, len(rows)), 3)
    theirs = Answers(name, p.sample_ids[rows], y, said, sure, p.class_names)
    ours = Answers(content.title, p.sample_ids[rows], y, p.y_pred[rows], p.confidence[rows].astype(np.float64), p.class_names)
    X = content.images.images.reshape(len(p.y_true), -1)[rows, ::7].astype(np.float32)
    Y = X.copy()
    Y[:moved] = Y[::-1][:moved]
    made = movement(Y, X, y, layer_a=layer, layer_b=layer)
    return Against(Comparison(theirs, ours), rows, len(p.y_true), () if made is None else (made,), ("A note of the comparison.",) if unseen else ())


def planted_people(content: ReportContent, *, share: float = 0.1, file: str = "people.csv") -> HumanConfusion:
    """Twenty votes for all but every fifth image: of every second mistake five are for the model's answer, of every hundredth right image two for another."""
    p = content.predictions
    assert p is not None
    n, c = len(p.y_true), len(p.class_names)
    votes = np.zeros((n, c), np.int64)
    at = np.flatnonzero(np.arange(n) % 5 != 0)
    votes[at, p.y_true[at]] = 20
    wrong = at[p.y_pred[at] != p.y_true[at]][::2]
    right = at[p.y_pred[at] == p.y_true[at]][::100]
    for rows, answer, count in ((wrong, p.y_pred[wrong], 5), (right, (p.y_true[right] + 1) % c, 2)):
        votes[rows, answer] += count
        votes[rows, p.y_true[rows]] -= count
    return HumanConfusion(p, votes, share, 3, file)


def with_both(content: ReportContent, **names: Any) -> ReportContent:
    return dataclasses.replace(content, against=planted_against(content, unseen=7, **names), people=planted_people(content))
