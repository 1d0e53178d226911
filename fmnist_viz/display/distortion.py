"""Where a map tears and where it glues: every point coloured by its missing and its false neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import join
from fmnist_viz.display.map import MapDisplay, draw_note
from fmnist_viz.display.style import BODY, GREY, HEAD, INK, RULE, SMALL, styled
from fmnist_viz.projection.caption import METHOD_NAMES
from fmnist_viz.projection.distortion import Distortion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fmnist_viz.display.sheet import Sheet

# The four corners: nothing wrong, all missing, all false, both. Between them colours are mixed in proportion.
CORNERS = ("#cdd2d9", "#0b84c6", "#e8731a", "#5b1a6e")
_SIDE, _GAP, _HEADER, _KEY, _STEPS = 2.7, 0.14, 0.26, 0.78, 5  # inches, but for the last: fields of the key along a side


def distortion_colors(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """RGB (n, 3) in 0..1 of missing and false shares (n, 2): bilinear between the four corners."""
    corners = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in CORNERS])
    missing, false = np.clip(shares, 0.0, 1.0).T[:, :, None]
    return (1 - missing) * ((1 - false) * corners[0] + false * corners[2]) + missing * ((1 - false) * corners[1] + false * corners[3])


@dataclass(frozen=True)
class DistortionDisplay:
    """The maps of one representation side by side, coloured by missing and false neighbours.

    Parameters
    ----------
    projections : method -> Projection
    distortions : method -> Distortion of the same points; a map without one is drawn as a sentence
    held : share 0..1 of the true neighbours among those that points are held against; below 1 where those were sought among reduced vectors
    """

    projections: Mapping[str, Projection]
    distortions: Mapping[str, Distortion]
    held: float = 1.0

    def frame(self) -> pd.DataFrame:
        """One row per map and point: representation, method, sample_id, missing, false (shares 0..1)."""
        import pandas as pd

        parts = [
            self.distortions[method].frame().assign(representation=p.representation, method=method, sample_id=p.sample_ids)
            for method, p in self.projections.items()
            if method in self.distortions
        ]
        columns = ["representation", "method", "sample_id", "missing", "false"]
        return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)

    def caption(self) -> str:
        """What the colours mean, n, k, the means of each map, and what the true neighbours were sought among."""
        first = next(iter(self.distortions.values()), None)
        name = next((p.representation for p in self.projections.values()), "")
        if first is None:
            return f"{name}: there is no map whose points could be looked at."
        k, wide = first.k, first.wide
        said = [
            f"{name}, n = {len(first.missing):,}: of the {k} nearest in the representation, missing are those that are not among the {wide} nearest on the map",
            f"Of the {k} nearest on the map, false are those that are not among the {wide} nearest in the representation",
        ]
        said += [f"{METHOD_NAMES.get(method, method)}: {_mean_text(d)}" for method, d in self.distortions.items()]
        if self.held < 0.995:
            said.append(f"True neighbours were sought among reduced vectors, which hold {100 * self.held:.0f} % of those of the unreduced ones")
        return join([*said, "Means over all points; exact, not sampled"])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the maps on a sheet of their own; into given axes (`ax`) the only map, ValueError where there are several."""
        with styled():
            if ax is not None:
                if len(self.projections) != 1:
                    raise ValueError("several maps have axes of their own; draw a display of one map into given axes")
                self._panel(ax, next(iter(self.projections)), pixels=False)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        columns = max(1, len(self.projections))
        left = MARGIN
        width = 2 * MARGIN + columns * _SIDE + (columns - 1) * _GAP + _GAP + _KEY + 0.34
        top = MARGIN + _HEADER
        sheet = Sheet(width=width, body=top + _SIDE + 0.2, caption=join([prefix, self.caption()]), stamp=stamp)
        for column, method in enumerate(self.projections):
            x = left + column * (_SIDE + _GAP)
            sheet.text(x + _SIDE / 2, top - 0.08, METHOD_NAMES.get(method, method), fontsize=HEAD, color=INK, ha="center", va="baseline")
            self._panel(sheet.axes(x, top, _SIDE, _SIDE, gid=f"panel-{column}"), method, pixels=True)
            if method in self.distortions:
                line = _mean_text(self.distortions[method])
                sheet.text(x + _SIDE / 2, top + _SIDE + 0.14, line, fontsize=SMALL, color=GREY, ha="center", va="baseline")
        self._key(sheet, left + columns * (_SIDE + _GAP) + 0.3, top + 0.16)
        return sheet.figure

    def _panel(self, ax: Axes, method: str, *, pixels: bool) -> None:
        projection = self.projections[method]
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if method not in self.distortions or projection.note:
            return draw_note(ax, projection.note or "too few points", size=SMALL)
        xy = projection.coords[:, :2].astype(np.float64)
        MapDisplay(projection, np.full(len(xy), -1, np.int64), ()).set_limits(ax, xy)
        shares = self.distortions[method].shares
        order = np.random.default_rng(projection.seed).permutation(len(xy))
        colors = np.column_stack([distortion_colors(shares), np.ones(len(xy))])
        dots = Dots(xy[order], colors[order], np.zeros(len(xy), bool))
        (dots.draw_pixels if pixels else dots.draw)(ax)
        return None

    def _key(self, sheet: Sheet, left: float, top: float) -> None:
        """A square of colours: missing to the right, false upwards."""
        at = np.linspace(0, 1, _STEPS)
        grid = np.stack(np.meshgrid(at, at[::-1]), axis=2).reshape(-1, 2)
        ax = sheet.axes(left, top, _KEY, _KEY, gid="key")
        ax.imshow(distortion_colors(grid).reshape(_STEPS, _STEPS, 3), extent=(0, 1, 0, 1), interpolation="none", aspect="auto")
        ax.set(xticks=[0, 1], yticks=[0, 1], xticklabels=["0", "all"], yticklabels=["0", "all"])
        ax.tick_params(length=0, pad=2, labelcolor=GREY)
        ax.spines[:].set_visible(False)
        sheet.text(left + _KEY / 2, top - 0.06, "neighbours", fontsize=BODY, color=GREY, ha="center", va="baseline")
        sheet.text(left + _KEY / 2, top + _KEY + 0.24, "missing →", fontsize=BODY, color=GREY, ha="center", va="baseline")
        sheet.text(left - 0.2, top + _KEY / 2, "false →", fontsize=BODY, color=GREY, rotation=90, ha="right", va="center")


def _mean_text(d: Distortion) -> str:
    """``missing 31 %, false 12 %``"""
    missing, false = (100 * d.shares.mean(axis=0)) if len(d.missing) else (0.0, 0.0)
    return f"missing {missing:.0f} %, false {false:.0f} %"
