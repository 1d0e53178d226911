"""The cells of the comparison as text, the same in Markdown and on the page; and all of it as one frame of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fmnist_viz.analysis.reproduction import RATES, Reproduction, Spread
from fmnist_viz.models.articles import Reported, article

if TYPE_CHECKING:
    import pandas as pd

NONE = "–"
NOTHING = "No training has been measured yet."
HEADS = ("system", "setting", "n", "our accuracy, %", "reported, % (95 % interval)", "verdict", "our loss", "reported loss", "dead", "s/epoch", "theirs")

WORDS = {
    "test_accuracy": "test accuracy", "test_loss": "test loss", "train_accuracy": "training accuracy", "train_loss": "training loss",
    "val_accuracy": "validation accuracy", "val_loss": "validation loss", "per_class": "figures per class", "confusions": "confusions",
    "seconds": "seconds per epoch",
}  # fmt: skip


def main_rows(rows: Sequence[Reproduction]) -> list[tuple[str, ...]]:
    """One row of texts per comparison, under `HEADS`."""
    return [
        (
            name(r), setting(r), str(len(r.rows)), percent(r.measured("test_accuracy")), reported_accuracy(r), verdict(r), plain(r.measured("test_loss"), 3),
            plain_number(r.reported.test_loss if r.reported else None, 3), f"{len(r.dead)} of {r.looked_at}" if r.looked_at else NONE,
            plain(r.measured("seconds_per_epoch"), 1), seconds(r.reported),
        )
        for r in rows
    ]  # fmt: skip


def summary(rows: Sequence[Reproduction]) -> str:
    """How much has been measured; a training of two stages has two results."""
    done, begun = sum(len(r.rows) for r in rows), sum(len(r.pending) for r in rows)
    if not done and not begun:
        return NOTHING
    return f"{done} complete results of {len({r.preset for r in rows if r.rows})} systems" + (f", {begun} not run in full" if begun else "")


def name(r: Reproduction) -> str:
    """``cnn1, augmented``."""
    return r.preset if r.stage == "plain" else f"{r.preset}, {r.stage}"


def setting(r: Reproduction) -> str:
    """Recipe, differing options and precision; a dash where nothing was run."""
    if not r.rows and not r.pending:
        return NONE
    said = ["article's recipe" if r.recipe == "article" else f"{r.recipe} recipe", r.options, r.precision, "" if r.official else "not the real data"]
    return ", ".join(text for text in said if text)


def verdict(r: Reproduction) -> str:
    """The verdict; how far an unfinished one stands; whose number stands in where the article has none."""
    said: str = r.verdict
    if r.interval is not None and r.reported is not None and r.reported.anchor and r.verdict in ("inside", "better", "worse"):
        said += f" (against the {r.reported.anchor})"
    return f"{said}: {r.standing}" if r.verdict == "not run in full" else said


def heading(r: Reproduction) -> str:
    """What stands beside the name: setting and verdict."""
    return verdict(r) if setting(r) == NONE else f"{setting(r)}: {verdict(r)}"


def percent(s: Spread | None) -> str:
    """``91.04 [90.80–91.20]``: median and range of shares, in percent; no range of one."""
    if s is None:
        return NONE
    return f"{100 * s.median:.2f}" + (f" [{100 * s.low:.2f}–{100 * s.high:.2f}]" if s.n > 1 else "")


def plain(s: Spread | None, digits: int) -> str:
    """Median and range."""
    if s is None:
        return NONE
    return f"{s.median:.{digits}f}" + (f" [{s.low:.{digits}f}–{s.high:.{digits}f}]" if s.n > 1 else "")


def plain_number(value: float | None, digits: int) -> str:
    return NONE if value is None or value != value else f"{value:.{digits}f}"


def reported_accuracy(r: Reproduction) -> str:
    """``91.04 (90.46–91.59)``, with as many digits as were reported."""
    if r.interval is None or r.reported is None or r.reported.test_accuracy is None:
        return NONE
    low, high = r.interval
    digits = 0 if r.reported.rounding >= 0.01 else 2
    return f"{100 * r.reported.test_accuracy:.{digits}f} ({100 * low:.2f}–{100 * high:.2f})"


def seconds(r: Reported | None) -> str:
    """The article's seconds per epoch, median and range."""
    if r is None or r.seconds is None:
        return NONE
    s = r.seconds
    return f"{s.median:g}" + (f" [{s.low:g}–{s.high:g}]" if s.low is not None and s.high is not None else "")


def remarks(r: Reproduction) -> list[tuple[str, str]]:
    """What else is to be said of a comparison, as (what, sentence) rows: sources, caveats, seeds, standing, machines, explanations."""
    said: list[tuple[str, str]] = []
    for one in (r.reported, *r.also):
        if one is not None:
            said.append(("reported by" if one is r.reported else "also described by", f"{article(one.article).citation} ({sources(one)})"))
            said += [("caveat", text) for text in one.caveats]
    if r.rows:
        said.append(("seeds", f"{', '.join(map(str, r.seeds))} (n = {len(r.rows)}); {_setup(r)}"))
    if r.pending:
        said.append(("not run in full", r.standing))
    if text := fitting(r):
        said.append(("training", text))
    if r.dead_text:
        said.append(("dead layers", r.dead_text))
    if r.reported is not None and r.reported.machine:
        said.append(("their machine", r.reported.machine))
    return said + [("why", text) for text in r.why]


def sources(one: Reported) -> str:
    """Where an article's numbers come from, each kind of source with what it is the source of."""
    found: dict[str, list[str]] = {}
    for field, words in WORDS.items():
        if getattr(one, field) not in (None, (), {}):
            found.setdefault(one.source_of(field), []).append(words)
    return "; ".join(f"{place}: {', '.join(words)}" for place, words in found.items()) or "no numbers"


def _setup(r: Reproduction) -> str:
    """Precision, threads and processors of the trainings compared."""
    precision = r.precision or "unknown precision"
    threads = sorted({row.threads for row in r.rows})
    machines = sorted({row.cpu or row.device for row in r.rows})
    return f"{precision}, {' or '.join(map(str, threads))} thread{'s' * (threads != [1])}, {'; '.join(m for m in machines if m) or 'unknown processor'}"


def class_title(r: Reproduction) -> str:
    """What stands above the figures per class."""
    count = len(r.confusions())
    return f"Per class, ours as median over {count} seed{'s' * (count != 1)}" if count else "Per class, as reported"


def fitting(r: Reproduction) -> str:
    """Epochs, and losses and accuracies of training and validation: ours as median [range], the article's in brackets; empty where nothing is known."""
    one = r.reported
    said = []
    for field in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        ours, theirs = r.measured(field), getattr(one, field, None)
        if ours or theirs is not None:
            said.append(f"{WORDS[field]} {plain(ours, 4)} (reported: {plain_number(theirs, 4)})")
    epochs = sorted({row.epochs for row in r.rows})
    if epochs or one:
        said.insert(0, f"epochs in all {' or '.join(map(str, epochs)) or NONE} (reported: {one.epochs if one else NONE})")
    return "; ".join(said)


def per_class_rows(r: Reproduction) -> list[tuple[str, ...]]:
    """One row per class: class, then ours (median) and reported for precision, recall, F1."""
    rows: list[tuple[str, ...]] = []
    for row in r.per_class_frame().to_dict("records"):
        cells = [str(row["class"])]
        for rate in RATES:
            cells += [plain_number(row[rate], 3), plain_number(row[f"{rate}_reported"], 2)]
        rows.append(tuple(cells))
    return rows


def confusion_rows(r: Reproduction) -> list[tuple[str, ...]]:
    """One row per named cell: cell, reported with interval, ours as median and range, n, remark."""
    rows: list[tuple[str, ...]] = []
    for row in r.confusion_frame().to_dict("records"):
        theirs = f"{100 * row['reported']:.1f} ({100 * row['reported_low']:.1f}–{100 * row['reported_high']:.1f})"
        ours = f"{100 * row['rate']:.1f} [{100 * row['low']:.1f}–{100 * row['high']:.1f}]" if row["seeds"] else NONE
        rows.append((f"{row['true']} → {row['predicted']}", theirs, ours, str(row["seeds"]), str(row["note"])))
    return rows


def table_frame(rows: Sequence[Reproduction]) -> pd.DataFrame:
    """Every comparison as one row of numbers (accuracies as shares 0..1); NaN or "" where nothing is known."""
    import pandas as pd

    return pd.DataFrame([_record(r) for r in rows], columns=list(_record(Reproduction("", "plain"))))


def _record(r: Reproduction) -> dict[str, object]:
    one = r.reported
    low, high = r.interval or (None, None)
    record: dict[str, object] = {"preset": r.preset, "stage": r.stage, "recipe": r.recipe, "options": r.options, "precision": r.precision}
    record |= {"official": "yes" if r.official else "no", "verdict": r.verdict, "n": len(r.rows), "seeds": " ".join(map(str, r.seeds))}
    for column in ("test_accuracy", "test_loss", "seconds_per_epoch", "cpu_minutes", "dead_share"):
        s = r.measured(column)
        record |= {column: s.median if s else None, f"{column}_low": s.low if s else None, f"{column}_high": s.high if s else None}
    record |= {"dead": len(r.dead), "looked_at": r.looked_at, "standing": r.standing}
    record |= {"reported_accuracy": one.test_accuracy if one else None, "reported_low": low, "reported_high": high}
    record |= {"reported_loss": one.test_loss if one else None, "reported_n_test": one.n_test if one else None}
    record |= {"reported_seconds": one.seconds.median if one and one.seconds else None, "reported_machine": one.machine if one else ""}
    record |= {"article": one.article if one else "", "source": one.source_of("test_accuracy") if one else "", "anchor": one.anchor if one else ""}
    return record | {"why": " ".join(r.why)}
