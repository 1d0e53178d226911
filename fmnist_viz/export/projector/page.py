"""`projector.html`: the Projector itself with a folder's data in one file that a double click opens, from the user's own TensorBoard."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fmnist_viz.core.errors import BadInput, ResourceError
from fmnist_viz.core.store import write_file
from fmnist_viz.export.document import environment
from fmnist_viz.export.projector.excerpt import Excerpt, excerpt

HERE = Path(__file__).parent
MAX_BYTES = 60_000_000  # of the whole file
# Nothing may be asked of any network. The page's own numerics build functions from text, hence 'unsafe-eval'.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'none'; base-uri 'none'; form-action 'none'"
)
FRAME_BYTES = 200_000  # kept for style, licence and footer
ELEMENT = "<vz-projector-dashboard></vz-projector-dashboard>"
NEEDED = ("vz-projector-dashboard", "/runs", "/info?run=", "/tensor?run=", "/metadata?run=", "/bookmarks?run=", "/sprite_image?run=")


@dataclass(frozen=True)
class Parts:
    """TensorBoard's own page: its style without addresses, its program as it is, its licence (empty where it is not to be found)."""

    css: str
    program: str
    version: str
    licence: str
    notice: str


def projector_parts(plugin: Path | None = None) -> Parts:
    """The parts of the installed TensorBoard (`plugin`: another folder with its two files).

    Raises ResourceError where this version keeps them elsewhere, or speaks to its server in another way.
    """
    folder = plugin or _plugin_folder()
    version = importlib.metadata.version("tensorboard")
    try:
        page = (folder / "projector_binary.html").read_text(encoding="utf-8")
        program = (folder / "projector_binary.js").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        page = program = ""
    missing = [] if page else ["projector_binary.html and projector_binary.js"]
    missing += [part for part in NEEDED if program and part not in program]
    if page and ELEMENT not in page:
        missing.append(ELEMENT)
    if missing:
        fact = f"TensorBoard {version} has no {', '.join(missing)}"
        raise ResourceError("PROJECTOR-PAGE", "projector.html", fact, "Install TensorBoard 2.21 to have it; the Projector folder itself is complete.")
    styles = re.findall(r"<style[^>]*>(.*?)</style>", page, re.DOTALL)
    # a font that is not installed would be asked for from the disk's root
    css = re.sub(r",?\s*url\([^)]*\)(\s*format\([^)]*\))?", "", "\n".join(styles))
    notice = re.search(r"<!--(.*?)-->", page, re.DOTALL)
    return Parts(css, program, version, _licence(), notice[1].strip() if notice else "")


def _plugin_folder() -> Path:
    spec = importlib.util.find_spec("tensorboard")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "plugins" / "projector" / "tf_projector_plugin"


def _licence() -> str:
    files = importlib.metadata.files("tensorboard") or []
    path = next((Path(str(file.locate())) for file in files if file.name == "LICENSE" and "dist-info" in str(file)), None)
    return path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""


def write_page(folder: Path, out: Path, *, title: str, plugin: Path | None = None) -> dict[str, Any]:
    """Write the Projector folder as one offline page: at most 5,000 rows and 200 dimensions of a tensor, 60 MB in all.

    The page and the returned facts (`tensors`, `left_out`, `bytes`, `tensorboard`) say what was left out.

    Raises ResourceError where the installed TensorBoard lacks the parts, BadInput where the folder cannot be read or holds nothing to show.
    """
    parts = projector_parts(plugin)
    found = excerpt(folder, budget=MAX_BYTES - len(script_json(parts.program)) - FRAME_BYTES)
    if not found.embeddings:
        raise BadInput("PROJECTOR-EMPTY", folder, "holds no tensor that a page could show", "Give a folder with tensor files.")
    page = render(found, parts, title).encode()
    write_file(out, page)
    return {**found.facts(), "bytes": len(page), "tensorboard": parts.version}


def render(found: Excerpt, parts: Parts, title: str) -> str:
    """The page as text. No name or title can end the element that it stands in."""
    from markupsafe import Markup

    keys = {key: f"asset-{i}" for i, key in enumerate(found.assets)}
    routes = {name: {route: keys[key] for route, key in told.items()} for name, told in found.routes.items()}
    index = {"run": ".", "embeddings": found.embeddings, "routes": routes}
    tensors = len(found.embeddings)
    summary = f"{tensors} {'tensor' if tensors == 1 else 'tensors'}, offline, by TensorBoard {parts.version} and fmnist-viz"
    if found.left_out:
        summary += " · " + (found.left_out[0] if len(found.left_out) == 1 else f"{len(found.left_out)} parts are reduced or left out (click for the list)")
    notice = f"{title}: made by fmnist-viz. It contains the Embedding Projector of TensorBoard {parts.version}:\n{parts.notice}"
    return (
        environment(HERE)
        .get_template("page.html")
        .render(
            title=title,
            notice=Markup(notice.replace("--", "- -").replace(">", ")")),
            policy=POLICY,
            tensorboard_css=Markup(parts.css.replace("</", "<\\/")),
            summary=summary,
            left_out=found.left_out,
            version=parts.version,
            licence=parts.licence,
            assets=[(key, Markup(text)) for key, text in found.assets.items()],
            index=Markup(script_json(index)),
            program=Markup(script_json(parts.program)),
            shim=Markup((HERE / "page.js").read_text(encoding="utf-8")),
        )
    )


def script_json(value: Any) -> str:
    """JSON in ASCII that nothing in it can end: every angle bracket and ampersand is escaped."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
