"""What every HTML page of the program has in common: frame, style, and a policy under which it asks nothing of any network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

HERE = Path(__file__).parent
STYLE = HERE / "report" / "page.css"  # the report's colours, sizes and tables
# Of a page without scripts: nothing but its own styles and pictures.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def environment(folder: Path) -> Environment:
    """Templates of `folder`, which may extend `document.html` and include `warnings.html`. Every text is escaped; an unknown name is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader([folder, HERE]), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def stylesheet(folder: Path) -> Markup:
    """The common style, then `page.css` of `folder`."""
    from markupsafe import Markup

    return Markup("\n".join(path.read_text(encoding="utf-8") for path in dict.fromkeys((STYLE, folder / "page.css"))))
