"""How every figure looks: one font stack, three sizes, thin lines; nothing global is left changed."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator
from typing import Any

from fmnist_viz.core.palette import NEUTRAL, class_colors

SMALL, BODY, HEAD = 6.5, 8.0, 9.5  # type sizes in points
INK, GREY, RULE, ALARM = "#222222", "#666666", "#d0d0d0", "#a12a2a"
DPI = 150  # of PNG files and of what is rasterised inside SVG files

# Matplotlib's own font first, so that widths are the same on every machine; then what draws the scripts it lacks.
_FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji",
)  # fmt: skip


@functools.cache
def font_stack() -> tuple[str, ...]:
    """The installed ones of the preferred font families, best first; never empty."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return tuple(name for name in _FONTS if name in installed) or ("sans-serif",)


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Matplotlib settings of this program for the length of a block: text stays text in SVG, no maths in names, equal input gives equal bytes."""
    import matplotlib

    settings: Any = {
        "font.family": [*font_stack(), "sans-serif"], "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
        "font.size": BODY, "text.color": INK, "text.parse_math": False, "text.usetex": False,
        "axes.edgecolor": RULE, "axes.linewidth": 0.6, "axes.labelcolor": GREY, "axes.labelsize": SMALL, "axes.unicode_minus": False,
        "xtick.labelsize": SMALL, "xtick.color": RULE, "xtick.labelcolor": GREY, "ytick.labelsize": SMALL, "ytick.color": RULE, "ytick.labelcolor": GREY,
        "svg.fonttype": "none", "svg.hashsalt": "fmnist-viz", "svg.image_inline": True,
    }  # fmt: skip
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # a sign that no installed font draws is said once, in words, by the writer of the figures
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def label_colors(count: int) -> tuple[str, ...]:
    """Hex colours of `count` classes and, as the last one, of the label -1 (no class)."""
    return (*class_colors(count), NEUTRAL)


@functools.cache
def readable(color: str) -> str:
    """`color` (#rrggbb), darkened until it reads as text on white: contrast at least 4.5.

    References
    ----------
    W3C (2018), Web Content Accessibility Guidelines 2.1, success criterion 1.4.3 and the definition of relative luminance.
    """
    rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    while True:
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        if 1.05 / (luminance + 0.05) >= 4.5:
            return "#" + "".join(f"{round(v * 255):02x}" for v in rgb)
        rgb = [v * 0.93 for v in rgb]
