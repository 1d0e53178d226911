"""`add_embedding`: vectors from anywhere into TensorBoard's Projector, in one call.

Each call makes a run folder of its own, complete before it has its name, with its own configuration and an event file that makes TensorBoard list it.
The name holds the time and was never used before, and the call takes the older folders of the same tag and step away: TensorBoard reads
configurations again only when its set of runs changes, and keeps the tensor that was fetched last by run and name.
"""

from __future__ import annotations

import re
import shlex
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.arrays import as_vectors
from fmnist_viz.core.errors import BadInput, UsageError, unknown_choice
from fmnist_viz.core.types import Representation
from fmnist_viz.data.split import stratified_rows
from fmnist_viz.export.projector import CONFIG, ProjectorTensor, TensorForm, View, projector_folder, write_tensors
from fmnist_viz.export.projector.check import MAX_POINTS
from fmnist_viz.export.projector.metadata import class_codes, text_columns
from fmnist_viz.export.projector.tensor import Normalize, TensorFormat, require_finite
from fmnist_viz.export.slug import slug
from fmnist_viz.pipeline.given import Views, given_pictures, given_table, given_views

STAMP = r"\d{8}-\d{6}\.\d{6}"
ADDRESS = "http://localhost:6006/#projector"


@dataclass(frozen=True)
class AddedEmbedding:
    """Where it is and how to see it; a path to whatever takes one.

    path : the run folder;  log_dir : as given;  facts : JSON-ready: shape, transform, views, sampled rows ...
    """

    path: Path
    log_dir: Path
    facts: Mapping[str, Any]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        n, d = self.facts["shape"]
        own = self.facts.get("raw_width", d)
        how = "padded with zeros, since the page needs as many for maps of its own" if own < d else "reduced to principal components"
        made = f' (yours of {own:,}, {how}; normalize="none" leaves them alone)' if own != d else ""
        return f"{n:,} points of {d} dimensions{made} in {self.path}\ntensorboard --logdir {shlex.quote(str(self.log_dir))}   # then open {ADDRESS}"

    __repr__ = __str__


def embedding_tensor(
    matrix: Any, *, name: str, metadata: Any = None, header: Sequence[str] | None = None, images: Any = None, views: Views | None = None,
    channels_first: bool = False, invert: bool | None = False, epoch: int | None = None,
) -> tuple[ProjectorTensor, dict[str, Any]]:  # fmt: skip
    """Arrays as a tensor for `write_tensors`, called `name`, and facts: of more than 100,000 rows a stratified sample, named in a warning.

    Arguments and errors as in `add_embedding`; `epoch` is recorded beside the tensor.
    """
    X = as_vectors(matrix, "matrix")
    if len(X) < 2:
        raise BadInput("PROJECTOR-TOO-FEW", "matrix", f"{len(X)} row", "The Projector's page shows nothing of fewer than 2.")
    table = given_table(metadata, header, len(X))
    pictures = given_pictures(images, len(X), channels_first=channels_first)
    ids, rows = np.arange(len(X)).astype(np.str_), np.arange(len(X))
    if len(X) > MAX_POINTS:
        rows = _sample(table, len(X))
    require_finite(Representation(X, ids, name, "brought"), rows)  # before anything is written, and of what is shown
    shown = given_views(views, ids)
    if X.shape[1] < 4:
        shown.append(_as_given(X, ids))
    facts: dict[str, Any] = {}
    if len(rows) < len(X):
        said = f"{len(X):,} rows: the Projector's page takes {MAX_POINTS:,}, a stratified sample of so many is shown"
        warnings.warn(said, stacklevel=3)
        facts = {"rows_given": len(X), "rows_sampled": MAX_POINTS, "sampled": said}
        table = {name: [cells[row] for row in rows.tolist()] for name, cells in (table or {}).items()} | {"row": rows.tolist()}
        X, ids, pictures = X[rows], ids[rows], None if pictures is None else pictures[rows]
        shown = [_taken(view, rows) for view in shown]
    representation = Representation(X, ids, name, "brought", epoch=epoch)
    return ProjectorTensor(representation, shown, table, pictures, title=name, invert=invert), facts


def _as_given(X: NDArray[np.float32], ids: NDArray[np.str_]) -> View:
    """Vectors of one to three dimensions are a map already: it is there as it came, whatever is done to the rows for the page's own maps."""
    coords = np.hstack([X, np.zeros((len(X), max(0, 2 - X.shape[1])), np.float32)])
    return View("as given", "umap", coords, ids, "given")


def _sample(table: Mapping[str, Sequence[Any]] | None, count: int) -> NDArray[np.int64]:
    classes = class_codes(text_columns(table)) if table else np.zeros(count, np.int64)
    return stratified_rows(classes, MAX_POINTS, seed=0)


def _taken(view: View, rows: NDArray[np.int64]) -> View:
    import dataclasses

    place = {int(row): i for i, row in enumerate(rows)} if len(view.selected) else {}
    selected = np.array([place[row] for row in view.selected.tolist() if row in place], np.int64)
    return dataclasses.replace(view, coords=view.coords[rows], sample_ids=view.sample_ids[rows], selected=selected)


def publish_tensors(folder: Path, tensors: Sequence[ProjectorTensor], *, form: TensorForm) -> list[dict[str, Any]]:
    """A whole Projector folder under its name, or nothing: staged beside it, checked, renamed. Returns the facts of each tensor."""
    with projector_folder(folder) as staged:
        facts = write_tensors(staged, tensors, form=form)
    return facts


def add_embedding(
    log_dir: Any, matrix: Any, metadata: Any = None, images: Any = None, *, tag: str = "default", step: int | None = None, views: Views | None = None,
    metadata_header: Sequence[str] | None = None, normalize: Normalize = "auto", tensor_format: TensorFormat = "binary", invert: bool | None = False,
    label_img: Any = None, global_step: int | None = None,
) -> AddedEmbedding:  # fmt: skip
    """Show vectors in TensorBoard's Embedding Projector.

    Parameters
    ----------
    log_dir
        The folder that ``tensorboard --logdir`` is, or will be, started on; on a local disk.
    matrix
        (n, d), n >= 2, d >= 1: a NumPy array, a TensorFlow, Keras, PyTorch or JAX tensor, a data frame, nested lists; finite real numbers.
    metadata
        One entry per row: a list or array of labels, a list of rows, a mapping of columns, a pandas data frame or series.
        Control characters are made visible and empty cells named, since the page knows no escaping.
    images
        One picture per row: uint8 0..255 or float 0..1; (n, h, w), (n, h, w, c) or (n, c, h, w), c of 1, 3 or 4. Which of the last two is
        seen from the axis that alone can be c; where both can, `images` is read as (n, h, w, c), and `label_img` as (n, c, h, w).
        Larger ones than 64 px are scaled down, and further so that the sheet of all is at most 8,192 px wide.
    tag, step
        What it is called, and when it was. A later call with the same two takes the place of the earlier one: reload the page after some seconds.
    views
        Ready-made maps: label -> coordinates (n, 2 or 3), or `Projection` and `View` objects. One click on the bookmark shows exactly these points, in
        the page's UMAP tab (in its PCA tab where the label begins with PCA). Vectors of one to three dimensions are also there "as given".
    metadata_header
        Names of the columns where `metadata` is a list of rows.
    normalize
        ``auto``: what the page's own PCA, t-SNE and UMAP need: below 50 dimensions centred unit rows, padded with zeros to 50; above 1,024
        the first 200 principal components; in between the values as they are. ``unit``: centred unit rows always. ``none``: the values as they are.
    tensor_format
        ``binary``; ``tsv``, plain text; ``checkpoint``, a TensorFlow variable (loads TensorFlow).
    invert
        True for pictures of light things on black, which would be lost on the page's white; None to judge by their frames.
    label_img, global_step
        PyTorch's names of `images` and `step`.

    Returns
    -------
    AddedEmbedding
        The folder (a path for whatever takes one), and as text the command that shows it.

    Raises
    ------
    BadInput
        Rows that are not finite, named; fewer than two rows; labels, pictures or views that do not fit.
    UsageError
        Both spellings of one argument; an unknown `normalize` or `tensor_format`; a step that is no whole number from 0.
    ResourceError
        No space left, or a folder that cannot be written.

    Warns
    -----
    UserWarning
        Of more than 100,000 rows a stratified sample is shown; its column `row` holds the original numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fmnist_viz import add_embedding
    >>> add_embedding("logs", np.random.rand(100, 20), metadata=[f"row {i}" for i in range(100)])  # doctest: +SKIP
    100 points of 50 dimensions in logs/default/20261122-081530.123456
    tensorboard --logdir logs   # then open http://localhost:6006/#projector
    """
    pictures, number = _either("images", images, "label_img", label_img), _step(_either("step", step, "global_step", global_step))
    form = _form(normalize, tensor_format)
    place = _place(log_dir, tag)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", place.name) + ("" if number is None else f"_{number:05d}")
    tensor, facts = embedding_tensor(
        matrix, name=name, metadata=metadata, header=metadata_header, images=pictures, views=views, channels_first=images is None, invert=invert, epoch=number
    )
    start = "" if number is None else f"{number:05d}-"
    older = [path for path in place.glob(f"{start}*") if re.fullmatch(re.escape(start) + STAMP, path.name)]
    final = place / f"{start}{datetime.now():%Y%m%d-%H%M%S.%f}"
    (written,) = publish_tensors(final, [tensor], form=form)
    for path in older:
        (path / CONFIG).unlink(missing_ok=True)  # first, so that TensorBoard never reads one whose files are gone
        shutil.rmtree(path, ignore_errors=True)
    return AddedEmbedding(final, Path(log_dir), {"tag": tag, "step": number, **written, **facts})


def _either(ours: str, value: Any, theirs: str, other: Any) -> Any:
    if value is not None and other is not None:
        raise UsageError("GIVEN-TWICE", ours, f"{ours} and {theirs} are two names of one thing", "Give one of them.")
    return other if value is None else value


def _step(step: Any) -> int | None:
    if step is None:
        return None
    try:
        number = step.__index__()
    except (AttributeError, TypeError):
        number = -1
    if isinstance(step, bool) or number < 0:
        raise UsageError("STEP", "step", f"{step!r} is no whole number from 0", "Give the epoch or step as an int.")
    return int(number)


def _form(normalize: Any, tensor_format: Any) -> TensorForm:
    from typing import get_args

    for what, value, kinds in (("normalize", normalize, Normalize), ("tensor format", tensor_format, TensorFormat)):
        if value not in get_args(kinds):
            raise unknown_choice(what, str(value), get_args(kinds))
    return TensorForm(normalize, tensor_format)


def _place(log_dir: Any, tag: Any) -> Path:
    """The folder of a tag: two below the log folder lies each embedding, so that no checkpoint of a training lies above it, where the page would list it."""
    if not isinstance(tag, str) or not tag.strip():
        raise UsageError("TAG", "tag", f"{tag!r} is no name", "Give a text such as 'dense'.")
    if "://" in str(log_dir):
        raise UsageError("LOG-DIR", str(log_dir), "is not on a local disk, and TensorBoard's Projector reads no other", "Choose a local folder.")
    name = slug(tag)
    return Path(log_dir) / (f"tag-{name}" if name == "checkpoint" else name)  # a file of that name is TensorFlow's list of checkpoints
