"""Is the model as often right as it says? Overall, by class and by pair, before and after one temperature, and where it is confidently wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.reliability import DRAWS, LEAST_IN_BIN, Reliability, reliability
from fmnist_viz.analysis.significance import LEVEL, p_text
from fmnist_viz.analysis.temperature import FOLDS, Temperature, cross_fitted, log_loss, log_probabilities
from fmnist_viz.core.intervals import Z95, mean_interval, wilson
from fmnist_viz.core.types import Predictions

if TYPE_CHECKING:
    import pandas as pd

PAIRS = 10  # leading pairs of classes that are looked at
CONFIDENT = 20  # errors that are listed
CLASS_DRAWS, LEAST_DRAWS, MOST_NUMBERS = 200, 50, 40_000_000  # by class and pair, of which there are many: draws are fewer where images times classes are many
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Calibration:
    """What one model said of images and what came true."""

    predictions: Predictions
    seed: int = 0

    @property
    def n(self) -> int:
        return len(self.predictions.y_true)

    @cached_property
    def temperature(self) -> Temperature | None:
        """Cross-fitted over these images; None where too few are wrong, or right."""
        return cross_fitted(log_probabilities(self.predictions.proba), self.predictions.y_true, seed=self.seed)

    @cached_property
    def probabilities(self) -> dict[str, NDArray[np.float64]]:
        """ "before" and, where there is a temperature, "after": float64 (n, c)."""
        proba = {BEFORE: np.asarray(self.predictions.proba, np.float64)}
        return proba | ({AFTER: self.temperature.proba} if self.temperature else {})

    @cached_property
    def reliability(self) -> dict[str, Reliability]:
        """Of the predicted class, before and after."""
        right = self.predictions.correct
        return {when: reliability(p.max(axis=1), right, seed=self.seed) for when, p in self.probabilities.items()}

    def scores(self) -> pd.DataFrame:
        """One row per scaling.

        scaling, temperature (low, high), n, bins, accuracy, confidence, overconfidence, ece_raw, ece, ece_chance, ece_p, brier, log_loss.

        overconfidence : mean of confidence - right;  brier : mean squared distance to the true class over all classes, 0..2;  log_loss : in nats. Means have
        normal 95 % intervals, the accuracy Wilson's, ece (`ece_raw` less its bias) the bootstrap's, the temperature the sandwich estimate's.
        """
        import pandas as pd

        y, right = self.predictions.y_true, self.predictions.correct
        rows = []
        for when, p in self.probabilities.items():
            t, found = self.temperature if when == AFTER else None, self.reliability[when]
            low, high = wilson(right.sum(), self.n)
            row: dict[str, Any] = {"scaling": when, "temperature": t.value if t else 1.0}
            row |= {"temperature_low": t.low if t else np.nan, "temperature_high": t.high if t else np.nan, "n": self.n, "bins": len(found.n)}
            row |= {"accuracy": right.mean() if self.n else np.nan, "accuracy_low": float(low), "accuracy_high": float(high)}
            row |= _mean("confidence", p.max(axis=1)) | _mean("overconfidence", p.max(axis=1) - right) | _errors("ece", found)
            row |= _mean("brier", ((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1)) | _mean("log_loss", log_loss(p, y))
            rows.append(row)
        return pd.DataFrame(rows)

    def frame(self) -> pd.DataFrame:
        """One row per bin: scaling, bin, n, said, right, rate, rate_low, rate_high (95 % Wilson)."""
        import pandas as pd

        frames = [
            pd.DataFrame({"bin": np.arange(len(r.n)) + 1, "n": r.n, "said": r.said, "right": r.right, "rate": r.rate, "rate_low": r.low, "rate_high": r.high})
            for r in self.reliability.values()
        ]
        for when, frame in zip(self.reliability, frames, strict=True):
            frame.insert(0, "scaling", when)
        return pd.concat(frames, ignore_index=True)

    @cached_property
    def _classes(self) -> pd.DataFrame:
        import pandas as pd

        names, y, said = self.predictions.class_names, self.predictions.y_true, self.predictions.y_pred
        draws = int(np.clip(MOST_NUMBERS // (self.n * len(names)), LEAST_DRAWS, CLASS_DRAWS))
        rows = []
        for k, name in enumerate(names):
            mine = said == k
            row: dict[str, Any] = {"class": name, "n_predicted": int(mine.sum())}
            for when, p in self.probabilities.items():
                label = "" if when == BEFORE else "after_"
                found = reliability(p[mine, k], y[mine] == k, seed=self.seed, draws=draws)
                if when == BEFORE:
                    each = reliability(p[:, k], y == k, seed=self.seed, draws=draws)
                    low, high = wilson(found.right.sum(), found.total)
                    row |= {"n": self.n} | _errors("one_vs_rest_ece", each)
                    row |= _mean("confidence", p[mine, k]) | {"precision": found.right.sum() / max(1, found.total) if found.total else np.nan}
                    row |= {"precision_low": float(low), "precision_high": float(high)} | _mean("overconfidence", p[mine, k] - (y[mine] == k))
                row |= _errors(f"{label}ece", found)
            rows.append(row)
        return pd.DataFrame(rows)

    def per_class(self) -> pd.DataFrame:
        """One row per class: how sure and how often right the model is where it predicts the class (ece), and how well the class's
        probability fits over all images (one_vs_rest_ece); after_ece at the cross-fitted temperature."""
        return self._classes

    @cached_property
    def _pairs(self) -> pd.DataFrame:
        import pandas as pd

        names, y, said = self.predictions.class_names, self.predictions.y_true, self.predictions.y_pred
        rows = []
        for a, b in leading_pairs(y, said, len(names)):
            mine = np.isin(y, (a, b))
            row: dict[str, Any] = {"a": names[a], "b": names[b], "n": int(mine.sum())}
            for when, p in self.probabilities.items():
                both = np.maximum(p[mine][:, [a, b]], np.finfo(np.float64).tiny)
                first = both[:, 0] / both.sum(axis=1)
                found = reliability(np.maximum(first, 1 - first), (first >= 0.5) == (y[mine] == a), seed=self.seed, draws=CLASS_DRAWS)
                row |= _errors("ece" if when == BEFORE else "after_ece", found)
                if when == BEFORE:
                    low, high = wilson(found.right.sum(), found.total)
                    row |= _mean("confidence", np.maximum(first, 1 - first)) | {"right": found.right.sum() / found.total}
                    row |= {"right_low": float(low), "right_high": float(high)}
            rows.append(row)
        return pd.DataFrame(rows)

    def per_pair(self) -> pd.DataFrame:
        """One row per leading pair of classes, most errors first, both directions together: of images of a or b, how the share of a in p_a + p_b fits."""
        return self._pairs

    def confidently_wrong(self, most: int = CONFIDENT) -> pd.DataFrame:
        """The errors with the highest confidence: row, sample_id, true, predicted, confidence, p_true (probability of the true class), after (confidence)."""
        import pandas as pd

        p = self.predictions
        rows = np.flatnonzero(~p.correct)
        rows = rows[np.argsort(-p.confidence[rows], kind="stable")][:most]
        names = np.array(p.class_names, dtype=object)
        frame = {
            "row": rows, "sample_id": p.sample_ids[rows], "true": names[p.y_true[rows]], "predicted": names[p.y_pred[rows]],
            "confidence": p.confidence[rows], "p_true": p.proba[rows, p.y_true[rows]],
        }  # fmt: skip
        return pd.DataFrame(frame | ({"after": self.temperature.proba[rows].max(axis=1)} if self.temperature else {}))

    def frames(self) -> dict[str, pd.DataFrame]:
        """calibration (bins), calibration_scores, calibration_classes, calibration_pairs, confidently_wrong."""
        return {
            "calibration": self.frame(), "calibration_scores": self.scores(), "calibration_classes": self.per_class(),
            "calibration_pairs": self.per_pair(), "confidently_wrong": self.confidently_wrong(),
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What the numbers say, in plain words."""
        return [said for said in (self._overall(), self._worst_bin(), self._worst_class(), self._error(), self._scaled()) if said]

    def _overall(self) -> str:
        row = self.scores().iloc[0]
        said = f"On average the model says {_per(row.confidence)} and is right {_per(row.accuracy)} of the time"
        interval = f"95 % interval {_per(row.accuracy_low, '')}–{_per(row.accuracy_high, '')}, n = {self.n:,}"
        if row.overconfidence_low > 0:
            verdict = f"it is too sure, by {_points(row.overconfidence)}"
        elif row.overconfidence_high < 0:
            verdict = f"it is not sure enough, by {_points(-row.overconfidence)}"
        else:
            return f"{said} ({interval}): no difference that chance would not make"
        ends = sorted(abs(100 * v) for v in (row.overconfidence_low, row.overconfidence_high))
        return f"{said} ({interval}): {verdict} ({ends[0]:.1f}–{ends[1]:.1f})"

    def _worst_bin(self) -> str:
        """The bin that is furthest off, of those whose interval, widened for the number of bins, does not hold what was said."""
        r = self.reliability[BEFORE]
        low, high = wilson(r.right, r.n, z=_widened(len(r.n)))
        off = np.where((r.said < low) | (r.said > high), np.abs(r.rate - r.said), 0.0)
        if not len(off) or not off.max() or len(off) < 2:
            return ""
        k = int(off.argmax())
        return f"Where it says about {_per(r.said[k])}, it is right {_per(r.rate[k])} of the time ({_per(r.low[k], '')}–{_per(r.high[k], '')}, n = {r.n[k]:,})"

    def _worst_class(self) -> str:
        """The predicted class whose stated and real shares are furthest apart, of those that differ when all classes are looked at."""
        frame = self._classes
        half = (frame["overconfidence_high"] - frame["overconfidence_low"]) / 2 / Z95 * _widened(len(frame))
        off = frame["overconfidence"].abs().where((frame["overconfidence"].abs() > half) & (frame["n_predicted"] >= LEAST_IN_BIN), 0.0)
        if not len(frame) or not off.max():
            return ""
        row = frame.loc[off.idxmax()]
        ends = f"{_per(row.precision_low, '')}–{_per(row.precision_high, '')}, n = {row.n_predicted:,}"
        how = "too sure" if row.overconfidence > 0 else "not sure enough"
        said = f"Where it predicts {row['class']}, it says {_per(row.confidence)} on average"
        return f"{said} and is right {_per(row.precision)} of the time ({ends}): {how} there"

    def _error(self) -> str:
        r = self.reliability[BEFORE]
        if not len(r.n):
            return ""
        end = "more than chance" if r.p < LEVEL else "no more than chance"
        said = f"Expected calibration error {_per(r.ece, digits=2)}, less its bias {_error_words(r)}"
        chance = f"a perfectly calibrated model would show {_per(r.ece_chance, digits=2)} with as many images and bins"
        return f"{said}; {chance}, so this is {end} ({f'p < {1 / DRAWS:g}' if r.p < 1 / DRAWS else p_text(r.p)})"

    def _scaled(self) -> str:
        t = self.temperature
        if t is None:
            return "No temperature was looked for: fewer than ten images are wrong, or right"
        before, after = (self.reliability[when] for when in (BEFORE, AFTER))
        loss = self.scores()["log_loss"]
        where = f"found on {FOLDS - 1} of {FOLDS} parts of these images, judged on the other"
        return (
            f"Divided by a temperature of {t.value:.2f} ({t.low:.2f}–{t.high:.2f}; {where}), the logits give an error of {_per(after.ece, digits=2)} "
            f"instead of {_per(before.ece, digits=2)}, less the bias {_error_words(after)}, and a log loss of {loss[1]:.4f} instead of {loss[0]:.4f}; "
            "the predictions stay the same"
        )


def leading_pairs(y: NDArray[np.int64], said: NDArray[np.int64], classes: int, most: int = PAIRS) -> list[tuple[int, int]]:
    """The pairs of classes with most errors, both directions together; those without an error left out."""
    counts = np.bincount(y * classes + said, minlength=classes * classes).reshape(classes, classes)
    a, b = np.triu_indices(classes, 1)
    both = counts[a, b] + counts[b, a]
    order = np.argsort(-both, kind="stable")[:most]
    return [(int(a[i]), int(b[i])) for i in order if both[i]]


def ticks_of(low: float) -> list[float]:
    """Round probabilities from `low` (a multiple of 0.1) to 1."""
    step = 0.1 if low >= 0.4 else 0.2
    return [round(1 - k * step, 1) for k in range(int((1 - low) / step + 1e-9) + 1)][::-1]


def calibration(predictions: Predictions | None, *, seed: int = 0) -> Calibration | None:
    """None where there are no probabilities or no images."""
    return Calibration(predictions, seed) if predictions is not None and predictions.has_proba and len(predictions.y_true) else None


def _mean(name: str, values: NDArray[Any]) -> dict[str, float]:
    mean, low, high = mean_interval(values) if len(values) else [float("nan")] * 3
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _errors(name: str, r: Reliability) -> dict[str, float]:
    return {f"{name}_raw": r.ece, name: r.corrected, f"{name}_low": r.low_end, f"{name}_high": r.high_end, f"{name}_chance": r.ece_chance, f"{name}_p": r.p}


def _per(value: float, unit: str = " %", digits: int = 1) -> str:
    return f"{100 * value:.{digits}f}{unit}"


def _error_words(r: Reliability) -> str:
    return f"{_per(r.corrected, digits=2)} ({_per(r.low_end, '', 2)}–{_per(r.high_end, '', 2)})"


def _widened(count: int) -> float:
    """The normal quantile that keeps 95 % for `count` intervals together (Bonferroni)."""
    from scipy.stats import norm

    return float(norm.isf(LEVEL / 2 / max(1, count)))


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"
