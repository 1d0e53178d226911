"""`fmnist-viz sweep`: one thing changed at a time, and what each change bought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fmnist_viz.data.config import DataConfig
from fmnist_viz.pipeline.sweep import check_target, prepare, sweep, write
from fmnist_viz.pipeline.variants import SweepConfig, defaults, parse, variants
from fmnist_viz.training.config import ComputeConfig


def run(vary: Sequence[str], config: SweepConfig, data: DataConfig, compute: ComputeConfig, *, out: Path, cache_dir: Path | None, line: str) -> None:
    """Train what is missing, write the folder, print the table."""
    varied = parse(vary, config.model) or defaults(config.base)
    chosen = variants(config, varied)
    check_target(out)

    from fmnist_viz.analysis.sweep import changes
    from fmnist_viz.cli.screen import Screen, printed
    from fmnist_viz.core.cache import Cache, default_cache_dir
    from fmnist_viz.core.threads import set_threads, usable_cores
    from fmnist_viz.data import load

    screen = Screen()
    try:
        if vary and (left_out := sum(map(len, varied.values())) + 1 - len(chosen)):
            screen.say(f"training: {left_out} value{'s' * (left_out != 1)} left out: the base's own, or the same as another")
        threads = set_threads(min(compute.threads, usable_cores()))
        cache = Cache((cache_dir or default_cache_dir()).absolute(), report=screen.warn)
        work = prepare(load(data, progress=screen), chosen, config, compute, threads, cache, screen)
        outcomes = sweep(work)
        write(work, outcomes, out, line)
    finally:
        screen.close()
    rows = changes([outcome.trial() for outcome in outcomes])
    wide = max(len(row.variant) for row in rows)
    printed(
        f"{work.held_out:,} held-out training images; the test split was not looked at",
        *(f"  {row.variant:{wide}s}  {_median(row.median)}  {_points(row.median_difference)}  {row.verdict}" for row in rows),
        f"{out / 'sweep.html'}, sweep.md, sweep.csv, sweep.png; tensorboard --logdir {out / 'hparams'} (HPARAMS tab)",
    )


def _median(share: float) -> str:
    return "      –" if share != share else f"{100 * share:6.2f} %"


def _points(share: float) -> str:
    return "     –" if share != share else f"{100 * share:+6.2f}"
