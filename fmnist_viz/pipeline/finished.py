"""A finished run as another command reads it: checked files, the answers it gave, its layers, its settings."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.analysis.comparison import Answers
from fmnist_viz.core.errors import BadInput, Damaged
from fmnist_viz.core.manifest import Manifest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FinishedRun:
    """A run folder that is only read; `name` tells it from the others of one comparison."""

    path: Path
    name: str
    manifest: Manifest

    @property
    def about(self) -> dict[str, Any]:
        return self.manifest.about

    @property
    def data_sha256(self) -> str:
        return str(self.about["data"]["sha256"])

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.about["data"]["class_names"])

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the model file that the run looked at; empty where an older run does not say."""
        trained = self.manifest.stages.get("training", {}).get("files", {}).get("model.keras", {})
        return str(trained.get("sha256") or self.about.get("model_sha256", ""))

    @cached_property
    def answers(self) -> Answers:
        """`predictions.csv`, whose columns of probabilities are found by place: class names may be anything."""
        with open(checked(self, "predictions.csv"), newline="", encoding="utf-8") as f:
            head, *rows = csv.reader(f)
        try:
            ids, label, prediction, sure = (head.index(name) for name in ("sample_id", "label", "prediction", "confidence"))
            columns = list(zip(*rows, strict=True))
            return Answers(
                self.name, np.array(columns[ids]), np.array(columns[label], np.int64), np.array(columns[prediction], np.int64),
                np.array(columns[sure], np.float64), self.class_names,
            )  # fmt: skip
        except (ValueError, IndexError) as e:
            raise Damaged("PREDICTIONS", self.path / "predictions.csv", f"is not as this program writes it ({e})", "Make the run again.") from None

    @cached_property
    def faithfulness(self) -> pd.DataFrame | None:
        """`tables/faithfulness.csv`, or None where the run has none."""
        import pandas as pd

        if "tables/faithfulness.csv" not in self.manifest.files():
            return None
        return pd.read_csv(checked(self, "tables/faithfulness.csv"), keep_default_na=False, na_values=[""])

    @property
    def representations(self) -> dict[str, dict[str, Any]]:
        """Layer -> rows, width, kept_width, transform, in the order in which the run shows them."""
        layers: dict[str, dict[str, Any]] = self.manifest.stages.get("features", {}).get("representations", {})
        if self.faithfulness is None:
            return layers
        order = [name for name in dict.fromkeys(self.faithfulness["representation"]) if name in layers]
        return {name: layers[name] for name in [*order, *(name for name in layers if name not in order)]}

    def settings(self) -> dict[str, str]:
        """What was asked for and what it ran on, as text; paths on a disk are shortened as in the manifest."""
        sections = self.about.get("config", {})
        flat = {name: _text(value) for section in sections.values() for name, value in section.items()}
        plan = self.manifest.stages.get("training", {}).get("recipe")
        if isinstance(plan, dict):  # what was carried out, where an option was left to the recipe
            flat |= {name: _text(value) for name, value in plan.items() if isinstance(value, (bool, int, float, str))}
        git = self.about.get("git") or {}
        flat |= {"command": str(self.about.get("kind", "")), "program": str(self.about.get("version", "")), "commit": str(git.get("commit", ""))[:12]}
        flat["threads used"] = str(self.about.get("threads", ""))
        return flat | {f"version of {name}": str(value) for name, value in self.about.get("versions", {}).items()}

    def config_values(self) -> dict[str, Any]:
        """`config.toml` as a flat dict, places on this disk in full."""
        return tomllib.loads(checked(self, "config.toml").read_text(encoding="utf-8"))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def checked(run: FinishedRun, name: str) -> Path:
    """A file of the run, as its manifest lists it. Raises Damaged where it was changed or is gone."""
    entry = run.manifest.files().get(name)
    if entry is None:
        raise Damaged("RUN-DAMAGED", run.path, f"its manifest lists no {name}", "Make the run again.")
    faults = Manifest(stages={"": {"files": {name: entry}}}).faults(run.path)
    if faults:
        raise Damaged("RUN-DAMAGED", run.path, faults[0], "Make the run again (the same command repairs it).")
    return run.path / name


def open_runs(paths: list[Path]) -> list[FinishedRun]:
    """The runs with names that differ. Raises BadInput for a folder that holds no run with predictions."""
    runs: list[FinishedRun] = []
    for path in paths:
        try:
            manifest = Manifest.load(path)
        except (FileNotFoundError, NotADirectoryError):
            raise BadInput("NO-RUN", path, "holds no manifest.json, so it is no run folder", "Give folders that train-and-export or export has made.") from None
        if "features" not in manifest.stages:
            what = "holds a training without predictions" if manifest.about.get("kind") == "train" else "holds no predictions"
            raise BadInput("NO-PREDICTIONS", path, what, "Make it with fmnist-viz train-and-export, or give its model to fmnist-viz export.")
        name, taken, number = path.resolve().name, {run.name for run in runs}, 2
        while name in taken:
            name, number = f"{path.resolve().name} ({number})", number + 1
        runs.append(FinishedRun(path, name, manifest))
    return runs
