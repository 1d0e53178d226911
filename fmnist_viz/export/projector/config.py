"""Names, the configuration text and the event file that make TensorBoard find a Projector folder."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fmnist_viz.core.store import write_file

CONFIG = "projector_config.pbtxt"
MAX_NAME = 60  # characters after the number


@dataclass(frozen=True)
class Entry:
    """One tensor of the configuration; all files lie beside the configuration and are given by name alone. Without `tensor` it is a checkpoint's variable."""

    name: str
    shape: tuple[int, int]
    tensor: str
    metadata: str
    bookmarks: str = ""
    sprite: str = ""
    thumb: int = 0  # px, side of one thumbnail


def tensor_name(prefix: str, number: int, count: int, title: str) -> str:
    """``01_conv2d`` or ``w01_conv2d_kernel``: sorts as numbered, and holds only what the page may put into a URL unescaped.

    The number alone makes it unique, also where file names ignore case; so it needs no digest, as `slug` gives, and reads well.
    """
    digits = max(2, len(str(count)))
    word = re.sub(r"[^A-Za-z0-9_.-]+", "_", title).strip("_.-")[:MAX_NAME].strip("_.-")
    return f"{prefix}{number:0{digits}d}_{word or 'tensor'}"


def config_text(entries: Sequence[Entry]) -> str:
    """The configuration as protocol-buffer text."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = ProjectorConfig()
    for entry in entries:
        item = config.embeddings.add(tensor_name=entry.name, tensor_shape=entry.shape, metadata_path=entry.metadata)
        if entry.tensor:
            item.tensor_path = entry.tensor
        if entry.bookmarks:
            item.bookmarks_path = entry.bookmarks
        if entry.sprite:
            item.sprite.image_path = entry.sprite
            item.sprite.single_image_dim.extend([entry.thumb, entry.thumb])
    return str(text_format.MessageToString(config))


def write_event_file(folder: Path) -> Path:
    """An event file with nothing but its version record: what makes the folder a run that TensorBoard lists.

    TensorFlow's own writers put the computer's name into the file name; this one does not.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    now = time.time()
    path = folder / f"events.out.tfevents.{int(now):010d}.fmnist-viz"

    def pour(f: IO[bytes]) -> Any:
        RecordWriter(f).write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())

    write_file(path, pour)
    return path
