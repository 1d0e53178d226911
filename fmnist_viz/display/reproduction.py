"""Reported accuracies with their intervals against the accuracy of every seed: a line of dots per system and stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fmnist_viz.analysis.reproduction import Reproduction
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.style import BODY, GREY, INK, RULE, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.46  # inches from one system to the next
LEFT, WIDE, GAP, RIGHTMOST = 2.05, 3.5, 0.15, 1.75  # inches: names, axes, gap, verdicts
NARROWEST = 0.01  # of an axis, in accuracy: seeds that agree to a tenth of a percent are not to look scattered
BAR = "#9aa3ad"
COLUMNS = (
    "preset", "stage", "recipe", "options", "precision", "verdict", "kind", "seed", "test_accuracy", "reported", "reported_low", "reported_high",
)  # fmt: skip


@dataclass(frozen=True)
class ReproductionDisplay:
    """`comparisons` as `analysis.reproduction.reproductions` gives them; those without a single measured accuracy are not drawn."""

    comparisons: Sequence[Reproduction]

    @property
    def drawn(self) -> tuple[Reproduction, ...]:
        return tuple(r for r in self.comparisons if any(row.test_accuracy is not None for row in (*r.rows, *r.pending)))

    def frame(self) -> pd.DataFrame:
        """One row per dot: system, verdict, kind ("seed", "dead seed", "cut short"), seed, test_accuracy, reported with its 95 % interval (NaN where none)."""
        import pandas as pd

        rows = []
        for r in self.drawn:
            low, high = r.interval or (None, None)
            named = (r.preset, r.stage, r.recipe, r.options, r.precision, r.verdict)
            said = (r.reported.test_accuracy if r.reported else None, low, high)
            kinds = [(row, "dead seed" if row.dead_share == 1 else "seed") for row in r.rows] + [(row, "cut short") for row in r.pending]
            rows += [(*named, kind, row.seed, row.test_accuracy, *said) for row, kind in kinds if row.test_accuracy is not None]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[-4:], "float64"))

    def caption(self) -> str:
        """What the marks stand for."""
        if not self.drawn:
            return "No training has been measured yet."
        kinds = set(self.frame()["kind"])
        said = ["Upright stroke: the reported test accuracy; bar: its 95 % Wilson interval at the article's number of images, widened by its rounding"]
        said.append("Blue dots: our trainings, one per seed (n of them)")
        if "dead seed" in kinds:
            said.append("Red rings: seeds of which a whole layer is dead at the end")
        if "cut short" in kinds:
            said.append("Grey rings: trainings that did not run in full; they take no part in the verdict")
        said.append("Verdict: inside where the bar and the range of our seeds touch. Every line has its own scale, test accuracy in %")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the first comparison into `ax`, or all of them below each other on a sheet of their own."""
        with styled():
            if ax is not None:
                for r in self.drawn[:1]:
                    self._draw(ax, r)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import MARGIN, Sheet

            width = MARGIN + LEFT + GAP + WIDE + GAP + RIGHTMOST + MARGIN
            sheet = Sheet(width=width, body=0.12 + max(1, len(self.drawn)) * LINE, caption=join([prefix, self.caption()]), stamp=stamp)
            if not self.drawn:
                sheet.text(width / 2, 0.4, "no measured training", fontsize=BODY, color=GREY, ha="center", va="center")
            for i, r in enumerate(self.drawn):
                middle = 0.12 + i * LINE + 0.12
                self._draw(sheet.axes(MARGIN + LEFT + GAP, middle - 0.12, WIDE, 0.24, gid=f"line-{i}"), r)
                name, setting = _names(r)
                sheet.text(MARGIN + LEFT, middle + (-0.03 if setting else 0.03), fitted(name, LEFT * 72, BODY), fontsize=BODY, color=INK, ha="right")
                if setting:
                    sheet.text(MARGIN + LEFT, middle + 0.1, fitted(setting, LEFT * 72, SMALL), fontsize=SMALL, color=GREY, ha="right")
                x = MARGIN + LEFT + GAP + WIDE + GAP
                sheet.text(x, middle - 0.03, r.verdict, fontsize=BODY, color=INK)
                sheet.text(x, middle + 0.1, fitted(_said(r), RIGHTMOST * 72, SMALL), fontsize=SMALL, color=GREY)
            return sheet.figure

    def _draw(self, ax: Axes, r: Reproduction) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        points = ReproductionDisplay([r]).frame()
        known = [*points["test_accuracy"], *(r.interval or ())]
        low, high = min(known), max(known)
        room = max(high - low, NARROWEST)
        middle = (low + high) / 2
        ax.set_xlim(middle - room * 0.58, middle + room * 0.58)
        ax.set_ylim(-1, 1)
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        digits = 0 if room > 0.08 else 1
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.{digits}f}"))
        ax.tick_params(length=2, width=0.6, pad=1.5)
        value = r.reported.test_accuracy if r.reported else None
        if r.interval is not None and value is not None:
            ax.plot(r.interval, (0, 0), color=BAR, linewidth=6, alpha=0.55, solid_capstyle="butt", gid="interval")
            ax.plot((value, value), (-0.8, 0.8), color=INK, linewidth=1.1, gid="reported")
        ax.axhline(0, color=RULE, linewidth=0.5, zorder=0)
        looks = {"seed": (RIGHT, RIGHT), "dead seed": ("none", WRONG), "cut short": ("none", GREY)}
        for kind, own in points.groupby("kind"):
            face, edge = looks[str(kind)]
            look: dict[str, Any] = {"c": face, "edgecolors": edge, "linewidths": 0.9, "alpha": 0.85}
            ax.scatter(own["test_accuracy"], [0.0] * len(own), s=22, zorder=3, clip_on=False, gid=str(kind), **look)


def _names(r: Reproduction) -> tuple[str, str]:
    """The name of a comparison, and in small type what sets it apart."""
    setting = [] if r.recipe == "article" else [f"{r.recipe} recipe"]
    setting += [text for text in (r.options, "" if r.precision in ("", "float32") else r.precision) if text]
    return r.preset + ("" if r.stage == "plain" else f", {r.stage}"), " · ".join(setting)


def _said(r: Reproduction) -> str:
    """n, and whose number the bar is where it is not the article's own."""
    n = f"n = {len(r.rows)} seed{'s' * (len(r.rows) != 1)}" + (f", {len(r.dead)} dead" if r.dead else "")
    if r.interval is None:
        return n
    return n + (f"; bar: {r.reported.anchor}" if r.reported is not None and r.reported.anchor else "")
