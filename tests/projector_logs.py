"""Log folders as other tools leave them, good and broken in every way that TensorBoard's Projector stumbles over."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fmnist_viz.export.projector.config import CONFIG, write_event_file

N, D = 30, 64
LABELS = [f"class {i % 3}" for i in range(N)]
HOME = "00000/default"  # where PyTorch's add_embedding puts the files of its tag "default" at step 0


def matrix(n: int = N, d: int = D) -> np.ndarray[Any, Any]:
    return np.random.default_rng(n * d).normal(size=(n, d)).astype(np.float32)


def text(values: np.ndarray[Any, Any], separator: str = "\t") -> str:
    return "".join(separator.join(str(float(v)) for v in row) + "\n" for row in values)


def sheet(columns: int, rows: int, w: int = 8, h: int = 8) -> Image.Image:
    """A sheet whose i-th thumbnail has the grey value 5 i, row by row."""
    grey = (5 * np.arange(columns * rows) % 250).astype(np.uint8).reshape(rows, columns)
    return Image.fromarray(grey.repeat(h, 0).repeat(w, 1))


def entry(
    *, name: str = "default:00000", tensor: str = f"{HOME}/tensors.tsv", metadata: str = f"{HOME}/metadata.tsv", more: str = "", sprite: bool = True
) -> str:
    """An `embeddings` block as text."""
    image = f'sprite {{ image_path: "{HOME}/sprite.png" single_image_dim: 8 single_image_dim: 8 }}' if sprite else ""
    return f'embeddings {{\ntensor_name: "{name}"\ntensor_path: "{tensor}"\nmetadata_path: "{metadata}"\n{image}\n{more}\n}}\n'


def torch_like(folder: Path, values: np.ndarray[Any, Any] | None = None) -> Path:
    """What ``SummaryWriter(folder).add_embedding(mat, metadata, label_img)`` writes: TSV without shape, one column of labels, a square sheet."""
    values = matrix() if values is None else values
    home = folder / HOME
    home.mkdir(parents=True)
    write_event_file(folder)
    (home / "tensors.tsv").write_text(text(values))
    (home / "metadata.tsv").write_text("".join(f"class {i % 3}\n" for i in range(len(values))))
    cells = math.ceil(math.sqrt(len(values)))
    sheet(cells, cells).save(home / "sprite.png")
    (folder / CONFIG).write_text(entry())
    return folder


def bookmark(slot: str = "umap", n: int = N, **changes: Any) -> dict[str, Any]:
    """A state with all that the page needs; a change to None takes the field away."""
    axes = {"custom": ("linear-x", "linear-y")}.get(slot, (f"{slot}-0", f"{slot}-1"))
    state: dict[str, Any] = {
        "label": "made", "selectedProjection": slot, "projections": [dict(zip(axes, map(float, row), strict=True)) for row in matrix(n, 2)],
        "selectedPoints": [], "pcaComponentDimensions": [0, 1], "tSNEIteration": 0, "tSNEPerplexity": 30, "tSNELearningRate": 1, "tSNEis3d": False,
        "umapIs3d": False, "customXLeftText": "", "customXRightText": "", "customYUpText": "", "customYDownText": "",
    } | changes  # fmt: skip
    return {key: value for key, value in state.items() if value is not None}


def raw(folder: Path, values: Any, shape: tuple[int, ...] | None = None, *, stamp: bool = True) -> None:
    """The folder's tensor as raw floats."""
    content = bytearray(np.asarray(values, "<f4").tobytes())
    if stamp:
        content[0] = 0xFF
    (folder / HOME / "tensors.bytes").write_bytes(content)
    declared = " ".join(f"tensor_shape: {size}" for size in (np.shape(values) if shape is None else shape))
    (folder / CONFIG).write_text(entry(tensor=f"{HOME}/tensors.bytes", more=declared))


def tsv(folder: Path, content: str | bytes) -> None:
    (folder / HOME / "tensors.tsv").write_bytes(content.encode() if isinstance(content, str) else content)


def metadata(folder: Path, content: str | bytes) -> None:
    (folder / HOME / "metadata.tsv").write_bytes(content.encode() if isinstance(content, str) else content)


def two_columns(rows: int = N, header: bool = True) -> str:
    return "label\tnumber\n" * header + "".join(f"class {i % 3}\t{i}\n" for i in range(rows))


def states(folder: Path, *content: dict[str, Any], as_text: str = "") -> None:
    (folder / "b.json").write_text(as_text or json.dumps(content))
    (folder / CONFIG).write_text(entry(more='bookmarks_path: "b.json"'))


def config(folder: Path, old: str, new: str) -> None:
    content = (folder / CONFIG).read_text()
    assert old in content
    (folder / CONFIG).write_text(content.replace(old, new, 1))


def sprite(folder: Path, image: Image.Image, dims: tuple[int, ...] = (8, 8)) -> None:
    image.save(folder / HOME / "sprite.png")
    config(folder, "single_image_dim: 8 single_image_dim: 8", " ".join(f"single_image_dim: {side}" for side in dims))


def no_events(folder: Path) -> None:
    for path in folder.glob("*tfevents*"):
        path.unlink()


def keras_training(folder: Path) -> None:
    """``TensorBoard(log_dir=folder)``: events in train/, the configuration beside it."""
    no_events(folder)
    (folder / "train").mkdir()
    write_event_file(folder / "train")


def keras_embeddings(folder: Path) -> None:
    """``TensorBoard(embeddings_freq=1)`` of Keras 3."""
    (folder / "train").mkdir()
    (folder / "train" / "keras_embedding.ckpt-0.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (folder / CONFIG).write_text('embeddings {\n  tensor_name: "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE"\n}\n')


def elsewhere(folder: Path) -> None:
    """The metadata lies outside, named by an absolute path."""
    outside = folder.parent.parent / f"{folder.parent.name}-outside.tsv"
    shutil.move(folder / HOME / "metadata.tsv", outside)
    config(folder, f"{HOME}/metadata.tsv", str(outside))


def linked(folder: Path) -> None:
    outside = folder.parent.parent / f"{folder.parent.name}-linked.tsv"
    shutil.move(folder / HOME / "metadata.tsv", outside)
    (folder / HOME / "metadata.tsv").symlink_to(outside)


def second(folder: Path, name: str) -> None:
    """Another tensor of the same files under that name."""
    with open(folder / CONFIG, "a") as f:
        f.write(entry(name=name))


def overriding(folder: Path) -> None:
    inner = folder / "plugins" / "org_tensorflow_tensorboard_projector"
    inner.mkdir(parents=True)
    shutil.copytree(folder / "00000", inner / "00000")
    (inner / CONFIG).write_text(entry(name="inner"))


def saved_checkpoint(folder: Path) -> None:
    import tensorflow as tf

    tf.train.Checkpoint(embedding=tf.Variable(matrix(12, 6)), bias=tf.Variable([1.0, 2.0])).save(str(folder / "model.ckpt"))


def keyless(folder: Path) -> None:
    saved_checkpoint(folder)
    (folder / CONFIG).write_text('embeddings { tensor_name: "embedding" }\n')


@dataclass(frozen=True)
class Kind:
    """One way to break the run `broken` beside the run `fine`.

    rule : what the doctor calls it;  server : what TensorBoard's own plugin then does: ``raises``, ``hides`` (the run), ``lists`` (the run);
    left : rules that a mended copy still breaks;  gone : the tensor is not in the copy;  padded : columns of the copy's tensor.
    """

    name: str
    spoil: Callable[[Path], object]
    rule: str
    server: str = "lists"
    left: tuple[str, ...] = ()
    gone: bool = False
    padded: int = D


def _values(change: Callable[[np.ndarray[Any, Any]], Any]) -> np.ndarray[Any, Any]:
    values = matrix()
    change(values)
    return values


def _nan(values: np.ndarray[Any, Any]) -> None:
    values[3, 5] = np.nan


KINDS = [
    Kind("malformed", lambda f: (f / CONFIG).write_text("embeddings {{"), "config-malformed", "raises", gone=True),
    Kind("unknown-field", lambda f: config(f, "tensor_name", 'tensor_kind: "dense"\ntensor_name'), "config-unknown-field", "raises"),
    Kind("byte-order-mark", lambda f: (f / CONFIG).write_text("\ufeff" + entry(), encoding="utf-8"), "config-encoding", "raises"),
    Kind("utf-16", lambda f: (f / CONFIG).write_text(entry(), encoding="utf-16"), "config-encoding", "raises"),
    Kind("empty-config", lambda f: (f / CONFIG).write_text(""), "config-empty", "hides", gone=True),
    Kind("no-tensor-file", lambda f: (f / HOME / "tensors.tsv").unlink(), "tensor-file-missing", "raises", gone=True),
    Kind("doubled-path", lambda f: config(f, f"{HOME}/tensors.tsv", f"{f.parent.name}/{f.name}/{HOME}/tensors.tsv"), "tensor-file-missing", "raises"),
    Kind("no-metadata-file", lambda f: (f / HOME / "metadata.tsv").unlink(), "file-missing"),
    Kind("no-sprite-file", lambda f: (f / HOME / "sprite.png").unlink(), "file-missing"),
    Kind("empty-tensor", lambda f: tsv(f, ""), "tensor-empty", "raises", gone=True),
    Kind("blank-tensor", lambda f: tsv(f, "\n\n"), "tensor-empty", "raises", gone=True),
    Kind("header", lambda f: tsv(f, "\t".join(f"d{i}" for i in range(D)) + "\n" + text(matrix())), "tensor-header", "raises"),
    Kind("ragged", lambda f: tsv(f, text(matrix()) + "1.0\t2.0\n"), "tensor-ragged", "raises", gone=True),
    Kind("commas", lambda f: tsv(f, text(matrix(), ",")), "tensor-separator", "raises"),
    Kind("spaces", lambda f: tsv(f, text(matrix(), " ")), "tensor-separator", "raises"),
    Kind("trailing-tab", lambda f: tsv(f, text(matrix()).replace("\n", "\t\n")), "tensor-blanks", "raises"),
    Kind("words", lambda f: tsv(f, text(matrix()).replace("\t", "\tword\t", 1)), "tensor-not-numbers", "raises", gone=True),
    Kind("npy", lambda f: np.save(f / HOME / "t.npy", matrix()) or config(f, "tensors.tsv", "t.npy"), "tensor-npy", "raises"),
    Kind("no-shape", lambda f: raw(f, matrix(), ()), "tensor-shape-missing", "raises"),
    Kind("wrong-shape", lambda f: raw(f, matrix(), (N + 1, D)), "tensor-size", "raises"),
    Kind("doubles", lambda f: (raw(f, matrix()), (f / HOME / "tensors.bytes").write_bytes(matrix().astype("<f8").tobytes())), "tensor-size", "raises"),
    Kind("transposed-shape", lambda f: raw(f, matrix(), (D, N)), "tensor-shape-wrong"),
    Kind("wrong-text-shape", lambda f: config(f, "sprite", f"tensor_shape: {N // 2} tensor_shape: {2 * D} sprite"), "tensor-shape-wrong"),
    Kind("valid-text", lambda f: raw(f, np.full((N, D), 0.5), stamp=False), "tensor-reads-as-text", "raises", ("tensor-constant",)),
    Kind("nan", lambda f: tsv(f, text(_values(_nan))), "tensor-not-finite", left=("tensor-not-finite",)),
    Kind("one-column", lambda f: tsv(f, text(matrix(N, 1))), "tensor-single", left=("tensor-few-columns",), padded=3),
    Kind("two-columns", lambda f: tsv(f, text(matrix(N, 2))), "tensor-flat", left=("tensor-few-columns",), padded=3),
    Kind("one-row", lambda f: tsv(f, text(matrix(1, D))), "tensor-single", left=("tensor-single", "metadata-rows", "sprite-spare")),
    Kind("narrow", lambda f: tsv(f, text(5 + matrix(N, 10))), "tensor-narrow", padded=50),
    Kind("same-name", lambda f: second(f, "default:00000"), "name-twice"),
    Kind("same-name-but-0", lambda f: (config(f, "default:00000", "a"), second(f, "a:0")), "name-twice"),
    Kind("no-name", lambda f: second(f, ""), "name-missing"),
    Kind("unsafe-name", lambda f: config(f, "default:00000", "q&r#s+t"), "name-unsafe"),
    Kind("absolute-outside", elsewhere, "path-outside"),
    Kind("link-outside", linked, "path-outside"),
    Kind("parent-outside", lambda f: (shutil.move(f / HOME / "sprite.png", f.parent), config(f, f"{HOME}/sprite.png", "../sprite.png")), "path-outside"),
    Kind("absolute-inside", lambda f: config(f, f"{HOME}/tensors.tsv", str(f / HOME / "tensors.tsv")), "path-absolute"),
    Kind("no-events", no_events, "no-event-file", "hides"),
    Kind("keras-folders", keras_training, "no-event-file", "hides"),
    Kind("empty-events", lambda f: [path.write_bytes(b"") for path in f.glob("*tfevents*")], "event-file-empty"),
    Kind("no-checkpoint", lambda f: config(f, "embeddings", 'model_checkpoint_path: "gone.ckpt"\nembeddings'), "checkpoint-missing", "hides"),
    Kind("keras-embeddings-freq", keras_embeddings, "keras-embeddings-freq", "hides", ("keras-embeddings-freq",)),
    Kind("no-source", lambda f: (f / CONFIG).write_text('embeddings { tensor_name: "a" }'), "no-source", "hides", ("no-source",)),
    Kind("overridden", overriding, "config-overridden"),
    Kind("empty-checkpoint-state", lambda f: (f / "checkpoint").write_text(""), "checkpoint-state-empty", "raises"),
    Kind("checkpoint-beside", saved_checkpoint, "checkpoint-lists-all"),
    Kind("checkpoint-key", keyless, "checkpoint-key"),
    Kind("header-over-one-column", lambda f: metadata(f, "label\n" + "\n".join(LABELS) + "\n"), "metadata-single-header"),
    Kind("line-too-many", lambda f: metadata(f, "\n".join([*LABELS, "cow"]) + "\n"), "metadata-off-by-one"),
    Kind("no-header", lambda f: metadata(f, two_columns(header=False)), "metadata-no-header"),
    Kind("too-few-labels", lambda f: metadata(f, two_columns(N - 5)), "metadata-rows", left=("metadata-rows",)),
    Kind("windows-lines", lambda f: metadata(f, two_columns().replace("\n", "\r\n")), "metadata-carriage-return"),
    Kind("blank-rows", lambda f: metadata(f, "\n".join([*LABELS[:4], "", *LABELS[5:]]) + "\n"), "metadata-blank-rows"),
    Kind("blank-row-of-two", lambda f: metadata(f, two_columns().replace("class 1\t4\n", " \n")), "metadata-blank-breaks"),
    Kind("empty-cells", lambda f: metadata(f, two_columns().replace("class 1", "")), "metadata-empty-cell"),
    Kind("short-rows", lambda f: metadata(f, two_columns().replace("\t4\n", "\n")), "metadata-empty-cell"),
    Kind("not-utf-8", lambda f: metadata(f, two_columns().replace("class", "Größe").encode("cp1252")), "metadata-encoding"),
    Kind("empty-metadata", lambda f: metadata(f, ""), "metadata-hangs"),
    Kind("endless-metadata", lambda f: metadata(f, two_columns(N - 1) + f"a\t{'x' * 1_000_050}"), "metadata-hangs"),
    Kind("unended-metadata", lambda f: metadata(f, two_columns().rstrip("\n")), "metadata-unended"),
    Kind("split-character", lambda f: metadata(f, two_columns(N - 1) + f"a\t{'x' * (999_999 - len(two_columns(N - 1)) - 2)}é\n"), "metadata-piece"),
    Kind("same-columns", lambda f: metadata(f, two_columns().replace("number", "label", 1)), "metadata-columns"),
    Kind("no-colours", lambda f: (tsv(f, text(matrix(60))), metadata(f, "".join(f"{i} a\n" for i in range(60))), sprite(f, sheet(8, 8))), "metadata-no-colour",
         left=("metadata-no-colour",)),
    Kind("numbered-classes", lambda f: metadata(f, "".join(f"{i % 3}\n" for i in range(N))), "metadata-number-labels", left=("metadata-number-labels",)),
    Kind("no-image", lambda f: (f / HOME / "sprite.png").write_bytes(b"GIF no more"), "sprite-unreadable"),
    Kind("large-sheet", lambda f: sprite(f, sheet(6, 6, 1400, 8), (1400, 8)), "sprite-too-large", left=("sprite-stretched",)),
    Kind("oblong-sheet", lambda f: sprite(f, sheet(10, 3)), "sprite-grid"),
    Kind("no-thumbnail-size", lambda f: sprite(f, sheet(6, 6), ()), "sprite-dimensions"),
    Kind("cut-thumbnails", lambda f: sprite(f, sheet(6, 6), (7, 7)), "sprite-not-divisible", left=("sprite-not-divisible",)),
    Kind("few-thumbnails", lambda f: sprite(f, sheet(5, 5)), "sprite-short", left=("sprite-short",)),
    Kind("tsne-bookmark", lambda f: states(f, bookmark("tsne")), "bookmark-tsne"),
    Kind("bare-bookmark", lambda f: states(f, bookmark(selectedPoints=None, tSNEIteration=None, customXLeftText=None)), "bookmark-fields"),
    Kind("long-bookmark", lambda f: states(f, bookmark(n=N + 2)), "bookmark-too-long", left=("bookmark-too-long",)),
    Kind("short-bookmark", lambda f: states(f, bookmark(n=N - 2)), "bookmark-points", left=("bookmark-points",)),
    Kind("nan-bookmark", lambda f: states(f, bookmark(), bookmark(n=1) | {"projections": [{"umap-0": math.nan, "umap-1": 0}]}), "bookmark-not-finite"),
    Kind("no-json", lambda f: states(f, as_text="[{"), "bookmarks-unreadable"),
    Kind("unknown-slot", lambda f: states(f, bookmark("isomap")), "bookmark-slot", left=("bookmark-slot",)),
    Kind("no-such-column", lambda f: states(f, bookmark(selectedColorOptionName="colour")), "bookmark-column"),
    Kind("empty-shuffle", lambda f: states(f, bookmark(shuffledDataIndices=[])), "bookmark-indices"),
]  # fmt: skip


def broken(folder: Path, kind: Kind) -> Path:
    """A log folder with the run `fine` and the run `broken`."""
    torch_like(folder / "fine")
    kind.spoil(torch_like(folder / "broken"))
    return folder
