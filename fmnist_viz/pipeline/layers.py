"""What a model file holds, layer by layer, before anything is made with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.models.graph import calls
from fmnist_viz.models.layers import LayerInfo, layer_table, penultimate, rescales
from fmnist_viz.pipeline.features import ModelFile, check_shape

OPEN_SIDE = 64  # pixels: for a side that the model leaves open
PROBES = 8


def list_layers(path: Path, images: LabeledImages | None = None, *, trust: bool = False, progress: Progress | None = None) -> list[str]:
    """The layer table in words: name, kind, output shape, values per image, parameters, and hidden or why it is skipped.

    Without images the model is shown random ones of its own input shape. Raises what `check_model_file` and `layer_table` do.
    """
    file = ModelFile(path, path.stem, trust=trust)
    if file.warning:
        (progress or Silent()).warn(file.warning)
    model = file.model
    notes = []
    if images is not None:
        check_shape(model, images)
        probe = images.images[:PROBES].astype(np.float32)
        notes.append(f"looked at with {len(probe)} of the images")
    else:
        calls(model)  # one input, or BadInput
        wanted = tuple(model.inputs[0].shape[1:])
        shape = [OPEN_SIDE if side is None else int(side) for side in wanted]
        probe = np.random.default_rng(0).uniform(0, 255, (PROBES, *shape)).astype(np.float32)
        sides = f"; sides that the model leaves open are {OPEN_SIDE}" if None in wanted else ""
        notes.append(f"looked at with {PROBES} random images of {'×'.join(map(str, shape))}{sides} (--data takes yours)")
    table = layer_table(model, probe)
    head = ("layer", "kind", "output", "values", "parameters", "")
    rows = [head, *(_row(info) for info in table)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head) - 1)]
    lines = ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), *(row[k].rjust(widths[k]) for k in (2, 3, 4)), row[5]]).rstrip() for row in rows]
    hidden = [info for info in table if not info.skipped]
    pixels = "0-255 (it rescales them itself)" if rescales(model) else "0-1, unless --pixel-range says otherwise"
    total = f"{len(hidden)} hidden of {len(table)} layers, {sum(info.parameters for info in table):,} parameters"
    return [*lines, "", f"{total}; the last hidden one is {penultimate(table) or 'none'}", f"takes pixels {pixels}", *notes, f"sha256 {file.sha256}"]


def _row(info: LayerInfo) -> tuple[str, ...]:
    shape = "×".join(str(side) for side in info.shape) or "–"
    return (
        info.name,
        info.kind,
        shape,
        f"{info.width:,}" if info.shape else "–",
        f"{info.parameters:,}",
        f"skipped: {info.skipped}" if info.skipped else "hidden",
    )
