"""Custom axes of a run: which ones, where every representation's images lie on them, and what is said about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fmnist_viz.analysis.axis import AxisPlane, axis_plane, default_axes
from fmnist_viz.analysis.axis_text import AxisText, check_axis
from fmnist_viz.core.types import Representation
from fmnist_viz.pipeline.context import Context

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fmnist_viz.analysis.confusion import Confusion
    from fmnist_viz.core.types import LabeledImages
    from fmnist_viz.pipeline.features import Seen
    from fmnist_viz.pipeline.shown import Shown

ENDS = (("left", "right"), ("down", "up"))  # the page's fields, by axis


def shown_labels(class_names: Sequence[str]) -> list[str]:
    """The class names as the column `label` of the Projector's table holds them: what its Custom tab searches."""
    import pandas as pd

    from fmnist_viz.export.projector.metadata import text_columns

    return list(text_columns(pd.DataFrame({"label": list(class_names)}, dtype=object))["label"])


def check_axes(asked: Sequence[AxisText], class_names: Sequence[str]) -> None:
    """Raise UsageError where an axis asked for finds none of the classes, or the same ones on both sides."""
    for axis in asked:
        check_axis(axis, shown_labels(class_names))


def tensor_vectors(representation: Representation) -> NDArray[np.float32]:
    """All rows as a tensor file of them would hold them, so that the page's own axes are ours."""
    from fmnist_viz.export.projector.tensor import choose_transform

    return choose_transform(representation, np.arange(len(representation.X))).apply(representation.X)


def place(ctx: Context, images: LabeledImages, seen: Seen, confusion: Confusion | None) -> dict[str, AxisPlane]:
    """Each representation's images on the axes asked for, or on the run's own; those without structure or without images of a side are left out."""
    names = shown_labels(images.class_names)
    axes = ctx.config.axes.texts or default_axes(images.class_names, names, confusion)
    planes: dict[str, AxisPlane] = {}
    if not axes:
        return planes
    with ctx.timed("maps"):
        for name, source in seen.sources.items():
            if len(source.representation.X) < 2 or not np.isfinite(source.representation.X).all():
                continue
            found = axis_plane(
                tensor_vectors(source.representation),
                images.labels,
                names,
                axes,
                representation=name,
                sample_ids=images.sample_ids,
                seed=ctx.seed,
            )
            if found is not None:
                planes[name] = found
    if ctx.config.axes.texts and seen.sources and not planes:
        line = f"--axis: no images of one side of {' or '.join(map(str, axes))} are mapped, or nothing tells them apart; there are no custom axes."
        ctx.warnings.append(line)
        ctx.progress.warn(line)
    return planes


def axis_table(shown: Shown) -> pd.DataFrame:
    """`tables/axes.csv`: a row per representation and axis with its area under the ROC curve; no rows where there are no axes."""
    import pandas as pd

    return pd.concat([plane.frame() for plane in shown.planes.values()], ignore_index=True) if shown.planes else pd.DataFrame()


def axis_words(shown: Shown) -> pd.DataFrame:
    """The same for readers of the report: an area with its interval in one cell."""
    import pandas as pd

    rows = [
        {"representation": name, "axis": f"{'xy'[i]}: {axis}", "images": f"{s.left:,} and {s.right:,}",
         "AUC on held-out images (95 % interval by DeLong, at least Newcombe's)": s.text.removeprefix("AUC ").replace("95 % interval ", "")}
        for name, plane in shown.planes.items()
        for i, (axis, s) in enumerate(zip(plane.axes, plane.separations, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def axis_facts(shown: Shown) -> list[tuple[str, str]]:
    """What the run says of its axes: their areas in the first and the last hidden representation, and what to paste into the page."""
    if not shown.planes:
        return []
    last = shown.seen.penultimate if shown.seen.penultimate in shown.planes else list(shown.planes)[-1]
    told = list(dict.fromkeys([next(iter(shown.planes)), last]))
    axes = shown.planes[last].axes
    rows = []
    for i, axis in enumerate(axes):
        areas = " and ".join(f"{shown.planes[name].separations[i].text} in {name}" for name in told)
        rows.append((f"axis {'xy'[i]}", f"{axis}: {areas}"))
    fields = [f"{field} {side}" for axis, ends in zip(axes, ENDS, strict=False) for field, side in zip(ends, axis.sides, strict=True)]
    regex = "; what stands between slashes is typed without them, with the field's .* pressed" if any(s.regex for axis in axes for s in axis.sides) else ""
    return [*rows, ("for the Projector's Custom tab", f"{', '.join(fields)} (search by label{regex})")]
