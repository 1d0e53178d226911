"""TensorBoard event files of a training: scalars, histograms, graph, a sample grid and a confusion matrix per epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (h, w, 3)


class Board(keras.callbacks.TensorBoard):
    """Keras's TensorBoard callback with pictures, through its own writers.

    TensorBoard follows one event file per folder at a time, so a second writer in `validation/` would hide the first one's data.
    `sample_grid()` is drawn once; `confusion(epoch)` after each epoch; both return a picture, or None for nothing to show.
    """

    def __init__(self, folder: Path, *, sample_grid: Callable[[], Picture | None], confusion: Callable[[int], Picture | None], validation: bool) -> None:
        super().__init__(str(folder), histogram_freq=1, write_graph=True, update_freq="epoch", profile_batch=0)
        self._sample_grid, self._confusion, self._validation = sample_grid, confusion, validation

    def _picture(self, writer: Any, tag: str, picture: Picture | None, step: int) -> None:
        import tensorflow as tf

        if picture is not None:
            with writer.as_default():
                tf.summary.image(tag, picture[None], step=step)

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        self._picture(self._train_writer, "sample_grid", self._sample_grid(), 0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        writer = self._val_writer if self._validation else self._train_writer
        self._picture(writer, "confusion_matrix", self._confusion(epoch), epoch)
        for open_writer in self._writers.values():
            open_writer.flush()
