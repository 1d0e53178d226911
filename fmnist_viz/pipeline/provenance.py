"""What a run says of itself: what was asked, on what, by which program; and that it is finished."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from fmnist_viz.core.config import to_toml
from fmnist_viz.core.memory import peak_memory_mb
from fmnist_viz.core.store import write_file
from fmnist_viz.pipeline.config import VERSION, versions
from fmnist_viz.pipeline.context import Context


def begin(ctx: Context, *, command: str, line: str, digest: str) -> None:
    """Write what was asked, and a manifest that says the run is unfinished."""
    source = ctx.data.source
    ctx.folder.manifest.about = {
        "digest": digest,
        "command": line,
        "kind": command,
        "finished": False,
        "version": VERSION,
        "versions": versions(),
        "threads": ctx.threads,
        "seed": ctx.seed,
        "data": {
            "kind": source.kind,
            "location": source.location,
            "sha256": source.sha256,
            "official": source.official,
            "fallback": source.fallback,
            "notes": source.notes,
            "class_names": ctx.data.class_names,
        },
        "model_sha256": ctx.model.sha256 if ctx.model else "",
        "warnings": ctx.warnings,
        "model_file": ctx.model and {"file": ctx.model.path.name, "sha256": ctx.model.sha256, "trusted": ctx.model.trust},
        "brought": ctx.brought and ctx.brought.record,
        "human_labels": ctx.people and ctx.people.record,
        "against": ctx.against and {"run": ctx.against.run.name, "digest": ctx.against.run.about.get("digest", "")},
        "git": git_state(),
        "config": {type(s).__name__: dict(s.__dict__) for s in ctx.config.sections},
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    _hide_absolute_paths(ctx.folder.manifest.about["config"])
    header = f"fmnist-viz {command} --config config.toml makes this run again"
    write_file(ctx.folder.path / "config.toml", to_toml(ctx.config.sections, header=header))
    ctx.folder.record("config")


def _hide_absolute_paths(config: dict[str, dict[str, Any]]) -> None:
    """A shared manifest names no place on somebody's disk."""
    for section in config.values():
        for name, value in section.items():
            if isinstance(value, str):
                section[name] = _hidden(value, ":")
            elif isinstance(value, tuple):
                section[name] = tuple(_hidden(item, "=") for item in value)


def _hidden(text: str, sign: str) -> str:
    kind, mark, place = text.partition(sign) if sign == "=" else text.rpartition(sign) if sign in text else ("", "", text)
    return kind + mark + Path(place).name if os.path.isabs(place) else text


def git_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the program's own checkout; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        changed = subprocess.run(["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "clean": not changed}


def worker_peak_mb(main: int) -> int | None:
    """Asked of the worker; None where the work is done in the main process."""
    return None if os.getpid() == main else peak_memory_mb()


def finish(ctx: Context, seconds: float) -> None:
    """The last word: the manifest says that every stage is there."""
    about = ctx.folder.manifest.about
    about |= {
        "finished": True,
        "seconds": round(seconds, 1),
        "stage_seconds": ctx.seconds,
        "cache": {"hits": sum(what == "hit" for _, what in ctx.cache.log), "made": sum(what != "hit" for _, what in ctx.cache.log)},
    }
    own, worker = peak_memory_mb(), ctx.runner.submit(worker_peak_mb, os.getpid()).result() if ctx.runner.used else None
    together = max(ctx.memory.peaks.values(), default=0) >> 20
    about |= {
        # the sum is looked at now and then, the largest size of one process is kept by the system: neither alone misses a peak
        "peak_memory_mb": max([together, *(peak for peak in (own, worker) if peak is not None)]) or None,
        "process_memory_mb": {"main": own, "worker": worker},
        "stage_memory_mb": ctx.memory.facts(),
    }
    ctx.folder.manifest.save(ctx.folder.path)
