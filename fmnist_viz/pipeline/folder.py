"""A run folder: who may write into it, what is published into it, when it is finished."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fmnist_viz.core.errors import BadInput, Damaged, OutputBusy
from fmnist_viz.core.manifest import NAME, Manifest
from fmnist_viz.core.store import LOCK, STAGING, folder_lock, staged_file, staged_folder

# what each stage publishes; a folder belongs to its stage as a whole
STAGES: dict[str, tuple[str, ...]] = {
    "config": ("config.toml",),
    "training": ("model.keras", "history.csv", "dead_units.csv", "probe", "train", "validation"),
    "snapshots": ("projector_epochs",),
    "features": ("predictions.csv",),
    "maps": ("projections",),
    "tables": ("tables",),
    "figures": ("figures",),
    "projector": ("projector",),
    "projector_page": ("projector.html",),
    "report": ("report.html",),
}


class RunFolder:
    """Open it with `with RunFolder(path).open(digest=..., overwrite=...)`; then publish stage by stage."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = Manifest()

    def finished(self, digest: str) -> Manifest | None:
        """The manifest of a finished run of exactly this configuration, or None. Does not check the files."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, Damaged):
            manifest = Manifest.load(self.path)
            if manifest.about.get("digest") == digest and manifest.about.get("finished"):
                return manifest
        return None

    @contextlib.contextmanager
    def open(self, *, digest: str, overwrite: bool) -> Iterator[RunFolder]:
        """Lock the folder for this process and make sure that nothing foreign will be touched."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputBusy("OUT-IS-FILE", self.path, "is a file, not a folder", "Choose another --out.")
        with folder_lock(self.path):
            self._claim(digest, overwrite)
            yield self

    def _claim(self, digest: str, overwrite: bool) -> None:
        try:
            old = Manifest.load(self.path)
        except FileNotFoundError:
            old = None
        except Damaged:
            if not overwrite:
                raise
            old = Manifest(stages={})
        present = sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file() or p.is_symlink())
        present = [name for name in present if name not in (LOCK, NAME) and not name.startswith(STAGING)]
        if old is None:
            if present:
                raise OutputBusy(
                    "OUT-FOREIGN", self.path, f"holds files that this program did not write ({present[0]}, {len(present):,} in all)", "Choose another --out."
                )
            return
        ours = old.files()
        open_stages = [name for name in STAGES if name not in old.stages]
        pending = tuple(part for stage in open_stages for part in STAGES[stage])
        foreign = [name for name in present if name not in ours and name.split("/")[0] not in pending]
        blocking = [name for name in foreign if any(name.split("/")[0] in parts for parts in STAGES.values())]
        if blocking:
            raise OutputBusy("OUT-FOREIGN", self.path, f"holds {blocking[0]}, which this program did not write there", "Move it away, or choose another --out.")
        if old.about.get("digest") == digest:
            self.manifest = old
            return
        if not overwrite:
            remedy = "Choose another --out, or give --overwrite to replace this run's own files."
            raise OutputBusy("OUT-TAKEN", self.path, f"holds a run with other settings (configuration {old.about.get('digest', '?')[:8]})", remedy)
        for name in ours:
            (self.path / name).unlink(missing_ok=True)
        for part in pending:
            shutil.rmtree(self.path / part, ignore_errors=True) if (self.path / part).is_dir() else (self.path / part).unlink(missing_ok=True)

    def publish_file(self, source: Path, name: str) -> Path:
        """Copy a file (out of the cache) under its final name."""
        with staged_file(self.path / name) as temp:
            shutil.copyfile(source, temp)
        return self.path / name

    def publish_folder(self, source: Path, name: str) -> Path:
        with staged_folder(self.path / name) as temp:
            shutil.copytree(source, temp, dirs_exist_ok=True)
        return self.path / name

    def record(self, stage: str, facts: Mapping[str, Any] | None = None) -> None:
        """Note a stage as done, with all that it published."""
        paths = [self.path / part for part in STAGES[stage] if (self.path / part).exists()]
        self.manifest.record(self.path, stage, paths, facts)

    def size(self) -> int:
        return sum(entry["bytes"] for entry in self.manifest.files().values())


def verify(path: Path) -> Manifest:
    """Check every file of a run against its manifest; returns it.

    Raises BadInput where the folder holds no run, Damaged naming the first fault.
    """
    try:
        manifest = Manifest.load(path)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(
            "NO-RUN", path, "holds no manifest.json, so it is no run folder", "Give a folder that train-and-export, train or export has made."
        ) from None
    faults = manifest.faults(path)
    if faults:
        more = f"; and {len(faults) - 5} other files" if len(faults) > 5 else ""
        raise Damaged("RUN-DAMAGED", path, f"{'; '.join(faults[:5])}{more}", "Make the run again (the same command repairs it), or delete the folder.")
    return manifest


def check_replaceable(folder: Path, kind: str, what: str, *, lost: str = "changes") -> None:
    """Raise OutputBusy where `folder` is a file, holds anything but a manifest of this `kind` and the files that it lists, or one of these was changed."""
    if folder.exists() and not folder.is_dir():
        raise OutputBusy("OUT-IS-FILE", folder, "is a file, not a folder", "Choose another --out.")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()} if folder.is_dir() else set()
    try:
        manifest = Manifest.load(folder)
        ours = {NAME, LOCK, *manifest.files()} if manifest.about.get("kind") == kind else set()
        faults = manifest.faults(folder) if ours else []
    except (FileNotFoundError, NotADirectoryError, Damaged):
        ours, faults = set(), []
    if foreign := sorted(present - ours):
        fact = f"holds files that no {what} has written ({foreign[0]}, {len(foreign):,} in all)"
        raise OutputBusy("OUT-FOREIGN", folder, fact, "Choose another --out.")
    if faults:
        raise OutputBusy("OUT-CHANGED", folder, f"was changed since it was written ({faults[0]}): {lost} would be lost", "Choose another --out.")
