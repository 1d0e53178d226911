"""Training curves, calibration and principal components for a paper: panels side by side on a page, below each other in a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.display.calibration import CalibrationDisplay
from fmnist_viz.display.lettering import clean, shorten, text_width
from fmnist_viz.display.paper.plate import MARGIN, MM, Plate, narrow, set_type, type_size
from fmnist_viz.display.scree import ScreeDisplay
from fmnist_viz.display.style import GREY, SMALL
from fmnist_viz.display.training_curves import TrainingCurvesDisplay

if TYPE_CHECKING:
    import pandas as pd

_LEFT, _LOW = 0.46, 0.36  # inches that ticks and words take left of an axis and below it


@dataclass(frozen=True)
class CurvesFigure:
    """Loss and accuracy by epoch; validation is dashed and has squares."""

    name: str
    display: TrainingCurvesDisplay
    seed: int

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        own = self.display.learning
        n = {"training": own.n_training, "watched": own.n_watched} if own else {}
        last = {name: values[-1] for name, values in self.display.history.items() if len(values)}
        return {"n": n, "seed": self.seed, "parameters": {"epochs": self.display.epochs}, "scores": last}

    def frame(self) -> pd.DataFrame:
        """One row per epoch: see `TrainingCurvesDisplay.frame`."""
        return self.display.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """A panel per metric."""
        metrics, width = self.display.metrics, width_mm / MM
        count = max(1, len(metrics))
        across = 1 if narrow(width_mm) else count
        wide, high = (width - 2 * MARGIN) / across - _LEFT - 0.08, 1.45 if narrow(width_mm) else 1.9
        with set_type():
            plate = Plate(width_mm, 2 * MARGIN + -(-count // across) * (high + _LOW + 0.12), letters=letters)
            for i, metric in enumerate(metrics or ("",)):
                x, y = MARGIN + (i % across) * (wide + _LEFT + 0.08), MARGIN + 0.1 + (i // across) * (high + _LOW + 0.12)
                ax = plate.axes(x + _LEFT, y, wide, high, gid=f"curve-{i}")
                self.display.draw(ax, *([metric] if metric else []))
                ax.set_title("", loc="left")
                ax.set_ylabel(clean(metric).replace("_", " "), fontsize=SMALL)
                ax.set_xlabel("epoch", fontsize=SMALL)
                for line in [line for line in ax.lines if line.get_marker() == "o" and line.get_gid() != "best"][1:2]:  # told from the first without its colour
                    line.set(linestyle=(0, (4, 1.6)), marker="s", markerfacecolor="white")
                if metric and (legend := ax.get_legend()):
                    legend.remove()
                    ax.legend(frameon=False, fontsize=SMALL, labelcolor=GREY, loc="best", handlelength=2.4)
                plate.letter(x, y + 0.02)
            return plate.finish()


@dataclass(frozen=True)
class CalibrationFigure:
    """The reliability diagram and the overconfidence by class."""

    name: str
    display: CalibrationDisplay

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        own = self.display.calibration
        scores = own.scores().set_index("scaling").to_dict("index")
        method = "bins of equal numbers; bootstrap; temperature cross-fitted over the mapped images"
        return {"n": own.n, "seed": own.seed, "method": method, "scores": {str(k): v for k, v in scores.items()}}

    def frame(self) -> pd.DataFrame:
        """One row per bin, and one per class: `part` says which."""
        import pandas as pd

        return pd.concat([self.display.frame().assign(part="bin"), self.display.classes().assign(part="class")], ignore_index=True)

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """The diagram, and the classes beside it or below it."""
        width, classes = width_mm / MM, self.display.classes()
        names = [shorten(name) for name in classes["class"]]
        stacked = narrow(width_mm)
        with set_type():
            size = type_size(width_mm)
            stub = max([text_width(name, size) for name in names] + [0.0]) / 72 + 0.08
            side = width - _LEFT - 3 * MARGIN if stacked else 2.9
            rows = (size * 1.5 / 72) * max(3, len(names))
            top, low = MARGIN + (0.12 if letters else 0.04), _LOW
            body = top + side + low + (rows + 0.12 + low if stacked else max(0.0, rows - side)) if names else top + side + low
            plate = Plate(width_mm, body + MARGIN, letters=letters)
            plate.letter(MARGIN, top + 0.06)
            self.display.draw_diagram(plate.axes(MARGIN + _LEFT, top, side, side, gid="reliability"))
            if names:
                x = MARGIN + stub if stacked else MARGIN + _LEFT + side + 0.3 + stub
                y = top + side + low + 0.12 if stacked else top
                ax = plate.axes(x, y, width - x - 3 * MARGIN, rows, gid="classes")
                self.display.draw_classes(ax, classes, names)
                for label in ax.get_yticklabels():
                    label.set_fontsize(size)
                plate.letter(x - stub, y - 0.02 if stacked else top + 0.06 - 0.1)
            return plate.finish()


@dataclass(frozen=True)
class ScreeFigure:
    """Shares of the variance of one representation's leading components."""

    name: str
    display: ScreeDisplay

    @property
    def caption(self) -> str:
        return self.display.caption()

    @property
    def facts(self) -> Mapping[str, Any]:
        c = self.display.components
        return {"n": c.n, "method": "principal components; intervals from the influence of each row, 95 %", "scores": {"held": float(c.share.sum())}}

    def frame(self) -> pd.DataFrame:
        """One row per component: see `Components.frame`."""
        return self.display.frame()

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """Bars over the whole width."""
        width = width_mm / MM
        with set_type():
            high = 1.7 if narrow(width_mm) else 2.2
            plate = Plate(width_mm, 0.2 + high + _LOW + MARGIN, letters=letters)
            ax = plate.axes(MARGIN + _LEFT, 0.18, width - _LEFT - 5 * MARGIN, high, gid="scree")
            self.display.draw_bars(ax)
            for axis in (ax.xaxis, ax.yaxis):
                axis.label.set_fontsize(SMALL)
            plate.letter(MARGIN, 0.14)
            return plate.finish()
