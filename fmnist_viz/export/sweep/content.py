"""What a sweep's files are made from, and its table as texts: the page and the Markdown file say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fmnist_viz.analysis.sweep import METHOD, Change, Trial
from fmnist_viz.display.lettering import join
from fmnist_viz.display.sweep import FLATTERED, SweepDisplay

COLUMNS = (
    "variant", "n", "accuracy: median (range)", "medians differ by", "mean difference by seed (95 %)", "p (Holm)", "verdict", "parameters", "s per epoch",
    "dead",
)  # fmt: skip


@dataclass(frozen=True)
class SweepContent:
    """One sweep.

    trials : all trainings, the base's under the name "base"; held_out : images that judged each
    base : the base's settings; warnings : lines that stand at the top; made : how this was made, as (what, value)
    sessions : name -> content of an event file for TensorBoard's HPARAMS tab, one per training
    details : variant -> its settings, for trials.csv
    """

    trials: Sequence[Trial]
    held_out: int
    base: Mapping[str, object]
    warnings: Sequence[str] = ()
    made: Sequence[tuple[str, str]] = ()
    sessions: Mapping[str, bytes] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def display(self) -> SweepDisplay:
        return SweepDisplay(self.trials, self.held_out)

    @property
    def title(self) -> str:
        return f"What each change of {self.base.get('model', 'the model')} bought"

    def notes(self) -> list[str]:
        """What stands below the table."""
        base = ", ".join(f"{name.replace('_', '-')}={value}" for name, value in self.base.items())
        return [
            f"Base: {base}.",
            join([self.display.judged(), f"Differences: {METHOD}", FLATTERED]),
            "Differences are in points of accuracy. A dead training has a layer of ReLU units of which none fires on any of up to 2,000 training images: "
            "whatever it is shown, its answer is the same. Seconds per epoch are the median as measured when the training ran, whatever else the machine did.",
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """The table as texts, in the order of `COLUMNS`."""
        return [_texts(row) for row in self.display.rows]


def _texts(row: Change) -> tuple[str, ...]:
    base = row.variant == "base"
    interval = f" ({points(row.difference_low)} to {points(row.difference_high)})" if row.difference_low == row.difference_low else ""
    return (
        row.variant,
        str(row.n),
        f"{100 * row.median:.2f} % ({100 * row.low:.2f}–{100 * row.high:.2f})" if row.n else "–",
        "" if base else points(row.median_difference),
        "" if base else points(row.difference) + interval,
        "" if base else "–" if row.p_holm != row.p_holm else "< 0.0001" if row.p_holm < 1e-4 else f"{row.p_holm:.4f}",
        row.verdict,
        f"{row.parameters:,}",
        "–" if row.seconds != row.seconds else f"{row.seconds:.1f}",
        f"{row.dead} of {row.dead_known}" if row.dead_known else "–",
    )


def points(share: float) -> str:
    """``+1.25`` for 0.0125; a dash for what is not known."""
    return "–" if share != share else f"{100 * share:+.2f}"
