"""A run's report as one page elsewhere, its tables in a folder beside it; the run itself stays as it is."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from fmnist_viz.core.cache import Cache, default_cache_dir
from fmnist_viz.core.errors import OutputBusy, UsageError
from fmnist_viz.core.store import staged_file, staged_folder
from fmnist_viz.pipeline.context import scratch_folder
from fmnist_viz.pipeline.job import run_job
from fmnist_viz.pipeline.request import Request

ENDINGS = (".html", ".htm")


def make_page(request: Request, page: Path, line: str) -> tuple[Path, Path]:
    """Make the run again in a passing folder, out of the cache, and keep its page and its tables: returns both places.

    The tables go into ``<name of the page>_tables``. Raises UsageError where `page` is no .html file, OutputBusy where one of the two is there already.
    """
    if page.suffix.lower() not in ENDINGS:
        raise UsageError("OUT-KIND", f"--out {page}", "is no .html file", "Name the page, such as report.html.")
    tables = page.with_name(f"{page.stem}_tables")
    for place in (page, tables):
        if place.exists():
            raise OutputBusy("OUT-TAKEN", place, "is there already", "Choose another --out.")
    cache = Cache((request.cache_dir or default_cache_dir()).absolute(), report=request.progress.warn)
    with scratch_folder(cache) as scratch:
        made = run_job(dataclasses.replace(request, out=scratch / "run", line=line, report_only=True)).path
        page.parent.mkdir(parents=True, exist_ok=True)
        with staged_folder(tables) as folder:
            shutil.copytree(made / "tables", folder, dirs_exist_ok=True)
        with staged_file(page) as temp:
            shutil.copyfile(made / "report.html", temp)
    return page, tables
