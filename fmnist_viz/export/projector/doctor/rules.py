"""Every rule of TensorBoard's Projector that a log folder can break: how bad it is, why it matters, what to do.

The rules are those of TensorBoard 2.21's server (`projector_plugin.py`) and page (`projector_binary.js`). The checks
beside this module say where a rule is broken; what is said about it stands in `rules.toml` and nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Severity = Literal["breaks", "misleads", "slow", "note"]
SEVERITIES: tuple[Severity, ...] = ("breaks", "misleads", "slow", "note")
Fact = tuple[str, str]  # a rule's name, and what was found


@dataclass(frozen=True)
class Rule:
    """One rule.

    severity : ``breaks`` (something is not shown, hangs or crashes), ``misleads`` (shown wrong), ``slow``, ``note``;
    reach : whom it hits: ``all`` runs of the log folder, this ``run``, this ``tensor``, a ``view`` (bookmark), or nobody;
    why : what TensorBoard does then;  remedy : what to do;  mends : whether a copy can be mended without guessing;
    leaves : whether a copy leaves it out where it cannot be mended;
    strict : whether this program refuses to publish a folder of its own with it.
    """

    severity: Severity
    reach: Literal["all", "run", "tensor", "view", "none"]
    why: str
    remedy: str
    mends: bool = False
    leaves: bool = False
    strict: bool = True


@dataclass(frozen=True)
class Finding:
    """A rule that is broken, and where: `file` relative to the log folder, run and tensor as TensorBoard names them."""

    rule: str
    fact: str
    file: str = ""
    run: str = ""
    tensor: str = ""

    @property
    def severity(self) -> Severity:
        return RULES[self.rule].severity

    @property
    def reach(self) -> str:
        return RULES[self.rule].reach

    @property
    def why(self) -> str:
        return RULES[self.rule].why

    @property
    def remedy(self) -> str:
        return RULES[self.rule].remedy

    @property
    def mends(self) -> bool:
        return RULES[self.rule].mends

    @property
    def leaves(self) -> bool:
        return RULES[self.rule].leaves

    @property
    def strict(self) -> bool:
        return RULES[self.rule].strict


def _read() -> dict[str, Rule]:
    book = tomllib.loads((files(__package__) / "rules.toml").read_text(encoding="utf-8"))
    said = {name: book[name] for name in ("crash", "dialog")}
    return {name: Rule(**{**rule, "why": rule["why"].format_map(said)}) for name, rule in book["rules"].items()}


RULES: Mapping[str, Rule] = _read()
