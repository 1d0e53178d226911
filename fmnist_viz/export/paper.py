"""Figures for papers as files: PNG, SVG and PDF of exact width, a caption, and the same numbers as CSV and JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fmnist_viz.core.progress import Progress, Silent
from fmnist_viz.core.store import disk_errors, write_file
from fmnist_viz.display.paper.figure import PaperFigure
from fmnist_viz.display.paper.plate import DPI, Plate, set_type
from fmnist_viz.display.style import font_stack

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("png", "svg", "pdf")
LARGEST = 2_000_000  # bytes of a figure's file


def write_paper(
    folder: Path, figures: Sequence[PaperFigure], *, widths: Sequence[float], formats: Sequence[str], letters: bool, source: Mapping[str, str],
    progress: Progress | None = None,
) -> list[Path]:  # fmt: skip
    """Write every figure as ``<name>_<width>mm.<format>``, ``<name>.md`` (its caption), ``<name>.csv`` and ``<name>.json`` into `folder`.

    The folder is taken as staged by the caller. Equal figures give equal bytes with equal versions of Matplotlib and Pillow. `source` says where the
    numbers are from, in the caption's last lines.

    Raises
    ------
    ResourceError
        Where the disk is full or the folder cannot be written.
    """
    progress, written = progress or Silent(), []
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for done, figure in enumerate(figures):
            progress.step("figures", done, len(figures), figure.name)
            notes: list[str] = []
            for width in widths:
                plate = figure.plot(width, letters=letters)
                notes += plate.notes
                for kind in formats:
                    path = folder / f"{figure.name}_{width:g}mm.{kind}"
                    size = save(plate, path)
                    notes += [f"{path.name} has {size / 1e6:.1f} MB"] if size > LARGEST else []
                    written.append(path)
            table = tidy(figure.frame())
            record = {"figure": figure.name, "caption": figure.caption, "left_out": notes, **_plain(dict(figure.facts)), "source": dict(source)}
            texts = {
                "md": caption_text(figure, notes, widths, source),
                "csv": table.to_csv(index=False, lineterminator="\n"),
                "json": json.dumps(record | {"columns": list(table.columns), "rows": _plain(table.to_numpy(object).tolist())}, ensure_ascii=False) + "\n",
            }
            for suffix, text in texts.items():
                written.append(folder / f"{figure.name}.{suffix}")
                write_file(written[-1], text)
        progress.step("figures", len(figures), len(figures))
    return written


def save(plate: Plate, path: Path) -> int:
    """Write one file without dates; returns its size in bytes. Of a PNG that would be too large the colours become a palette."""
    from PIL import Image

    data = io.BytesIO()
    kind = path.suffix.removeprefix(".")
    with set_type():
        if kind == "png":
            canvas: Any = plate.figure.canvas
            canvas.draw()
            image = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
            image.save(data, format="png", dpi=(DPI, DPI), compress_level=9)
            if data.tell() > LARGEST:
                data = io.BytesIO()
                image.quantize(256, dither=Image.Dither.NONE).save(data, format="png", dpi=(DPI, DPI), compress_level=9)
        else:
            empty = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
            plate.figure.savefig(data, format=kind, dpi=DPI, metadata={**empty[kind], "Title": path.stem})
    write_file(path, data.getvalue())
    return len(data.getvalue())


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose numbers are as short as CSV and JSON write them, equal in both: single precision in full, double precision in seven digits."""
    out = frame.reset_index(drop=True).copy()
    for name in out.columns:
        values = out[name].to_numpy()
        if values.dtype == np.float32:
            out[name] = [float(str(v)) for v in values]
        elif values.dtype.kind == "f":
            out[name] = [float(f"{v:.7g}") for v in values]
    return out


def caption_text(figure: PaperFigure, notes: Sequence[str], widths: Sequence[float], source: Mapping[str, str]) -> str:
    """The caption file: what is drawn, then n, seed, method, parameters and scores as a list, then what was left out and where it is from."""
    lines = [f"# {figure.name}", "", figure.caption, ""]
    for name in ("n", "seed", "method", "parameters", "scores"):
        if (value := _plain(figure.facts.get(name))) not in (None, {}, ""):
            lines += _item(name, value, 0)
    lines += [f"- left out: {note}" for note in notes]
    fonts = ", ".join(font_stack()[:3])
    lines += [f"- drawn at {', '.join(f'{w:g}' for w in widths)} mm; type: {fonts} (embedded in PDF; in SVG text stays text, falling back to sans-serif)"]
    return "\n".join([*lines, *(f"- {name}: {text}" for name, text in source.items()), ""])


def _item(name: str, value: Any, depth: int) -> list[str]:
    if isinstance(value, dict):
        return [f"{'  ' * depth}- {name}:", *(line for key, own in value.items() for line in _item(str(key), own, depth + 1))]
    shown = ", ".join(_shown(v) for v in value) if isinstance(value, list) else _shown(value)
    return [f"{'  ' * depth}- {name}: {shown}"]


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "–" if value is None else " ".join(str(value).split())


def _plain(value: Any) -> Any:
    """Plain values for JSON; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found
