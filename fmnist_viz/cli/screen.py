"""What a person sees while something is made: lines, warnings, one progress bar; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Screen:
    """Progress on stderr, so that stdout holds only results. Without a terminal a task says something every ten seconds."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar: RichProgress | None = None
        self._tasks: dict[str, Any] = {}
        self._spoke: dict[str, float] = {}

    def say(self, line: str) -> None:
        self.console.print(line, markup=False)

    def warn(self, line: str) -> None:
        self.console.print(f"warning: {line}", style="bold yellow", markup=False)

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        if not self.console.is_terminal:
            now = time.monotonic()
            if done < total and now - self._spoke.setdefault(task, now) >= 10:
                self._spoke[task] = now
                self.say(f"{task}: {100 * done / total:.0f} %  {note}")
            return
        if self._bar is None:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self.console,
                transient=True,
            )
            self._bar.start()
        if task not in self._tasks:
            self._tasks[task] = self._bar.add_task(task, total=total, note=note)
        self._bar.update(self._tasks[task], completed=done, total=total, note=note)
        if done >= total:
            self._bar.remove_task(self._tasks.pop(task))
        if not self._tasks:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar, self._tasks = None, {}


def size_text(count: int) -> str:
    """Bytes for a person: ``4.1 MB``."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def printed(*lines: str) -> None:
    """Results, on stdout."""
    sys.stdout.write("\n".join(lines) + "\n")
