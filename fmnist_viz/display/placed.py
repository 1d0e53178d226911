"""New points on a map that others made: the map pale, the new points in full colour, those that do not fit as open marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.types import Projection, ids_array, read_only
from fmnist_viz.display.lettering import join
from fmnist_viz.display.map import VECTOR_POINTS, WIDTH, MapDisplay
from fmnist_viz.display.style import BODY, DPI, GREY, INK, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.caption import parameter_text
from fmnist_viz.projection.transform import BETWEEN, FAR, FAR_LEVEL, FIT_NAMES, FITS, SPREAD_LEVEL, Placement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ON_MAP = "on the map"
_PALE = 0.72  # of the way to white
_MARKS = {ON_MAP: "o", FITS: "o", BETWEEN: "D", FAR: "X"}
_OPEN = (BETWEEN, FAR)
_KEY = 0.24  # inches


@dataclass(frozen=True)
class PlacedDisplay:
    """A map of n points with m further ones.

    projection, labels, class_names : the map, labels int64 (n,), -1 for none
    placement : the new points;  sample_ids : str (m,);  new_labels : int64 (m,), -1 for none
    own : bool (m,), points of the map itself that are marked on it and need no fit; empty: none
    more : further columns of the table, each (m,);  what : what the new points are ("training images"), for the words
    """

    projection: Projection
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    placement: Placement
    sample_ids: NDArray[np.str_]
    new_labels: NDArray[np.int64]
    own: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    more: Mapping[str, Any] = field(default_factory=dict)
    what: str = "new points"

    def __post_init__(self) -> None:
        m = len(self.placement.coords)
        object.__setattr__(self, "sample_ids", ids_array(self.sample_ids))
        object.__setattr__(self, "new_labels", read_only(self.new_labels, np.int64, (m,), "new_labels"))
        object.__setattr__(self, "own", read_only(self.own if len(self.own) else np.zeros(m, bool), np.bool_, (m,), "own"))
        if len(self.sample_ids) != m:
            raise ValueError(f"sample_ids: {len(self.sample_ids)} for {m} points")

    @property
    def fit(self) -> NDArray[np.str_]:
        """``fits``, ``between groups``, ``far from everything``, or ``on the map``, str (m,)."""
        return np.where(self.own, ON_MAP, self.placement.fit)

    def counts(self) -> dict[str, int]:
        """How many of each that occurs."""
        fit = self.fit
        return {name: count for name in (ON_MAP, *FIT_NAMES) if (count := int((fit == name).sum()))}

    def frame(self) -> pd.DataFrame:
        """One row per new point: sample_id, x, y (z), label, class, fit, distance, p_far, spread, p_spread, nearest (a sample of the map), then `more`.

        distance : to the k-th nearest of the map's own vectors, p_far the share of those that are as far from theirs;
        spread : how far apart the k neighbours lie on the map, p_spread the share of the map's points whose neighbours lie as far apart.
        Points of the map itself have no values there.
        """
        import pandas as pd

        p, names = self.placement, np.array([*self.class_names, ""], dtype=object)
        columns: dict[str, Any] = {"sample_id": self.sample_ids, **dict(zip("xyz", p.coords.T, strict=False))}
        columns |= {"label": self.new_labels, "class": names[self.new_labels], "fit": self.fit}
        numbers: dict[str, NDArray[Any]] = {"distance": p.distance, "p_far": p.p_far, "spread": p.spread, "p_spread": p.p_spread}
        columns |= {name: np.where(self.own, np.nan, values) for name, values in numbers.items()}
        nearest = self.projection.sample_ids[p.near[:, 0]] if len(p.near) else np.zeros(0, str)
        return pd.DataFrame({**columns, "nearest": np.where(self.own, "", nearest), **self.more})

    def reading(self) -> str:
        """``Of 2,000 training images 1,912 fit, 70 lie between groups (3.5 %, 95 % interval 2.8–4.4; ...) ...``"""
        m = int((~self.own).sum())
        said = [f"{len(self.sample_ids) - m:,} of the {self.what} are points of the map"] if m < len(self.sample_ids) else []
        if m:
            counts = self.placement.counts() if m == len(self.sample_ids) else {name: int((self.fit == name).sum()) for name in FIT_NAMES}
            p = self.placement
            between = _share(counts[BETWEEN], m, "lie between groups", f"{100 * SPREAD_LEVEL:g} % of the map's own do")
            far = _share(counts[FAR], m, "are far from everything", f"{100 * FAR_LEVEL:g} % would be if they were like the map's own")
            how = "placed on its axes, judged" if self.projection.method == "pca" else "placed"
            said.append(f"Of {m:,} {self.what} {how} by their {p.k} nearest of the map's n = {p.n:,}, {counts[FITS]:,} fit, {between}, and {far}")
            said += ["The place of a point that is far from everything says nothing"] * bool(counts[FAR])
        return join(said)

    def caption(self) -> str:
        """The map, how many fit, what is drawn how."""
        p = self.projection
        solid = ["Axes 1 and 2 of 3 are drawn"] if p.coords.shape[1] > 2 else []
        colored = ["Colour: class; black: not known" if (self.new_labels < 0).any() else "Colour: class"] * bool(self.class_names)
        return join([f"{p.representation}, n = {len(p.coords):,} (pale): {parameter_text(p)}", self.reading(), *solid, *self._kept_words(), *colored])

    def _kept_words(self) -> list[str]:
        if self.projection.method == "pca" or self.own.all():
            return []
        return ["Nothing of the map was moved; new points lie where most of their neighbours do"]

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a key and a caption."""
        with styled():
            if ax is not None:
                self.draw(ax)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def draw(self, ax: Axes) -> None:
        """The map pale with its class names, the new points above it. Call it inside `styled()`."""
        from matplotlib.colors import to_rgba_array

        from fmnist_viz.display.dots import Dots
        from fmnist_viz.display.names import draw_names

        ground = MapDisplay(self.projection, self.labels, self.class_names)
        xy, new = self.projection.coords[:, :2].astype(np.float64), self.placement.coords[:, :2].astype(np.float64)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=RULE, linewidth=0.6)
        ground.set_limits(ax, np.concatenate([xy, new]))
        colors = to_rgba_array(label_colors(len(self.class_names)))
        pale = colors.copy()
        pale[:, :3] += (1 - pale[:, :3]) * _PALE
        order = np.random.default_rng(self.projection.seed).permutation(len(xy))
        dots = Dots(xy[order], pale[self.labels[order]], np.zeros(len(order), bool))
        dots.draw(ax, rasterized=len(xy) > VECTOR_POINTS)
        # Points without a class would be grey on grey.
        colors[-1] = to_rgba_array(INK)[0]
        self._draw_new(ax, new, colors[self.new_labels])
        if (self.labels >= 0).any():
            draw_names(ax, xy, self.labels, self.class_names, size=BODY if len(self.class_names) <= 12 else SMALL)

    def _draw_new(self, ax: Axes, xy: NDArray[np.float64], colors: NDArray[np.float64]) -> None:
        size = float(np.clip(600 / max(1, len(xy)) ** 0.5, 7, 40))
        fit = self.fit
        for name, marker in _MARKS.items():  # misfits last, on top
            rows = fit == name
            if not rows.any():
                continue
            look: dict[str, Any] = {"facecolors": "none" if name == BETWEEN else "white", "edgecolors": colors[rows], "linewidths": 0.9}
            if name not in _OPEN:
                look = {"facecolors": colors[rows], "edgecolors": "white", "linewidths": 0.35}
            raster = int(rows.sum()) > VECTOR_POINTS
            ax.scatter(xy[rows, 0], xy[rows, 1], s=size * (1.5 if name == FAR else 1.0), marker=marker, zorder=3, rasterized=raster, gid=name, **look)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        room = WIDTH - 2 * MARGIN
        every = np.concatenate([self.projection.coords[:, :2], self.placement.coords[:, :2]])
        shape = np.ptp(every, axis=0)
        height = room * float(np.clip(shape[1] / shape[0] if shape[0] > 0 else 1.0, 0.62, 1.0))
        height = round(height * DPI) / DPI
        sheet = Sheet(width=WIDTH, body=MARGIN + height + _KEY + 0.06, caption=join([prefix, self.caption()]), stamp=stamp)
        self.draw(sheet.axes(MARGIN, MARGIN, room, height))
        self._draw_key(sheet.axes(MARGIN, MARGIN + height + 0.06, room, _KEY, gid="key"), room)
        return sheet.figure

    def _draw_key(self, ax: Axes, room: float) -> None:
        """A mark and a count for each kind of point that occurs."""
        from fmnist_viz.display.lettering import text_width

        ax.set_axis_off()
        ax.set_xlim(0, room)
        ax.set_ylim(0, 1)
        x = 0.06
        for name, count in self.counts().items():
            filled = name not in _OPEN
            ax.scatter([x], [0.5], s=26, marker=_MARKS[name], facecolors=GREY if filled else "white", edgecolors=GREY, linewidths=0.9, clip_on=False)
            text = f"{name}: {count:,}"
            ax.text(x + 0.11, 0.5, text, fontsize=BODY, color=INK, va="center_baseline", parse_math=False)
            x += 0.11 + text_width(text, BODY) / 72 + 0.3


def _share(count: int, n: int, what: str, beside: str) -> str:
    low, high = (100 * float(end) for end in wilson(count, n))
    return f"{count:,} {what} ({100 * count / n:.1f} %, 95 % interval {low:.1f}–{high:.1f}; {beside})"
