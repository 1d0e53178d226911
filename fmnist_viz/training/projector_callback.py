"""The callback that looks at the same images before training and after epochs, and hands what it saw to a writer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import keras
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput, VizError
from fmnist_viz.training.taps import PROBED, Sight, Taps

Publish = Callable[[int, Sight, Taps], dict[str, Any]]


class SnapshotCallback(keras.callbacks.Callback):
    """Hands `publish(epoch, sight, taps)` what the model makes of `images` before training (epoch 0) and after each `every`-th and the last epoch.

    What is asked wrongly (a layer that is not there) raises before the first step. Nothing raises later: what cannot be looked at or written is
    told `report` in one line, once, and the training goes on. The model is called in inference mode; weights and random states stay as they are.
    """

    def __init__(self, images: NDArray[Any], layers: str, *, every: int, pool: str, publish: Publish, report: Callable[[str], None]) -> None:
        super().__init__()
        self._images, self._layers, self._every, self._pool = images, layers, every, pool
        self._publish, self._report = publish, report
        self._taps: Taps | None = None
        self._failures, self._started = 0, False
        self.snapshots: list[dict[str, Any]] = []  # epoch, path, seconds (of which look_seconds the model's) ... of each one written

    def on_train_begin(self, logs: Any = None) -> None:
        self._failures, self._started = 0, False
        self._check_shape()
        if not self.model.built:
            self.model(self._images[:1], training=False)
        self._taps = Taps(self.model, self._images, self._layers, self._pool)
        self.begin(self._taps(self._images[:PROBED]))

    def _check_shape(self) -> None:
        """Raises BadInput where the images cannot be what the model takes; Keras itself adds and drops an axis of length one."""
        inputs = getattr(self.model, "inputs", None) if self.model.built else None
        wanted = tuple(inputs[0].shape[1:]) if inputs else (None,)
        given = tuple(self._images.shape[1:])
        if None not in wanted and math.prod(wanted) != math.prod(given):
            raise BadInput("SNAPSHOT-SHAPE", "images", f"{given} each, the model takes {wanted}", "Give ProjectorCallback what the model is trained on.")

    def begin(self, sight: Sight) -> None:
        """Called before every training with what the model makes of the first few images; may raise, nothing has begun."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not self._started and epoch == 0:
            self._take(0)
        self._started = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        last = epoch + 1 == (self.params or {}).get("epochs") or bool(self.model.stop_training)
        if (epoch + 1) % self._every == 0 or last:
            self._take(epoch + 1)

    def on_train_end(self, logs: Any = None) -> None:
        if self._failures > 1:
            self._report(f"{self._failures} snapshots were not written")

    def _take(self, epoch: int) -> None:
        assert self._taps is not None
        start = time.perf_counter()
        try:
            sight = self._taps(self._images)
            looked = time.perf_counter() - start
            facts = self._publish(epoch, sight, self._taps)
        except Exception as e:  # noqa: BLE001 - a picture of a training is never worth the training
            self._failures += 1
            if self._failures == 1:
                said = f"{e.subject}: {e.fact}" if isinstance(e, VizError) else f"{type(e).__name__}: {e}"
                self._report(f"the snapshot of epoch {epoch} was not written: {' '.join(said.split())}. The training goes on.")
            return
        self.snapshots.append({"epoch": epoch, **facts, "look_seconds": round(looked, 3), "seconds": round(time.perf_counter() - start, 3)})
