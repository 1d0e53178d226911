"""Test accuracy against the processor time that a training took, one point per ledger row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.ledger import LedgerRow
from fmnist_viz.core.palette import RIGHT, WRONG
from fmnist_viz.display.lettering import join
from fmnist_viz.display.style import BODY, GREY, INK, SMALL, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 0.7  # test accuracy below which a point is not drawn: the axis would be wasted on it
OWN = "compact"  # the preset whose rows are joined to a curve
COLUMNS = ("system", "stage", "epochs", "seed", "precision", "threads", "cpu", "cpu_minutes", "test_accuracy", "low", "high", "n_test")


@dataclass(frozen=True)
class AccuracyCostDisplay:
    """`rows` of the ledger; those without a test accuracy or a processor time, of other data or of a dead network are left out."""

    rows: Sequence[LedgerRow]

    def frame(self) -> pd.DataFrame:
        """One row per training: system, stage, epochs, seed, precision, threads, cpu, cpu_minutes (user and system time of the training),
        test_accuracy with its 95 % Wilson interval, n_test; ordered by time."""
        import pandas as pd

        found = []
        for r in self.rows:
            if r.test_accuracy is None or not r.cpu_minutes or not r.official or r.dead_share == 1:
                continue
            low, high = wilson(r.test_accuracy * r.n_test, r.n_test)
            named = (r.preset, r.stage, r.epochs, r.seed, r.precision, r.threads, r.cpu)
            found.append((*named, r.cpu_minutes, r.test_accuracy, float(low), float(high), r.n_test))
        return pd.DataFrame(found, columns=list(COLUMNS)).sort_values("cpu_minutes", ignore_index=True)

    def caption(self) -> str:
        """n, where, how precise, and what joins points."""
        points = self.frame()
        if points.empty:
            return "No training has been measured yet."
        where = ", ".join(dict.fromkeys(points["cpu"]))
        said = [f"{len(points)} trainings of Fashion-MNIST's training split, one point each; accuracy on the {points['n_test'].iloc[0]:,} test images"]
        said.append("Bars: 95 % Wilson intervals")
        if below := int((points["test_accuracy"] < LEAST).sum()):
            said.append(f"{below} training{'s' * (below != 1)} below {100 * LEAST:g} % not drawn")
        said.append(f"Processor time: user and system time of the epochs, on {where}; other programs ran beside some of them, which lengthens it")
        own = points[points["system"] == OWN]
        if len(own):
            how = f"{', '.join(dict.fromkeys(own['precision']))}, {', '.join(str(t) for t in dict.fromkeys(own['threads']))} thread"
            said.append(f"Line: medians of {OWN} by number of epochs ({how}); each is a training of its own, with the whole schedule")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or on a sheet of its own."""
        with styled():
            if ax is not None:
                self._draw(ax)
                return ax.figure.get_figure(root=True)
            from fmnist_viz.display.sheet import Sheet

            sheet = Sheet(width=7.2, body=4.2, caption=join([prefix, self.caption()]), stamp=stamp)
            self._draw(sheet.axes(0.6, 0.2, 5.6, 3.5, gid="cost"))
            return sheet.figure

    def _draw(self, ax: Axes) -> None:
        from matplotlib.ticker import FuncFormatter

        points = self.frame()
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xscale("log")
        ax.set_xlabel("processor minutes of training (logarithmic)", fontsize=BODY)
        ax.set_ylabel("test accuracy, %", fontsize=BODY)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g}"))
        ax.grid(axis="y", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
        shown = points[points["test_accuracy"] >= LEAST]
        for (system, stage), own in shown.groupby(["system", "stage"], sort=False):
            color = WRONG if system == OWN else RIGHT
            spread = [own["test_accuracy"] - own["low"], own["high"] - own["test_accuracy"]]
            ax.errorbar(own["cpu_minutes"], own["test_accuracy"], yerr=spread, fmt="s" if system == OWN else "o", ms=3.5, color=color, lw=0, elinewidth=0.6)
            last = own.loc[own["cpu_minutes"].idxmax()]
            name = f"{system}, augmented" if stage == "augmented" and system != OWN else str(system)
            at = (float(last["cpu_minutes"]), float(last["test_accuracy"]))
            ax.annotate(name, at, xytext=(5, -2), textcoords="offset points", fontsize=SMALL, color=INK if system == OWN else GREY)
        own = shown[shown["system"] == OWN].groupby("epochs")[["cpu_minutes", "test_accuracy"]].median()
        if len(own) > 1:
            ax.plot(own["cpu_minutes"], own["test_accuracy"], color=WRONG, linewidth=1.1, zorder=1, gid="curve")
