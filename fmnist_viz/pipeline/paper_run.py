"""A finished run as its figures need it: maps, answers, images and tables out of its files, each checked, nothing computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.types import LabeledImages, Predictions, Projection
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.compared_layers import shared_images
from fmnist_viz.pipeline.finished import FinishedRun, checked
from fmnist_viz.projection.config import METHODS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PaperRun:
    """What of a run can be drawn; tables and maps that it does not have are None or missing."""

    run: FinishedRun

    @property
    def seed(self) -> int:
        return int(self.run.about.get("seed") or 0)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.run.class_names

    def has(self, name: str) -> bool:
        """Whether the run's manifest lists a file."""
        return name in self.run.manifest.files()

    def table(self, name: str) -> pd.DataFrame | None:
        """`tables/<name>.csv`, or None; only an empty field is a missing value: a class may be called "NA"."""
        return self.read(f"tables/{name}.csv")

    def read(self, path: str) -> pd.DataFrame | None:
        """A CSV file of the run, or None where it has none."""
        import pandas as pd

        return pd.read_csv(checked(self.run, path), keep_default_na=False, na_values=[""]) if self.has(path) else None

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        """int64 (n,) of the mapped images, in the order of every table of them."""
        if self.has("predictions.csv"):
            return np.asarray(self.run.answers.y_true)
        joined = self.read("projections/maps.csv")
        return None if joined is None or "label" not in joined else joined["label"].to_numpy(np.int64)

    @cached_property
    def predictions(self) -> Predictions | None:
        """The answers with probabilities where the run has them; the labels as it wrote them where not."""
        frame = self.read("predictions.csv")
        if frame is None:
            return None
        c, answers = len(self.class_names), self.run.answers
        proba = frame.iloc[:, -c:].to_numpy(np.float32) if "confidence" in frame.columns and frame.shape[1] >= 9 + c else None
        given = None if proba is not None else answers.y_pred
        return Predictions(answers.sample_ids, answers.y_true, proba, self.class_names, self.run.name, None, given)

    @cached_property
    def images(self) -> LabeledImages | None:
        """The mapped images in the order of the predictions; None where the data is not at hand any more (`no_images` says why)."""
        return self._found[0]

    @property
    def no_images(self) -> str:
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[LabeledImages | None, str]:
        found, _, why = shared_images([self.run], self.run.answers.sample_ids)
        if found is not None and not found.pictured:
            return None, "the run has labels and no images"
        return found, why

    @cached_property
    def maps(self) -> dict[str, dict[str, Projection]]:
        """Representation -> method -> flat map of the images, in the run's order."""
        return self._maps(list(self.run.representations))

    @cached_property
    def weight_maps(self) -> dict[str, dict[str, Projection]]:
        """Weight matrix -> method -> map of its units."""
        return self._maps([name for name in self._recorded if name not in self.run.representations])

    @property
    def _recorded(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.run.manifest.stages.get("maps", {}).get("maps", {})
        return found

    def _maps(self, names: list[str]) -> dict[str, dict[str, Projection]]:
        out: dict[str, dict[str, Projection]] = {}
        for name in names:
            known = self._recorded.get(name, {})
            for method in (*METHODS, *(m for m in known if m not in METHODS)):
                frame = self.read(f"projections/{slug(name)}_{method}.csv") if method in known else None
                if frame is not None:
                    facts = known[method]
                    coords = frame[["x", "y"]].to_numpy(np.float32)
                    ids = frame["sample_id"].to_numpy(str)
                    out.setdefault(name, {})[method] = Projection(coords, ids, name, method, facts["parameters"], self.seed, facts["scores"], facts["note"])
        return out

    def source(self) -> dict[str, str]:
        """Where the numbers are from, for a caption file."""
        about = self.run.about
        data = about["data"]
        return {
            "run": self.run.name, "configuration": str(about.get("digest", "")), "data": f"{data['location']} (SHA-256 {data['sha256'][:16]})",
            "program": f"fmnist-viz {about.get('version', '')}", **({"warning": " ".join(about["warnings"])} if about.get("warnings") else {}),
        }  # fmt: skip
