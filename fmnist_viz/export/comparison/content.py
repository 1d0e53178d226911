"""What the page of a comparison is made from; nothing here draws or loads a drawing library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.analysis.comparison import Answers, Comparison
from fmnist_viz.core.types import LabeledImages

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ComparisonContent:
    """Several runs on the same images.

    Parameters
    ----------
    pairs : every other run against the baseline
    runs : all runs' answers, row by row of the same images, the baseline first
    tables : accuracy, tests, fixed, broken, confusion, per_class, layers, similarity (may be missing), settings
    verdicts : a sentence per pair of runs
    images : the images of those rows, or None where they are not at hand
    notes : lines that stand at the top
    layers_note : what had to be left out of the layers' comparison
    made : how this was made, as (what, value) rows
    """

    pairs: Sequence[Comparison]
    runs: Sequence[Answers]
    tables: Mapping[str, pd.DataFrame]
    verdicts: Sequence[str]
    images: LabeledImages | None = None
    notes: Sequence[str] = ()
    layers_note: str = ""
    made: Sequence[tuple[str, str]] = ()

    @property
    def title(self) -> str:
        return " against ".join([" and ".join(run.name for run in self.runs[1:]), self.runs[0].name])
