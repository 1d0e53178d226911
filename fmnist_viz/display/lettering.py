"""Words in figures: foreign names made fit to draw, widths measured, captions wrapped."""

from __future__ import annotations

import functools
import unicodedata
import warnings
from collections.abc import Iterable, Sequence

from fmnist_viz.display.style import font_stack

_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_XML = frozenset("\ufffe\uffff")


def clean(name: str) -> str:
    """`name` on one line without what an SVG file may not hold (control signs, lone surrogates) or what would turn its neighbours round."""
    kept = []
    for sign in name:
        if sign in _DIRECTION:
            continue
        kept.append(" " if sign.isspace() else "\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") or sign in _NO_XML else sign)
    return " ".join("".join(kept).split()) or "(no name)"


def shorten(name: str, limit: int = 24) -> str:
    """`clean(name)` in at most `limit` signs; what is left out is from its later middle, for names often differ in their last signs."""
    name = clean(name)
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 3
    return name[: limit - 1 - tail].rstrip() + "…" + name[len(name) - tail :].lstrip()


def fitted(name: str, width: float, size: float) -> str:
    """`name`, shortened until it is at most `width` points wide."""
    name = clean(name)
    limit = len(name)
    while limit > 2 and text_width(shorten(name, limit), size) > width:
        limit = min(limit - 1, int(limit * max(0.6, width / text_width(shorten(name, limit), size))) + 1)
    return shorten(name, limit)


@functools.lru_cache(maxsize=8192)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Drawn width of one line in points, at a type size in points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        font = FontProperties(family=list(font_stack()), size=size, weight="bold" if bold else "normal")
        width, _, _ = RendererAgg(1, 1, 72).get_text_width_height_descent(text, font, False)
    return float(width)


def _pieces(word: str, width: float, size: float) -> list[str]:
    """A word that is wider than the line (a path, Chinese) cut into pieces that are not."""
    if text_width(word, size) <= width:
        return [word]
    pieces, line = [], ""
    for sign in word:
        if line and text_width(line + sign, size) > width:
            pieces.append(line)
            line = ""
        line += sign
    return [*pieces, line]


def wrap(text: str, width: float, size: float) -> list[str]:
    """`text` as lines that are at most `width` points wide at the given type size; no break before a unit or about an equals sign."""
    space, lines, used = text_width("a a", size) - text_width("aa", size), [""], 0.0
    glued = " ".join(text.split()).replace(" %", "\u00a0%").replace(" = ", "\u00a0=\u00a0")
    for word in (piece for whole in glued.split(" ") for piece in _pieces(whole, width, size)):
        wide = text_width(word, size)
        if lines[-1] and used + space + wide > width:
            lines.append("")
            used = 0.0
        used += wide + (space if lines[-1] else 0.0)
        lines[-1] += (" " if lines[-1] else "") + word
    return [line.replace("\u00a0", " ") for line in lines]


def missing_signs(texts: Iterable[str]) -> str:
    """The signs in `texts` that no font of the stack draws, sorted; they come out as boxes in PNG, and stay text in SVG."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    wanted = {ord(sign) for text in texts for sign in clean(text) if not sign.isspace()}
    for family in font_stack():
        if wanted:
            wanted -= set(FT2Font(font_manager.findfont(font_manager.FontProperties(family=family))).get_charmap())
    return "".join(chr(code) for code in sorted(wanted))


def join(sentences: Sequence[str]) -> str:
    """Sentences as one paragraph, each closed by a full stop, empty ones left out."""
    return " ".join(s if s.endswith((".", "!", "?", "…")) else s + "." for s in (s.strip() for s in sentences) if s)
