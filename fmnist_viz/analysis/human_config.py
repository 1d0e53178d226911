"""What can be chosen about human labels; standard library only, the command line reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option


@dataclass(frozen=True)
class HumanConfig:
    human_labels: str = option("", "What people answered, as csv: sample_id and a column of counts per class, or rows of sample_id, class, count.")
    # one voter of ten may slip or click beside; two of twenty who give the same wrong answer see something in the image
    human_share: float = option(
        10.0, "Share of an image's votes from which on a wrong answer of the model counts as one that people give, too.", unit="percent", low=0.0, high=100.0
    )

    def __post_init__(self) -> None:
        check_options(self)
