"""One finished training as an event file of its own: a row of TensorBoard's HPARAMS tab, without the curves of a run."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping

from fmnist_viz.training.hparams import FINAL, Value, session_end, session_start

EVENTS = "events.out.tfevents.0.fmnist-viz"  # as TensorBoard looks for them; neither time nor machine in the name


def session_file(hparams: Mapping[str, Value], metrics: Mapping[str, float], *, succeeded: bool) -> bytes:
    """The content of an event file: settings, every metric as a scalar of step 0 whose tag begins with FINAL, and how it ended.

    TensorBoard takes the folder that holds it for the name of the session.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.metadata import create_summary_metadata
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    scalars = Summary()
    for name, value in metrics.items():
        about = create_summary_metadata(display_name="", description="")
        scalars.value.add(tag=FINAL + name, metadata=about, tensor=make_tensor_proto(float(value), dtype="float32"))
    out, now = io.BytesIO(), time.time()
    writer = RecordWriter(out)
    writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    for summary in (Summary.FromString(session_start(hparams)), scalars, Summary.FromString(session_end(succeeded=succeeded))):
        writer.write(Event(wall_time=now, step=0, summary=summary).SerializeToString())
    return out.getvalue()
