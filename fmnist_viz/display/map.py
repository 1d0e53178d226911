"""A map: the points of one projection, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import Projection, read_only
from fmnist_viz.display.dots import Dots
from fmnist_viz.display.lettering import clean, join, wrap
from fmnist_viz.display.style import BODY, DPI, GREY, RULE, SMALL, label_colors, styled
from fmnist_viz.projection.caption import caption

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.6  # inches of a single map
VECTOR_POINTS = 5000  # more points than these are pixels inside an SVG file
_SIDE = 0.24  # inches left and below for the words on the axes


@dataclass(frozen=True)
class MapDisplay:
    """One projection as a map.

    Parameters
    ----------
    projection : Projection
        A note in it is drawn as a sentence in place of points; of 3-D coordinates axes 1 and 2 are drawn, and the caption says so.
    labels : int64 (n,)
        0 <= label < len(class_names), or -1 for a point without a class (grey).
    correct : bool (n,), optional
        Points that are not correct get a thin ring.
    thumbnails : uint8 (n, h, w) or (n, h, w, 3), optional
        Drawn in place of points, as they are (0 black, 255 white), never interpolated.
    meaning : str
        What the colour stands for. "class" sets the names on the map; anything else, and thumbnails, get a key with this heading.
    """

    projection: Projection
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    correct: NDArray[np.bool_] | None = None
    thumbnails: NDArray[np.uint8] | None = None
    meaning: str = "class"

    def __post_init__(self) -> None:
        n, classes = len(self.projection.coords), len(self.class_names)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "labels", read_only(self.labels, np.int64, (n,), "labels"))
        if n and not (self.labels.min() >= -1 and self.labels.max() < classes):
            raise ValueError(f"labels: outside -1..{classes - 1}")
        if self.correct is not None:
            object.__setattr__(self, "correct", read_only(self.correct, np.bool_, (n,), "correct"))
        if self.thumbnails is not None:
            shape = (n, None, None, 3) if np.ndim(self.thumbnails) == 4 else (n, None, None)
            object.__setattr__(self, "thumbnails", read_only(self.thumbnails, np.uint8, shape, "thumbnails"))

    @property
    def drawable(self) -> bool:
        """Whether there are points to draw, and not only a sentence on why there are none."""
        return not self.projection.note and len(self.projection.coords) > 0

    @property
    def keyed(self) -> bool:
        """Whether the classes are named in a key below the map instead of on it."""
        return self.thumbnails is not None or self.meaning != "class"

    def frame(self) -> pd.DataFrame:
        """One row per point: sample_id, x, y (and z), label, class, and correct where it is known."""
        import pandas as pd

        names = np.array([*self.class_names, ""], dtype=object)
        columns: dict[str, Any] = {"sample_id": self.projection.sample_ids}
        columns |= {axis: self.projection.coords[:, i] for i, axis in enumerate("xyz"[: self.projection.coords.shape[1]])}
        columns |= {"label": self.labels, "class": names[self.labels]}
        return pd.DataFrame(columns if self.correct is None else columns | {"correct": self.correct})

    def caption(self) -> str:
        """Representation, method, values, n, scores, what may be read off the map, and what is drawn how."""
        said = [caption(self.projection)]
        if self.drawable:
            if self.projection.coords.shape[1] > 2:
                said.append("Axes 1 and 2 of 3 are drawn")
            if self.thumbnails is not None:
                said.append(f"Each picture shows the weights of one row; frame: {clean(self.meaning)}")
            elif self.keyed and (self.labels >= 0).any():
                said.append(f"Colour: {clean(self.meaning)}")
            if self.correct is not None and self.thumbnails is None and len(self.correct):
                wrong = int((~self.correct).sum())
                said.append(f"Rings: {wrong:,} of {len(self.correct):,} points that the model got wrong ({100 * wrong / len(self.correct):.1f} %)")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below; `stamp` holds warnings for it, `prefix` what the caption starts with."""
        with styled():
            if ax is not None:
                self.draw(ax)
                return ax.figure.get_figure(root=True)
            return self._sheet(stamp, prefix)

    def draw(self, ax: Axes, *, names: bool | None = None, rings: bool = True, pixels: bool = False, dpi: int = DPI, shades: int = 0) -> tuple[str, ...]:
        """Draw the points (or the note) into `ax`; returns the class names that found no room. Call it inside `styled()`.

        `pixels` draws the points as one image of the axes as they are now, of `dpi` and at most `shades` where that is not 0; else they are
        shapes, rasterised in SVG files above 5,000.
        """
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=RULE, linewidth=0.6)
        if not self.drawable:
            draw_note(ax, self.projection.note or "There are no points to draw.")
            return ()
        xy = self.projection.coords[:, :2].astype(np.float64)
        self.set_limits(ax, xy)
        # Sorted by class, the last class would hide the others; the seed keeps the picture the same each time.
        order = np.random.default_rng(self.projection.seed).permutation(len(xy))
        if self.thumbnails is not None:
            from fmnist_viz.display.pictures import draw_pictures

            colors = label_colors(len(self.class_names))
            draw_pictures(ax, xy, self.thumbnails, [colors[label] for label in self.labels], order)
        elif pixels:
            self._dots(xy, order, rings=rings).draw_pixels(ax, dpi=dpi, colors=shades, ring=0.5 if shades else 0.3)
        else:
            self._dots(xy, order, rings=rings).draw(ax, rasterized=len(xy) > VECTOR_POINTS)
        if names if names is not None else not self.keyed:
            from fmnist_viz.display.names import draw_names

            return draw_names(ax, xy, self.labels, self.class_names, size=BODY if len(self.class_names) <= 12 else SMALL)
        return ()

    def set_limits(self, ax: Axes, xy: NDArray[np.float64]) -> None:
        """Limits that hold every point and fill the axes at one scale, so that Matplotlib has nothing left to adjust."""
        low, high = xy.min(axis=0), xy.max(axis=0)
        box = ax.get_window_extent()
        size = np.array([box.width, box.height])
        pad = 0.09 if self.thumbnails is not None else 0.03
        per_pixel = (float(((high - low) / size).max()) or 1.0 / float(size.max())) * (1 + 2 * pad)
        half, center = size * per_pixel / 2, (low + high) / 2
        ax.set_xlim(center[0] - half[0], center[0] + half[0])
        ax.set_ylim(center[1] - half[1], center[1] + half[1])
        ax.set_aspect("equal", adjustable="datalim")

    def _dots(self, xy: NDArray[np.float64], order: NDArray[np.int64], *, rings: bool) -> Dots:
        from matplotlib.colors import to_rgba_array

        palette = to_rgba_array(label_colors(len(self.class_names)))
        ringed = ~self.correct[order] if rings and self.correct is not None else np.zeros(len(order), bool)
        return Dots(xy[order], palette[self.labels[order]], ringed)

    def _sheet(self, stamp: Sequence[str], prefix: str) -> Figure:
        from fmnist_viz.display.key import ColorKey
        from fmnist_viz.display.sheet import MARGIN, Sheet

        words = self.axis_words() if self.drawable else ("", "")
        side = _SIDE if any(words) else 0.0
        room = WIDTH - 2 * MARGIN - side
        shape = np.ptp(self.projection.coords[:, :2], axis=0) if self.drawable else np.array([1.0, 0.35])
        height = room * float(np.clip(shape[1] / shape[0] if shape[0] > 0 else 1.0, 0.62 if self.drawable else 0.3, 1.0))
        height = round(height * DPI) / DPI  # whole pixels, on which an image of the points lies one to one
        pixels = len(self.projection.coords) > VECTOR_POINTS
        key = None
        if self.keyed and self.drawable and (self.labels >= 0).any():
            present = sorted(set(self.labels.tolist()), key=lambda c: (c < 0, c))
            colors = label_colors(len(self.class_names))
            key = ColorKey([self.class_names[c] if c >= 0 else "none" for c in present], [colors[c] for c in present], width=room, heading=clean(self.meaning))
        body = MARGIN + height + side + (key.height + 0.1 if key else 0.0)

        # Which names find room is known only after drawing, and the caption's height before it: draw into a trial sheet where that can matter.
        said = [prefix, self.caption()]
        sheet = Sheet(width=WIDTH, body=body, caption=join(said), stamp=stamp)
        homeless = self.draw(ax := sheet.axes(MARGIN + side, MARGIN, room, height), pixels=pixels)
        if homeless:
            said.append(f"{len(homeless)} class names found no room on the map")
            sheet = Sheet(width=WIDTH, body=body, caption=join(said), stamp=stamp)
            self.draw(ax := sheet.axes(MARGIN + side, MARGIN, room, height), pixels=pixels)
        ax.set_xlabel(words[0], parse_math=False, labelpad=3)
        ax.set_ylabel(words[1], parse_math=False, labelpad=3)
        if key:
            key.draw(sheet, MARGIN + side, MARGIN + height + side + 0.08)
        return sheet.figure

    def axis_words(self) -> tuple[str, str]:
        """What stands at the two axes: only those of a PCA mean something."""
        shares = self.projection.parameters.get("variance") or ()
        if self.projection.method != "pca":
            return "", ""
        numbers = self.projection.parameters.get("components") or (1, 2)
        words = [f"principal axis {numbers[i]}" + (f": {100 * shares[i]:.1f} % of the variance" if i < len(shares) else "") for i in range(2)]
        return words[0], words[1]


def draw_note(ax: Axes, note: str, *, size: float = BODY) -> None:
    """A sentence in the middle of empty axes, wrapped to them."""
    width = ax.get_window_extent().width / ax.figure.dpi * 72
    lines = wrap(clean(note), width * 0.86, size)
    options: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "color": GREY, "linespacing": 1.4}
    ax.text(0.5, 0.5, "\n".join(lines), transform=ax.transAxes, parse_math=False, gid="note", **options)
