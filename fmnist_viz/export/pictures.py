"""The articles' pictures: written as figures, and handed on as small PNG images for the report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fmnist_viz.core.store import disk_errors
from fmnist_viz.display.lettering import clean
from fmnist_viz.display.style import DPI
from fmnist_viz.export.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK, PREDICTIONS = "network", "predictions"  # sections of the report
MOST_BYTES = 1_100_000  # PNG bytes that the report takes; as text they are a third more
COLORS = 128  # of a picture in the report: enough for greys, two hues and smooth letters


class Drawable(Protocol):
    def caption(self) -> str: ...

    def plot(self, ax: Axes | None = None, *, stamp: Sequence[str] = (), prefix: str = "") -> Figure: ...


@dataclass(frozen=True)
class Picture:
    """One figure to write: its file name without suffix, and where the report shows it ("" for nowhere) under which title."""

    stem: str
    display: Drawable
    section: str = ""
    title: str = ""


@dataclass(frozen=True)
class PictureContent:
    """All pictures of one run; it can be pickled into another process."""

    model: str
    pictures: tuple[Picture, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shot:
    """A picture as the report shows it: the drawing without its caption, `width` x `height` CSS pixels; `png` is empty where the page would grow too large."""

    stem: str
    section: str
    title: str
    caption: str
    png: bytes
    width: int
    height: int


def write_pictures(folder: Path, content: PictureContent) -> list[Shot]:
    """Write every picture as PNG and SVG into `folder`, which the caller publishes, and return what the report shows.

    Raises ResourceError where the disk is full or the folder cannot be written.
    """
    shots: list[Shot] = []
    left = MOST_BYTES
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for picture in content.pictures:
            figure = picture.display.plot(stamp=content.warnings, prefix=f"Model {clean(content.model)}")
            png, _ = save(figure, folder / picture.stem)
            if picture.section:
                shot = _shot(picture, png, body_height(figure))
                if len(shot.png) > left:
                    shot = Shot(shot.stem, shot.section, shot.title, shot.caption, b"", shot.width, shot.height)
                left -= len(shot.png)
                shots.append(shot)
    return shots


def body_height(figure: Figure) -> float:
    """Inches from the top of a sheet to its caption; the whole height where it has none."""
    from fmnist_viz.display.sheet import LEADING

    height = figure.get_figheight()
    first = next((text for text in figure.texts if text.get_gid() == "caption-0"), None)
    return height if first is None else (1 - first.get_position()[1]) * height - 0.75 * LEADING


def _shot(picture: Picture, png: Path, height: float) -> Shot:
    """The drawing above the caption with few colours, at 96 CSS pixels an inch."""
    from PIL import Image

    with Image.open(png) as whole:
        drawing = whole.convert("RGB").crop((0, 0, whole.width, min(whole.height, round(height * DPI))))
    out = io.BytesIO()
    # maximum coverage keeps rare colours (a red mark among greys), which median cut mixes with their neighbours
    drawing.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    size = (round(side * 96 / DPI) for side in drawing.size)
    return Shot(picture.stem, picture.section, picture.title, picture.display.caption(), out.getvalue(), *size)
