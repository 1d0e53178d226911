"""Loss and accuracy over the epochs, for training and validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.analysis.learning import Learning
from fmnist_viz.core.palette import RIGHT
from fmnist_viz.display.lettering import clean, join
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The report draws its curves in the same two.
TRAINING, VALIDATION = RIGHT, "#d95f02"


@dataclass(frozen=True)
class TrainingCurvesDisplay:
    """The history of a training: `history` maps a metric ("loss", "accuracy", "val_loss", "val_accuracy", ...) to one value per epoch.

    `learning` adds how many images the values are of, and with them the gap's interval, the trend and the remedy.
    """

    history: Mapping[str, Sequence[float]]
    learning: Learning | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics drawn, at most two: the loss, and the first one with "acc" in its name."""
        base = [name for name in self.history if not name.startswith("val_") and len(self.history[name])]
        return tuple(name for name in ("loss", next((n for n in base if "acc" in n), "")) if name in base)

    @property
    def epochs(self) -> int:
        return max((len(self.history[name]) for name in self.metrics), default=0)

    def frame(self) -> pd.DataFrame:
        """One row per epoch: epoch (1, 2, ...) and a column per metric; NaN where a metric has fewer values."""
        import pandas as pd

        columns = {name: pd.Series(list(values), dtype="float64") for name, values in self.history.items() if name != "epoch"}
        out = pd.DataFrame(columns)
        out.insert(0, "epoch", range(1, len(out) + 1))
        return out

    def reading(self) -> str:
        """One sentence on what the curves show, computed from them."""
        said = []
        best = _lowest(self.history.get("val_loss", ()))
        if best is not None:
            epoch, value = best
            after = "" if epoch == self.epochs else " and does not improve after"
            said.append(f"Validation loss is lowest in epoch {epoch} of {self.epochs} ({value:.3f}){after}")
        elif "loss" in self.metrics and (last := _last(self.history["loss"])) is not None:
            said.append(f"Training loss ends at {last:.3f}; there was no validation")
        accuracy = next((name for name in self.metrics if name != "loss"), "")
        train, valid = _last(self.history.get(accuracy, ())), _last(self.history.get("val_" + accuracy, ()))
        if train is not None and valid is not None:
            said.append(f"accuracy ends at {100 * train:.1f} % in training and {100 * valid:.1f} % in validation ({100 * (train - valid):+.1f} points)")
        elif train is not None:
            said.append(f"accuracy in training ends at {100 * train:.1f} %")
        return "; ".join(said)

    def caption(self) -> str:
        """The reading, the number of epochs, and a word on values that are not finite."""
        computed = self.learning.sentences() if self.learning else []
        said = [*(computed or [self.reading()]), f"{self.epochs} epoch{'s' * (self.epochs != 1)}"]
        odd = sum(not math.isfinite(v) for name in self.history if name != "epoch" for v in self.history[name])
        if odd:
            said.append(f"{odd} values are not finite and are left out")
        if any("val_" + name in self.history for name in self.metrics):
            said.append("Training values are means over an epoch while the weights still change, validation values are measured at its end")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the loss (or, without one, the accuracy) into `ax`, or all curves side by side on a sheet of its own."""
        with styled():
            if ax is not None:
                self.draw(ax, *self.metrics[:1])
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import Sheet

            sheet = Sheet(width=7.2 if len(self.metrics) == 2 else 4.0, body=2.88, caption=join([prefix, self.caption()]), stamp=stamp)
            for i, name in enumerate(self.metrics or ("",)):
                self.draw(sheet.axes(0.5 + i * 3.5, 0.36, 3.05, 2.1, gid=f"curve-{i}"), *([name] if name else []))
            return sheet.figure

    def draw(self, ax: Axes, metric: str = "") -> None:
        """One metric into axes, training and validation. Call it inside `styled()`."""
        from matplotlib.ticker import MaxNLocator

        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(length=2.5, width=0.6)
        ax.set_title(clean(metric).replace("_", " ") if metric else "no history", fontsize=HEAD, color=INK, loc="left", parse_math=False)
        ax.set_xlabel("epoch", fontsize=BODY)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        watched = self.learning.watched or "validation" if self.learning else "validation"
        for name, word, color in ((metric, "training", TRAINING), ("val_" + metric, watched, VALIDATION)):
            if not metric or self.history.get(name) is None:
                continue
            values = [v if math.isfinite(v) else math.nan for v in map(float, self.history[name])]
            ax.plot(range(1, len(values) + 1), values, color=color, linewidth=1.3, marker="o", markersize=2.5 if len(values) <= 40 else 0, label=word)
        if metric and self.learning and 1 < self.learning.distorted_from <= self.epochs:
            ax.axvline(self.learning.distorted_from - 0.5, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)), label="distorted from here", gid="distorted")
        if metric and self.epochs:
            ax.set_xlim(0.5, self.epochs + max(0.5, self.epochs * 0.02))
            ax.grid(axis="y", color="#ececec", linewidth=0.6)
            ax.set_axisbelow(True)
            ax.legend(frameon=False, fontsize=SMALL, labelcolor=GREY, loc="best", handlelength=1.4)
        if metric == "loss" and (best := _lowest(self.history.get("val_loss", ()))) is not None:
            ax.plot(*best, marker="o", markersize=6.5, markerfacecolor="none", markeredgecolor=VALIDATION, markeredgewidth=0.9, gid="best")


def _last(values: Sequence[float]) -> float | None:
    """The last finite value; None where there is none."""
    return next((float(v) for v in reversed(list(values)) if math.isfinite(v)), None)


def _lowest(values: Sequence[float]) -> tuple[int, float] | None:
    """Epoch (from 1) and value of the lowest finite value; None where there is none."""
    finite = [(float(v), i) for i, v in enumerate(values, 1) if math.isfinite(v)]
    return (min(finite)[1], min(finite)[0]) if finite else None
