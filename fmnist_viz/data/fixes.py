"""Corrections of labels that a person has decided on, read back from the `decision` column of a CSV and put into the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_viz.core.errors import BadInput
from fmnist_viz.core.types import DataSet, LabeledImages
from fmnist_viz.data.assemble import Decoded, payload_sha256
from fmnist_viz.data.columns import distinct_ids, read_rows
from fmnist_viz.data.gate import Limit, listed, shown

KEEP, DROP = -1, -2  # beside a class number
WORDS = {"keep": KEEP, "drop": DROP}
REMEDY = "Write keep, drop, a class's name or its number, or leave it empty."


@dataclass(frozen=True)
class LabelFixes:
    """Decisions by sample id: KEEP, DROP or a class number; `open` rows of the file were left undecided. `given`: the labels that they were made of, by id."""

    decisions: dict[str, int]
    given: dict[str, int]
    open: int
    subject: str


def read_fixes(path: Path, *, names: Sequence[str], limit: Limit) -> LabelFixes:
    """The CSV that `fmnist-viz labels` writes, with its `decision` column filled in; columns sample_id and decision, given_label where it is there.

    A decision is the word keep or drop (whatever the case), a class's name, its number, or empty; blanks around it do not count.

    Raises BadInput for columns that are missing, an id that is there twice and a decision that is none of these.
    """
    rows = read_rows(path, limit=limit)
    at = {name: rows.find((name,)) for name in ("sample_id", "decision", "given_label")}
    for name in ("sample_id", "decision"):
        if at[name] is None:
            fact = f"has the columns {listed([shown(head) for head in rows.head])} and none called {name}"
            raise BadInput("FIXES-COLUMN", rows.subject, fact, "Give label_issues.csv with its decision column filled in, saved with commas.")
    ids = distinct_ids([row[at["sample_id"] or 0] for row in rows.body], rows.subject).tolist() if rows.body else []
    known = _spellings(names)
    decisions: dict[str, int] = {}
    given: dict[str, int] = {}
    for number, (name, row) in enumerate(zip(ids, rows.body, strict=True), start=2):
        said = row[at["decision"] or 0]
        if not said:
            continue
        decisions[name] = _decision(said, known, names, f"row {number} ({shown(name)})", rows.subject)
        was = row[at["given_label"]] if at["given_label"] is not None else ""
        if was:
            found = known.get(was)
            if found is None:
                raise BadInput(
                    "FIXES-GIVEN", rows.subject, f"row {number} gives the label {shown(was)!r}, which is no class of the data", "Give the data's own file."
                )
            given[name] = found
    return LabelFixes(decisions, given, len(ids) - len(decisions), rows.subject)


def _spellings(names: Sequence[str]) -> dict[str, int]:
    """How a class may be written: its number, and its name, which counts before a number; a name that is not alone without its blanks has its number only."""
    stripped = [name.strip() for name in names]
    out = {str(k): k for k in range(len(names))}
    return out | {name: k for k, name in enumerate(stripped) if name and stripped.count(name) == 1}


def _decision(said: str, known: dict[str, int], names: Sequence[str], where: str, subject: str) -> int:
    word = WORDS.get(said.casefold())
    if word is not None and said.casefold() in (name.strip().casefold() for name in names):
        raise BadInput("FIXES-WORD", subject, f"{where}: {shown(said)!r} is a decision and a class", "Rename the class.")
    found = word if word is not None else known.get(said)
    if found is None:
        fact = f"{where}: the decision {shown(said)!r} is no class of the data"
        raise BadInput("FIXES-DECISION", subject, fact, f"{REMEDY} Classes: {listed([shown(name) for name in names], most=12)}.")
    return found


def apply_fixes(data: DataSet, fixes: LabelFixes) -> DataSet:
    """The data with these labels, dropped images left out; source.sha256, official and notes say so.

    Raises BadInput for an id that the data does not have, a label that is not the one which was judged, and a split that would be left empty.
    """
    parts = [part for part in (data.train, data.test) if part is not None]
    place = {name: (part.split, row) for part in parts for row, name in enumerate(part.sample_ids.tolist())}
    unknown = [name for name in fixes.decisions if name not in place]
    if unknown:
        raise BadInput("FIXES-ID", fixes.subject, f"the data has no image {shown(unknown[0])}{_more(len(unknown))}", "Give a file that was made of this data.")
    made = {part.split: _applied(part, fixes) for part in parts}
    changed = sum(count for _, count, _ in made.values())
    dropped = sum(count for *_, count in made.values())
    kept = sum(decision == KEEP for decision in fixes.decisions.values())
    same = len(fixes.decisions) - changed - dropped - kept
    note = f"labels corrected by {fixes.subject}: {changed:,} changed, {dropped:,} images left out, {kept + same:,} kept, {fixes.open:,} undecided"
    source = replace(data.source, notes=(*data.source.notes, note))
    if changed or dropped:
        decoded = {split: Decoded(part.images, part.labels, fixes.subject) for split, (part, *_) in made.items()}
        source = replace(source, sha256=payload_sha256(decoded), official=False)
    done = {split: replace(part, source=source) for split, (part, *_) in made.items()}
    return DataSet(done.get("train") if data.train is not None else None, done["test"])


def _applied(part: LabeledImages, fixes: LabelFixes) -> tuple[LabeledImages, int, int]:
    """One split corrected, how many labels changed, how many images went."""
    labels: NDArray[np.int64] = np.array(part.labels)
    keep = np.ones(len(part), bool)
    for row, name in enumerate(part.sample_ids.tolist()):
        decision = fixes.decisions.get(name)
        if decision is None:
            continue
        was = fixes.given.get(name, int(part.labels[row]))
        if was != part.labels[row]:
            now, judged = (part.class_names[k] for k in (int(part.labels[row]), was))
            raise BadInput(
                "FIXES-STALE", fixes.subject, f"{shown(name)} is labelled {shown(now)!r} in the data, the file judged {shown(judged)!r}",
                "Give the data that the file was made of.",
            )  # fmt: skip
        if decision == DROP:
            keep[row] = False
        elif decision >= 0:
            labels[row] = decision
    if not keep.any():
        raise BadInput("FIXES-EMPTY", fixes.subject, f"drops every {part.split} image", "Keep some.")
    changed = int((labels != part.labels)[keep].sum())
    rows = np.flatnonzero(keep)
    return replace(part, labels=labels).take(rows), changed, len(part) - len(rows)


def _more(count: int) -> str:
    return f" (nor {count - 1:,} others)" if count > 1 else ""


def corrected(data: DataSet, path: str, limit: int) -> DataSet:
    """`data` with the decisions in the file at `path`; as it is where that is empty."""
    return apply_fixes(data, read_fixes(Path(path), names=data.class_names, limit=Limit(limit))) if path else data
