"""Several finished runs side by side: what they say of the same images, where they differ, and whether that means anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.analysis.comparison import Answers, Comparison, accuracies, aligned, paired_tests, verdict
from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.config import digest
from fmnist_viz.core.errors import BadInput, UsageError
from fmnist_viz.core.manifest import Manifest
from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.store import staged_folder, write_file
from fmnist_viz.core.types import LabeledImages
from fmnist_viz.pipeline.compared_layers import Layers, compare_layers, shared_images
from fmnist_viz.pipeline.config import VERSION
from fmnist_viz.pipeline.finished import FinishedRun, open_runs
from fmnist_viz.pipeline.folder import check_replaceable

if TYPE_CHECKING:
    import pandas as pd

KIND = "compare"


@dataclass(frozen=True)
class RunComparison:
    """Runs on the images that all of them looked at; the first one is the baseline of every difference.

    `answers` are aligned row by row; `images` are None where the data are not at hand; `notes` say what was left out.
    """

    runs: list[FinishedRun]
    answers: list[Answers]
    images: LabeledImages | None
    layers: Layers
    notes: list[str]

    @property
    def pairs(self) -> list[Comparison]:
        """Every other run against the baseline."""
        return [Comparison(self.answers[0], other) for other in self.answers[1:]]

    @property
    def digest(self) -> str:
        """Of the runs' configurations, in their order."""
        return digest([[run.name, run.about.get("digest", "")] for run in self.runs])

    def settings(self) -> pd.DataFrame:
        """One row per setting that differs between runs: setting, and a column per run."""
        import pandas as pd

        flat = [run.settings() for run in self.runs]
        names = [name for name in dict.fromkeys(name for own in flat for name in own) if len({own.get(name, "–") for own in flat}) > 1]
        columns = {run.name: [own.get(name, "–") for name in names] for run, own in zip(self.runs, flat, strict=True)}
        return pd.DataFrame({"setting": names, **columns})

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every number of the comparison by the name of its CSV file."""
        import pandas as pd

        pairs = self.pairs
        joined = {
            "fixed": [pair.images(pair.fixed) for pair in pairs],
            "broken": [pair.images(pair.broken) for pair in pairs],
            "confusion": [pair.cells() for pair in pairs],
            "per_class": [pair.per_class() for pair in pairs],
        }
        found = {"accuracy": accuracies(self.answers), "tests": paired_tests(self.answers)}
        found |= {name: pd.concat(parts, ignore_index=True) for name, parts in joined.items()}
        found["layers"] = self.layers.table
        if len(self.layers.similarity):
            found["similarity"] = self.layers.similarity
        return {**found, "settings": self.settings()}

    def verdicts(self) -> list[str]:
        """One sentence per pair of runs."""
        return [verdict(row) for row in paired_tests(self.answers).to_dict("records")]


def compare(run_a: str | Path, run_b: str | Path, *others: str | Path, cache_dir: str | Path | None = None, progress: Progress | None = None) -> RunComparison:
    """Compare runs of the same images; nothing is written, nothing is trained, TensorFlow is not loaded.

    Raises
    ------
    BadInput
        For folders that hold no predictions, or runs of other data or classes, or without a common image.
    Damaged
        For a run whose files were changed.
    """
    progress = progress or Silent()
    runs = open_runs([Path(path) for path in (run_a, run_b, *others)])
    same_data(runs)
    answers = [run.answers for run in runs]
    try:
        kept = aligned(answers)
    except ValueError as e:
        raise BadInput("OTHER-DATA", runs[-1].path, f"cannot be compared: {e}", "Give runs of the same images.") from None
    ids = kept[0].sample_ids
    if not len(ids):
        raise BadInput("NO-COMMON-IMAGE", runs[-1].path, f"has no image in common with {runs[0].path}", "Give runs of the same --split and --points.")
    notes = []
    if any(len(own.sample_ids) != len(ids) for own in answers):
        counts = ", ".join(f"{run.name} has {len(own.sample_ids):,}" for run, own in zip(runs, answers, strict=True))
        notes.append(f"Compared are the {len(ids):,} images that all runs have in common: {counts}.")
    if any(name.startswith("train/") for name in ids.tolist()):
        notes.append("Some of these images are training images: on them a model that was trained on them looks better than it is.")
    notes += [f"{run.name}: {line}" for run in runs for line in run.about.get("warnings", [])]
    for line in notes:
        progress.warn(line)
    images, own, why = shared_images(runs, ids)
    if why:
        notes.append(f"Images are not shown and layers not compared: {why}")
        progress.warn(notes[-1])
    cache = Cache(Path(cache_dir or default_cache_dir()).absolute(), report=progress.warn)
    layers = compare_layers(runs, own, kept[0].y_true, ids, cache)
    return RunComparison(runs, kept, images, layers, notes)


def same_data(runs: list[FinishedRun]) -> None:
    """Raise BadInput naming what differs: the data or the classes."""
    first = runs[0]
    for run in runs[1:]:
        if run.data_sha256 != first.data_sha256:
            what = f"{run.about['data']['location']} ({run.data_sha256[:8]}), {first.path} from {first.about['data']['location']} ({first.data_sha256[:8]})"
            raise BadInput("OTHER-DATA", run.path, f"was made from other data: {what}", "Compare runs of the same data.")
        if run.class_names != first.class_names:
            different = next((f"{a!r} and {b!r}" for a, b in zip(run.class_names, first.class_names, strict=False) if a != b), "")
            what = different or f"{len(run.class_names)} and {len(first.class_names)}"
            raise BadInput("OTHER-CLASSES", run.path, f"has other classes, or another order, than {first.path}: {what}", "Compare runs of the same classes.")


def write_comparison(comparison: RunComparison, folder: Path, line: str) -> Manifest:
    """`report.html`, a CSV file per table and a manifest, as one folder, all or nothing; `fmnist-viz verify` checks it.

    Raises OutputBusy where the folder holds anything but an earlier comparison.
    """
    from fmnist_viz.export.comparison import ComparisonContent, render

    check_target(folder)
    tables = comparison.tables()
    content = ComparisonContent(
        comparison.pairs, comparison.answers, tables, comparison.verdicts(), comparison.images, comparison.notes, comparison.layers.note,
        [("command", line), ("program", f"fmnist-viz {VERSION}"), *((run.name, f"configuration {run.about.get('digest', '')}") for run in comparison.runs)],
    )  # fmt: skip
    manifest = Manifest({
        "digest": comparison.digest, "command": line, "kind": KIND, "finished": True, "version": VERSION, "warnings": comparison.notes,
        "runs": [{"name": run.name, "digest": run.about.get("digest", "")} for run in comparison.runs],
    })  # fmt: skip
    page = render(content)
    with staged_folder(folder) as temp:
        for name, table in tables.items():
            write_file(temp / f"{name}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.7g"))
        write_file(temp / "report.html", page)
        manifest.record(temp, KIND, sorted(temp.iterdir()))
    return manifest


def check_target(folder: Path) -> None:
    """Raise OutputBusy where `folder` is a file or holds what no comparison has written: it is replaced as a whole."""
    check_replaceable(folder, KIND, "comparison")


def check_count(count: int) -> None:
    """Raise UsageError for fewer than two runs."""
    if count < 2:
        raise UsageError("ONE-RUN", "compare", "needs at least two run folders", "Give another one; a run may be compared with itself.")
