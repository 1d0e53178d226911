"""`fmnist-viz check`: what rose and what fell between two runs, as lines of text, and an exit code for a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fmnist_viz.cli.compare import aligned
from fmnist_viz.cli.screen import printed
from fmnist_viz.core.errors import ROSE, UsageError
from fmnist_viz.core.store import write_json
from fmnist_viz.display.lettering import clean, shorten
from fmnist_viz.pipeline.check import Check, check, class_names
from fmnist_viz.pipeline.dossier_run import read_pair

MOST = 12  # pairs on screen; --json has all


def run_check(run: Path, baseline: Path, *, level: float, pairs: list[str], shared: bool, json: str) -> int:
    """Check, print, write; returns the exit code. Raises VizError for what cannot be compared."""
    if json and Path(json).is_dir():
        raise UsageError("JSON-FOLDER", json, "is a folder", "Name a file.")
    wanted = []
    if pairs:
        names = class_names(run)
        wanted = [read_pair(pair, names, option="--pairs") for pair in pairs]
    found = check(run, baseline, level=level, pairs=wanted, shared=shared)
    printed(*lines(found))
    if json:
        write_json(Path(json), found.record())
    return 0 if found.passed else ROSE


def lines(found: Check) -> list[str]:
    """The accuracies, what rose or fell significantly, what else changed most, and the outcome."""
    a = found.risen.accuracy
    rates = f"{100 * a['baseline_accuracy']:.2f} % → {100 * a['run_accuracy']:.2f} %"
    points = f"{100 * a['difference']:+.2f} points ({100 * a['difference_low']:+.2f} to {100 * a['difference_high']:+.2f})"
    out = [
        f"{clean(found.run.name)} against {clean(found.baseline.name)}, {a['n']:,} images",
        f"accuracy {rates}, {points}, {a['fixed']:,} fixed, {a['broken']:,} broken, lower: p {_p(a['p'])}, after Holm {_p(a['p_holm'])}",
        "",
    ]
    frame = found.frame()
    rose, fell = (frame[frame["verdict"] == verdict] for verdict in ("rose", "fell"))
    changed = frame[(frame["verdict"] == "") & frame["p"].notna()]
    rest = changed.head(max(0, MOST - len(rose) - len(fell)))
    rows = [_row(row) for part in (rose, fell, rest) for row in part.to_dict("records")]
    if rows:
        out += aligned(["pair", "from", "to", "left", "entered", "points", "p", "p Holm", "verdict"], rows)
    if len(changed) > len(rest):
        out.append(f"  and {len(changed) - len(rest)} changed pairs with larger p")
    if not rows:
        out.append("  no confusion changed")
    return [*out, "", *found.notes, ("passed: " if found.passed else "FAILED: ") + clean(found.sentence)]


def _row(row: Any) -> list[str]:
    p, adjusted = (row["p_fall"], row["p_fall_holm"]) if row["verdict"] == "fell" else (row["p"], row["p_holm"])
    counts = [f"{row[name]:,}" for name in ("baseline_count", "run_count", "left", "entered")]
    names = f"{shorten(row['true'], 18)} → {shorten(row['predicted'], 18)}"
    return [names, *counts, f"{100 * row['difference']:+.2f}", _p(p), _p(adjusted), {"rose": "ROSE", "fell": "fell"}.get(row["verdict"], "–")]


def _p(p: float) -> str:
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"
