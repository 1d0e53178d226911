"""Figures for papers of a finished run, by kind: out of what the run keeps, without TensorFlow and without a map made again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.manifest import NAME, Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.store import staged_folder
from fmnist_viz.pipeline.finished import open_runs
from fmnist_viz.pipeline.folder import check_replaceable
from fmnist_viz.pipeline.paper_kinds import (
    calibration,
    cards,
    confusions,
    curves,
    dossiers,
    films,
    grids,
    ladders,
    overlaps,
    screes,
    single_maps,
    weights,
)  # fmt: skip
from fmnist_viz.pipeline.paper_run import PaperRun

if TYPE_CHECKING:
    from fmnist_viz.display.paper import PaperFigure, Plate

KIND = "figures"
KINDS: dict[str, Callable[[PaperRun], Iterator[PaperFigure | str]]] = {
    "maps": single_maps, "grid": grids, "confusion": confusions, "calibration": calibration, "curves": curves, "ladder": ladders, "film": films,
    "dossier": dossiers, "cards": cards, "overlap": overlaps, "scree": screes, "weights": weights,
}  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """The figures of one run, laid out when they are drawn.

    figures : in the order of their kinds;  missing : kind -> why there is none, or what of it there is not;  source : where the numbers are from
    """

    run: Path
    figures: tuple[PaperFigure, ...]
    missing: dict[str, str]
    source: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(figure.name for figure in self.figures)

    def __getitem__(self, name: str) -> PaperFigure:
        found = next((figure for figure in self.figures if figure.name == name), None)
        if found is None:
            raise unknown_choice("figure", name, self.names)
        return found

    def __repr__(self) -> str:
        return f"<{len(self.figures)} figures of {self.run.name}: {', '.join(self.names)}>"

    def plot(self, name: str, width_mm: float = 180, *, letters: bool = False) -> Plate:
        """One figure, exactly `width_mm` wide; `.figure` of the plate is Matplotlib's."""
        return self[name].plot(width_mm, letters=letters)

    def write(
        self, folder: str | os.PathLike[str], *, widths: Sequence[float] = (85, 180), formats: Sequence[str] = ("png", "svg", "pdf"), letters: bool = False,
        command: str = "", progress: Progress | None = None,
    ) -> list[Path]:  # fmt: skip
        """Every figure at every width in every format, with caption, CSV and JSON, as one folder with a manifest, all or nothing.

        Figures that an earlier call has put there stay where this one has none of their names.

        Raises
        ------
        UsageError for a width or format that is none; OutputBusy where the folder holds anything but earlier figures of this kind.
        """
        from fmnist_viz.export.paper import FORMATS, write_paper

        check_widths(widths)
        for name in formats:
            if name not in FORMATS:
                raise unknown_choice("format", name, FORMATS)
        out = Path(folder)
        check_target(out)
        manifest = Manifest({"kind": KIND, "finished": True, "command": command, "digest": self.source.get("configuration", ""), **self.source})
        with staged_folder(out) as temp:
            written = write_paper(temp, self.figures, widths=widths, formats=formats, letters=letters, source=self.source, progress=progress)
            kept = [name for name in (Manifest.load(out).files() if (out / NAME).exists() else ()) if not (temp / name).exists()]
            for name in kept:
                shutil.copyfile(out / name, temp / name)
            manifest.record(temp, KIND, [*written, *(temp / name for name in kept)])
        return [out / path.name for path in written]


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file, or holds what this command has not written or what was changed since."""
    check_replaceable(folder, KIND, "figures command")


def check_widths(widths: Sequence[float]) -> None:
    """Raise UsageError for no width, or one on which nothing could be read or that no page has."""
    if not widths or not all(60 <= width <= 400 for width in widths):
        raise UsageError("WIDTH", f"--width {','.join(f'{w:g}' for w in widths)}", "is not between 60 and 400 mm", "Give 85 (a column), 180 (a page) or both.")


def figures(run: str | os.PathLike[str], only: Sequence[str] = (), *, progress: Progress | None = None) -> Figures:
    """All figures that a finished run can give, or those of some kinds.

    Parameters
    ----------
    run : a folder that train-and-export or export has made
    only : kinds, of maps, grid, confusion, calibration, curves, ladder, film, dossier, cards, overlap, scree, weights; empty: all

    Returns
    -------
    Figures : `.names`, `.plot(name, width_mm)`, `.write(folder)`, `.missing`

    Raises
    ------
    UsageError for an unknown kind; BadInput for a folder that is no such run, or that has nothing of what was asked for; Damaged where files were changed.
    """
    for name in only:
        if name not in KINDS:
            raise unknown_choice("kind of figure", name, KINDS)
    progress = progress or Silent()
    (opened,) = open_runs([Path(run)])
    source = PaperRun(opened)
    found: list[PaperFigure] = []
    missing: dict[str, str] = {}
    for kind in KINDS:
        if only and kind not in only:
            continue
        for one in KINDS[kind](source):
            if isinstance(one, str):
                missing[kind] = one
                progress.warn(f"{kind}: {one}")
            else:
                found.append(one)
    if not found:
        what = "; ".join(f"{kind}: {why}" for kind, why in missing.items())
        raise BadInput("NO-FIGURE", run, f"has nothing to draw: {what}", f"Kinds are {', '.join(KINDS)}.")
    return Figures(Path(run), tuple(found), missing, source.source())
