"""Dossiers of pairs of classes and cards of classes: the run's parts joined, training images and pixel evidence out of the cache."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.analysis.axis import leading_pairs
from fmnist_viz.analysis.class_cards import class_cards
from fmnist_viz.analysis.class_pairs import PairRung
from fmnist_viz.analysis.dossier import Direction, Dossier, NearestRight, direction, fisher, means_of
from fmnist_viz.analysis.dossier_axis import pair_axis
from fmnist_viz.analysis.dossier_epochs import pair_epochs
from fmnist_viz.analysis.dossier_evidence import MOST, SHARE, Evidence, background, spaced
from fmnist_viz.analysis.dossier_places import NEAR, Place, near_on_map, place
from fmnist_viz.core.progress import Silent
from fmnist_viz.core.types import LabeledImages, Predictions
from fmnist_viz.features.shards import LayerFeatures, load_array, save_array
from fmnist_viz.pipeline.config import code_digest, versions
from fmnist_viz.pipeline.context import Context
from fmnist_viz.pipeline.predict import nearest_images, neighbor_space

if TYPE_CHECKING:
    from fmnist_viz.pipeline.features import ModelFile, Seen
    from fmnist_viz.pipeline.shown import Shown

NEIGHBORS, PICTURED, PICTURES = 3, 60, 2  # nearest of each class; mistakes of a direction whose neighbours' pixels are kept, and of how many of them
MOST_PIXELS = 64 * 64  # of an image, above which fewer mistakes are asked for evidence
Near = Callable[[str, NDArray[np.int64]], NDArray[np.int64]]


@dataclass(frozen=True)
class Pool:
    """Images that the model gets right, among which neighbours are sought: X float32 (N, d) of them, `queries` (n, d) of all mapped images."""

    images: LabeledImages
    X: NDArray[np.float32]
    queries: NDArray[np.float32]
    space: str
    words: str
    training: bool


@dataclass(frozen=True)
class Material:
    """What one run's dossiers are made from; what is missing is None or empty.

    near(representation, rows) gives their nearest rows, int (m, k);  maps : representation -> method -> float32 (n, 2)
    recordings : (epochs, logits float32 (e, n, classes), labels) of the probe;  suspects : sample id -> reason, None: not searched
    """

    images: LabeledImages
    predictions: Predictions
    layer: str
    X: NDArray[np.float32] | None
    pool: Pool | None
    near: Near
    representations: tuple[str, ...]
    maps: Mapping[str, Mapping[str, NDArray[np.float32]]]
    rungs: Mapping[tuple[int, int], PairRung]
    recordings: tuple[list[int], NDArray[np.float32], NDArray[np.int64]] | None
    seed: int
    evidence_note: str = ""
    suspects: Mapping[str, str] | None = field(default=None)


def with_dossiers(ctx: Context, shown: Shown, model: ModelFile | None) -> Shown:
    """`shown` with a dossier of each leading pair and a card for each class; unchanged where there are no predictions."""
    if shown.confusion is None or shown.seen.predictions is None:
        return shown
    pairs = [pair[:2] for pair in leading_pairs(shown.confusion, ctx.config.dossier.dossiers)]
    with ctx.timed("dossiers"):
        if pairs:
            ctx.progress.say(f"dossiers of {len(pairs)} pair{'s' * (len(pairs) > 1)} of classes")
        layer, X = last_hidden(shown.seen)
        maps = {name: {m: p.coords[:, :2] for m, p in found.items() if not p.note} for name, found in shown.maps.items()}
        cards = class_cards(shown.seen.predictions, X, {f"{r} {m}": xy for r, found in maps.items() for m, xy in found.items()}, layer=layer)
        made: tuple[Dossier, ...] = ()
        if pairs:
            suspects = shown.issues.suspects if shown.issues else None
            probe = ctx.folder.path / "probe"
            made = dossiers(ctx, gather(ctx, shown.images, shown.seen, model, shown.near, maps, _rungs(shown), probe, suspects), model, pairs)
    return dataclasses.replace(shown, dossiers=made, cards=cards)


def gather(
    ctx: Context, images: LabeledImages, seen: Seen, model: ModelFile | None, near: Mapping[str, NDArray[Any]] | Near,
    maps: Mapping[str, Mapping[str, NDArray[np.float32]]], rungs: Mapping[tuple[int, int], PairRung], probe: Path,
    suspects: Mapping[str, str] | None = None,
) -> Material:  # fmt: skip
    """Join what is known of the mapped images; `near` holds (n, k) neighbours by representation, or finds them."""
    assert seen.predictions is not None
    layer, X = last_hidden(seen)
    if callable(near):
        find: Near = near
        known = tuple(seen.sources)
    else:
        table = near
        known, find = tuple(table), lambda name, rows: table[name][rows, :NEAR].astype(np.int64)
    note = _no_evidence(ctx, images, model)
    pool = _pool(ctx, images, seen, model, layer, X)
    return Material(images, seen.predictions, layer, X, pool, find, known, maps, rungs, recordings(probe), ctx.seed, note, suspects)


def dossiers(ctx: Context, material: Material, model: ModelFile | None, pairs: Sequence[tuple[int, int]]) -> tuple[Dossier, ...]:
    """A dossier for each pair (a, b), a < b."""
    ways = [tuple(direction(material.predictions, *pair) for pair in ((a, b), (b, a))) for a, b in pairs]
    evidence: dict[tuple[int, int], Evidence] = {}
    if model is not None and not material.evidence_note:
        evidence = _evidence(ctx, model, material.images, [one for both in ways for one in both])
    return tuple(_dossier(material, (both[0], both[1]), evidence) for both in ways)


def _dossier(m: Material, both: tuple[Direction, Direction], evidence: Mapping[tuple[int, int], Evidence]) -> Dossier:
    a, b = both[0].true, both[0].predicted
    labels = m.images.labels
    rows = np.concatenate([d.rows for d in both])
    suspects = None if m.suspects is None else {name: why for name, why in m.suspects.items() if name in set(m.images.sample_ids[rows].tolist())}
    return Dossier(
        a, b, m.images.class_names, m.images.sample_ids, both, fisher(both), means_of(m.images, both),
        nearest=(_nearest(m.pool, both[0]), _nearest(m.pool, both[1])),
        axis=None if m.X is None else pair_axis(m.X, labels, a, b, layer=m.layer, seed=m.seed),
        rung=m.rungs.get((a, b)),
        epochs=None if m.recordings is None else pair_epochs(m.recordings[0], m.recordings[1], m.recordings[2], a, b),
        places=_places(m, both), evidence=(evidence.get((a, b)), evidence.get((b, a))), evidence_note=m.evidence_note, suspects=suspects,
        layer=m.layer, seed=m.seed,
    )  # fmt: skip


def last_hidden(seen: Seen) -> tuple[str, NDArray[np.float32] | None]:
    """The last mapped representation before the outputs, and its vectors as they are kept; the pixels where there is no other."""
    names = [name for name in seen.sources if name not in ("logits", "probabilities")]
    layer = seen.penultimate if seen.penultimate in names else names[-1] if names else ""
    if not layer:
        return "", None
    X = seen.sources[layer].representation.X
    return (layer, X) if np.isfinite(X).all() else (layer, None)


def _rungs(shown: Shown) -> dict[tuple[int, int], PairRung]:
    return {(rung.a, rung.b): rung for rung in shown.ladder.numbers.pairs} if shown.ladder is not None else {}


def recordings(folder: Path) -> tuple[list[int], NDArray[np.float32], NDArray[np.int64]] | None:
    """The probe's logits after every epoch of a run's `probe` folder; None where there are none."""
    found = sorted(folder.glob("epoch_*.npz"))
    if not (folder / "probe.npz").is_file() or not found:
        return None
    with np.load(folder / "probe.npz", allow_pickle=False) as stored:
        labels = stored["labels"].astype(np.int64)
    logits = []
    for path in found:
        with np.load(path, allow_pickle=False) as stored:
            logits.append(stored["logits"])
    return [int(path.stem.partition("_")[2]) for path in found], np.stack(logits), labels


def _places(m: Material, both: tuple[Direction, Direction]) -> tuple[tuple[Place, Place], ...]:
    """In every representation and on every map of it."""
    labels, out = m.images.labels, []
    for name in dict.fromkeys([*m.representations, *m.maps]):
        spaces: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {}
        if name in m.representations:
            spaces[""] = lambda rows, name=name: m.near(name, rows)  # type: ignore[misc]
        for method, xy in m.maps.get(name, {}).items():
            spaces[method] = lambda rows, xy=xy: near_on_map(xy, rows)  # type: ignore[misc]
        for method, near in spaces.items():
            made = [place(near(d.rows), labels, d.true, d.predicted, representation=name, method=method) for d in both]
            out.append((made[0], made[1]))
    return tuple(out)


def _pool(ctx: Context, images: LabeledImages, seen: Seen, model: ModelFile | None, layer: str, X: NDArray[np.float32] | None) -> Pool | None:
    """Training images that the model gets right, in the last hidden layer (the logits where that is stored reduced); else other mapped images."""
    from fmnist_viz.pipeline.features import layer_features, model_layers, pixel_scale

    train = ctx.data.train
    assert seen.predictions is not None
    if model is not None and train is not None and ctx.base is None and seen.logits is not None:
        space, layers = neighbor_space(seen.table, ctx.config.features.pool)
        name = layers[0].name if layers else "logits"
        if name == "logits" or name == layer:
            quiet = dataclasses.replace(ctx, progress=Silent())
            scale = pixel_scale(quiet, rescales=model_layers(ctx.cache, model, images).rescales)
            stored = layer_features(ctx, model, train, ctx.digests["train"], layers, outputs=True, task=f"{name} of the training images", scale=scale)
            own = seen.logits if name == "logits" else X
            rows = np.flatnonzero(LayerFeatures(stored["logits"].path).vectors().argmax(axis=1) == train.labels)
            if own is not None and len(rows):
                return Pool(
                    train.take(rows),
                    LayerFeatures(stored[name].path).vectors()[rows],
                    own,
                    space,
                    f"{len(rows):,} training images that the model gets right",
                    True,
                )
    if X is None:
        return None
    rows = np.flatnonzero(seen.predictions.correct)
    why = "training images are not at hand" if train is None or ctx.base is not None or model is None else "training images were not looked at in this layer"
    return Pool(images.take(rows), X[rows], X, f"{layer} (Euclidean)", f"{len(rows):,} other mapped images that the model gets right ({why})", False)


def _nearest(pool: Pool | None, d: Direction) -> NearestRight | None:
    if pool is None or not d.count:
        return None
    shown = spaced(np.arange(d.count), PICTURED)
    found: dict[str, Any] = {}
    for name, c in (("true", d.true), ("predicted", d.predicted)):
        rows = np.flatnonzero(pool.images.labels == c)
        k = min(NEIGHBORS, len(rows))
        if not k:
            shape = pool.images.images.shape[1:]
            found |= {
                f"ids_{name}": np.zeros((d.count, 0), np.str_),
                f"distances_{name}": np.zeros((d.count, 0)),
                f"pictures_{name}": np.zeros((len(shown), 0, *shape), np.uint8),
            }
            continue
        near = nearest_images(pool.queries[d.rows], pool.X[rows], pool.images.take(rows), k, pool.space)
        found |= {f"ids_{name}": near.ids, f"distances_{name}": near.distances.astype(np.float64), f"pictures_{name}": near.images[shown, :PICTURES]}
    return NearestRight(**found, pictured=shown, space=pool.space, pool=pool.words, training=pool.training)


def _no_evidence(ctx: Context, images: LabeledImages, model: ModelFile | None) -> str:
    """Why the model is not asked about pixels, or an empty string."""
    if model is None:
        return "There is no model to ask what in the pixels speaks for the mistakes."
    if ctx.base is not None:
        return "What in the pixels speaks for the mistakes was not asked: gradients through the frozen base would take minutes."
    return "" if images.pictured else "There are no pixels to ask about."


def _evidence(ctx: Context, model: ModelFile, images: LabeledImages, ways: Sequence[Direction]) -> dict[tuple[int, int], Evidence]:
    """Pixel evidence of every direction that has mistakes, in one cache entry."""
    from fmnist_viz.pipeline.features import model_layers, pixel_scale

    h, w = images.images.shape[1:3]
    most = MOST if h * w <= MOST_PIXELS else max(10, MOST * MOST_PIXELS // (h * w))
    asked = {(d.true, d.predicted): spaced(d.rows, most) for d in ways if d.count}
    if not asked:
        return {}
    rows = np.concatenate(list(asked.values()))
    ends = np.array([pair for pair, own in asked.items() for _ in own], np.int64)
    scale = pixel_scale(dataclasses.replace(ctx, progress=Silent()), rescales=model_layers(ctx.cache, model, images).rescales)
    fill = background(images.images)

    def make(temp: Path) -> None:
        from fmnist_viz.features.evidence import pixel_evidence

        found = pixel_evidence(model.model, images.images[rows], ends[:, 0], ends[:, 1], background=fill, share=SHARE, scale=scale, seed=ctx.seed)
        for f in dataclasses.fields(found):
            save_array(temp / f"{f.name}.npy", getattr(found, f.name))

    key = {
        "code": code_digest(("core", "models", "features")), "model": model.sha256, "images": hashlib.sha256(images.images[rows].tobytes()).hexdigest(),
        "ends": hashlib.sha256(ends.tobytes()).hexdigest(), "fill": fill.tolist(), "share": SHARE, "scale": scale, "seed": ctx.seed,
        "threads": ctx.threads, "versions": versions("tensorflow", "keras", "numpy"),
    }  # fmt: skip
    where = ctx.cache.fetch("evidence", key, make).path
    attribution, strongest, random, covered = (
        load_array(where / f"{name}.npy").astype(np.float64) for name in ("attribution", "strongest", "random", "covered")
    )
    out, start = {}, 0
    for pair, own in asked.items():
        some = slice(start, start + len(own))
        start += len(own)
        out[pair] = Evidence(
            own, attribution[some].mean(axis=0), attribution[some].sum(axis=(1, 2)), int(covered[some].max()), strongest[some], random[some]
        )  # fmt: skip
    return out
