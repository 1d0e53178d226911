"""`fmnist-viz reproduce`: the articles' systems, trained as their authors did, beside what they reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist_viz.data.config import DataConfig
from fmnist_viz.pipeline.reproduce import ReproduceConfig, Reproduction, check_names, is_finished, reproduce, stages, unfinished
from fmnist_viz.training.config import ComputeConfig, TransferConfig

if TYPE_CHECKING:
    from fmnist_viz.analysis.reproduction import Reproduction as Reproduced

LEDGER = Path("docs/reproduction.csv")  # of a checkout; elsewhere the ledger lies in the output folder


def run(
    names: Sequence[str],
    config: ReproduceConfig,
    data: DataConfig,
    compute: ComputeConfig,
    transfer: TransferConfig,
    *,
    out: Path,
    ledger: Path | None,
    cache_dir: Path | None,
    table_only: bool,
) -> None:
    """Train what is missing, then write the table from the whole ledger."""
    from fmnist_viz.analysis.reproduction import reproductions
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.core.cache import Cache, default_cache_dir
    from fmnist_viz.core.ledger import read_ledger
    from fmnist_viz.core.threads import set_threads, usable_cores
    from fmnist_viz.data import load
    from fmnist_viz.export.reproduction.writer import write_reproduction
    from fmnist_viz.pipeline.transfer import frozen_base

    wanted = check_names(names)
    transfer.only_for(wanted)
    ledger = ledger or (LEDGER if LEDGER.exists() else out / "reproduction.csv")
    read_ledger(ledger)  # a damaged ledger should cost seconds, not a night
    screen = Screen()
    try:
        threads = set_threads(min(compute.threads, usable_cores()))
        found = load(data, progress=screen)
        digests = {part.split: part.digest() for part in (found.train, found.test) if part is not None}
        cache = Cache((cache_dir or default_cache_dir()).absolute(), report=screen.warn)
        base = frozen_base(wanted, transfer, found, threads, cache, screen)
        work = Reproduction(found, digests, config, compute, threads, cache, ledger, screen, transfer=transfer, base=base)
        if not table_only:
            reproduce(work, wanted)
        else:
            _note_unfinished(work, wanted)
    finally:
        screen.close()
    rows = reproductions(read_ledger(ledger))
    written = write_reproduction(rows, out)
    printed(*lines(rows), "", f"ledger: {ledger}", *(f"table:  {path}" for path in written))


def lines(rows: Sequence[Reproduced]) -> list[str]:
    """The table for the terminal: what was reported, what was measured, the verdict."""
    found = [f"{'preset':16s} {'stage':10s} {'reported':>9s} {'measured, median (range)':>28s} {'seeds':>6s}  verdict"]
    for row in rows:
        accuracy = row.measured("test_accuracy")
        said = f"{100 * row.reported.test_accuracy:.4g} %" if row.reported is not None and row.reported.test_accuracy is not None else "-"
        got = f"{100 * accuracy.median:.2f} % ({100 * accuracy.low:.2f}-{100 * accuracy.high:.2f})" if accuracy is not None else "-"
        found.append(
            f"{row.preset:16s} {row.stage:10s} {said:>9s} {got:>28s} {len(row.seeds):>6d}  {row.verdict}{f' ({row.standing})' if row.standing else ''}"
        )
    return found


def _note_unfinished(work: Reproduction, names: Sequence[str]) -> None:
    """Trainings that stand somewhere in the middle: a row that says where."""
    from fmnist_viz.core.ledger import append_row

    for stage in stages(names, work.config):
        if is_finished(work, stage):
            continue
        row = unfinished(work, stage)
        if row.epochs:
            append_row(work.ledger, row)
