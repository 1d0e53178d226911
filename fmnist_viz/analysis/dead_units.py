"""Units that never fire on the probe images, layer by layer and epoch by epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.core.errors import Damaged
from fmnist_viz.core.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("epoch", "layer", "units", "dead")


@dataclass(frozen=True)
class DeadCount:
    """`dead` of the `units` of a layer fired on no probe image after this epoch (0: before training)."""

    epoch: int
    layer: str
    units: int
    dead: int

    def __post_init__(self) -> None:
        if self.epoch < 0 or self.units < 1 or not 0 <= self.dead <= self.units or not self.layer:
            raise ValueError(f"epoch {self.epoch}, layer {self.layer!r}: {self.dead} of {self.units} units")

    @property
    def share(self) -> float:
        return self.dead / self.units


@dataclass(frozen=True)
class DeadUnits:
    """All counts of one training, in the order of layers and epochs in which they were taken."""

    counts: tuple[DeadCount, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.layer for c in self.counts))

    def of(self, layer: str) -> list[DeadCount]:
        """A layer's counts by epoch."""
        return sorted((c for c in self.counts if c.layer == layer), key=lambda c: c.epoch)

    def frame(self) -> pd.DataFrame:
        """One row per epoch and layer: epoch, layer, units, dead, share with its 95 % Wilson interval (low, high)."""
        import pandas as pd

        low, high = wilson([c.dead for c in self.counts], [c.units for c in self.counts])
        columns: dict[str, Sequence[object]] = {name: [getattr(c, name) for c in self.counts] for name in (*COLUMNS, "share")}
        return pd.DataFrame(columns | {"low": low, "high": high})

    def diagnosis(self) -> str:
        """One sentence on the state after the last epoch."""
        last = [self.of(layer)[-1] for layer in self.layers]
        if not last:
            return ""
        dead = [c for c in last if c.dead == c.units]
        if dead:
            which = " and ".join(f"all {c.units} units of layer {c.layer}" for c in dead)
            return f"{which[:1].upper()}{which[1:]} are dead: the network gives every image the same answer"
        some = sorted((c for c in last if c.dead), key=lambda c: -c.share)
        if not some:
            return "Every unit fires on some probe image"
        worst = some[0]
        before = self.of(worst.layer)[0]
        since = f", {before.dead} before training" if before.epoch == 0 and worst.epoch else ""
        total, units = sum(c.dead for c in last), sum(c.units for c in last)
        whole = f"; {total:,} of {units:,} in all layers" if len(last) > 1 else ""
        return f"{worst.dead:,} of the {worst.units:,} units of layer {worst.layer} never fire ({100 * worst.share:.0f} %{since}){whole}"


def parse_dead_units(text: str) -> DeadUnits:
    """`dead_units.csv` as text: columns epoch, layer, units, dead. Raises ValueError saying what is wrong in which line."""
    rows = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise ValueError(f"its columns are {', '.join(header) or 'missing'}, expected {', '.join(COLUMNS)}")
        counts = []
        for row in rows:
            if len(row) != len(COLUMNS):
                raise ValueError(f"line {rows.line_num}: {len(row)} values, expected {len(COLUMNS)}")
            try:
                counts.append(DeadCount(int(row[0]), row[1], int(row[2]), int(row[3])))
            except ValueError as e:
                raise ValueError(f"line {rows.line_num}: {e}") from None
    except csv.Error as e:
        raise ValueError(f"line {rows.line_num}: {e}") from None
    if len({(c.epoch, c.layer) for c in counts}) != len(counts):
        raise ValueError("an epoch of a layer is there twice")
    return DeadUnits(tuple(counts))


def read_dead_units(path: Path) -> DeadUnits | None:
    """The file's counts; None where there is no such file or it holds no rows. Raises Damaged where it is none of ours."""
    try:
        found = parse_dead_units(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as e:  # UnicodeDecodeError is one
        raise Damaged("DEAD-UNITS", path, f"cannot be read ({e})", "Make the run again: the same command repairs it.") from None
    return found if found.counts else None
