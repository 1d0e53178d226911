"""The stage that puts a run's Projector folder into one offline page, and the same for any other Projector folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fmnist_viz.core.errors import BadInput, OutputBusy, ResourceError
from fmnist_viz.core.progress import Progress
from fmnist_viz.pipeline.context import Context

PAGE = "projector.html"


def publish_page(ctx: Context, title: str) -> None:
    """`projector.html` beside `projector/`; where it cannot be made, the reason on screen and in the manifest, and no stale page."""
    from fmnist_viz.export.projector import CONFIG
    from fmnist_viz.export.projector.page import write_page

    out, source = ctx.folder.path / PAGE, ctx.folder.path / "projector"
    with ctx.timed("projector_page"):
        if not (source / CONFIG).is_file():
            out.unlink(missing_ok=True)
            ctx.folder.record("projector_page", {"skipped": "there is no Projector folder"})
            return
        try:
            facts = write_page(source, out, title=title)
        except (ResourceError, BadInput) as e:
            if e.code == "FV-DISK-FULL":
                raise
            out.unlink(missing_ok=True)
            ctx.progress.warn(f"no {PAGE}: {e.fact}")
            ctx.folder.record("projector_page", {"skipped": e.fact})
            return
    ctx.folder.record("projector_page", ctx.facts("projector_page", **facts))


def make_page(folder: Path, out: Path | None, *, title: str = "", overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """One offline page of a Projector folder made by whatever tool; by default `projector.html` beside the folder.

    Returns the facts of `write_page` with `path`. Raises OutputBusy where the file is there already and may not be replaced, and what `write_page` does.
    """
    from fmnist_viz.export.projector import CONFIG
    from fmnist_viz.export.projector.page import write_page

    if not (folder / CONFIG).is_file() and (folder / "projector" / CONFIG).is_file():
        folder = folder / "projector"  # a run folder
    out = out or Path(os.path.normpath(folder.absolute())).parent / PAGE
    if out.is_dir() or (out.exists() and not overwrite):
        remedy = "Choose another --out." if out.is_dir() else "Choose another --out, or add --overwrite."
        raise OutputBusy("OUT-TAKEN", out, "is a folder" if out.is_dir() else "is there already", remedy)
    facts = write_page(folder, out, title=title or Path(os.path.normpath(folder.absolute())).name)
    for line in facts["left_out"]:
        progress.say(line)
    return {"path": out, **facts}
