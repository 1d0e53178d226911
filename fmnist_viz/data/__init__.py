"""Floor 1: labelled images from the sources a person has, checked byte by byte before anything trusts them.

Importing this package loads the standard library only; NumPy, pandas and Pillow are loaded by the function that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fmnist_viz.data.config import DataConfig

if TYPE_CHECKING:
    from fmnist_viz.data.sources import load, load_or_sample
    from fmnist_viz.data.split import interleaved_rows, stratified_rows, train_validation_rows
    from fmnist_viz.data.summary import describe

_HOMES = {
    "load": "sources",
    "load_or_sample": "sources",
    "interleaved_rows": "split",
    "stratified_rows": "split",
    "train_validation_rows": "split",
    "describe": "summary",
}

__all__ = ["DataConfig", "describe", "interleaved_rows", "load", "load_or_sample", "stratified_rows", "train_validation_rows"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fmnist_viz.data.{_HOMES[name]}"), name)
