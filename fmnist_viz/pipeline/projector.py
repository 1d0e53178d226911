"""The Projector stage: which images, tables, thumbnails and views go into a run's `projector/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.core.store import need_space
from fmnist_viz.data.split import interleaved_rows, stratified_rows
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.exports import Shown
from fmnist_viz.pipeline.units import class_vectors, weight_tensor

if TYPE_CHECKING:
    import pandas as pd


def sample_metadata(shown: Shown) -> pd.DataFrame:
    """The Projector's table: label, and what is known of the predictions; one row per image."""
    import pandas as pd

    from fmnist_viz.analysis.confusion import predictions_frame

    if shown.seen.predictions is None:
        names = np.asarray(shown.images.class_names, dtype=object)
        return pd.DataFrame({"label": names[shown.images.labels], "sample_id": shown.images.sample_ids})
    frame = predictions_frame(shown.seen.predictions)
    columns = [name for name in ("true", "predicted", "correct", "confidence", "pair", "sample_id") if name in frame.columns]
    metadata = frame[columns].rename(columns={"true": "label"})
    metadata["correct"] = np.where(metadata["correct"], "correct", "wrong")
    return metadata


def publish_projector(ctx: Context, shown: Shown) -> None:
    """`projector/`: class-interleaved stratified rows of every representation, then the weights."""
    from fmnist_viz.export.projector import ProjectorTensor, TensorForm, projector_folder, write_projector
    from fmnist_viz.export.projector.check import MAX_POINTS

    images, config = shown.images, ctx.config.view
    wanted = min(config.projector_points, len(images))
    if wanted > MAX_POINTS:
        ctx.progress.warn(f"{wanted:,} images to show in the Projector, whose page takes {MAX_POINTS:,}: a stratified sample of so many is shown")
    picked = stratified_rows(images.labels, min(wanted, MAX_POINTS), seed=ctx.seed)
    rows = picked[interleaved_rows(images.labels[picked], len(picked), seed=ctx.seed)]
    metadata = sample_metadata(shown)
    samples = [ProjectorTensor(s.representation, tuple(shown.maps.get(name, {}).values())) for name, s in shown.seen.sources.items()]
    others = [*class_vectors(shown, rows), *(weight_tensor(w, shown) for w in shown.weights)]
    if len(rows) < 2:
        ctx.progress.warn("a single image: there is no Projector folder, it needs at least two points")
        ctx.folder.record("projector", {"skipped": "a single image"})
        return
    if not samples:
        ctx.folder.record("projector", {"skipped": "no vectors"})
        return
    need_space(ctx.folder.path, sum(4 * len(rows) * s.representation.X.shape[1] for s in shown.seen.sources.values()), what="the Projector folder")
    form = TensorForm(config.normalize, config.tensor_format)  # type: ignore[arg-type]
    with ctx.timed("projector"), projector_folder(ctx.folder.path / "projector") as folder:
        facts = write_projector(folder, samples=samples, others=others, images=images, metadata=metadata, rows=rows, form=form)
    ctx.folder.record("projector", ctx.facts("projector", images_asked_for=wanted, **facts))
