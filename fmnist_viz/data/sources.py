"""`load`: from what a person asked for to a DataSet, by a table of readers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from importlib import import_module

from fmnist_viz.core.errors import ResourceError
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.types import DataSet
from fmnist_viz.data.config import DataConfig

# kind -> (module, function): each reader's libraries load only when it is asked for.
_READERS = {
    "sample": ("sample", "load_sample"),
    "idx": ("idx_folder", "load_idx_folder"),
    "npz": ("npz", "load_npz"),
    "csv": ("csv_files", "load_csv_folder"),
    "folder": ("folder", "load_folder"),
}
_NO_ROOM = ("FV-DISK-FULL", "FV-NOT-WRITABLE")


def load(config: DataConfig, *, progress: Progress | None = None, allow_download: bool = True, mirrors: Sequence[str] = ()) -> DataSet:
    """Labelled images from the source that `config.data` names, checked in full.

    Images are uint8 (n, h, w, 1 or 3); ``sample_ids`` are ``<split>/<row in the original>``. A source with one split only gives
    it as ``test`` and has ``train`` None. Labels are corrected by `config.label_fixes`. `mirrors` are base addresses that take the place of the official ones.

    Raises
    ------
    UsageError
        For an unknown source or an option that it would ignore.
    BadInput, UnsafeInput, ResourceError
        For data that are missing or damaged, that could run code, or that are larger than the limit.
    """
    config.check()
    progress = progress or Silent()
    from fmnist_viz.data.fixes import corrected

    if config.kind == "fashion-mnist":
        from fmnist_viz.data.fashion_mnist import load_fashion_mnist

        data = load_fashion_mnist(config, progress, allow_download=allow_download, mirrors=mirrors)
    else:
        module, function = _READERS[config.kind]
        reader: Callable[[DataConfig, Progress], DataSet] = getattr(import_module(f"fmnist_viz.data.{module}"), function)
        data = reader(config, progress)
    return corrected(data, config.label_fixes, config.max_bytes)


def load_or_sample(config: DataConfig, progress: Progress | None = None, *, allow_download: bool = True, mirrors: Sequence[str] = ()) -> DataSet:
    """As `load`; where Fashion-MNIST is nowhere and cannot be downloaded, the shipped sample, with a warning and
    ``source.fallback`` true. Damaged files in a place that a person named stay an error."""
    from fmnist_viz.data.fashion_mnist import NotFound
    from fmnist_viz.data.fixes import corrected
    from fmnist_viz.data.sample import NOTE, load_sample

    progress = progress or Silent()
    try:
        return load(config, progress=progress, allow_download=allow_download, mirrors=mirrors)
    except NotFound as e:
        reason = str(e)
    except ResourceError as e:
        if e.code not in _NO_ROOM:
            raise
        reason = str(e)
    progress.warn(f"data: {reason}")
    progress.warn(f"data: FALLBACK to the shipped sample: {NOTE}. Every figure below is for the sample, not for Fashion-MNIST as a whole.")
    return corrected(load_sample(dataclasses.replace(config, data="sample"), progress, fallback=True), config.label_fixes, config.max_bytes)
