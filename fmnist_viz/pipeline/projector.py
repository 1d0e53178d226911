"""The Projector stage: which images, tables, thumbnails and views go into a run's `projector/`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.core.store import need_space
from fmnist_viz.data.split import interleaved_rows, stratified_rows
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.shown import Shown
from fmnist_viz.pipeline.units import class_vectors, weight_tensor
from fmnist_viz.pipeline.views import axis_views, map_views, restricted, views_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fmnist_viz.export.projector import ProjectorTensor


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
    """`projector/`: class-interleaved stratified rows of every representation, then the weights, then the mistakes alone."""
    from fmnist_viz.export.projector import TensorForm, projector_folder, write_projector

    images, config, rows = shown.images, ctx.config.view, shown_rows(ctx, shown)
    metadata = sample_metadata(shown)
    samples = sample_tensors(shown, rows)
    others = [*class_vectors(shown, rows), *(weight_tensor(w, shown) for w in shown.weights), *misclassified_tensors(ctx, shown, metadata)]
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
    ctx.folder.record("projector", ctx.facts("projector", images_asked_for=min(config.projector_points, len(images)), **facts))


def shown_rows(ctx: Context, shown: Shown) -> NDArray[np.int64]:
    """The images that the Projector shows, stratified, classes interleaved."""
    from fmnist_viz.export.projector.check import MAX_POINTS

    labels = shown.images.labels
    wanted = min(ctx.config.view.projector_points, len(labels))
    if wanted > MAX_POINTS:
        ctx.progress.warn(f"{wanted:,} images to show in the Projector, whose page takes {MAX_POINTS:,}: a stratified sample of so many is shown")
    picked = stratified_rows(labels, min(wanted, MAX_POINTS), seed=ctx.seed)
    return picked[interleaved_rows(labels[picked], len(picked), seed=ctx.seed)]


def sample_tensors(shown: Shown, rows: NDArray[np.int64]) -> list[ProjectorTensor]:
    """Pixels and layers with all their views."""
    from fmnist_viz.export.projector import ProjectorTensor

    return [ProjectorTensor(s.representation, views_of(shown, name, rows)) for name, s in shown.seen.sources.items()]


def misclassified_tensors(ctx: Context, shown: Shown, metadata: pd.DataFrame) -> list[ProjectorTensor]:
    """The mistakes alone, in the pixels and in the penultimate layer (where that is not mapped, in the last representation).

    Tensors of their own, with a table and thumbnails of their own, of all mapped images and not only of those shown: in a filtered view the page's
    list of neighbours shows other points' images.
    """
    from fmnist_viz.export.projector import ProjectorTensor, class_order
    from fmnist_viz.export.sprite import WHITE, on_black

    sources, images = shown.seen.sources, shown.images
    if shown.seen.predictions is None or not sources:
        return []
    wrong = np.flatnonzero(~shown.seen.predictions.correct)
    if len(wrong) < 2:
        return []
    wrong = wrong[np.sort(stratified_rows(images.labels[wrong], min(ctx.config.view.projector_points, len(wrong)), seed=ctx.seed))]
    rows = class_order(wrong, images.labels)
    last = shown.seen.penultimate if shown.seen.penultimate in sources else list(sources)[-1]
    pictures = images.images[rows] if images.pictured else None
    if pictures is not None and on_black(images.images):
        pictures = WHITE - pictures  # as the thumbnails of all images
    table = metadata.iloc[rows].reset_index(drop=True)
    tensors = []
    for name in dict.fromkeys([*(n for n in ("pixels",) if n in sources), last]):
        of = sources[name].representation
        part = dataclasses.replace(of, X=of.X[rows], sample_ids=of.sample_ids[rows])
        views = [restricted(view, rows) for view in (*map_views(shown, name), *axis_views(shown, name))]
        tensors.append(ProjectorTensor(part, views, table, pictures, f"{name} misclassified", "m"))
    return tensors
