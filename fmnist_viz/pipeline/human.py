"""Human labels: the file read and checked before anything is computed, then set beside the predictions image by image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.human import HumanConfusion
from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import sha256_file
from fmnist_viz.data.gate import Limit
from fmnist_viz.data.votes import Votes, read_votes

if TYPE_CHECKING:
    from fmnist_viz.analysis.human_config import HumanConfig
    from fmnist_viz.core.types import DataSet
    from fmnist_viz.pipeline.context import Context
    from fmnist_viz.pipeline.shown import Shown


@dataclass(frozen=True)
class People:
    """What people answered, out of which file; `share` 0..1 as in `HumanConfusion`."""

    votes: Votes
    share: float
    file: str
    sha256: str

    @property
    def content(self) -> list[object]:
        """What of it decides a run's content."""
        return [self.sha256, self.share]

    @property
    def record(self) -> dict[str, object]:
        """For the manifest."""
        return {"file": self.file, "sha256": self.sha256, "share": self.share}


def read_people(config: HumanConfig, data: DataSet, split: str, *, max_bytes: int) -> People | None:
    """The file of --human-labels, or None where there is none.

    Raises BadInput for a file that is none such, and where none of its images is in the split.
    """
    if not config.human_labels:
        return None
    path = Path(config.human_labels)
    votes = read_votes(path, data.class_names, limit=Limit(max_bytes))
    parts = [data.train, data.test] if split == "all" else [data.split(split)]
    ids = np.concatenate([part.sample_ids for part in parts if part is not None])
    if not np.isin(votes.sample_ids, ids).any():
        fact = f"none of its {len(votes.sample_ids):,} images, such as {str(votes.sample_ids[0])!r}, is in the {split} split"
        raise BadInput("IDS-UNKNOWN", path, fact, f"Ids look like {ids[0]}; --split chooses the split.")
    return People(votes, config.human_share / 100, path.name, sha256_file(path))


def with_people(ctx: Context, shown: Shown) -> Shown:
    """`shown` with the votes of its images; unchanged where there are none, or no predictions."""
    if ctx.people is None or shown.seen.predictions is None:
        return shown
    p, votes = shown.seen.predictions, ctx.people.votes
    counts = np.zeros((len(p.y_true), len(p.class_names)), np.int64)
    place = {name: i for i, name in enumerate(p.sample_ids.tolist())}
    at = np.array([place.get(name, -1) for name in votes.sample_ids.tolist()], np.int64)
    counts[at[at >= 0]] = votes.counts[at >= 0]
    people = HumanConfusion(p, counts, ctx.people.share, int((at < 0).sum()), ctx.people.file)
    if not people.n:
        ctx.progress.warn(f"{ctx.people.file}: no image that is shown here has votes")
    return dataclasses.replace(shown, people=people)
