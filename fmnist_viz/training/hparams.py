"""What TensorBoard's HPARAMS tab shows of a training: its settings, how it ended and with which metrics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

Value = bool | int | float | str
FINAL = "end/"  # in the folder of the session, where TensorBoard looks for its metrics; a name before "epoch_": the tab shows the first five by default


def hyperparameters(*configs: Any, **more: Value) -> dict[str, Value]:
    """Every field of the given dataclasses by its name, and `more`, which wins; the order is kept. What is no bool, number or text is left out."""
    values = {f.name: getattr(config, f.name) for config in configs for f in dataclasses.fields(config)} | more
    return {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}


def session_start(hparams: Mapping[str, Value]) -> bytes:
    """The serialised summary that opens a session; sessions of equal settings are one group of rows.

    Numbers that are not finite become text: the answers of the tab's backend are JSON, which knows none.
    """
    from tensorboard.plugins.hparams import summary_v2

    told = {name: str(value) if isinstance(value, float) and not math.isfinite(value) else value for name, value in hparams.items()}
    return bytes(summary_v2.hparams_pb(told).SerializeToString())


def session_end(*, succeeded: bool) -> bytes:
    """The serialised summary that closes a session as a success or a failure."""
    from tensorboard.plugins.hparams import api_pb2, summary

    status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
    return bytes(summary.session_end_pb(status).SerializeToString())


def final_metrics(logs: Mapping[str, Any]) -> dict[str, float]:
    """The finite accuracies and losses of the last epoch, by name ("accuracy", "loss", "val_accuracy", "val_loss")."""
    known = ("accuracy", "loss", "val_accuracy", "val_loss")
    return {name: float(logs[name]) for name in known if name in logs and math.isfinite(float(logs[name]))}
