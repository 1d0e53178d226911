"""How a training went: the gap between training and watched accuracy, the best epoch, whether more epochs would help, and what would."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fmnist_viz.core.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

State = Literal["unwatched", "too short", "improving", "overfitting", "levelled off"]
LEAST_EPOCHS = 4  # a straight line through fewer points has no noise to speak of
WINDOW = 5  # epochs, at least, that the slope is taken over
WIDE_GAP = 0.02  # of accuracy: below it a network is called no overfitter, whatever its losses do


@dataclass(frozen=True)
class Slope:
    """Change of the watched loss per epoch over the last `epochs` epochs, with its 95 % interval."""

    value: float
    low: float
    high: float
    epochs: int


def slope(values: Sequence[float]) -> Slope:
    """The least-squares slope of values at 1, 2, 3 ... with Student's interval; needs three values or more.

    Epochs are taken as independent about the line, which they are not quite: the interval is a rule of thumb, and said to be one.
    """
    from scipy.stats import linregress, t

    n = len(values)
    fitted = linregress(np.arange(n, dtype=np.float64), np.asarray(values, np.float64))
    half = float(t.ppf(0.975, n - 2)) * float(fitted.stderr)
    return Slope(float(fitted.slope), float(fitted.slope) - half, float(fitted.slope) + half, n)


def gap_interval(training: float, n_training: int, watched: float, n_watched: int) -> tuple[float, float, float]:
    """Difference of two independent rates with its 95 % interval: (value, low, high).

    References
    ----------
    R. G. Newcombe (1998), Interval estimation for the difference between independent proportions. Statistics in Medicine 17, 873-890 (method 10).
    """
    a_low, a_high = map(float, wilson(training * n_training, n_training))
    b_low, b_high = map(float, wilson(watched * n_watched, n_watched))
    gap = training - watched
    return gap, gap - math.hypot(training - a_low, b_high - watched), gap + math.hypot(a_high - training, watched - b_low)


@dataclass(frozen=True)
class Learning:
    """The history of one training: column (loss, accuracy, val_loss, val_accuracy ...) -> one value per epoch, None or NaN where it is not finite.

    `watched` is what the `val_` columns are of: "validation" (held-out training images), "test", or "" for nothing.
    """

    history: Mapping[str, Sequence[float | None]]
    n_training: int = 0
    n_watched: int = 0
    watched: str = "validation"
    distorted_from: int = 0  # first epoch (from 1) of distorted training images; 0: there are none

    @classmethod
    def of(cls, history: Mapping[str, Sequence[float | None]], record: Mapping[str, Any]) -> Learning:
        """From a run's history and the record of its training (train_images, validation_images, and what was watched where it says so)."""
        count = int(record.get("watched_images", record.get("validation_images", 0)) or 0)
        watched = str(record.get("watched") or "").strip() or ("validation" if count or "val_loss" in history else "none")
        kind = {"none": "", "test": "test"}.get(watched, "validation")
        recipe = record.get("recipe")
        plan = recipe if isinstance(recipe, Mapping) else {}
        first = int(plan["epochs"]) + 1 if plan.get("augmentation") else 0
        return cls(history, int(record.get("train_images", 0) or 0), count, kind, first)

    def _values(self, name: str) -> list[float]:
        return [float("nan") if v is None else float(v) for v in self.history.get(name, ())]

    def _last(self, name: str) -> float | None:
        values = self._values(name)
        return values[-1] if values and math.isfinite(values[-1]) else None

    @property
    def epochs(self) -> int:
        return max((len(self._values(name)) for name in ("loss", "accuracy")), default=0)

    @property
    def is_watched(self) -> bool:
        return bool(self.watched) and any(map(math.isfinite, self._values("val_loss")))

    @property
    def best(self) -> int:
        """The epoch (from 1) of the lowest watched loss; 0 where nothing was watched."""
        finite = [(v, i) for i, v in enumerate(self._values("val_loss"), 1) if math.isfinite(v)]
        return min(finite)[1] if self.is_watched and finite else 0

    @property
    def trend(self) -> Slope | None:
        """Slope of the watched loss over the last third of the epochs, at least `WINDOW` of them; None where there are too few."""
        values = [v for v in self._values("val_loss") if math.isfinite(v)]
        if not self.is_watched or len(values) < LEAST_EPOCHS:
            return None
        return slope(values[-max(WINDOW, -(-len(values) // 3)) :])

    @property
    def gap(self) -> tuple[float, float, float] | None:
        """Training accuracy minus watched accuracy in the last epoch, with its interval; None where either is unknown."""
        training, watched = self._last("accuracy"), self._last("val_accuracy")
        if not self.is_watched or training is None or watched is None or not self.n_training or not self.n_watched:
            return None
        return gap_interval(training, self.n_training, watched, self.n_watched)

    @property
    def state(self) -> State:
        """ "overfitting": the watched loss rises beyond its noise while the training loss is below what it was at the best epoch.
        "improving": it falls beyond its noise. Else "levelled off"; "too short" below four epochs; "unwatched" where nothing was watched."""
        if not self.is_watched:
            return "unwatched"
        trend, losses = self.trend, self._values("loss")
        if trend is None:
            return "too short"
        if trend.low > 0 and losses and losses[-1] < losses[self.best - 1]:
            return "overfitting"
        return "improving" if trend.high < 0 else "levelled off"

    def frame(self) -> pd.DataFrame:
        """One row per figure: what, value, low, high, n (epochs for the trend, watched images for the gap)."""
        import pandas as pd

        rows: list[dict[str, object]] = [{"what": "state", "value": self.state}]
        if self.best:
            rows.append({"what": f"best epoch (lowest {self.watched} loss)", "value": self.best, "n": self.epochs})
        if (gap := self.gap) is not None:
            rows.append({"what": f"training minus {self.watched} accuracy", "value": gap[0], "low": gap[1], "high": gap[2], "n": self.n_watched})
        if (trend := self.trend) is not None:
            rows.append({"what": f"slope of the {self.watched} loss per epoch", "value": trend.value, "low": trend.low, "high": trend.high, "n": trend.epochs})
        return pd.DataFrame(rows, columns=["what", "value", "low", "high", "n"])

    def sentences(self) -> list[str]:
        """What happened, and what would help, in plain words."""
        if not self.epochs:
            return []
        if not self.is_watched:
            return [
                f"Nothing was watched during the {self.epochs} epoch{'s' * (self.epochs != 1)}: the curves cannot say whether the network overfits. "
                "Hold out training images (--validation) to see it"
            ]
        said = [self._best_sentence()]
        if (gap := self.gap) is not None:
            where = f"{abs(100 * gap[0]):.1f} points {'above' if gap[0] >= 0 else 'below'} {self.watched} accuracy"
            interval = f"difference {100 * gap[1]:+.1f} to {100 * gap[2]:+.1f}, 95 % Newcombe interval; n = {self.n_training:,} and {self.n_watched:,} images"
            said.append(f"In the last epoch training accuracy is {where} ({interval})")
        said.append(self._trend_sentence())
        if 1 < self.distorted_from <= self.epochs:
            said.append(f"From epoch {self.distorted_from} on the training images are distorted, so that training values before and after do not compare")
        if self.watched == "test":
            said.append("What was watched is the test split: an epoch or a setting chosen by these curves makes the test accuracy look better than it is")
        return said

    def _best_sentence(self) -> str:
        name, losses = self.watched.capitalize(), self._values("val_loss")
        best = f"{name} loss is lowest in epoch {self.best} of {self.epochs} ({losses[self.best - 1]:.3f})"
        if self.best == self.epochs or not math.isfinite(losses[-1]):
            return best
        return f"{best} and ends {losses[-1] - losses[self.best - 1]:.3f} higher"

    def _trend_sentence(self) -> str:
        trend, gap = self.trend, self.gap
        if trend is None:
            return f"{self.epochs} epoch{'s are' if self.epochs != 1 else ' is'} too few to tell a trend from noise: train at least {LEAST_EPOCHS}"
        rate = f"over the last {trend.epochs} epochs the {self.watched} loss changes by {trend.value:+.4f} an epoch ({trend.low:+.4f} to {trend.high:+.4f})"
        wide = gap is not None and gap[1] > WIDE_GAP
        match self.state:
            case "overfitting":
                return f"It overfits: {rate} while the training loss falls. Stop at epoch {self.best}, or use dropout, augmentation or a smaller network"
            case "improving":
                return f"It is still improving: {rate}. Train longer (--epochs)"
            case _ if wide:
                return f"It has levelled off: {rate}, and training runs ahead. More epochs will not help; dropout, augmentation or more images may"
            case _:
                return f"It has levelled off: {rate}. More epochs will not help; a larger network or another learning rate may"
