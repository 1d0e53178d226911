"""The dossier of two classes as a figure: both walls of mistakes, mean images and evidence, the axis, nearest images, maps, layers and epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.dossier import Dossier
from fmnist_viz.analysis.dossier_evidence import METHOD as EVIDENCE
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.display.lettering import clean, join
from fmnist_viz.display.style import styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.4  # inches
ORDER = ("tsne", "umap", "pca")  # which map of a representation is drawn
PANELS = 5  # maps side by side


@dataclass(frozen=True)
class DossierDisplay:
    """`images` are those that the dossier's rows count; `maps`: representation -> method -> float32 (n, 2) of them."""

    dossier: Dossier
    images: LabeledImages
    maps: Mapping[str, Mapping[str, NDArray[np.float32]]] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """A row per fact: see `Dossier.frame`."""
        return self.dossier.frame()

    def errors(self) -> pd.DataFrame:
        """A row per mistake: see `Dossier.errors`."""
        return self.dossier.errors()

    @property
    def text(self) -> str:
        """The dossier in plain words."""
        return self.dossier.text

    def __repr__(self) -> str:
        a, b = map(clean, self.dossier.names)
        return f"<dossier of {a} and {b}: {self.dossier.count:,} mistakes; .text, .frame(), .errors(), .plot()>"

    def shown_maps(self) -> list[tuple[str, str]]:
        """(representation, method) of the maps that are drawn: one of each, the last hidden layer's among them."""
        found = [(name, next(m for m in (*ORDER, *own) if m in own)) for name, own in self.maps.items() if own]
        if len(found) <= PANELS:
            return found
        at = np.unique(np.round(np.linspace(0, len(found) - 1, PANELS)).astype(int)).tolist()
        last = next((i for i, (name, _) in enumerate(found) if name == self.dossier.layer), at[-1])
        if last not in at:
            at[int(np.argmin([abs(i - last) for i in at[1:-1]])) + 1 if len(at) > 2 else -1] = last
        return [found[i] for i in sorted(at)]

    def caption(self) -> str:
        """The text, and how the parts of the figure are to be read."""
        d = self.dossier
        said = [d.text]
        if self.images.pictured:
            said.append("Walls: mistakes from barely to confidently wrong" if d.directions[0].margin is not None else "Walls: mistakes in their order")
        if d.means is not None:
            said.append("Difference of the mean images: red where the second class is drawn darker")
        if any(e is not None for e in d.evidence):
            said.append(f"Last pictures of the row: {EVIDENCE}; red speaks for the mistake, blue against it; both have their own scale")
        if d.axis is not None:
            said.append(
                f"Axis: from the mean vector of the first class to that of the second in {clean(d.axis.layer)}, {d.axis.separation.folds} folds, every image "
                f"on an axis made without it (seed {d.seed}); marks: mistakes; images: those nearest to the place below which they stand"
            )
        if self.maps:
            said.append("Maps: the two classes in their colours, all others grey, mistakes ringed; distances between groups are not to be read")
        return join([s if s.endswith(".") else f"{s}." for s in said])

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """Draw the axis with the mistakes on it into `ax`, or everything onto a sheet of its own with the text below."""
        from fmnist_viz.display import dossier_panels as panels

        with styled():
            if ax is not None:
                panels.axis_strip(ax, self)
                return ax.figure.get_figure(root=True)  # type: ignore[return-value]
            return panels.sheet(self, stamp, prefix)
