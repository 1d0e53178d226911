"""The doctor for TensorBoard's Projector: what a log folder will show, what stands in the way, and a mended copy of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmnist_viz.core.errors import BadInput, OutputBusy, UsageError
from fmnist_viz.core.store import need_space, staged_folder
from fmnist_viz.export.projector.doctor import SEVERITIES, Finding, Mended, examine, mend, needed_bytes
from fmnist_viz.export.projector.doctor.examine import Shown
from fmnist_viz.export.projector.doctor.runs import places

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Diagnosis:
    """What the Projector tab will show of a log folder and which of its rules are broken.

    `findings` are sorted, the worst first; `tensors` are those that configurations and checkpoints name, `shown` or not;
    `mended` is what `copy`, the diagnosis of the mended folder, was spared.
    """

    path: Path
    findings: tuple[Finding, ...]
    tensors: tuple[Shown, ...]
    mended: tuple[Mended, ...] = ()
    copy: Diagnosis | None = None

    @property
    def broken(self) -> bool:
        """Whether something is not shown, hangs or crashes."""
        return any(finding.severity == "breaks" for finding in self.findings)

    @property
    def left_out(self) -> tuple[Mended, ...]:
        """What is not in the copy, because it could not be mended: each thing once, with the first reason."""
        lost: dict[tuple[str, ...], Mended] = {}
        for one in self.mended:
            if one.gone:
                lost.setdefault((one.run, one.tensor, one.what if one.rule == "file-missing" else one.file), one)
        return tuple(lost.values())

    def frame(self) -> pd.DataFrame:
        """One row per finding: severity, reach, rule, run, tensor, file, fact, why, remedy, mends."""
        import pandas as pd

        names = ["severity", "reach", "rule", "run", "tensor", "file", "fact", "why", "remedy", "mends"]
        return pd.DataFrame([{name: getattr(finding, name) for name in names} for finding in self.findings], columns=names)

    def shown(self) -> pd.DataFrame:
        """One row per tensor: run, tensor, rows, columns, source, metadata (columns), images, bookmarks (labels), shown."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in self.tensors], columns=list(Shown.__dataclass_fields__))

    def record(self) -> dict[str, Any]:
        """The same as plain lists and dictionaries, for JSON."""
        found = [
            {"severity": one.severity, "reach": one.reach, **asdict(one), "why": one.why, "remedy": one.remedy, "mends": one.mends, "leaves": one.leaves}
            for one in self.findings
        ]
        record = {"path": str(self.path), "broken": self.broken, "tensors": [asdict(one) for one in self.tensors], "findings": found}
        if self.copy is not None:
            record |= {"mended": [asdict(one) for one in self.mended], "copy": self.copy.record()}
        return record


def doctor(path: Path | str, *, fix: Path | str | None = None) -> Diagnosis:
    """Examine a log folder, made by whatever tool, as ``tensorboard --logdir PATH`` would meet it.

    Parameters
    ----------
    path
        A log folder with runs, or one run's. It is read and never written.
    fix
        A new folder for a mended copy of the Projector's files; None writes nothing.

    Raises
    ------
    BadInput
        No such folder, or one in which TensorBoard finds nothing at all.
    OutputBusy
        `fix` exists.
    UsageError
        `fix` lies inside `path`.
    ResourceError
        The copy does not fit on the disk.
    """
    path = Path(path)
    _require(path)
    if fix is not None:
        _require_new(Path(fix), path)
    diagnosis = _diagnosis(path)
    if fix is None:
        return diagnosis
    folder = Path(fix)
    need_space(folder, needed_bytes(path), what="the mended copy")
    with staged_folder(folder) as staged:
        done = mend(path, staged)
        if not any(staged.iterdir()):
            fact = "has no Projector configuration that could be copied"
            raise BadInput("NOTHING-TO-MEND", path, fact, "Run `fmnist-viz doctor` without --fix to see what it has.")
    return Diagnosis(path, diagnosis.findings, diagnosis.tensors, tuple(done), _diagnosis(folder))


def _diagnosis(path: Path) -> Diagnosis:
    found = examine(path)
    return Diagnosis(path, tuple(sorted(found.findings, key=lambda one: SEVERITIES.index(one.severity))), found.tensors)


def _require(path: Path) -> None:
    remedy = "Give the folder that `tensorboard --logdir` is given."
    if "://" in str(path) or str(path).startswith(("gs:/", "s3:/")):
        raise BadInput("NO-LOGS", path, "is not on this computer; TensorBoard 2.21 shows no Projector from elsewhere either", "Copy it here.")
    if path.is_file():
        raise BadInput("NO-LOGS", path, "is a file", remedy)
    if not path.is_dir():
        raise BadInput("NO-LOGS", path, "there is no such folder", remedy)
    if not any(path.iterdir()):
        raise BadInput("NO-LOGS", path, "is empty", remedy)
    if not places(path) and not any(path.rglob("*tfevents*")):
        raise BadInput("NO-LOGS", path, "holds no TensorBoard events, Projector configuration or checkpoint", remedy)


def _require_new(folder: Path, path: Path) -> None:
    if folder.is_symlink() or folder.exists():
        raise OutputBusy("FIX-EXISTS", folder, "exists already", "Name a new folder: the mended copy replaces nothing.")
    if folder.resolve().is_relative_to(path.resolve()):
        raise UsageError("FIX-INSIDE", folder, f"lies inside {path}, where TensorBoard would find both", "Name a folder beside it.")
