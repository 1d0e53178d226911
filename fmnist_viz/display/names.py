"""Class names on a map: each at the densest point of its class, none on another, all inside the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.display.lettering import shorten, text_width
from fmnist_viz.display.style import BODY, INK, label_colors, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Place = NDArray[np.float64]
_BINS = 60


def densest_points(xy: NDArray[np.floating[Any]], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The place of highest density of each class.

    Parameters
    ----------
    xy : float (n, 2)
    labels : int64 (n,)

    Returns
    -------
    float64 (classes, 2); NaN for a class without points. The density is a 60 x 60 histogram over the range of all points,
    smoothed with a Gaussian of one and a half cells.
    """
    from scipy.ndimage import gaussian_filter

    low, high = xy.min(axis=0), xy.max(axis=0)
    step = np.where(high > low, (high - low) / _BINS, 1.0)
    cells = np.clip(((xy - low) / step).astype(np.int64), 0, _BINS - 1)
    places = np.full((classes, 2), np.nan)
    for c in np.unique(labels[labels >= 0]):
        own = labels == c
        flat = np.bincount(cells[own] @ np.array([_BINS, 1]), minlength=_BINS * _BINS).reshape(_BINS, _BINS).astype(np.float32)
        peak = np.unravel_index(gaussian_filter(flat, 1.5, mode="constant").argmax(), flat.shape)
        places[c] = low + (np.array(peak) + 0.5) * step
    return places


def _free_place(anchor: Place, half: Place, frame: Place, taken: list[Place]) -> Place | None:
    """The centre nearest to `anchor` at which a box of half size `half` lies in the frame and on no other box; None where none is near.

    All in pixels: anchor and half (2,), frame (low, high) and each taken box (centre, half size) (2, 2).
    """
    inner_low, inner_high = frame[0] + half, frame[1] - half
    if (inner_low > inner_high).any():
        return None
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False) + np.pi / 2
    radii = np.arange(0, 0.3 * float((frame[1] - frame[0]).min()), half[1] * 0.6)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    centers: Place = np.clip(anchor + (radii[:, None, None] * ring).reshape(-1, 2), inner_low, inner_high)
    if taken:
        boxes = np.stack(taken)
        apart = np.abs(centers[:, None] - boxes[None, :, 0]) >= half + boxes[None, :, 1]
        centers = centers[np.all(np.any(apart, axis=2), axis=1)]
    return centers[0] if len(centers) else None


def draw_names(
    ax: Axes, xy: NDArray[np.floating[Any]], labels: NDArray[np.int64], names: Sequence[str], *, size: float = BODY, corner: float = 0.0
) -> tuple[str, ...]:
    """Set each class name at the densest point of its class, or beside it with a thin line to it.

    The axes must have their final limits and place. Frequent classes choose first. Returns the names that found no room.
    `corner`: side in points of a square at the top left that stays free.
    """
    from fmnist_viz.display.halo import HaloText

    scale = ax.figure.dpi / 72
    box = ax.get_window_extent()
    frame = np.array([[box.x0, box.y0], [box.x1, box.y1]]) + np.array([[3.0], [-3.0]]) * scale
    anchors = densest_points(xy, labels, len(names))
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    colors = label_colors(len(names))
    free = np.full(2, corner * scale / 2)
    taken: list[Place] = [np.stack([np.array([box.x0, box.y1]) + free * (1, -1), free])] if corner else []
    homeless = []
    for c in np.argsort(-counts, kind="stable"):
        if not counts[c]:
            continue
        name = shorten(names[c])
        anchor = ax.transData.transform(anchors[c])
        half = np.array([text_width(name, size, bold=True) + 3.0, size * 1.5]) * scale / 2
        center = _free_place(anchor, half, frame, taken)
        if center is None:
            homeless.append(name)
            continue
        taken.append(np.stack([center, half]))
        place = ax.transAxes.inverted().transform(center)
        if (np.abs(center - anchor) > half * (1.6, 3.5)).any():  # further than the next line or the next word
            end = ax.transAxes.inverted().transform(anchor)
            ax.plot(*zip(place, end, strict=True), transform=ax.transAxes, color=INK, linewidth=0.6, zorder=6, solid_capstyle="round")
        look: dict[str, Any] = {"fontsize": size, "weight": "bold", "color": readable(colors[c]), "ha": "center", "va": "center"}
        ax.add_artist(HaloText(*place, name, transform=ax.transAxes, zorder=7, gid=f"class-name-{c}", **look))
    return tuple(homeless)
