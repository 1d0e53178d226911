"""Where the snapshots of anyone's training go: a Projector run folder each, laid over the one before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.store import write_json
from fmnist_viz.core.types import Representation, RepresentationKind
from fmnist_viz.data.split import interleaved_rows
from fmnist_viz.pipeline.snapshots import ALLOWED, aligned_views, epoch_name
from fmnist_viz.pipeline.watched import UNLABELLED, Watched
from fmnist_viz.projection.align import EXACT_WIDTH, components, drift, laid_over

if TYPE_CHECKING:
    import pandas as pd

    from fmnist_viz.export.projector import ProjectorTensor, TensorForm, View
    from fmnist_viz.training.taps import Sight, Taps

FACTS = "snapshot.json"


class SnapshotFolder:
    """`publish` writes `<base>/epoch_001` ...; a later training gets `<base>-2`, since TensorBoard reads a configuration anew only where a run is new."""

    def __init__(self, base: Path, watched: Watched, *, views: Sequence[str], form: TensorForm) -> None:
        self._base, self._watched, self._views, self._form = base, watched, views, form
        self._names: tuple[str, ...] = ()
        self._forget()

    def _forget(self) -> None:
        self._path: Path | None = None
        self._before_epoch = -1
        self._before: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}  # layer -> (its components, where its map was put)

    def begin(self, sight: Sight) -> None:
        """Make ready for a training of the model that made `sight` of a few images. Raises BadInput where its outputs are other classes than the named ones."""
        self._forget()
        known = self._watched.shown.class_names
        outputs = 0 if sight.probabilities is None else sight.probabilities.shape[1]
        if self._watched.named and sight.classifies and outputs != len(known):
            raise BadInput("MODEL-OUTPUTS", "the model", f"has {outputs} outputs, there are {len(known)} class_names", "Give one name per output.")
        numbered = tuple(known[i] if i < len(known) and known != (UNLABELLED,) else str(i) for i in range(outputs))
        fit = outputs == len(known) or (sight.classifies and outputs > len(known))
        self._names = numbered if fit and self._watched.numbered else ()

    def publish(self, epoch: int, sight: Sight, taps: Taps) -> dict[str, Any]:
        """Write one snapshot, all or nothing; returns its facts."""
        from fmnist_viz.export.projector import projector_folder, write_projector

        images, first = self._watched.shown, self._path is None
        path = self._path or self._choose(epoch)
        tensors, placed, moved = [], {}, {}
        if first and "pixels" in taps.special:
            tensors.append(self._tensor("pixels", "pixels", self._watched.fed.reshape(len(images), -1).astype(np.float32), epoch, ()))
        for name, X in sight.layers.items():
            parts = _components(name, X)
            views, where = self._laid(name, parts, epoch)
            placed[name] = parts, where
            if name in self._before:
                moved[name] = drift(laid_over(self._before[name][0], parts), parts)
            kept = parts if X.shape[1] > EXACT_WIDTH and parts.shape[1] else X
            kind: RepresentationKind = "logits" if name == "logits" else "probabilities" if name == "probabilities" else "activation"
            tensors.append(self._tensor(name, kind, kept, epoch, views, raw_width=X.shape[1]))
        rows = interleaved_rows(images.labels, len(images), seed=0)
        with projector_folder(path / epoch_name(epoch)) as folder:
            written = write_projector(folder, samples=tensors, images=images, metadata=self._table(sight, epoch), rows=rows, form=self._form)
            facts = self._facts(written, moved, taps)
            write_json(folder / FACTS, {"epoch": epoch, **facts})
        self._path, self._before, self._before_epoch = path, placed, epoch
        return {"path": str(path / epoch_name(epoch)), **facts}

    def _choose(self, epoch: int) -> Path:
        """The base folder, or the first number after those that hold a training already; the newest of these where it ended before `epoch`."""
        newest, number = None, 1
        path = self._base
        while path.exists():
            newest, number = path, number + 1
            path = self._base.with_name(f"{self._base.name}-{number}")
        if newest is None:
            return path
        done = [int(facts.parent.name.removeprefix("epoch_")) for facts in newest.glob(f"epoch_*/{FACTS}")]
        return newest if done and epoch > max(done) else path

    def _laid(self, name: str, parts: NDArray[np.float32], epoch: int) -> tuple[tuple[View, ...], NDArray[np.float32]]:
        flat = np.pad(parts[:, :3], ((0, 0), (0, max(0, 3 - parts.shape[1]))))
        before = self._before.get(name)
        placed = laid_over(flat, before[1]) if before is not None else flat
        if "pca" not in self._views or not flat.any():
            return (), placed
        words = "its own axes" if before is None else f"laid over epoch {self._before_epoch}"
        return aligned_views(placed, self._watched.shown.sample_ids, f"epoch {epoch}, {words}"), placed

    def _tensor(self, name: str, kind: Any, X: NDArray[np.float32], epoch: int, views: Sequence[View], raw_width: int = 0) -> ProjectorTensor:
        from fmnist_viz.export.projector import ProjectorTensor

        reduced = {"reduction": "principal components", "components": X.shape[1]} if raw_width > X.shape[1] else {}
        vectors = Representation(X, self._watched.shown.sample_ids, name, kind, epoch=epoch, raw_width=raw_width, transform=reduced)
        return ProjectorTensor(vectors, tuple(views), title=f"{epoch_name(epoch)}_{name}")

    def _table(self, sight: Sight, epoch: int) -> pd.DataFrame:
        """label, predicted, correct, confidence, epoch, sample_id (the row as given); what is not known is left out."""
        import pandas as pd

        images = self._watched.shown
        labels = np.asarray(images.class_names, object)[images.labels]
        table: dict[str, Any] = {"label": labels}
        if self._names and sight.probabilities is not None:
            predicted = np.asarray(self._names, object)[sight.probabilities.argmax(axis=1)]
            table["predicted"] = predicted
            if images.class_names != (UNLABELLED,):
                table["correct"] = np.where(predicted == labels, "correct", "wrong")
            table["confidence"] = sight.probabilities.max(axis=1)
        return pd.DataFrame(table | {"epoch": epoch, "sample_id": images.sample_ids})

    def _facts(self, written: dict[str, Any], moved: dict[str, float], taps: Taps) -> dict[str, Any]:
        keys = ("name", "representation", "shape", "raw_width", "transform")
        return {
            "rows": written["rows"],
            "tensors": [{key: tensor[key] for key in keys} for tensor in written["tensors"]],
            "pooled": list(taps.pooled),
            "laid_over_epoch": self._before_epoch if self._before else None,
            "alignment": f"principal components by orthogonal Procrustes; {ALLOWED}",
            "drift": {name: round(value, 4) if np.isfinite(value) else None for name, value in moved.items()},
            "notes": list(self._watched.notes),
        }


def _components(name: str, X: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(X).all():
        raise BadInput("NOT-FINITE", f"layer {name}", "holds NaN or infinity", "Train with a lower learning rate.")
    return components(X)
