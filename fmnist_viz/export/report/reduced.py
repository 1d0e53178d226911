"""How much of a large data set one page can hold, and the words for what it had to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fmnist_viz.export.report.content import ReportContent
from fmnist_viz.export.report.distortion import MOST
from fmnist_viz.export.report.probabilities import TOP
from fmnist_viz.export.report.sheet import ThumbnailSheets

PAGE_BYTES = 76_000_000  # of the whole file
LEAST_SHEETS = 4_000_000  # thumbnails have at least this much of it, in bytes of WebP
FIXED = 4_000_000  # drawing library, style, script, tables
PER_IMAGE = 64  # id, label, prediction, confidence, margin as JSON
PACKED = 4 / 3  # base64


def sheet_room(content: ReportContent, columns: Mapping[str, Any], packed: int) -> int:
    """Bytes of WebP that are left for the thumbnails; `packed` is the size of the script's other binary data as text."""
    spent: float = FIXED + PER_IMAGE * len(content.images) + packed
    spent += PACKED * (sum(np.asarray(v).nbytes for v in columns.values()) + 20 * len(content.images) + sum(len(shot.png or b"") for shot in content.pictures))
    return max(LEAST_SHEETS, int((PAGE_BYTES - spent) / PACKED))


def reductions(content: ReportContent, sheets: ThumbnailSheets, near: int, probabilities: Mapping[str, Any] | None) -> list[str]:
    """Sentences for the reader, only of what was reduced."""
    n, out = len(content.images), []
    if sheets.reduced:
        out.append(sheets.reduced)
    if content.near and not near:
        out.append("The true neighbours are left out: they would make the page too large.")
    elif content.near and near < min(MOST, *(v.shape[1] for v in content.near.values())):
        out.append(f"Of {MOST} true neighbours per image the nearest {near} are kept.")
    if probabilities and probabilities["classes"]:
        out.append(f"Of {len(content.class_names):,} probabilities per image the highest {TOP} are kept.")
    return [f"This page holds {n:,} images, so it had to be made smaller.", *out] if out and n > 20_000 else out
