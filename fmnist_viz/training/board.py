"""TensorBoard event files of a training: scalars, histograms, graph, a sample grid and a confusion matrix per epoch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from fmnist_viz.training.hparams import FINAL, Value, final_metrics, session_end, session_start

Picture = NDArray[np.uint8]  # (h, w, 3)


class Board(keras.callbacks.TensorBoard):
    """Keras's TensorBoard callback with pictures, through its own writers.

    TensorBoard follows one event file per folder at a time, so a second writer in `validation/` would hide the first one's data.
    `sample_grid()` is drawn once; `confusion(epoch)` after each epoch; both return a picture, or None for nothing to show.
    `hparams` makes the training a row of the HPARAMS tab: the session lies in `train/`, and since TensorBoard looks for a session's metrics in its
    folder and below, the metrics of the last epoch, those of the validation too, are written there as `end/...`.
    """

    def __init__(
        self, folder: Path, *, sample_grid: Callable[[], Picture | None], confusion: Callable[[int], Picture | None], validation: bool,
        hparams: Mapping[str, Value] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(str(folder), histogram_freq=1, write_graph=True, update_freq="epoch", profile_batch=0)
        self._folder, self._sample_grid, self._confusion, self._validation = folder, sample_grid, confusion, validation
        self._hparams, self._last = hparams, dict[str, Any]()

    def _picture(self, writer: Any, tag: str, picture: Picture | None, step: int) -> None:
        import tensorflow as tf

        if picture is not None:
            with writer.as_default():
                tf.summary.image(tag, picture[None], step=step)

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        if self._hparams is not None:
            self._raw(session_start(self._hparams))
        self._graph()
        self._picture(self._train_writer, "sample_grid", self._sample_grid(), 0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._last = dict(logs or {})
        writer = self._val_writer if self._validation else self._train_writer
        self._picture(writer, "confusion_matrix", self._confusion(epoch), epoch)
        for open_writer in self._writers.values():
            open_writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        if self._hparams is not None:
            self._end_session()  # Keras closes the writers
        super().on_train_end(logs)
        for path in self._folder.glob("*/events.out.tfevents.*"):
            # TensorFlow puts the machine's name into the file's; a run folder is shared, a machine is not
            if found := re.fullmatch(rf"(events\.out\.tfevents\.\d+)\..*\.{os.getpid()}\.(\d+)\.v2", path.name):
                path.rename(path.with_name(f"{found[1]}.fmnist-viz.{found[2]}"))

    def _end_session(self) -> None:
        """The last epoch's metrics; a training whose loss stopped being a number has failed."""
        import tensorflow as tf

        metrics = final_metrics(self._last)
        with self._train_writer.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(FINAL + name, value, step=0)
        self._raw(session_end(succeeded="loss" in metrics))

    def _raw(self, summary: bytes) -> None:
        import tensorflow as tf

        with self._train_writer.as_default():
            tf.summary.experimental.write_raw_pb(summary, step=0)

    def _graph(self) -> None:
        """The graph of operations; Keras 3 itself writes only the one of layers."""
        import tensorflow as tf

        spec = tf.TensorSpec(self.model.inputs[0].shape, tf.float32)
        traced = tf.function(lambda x: self.model(x, training=False)).get_concrete_function(spec)
        with self._train_writer.as_default():
            tf.summary.graph(traced.graph)
