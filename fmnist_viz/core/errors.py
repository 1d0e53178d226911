"""Errors that a person can act on: one line with the file, the fact and the remedy, and an exit code.

The exit codes are part of the program's interface (README, "Exit codes"):

====  ======================================================================
0     done
1     a bug of ours (a traceback follows; please report it)
2     wrong usage: an unknown option, name or value
3     bad input data
4     unsafe input refused
5     not enough of something: disk, memory, a size limit, a device
6     the output folder is busy, or holds what is not ours
7     training diverged (the loss is not finite)
8     something that this program wrote is damaged, or the doctor found something that is not shown, or still is not in its mended copy
9     `check` found a confusion that rose significantly, or an accuracy that fell
130   interrupted from the keyboard
====  ======================================================================
"""

from __future__ import annotations

from collections.abc import Iterable

ROSE = 9  # the exit code of a gate that closes: not an error, the answer to what was asked


class VizError(Exception):
    """A failure with a known cause.

    Parameters
    ----------
    code : str
        Stable short name, such as ``IDX-TRUNCATED``; printed as ``FV-IDX-TRUNCATED``.
    subject : str or path
        The file, option or folder that it is about.
    fact : str
        What is wrong, with expected and found.
    remedy : str
        What to do about it.
    """

    exit_code = 1

    def __init__(self, code: str, subject: object, fact: str, remedy: str = "") -> None:
        self.code = f"FV-{code}"
        self.subject = str(subject)
        self.fact = fact.rstrip(".")
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.subject}: {self.fact}." + (f" {self.remedy}" if self.remedy else "")
        return " ".join(line.split())  # one line, whatever a library's message held

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross the process boundary of the worker; the default would call __init__ with one argument.
        return type(self), (self.code.removeprefix("FV-"), self.subject, self.fact, self.remedy)


class UsageError(VizError):
    exit_code = 2


class BadInput(VizError):
    exit_code = 3


class UnsafeInput(VizError):
    exit_code = 4


class ResourceError(VizError):
    exit_code = 5


class OutputBusy(VizError):
    exit_code = 6


class Diverged(VizError):
    exit_code = 7


class Damaged(VizError):
    exit_code = 8


def unknown_choice(what: str, got: str, allowed: Iterable[object]) -> UsageError:
    """The error for a name that is not on the list, with the list."""
    names = ", ".join(str(name) for name in allowed)
    return UsageError(f"UNKNOWN-{what.upper().replace(' ', '-')}", f"{what} {got!r}", "there is no such " + what, f"Choose from: {names}.")
