"""The comparison as Markdown: one compact table, and below it what belongs to each system."""

from __future__ import annotations

from collections.abc import Sequence

from fmnist_viz.analysis.reproduction import RATES, Reproduction
from fmnist_viz.export.reproduction.wording import HEADS, NOTHING, class_title, confusion_rows, main_rows, name, per_class_rows, remarks, setting

READING = (
    "Ours: median over n seeds [lowest–highest] of complete trainings, on the real test images. Reported: the article's test accuracy with its "
    "95 % Wilson interval at the article's number of test images, widened by half a unit of its last digit. Inside: that interval and the range of our "
    "seeds touch; better and worse: ours lie above or below it. Dead: trainings in which every unit of a layer is silent at the end. "
    "s/epoch: median seconds, ours and theirs, on different machines."
)
RATE_HEADS = ("class", *(f"{rate if rate != 'f1' else 'F1'}{who}" for rate in RATES for who in ("", ", reported")))
CELL_HEADS = ("true → predicted", "reported, % (95 % interval)", "ours, % [range]", "n", "remark")


def escape(text: str) -> str:
    """`text` as it stands in a cell: on one line, with the signs that Markdown or HTML would take for their own made plain."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + sign if sign in "\\|*_`" else sign for sign in flat).replace("](", "]\\(")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text and stands left, numbers stand right."""
    lines = [heads, ["---"] * len(heads), *([escape(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown_table(rows: Sequence[Reproduction]) -> str:
    """The main table with the sentence that says how to read it; one sentence alone where nothing has been measured."""
    if not any(r.rows or r.pending for r in rows):
        return NOTHING
    return f"{READING}\n\n{table(HEADS, main_rows(rows))}"


def markdown_page(rows: Sequence[Reproduction]) -> str:
    """The whole comparison: main table, then per system its remarks, named confusions and figures per class."""
    parts = ["# Reproduction of the articles", markdown_table(rows)]
    for r in rows:
        said = setting(r)
        parts.append(f"## {escape(name(r))}" + (f" ({escape(said)})" if r.rows or r.pending else ""))
        parts.append("\n".join(f"- {what}: {escape(sentence)}" for what, sentence in remarks(r)) or "- no article describes it")
        if cells := confusion_rows(r):
            parts.append(table(CELL_HEADS, cells))
        if classes := per_class_rows(r):
            parts += [class_title(r) + ":", table(RATE_HEADS, classes)]
    return "\n\n".join(parts) + "\n"
