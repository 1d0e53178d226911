"""`fmnist-viz doctor`: what the Projector tab will show, what stands in the way, what was mended."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from fmnist_viz.cli.screen import printed
from fmnist_viz.core.errors import Damaged
from fmnist_viz.display.lettering import clean, shorten
from fmnist_viz.export.projector.doctor import SEVERITIES, Finding, Mended
from fmnist_viz.export.projector.doctor.examine import Shown
from fmnist_viz.pipeline.doctor import Diagnosis, doctor

MOST = 8  # places on screen per rule, and tensors; --json has all
WIDTH = 110
REACH = {"all": "hides ALL runs", "run": "hides the run", "tensor": "hides the tensor", "view": "bookmarks"}
WORDS = {"breaks": ("breaks it", "break it"), "misleads": ("misleads", "mislead"), "slow": ("is slow", "are slow"), "note": ("note", "notes")}


def run_doctor(path: Path, fix: str, *, as_json: bool) -> None:
    """Examine, mend where asked, print. Raises Damaged (exit code 8) where something of the folder, or of its copy, is not shown."""
    found = doctor(path, fix=fix or None)
    printed(json.dumps(found.record(), indent=1, ensure_ascii=False) if as_json else "\n".join(lines(found)))
    last = found.copy or found
    if last.broken or found.left_out:
        count = sum(finding.severity == "breaks" for finding in last.findings)
        if fix:
            remedy = "Mend by hand what is left, as said above."
        else:
            remedy = (
                "Mend it as said above, or write a mended copy with --fix NEW."
                if any(one.mends or one.leaves for one in found.findings)
                else "Mend it as said above."
            )
        said = [f"{count} thing{'s' * (count != 1)} of which TensorBoard's Projector shows less than is there"] * bool(count)
        said += [f"{len(found.left_out)} thing{'s' * (len(found.left_out) != 1)} left out of the mended copy"] * bool(found.left_out)
        raise Damaged("PROJECTOR-BROKEN", last.path, ", ".join(said), remedy)


def lines(found: Diagnosis) -> list[str]:
    """The diagnosis in words: what is shown, findings by rule, what was mended and what is left."""
    out = [*_head(found), *_listing(found.tensors), *_findings(found.findings, found)]
    if found.copy is not None:
        out += ["", f"mended copy: {found.copy.path}", *_mended(found.mended), "", *_head(found.copy), *_listing(found.copy.tensors)]
        out += _findings(found.copy.findings, None)
        out += [""] * bool(found.left_out) + [f"not in the copy: {clean(_lost(one))}" for one in found.left_out]
    return out


def _lost(one: Mended) -> str:
    what = "" if one.rule.startswith(("tensor-", "config-", "checkpoint-")) else f"{one.file}: "
    return f"{one.run}{f'/{one.tensor}' if one.tensor else ''}: {what}{one.what.removeprefix('left out: ')}"


def _head(found: Diagnosis) -> list[str]:
    shown = sum(one.shown for one in found.tensors)
    counts = [(sum(one.severity == severity for one in found.findings), severity) for severity in SEVERITIES]
    said = ", ".join(f"{count} {WORDS[severity][count != 1]}" for count, severity in counts if count)
    runs = len({one.run for one in found.tensors})
    return [f"{found.path}: the Projector tab shows {shown} of {len(found.tensors)} tensors of {runs} run{'s' * (runs != 1)}; {said or 'nothing found'}"]


def _listing(tensors: Sequence[Shown]) -> list[str]:
    if not tensors:
        return []
    from fmnist_viz.cli.compare import aligned

    rows = []
    for one in tensors[: 2 * MOST]:
        size = f"{one.rows:,} × {one.columns:,}" if one.rows else "?"
        marks = f"{len(one.bookmarks)}: {'; '.join(one.bookmarks)}" if one.bookmarks else "–"
        rows.append(
            [one.run, one.tensor or "(no name)", size, "yes" if one.shown else "NO", ", ".join(one.metadata) or "–", "yes" if one.images else "–", marks]
        )
    more = len(tensors) - len(rows)
    return [*aligned(["run", "tensor", "size", "shown", "metadata", "images", "bookmarks"], rows), *([f"  and {more} more"] if more else [])]


def _findings(findings: Sequence[Finding], found: Diagnosis | None) -> Iterator[str]:
    """Rule by rule, the worst first: what is said about it once, and the places; for the original, with what --fix does (or did) about it."""
    order = sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), one.reach != "all", one.rule))
    for rule, group in groupby(order, key=lambda one: one.rule):
        own = list(group)
        reach = f", {REACH[own[0].reach]}" if own[0].severity == "breaks" and own[0].reach in REACH else ""
        yield from ("", f"{own[0].severity}{reach}  [{rule}]")
        for one in own[:MOST]:
            where = f"{one.file}{f' ({shorten(one.tensor, 40)})' if one.tensor else ''}"
            yield from _wrapped("  " + clean(f"{where}: {one.fact}"))
        if len(own) > MOST:
            yield f"  and {len(own) - MOST} more"
        yield from _wrapped(f"    why:  {own[0].why}")
        yield from _wrapped(f"    mend: {own[0].remedy}{_fix(own[0], found)}")


def _fix(one: Finding, found: Diagnosis | None) -> str:
    """What a mended copy does about a rule; after --fix, what it did."""
    if found is None:
        return ""
    mends, leaves = one.mends, one.leaves
    if found.copy is not None and (done := {other.gone for other in found.mended if other.rule == one.rule}):
        mends, leaves = False in done, True in done
    if mends and leaves:
        return " (--fix does it where it can, and else leaves it out)"
    return " (--fix does it)" if mends else " (--fix leaves it out)" if leaves else ""


def _mended(mended: Sequence[Mended]) -> Iterator[str]:
    if not mended:
        yield "  nothing had to be changed"
    for one in mended[: 5 * MOST]:
        where = f"{one.file}{f' ({shorten(one.tensor, 40)})' if one.tensor else ''}"
        yield from _wrapped("  " + clean(f"{where}: {one.what}"))
    if len(mended) > 5 * MOST:
        yield f"  and {len(mended) - 5 * MOST} more"


def _wrapped(text: str) -> list[str]:
    indent = len(text) - len(text.lstrip())
    hang = indent + 6 if text.lstrip().startswith(("why:", "mend:")) else indent + 2
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False)
