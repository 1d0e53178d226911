"""Training curves as paths for the page's template; the numbers come from the run's history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fmnist_viz.display.training_curves import TRAINING, VALIDATION

WIDTH, HEIGHT = 440, 184
LEFT, RIGHT, TOP, BOTTOM = 44, 116, 12, 24
LINE_GAP = 15  # px between the names at the lines' ends

COLORS = {"training": TRAINING, "validation": VALIDATION, "test": VALIDATION}
PANELS = (("Accuracy", "accuracy", "val_accuracy"), ("Loss", "loss", "val_loss"))


@dataclass(frozen=True)
class Line:
    label: str
    kind: str  # "training", "validation" or "test"
    color: str  # as in the figure of the same curves
    path: str
    end: float  # y of the name, px


@dataclass(frozen=True)
class Panel:
    title: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]  # (y in px, text)
    epochs: tuple[tuple[float, str], ...]  # (x in px, text)
    description: str


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round values within low..high."""
    span = high - low
    if span <= 0:
        return [low]
    step = 10 ** math.floor(math.log10(span))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if span / s <= 5)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _spread(ends: list[float]) -> list[float]:
    """The same heights, pushed apart until names do not touch."""
    order = sorted(range(len(ends)), key=lambda i: ends[i])
    out = list(ends)
    for a, b in pairwise(order):
        out[b] = max(out[b], out[a] + LINE_GAP)
    over = max([*out, 0]) - (HEIGHT - BOTTOM)
    return [y - over for y in out] if over > 0 else out


def _panel(title: str, series: Mapping[str, Sequence[float]], epochs: Sequence[float]) -> Panel:
    values = [v for line in series.values() for v in line if math.isfinite(v)]
    low, high = min(values), max(values)
    pad = (high - low) * 0.06 or abs(high) * 0.05 or 0.5
    low, high = low - pad, high + pad
    first, last = min(epochs), max(epochs)

    def at_x(epoch: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (0.5 if last == first else (epoch - first) / (last - first)), 1)

    def at_y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    paths, ends, labels = [], [], []
    for kind, line in series.items():
        points = [(at_x(e), at_y(v)) for e, v in zip(epochs, line, strict=False) if math.isfinite(v)]
        paths.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points) + (f"h{0.01}" if len(points) == 1 else ""))
        ends.append(points[-1][1])
        final = [v for v in line if math.isfinite(v)][-1]
        labels.append(f"{kind} {100 * final:.1f} %" if title == "Accuracy" else f"{kind} {final:.3f}")
    lines = tuple(Line(label, kind, COLORS[kind], path, end) for label, kind, path, end in zip(labels, series, paths, _spread(ends), strict=True))
    text = (lambda v: f"{100 * v:.4g} %") if title == "Accuracy" else (lambda v: f"{v:.4g}")
    marks = dict.fromkeys([first, last])
    description = f"{title} by epoch, {'; '.join(labels)} at the end"
    return Panel(title, lines, tuple((at_y(v), text(v)) for v in _ticks(low, high)), tuple((at_x(e), f"{e:g}") for e in marks), description)


def curve_panels(history: Mapping[str, Sequence[float]], watched: str = "validation") -> list[Panel]:
    """A panel for accuracy and one for loss, as far as the history holds them; `watched` is what its val_ columns are of."""
    out = []
    for title, training, validation in PANELS:
        named = (("training", training), (watched, validation))
        series = {kind: list(history[name]) for kind, name in named if any(map(math.isfinite, history.get(name, ())))}
        if series:
            count = max(map(len, series.values()))
            out.append(_panel(title, series, list(history.get("epoch") or range(1, count + 1))))
    return out
