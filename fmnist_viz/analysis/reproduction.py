"""Measured trainings beside the numbers that their articles reported: one comparison per system, stage and setting."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.ledger import LedgerRow
from fmnist_viz.data.labels import FASHION
from fmnist_viz.models.articles import OPTION, Reported, Why, articles, reasons
from fmnist_viz.models.articles import reported as all_reported

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["inside", "better", "worse", "none reported", "not run in full", "not run", "other data"]
RATES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Spread:
    """Median and range of one number over n trainings; of an even number the median is the mean of the middle two."""

    n: int
    median: float
    low: float
    high: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of the known values; None where there are none."""
    known = [v for v in values if v is not None and v == v]
    return Spread(len(known), statistics.median(known), min(known), max(known)) if known else None


def reported_interval(value: float, n: int, rounding: float = 0.0) -> tuple[float, float]:
    """Where the true rate behind a reported one may lie, 95 %: (low, high) in 0..1.

    A Wilson interval at `n` images, widened because the rate is known to half of `rounding` only: its lower end is that of value - rounding / 2, its
    upper end that of value + rounding / 2.
    """
    low, _ = wilson(max(0.0, value - rounding / 2) * n, n)
    _, high = wilson(min(1.0, value + rounding / 2) * n, n)
    return float(low), float(high)


def verdict_of(ours: Spread, interval: tuple[float, float]) -> Literal["inside", "better", "worse"]:
    """ "inside" where the reported interval and the range of our accuracies touch or overlap, else on which side ours lie."""
    low, high = interval
    return "better" if ours.low > high else "worse" if ours.high < low else "inside"


@dataclass(frozen=True)
class Reproduction:
    """The trainings of one system up to one stage under one setting, beside what was reported.

    `rows` are those compared: complete ones, one per seed, in the order of seeds; `pending` are seeds of which there is no complete account.
    `reported` is None where no article describes the stage; `also` are further articles on the same system.
    """

    preset: str
    stage: str
    recipe: str = "article"
    options: str = ""
    precision: str = ""
    official: bool = True
    rows: tuple[LedgerRow, ...] = ()
    pending: tuple[LedgerRow, ...] = ()
    reported: Reported | None = None
    also: tuple[Reported, ...] = field(default=(), repr=False)
    beside: Mapping[str, Verdict] = field(default_factory=dict, repr=False)  # verdicts of the same system under other options

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(row.seed for row in self.rows)

    def measured(self, name: str) -> Spread | None:
        """Median and range over the seeds of a number of the ledger, such as "test_accuracy"."""
        return spread(getattr(row, name) for row in self.rows)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the reported accuracy; None where none was reported."""
        r = self.reported
        return None if r is None or r.test_accuracy is None else reported_interval(r.test_accuracy, r.n_test, r.rounding)

    @property
    def verdict(self) -> Verdict:
        """How our seeds stand to the reported accuracy; nothing is said of trainings cut short or of other data."""
        if not self.rows and not self.pending:
            return "not run"
        if not self.official:
            return "other data"
        ours = self.measured("test_accuracy")
        if ours is None:
            return "not run in full"
        return "none reported" if self.interval is None else verdict_of(ours, self.interval)

    @property
    def standing(self) -> str:
        """How far the seeds are that have no complete account: ``seed 3 at epoch 4 of 10``."""
        return "; ".join(_standing(row) for row in self.pending)

    @property
    def dead(self) -> tuple[LedgerRow, ...]:
        """The trainings in which every unit of some layer was dead at the end."""
        return tuple(row for row in self.rows if row.dead_share == 1)

    @property
    def looked_at(self) -> int:
        """Of how many trainings the dead units are known."""
        return sum(row.dead_share is not None for row in self.rows)

    @property
    def dead_text(self) -> str:
        """``2 of 5 seeds dead`` with the accuracies of both kinds; empty where no training was looked at."""
        if not self.looked_at:
            return ""
        said = f"{len(self.dead)} of {self.looked_at} seeds dead"
        alive = [row for row in self.rows if row.dead_share is not None and row.dead_share < 1]
        if not self.dead or not alive:
            return said
        kinds = ((self.dead, "dead"), (alive, "others"))
        return said + " (" + ", ".join(f"{word} {_range(spread(row.test_accuracy for row in rows))}" for rows, word in kinds) + ")"

    @property
    def why(self) -> tuple[str, ...]:
        """The known explanations whose conditions hold in these runs; of other recipes than the article's nothing is known."""
        if not self.rows or not self.official or self.recipe != "article":
            return ()
        known = reasons(self.preset, self.stage)
        return tuple(why.text for why in known if why.direction in ("always", self.verdict) and self._holds(why))

    def _holds(self, why: Why) -> bool:
        if why.condition.startswith(OPTION):
            return why.condition.removeprefix(OPTION) in self.options
        if why.condition == "scaled once and twice":
            # what the second scaling costs is known where both were run in full, with the weights that the article used
            other = ", ".join(part for part in self.options.split(", ") if part != "preprocess=fixed")
            return self.options != other and "weights=" not in self.options and self.beside.get(other) == "inside"
        if why.condition in ("", "several seeds"):
            return len(self.rows) > (1 if why.condition else 0)
        if why.condition == "dead":
            return bool(self.dead)
        if why.condition == "alive":
            return self.looked_at > len(self.dead)
        less, more = self.measured("train_accuracy"), self.measured("val_accuracy")  # "training below validation"
        return less is not None and more is not None and less.median < more.median

    def confusions(self) -> list[Confusion]:
        """The confusion matrix of every training that has one."""
        counts = [row.counts for row in self.rows]
        return [Confusion(c, self._class_names(len(c))) for c in counts if c is not None]

    def _class_names(self, count: int) -> tuple[str, ...]:
        return FASHION if self.official and count == len(FASHION) else tuple(str(i) for i in range(count))

    def per_class_frame(self) -> pd.DataFrame:
        """One row per class: class, seeds, then for precision, recall and f1 the median over seeds, low, high (range) and reported; NaN for unknown."""
        import pandas as pd

        tables = [matrix.per_class().set_index("class") for matrix in self.confusions()]
        theirs = self.reported.per_class if self.reported else {}
        names = list(tables[0].index) if tables else list(theirs)
        rows = []
        for name in names:
            row: dict[str, object] = {"class": name, "seeds": len(tables)}
            for i, rate in enumerate(RATES):
                s = spread(float(table.at[name, rate]) for table in tables if name in table.index)
                row |= {rate: s.median if s else None, f"{rate}_low": s.low if s else None, f"{rate}_high": s.high if s else None}
                row[f"{rate}_reported"] = theirs[name][i] if name in theirs else None
            rows.append(row)
        columns = ["class", "seeds", *(rate + end for rate in RATES for end in ("", "_low", "_high", "_reported"))]
        return _numbers(pd.DataFrame(rows, columns=columns), columns[2:])

    def confusion_frame(self) -> pd.DataFrame:
        """One row per cell that an article names: true, predicted, reported with its interval (`reported_interval`), seeds, rate (median), low, high, note."""
        import pandas as pd

        matrices = [matrix for matrix in self.confusions() if matrix.class_names == FASHION]
        rows = []
        for cell in self.reported.confusions if self.reported else ():
            t, p = FASHION.index(cell.true), FASHION.index(cell.predicted)
            s = spread(float(matrix.rates[t, p]) for matrix in matrices)
            assert self.reported is not None
            # a cell is a share of one class's test images, a tenth of them, and is printed to a tenth of a percent
            low, high = reported_interval(cell.rate, self.reported.n_test // len(FASHION), 0.001)
            found = {"rate": s.median, "low": s.low, "high": s.high} if s else {}
            said = {"reported": cell.rate, "reported_low": low, "reported_high": high}
            rows.append({"true": cell.true, "predicted": cell.predicted, **said, "seeds": s.n if s else 0, **found, "note": cell.note})
        numbers = ["reported", "reported_low", "reported_high", "seeds", "rate", "low", "high"]
        return _numbers(pd.DataFrame(rows, columns=["true", "predicted", *numbers, "note"]), [n for n in numbers if n != "seeds"])


def reproductions(rows: Sequence[LedgerRow], *, missing: bool = True) -> list[Reproduction]:
    """Compare every system, stage, recipe, options, precision and kind of data in a ledger with what was reported.

    Of several accounts of a seed (other threads, an older version) the last complete one counts. With `missing`, stages that an article
    reports on and the ledger does not hold stand there as "not run". The order is that of the articles; within a stage the recipe's own options come first.
    """
    groups: dict[tuple[str, str, str, str, str, bool], list[LedgerRow]] = {}
    for row in rows:
        groups.setdefault((row.preset, row.stage, row.recipe, row.options, row.precision, row.official), []).append(row)
    made = [_compared(key, found) for key, found in groups.items()]
    made = [replace(r, beside={other.options: other.verdict for other in made if _one_system(r, other)}) for r in made]
    stages: list[tuple[str, str]] = list(dict.fromkeys((r.preset, r.stage) for one in articles() for r in one.reported))
    if missing:
        run = {(r.preset, r.stage) for r in made}
        made += [
            Reproduction(preset, stage, reported=_first(preset, stage), also=_others(preset, stage)) for preset, stage in stages if (preset, stage) not in run
        ]
    place = {stage: i for i, stage in enumerate(stages)}

    def order(r: Reproduction) -> tuple[object, ...]:
        known = place.get((r.preset, r.stage), len(stages))
        return known, r.preset, r.stage != "plain", not r.official, r.recipe != "article", r.options, r.precision != "float32", r.precision

    return sorted(made, key=order)


def _compared(key: tuple[str, str, str, str, str, bool], rows: list[LedgerRow]) -> Reproduction:
    done: dict[int, LedgerRow] = {}
    begun: dict[int, LedgerRow] = {}
    for row in sorted(rows, key=lambda row: row.date):  # stable: of one day the later in the file counts
        (done if row.complete else begun)[row.seed] = row
    pending = tuple(begun[seed] for seed in sorted(begun) if seed not in done)
    compared = tuple(done[seed] for seed in sorted(done))
    return Reproduction(*key, rows=compared, pending=pending, reported=_first(*key[:2]), also=_others(*key[:2]))


def _one_system(a: Reproduction, b: Reproduction) -> bool:
    return (a.preset, a.stage, a.recipe, a.precision, a.official) == (b.preset, b.stage, b.recipe, b.precision, b.official)


def _first(preset: str, stage: str) -> Reported | None:
    return next(iter(all_reported(preset, stage)), None)


def _others(preset: str, stage: str) -> tuple[Reported, ...]:
    return all_reported(preset, stage)[1:]


def _standing(row: LedgerRow) -> str:
    scaled = f", recipe scaled by {row.epochs_scale:g}" if row.epochs_scale != 1 else ""
    return f"seed {row.seed} at epoch {row.epochs} of {row.epochs_full}{scaled}"


def _range(s: Spread | None) -> str:
    if s is None:
        return "unknown"
    return f"{100 * s.median:.2f} %" if s.low == s.high else f"{100 * s.median:.2f} % [{100 * s.low:.2f}–{100 * s.high:.2f}]"


def _numbers(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(columns, "float64"))
