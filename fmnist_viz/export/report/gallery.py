"""The report's drawings, section by section, each with a caption and words for who cannot see it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from fmnist_viz.export.pictures import NETWORK, PREDICTIONS, Shot

TITLES = {NETWORK: "What the network is and how it learned", PREDICTIONS: "Predictions"}
NAMES = {NETWORK: "Network", PREDICTIONS: "Predictions"}  # in the navigation


@dataclass(frozen=True)
class Drawing:
    """`source` is a data URI, empty where the drawing is left to the figures folder."""

    stem: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Gallery:
    section: str
    title: str
    nav: str
    pictures: tuple[Drawing, ...]


def _drawing(shot: Shot) -> Drawing:
    source = f"data:image/png;base64,{base64.b64encode(shot.png).decode()}" if shot.png else ""
    return Drawing(shot.stem, shot.title, shot.caption, f"{shot.title}. {shot.caption}", source, shot.width, shot.height)


def galleries(shots: Sequence[Shot]) -> list[Gallery]:
    """The sections that have drawings, in their order."""
    found = ((section, title, NAMES[section], tuple(_drawing(s) for s in shots if s.section == section)) for section, title in TITLES.items())
    return [Gallery(*parts) for parts in found if parts[3]]
