"""Custom axes as a picture: the images of one representation on one or two axes, and beside each axis how its two sides lie on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis import AxisPlane
from fmnist_viz.core.types import read_only
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, fitted, join, shorten
from fmnist_viz.display.map import VECTOR_POINTS, WIDTH
from fmnist_viz.display.style import BODY, DPI, GREY, RULE, SMALL, label_colors, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 60
MOST = 6  # classes of a side that are named
_STRIP, _GAP, _WORDS = 0.62, 0.05, 0.26  # inches: height of a strip, its distance from the map, room for the words at an axis
_PAD = 0.03  # of an axis' range, at each end
_LEFT_OVER = "largest variance left over"


@dataclass(frozen=True)
class AxisDisplay:
    """One representation on its custom axes.

    Parameters
    ----------
    plane : AxisPlane
    labels : int64 (n,), 0 <= label < len(class_names)
    correct : bool (n,), optional
        Points that are not correct get a thin ring.
    """

    plane: AxisPlane
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    correct: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n = len(self.plane.coords)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (n,), "labels"))
        if self.correct is not None:
            object.__setattr__(self, "correct", read_only(self.correct, np.bool_, (n,), "correct"))

    def frame(self) -> pd.DataFrame:
        """One row per point: sample_id, x, y, label, class, and of each axis its side (left, right, both or empty), and correct where it is known."""
        import pandas as pd

        columns: dict[str, Any] = {"sample_id": self.plane.sample_ids, "x": self.plane.coords[:, 0], "y": self.plane.coords[:, 1], "label": self.labels}
        columns["class"] = np.array(self.class_names, dtype=object)[self.labels]
        words = np.array(["", "left", "right", "both"], dtype=object)
        columns |= {f"side_{'xy'[i]}": words[side @ np.array([1, 2])] for i, side in enumerate(self.plane.sides)}
        return pd.DataFrame(columns if self.correct is None else columns | {"correct": self.correct})

    def ends(self, axis: int) -> tuple[str, str]:
        """What stands at the two ends of an axis: the classes that its texts find."""
        found = (np.unique(self.labels[own]).tolist() for own in self.plane.sides[axis].T)
        words = [[shorten(self.class_names[c]) for c in classes] for classes in found]
        left, right = (", ".join(names[:MOST]) + (f" and {len(names) - MOST:,} more" if len(names) > MOST else "") for names in words)
        return left, right

    def caption(self) -> str:
        """n, what the axes are, how well each separates, and what shows the same places in the Projector."""
        plane = self.plane
        what = "a custom axis" if len(plane.axes) == 1 else "custom axes, each"
        said = [f"{clean(plane.representation)}, n = {len(plane.coords):,}: {what} from the mean of some images to the mean of others"]
        for i, s in enumerate(plane.separations):
            left, right = self.ends(i)
            said.append(f"{'xy'[i]}: {left} ({s.left:,} images) → {right} ({s.right:,}), {s.text}")
        if len(plane.axes) == 1:
            said.append(f"y: {_LEFT_OVER}")
        said.append("AUC: how often an image of the second side lies further along than one of the first, on axes made without them " + self._how())
        said.append("Vectors are centred and scaled to unit length; thin lines: the mean of all images")
        fields = [
            f"{f} {s}" for axis, ends in zip(plane.axes, (("left", "right"), ("down", "up")), strict=False) for f, s in zip(ends, axis.sides, strict=True)
        ]
        slashes = " (slashes: a regular expression)" if any(side.regex for axis in plane.axes for side in axis.sides) else ""
        said.append(f"The Projector's Custom tab shows the same, of the images that it holds, with: {', '.join(map(clean, fields))}{slashes}")
        if self.correct is not None and len(self.correct):
            wrong = int((~self.correct).sum())
            said.append(f"Rings: {wrong:,} points that the model got wrong ({100 * wrong / len(self.correct):.1f} %)")
        return join(said)

    def _how(self) -> str:
        folds = max(s.folds for s in self.plane.separations)
        return f"({folds} folds; 95 % interval by DeLong, at least Newcombe's; seed {self.plane.seed})" if folds else ""

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the points into `ax`, or with the strips beside both axes onto a sheet of its own with a caption below."""
        with styled():
            if ax is not None:
                self._draw(ax)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.sheet import MARGIN, Sheet

        both = len(self.plane.axes) == 2
        beside = _STRIP + _GAP if both else 0.0
        left, top = MARGIN + _WORDS, MARGIN + _STRIP + _GAP
        width = round((WIDTH - left - beside - MARGIN) * DPI) / DPI
        height = round(width * 0.8 * DPI) / DPI  # whole pixels, on which an image of the points lies one to one
        said = [prefix, self.caption()]
        for _ in range(2):  # which names find room is known only after drawing, and the caption's height before it
            sheet = Sheet(width=WIDTH, body=top + height + _WORDS, caption=join(said), stamp=stamp)
            homeless = self._draw(ax := sheet.axes(left, top, width, height, gid="plane"))
            if not homeless or len(said) > 2:
                break
            said.append(f"{len(homeless)} class names found no room on the map")
        self._strip(sheet.axes(left, MARGIN, width, _STRIP, gid="strip-x"), 0, ax.get_xlim())
        if both:
            self._strip(sheet.axes(left + width + _GAP, top, _STRIP, height, gid="strip-y"), 1, ax.get_ylim())
        words = [self.ends(i) for i in range(len(self.plane.axes))]
        room = (width / 2 - 0.1) * 72
        look: dict[str, Any] = {"fontsize": BODY, "color": GREY, "va": "baseline"}
        sheet.text(left, top + height + 0.17, fitted(f"← {words[0][0]}", room, BODY), ha="left", **look)
        sheet.text(left + width, top + height + 0.17, fitted(f"{words[0][1]} →", room, BODY), ha="right", **look)
        room, look = (height / 2 - 0.1) * 72, {"fontsize": BODY, "color": GREY, "rotation": 90, "ha": "right"}
        if both:
            sheet.text(left - 0.07, top + height, fitted(f"← {words[1][0]}", room, BODY), va="bottom", **look)
            sheet.text(left - 0.07, top, fitted(f"{words[1][1]} →", room, BODY), va="top", **look)
        else:
            sheet.text(left - 0.07, top + height / 2, _LEFT_OVER, va="center", **look)
        return sheet.figure

    def _draw(self, ax: Axes) -> tuple[str, ...]:
        """The points with their class names; returns the names that found no room. Each axis fills its side, as in the Projector."""
        from matplotlib.colors import to_rgba_array

        from fmnist_viz.display.names import draw_names

        xy = self.plane.coords.astype(np.float64)
        low, high = xy.min(axis=0), xy.max(axis=0)
        pad = np.where(high > low, high - low, 1.0) * _PAD
        ax.set(xticks=[], yticks=[], xlim=(low[0] - pad[0], high[0] + pad[0]), ylim=(low[1] - pad[1], high[1] + pad[1]))
        ax.spines[:].set(color=RULE, linewidth=0.6)
        for line in (ax.axvline, ax.axhline):
            line(0, color=RULE, linewidth=0.6, zorder=2.1, gid="mean")  # above the points: many of them are one image without gaps
        # Sorted by class, the last class would hide the others; the seed keeps the picture the same each time.
        order = np.random.default_rng(self.plane.seed).permutation(len(xy))
        ringed = ~self.correct[order] if self.correct is not None else np.zeros(len(order), bool)
        dots = Dots(xy[order], to_rgba_array(label_colors(len(self.class_names)))[self.labels[order]], ringed)
        dots.draw_pixels(ax) if len(xy) > VECTOR_POINTS else dots.draw(ax)
        return draw_names(ax, xy, self.labels, self.class_names, size=BODY if len(self.class_names) <= 12 else SMALL)

    def _strip(self, ax: Axes, axis: int, limits: tuple[float, float]) -> None:
        """How many images of each class of the two sides lie where along an axis, stacked; with the area they leave to be confused."""
        side = self.plane.sides[axis]
        rows = side.any(axis=1)
        classes = np.unique(self.labels[rows])
        colors = label_colors(len(self.class_names))
        upright = axis == 0
        ax.hist(
            [self.plane.coords[self.labels == c, axis] for c in classes], bins=BINS, range=limits, stacked=True, histtype="stepfilled",
            color=[colors[c] for c in classes], orientation="vertical" if upright else "horizontal", linewidth=0,
        )  # fmt: skip
        highest = ax.get_ylim()[1] if upright else ax.get_xlim()[1]
        ax.set(xticks=[], yticks=[], **{"xlim" if upright else "ylim": limits, "ylim" if upright else "xlim": (0, 1.25 * highest)})  # room for the words
        ax.spines[:].set_visible(False)
        ax.spines["bottom" if upright else "left"].set(visible=True, color=RULE, linewidth=0.6)
        place: dict[str, Any] = (
            {"x": 0.5, "y": 0.99, "ha": "center", "va": "top"} if upright else {"x": 0.99, "y": 0.5, "ha": "right", "va": "center", "rotation": 270}
        )
        from fmnist_viz.display.halo import HaloText

        s = self.plane.separations[axis]
        ax.add_artist(HaloText(place.pop("x"), place.pop("y"), s.text, transform=ax.transAxes, fontsize=SMALL, color=GREY, zorder=5, **place))
