"""What every figure for a paper has: a name, a kind, a caption's facts, its numbers, and a drawing at any width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.display.paper.plate import Plate


class PaperFigure(Protocol):
    """A figure that is laid out for the width that is asked for."""

    @property
    def name(self) -> str:
        """Of its files, without width and suffix."""

    @property
    def caption(self) -> str:
        """What is drawn and how it is to be read, for under the figure."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """n, seed, method, parameters and scores, as far as it has them: plain values."""

    def frame(self) -> pd.DataFrame:
        """The numbers that are drawn."""

    def plot(self, width_mm: float, *, letters: bool = False) -> Plate:
        """The figure, exactly `width_mm` wide."""
