"""See what an image classifier has learned. Public functions are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ProjectorCallback": "fmnist_viz.pipeline.projector_callback",
    "load": "fmnist_viz.data",
    "DataConfig": "fmnist_viz.data.config",
    "run_job": "fmnist_viz.pipeline.job",
    "add_embedding": "fmnist_viz.pipeline.embedding",
    "Request": "fmnist_viz.pipeline.request",
    "RunConfig": "fmnist_viz.pipeline.config",
    "verify": "fmnist_viz.pipeline.folder",
    "open_run": "fmnist_viz.pipeline.opened",
    "check": "fmnist_viz.pipeline.check",
    "compare": "fmnist_viz.pipeline.comparison",
    "confusion_analysis": "fmnist_viz.pipeline.confusion_analysis",
    "ConfusionAnalysis": "fmnist_viz.pipeline.confusion_analysis",
    "faithfulness": "fmnist_viz.pipeline.faithfulness",
    "Faithfulness": "fmnist_viz.pipeline.faithfulness",
    "figures": "fmnist_viz.pipeline.paper",
    "film": "fmnist_viz.pipeline.film",
    "project": "fmnist_viz.pipeline.project",
    "Map": "fmnist_viz.pipeline.project",
    "neighbor_graph": "fmnist_viz.pipeline.vector_graph",
    "transform": "fmnist_viz.pipeline.transform",
    "ladder": "fmnist_viz.pipeline.ladder",
    "dossier": "fmnist_viz.pipeline.dossier_run",
    "labels": "fmnist_viz.pipeline.labels",
    "map_grid": "fmnist_viz.pipeline.map_grid",
    "stability": "fmnist_viz.pipeline.stability",
    "confusion": "fmnist_viz.analysis.confusion",
    "doctor": "fmnist_viz.pipeline.doctor",
    "LabeledImages": "fmnist_viz.core.types",
    "Predictions": "fmnist_viz.core.types",
    "Representation": "fmnist_viz.core.types",
    "NeighborGraph": "fmnist_viz.core.types",
    "Projection": "fmnist_viz.core.types",
}

__all__ = ["__version__", *_HOMES]


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fmnist_viz' has no attribute {name!r}")
