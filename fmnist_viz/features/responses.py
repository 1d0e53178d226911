"""Which images excite a unit most and on how many it fires, gathered batch by batch: a unit of a convolution answers with its strongest place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import read_only

TOP = 4  # images kept of each unit


@dataclass(frozen=True)
class UnitResponses:
    """How every unit of a layer answered `images` images; a unit's response to an image is its largest value there.

    top : int64 (units, TOP), rows of the images with the largest responses, best first; -1 where no further image lifts the unit above its lowest response;
    values : float32 (units, TOP), those responses (-inf where there is none);  fired : int64 (units,), images with a response above 0;
    lowest : float32 (units,), the smallest response.
    """

    top: NDArray[np.int64]
    values: NDArray[np.float32]
    fired: NDArray[np.int64]
    lowest: NDArray[np.float32]
    images: int

    def __post_init__(self) -> None:
        units = len(self.top)
        object.__setattr__(self, "top", read_only(self.top, np.int64, (units, TOP), "top"))
        object.__setattr__(self, "values", read_only(self.values, np.float32, (units, TOP), "values"))
        object.__setattr__(self, "fired", read_only(self.fired, np.int64, (units,), "fired"))
        object.__setattr__(self, "lowest", read_only(self.lowest, np.float32, (units,), "lowest"))

    @property
    def dead(self) -> NDArray[np.bool_]:
        """bool (units,): fires on no image, and answers all of them alike (a unit without a rectifier may stay below zero and still tell images apart)."""
        return (self.fired == 0) & (self.top[:, 0] < 0)

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> UnitResponses:
        """From all responses at once, float32 (images, units)."""
        seen = ResponseCount()
        seen.add(values, np.arange(len(values)))
        return seen.result()


def strongest_places(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """A layer's output (n, ..., units) as responses float32 (n, units): the largest value over all places."""
    return output if output.ndim == 2 else output.reshape(len(output), -1, output.shape[-1]).max(axis=1)


def place_means(output: NDArray[np.float32]) -> NDArray[np.float64]:
    """A layer's output (n, ..., units) averaged over all places, (n, units); summed as a matrix product, several times as fast as `mean`."""
    maps = output.reshape(len(output), -1, output.shape[-1])
    sums = maps[:, 0] if maps.shape[1] == 1 else (np.ones((1, maps.shape[1]), np.float32) @ maps)[:, 0]
    return np.asarray(sums, np.float64) / maps.shape[1]


class ResponseCount:
    """Takes batches of responses in any order and holds only what `UnitResponses` needs."""

    def __init__(self) -> None:
        self._values, self._rows = np.empty((0, 0), np.float32), np.empty((0, 0), np.int64)
        self._fired, self._lowest, self._images = np.empty(0, np.int64), np.empty(0, np.float32), 0

    def add(self, responses: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        """`responses` (n, units) to the images `rows` (n,); NaN counts as no response."""
        self._begin(responses, rows) if not self._images else self._improve(responses, rows)
        self._fired += (responses > 0).sum(axis=0)
        self._lowest = np.fmin(self._lowest, np.fmin.reduce(responses, axis=0))
        self._images += len(rows)

    def _begin(self, responses: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        units = responses.shape[1]
        self._fired, self._lowest = np.zeros(units, np.int64), np.full(units, np.inf, np.float32)
        values = np.full((units, TOP + len(rows)), -np.inf, np.float32)
        values[:, TOP:] = np.where(np.isnan(responses), -np.inf, responses).T
        best = np.argpartition(values, -TOP, axis=1)[:, -TOP:]
        self._values, self._rows = np.take_along_axis(values, best, 1), np.concatenate([np.full(TOP, -1), rows])[best]

    def _improve(self, responses: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        """Only what beats a unit's fourth best is looked at: soon that is next to nothing."""
        at, unit = np.nonzero(responses > self._values.min(axis=1))
        if not len(at):
            return
        units = len(self._values)
        owner = np.concatenate([np.repeat(np.arange(units), TOP), unit])
        values, known = np.concatenate([self._values.ravel(), responses[at, unit]]), np.concatenate([self._rows.ravel(), rows[at]])
        order = np.lexsort((known, -values, owner))
        best = order[np.searchsorted(owner[order], np.arange(units))[:, None] + np.arange(TOP)]
        self._values, self._rows = values[best], known[best]

    def result(self) -> UnitResponses:
        order = np.lexsort((self._rows, -self._values), axis=1)
        values, rows = np.take_along_axis(self._values, order, 1), np.take_along_axis(self._rows, order, 1)
        none = ~(values > self._lowest[:, None])
        return UnitResponses(np.where(none, -1, rows), np.where(none, np.float32(-np.inf), values), self._fired, self._lowest, self._images)


def selectivity(class_means: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a unit prefers one class, (units,): (m - o) / (m + o), m the largest class mean and o the mean of the others (Morcos et al. 2018).

    0: all classes alike, or a dead unit; 1: one class only. NaN where a class mean is negative: the index is one of rates. `class_means` (classes, units)
    may hold rows of NaN for classes without images.
    """
    known = class_means[~np.isnan(class_means).any(axis=1)]
    if len(known) < 2:
        return np.full(class_means.shape[1], np.nan)
    most = known.max(axis=0)
    others = (known.sum(axis=0) - most) / (len(known) - 1)
    out = np.divide(most - others, most + others, out=np.zeros_like(most), where=most + others > 0)
    out[(known < 0).any(axis=0)] = np.nan
    return out
