"""The epoch film as the page's script and template take it: places as one binary block, numbers as text and JSON."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.forgetting import STATES
from fmnist_viz.core.intervals import wilson
from fmnist_viz.display.film import VIEWS, FilmDisplay, epoch_words, short
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.report.table import Table, table_of
from fmnist_viz.projection.film import LINEAR, Strip

if TYPE_CHECKING:
    from markupsafe import Markup

    from fmnist_viz.core.types import LabeledImages

LEADING = 8  # pairs that are offered
MOST_PAIRS = 400  # pairs whose curves the page holds
TIP = 0.86  # where a class's axis ends, in half sides of the picture
REACH = 0.97  # how far the maps' points go
UNIT = 32767


@dataclass(frozen=True)
class FilmSection:
    """`points` holds, little-endian and one after the other, in base64: int32 rows among the report's images (m,), -1 where it does not show them;
    int16 labels (m,); int16 predictions (epochs, m); int16 places (views, epochs, m, 2), 32,767 being half a side of the picture.
    """

    readings: tuple[str, ...]
    caption: str
    rule: str
    epochs: tuple[str, ...]
    views: tuple[dict[str, Any], ...]
    data: dict[str, Any]
    points: Markup
    classes: Table
    drifts: Table


def film_section(film: FilmDisplay | None, images: LabeledImages) -> FilmSection | None:
    """None where there is no film."""
    from markupsafe import Markup

    if film is None:
        return None
    numbers = film.numbers
    place = {name: i for i, name in enumerate(images.sample_ids.tolist())}
    rows = np.array([place.get(name, -1) for name in numbers.sample_ids.tolist()], "<i4")
    parts = [rows, numbers.labels.astype("<i2"), numbers.predictions[list(film.shown)].astype("<i2"), *(_places(film, strip) for strip in film.strips)]
    views = tuple(_view(film, strip) for strip in film.strips)
    names = tuple(epoch_words(epoch) for epoch in film.epochs)
    data = {
        "points": len(rows), "epochs": _epochs(film, names), "views": views, "tip": TIP, "axes": film.axes.round(4).tolist(), "looks": list(numbers.epochs),
        "classes": _classes(film), "pairs": _pairs(film), "leading": list(range(min(LEADING, len(numbers.leading(LEADING))))),
    }  # fmt: skip
    return FilmSection(
        tuple(film.readings()), film.method(), film.rule(), names, views, data, Markup(base64.b64encode(b"".join(p.tobytes() for p in parts)).decode()),
        _class_table(film), _drift_table(film),
    )  # fmt: skip


def _places(film: FilmDisplay, strip: Strip) -> NDArray[np.int16]:
    """Places int16 (epochs, m, 2) at one scale for all epochs; an epoch without a map keeps those of the last one that has one (or of the first)."""
    drawn = [p.coords[:, :2] for p in strip.projections if not p.note]
    limit = (TIP if strip.method in LINEAR else REACH) * UNIT / (_half(strip) or 1.0)
    at = drawn[0] if drawn else np.zeros((len(film.numbers.labels), 2), np.float32)
    out = []
    for p in strip.projections:
        at = at if p.note else p.coords[:, :2]
        out.append(np.clip(np.rint(at * limit), -UNIT, UNIT).astype("<i2"))
    return np.stack(out)


def _half(strip: Strip) -> float:
    """How far the farthest point of any epoch lies from the middle; the probabilities' axes end at 1."""
    drawn = [np.linalg.norm(p.coords[:, :2], axis=1).max(initial=0.0) if strip.method in LINEAR else np.abs(p.coords[:, :2]).max(initial=0.0)
             for p in strip.projections if not p.note]  # fmt: skip
    return 1.0 if strip.method == "probabilities" else float(max(drawn, default=1.0))


def _view(film: FilmDisplay, strip: Strip) -> dict[str, Any]:
    title, words, _ = VIEWS[strip.method]
    said = []
    for i, p in enumerate(strip.projections):
        if p.note:
            said.append(p.note)
        elif not math.isfinite(strip.drifts[i]):
            said.append("")
        else:
            still = f"; {short(strip.stills[i])} when nothing has changed" if math.isfinite(strip.stills[i]) else ""
            said.append(f"drift {short(strip.drifts[i])} since {epoch_words(film.epochs[i - 1])}{still}")
    return {"method": strip.method, "title": title, "words": " ".join(words), "linear": strip.method in LINEAR, "said": said}


def _epochs(film: FilmDisplay, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each epoch shown: its name, its place among all looks, and what was measured, as (what, value) texts."""
    table = film.frame().set_index("epoch")
    out = []
    for i, (place, name) in enumerate(zip(film.shown, names, strict=True)):
        row = table.loc[film.numbers.epochs[place]]
        facts = [["right", f"{100 * row['accuracy']:.1f} % ({100 * row['accuracy_low']:.1f}–{100 * row['accuracy_high']:.1f}), n = {int(row['n']):,}"]]
        if math.isfinite(row["lost"]):
            facts.append(["since the look before", f"{int(row['gained']):,} newly right, {int(row['lost']):,} forgotten"])
        if math.isfinite(film.vector_drifts[i]):
            facts.append(["drift of the activations", short(film.vector_drifts[i])])
        out.append({"name": name, "look": place, "facts": facts})
    return out


def _rates(count: NDArray[np.int64], n: int) -> list[list[float]]:
    low, high = wilson(count, n)
    return [[round(float(v), 4) for v in (c / max(n, 1), a, b)] for c, a, b in zip(count, low, high, strict=True)]


def _classes(film: FilmDisplay) -> list[dict[str, Any]]:
    """Every class: its number, images, the epoch at which it was learned (null: never), and the share right with its interval at every look."""
    numbers = film.numbers
    return [
        {"k": k, "n": lesson.n, "at": numbers.learned_at(k), "rates": _rates(lesson.right, lesson.n)} for k, lesson in enumerate(numbers.lessons) if lesson.n
    ]


def _pairs(film: FilmDisplay) -> list[dict[str, Any]]:
    """Directed pairs that were mixed up, most often first: true and predicted class, images of the true one, rates with intervals at every look."""
    numbers = film.numbers
    found = numbers.leading(min(MOST_PAIRS, len(numbers.class_names) ** 2))
    return [{"t": t, "p": p, "n": int(numbers.support[t]), "rates": _rates(numbers.counts[:, t, p], int(numbers.support[t]))} for t, p in found]


def _class_table(film: FilmDisplay) -> Table:
    """When each class was learned and what became of its images."""
    frame = film.numbers.state_frame()
    names = [visible(name) for name in frame["class"][:-1]]
    at = ["never" if math.isnan(v) else "before training" if v == 0 else f"epoch {v:.0f}" for v in frame["learned_at"][:-1]]
    frame = frame.assign(**{"class": [*names, "all classes"], "learned_at": [*at, "–"]})
    keys = tuple(state.replace(" ", "_") for state in STATES)
    titles = {"learned_at": "learned at", "n": "images", "events": "times forgotten"}
    return table_of(frame.drop(columns=[f"{key}_count" for key in keys]), percent=keys, titles=titles)


def _drift_table(film: FilmDisplay) -> Table:
    """How far everything moved to each epoch shown, and the scores of the maps."""
    frame = film.frame()
    frame = frame[frame["epoch"].isin(film.epochs)]
    columns: dict[str, Any] = {"epoch": frame["epoch"], "moved_from": frame["moved_from"], "activations": frame["drift_vectors"].round(3)}
    for strip in film.strips:
        title = VIEWS[strip.method][0]
        columns[title] = frame[f"drift_{strip.method}"].round(3)
        if strip.method not in LINEAR:
            columns[f"{title}, nothing changed"] = frame[f"still_{strip.method}"].round(3)
    for strip in (s for s in film.strips if s.method not in LINEAR):
        for end in ("", "_low", "_high"):
            columns[f"trustworthiness of {VIEWS[strip.method][0]}{end}"] = frame[f"{strip.method}_trustworthiness{end}"]
    import pandas as pd

    return table_of(pd.DataFrame(columns), titles={"moved_from": "since epoch"})
