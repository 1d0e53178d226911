"""One model against another on the same images: what was fixed and broken, which cells changed, whose neighbourhood moved."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.comparison import Answers, Comparison, verdict
from fmnist_viz.analysis.movement import Movement
from fmnist_viz.analysis.significance import LEVEL
from fmnist_viz.core.intervals import mean_interval
from fmnist_viz.core.types import read_only

if TYPE_CHECKING:
    import pandas as pd

STATUS = ("both right", "fixed", "broken", "both wrong")  # of an image, by its number; -1: not compared
NAMED = 3  # cells that are named in words


def statuses(comparison: Comparison) -> NDArray[np.int64]:
    """Number in `STATUS` of every image, int64 (m,): fixed is wrong in the baseline `a` and right in `b`."""
    right_a, right_b = comparison.a.right, comparison.b.right
    return np.where(right_a, np.where(right_b, 0, 2), np.where(right_b, 1, 3)).astype(np.int64)


@dataclass(frozen=True)
class Against:
    """`comparison.b` is the model of a report, `comparison.a` the one that it is set against (the baseline).

    rows : int64 (m,), where the compared images stand among the report's `total`
    moves : per pair of layers; their rows are those of the comparison
    notes : what could not be compared, and why
    """

    comparison: Comparison
    rows: NDArray[np.int64]
    total: int
    moves: tuple[Movement, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", read_only(self.rows, np.int64, (self.comparison.n,), "rows"))

    @property
    def baseline(self) -> Answers:
        return self.comparison.a

    @property
    def model(self) -> Answers:
        return self.comparison.b

    @cached_property
    def cells(self) -> pd.DataFrame:
        """`Comparison.cells`."""
        return self.comparison.cells()

    @property
    def status(self) -> NDArray[np.int64]:
        """Number in `STATUS` of every image of the report, int64 (total,); -1 where the other model did not see it."""
        return self.spread(statuses(self.comparison), -1)

    def spread(self, values: NDArray[np.int64], otherwise: int) -> NDArray[np.int64]:
        """Values of the compared images as values of all images of the report."""
        out = np.full(self.total, otherwise, np.int64)
        out[self.rows] = values
        return out

    def images(self) -> pd.DataFrame:
        """One row per compared image: sample_id, true, both predictions and confidences, status; changed, new, rank, own_before, own_after in each layer."""
        import pandas as pd

        c = self.comparison
        frame = c.images(np.arange(c.n)).assign(status=[STATUS[k] for k in statuses(c)])
        for move in self.moves:
            named = {"changed": move.changed, "new": move.new, "rank": move.rank, "own_before": move.own_a, "own_after": move.own_b}
            frame = frame.join(pd.DataFrame({f"{move.layers}: {name}": values for name, values in named.items()}, index=move.rows))
        return frame

    def layers(self) -> pd.DataFrame:
        """One row per pair of layers and group of images (all, then each of `STATUS`): n, k, and the means of changed, new, own_before and own_after.

        95 % normal intervals of the means, images taken as independent; `chance` is what neighbours drawn at random would change.
        """
        import pandas as pd

        own, rows = statuses(self.comparison), []
        for move in self.moves:
            for name, group in [("all", np.ones(len(move.rows), bool)), *((name, own[move.rows] == k) for k, name in enumerate(STATUS))]:
                if not group.any():
                    continue
                row = {"layer": move.layer_b, "baseline_layer": move.layer_a, "images": name, "n": int(group.sum()), "k": move.k}
                for column, values in (("changed", move.changed), ("new", move.new), ("own_before", move.own_a), ("own_after", move.own_b)):
                    mean, low, high = mean_interval(values[group])
                    row |= {column: mean, f"{column}_low": max(low, 0.0), f"{column}_high": min(high, 1.0)}
                rows.append(row | {"chance": move.chance})
        return pd.DataFrame(rows)

    def pairs(self) -> pd.DataFrame:
        """One row per status (fixed, broken), true class and wrong answer, most frequent first: status, true, answer, count."""
        import pandas as pd

        own, names = statuses(self.comparison), np.array(self.model.class_names, dtype=object)
        frames = []
        for k, said in ((1, self.baseline), (2, self.model)):
            at = own == k
            frames.append(pd.DataFrame({"status": STATUS[k], "true": names[said.y_true[at]], "answer": names[said.y_pred[at]]}))
        counted = pd.concat(frames).value_counts(["status", "true", "answer"], sort=False).rename("count").reset_index()
        order = counted["status"].map(STATUS.index)
        return counted.assign(order=order).sort_values(["order", "count"], ascending=[True, False], kind="stable").drop(columns="order").reset_index(drop=True)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every number by the name of its file: against, against_cells, against_classes, against_pairs, against_images, against_layers."""
        import pandas as pd

        found = {
            "against": pd.DataFrame([self.comparison.test()]), "against_cells": self.cells, "against_classes": self.comparison.per_class(),
            "against_pairs": self.pairs(), "against_images": self.images(),
        }  # fmt: skip
        return found | ({"against_layers": self.layers()} if self.moves else {})

    def sentences(self) -> list[str]:
        """What it comes to, without final stops."""
        test = self.comparison.test()
        said = [verdict({**test, "p_holm": test["p"]})]
        changed = self.cells[self.cells["q"].notna()]
        found = changed[changed["significant"]].sort_values("q", kind="stable")
        if len(found):
            named = [f"{r['true']} → {r['predicted']} {100 * r['difference']:+.1f} points" for r in found.head(NAMED).to_dict("records")]
            first = "" if len(found) <= NAMED else "first of all "
            said.append(f"{len(found)} of {len(changed)} changed cells of the confusion matrix differ with q < {LEVEL:g}: {first}{', '.join(named)}")
        elif len(changed):
            said.append(f"None of the {len(changed)} changed cells of the confusion matrix differs with q < {LEVEL:g}")
        return said + [self._moved(move) for move in self.moves[-1:]]

    def _moved(self, move: Movement) -> str:
        table = self.layers()
        own = table[(table["layer"] == move.layer_b) & (table["baseline_layer"] == move.layer_a)].set_index("images")
        every = own.loc["all"]
        text = (
            f"In {move.layers} {move.k * every['changed']:.1f} of an image's {move.k} nearest neighbours are others than in {self.baseline.name} "
            f"({100 * every['changed']:.1f} %, 95 % interval {100 * every['changed_low']:.1f}–{100 * every['changed_high']:.1f}; "
            f"drawn at random {100 * move.chance:.1f} %)"
        )
        groups = [name for name in STATUS if name in own.index]
        shares = [f"{100 * own.loc[name, 'changed']:.1f} % of those {name}" for name in groups]
        return f"{text}: {', '.join(shares)}" if len(groups) > 1 else text
