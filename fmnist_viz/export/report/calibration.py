"""Calibration as the page takes it: sentences, a drawn diagram whose points select their images, and tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fmnist_viz.analysis.calibration import AFTER, BEFORE, Calibration, ticks_of
from fmnist_viz.analysis.reliability import Reliability, equal_mass_bins
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of

SIDE, LEFT, TOP = 300, 46, 10  # of the drawing, in its own units
CLASS_TITLES = {
    "n_predicted": "predicted",
    "precision": "right",
    "overconfidence": "too sure by, points",
    "ece": "calibration error",
    "after_ece": "after the temperature",
    "one_vs_rest_ece": "one vs rest",
}
PAIR_TITLES = {"a": "one", "b": "other", "ece": "calibration error", "after_ece": "after the temperature"}


@dataclass(frozen=True)
class Point:
    """A bin of the diagram: its place, its interval's ends, what it says, and its number."""

    x: float
    y: float
    low: float
    high: float
    words: str
    bin: int


@dataclass(frozen=True)
class CalibrationSection:
    """`data` holds for the script the bin of every image, and the rows of the most confident errors."""

    readings: tuple[str, ...]
    before: tuple[Point, ...]
    after: tuple[Point, ...]
    ticks: tuple[tuple[float, float, str], ...]  # x of the tick, y of the tick, text
    data: dict[str, Any]
    scores: Table
    classes: Table
    pairs: Table | None
    wrong: Table | None


def calibration_section(found: Calibration | None, names: tuple[str, ...]) -> CalibrationSection | None:
    """None where there are no probabilities. `names`: the classes as they are shown."""
    if found is None:
        return None
    shown = dict(zip(found.predictions.class_names, names, strict=True))
    every = found.reliability
    low = float(np.floor(10 * min(min(r.said.min(), r.low.min()) for r in every.values())) / 10)
    place = _Scale(max(0.0, low))
    wrong = found.confidently_wrong()
    table = wrong.drop(columns="row").rename(columns={"p_true": "in the true class", "after": "after temperature"})
    classes, pairs = found.per_class(), found.per_pair()
    return CalibrationSection(
        tuple(visible(said) for said in found.sentences()),
        place.points(every[BEFORE]),
        place.points(every[AFTER]) if AFTER in every else (),
        tuple((place.x(v), place.y(v), f"{100 * v:.0f}") for v in ticks_of(place.low)),
        {"bins": equal_mass_bins(np.asarray(found.predictions.confidence, np.float64)).tolist(), "wrong": wrong["row"].tolist()},
        _scores(found),
        _signed(table_of(_kept(classes.assign(**{"class": [shown[k] for k in classes["class"]]}), CLASS_COLUMNS), percent=RATES, titles=CLASS_TITLES), classes),
        table_of(_kept(pairs.assign(a=[shown[k] for k in pairs["a"]], b=[shown[k] for k in pairs["b"]]), PAIR_COLUMNS), percent=RATES, titles=PAIR_TITLES)
        if len(pairs)
        else None,
        table_of(table, percent=("confidence", "in the true class", "after temperature")) if len(table) else None,
    )  # fmt: skip


CLASS_COLUMNS = ("class", "n_predicted", "confidence", "precision", "overconfidence", "ece", "after_ece", "one_vs_rest_ece")
PAIR_COLUMNS = ("a", "b", "n", "confidence", "right", "ece", "after_ece")
RATES = ("confidence", "precision", "overconfidence", "right", "ece", "after_ece", "one_vs_rest_ece")


def _kept(frame: Any, columns: tuple[str, ...]) -> Any:
    """Those of the columns that are there, with their intervals."""
    wanted = [f"{name}{end}" for name in columns for end in ("", "_low", "_high")]
    return frame[[name for name in wanted if name in frame.columns]]


def _scores(found: Calibration) -> Table:
    frame = found.scores().replace({"scaling": {BEFORE: "as given", AFTER: "after the temperature"}})
    frame = frame.rename(columns={f"ece{end}": f"calibration_error{end}" for end in ("", "_low", "_high")} | {"ece_chance": "by_chance"})
    frame["temperature"] = [
        f"{row.temperature:.3f} ({row.temperature_low:.3f}–{row.temperature_high:.3f})" if row.temperature_low == row.temperature_low else "1"
        for row in frame.itertuples()
    ]
    columns = ("scaling", "n", "bins", "accuracy", "confidence", "calibration_error", "by_chance", "brier", "log_loss")
    kept = _kept(frame, columns)
    kept.insert(1, "temperature", frame["temperature"])
    return table_of(kept, percent=("accuracy", "confidence", "calibration_error", "by_chance"))


def _signed(table: Table, frame: Any) -> Table:
    """Overconfidence with its sign, whose interval may hold 0: ``-3.1 (-5.2 to -1.1)``."""
    at = [column.name for column in table.columns].index(CLASS_TITLES["overconfidence"])
    ends = frame[["overconfidence", "overconfidence_low", "overconfidence_high"]].to_numpy()
    rows = []
    for row, (value, low, high) in zip(table.rows, ends, strict=False):
        cell = replace(row[at], text=f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})") if row[at].key else row[at]
        rows.append((*row[:at], cell, *row[at + 1 :]))
    return replace(table, rows=tuple(rows))


@dataclass(frozen=True)
class _Scale:
    low: float

    def x(self, value: float) -> float:
        return round(LEFT + SIDE * (value - self.low) / (1 - self.low), 1)

    def y(self, value: float) -> float:
        return round(TOP + SIDE * (1 - (value - self.low) / (1 - self.low)), 1)

    def points(self, r: Reliability) -> tuple[Point, ...]:
        rows = zip(r.said, r.rate, r.low, r.high, r.n, r.right, strict=True)
        return tuple(
            Point(
                self.x(said), self.y(rate), self.y(low), self.y(high),
                f"says {100 * said:.1f} %, is right {100 * rate:.1f} % of the time (95 % interval {100 * low:.1f}–{100 * high:.1f}; {right:,} of {n:,})", k,
            )
            for k, (said, rate, low, high, n, right) in enumerate(rows)
        )  # fmt: skip
