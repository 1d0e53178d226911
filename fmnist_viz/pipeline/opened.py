"""A finished run in a notebook or script: its report, predictions, maps and tables, each read and checked when it is first asked for."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.pipeline.finished import FinishedRun, checked

if TYPE_CHECKING:
    import pandas as pd

SANDBOX = "allow-scripts allow-downloads"  # the page gets an origin of its own: it reaches nothing of the notebook


def open_run(path: str | os.PathLike[str]) -> OpenedRun:
    """Open a folder that `train-and-export`, `export` or `train` has made.

    Nothing is computed, and each file is checked against the manifest when it is first read.

    Raises
    ------
    BadInput where the folder holds no run. Reading raises Damaged where a file was changed or is gone.
    """
    folder = Path(path)
    try:
        manifest = Manifest.load(folder)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput("NO-RUN", folder, "holds no manifest.json, so it is no run folder", "Give a folder that train-and-export or export has made.") from None
    return OpenedRun(FinishedRun(folder, folder.resolve().name, manifest))


@dataclass(frozen=True)
class Frames(Mapping[str, "pd.DataFrame"]):
    """CSV files of a run as data frames by name; a file is read when it is asked for."""

    run: FinishedRun
    files: Mapping[str, str]  # name -> path in the run

    def __getitem__(self, name: str) -> pd.DataFrame:
        import pandas as pd

        # a class may be called "NA" or "None": only an empty field is a missing value
        return pd.read_csv(checked(self.run, self.files[name]), keep_default_na=False, na_values=[""])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"<{len(self)} tables: {', '.join(self) or 'none'}>"


@dataclass(frozen=True)
class ReportFrame:
    """A run's report; shown by a notebook as a frame that holds the whole page, so that it stays in a notebook that is passed on."""

    path: Path
    height: int

    def _repr_html_(self) -> str:
        page = html.escape(self.path.read_text(encoding="utf-8"))
        style = f"width:100%;height:{self.height}px;border:1px solid #b4bcc6"
        return f'<iframe sandbox="{SANDBOX}" style="{style}" title="fmnist-viz report" srcdoc="{page}"></iframe>'

    def __repr__(self) -> str:
        return f"<report {self.path}, {self.path.stat().st_size / 1e6:.1f} MB>"


@dataclass(frozen=True)
class OpenedRun:
    """What a run folder holds. `report()` shows the page; `predictions`, `maps` and `tables` are data frames."""

    run: FinishedRun

    @property
    def path(self) -> Path:
        return self.run.path

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.run.class_names

    def report(self, height: int = 900) -> ReportFrame:
        """The offline report, `height` px high in a notebook. Raises Damaged where the run has none, or where it was changed."""
        return ReportFrame(checked(self.run, "report.html"), height)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """`predictions.csv`: a row per image with sample_id, label, prediction, their names, and where known confidence, margin and probabilities 0..1."""
        return Frames(self.run, {"predictions": "predictions.csv"})["predictions"]

    @property
    def maps(self) -> Frames:
        """`projections/*.csv` by name, as ``logits_tsne``: sample_id, x, y (z), and for flat maps of images missing and false neighbours."""
        return self._frames("projections")

    @property
    def tables(self) -> Frames:
        """`tables/*.csv` by name, as ``per_class``."""
        return self._frames("tables")

    def _frames(self, folder: str) -> Frames:
        names = sorted(name for name in self.run.manifest.files() if name.startswith(f"{folder}/") and name.endswith(".csv"))
        return Frames(self.run, {name.removeprefix(f"{folder}/").removesuffix(".csv"): name for name in names})

    def _said(self) -> list[tuple[str, Any]]:
        about = self.run.about
        known = [("folder", str(self.path)), ("made by", f"fmnist-viz {about.get('version', '?')}"), ("classes", ", ".join(self.class_names))]
        return [*known, ("maps", ", ".join(self.maps) or "none"), ("tables", ", ".join(self.tables) or "none")]

    def __repr__(self) -> str:
        return "\n".join([f"<run {self.run.name}>", *(f"  {what}: {value}" for what, value in self._said())])

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(f"<tr><th {left}>{what}</th><td {left}>{html.escape(str(value))}</td></tr>" for what, value in self._said())
        return f"<table><caption {left}>{html.escape(self.run.name)}</caption>{rows}</table>"
