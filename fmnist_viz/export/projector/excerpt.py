"""What of a Projector folder goes into one offline page: at most so many rows, dimensions and bytes, and what was left out in words.

Reads any folder that has a `projector_config.pbtxt`, ours or another tool's; files outside the folder are never read.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.export.projector.tensor import SPHEREIZED_FROM

MAX_ROWS, MAX_WIDTH = 5000, 200  # of a tensor
WIDTHS = (MAX_WIDTH, 100, 50)  # the next one where all tensors together would not fit
LEAD = 100  # first rows that are always kept: the page gives out its colours in the order in which it meets the classes
EXACT_PCA = 1000  # columns up to which the covariance is decomposed as it is
SEQUENCE = ("__seq_next__", "__next__")  # columns that hold row numbers


@dataclass
class Excerpt:
    """embeddings : as the plugin's route `info` tells them;  routes : tensor -> route -> key of the asset that answers it;
    assets : base64 text;  left_out : a sentence per thing that is not there;  rows : of every tensor."""

    embeddings: list[dict[str, Any]] = field(default_factory=list)
    routes: dict[str, dict[str, str]] = field(default_factory=dict)
    assets: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(map(len, self.assets.values()))

    def facts(self) -> dict[str, Any]:
        """Tensor names with their shapes and numbers of ready-made views, and what was left out."""
        tensors = [{"name": e["tensorName"], "shape": e["tensorShape"], "bookmarks": "bookmarksPath" in e} for e in self.embeddings]
        return {"tensors": tensors, "left_out": list(self.left_out)}


def excerpt(folder: Path, *, budget: int) -> Excerpt:
    """The tensors of the folder in their order, cut to the limits, as long as their base64 text stays within `budget` bytes.

    Raises BadInput where the configuration or one of its files cannot be read.
    """
    items = read_config(folder)
    made = Excerpt()
    matrices = [(item, _values(folder, item)) for item in items if item.tensor_path]
    made.left_out += [f"{item.tensor_name}: lies in a TensorFlow checkpoint" for item in items if not item.tensor_path]
    width = next((w for w in WIDTHS if sum(_text_bytes(X, w) for _, X in matrices) <= 0.8 * budget), WIDTHS[-1])
    for item, X in matrices:
        _add(made, folder, item, X, width, budget)
    return made


def read_config(folder: Path) -> list[Any]:
    """The configuration's tensors as protocol-buffer messages."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    path = folder / CONFIG
    try:
        return list(text_format.Parse(path.read_text(encoding="utf-8"), ProjectorConfig()).embeddings)
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            raise BadInput("PROJECTOR-NO-FOLDER", folder, "is no folder", "Give a Projector folder, such as projector/ of a run.") from None
        below = sorted(path.parent for path in folder.rglob(CONFIG))
        remedy = f"Give one below it: {', '.join(map(str, below[:5]))}." if below else "Give a Projector folder, such as projector/ of a run."
        raise BadInput("PROJECTOR-NO-CONFIG", folder, f"holds no {CONFIG}", remedy) from None
    except (OSError, UnicodeDecodeError, text_format.ParseError) as e:
        raise BadInput("PROJECTOR-CONFIG", path, f"cannot be read ({e})", "fmnist-viz doctor says what is wrong with it.") from None


def _inside(folder: Path, given: str) -> Path:
    """A file of the folder. What lies elsewhere is refused: a page that is handed on must hold nothing that was not meant to be in it."""
    path = folder / given
    if folder.resolve() not in path.resolve().parents:
        raise BadInput("PROJECTOR-OUTSIDE", given, f"leads outside {folder.name}", "Put every file beside the configuration.")
    if not path.is_file():
        raise BadInput("PROJECTOR-FILE", path, "is named in the configuration and is not there", "Write the folder again.")
    return path


def _values(folder: Path, item: Any) -> NDArray[np.float32]:
    """float32 (n, d), by the server's rule: text where the file is valid UTF-8, else raw float32 of the given shape."""
    path = _inside(folder, item.tensor_path)
    shape = tuple(item.tensor_shape)
    try:
        if len(shape) == 2 and path.stat().st_size == 4 * math.prod(shape) and not _is_text(path):
            return np.fromfile(path, "<f4").reshape(shape)
        X = np.loadtxt(path, np.float32, delimiter="\t", ndmin=2, comments=None)
    except (OSError, ValueError) as e:
        fact = f"is neither tab-separated numbers nor float32 of shape {'×'.join(map(str, shape)) or 'unknown'} ({e})"
        raise BadInput("PROJECTOR-TENSOR", path, fact, "Write the folder again.") from None
    return X


def _is_text(path: Path) -> bool:
    with open(path, "rb") as f:
        start = f.read(4096)
    try:
        start.decode()
    except UnicodeDecodeError as e:
        return e.start > len(start) - 4  # only a character that the cut went through
    return True


def _text_bytes(X: NDArray[np.float32], width: int) -> int:
    return 16 * min(len(X), MAX_ROWS) * min(X.shape[1], width) // 3


def kept_rows(count: int) -> NDArray[np.int64]:
    """All rows, or the first hundred and a random sample (seed 0) of the others, in their order: every n-th row would miss classes that alternate."""
    if count <= MAX_ROWS:
        return np.arange(count)
    rest = np.random.default_rng(0).choice(np.arange(LEAD, count), MAX_ROWS - LEAD, replace=False)
    return np.concatenate([np.arange(LEAD), np.sort(rest)])


def narrowed(X: NDArray[np.float32], width: int) -> tuple[NDArray[np.float32], float]:
    """Rows on their leading principal axes (centred), float32 (n, at most `width`), and the share of the variance that these hold."""
    from sklearn.decomposition import PCA

    dims = min(width, *X.shape)
    solver = "covariance_eigh" if X.shape[1] <= EXACT_PCA else "randomized"
    pca = PCA(dims, svd_solver=solver, iterated_power=1, random_state=0)
    out = np.zeros((len(X), max(dims, SPHEREIZED_FROM)), np.float32)  # below, the page would not centre and normalise any more
    with np.errstate(invalid="ignore"):  # rows that are all alike have no variance to share out
        out[:, :dims] = pca.fit_transform(X)
    return out, float(np.nan_to_num(pca.explained_variance_ratio_.sum(), nan=1.0))


def _add(made: Excerpt, folder: Path, item: Any, X: NDArray[np.float32], width: int, budget: int) -> None:
    """One tensor and what belongs to it, if it fits; without its ready-made views where only these are too much."""
    name, count, wide = item.tensor_name, len(X), X.shape[1]
    if not np.isfinite(X).all():
        made.left_out.append(f"{name}: left out, it holds NaN or infinity, of which the page can make no map")
        return
    rows = kept_rows(count)
    said = []
    if len(rows) < count:
        X = X[rows]
        said.append(f"{name}: {len(rows):,} of {count:,} points (a random sample, seed 0)")
    if wide > width:
        X, share = narrowed(X, width)
        said.append(f"{name}: {wide:,} dimensions became {X.shape[1]} by centred PCA, which keeps {100 * share:.1f} % of the variance")
    entry: dict[str, Any] = {"tensorName": name, "tensorShape": list(X.shape), "tensorPath": name}
    new: dict[str, str] = {}
    routes = {"tensor": _asset(made, new, f"tensor {name}", lambda: np.ascontiguousarray(X, "<f4").tobytes())}
    if item.metadata_path:
        path = _inside(folder, item.metadata_path)
        routes["metadata"] = _asset(made, new, f"metadata {item.metadata_path} {count}", lambda: cut_table(path.read_bytes(), rows, count))
        entry["metadataPath"] = item.metadata_path
    if item.sprite.image_path:
        sheet, thumb = _inside(folder, item.sprite.image_path), tuple(item.sprite.single_image_dim)
        routes["sprite_image"] = _asset(made, new, f"sprite {item.sprite.image_path} {count}", lambda: cut_sheet(sheet, thumb, rows, count))
        entry["sprite"] = {"imagePath": item.sprite.image_path, "singleImageDim": list(thumb)}
    if made.bytes + sum(map(len, new.values())) > budget:
        made.left_out.append(f"{name}: left out, the page would grow beyond {budget / 1e6:.0f} MB")
        return
    if item.bookmarks_path:
        views = base64.b64encode(cut_bookmarks(_inside(folder, item.bookmarks_path), rows, count, X.shape[1])).decode()
        if made.bytes + sum(map(len, new.values())) + len(views) <= budget:
            routes["bookmarks"] = f"bookmarks {name}"
            new[routes["bookmarks"]] = views
            entry["bookmarksPath"] = item.bookmarks_path
        else:
            said.append(f"{name}: its ready-made views are left out, the page would grow beyond {budget / 1e6:.0f} MB")
    made.assets |= new
    made.embeddings.append(entry)
    made.routes[name] = routes
    made.left_out += said


def _asset(made: Excerpt, new: dict[str, str], key: str, content: Callable[[], bytes]) -> str:
    """The key under which the content is kept once, however many tensors share it."""
    if key not in made.assets:
        new[key] = base64.b64encode(content()).decode()
    return key


def cut_table(raw: bytes, rows: NDArray[np.int64], count: int) -> bytes:
    """The metadata's header and the given rows; columns of row numbers are led on to the next row that is there."""
    if len(rows) == count:
        return raw
    lines = [line for line in raw.decode(errors="replace").split("\n") if line.strip()]
    head = [lines.pop(0)] if lines and "\t" in lines[0] else []
    if head and (columns := [i for i, name in enumerate(head[0].split("\t")) if name in SEQUENCE]):
        lines = _relinked(lines, columns, rows)
    return "".join(f"{line}\n" for line in [*head, *(lines[row] for row in rows.tolist() if row < len(lines))]).encode()


def _relinked(lines: list[str], columns: list[int], rows: NDArray[np.int64]) -> list[str]:
    place = {row: i for i, row in enumerate(rows.tolist())}
    cells = [line.split("\t") for line in lines]
    out = [list(line) for line in cells]
    for column in columns:
        following = [int(c[column]) if column < len(c) and c[column].strip().isdigit() else -1 for c in cells]
        for row in place:
            at, steps = (following[row] if row < len(following) else -1), 0
            while 0 <= at < len(following) and at not in place and steps < len(following):
                at, steps = following[at], steps + 1
            if row < len(out) and column < len(out[row]):
                out[row][column] = str(place[at]) if at in place else ""
    return ["\t".join(line) for line in out]


def cut_sheet(path: Path, thumb: tuple[int, ...], rows: NDArray[np.int64], count: int) -> bytes:
    """The sprite sheet of the given rows: a square grid again, as the page needs it."""
    if len(rows) == count or len(thumb) != 2 or min(thumb) < 1:
        return path.read_bytes()
    from PIL import Image

    with Image.open(path) as image:
        sheet = np.asarray(image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGBA"))
    w, h = thumb
    across = max(1, sheet.shape[1] // w)
    cells = math.isqrt(max(len(rows), 1) - 1) + 1
    out = np.full((cells * h, cells * w, *sheet.shape[2:]), 255, np.uint8)
    for i, row in enumerate(rows.tolist()):
        tile = sheet[row // across * h :, row % across * w :][:h, :w]
        out[i // cells * h :, i % cells * w :][: tile.shape[0], : tile.shape[1]] = tile
    drawn = io.BytesIO()
    Image.fromarray(out).save(drawn, "PNG", compress_level=3)
    return drawn.getvalue()


def cut_bookmarks(path: Path, rows: NDArray[np.int64], count: int, width: int) -> bytes:
    """The ready-made views of the given rows; row numbers within them are those of the cut tensor."""
    raw = path.read_bytes()
    try:
        states = json.loads(raw)
        if len(rows) == count:
            for state in states:
                if "dataSetDimensions" in state:
                    state["dataSetDimensions"] = [len(rows), width]
            return json.dumps(states, separators=(",", ":"), allow_nan=False).encode()
        place = {row: i for i, row in enumerate(rows.tolist())}
        return json.dumps([_cut_state(state, place, width) for state in states], separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as e:
        raise BadInput("PROJECTOR-BOOKMARKS", path, f"holds no bookmarks of {count:,} points ({e})", "Write the folder again.") from None


def _cut_state(state: dict[str, Any], place: dict[int, int], width: int) -> dict[str, Any]:
    shown = state.get("filteredPoints")
    points = dict(zip(shown, state["projections"], strict=False)) if shown else dict(enumerate(state["projections"]))
    kept = [row for row in (shown or place) if row in place and row in points]
    cut = {**state, "projections": [points[row] for row in kept], "dataSetDimensions": [len(place), width]}
    if shown:
        cut["filteredPoints"] = [place[row] for row in kept]
    for key in ("selectedPoints", "shuffledDataIndices"):
        if state.get(key):
            cut[key] = [place[row] for row in state[key] if row in place]
    return cut
