"""`transform`: further images on a finished run's maps, each with how well it fits."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import BadInput, Damaged, unknown_choice
from fmnist_viz.core.intervals import wilson
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.runner import InlineRunner
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.threads import set_threads, usable_cores
from fmnist_viz.core.types import LabeledImages, Projection
from fmnist_viz.display.placed import PlacedDisplay
from fmnist_viz.export.slug import slug
from fmnist_viz.neighbors import exact_neighbors
from fmnist_viz.pipeline.compared_layers import data_of, images_of
from fmnist_viz.pipeline.config import VERSION, code_digest, read_run_config
from fmnist_viz.pipeline.context import Context, scratch_folder
from fmnist_viz.pipeline.finished import FinishedRun, checked, open_runs
from fmnist_viz.pipeline.folder import RunFolder, check_replaceable
from fmnist_viz.pipeline.newcomers import Choice, Newcomers, newcomers
from fmnist_viz.pipeline.placed import Placed, checked_rows, csv_text
from fmnist_viz.pipeline.run_layers import OUTPUTS, run_vectors
from fmnist_viz.projection.transform import FIT_NAMES, Ground, Placement, nearest_of, place
from fmnist_viz.projection.yardstick import K
from fmnist_viz.reduce import unit_rows

if TYPE_CHECKING:
    import pandas as pd

KIND = "transform"


@dataclass(frozen=True)
class Transformed:
    """New images on a run's maps: `placed` by (layer, method). `frame` holds every point of every map."""

    run: FinishedRun
    placed: dict[tuple[str, str], Placed]
    warnings: tuple[str, ...]
    digest: str

    def frame(self) -> pd.DataFrame:
        """A row per point and map: layer, method, and the columns of `Placed.frame`."""
        import pandas as pd

        return pd.concat([made.frame().assign(layer=layer, method=method) for (layer, method), made in self.placed.items()], ignore_index=True)

    def findings(self) -> list[str]:
        """A sentence per map, and where the model was asked how often it is right among those that fit and those that do not."""
        out = []
        for (layer, method), made in self.placed.items():
            out.append(f"{layer}, {method}: {made.reading}")
            out += [f"{layer}, {method}, {line}" for line in accuracy_lines(made.frame())]
        frame = next(iter(self.placed.values())).frame()
        if "predicted_here" in frame.columns and (asked := int((here := frame["predicted_here"] != "").sum())):
            wrong = int((frame["predicted_here"] != frame["class"])[here].sum())
            low, high = (100 * float(end) for end in wilson(wrong, asked))
            out.append(f"this run gets {wrong:,} of those {asked:,} wrong, too ({100 * wrong / asked:.1f} %, 95 % interval {low:.1f}–{high:.1f})")
        return out


def accuracy_lines(frame: pd.DataFrame) -> list[str]:
    """How often the model is right, by fit, with Wilson intervals; empty where it was not asked or no class is known."""
    if "correct" not in frame.columns:
        return []
    out = []
    known = frame[frame["label"] >= 0]
    for name in FIT_NAMES:
        part = known[known["fit"] == name]
        if n := len(part):
            right = int(part["correct"].astype(bool).sum())
            low, high = (100 * float(end) for end in wilson(right, n))
            out.append(f"{name}: the model is right on {100 * right / n:.1f} % of {n:,} (95 % interval {low:.1f}–{high:.1f})")
    return out


def transform(
    run: str | Path,
    *,
    split: str = "",
    points: int = 0,
    images: Sequence[str | Path] = (),
    errors_of: str | Path | None = None,
    layer: str = "",
    methods: str = "",
    invert: bool = False,
    seed: int = 0,
    trust_model: bool = False,
    cache_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Transformed:
    """Put further images onto the flat maps of a finished run. The maps do not move; nothing is written but the cache.

    Parameters
    ----------
    split, points, seed : another split of the run's data ("train", "test", "all"), of it a stratified sample; images on the map already are left out
    images : picture files and folders of them, brought to the run's size as `predict` does; a folder named like a class gives the class
    errors_of : another run, whose wrong images are marked where they are on the map, and placed where they are not
    layer : names separated by commas; by default the run's last hidden layer;  methods : of the run's, by default all

    Raises
    ------
    UsageError for unknown names; BadInput where there is no such run, its data has changed, or its layer cannot take new images.
    """
    progress = progress or Silent()
    paths = (images,) if isinstance(images, (str, Path)) else images
    choice = Choice(split, tuple(Path(path) for path in paths), Path(errors_of) if errors_of else None, points, invert)
    (found,) = open_runs([Path(run)])
    names = _layers(found, layer)
    wanted = _methods(found, names, methods)
    config = read_run_config(checked(found, "config.toml").parent, found.about["kind"])
    data = data_of(found)
    own = images_of(found, data)
    new = newcomers(choice, found, data, own, seed=seed)
    for line in new.warnings:
        progress.warn(line)
    cache = Cache(Path(cache_dir or default_cache_dir()).absolute(), report=progress.warn)
    threads = set_threads(min(config.compute.threads, usable_cores()))
    marked = f"{len(new.rows):,} images marked, " if len(new.rows) else ""
    progress.say(f"maps of {', '.join(names)}: {marked}{len(new.images):,} images to be placed among {len(own):,}")
    with scratch_folder(cache) as scratch:
        ctx = Context(config, data, {}, cache, RunFolder(found.path), InlineRunner(), progress, threads, scratch)
        vectors = run_vectors(ctx, found, own, new.images, names, trust=trust_model) if len(new.images) else None
    placed: dict[tuple[str, str], Placed] = {}
    for name in names:
        grounds = None if vectors is None else _near(vectors.own[name], vectors.others[name], metric=config.maps.metric)
        for method in wanted[name]:
            projection = _projection(found, name, method, own)
            more = {**new.more, **(_asked(vectors.proba, new) if vectors is not None and vectors.proba is not None and not len(new.rows) else {})}
            placed[name, method] = _placed(projection, own, new, grounds, more)
    key = digest([found.about.get("digest", ""), list(placed), new.images.digest(), new.rows.tolist(), new.what])
    return Transformed(found, placed, tuple(found.about.get("warnings", ())), key)


Near = tuple[NDArray[np.float32], Ground, Any]


def _near(own: NDArray[np.float32], others: NDArray[np.float32], *, metric: str) -> Near:
    """The new rows, the ground and their neighbours, in the metric of the maps: rows of length zero among the run's own make it euclidean."""
    X = np.ascontiguousarray(checked_rows(np.asarray(others), own.shape[1]))
    own = np.ascontiguousarray(own)
    if metric == "cosine" and own.any(axis=1).all():
        X, own = unit_rows(X), unit_rows(own)
    ground = Ground(own, exact_neighbors(own, min(K, len(own) - 1)))
    return X, ground, nearest_of(X, ground)


def _placed(projection: Projection, own: LabeledImages, new: Newcomers, near: Near | None, more: dict[str, Any]) -> Placed:
    """The marked points of the map's own, then the new ones."""
    coords, r = projection.coords, len(new.rows)
    marked = coords[new.rows]
    if near is None:
        k = np.zeros((r, 1), np.int32)
        none = np.zeros(r, np.float32)
        placement = Placement(marked, k, none, none, np.ones(r), np.ones(r), np.ones(r, bool), len(coords))
    else:
        p = place(*near, coords, projection.method)

        def joined(first: Any, second: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([np.full((r, *second.shape[1:]), first, second.dtype), second])

        placement = Placement(
            np.concatenate([marked, p.coords]), joined(0, p.near), joined(0, p.distance), joined(0, p.spread), joined(1, p.p_far), joined(1, p.p_spread),
            joined(True, p.copy), p.n,
        )  # fmt: skip
    is_own = np.arange(len(placement.coords)) < r
    ids = np.concatenate([own.sample_ids[new.rows], new.images.sample_ids])
    labels = np.concatenate([own.labels[new.rows], new.labels])
    return Placed(PlacedDisplay(projection, np.array(own.labels), own.class_names, placement, ids, labels, is_own, more, new.what))


def _asked(proba: NDArray[np.float32], new: Newcomers) -> dict[str, Any]:
    """What the run's model says of the new images."""
    names, said = np.array(new.images.class_names, dtype=object), proba.argmax(axis=1)
    found: dict[str, Any] = {"predicted": names[said], "confidence": proba.max(axis=1)}
    return found | ({"correct": said == new.labels} if (new.labels >= 0).any() else {})


def _layers(run: FinishedRun, text: str) -> list[str]:
    """The layers named, or the last that is no output. Raises UsageError with the list for an unknown one."""
    maps = run.manifest.stages.get("maps", {}).get("maps", {})
    allowed = [name for name in run.representations if name in maps]
    if not allowed:
        raise BadInput("NO-LAYERS", run.path, "holds no maps of layers", "Make them with fmnist-viz train-and-export, or fmnist-viz export.")
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in named:
        if name not in allowed:
            raise unknown_choice("layer", name, allowed)
    return named or [next((name for name in reversed(allowed) if name not in OUTPUTS), allowed[-1])]


def _methods(run: FinishedRun, names: Sequence[str], text: str) -> dict[str, list[str]]:
    """Layer -> its maps that are wanted and have points. Raises UsageError for one that the run has not, BadInput where no map has points."""
    maps = run.manifest.stages["maps"]["maps"]
    named = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    found = {}
    for name in names:
        for method in named:
            if method not in maps[name]:
                raise unknown_choice("method", method, maps[name])
        found[name] = [method for method in named or maps[name] if not maps[name][method]["note"]]
        if not found[name]:
            why = next(iter(maps[name].values()))["note"]
            raise BadInput("NO-MAP", run.path, f"there is no map of {name} to place images on: {why}", "Take another --layer.")
    return found


def _projection(run: FinishedRun, name: str, method: str, own: LabeledImages) -> Projection:
    """A map as the run's folder holds it."""
    facts = run.manifest.stages["maps"]["maps"][name][method]
    path = checked(run, f"projections/{slug(name)}_{method}.csv")
    with open(path, newline="", encoding="utf-8") as f:
        head, *rows = csv.reader(f)
    columns = dict(zip(head, zip(*rows, strict=True), strict=True))
    if list(columns["sample_id"]) != own.sample_ids.tolist():
        raise Damaged("OTHER-IMAGES", path, "is of other images than the run's data now holds", "Make the run again.")
    coords = np.array([columns[axis] for axis in "xyz" if axis in columns], np.float32).T
    seed = int(run.config_values().get("seed", 0))
    return Projection(np.ascontiguousarray(coords), own.sample_ids, name, method, facts["parameters"], seed, facts["scores"], facts["note"])


def write_transformed(made: Transformed, folder: Path, line: str) -> Manifest:
    """`<layer>_<method>.png`, `.svg` and `.csv` of every map, and a manifest, as one folder, all or nothing.

    Raises OutputBusy where the folder holds anything but an earlier one of these.
    """
    from fmnist_viz.export.figures import save

    check_target(folder)
    manifest = Manifest({
        "digest": made.digest, "command": line, "kind": KIND, "finished": True, "version": VERSION, "code": code_digest(), "warnings": list(made.warnings),
        "run": {"name": made.run.name, "digest": made.run.about.get("digest", ""), "data_sha256": made.run.data_sha256}, "findings": made.findings(),
    })  # fmt: skip
    with staged_folder(folder) as temp:
        for (layer, method), placed in made.placed.items():
            stem = f"{slug(layer)}_{method}"
            write_file(temp / f"{stem}.csv", csv_text(placed.frame()))
            save(placed.display.plot(stamp=made.warnings, prefix=f"Run {made.run.name}"), temp / stem)
        facts = [{"representation": layer, "method": method, "counts": placed.display.counts()} for (layer, method), placed in made.placed.items()]
        manifest.record(temp, KIND, sorted(temp.iterdir()), {"maps": facts})
    return manifest


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no `transform` has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "transform")
