"""Axes as they are written: ``left:right``, each side a piece of a label or a regular expression between slashes; standard library only.

What a side finds is what the Projector's Custom tab would find with the same text in its field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fmnist_viz.core.config import check_options, option
from fmnist_viz.core.errors import UsageError

HOW = 'Write it as "left:right", such as "Pullover:Coat" or "/Sandal|Sneaker/:/Coat|Shirt/"; a colon or backslash in a name as \\: and \\\\.'
# Python understands these, the page's browser does not, or otherwise.
_PYTHON_ONLY = re.compile(r"\(\?(?:P|#|\(|>|[aiLmsux-]+[:)])|\\[AZ]")
_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")


@dataclass(frozen=True)
class Side:
    """One end of an axis: `text` as it is typed into the page's field, and whether its regular-expression button is pressed."""

    text: str
    regex: bool = False

    def finds(self, label: str) -> bool:
        """Whether the page would find this label: a substring, or a match anywhere; capitals and small letters are one."""
        if self.regex:
            return re.search(self.text, label, re.IGNORECASE) is not None
        return self.text.lower() in label.lower()

    def among(self, labels: Sequence[str]) -> tuple[int, ...]:
        """Numbers of the labels that it finds."""
        return tuple(i for i, label in enumerate(labels) if self.finds(label))

    def __str__(self) -> str:
        return f"/{self.text}/" if self.regex else self.text


@dataclass(frozen=True)
class AxisText:
    """An axis from what `left` finds to what `right` finds: of the second axis of a plane, from down to up."""

    left: Side
    right: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    def __str__(self) -> str:
        return f"{self.left} → {self.right}"


def read_axis(text: str) -> AxisText:
    """``left:right`` as an axis. Raises UsageError where a side is empty or no regular expression, or where the parts are not two."""
    left, rest = _first_side(text)
    if rest is None:
        raise UsageError("AXIS", f"--axis {text!r}", "has no colon between two sides", HOW)
    right, more = _first_side(rest)
    if more is not None:
        raise UsageError("AXIS", f"--axis {text!r}", "has more than two sides", HOW)
    for side in (left, right):
        if not side.text.strip():
            raise UsageError("AXIS", f"--axis {text!r}", "has an empty side", HOW)
        if side.regex:
            _check_regex(side.text, text)
    return AxisText(left, right)


def _first_side(text: str) -> tuple[Side, str | None]:
    """The first side, and what follows its colon (None: nothing). A regular expression ends at a slash before a colon or the end."""
    if text.startswith("/") and (found := re.match(r"/(.+?)/(?::(.*)|$)", text, re.DOTALL)):
        return Side(found[1], regex=True), found[2]
    kept, signs = [], iter(enumerate(text))
    for i, sign in signs:
        if sign == "\\" and text[i + 1 : i + 2] in (":", "\\", "/") and i + 1 < len(text):
            kept.append(text[i + 1])
            next(signs)
        elif sign == ":":
            return Side("".join(kept)), text[i + 1 :]
        else:
            kept.append(sign)
    return Side("".join(kept)), None


def _check_regex(pattern: str, text: str) -> None:
    if found := _PYTHON_ONLY.search(pattern):
        raise UsageError("AXIS", f"--axis {text!r}", f"{found[0]!r} is no part of a regular expression in a browser", "Write it as JavaScript would.")
    try:
        re.compile(pattern)
    except re.error as e:
        raise UsageError("AXIS", f"--axis {text!r}", f"/{pattern}/ is no regular expression ({e})", HOW) from None


def exactly(number: int, labels: Sequence[str]) -> Side:
    """A side that finds this label and no other one: its name where that does, else an anchored regular expression."""
    plain = Side(labels[number])
    if plain.among(labels) == (number,):
        return plain
    return Side(f"^{_SPECIAL.sub(lambda m: chr(92) + m[0], labels[number])}$", regex=True)


def check_axis(axis: AxisText, labels: Sequence[str]) -> None:
    """Raise UsageError where a side finds no label, or only labels that the other one finds, too."""
    found = [set(side.among(labels)) for side in axis.sides]
    shown = ", ".join(labels[:30]) + (f" and {len(labels) - 30:,} more" if len(labels) > 30 else "")
    for side, own, other in zip(axis.sides, found, found[::-1], strict=True):
        if not own:
            raise UsageError("AXIS-NO-MATCH", f"--axis {axis}", f"{side} finds none of the labels", f"The labels are: {shown}.")
        if own <= other:
            both = ", ".join(labels[i] for i in sorted(own))
            remedy = "A regular expression such as /^Shirt$/ finds that name alone."
            raise UsageError("AXIS-OVERLAP", f"--axis {axis}", f"all that {side} finds ({both}) is found by the other side as well", remedy)


@dataclass(frozen=True)
class AxisConfig:
    """Custom axes; without one a run takes its own."""

    axis: tuple[str, ...] = option(
        (),
        'An axis as "left:right", from the images whose label holds the one text to those with the other; /.../ is a regular expression. '
        "Given twice: x, then y from down to up. By default Trouser:Bag and footwear:tops, for other classes the two leading confusions.",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if len(self.axis) > 2:
            raise UsageError("AXIS", "--axis", f"is given {len(self.axis)} times", "Give it once or twice: x, then y.")
        self.texts  # noqa: B018 - raises where one is no axis

    @property
    def texts(self) -> tuple[AxisText, ...]:
        return tuple(read_axis(text) for text in self.axis)
