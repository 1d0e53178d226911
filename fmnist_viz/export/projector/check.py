"""What TensorBoard's server and page would stumble over, asked of a Projector folder before they see it.

One bad configuration takes the Projector down for every run of a log folder until the server is started again, so the
folder is judged by the rules of both sides (`doctor.rules`) before its configuration is written.
"""

from __future__ import annotations

from pathlib import Path

from fmnist_viz.export.projector.config import CONFIG
from fmnist_viz.export.projector.doctor.examine import examine_folder
from fmnist_viz.export.projector.doctor.runs import has_record
from fmnist_viz.export.projector.doctor.tensor import MAX_POINTS

__all__ = ["MAX_POINTS", "check_folder"]


def check_folder(folder: Path, *, config: str | None = None) -> list[str]:
    """Every strict rule that the folder breaks, in words; empty where TensorBoard will show it as it is meant.

    `config` is the text that is about to be written; None reads the folder's own.
    """
    try:
        raw = (folder / CONFIG).read_bytes() if config is None else config.encode()
    except OSError as e:
        return [f"{CONFIG}: cannot be read ({e})"]
    seen = config is not None or any(has_record(path) for path in folder.glob("*tfevents*"))
    found = [] if seen else ["no event file with a record: TensorBoard would not see the folder"]
    for finding in examine_folder(folder, raw):
        if finding.strict:
            found.append(f"{finding.tensor + ': ' if finding.tensor else ''}{finding.file}: {finding.fact}")
    return found
