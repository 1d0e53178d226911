"""A sweep's page: one HTML file without scripts that opens with no server and no network."""

from __future__ import annotations

import base64
from pathlib import Path

from fmnist_viz.export.document import POLICY, environment, stylesheet
from fmnist_viz.export.report.content import visible
from fmnist_viz.export.sweep.content import COLUMNS, SweepContent

HERE = Path(__file__).parent
WORDS = (0, 6)  # columns of text; the others are set to the right


def page(content: SweepContent, picture: bytes, width: float) -> str:
    """The whole page as text, with its figure (PNG, `width` inches) inside. Names are escaped by the template."""
    from markupsafe import Markup

    verdicts = {row.variant: row.verdict for row in content.display.rows}
    return (
        environment(HERE)
        .get_template("page.html")
        .render(
            title=visible(content.title),
            policy=POLICY,
            css=stylesheet(HERE),
            columns=[(name, i not in WORDS) for i, name in enumerate(COLUMNS)],
            rows=[(verdicts[row[0]].split()[0], [visible(cell) if cell else "" for cell in row]) for row in content.rows()],
            held_out=content.held_out,
            trials=len(content.trials),
            notes=[visible(note) for note in content.notes()],
            warnings=[visible(line) for line in content.warnings],
            made=[(visible(what), visible(value)) for what, value in content.made],
            picture=Markup(base64.b64encode(picture).decode()),
            width=round(96 * width),
            alt=visible(content.display.caption()),
        )
    )
