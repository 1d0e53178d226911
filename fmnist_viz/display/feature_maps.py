"""What the filters of a convolution see in an image: one small map per filter, sixteen to a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages, read_only
from fmnist_viz.display.canvas import canvas, side_of, tile
from fmnist_viz.display.lettering import fitted, join
from fmnist_viz.display.sample_grid import dark_ground, shown
from fmnist_viz.display.sheet import MARGIN
from fmnist_viz.display.style import ALARM, DPI, GREY, INK, RULE, SMALL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE, _GAP = 0.13, 4 / DPI  # inches
MOST_MAPS = 256  # channels drawn of a layer
MIDDLE, SPREAD = 128.0, 64.0  # grey value of a map's mean, and of one standard deviation


def normalised(maps: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Maps (h, w, channels) as grey values: each channel's mean becomes 128, one standard deviation 64, cut off at 0 and 255.

    A channel without any variation has no standard deviation to divide by: it comes out as plain 128, and must be marked.
    """
    m = np.asarray(maps, np.float64)
    spread = m.std(axis=(0, 1))
    flat = ~(spread > 0)
    scaled = (m - m.mean(axis=(0, 1))) / np.where(flat, 1.0, spread)
    out: NDArray[np.uint8] = np.clip(np.where(flat, 0.0, scaled) * SPREAD + MIDDLE, 0, 255).astype(np.uint8)
    return out


@dataclass(frozen=True)
class FeatureMapsDisplay:
    """maps float32 (n, h, w, channels): a layer's output for `images`; dead bool (channels,): channels that gave one and the same value everywhere on all
    `checked` images."""

    layer: str
    images: LabeledImages
    maps: NDArray[np.float32]
    dead: NDArray[np.bool_]
    checked: int
    per_row: int = field(default=16, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "maps", read_only(self.maps, np.float32, (len(self.images), None, None, None), "maps"))
        object.__setattr__(self, "dead", read_only(self.dead, np.bool_, (self.maps.shape[3],), "dead"))

    @property
    def silent(self) -> NDArray[np.bool_]:
        """bool (n, channels): maps without any variation."""
        return np.ptp(self.maps, axis=(1, 2)) == 0

    @property
    def _drawn(self) -> int:
        return min(MOST_MAPS, self.maps.shape[3])

    def frame(self) -> pd.DataFrame:
        """One row per image and channel: sample_id, channel, mean, std, lowest, highest, silent (no variation in this image), dead (in none)."""
        import pandas as pd

        n, channels = self.maps.shape[0], self.maps.shape[3]
        m = self.maps.astype(np.float64)
        return pd.DataFrame({
            "sample_id": np.repeat(self.images.sample_ids, channels), "channel": np.tile(np.arange(channels), n), "mean": m.mean(axis=(1, 2)).ravel(),
            "std": m.std(axis=(1, 2)).ravel(), "lowest": m.min(axis=(1, 2)).ravel(), "highest": m.max(axis=(1, 2)).ravel(), "silent": self.silent.ravel(),
            "dead": np.tile(self.dead, n),
        })  # fmt: skip

    def caption(self) -> str:
        n, h, w, channels = self.maps.shape
        dead = np.flatnonzero(self.dead)
        said = [f"{self.layer}: {channels} maps of {h}×{w} for {n} image{'s' * (n != 1)}; filters are numbered along the rows, {self.per_row} to a row"]
        if self._drawn < channels:
            said.append(f"The first {self._drawn} of {channels} are drawn")
        said.append("Each map on its own scale: grey is its mean, black and white are two standard deviations away")
        if len(dead):
            which = ", ".join(map(str, dead[:12])) + (f" and {len(dead) - 12} more" if len(dead) > 12 else "")
            said.append(
                f"Crossed out: {len(dead)} of {channels} filters are dead, with one value everywhere in all {self.checked:,} images looked at ({which})"
            )
        else:
            said.append(f"No filter is dead: each varies in some of {self.checked:,} images looked at")
        if (self.silent & ~self.dead).any():
            said.append("Dash: a live filter without an answer to this image")
        return join(said)

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw into `ax`, or onto a sheet of its own with a caption below."""
        side = side_of(-(-max(self.maps.shape[1:3]) // _step(self.maps)), 0.34)
        cell, rows = side + _GAP, -(-self._drawn // self.per_row)
        tall = _LINE * 1.3 + max(rows * cell, 0.75 + _LINE) + 0.1
        width = 2 * MARGIN + 0.86 + min(self.per_row, self._drawn) * cell
        width = max(3.6, width)

        def draw(ax: Axes) -> None:
            pictures = shown(self.images.images, dark_ground(self.images.images))
            for i, pixels in enumerate(pictures):
                self._one(ax, i, pixels, MARGIN + i * tall, side, cell)

        return canvas(draw, width, MARGIN + len(self.images) * tall, ax=ax, caption=join([prefix, self.caption()]), stamp=stamp)

    def _one(self, ax: Axes, i: int, pixels: NDArray[np.uint8], top: float, side: float, cell: float) -> None:
        name = f"{self.images.class_names[self.images.labels[i]]}, {self.images.sample_ids[i]}"
        look: dict[str, Any] = {"fontsize": SMALL, "va": "center_baseline", "parse_math": False}
        ax.text(MARGIN, top + _LINE * 0.5, fitted(name, 3.2 * 72, SMALL), color=INK, gid=f"image-name-{i}", **look)
        y0 = top + _LINE * 1.3
        tile(ax, pixels, MARGIN, y0, side_of(min(96, max(self.images.images.shape[1:3])), 0.75), gid=f"image-{i}")
        mosaic = self.mosaic(i, round(side * DPI), round(cell * DPI))
        tile(ax, mosaic, MARGIN + 0.86, y0, max(mosaic.shape[:2]) / DPI, gid=f"maps-{i}")
        for channel in np.flatnonzero((self.dead | self.silent[i])[: self._drawn]).tolist():
            left, upper = MARGIN + 0.86 + (channel % self.per_row) * cell, y0 + (channel // self.per_row) * cell
            self._empty(ax, left, upper, side, f"{i}-{channel}", dead=bool(self.dead[channel]))

    def mosaic(self, i: int, side: int, cell: int) -> NDArray[np.uint8]:
        """All maps of one image as one grey picture, maps of `side` pixels every `cell` pixels; dead and silent ones are left white."""
        step = _step(self.maps)
        grey = normalised(self.maps[i])[::step, ::step, : self._drawn]
        fold = side // max(grey.shape[:2])
        grey = grey.repeat(fold, axis=0).repeat(fold, axis=1)
        grey[:, :, (self.dead | self.silent[i])[: self._drawn]] = 255
        h, w = grey.shape[:2]
        rows, cols = -(-self._drawn // self.per_row), min(self.per_row, self._drawn)
        out = np.full((rows * cell, cols * cell), 255, np.uint8)
        for channel in range(self._drawn):
            y, x = (channel // self.per_row) * cell, (channel % self.per_row) * cell
            out[y : y + h, x : x + w] = grey[:, :, channel]
        return out

    @staticmethod
    def _empty(ax: Axes, left: float, top: float, side: float, gid: str, *, dead: bool) -> None:
        """A light place that cannot be taken for a dark map: crossed out where the filter is dead, with a dash where it is silent in this image only."""
        from matplotlib.patches import Rectangle

        ax.add_patch(
            Rectangle((left, top), side, side, facecolor="white", edgecolor=ALARM if dead else RULE, linewidth=0.6, gid=f"{'dead' if dead else 'silent'}-{gid}")
        )
        if dead:
            ax.plot([left, left + side], [top, top + side], color=ALARM, linewidth=0.6)
            ax.plot([left, left + side], [top + side, top], color=ALARM, linewidth=0.6)
        else:
            ax.plot([left + side * 0.35, left + side * 0.65], [top + side / 2] * 2, color=GREY, linewidth=0.8)


def _step(maps: NDArray[np.floating[Any]]) -> int:
    """Every how many values of a map's rows and columns one is drawn."""
    return max(1, -(-max(maps.shape[1:3]) // 96))
