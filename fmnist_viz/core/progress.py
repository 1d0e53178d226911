"""How long work tells a person about itself; rooms see this protocol, the command line injects a screen."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def say(self, line: str) -> None:
        """One line of plain text."""

    def warn(self, line: str) -> None:
        """One line that a person must not miss: a fallback, a reduction, a repaired file."""

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        """Progress of a named task; `done == total` ends it."""


class Silent:
    """Says nothing: the default of library calls."""

    def say(self, line: str) -> None:
        pass

    def warn(self, line: str) -> None:
        pass

    def step(self, task: str, done: float, total: float, note: str = "") -> None:
        pass
