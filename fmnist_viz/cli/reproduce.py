"""`fmnist-viz reproduce`: the articles' systems, trained as their authors did, beside what they reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fmnist_viz.data.config import DataConfig
from fmnist_viz.pipeline.reproduce import ReproduceConfig, Reproduction, check_names, reproduce, stages, unfinished
from fmnist_viz.training.config import ComputeConfig, TransferConfig

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
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.core.cache import Cache, default_cache_dir
    from fmnist_viz.core.ledger import read_ledger
    from fmnist_viz.core.threads import set_threads, usable_cores
    from fmnist_viz.data import load
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
    printed(*(f"{row.preset:16s} {row.stage:9s} seed {row.seed}  {row.test_accuracy}" for row in read_ledger(ledger)))


def _note_unfinished(work: Reproduction, names: Sequence[str]) -> None:
    """Trainings that stand somewhere in the middle: a row that says where."""
    from fmnist_viz.core.ledger import append_row

    for stage in stages(names, work.config):
        row = unfinished(work, stage)
        if row.epochs:
            append_row(work.ledger, row)
