"""The gate between two finished runs: whether the second makes any confusion significantly more often than the first."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.comparison import Comparison, aligned
from fmnist_viz.analysis.risen import METHOD, Risen
from fmnist_viz.analysis.significance import LEVEL
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.pipeline.comparison import same_data
from fmnist_viz.pipeline.finished import open_runs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Check:
    """What `check` found. `passed` is the gate; `frame()` has a row per directed pair, `record()` everything as plain values for JSON."""

    run: Path
    baseline: Path
    risen: Risen
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no pair rose significantly and the accuracy did not fall significantly."""
        return self.risen.passed

    def frame(self) -> pd.DataFrame:
        """One row per directed pair, by p of a rise: see `Risen.table`."""
        return self.risen.frame()

    @property
    def sentence(self) -> str:
        """The outcome in words, with the number of tests and the level."""
        r, rose = self.risen, self.risen.rose
        held = f"{r.tests} one-sided test{'s' * (r.tests != 1)} on {r.comparison.n:,} images, level {r.level:g} over all of them (Holm)"
        if self.passed:
            return f"no confusion rose and the accuracy did not fall: {held}"
        said = [f"{row['true']} → {row['predicted']} {row['baseline_count']} → {row['run_count']}" for row in rose.head(3).to_dict("records")]
        more = f" and {len(rose) - 3} more" if len(rose) > 3 else ""
        parts = [f"{len(rose)} confusion{'s' * (len(rose) != 1)} rose ({', '.join(said)}{more})"] if len(rose) else []
        parts += ["the accuracy fell"] if r.accuracy["fell"] else []
        return f"{' and '.join(parts)}: {held}"

    def record(self) -> dict[str, Any]:
        """passed, level, n, tests, method, both folders, accuracy, pairs (a list of the frame's rows) and notes; a value that is not known is None."""
        rows = [{k: _plain(v) for k, v in row.items()} for row in self.frame().astype(object).to_dict("records")]
        return {
            "passed": self.passed, "level": self.risen.level, "n": self.risen.comparison.n, "tests": self.risen.tests, "method": METHOD,
            "run": str(self.run), "baseline": str(self.baseline), "accuracy": {k: _plain(v) for k, v in self.risen.accuracy.items()},
            "pairs": rows, "notes": list(self.notes),
        }  # fmt: skip


def _plain(value: Any) -> Any:
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found


def check(
    run: str | os.PathLike[str],
    baseline: str | os.PathLike[str],
    *,
    level: float = LEVEL,
    pairs: Sequence[tuple[str, str]] = (),
    shared: bool = False,
) -> Check:
    """Whether `run` makes any confusion significantly more often than `baseline` on the same images, or is right significantly less often.

    Parameters
    ----------
    run, baseline : folders that train-and-export or export has made
    level : of the whole gate, 0 < level < 1
    pairs : directed (true class, taken for) names; empty: all
    shared : look at the images that both have, where they differ

    Returns
    -------
    Check : `.passed`, `.frame()`, `.sentence`, `.record()`

    Raises
    ------
    UsageError for a level or a class that is none; BadInput for folders that hold no predictions, of other data or classes, or, unless `shared`, of other
    images; Damaged where files were changed.
    """
    if not 0 < level < 1:
        raise UsageError("LEVEL", f"--level {level:g}", "is no chance between 0 and 1", "Give one such as 0.05.")
    runs = open_runs([Path(baseline), Path(run)])
    same_data(runs)
    names = list(runs[0].class_names)
    wanted = [_directed(pair, names) for pair in pairs]
    answers = [one.answers for one in runs]
    try:
        kept = aligned(answers)
    except ValueError as e:
        raise BadInput("OTHER-DATA", runs[1].path, f"cannot be compared: {e}", "Give runs of the same images.") from None
    n = len(kept[0].sample_ids)
    counts = [len(one.sample_ids) for one in answers]
    what = f"looked at {counts[1]:,} images and {runs[0].path} at {counts[0]:,}, of which {n:,} are the same"
    if not n:
        raise BadInput("NO-COMMON-IMAGE", runs[1].path, what, "Give runs of the same --split and --points.")
    if not shared and max(counts) != n:
        raise BadInput("OTHER-IMAGES", runs[1].path, what, "Give runs of the same --split and --points, or add --shared to check the same ones alone.")
    notes = [f"Of {counts[0]:,} and {counts[1]:,} images the {n:,} that both have."] if max(counts) != n else []
    if any(name.startswith("train/") for name in kept[0].sample_ids.tolist()):
        notes.append("Some of these images are training images: on them a model that was trained on them looks better than it is.")
    return Check(runs[1].path, runs[0].path, Risen(Comparison(*kept), level, wanted), tuple(notes))


def _directed(pair: tuple[str, str], names: list[str]) -> tuple[int, int]:
    for name in pair:
        if name not in names:
            raise unknown_choice("class", name, names)
    if pair[0] == pair[1]:
        raise UsageError("PAIR", "--pairs", f"names {pair[0]} twice", "Name two classes.")
    return names.index(pair[0]), names.index(pair[1])


def class_names(run: Path) -> list[str]:
    """The classes of a finished run, in their order."""
    return list(open_runs([run])[0].class_names)
