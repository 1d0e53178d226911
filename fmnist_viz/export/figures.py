"""The figures folder: every map, the grids, confusion matrices, training curves and sample images as PNG and SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.against import Against
from fmnist_viz.analysis.axis import AxisPlane
from fmnist_viz.analysis.calibration import Calibration
from fmnist_viz.analysis.class_cards import ClassCards
from fmnist_viz.analysis.confusion import Confusion
from fmnist_viz.analysis.dossier import Dossier
from fmnist_viz.analysis.human import HumanConfusion
from fmnist_viz.analysis.learning import Learning
from fmnist_viz.analysis.overlap import Overlap
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.store import disk_errors
from fmnist_viz.core.types import LabeledImages, Projection
from fmnist_viz.display.axis import AxisDisplay
from fmnist_viz.display.calibration import CalibrationDisplay
from fmnist_viz.display.class_cards import ClassCardsDisplay
from fmnist_viz.display.confusion import ConfusionDisplay
from fmnist_viz.display.confusion_change import ConfusionChangeDisplay
from fmnist_viz.display.distortion import DistortionDisplay
from fmnist_viz.display.dossier import DossierDisplay
from fmnist_viz.display.epochs import EpochsDisplay
from fmnist_viz.display.film import FilmDisplay
from fmnist_viz.display.human import HumanDisplay
from fmnist_viz.display.ladder import LadderDisplay
from fmnist_viz.display.lettering import clean, missing_signs
from fmnist_viz.display.map import MapDisplay
from fmnist_viz.display.map_grid import MapGridDisplay
from fmnist_viz.display.overlap import OverlapDisplay
from fmnist_viz.display.sample_grid import SampleGridDisplay
from fmnist_viz.display.scree import ScreeDisplay
from fmnist_viz.display.style import DPI, styled
from fmnist_viz.display.training_curves import TrainingCurvesDisplay
from fmnist_viz.export.slug import slug
from fmnist_viz.projection.components import Components
from fmnist_viz.projection.distortion import Distortion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Maps = Mapping[str, Mapping[str, Projection]]  # representation -> method -> projection
FAVOURED = "class that the unit favours"


class Display(Protocol):
    def plot(self, ax: None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure:
        """A figure on a sheet of its own."""


@dataclass(frozen=True)
class FigureContent:
    """All that the figures of one run show; what is empty or None is not drawn. It can be pickled into another process.

    Parameters
    ----------
    model : str
        Its name, for the captions; empty where there is none.
    class_names : tuple of str
    projections : representation -> method -> Projection of the samples
    labels : int64 (n,), for all of them;  correct : bool (n,), where known
    weights : weight matrix ("conv2d/kernel") -> method -> Projection of its units or filters
    weight_classes : weight matrix -> int64 (units,), the class that each unit favours, -1 for none
    weight_pictures : weight matrix -> uint8 (units, h, w) or (units, h, w, 3), drawn in place of points
    planes : representation -> AxisPlane of the samples on custom axes
    distortions : representation -> method -> Distortion of the samples;  held : representation -> share of the true neighbours held in it
    overlaps : representation -> method -> Overlap of the classes
    ladder : the layers one after the other;  film : the epochs of the training
    components : representation -> its leading principal components
    calibration : of the predictions, where they have probabilities
    dossiers : of pairs of classes;  cards : of all classes;  images : those that both count, with or without pixels
    against : another run on the same images;  people : what people answered
    warnings : lines for every caption: a stand-in for the data, a sample of it
    """

    model: str
    class_names: tuple[str, ...]
    projections: Maps = field(default_factory=dict)
    labels: NDArray[np.int64] | None = None
    correct: NDArray[np.bool_] | None = None
    weights: Maps = field(default_factory=dict)
    weight_classes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    weight_pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    confusion: Confusion | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    samples: LabeledImages | None = None
    warnings: Sequence[str] = ()
    learning: Learning | None = None
    planes: Mapping[str, AxisPlane] = field(default_factory=dict)
    distortions: Mapping[str, Mapping[str, Distortion]] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    overlaps: Mapping[str, Mapping[str, Overlap]] = field(default_factory=dict)
    ladder: LadderDisplay | None = None
    film: FilmDisplay | None = None
    components: Mapping[str, Components] = field(default_factory=dict)
    calibration: Calibration | None = None
    dossiers: tuple[Dossier, ...] = ()
    cards: ClassCards | None = None
    against: Against | None = None
    people: HumanConfusion | None = None
    images: LabeledImages | None = None

    def displays(self) -> Iterator[tuple[str, Display]]:
        """Every figure's name without suffix, and what draws it; names differ even where case does not count, and more content changes none of them."""
        taken: Counter[str] = Counter()
        for stem, display in self._all():
            taken[stem.lower()] += 1
            again = taken[stem.lower()] - 1
            yield slug(f"{stem}\0{again}") if again else stem, display

    def _all(self) -> Iterator[tuple[str, Display]]:
        if self.samples is not None and len(self.samples):
            yield "sample_grid", SampleGridDisplay(self.samples)
        if any(len(values) for values in self.history.values()):
            yield "training_curves", TrainingCurvesDisplay(self.history, self.learning)
        if self.confusion is not None:
            yield "confusion_counts", ConfusionDisplay(self.confusion)
            yield "confusion_rates", ConfusionDisplay(self.confusion, rates=True)
            if len(self.class_names) > 2:
                yield "confusion_ordered", ConfusionDisplay(self.confusion, rates=True, ordered=True)
        if self.calibration is not None:
            yield "calibration", CalibrationDisplay(self.calibration)
        if self.against is not None:
            yield "against_confusion", ConfusionChangeDisplay(self.against.comparison)
        if self.people is not None and self.people.n:
            yield "human_confusion", HumanDisplay(self.people)
        yield from self._sample_maps()
        if self.labels is not None:
            for name, plane in self.planes.items():
                yield f"axis_{slug(name)}", AxisDisplay(plane, self.labels, self.class_names, self.correct)
        for name, components in self.components.items():
            yield f"scree_{slug(name)}", ScreeDisplay(components)
        if self.ladder is not None:
            yield "ladder", self.ladder
        if self.film is not None:
            yield "film", self.film
            yield "film_learning", EpochsDisplay(self.film.numbers)
        if self.images is not None:
            maps = {name: {m: p.coords for m, p in found.items() if not p.note} for name, found in self.projections.items()} if self.dossiers else {}
            for dossier in self.dossiers:
                yield f"dossier_{slug(dossier.names[0])}_{slug(dossier.names[1])}", DossierDisplay(dossier, self.images, maps)
            if self.cards is not None:
                yield "class_cards", ClassCardsDisplay(self.cards, self.images)
        yield from self._weight_maps()

    def _sample_maps(self) -> Iterator[tuple[str, Display]]:
        if not self.projections:
            return
        n = next((len(p.coords) for maps in self.projections.values() for p in maps.values()), 0)
        labels = np.full(n, -1, np.int64) if self.labels is None else self.labels
        yield "maps", MapGridDisplay(self.projections, labels, self.class_names)
        for name, maps in self.projections.items():
            for method, projection in maps.items():
                yield f"map_{slug(name)}_{slug(method)}", MapDisplay(projection, labels, self.class_names, self.correct)
            if self.distortions.get(name):
                yield f"distortion_{slug(name)}", DistortionDisplay(maps, self.distortions[name], self.held.get(name, 1.0))
            if any(o.rows for o in self.overlaps.get(name, {}).values()):
                yield f"overlap_{slug(name)}", OverlapDisplay(self.overlaps[name])

    def _weight_maps(self) -> Iterator[tuple[str, Display]]:
        if not self.weights:
            return
        units = {name: next((len(p.coords) for p in maps.values()), 0) for name, maps in self.weights.items()}
        classes = {name: self.weight_classes.get(name, np.full(n, -1, np.int64)) for name, n in units.items()}
        yield "weights", MapGridDisplay(self.weights, classes, self.class_names, FAVOURED, self.weight_pictures)
        for name, maps in self.weights.items():
            for method, projection in maps.items():
                pictures = self.weight_pictures.get(name)
                yield f"weights_{slug(name)}_{slug(method)}", MapDisplay(projection, classes[name], self.class_names, None, pictures, FAVOURED)


def write_figures(folder: Path, content: FigureContent, *, more: bool = False, progress: Progress | None = None) -> list[Path]:
    """Write every figure of `content` as PNG (150 dpi) and SVG (text stays text) into `folder`; with `more` only those that do not lie there yet.

    The folder is taken as staged by the caller: files are written plainly. Equal content gives equal bytes with equal
    versions of Matplotlib and Pillow.

    Returns
    -------
    The paths written, in the order of writing.

    Raises
    ------
    ResourceError
        Where the disk is full or the folder cannot be written.
    """
    progress = progress or Silent()
    _warn_of_boxes(content, progress)
    figures = list(content.displays())
    written: list[Path] = []
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for done, (stem, display) in enumerate(figures):
            progress.step("figures", done, len(figures), stem)
            if more and (folder / f"{stem}.svg").exists():
                continue
            prefix = "" if stem == "sample_grid" or not content.model else f"Model {clean(content.model)}"
            written += save(display.plot(stamp=tuple(content.warnings), prefix=prefix), folder / stem)
    progress.step("figures", len(figures), len(figures))
    return written


def save(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as `path`.png and `path`.svg; both hold no date, so that equal figures give equal bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    png, svg = path.with_name(path.name + ".png"), path.with_name(path.name + ".svg")
    with styled():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        # A sheet is opaque: without the fourth channel the file takes half the time to write.
        pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
        Image.fromarray(pixels).save(png, dpi=(DPI, DPI), compress_level=3)
        figure.savefig(svg, dpi=DPI, metadata={"Date": None, "Creator": None, "Title": path.name})
    return [png, svg]


def _warn_of_boxes(content: FigureContent, progress: Progress) -> None:
    """Say once which signs no installed font can draw: they are boxes in the PNG files."""
    missing = missing_signs([*content.class_names, content.model, *content.projections, *content.weights, *content.warnings])
    if missing:
        shown = missing[:12] + ("…" if len(missing) > 12 else "")
        where = "they are boxes in the PNG figures, and text in the SVG files. A font such as Noto Sans CJK mends it."
        progress.warn(f"No installed font draws {len(missing)} signs of the names ({shown}): {where}")
