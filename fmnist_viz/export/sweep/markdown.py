"""A sweep's table as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from fmnist_viz.export.sweep.content import COLUMNS, SweepContent


def markdown(content: SweepContent) -> str:
    """Title, warnings, table, notes and how it was made; `|` in a cell is escaped."""
    lines = [f"# {content.title}", ""]
    lines += [f"**{line}**\n" for line in content.warnings]
    lines += [_line(COLUMNS), "|" + "---|" * len(COLUMNS), *(_line(row) for row in content.rows()), ""]
    for note in content.notes():
        lines += [note, ""]
    lines += [f"- {what}: `{value}`" for what, value in content.made]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
